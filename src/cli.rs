//! The command line: what can be asked of `spor`, and how an error becomes an exit code.

mod admin;
mod import_recording;
mod journal;
mod recompute;
mod record;
mod replay;
mod report;
mod token;
mod when;

use crate::{app, config::Config, model::WardId, telemetry};
use clap::{Parser, Subcommand};
use std::{
    path::{Path, PathBuf},
    process::ExitCode,
};

/// Done.
const DONE: u8 = 0;
/// It was tried and failed.
const FAILED: u8 = 1;
/// Wrong usage or configuration.
const MISUSED: u8 = 2;

/// Spor tells a hospital where its equipment and people are, now and before.
#[derive(Parser)]
#[command(
    version,
    about,
    after_help = "Exit codes: 0 done, 1 failed, 2 wrong usage or configuration.\nSettings: spor.toml, overridden by SPOR_SECTION__KEY, e.g. SPOR_HTTP__LISTEN=127.0.0.1:9000."
)]
struct Cli {
    /// Configuration file; without it ./spor.toml where there is one.
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Everything on this machine: database, broker, simulated hospital, wall display.
    Demo(DemoArgs),
    /// The real thing: front door, pipeline, database, wall display.
    Serve(ServeArgs),
    /// Brings the database's tables up to date, and ends.
    Migrate,
    /// Reads the configuration and the site file, and says what is wrong with them.
    CheckConfig,
    /// Reads assets and their tags from a CSV file: id,label,class,home_ward,tag.
    ImportAssets {
        /// The file; its first line names the columns, `home_ward` and `tag` may be empty.
        file: PathBuf,
    },
    /// Reads PAR levels from a CSV file: class,ward,target,critical.
    ImportPar {
        /// The file; its first line names the columns.
        file: PathBuf,
    },
    /// Writes the report of a month: a page with pictures, and a CSV file for each table.
    Report {
        /// The month, as 2026-10; without it the present one.
        #[arg(long, value_name = "MONTH")]
        month: Option<String>,
        /// Only what this ward owns, and its PAR levels and flows.
        #[arg(long)]
        ward: Option<WardId>,
        /// The folder, which is made.
        #[arg(long, value_name = "DIR")]
        out: PathBuf,
    },
    /// MQTT credentials of tags, readers and engines.
    #[command(subcommand)]
    Credentials(admin::CredentialsCommand),
    /// Who may come in over HTTP: wall displays, persons, programs.
    #[command(subcommand)]
    Token(token::TokenCommand),
    /// What arrived, as it stands on disk.
    #[command(subcommand)]
    Journal(journal::JournalCommand),
    /// Cuts a recording out of the journal of data_dir, whether Spor runs on it or not.
    Record(record::RecordArgs),
    /// Makes a recording of a foreign CSV or JSON-lines file.
    ImportRecording(import_recording::ImportArgs),
    /// Plays a recording into a Spor of its own, with a wall display.
    Replay(replay::ReplayArgs),
    /// Runs the rules over the past again, whether Spor runs or not: statuses, and the key figures that
    /// are made of them.
    Recompute(recompute::RecomputeArgs),
    /// Writes the database into a file (pg_dump).
    Backup {
        /// The file to write.
        file: PathBuf,
    },
    /// Replaces the database by what a backup holds (pg_restore). Spor must not be running.
    Restore {
        /// The file to read.
        file: PathBuf,
    },
}

#[derive(clap::Args)]
struct ServeArgs {
    /// Lets the journal in data_dir follow the one that the database names, which is refused otherwise.
    #[arg(long)]
    new_journal: bool,
}

#[derive(clap::Args)]
struct DemoArgs {
    /// Speed of the simulated hospital: 1 is real time.
    #[arg(long, default_value_t = 1.0, value_name = "FACTOR")]
    speed: f64,
    /// Seed of the simulated hospital: the same seed, the same day.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// How much is made up of what was before its first start, hours; 0: nothing.
    #[arg(long, default_value_t = 48, value_name = "HOURS", value_parser = clap::value_parser!(u32).range(..=720))]
    history: u32,
    /// Lets the database listen on 127.0.0.1 with a read-only role for Grafana.
    #[arg(long)]
    grafana: bool,
}

/// Parses the arguments and runs the command.
#[must_use]
pub fn run() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            let _ = error.print();
            return ExitCode::from(if error.use_stderr() { MISUSED } else { DONE });
        }
    };
    match execute(cli) {
        Ok(()) => ExitCode::from(DONE),
        Err(Failure::Misused(error)) => complain(&error, MISUSED),
        Err(Failure::Failed(error)) => complain(&error, FAILED),
    }
}

fn complain(error: &anyhow::Error, code: u8) -> ExitCode {
    eprintln!("spor: {}", told(error));
    ExitCode::from(code)
}

/// The error and its causes on one line; a cause that its error has already told is not repeated.
fn told(error: &anyhow::Error) -> String {
    let mut text = error.to_string();
    for cause in error.chain().skip(1).map(ToString::to_string) {
        if !text.contains(&cause) {
            text.push_str(": ");
            text.push_str(&cause);
        }
    }
    text
}

/// Why a command didn't do what was asked.
enum Failure {
    Misused(anyhow::Error),
    Failed(anyhow::Error),
}

/// What is wrong with the configuration is told apart from what failed.
impl From<anyhow::Error> for Failure {
    fn from(error: anyhow::Error) -> Self {
        if app::is_misuse(&error) { Self::Misused(error) } else { Self::Failed(error) }
    }
}

fn execute(cli: Cli) -> Result<(), Failure> {
    let file = cli.config.as_deref();
    match cli.command {
        Command::Demo(args) => start(file, false, Some(args)),
        Command::Serve(args) => start(file, args.new_journal, None),
        Command::CheckConfig => check_config(file),
        Command::Migrate => Ok(admin::migrate(&load(file)?)?),
        Command::ImportAssets { file: csv } => Ok(admin::import_assets(&load(file)?, &csv)?),
        Command::ImportPar { file: csv } => Ok(admin::import_par(&load(file)?, &csv)?),
        Command::Report { month, ward, out } => {
            report::report(&load(file)?, month, ward.as_ref(), &out)
        }
        Command::Credentials(command) => Ok(admin::credentials(&load(file)?, command)?),
        Command::Token(command) => Ok(token::token(&load(file)?, command)?),
        Command::Journal(command) => journal::journal(command, || load(file)),
        Command::Record(args) => record::record(&args, &load(file)?),
        Command::ImportRecording(args) => import_recording::import(&args),
        Command::Replay(args) => replay::replay(args, load(file)?),
        Command::Recompute(args) => recompute::recompute(&args, &load(file)?),
        Command::Backup { file: to } => Ok(admin::backup(&load(file)?, &to)?),
        Command::Restore { file: from } => Ok(admin::restore(&load(file)?, &from)?),
    }
}

fn load(file: Option<&Path>) -> Result<Config, Failure> {
    Config::load(file, std::env::vars()).map_err(|e| Failure::Misused(e.into()))
}

fn start(file: Option<&Path>, new_journal: bool, demo: Option<DemoArgs>) -> Result<(), Failure> {
    let mut config = load(file)?;
    telemetry::log_to_stderr();
    let demo = match demo {
        None => None,
        Some(args) => {
            if !(0.01..=1000.0).contains(&args.speed) {
                return Err(Failure::Misused(anyhow::anyhow!("--speed is 0.01 to 1000")));
            }
            config.http.open = config.http.listen.ip().is_loopback();
            if args.grafana {
                config.storage.tcp_port = Some(0);
            }
            let grafana_password = args.grafana.then(|| {
                std::env::var("GRAFANA_SPOR_PASSWORD").unwrap_or_else(|_| admin::new_password())
            });
            let (seed, speed, history_hours) = (args.seed, args.speed, args.history);
            Some(app::demo::Options { seed, speed, history_hours, grafana_password })
        }
    };
    Ok(runtime()?.block_on(app::run(config, app::Options { new_journal, demo }))?)
}

fn check_config(file: Option<&Path>) -> Result<(), Failure> {
    let config = load(file)?;
    let site = app::check(&config)?;
    println!(
        "The configuration is right: site {:?}, {} floors, {} rooms and zones, {} readers.",
        site.name,
        site.floors.len(),
        site.zones().count(),
        site.readers().count()
    );
    Ok(())
}

/// The runtime of every command that waits for something. The pipeline and the journal have threads
/// of their own, and PostgreSQL wants a share too: half of the cores serve sockets.
fn runtime() -> anyhow::Result<tokio::runtime::Runtime> {
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    builder.worker_threads((cores / 2).max(1)).enable_all().thread_name("spor");
    Ok(builder.build()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_cause_is_told_once() {
        let cause = std::io::Error::other("the disk is on fire");
        let error = anyhow::Error::new(cause).context("cannot write: the disk is on fire");
        assert_eq!(told(&error), "cannot write: the disk is on fire");
        assert_eq!(told(&error.context("no start")), "no start: cannot write: the disk is on fire");
    }
}
