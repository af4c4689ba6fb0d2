//! Commands that do one thing and end: migrations, imports, credentials, tokens, backups.

use super::runtime;
use crate::{
    auth::credentials::{self, Proof},
    clock::now_ms,
    config::Config,
    model::{Asset, AssetId, CarrierId, ClassId, ClientRole, ParLevel, TagId, WardId},
    storage::{self, Storage},
};
use anyhow::{Context as _, bail};
use clap::Subcommand;
use std::{
    io::Read,
    path::{Path, PathBuf},
};

#[derive(Subcommand)]
pub(super) enum CredentialsCommand {
    /// Adds a client; its password is read from standard input, or made and printed once.
    Add {
        /// The name: for a device its tag, reader or engine id.
        name: String,
        /// device, reader, engine, subscriber or engineer.
        #[arg(long)]
        role: ClientRole,
        /// Reads the password from standard input instead of making one.
        #[arg(long)]
        password_stdin: bool,
        /// No password: the client shows a TLS certificate with this name.
        #[arg(long, conflicts_with = "password_stdin")]
        certificate: bool,
        /// The file; without it `mqtt.credentials` of the configuration.
        #[arg(long, value_name = "FILE")]
        file: Option<PathBuf>,
    },
}

pub(super) fn migrate(config: &Config) -> anyhow::Result<()> {
    with_storage(config, async |_| {
        println!("The database is at schema version {}.", storage::known_version());
        Ok(())
    })
}

pub(super) fn backup(config: &Config, to: &Path) -> anyhow::Result<()> {
    runtime()?.block_on(storage::backup(&config.storage, &config.data_dir, to, say))?;
    println!("Written: {}", to.display());
    Ok(())
}

pub(super) fn restore(config: &Config, from: &Path) -> anyhow::Result<()> {
    runtime()?.block_on(storage::restore_backup(&config.storage, &config.data_dir, from, say))?;
    println!("Restored from {}", from.display());
    Ok(())
}

/// One line of the CSV file.
#[derive(serde::Deserialize)]
struct Line {
    id: AssetId,
    label: String,
    class: ClassId,
    home_ward: Option<WardId>,
    tag: Option<TagId>,
}

/// All lines are read before anything is written: a file with an error changes nothing.
pub(super) fn import_assets(config: &Config, csv: &Path) -> anyhow::Result<()> {
    let lines: Vec<Line> = lines_of(csv)?;
    with_storage(config, async |storage| {
        let assets: Vec<_> = lines
            .iter()
            .map(|line| Asset {
                id: line.id.clone(),
                label: line.label.clone(),
                class: line.class.clone(),
                home_ward: line.home_ward.clone(),
            })
            .collect();
        storage.put_assets(&assets).await?;
        let mut bound = 0;
        for line in &lines {
            if let Some(tag) = &line.tag {
                let asset = CarrierId::Asset(line.id.clone());
                storage.bind(tag, &asset, now_ms()).await?;
                bound += 1;
            }
        }
        println!("{} assets imported, {bound} with a tag.", assets.len());
        Ok(())
    })
}

/// Levels of a class and ward that the file doesn't name stay; a file with an error changes nothing.
pub(super) fn import_par(config: &Config, csv: &Path) -> anyhow::Result<()> {
    let levels: Vec<ParLevel> = lines_of(csv)?;
    for par in &levels {
        if let Some(fault) = par.fault() {
            bail!("{}: {} in {}: {fault}", csv.display(), par.class, par.ward);
        }
    }
    with_storage(config, async |storage| {
        storage.put_par(&levels).await?;
        println!("{} PAR levels imported.", levels.len());
        Ok(())
    })
}

fn lines_of<T: serde::de::DeserializeOwned>(csv: &Path) -> anyhow::Result<Vec<T>> {
    let mut reader = csv::ReaderBuilder::new()
        .trim(csv::Trim::All)
        .from_path(csv)
        .with_context(|| csv.display().to_string())?;
    let mut lines = Vec::new();
    for line in reader.deserialize() {
        lines.push(line.with_context(|| csv.display().to_string())?);
    }
    Ok(lines)
}

pub(super) fn credentials(config: &Config, command: CredentialsCommand) -> anyhow::Result<()> {
    let CredentialsCommand::Add { name, role, password_stdin, certificate, file } = command;
    let Some(path) = file.or_else(|| config.mqtt.credentials.clone()) else {
        bail!("which file? Set mqtt.credentials, or say --file");
    };
    if certificate {
        credentials::add(&path, &name, role, Proof::Certificate)?;
        eprintln!("{name} may connect with its certificate; {} is read again.", path.display());
        return Ok(());
    }
    let password = if password_stdin {
        let mut text = String::new();
        std::io::stdin().read_to_string(&mut text)?;
        text.trim_end_matches(['\r', '\n']).to_owned()
    } else {
        new_password()
    };
    if password.is_empty() {
        bail!("an empty password");
    }
    credentials::add(&path, &name, role, Proof::Password(password.as_bytes()))?;
    if !password_stdin {
        println!("{password}");
    }
    eprintln!("{name} may connect now; {} is read again by itself.", path.display());
    Ok(())
}

/// 128 random bits, as 32 hexadecimal digits.
pub(super) fn new_password() -> String {
    rand::random::<[u8; 16]>().iter().map(|b| format!("{b:02x}")).collect()
}

/// Opens the database, works, and closes it again; a private server that runs already runs on.
pub(super) fn with_storage(
    config: &Config,
    work: impl AsyncFnOnce(&Storage) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    runtime()?.block_on(async {
        let storage = Storage::join(&config.storage, &config.data_dir, say).await?;
        let done = work(&storage).await;
        storage.stop().await;
        done
    })
}

fn say(step: &str) {
    eprintln!("{step}");
}
