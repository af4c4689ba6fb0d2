//! What of a walk is another than what is stored.

use super::{
    points::Point,
    walk::{Judged, Walk},
};
use crate::model::{PresentChange, Redecided, StatusSpan, VisitRow};

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
    for judged in &walk.judged {
        statuses(judged, met_ms, &mut out);
    }
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

fn statuses(judged: &Judged<'_>, met_ms: Option<i64>, out: &mut Redecided) {
    let Judged { carried, base, line, .. } = judged;
    let end_ms = met_ms.unwrap_or(i64::MAX).min(carried.to_ms.map_or(i64::MAX, |to_ms| to_ms - 1));
    let begin_ms = base.map_or(carried.from_ms, |base| carried.statuses[base].row.from_ms);
    let before: Vec<&StatusSpan> = carried
        .statuses
        .iter()
        .filter(|span| (begin_ms..=end_ms).contains(&span.row.from_ms))
        .collect();
    let to_ms = before.last().and_then(|last| last.to_ms);
    let mut rows: Vec<_> =
        base.iter().map(|base| carried.statuses[*base].row.clone()).chain(line.clone()).collect();
    rows.dedup_by(|later, first| {
        let is_same = later.from_ms == first.from_ms;
        if is_same {
            std::mem::swap(later, first);
        }
        is_same
    });
    rows.retain(|row| to_ms.is_none_or(|to_ms| row.from_ms < to_ms));
    let ends: Vec<_> = rows.iter().skip(1).map(|row| Some(row.from_ms)).chain([to_ms]).collect();
    let mut now: Vec<StatusSpan> =
        rows.into_iter().zip(ends).map(|(row, to_ms)| StatusSpan { row, to_ms }).collect();
    let lasts =
        |span: Option<&StatusSpan>| span.filter(|span| span.to_ms.is_none()).map(StatusSpan::now);
    let (was, is) = (lasts(before.last().copied()), lasts(now.last()));
    if let Some(is) = is.filter(|is| was.as_ref() != Some(is) && carried.to_ms.is_none()) {
        let asset = carried.asset.clone();
        out.present.push(PresentChange::Status { asset, was, now: is });
    }
    for span in &before {
        if !now.iter().any(|other| other.row.from_ms == span.row.from_ms) {
            out.no_statuses.push((carried.asset.clone(), span.row.from_ms));
        }
    }
    now.retain(|span| !before.contains(&span));
    out.statuses.append(&mut now);
}
