//! What an asset is doing, asked where a fix, or time alone, may have changed it.

use super::{doings::Doings, event, tag::TagWork};
use crate::{
    locate::Located,
    model::{Asset, AssetId, ClassId, Decided, StatusNow, StatusRow, TagId, WardId, ZoneId},
    site::Site,
    utilisation::{self, Evidence, InForce},
};

/// What everything is decided on.
#[derive(Clone, Copy)]
pub(super) struct Ground<'a> {
    pub(super) site: &'a Site,
    pub(super) in_force: InForce<'a>,
}

/// What time alone has brought until the next fix. Ticks brought it already where fixes come as they
/// are made; where they come hours later, all at once, there was no tick between them.
pub(super) fn settle(
    mut doings: Option<&mut Doings>,
    asset: Option<&Asset>,
    tag: &TagId,
    work: &mut TagWork,
    ground: Ground<'_>,
    (time_ms, received_ms): (i64, i64),
    out: &mut Vec<Decided>,
) {
    let mut judge_at = |work: &mut TagWork, at_ms: i64, out: &mut Vec<Decided>| {
        if let (Some(doings), Some(asset)) = (doings.as_deref_mut(), asset) {
            judge(doings, asset, tag, work, ground, (at_ms, received_ms), out);
        }
    };
    work.settle(tag, asset.map(|asset| &asset.id), time_ms, received_ms, out);
    if work.is_quiet(time_ms) {
        return;
    }
    for due_ms in due_ms(asset, work, ground).into_iter().take_while(|due_ms| *due_ms < time_ms) {
        judge_at(work, due_ms, out);
    }
    judge_at(work, time_ms, out);
}

/// When something may follow of a tag that stays as it is, milliseconds.
pub(super) fn due_ms(asset: Option<&Asset>, work: &TagWork, ground: Ground<'_>) -> Vec<i64> {
    let (Some(asset), Some(located)) = (asset, work.located()) else { return Vec::new() };
    utilisation::due_ms(ground.in_force.rules, evidence_of(asset, work, &located, ground.site))
}

/// Concludes what the asset is doing at a time, and when that was received. When that changed: since
/// when, up to when it takes silence for granted, and true when whatever is heard speaks against it.
pub(super) fn judge(
    doings: &mut Doings,
    asset: &Asset,
    tag: &TagId,
    work: &mut TagWork,
    Ground { site, in_force }: Ground<'_>,
    (at_ms, received_ms): (i64, i64),
    out: &mut Vec<Decided>,
) -> Option<(i64, i64, bool)> {
    let located = work.located()?;
    let ruled = doings.ruled(&asset.id);
    // Nothing is concluded while the room is in doubt.
    if !work.is_certain() || ruled.is_some_and(|status| status.since_ms > at_ms) {
        return None;
    }
    let evidence = evidence_of(asset, work, &located, site);
    let rules = in_force.rules;
    let Some(status) = utilisation::next(in_force, ruled, evidence, at_ms) else {
        let until_ms = utilisation::lasts_until_ms(rules, evidence, at_ms);
        work.be_quiet(located.entered_ms, until_ms);
        return None;
    };
    let (until_ms, is_silence) = utilisation::presumed(rules, ruled, &status, evidence);
    let presumed = (status.since_ms, until_ms, is_silence);
    let since_ms = status.since_ms;
    let lay_until_ms = doings.rule(&asset.id, status, located.zone.clone(), out);
    for (asset, shown) in doings.take_told() {
        out.push(Decided::Event(event::status(tag, &asset, &shown, Some(&located))));
    }
    match lay_until_ms {
        None => work.rethink(tag, (since_ms, at_ms), received_ms, out),
        Some(ended_ms) => {
            work.think_anew(tag, (since_ms, at_ms.max(ended_ms)), received_ms, out);
        }
    }
    Some(presumed)
}

fn evidence_of<'a>(
    asset: &'a Asset,
    work: &TagWork,
    located: &Located,
    site: &Site,
) -> Evidence<'a> {
    let of_asset = (&asset.class, asset.home_ward.as_ref());
    evidence(of_asset, located, (work.interval_ms(), work.pressed_ms()), site)
}

/// What is known of an asset, by its class and home ward, and its tag, by how often that reports and
/// when its button was last pressed.
pub(super) fn evidence<'a>(
    (class, home): (&'a ClassId, Option<&WardId>),
    located: &Located,
    (interval_ms, pressed_ms): (i64, Option<i64>),
    site: &Site,
) -> Evidence<'a> {
    let zone = located.zone.as_ref().and_then(|zone| site.zone(zone));
    let ward = zone.and_then(|zone| zone.ward.as_ref());
    Evidence {
        class,
        is_home: home.zip(ward).map(|(home, ward)| home == ward),
        room: zone.and_then(|zone| zone.kind),
        entered_ms: located.entered_ms,
        moving: located.moving,
        moving_since_ms: located.moving_since_ms,
        pressed_ms,
        seen_ms: located.seen_ms,
        interval_ms,
    }
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
