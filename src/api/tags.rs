//! `GET /api/v1/tags`: every tag that no person wears, fastened to a thing or not.

use super::{
    App,
    error::ApiError,
    extract::{InPath, InQuery},
    guard::Caller,
    page::{Page, Place},
    view::{Picture, TagView},
};
use crate::{
    auth::Permission,
    live::TagState,
    model::{Carrier, Freshness, LOW_BATTERY_PCT, TagId},
};
use axum::{Json, extract::State};
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use utoipa::{IntoParams, ToSchema};

/// Which tags to list.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct TagQuery {
    /// True: those that an asset carries; false: those that nobody bound.
    #[param(example = false)]
    bound: Option<bool>,
    /// What wants a hand: `battery`, low ones, the emptiest first; `hearing`, those on a thing that were
    /// not heard for long, the longest first; `binding`, those that are on nothing.
    #[param(inline, example = "battery")]
    needs: Option<Need>,
    /// How many at most, 1 to 1000, 100 when not given.
    #[param(minimum = 1, maximum = 1000, example = 100)]
    limit: Option<usize>,
    /// `next_cursor` of the page before.
    #[param(example = "0~AA:07")]
    cursor: Option<String>,
}

/// What a tag wants of those who look after it.
#[derive(Debug, Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum Need {
    /// Another battery.
    Battery,
    /// To be looked for: it is on a thing, and lost or never heard.
    Hearing,
    /// To be fastened to a thing.
    Binding,
}

/// A page of tags.
#[derive(Serialize, ToSchema)]
pub(super) struct TagList {
    /// By name; with `needs`, the most urgent first.
    tags: Vec<TagView>,
    /// What to ask the next page with; null: this is the last.
    next_cursor: Option<String>,
}

/// Tags that no person wears.
#[utoipa::path(
    get, path = "/api/v1/tags", tag = "tags", operation_id = "list_tags",
    params(TagQuery),
    responses((status = 200, description = "The tags that fit", body = TagList)),
)]
pub(super) async fn list(
    State(app): State<App>,
    caller: Caller,
    InQuery(query): InQuery<TagQuery>,
) -> Result<Json<TagList>, ApiError> {
    caller.must(Permission::Trace)?;
    let page = Page::new(query.limit, query.cursor.as_deref())?;
    let picture = Picture::now(&app);
    let mut known: HashMap<TagId, Option<TagState>> =
        app.context.live.tags.all().into_iter().map(|s| (s.tag.clone(), Some(s))).collect();
    // A tag that is fastened to something exists, though it never said a word.
    for tag in picture.registry.carriers.keys() {
        known.entry(tag.clone()).or_default();
    }
    let fitting = known
        .into_iter()
        .filter(|(tag, _)| !picture.is_worn(tag))
        .filter(|(tag, _)| {
            query.bound.is_none_or(|bound| picture.registry.carrier(tag).is_some() == bound)
        })
        .filter_map(|(tag, state)| {
            let order = match query.needs {
                None => 0.0,
                Some(need) => urgency(need, &tag, state.as_ref(), &picture)?,
            };
            Some((Place::new(Some(order), tag.as_str()), (tag, state)))
        })
        .collect();
    let (tags, next_cursor) = page.cut(fitting);
    let tags = tags.iter().map(|(tag, state)| picture.tag_view(tag, state.as_ref())).collect();
    Ok(Json(TagList { tags, next_cursor }))
}

/// Where a tag stands among those with this need, the smallest first; none: it hasn't this need.
#[allow(clippy::cast_precision_loss, reason = "milliseconds of this century are exact")]
fn urgency(
    need: Need,
    tag: &TagId,
    state: Option<&TagState>,
    picture: &Picture<'_>,
) -> Option<f64> {
    let is_bound = picture.registry.asset_of(tag).is_some();
    match need {
        Need::Battery => {
            let charge = state?.battery_pct.filter(|charge| *charge <= LOW_BATTERY_PCT)?;
            Some(f64::from(charge))
        }
        Need::Hearing => {
            let freshness = state.map_or(Freshness::Unknown, |s| s.freshness(picture.now_ms));
            let is_silent = matches!(freshness, Freshness::Lost | Freshness::Unknown);
            let seen_ms = state.and_then(|state| Some(state.place.as_ref()?.seen_ms));
            (is_bound && is_silent).then(|| seen_ms.unwrap_or(0) as f64 / 1000.0)
        }
        Need::Binding => (!is_bound).then_some(0.0),
    }
}

/// One tag. A tag that a person wears isn't found, like one that doesn't exist.
#[utoipa::path(
    get, path = "/api/v1/tags/{tag}", tag = "tags", operation_id = "get_tag",
    params(("tag" = String, Path, description = "The tag's name, as it sends it", example = "AA:07")),
    responses((status = 200, description = "The tag as it is now", body = TagView)),
)]
pub(super) async fn get(
    State(app): State<App>,
    caller: Caller,
    InPath(tag): InPath<TagId>,
) -> Result<Json<TagView>, ApiError> {
    caller.must(Permission::Trace)?;
    let picture = Picture::now(&app);
    let state = picture.equipment(&tag);
    if picture.is_worn(&tag) || (state.is_none() && picture.registry.carrier(&tag).is_none()) {
        return Err(ApiError::NotFound("tag"));
    }
    Ok(Json(picture.tag_view(&tag, state.as_ref())))
}

/// True when the tag can be told of: an asset carries it, or it was heard, and no person wears it.
pub(super) fn may_be_told(picture: &Picture<'_>, tag: &TagId) -> bool {
    let bound = matches!(picture.registry.carrier(tag), Some(Carrier::Asset(_)));
    !picture.is_worn(tag) && (bound || picture.shared.context.live.tags.contains(tag))
}
