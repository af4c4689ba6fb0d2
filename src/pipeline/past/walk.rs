//! The walk over the points of a stretch: the present's own functions, led by event time.

use super::points::Point;
use crate::{
    locate::{Located, Move, Placed, Track},
    model::{
        Carried, Fix, Hand, PositionRow, StatusNow, StatusRow, StatusSpan, Stretch, VisitRow,
        ZoneId,
    },
    pipeline::doing::{evidence, status_row},
    site::Site,
    utilisation::{self, Evidence, InForce, RuleBook},
};

/// In one room, or in none, since then.
#[derive(Debug, Clone)]
pub(super) struct Stay {
    pub(super) zone: Option<ZoneId>,
    pub(super) from_ms: i64,
}

/// The statuses of an asset while it carried the tag.
pub(super) struct Judged<'a> {
    pub(super) carried: &'a Carried,
    /// What rules said, as it is stored: nothing that holds by hand is in their way.
    pub(super) rules: Vec<StatusSpan>,
    /// The one that the walk began in, by its place in `rules`.
    pub(super) base: Option<usize>,
    now: Option<StatusNow>,
    /// Those that began on the way.
    pub(super) line: Vec<StatusRow>,
}

pub(super) struct Walk<'a> {
    pub(super) stretch: &'a Stretch,
    site: &'a Site,
    rules: &'a RuleBook,
    on_change: bool,
    track: Track,
    /// Visits that had ended by then are not looked at, milliseconds.
    pub(super) since_ms: i64,
    pub(super) line: Vec<Stay>,
    pub(super) judged: Vec<Judged<'a>>,
}

impl<'a> Walk<'a> {
    /// Stands in front of `points[begin]`, in the room that the visits say.
    pub(super) fn begin(
        stretch: &'a Stretch,
        (site, rules): (&'a Site, &'a RuleBook),
        points: &[Point],
        begin: usize,
        on_change: bool,
    ) -> Self {
        let mut track = Track::default();
        for point in &points[..begin] {
            if track.would_be_newest(point.row.time_ms) {
                track.warm_up(&fix_of(&point.row));
                track.heard_until(point.row.until_ms);
            }
        }
        let since_ms = points.get(begin).map_or(stretch.from_ms, |point| point.row.time_ms);
        let judged = stretch.carriers.iter().map(|carried| Judged::begin(carried, since_ms));
        let (line, judged) = (Vec::new(), judged.collect());
        let mut walk = Self { stretch, site, rules, on_change, track, since_ms, line, judged };
        let visit = walk.visit_at(since_ms);
        if let Some(row) = points.get(begin).map(|point| &point.row)
            && (visit.is_some() || begin > 0)
        {
            walk.put(visit, row);
        }
        walk
    }

    /// The visit that the database has at that time.
    fn visit_at(&self, time_ms: i64) -> Option<&'a VisitRow> {
        let begun = self.stretch.visits.partition_point(|visit| visit.entered_ms <= time_ms);
        let visit = self.stretch.visits[..begun].last()?;
        visit.left_ms.is_none_or(|left_ms| left_ms > time_ms).then_some(visit)
    }

    fn put(&mut self, visit: Option<&VisitRow>, row: &PositionRow) {
        let zone = visit.map(|visit| visit.zone.clone());
        let from_ms = visit.map_or(row.time_ms, |visit| visit.entered_ms);
        self.track.put(zone.clone(), row.floor, from_ms);
        self.line = vec![Stay { zone, from_ms }];
        self.since_ms = row.time_ms;
    }

    /// What is stored of the time up to `row` stands, unless a change of room was just then waiting
    /// for its dwell.
    pub(super) fn trust(&mut self, row: &PositionRow) {
        if self.track.is_certain() {
            self.put(self.visit_at(row.time_ms), row);
        }
    }

    /// Goes on to the next row; gives back the room that was held to be the tag's by then.
    pub(super) fn take(&mut self, row: &PositionRow) -> Option<ZoneId> {
        if !self.track.would_be_newest(row.time_ms) {
            return row.zone.clone();
        }
        self.wait(row.time_ms);
        if let Placed::Newest { moved: Some(moved), .. } = self.track.place(&fix_of(row), self.site)
        {
            self.go(&moved);
        }
        if row.until_ms > row.time_ms {
            if let Some(moved) = self.track.settle_within(row.zone.as_ref(), row.until_ms) {
                self.go(&moved);
            }
            // The row stands for many fixes: the second would have found what the first made known,
            // and none of them heard silence.
            self.judge(row.time_ms);
            self.track.heard_until(row.until_ms);
            self.pass(row.time_ms, row.until_ms);
        }
        self.track.room().cloned()
    }

    /// What time alone brings.
    pub(super) fn wait(&mut self, to_ms: i64) {
        if let Some(moved) = self.track.settle(to_ms) {
            self.go(&moved);
        }
        let heard_ms = self.track.last_heard().map_or(to_ms, |(heard_ms, _)| heard_ms);
        self.pass(heard_ms, to_ms);
    }

    /// What time alone brings of a tag that stays as it is.
    fn pass(&mut self, from_ms: i64, to_ms: i64) {
        for due_ms in self.due_ms(from_ms, to_ms) {
            self.judge(due_ms);
        }
        self.judge(to_ms);
    }

    fn go(&mut self, moved: &Move) {
        self.line.push(Stay { zone: moved.entered.clone(), from_ms: moved.at_ms });
    }

    /// When something may follow of the tag that stays as it is, before `to_ms`: in ascending order,
    /// milliseconds. That is the same for all assets.
    fn due_ms(&self, from_ms: i64, to_ms: i64) -> Vec<i64> {
        let (Some(located), Some(judged)) = (self.track.located(), self.judged.first()) else {
            return Vec::new();
        };
        let evidence = self.evidence(judged.carried, &located, to_ms);
        let changes = self.rules.changes_ms().filter(|at_ms| (from_ms..to_ms).contains(at_ms));
        let mut due: Vec<i64> = changes.collect();
        let begins: Vec<i64> = due.iter().copied().chain([from_ms]).collect();
        for begin_ms in begins {
            due.extend(utilisation::due_ms(self.rules.at(begin_ms).rules, evidence));
        }
        // A button may be pressed where no fix follows for long.
        due.extend(self.stretch.presses_ms.iter().filter(|at_ms| **at_ms >= from_ms));
        due.retain(|due_ms| *due_ms < to_ms);
        due.sort_unstable();
        due.dedup();
        due
    }

    fn evidence(&self, carried: &'a Carried, located: &Located, at_ms: i64) -> Evidence<'a> {
        // Between the rows on change lie the tag's silences, not its intervals.
        let interval_ms =
            if self.on_change { self.stretch.interval_ms } else { self.track.interval_ms() };
        let presses_ms = &self.stretch.presses_ms;
        let pressed = presses_ms.partition_point(|pressed_ms| *pressed_ms <= at_ms);
        let pressed_ms = presses_ms[..pressed].last().copied();
        let of_asset = (&carried.class, carried.home_ward.as_ref());
        evidence(of_asset, located, (interval_ms, pressed_ms), self.site)
    }

    /// Nothing is concluded while the room is in doubt.
    fn judge(&mut self, at_ms: i64) {
        if !self.track.is_certain() {
            return;
        }
        let Some(located) = self.track.located() else { return };
        let in_force = self.rules.at(at_ms);
        let carried = self.judged.iter().map(|judged| judged.carried);
        let evidence: Vec<_> =
            carried.map(|carried| self.evidence(carried, &located, at_ms)).collect();
        for (judged, evidence) in self.judged.iter_mut().zip(evidence) {
            judged.take(in_force, evidence, located.zone.as_ref(), at_ms);
        }
    }

    /// True when everything is as it was decided before, from `point` on.
    pub(super) fn meets(&self, point: &Point) -> bool {
        let time_ms = point.row.time_ms;
        let room = self.track.room();
        self.track.is_certain()
            && point.stored.as_ref().is_some_and(|stored| stored.zone.as_ref() == room)
            && self.visit_at(time_ms).map(|visit| &visit.zone) == room
            && self.judged.iter().all(|judged| judged.meets(time_ms))
    }
}

impl<'a> Judged<'a> {
    fn begin(carried: &'a Carried, since_ms: i64) -> Self {
        let since_ms = since_ms.max(carried.from_ms);
        let rules = utilisation::rules_line(&carried.statuses, &carried.beneath);
        // Before its first one nobody asked what the asset did.
        let base = index_at(&rules, since_ms).or_else(|| {
            let later = rules.partition_point(|span| span.row.from_ms <= since_ms);
            let is_carried = |to_ms: i64| rules[later].row.from_ms < to_ms;
            let is_there = later < rules.len();
            (is_there && carried.to_ms.is_none_or(is_carried)).then_some(later)
        });
        let now = base.map(|index| rules[index].now());
        Self { carried, rules, base, now, line: Vec::new() }
    }

    fn covers(&self, time_ms: i64) -> bool {
        let Carried { from_ms, to_ms, .. } = *self.carried;
        from_ms <= time_ms && to_ms.is_none_or(|to_ms| time_ms < to_ms)
    }

    fn take(
        &mut self,
        in_force: InForce<'_>,
        evidence: Evidence<'_>,
        zone: Option<&ZoneId>,
        at_ms: i64,
    ) {
        if !self.covers(at_ms) || self.now.as_ref().is_some_and(|now| now.since_ms > at_ms) {
            return;
        }
        let status = utilisation::next(in_force, self.now.as_ref(), evidence, at_ms);
        let Some(status) = status else { return };
        let row = status_row(&self.carried.asset, &status, zone.cloned());
        self.line.pop_if(|last| last.from_ms == row.from_ms);
        self.line.push(row);
        self.now = Some(status);
    }

    fn meets(&self, time_ms: i64) -> bool {
        // When a claim ends follows from what rules say later.
        let is_claimed =
            |hand: &Hand| hand.is_claim() && (hand.since_ms..hand.until_ms).contains(&time_ms);
        if self.carried.hands.iter().any(is_claimed) {
            return false;
        }
        let stored = index_at(&self.rules, time_ms);
        let stored = stored.map(|index| &self.rules[index].row);
        let is_same = match (stored, &self.now) {
            (Some(stored), Some(now)) => stored.status == now.status && stored.rule == now.rule,
            (None, None) => true,
            _ => false,
        };
        is_same || !self.covers(time_ms)
    }
}

/// The status that lasts at that time, by its place in the list.
fn index_at(statuses: &[StatusSpan], time_ms: i64) -> Option<usize> {
    let index = statuses.partition_point(|span| span.row.from_ms <= time_ms).checked_sub(1)?;
    statuses[index].to_ms.is_none_or(|to_ms| to_ms > time_ms).then_some(index)
}

/// The fix that made a row, as if it had come when it was made.
fn fix_of(row: &PositionRow) -> Fix {
    Fix { received_ms: row.time_ms, ..row.fix() }
}
