//! What a late fix makes uncertain: what it may amend of the past, and what of the present rests on that.

use super::{SETTLED_AFTER, TagWork, decided_move};
use crate::{
    locate::Move,
    model::{AssetId, Decided, Fix, PositionRow, TagId, ZoneId, freshness},
    site::Site,
};
use serde::{Deserialize, Serialize};

/// What time alone decided, because nothing was heard. A fix that was on its way all the while shows
/// that there was no silence.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Presumed {
    /// What was decided is dated so, milliseconds.
    from_ms: i64,
    /// Up to then nothing was thought to have happened, milliseconds.
    until_ms: i64,
    /// True: any fix before `until_ms` speaks against it; else only one that moves the tag.
    is_silence: bool,
    is_wrong: bool,
}

impl TagWork {
    /// The present stays as it is; whether the past does is decided by storage, which knows it.
    pub(super) fn take_late(
        &mut self,
        fix: &Fix,
        site: &Site,
        on_change: bool,
        out: &mut Vec<Decided>,
    ) {
        let zone = site.room_at(fix.floor, fix.x_m, fix.y_m).cloned();
        let row = PositionRow::of(fix, zone);
        // Decided here and not by what is stored, so that a journal gives the same rows however
        // they are gathered into transactions.
        if on_change && let Some(open) = &mut self.open {
            if open.says(&row) {
                return;
            }
            open.divide(&row, out);
        }
        // Of two fixes of one moment the first one counts.
        let is_second =
            self.track.last_heard().is_some_and(|(heard_ms, _)| heard_ms == row.time_ms);
        let says_the_same = is_second || self.says_the_same(&row);
        if !says_the_same {
            self.unsettled = SETTLED_AFTER;
            self.asked_ms = Some(fix.received_ms);
        }
        let interval_ms = self.track.interval_ms();
        out.push(Decided::Late { row, amends: !says_the_same, interval_ms });
    }

    /// True when a late row is in the room of the present visit, and within it.
    fn says_the_same(&self, row: &PositionRow) -> bool {
        self.track.is_certain()
            && self.track.visit().is_some_and(|(room, entered_ms)| {
                Some(room) == row.zone && row.time_ms >= entered_ms.max(self.heard_since_ms)
            })
    }

    /// A newer fix is placed: was anything decided before that it speaks against?
    pub(super) fn follow(
        &mut self,
        fix: &Fix,
        before_ms: Option<i64>,
        moved: Option<&Move>,
        out: &mut Vec<Decided>,
    ) {
        let longest_ms = freshness::lost_after_ms(0);
        if before_ms.is_none_or(|before_ms| fix.time_ms - before_ms > longest_ms) {
            self.heard_since_ms = fix.time_ms;
        }
        let mut from_ms = moved.filter(|_| self.is_unsettled()).map(|moved| moved.at_ms);
        let mut to_ms = fix.time_ms;
        self.unsettled = self.unsettled.saturating_sub(1);
        if let Some(presumed) = &mut self.presumed {
            let is_within = fix.time_ms < presumed.until_ms;
            if is_within && (presumed.is_silence || moved.is_some() || !self.track.is_certain()) {
                presumed.from_ms = presumed.from_ms.min(fix.time_ms);
                to_ms = presumed.until_ms;
                if !std::mem::replace(&mut presumed.is_wrong, true) || moved.is_some() {
                    from_ms = Some(presumed.from_ms);
                }
                self.unsettled = SETTLED_AFTER;
            } else if !is_within {
                from_ms = if presumed.is_wrong { Some(presumed.from_ms) } else { from_ms };
                self.presumed = None;
            }
        }
        if let Some(from_ms) = from_ms {
            self.asked_ms = Some(fix.received_ms);
            let (tag, interval_ms) = (fix.tag.clone(), self.track.interval_ms());
            out.push(Decided::Redecide { tag, from_ms, to_ms, interval_ms });
        }
    }

    /// Something dated `from_ms` was decided by time alone, on the grounds that nothing was heard
    /// until `until_ms`.
    pub(in super::super) fn presume(&mut self, from_ms: i64, until_ms: i64, is_silence: bool) {
        let presumed = self.presumed.get_or_insert(Presumed {
            from_ms,
            until_ms,
            is_silence,
            is_wrong: false,
        });
        presumed.from_ms = presumed.from_ms.min(from_ms);
        presumed.until_ms = presumed.until_ms.max(until_ms);
        presumed.is_silence |= is_silence;
    }

    /// True when a fix of that time would be the newest.
    pub(in super::super) fn would_be_newest(&self, time_ms: i64) -> bool {
        self.track.would_be_newest(time_ms)
    }

    /// In the room that was entered at `entered_ms`, the asset's status stays until then.
    pub(in super::super) fn be_quiet(&mut self, entered_ms: i64, until_ms: i64) {
        self.quiet = Some((entered_ms, until_ms));
    }

    /// True when the asset's status needn't be asked for at that time.
    pub(in super::super) fn is_quiet(&self, at_ms: i64) -> bool {
        self.quiet.is_some_and(|(entered_ms, until_ms)| {
            at_ms < until_ms && self.track.is_certain() && self.track.entered_ms() == entered_ms
        })
    }

    /// What the status follows from has changed otherwise than by a fix.
    pub(in super::super) fn ask_again(&mut self) {
        self.quiet = None;
    }

    /// True when no change of room waits for its dwell.
    pub(in super::super) fn is_certain(&self) -> bool {
        self.track.is_certain()
    }

    /// Decides what was due by `to_ms`, the time of the next fix, as a tick would have.
    pub(in super::super) fn settle(
        &mut self,
        tag: &TagId,
        asset: Option<&AssetId>,
        to_ms: i64,
        received_ms: i64,
        out: &mut Vec<Decided>,
    ) {
        if let Some(moved) = self.track.settle(to_ms) {
            decided_move(tag, asset, &moved, out);
            self.rethink(tag, (moved.at_ms, to_ms), received_ms, out);
        }
    }

    /// What was decided of a stretch is decided anew where a late fix may amend its grounds.
    pub(in super::super) fn rethink(
        &mut self,
        tag: &TagId,
        (from_ms, to_ms): (i64, i64),
        received_ms: i64,
        out: &mut Vec<Decided>,
    ) {
        if self.is_unsettled() {
            self.think_anew(tag, (from_ms, to_ms), received_ms, out);
        }
    }

    /// What was decided of a stretch is decided anew.
    pub(in super::super) fn think_anew(
        &mut self,
        tag: &TagId,
        (from_ms, to_ms): (i64, i64),
        received_ms: i64,
        out: &mut Vec<Decided>,
    ) {
        self.asked_ms = Some(received_ms);
        let (tag, interval_ms) = (tag.clone(), self.track.interval_ms());
        out.push(Decided::Redecide { tag, from_ms, to_ms, interval_ms });
    }

    /// What is decided now rests on what a late fix may still amend.
    fn is_unsettled(&self) -> bool {
        self.unsettled > 0 || self.asked_ms.is_some()
    }

    /// Storage has decided anew whatever it was asked to by then.
    pub(in super::super) fn settled(&mut self, at_ms: i64) {
        self.asked_ms.take_if(|asked_ms| *asked_ms <= at_ms);
    }

    /// What a late fix amended of the visit that lasts; false when the tag has gone on since.
    pub(in super::super) fn amend(
        &mut self,
        was: Option<&(ZoneId, i64)>,
        now: Option<&(ZoneId, i64)>,
    ) -> bool {
        self.track.amend(was, now)
    }
}
