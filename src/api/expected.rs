//! When something that isn't free is expected to be, and on what ground; never without one.

use super::{
    filter::AssetFilter,
    view::{AssetNow, Picture, rfc3339},
};
use crate::model::{Basis, Freshness, Status};
use serde::Serialize;
use utoipa::ToSchema;

const MINUTE_MS: i64 = 60_000;

/// When an asset is expected to be free.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({
    "at": "2026-11-22T13:30:00Z", "from": "2026-11-22T13:10:00Z", "to": "2026-11-22T14:20:00Z",
    "basis": "past", "intervals": 84
}))]
pub(super) struct ExpectedFree {
    /// As likely before as after, to the minute; by hand: when that ends, unless it is fetched before.
    #[schema(format = DateTime)]
    at: String,
    /// One of four was free by then.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(format = DateTime)]
    from: Option<String>,
    /// Three of four were free by then.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(format = DateTime)]
    to: Option<String>,
    /// `past`: how long the like of it took in the last two weeks; `hand`: a claim, or what somebody
    /// said, ends then, and rules call it available.
    basis: Ground,
    /// How many intervals of that past lasted longer than this one has so far.
    #[serde(skip_serializing_if = "Option::is_none")]
    intervals: Option<usize>,
}

/// Why something is expected.
#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum Ground {
    /// From the past of its class and status.
    Past,
    /// From the end of what somebody said.
    Hand,
}

/// The one that is expected to be free first.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({
    "asset": "pump-7", "label": "Infusion pump 7", "status": "in_use", "zone": "c1-12",
    "zone_name": "Room 12", "floor": 1, "floor_label": "1",
    "at": "2026-11-22T13:30:00Z", "from": "2026-11-22T13:10:00Z", "to": "2026-11-22T14:20:00Z",
    "basis": "past", "intervals": 84
}))]
pub(super) struct NextFree {
    /// Its id.
    asset: String,
    /// What people call it.
    label: String,
    /// What it is doing now.
    status: Status,
    /// The room that it is in now.
    zone: Option<String>,
    /// What its door says.
    zone_name: Option<String>,
    /// 0 is ground.
    floor: i16,
    /// What the lift's button says.
    floor_label: Option<String>,
    /// When.
    #[serde(flatten)]
    expected: ExpectedFree,
}

/// When, on what ground; milliseconds.
struct Expected {
    at_ms: i64,
    /// The quartiles around it, and of how many intervals they are.
    past: Option<(i64, i64, usize)>,
}

/// When the asset is expected to be free; none: it is, or nobody knows.
pub(super) fn expected_free(now: &AssetNow, picture: &Picture<'_>) -> Option<ExpectedFree> {
    expected(now, picture).map(view)
}

/// Which of all that is meant, where it is meant, is expected to be free first; none: nobody knows.
pub(super) fn next_free(asked: &AssetFilter, picture: &Picture<'_>) -> Option<NextFree> {
    let same = asked.in_any_status();
    let meant = picture.registry.assets.values().map(|asset| picture.asset_now(asset));
    let awaited = meant
        .filter(|now| same.admits(now, picture))
        .filter_map(|now| Some((expected(&now, picture)?, now)))
        .min_by(|(a, x), (b, y)| a.at_ms.cmp(&b.at_ms).then_with(|| x.asset.id.cmp(&y.asset.id)));
    let (expected, now) = awaited?;
    let place = now.place()?;
    let zone = place.zone.as_ref().and_then(|zone| picture.site().zone(zone));
    Some(NextFree {
        asset: now.asset.id.to_string(),
        label: now.asset.label.clone(),
        status: now.status(),
        zone: place.zone.as_ref().map(ToString::to_string),
        zone_name: zone.map(|zone| zone.name.clone()),
        floor: place.floor,
        floor_label: picture.site().floor_label(place.floor).map(str::to_owned),
        expected: view(expected),
    })
}

fn expected(now: &AssetNow, picture: &Picture<'_>) -> Option<Expected> {
    let state = now.state.as_ref()?;
    let status = state.status.as_ref()?;
    if !matches!(now.freshness(picture.now_ms), Freshness::Live | Freshness::Stale)
        || status.status == Status::Available
    {
        return None;
    }
    if status.basis == Basis::Manual {
        // What rules say beneath shows again when it ends; of anything but free nobody knows how long.
        let is_free_beneath = state.ruled.as_ref()?.status == Status::Available;
        let hand = picture.hands.of(&now.asset.id).filter(|_| is_free_beneath)?;
        let is_ahead = hand.until_ms > picture.now_ms;
        return is_ahead.then_some(Expected { at_ms: hand.until_ms, past: None });
    }
    let lasted_ms = picture.now_ms - status.since_ms;
    let like = picture.expectations.remaining(&now.asset.class, status.status, lasted_ms)?;
    let after = |ms: i64| picture.now_ms + ms;
    let past = (after(like.lower_ms), after(like.upper_ms), like.intervals);
    Some(Expected { at_ms: after(like.median_ms), past: Some(past) })
}

fn view(Expected { at_ms, past }: Expected) -> ExpectedFree {
    let minute = |ms: i64| rfc3339((ms + MINUTE_MS / 2).div_euclid(MINUTE_MS) * MINUTE_MS);
    ExpectedFree {
        at: if past.is_some() { minute(at_ms) } else { rfc3339(at_ms) },
        from: past.map(|(from_ms, ..)| minute(from_ms)),
        to: past.map(|(_, to_ms, _)| minute(to_ms)),
        basis: if past.is_some() { Ground::Past } else { Ground::Hand },
        intervals: past.map(|(.., intervals)| intervals),
    }
}
