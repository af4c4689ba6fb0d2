//! `/api/v1/alerts`: what a person must act on, who sees to it, and what is over.

use super::{
    App,
    error::ApiError,
    extract::{InBody, InPath, InQuery},
    filter::{known_ward, no_such, parse_list},
    guard::Caller,
    page::{Place, checked_limit},
    view::rfc3339,
};
use crate::{
    auth::Permission,
    model::{Alert, AlertKind, AlertState, WardId},
    storage::AlertFilter,
};
use axum::{Json, extract::State};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// Which alerts to list.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct AlertQuery {
    /// A state, or several with commas between: open, acknowledged, resolved. What is resolved is told
    /// to those who may see the past.
    #[param(example = "open,acknowledged")]
    state: Option<String>,
    /// A kind, or several with commas between: par, missing, leaving, linen, battery, reader, cleaning.
    #[param(example = "par")]
    kind: Option<String>,
    /// Those that concern this ward.
    #[param(example = "C1")]
    ward: Option<String>,
    /// How many at most, 1 to 1000, 100 when not given.
    #[param(minimum = 1, maximum = 1000, example = 100)]
    limit: Option<usize>,
    /// `next_cursor` of the page before.
    #[param(example = "1795385000123~8a2f0c9b1d3e4f50617283940a1b2c3d")]
    cursor: Option<String>,
}

/// Who acts, where no token says it.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"by": "desk-2"}))]
pub(super) struct ByBody {
    /// While Spor is open: a name for who acts, 1 to 64 characters. With a token its name counts.
    #[schema(min_length = 1, max_length = 64)]
    by: Option<String>,
}

/// A page of alerts.
#[derive(Serialize, ToSchema)]
pub(super) struct AlertList {
    /// Newest first.
    alerts: Vec<AlertView>,
    /// What to ask the next page with; null: this is the last.
    next_cursor: Option<String>,
}

/// Something that a person must act on.
#[derive(Serialize, ToSchema)]
#[schema(example = json!({
    "id": "8a2f0c9b1d3e4f50617283940a1b2c3d", "kind": "par", "severity": "critical",
    "state": "acknowledged", "subject": "infusion-pump/C1", "ward": "C1", "class": "infusion-pump",
    "asset": null, "label": null, "reader": null, "zone": null, "zone_name": null, "floor": null,
    "reason": "1 of 6 stand ready", "opened_at": "2026-11-22T08:00:01Z",
    "acknowledged_at": "2026-11-22T08:03:10Z", "acknowledged_by": "desk-2",
    "resolved_at": null, "resolved_by": null
}))]
pub(super) struct AlertView {
    /// 32 hexadecimal digits.
    id: String,
    /// par: too few stand ready; missing; leaving: in a way out of the building; linen: in a room for linen
    /// or waste; battery: low; reader: offline or silent; cleaning: overdue.
    kind: &'static str,
    /// low or critical: the gravest that it was.
    severity: &'static str,
    /// open, acknowledged or resolved.
    state: &'static str,
    /// What it is about: an asset's id, a reader's id, or `class/ward`.
    subject: String,
    /// The ward that it concerns.
    ward: Option<String>,
    /// The class of assets.
    class: Option<String>,
    /// The asset.
    asset: Option<String>,
    /// What people call the asset.
    label: Option<String>,
    /// The reader.
    reader: Option<String>,
    /// The room where it was when the alert was opened, or became critical.
    zone: Option<String>,
    /// What its door says.
    zone_name: Option<String>,
    /// The floor of that room.
    floor: Option<i16>,
    /// What was seen then.
    reason: String,
    /// Since when it is told.
    #[schema(format = DateTime)]
    opened_at: String,
    /// When somebody took it on.
    #[schema(format = DateTime)]
    acknowledged_at: Option<String>,
    /// The name of the token that did; null also for who may not see the past.
    acknowledged_by: Option<String>,
    /// When it was over.
    #[schema(format = DateTime)]
    resolved_at: Option<String>,
    /// The name of the token that said so; null: its cause ended.
    resolved_by: Option<String>,
}

/// What a person must act on, newest first. A wall sees what is not resolved of its own wards.
#[utoipa::path(
    get, path = "/api/v1/alerts", tag = "alerts", operation_id = "list_alerts",
    params(AlertQuery),
    responses((status = 200, description = "The alerts that fit, newest first", body = AlertList)),
)]
pub(super) async fn list(
    State(app): State<App>,
    caller: Caller,
    InQuery(query): InQuery<AlertQuery>,
) -> Result<Json<AlertList>, ApiError> {
    caller.must(Permission::SeeEquipment)?;
    let limit = checked_limit(query.limit)?;
    let after: Option<Place> = query.cursor.as_deref().map(str::parse).transpose()?;
    let mut filter = AlertFilter {
        states: parse_list(query.state.as_deref(), "state", AlertState::parse)?,
        kinds: parse_list(query.kind.as_deref(), "kind", AlertKind::parse)?,
        ..AlertFilter::default()
    };
    if !caller.may(Permission::Trace) {
        if filter.states.contains(&AlertState::Resolved) {
            caller.must(Permission::Trace)?;
        }
        if filter.states.is_empty() {
            filter.states = vec![AlertState::Open, AlertState::Acknowledged];
        }
    }
    if let Some(asked) = &query.ward {
        let ward = known_ward(asked, &app.context.site.load());
        filter.wards.push(ward.ok_or_else(|| no_such("ward", asked))?);
    }
    if !narrow(&mut filter, &caller) {
        return Ok(Json(AlertList { alerts: Vec::new(), next_cursor: None }));
    }
    let asked = i64::try_from(limit).unwrap_or(i64::MAX);
    let after = after.as_ref().map(|place| (place.order, place.name.as_str()));
    let mut found = app.context.storage.alerts(&filter, asked + 1, after).await?;
    let more = found.len() > limit;
    found.truncate(limit);
    let last = found.last().filter(|_| more);
    let next_cursor =
        last.map(|last| Place { order: last.opened_ms, name: last.id.clone() }.to_cursor());
    let alerts = found.into_iter().map(|alert| view(&app, &caller, alert)).collect();
    Ok(Json(AlertList { alerts, next_cursor }))
}

/// One alert.
#[utoipa::path(
    get, path = "/api/v1/alerts/{id}", tag = "alerts", operation_id = "get_alert",
    params(("id" = String, Path, description = "The alert's id", example = "8a2f0c9b1d3e4f50617283940a1b2c3d")),
    responses((status = 200, description = "As it stands now", body = AlertView)),
)]
pub(super) async fn get(
    State(app): State<App>,
    caller: Caller,
    InPath(id): InPath<String>,
) -> Result<Json<AlertView>, ApiError> {
    caller.must(Permission::SeeEquipment)?;
    let alert = app.context.storage.alert(&id).await?;
    let seen = alert.filter(|alert| is_seen(alert, &caller));
    Ok(Json(view(&app, &caller, seen.ok_or(ApiError::NotFound("alert"))?)))
}

/// Takes an alert on: everybody sees that somebody sees to it. The first one who did stays.
#[utoipa::path(
    post, path = "/api/v1/alerts/{id}/acknowledge", tag = "alerts", operation_id = "acknowledge_alert",
    params(("id" = String, Path, description = "The alert's id", example = "8a2f0c9b1d3e4f50617283940a1b2c3d")),
    request_body = ByBody,
    responses((status = 200, description = "Somebody sees to it", body = AlertView)),
)]
pub(super) async fn acknowledge(
    State(app): State<App>,
    caller: Caller,
    InPath(id): InPath<String>,
    InBody(body): InBody<ByBody>,
) -> Result<Json<AlertView>, ApiError> {
    let by = who(&caller, body.by)?;
    let alert = app.context.storage.acknowledge_alert(&id, &by, (app.context.clock)()).await?;
    Ok(Json(view(&app, &caller, alert)))
}

/// Says that an alert is settled. While its cause lasts no new one is opened, unless it becomes critical.
#[utoipa::path(
    post, path = "/api/v1/alerts/{id}/resolve", tag = "alerts", operation_id = "resolve_alert",
    params(("id" = String, Path, description = "The alert's id", example = "8a2f0c9b1d3e4f50617283940a1b2c3d")),
    request_body = ByBody,
    responses((status = 200, description = "It is over", body = AlertView)),
)]
pub(super) async fn resolve(
    State(app): State<App>,
    caller: Caller,
    InPath(id): InPath<String>,
    InBody(body): InBody<ByBody>,
) -> Result<Json<AlertView>, ApiError> {
    let by = who(&caller, body.by)?;
    let alert = app.context.storage.resolve_alert(&id, &by, (app.context.clock)()).await?;
    Ok(Json(view(&app, &caller, alert)))
}

/// The name of the token; while Spor is open the name that was given.
fn who(caller: &Caller, given: Option<String>) -> Result<String, ApiError> {
    caller.must(Permission::AnswerAlerts)?;
    super::by_hand::name_of(caller, given)
}

/// Leaves out what the caller may not see; false: nothing is left.
fn narrow(filter: &mut AlertFilter, caller: &Caller) -> bool {
    let scope = caller.scope();
    if scope.is_everything() {
        return true;
    }
    if filter.wards.is_empty() {
        filter.wards.clone_from(&scope.wards);
    }
    filter.wards.retain(|ward: &WardId| scope.has_ward(ward));
    filter.classes.clone_from(&scope.classes);
    !filter.wards.is_empty()
}

/// The same for one alert.
fn is_seen(alert: &Alert, caller: &Caller) -> bool {
    let scope = caller.scope();
    let of_class = |class| scope.classes.contains(class);
    let in_scope = scope.is_everything()
        || alert.about.ward.as_ref().is_some_and(|ward| scope.has_ward(ward))
            && (scope.classes.is_empty() || alert.about.class.as_ref().is_some_and(of_class));
    in_scope && (alert.resolved_ms.is_none() || caller.may(Permission::Trace))
}

fn view(app: &App, caller: &Caller, alert: Alert) -> AlertView {
    let (state, about) = (alert.state(), alert.about);
    let site = app.context.site.load();
    let zone = about.zone.as_ref().and_then(|zone| site.zone(zone));
    // The name of a token may stand for a person, whom a wall never shows.
    let shown = |by: Option<String>| by.filter(|_| caller.may(Permission::Trace));
    AlertView {
        id: alert.id,
        kind: alert.kind.as_str(),
        severity: alert.severity.as_str(),
        state: state.as_str(),
        subject: alert.subject,
        ward: about.ward.map(|ward| ward.to_string()),
        class: about.class.map(|class| class.to_string()),
        asset: about.asset.map(|asset| asset.to_string()),
        label: alert.label,
        reader: about.reader.map(|reader| reader.to_string()),
        zone_name: zone.map(|zone| zone.name.clone()),
        zone: about.zone.map(|zone| zone.to_string()),
        floor: about.floor,
        reason: about.reason,
        opened_at: rfc3339(alert.opened_ms),
        acknowledged_at: alert.acknowledged_ms.map(rfc3339),
        acknowledged_by: shown(alert.acknowledged_by),
        resolved_at: alert.resolved_ms.map(rfc3339),
        resolved_by: shown(alert.resolved_by),
    }
}
