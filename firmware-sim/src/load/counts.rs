//! What was sent and acknowledged: each thread counts for itself, anybody may look.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering::Relaxed},
};

/// Counts of positions, except `messages` and connections. Only one thread adds.
#[derive(Debug, Default)]
pub(super) struct Counters {
    pub(super) intended: AtomicU64,
    pub(super) published: AtomicU64,
    pub(super) acknowledged: AtomicU64,
    pub(super) messages: AtomicU64,
    pub(super) lost_connections: AtomicU64,
}

impl Counters {
    /// By the one thread that counts: a load and a store are enough, and cheaper than an addition.
    pub(super) fn add(&self, which: impl FnOnce(&Self) -> &AtomicU64, count: u64) {
        let counter = which(self);
        counter.store(counter.load(Relaxed) + count, Relaxed);
    }
}

/// The counts of all threads at a time.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Counts {
    pub(super) intended: u64,
    pub(super) published: u64,
    pub(super) acknowledged: u64,
    pub(super) messages: u64,
    pub(super) lost_connections: u64,
}

impl Counts {
    pub(super) fn sum(counters: &[Arc<Counters>]) -> Self {
        let sum = |which: fn(&Counters) -> &AtomicU64| {
            counters.iter().map(|counters| which(counters).load(Relaxed)).sum()
        };
        Self {
            intended: sum(|c| &c.intended),
            published: sum(|c| &c.published),
            acknowledged: sum(|c| &c.acknowledged),
            messages: sum(|c| &c.messages),
            lost_connections: sum(|c| &c.lost_connections),
        }
    }
}
