//! What of a walk is another than what is stored.

use super::{points::Point, statuses, walk::Walk};
use crate::model::{PresentChange, Redecided, VisitRow};

/// `points` are those that were walked; old and new meet at `met_ms`, none: nowhere before now.
pub(super) fn of(walk: &Walk<'_>, points: &[Point], met_ms: Option<i64>) -> Redecided {
    let mut out = Redecided::default();
    for Point { row, stored } in points {
        match stored {
            None => out.rows.push(row.clone()),
            Some(stored) if stored != row => out.changed_rows.push(row.clone()),
            Some(_) => {}
        }
    }
    visits(walk, met_ms, &mut out);
    statuses::of(walk, met_ms, &mut out);
    out
}

fn visits(walk: &Walk<'_>, met_ms: Option<i64>, out: &mut Redecided) {
    let end_ms = met_ms.unwrap_or(i64::MAX);
    let before: Vec<&VisitRow> = walk
        .stretch
        .visits
        .iter()
        .filter(|v| v.left_ms.is_none_or(|left_ms| left_ms > walk.since_ms))
        .filter(|v| v.entered_ms <= end_ms)
        .collect();
    let left_ms = if met_ms.is_some() { before.last().and_then(|last| last.left_ms) } else { None };
    let mut now = Vec::new();
    for (index, stay) in walk.line.iter().enumerate() {
        let Some(zone) = &stay.zone else { continue };
        let left_ms = walk.line.get(index + 1).map_or(left_ms, |next| Some(next.from_ms));
        if left_ms.is_some_and(|left_ms| left_ms <= stay.from_ms) {
            continue;
        }
        let (tag, zone, entered_ms) = (walk.stretch.tag.clone(), zone.clone(), stay.from_ms);
        now.push(VisitRow { tag, zone, entered_ms, left_ms });
    }
    let open = |visit: Option<&VisitRow>| {
        let visit = visit.filter(|visit| visit.left_ms.is_none())?;
        Some((visit.zone.clone(), visit.entered_ms))
    };
    let (was, is) = (open(before.last().copied()), open(now.last()));
    if was != is {
        out.present.push(PresentChange::Visit { tag: walk.stretch.tag.clone(), was, now: is });
    }
    let began = |at_ms: i64, visits: &[VisitRow]| visits.iter().any(|v| v.entered_ms == at_ms);
    out.no_visits =
        before.iter().map(|v| v.entered_ms).filter(|at_ms| !began(*at_ms, &now)).collect();
    now.retain(|visit| !before.contains(&visit));
    out.visits = now;
}
