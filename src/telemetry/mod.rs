//! Logs, metrics and their names. Logs are for people on a terminal, JSON lines otherwise.

mod metric;
mod process;

pub use metric::{Metrics, install};

use std::io::IsTerminal;
use tracing_subscriber::EnvFilter;

/// Starts logging to standard error; `RUST_LOG` sets what is logged, without it `info`.
pub fn log_to_stderr() {
    let filter = EnvFilter::try_from_default_env()
        .unwrap_or_else(|_| EnvFilter::new("info,rumqttd=off,tokio_postgres=warn"));
    let logs = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    // A second start in one process (tests) keeps the first subscriber.
    let _ = if std::io::stderr().is_terminal() {
        logs.with_target(false).try_init()
    } else {
        logs.json().flatten_event(true).try_init()
    };
}
