//! The simulator's command line: parse, run, exit code (0 done, 1 failed, 2 wrong usage).

use clap::{Parser, Subcommand};
use firmware_sim::site::{self, Plan};
use std::process::ExitCode;

/// A simulated hospital that publishes over MQTT.
#[derive(Parser)]
#[command(version, about)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Print a made-up hospital as a site file.
    Site(SiteArgs),
}

#[derive(clap::Args)]
struct SiteArgs {
    /// Beds on wards.
    #[arg(long, default_value_t = 120, value_parser = clap::value_parser!(u32).range(1..=5_000))]
    beds: u32,
    /// Floors from the ground floor up.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u16).range(1..=40))]
    floors: u16,
    /// The same seed gives the same hospital.
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

fn main() -> ExitCode {
    let Command::Site(args) = Cli::parse().command;
    print!("{}", site::write(&site::generate(&Plan::new(args.beds, args.floors, args.seed))));
    ExitCode::SUCCESS
}
