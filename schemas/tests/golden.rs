//! The generated JSON Schemas and the golden payloads: a change of format shows here first.

use spor_schemas::{InboundTopic, schema, wire};
use std::{fs, path::PathBuf};

fn messages() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("messages")
}

/// Set `UPDATE_GOLDEN=1` to write the files instead of comparing them.
fn updating() -> bool {
    std::env::var_os("UPDATE_GOLDEN").is_some()
}

#[test]
fn the_stored_json_schemas_are_those_of_the_types() {
    for (name, generated) in schema::all() {
        let path = messages().join(name);
        if updating() {
            fs::write(&path, &generated).expect("schema written");
        }
        let stored = fs::read_to_string(&path).unwrap_or_default();
        assert_eq!(
            stored, generated,
            "{name} differs: run with UPDATE_GOLDEN=1 and look at the change"
        );
    }
}

/// Each case of `golden/*.json`: a topic, a payload (JSON text or hexadecimal CBOR), and what it means.
#[derive(serde::Deserialize)]
struct Case {
    name: String,
    topic: String,
    #[serde(default)]
    json: Option<String>,
    #[serde(default)]
    cbor_hex: Option<String>,
    /// `ok`, or the beginning of the refusal.
    result: String,
}

impl Case {
    fn payload(&self) -> Vec<u8> {
        match (&self.json, &self.cbor_hex) {
            (Some(json), None) => json.clone().into_bytes(),
            (None, Some(hex)) => (0..hex.len() / 2)
                .map(|i| u8::from_str_radix(&hex[2 * i..2 * i + 2], 16).expect("hexadecimal"))
                .collect(),
            _ => panic!("{}: exactly one of json and cbor_hex", self.name),
        }
    }

    fn outcome(&self) -> String {
        let topic = match InboundTopic::parse(&self.topic) {
            Ok(topic) => topic,
            Err(e) => return e.to_string(),
        };
        match wire::decode(&topic, &self.payload()) {
            Ok(message) => format!("ok {message:?}"),
            Err(e) => e.to_string(),
        }
    }
}

#[test]
fn golden_payloads_mean_what_they_meant() {
    for file in ["valid.json", "invalid.json"] {
        let text = fs::read_to_string(messages().join("golden").join(file)).expect(file);
        let cases: Vec<Case> = serde_json::from_str(&text).expect(file);
        assert!(!cases.is_empty(), "{file} is empty");
        for case in cases {
            let outcome = case.outcome();
            assert!(
                outcome.starts_with(&case.result),
                "{file}: {}: {outcome:?}, expected {:?}",
                case.name,
                case.result
            );
        }
    }
}
