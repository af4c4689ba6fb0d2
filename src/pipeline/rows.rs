//! Which rows of `position` a tag's fixes make.
//!
//! Stored on change, a row holds the place with the noise taken out, which the pages show too. While
//! that is within the accuracy of the row's, in the same room and on the same UTC day, and the tag
//! doesn't begin or cease to move and isn't silent for ten minutes, the row is extended: so the answer of a history query is off by the
//! fix's accuracy at most. The single fix would not do: one in ten lies beyond its own accuracy. An
//! open row is stored at once, its `until` at most a minute later.

use crate::model::{Decided, PositionRow, TagId, ZoneId, freshness::MAX_INTERVAL_MS};
use serde::{Deserialize, Serialize};

/// How long `until` may stay unwritten, milliseconds.
const WRITTEN_EVERY_MS: i64 = 60_000;
const DAY_MS: i64 = 86_400_000;

/// The newest row of a tag.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct OpenRow {
    time_ms: i64,
    seq: Option<u32>,
    x_m: f64,
    y_m: f64,
    floor: i16,
    accuracy_m: f32,
    zone: Option<ZoneId>,
    moving: Option<bool>,
    portal: Option<bool>,
    until_ms: i64,
    written_ms: i64,
}

impl OpenRow {
    pub(super) fn restored(row: &PositionRow) -> Self {
        Self {
            time_ms: row.time_ms,
            seq: row.seq,
            x_m: row.x_m,
            y_m: row.y_m,
            floor: row.floor,
            accuracy_m: row.accuracy_m,
            zone: row.zone.clone(),
            moving: row.moving,
            portal: row.portal,
            until_ms: row.until_ms,
            written_ms: row.until_ms,
        }
    }

    /// Takes the newest fix as a row: it extends the open one, or ends it and is the next.
    pub(super) fn take(
        open: &mut Option<Self>,
        row: PositionRow,
        on_change: bool,
        out: &mut Vec<Decided>,
    ) {
        if on_change && let Some(before) = open {
            if before.covers(&row) {
                before.until_ms = row.time_ms;
                return before.extend_if_due(&row.tag, row.time_ms, out);
            }
            before.extend(&row.tag, out);
        }
        *open = Some(Self::restored(&row));
        out.push(Decided::Position(row));
    }

    pub(super) fn covers(&self, row: &PositionRow) -> bool {
        self.is_where(row)
            && row.time_ms - self.until_ms <= MAX_INTERVAL_MS
            && self.time_ms.div_euclid(DAY_MS) == row.time_ms.div_euclid(DAY_MS)
    }

    /// True when a late row would say nothing new: the tag was there then, and before and after.
    pub(super) fn says(&self, late: &PositionRow) -> bool {
        (self.time_ms..=self.until_ms).contains(&late.time_ms) && self.is_where(late)
    }

    /// A late fix within the row that says another place divides it: it ends before, and goes on as
    /// another row after. The moments of the fixes between aren't known: one millisecond is left out.
    pub(super) fn divide(&mut self, late: &PositionRow, out: &mut Vec<Decided>) {
        if late.time_ms < self.time_ms || late.time_ms >= self.until_ms {
            return;
        }
        let Self { time_ms, seq, .. } = *self;
        let (tag, until_ms) = (late.tag.clone(), (late.time_ms - 1).max(time_ms));
        out.push(Decided::Cut { tag, time_ms, seq, until_ms });
        let rest = PositionRow {
            tag: late.tag.clone(),
            time_ms: late.time_ms + 1,
            until_ms: self.until_ms,
            received_ms: late.received_ms,
            seq: None,
            x_m: self.x_m,
            y_m: self.y_m,
            floor: self.floor,
            accuracy_m: self.accuracy_m,
            zone: self.zone.clone(),
            moving: self.moving,
            portal: self.portal,
        };
        *self = Self::restored(&rest);
        out.push(Decided::Position(rest));
    }

    fn is_where(&self, row: &PositionRow) -> bool {
        let distance_m = (row.x_m - self.x_m).hypot(row.y_m - self.y_m);
        self.floor == row.floor
            && self.zone == row.zone
            && row.moving.is_none_or(|moving| self.moving == Some(moving))
            && distance_m <= f64::from(row.accuracy_m.min(self.accuracy_m))
    }

    /// Writes `until` when the last writing is a minute old.
    pub(super) fn extend_if_due(&mut self, tag: &TagId, now_ms: i64, out: &mut Vec<Decided>) {
        if now_ms - self.written_ms >= WRITTEN_EVERY_MS {
            self.extend(tag, out);
        }
    }

    /// Writes `until` when it is later than what was written.
    pub(super) fn extend(&mut self, tag: &TagId, out: &mut Vec<Decided>) {
        if self.until_ms > self.written_ms {
            self.written_ms = self.until_ms;
            let Self { time_ms, seq, until_ms, .. } = *self;
            out.push(Decided::Extend { tag: tag.clone(), time_ms, seq, until_ms });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(time_ms: i64, x_m: f64) -> PositionRow {
        PositionRow {
            tag: TagId::new("t").expect("valid"),
            time_ms,
            until_ms: time_ms,
            received_ms: time_ms,
            seq: None,
            x_m,
            y_m: 0.0,
            floor: 0,
            accuracy_m: 0.8,
            zone: None,
            moving: None,
            portal: None,
        }
    }

    fn kinds(out: &[Decided]) -> Vec<&'static str> {
        out.iter()
            .map(|d| match d {
                Decided::Position(_) => "row",
                Decided::Extend { .. } => "until",
                _ => "other",
            })
            .collect()
    }

    #[test]
    fn a_tag_that_stands_still_has_one_row_and_an_until_a_minute() {
        let (mut open, mut out) = (None, Vec::new());
        for i in 0..90 {
            OpenRow::take(
                &mut open,
                row(i * 2_000, if i % 2 == 0 { 0.0 } else { 0.5 }),
                true,
                &mut out,
            );
        }
        assert_eq!(kinds(&out), ["row", "until", "until"]);
    }

    #[test]
    fn a_step_beyond_the_accuracy_ends_the_row_where_it_was_last_seen() {
        let (mut open, mut out) = (None, Vec::new());
        for (time_ms, x_m) in [(0, 0.0), (2_000, 0.2), (4_000, 1.5)] {
            OpenRow::take(&mut open, row(time_ms, x_m), true, &mut out);
        }
        assert_eq!(kinds(&out), ["row", "until", "row"]);
        assert!(matches!(out[1], Decided::Extend { time_ms: 0, until_ms: 2_000, .. }));
    }

    #[test]
    fn a_tag_that_begins_to_move_has_another_row_and_one_that_says_nothing_of_it_none() {
        let (mut open, mut out) = (None, Vec::new());
        for (time_ms, moving) in
            [(0, None), (2_000, Some(true)), (4_000, None), (6_000, Some(false))]
        {
            OpenRow::take(&mut open, PositionRow { moving, ..row(time_ms, 0.0) }, true, &mut out);
        }
        assert_eq!(kinds(&out), ["row", "row", "until", "row"]);
    }

    #[test]
    fn slow_creeping_is_not_standing_still() {
        let (mut open, mut out) = (None, Vec::new());
        for i in 0..100u32 {
            OpenRow::take(&mut open, row(i64::from(i) * 1_000, f64::from(i) * 0.1), true, &mut out);
        }
        assert!(kinds(&out).iter().filter(|k| **k == "row").count() >= 11, "{:?}", kinds(&out));
    }

    #[test]
    fn a_row_ends_at_midnight() {
        let (mut open, mut out) = (None, Vec::new());
        OpenRow::take(&mut open, row(DAY_MS - 1_000, 0.0), true, &mut out);
        OpenRow::take(&mut open, row(DAY_MS, 0.0), true, &mut out);
        assert_eq!(kinds(&out), ["row", "row"]);
    }

    #[test]
    fn nobody_knows_where_it_was_during_a_long_silence() {
        let (mut open, mut out) = (None, Vec::new());
        OpenRow::take(&mut open, row(0, 0.0), true, &mut out);
        OpenRow::take(&mut open, row(MAX_INTERVAL_MS + 1, 0.0), true, &mut out);
        assert_eq!(kinds(&out), ["row", "row"]);
    }

    #[test]
    fn a_late_fix_says_nothing_where_the_tag_stood_all_the_while() {
        let (mut open, mut out) = (None, Vec::new());
        for time_ms in [0, 10_000] {
            OpenRow::take(&mut open, row(time_ms, 0.0), true, &mut out);
        }
        let open = open.expect("open");
        assert!(open.says(&row(5_000, 0.5)) && open.says(&row(10_000, 0.0)));
        assert!(!open.says(&row(5_000, 2.0)), "elsewhere");
        assert!(!open.says(&row(10_001, 0.0)) && !open.says(&row(-1, 0.0)), "another time");
    }

    #[test]
    fn switched_off_every_fix_is_a_row() {
        let (mut open, mut out) = (None, Vec::new());
        for i in 0..5 {
            OpenRow::take(&mut open, row(i * 2_000, 0.0), false, &mut out);
        }
        assert_eq!(kinds(&out), ["row"; 5]);
    }
}
