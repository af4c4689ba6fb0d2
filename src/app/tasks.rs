//! How parts run: until they are stopped, and some on a thread of their own.

use crate::telemetry;
use anyhow::Context as _;
use std::time::Duration;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// A part that may be left at any moment.
pub(super) async fn until_stopped(part: impl Future<Output = ()>, stop: CancellationToken) {
    tokio::select! {
        () = part => {}
        () = stop.cancelled() => {}
    }
}

/// Storage's own housekeeping, and the metrics' upkeep.
pub(super) async fn keep_house(
    keeper: impl Future<Output = ()>,
    metrics: telemetry::Metrics,
    stop: CancellationToken,
) {
    let upkeep = async {
        let mut often = tokio::time::interval(Duration::from_secs(5));
        loop {
            often.tick().await;
            metrics.upkeep();
        }
    };
    tokio::select! {
        () = keeper => {}
        () = upkeep => {}
        () = stop.cancelled() => {}
    }
}

/// Runs a part on a thread of its own name, so that its work never delays a socket.
pub(super) fn on_own_thread(
    name: &str,
    part: impl Future<Output = ()> + Send + 'static,
) -> anyhow::Result<JoinHandle<()>> {
    let (ended, end) = tokio::sync::oneshot::channel();
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = runtime.enable_all().thread_name(name).build()?;
    std::thread::Builder::new()
        .name(name.to_owned())
        .spawn(move || {
            runtime.block_on(part);
            let _ = ended.send(());
        })
        .with_context(|| format!("no thread for {name}"))?;
    Ok(tokio::spawn(async move {
        let _ = end.await;
    }))
}
