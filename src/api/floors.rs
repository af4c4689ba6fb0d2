//! `GET /api/v1/floors`: the floors of the building, and the plan of each as GeoJSON.

use super::{App, error::ApiError, extract::InPath, guard::Caller};
use crate::auth::Permission;
use axum::{
    Json,
    extract::State,
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::Serialize;
use utoipa::ToSchema;

/// The floors of the building.
#[derive(Serialize, ToSchema)]
pub(super) struct FloorList {
    /// From the lowest.
    floors: Vec<FloorView>,
}

/// A floor.
#[derive(Serialize, ToSchema)]
#[schema(example = json!({"number": 1, "label": "1", "rooms": 84}))]
pub(super) struct FloorView {
    /// 0 is ground.
    number: i16,
    /// What the lift's button says.
    label: String,
    /// How many rooms it has.
    rooms: usize,
}

/// The floors of the building.
#[utoipa::path(
    get, path = "/api/v1/floors", tag = "building", operation_id = "list_floors",
    responses((status = 200, description = "Every floor", body = FloorList)),
)]
pub(super) async fn list(
    State(app): State<App>,
    caller: Caller,
) -> Result<Json<FloorList>, ApiError> {
    caller.must(Permission::SeeEquipment)?;
    let site = app.context.site.load();
    let rooms = |number| site.zones().filter(|z| z.floor == number && z.kind.is_some()).count();
    let floors = site.floors.iter().map(|floor| FloorView {
        number: floor.number,
        label: floor.label.clone(),
        rooms: rooms(floor.number),
    });
    Ok(Json(FloorList { floors: floors.collect() }))
}

/// The plan of a floor: outline, rooms, zones, doors and readers in the site's frame, metres.
#[utoipa::path(
    get, path = "/api/v1/floors/{n}", tag = "building", operation_id = "get_floor",
    params(("n" = i16, Path, description = "The floor's number; 0 is ground", example = 1)),
    responses(
        (status = 200, description = "A FeatureCollection", body = Object,
            content_type = "application/geo+json",
            example = json!({"type": "FeatureCollection", "crs": "local", "floor": 1, "features": []})),
        (status = 304, description = "The plan that `If-None-Match` names is still the newest"),
    ),
)]
pub(super) async fn get(
    State(app): State<App>,
    caller: Caller,
    headers: HeaderMap,
    InPath(number): InPath<i16>,
) -> Result<Response, ApiError> {
    caller.must(Permission::SeeEquipment)?;
    let site = app.context.site.load();
    site.floor_label(number).ok_or(ApiError::NotFound("floor"))?;
    let tag = format!("\"{}\"", site.version);
    let caching = [(header::ETAG, tag.clone()), (header::CACHE_CONTROL, "no-cache".to_owned())];
    if headers.get(header::IF_NONE_MATCH).is_some_and(|known| known.as_bytes() == tag.as_bytes()) {
        return Ok((StatusCode::NOT_MODIFIED, caching).into_response());
    }
    let plan = site.floor_geojson(number).ok_or(ApiError::NotFound("floor"))?;
    let kind = [(header::CONTENT_TYPE, "application/geo+json")];
    Ok((caching, kind, plan.to_string()).into_response())
}
