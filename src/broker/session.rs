//! What outlives a connection, and who holds it. One client id has one connection: a second
//! CONNECT ends the first and waits until it has left, so that a session has one owner at a time.
//!
//! A persistent session keeps its subscriptions, its link to the router and what was sent but not
//! acknowledged, for as long as the process lives and the configured bounds allow.

use super::{config::Config, router::Link};
use bytes::Bytes;
use rumqttd::protocol::QoS;
use std::{
    collections::{BTreeMap, HashMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};
use tokio::sync::{Mutex as AsyncMutex, OwnedMutexGuard};
use tokio_util::sync::CancellationToken;

/// Longest wait for the connection that is taken over.
const TAKE_OVER_TIMEOUT: Duration = Duration::from_secs(5);

/// The state of a session.
#[derive(Default)]
pub(super) struct Session {
    /// The filters that were granted.
    pub(super) filters: BTreeMap<String, QoS>,
    /// The link to the router; none before the first subscription to events.
    pub(super) link: Option<Link>,
    /// Deliveries at QoS 1 that the client has not acknowledged, in the router's order.
    pub(super) in_flight: VecDeque<InFlight>,
}

/// One delivery at QoS 1.
pub(super) struct InFlight {
    pub(super) id: u16,
    /// Acknowledged, but one before it is not: the router takes acknowledgements in order only.
    pub(super) acknowledged: bool,
    /// The packet, to send it again after a reconnect; empty in a clean session.
    pub(super) packet: Bytes,
}

impl Session {
    /// Notes an acknowledgement of the client; returns the ids that the router may now be told.
    /// An id that was never sent is swallowed: the router would drop the link, and fall with it.
    pub(super) fn acknowledged(&mut self, id: u16, ready: &mut Vec<u16>) {
        if let Some(delivery) = self.in_flight.iter_mut().find(|delivery| delivery.id == id) {
            delivery.acknowledged = true;
        }
        while self.in_flight.front().is_some_and(|oldest| oldest.acknowledged) {
            ready.extend(self.in_flight.pop_front().map(|oldest| oldest.id));
        }
    }

    /// Ends the link, if there is one.
    pub(super) async fn end(&mut self) {
        self.in_flight.clear();
        if let Some(link) = self.link.take() {
            link.end().await;
        }
    }
}

/// Whose session: the credential's name (empty without credentials) and the client id. The name
/// is part of it so that no credential can take over another's connection.
pub(super) type Key = (Arc<str>, Arc<str>);

struct Slot {
    /// Connections that hold the seat or wait for it.
    users: usize,
    /// Ends the newest of them.
    kick: CancellationToken,
    seat: Arc<AsyncMutex<Option<Session>>>,
    /// Since when a session waits here for its client.
    parked: Option<Instant>,
}

/// All clients that are connected or have a session.
pub(super) struct Registry {
    slots: Mutex<HashMap<Key, Slot>>,
    max_sessions: usize,
    expiry: Duration,
}

impl Registry {
    pub(super) fn new(config: &Config) -> Arc<Self> {
        Arc::new(Self {
            slots: Mutex::default(),
            max_sessions: config.max_sessions,
            expiry: config.session_expiry(),
        })
    }

    fn slots(&self) -> MutexGuard<'_, HashMap<Key, Slot>> {
        self.slots.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes the place of `key`, after ending whoever holds it. `None` when that one does not
    /// leave in time, or a later connection came for the same place.
    pub(super) async fn enter(self: &Arc<Self>, key: Key) -> Option<Place> {
        let kick = CancellationToken::new();
        let seat = {
            let mut slots = self.slots();
            let slot = slots.entry(key.clone()).or_insert_with(|| Slot {
                users: 0,
                kick: kick.clone(),
                seat: Arc::default(),
                parked: None,
            });
            slot.users += 1;
            if slot.users > 1 {
                slot.kick.cancel();
                metrics::counter!("spor_sessions_taken_over_total").increment(1);
            }
            slot.kick = kick.clone();
            Arc::clone(&slot.seat)
        };
        let user = User { registry: Arc::clone(self), key };
        tokio::select! {
            biased;
            seat = seat.lock_owned() => {
                self.slots().entry(user.key.clone()).and_modify(|slot| slot.parked = None);
                Some(Place { seat, kick, user })
            }
            () = kick.cancelled() => None,
            () = tokio::time::sleep(TAKE_OVER_TIMEOUT) => None,
        }
    }

    /// Takes out the sessions whose clients have been away too long.
    pub(super) fn expired(&self) -> Vec<Session> {
        let mut taken = Vec::new();
        self.slots().retain(|_, slot| {
            let old = slot.parked.is_some_and(|since| since.elapsed() >= self.expiry);
            if !old || slot.users > 0 {
                return true;
            }
            if let Ok(mut seat) = slot.seat.try_lock() {
                taken.extend(seat.take());
            }
            false
        });
        taken
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.slots().len()
    }
}

/// Counts one user of a slot; the last one removes it, unless a session waits in it.
struct User {
    registry: Arc<Registry>,
    key: Key,
}

impl Drop for User {
    fn drop(&mut self) {
        let mut slots = self.registry.slots();
        if let Some(slot) = slots.get_mut(&self.key) {
            slot.users -= 1;
            if slot.users == 0 && slot.parked.is_none() {
                slots.remove(&self.key);
            }
        }
    }
}

/// The place of a client, held by its connection. The next one gets it when this is dropped.
pub(super) struct Place {
    // Fields drop in this order: the seat is free before the user is counted out.
    seat: OwnedMutexGuard<Option<Session>>,
    /// Cancelled when another connection wants the place.
    pub(super) kick: CancellationToken,
    user: User,
}

impl Place {
    /// Takes the session that was left here; `None` when there is none.
    pub(super) fn take(&mut self) -> Option<Session> {
        self.seat.take()
    }

    /// Leaves the session for the client's return, or gives it back when there are too many.
    pub(super) fn park(mut self, session: Session) -> Option<Session> {
        {
            let mut slots = self.user.registry.slots();
            let parked = slots.values().filter(|slot| slot.parked.is_some()).count();
            if parked >= self.user.registry.max_sessions {
                return Some(session);
            }
            if let Some(slot) = slots.get_mut(&self.user.key) {
                slot.parked = Some(Instant::now());
            }
        }
        *self.seat = Some(session);
        None
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn session(ids: &[u16]) -> Session {
        let delivery = |&id| InFlight { id, acknowledged: false, packet: Bytes::new() };
        Session { in_flight: ids.iter().map(delivery).collect(), ..Session::default() }
    }

    #[test]
    fn acknowledgements_reach_the_router_in_order_and_bogus_ones_not_at_all() {
        let mut session = session(&[1, 2, 3]);
        let mut ready = Vec::new();
        session.acknowledged(2, &mut ready);
        session.acknowledged(99, &mut ready);
        assert!(ready.is_empty());
        session.acknowledged(1, &mut ready);
        assert_eq!(ready, [1, 2]);
        session.acknowledged(1, &mut ready);
        session.acknowledged(3, &mut ready);
        assert_eq!(ready, [1, 2, 3]);
    }

    #[tokio::test]
    async fn a_place_is_handed_over_when_its_holder_has_left() {
        let registry = Registry::new(&Config::default());
        let key: Key = ("".into(), "a".into());
        let first = registry.enter(key.clone()).await.unwrap();
        let second = tokio::spawn({
            let (registry, key) = (Arc::clone(&registry), key.clone());
            async move { registry.enter(key).await }
        });
        first.kick.cancelled().await;
        assert!(!second.is_finished());
        drop(first);
        let second = second.await.unwrap().unwrap();
        assert!(!second.kick.is_cancelled());
        drop(second);
        assert_eq!(registry.len(), 0);
    }

    #[tokio::test]
    async fn a_session_waits_for_its_client_until_it_expires() {
        let config = Config { max_sessions: 1, session_expiry_s: 0, ..Config::default() };
        let registry = Registry::new(&config);
        let key = |id: &str| ("".into(), id.into());
        let place = registry.enter(key("a")).await.unwrap();
        assert!(place.park(session(&[7])).is_none());
        let place = registry.enter(key("b")).await.unwrap();
        assert!(place.park(session(&[8])).is_some(), "one more than may be kept");
        assert_eq!(registry.len(), 1);
        let mut place = registry.enter(key("a")).await.unwrap();
        assert_eq!(place.take().unwrap().in_flight.len(), 1);
        assert!(place.park(session(&[7])).is_none());
        assert_eq!(registry.expired().len(), 1);
        assert_eq!(registry.len(), 0);
    }
}
