//! A PostgreSQL of the test's own: a fresh cluster in a temporary folder, gone with the value.

use std::{
    fs,
    os::unix::fs::{MetadataExt, PermissionsExt, chown},
    os::unix::process::CommandExt,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};
use tempfile::TempDir;
use tokio_postgres::{Client, NoTls};

/// A running cluster with the schema of Spor in the database `postgres`.
pub(crate) struct Server {
    programs: PathBuf,
    folder: TempDir,
}

impl Server {
    /// Makes, starts and migrates a cluster that listens on a socket in its folder only.
    pub(crate) async fn start() -> Self {
        let folder = tempfile::Builder::new().prefix("spor-it-").tempdir().expect("a folder");
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).expect("its mode");
        if let Some((uid, gid)) = unprivileged() {
            chown(folder.path(), Some(uid), Some(gid)).expect("its owner");
        }
        let server = Self { programs: programs(), folder };
        let data = server.data();
        server.call(
            "initdb",
            &["-D", &data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-sync"],
        );
        let options = format!(
            "-c listen_addresses='' -c unix_socket_directories='{}' -c fsync=off -c timezone=UTC",
            server.folder.path().display()
        );
        let log = server.folder.path().join("log").display().to_string();
        server.call("pg_ctl", &["-D", &data, "-w", "-o", &options, "-l", &log, "start"]);
        let client = server.client("postgres").await;
        for file in migrations() {
            let sql = fs::read_to_string(&file).expect("a readable migration");
            client
                .batch_execute(&sql)
                .await
                .unwrap_or_else(|e| panic!("{}: {e:?}", file.display()));
        }
        server
    }

    /// A connection as `user`.
    pub(crate) async fn client(&self, user: &str) -> Client {
        let (client, connection) = tokio_postgres::Config::new()
            .host_path(self.folder.path())
            .user(user)
            .dbname("postgres")
            .connect(NoTls)
            .await
            .expect("a connection");
        tokio::spawn(connection);
        client
    }

    fn data(&self) -> String {
        self.folder.path().join("data").display().to_string()
    }

    fn call(&self, program: &str, arguments: &[&str]) {
        let mut command = Command::new(self.programs.join(program));
        command.args(arguments).current_dir("/").stdout(Stdio::null()).stderr(Stdio::null());
        if let Some((uid, gid)) = unprivileged() {
            command.uid(uid).gid(gid);
        }
        let done = command.status().expect("a program of PostgreSQL");
        assert!(done.success(), "{program}: {done}");
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let data = self.data();
        self.call("pg_ctl", &["-D", &data, "-m", "immediate", "stop"]);
    }
}

/// The migrations in the order of their numbers.
fn migrations() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("schemas/database");
    let mut files: Vec<PathBuf> = fs::read_dir(folder)
        .expect("migrations")
        .map(|e| e.expect("an entry").path())
        .filter(|p| p.extension().is_some_and(|e| e == "sql"))
        .collect();
    files.sort();
    files
}

/// The newest PostgreSQL of the system.
fn programs() -> PathBuf {
    let on_path = std::env::var_os("PATH").unwrap_or_default();
    let mut folders: Vec<PathBuf> = fs::read_dir("/usr/lib/postgresql")
        .map(|dir| dir.flatten().map(|e| e.path().join("bin")).collect())
        .unwrap_or_default();
    folders.sort();
    folders.extend(std::env::split_paths(&on_path));
    folders.into_iter().rev().find(|f| f.join("initdb").exists()).expect("PostgreSQL is installed")
}

/// PostgreSQL refuses to run as root: whom to be instead. None: this is not root.
fn unprivileged() -> Option<(u32, u32)> {
    if fs::metadata("/proc/self").ok()?.uid() != 0 {
        return None;
    }
    let users = fs::read_to_string("/etc/passwd").ok()?;
    ["postgres:", "nobody:"].iter().find_map(|name| {
        let line = users.lines().find(|l| l.starts_with(name))?;
        let fields: Vec<&str> = line.split(':').collect();
        Some((fields[2].parse().ok()?, fields[3].parse().ok()?))
    })
}
