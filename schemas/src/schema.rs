//! JSON Schemas of everything a foreign program reads or writes, generated from the types.

use crate::{
    alert::AlertMessage,
    event::EventMessage,
    position::PositionMessage,
    recording::Manifest,
    sighting::SightingMessage,
    site::SiteFile,
    status::{ReaderStatusMessage, TagStatusMessage},
};
use schemars::schema_for;

/// File name in `schemas/messages/` and pretty-printed JSON Schema of each message, of the site
/// file, and of a recording's manifest.
#[must_use]
pub fn all() -> Vec<(&'static str, String)> {
    let print = |schema: schemars::Schema| {
        let mut text = serde_json::to_string_pretty(&schema).expect("a schema is plain JSON");
        text.push('\n');
        text
    };
    vec![
        ("position.schema.json", print(schema_for!(PositionMessage))),
        ("positions.schema.json", print(schema_for!(Vec<PositionMessage>))),
        ("sightings.schema.json", print(schema_for!(Vec<SightingMessage>))),
        ("tag-status.schema.json", print(schema_for!(TagStatusMessage))),
        ("reader-status.schema.json", print(schema_for!(ReaderStatusMessage))),
        ("event.schema.json", print(schema_for!(EventMessage))),
        ("alert.schema.json", print(schema_for!(AlertMessage))),
        ("site.schema.json", print(schema_for!(SiteFile))),
        ("recording-manifest.schema.json", print(schema_for!(Manifest))),
    ]
}
