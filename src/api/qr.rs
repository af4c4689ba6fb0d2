//! `GET /api/v1/assets/{id}/qr`: a code that opens the way to an asset on a phone. It holds an address of
//! this server, the asset's id, and where somebody asks from.

use super::{
    App,
    error::ApiError,
    extract::{InPath, InQuery},
    filter::{known_ward, no_such},
    guard::Caller,
    session::is_encrypted,
    view::Picture,
};
use crate::{
    auth::Permission,
    model::{AssetId, ZoneId},
};
use axum::{
    extract::State,
    http::{HeaderMap, header},
    response::{IntoResponse, Response},
};
use qrcode::{Color, EcLevel, QrCode};
use serde::Deserialize;
use std::fmt::Write as _;
use utoipa::{IntoParams, ToSchema};

/// Modules of quiet around the code.
const QUIET: usize = 2;

/// From where, and in which language.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct QrQuery {
    /// The room that the way begins in.
    #[param(value_type = Option<String>, example = "C1-station")]
    at: Option<ZoneId>,
    /// The ward that one fetches for.
    #[param(example = "C1")]
    ward: Option<String>,
    /// The page's language.
    #[param(inline, example = "da")]
    lang: Option<Language>,
}

/// A language of the pages.
#[derive(Debug, Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(super) enum Language {
    /// Danish.
    Da,
    /// English.
    En,
}

/// A code that opens the way to an asset on a phone.
#[utoipa::path(
    get, path = "/api/v1/assets/{id}/qr", tag = "assets", operation_id = "get_asset_qr",
    params(("id" = String, Path, description = "The asset's id", example = "pump-7"), QrQuery),
    responses((status = 200, description = "The code as SVG", body = String,
        content_type = "image/svg+xml", example = "<svg xmlns=\"http://www.w3.org/2000/svg\"></svg>")),
)]
pub(super) async fn of_asset(
    State(app): State<App>,
    caller: Caller,
    headers: HeaderMap,
    InPath(id): InPath<AssetId>,
    InQuery(query): InQuery<QrQuery>,
) -> Result<Response, ApiError> {
    caller.must(Permission::SeeEquipment)?;
    let picture = Picture::now(&app);
    let asset = picture.registry.assets.get(&id).map(|asset| picture.asset_now(asset));
    asset.filter(|now| picture.may_see(now, caller.scope())).ok_or(ApiError::NotFound("asset"))?;
    // Ids are letters, digits and `: . _ -`, which an address takes as they are.
    let mut url = format!("{}/wall?asset={id}", base(&app, &headers).ok_or(ApiError::Misdirected)?);
    if let Some(at) = &query.at {
        picture.site().zone(at).ok_or_else(|| no_such("at", at.as_str()))?;
        let _ = write!(url, "&at={at}");
    }
    if let Some(ward) = &query.ward {
        let ward = known_ward(ward, picture.site()).ok_or_else(|| no_such("ward", ward))?;
        let _ = write!(url, "&ward={ward}");
    }
    match query.lang {
        Some(Language::Da) => url.push_str("&lang=da"),
        Some(Language::En) => url.push_str("&lang=en"),
        None => {}
    }
    let code = QrCode::with_error_correction_level(&url, EcLevel::M)
        .map_err(|_| ApiError::invalid("id", "is too long for a code"))?;
    Ok(([(header::CONTENT_TYPE, "image/svg+xml")], svg(&code)).into_response())
}

/// Where phones reach this server: as configured, else as the asker does.
fn base(app: &App, headers: &HeaderMap) -> Option<String> {
    if let Some(url) = &app.guard.public_url {
        return Some(url.clone());
    }
    let host = headers.get(header::HOST)?.to_str().ok()?;
    let scheme = if is_encrypted(headers) { "https" } else { "http" };
    Some(format!("{scheme}://{host}"))
}

/// Dark modules as one path on white: a camera wants that in either theme.
fn svg(code: &QrCode) -> String {
    let width = code.width();
    let side = width + 2 * QUIET;
    let mut path = String::new();
    for (at, _) in code.to_colors().iter().enumerate().filter(|(_, color)| **color == Color::Dark) {
        let _ = write!(path, "M{} {}h1v1h-1z", at % width + QUIET, at / width + QUIET);
    }
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {side} {side}\" \
         shape-rendering=\"crispEdges\"><path fill=\"#fff\" d=\"M0 0h{side}v{side}H0z\"/>\
         <path fill=\"#000\" d=\"{path}\"/></svg>"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_has_a_quiet_border_and_the_corner_that_cameras_look_for() {
        let code = QrCode::with_error_correction_level("https://spor.example", EcLevel::M);
        let drawn = svg(&code.expect("short"));
        assert!(drawn.contains("M2 2h1v1h-1z"), "the first corner is dark");
        assert!(!drawn.contains("M0 0h1v1") && !drawn.contains("M1 1h1v1"), "the border is not");
    }
}
