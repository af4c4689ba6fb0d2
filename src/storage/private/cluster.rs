//! A cluster's making: password, `initdb` into a folder beside it, and the rename that makes it whole.

use super::{
    place::{Place, cannot_write},
    programs::Programs,
};
use crate::storage::StorageError;
use rand::Rng;
use std::{
    fs::{self, OpenOptions},
    io::{self, Write},
    os::unix::{
        fs::{DirBuilderExt, OpenOptionsExt},
        process::CommandExt,
    },
    path::Path,
    process::Command,
};

/// The only user of a private server, and the name of its database.
pub(crate) const SPOR: &str = "spor";

/// Opens what is there or makes it; gives back the programs that fit and the password.
pub(crate) async fn prepare(
    place: &Place,
    progress: &(impl Fn(&str) + Sync),
) -> Result<(Programs, String), StorageError> {
    let programs = match fs::read_to_string(place.cluster.join("PG_VERSION")) {
        Ok(made_by) => Programs::of_cluster(&place.cluster, made_by.trim())?,
        Err(_) => Programs::newest()?,
    };
    place.prepare_socket()?;
    let exists = place.cluster.join("PG_VERSION").exists();
    let password = password(place, exists)?;
    if !exists {
        progress(&format!(
            "making a PostgreSQL {} database in {}",
            programs.major,
            place.cluster.display()
        ));
        initialise(place, &programs, &password).await?;
    }
    Ok((programs, password))
}

/// A command that runs as the server's user, untouched by our environment and our terminal.
pub(crate) fn command(place: &Place, program: &Path) -> Command {
    let mut command = Command::new(program);
    command.env_clear().env("LC_ALL", "C").env("TZ", "UTC").current_dir("/").process_group(0);
    if let Some(path) = std::env::var_os("PATH") {
        command.env("PATH", path);
    }
    if let Some(user) = place.user {
        command.uid(user.uid).gid(user.gid);
    }
    command
}

async fn initialise(
    place: &Place,
    programs: &Programs,
    password: &str,
) -> Result<(), StorageError> {
    let fail = |e: &io::Error| cannot_write(&place.cluster, e);
    if place.unfinished.exists() {
        // A start that was killed half-way: nothing in it was ever used.
        fs::remove_dir_all(&place.unfinished).map_err(|e| fail(&e))?;
    }
    fs::DirBuilder::new().mode(0o700).create(&place.unfinished).map_err(|e| fail(&e))?;
    place.hand_over(&place.unfinished).map_err(|e| fail(&e))?;

    let password_file = place.socket.join("initdb.password");
    let _ = fs::remove_file(&password_file);
    write_secret(&password_file, password).map_err(|e| cannot_write(&place.socket, &e))?;
    place.hand_over(&password_file).map_err(|e| cannot_write(&place.socket, &e))?;

    let mut initdb = command(place, &programs.path("initdb"));
    initdb.arg("-D").arg(&place.unfinished).args(["-U", SPOR, "-E", "UTF8", "--locale=C"]);
    initdb.arg("--auth=scram-sha-256").arg("--pwfile").arg(&password_file);
    let output = tokio::process::Command::from(initdb).kill_on_drop(true).output().await;
    let _ = fs::remove_file(&password_file);
    let output = output.map_err(|e| refused(place, &e.to_string()))?;
    if !output.status.success() {
        let _ = fs::remove_dir_all(&place.unfinished);
        return Err(refused(place, &String::from_utf8_lossy(&output.stderr)));
    }
    fs::rename(&place.unfinished, &place.cluster).map_err(|e| fail(&e))
}

fn refused(place: &Place, said: &str) -> StorageError {
    if said.contains("No space left on device") {
        return StorageError::DiskFull { folder: place.cluster.clone() };
    }
    let line = said.lines().find(|line| line.contains("error:") || line.contains("FATAL"));
    StorageError::Server {
        step: "initialise",
        reason: line.unwrap_or_else(|| said.trim()).to_owned(),
        log: place.log.clone(),
    }
}

/// The password of the server, made at the first start.
fn password(place: &Place, cluster_exists: bool) -> Result<String, StorageError> {
    match fs::read_to_string(&place.password_file) {
        Ok(password) => return Ok(password.trim_end().to_owned()),
        Err(_) if cluster_exists => {
            return Err(StorageError::PasswordMissing {
                file: place.password_file.clone(),
                folder: place.cluster.clone(),
            });
        }
        Err(_) => {}
    }
    let bytes: [u8; 16] = rand::rng().random();
    let password: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    write_secret(&place.password_file, &password).map_err(|e| {
        cannot_write(place.password_file.parent().unwrap_or(&place.password_file), &e)
    })?;
    Ok(password)
}

fn write_secret(file: &Path, secret: &str) -> io::Result<()> {
    let mut out = OpenOptions::new().write(true).create_new(true).mode(0o600).open(file)?;
    writeln!(out, "{secret}")?;
    out.sync_all()
}
