//! Decides a stretch of one tag's past anew, with its late fixes among the others.
//!
//! In comes what storage knows of the stretch, out go the rows, visits and statuses that are another
//! by it: the same functions that decide the present are led over the fixes in the order of their
//! event time. Pure: the same stretch gives the same answer, and a stretch without anything new none.

mod differences;
mod points;
pub(super) mod statuses;
mod walk;

use super::{Checkpoints, tag::SETTLED_AFTER};
use crate::{
    model::{Redecided, RulesRow, Stretch},
    site::Site,
    utilisation::{RuleBook, Rules},
};
use points::Point;
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};
use walk::Walk;

/// So many fixes before the first change are walked again, so that the walk comes to it with what
/// was decided then. Rows on change are few, and each says its room.
const BEFORE: (usize, usize) = (SETTLED_AFTER as usize, 4);
/// And at least so much time: longer than any dwell, milliseconds.
const BEFORE_MS: i64 = 15_000;

/// What decides stretches anew under the site of the given version. None: the stretch must reach
/// further.
pub fn redeciding(
    checkpoints: Checkpoints,
    on_change: bool,
) -> impl Fn(&str, &Stretch) -> Option<Redecided> + Send + Sync + 'static {
    let last: Mutex<Option<Arc<Site>>> = Mutex::default();
    let read: Mutex<HashMap<String, Arc<Rules>>> = Mutex::default();
    move |version, stretch| {
        let known = last.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let site = match known.filter(|site| site.version == version) {
            Some(site) => site,
            None => match checkpoints.site(version) {
                Ok(site) => site,
                Err(error) => {
                    tracing::error!(%error, "late fixes are stored, and amend nothing");
                    let rows = stretch.late.clone();
                    return Some(Redecided { rows, ..Redecided::default() });
                }
            },
        };
        *last.lock().unwrap_or_else(PoisonError::into_inner) = Some(site.clone());
        let book =
            rule_book(&stretch.rules, &mut read.lock().unwrap_or_else(PoisonError::into_inner));
        redecide(stretch, &site, &book, on_change)
    }
}

/// The rules by their time; each text is read once.
pub fn rule_book(rows: &[RulesRow], read: &mut HashMap<String, Arc<Rules>>) -> RuleBook {
    let mut pages = Vec::with_capacity(rows.len());
    for row in rows {
        let rules = match read.get(&row.version) {
            Some(rules) => Arc::clone(rules),
            None => match Rules::parse(&row.text) {
                Ok(rules) => {
                    let rules = Arc::new(rules);
                    read.insert(row.version.clone(), Arc::clone(&rules));
                    rules
                }
                Err(error) => {
                    tracing::error!(%error, "rules of the past can't be read, and are left out");
                    continue;
                }
            },
        };
        pages.push((row.from_ms, rules));
    }
    RuleBook::of(pages)
}

/// What becomes of the stretch. None: old and new decisions don't meet again within its rows, and
/// there are more.
#[must_use]
pub fn redecide(
    stretch: &Stretch,
    site: &Site,
    rules: &RuleBook,
    on_change: bool,
) -> Option<Redecided> {
    let mut points = points::merge(stretch, on_change);
    let first = points.partition_point(|point| point.row.time_ms < stretch.from_ms);
    let touched = points.iter().rposition(Point::is_touched).unwrap_or(first);
    let asked = points.partition_point(|point| point.row.time_ms <= stretch.to_ms);
    let last = touched.max(first).max(asked.saturating_sub(1));
    let begin = begin(&points, first, stretch.from_ms, on_change);
    let mut walk = Walk::begin(stretch, (site, rules), &points, begin, on_change);
    let settled_after = if on_change { 1 } else { usize::from(SETTLED_AFTER) };
    let mut met = None;
    for index in begin..points.len() {
        if index == first && index > begin {
            walk.trust(&points[index - 1].row);
        }
        let zone = walk.take(&points[index].row);
        let point = &mut points[index];
        if index >= first {
            point.row.zone = zone;
        }
        if index >= last + settled_after && walk.meets(point) {
            met = Some(index);
            break;
        }
    }
    if met.is_none() {
        if !stretch.is_complete {
            return None;
        }
        walk.wait(stretch.at_ms);
    }
    let end = met.map_or(points.len(), |met| met + 1);
    let met_ms = met.map(|met| points[met].row.time_ms);
    Some(differences::of(&walk, &points[begin.min(end)..end], met_ms))
}

/// From which point on the walk decides; those before only teach it the tag's place and interval.
fn begin(points: &[Point], first: usize, from_ms: i64, on_change: bool) -> usize {
    let before = if on_change { BEFORE.1 } else { BEFORE.0 };
    let early = points.partition_point(|point| point.row.time_ms <= from_ms - BEFORE_MS);
    first.saturating_sub(before).min(early.saturating_sub(1))
}
