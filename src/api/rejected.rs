//! `GET /api/v1/rejected`: the last messages that were refused, and why.

use super::{App, error::ApiError, guard::Caller, view::rfc3339};
use crate::{
    auth::Permission,
    ingest::{Reason, Rejected},
};
use axum::{Json, extract::State};
use serde::Serialize;
use utoipa::ToSchema;

/// The last refused messages.
#[derive(Serialize, ToSchema)]
pub(super) struct RejectedList {
    /// The newest first; of each reason the last few.
    rejected: Vec<RejectedView>,
}

/// A message that was refused.
#[derive(Serialize, ToSchema)]
#[schema(example = json!({
    "at": "2026-11-22T08:00:01.004Z", "reason": "off_site", "source": "tag-7",
    "topic": "spor/v1/tags/AA:07/position", "detail": "40 m outside floor 1",
    "payload": "{\"x_m\":-40,\"y_m\":3,\"floor\":1}"
}))]
pub(super) struct RejectedView {
    /// When it was received.
    #[schema(format = DateTime)]
    at: String,
    /// Why it was refused.
    reason: Reason,
    /// The MQTT client that sent it.
    source: String,
    /// The topic, cut to 200 bytes.
    topic: String,
    /// The reason in detail.
    detail: String,
    /// The beginning of the payload, where it can't tell where a person is.
    payload: Option<String>,
}

/// The last refused messages.
#[utoipa::path(
    get, path = "/api/v1/rejected", tag = "operations", operation_id = "list_rejected",
    responses((status = 200, description = "What was refused, newest first", body = RejectedList)),
)]
pub(super) async fn list(
    State(app): State<App>,
    caller: Caller,
) -> Result<Json<RejectedList>, ApiError> {
    caller.must(Permission::Diagnose)?;
    let rejected = app.context.rejected.last().into_iter().map(view).collect();
    Ok(Json(RejectedList { rejected }))
}

fn view(rejected: Rejected) -> RejectedView {
    RejectedView {
        at: rfc3339(rejected.at_ms),
        reason: rejected.reason,
        source: rejected.source,
        topic: rejected.topic,
        detail: rejected.detail,
        payload: rejected.payload,
    }
}
