//! `/healthz`, `/readyz` and `/metrics`: for supervisors and for Prometheus, without a token.

use super::App;
use axum::{
    Json,
    extract::State,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::Serialize;
use utoipa::ToSchema;

/// What is wrong now; nothing: Spor is ready.
#[derive(Debug, Clone, Default)]
pub struct Health {
    /// Each part that doesn't work.
    pub troubles: Vec<Trouble>,
}

/// A part that doesn't work.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(example = json!({"part": "storage", "detail": "PostgreSQL doesn't answer since 08:00:01"}))]
pub struct Trouble {
    /// Which part, e.g. `storage`.
    pub part: String,
    /// What is wrong, for people.
    pub detail: String,
}

/// Whether the process works.
#[derive(Serialize, ToSchema)]
#[schema(example = json!({"status": "ok"}))]
pub(super) struct Alive {
    status: &'static str,
}

/// Whether every part works.
#[derive(Serialize, ToSchema)]
#[schema(example = json!({"ready": true, "reasons": []}))]
pub(super) struct Readiness {
    /// True when nothing is wrong.
    ready: bool,
    /// What is wrong.
    reasons: Vec<Trouble>,
}

/// True while the process works.
#[utoipa::path(
    get, path = "/healthz", tag = "operations", operation_id = "health", security(()),
    responses((status = 200, description = "It works", body = Alive)),
)]
pub(super) async fn alive() -> Json<Alive> {
    Json(Alive { status: "ok" })
}

/// Whether every part works: 503 with reasons while one doesn't.
#[utoipa::path(
    get, path = "/readyz", tag = "operations", operation_id = "readiness", security(()),
    responses(
        (status = 200, description = "Every part works", body = Readiness),
        (status = 503, description = "A part doesn't work", body = Readiness,
            example = json!({"ready": false, "reasons": [{"part": "storage", "detail": "PostgreSQL doesn't answer"}]})),
    ),
)]
pub(super) async fn ready(State(app): State<App>) -> Response {
    let reasons = (app.context.health)().troubles;
    let ready = reasons.is_empty();
    let status = if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(Readiness { ready, reasons })).into_response()
}

/// Metrics in Prometheus' text form.
#[utoipa::path(
    get, path = "/metrics", tag = "operations", operation_id = "metrics", security(()),
    responses((status = 200, description = "All metrics", body = String,
        content_type = "text/plain", example = "spor_storage_up 1")),
)]
pub(super) async fn metrics(State(app): State<App>) -> Response {
    let kind = [(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")];
    (kind, (app.context.metrics)()).into_response()
}
