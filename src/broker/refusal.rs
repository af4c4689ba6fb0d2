//! Counts what the front door refuses, and logs it: who and why, never a credential, and at most
//! a few lines a second, so that a hostile client can't fill the disk.

use std::{
    net::SocketAddr,
    sync::atomic::{AtomicU64, Ordering},
    time::Instant,
};

/// Lines that are logged in one second; the rest is counted in the metrics only.
const LINES_A_SECOND: u64 = 5;

/// Shared by all connections.
#[derive(Debug)]
pub(super) struct Refusals {
    start: Instant,
    /// The second since `start` in the upper half, lines logged in it in the lower.
    window: AtomicU64,
}

impl Refusals {
    pub(super) fn new() -> Self {
        Self { start: Instant::now(), window: AtomicU64::new(0) }
    }

    /// A connection that was not let in.
    pub(super) fn connection(&self, peer: SocketAddr, client: &str, reason: &'static str) {
        metrics::counter!("spor_connections_refused_total", "reason" => reason).increment(1);
        if self.may_log() {
            tracing::warn!(%peer, client, reason, "MQTT connection refused");
        }
    }

    /// A publish or will that was not taken; its connection is closed.
    pub(super) fn publish(
        &self,
        peer: SocketAddr,
        client: &str,
        topic: &[u8],
        reason: &'static str,
    ) {
        metrics::counter!("spor_publishes_refused_total", "reason" => reason).increment(1);
        if self.may_log() {
            let topic = String::from_utf8_lossy(&topic[..topic.len().min(120)]);
            tracing::warn!(%peer, client, ?topic, reason, "MQTT publish refused");
        }
    }

    /// A subscription that was answered with 0x80.
    pub(super) fn subscription(
        &self,
        peer: SocketAddr,
        client: &str,
        filter: &str,
        reason: &'static str,
    ) {
        metrics::counter!("spor_subscriptions_refused_total", "reason" => reason).increment(1);
        if self.may_log() {
            let filter: String = filter.chars().take(120).collect();
            tracing::warn!(%peer, client, ?filter, reason, "MQTT subscription refused");
        }
    }

    /// A connection that was closed for what its client did or left undone.
    pub(super) fn closed(&self, peer: SocketAddr, client: &str, reason: &str) {
        if self.may_log() {
            tracing::info!(%peer, client, reason, "MQTT connection closed");
        }
    }

    fn may_log(&self) -> bool {
        let second = self.start.elapsed().as_secs();
        let next = |window: u64| {
            if window >> 32 == second { window + 1 } else { (second << 32) | 1 }
        };
        let before =
            self.window.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |w| Some(next(w)));
        let (Ok(before) | Err(before)) = before;
        before >> 32 != second || (before & 0xffff_ffff) < LINES_A_SECOND
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_of_refusals_is_logged_a_few_times_a_second() {
        let refusals = Refusals::new();
        let logged = (0..100_000).filter(|_| refusals.may_log()).count();
        assert!((5..=15).contains(&logged), "{logged}");
    }
}
