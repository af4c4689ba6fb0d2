//! What people do by hand: claim a thing that they go and fetch, and say what a thing is doing.
//!
//! An act is a record of the journal, and its answer tells what became of it there: of two who claim
//! one thing, the first record holds it, also after a restart.

use super::{
    App,
    assets::view_of,
    error::ApiError,
    extract::{InBody, InPath, InQuery},
    filter::destination,
    guard::Caller,
    view::{AssetView, Picture, rfc3339},
};
use crate::{
    auth::Permission,
    model::{Act, AssetId, ByHand, Hand, Status},
};
use axum::{Json, extract::State};
use serde::Deserialize;
use std::time::Duration;
use utoipa::{IntoParams, ToSchema};

/// The pipeline has seen what is on disk within this time.
const FOLDED_WITHIN: Duration = Duration::from_secs(5);
/// Longest name and reason, characters.
const MAX_NAME: usize = 64;
const MAX_REASON: usize = 200;
/// How long a status by hand may hold, minutes: a week.
const MAX_MINUTES: u32 = 10_080;

/// Who claims, and where it is taken to.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"by": "porter-3", "to": "C1"}))]
pub(super) struct ClaimBody {
    /// The ward that it is taken to; not given: where it was said to be taken to before, if anywhere.
    to: Option<String>,
    /// While Spor is open: a name for who acts, 1 to 64 characters. With a token its name counts.
    #[schema(min_length = 1, max_length = 64)]
    by: Option<String>,
}

/// Who acts, where no token says it.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct WhoQuery {
    /// While Spor is open: the name that was given with the claim.
    #[param(example = "porter-3")]
    by: Option<String>,
}

/// A status by hand.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"status": "maintenance", "reason": "no power", "minutes": 480}))]
pub(super) struct StatusBody {
    /// What it is doing; not `reserved`, which is claimed, and not `unknown`.
    status: Status,
    /// Why, 1 to 200 characters; no person's name.
    #[schema(min_length = 1, max_length = 200)]
    reason: String,
    /// For how long, minutes, 1 to 10080; then the rules say again.
    #[schema(minimum = 1, maximum = 10_080)]
    minutes: u32,
    /// While Spor is open: a name for who acts, 1 to 64 characters.
    #[schema(min_length = 1, max_length = 64)]
    by: Option<String>,
}

/// Reserves an available asset for ten minutes, for whoever goes and fetches it. Claimed again by the
/// same, it is prolonged; it ends by itself when the asset is at work. The ward that it is taken `to`
/// sees it coming.
#[utoipa::path(
    post, path = "/api/v1/assets/{id}/claim", tag = "assets", operation_id = "claim_asset",
    params(("id" = String, Path, description = "The asset's id", example = "pump-7")),
    request_body = ClaimBody,
    responses((status = 200, description = "It is yours until `status_until`", body = AssetView)),
)]
pub(super) async fn claim(
    State(app): State<App>,
    caller: Caller,
    InPath(id): InPath<AssetId>,
    InBody(body): InBody<ClaimBody>,
) -> Result<Json<AssetView>, ApiError> {
    let by = who(&caller, body.by)?;
    let site = app.context.site.load();
    let to = body.to.as_deref().map(|ward| destination(ward, &site)).transpose()?;
    let alone = app.acts_by_hand.lock().await;
    let (status, hand) = now(&app, &id)?;
    match hand {
        Some(hand) if hand.is_claim() && hand.by == by => {}
        Some(hand) => return Err(held(&hand)),
        None if status == Status::Available => {}
        None => {
            return Err(ApiError::Conflict(format!("it is not available but {}", status.as_str())));
        }
    }
    let claim = to.map_or(Act::Claim, Act::ClaimTo);
    let hand = act(&app, ByHand { asset: id.clone(), by: by.clone(), act: claim }).await?;
    drop(alone);
    match hand {
        Some(hand) if hand.is_claim() && hand.by == by => view_of(&app, &id).map(Json),
        Some(hand) => Err(held(&hand)),
        None => Err(ApiError::Conflict("it is at work already".to_owned())),
    }
}

/// Gives a claim back.
#[utoipa::path(
    delete, path = "/api/v1/assets/{id}/claim", tag = "assets", operation_id = "release_asset",
    params(("id" = String, Path, description = "The asset's id", example = "pump-7"), WhoQuery),
    responses((status = 200, description = "It is not claimed by you", body = AssetView)),
)]
pub(super) async fn release(
    State(app): State<App>,
    caller: Caller,
    InPath(id): InPath<AssetId>,
    InQuery(query): InQuery<WhoQuery>,
) -> Result<Json<AssetView>, ApiError> {
    let by = who(&caller, query.by)?;
    let _alone = app.acts_by_hand.lock().await;
    match now(&app, &id)?.1 {
        Some(hand) if hand.is_claim() && hand.by == by => {
            act(&app, ByHand { asset: id.clone(), by, act: Act::Release }).await?;
        }
        Some(hand) if hand.is_claim() => return Err(held(&hand)),
        _ => {}
    }
    view_of(&app, &id).map(Json)
}

/// Says what an asset is doing, for a time; that goes before a claim and before every rule.
#[utoipa::path(
    post, path = "/api/v1/assets/{id}/status", tag = "assets", operation_id = "set_status",
    params(("id" = String, Path, description = "The asset's id", example = "pump-7")),
    request_body = StatusBody,
    responses((status = 200, description = "The asset as it is now", body = AssetView)),
)]
pub(super) async fn say(
    State(app): State<App>,
    caller: Caller,
    InPath(id): InPath<AssetId>,
    InBody(body): InBody<StatusBody>,
) -> Result<Json<AssetView>, ApiError> {
    let by = who(&caller, body.by)?;
    if matches!(body.status, Status::Reserved | Status::Unknown) {
        return Err(ApiError::invalid("status", "must be none of: reserved, unknown"));
    }
    let reason = checked("reason", &body.reason, MAX_REASON)?;
    if !(1..=MAX_MINUTES).contains(&body.minutes) {
        return Err(ApiError::invalid("minutes", format!("must be 1 to {MAX_MINUTES}")));
    }
    let for_ms = i64::from(body.minutes) * 60_000;
    let _alone = app.acts_by_hand.lock().await;
    now(&app, &id)?;
    let act_of = Act::Say { status: body.status, reason, for_ms };
    act(&app, ByHand { asset: id.clone(), by, act: act_of }).await?;
    view_of(&app, &id).map(Json)
}

/// Takes back what was said of an asset by hand, and any claim: the rules say again.
#[utoipa::path(
    delete, path = "/api/v1/assets/{id}/status", tag = "assets", operation_id = "clear_status",
    params(("id" = String, Path, description = "The asset's id", example = "pump-7"), WhoQuery),
    responses((status = 200, description = "The asset as it is now", body = AssetView)),
)]
pub(super) async fn clear(
    State(app): State<App>,
    caller: Caller,
    InPath(id): InPath<AssetId>,
    InQuery(query): InQuery<WhoQuery>,
) -> Result<Json<AssetView>, ApiError> {
    let by = who(&caller, query.by)?;
    let _alone = app.acts_by_hand.lock().await;
    if now(&app, &id)?.1.is_some() {
        act(&app, ByHand { asset: id.clone(), by, act: Act::Clear }).await?;
    }
    view_of(&app, &id).map(Json)
}

/// The name of the token; while Spor is open the name that was given.
fn who(caller: &Caller, given: Option<String>) -> Result<String, ApiError> {
    caller.must(Permission::Handle)?;
    name_of(caller, given)
}

/// The same, of one who may.
pub(super) fn name_of(caller: &Caller, given: Option<String>) -> Result<String, ApiError> {
    // What isn't a name is refused also where it wouldn't count.
    let given = given.map(|given| checked("by", &given, MAX_NAME)).transpose()?;
    match (caller.name(), given) {
        ("", Some(given)) => Ok(given),
        ("", None) => Ok("anybody".to_owned()),
        (name, _) => Ok(name.to_owned()),
    }
}

fn checked(field: &str, text: &str, most: usize) -> Result<String, ApiError> {
    let text = text.trim();
    if text.is_empty() || text.chars().count() > most {
        return Err(ApiError::invalid(field, format!("must be 1 to {most} characters")));
    }
    Ok(text.to_owned())
}

/// What the asset is doing, and what of that is by hand.
fn now(app: &App, id: &AssetId) -> Result<(Status, Option<Hand>), ApiError> {
    let picture = Picture::now(app);
    let asset = picture.registry.assets.get(id).ok_or(ApiError::NotFound("asset"))?;
    let now = picture.asset_now(asset);
    if now.place().is_none() {
        return Err(ApiError::Conflict(
            "it was never seen: it carries no tag that reports".to_owned(),
        ));
    }
    let hand = picture.hands.of(id).filter(|hand| hand.until_ms > picture.now_ms);
    Ok((now.status(), hand.cloned()))
}

/// Who it is isn't told: a token's name may stand for a person.
fn held(hand: &Hand) -> ApiError {
    let what = if hand.is_claim() { "claimed" } else { "set by hand" };
    ApiError::Conflict(format!("it is {what} until {}", rfc3339(hand.until_ms)))
}

/// Puts the act into the journal; what holds of the asset by hand when it was folded there.
async fn act(app: &App, act: ByHand) -> Result<Option<Hand>, ApiError> {
    let sequence = (app.context.by_hand)(&act).await.ok_or(ApiError::NotKept)?;
    let mut folded = app.context.live.by_hand.subscribe();
    let seen = folded.wait_for(|now| now.through >= sequence);
    let seen = tokio::time::timeout(FOLDED_WITHIN, seen).await;
    let Ok(Ok(seen)) = seen else { return Err(ApiError::NotKept) };
    Ok(seen.hands.of(&act.asset).cloned())
}
