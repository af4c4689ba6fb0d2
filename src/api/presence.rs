//! `GET /api/v1/presence?from&to`: how many of a role were where, by quarter of an hour; never who.
//!
//! Only quarters that have ended are told, in steps of five persons: two answers one after the
//! other can't show that one person came or went.

use super::{
    App,
    error::ApiError,
    extract::InQuery,
    guard::Caller,
    page::{checked_limit, stretch_ms},
    view::{Picture, rfc3339},
};
use crate::{
    auth::Permission,
    model::{StaffRole, ZoneId},
    storage::PresenceGroup,
};
use axum::{Json, extract::State};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::str::FromStr;
use utoipa::{IntoParams, ToSchema};

const QUARTER_MS: i64 = 900_000;
/// Numbers of persons are told in steps of this many.
const STEP: u32 = 5;

/// Which stretch of time, and whose.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct PresenceQuery {
    /// Beginning, RFC 3339; a day before the end when not given.
    #[param(value_type = Option<String>, example = "2026-11-22T00:00:00Z")]
    from: Option<Timestamp>,
    /// End, RFC 3339; now when not given. The quarter that runs now is not told yet.
    #[param(value_type = Option<String>, example = "2026-11-23T00:00:00Z")]
    to: Option<Timestamp>,
    /// Of this role.
    #[param(value_type = Option<String>, example = "nurse")]
    role: Option<StaffRole>,
    /// How many groups at about the most, 1 to 1000, 100 when not given.
    #[param(minimum = 1, maximum = 1000, example = 100)]
    limit: Option<usize>,
    /// `next_cursor` of the page before.
    #[param(example = "1795384800000~nurse~C1-station")]
    cursor: Option<String>,
}

/// A page of presence.
#[derive(Serialize, ToSchema)]
pub(super) struct PresenceList {
    /// In the order of quarter, role and room. Groups under five are left out.
    groups: Vec<GroupView>,
    /// What to ask the next page with; null: this is the last.
    next_cursor: Option<String>,
}

/// A group of one role in one room within a quarter of an hour.
#[derive(Serialize, ToSchema)]
#[schema(example = json!({
    "quarter": "2026-11-22T08:00:00Z", "role": "nurse", "zone": "C1-station",
    "zone_name": "Nurse station C1", "ward": "C1", "floor": 1, "persons_at_least": 5
}))]
struct GroupView {
    /// Its beginning.
    #[schema(format = DateTime)]
    quarter: String,
    /// What they do.
    role: String,
    /// The room.
    zone: String,
    /// What its door says; null: the site file has this room no more.
    zone_name: Option<String>,
    /// The ward it belongs to.
    ward: Option<String>,
    /// 0 is ground.
    floor: Option<i16>,
    /// How many, rounded down to five.
    persons_at_least: u32,
}

/// Where the next page begins: behind this group.
#[derive(Debug, PartialEq, Eq)]
struct After {
    quarter_ms: i64,
    role: StaffRole,
    zone: ZoneId,
}

/// How many of a role were where.
#[utoipa::path(
    get, path = "/api/v1/presence", tag = "people", operation_id = "list_presence",
    params(PresenceQuery),
    security(("token" = []), ("session" = [])),
    responses((status = 200, description = "The groups of five and more", body = PresenceList)),
)]
pub(super) async fn list(
    State(app): State<App>,
    caller: Caller,
    InQuery(query): InQuery<PresenceQuery>,
) -> Result<Json<PresenceList>, ApiError> {
    caller.must(Permission::SeePresence)?;
    let now_ms = (app.context.clock)();
    let (from_ms, to_ms) = stretch_ms(query.from, query.to, now_ms)?;
    let to_ms = to_ms.min(now_ms - now_ms.rem_euclid(QUARTER_MS));
    let limit = checked_limit(query.limit)?;
    let after = query.cursor.as_deref().map(After::from_str).transpose()?;
    let after = after.as_ref().map(|after| (after.quarter_ms, &after.role, &after.zone));
    let asked = i64::try_from(limit).unwrap_or(i64::MAX);
    let storage = &app.context.storage;
    let found = storage.presence(query.role.as_ref(), from_ms, to_ms, asked, after).await?;
    let next_cursor = found.last().filter(|_| found.len() >= limit).map(cursor_behind);
    let picture = Picture::now(&app);
    let groups = found.iter().map(|group| view(&picture, group)).collect();
    Ok(Json(PresenceList { groups, next_cursor }))
}

fn view(picture: &Picture<'_>, group: &PresenceGroup) -> GroupView {
    let zone = picture.site().zone(&group.zone);
    GroupView {
        quarter: rfc3339(group.quarter_ms),
        role: group.role.to_string(),
        zone_name: zone.map(|zone| zone.name.clone()),
        ward: zone.and_then(|zone| zone.ward.as_ref()).map(ToString::to_string),
        floor: zone.map(|zone| zone.floor),
        zone: group.zone.to_string(),
        persons_at_least: group.persons / STEP * STEP,
    }
}

fn cursor_behind(group: &PresenceGroup) -> String {
    format!("{}~{}~{}", group.quarter_ms, group.role, group.zone)
}

impl FromStr for After {
    type Err = ApiError;

    fn from_str(cursor: &str) -> Result<Self, ApiError> {
        let mut parts = cursor.splitn(3, '~');
        let mut after = || {
            let quarter_ms = parts.next()?.parse().ok()?;
            let role = StaffRole::new(parts.next()?).ok()?;
            let zone = ZoneId::new(parts.next()?).ok()?;
            Some(Self { quarter_ms, role, zone })
        };
        after().ok_or_else(|| ApiError::invalid("cursor", "must be a `next_cursor` of this list"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_leads_behind_the_group_that_it_was_made_of() {
        let group = PresenceGroup {
            role: StaffRole::new("nurse").expect("valid"),
            zone: ZoneId::new("C1-1").expect("valid"),
            quarter_ms: 900_000,
            persons: 7,
        };
        let after: After = cursor_behind(&group).parse().expect("a cursor");
        assert_eq!((after.quarter_ms, after.role, after.zone), (900_000, group.role, group.zone));
        for wrong in ["", "1~nurse", "x~nurse~C1-1", "1~~C1-1"] {
            assert!(After::from_str(wrong).is_err(), "{wrong}");
        }
    }
}
