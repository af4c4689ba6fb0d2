//! `GET /api/openapi.json`: the API as OpenAPI 3.1, generated from the handlers.

use super::error::Problem;
use axum::{
    http::header,
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{
        Content, InfoBuilder, LicenseBuilder, OpenApi, Ref, RefOr, Response as Described,
        ResponseBuilder, SecurityRequirement,
        path::Operation,
        security::{ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityScheme},
        tag::TagBuilder,
    },
};

const TAGS: [(&str, &str); 9] = [
    ("assets", "Things: where they are, what they are doing, how to find them."),
    ("tags", "Tags that no person wears."),
    ("building", "Floors, rooms and zones."),
    ("events", "What happened."),
    ("alerts", "What a person must act on."),
    ("people", "Where people are, for a stated purpose, on record; pseudonyms only."),
    ("registry", "What carries which tag."),
    ("session", "Who asks: login, logout."),
    ("operations", "For those who look after Spor."),
];

/// How the paths end that are answered from the database, not from memory.
const STORED: [&str; 7] =
    ["/history", "/events", "/lookups", "/presence", "/par", "/alerts", "/alerts/{id}"];

/// Adds what no single handler knows: title, tokens, and the refusals that any of them may answer.
pub(super) fn complete(mut api: OpenApi) -> Bytes {
    api.info = InfoBuilder::new()
        .title("Spor")
        .version(env!("CARGO_PKG_VERSION"))
        .description(Some(
            "Where a hospital's equipment is, now and before. Times are RFC 3339 in UTC, lengths \
             metres in the site's frame, floors signed integers with 0 for ground. Every refusal \
             is a problem document (RFC 9457); programs decide by its `type`. Within v1 answers \
             only gain fields.",
        ))
        .license(Some(
            LicenseBuilder::new().name("Apache-2.0").identifier(Some("Apache-2.0")).build(),
        ))
        .build();
    api.tags = Some(
        TAGS.iter()
            .map(|(name, text)| TagBuilder::new().name(*name).description(Some(*text)).build())
            .collect(),
    );
    let components = api.components.get_or_insert_default();
    components.add_security_scheme(
        "token",
        SecurityScheme::Http(
            HttpBuilder::new()
                .scheme(HttpAuthScheme::Bearer)
                .description(Some(
                    "Made by `spor token add`. Not needed for equipment while Spor is open, which \
                     it is only on its own machine.",
                ))
                .build(),
        ),
    );
    components.add_security_scheme(
        "session",
        SecurityScheme::ApiKey(ApiKey::Cookie(ApiKeyValue::with_description(
            "spor_session",
            "Set by `POST /api/v1/session`. With it, what changes something must come from a page of \
             this server, which the browser says by `Origin`.",
        ))),
    );
    components.schemas.insert(Problem::name().into_owned(), Problem::schema());
    api.security = Some(vec![
        SecurityRequirement::new("token", Vec::<String>::new()),
        SecurityRequirement::new("session", Vec::<String>::new()),
        SecurityRequirement::default(),
    ]);
    for (path, item) in &mut api.paths.paths {
        let reads = [&mut item.get];
        let writes = [&mut item.put, &mut item.post, &mut item.delete];
        for operation in reads.into_iter().filter_map(Option::as_mut) {
            add_refusals(path, operation, false);
        }
        for operation in writes.into_iter().filter_map(Option::as_mut) {
            add_refusals(path, operation, true);
        }
    }
    Bytes::from(api.to_json().expect("the description is plain JSON"))
}

fn add_refusals(path: &str, operation: &mut Operation, writes: bool) {
    let mut add = |status: &str, text: &str| {
        let responses = &mut operation.responses.responses;
        responses.entry(status.to_owned()).or_insert_with(|| refusal(text));
    };
    add("421", "The host name isn't served here");
    if !path.starts_with("/api/v1/") {
        return;
    }
    add("400", "A part of the path, the query or the body isn't what it should be");
    add("401", "No token, or one that isn't good");
    add("403", "The token's role may not do that, or a page of another origin asked");
    add("500", "A fault of Spor's");
    if path.contains('{') {
        add("404", "There is nothing of that name");
    }
    if writes {
        add("409", "It contradicts what is there");
        add("413", "The body is too long");
        add("415", "The body isn't said to be JSON");
    }
    if writes || STORED.iter().any(|end| path.ends_with(end)) {
        add("503", "The database doesn't answer");
    }
}

fn refusal(text: &str) -> RefOr<Described> {
    let content = Content::new(Some(Ref::from_schema_name(Problem::name())));
    let response =
        ResponseBuilder::new().description(text).content("application/problem+json", content);
    RefOr::T(response.build())
}

/// The document, as it was made at the start.
pub(super) fn answer(document: Bytes) -> Response {
    ([(header::CONTENT_TYPE, "application/json")], document).into_response()
}
