//! `/api/v1/par`: how many of a class should stand ready in a ward, and how many do.

use super::{
    App,
    error::ApiError,
    extract::{InBody, InPath, InQuery},
    filter::{known_ward, no_such},
    guard::Caller,
    nearest::ward_of,
    page::{Page, Place},
    view::Picture,
};
use crate::{
    auth::Permission,
    model::{ClassId, ParLevel, Status, WardId},
};
use axum::{Json, extract::State, http::StatusCode};
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use utoipa::{IntoParams, ToSchema};

/// Which PAR levels to list.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct ParQuery {
    /// Those of this class.
    #[param(value_type = Option<String>, example = "infusion-pump")]
    class: Option<ClassId>,
    /// Those of this ward.
    #[param(value_type = Option<String>, example = "C1")]
    ward: Option<WardId>,
    /// How many at most, 1 to 1000, 100 when not given.
    #[param(minimum = 1, maximum = 1000, example = 100)]
    limit: Option<usize>,
    /// `next_cursor` of the page before.
    #[param(example = "0~infusion-pump/C1")]
    cursor: Option<String>,
}

/// A page of PAR levels.
#[derive(Serialize, ToSchema)]
pub(super) struct ParList {
    /// By class and ward.
    levels: Vec<ParView>,
    /// What to ask the next page with; null: this is the last.
    next_cursor: Option<String>,
}

/// A PAR level, and what stands ready now.
#[derive(Serialize, ToSchema)]
#[schema(example = json!({
    "class": "infusion-pump", "ward": "C1", "target": 6, "critical": 2, "available": 4
}))]
pub(super) struct ParView {
    /// The class of assets.
    class: String,
    /// The ward in whose rooms they should be.
    ward: String,
    /// Fewer available ones are a shortage.
    target: u32,
    /// Fewer than this are a grave one.
    critical: u32,
    /// How many are available in the ward's rooms now, whoever owns them.
    available: usize,
}

/// The numbers of a PAR level.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"target": 6, "critical": 2}))]
pub(super) struct ParBody {
    /// Fewer available ones are a shortage.
    #[schema(maximum = 100_000)]
    target: u32,
    /// Fewer than this are a grave one; at most `target`.
    critical: u32,
}

/// PAR levels, and what stands ready now.
#[utoipa::path(
    get, path = "/api/v1/par", tag = "assets", operation_id = "list_par",
    params(ParQuery),
    responses((status = 200, description = "The levels that fit", body = ParList)),
)]
pub(super) async fn list(
    State(app): State<App>,
    caller: Caller,
    InQuery(query): InQuery<ParQuery>,
) -> Result<Json<ParList>, ApiError> {
    caller.must(Permission::SeeEquipment)?;
    let page = Page::new(query.limit, query.cursor.as_deref())?;
    let levels = app.context.storage.par_levels().await?;
    let ready = ready_now(&Picture::now(&app));
    let fitting = levels
        .into_iter()
        .filter(|par| caller.scope().has_ward(&par.ward))
        .filter(|par| query.class.as_ref().is_none_or(|class| par.class == *class))
        .filter(|par| query.ward.as_ref().is_none_or(|ward| par.ward == *ward))
        .map(|par| (Place::named(&format!("{}/{}", par.class, par.ward)), par))
        .collect();
    let (levels, next_cursor) = page.cut(fitting);
    let levels = levels.into_iter().map(|par| view(par, &ready)).collect();
    Ok(Json(ParList { levels, next_cursor }))
}

/// Sets a PAR level. It holds from the present hour on; what was reported of earlier hours stays.
#[utoipa::path(
    put, path = "/api/v1/par/{class}/{ward}", tag = "registry", operation_id = "put_par",
    params(
        ("class" = String, Path, description = "The class of assets", example = "infusion-pump"),
        ("ward" = String, Path, description = "A ward of this site", example = "C1"),
    ),
    request_body = ParBody,
    responses((status = 200, description = "As it stands now", body = ParView)),
)]
pub(super) async fn put(
    State(app): State<App>,
    caller: Caller,
    InPath((class, ward)): InPath<(ClassId, WardId)>,
    InBody(ParBody { target, critical }): InBody<ParBody>,
) -> Result<Json<ParView>, ApiError> {
    caller.must(Permission::KeepPar)?;
    if known_ward(ward.as_str(), &app.context.site.load()).is_none() {
        return Err(no_such("ward", ward.as_str()));
    }
    let par = ParLevel { class, ward, target, critical };
    if let Some(fault) = par.fault() {
        return Err(ApiError::invalid("critical", fault));
    }
    app.context.storage.put_par(std::slice::from_ref(&par)).await?;
    Ok(Json(view(par, &ready_now(&Picture::now(&app)))))
}

/// Takes a PAR level away.
#[utoipa::path(
    delete, path = "/api/v1/par/{class}/{ward}", tag = "registry", operation_id = "delete_par",
    params(
        ("class" = String, Path, description = "The class of assets", example = "infusion-pump"),
        ("ward" = String, Path, description = "The ward", example = "C1"),
    ),
    responses((status = 204, description = "There is none")),
)]
pub(super) async fn delete(
    State(app): State<App>,
    caller: Caller,
    InPath((class, ward)): InPath<(ClassId, WardId)>,
) -> Result<StatusCode, ApiError> {
    caller.must(Permission::KeepPar)?;
    if app.context.storage.delete_par(&class, &ward).await? {
        Ok(StatusCode::NO_CONTENT)
    } else {
        Err(ApiError::NotFound("PAR level"))
    }
}

fn view(par: ParLevel, ready: &HashMap<(ClassId, WardId), usize>) -> ParView {
    let ParLevel { class, ward, target, critical } = par;
    let key = (class, ward);
    let available = ready.get(&key).copied().unwrap_or_default();
    let (class, ward) = (key.0.to_string(), key.1.to_string());
    ParView { class, ward, target, critical, available }
}

/// How many of each class are available in each ward's rooms.
fn ready_now(picture: &Picture<'_>) -> HashMap<(ClassId, WardId), usize> {
    let mut ready = HashMap::new();
    for asset in picture.registry.assets.values() {
        let now = picture.asset_now(asset);
        if now.status() == Status::Available
            && let Some(ward) = ward_of(&now, picture)
        {
            *ready.entry((asset.class.clone(), ward.clone())).or_default() += 1;
        }
    }
    ready
}
