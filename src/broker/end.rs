//! Why connections end, and what is done then: the last acknowledgements, the will, the session.

use super::{
    admission::publish_will,
    connection::{CLOSE_TIMEOUT, Connection},
    frame::FrameError,
    router::Fallen,
};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    time::Instant,
};

/// Why a connection ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// By DISCONNECT: its will is forgotten.
    Disconnected,
    /// The client closed without DISCONNECT, or the network did.
    Lost,
    /// Nothing was heard for one and a half keep-alive intervals, or half a packet stayed half.
    Silent,
    /// It did not read what was sent to it.
    Blocked,
    /// Another connection came with the same client id.
    TakenOver,
    /// Spor stops.
    Stopped,
    /// It sent what it must not.
    Refused(&'static str),
    /// The router fell; the client is to come back.
    RouterFell,
}

impl End {
    /// The word under which it is counted.
    pub(super) fn reason(self) -> &'static str {
        match self {
            Self::Disconnected => "disconnected",
            Self::Lost => "lost",
            Self::Silent => "silent",
            Self::Blocked => "blocked",
            Self::TakenOver => "taken_over",
            Self::Stopped => "stopped",
            Self::Refused(reason) => reason,
            Self::RouterFell => "router_fell",
        }
    }
}

impl From<FrameError> for End {
    fn from(error: FrameError) -> Self {
        Self::Refused(error.reason())
    }
}

impl From<Fallen> for End {
    fn from(_: Fallen) -> Self {
        Self::RouterFell
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Connection<S> {
    /// Acknowledges what was appended, as far as it becomes durable soon.
    async fn await_durable(&mut self) {
        let until = Instant::now() + CLOSE_TIMEOUT;
        while !self.pending.is_empty() {
            tokio::select! {
                durable = self.pending.next() => if durable.is_err() { return },
                () = tokio::time::sleep_until(until) => return,
                // The client is back already, and sends again what was not acknowledged.
                () = self.place.kick.cancelled() => return,
            }
            self.acknowledge();
        }
    }

    /// The end: the last bytes, the will, the session.
    pub(super) async fn leave(mut self, end: End) {
        metrics::counter!("spor_connections_closed_total", "reason" => end.reason()).increment(1);
        match end {
            End::Disconnected | End::Lost | End::Stopped => {
                tracing::debug!(
                    client = &*self.client.id,
                    reason = end.reason(),
                    "MQTT connection ended"
                );
            }
            _ => self.shared.refusals.closed(self.peer, &self.client.id, end.reason()),
        }
        if matches!(end, End::Disconnected | End::Stopped | End::Refused(_) | End::RouterFell) {
            self.await_durable().await;
        }
        self.wire.close(CLOSE_TIMEOUT).await;
        // Spor's own stop says nothing about the client, so that it publishes no will.
        let keeps_will = !matches!(end, End::Disconnected | End::Stopped);
        if let Some(will) = self.client.will.take().filter(|_| keeps_will) {
            publish_will(will, &self.shared).await;
        }
        drop(self.inbox.take());
        // Before the place is free: the client's next connection may need this one's count.
        drop(self.counted.take());
        if end == End::RouterFell
            && let Some(link) = self.session.link.take()
        {
            self.shared.hub.fallen(link.generation);
            self.session.in_flight.clear();
            link.end().await;
        }
        let kept = !self.client.clean_session && !self.session.filters.is_empty();
        let session = if kept { self.place.park(self.session) } else { Some(self.session) };
        if let Some(mut session) = session {
            session.end().await;
        }
    }
}
