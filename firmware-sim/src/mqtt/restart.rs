//! A real broker restarted at the beginning of a simulated restart.

use std::process::Stdio;
use tokio::process::Command;

/// Runs a command and says when it failed; the hospital goes on meanwhile. What the command leaves
/// running stays, also when the simulator ends.
pub(super) async fn run(command: String) {
    tracing::info!(%command, "the broker is being restarted");
    let done = Command::new("sh").arg("-c").arg(&command).stdin(Stdio::null()).status().await;
    match done {
        Ok(status) if status.success() => {}
        Ok(status) => tracing::error!(%command, %status, "the restart command failed"),
        Err(error) => tracing::error!(%command, %error, "the restart command cannot be run"),
    }
}
