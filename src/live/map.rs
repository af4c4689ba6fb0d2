//! A concurrent map of tag states with a change feed.
//!
//! A version is drawn while the tag's shard is locked, and a removal's while the list of removals
//! is. So a reader that first reads the version and then looks has everything up to it.

use super::TagState;
use crate::model::TagId;
use dashmap::{DashMap, Entry};
use foldhash::fast::FixedState;
use std::{
    collections::{HashSet, VecDeque},
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicI64, AtomicU64, Ordering},
    },
};

/// Removals that are remembered; a reader that missed more starts afresh.
const REMOVALS_KEPT: usize = 10_000;

/// The newest state of every tag.
#[derive(Debug)]
pub struct TagMap {
    slots: DashMap<TagId, Slot, FixedState>,
    version: AtomicU64,
    newest_ms: AtomicI64,
    removals: Mutex<Removals>,
}

#[derive(Debug)]
struct Slot {
    version: u64,
    state: TagState,
}

#[derive(Debug, Default)]
struct Removals {
    recent: VecDeque<(u64, TagId)>,
    /// Version of the newest removal that was forgotten.
    forgotten: u64,
}

/// What changed since a version, the newest of each tag only.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Changes {
    /// The states that are new, in no order.
    pub states: Vec<TagState>,
    /// The tags that are gone and have not come back.
    pub removed: Vec<TagId>,
    /// True when removals since that version were forgotten: read [`TagMap::all`] instead.
    pub incomplete: bool,
}

impl Default for TagMap {
    fn default() -> Self {
        Self {
            slots: DashMap::default(),
            version: AtomicU64::new(0),
            newest_ms: AtomicI64::new(i64::MIN),
            removals: Mutex::default(),
        }
    }
}

impl TagMap {
    /// Puts `state` in place of what was known of its tag.
    pub fn put(&self, state: TagState) {
        if let Some(place) = &state.place {
            self.newest_ms.fetch_max(place.received_ms, Ordering::Relaxed);
        }
        match self.slots.entry(state.tag.clone()) {
            Entry::Occupied(mut held) => {
                let version = self.next_version();
                held.insert(Slot { version, state });
            }
            Entry::Vacant(free) => {
                // The guard that `insert` returns keeps the shard locked no longer than this line.
                let version = self.next_version();
                drop(free.insert(Slot { version, state }));
            }
        }
    }

    /// Changes what is known of `tag` in place; nothing happens when it isn't known.
    pub fn update(&self, tag: &TagId, change: impl FnOnce(&mut TagState)) {
        if let Some(mut held) = self.slots.get_mut(tag) {
            change(&mut held.state);
            held.version = self.next_version();
        }
    }

    /// Forgets `tag`; nothing happens when it isn't known.
    pub fn remove(&self, tag: &TagId) {
        let Entry::Occupied(held) = self.slots.entry(tag.clone()) else { return };
        let mut removals = self.removals();
        let version = self.next_version();
        removals.recent.push_back((version, tag.clone()));
        if removals.recent.len() > REMOVALS_KEPT
            && let Some((forgotten, _)) = removals.recent.pop_front()
        {
            removals.forgotten = forgotten;
        }
        held.remove();
    }

    /// What is known of `tag`.
    #[must_use]
    pub fn get(&self, tag: &TagId) -> Option<TagState> {
        self.slots.get(tag).map(|slot| slot.state.clone())
    }

    /// True when something is known of `tag`.
    #[must_use]
    pub fn contains(&self, tag: &TagId) -> bool {
        self.slots.contains_key(tag)
    }

    /// The state of every tag, in no order.
    #[must_use]
    pub fn all(&self) -> Vec<TagState> {
        self.slots.iter().map(|slot| slot.state.clone()).collect()
    }

    /// Shows each state to `look`, without copying. `look` must not touch this map.
    pub fn each(&self, mut look: impl FnMut(&TagState)) {
        self.slots.iter().for_each(|slot| look(&slot.state));
    }

    /// How many tags are known.
    #[must_use]
    pub fn len(&self) -> usize {
        self.slots.len()
    }

    /// True when no tag is known.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.slots.is_empty()
    }

    /// The version of the newest change; 0 before the first.
    #[must_use]
    pub fn version(&self) -> u64 {
        self.version.load(Ordering::Acquire)
    }

    /// When the newest fix was received, milliseconds; none: no tag had a place yet.
    #[must_use]
    pub fn newest_ms(&self) -> Option<i64> {
        Some(self.newest_ms.load(Ordering::Relaxed)).filter(|ms| *ms != i64::MIN)
    }

    /// What changed after `version`, and the version to ask from next time. A change that
    /// happens meanwhile may be told now and once more then.
    #[must_use]
    pub fn changed_since(&self, version: u64) -> (u64, Changes) {
        let now = self.version();
        if now == version {
            return (now, Changes::default());
        }
        // Removals before states: a tag that came back after its removal is then seen as a state.
        let (mut removed, incomplete) = self.removals().since(version);
        let states: Vec<TagState> = self
            .slots
            .iter()
            .filter(|slot| slot.version > version)
            .map(|slot| slot.state.clone())
            .collect();
        if !removed.is_empty() {
            let present: HashSet<&TagId> = states.iter().map(|state| &state.tag).collect();
            removed.retain(|tag| !present.contains(tag));
        }
        (now, Changes { states, removed: removed.into_iter().collect(), incomplete })
    }

    fn next_version(&self) -> u64 {
        self.version.fetch_add(1, Ordering::AcqRel) + 1
    }

    fn removals(&self) -> MutexGuard<'_, Removals> {
        // The list is whole after each of its operations, so a panic elsewhere spoils nothing.
        self.removals.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Removals {
    fn since(&self, version: u64) -> (HashSet<TagId>, bool) {
        let newer = self.recent.iter().rev().take_while(|(at, _)| *at > version);
        (newer.map(|(_, tag)| tag.clone()).collect(), version < self.forgotten)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        live::Place,
        model::{Freshness, Origin},
    };
    use std::{collections::HashMap, sync::atomic::AtomicBool, thread};

    fn tag(name: &str) -> TagId {
        TagId::new(name).expect("valid")
    }

    fn at(name: &str, x_m: f64) -> TagState {
        let place = Place {
            x_m,
            y_m: 0.0,
            floor: 0,
            accuracy_m: 1.0,
            zone: None,
            entered_ms: 0,
            seen_ms: 1_000,
            received_ms: 1_005,
            origin: Origin::Tag,
        };
        TagState { place: Some(place), ..TagState::new(tag(name)) }
    }

    fn x_of(state: &TagState) -> f64 {
        state.place.as_ref().expect("placed").x_m
    }

    #[test]
    fn the_feed_tells_the_newest_state_of_each_tag_once() {
        let map = TagMap::default();
        map.put(at("a", 1.0));
        map.put(at("b", 1.0));
        map.put(at("a", 2.0));
        let (version, changes) = map.changed_since(0);
        let told: HashMap<_, _> =
            changes.states.iter().map(|s| (s.tag.to_string(), x_of(s))).collect();
        assert_eq!(told, HashMap::from([("a".to_owned(), 2.0), ("b".to_owned(), 1.0)]));
        assert_eq!(map.changed_since(version), (version, Changes::default()));
        map.put(at("b", 3.0));
        let (_, changes) = map.changed_since(version);
        assert_eq!(changes.states, vec![at("b", 3.0)]);
        assert_eq!(map.len(), 2);
        assert_eq!(map.newest_ms(), Some(1_005));
    }

    #[test]
    fn a_removal_is_told_unless_the_tag_came_back() {
        let map = TagMap::default();
        map.put(at("a", 1.0));
        map.put(at("b", 1.0));
        let (version, _) = map.changed_since(0);
        map.remove(&tag("a"));
        map.remove(&tag("b"));
        map.remove(&tag("nobody"));
        map.put(at("b", 2.0));
        let (_, changes) = map.changed_since(version);
        assert_eq!(changes.removed, vec![tag("a")]);
        assert_eq!(changes.states, vec![at("b", 2.0)]);
        assert!(!changes.incomplete);
        assert_eq!(map.get(&tag("a")), None);
    }

    #[test]
    fn a_reader_that_missed_too_many_removals_is_told_to_start_afresh() {
        let map = TagMap::default();
        map.put(at("first", 1.0));
        let early = map.version();
        for n in 0..=REMOVALS_KEPT {
            map.put(at(&format!("t{n}"), 1.0));
            map.remove(&tag(&format!("t{n}")));
        }
        assert!(map.changed_since(early).1.incomplete);
        let late = map.version();
        map.remove(&tag("first"));
        let (_, changes) = map.changed_since(late);
        assert!(!changes.incomplete);
        assert_eq!(changes.removed, vec![tag("first")]);
    }

    #[test]
    fn a_reader_beside_writers_ends_with_the_same_picture() {
        let map = TagMap::default();
        let done = AtomicBool::new(false);
        let seen = thread::scope(|threads| {
            let reader = threads.spawn(|| {
                let mut seen = HashMap::new();
                let mut version = 0;
                loop {
                    let last = done.load(Ordering::Acquire);
                    let (now, changes) = map.changed_since(version);
                    version = now;
                    for gone in changes.removed {
                        seen.remove(&gone);
                    }
                    seen.extend(changes.states.into_iter().map(|s| (s.tag.clone(), x_of(&s))));
                    if last {
                        return seen;
                    }
                }
            });
            let writers: Vec<_> = (0..3)
                .map(|writer| {
                    let map = &map;
                    threads.spawn(move || {
                        for n in 0..4_000i32 {
                            let name = format!("w{writer}-{}", n % 50);
                            if n % 7 == 3 {
                                map.remove(&tag(&name));
                            } else {
                                map.put(at(&name, f64::from(n)));
                            }
                        }
                    })
                })
                .collect();
            for writer in writers {
                writer.join().expect("a writer panicked");
            }
            done.store(true, Ordering::Release);
            reader.join().expect("the reader panicked")
        });
        let truth: HashMap<_, _> =
            map.all().into_iter().map(|s| (s.tag.clone(), x_of(&s))).collect();
        assert_eq!(seen, truth);
    }

    #[test]
    fn a_portal_is_believed_for_a_minute_and_a_silent_tag_is_unknown() {
        let mut state = at("a", 1.0);
        assert_eq!(state.freshness(1_000 + 180_000), Freshness::Live);
        let reader = crate::model::ReaderId::new("r1").expect("valid");
        if let Some(place) = &mut state.place {
            place.origin = Origin::Reader { reader, portal: true };
        }
        assert_eq!(state.freshness(1_000 + 60_001), Freshness::Stale);
        assert_eq!(TagState::new(tag("a")).freshness(0), Freshness::Unknown);
    }
}
