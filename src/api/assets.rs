//! `GET /api/v1/assets`: things, where they are, what they are doing, and how to fetch them.

use super::{
    App,
    error::ApiError,
    expected::{NextFree, next_free},
    extract::{InPath, InQuery},
    filter::{AssetFilter, AssetQuery, Near},
    guard::Caller,
    nearest::Nearest,
    page::{Page, Place},
    search::{Alternatives, alternatives, matching, meant},
    view::{AssetView, Picture},
};
use crate::{auth::Permission, find::rank::Standing, model::AssetId};
use axum::{Json, extract::State};
use serde::Serialize;
use utoipa::ToSchema;

/// A page of assets.
#[derive(Serialize, ToSchema)]
pub(super) struct AssetList {
    /// By id, or by what it costs to fetch each when `near` was given.
    assets: Vec<AssetView>,
    /// What to ask the next page with; null: this is the last.
    next_cursor: Option<String>,
    /// True when nothing has the words of `q` as they were typed, and slips of the fingers were
    /// forgiven.
    guessed: bool,
    /// When `near` was given and nothing fits: what else would do.
    #[serde(skip_serializing_if = "Option::is_none")]
    alternatives: Option<Alternatives>,
    /// When what is free was asked for with `near` and nothing fits: what is expected to be free first;
    /// null: nobody knows.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<NextFree>)]
    expected_free: Option<Option<NextFree>>,
}

/// Assets where they are now. With `near` they come in the order of fetching: walking time first,
/// then how fresh and sure the place is, then whom it leaves short; `why` tells each one's reasons.
#[utoipa::path(
    get, path = "/api/v1/assets", tag = "assets", operation_id = "list_assets",
    params(AssetQuery),
    responses((status = 200, description = "The assets that fit", body = AssetList)),
)]
pub(super) async fn list(
    State(app): State<App>,
    caller: Caller,
    InQuery(query): InQuery<AssetQuery>,
) -> Result<Json<AssetList>, ApiError> {
    caller.must(Permission::SeeEquipment)?;
    let picture = Picture::now(&app);
    let site = picture.site();
    let mut filter = AssetFilter::parse(&query, caller.scope(), site)?;
    filter.asset = query.q.as_deref().and_then(|text| meant(text, caller.scope(), &picture));
    let near = query.near.as_deref().map(|text| Near::parse(text, site)).transpose()?;
    if query.rank.is_some() && near.is_none() {
        return Err(ApiError::invalid("rank", "needs `near`"));
    }
    let page = Page::new(query.limit, query.cursor.as_deref())?;
    let ways = app.ways.of(site);
    let nearest =
        near.as_ref().map(|near| Nearest::new(&picture, caller.scope(), near, &ways.1, query.rank));
    let (found, guessed) = matching(&mut filter, &picture);
    let otherwise = nearest.as_ref().filter(|_| found.is_empty());
    let alternatives = otherwise.and_then(|nearest| alternatives(&filter, &picture, nearest));
    let awaited = otherwise.filter(|_| filter.means_free());
    let expected_free = awaited.map(|_| next_free(&filter, &picture));
    let placed = found
        .into_iter()
        .map(|now| {
            let standing = nearest.as_ref().map(|nearest| nearest.standing(&now));
            let place = Place::new(standing.as_ref().map(Standing::key_s), now.asset.id.as_str());
            (place, (now, standing))
        })
        .collect();
    let (placed, next_cursor) = page.cut(placed);
    let view = |(now, standing)| {
        let fetch = nearest.as_ref().zip(Option::as_ref(standing));
        picture.asset_view(now, fetch.map(|(nearest, standing)| nearest.fetch(now, standing)))
    };
    let assets = placed.iter().map(|(now, standing)| view((now, standing))).collect();
    Ok(Json(AssetList { assets, next_cursor, guessed, alternatives, expected_free }))
}

/// One asset.
#[utoipa::path(
    get, path = "/api/v1/assets/{id}", tag = "assets", operation_id = "get_asset",
    params(("id" = String, Path, description = "The asset's id", example = "pump-7")),
    responses((status = 200, description = "The asset as it is now", body = AssetView)),
)]
pub(super) async fn get(
    State(app): State<App>,
    caller: Caller,
    InPath(id): InPath<AssetId>,
) -> Result<Json<AssetView>, ApiError> {
    caller.must(Permission::SeeEquipment)?;
    let picture = Picture::now(&app);
    let asset = picture.registry.assets.get(&id).map(|asset| picture.asset_now(asset));
    // What may not be seen isn't told apart from what isn't there.
    let seen = asset.filter(|now| picture.may_see(now, caller.scope()));
    let now = seen.ok_or(ApiError::NotFound("asset"))?;
    Ok(Json(picture.asset_view(&now, None)))
}

/// The asset as it is now.
pub(super) fn view_of(app: &App, id: &AssetId) -> Result<AssetView, ApiError> {
    let picture = Picture::now(app);
    let asset = picture.registry.assets.get(id).ok_or(ApiError::NotFound("asset"))?;
    Ok(picture.asset_view(&picture.asset_now(asset), None))
}
