//! When something that isn't free is expected to be: from how long the same took lately, given how long
//! it has lasted already. Without enough of a past nothing is expected.

use crate::model::{ClassId, Status, StatusLine, StatusPast};
use std::collections::HashMap;

/// Fewer intervals of the past that ended free are no ground to expect anything on.
const FEWEST: usize = 10;
/// Of a class and status the newest count, so that an answer takes microseconds.
const MOST: usize = 1_000;
/// The statuses that lead to a free one by themselves.
const LEADING: [Status; 3] = [Status::InUse, Status::Dirty, Status::Cleaning];

/// What the past says of how long it takes until assets are free.
#[derive(Debug, Default)]
pub struct Expectations {
    /// Of each class and status, in the order of `until_ms`.
    spells: HashMap<(ClassId, Status), Vec<Spell>>,
}

/// An interval of the past, and what became of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Spell {
    /// When it began, milliseconds.
    from_ms: i64,
    /// How long the status lasted; of one that still does, so far; milliseconds.
    lasted_ms: i64,
    /// From its beginning to when the asset was free, or was last known not to be; milliseconds.
    until_ms: i64,
    /// True when it became free; false: it still isn't, or nobody knew any more.
    is_freed: bool,
}

/// How long something still takes until it is free.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Remaining {
    /// A quarter of its like was free by then, milliseconds.
    pub lower_ms: i64,
    /// Half of its like, milliseconds.
    pub median_ms: i64,
    /// Three quarters, milliseconds.
    pub upper_ms: i64,
    /// How many intervals that says.
    pub intervals: usize,
}

impl Expectations {
    /// Learns from what assets did, each line in the order of time, up to `now_ms`.
    #[must_use]
    pub fn of(lines: &[StatusLine], now_ms: i64) -> Self {
        let mut spells: HashMap<(ClassId, Status), Vec<Spell>> = HashMap::new();
        for line in lines {
            for (status, spell) in spells_of(&line.statuses, now_ms) {
                spells.entry((line.class.clone(), status)).or_default().push(spell);
            }
        }
        for of in spells.values_mut() {
            of.sort_unstable_by_key(|spell| std::cmp::Reverse(spell.from_ms));
            of.truncate(MOST);
            of.sort_unstable_by_key(|spell| (spell.until_ms, !spell.is_freed));
        }
        Self { spells }
    }

    /// How long an asset of `class` still takes that is doing `status` for `lasted_ms`; none: nobody
    /// knows.
    ///
    /// The quartiles are those of Kaplan and Meier (1958), of the intervals that lasted longer than
    /// that: one that was lost from sight, or still goes on, counts for as long as it was seen.
    #[must_use]
    pub fn remaining(&self, class: &ClassId, status: Status, lasted_ms: i64) -> Option<Remaining> {
        let all = self.spells.get(&(class.clone(), status))?;
        let like = || all.iter().filter(move |spell| spell.lasted_ms > lasted_ms);
        let intervals = like().filter(|spell| spell.is_freed).count();
        if intervals < FEWEST {
            return None;
        }
        let mut quartiles = [(0.75, None), (0.5, None), (0.25, None)];
        let mut waiting = like().count();
        let mut share_waiting = 1.0;
        for spell in like() {
            if spell.is_freed {
                share_waiting *= 1.0 - 1.0 / count(waiting);
                for (share, at_ms) in &mut quartiles {
                    // Products of fractions end a hair beside the quarter that they mean.
                    if at_ms.is_none() && share_waiting <= *share + 1e-9 {
                        *at_ms = Some(spell.until_ms - lasted_ms);
                    }
                }
            }
            waiting -= 1;
        }
        let [(_, lower), (_, median), (_, upper)] = quartiles;
        Some(Remaining { lower_ms: lower?, median_ms: median?, upper_ms: upper?, intervals })
    }
}

#[expect(clippy::cast_precision_loss, reason = "a thousand intervals at most")]
fn count(intervals: usize) -> f64 {
    intervals as f64
}

/// The intervals of one asset that lead to a free one, backwards.
fn spells_of(statuses: &[StatusPast], now_ms: i64) -> Vec<(Status, Spell)> {
    let mut spells = Vec::new();
    // When the asset was free, or last known not to be, seen from the interval before.
    let mut end = (now_ms, false);
    let mut next: Option<&StatusPast> = None;
    for past in statuses.iter().rev() {
        let to_ms = past.to_ms.unwrap_or(now_ms);
        end = match next.filter(|next| past.to_ms == Some(next.from_ms)).map(|next| next.status) {
            // What is reserved was free for whoever came first.
            Some(Status::Available | Status::Reserved) => (to_ms, true),
            None | Some(Status::Unknown) => (to_ms, false),
            Some(_) => end,
        };
        next = Some(past);
        if LEADING.contains(&past.status) {
            let spell = Spell {
                from_ms: past.from_ms,
                lasted_ms: to_ms - past.from_ms,
                until_ms: end.0 - past.from_ms,
                is_freed: end.1,
            };
            spells.push((past.status, spell));
        }
    }
    spells
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::LazyLock;

    const MIN_MS: i64 = 60_000;
    static PUMP: LazyLock<ClassId> = LazyLock::new(|| "pump".parse().expect("valid"));

    /// A line of statuses, each with its length in minutes, from 0 on; the last one lasts.
    fn line(statuses: &[(Status, i64)]) -> StatusLine {
        let mut at_ms = 0;
        let mut past: Vec<StatusPast> = Vec::new();
        for (status, minutes) in statuses {
            let from_ms = at_ms;
            at_ms += minutes * MIN_MS;
            past.push(StatusPast { status: *status, from_ms, to_ms: Some(at_ms) });
        }
        past.last_mut().expect("some").to_ms = None;
        StatusLine { class: PUMP.clone(), statuses: past }
    }

    fn of(lines: &[StatusLine]) -> Expectations {
        Expectations::of(lines, 100_000 * MIN_MS)
    }

    fn minutes(remaining: Option<Remaining>) -> Option<[i64; 3]> {
        remaining.map(|r| [r.lower_ms, r.median_ms, r.upper_ms].map(|ms| ms / MIN_MS))
    }

    /// Twenty uses of 10, 20 ... 200 minutes, each dirty for five and cleaned for another five.
    fn uses() -> Vec<StatusLine> {
        let of = |n: i64| {
            line(&[
                (Status::InUse, n * 10),
                (Status::Dirty, 5),
                (Status::Cleaning, 5),
                (Status::Available, 1),
            ])
        };
        (1..=20).map(of).collect()
    }

    #[test]
    fn what_was_just_begun_takes_as_long_as_the_like_of_it_did_cleaning_included() {
        let expected = of(&uses());
        let begun = expected.remaining(&PUMP, Status::InUse, 0).expect("known");
        assert_eq!((minutes(Some(begun)), begun.intervals), (Some([60, 110, 160]), 20));
        let dirty = expected.remaining(&PUMP, Status::Dirty, 0);
        assert_eq!(minutes(dirty), Some([10, 10, 10]), "and cleaned");
        assert_eq!(minutes(expected.remaining(&PUMP, Status::Cleaning, MIN_MS)), Some([4, 4, 4]));
    }

    #[test]
    fn what_has_lasted_long_is_compared_with_what_lasted_longer_still() {
        let expected = of(&uses());
        let late = expected.remaining(&PUMP, Status::InUse, 100 * MIN_MS).expect("known");
        assert_eq!(late.intervals, 10);
        assert_eq!(minutes(Some(late)), Some([40, 60, 90]), "of 110 to 200, and cleaning");
    }

    #[test]
    fn without_enough_of_a_past_nothing_is_expected() {
        let expected = of(&uses());
        assert_eq!(expected.remaining(&PUMP, Status::InUse, 110 * MIN_MS), None, "nine are longer");
        assert_eq!(expected.remaining(&PUMP, Status::Maintenance, 0), None);
        let bed = "bed".parse().expect("valid");
        assert_eq!(expected.remaining(&bed, Status::InUse, 0), None);
        assert_eq!(Expectations::default().remaining(&PUMP, Status::InUse, 0), None);
    }

    #[test]
    fn what_was_lost_from_sight_or_goes_on_counts_for_as_long_as_it_was_seen() {
        let mut lines = uses();
        lines.push(line(&[(Status::InUse, 15), (Status::Unknown, 500), (Status::Available, 1)]));
        let expected = of(&lines);
        let begun = expected.remaining(&PUMP, Status::InUse, 0);
        assert_eq!(minutes(begun), Some([60, 110, 160]), "it left before it could tell more");
        assert_eq!(begun.map(|r| r.intervals), Some(20), "and ended free for nobody");
        // Of as many that never ended, more than a quarter is known to take longer than all others.
        lines.extend((0..10).map(|_| line(&[(Status::InUse, 1)])));
        assert_eq!(of(&lines).remaining(&PUMP, Status::InUse, 0), None);
    }

    #[test]
    fn a_hole_in_what_is_known_ends_it_like_unknown_time() {
        let mut holed = line(&[(Status::InUse, 10), (Status::Available, 1)]);
        holed.statuses[1].from_ms += MIN_MS;
        let spells = spells_of(&holed.statuses, 100 * MIN_MS);
        assert!(!spells[0].1.is_freed && spells[0].1.until_ms == 10 * MIN_MS, "{spells:?}");
    }
}
