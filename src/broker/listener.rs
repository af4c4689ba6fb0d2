//! Accepts connections, counts them, and gives each a task. Nothing that a client does or leaves
//! undone is awaited here.

use super::{Shared, bounds::owner, connection};
use std::{io, net::SocketAddr, sync::Arc, time::Duration};
use tokio::{
    io::AsyncWriteExt as _,
    net::{TcpListener, TcpStream},
    sync::Semaphore,
};
use tokio_util::task::TaskTracker;

/// Rest after a failed accept, which is mostly a lack of file handles.
const ACCEPT_REST: Duration = Duration::from_millis(100);
/// How often sessions are looked through for expired ones.
const EXPIRE_EVERY: Duration = Duration::from_secs(30);
/// CONNACK: server unavailable.
const UNAVAILABLE: [u8; 4] = [0x20, 2, 0, 3];

/// Counts one connection in the gauge for as long as it lives.
struct InGauge;

impl InGauge {
    fn new() -> Self {
        metrics::gauge!("spor_connections").increment(1.0);
        Self
    }
}

impl Drop for InGauge {
    fn drop(&mut self) {
        metrics::gauge!("spor_connections").decrement(1.0);
    }
}

/// Accepts until Spor stops.
pub(super) async fn accept(listener: TcpListener, shared: Arc<Shared>, tracker: TaskTracker) {
    let places =
        Arc::new(Semaphore::new(shared.config.max_connections.min(Semaphore::MAX_PERMITS)));
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = shared.stop.cancelled() => return,
        };
        let (stream, peer) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                rest(&error).await;
                continue;
            }
        };
        let Ok(place) = Arc::clone(&places).try_acquire_owned() else {
            refuse(stream, peer, "too_many", &shared);
            continue;
        };
        let Some(counted) = shared.bounds.addresses.enter(owner(peer.ip())) else {
            refuse(stream, peer, "too_many_of_address", &shared);
            continue;
        };
        let shared = Arc::clone(&shared);
        tracker.spawn(async move {
            let _held = (place, counted, InGauge::new());
            // Acknowledgements are small and late ones stall publishers: no waiting for more.
            if let Err(error) = stream.set_nodelay(true) {
                tracing::debug!(%peer, %error, "TCP_NODELAY can't be set");
            }
            connection::serve(stream, peer, shared).await;
        });
    }
}

async fn rest(error: &io::Error) {
    tracing::warn!(%error, "an MQTT connection can't be accepted");
    metrics::counter!("spor_connections_refused_total", "reason" => "accept").increment(1);
    tokio::time::sleep(ACCEPT_REST).await;
}

/// Tells a client that there is no room, without waiting for it.
fn refuse(mut stream: TcpStream, peer: SocketAddr, reason: &'static str, shared: &Shared) {
    shared.refusals.connection(peer, "", reason);
    // A new socket has room for four bytes; if not, the client is told by the close alone.
    let _ = stream.try_write(&UNAVAILABLE);
    let _ = futures_util::FutureExt::now_or_never(stream.shutdown());
}

/// Ends the persistent sessions of clients that stay away, until Spor stops.
pub(super) async fn expire(shared: Arc<Shared>) {
    loop {
        tokio::select! {
            () = tokio::time::sleep(EXPIRE_EVERY) => {}
            () = shared.stop.cancelled() => return,
        }
        for mut session in shared.registry.expired() {
            session.end().await;
        }
    }
}
