//! What one tag sent lately, each message as its difference to the one before: a tag that counts up
//! and reports every two seconds costs four bytes a message. Nothing is lost by it, so that no two
//! messages with different times or counters are ever taken for one.

use serde::{Deserialize, Serialize};
use std::collections::VecDeque;

/// So many messages of a tag are remembered,
const REMEMBERED: u16 = 256;
/// and so long, milliseconds.
const WITHIN_MS: i64 = 600_000;
/// The time of receipt is remembered in steps of so many milliseconds.
const STEP_MS: i64 = 4_000;
/// Memory grows by so many bytes: doubling would leave half of it empty in every tag.
const GROWTH: usize = 64;

/// By what a message is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Key {
    /// A position with a time.
    Timed { seq: Option<u32>, time_ms: i64 },
    /// A position with a counter only, and 32 bits of a hash of what it says.
    Counted { seq: u32, digest: u32 },
    /// A sighting, and 32 bits of a hash of its reader and strength.
    Heard { time_ms: i64, digest: u32 },
}

/// The messages of one tag, the oldest first.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Recent {
    messages: VecDeque<u8>,
    count: u16,
    /// What stands before the oldest.
    before: Mark,
    /// What the newest set.
    last: Mark,
    /// The latest time of all that were ever remembered: what is later can't be a repeat.
    latest_ms: Option<i64>,
    /// Where the messages of the latest time begin: many readers hear a tag at the same time.
    #[serde(skip)]
    newest: Option<Newest>,
}

/// The first message of the latest time; those before it are of earlier times or of none.
#[derive(Debug, Clone, Copy)]
struct Newest {
    /// What stands before it.
    before: Mark,
    /// How many bytes and messages there are from it on.
    bytes: u32,
    count: u16,
}

/// What differences are taken from.
#[derive(Debug, Default, Clone, Copy, Serialize, Deserialize)]
struct Mark {
    seq: u32,
    time_ms: i64,
    step: i64,
}

/// The lowest bits of a message's first byte: its kind; the rest is how many steps after the one
/// before it came, [`STEPS_FOLLOW`] when the number follows.
const COUNTED: u8 = 1;
const HEARD: u8 = 2;
const TIMED_AND_COUNTED: u8 = 3;
const KIND_BITS: u8 = 2;
const STEPS_FOLLOW: u8 = u8::MAX >> KIND_BITS;

impl Recent {
    /// True when the message is among the remembered; else it is remembered.
    pub(super) fn seen(&mut self, key: Key, received_ms: i64) -> bool {
        let step = received_ms / STEP_MS;
        while self.count > 0 && step - self.oldest_step() > WITHIN_MS / STEP_MS {
            self.drop_oldest();
        }
        if !self.is_later(key) && self.contains(key) {
            return true;
        }
        if self.count == REMEMBERED {
            self.drop_oldest();
        }
        self.push(key, step);
        false
    }

    fn is_later(&self, key: Key) -> bool {
        match key {
            Key::Timed { time_ms, .. } | Key::Heard { time_ms, .. } => {
                self.latest_ms.is_none_or(|latest_ms| time_ms > latest_ms)
            }
            Key::Counted { .. } => false,
        }
    }

    fn contains(&self, key: Key) -> bool {
        let (mut mark, before, count) = match (key, self.newest) {
            (Key::Timed { time_ms, .. } | Key::Heard { time_ms, .. }, Some(newest))
                if Some(time_ms) == self.latest_ms && newest.count <= self.count =>
            {
                (newest.before, self.messages.len() - newest.bytes as usize, newest.count)
            }
            _ => (self.before, 0, self.count),
        };
        let mut bytes = self.messages.range(before..).copied();
        (0..count).any(|_| take(&mut bytes, &mut mark) == key)
    }

    fn oldest_step(&self) -> i64 {
        let mut mark = self.before;
        take(&mut self.messages.iter().copied(), &mut mark);
        mark.step
    }

    fn drop_oldest(&mut self) {
        let mut bytes = self.messages.iter().copied();
        take(&mut bytes, &mut self.before);
        let used = self.messages.len() - bytes.len();
        self.messages.drain(..used);
        self.count -= 1;
    }

    fn push(&mut self, key: Key, step: i64) {
        let mut bytes = Vec::with_capacity(24);
        let before = self.last;
        put(&mut bytes, key, step, &mut self.last);
        if self.is_later(key) {
            self.newest = Some(Newest { before, bytes: 0, count: 0 });
        }
        if let Some(newest) = &mut self.newest {
            // More than a tag's memory of them is as good as all of it.
            newest.bytes =
                newest.bytes.saturating_add(u32::try_from(bytes.len()).unwrap_or(u32::MAX));
            newest.count = newest.count.saturating_add(1);
        }
        if self.messages.capacity() - self.messages.len() < bytes.len() {
            self.messages.reserve_exact(GROWTH);
        }
        self.messages.extend(bytes);
        self.count += 1;
        if let Key::Timed { time_ms, .. } | Key::Heard { time_ms, .. } = key {
            self.latest_ms = self.latest_ms.max(Some(time_ms));
        }
    }
}

fn put(out: &mut Vec<u8>, key: Key, step: i64, last: &mut Mark) {
    let steps = step - last.step;
    last.step = step;
    let kind = match key {
        Key::Timed { seq: None, .. } => 0,
        Key::Counted { .. } => COUNTED,
        Key::Heard { .. } => HEARD,
        Key::Timed { seq: Some(_), .. } => TIMED_AND_COUNTED,
    };
    match u8::try_from(steps).ok().filter(|steps| *steps < STEPS_FOLLOW) {
        Some(steps) => out.push(steps << KIND_BITS | kind),
        None => {
            out.push(STEPS_FOLLOW << KIND_BITS | kind);
            put_number(out, steps);
        }
    }
    if let Key::Timed { seq: Some(seq), .. } | Key::Counted { seq, .. } = key {
        put_number(out, i64::from(seq.wrapping_sub(last.seq).cast_signed()));
        last.seq = seq;
    }
    if let Key::Timed { time_ms, .. } | Key::Heard { time_ms, .. } = key {
        put_number(out, time_ms.wrapping_sub(last.time_ms));
        last.time_ms = time_ms;
    }
    if let Key::Counted { digest, .. } | Key::Heard { digest, .. } = key {
        out.extend(digest.to_le_bytes());
    }
}

/// Reads what [`put`] wrote.
fn take(bytes: &mut impl Iterator<Item = u8>, mark: &mut Mark) -> Key {
    let head = bytes.next().unwrap_or_default();
    let (kind, steps) = (head & !(u8::MAX << KIND_BITS), head >> KIND_BITS);
    mark.step += if steps == STEPS_FOLLOW { take_number(bytes) } else { i64::from(steps) };
    if matches!(kind, COUNTED | TIMED_AND_COUNTED) {
        #[expect(clippy::cast_possible_truncation, reason = "it was 32 bits wide")]
        let step = (take_number(bytes) as i32).cast_unsigned();
        mark.seq = mark.seq.wrapping_add(step);
    }
    if kind != COUNTED {
        mark.time_ms = mark.time_ms.wrapping_add(take_number(bytes));
    }
    let (seq, time_ms) = (mark.seq, mark.time_ms);
    match kind {
        COUNTED => Key::Counted { seq, digest: take_digest(bytes) },
        HEARD => Key::Heard { time_ms, digest: take_digest(bytes) },
        TIMED_AND_COUNTED => Key::Timed { seq: Some(seq), time_ms },
        _ => Key::Timed { seq: None, time_ms },
    }
}

fn take_digest(bytes: &mut impl Iterator<Item = u8>) -> u32 {
    u32::from_le_bytes(std::array::from_fn(|_| bytes.next().unwrap_or_default()))
}

/// LEB128 of the number with its sign in the lowest bit.
fn put_number(out: &mut Vec<u8>, number: i64) {
    let mut left = ((number << 1) ^ (number >> 63)).cast_unsigned();
    while left > 0x7f {
        out.push(left.to_le_bytes()[0] | 0x80);
        left >>= 7;
    }
    out.push(left.to_le_bytes()[0]);
}

fn take_number(bytes: &mut impl Iterator<Item = u8>) -> i64 {
    let mut number = 0u64;
    for shift in (0..64).step_by(7) {
        let byte = bytes.next().unwrap_or_default();
        number |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            break;
        }
    }
    (number >> 1).cast_signed() ^ -(number & 1).cast_signed()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn any_key() -> impl Strategy<Value = Key> {
        let near = 0..40i64;
        let time_ms = prop_oneof![8 => near.prop_map(|t| t * 2_000), 1 => any::<i64>()];
        let seq = prop_oneof![8 => 0..40u32, 1 => any::<u32>()];
        prop_oneof![
            (prop::option::of(seq.clone()), time_ms.clone())
                .prop_map(|(seq, time_ms)| Key::Timed { seq, time_ms }),
            (seq, 0..4u32).prop_map(|(seq, digest)| Key::Counted { seq, digest }),
            (time_ms, any::<u32>()).prop_map(|(time_ms, digest)| Key::Heard { time_ms, digest }),
        ]
    }

    proptest! {
        #[test]
        fn it_remembers_exactly_the_last_256_within_ten_minutes(
            messages in prop::collection::vec((any_key(), 0..30_000i64), 0..600),
        ) {
            let mut recent = Recent::default();
            let mut model: VecDeque<(Key, i64)> = VecDeque::new();
            let mut received_ms = 1_795_385_000_000;
            for (number, (key, later_ms)) in messages.into_iter().enumerate() {
                received_ms += later_ms;
                if number % 50 == 49 {
                    // As a start from a checkpoint finds it.
                    let kept = postcard::to_stdvec(&recent).expect("it can be kept");
                    recent = postcard::from_bytes(&kept).expect("it can be read");
                }
                let step = received_ms / STEP_MS;
                model.retain(|(_, at)| step - at <= WITHIN_MS / STEP_MS);
                let expected = model.iter().any(|(known, _)| *known == key);
                prop_assert_eq!(recent.seen(key, received_ms), expected);
                if !expected {
                    if model.len() == usize::from(REMEMBERED) {
                        model.pop_front();
                    }
                    model.push_back((key, step));
                }
                prop_assert_eq!(usize::from(recent.count), model.len());
            }
        }
    }

    #[test]
    fn an_ordinary_message_costs_four_bytes() {
        let mut recent = Recent::default();
        for i in 0..1_000u32 {
            let time_ms = 1_795_385_000_000 + i64::from(i) * 2_000;
            recent.seen(Key::Timed { seq: Some(i), time_ms }, time_ms);
        }
        assert_eq!(recent.count, REMEMBERED);
        assert!(recent.messages.capacity() <= 4 * usize::from(REMEMBERED) + 2 * GROWTH);
    }
}
