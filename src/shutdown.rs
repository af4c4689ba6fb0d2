//! Stopping: what asks for it, and a deadline for each part, which is named when it is missed.

use std::{future::Future, time::Duration};
use tokio::signal::unix::{SignalKind, signal};

/// Resolves at Ctrl-C or SIGTERM.
///
/// # Errors
/// When the signals can't be watched.
pub async fn asked() -> std::io::Result<&'static str> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    tokio::select! {
        _ = terminate.recv() => Ok("SIGTERM"),
        _ = interrupt.recv() => Ok("Ctrl-C"),
    }
}

/// Waits for a part to end; one that misses its deadline is named in the log and left behind.
pub async fn within<T>(
    deadline: Duration,
    part: &'static str,
    end: impl Future<Output = T>,
) -> Option<T> {
    let ended = tokio::time::timeout(deadline, end).await.ok();
    if ended.is_none() {
        tracing::error!(part, seconds = deadline.as_secs(), "did not stop in time");
    }
    ended
}
