//! `GET /api/v1/events`: what happened, complete and in the order it was stored.

use super::{
    App,
    error::ApiError,
    extract::InQuery,
    guard::Caller,
    page::checked_limit,
    view::{Picture, rfc3339},
};
use crate::{
    auth::Permission,
    model::{AssetId, EventKind, EventMessage, TagId},
    storage::EventFilter,
};
use axum::{Json, extract::State};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// Which events to list.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct EventQuery {
    /// zone, fence, status, button, battery or lost.
    #[param(value_type = Option<String>, example = "zone")]
    kind: Option<EventKind>,
    /// Of this tag.
    #[param(value_type = Option<String>, example = "AA:07")]
    tag: Option<TagId>,
    /// Of this asset.
    #[param(value_type = Option<String>, example = "P1")]
    asset: Option<AssetId>,
    /// How many at most, 1 to 1000, 100 when not given.
    #[param(minimum = 1, maximum = 1000, example = 100)]
    limit: Option<usize>,
    /// `next_cursor` of the page before; the last page's is good for what comes later.
    #[param(example = 4711)]
    cursor: Option<i64>,
}

/// A page of events.
#[derive(Serialize, ToSchema)]
pub(super) struct EventList {
    /// In the order they were stored.
    events: Vec<EventView>,
    /// What to ask with for what comes behind these.
    next_cursor: i64,
}

/// Something that happened.
#[derive(Serialize, ToSchema)]
#[schema(example = json!({
    "id": "8a2f0c9b1d3e4f50617283940a1b2c3d", "kind": "zone", "time": "2026-11-22T08:00:01Z",
    "tag": "AA:07", "asset": "P1", "zone": "C1-depot", "from_zone": "C1-gang", "floor": 1,
    "change": "entered", "reason": "clearly outside the last room"
}))]
pub(super) struct EventView {
    /// The same for the same cause, also over MQTT.
    id: String,
    /// What kind of thing.
    kind: &'static str,
    /// When, by event time.
    #[schema(format = DateTime)]
    time: String,
    /// The tag it happened to.
    tag: String,
    /// The asset that carried it then.
    asset: Option<String>,
    /// The room or zone after it.
    zone: Option<String>,
    /// The room or zone before it.
    from_zone: Option<String>,
    /// The floor after it.
    floor: Option<i16>,
    /// What changed.
    change: String,
    /// Why it was decided so.
    reason: Option<String>,
}

impl From<EventMessage> for EventView {
    fn from(event: EventMessage) -> Self {
        Self {
            id: event.id,
            kind: event.kind.as_str(),
            time: rfc3339(event.time_ms),
            tag: event.tag.to_string(),
            asset: event.asset.map(|id| id.to_string()),
            zone: event.zone.map(|id| id.to_string()),
            from_zone: event.from_zone.map(|id| id.to_string()),
            floor: event.floor,
            change: event.change,
            reason: event.reason,
        }
    }
}

/// What happened to tags that no person wears.
#[utoipa::path(
    get, path = "/api/v1/events", tag = "events", operation_id = "list_events",
    params(EventQuery),
    responses((status = 200, description = "The events that fit, oldest first", body = EventList)),
)]
pub(super) async fn list(
    State(app): State<App>,
    caller: Caller,
    InQuery(query): InQuery<EventQuery>,
) -> Result<Json<EventList>, ApiError> {
    caller.must(Permission::Trace)?;
    let limit = i64::try_from(checked_limit(query.limit)?).unwrap_or(i64::MAX);
    let after = query.cursor.unwrap_or(0);
    let filter = EventFilter { kind: query.kind, tag: query.tag, asset: query.asset };
    let stored = app.context.storage.events(after, limit, &filter).await?;
    let next_cursor = stored.last().map_or(after, |event| event.seq);
    let picture = Picture::now(&app);
    let events = stored
        .into_iter()
        .filter(|event| !picture.is_worn(&event.message.tag))
        .map(|event| event.message.into())
        .collect();
    Ok(Json(EventList { events, next_cursor }))
}
