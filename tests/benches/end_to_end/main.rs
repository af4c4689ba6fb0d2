//! How fast Spor is from a publish to a committed row, and what that costs: see
//! `docs/performance.md`. `cargo bench --bench end_to_end -- --plan json64 --bare`.
//!
//! The built program, `firmware-sim load`, PostgreSQL and the yardsticks are processes of their
//! own; this one starts them, looks at what they use, counts what is stored, and prints a table.

#![allow(clippy::unwrap_used)]

mod bare;
mod copy;
mod database;
mod door;
mod feed;
mod history;
mod latency;
mod plan;
mod reads;
mod report;
mod run;
mod subscriber;
#[path = "../../support/mod.rs"]
mod support;
mod system;
mod usage;

use clap::{Parser, ValueEnum};
use run::Outcome;
use std::{
    path::{Path, PathBuf},
    process::{Command, ExitCode},
};
use system::Kind;

/// Measures the built program, and counts that it lost nothing.
#[derive(Parser)]
struct Args {
    /// Which plans, with commas between; `all`: every one.
    #[arg(long, value_delimiter = ',', default_value = "json64")]
    plan: Vec<String>,
    /// How long each load lasts.
    #[arg(long, default_value_t = 60)]
    seconds: u64,
    /// The shortest path of the same libraries beside it.
    #[arg(long)]
    bare: bool,
    /// Debian's mosquitto and a subscriber that writes to the same PostgreSQL beside it.
    #[arg(long)]
    mosquitto: bool,
    /// The yardsticks only.
    #[arg(long)]
    without_spor: bool,
    /// Measure from the first report of each tag on, when each begins a visit and a status.
    #[arg(long)]
    cold: bool,
    /// Clients of the event stream, in place of the plan's.
    #[arg(long)]
    feeds: Option<usize>,
    /// Positions a second, in place of the plan's; 0: as fast as acknowledged.
    #[arg(long)]
    rate: Option<u32>,
    /// Connections, in place of the plan's.
    #[arg(long)]
    connections: Option<u32>,
    /// Tags, in place of the plan's.
    #[arg(long)]
    tags: Option<u32>,
    /// MQTT quality of service, in place of the plan's.
    #[arg(long, value_parser = clap::value_parser!(u8).range(0..=1))]
    qos: Option<u8>,
    /// Unacknowledged messages of a connection, in place of the plan's.
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..))]
    window: Option<u16>,
    /// Threads of the load tool, in place of the plan's.
    #[arg(long)]
    threads: Option<u32>,
    /// What cargo says to every benchmark.
    #[arg(long, hide = true)]
    bench: bool,
    /// What this process is, when this program has started it.
    #[arg(long, hide = true)]
    role: Option<Role>,
    #[arg(long, hide = true, default_value = "")]
    url: String,
}

/// What a process of this program can be.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum Role {
    Bare,
    Door,
    Subscriber,
}

impl Role {
    fn name(self) -> &'static str {
        match self {
            Self::Bare => "bare",
            Self::Door => "door",
            Self::Subscriber => "subscriber",
        }
    }
}

fn main() -> ExitCode {
    let args = Args::parse();
    match args.role {
        Some(Role::Bare) => bare::run(&args.url),
        Some(Role::Door) => door::run(),
        Some(Role::Subscriber) => subscriber::run(&args.url),
        None => return measure(&args),
    }
    ExitCode::SUCCESS
}

/// Runs the plans; fails when anything was lost.
#[tokio::main(flavor = "current_thread")]
async fn measure(args: &Args) -> ExitCode {
    let plans = match plan::named(&args.plan) {
        Ok(plans) => plans,
        Err(error) => {
            eprintln!("{error}");
            return ExitCode::from(2);
        }
    };
    let load = build_load();
    let mut outcomes: Vec<Outcome> = Vec::new();
    for mut plan in plans {
        args.change(&mut plan);
        let first = outcomes.len();
        for kind in args.kinds(plan.door_only) {
            eprintln!("\n== {}: {}", plan.name, kind.name());
            outcomes.extend(run::run(kind, &plan, args.seconds, args.cold, &load).await);
            // What comes next may fail.
            write_json(&outcomes);
        }
        let of_plan: Vec<&Outcome> = outcomes[first..].iter().collect();
        if !of_plan.is_empty() {
            println!("{}", report::table(&plan, &of_plan));
        }
    }
    // A yardstick need not keep everything that it acknowledges.
    let of_spor = outcomes.iter().filter(|o| matches!(o.system, Kind::Spor | Kind::FrontDoor));
    let lost: Vec<_> = of_spor.filter(|o| o.lost() != 0).map(|o| (o.plan, o.lost())).collect();
    if lost.is_empty() {
        return ExitCode::SUCCESS;
    }
    eprintln!("LOST: {lost:?}");
    ExitCode::FAILURE
}

impl Args {
    fn kinds(&self, door_only: bool) -> Vec<Kind> {
        if door_only {
            return vec![Kind::FrontDoor];
        }
        let wanted = [
            (!self.without_spor, Kind::Spor),
            (self.bare, Kind::Bare),
            (self.mosquitto, Kind::Mosquitto),
        ];
        wanted.into_iter().filter_map(|(wanted, kind)| wanted.then_some(kind)).collect()
    }

    fn change(&self, plan: &mut plan::Plan) {
        plan.feeds = self.feeds.unwrap_or(plan.feeds);
        plan.rate = self.rate.unwrap_or(plan.rate);
        plan.connections = self.connections.unwrap_or(plan.connections);
        plan.tags = self.tags.unwrap_or(plan.tags);
        plan.qos = self.qos.unwrap_or(plan.qos);
        plan.window = self.window.unwrap_or(plan.window);
        plan.threads = self.threads.unwrap_or(plan.threads);
    }
}

/// The simulator is another package, so that cargo doesn't build it for this benchmark.
fn build_load() -> PathBuf {
    let spor = Path::new(env!("CARGO_BIN_EXE_spor"));
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or("cargo".into()));
    cargo.current_dir(env!("CARGO_MANIFEST_DIR"));
    cargo.args(["build", "--quiet", "--package", "firmware-sim", "--bin", "firmware-sim"]);
    if !spor.parent().is_some_and(|folder| folder.ends_with("debug")) {
        cargo.arg("--release");
    }
    assert!(cargo.status().unwrap().success(), "firmware-sim is built");
    spor.with_file_name("firmware-sim")
}

/// `target/end_to_end.json`: the figures of the last run.
fn write_json(outcomes: &[Outcome]) {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap();
    let path = folder.join("end_to_end.json");
    std::fs::write(&path, serde_json::to_vec_pretty(outcomes).unwrap()).unwrap();
    eprintln!("written: {}", path.display());
}
