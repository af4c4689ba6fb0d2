//! `GET /api/v1/zones`: the rooms and zones of the building.

use super::{
    App,
    error::ApiError,
    extract::InQuery,
    filter::{known_floor, known_ward, no_such},
    guard::Caller,
    page::{Page, Place},
    view::rounded,
};
use crate::{
    auth::Permission,
    model::{RoomKind, ZoneRecord},
    site::Site,
};
use axum::{Json, extract::State};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// Which rooms and zones to list.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct ZoneQuery {
    /// Those on this floor; 0 is ground.
    #[param(example = 1)]
    floor: Option<i16>,
    /// Those of this ward.
    #[param(example = "C1")]
    ward: Option<String>,
    /// How many at most, 1 to 1000, 100 when not given.
    #[param(minimum = 1, maximum = 1000, example = 100)]
    limit: Option<usize>,
    /// `next_cursor` of the page before.
    #[param(example = "0~c1-store")]
    cursor: Option<String>,
}

/// A page of rooms and zones.
#[derive(Serialize, ToSchema)]
pub(super) struct ZoneList {
    /// By id.
    zones: Vec<ZoneView>,
    /// What to ask the next page with; null: this is the last.
    next_cursor: Option<String>,
}

/// A room, or a zone that is no room.
#[derive(Serialize, ToSchema)]
#[schema(example = json!({
    "id": "c1-store", "name": "Storage C1", "kind": "storage", "floor": 1, "floor_label": "1",
    "ward": "C1", "x_m": 14.0, "y_m": 6.5
}))]
pub(super) struct ZoneView {
    /// Its id in the site file.
    id: String,
    /// What the door says.
    name: String,
    /// The room's kind; null: a zone that is no room.
    kind: Option<&'static str>,
    /// 0 is ground.
    floor: i16,
    /// What the lift's button says.
    floor_label: String,
    /// The ward it belongs to.
    ward: Option<String>,
    /// Where its name is written best, metres east.
    x_m: Option<f64>,
    /// Metres north.
    y_m: Option<f64>,
}

/// Rooms and zones.
#[utoipa::path(
    get, path = "/api/v1/zones", tag = "building", operation_id = "list_zones",
    params(ZoneQuery),
    responses((status = 200, description = "The rooms and zones that fit", body = ZoneList)),
)]
pub(super) async fn list(
    State(app): State<App>,
    caller: Caller,
    InQuery(query): InQuery<ZoneQuery>,
) -> Result<Json<ZoneList>, ApiError> {
    caller.must(Permission::SeeEquipment)?;
    let site = &*app.context.site.load_full();
    let page = Page::new(query.limit, query.cursor.as_deref())?;
    let floor = query.floor.map(|floor| known_floor(floor, site)).transpose()?;
    let ward = query.ward.as_deref();
    let ward =
        ward.map(|text| known_ward(text, site).ok_or_else(|| no_such("ward", text))).transpose()?;
    let fitting = site
        .zones()
        .filter(|zone| floor.is_none_or(|floor| zone.floor == floor))
        .filter(|zone| ward.is_none() || zone.ward == ward)
        .map(|zone| (Place::named(zone.id.as_str()), zone))
        .collect();
    let (zones, next_cursor) = page.cut(fitting);
    let zones = zones.into_iter().map(|zone| view(zone, site)).collect();
    Ok(Json(ZoneList { zones, next_cursor }))
}

fn view(zone: &ZoneRecord, site: &Site) -> ZoneView {
    let centre = site.centre(&zone.id);
    ZoneView {
        id: zone.id.to_string(),
        name: zone.name.clone(),
        kind: zone.kind.map(RoomKind::as_str),
        floor: zone.floor,
        floor_label: zone.floor_label.clone(),
        ward: zone.ward.as_ref().map(ToString::to_string),
        x_m: centre.map(|(x_m, _, _)| rounded(x_m, 1000.0)),
        y_m: centre.map(|(_, y_m, _)| rounded(y_m, 1000.0)),
    }
}
