//! Changes of the registry of assets: what there is, and which tag it carries.

use super::{
    App,
    assets::view_of,
    error::ApiError,
    extract::{InBody, InPath},
    guard::Caller,
    registry,
    view::AssetView,
};
use crate::{
    auth::Permission,
    clock::now_ms,
    model::{Asset, AssetId, Carrier, ClassId, TagId, WardId},
};
use axum::{Json, extract::State, http::StatusCode};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use utoipa::ToSchema;

/// Longest label, characters.
const MAX_LABEL: usize = 200;
/// Most assets in one request.
const MAX_ASSETS: usize = 5_000;

/// An asset as it shall stand in the registry.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"label": "Infusion pump 7", "class": "infusion-pump", "home_ward": "C1"}))]
pub(super) struct AssetBody {
    /// What people call it, 1 to 200 characters.
    #[schema(min_length = 1, max_length = 200)]
    label: String,
    /// What kind of work it does.
    #[schema(value_type = String)]
    class: ClassId,
    /// The ward that owns it; null or absent: the shared pool.
    #[schema(value_type = Option<String>)]
    home_ward: Option<WardId>,
}

/// Assets as they shall stand in the registry.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"assets": [
    {"id": "pump-7", "label": "Infusion pump 7", "class": "infusion-pump", "home_ward": "C1"}
]}))]
pub(super) struct AssetsBody {
    /// At most 5000.
    #[schema(max_items = 5000)]
    assets: Vec<NamedAsset>,
}

/// An asset with its id.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NamedAsset {
    /// Its id in the hospital's register.
    #[schema(value_type = String)]
    id: AssetId,
    /// What people call it, 1 to 200 characters.
    #[schema(min_length = 1, max_length = 200)]
    label: String,
    /// What kind of work it does.
    #[schema(value_type = String)]
    class: ClassId,
    /// The ward that owns it; null or absent: the shared pool.
    #[schema(value_type = Option<String>)]
    home_ward: Option<WardId>,
}

/// How many assets were entered or changed.
#[derive(Serialize, ToSchema)]
#[schema(example = json!({"put": 1}))]
pub(super) struct PutCount {
    put: usize,
}

/// A tag to fasten.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"tag": "AA:07"}))]
pub(super) struct TagBody {
    /// Its name, as it sends it.
    #[schema(value_type = String)]
    pub(super) tag: TagId,
}

/// Enters assets, or changes those that are there.
#[utoipa::path(
    post, path = "/api/v1/assets", tag = "registry", operation_id = "put_assets",
    request_body = AssetsBody,
    responses((status = 200, description = "All were entered", body = PutCount)),
)]
pub(super) async fn put_many(
    State(app): State<App>,
    caller: Caller,
    InBody(body): InBody<AssetsBody>,
) -> Result<Json<PutCount>, ApiError> {
    caller.must(Permission::KeepAssets)?;
    if body.assets.len() > MAX_ASSETS {
        return Err(ApiError::invalid("assets", format!("must be at most {MAX_ASSETS}")));
    }
    let assets = body
        .assets
        .into_iter()
        .map(|NamedAsset { id, label, class, home_ward }| checked(id, label, class, home_ward))
        .collect::<Result<Vec<_>, _>>()?;
    let change = app.registry_changes.lock().await;
    app.context.storage.put_assets(&assets).await?;
    registry::reload(&app, change).await?;
    Ok(Json(PutCount { put: assets.len() }))
}

/// Enters an asset, or changes the one that is there.
#[utoipa::path(
    put, path = "/api/v1/assets/{id}", tag = "registry", operation_id = "put_asset",
    params(("id" = String, Path, description = "The asset's id", example = "pump-7")),
    request_body = AssetBody,
    responses((status = 200, description = "The asset as it is now", body = AssetView)),
)]
pub(super) async fn put(
    State(app): State<App>,
    caller: Caller,
    InPath(id): InPath<AssetId>,
    InBody(body): InBody<AssetBody>,
) -> Result<Json<AssetView>, ApiError> {
    caller.must(Permission::KeepAssets)?;
    let asset = checked(id, body.label, body.class, body.home_ward)?;
    let change = app.registry_changes.lock().await;
    app.context.storage.put_assets(std::slice::from_ref(&asset)).await?;
    registry::reload(&app, change).await?;
    view_of(&app, &asset.id).map(Json)
}

/// Takes an asset out of the registry; its past is kept.
#[utoipa::path(
    delete, path = "/api/v1/assets/{id}", tag = "registry", operation_id = "retire_asset",
    params(("id" = String, Path, description = "The asset's id", example = "pump-7")),
    responses((status = 204, description = "It is out of the registry, its tag is free")),
)]
pub(super) async fn retire(
    State(app): State<App>,
    caller: Caller,
    InPath(id): InPath<AssetId>,
) -> Result<StatusCode, ApiError> {
    caller.must(Permission::KeepAssets)?;
    let change = app.registry_changes.lock().await;
    known(&app, &id)?;
    app.context.storage.retire_asset(&id, now_ms()).await?;
    registry::reload(&app, change).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Fastens a tag to an asset, in place of the one that it carries. A tag that is fastened to
/// something else must be taken off that first.
#[utoipa::path(
    put, path = "/api/v1/assets/{id}/tag", tag = "registry", operation_id = "bind_asset",
    params(("id" = String, Path, description = "The asset's id", example = "pump-7")),
    request_body = TagBody,
    responses((status = 200, description = "The asset as it is now", body = AssetView)),
)]
pub(super) async fn bind(
    State(app): State<App>,
    caller: Caller,
    InPath(id): InPath<AssetId>,
    InBody(TagBody { tag }): InBody<TagBody>,
) -> Result<Json<AssetView>, ApiError> {
    caller.must(Permission::KeepAssets)?;
    let change = app.registry_changes.lock().await;
    let asset = known(&app, &id)?;
    registry::bind(&app, change, &tag, Carrier::Asset(asset)).await?;
    view_of(&app, &id).map(Json)
}

/// Takes the tag off an asset.
#[utoipa::path(
    delete, path = "/api/v1/assets/{id}/tag", tag = "registry", operation_id = "unbind_asset",
    params(("id" = String, Path, description = "The asset's id", example = "pump-7")),
    responses((status = 204, description = "It carries no tag")),
)]
pub(super) async fn unbind(
    State(app): State<App>,
    caller: Caller,
    InPath(id): InPath<AssetId>,
) -> Result<StatusCode, ApiError> {
    caller.must(Permission::KeepAssets)?;
    let change = app.registry_changes.lock().await;
    known(&app, &id)?;
    let tag = app.context.registry.load().tag_of_asset.get(&id).cloned();
    registry::unbind(&app, change, tag).await?;
    Ok(StatusCode::NO_CONTENT)
}

fn known(app: &App, id: &AssetId) -> Result<Arc<Asset>, ApiError> {
    app.context.registry.load().assets.get(id).cloned().ok_or(ApiError::NotFound("asset"))
}

fn checked(
    id: AssetId,
    label: String,
    class: ClassId,
    home_ward: Option<WardId>,
) -> Result<Asset, ApiError> {
    let length = label.chars().count();
    if !(1..=MAX_LABEL).contains(&length) || label.chars().any(char::is_control) {
        let detail = format!("must be 1 to {MAX_LABEL} characters, none of them a control");
        return Err(ApiError::invalid("label", detail));
    }
    Ok(Asset { id, label, class, home_ward })
}
