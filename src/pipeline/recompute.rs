//! Runs the rules over the past of an asset again: the same function that decides the present is led
//! over its stays, button presses and motion in the order of time.
//!
//! Where the thing was, and when nothing was heard of it, are facts that rules don't change: they
//! come from what is stored. What people said by hand is laid over the new line as ever. Pure: the
//! same course gives the same answer, and under the rules of then it is what there was.

use super::{
    changes::{NEVER_SEEN, NO_TAG},
    doing::status_row,
    past::statuses::{Line, lay},
};
use crate::{
    model::{
        Basis, Carriage, Carried, Course, Redecided, Status, StatusNow, StatusRow, StatusSpan,
        Stayed,
    },
    utilisation::{self, Evidence, InForce, LOST, RuleBook, rules_line},
};

/// Which part of the past.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Again {
    /// What began before this stays, milliseconds.
    pub from_ms: i64,
    /// From here on nothing changes, but for what follows from what was before, milliseconds.
    pub to_ms: i64,
    /// What time alone brought up to here is decided, milliseconds.
    pub at_ms: i64,
}

/// What is another of an asset's line when its statuses are decided by the rules of `book`.
#[must_use]
pub fn recompute(course: &Course, book: &RuleBook, again: Again) -> Redecided {
    let mut out = Redecided::default();
    for carried in unbroken(&course.carried) {
        let before = rules_line(&carried.statuses, &carried.beneath);
        let is_present = before.last().is_some_and(|last| last.to_ms.is_none());
        let walk = Walk::new(course, book, again, (&carried, &before));
        let rules = walk.run();
        let line = Line { carried: &carried, before: &before, rules: &rules, is_present };
        lay(&line, None, again.at_ms, &mut out);
    }
    out
}

/// The stretches of the line without a gap: an asset that was retired for a while has two.
fn unbroken(carried: &Carried) -> Vec<Carried> {
    let mut parts: Vec<Carried> = Vec::new();
    let empty = || Carried {
        statuses: Vec::new(),
        beneath: Vec::new(),
        hands: Vec::new(),
        ..carried.clone()
    };
    for span in &carried.statuses {
        let end_ms = parts.last().and_then(|part| part.statuses.last()).map(|last| last.to_ms);
        if end_ms.is_none_or(|end_ms| end_ms != Some(span.row.from_ms)) {
            parts.push(empty());
        }
        if let Some(part) = parts.last_mut() {
            part.statuses.push(span.clone());
        }
    }
    let begins: Vec<i64> = parts.iter().map(|part| part.statuses[0].row.from_ms).collect();
    let part_at = |at_ms: i64| begins.partition_point(|from_ms| *from_ms <= at_ms).checked_sub(1);
    for row in &carried.beneath {
        if let Some(part) = part_at(row.from_ms) {
            parts[part].beneath.push(row.clone());
        }
    }
    for hand in &carried.hands {
        if let Some(part) = part_at(hand.since_ms) {
            parts[part].hands.push(hand.clone());
        }
    }
    parts
}

struct Walk<'a> {
    carried: &'a Carried,
    carriages: &'a [Carriage],
    book: &'a RuleBook,
    again: Again,
    /// What rules said, as it is stored.
    before: &'a [StatusSpan],
    now: Option<StatusNow>,
    line: Vec<StatusRow>,
}

impl<'a> Walk<'a> {
    fn new(
        course: &'a Course,
        book: &'a RuleBook,
        again: Again,
        (carried, before): (&'a Carried, &'a [StatusSpan]),
    ) -> Self {
        let stays = before.partition_point(|span| span.row.from_ms < again.from_ms);
        Self {
            carried,
            carriages: &course.carriages,
            book,
            again,
            before,
            now: stays.checked_sub(1).map(|base| before[base].now()),
            line: before[..stays].iter().map(|span| span.row.clone()).collect(),
        }
    }

    /// What rules say, from the line's beginning to its end.
    fn run(mut self) -> Vec<StatusRow> {
        let moments = self.moments();
        for (nth, from_ms) in moments.iter().copied().enumerate() {
            self.take_facts(from_ms);
            if from_ms >= self.again.to_ms && self.meets(from_ms) {
                let rest = self.before.iter().filter(|span| span.row.from_ms > from_ms);
                self.line.extend(rest.map(|span| span.row.clone()));
                break;
            }
            // At its end other rules may be in force than just before.
            self.pass(from_ms, moments.get(nth + 1).copied().unwrap_or(from_ms));
        }
        self.line
    }

    /// When anything may be another than before, in ascending order, milliseconds.
    fn moments(&self) -> Vec<i64> {
        let last = self.before.last();
        let present_ms = self.again.at_ms.max(last.map_or(i64::MIN, |last| last.row.from_ms));
        let ends_ms = last.and_then(|last| last.to_ms).unwrap_or(present_ms);
        let mut moments = vec![self.again.from_ms, self.again.to_ms, ends_ms];
        moments.extend(self.book.changes_ms());
        moments.extend(self.before.iter().map(|span| span.row.from_ms));
        for carriage in self.carriages {
            moments.push(carriage.from_ms);
            moments.extend(carriage.to_ms);
            moments.extend(&carriage.presses_ms);
            moments.extend(carriage.motions.iter().map(|(at_ms, _)| at_ms));
            for stay in &carriage.stays {
                moments.push(stay.entered_ms);
                moments.extend(stay.left_ms);
            }
        }
        moments.retain(|at_ms| (self.again.from_ms..=ends_ms).contains(at_ms));
        moments.sort_unstable();
        moments.dedup();
        moments
    }

    /// What no rule said: that the asset had no tag, or that nothing was heard of it.
    fn take_facts(&mut self, at_ms: i64) {
        let began = self.before.binary_search_by_key(&at_ms, |span| span.row.from_ms);
        let Ok(index) = began else { return };
        let row = &self.before[index].row;
        let is_first = index == 0;
        let carriage = self.carriage_at(at_ms);
        // Of a tag that a person has worn since nothing is known any more: what was said stays.
        let is_forgotten = carriage.is_some_and(|carriage| carriage.stays.is_empty());
        let fact = if is_forgotten || [LOST, NEVER_SEEN, NO_TAG].contains(&row.rule.as_str()) {
            row.clone()
        } else if is_first || carriage.is_none() {
            // A tag that lay somewhere already was put on it later: what rules said then took the place
            // of this.
            StatusRow {
                status: Status::Unknown,
                basis: Basis::Inferred,
                rule: if is_first { NEVER_SEEN } else { NO_TAG }.to_owned(),
                zone: None,
                ..row.clone()
            }
        } else {
            // It was heard again: what is known since then is dated so.
            if index > 0 && self.before[index - 1].row.rule == LOST {
                self.judge(at_ms, at_ms);
            }
            return;
        };
        self.now = Some(StatusSpan { row: fact.clone(), to_ms: None }.now());
        self.put(fact);
    }

    /// True when rules said the same at that time, so that the rest follows as it did.
    fn meets(&self, at_ms: i64) -> bool {
        let begun = self.before.partition_point(|span| span.row.from_ms <= at_ms);
        let stored = begun.checked_sub(1).map(|index| &self.before[index].row);
        stored
            .zip(self.now.as_ref())
            .is_some_and(|(stored, now)| (stored.status, &stored.rule) == (now.status, &now.rule))
    }

    /// Nothing happens between the two moments but that time passes.
    fn pass(&mut self, from_ms: i64, to_ms: i64) {
        let is_silent = self.now.as_ref().is_some_and(|now| now.rule == LOST);
        let Some(carriage) = self.carriage_at(from_ms).filter(|_| !is_silent) else { return };
        let evidence = self.evidence(carriage, from_ms, from_ms);
        let due = utilisation::due_ms(self.book.at(from_ms).rules, evidence);
        self.judge(from_ms, from_ms);
        for due_ms in due.into_iter().filter(|due_ms| (from_ms..to_ms).contains(due_ms)) {
            self.judge(from_ms, due_ms);
        }
        self.judge(from_ms, to_ms);
    }

    /// What follows at `at_ms` from what is so since `from_ms`, by the rules of then.
    fn judge(&mut self, from_ms: i64, at_ms: i64) {
        let Some(carriage) = self.carriage_at(from_ms) else { return };
        let Some(now) = self.now.as_ref().filter(|now| now.since_ms <= at_ms) else { return };
        let in_force = self.book.at(from_ms);
        let since_ms = in_force.since_ms.max(self.again.from_ms);
        let evidence = self.evidence(carriage, from_ms, at_ms);
        let Some(next) =
            utilisation::next(InForce { since_ms, ..in_force }, Some(now), evidence, at_ms)
        else {
            return;
        };
        let zone = stay_at(carriage, from_ms).map(|stay| stay.zone.clone());
        self.put(status_row(&self.carried.asset, &next, zone));
        self.now = Some(next);
    }

    /// What was known of the asset at `at_ms`, nothing having happened since `from_ms`.
    fn evidence(&self, carriage: &'a Carriage, from_ms: i64, at_ms: i64) -> Evidence<'a> {
        let stay = stay_at(carriage, from_ms);
        let gone = carriage.stays.partition_point(|stay| stay.entered_ms <= from_ms);
        let left_ms = carriage.stays[..gone].last().and_then(|stay| stay.left_ms);
        let ward = stay.and_then(|stay| stay.ward.as_ref());
        let pressed = carriage.presses_ms.partition_point(|pressed_ms| *pressed_ms <= from_ms);
        let (moving_since_ms, moving) = motion(carriage, from_ms);
        Evidence {
            class: &self.carried.class,
            is_home: self.carried.home_ward.as_ref().zip(ward).map(|(home, ward)| home == ward),
            room: stay.and_then(|stay| stay.kind),
            entered_ms: stay.map_or(left_ms.unwrap_or(carriage.from_ms), |stay| stay.entered_ms),
            moving,
            moving_since_ms,
            pressed_ms: carriage.presses_ms[..pressed].last().copied(),
            // Silence is a fact of its own: outside of it the tag was heard.
            seen_ms: at_ms,
            interval_ms: 0,
        }
    }

    fn carriage_at(&self, at_ms: i64) -> Option<&'a Carriage> {
        let begun = self.carriages.partition_point(|carriage| carriage.from_ms <= at_ms);
        let carriage = self.carriages[..begun].last()?;
        carriage.to_ms.is_none_or(|to_ms| at_ms < to_ms).then_some(carriage)
    }

    /// Of one moment the last word counts.
    fn put(&mut self, row: StatusRow) {
        self.line.pop_if(|last| last.from_ms == row.from_ms);
        self.line.push(row);
    }
}

fn stay_at(carriage: &Carriage, at_ms: i64) -> Option<&Stayed> {
    let begun = carriage.stays.partition_point(|stay| stay.entered_ms <= at_ms);
    let stay = carriage.stays[..begun].last()?;
    stay.left_ms.is_none_or(|left_ms| at_ms < left_ms).then_some(stay)
}

/// Whether the tag moved, and since when that was so.
fn motion(carriage: &Carriage, at_ms: i64) -> (i64, Option<bool>) {
    let said = carriage.motions.partition_point(|(said_ms, _)| *said_ms <= at_ms);
    let said = &carriage.motions[..said];
    let Some((_, moving)) = said.last() else { return (carriage.from_ms, None) };
    let same = said.iter().rev().take_while(|(_, same)| same == moving);
    (same.last().map_or(at_ms, |(since_ms, _)| *since_ms), Some(*moving))
}
