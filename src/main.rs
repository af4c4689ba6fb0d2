//! Parses the command line, runs it, and turns the outcome into an exit code: 0 done, 1 failed,
//! 2 wrong usage or configuration.

use std::process::ExitCode;

fn main() -> ExitCode {
    spor::cli::run()
}
