//! Accepts connections, counts them, and gives each a task. Nothing that a client does or leaves
//! undone is awaited here.

use super::{Shared, bounds::owner, connection, handshake::Caller, tls::Tls};
use std::{io, net::SocketAddr, sync::Arc, time::Duration};
use tokio::{
    io::AsyncWriteExt as _,
    net::{TcpListener, TcpStream},
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

/// Accepts until Spor stops; with TLS when there are certificates.
pub(super) async fn accept(
    listener: TcpListener,
    tls: Option<Arc<Tls>>,
    shared: &Arc<Shared>,
    tracker: &TaskTracker,
) {
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
        let Ok(place) = Arc::clone(&shared.bounds.places).try_acquire_owned() else {
            refuse(stream, peer, "too_many", shared);
            continue;
        };
        let Some(counted) = shared.bounds.addresses.enter(owner(peer.ip())) else {
            refuse(stream, peer, "too_many_of_address", shared);
            continue;
        };
        let (shared, tls) = (Arc::clone(shared), tls.clone());
        tracker.spawn(async move {
            let _held = (place, counted, InGauge::new());
            // Acknowledgements are small and late ones stall publishers: no waiting for more.
            if let Err(error) = stream.set_nodelay(true) {
                tracing::debug!(%peer, %error, "TCP_NODELAY can't be set");
            }
            match tls {
                None => connection::serve(stream, Caller { peer, certificate: None }, shared).await,
                // Boxed, so that connections without TLS don't carry its size.
                Some(tls) => Box::pin(greet(stream, peer, tls, shared)).await,
            }
        });
    }
}

/// The TLS handshake, and what comes behind it.
async fn greet(stream: TcpStream, peer: SocketAddr, tls: Arc<Tls>, shared: Arc<Shared>) {
    let greeted = tokio::select! {
        greeted = tls.greet(stream, shared.config.connect_timeout()) => greeted,
        () = shared.stop.cancelled() => Err("stopping"),
    };
    match greeted {
        Ok(greeted) => {
            let caller = Caller { peer, certificate: greeted.certificate };
            connection::serve(greeted.stream, caller, shared).await;
        }
        Err(reason) => shared.refusals.connection(peer, "", reason),
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
pub(super) async fn expire(shared: &Shared) {
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
