//! `GET /api/v1/assets/{id}/status`: what an asset is doing, and why: which rule says so, since when, on
//! what evidence, until when, and what every other rule waits for.

use super::{
    App,
    error::ApiError,
    extract::InPath,
    guard::Caller,
    view::{AssetNow, Picture, rfc3339},
};
use crate::{
    auth::Permission,
    live::Place,
    model::{AssetId, Basis, RoomKind, Status, StatusNow},
    utilisation::{self, Evidence, Rules, Unfit},
};
use axum::{Json, extract::State};
use serde::Serialize;
use utoipa::ToSchema;

/// What an asset is doing, and why.
#[derive(Serialize, ToSchema)]
#[schema(example = json!({
    "id": "pump-7", "status": "reserved", "since": "2026-11-22T08:10:00Z", "basis": "manual",
    "rule": "claim", "until": "2026-11-22T08:20:00Z", "to": "C1", "reason": null,
    "by_rules": {
        "status": "available", "since": "2026-11-22T07:31:05.2Z", "basis": "inferred",
        "rule": "room:storage"
    },
    "evidence": {
        "room": "c1-store", "room_name": "Storage C1", "room_kind": "storage", "ward": "C1",
        "home_ward": "C1", "entered_at": "2026-11-22T07:31:05.2Z",
        "seen_at": "2026-11-22T08:11:01.004Z", "moving": false,
        "moving_since": "2026-11-22T07:31:09Z", "pressed_at": null,
        "lost_at": "2026-11-22T09:11:01.004Z"
    },
    "rules": [
        {"rule": "room:storage", "status": "available", "says": true},
        {"rule": "room:patient", "status": "in_use", "says": false, "unless": "room"}
    ],
    "rules_version": "5f0c6a1be23d9974"
}))]
pub(super) struct StatusView {
    /// The asset's id.
    id: String,
    /// What everybody is told that it is doing.
    status: Status,
    /// Since when.
    #[schema(format = DateTime)]
    since: Option<String>,
    /// How Spor knows.
    basis: Option<Basis>,
    /// What says so: a rule, or `claim`, `hand`, `lost`, `no tag`, `never seen`.
    rule: Option<String>,
    /// Up to when a claim or a status by hand holds; null: until the evidence is another.
    #[schema(format = DateTime)]
    until: Option<String>,
    /// The ward that a claim takes it to; null: none, or nobody said.
    to: Option<String>,
    /// Why somebody set it by hand.
    reason: Option<String>,
    /// What rules say, also while something else holds by hand; null: never asked.
    by_rules: Option<ByRules>,
    /// What is known of it; null: never seen.
    evidence: Option<EvidenceView>,
    /// Every rule in the order in which they are asked.
    rules: Vec<RuleView>,
    /// Which rules these are.
    rules_version: String,
}

/// What rules say.
#[derive(Serialize, ToSchema)]
struct ByRules {
    /// What it is doing.
    status: Status,
    /// Since when.
    #[schema(format = DateTime)]
    since: String,
    /// How Spor knows.
    basis: Basis,
    /// The rule.
    rule: String,
}

/// What rules ask for.
#[derive(Serialize, ToSchema)]
struct EvidenceView {
    /// The room it is in; null: in none.
    room: Option<String>,
    /// What its door says.
    room_name: Option<String>,
    /// Its kind.
    #[schema(value_type = Option<String>)]
    room_kind: Option<RoomKind>,
    /// The ward it belongs to.
    ward: Option<String>,
    /// The ward that owns the asset; null: the shared pool.
    home_ward: Option<String>,
    /// Since when it is in the room.
    #[schema(format = DateTime)]
    entered_at: String,
    /// When it was last heard.
    #[schema(format = DateTime)]
    seen_at: String,
    /// True while its tag feels motion; null: it doesn't say.
    moving: Option<bool>,
    /// Since when that is so.
    #[schema(format = DateTime)]
    moving_since: Option<String>,
    /// When its button was last pressed, as far as is known since the last start.
    #[schema(format = DateTime)]
    pressed_at: Option<String>,
    /// When it will count as lost if nothing more is heard.
    #[schema(format = DateTime)]
    lost_at: String,
}

/// A rule, and why it is not the one that says.
#[derive(Serialize, ToSchema)]
struct RuleView {
    /// Its name.
    rule: String,
    /// What it would say.
    status: Status,
    /// True for the first that fits: it says what the asset is doing.
    says: bool,
    /// What doesn't fit: `class`, `room`, `ward`, `motion`, `button`, `from` (the status before),
    /// `time` (it waits until `at`), `earlier` (a rule before it says).
    #[serde(skip_serializing_if = "Option::is_none")]
    unless: Option<&'static str>,
    /// When it will say so, if nothing changes: flapping is damped.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(format = DateTime)]
    at: Option<String>,
}

/// Why an asset has the status that it has.
#[utoipa::path(
    get, path = "/api/v1/assets/{id}/status", tag = "assets", operation_id = "explain_status",
    params(("id" = String, Path, description = "The asset's id", example = "pump-7")),
    responses((status = 200, description = "Its status and the reasons", body = StatusView)),
)]
pub(super) async fn get(
    State(app): State<App>,
    caller: Caller,
    InPath(id): InPath<AssetId>,
) -> Result<Json<StatusView>, ApiError> {
    caller.must(Permission::SeeEquipment)?;
    let picture = Picture::now(&app);
    let asset = picture.registry.assets.get(&id).ok_or(ApiError::NotFound("asset"))?;
    let now = picture.asset_now(asset);
    let rules = app.context.rules.load();
    Ok(Json(view(&picture, &now, &rules)))
}

fn view(picture: &Picture<'_>, now: &AssetNow, rules: &Rules) -> StatusView {
    let state = now.state.as_ref();
    let shown = state.and_then(|state| state.status.as_ref());
    let by_rules_alone = shown.filter(|shown| shown.basis != Basis::Manual);
    let ruled = state.and_then(|state| state.ruled.as_ref()).or(by_rules_alone);
    let hand = now.hand();
    let known = now.place().map(|place| (place, evidence(picture, now, place)));
    StatusView {
        id: now.asset.id.to_string(),
        status: now.status(),
        since: shown.map(|shown| rfc3339(shown.since_ms)),
        basis: shown.map(|shown| shown.basis),
        rule: shown.map(|shown| shown.rule.clone()),
        until: hand.map(|hand| rfc3339(hand.until_ms)),
        to: now.to().map(ToString::to_string),
        reason: hand.and_then(|hand| hand.reason.clone()),
        by_rules: ruled.map(by_rules),
        rules: match known {
            Some((_, evidence)) => rule_views(rules, ruled, evidence, picture.now_ms),
            None => Vec::new(),
        },
        evidence: known.map(|(place, evidence)| evidence_view(picture, now, place, evidence)),
        rules_version: rules.version.clone(),
    }
}

fn evidence<'a>(picture: &Picture<'_>, now: &'a AssetNow, place: &Place) -> Evidence<'a> {
    let state = now.state.as_ref();
    let zone = place.zone.as_ref().and_then(|zone| picture.site().zone(zone));
    let ward = zone.and_then(|zone| zone.ward.as_ref());
    let home = now.asset.home_ward.as_ref();
    Evidence {
        class: &now.asset.class,
        is_home: home.zip(ward).map(|(home, ward)| home == ward),
        room: zone.and_then(|zone| zone.kind),
        entered_ms: place.entered_ms,
        moving: state.and_then(|state| state.moving),
        moving_since_ms: state.and_then(|state| state.moving_since_ms).unwrap_or(place.entered_ms),
        pressed_ms: state.and_then(|state| state.pressed_ms),
        seen_ms: place.seen_ms,
        interval_ms: state.map_or(0, |state| state.interval_ms),
    }
}

fn by_rules(ruled: &StatusNow) -> ByRules {
    ByRules {
        status: ruled.status,
        since: rfc3339(ruled.since_ms),
        basis: ruled.basis,
        rule: ruled.rule.clone(),
    }
}

fn evidence_view(
    picture: &Picture<'_>,
    now: &AssetNow,
    place: &Place,
    evidence: Evidence<'_>,
) -> EvidenceView {
    let zone = place.zone.as_ref().and_then(|zone| picture.site().zone(zone));
    let moves = now.state.as_ref().filter(|state| state.moving.is_some());
    EvidenceView {
        room: place.zone.as_ref().map(ToString::to_string),
        room_name: zone.map(|zone| zone.name.clone()),
        room_kind: evidence.room,
        ward: zone.and_then(|zone| zone.ward.as_ref()).map(ToString::to_string),
        home_ward: now.asset.home_ward.as_ref().map(ToString::to_string),
        entered_at: rfc3339(evidence.entered_ms),
        seen_at: rfc3339(evidence.seen_ms),
        moving: evidence.moving,
        moving_since: moves.and_then(|state| state.moving_since_ms).map(rfc3339),
        pressed_at: evidence.pressed_ms.map(rfc3339),
        lost_at: rfc3339(utilisation::lost_ms(evidence)),
    }
}

fn rule_views(
    rules: &Rules,
    ruled: Option<&StatusNow>,
    evidence: Evidence<'_>,
    now_ms: i64,
) -> Vec<RuleView> {
    let mut is_said = false;
    let explained = utilisation::explain(rules, ruled, evidence, now_ms).into_iter();
    let view = explained.map(|(rule, unfit)| {
        let says = unfit.is_none() && !is_said;
        let (unless, at_ms) = match unfit {
            _ if says => (None, None),
            None => (Some("earlier"), None),
            Some(Unfit::Class) => (Some("class"), None),
            Some(Unfit::Room) => (Some("room"), None),
            Some(Unfit::Ward) => (Some("ward"), None),
            Some(Unfit::Motion) => (Some("motion"), None),
            Some(Unfit::Button) => (Some("button"), None),
            Some(Unfit::From) => (Some("from"), None),
            Some(Unfit::Until(at_ms)) => (Some("time"), Some(at_ms)),
        };
        is_said |= says;
        let (rule, status) = (rule.name.clone(), rule.status);
        RuleView { rule, status, says, unless, at: at_ms.map(rfc3339) }
    });
    view.collect()
}
