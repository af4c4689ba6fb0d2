//! What an asset is doing, asked where a fix, or time alone, may have changed it.

use super::{doings::Doings, event, tag::TagWork};
use crate::{
    model::{AssetId, Decided, StatusNow, StatusRow, TagId, ZoneId},
    site::Site,
    utilisation,
};

/// What time alone has brought until the next fix. Ticks brought it already where fixes come as they
/// are made; where they come hours later, all at once, there was no tick between them.
pub(super) fn settle(
    mut doings: Option<&mut Doings>,
    asset: Option<&AssetId>,
    tag: &TagId,
    work: &mut TagWork,
    site: &Site,
    (time_ms, received_ms): (i64, i64),
    out: &mut Vec<Decided>,
) {
    let mut judge_at = |work: &mut TagWork, at_ms: i64, out: &mut Vec<Decided>| {
        if let (Some(doings), Some(asset)) = (doings.as_deref_mut(), asset) {
            judge(doings, asset, tag, work, site, (at_ms, received_ms), out);
        }
    };
    work.settle(tag, asset, time_ms, received_ms, out);
    if work.is_quiet(time_ms) {
        return;
    }
    let follows_ms = work.located().map(|l| utilisation::follows_ms(l.entered_ms));
    if let Some(follows_ms) = follows_ms.filter(|follows_ms| *follows_ms < time_ms) {
        judge_at(work, follows_ms, out);
    }
    judge_at(work, time_ms, out);
}

/// Concludes what the asset is doing at a time, and when that was received. When that changed: since
/// when, and up to when it takes silence for granted.
pub(super) fn judge(
    doings: &mut Doings,
    asset: &AssetId,
    tag: &TagId,
    work: &mut TagWork,
    site: &Site,
    (at_ms, received_ms): (i64, i64),
    out: &mut Vec<Decided>,
) -> Option<(i64, i64)> {
    let located = work.located()?;
    // Nothing is concluded while the room is in doubt.
    if !work.is_certain() || doings.ruled(asset).is_some_and(|status| status.since_ms > at_ms) {
        return None;
    }
    let evidence = utilisation::Evidence {
        room: located.zone.as_ref().and_then(|z| site.zone(z)).and_then(|z| z.kind),
        entered_ms: located.entered_ms,
        seen_ms: located.seen_ms,
        interval_ms: work.interval_ms(),
    };
    let Some(status) = utilisation::next(doings.ruled(asset), evidence, at_ms) else {
        work.be_quiet(located.entered_ms, utilisation::lasts_until_ms(evidence, at_ms));
        return None;
    };
    let presumed = (status.since_ms, utilisation::presumed_until_ms(&status, evidence));
    let stretch = (status.since_ms, at_ms);
    let is_laid = doings.rule(asset, status, located.zone.clone(), out);
    for (asset, shown) in doings.take_told() {
        out.push(Decided::Event(event::status(tag, &asset, &shown, Some(&located))));
    }
    if is_laid {
        work.rethink(tag, stretch, received_ms, out);
    } else {
        work.think_anew(tag, stretch, received_ms, out);
    }
    Some(presumed)
}

pub(super) fn status_row(asset: &AssetId, status: &StatusNow, zone: Option<ZoneId>) -> StatusRow {
    StatusRow {
        asset: asset.clone(),
        status: status.status,
        from_ms: status.since_ms,
        basis: status.basis,
        rule: status.rule.clone(),
        zone,
    }
}
