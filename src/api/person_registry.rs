//! Changes of the registry of people: pseudonyms, roles, badges. Never a name.

use super::{
    App,
    asset_registry::TagBody,
    error::ApiError,
    extract::{InBody, InPath},
    guard::Caller,
    registry,
};
use crate::{
    auth::Permission,
    model::{Carrier, Person, PersonId, StaffRole, TagId},
};
use axum::{Json, extract::State, http::StatusCode};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use utoipa::ToSchema;

/// What a person does.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"role": "porter"}))]
pub(super) struct PersonBody {
    /// E.g. `porter`, `nurse`.
    #[schema(value_type = String)]
    role: StaffRole,
}

/// A person in the registry.
#[derive(Serialize, ToSchema)]
#[schema(example = json!({"pseudonym": "P-017", "role": "porter"}))]
pub(super) struct RegisteredPerson {
    pseudonym: String,
    role: String,
}

/// Enters a pseudonym with its role, or changes the role.
#[utoipa::path(
    put, path = "/api/v1/people/{pseudonym}", tag = "registry", operation_id = "put_person",
    params(("pseudonym" = String, Path, description = "A pseudonym, never a name", example = "P-017")),
    request_body = PersonBody,
    security(("token" = []), ("session" = [])),
    responses((status = 200, description = "As it stands now", body = RegisteredPerson)),
)]
pub(super) async fn put(
    State(app): State<App>,
    caller: Caller,
    InPath(id): InPath<PersonId>,
    InBody(PersonBody { role }): InBody<PersonBody>,
) -> Result<Json<RegisteredPerson>, ApiError> {
    caller.must(Permission::KeepPeople)?;
    let change = app.registry_changes.lock().await;
    let person = Person { id, role };
    app.context.storage.put_persons(std::slice::from_ref(&person)).await?;
    registry::reload(&app, change).await?;
    let Person { id, role } = person;
    Ok(Json(RegisteredPerson { pseudonym: id.to_string(), role: role.to_string() }))
}

/// Deletes a person: the pseudonym, which badges it wore, its place, and its part in the count of
/// this quarter of an hour. Take the badge itself back: a tag that nobody wears is tracked as such.
#[utoipa::path(
    delete, path = "/api/v1/people/{pseudonym}", tag = "registry", operation_id = "delete_person",
    params(("pseudonym" = String, Path, description = "The pseudonym", example = "P-017")),
    security(("token" = []), ("session" = [])),
    responses((status = 204, description = "Nothing of that person is left")),
)]
pub(super) async fn delete(
    State(app): State<App>,
    caller: Caller,
    InPath(id): InPath<PersonId>,
) -> Result<StatusCode, ApiError> {
    caller.must(Permission::KeepPeople)?;
    let change = app.registry_changes.lock().await;
    let worn = badge_of(&app, &id)?;
    app.context.storage.delete_person(&id).await?;
    registry::reload(&app, change).await?;
    // The pipeline lets the badge go with its next message or tick; nobody waits for that here.
    if let Some(badge) = worn {
        app.context.live.people.remove(&badge);
    }
    Ok(StatusCode::NO_CONTENT)
}

/// Gives a person a badge. What was known of that tag before is deleted.
#[utoipa::path(
    put, path = "/api/v1/people/{pseudonym}/tag", tag = "registry", operation_id = "bind_person",
    params(("pseudonym" = String, Path, description = "The pseudonym", example = "P-017")),
    request_body = TagBody,
    security(("token" = []), ("session" = [])),
    responses((status = 204, description = "The person wears it")),
)]
pub(super) async fn bind(
    State(app): State<App>,
    caller: Caller,
    InPath(id): InPath<PersonId>,
    InBody(TagBody { tag }): InBody<TagBody>,
) -> Result<StatusCode, ApiError> {
    caller.must(Permission::KeepPeople)?;
    let change = app.registry_changes.lock().await;
    let person = known(&app, &id)?;
    registry::bind(&app, change, &tag, Carrier::Person(person)).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Takes a person's badge back.
#[utoipa::path(
    delete, path = "/api/v1/people/{pseudonym}/tag", tag = "registry",
    operation_id = "unbind_person",
    params(("pseudonym" = String, Path, description = "The pseudonym", example = "P-017")),
    security(("token" = []), ("session" = [])),
    responses((status = 204, description = "The person wears no badge")),
)]
pub(super) async fn unbind(
    State(app): State<App>,
    caller: Caller,
    InPath(id): InPath<PersonId>,
) -> Result<StatusCode, ApiError> {
    caller.must(Permission::KeepPeople)?;
    let change = app.registry_changes.lock().await;
    let worn = badge_of(&app, &id)?;
    registry::unbind(&app, change, worn).await?;
    Ok(StatusCode::NO_CONTENT)
}

fn known(app: &App, id: &PersonId) -> Result<Arc<Person>, ApiError> {
    app.context.registry.load().persons.get(id).cloned().ok_or(ApiError::NotFound("person"))
}

/// The badge that a known person wears now.
fn badge_of(app: &App, id: &PersonId) -> Result<Option<TagId>, ApiError> {
    known(app, id)?;
    let registry = app.context.registry.load();
    Ok(registry.carriers.iter().find_map(|(tag, carrier)| match carrier {
        Carrier::Person(person) if person.id == *id => Some(tag.clone()),
        _ => None,
    }))
}
