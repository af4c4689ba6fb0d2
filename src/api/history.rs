//! `.../history?from&to`: where an asset or a tag was.

use super::{
    App,
    error::ApiError,
    extract::{InPath, InQuery},
    guard::Caller,
    page::{checked_limit, stretch_ms},
    tags::may_be_told,
    view::{Picture, rfc3339},
};
use crate::{
    auth::Permission,
    model::{AssetId, TagId},
    storage::HistoryRow,
};
use axum::{Json, extract::State};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// Which stretch of time.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct HistoryQuery {
    /// Beginning, RFC 3339; a day before the end when not given.
    #[param(value_type = Option<String>, example = "2026-11-22T00:00:00Z")]
    from: Option<Timestamp>,
    /// End, RFC 3339; now when not given.
    #[param(value_type = Option<String>, example = "2026-11-23T00:00:00Z")]
    to: Option<Timestamp>,
    /// How many rows at about the most, 1 to 1000, 100 when not given.
    #[param(minimum = 1, maximum = 1000, example = 100)]
    limit: Option<usize>,
    /// `next_cursor` of the page before.
    #[param(example = 1_795_385_000_123_i64)]
    cursor: Option<i64>,
}

/// A page of history.
#[derive(Serialize, ToSchema)]
pub(super) struct History {
    /// Oldest first.
    rows: Vec<Stretch>,
    /// What to ask the next page with; null: this is the last.
    next_cursor: Option<i64>,
}

/// A place, and how long it held.
#[derive(Serialize, ToSchema)]
#[schema(example = json!({
    "time": "2026-11-22T08:00:01Z", "until": "2026-11-22T08:14:30Z", "x_m": 12.3, "y_m": 4.5,
    "floor": 1, "accuracy_m": 0.8, "zone": "C1-depot"
}))]
struct Stretch {
    /// Since when.
    #[schema(format = DateTime)]
    time: String,
    /// Until when it was still there, within its accuracy.
    #[schema(format = DateTime)]
    until: String,
    /// Metres east.
    x_m: f64,
    /// Metres north.
    y_m: f64,
    /// 0 is ground.
    floor: i16,
    /// Metres.
    accuracy_m: f32,
    /// The room.
    zone: Option<String>,
}

/// Where an asset was, across the tags that it carried.
#[utoipa::path(
    get, path = "/api/v1/assets/{id}/history", tag = "assets", operation_id = "get_asset_history",
    params(("id" = String, Path, description = "The asset's id", example = "P1"), HistoryQuery),
    responses((status = 200, description = "Its places, oldest first", body = History)),
)]
pub(super) async fn of_asset(
    State(app): State<App>,
    caller: Caller,
    InPath(asset): InPath<AssetId>,
    InQuery(query): InQuery<HistoryQuery>,
) -> Result<Json<History>, ApiError> {
    caller.must(Permission::Trace)?;
    if !Picture::now(&app).registry.assets.contains_key(&asset) {
        return Err(ApiError::NotFound("asset"));
    }
    let (from_ms, to_ms, limit) = query.bounds((app.context.clock)())?;
    let storage = &app.context.storage;
    let rows = storage.asset_history(&asset, from_ms, to_ms, limit, query.cursor).await?;
    Ok(Json(page(&rows, limit)))
}

/// Where a tag was that no person wears.
#[utoipa::path(
    get, path = "/api/v1/tags/{tag}/history", tag = "tags", operation_id = "get_tag_history",
    params(("tag" = String, Path, description = "The tag's name", example = "AA:07"), HistoryQuery),
    responses((status = 200, description = "Its places, oldest first", body = History)),
)]
pub(super) async fn of_tag(
    State(app): State<App>,
    caller: Caller,
    InPath(tag): InPath<TagId>,
    InQuery(query): InQuery<HistoryQuery>,
) -> Result<Json<History>, ApiError> {
    caller.must(Permission::Trace)?;
    if !may_be_told(&Picture::now(&app), &tag) {
        return Err(ApiError::NotFound("tag"));
    }
    let (from_ms, to_ms, limit) = query.bounds((app.context.clock)())?;
    let storage = &app.context.storage;
    let rows = storage.history(&tag, from_ms, to_ms, limit, query.cursor).await?;
    Ok(Json(page(&rows, limit)))
}

impl HistoryQuery {
    /// Beginning and end in milliseconds, and the limit.
    fn bounds(&self, now_ms: i64) -> Result<(i64, i64, i64), ApiError> {
        let (from_ms, to_ms) = stretch_ms(self.from, self.to, now_ms)?;
        Ok((from_ms, to_ms, i64::try_from(checked_limit(self.limit)?).unwrap_or(i64::MAX)))
    }
}

/// Rows of equal time stay together, so a page may be longer than its limit.
fn page(rows: &[HistoryRow], limit: i64) -> History {
    let full = i64::try_from(rows.len()).is_ok_and(|length| length >= limit);
    let next_cursor = rows.last().filter(|_| full).map(|row| row.time_ms);
    let rows = rows
        .iter()
        .map(|row| Stretch {
            time: rfc3339(row.time_ms),
            until: rfc3339(row.until_ms),
            x_m: row.x_m,
            y_m: row.y_m,
            floor: row.floor,
            accuracy_m: row.accuracy_m,
            zone: row.zone.as_ref().map(ToString::to_string),
        })
        .collect();
    History { rows, next_cursor }
}
