//! The simulator's command line: parse, run, exit code (0 done, 1 failed, 2 wrong usage).

mod cli;

use clap::Parser;
use cli::{Cli, Command, Failure};
use std::process::ExitCode;

fn main() -> ExitCode {
    let outcome = match Cli::parse().command {
        Command::Site(args) => cli::site(&args),
        Command::Run(args) => cli::run(args),
        Command::Record(args) => cli::record(&args),
        Command::Scenarios(args) => cli::scenarios(&args),
        Command::Assets(args) => cli::assets(&args),
        Command::Check(args) => cli::check(&args),
        Command::Load(args) => cli::load(args),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failure::Usage(error)) => {
            eprintln!("firmware-sim: {error:#}");
            ExitCode::from(2)
        }
        Err(Failure::Failed(error)) => {
            eprintln!("firmware-sim: {error:#}");
            ExitCode::FAILURE
        }
    }
}
