//! What each tag sent lately: the last 256 messages within ten minutes.
//!
//! A message with a time is known by `(tag, seq, time_ms)`, one with a counter only by
//! `(tag, seq, digest)`; one with neither can't be told from a repeat and is always new.

use super::recent::{Key, Recent};
use crate::model::{ById, ReaderId, TagId};
use spor_schemas::{PositionMessage, SightingMessage};
use std::hash::{DefaultHasher, Hash, Hasher};

#[derive(Debug, Default)]
pub(super) struct Duplicates {
    by_tag: ById<TagId, Recent>,
}

impl Duplicates {
    /// The tag of that name, when it has sent before.
    pub(super) fn known(&self, tag: &str) -> Option<TagId> {
        self.by_tag.get_key_value(tag).map(|(tag, _)| tag.clone())
    }

    /// True when this position was seen before; else it is remembered.
    pub(super) fn seen(
        &mut self,
        tag: &TagId,
        position: &PositionMessage,
        received_ms: i64,
    ) -> bool {
        let key = match (position.seq, position.time_ms) {
            (seq, Some(time_ms)) => Key::Timed { seq, time_ms },
            (Some(seq), None) => Key::Counted { seq, digest: digest_position(position) },
            (None, None) => return false,
        };
        self.remember(tag, key, received_ms)
    }

    /// True when this sighting was seen before; without a time it is always new.
    pub(super) fn heard(
        &mut self,
        sighting: &SightingMessage,
        reader: &ReaderId,
        received_ms: i64,
    ) -> bool {
        let Some(time_ms) = sighting.time_ms else { return false };
        let digest = hash(&(reader, sighting.rssi_dbm.to_bits()));
        self.remember(&sighting.tag, Key::Heard { time_ms, digest }, received_ms)
    }

    /// What is remembered, a tag at a time, for [`Self::take_up`].
    pub(super) fn remembered(&self) -> impl Iterator<Item = (&TagId, Vec<u8>)> {
        self.by_tag.iter().map(|(tag, recent)| match postcard::to_stdvec(recent) {
            Ok(bytes) => (tag, bytes),
            Err(error) => unreachable!("plain values have a form: {error}"),
        })
    }

    /// Takes up what [`Self::remembered`] gave.
    pub(super) fn take_up(&mut self, tag: TagId, remembered: &[u8]) {
        if let Ok(recent) = postcard::from_bytes(remembered) {
            self.by_tag.insert(tag, recent);
        }
    }

    /// Forgets what a tag sent.
    pub(super) fn forget(&mut self, tag: &TagId) {
        self.by_tag.remove(tag);
    }

    fn remember(&mut self, tag: &TagId, key: Key, received_ms: i64) -> bool {
        if let Some(recent) = self.by_tag.get_mut(tag) {
            return recent.seen(key, received_ms);
        }
        self.by_tag.entry(tag.clone()).or_default().seen(key, received_ms)
    }
}

fn digest_position(p: &PositionMessage) -> u32 {
    let place = (p.x_m.to_bits(), p.y_m.to_bits(), p.floor, p.accuracy_m.map(f32::to_bits));
    hash(&(place, p.battery_pct, p.moving, p.button))
}

/// `DefaultHasher::new` has fixed keys: the same stream gives the same answers after a restart.
fn hash(value: &impl Hash) -> u32 {
    let mut hasher = DefaultHasher::new();
    value.hash(&mut hasher);
    let bytes = hasher.finish().to_le_bytes();
    u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(
        duplicates: &mut Duplicates,
        seq: Option<u32>,
        time_ms: Option<i64>,
        x_m: f64,
        received_ms: i64,
    ) -> bool {
        let json =
            serde_json::json!({"seq": seq, "time_ms": time_ms, "x_m": x_m, "y_m": 0.0, "floor": 0});
        let position = serde_json::from_value(json).expect("a position");
        duplicates.seen(&TagId::new("t").expect("valid"), &position, received_ms)
    }

    #[test]
    fn a_repeat_within_ten_minutes_is_a_duplicate() {
        let mut duplicates = Duplicates::default();
        assert!(!seen(&mut duplicates, Some(1), Some(5), 0.0, 0));
        assert!(seen(&mut duplicates, Some(1), Some(5), 0.0, 599_000));
        assert!(!seen(&mut duplicates, Some(1), Some(5), 0.0, 700_000), "forgotten by then");
        assert!(!seen(&mut duplicates, Some(2), None, 7.0, 700_000));
        assert!(seen(&mut duplicates, Some(2), None, 7.0, 700_000));
        assert!(!seen(&mut duplicates, Some(2), None, 8.0, 700_000), "another payload");
    }

    #[test]
    fn without_time_and_counter_everything_is_new() {
        let mut duplicates = Duplicates::default();
        assert!(!seen(&mut duplicates, None, None, 0.0, 0));
        assert!(!seen(&mut duplicates, None, None, 0.0, 0));
    }

    #[test]
    fn what_is_taken_up_is_known() {
        let mut before = Duplicates::default();
        seen(&mut before, Some(1), Some(5), 0.0, 0);
        let mut after = Duplicates::default();
        for (tag, bytes) in before.remembered() {
            after.take_up(tag.clone(), &bytes);
        }
        assert!(seen(&mut after, Some(1), Some(5), 0.0, 0));
        assert!(!seen(&mut after, Some(2), Some(5), 0.0, 0));
    }
}
