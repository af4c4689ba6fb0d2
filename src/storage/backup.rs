//! Backup into one file and back, with `pg_dump` and `pg_restore` underneath.
//!
//! A backup may run beside a running Spor. A restore goes into a new database that takes the old
//! one's place only when it is whole (private server), or into an empty one (`database.url`).

use super::{
    Config, StorageError, connection,
    private::{PrivateServer, Programs, SPOR},
};
use std::{
    path::{Path, PathBuf},
    process::Stdio,
};
use tokio::process::Command;
use tokio_postgres::{Client, config::Host};

/// The database that a restore prepares, and the one it replaces until that is dropped.
const COMING: &str = "spor_coming";
const GOING: &str = "spor_going";

/// Dumps the database into `file`, which appears only when it is whole.
///
/// # Errors
/// [`StorageError::Backup`] with what `pg_dump` said, or why the database can't be reached.
pub async fn backup(
    config: &Config,
    data_dir: &Path,
    file: &Path,
    progress: impl Fn(&str) + Sync,
) -> Result<(), StorageError> {
    let server = Reached::reach(config, data_dir, &progress).await?;
    let unfinished = PathBuf::from(format!("{}.unfinished", file.display()));
    progress("dumping the database");
    let mut command = server.command("pg_dump", &server.postgres)?;
    command.args(["--format=custom", "--no-owner", "--no-privileges", "--file"]).arg(&unfinished);
    let result = run("pg_dump", command).await;
    server.leave().await;
    result?;
    std::fs::rename(&unfinished, file)
        .map_err(|e| StorageError::Backup { program: "pg_dump", reason: e.to_string() })
}

/// Puts back what [`backup`] wrote, and brings its schema up to date. Spor must not be running.
///
/// # Errors
/// [`StorageError::Served`] while Spor runs on it, [`StorageError::NotEmpty`] for a database of
/// `config.url` that holds tables already; else [`StorageError::Backup`] with what `pg_restore`
/// said. The present data stays in all cases.
pub async fn restore_backup(
    config: &Config,
    data_dir: &Path,
    file: &Path,
    progress: impl Fn(&str) + Sync,
) -> Result<(), StorageError> {
    let server = Reached::reach(config, data_dir, &progress).await?;
    let result = server.restore(file, &progress).await;
    server.leave().await;
    result
}

/// A server to dump from or to restore into.
struct Reached {
    postgres: tokio_postgres::Config,
    programs: Programs,
    private: Option<PrivateServer>,
}

impl Reached {
    async fn reach(
        config: &Config,
        data_dir: &Path,
        progress: &(impl Fn(&str) + Sync),
    ) -> Result<Self, StorageError> {
        if let Some(url) = &config.url {
            let (postgres, programs) = (connection::parse_url(url)?, Programs::newest()?);
            return Ok(Self { postgres, programs, private: None });
        }
        let server = PrivateServer::join(data_dir, progress).await?;
        let (postgres, programs) = (server.config.clone(), server.programs.clone());
        Ok(Self { postgres, programs, private: Some(server) })
    }

    async fn leave(&self) {
        if let Some(server) = &self.private {
            server.stop().await;
        }
    }

    async fn restore(
        &self,
        file: &Path,
        progress: &(impl Fn(&str) + Sync),
    ) -> Result<(), StorageError> {
        let target = if self.private.is_some() {
            let admin = self.session("postgres").await?;
            refuse_while_served(&admin).await?;
            admin.batch_execute(&format!("drop database if exists {COMING} with (force)")).await?;
            admin.batch_execute(&format!("create database {COMING}")).await?;
            self.named(COMING)
        } else {
            let sql = "select 1 from pg_tables where tablename = 'schema_migration'";
            let client = connection::session(&self.postgres, "spor-restore", "").await?;
            if client.query_opt(sql, &[]).await?.is_some() {
                return Err(StorageError::NotEmpty);
            }
            self.postgres.clone()
        };
        progress("restoring the backup");
        let with_timescale = self.holds_timescale(file).await?;
        let mut client = connection::session(&target, "spor-restore", "").await?;
        if with_timescale {
            client.batch_execute("create extension if not exists timescaledb").await?;
            client.batch_execute("select timescaledb_pre_restore()").await?;
        }
        let mut command = self.command("pg_restore", &target)?;
        command.args(["--no-owner", "--no-privileges", "--exit-on-error"]);
        if !with_timescale {
            command.arg("--single-transaction");
        }
        command.arg(file);
        run("pg_restore", command).await?;
        if with_timescale {
            client.batch_execute("select timescaledb_post_restore()").await?;
        }
        super::migrate::migrate(&mut client, progress).await?;
        drop(client);
        if self.private.is_some() { self.swap().await } else { Ok(()) }
    }

    /// Puts the restored database in the place of the present one.
    async fn swap(&self) -> Result<(), StorageError> {
        let admin = self.session("postgres").await?;
        let end_others = format!(
            "select pg_terminate_backend(pid, 5000) from pg_stat_activity where datname in ('{SPOR}', '{COMING}')"
        );
        for sql in [
            &format!("drop database if exists {GOING} with (force)"),
            &end_others,
            &format!("alter database {SPOR} rename to {GOING}"),
            &format!("alter database {COMING} rename to {SPOR}"),
            &format!("drop database {GOING} with (force)"),
        ] {
            admin.batch_execute(sql).await?;
        }
        Ok(())
    }

    async fn session(&self, database: &str) -> Result<Client, StorageError> {
        connection::session(&self.named(database), "spor-restore", "").await
    }

    fn named(&self, database: &str) -> tokio_postgres::Config {
        let mut config = self.postgres.clone();
        config.dbname(database);
        config
    }

    /// `program` with the way to `database` in its environment: an argument would be visible to all.
    fn command(
        &self,
        program: &'static str,
        database: &tokio_postgres::Config,
    ) -> Result<Command, StorageError> {
        let mut command = Command::new(self.programs.path(program));
        let host = match database.get_hosts().first() {
            Some(Host::Tcp(host)) => host.clone(),
            Some(Host::Unix(folder)) => folder.display().to_string(),
            None => {
                return Err(StorageError::Backup {
                    program,
                    reason: "no host is named".to_owned(),
                });
            }
        };
        let user = database.get_user().unwrap_or(SPOR);
        let name = database.get_dbname().unwrap_or(user);
        let port = database.get_ports().first().copied().unwrap_or(5432);
        command.env("PGHOST", host).env("PGPORT", port.to_string()).env("PGUSER", user);
        if let Some(password) = database.get_password() {
            command.env("PGPASSWORD", String::from_utf8_lossy(password).as_ref());
        }
        command.env("LC_ALL", "C").arg("--dbname").arg(name);
        command.stdin(Stdio::null()).kill_on_drop(true);
        Ok(command)
    }

    async fn holds_timescale(&self, file: &Path) -> Result<bool, StorageError> {
        let mut command = Command::new(self.programs.path("pg_restore"));
        command.env("LC_ALL", "C").arg("--list").arg(file).stdin(Stdio::null()).kill_on_drop(true);
        let listed = run("pg_restore", command).await?;
        Ok(listed.lines().any(|line| line.contains("EXTENSION - timescaledb")))
    }
}

/// A running Spor would go on with the places and the cursor of the database that is replaced.
async fn refuse_while_served(admin: &Client) -> Result<(), StorageError> {
    let sql = format!(
        "select 1 from pg_stat_activity where datname = '{SPOR}'
             and (application_name = 'spor' or application_name like 'spor-writer%') limit 1"
    );
    match admin.query_opt(&sql, &[]).await? {
        Some(_) => Err(StorageError::Served),
        None => Ok(()),
    }
}

async fn run(program: &'static str, mut command: Command) -> Result<String, StorageError> {
    let fail = |reason: String| StorageError::Backup { program, reason };
    let output = command.output().await.map_err(|e| fail(e.to_string()))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    let line = said.lines().find(|line| line.contains("error:")).unwrap_or_else(|| said.trim());
    Err(fail(line.to_owned()))
}
