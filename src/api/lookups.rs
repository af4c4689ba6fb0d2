//! `GET /api/v1/lookups`: who asked where people were, when and what for.

use super::{
    App, error::ApiError, extract::InQuery, guard::Caller, page::checked_limit, view::rfc3339,
};
use crate::{auth::Permission, storage::Lookup};
use axum::{Json, extract::State};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// Which look-ups to list.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct LookupQuery {
    /// How many at about the most, 1 to 1000, 100 when not given.
    #[param(minimum = 1, maximum = 1000, example = 100)]
    limit: Option<usize>,
    /// `next_cursor` of the page before.
    #[param(example = 1_795_385_000_123_i64)]
    cursor: Option<i64>,
}

/// A page of look-ups.
#[derive(Serialize, ToSchema)]
pub(super) struct LookupList {
    /// Newest first.
    lookups: Vec<LookupView>,
    /// What to ask the next page with; null: this is the last.
    next_cursor: Option<i64>,
}

/// A look-up of people's places.
#[derive(Serialize, ToSchema)]
#[schema(example = json!({
    "at": "2026-11-22T08:00:01.204Z", "actor": "desk-2", "purpose": "nearest_porter",
    "filter": "role=porter near=C1-depot", "found": 3
}))]
pub(super) struct LookupView {
    /// When.
    #[schema(format = DateTime)]
    at: String,
    /// The name of the token that asked.
    actor: String,
    /// The stated purpose.
    purpose: String,
    /// What was asked for.
    filter: String,
    /// How many people the answer named.
    found: u32,
}

impl From<Lookup> for LookupView {
    fn from(lookup: Lookup) -> Self {
        let Lookup { at_ms, actor, purpose, filter, found } = lookup;
        Self { at: rfc3339(at_ms), actor, purpose, filter, found }
    }
}

/// Who looked people up.
#[utoipa::path(
    get, path = "/api/v1/lookups", tag = "people", operation_id = "list_lookups",
    params(LookupQuery),
    security(("token" = []), ("session" = [])),
    responses((status = 200, description = "The look-ups, newest first", body = LookupList)),
)]
pub(super) async fn list(
    State(app): State<App>,
    caller: Caller,
    InQuery(query): InQuery<LookupQuery>,
) -> Result<Json<LookupList>, ApiError> {
    caller.must(Permission::SeeLookups)?;
    let limit = checked_limit(query.limit)?;
    let asked = i64::try_from(limit).unwrap_or(i64::MAX);
    let found = app.context.storage.lookups(asked, query.cursor).await?;
    let next_cursor = found.last().filter(|_| found.len() >= limit).map(|last| last.at_ms);
    Ok(Json(LookupList { lookups: found.into_iter().map(Into::into).collect(), next_cursor }))
}
