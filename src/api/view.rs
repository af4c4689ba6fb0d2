//! The registry and the live picture as the API tells them.

use super::{
    Shared,
    expected::{ExpectedFree, expected_free},
    fetch::FetchView,
};
use crate::{
    auth::Scope,
    live::{Place, TagState},
    model::{Asset, Basis, Carrier, Freshness, Hand, Hands, Registry, Status, TagId, WardId},
    site::Site,
    utilisation::Expectations,
};
use jiff::Timestamp;
use serde::Serialize;
use std::sync::Arc;
use utoipa::ToSchema;

/// An asset with what is known of it now.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({
    "id": "pump-7", "label": "Infusion pump 7", "class": "infusion-pump", "home_ward": "C1",
    "tag": "AA:07", "status": "available", "status_since": "2026-11-22T07:31:05.2Z",
    "status_basis": "inferred", "status_rule": "room:storage", "state": "live",
    "place": {
        "zone": "c1-store", "zone_name": "Storage C1", "ward": "C1", "floor": 1,
        "floor_label": "1", "x_m": 12.3, "y_m": 4.5, "accuracy_m": 0.8, "room_only": false,
        "entered_at": "2026-11-22T07:31:05.2Z", "seen_at": "2026-11-22T08:00:01.004Z", "age_s": 1.2
    },
    "battery_pct": 87,
    "distance_m": 41.2, "walk_s": 102.4, "walk_m": 81.3,
    "route": [
        {"kind": "walk", "turn": "right", "metres": 25.1, "da": "højre 25 m", "en": "right 25 m"},
        {"kind": "lift", "name": "Elevator B", "floor": 1, "da": "Elevator B til etage 1", "en": "Lift B to floor 1"},
        {"kind": "walk", "turn": "left", "metres": 41.0, "da": "venstre 40 m", "en": "left 40 m"},
        {"kind": "enter", "turn": "left", "name": "Storage C1", "da": "på venstre hånd", "en": "on the left"}
    ],
    "route_text": {
        "da": "Højre 25 m, Elevator B til etage 1, venstre 40 m, på venstre hånd, 2 min",
        "en": "Right 25 m, Lift B to floor 1, left 40 m, on the left, 2 min"
    },
    "path": [[7.5, 12.0, 0.0], [9.3, 12.0, 0.0], [9.3, 40.2, 1.0]],
    "why": [
        {"reason": "walk", "adds_s": 102.4, "da": "2 min at gå", "en": "2 min to walk"},
        {"reason": "leaves_short", "adds_s": 0.0, "da": "C1 har 1 tilbage", "en": "C1 has 1 left"}
    ]
}))]
pub(super) struct AssetView {
    /// Its id in the hospital's register.
    id: String,
    /// What people call it.
    label: String,
    /// What kind of work it does.
    class: String,
    /// The ward that owns it; null: the shared pool.
    home_ward: Option<String>,
    /// The tag that it carries.
    tag: Option<String>,
    /// What it is doing.
    status: Status,
    /// Since when.
    #[schema(format = DateTime)]
    status_since: Option<String>,
    /// How Spor knows.
    status_basis: Option<Basis>,
    /// The rule that said so; `claim` and `hand` where a person did.
    status_rule: Option<String>,
    /// Up to when a claim or a status by hand holds.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(format = DateTime)]
    status_until: Option<String>,
    /// The ward that a claim takes it to; absent: none, or nobody said.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "C1")]
    status_to: Option<String>,
    /// Why somebody set it by hand.
    #[serde(skip_serializing_if = "Option::is_none")]
    status_reason: Option<String>,
    /// When it is expected to be free; absent: it is, or nobody knows.
    #[serde(skip_serializing_if = "Option::is_none")]
    expected_free: Option<ExpectedFree>,
    /// How far its place can be believed.
    state: Freshness,
    /// Where it was last; null: never seen.
    place: Option<PlaceView>,
    /// Charge of its tag, percent.
    battery_pct: Option<u8>,
    /// How to fetch it, when `near` was given.
    #[serde(flatten)]
    fetch: FetchView,
}

/// Where a tag was last.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct PlaceView {
    /// The room.
    zone: Option<String>,
    /// What its door says.
    zone_name: Option<String>,
    /// The ward it belongs to.
    ward: Option<String>,
    /// 0 is ground.
    floor: i16,
    /// What the lift's button says.
    floor_label: Option<String>,
    /// Metres east.
    x_m: f64,
    /// Metres north.
    y_m: f64,
    /// Radius that holds the true place nine times in ten, metres.
    accuracy_m: f64,
    /// True when only the room is known; the point is then its reader's or its middle.
    room_only: bool,
    /// Since when it is in the room.
    #[schema(format = DateTime)]
    entered_at: String,
    /// When it was last seen there.
    #[schema(format = DateTime)]
    seen_at: String,
    /// How long ago that is, seconds.
    age_s: f64,
}

/// A tag that no person wears.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({
    "tag": "AA:07", "bound": true, "asset": "pump-7",
    "asset_label": "Infusion pump 7", "state": "live", "moving": false,
    "battery_pct": 87, "firmware": "2.1.0", "interval_s": 2.0,
    "place": {
        "zone": "c1-store", "zone_name": "Storage C1", "ward": "C1", "floor": 1,
        "floor_label": "1", "x_m": 12.3, "y_m": 4.5, "accuracy_m": 0.8, "room_only": false,
        "entered_at": "2026-11-22T07:31:05.2Z", "seen_at": "2026-11-22T08:00:01.004Z", "age_s": 1.2
    }
}))]
pub(super) struct TagView {
    /// Its name, as it sends it.
    tag: String,
    /// True when an asset carries it.
    bound: bool,
    /// That asset.
    asset: Option<String>,
    /// What people call it.
    asset_label: Option<String>,
    /// How far its place can be believed.
    state: Freshness,
    /// True while it feels motion.
    moving: Option<bool>,
    /// Charge, percent.
    battery_pct: Option<u8>,
    /// Firmware version.
    firmware: Option<String>,
    /// How often it reports, as learned, seconds; null: it never did.
    interval_s: Option<f64>,
    /// Where it was last; null: never seen.
    place: Option<PlaceView>,
}

/// An asset beside the newest state of its tag.
pub struct AssetNow {
    /// The asset.
    pub asset: Arc<Asset>,
    /// What it carries.
    pub tag: Option<TagId>,
    /// What is known of that now.
    pub state: Option<TagState>,
}

/// One moment's picture, from which all views of an answer are made.
pub(super) struct Picture<'a> {
    pub(super) shared: &'a Shared,
    pub(super) registry: Arc<Registry>,
    pub(super) site: Arc<Site>,
    pub(super) hands: Arc<Hands>,
    pub(super) expectations: Arc<Expectations>,
    pub(super) now_ms: i64,
}

impl<'a> Picture<'a> {
    pub(super) fn now(shared: &'a Shared) -> Self {
        let (registry, site) = (&shared.context.registry, &shared.context.site);
        let (registry, site) = (registry.load_full(), site.load_full());
        let hands = Arc::clone(&shared.context.live.by_hand.borrow().hands);
        let expectations = shared.context.expectations.load_full();
        Self { shared, registry, site, hands, expectations, now_ms: (shared.context.clock)() }
    }

    pub(super) fn site(&self) -> &Site {
        &self.site
    }

    /// The newest state of a tag, unless a person wears it, by the registry or by what is live.
    pub(super) fn equipment(&self, tag: &TagId) -> Option<TagState> {
        if self.is_worn(tag) { None } else { self.shared.context.live.tags.get(tag) }
    }

    /// True when nothing may be told of `tag`: a person wears it, or wore it a moment ago.
    pub(super) fn is_worn(&self, tag: &TagId) -> bool {
        self.registry.is_worn(tag) || self.shared.context.live.people.contains(tag)
    }

    pub(super) fn asset_now(&self, asset: &Arc<Asset>) -> AssetNow {
        let tag = self.registry.tag_of_asset.get(&asset.id).cloned();
        let state = tag.as_ref().and_then(|tag| self.equipment(tag));
        AssetNow { asset: Arc::clone(asset), tag, state }
    }

    /// The ward where it stands.
    pub(super) fn ward_of(&self, now: &AssetNow) -> Option<&WardId> {
        self.site.zone(now.place()?.zone.as_ref()?)?.ward.as_ref()
    }

    /// True when one who sees `scope` sees this.
    pub(super) fn may_see(&self, now: &AssetNow, scope: &Scope) -> bool {
        let floor = now.place().map(|place| place.floor);
        scope.is_everything() || scope.admits(&now.asset, floor, self.ward_of(now), now.to())
    }

    pub(super) fn asset_view(&self, now: &AssetNow, fetch: Option<FetchView>) -> AssetView {
        let state = now.state.as_ref();
        let status = state.and_then(|state| state.status.as_ref());
        let hand = now.hand();
        AssetView {
            id: now.asset.id.to_string(),
            label: now.asset.label.clone(),
            class: now.asset.class.to_string(),
            home_ward: now.asset.home_ward.as_ref().map(ToString::to_string),
            tag: now.tag.as_ref().map(ToString::to_string),
            status: now.status(),
            status_since: status.map(|status| rfc3339(status.since_ms)),
            status_basis: status.map(|status| status.basis),
            status_rule: status.map(|status| status.rule.clone()),
            status_until: hand.map(|hand| rfc3339(hand.until_ms)),
            status_to: now.to().map(ToString::to_string),
            status_reason: hand.and_then(|hand| hand.reason.clone()),
            expected_free: expected_free(now, self),
            state: now.freshness(self.now_ms),
            place: now.place().map(|place| self.place_view(place)),
            battery_pct: state.and_then(|state| state.battery_pct),
            fetch: fetch.unwrap_or_default(),
        }
    }

    /// What may be told of a tag; `state` is what is known of it.
    pub(super) fn tag_view(&self, tag: &TagId, state: Option<&TagState>) -> TagView {
        let asset = match self.registry.carrier(tag) {
            Some(Carrier::Asset(asset)) => Some(asset),
            _ => None,
        };
        let known = state.filter(|state| state.place.is_some());
        TagView {
            tag: tag.to_string(),
            bound: asset.is_some(),
            asset: asset.map(|asset| asset.id.to_string()),
            asset_label: asset.map(|asset| asset.label.clone()),
            state: state.map_or(Freshness::Unknown, |state| state.freshness(self.now_ms)),
            moving: state.and_then(|state| state.moving),
            battery_pct: state.and_then(|state| state.battery_pct),
            firmware: state.and_then(|state| state.firmware.clone()),
            interval_s: known.map(|state| seconds(state.interval_ms)),
            place: state.and_then(|s| s.place.as_ref()).map(|place| self.place_view(place)),
        }
    }

    fn place_view(&self, place: &Place) -> PlaceView {
        let zone = place.zone.as_ref().and_then(|zone| self.site().zone(zone));
        PlaceView {
            zone: place.zone.as_ref().map(ToString::to_string),
            zone_name: zone.map(|zone| zone.name.clone()),
            ward: zone.and_then(|zone| zone.ward.as_ref()).map(ToString::to_string),
            floor: place.floor,
            floor_label: self.site().floor_label(place.floor).map(str::to_owned),
            x_m: rounded(place.x_m, 1000.0),
            y_m: rounded(place.y_m, 1000.0),
            accuracy_m: rounded(f64::from(place.accuracy_m), 1000.0),
            room_only: place.is_room_only(),
            entered_at: rfc3339(place.entered_ms),
            seen_at: rfc3339(place.seen_ms),
            age_s: seconds(self.now_ms.saturating_sub(place.seen_ms).max(0)),
        }
    }
}

impl AssetNow {
    pub(super) fn place(&self) -> Option<&Place> {
        self.state.as_ref()?.place.as_ref()
    }

    pub(super) fn status(&self) -> Status {
        let status = self.state.as_ref().and_then(|state| state.status.as_ref());
        status.map_or(Status::Unknown, |now| now.status)
    }

    /// What of that is by hand.
    pub(super) fn hand(&self) -> Option<&Hand> {
        self.state.as_ref()?.hand.as_deref()
    }

    /// The ward that a claim takes it to.
    pub(super) fn to(&self) -> Option<&WardId> {
        self.hand()?.to.as_ref()
    }

    pub(super) fn freshness(&self, now_ms: i64) -> Freshness {
        self.state.as_ref().map_or(Freshness::Unknown, |state| state.freshness(now_ms))
    }
}

/// A moment as RFC 3339 in UTC.
pub(super) fn rfc3339(ms: i64) -> String {
    Timestamp::from_millisecond(ms).unwrap_or(Timestamp::UNIX_EPOCH).to_string()
}

pub(super) fn rounded(value: f64, parts: f64) -> f64 {
    (value * parts).round() / parts
}

#[allow(clippy::cast_precision_loss, reason = "durations are far below 2^53 ms")]
pub(super) fn seconds(ms: i64) -> f64 {
    ms as f64 / 1000.0
}
