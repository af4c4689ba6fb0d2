//! `GET /report`: the manager's report of a month as a page.

use super::{
    App,
    error::ApiError,
    extract::InQuery,
    filter::{known_ward, no_such},
    guard::Caller,
};
use crate::{
    auth::Permission,
    report::{About, Month, page},
};
use axum::{
    extract::State,
    http::{HeaderName, header},
    response::{Html, IntoResponse},
};
use serde::Deserialize;

/// Its style stands in the page; nothing else may be loaded.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; \
                      form-action 'none'; frame-ancestors 'self'";

/// Which month, and whose equipment.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ReportQuery {
    /// As `2026-10`; the present one when not given.
    month: Option<String>,
    /// The ward that owns it; all when not given.
    ward: Option<String>,
}

/// The report.
pub(super) async fn show(
    State(app): State<App>,
    caller: Caller,
    InQuery(query): InQuery<ReportQuery>,
) -> Result<([(HeaderName, &'static str); 1], impl IntoResponse), ApiError> {
    caller.must(Permission::Trace)?;
    let site = app.context.site.load_full();
    let month = match &query.month {
        Some(text) => Month::parse(text, &site.time_zone),
        None => Month::at((app.context.clock)(), &site.time_zone),
    };
    let month = month.ok_or_else(|| ApiError::invalid("month", "is written as 2026-10"))?;
    let ward = query
        .ward
        .as_deref()
        .map(|text| known_ward(text, &site).ok_or_else(|| no_such("ward", text)));
    let ward = ward.transpose()?;
    let storage = &app.context.storage;
    let (from_ms, to_ms) = (month.from_ms, month.to_ms);
    let figures = storage.figures(from_ms, to_ms, ward.as_ref(), &site.time_zone).await?;
    let about = About { site: &site.name, month, ward: ward.as_ref(), has_files: false };
    Ok(([(header::CONTENT_SECURITY_POLICY, POLICY)], Html(page(&about, &figures))))
}
