//! What of an asset's line is another by a walk: what rules say, and with what people said laid over it
//! once more, what is shown.

use super::walk::{Judged, Walk};
use crate::{
    model::{Basis, Carried, Hand, PresentChange, Redecided, ShownChange, StatusRow, StatusSpan},
    utilisation::{Overlaid, overlay},
};

/// Old and new meet at `met_ms`; none: nowhere before now.
pub(super) fn of(walk: &Walk<'_>, met_ms: Option<i64>, out: &mut Redecided) {
    // A tag may have been on one asset twice: its line is laid once.
    let mut of_asset: Vec<Vec<&Judged<'_>>> = Vec::new();
    for judged in &walk.judged {
        let asset = &judged.carried.asset;
        match of_asset.iter_mut().find(|group| group[0].carried.asset == *asset) {
            Some(group) => group.push(judged),
            None => of_asset.push(vec![judged]),
        }
    }
    for group in of_asset {
        let mut rules: Vec<StatusRow> =
            group[0].rules.iter().map(|span| span.row.clone()).collect();
        for judged in &group {
            put_walked(judged, met_ms, &mut rules);
        }
        let Judged { carried, rules: before, .. } = group[0];
        let is_present = group.iter().any(|judged| judged.carried.to_ms.is_none());
        let line = Line { carried, before, rules: &rules, is_present };
        lay(&line, met_ms, walk.stretch.at_ms, out);
    }
}

/// What rules say of an asset.
pub(in crate::pipeline) struct Line<'a> {
    /// The asset, and what is stored of it.
    pub(in crate::pipeline) carried: &'a Carried,
    /// What rules said, as it is stored.
    pub(in crate::pipeline) before: &'a [StatusSpan],
    /// What they say.
    pub(in crate::pipeline) rules: &'a [StatusRow],
    /// True where its end is the present.
    pub(in crate::pipeline) is_present: bool,
}

/// Puts what the walk found into the line of what rules say.
fn put_walked(judged: &Judged<'_>, met_ms: Option<i64>, rules: &mut Vec<StatusRow>) {
    let Judged { carried, rules: stored, base, line, .. } = judged;
    let end_ms = met_ms.unwrap_or(i64::MAX).min(carried.to_ms.map_or(i64::MAX, |to_ms| to_ms - 1));
    let begin_ms = base.map_or(carried.from_ms, |base| stored[base].row.from_ms);
    let within = stored.iter().rfind(|span| (begin_ms..=end_ms).contains(&span.row.from_ms));
    let to_ms = within.and_then(|last| last.to_ms);
    let mut walked: Vec<_> =
        base.iter().map(|base| stored[*base].row.clone()).chain(line.clone()).collect();
    walked.dedup_by(|later, first| {
        let is_same = later.from_ms == first.from_ms;
        if is_same {
            std::mem::swap(later, first);
        }
        is_same
    });
    walked.retain(|row| to_ms.is_none_or(|to_ms| row.from_ms < to_ms));
    rules.retain(|row| !(begin_ms..=end_ms).contains(&row.from_ms));
    rules.append(&mut walked);
    rules.sort_by_key(|row| row.from_ms);
}

/// Lays what people said over the line, and tells what of it is another than what is stored.
pub(in crate::pipeline) fn lay(
    line: &Line<'_>,
    met_ms: Option<i64>,
    at_ms: i64,
    out: &mut Redecided,
) {
    let Carried { asset, statuses, beneath, hands, .. } = line.carried;
    // Where the stored line begins with what rules say, whatever was said by hand before was over.
    let begins_ms = statuses
        .first()
        .filter(|first| first.row.basis != Basis::Manual)
        .map_or(i64::MIN, |first| first.row.from_ms);
    let hands: Vec<_> = hands.iter().filter(|hand| hand.since_ms >= begins_ms).cloned().collect();
    let mut laid = overlay(line.rules, &hands, at_ms);
    // An asset that is retired does nothing any more.
    let ends_ms = statuses.last().and_then(|last| last.to_ms).unwrap_or(i64::MAX);
    for rows in [&mut laid.shown, &mut laid.beneath] {
        rows.retain(|row| row.from_ms < ends_ms);
    }
    let Overlaid { shown, beneath: beneath_now } = laid;
    let ends: Vec<_> =
        shown.iter().skip(1).map(|row| Some(row.from_ms)).chain([Some(ends_ms)]).collect();
    let ends = ends.into_iter().map(|to_ms| to_ms.filter(|to_ms| *to_ms < i64::MAX));
    let mut now: Vec<StatusSpan> =
        shown.into_iter().zip(ends).map(|(row, to_ms)| StatusSpan { row, to_ms }).collect();
    present(line, &now, &hands, out);

    let is_walked = |row: &StatusRow| met_ms.is_none_or(|met_ms| row.from_ms <= met_ms);
    let gone = statuses.iter().filter(|span| is_walked(&span.row));
    let gone = gone.filter(|span| !now.iter().any(|n| n.row.from_ms == span.row.from_ms));
    out.no_statuses.extend(gone.map(|span| (asset.clone(), span.row.from_ms)));
    now.retain(|span| is_walked(&span.row) && !statuses.contains(span));
    out.statuses.append(&mut now);
    let gone = beneath.iter().filter(|row| is_walked(row));
    let gone = gone.filter(|row| !beneath_now.iter().any(|n| n.from_ms == row.from_ms));
    out.no_beneath.extend(gone.map(|row| (asset.clone(), row.from_ms)));
    let new = beneath_now.into_iter().filter(|row| is_walked(row) && !beneath.contains(row));
    out.beneath.extend(new);
}

/// What of it reaches into the present.
fn present(line: &Line<'_>, shown: &[StatusSpan], hands: &[Hand], out: &mut Redecided) {
    let Line { carried, before, rules, is_present } = line;
    let lasts = |span: Option<&StatusSpan>| span.filter(|span| span.to_ms.is_none()).cloned();
    let shown_before = lasts(carried.statuses.last()).map(|span| span.row);
    let (Some(now), Some(shown)) = (rules.last(), lasts(shown.last())) else { return };
    if !is_present {
        return;
    }
    let was = lasts(before.last()).map(|span| span.now());
    let zone = now.zone.clone();
    let now = StatusSpan { row: now.clone(), to_ms: None }.now();
    let is_manual = shown.row.basis == Basis::Manual;
    let shown = shown_before.filter(|before| before.from_ms != shown.row.from_ms).map(|before| {
        ShownChange {
            was_ms: before.from_ms,
            now_ms: shown.row.from_ms,
            hand: hands
                .iter()
                .find(|hand| is_manual && hand.since_ms == shown.row.from_ms)
                .cloned(),
        }
    });
    if was.as_ref() != Some(&now) || shown.is_some() {
        let asset = carried.asset.clone();
        out.present.push(PresentChange::Status { asset, was, now, zone, shown });
    }
}
