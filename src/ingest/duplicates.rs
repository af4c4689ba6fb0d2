//! What each tag sent lately: the last 256 messages within ten minutes.
//!
//! A message with a time is known by `(tag, seq, time_ms)`, one with a counter only by
//! `(tag, seq, digest)`; one with neither can't be told from a repeat and is always new.

use crate::model::{ReaderId, TagId};
use spor_schemas::{PositionMessage, SightingMessage};
use std::{
    collections::{HashMap, VecDeque},
    hash::{DefaultHasher, Hash, Hasher},
};

const REMEMBERED: usize = 256;
const WITHIN_MS: i64 = 600_000;

/// 52 bits of a hash, and 12 bits of the time of receipt in steps of four seconds. A tag that reports
/// every two seconds fills its ring, so the entry is kept small; but a chance match is an
/// acknowledged message lost: at 12,500 messages a second one in forty years.
type Entry = u64;
const ENTRY_BYTES: usize = 8;
const TIME_BITS: u64 = 0xfff;
const STEP_MS: i64 = 4_000;

#[derive(Debug, Default)]
pub(super) struct Duplicates {
    by_tag: HashMap<TagId, VecDeque<Entry>>,
}

impl Duplicates {
    /// True when this position was seen before; else it is remembered.
    pub(super) fn seen(
        &mut self,
        tag: &TagId,
        seq: Option<u32>,
        time_ms: Option<i64>,
        received_ms: i64,
        digest: impl FnOnce() -> u64,
    ) -> bool {
        let key = match (seq, time_ms) {
            (seq, Some(time_ms)) => hash(&(0u8, seq, time_ms)),
            (Some(seq), None) => hash(&(1u8, seq, digest())),
            (None, None) => return false,
        };
        self.remember(tag, key, received_ms)
    }

    /// True when this sighting was seen before; without a time it is always new.
    pub(super) fn heard(
        &mut self,
        tag: &TagId,
        time_ms: Option<i64>,
        received_ms: i64,
        digest: impl FnOnce() -> u64,
    ) -> bool {
        time_ms
            .is_some_and(|time_ms| self.remember(tag, hash(&(2u8, time_ms, digest())), received_ms))
    }

    /// What is remembered, a tag at a time, for [`Self::take_up`].
    pub(super) fn remembered(&self) -> impl Iterator<Item = (&TagId, Vec<u8>)> {
        self.by_tag.iter().map(|(tag, recent)| {
            let mut bytes = Vec::with_capacity(recent.len() * ENTRY_BYTES);
            for entry in recent {
                bytes.extend_from_slice(&entry.to_le_bytes());
            }
            (tag, bytes)
        })
    }

    /// Takes up what [`Self::remembered`] gave.
    pub(super) fn take_up(&mut self, tag: TagId, remembered: &[u8]) {
        let (entries, _) = remembered.as_chunks::<ENTRY_BYTES>();
        let recent = entries.iter().copied().map(Entry::from_le_bytes).collect();
        self.by_tag.insert(tag, recent);
    }

    /// Forgets what a tag sent.
    pub(super) fn forget(&mut self, tag: &TagId) {
        self.by_tag.remove(tag);
    }

    fn remember(&mut self, tag: &TagId, key: u64, received_ms: i64) -> bool {
        let key = key & !TIME_BITS;
        let now = (received_ms / STEP_MS).cast_unsigned() & TIME_BITS;
        if !self.by_tag.contains_key(tag) {
            self.by_tag.insert(tag.clone(), VecDeque::new());
        }
        let Some(recent) = self.by_tag.get_mut(tag) else { return false };
        let within = (WITHIN_MS / STEP_MS).cast_unsigned();
        while recent.front().is_some_and(|e| now.wrapping_sub(*e) & TIME_BITS > within) {
            recent.pop_front();
        }
        if recent.iter().any(|entry| entry & !TIME_BITS == key) {
            return true;
        }
        if recent.len() == REMEMBERED {
            recent.pop_front();
        }
        recent.push_back(key | now);
        false
    }
}

/// `DefaultHasher::new` has fixed keys: the same stream gives the same answers after a restart.
fn hash(value: &impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    value.hash(&mut hasher);
    hasher.finish()
}

pub(super) fn digest_position(p: &PositionMessage) -> u64 {
    let place = (p.x_m.to_bits(), p.y_m.to_bits(), p.floor, p.accuracy_m.map(f32::to_bits));
    hash(&(place, p.battery_pct, p.moving, p.button))
}

pub(super) fn digest_sighting(reader: &ReaderId, sighting: &SightingMessage) -> u64 {
    hash(&(reader, sighting.rssi_dbm.to_bits()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tag() -> TagId {
        TagId::new("t").expect("valid")
    }

    #[test]
    fn a_repeat_within_ten_minutes_is_a_duplicate() {
        let mut duplicates = Duplicates::default();
        assert!(!duplicates.seen(&tag(), Some(1), Some(5), 0, || 0));
        assert!(duplicates.seen(&tag(), Some(1), Some(5), 599_000, || 0));
        assert!(!duplicates.seen(&tag(), Some(1), Some(5), 700_000, || 0), "forgotten by then");
        assert!(!duplicates.seen(&tag(), Some(2), None, 700_000, || 7));
        assert!(duplicates.seen(&tag(), Some(2), None, 700_000, || 7));
        assert!(!duplicates.seen(&tag(), Some(2), None, 700_000, || 8), "another payload");
    }

    #[test]
    fn without_time_and_counter_everything_is_new() {
        let mut duplicates = Duplicates::default();
        assert!(!duplicates.seen(&tag(), None, None, 0, || 7));
        assert!(!duplicates.seen(&tag(), None, None, 0, || 7));
    }

    #[test]
    fn memory_per_tag_is_bounded() {
        let mut duplicates = Duplicates::default();
        for i in 0..10_000 {
            duplicates.seen(&tag(), Some(i), Some(i64::from(i)), 0, || 0);
        }
        assert_eq!(duplicates.by_tag[&tag()].len(), REMEMBERED);
    }
}
