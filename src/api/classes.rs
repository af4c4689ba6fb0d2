//! `GET /api/v1/classes`: how many of each class there are, by what they are doing.

use super::{App, error::ApiError, guard::Caller, view::Picture};
use crate::auth::Permission;
use axum::{Json, extract::State};
use serde::Serialize;
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// Every class of assets.
#[derive(Serialize, ToSchema)]
pub(super) struct ClassList {
    /// By id.
    classes: Vec<ClassView>,
}

/// A class of assets that do the same work.
#[derive(Serialize, ToSchema)]
#[schema(example = json!({"id": "infusion-pump", "total": 60, "by_status": {"available": 41, "in_use": 19}}))]
pub(super) struct ClassView {
    /// Its id.
    id: String,
    /// How many there are.
    total: usize,
    /// How many are in each status that occurs.
    by_status: BTreeMap<&'static str, usize>,
}

/// Classes of assets.
#[utoipa::path(
    get, path = "/api/v1/classes", tag = "assets", operation_id = "list_classes",
    responses((status = 200, description = "Every class that an asset has", body = ClassList)),
)]
pub(super) async fn list(
    State(app): State<App>,
    caller: Caller,
) -> Result<Json<ClassList>, ApiError> {
    caller.must(Permission::SeeEquipment)?;
    let picture = Picture::now(&app);
    let mut classes: BTreeMap<String, BTreeMap<&'static str, usize>> = BTreeMap::new();
    for asset in picture.registry.assets.values() {
        let now = picture.asset_now(asset);
        if !picture.may_see(&now, caller.scope()) {
            continue;
        }
        let status = now.status();
        let by_status = classes.entry(asset.class.to_string()).or_default();
        *by_status.entry(status.as_str()).or_default() += 1;
    }
    let classes = classes
        .into_iter()
        .map(|(id, by_status)| ClassView { id, total: by_status.values().sum(), by_status })
        .collect();
    Ok(Json(ClassList { classes }))
}
