//! Bounds of what one client, one address and all together may use: connections, messages and
//! bytes a second, unacknowledged messages, failed logins. Over a rate a socket is read more slowly; nothing is dropped.

use std::{
    collections::HashMap,
    hash::Hash,
    net::{IpAddr, Ipv6Addr},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};
use tokio::time::Instant;

/// So much of a rate may be used at once after a quiet time.
const BURST: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);
/// Addresses with failed logins that are remembered.
const MAX_ADDRESSES: usize = 10_000;

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A rate with a burst of one second. It tells when the next may come.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rate {
    per_second: u64,
    /// When everything used so far is within the rate.
    used_until: Instant,
}

impl Rate {
    /// 0 stands for no bound.
    pub(super) fn new(per_second: u64, now: Instant) -> Self {
        Self { per_second, used_until: now }
    }

    /// Uses `count` of it; returns when that is within the rate again, `now` at the earliest.
    #[allow(clippy::cast_precision_loss)]
    fn take(&mut self, count: u64, now: Instant) -> Instant {
        if self.per_second == 0 {
            return now;
        }
        let cost = Duration::from_secs_f64(count as f64 / self.per_second as f64);
        self.used_until = self.used_until.max(now) + cost;
        now.max(self.used_until.checked_sub(BURST).unwrap_or(now))
    }
}

/// Messages and bytes a second.
#[derive(Debug, Clone, Copy)]
pub(super) struct Meter {
    messages: Rate,
    bytes: Rate,
}

impl Meter {
    pub(super) fn new(messages_per_s: u64, bytes_per_s: u64) -> Self {
        let now = Instant::now();
        Self { messages: Rate::new(messages_per_s, now), bytes: Rate::new(bytes_per_s, now) }
    }

    /// Counts what was read; returns when more may be.
    pub(super) fn take(&mut self, messages: u64, bytes: u64, now: Instant) -> Instant {
        self.messages.take(messages, now).max(self.bytes.take(bytes, now))
    }
}

/// Messages of all clients that are appended and not acknowledged.
pub(super) struct InFlight {
    max: usize,
    now: AtomicUsize,
}

impl InFlight {
    pub(super) fn new(max: usize) -> Self {
        Self { max: max.max(1), now: AtomicUsize::new(0) }
    }

    pub(super) fn is_full(&self) -> bool {
        self.now.load(Ordering::Relaxed) >= self.max
    }

    #[allow(clippy::cast_precision_loss)]
    pub(super) fn add(&self, count: usize) {
        self.now.fetch_add(count, Ordering::Relaxed);
        metrics::gauge!("spor_messages_in_flight").increment(count as f64);
    }

    #[allow(clippy::cast_precision_loss)]
    pub(super) fn remove(&self, count: usize) {
        self.now.fetch_sub(count, Ordering::Relaxed);
        metrics::gauge!("spor_messages_in_flight").decrement(count as f64);
    }
}

/// How many connections each owner has.
pub(super) struct Counts<K> {
    max: usize,
    counts: Mutex<HashMap<K, usize>>,
}

impl<K: Eq + Hash + Clone> Counts<K> {
    pub(super) fn new(max: usize) -> Arc<Self> {
        Arc::new(Self { max, counts: Mutex::default() })
    }

    /// One more of `owner`; `None` when it has as many as it may.
    pub(super) fn enter(self: &Arc<Self>, owner: K) -> Option<Counted<K>> {
        let mut counts = lock(&self.counts);
        let count = counts.entry(owner.clone()).or_default();
        if *count >= self.max {
            return None;
        }
        *count += 1;
        Some(Counted { counts: Arc::clone(self), owner })
    }
}

/// One connection of an owner, until it is dropped.
pub(super) struct Counted<K: Eq + Hash> {
    counts: Arc<Counts<K>>,
    owner: K,
}

impl<K: Eq + Hash> Drop for Counted<K> {
    fn drop(&mut self) {
        let mut counts = lock(&self.counts.counts);
        if let Some(count) = counts.get_mut(&self.owner) {
            *count -= 1;
            if *count == 0 {
                counts.remove(&self.owner);
            }
        }
    }
}

/// Failed logins of each address. Password hashes are slow on purpose, so that whoever tries many
/// would occupy the machine.
pub(super) struct Logins {
    per_minute: u32,
    /// When the failures so far are forgiven.
    failed: Mutex<HashMap<IpAddr, Instant>>,
}

impl Logins {
    /// 0 stands for no bound.
    pub(super) fn new(per_minute: u32) -> Self {
        Self { per_minute, failed: Mutex::default() }
    }

    /// True when `address` may try a password.
    pub(super) fn may_try(&self, address: IpAddr) -> bool {
        if self.per_minute == 0 {
            return true;
        }
        let now = Instant::now();
        let until = lock(&self.failed).get(&owner(address)).copied();
        until.is_none_or(|until| until.max(now) + self.cost() <= now + MINUTE)
    }

    /// How long it takes to forgive one failure.
    fn cost(&self) -> Duration {
        MINUTE / self.per_minute
    }

    /// Counts a wrong password.
    pub(super) fn failed(&self, address: IpAddr) {
        if self.per_minute == 0 {
            return;
        }
        let now = Instant::now();
        let mut failed = lock(&self.failed);
        if failed.len() >= MAX_ADDRESSES {
            failed.retain(|_, until| *until > now);
            if failed.len() >= MAX_ADDRESSES {
                failed.clear();
            }
        }
        let until = failed.entry(owner(address)).or_insert(now);
        *until = (*until).max(now) + self.cost();
    }
}

/// Whoever has one IPv6 address has its whole /64.
pub(super) fn owner(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) => Ipv6Addr::from_bits(v6.to_bits() >> 64 << 64).into(),
        v4 => v4,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_second_may_be_used_at_once_and_then_the_rate_holds() {
        let now = Instant::now();
        let mut rate = Rate::new(100, now);
        assert_eq!(rate.take(100, now), now);
        assert_eq!(rate.take(50, now), now + Duration::from_millis(500));
        let later = now + Duration::from_secs(3600);
        assert_eq!(rate.take(100, later), later, "quiet time saves up one second, not an hour");
        assert_eq!(rate.take(1, later), later + Duration::from_millis(10));
        assert_eq!(Rate::new(0, now).take(u64::MAX, now), now);
    }

    #[test]
    fn a_meter_waits_for_the_slower_of_both() {
        let now = Instant::now();
        let mut meter = Meter::new(10, 1_000);
        assert!(meter.take(1, 3_000, now) > now + Duration::from_millis(1_900));
        let mut meter = Meter::new(10, 1_000);
        assert!(meter.take(20, 10, now) > now + Duration::from_millis(900));
    }

    #[test]
    fn an_owner_has_no_more_than_it_may_and_gets_a_place_back() {
        let counts = Counts::new(2);
        let first = counts.enter("a").unwrap();
        let _second = counts.enter("a").unwrap();
        assert!(counts.enter("a").is_none());
        let _other = counts.enter("b").unwrap();
        drop(first);
        drop(counts.enter("a").unwrap());
        assert_eq!(lock(&counts.counts).len(), 2);
    }

    #[test]
    fn an_address_that_fails_too_often_has_to_wait() {
        let logins = Logins::new(10);
        let bad: IpAddr = "2001:db8::1".parse().unwrap();
        let neighbour = "2001:db8::2".parse().unwrap();
        for _ in 0..10 {
            assert!(logins.may_try(bad));
            logins.failed(bad);
        }
        assert!(!logins.may_try(bad) && !logins.may_try(neighbour));
        assert!(logins.may_try("2001:db8:0:1::1".parse().unwrap()));
        let mapped: IpAddr = "::ffff:192.0.2.7".parse().unwrap();
        assert_eq!(owner(mapped), owner("192.0.2.7".parse().unwrap()));
        assert_ne!(owner(mapped), owner("192.0.2.8".parse().unwrap()));
    }
}
