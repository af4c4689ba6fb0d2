//! `/api/v1/replay`: how the replay goes that is shown here, and what it is asked. Where nothing is
//! replayed, there is no such resource.

use super::{App, error::ApiError, extract::InBody, guard::Caller, view::rfc3339};
use crate::{
    auth::Permission,
    replay::{Controls, PlayState, Speed, Status},
};
use axum::{
    Json,
    extract::{Request, State},
    http::Method,
    middleware::Next,
    response::Response,
};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The only thing that may be changed while a recording is played.
const PATH: &str = "/api/v1/replay";

/// How a replay goes.
#[derive(Serialize, ToSchema)]
#[schema(example = json!({
    "name": "normal_day", "state": "playing", "position": "2026-05-03T12:32:10Z",
    "start": "2026-05-03T04:00:00Z", "end": "2026-05-04T04:00:00Z", "position_ms": 1_777_811_530_000_i64,
    "start_ms": 1_777_780_800_000_i64, "end_ms": 1_777_867_200_000_i64, "speed": "60x", "messages": 184_223
}))]
pub(super) struct ReplayView {
    /// The recording's name.
    name: String,
    /// Whether it goes on.
    state: StateView,
    /// The moment that is shown.
    #[schema(format = DateTime)]
    position: String,
    /// Where the replay begins.
    #[schema(format = DateTime)]
    start: String,
    /// Where it ends.
    #[schema(format = DateTime)]
    end: String,
    /// `position` in milliseconds since the Unix epoch.
    position_ms: i64,
    /// `start` in milliseconds since the Unix epoch.
    start_ms: i64,
    /// `end` in milliseconds since the Unix epoch.
    end_ms: i64,
    /// How many times as fast as it was, `1x`, or `max`.
    speed: String,
    /// How many messages were played.
    messages: u64,
}

/// Whether a replay goes on.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum StateView {
    /// It goes on.
    Playing,
    /// It waits to be asked.
    Paused,
    /// It plays what lies before the moment that it was asked to show.
    Seeking,
    /// All of it was played.
    Over,
}

/// What a replay is asked; all of it, in this order, where several are given.
#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
#[schema(example = json!({"speed": "60"}))]
pub(super) struct ReplayBody {
    /// `0.1` to `1000`, or `max`.
    speed: Option<String>,
    /// Shows another moment, RFC 3339; an earlier one is reached from the beginning.
    #[schema(value_type = Option<String>, format = DateTime)]
    seek: Option<Timestamp>,
    /// True pauses it, false lets it go on.
    paused: Option<bool>,
    /// True plays to the next message, and pauses there.
    step: Option<bool>,
}

/// How the replay goes that is shown here.
#[utoipa::path(
    get, path = "/api/v1/replay", tag = "operations", operation_id = "get_replay",
    responses(
        (status = 200, description = "How it goes", body = ReplayView),
        (status = 404, description = "Nothing is replayed here", body = super::error::Problem,
            content_type = "application/problem+json"),
    ),
)]
pub(super) async fn get(
    State(app): State<App>,
    caller: Caller,
) -> Result<Json<ReplayView>, ApiError> {
    caller.must(Permission::SeeEquipment)?;
    Ok(Json(ReplayView::of(&controls(&app)?.status())))
}

/// Lets the replay go on, pause, step, go faster, or show another moment.
#[utoipa::path(
    post, path = "/api/v1/replay", tag = "operations", operation_id = "control_replay",
    request_body = ReplayBody,
    responses(
        (status = 200, description = "How it goes from now on", body = ReplayView),
        (status = 404, description = "Nothing is replayed here", body = super::error::Problem,
            content_type = "application/problem+json"),
    ),
)]
pub(super) async fn control(
    State(app): State<App>,
    caller: Caller,
    InBody(body): InBody<ReplayBody>,
) -> Result<Json<ReplayView>, ApiError> {
    caller.must(Permission::Diagnose)?;
    let controls = controls(&app)?;
    let speed = body.speed.map(|speed| speed.parse::<Speed>()).transpose();
    let speed = speed.map_err(|error| ApiError::invalid("speed", error.to_string()))?;
    if let Some(speed) = speed {
        controls.set_speed(speed);
    }
    if let Some(seek) = body.seek {
        controls.seek(seek.as_millisecond());
    }
    match body.paused {
        Some(true) => controls.pause(),
        Some(false) => controls.resume(),
        None => {}
    }
    if body.step == Some(true) {
        controls.step();
    }
    Ok(Json(ReplayView::of(&controls.status())))
}

fn controls(app: &App) -> Result<&Controls, ApiError> {
    app.context.replay.as_ref().ok_or(ApiError::NotFound("replay: what is shown is live"))
}

/// What was can't be changed: a replay takes no claims, no bindings, no statuses.
pub(super) async fn refuse_changes(
    State(app): State<App>,
    request: Request,
    next: Next,
) -> Result<Response, ApiError> {
    let reads = matches!(*request.method(), Method::GET | Method::HEAD | Method::OPTIONS);
    if app.context.replay.is_some() && !reads && request.uri().path() != PATH {
        return Err(ApiError::Conflict(
            "this is a replay: nothing can be changed in it".to_owned(),
        ));
    }
    Ok(next.run(request).await)
}

impl ReplayView {
    fn of(status: &Status) -> Self {
        let Status { name, state, position_ms, start_ms, end_ms, speed, messages } = status;
        Self {
            name: name.clone(),
            state: match state {
                PlayState::Playing => StateView::Playing,
                PlayState::Paused => StateView::Paused,
                PlayState::Seeking => StateView::Seeking,
                PlayState::Over => StateView::Over,
            },
            position: rfc3339(*position_ms),
            start: rfc3339(*start_ms),
            end: rfc3339(*end_ms),
            position_ms: *position_ms,
            start_ms: *start_ms,
            end_ms: *end_ms,
            speed: speed.to_string(),
            messages: *messages,
        }
    }
}
