//! `GET /api/v1/people`: where people are now, by room, for a stated purpose. Only a coordinator
//! may ask, each look-up is on record before it is answered, and nobody is told a person's point,
//! path or past.

use super::{
    App,
    error::ApiError,
    extract::InQuery,
    filter::Near,
    guard::Caller,
    page::{Page, Place as ListPlace},
    view::{Picture, rfc3339, rounded},
};
use crate::{
    auth::Permission,
    live::{Place, TagState},
    model::{Carrier, Freshness, Person, StaffRole},
    privacy,
    storage::StorageError,
};
use axum::{Json, extract::State};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// What a look-up is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum Purpose {
    /// To send whoever is nearest.
    NearestPorter,
    /// Somebody called for help.
    Duress,
    /// The building is being cleared.
    Evacuation,
}

/// Who is looked for, and why.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct PeopleQuery {
    /// Why it is asked; kept with the name of the token.
    #[param(example = "nearest_porter", inline)]
    purpose: Option<Purpose>,
    /// Those of this role.
    #[param(value_type = Option<String>, example = "porter")]
    role: Option<StaffRole>,
    /// A room, or `x,y,floor` in metres; the list is then sorted by distance.
    #[param(example = "12.5,8,1")]
    near: Option<String>,
    /// How many at most, 1 to 1000, 100 when not given.
    #[param(minimum = 1, maximum = 1000, example = 100)]
    limit: Option<usize>,
    /// `next_cursor` of the page before.
    #[param(example = "0~P-017")]
    cursor: Option<String>,
}

/// A page of people.
#[derive(Serialize, ToSchema)]
pub(super) struct PeopleList {
    /// By pseudonym, or by distance when `near` was given.
    people: Vec<PersonView>,
    /// What to ask the next page with; null: this is the last.
    next_cursor: Option<String>,
}

/// A person, by pseudonym, and the room where the badge is.
#[derive(Serialize, ToSchema)]
#[schema(example = json!({
    "pseudonym": "P-017", "role": "porter", "zone": "c1-corridor", "zone_name": "Corridor C1",
    "ward": "C1", "floor": 1, "floor_label": "1", "state": "live",
    "seen_at": "2026-11-22T08:00:01Z", "distance_m": 12.4
}))]
pub(super) struct PersonView {
    /// The pseudonym.
    pseudonym: String,
    /// What the person does.
    role: String,
    /// The room.
    zone: Option<String>,
    /// What its door says.
    zone_name: Option<String>,
    /// The ward it belongs to.
    ward: Option<String>,
    /// 0 is ground.
    floor: Option<i16>,
    /// What the lift's button says.
    floor_label: Option<String>,
    /// How far that can be believed.
    state: Freshness,
    /// When the badge was last heard there.
    #[schema(format = DateTime)]
    seen_at: Option<String>,
    /// Straight-line distance of the room from `near`, metres, 30 m more for each floor between.
    #[serde(skip_serializing_if = "Option::is_none")]
    distance_m: Option<f64>,
}

/// Where people are now, by room.
#[utoipa::path(
    get, path = "/api/v1/people", tag = "people", operation_id = "find_people",
    params(PeopleQuery),
    security(("token" = []), ("session" = [])),
    responses(
        (status = 200, description = "The people that fit", body = PeopleList),
        (status = 503, description = "The look-up can't be put on record now",
            body = super::error::Problem, content_type = "application/problem+json"),
    ),
)]
pub(super) async fn find(
    State(app): State<App>,
    caller: Caller,
    InQuery(query): InQuery<PeopleQuery>,
) -> Result<Json<PeopleList>, ApiError> {
    caller.must(Permission::FindPeople)?;
    let purpose = query.purpose.ok_or_else(|| {
        ApiError::invalid("purpose", "say why: nearest_porter, duress or evacuation")
    })?;
    let picture = Picture::now(&app);
    let near = query.near.as_deref().map(|text| Near::parse(text, picture.site())).transpose()?;
    let page = Page::new(query.limit, query.cursor.as_deref())?;
    let found = picture
        .registry
        .carriers
        .iter()
        .filter_map(|(tag, carrier)| match carrier {
            Carrier::Person(person) => Some((person, app.context.live.people.get(tag))),
            Carrier::Asset(_) => None,
        })
        .filter(|(person, _)| query.role.as_ref().is_none_or(|role| person.role == *role))
        .filter_map(|(person, state)| entry(&picture, person, state.as_ref(), near.as_ref()))
        .collect();
    let (people, next_cursor) = page.cut(found);
    let found = u32::try_from(people.len()).unwrap_or(u32::MAX);
    record(&app, &caller, purpose, &query, found).await?;
    Ok(Json(PeopleList { people, next_cursor }))
}

/// A person's entry; none: sorting by distance, and nobody knows how far.
fn entry(
    picture: &Picture<'_>,
    person: &Person,
    state: Option<&TagState>,
    near: Option<&Near>,
) -> Option<(ListPlace, PersonView)> {
    let site = picture.site();
    let zone_of = |place: &Place| site.zone(place.zone.as_ref()?);
    // Its last room may have become a room of rest since, by another site file.
    let place = state
        .and_then(|state| state.place.as_ref())
        .filter(|place| !zone_of(place).is_some_and(privacy::is_no_track));
    let zone = place.and_then(zone_of);
    // From the middle of the room: a distance from the point itself would give the point away.
    let room = zone.and_then(|zone| site.centre(&zone.id));
    let distance_m = match near {
        None => None,
        Some(near) => {
            let (x_m, y_m, floor) = room?;
            Some(near.distance_m(x_m, y_m, floor))
        }
    };
    let floor = place.map(|place| place.floor);
    let view = PersonView {
        pseudonym: person.id.to_string(),
        role: person.role.to_string(),
        zone: zone.map(|zone| zone.id.to_string()),
        zone_name: zone.map(|zone| zone.name.clone()),
        ward: zone.and_then(|zone| zone.ward.as_ref()).map(ToString::to_string),
        floor,
        floor_label: floor.and_then(|floor| site.floor_label(floor)).map(str::to_owned),
        state: state.map_or(Freshness::Unknown, |state| state.freshness(picture.now_ms)),
        seen_at: place.map(|place| rfc3339(place.seen_ms - place.seen_ms.rem_euclid(1000))),
        distance_m: distance_m.map(|metres| rounded(metres, 10.0)),
    };
    Some((ListPlace::new(distance_m, person.id.as_str()), view))
}

/// Puts the look-up on record. In an emergency an answer doesn't wait for the database: the log
/// then holds the record.
async fn record(
    app: &App,
    caller: &Caller,
    purpose: Purpose,
    query: &PeopleQuery,
    found: u32,
) -> Result<(), ApiError> {
    let role = query.role.as_ref().map_or("any", |role| role.as_str());
    let near = query.near.as_deref().unwrap_or("anywhere");
    let filter = format!("role={role} near={near}");
    let storage = &app.context.storage;
    match storage.log_lookup(caller.name(), purpose.as_str(), &filter, found).await {
        Ok(()) => Ok(()),
        Err(StorageError::Away(_)) if purpose.is_emergency() => {
            let (actor, purpose) = (caller.name(), purpose.as_str());
            tracing::warn!(
                actor,
                purpose,
                filter,
                found,
                "a look-up of people, not in the database"
            );
            Ok(())
        }
        Err(error) => Err(error.into()),
    }
}

impl Purpose {
    fn as_str(self) -> &'static str {
        match self {
            Self::NearestPorter => "nearest_porter",
            Self::Duress => "duress",
            Self::Evacuation => "evacuation",
        }
    }

    fn is_emergency(self) -> bool {
        matches!(self, Self::Duress | Self::Evacuation)
    }
}
