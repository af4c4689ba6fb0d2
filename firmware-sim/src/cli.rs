//! Commands and their options; each function here is one command.

mod progress;
mod record;
mod run;
mod scenarios;

pub(crate) use record::record;
pub(crate) use run::run;
pub(crate) use scenarios::{assets, check, scenarios};

use anyhow::{Context, anyhow};
use clap::{Args, Parser, Subcommand};
use firmware_sim::{
    load,
    mqtt::Login,
    scenario::{Scenario, ScenarioError},
    site::{self, Plan},
};
use spor_schemas::site::SiteFile;
use std::{
    fs,
    io::{self, Write as _},
    path::{Path, PathBuf},
    time::Duration,
};
use tokio::{runtime, signal, time};
use tokio_util::sync::CancellationToken;

/// A simulated hospital: its building, its equipment and staff, their tags and readers.
#[derive(Parser)]
#[command(version, about)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Print a made-up hospital as a site file.
    Site(SiteArgs),
    /// Let a hospital work and publish what its tags and readers say, until stopped.
    ///
    /// A scenario ends by itself; without one it goes on.
    Run(run::RunArgs),
    /// Compute a scenario as fast as it goes, straight into a recording, without a broker.
    ///
    /// Beside it lies the ground truth: where everything really was, and what it did.
    Record(record::RecordArgs),
    /// List the scenarios that are built in, or print one as a file to start from.
    Scenarios(scenarios::ScenariosArgs),
    /// Print a scenario's equipment as the CSV file that `spor import-assets` reads.
    Assets(scenarios::CheckArgs),
    /// Say whether a scenario holds together, and which key is wrong.
    Check(scenarios::CheckArgs),
    /// Publish at a fixed rate and time the acknowledgements.
    ///
    /// Exit code 1 when something was still not acknowledged ten seconds after the end.
    Load(LoadArgs),
}

/// Why a command didn't do what it should.
pub(crate) enum Failure {
    /// Options or files that make no sense: exit code 2.
    Usage(anyhow::Error),
    /// Exit code 1.
    Failed(anyhow::Error),
}

#[derive(Args)]
pub(crate) struct SiteArgs {
    /// Beds on wards.
    #[arg(long, default_value_t = 120, value_parser = clap::value_parser!(u32).range(1..=5_000))]
    beds: u32,
    /// Floors from the ground floor up.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u16).range(1..=40))]
    floors: u16,
    /// Floor that all rooms have together at least, square metres; what the beds don't need becomes
    /// outpatient clinics.
    #[arg(long, value_name = "M2", value_parser = clap::value_parser!(u32).range(1..=2_000_000))]
    area: Option<u32>,
    /// The same seed gives the same hospital.
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

#[derive(Args)]
struct BrokerArgs {
    /// Where the broker listens, host:port.
    #[arg(long, default_value = "127.0.0.1:1883")]
    broker: String,
    /// User name for the broker.
    #[arg(long, requires = "password")]
    user: Option<String>,
    /// Password for the broker; better given by the environment than on the command line.
    #[arg(long, env = "FIRMWARE_SIM_PASSWORD", hide_env_values = true)]
    password: Option<String>,
}

impl BrokerArgs {
    fn login(&self) -> Option<Login> {
        let user = self.user.clone()?;
        Some(Login { user, password: self.password.clone().unwrap_or_default() })
    }
}

#[derive(Args)]
pub(crate) struct LoadArgs {
    #[command(flatten)]
    broker: BrokerArgs,
    /// The building to walk in; without it the demo hospital.
    #[arg(long, value_name = "FILE")]
    site: Option<PathBuf>,
    /// Tags, named load-00001 and so on.
    #[arg(long, default_value_t = 25_000, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    tags: u32,
    /// Positions a second; 0: as fast as they are acknowledged.
    #[arg(long, default_value_t = 12_500)]
    rate: u32,
    /// Connections that share the tags.
    #[arg(long, default_value_t = 64, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    connections: u32,
    /// Threads that share the connections.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=64))]
    threads: u32,
    /// MQTT quality of service.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u8).range(0..=1))]
    qos: u8,
    /// For how long to send.
    #[arg(long, default_value_t = 120)]
    seconds: u64,
    /// CBOR instead of JSON.
    #[arg(long)]
    cbor: bool,
    /// Speak as engines, with arrays of so many positions.
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=5_000))]
    batch: Option<u32>,
    /// Messages that may wait for their acknowledgement on each connection.
    #[arg(long, default_value_t = 500, value_parser = clap::value_parser!(u16).range(1..))]
    window: u16,
    /// How many of a hundred walks lead to another room.
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u32).range(0..=100))]
    roam_percent: u32,
    /// How many of a hundred tags stand still, with the noise of a fix.
    #[arg(long, default_value_t = 0, value_parser = clap::value_parser!(u32).range(0..=100))]
    still_percent: u32,
    /// Write the result as JSON.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

fn positive(text: &str) -> Result<f64, String> {
    let value: f64 = text.parse().map_err(|_| "not a number".to_owned())?;
    if value > 0.0 && value.is_finite() { Ok(value) } else { Err("must be above 0".to_owned()) }
}

/// `firmware-sim site`
pub(crate) fn site(args: &SiteArgs) -> Result<(), Failure> {
    let plan = Plan { area_m2: args.area, ..Plan::new(args.beds, args.floors, args.seed) };
    put_out(&site::write(&site::generate(&plan)))
}

/// `firmware-sim load`
pub(crate) fn load(args: LoadArgs) -> Result<(), Failure> {
    let site = read_site(args.site.as_deref())?;
    let config = load::Config {
        login: args.broker.login(),
        broker: args.broker.broker,
        tags: args.tags,
        rate: args.rate,
        connections: args.connections,
        threads: args.threads,
        acknowledged: args.qos == 1,
        duration: Duration::from_secs(args.seconds),
        cbor: args.cbor,
        batch: args.batch,
        window: args.window,
        roam_percent: args.roam_percent,
        still_percent: args.still_percent,
        patience: Duration::from_secs(10),
    };
    let runtime = runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
    let runtime = runtime.map_err(|e| Failure::Failed(e.into()))?;
    let stop = CancellationToken::new();
    runtime.spawn(stop_on_signal(stop.clone(), None));
    let outcome = load::run(&config, &site, |line| eprintln!("{line}"), stop)
        .map_err(|e| Failure::Failed(e.into()))?;
    print!("{outcome}");
    if let Some(path) = args.json {
        let written = serde_json::to_vec_pretty(&outcome)
            .map_err(anyhow::Error::from)
            .and_then(|json| Ok(fs::write(&path, json)?));
        written
            .with_context(|| format!("cannot write {}", path.display()))
            .map_err(Failure::Failed)?;
    }
    if outcome.is_complete() {
        Ok(())
    } else {
        let lost = outcome.unacknowledged;
        Err(Failure::Failed(anyhow!("{lost} positions were not acknowledged")))
    }
}

/// The scenario of that file or name, and its building.
fn load_scenario(file_or_name: &str) -> Result<(Scenario, SiteFile), Failure> {
    let wrong = |error: ScenarioError| {
        let names_it = matches!(error, ScenarioError::Unreadable { .. });
        let error = anyhow::Error::from(error);
        Failure::Usage(if names_it { error } else { error.context(file_or_name.to_owned()) })
    };
    let scenario = Scenario::load(file_or_name).map_err(wrong)?;
    let site = scenario.site().map_err(wrong)?;
    Ok((scenario, site))
}

/// Writes a text to the standard output; whoever reads it may have had enough of it.
fn put_out(text: &str) -> Result<(), Failure> {
    match io::stdout().write_all(text.as_bytes()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(Failure::Failed(anyhow::Error::from(error).context("cannot write the output")))
        }
        _ => Ok(()),
    }
}

fn read_site(path: Option<&Path>) -> Result<SiteFile, Failure> {
    let Some(path) = path else { return Ok(site::generate(&site::demo_plan())) };
    let read = || anyhow::Ok(site::read(&fs::read_to_string(path)?)?);
    read().with_context(|| format!("cannot read {}", path.display())).map_err(Failure::Usage)
}

/// Stops at Ctrl-C, at SIGTERM, or when the time is over.
async fn stop_on_signal(stop: CancellationToken, after: Option<Duration>) {
    let over = async {
        match after {
            Some(after) => time::sleep(after).await,
            None => std::future::pending().await,
        }
    };
    tokio::select! {
        _ = signal::ctrl_c() => {}
        () = terminated() => {}
        () = over => {}
    }
    stop.cancel();
}

#[cfg(unix)]
async fn terminated() {
    match signal::unix::signal(signal::unix::SignalKind::terminate()) {
        Ok(mut terminate) => {
            terminate.recv().await;
        }
        Err(_) => std::future::pending().await,
    }
}

#[cfg(not(unix))]
async fn terminated() {
    std::future::pending().await
}
