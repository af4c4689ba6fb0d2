//! `GET /api/v1/assets`: things, where they are and what they are doing.

use super::{
    App,
    error::ApiError,
    extract::{InPath, InQuery},
    filter::{AssetFilter, AssetQuery, Near, order},
    guard::Caller,
    page::Page,
    view::{AssetView, Picture},
};
use crate::{auth::Permission, model::AssetId};
use axum::{Json, extract::State};
use serde::Serialize;
use utoipa::ToSchema;

/// A page of assets.
#[derive(Serialize, ToSchema)]
pub(super) struct AssetList {
    /// By id, or by distance when `near` was given.
    assets: Vec<AssetView>,
    /// What to ask the next page with; null: this is the last.
    next_cursor: Option<String>,
}

/// Assets where they are now.
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
    let filter = AssetFilter::parse(&query, picture.site())?;
    let near = query.near.as_deref().map(|text| Near::parse(text, picture.site())).transpose()?;
    let page = Page::new(query.limit, query.cursor.as_deref())?;
    let found = picture
        .registry
        .assets
        .values()
        .map(|asset| picture.asset_now(asset))
        .filter(|now| filter.admits(now, &picture))
        .map(|now| {
            let (place, distance_m) = order(&now, near.as_ref());
            (place, (now, distance_m))
        })
        .collect();
    let (found, next_cursor) = page.cut(found);
    let assets =
        found.iter().map(|(now, distance_m)| picture.asset_view(now, *distance_m)).collect();
    Ok(Json(AssetList { assets, next_cursor }))
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
    view_of(&app, &id).map(Json)
}

/// The asset as it is now.
pub(super) fn view_of(app: &App, id: &AssetId) -> Result<AssetView, ApiError> {
    let picture = Picture::now(app);
    let asset = picture.registry.assets.get(id).ok_or(ApiError::NotFound("asset"))?;
    Ok(picture.asset_view(&picture.asset_now(asset), None))
}
