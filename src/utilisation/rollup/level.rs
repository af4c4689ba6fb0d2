//! How many at the same time: comings and goings, led through time, and what most ask of them.

use crate::model::{Level, Name, UseHour};
use std::collections::BTreeMap;

/// Comings and goings, in any order.
#[derive(Debug, Default)]
pub(super) struct Changes {
    /// When, milliseconds, and by how many.
    changes: Vec<(i64, i32)>,
    /// Since when anything is told of them, milliseconds.
    recorded_ms: Option<i64>,
}

impl Changes {
    /// From then on it is known how many there are, be it none.
    pub(super) fn recorded(&mut self, from_ms: i64) {
        self.recorded_ms = Some(self.recorded_ms.map_or(from_ms, |known| known.min(from_ms)));
    }

    /// One more in that stretch of time.
    pub(super) fn between(&mut self, from_ms: i64, to_ms: i64) {
        self.changes.extend([(from_ms, 1), (to_ms, -1)]);
    }

    /// Tells every stretch of time from its first record on, and how many there were in it. Whatever
    /// goes when another comes is not there at the same time.
    pub(super) fn sweep(mut self, from_ms: i64, to_ms: i64, mut tell: impl FnMut(i64, i64, u32)) {
        let Some(recorded_ms) = self.recorded_ms else { return };
        self.changes.sort_unstable();
        let mut at_ms = recorded_ms.max(from_ms);
        let mut level = 0_i32;
        let mut changes = self.changes.into_iter().peekable();
        while at_ms < to_ms {
            while let Some((_, by)) = changes.next_if(|(ms, _)| *ms <= at_ms) {
                level += by;
            }
            let next_ms = changes.peek().map_or(to_ms, |(ms, _)| (*ms).min(to_ms));
            tell(at_ms, next_ms, level.max(0).unsigned_abs());
            at_ms = next_ms;
        }
    }
}

/// Of every hour, how high the levels were: `levels` holds how long there were how many, milliseconds.
pub(super) fn uses(
    levels: &BTreeMap<(i64, Name, Level, u32), i64>,
) -> BTreeMap<(i64, Name, Level), UseHour> {
    let mut uses: BTreeMap<(i64, Name, Level), UseHour> = BTreeMap::new();
    for ((hour_ms, class, kind, level), ms) in levels {
        let hour = uses.entry((*hour_ms, *class, *kind)).or_default();
        hour.recorded_ms += ms;
        hour.level_ms += i64::from(*level) * ms;
        hour.highest = hour.highest.max(*level);
    }
    let mut up_to_ms = BTreeMap::new();
    for ((hour_ms, class, kind, level), ms) in levels {
        let key = (*hour_ms, *class, *kind);
        let Some(hour) = uses.get_mut(&key) else { continue };
        let up_to_ms = up_to_ms.entry(key).or_insert(0_i64);
        let was_passed = *up_to_ms >= share_ms(hour.recorded_ms);
        *up_to_ms += ms;
        if !was_passed {
            hour.p95 = *level;
        }
    }
    uses
}

/// 95 % of a time, milliseconds, half a millisecond rounded down.
fn share_ms(ms: i64) -> i64 {
    (19 * ms + 9) / 20
}
