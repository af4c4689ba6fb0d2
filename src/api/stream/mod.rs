//! `GET /api/v1/stream`: equipment as it moves, by server-sent events.
//!
//! Clients that ask for the same floor, ward and classes share a scope; each tick has one frame a
//! scope, encoded once. A client that falls behind gets a snapshot instead of what it missed, so
//! none makes a queue longer than [`hub::FRAMES_KEPT`].

mod frame;
mod hub;

pub use frame::{delta, row};
pub(super) use hub::{Hub, run};

use super::{
    App,
    error::ApiError,
    extract::InQuery,
    filter::{AssetFilter, AssetQuery},
    guard::Caller,
};
use crate::auth::Permission;
use axum::{
    body::Body,
    extract::State,
    http::header,
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use futures_util::stream;
use hub::Client;
use serde::Deserialize;
use std::{
    convert::Infallible,
    time::{Duration, Instant},
};
use tokio::sync::broadcast::error::RecvError;
use utoipa::IntoParams;

/// Which assets to follow.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct StreamQuery {
    /// Those on this floor; 0 is ground.
    #[param(example = 1)]
    floor: Option<i16>,
    /// Those in this ward.
    #[param(example = "C1")]
    ward: Option<String>,
    /// Those of this class, or of several with commas between.
    #[param(example = "infusion-pump")]
    class: Option<String>,
}

/// Equipment as it moves: `hello`, a `snapshot`, then at most ten `delta` a second (fewer where many
/// listen) and a `ping` each five seconds. A snapshot names the columns of its rows and of all that
/// follow; `status_until_ms` and `status_to` say up to when something holds by hand, and the ward that a
/// claim takes it to. After a gap, and when the building has changed, `hello` and `snapshot` come
/// again.
#[utoipa::path(
    get, path = "/api/v1/stream", tag = "assets", operation_id = "stream",
    params(StreamQuery),
    responses((status = 200, description = "Server-sent events until one side ends them",
        body = String, content_type = "text/event-stream",
        example = "event: delta\ndata: {\"time_ms\":1795385000123,\"assets\":[],\"gone\":[]}\n\n")),
)]
pub(super) async fn stream(
    State(app): State<App>,
    caller: Caller,
    InQuery(query): InQuery<StreamQuery>,
) -> Result<Response, ApiError> {
    caller.must(Permission::SeeEquipment)?;
    let StreamQuery { floor, ward, class } = query;
    let query = AssetQuery { floor, ward, class, ..AssetQuery::default() };
    let filter = AssetFilter::parse(&query, caller.scope(), &app.context.site.load())?;
    let client = Client::join(&app, &filter).ok_or(ApiError::TooManyStreams)?;
    let frames = stream::unfold(
        Feed { app, client, caller, asked: Instant::now(), step: Step::Hello },
        Feed::next,
    );
    let headers = [
        (header::CONTENT_TYPE, "text/event-stream"),
        (header::CACHE_CONTROL, "no-store"),
        // A proxy that gathers answers before it passes them on would hold back every frame.
        (header::HeaderName::from_static("x-accel-buffering"), "no"),
    ];
    Ok((headers, Body::from_stream(frames)).into_response())
}

/// One client's answer, frame by frame.
struct Feed {
    app: App,
    client: Client,
    caller: Caller,
    /// When it was asked last whether the caller is still let in.
    asked: Instant,
    step: Step,
}

/// A stream goes on for weeks: a token that was revoked ends it within this time, and a ping.
const ASK_AGAIN: Duration = Duration::from_secs(5);

enum Step {
    Hello,
    Snapshot,
    Deltas,
}

impl Feed {
    async fn next(mut self) -> Option<(Result<Bytes, Infallible>, Self)> {
        if self.asked.elapsed() >= ASK_AGAIN {
            self.asked = Instant::now();
            if !self.caller.is_still_let_in(&self.app) {
                return None;
            }
        }
        let frame = match std::mem::replace(&mut self.step, Step::Deltas) {
            Step::Hello => {
                self.step = Step::Snapshot;
                frame::hello(&self.app)
            }
            Step::Snapshot => self.client.start(&self.app),
            Step::Deltas => tokio::select! {
                () = self.app.stop.cancelled() => return None,
                received = self.client.frames.recv() => match received {
                    Ok(frame) => frame,
                    Err(RecvError::Lagged(_)) => {
                        metrics::counter!("spor_stream_lagged_total").increment(1);
                        metrics::counter!("spor_queue_full_total", "queue" => "stream")
                            .increment(1);
                        // What it missed may have been the news of another building.
                        self.step = Step::Snapshot;
                        frame::hello(&self.app)
                    }
                    Err(RecvError::Closed) => return None,
                },
            },
        };
        Some((Ok(frame), self))
    }
}
