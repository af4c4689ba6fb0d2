//! Tells at the door what is about people's tags, before it is written to disk.
//!
//! What can't be read for certain to be about other tags only counts as people's, so that nothing
//! about a person is written unsealed by mistake; it is refused later, and forgotten in an hour.

use crate::model::{Arrived, Registry};
use serde::Serialize;
use spor_schemas::{Decoded, InboundTopic, TopicKind, is_valid_id, wire};

/// Whom an arrival is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Sorted {
    /// About no person.
    Others,
    /// About people only, or unreadable.
    People,
    /// An array about both, made into two of the same kind.
    Both {
        /// The payload without people's tags.
        others: Vec<u8>,
        /// The payload with people's tags only.
        people: Vec<u8>,
    },
}

/// Reads an arrival so far as it takes to tell.
#[must_use]
pub fn sort(arrival: Arrived<'_>, registry: &Registry) -> Sorted {
    match TopicKind::split(arrival.topic) {
        Ok((TopicKind::TagPosition | TopicKind::TagStatus, tag)) if is_valid_id(tag) => {
            if registry.is_name_worn(tag) { Sorted::People } else { Sorted::Others }
        }
        Ok((TopicKind::ReaderStatus, reader)) if is_valid_id(reader) => Sorted::Others,
        Ok((TopicKind::EnginePositions | TopicKind::ReaderSightings, _)) => {
            sort_array(arrival, registry)
        }
        Ok(_) | Err(_) => Sorted::People,
    }
}

fn sort_array(arrival: Arrived<'_>, registry: &Registry) -> Sorted {
    let Ok(tags) = wire::tags_of_array(arrival.payload) else { return Sorted::People };
    let worn = tags.iter().filter(|tag| registry.is_name_worn(tag)).count();
    if worn == 0 {
        return Sorted::Others;
    }
    if worn == tags.len() {
        return Sorted::People;
    }
    let Ok(topic) = InboundTopic::parse(arrival.topic) else { return Sorted::People };
    match wire::decode(&topic, arrival.payload) {
        Ok(Decoded::Positions(all)) => {
            split(all, |p| p.tag.as_ref().is_some_and(|tag| registry.is_worn(tag)))
        }
        Ok(Decoded::Sightings(all)) => split(all, |s| registry.is_worn(&s.tag)),
        Ok(_) | Err(_) => Sorted::People,
    }
}

fn split<T: Serialize>(all: Vec<T>, is_persons: impl Fn(&T) -> bool) -> Sorted {
    let (people, others): (Vec<T>, Vec<T>) = all.into_iter().partition(is_persons);
    Sorted::Both { others: wire::to_json(&others), people: wire::to_json(&people) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{CarrierId, Person, RegistryChange, TagId};

    fn registry() -> Registry {
        let person =
            Person { id: "P1".parse().expect("valid"), role: "nurse".parse().expect("valid") };
        let badge = (TagId::new("badge").expect("valid"), CarrierId::Person(person.id.clone()));
        let mut registry = Registry::default();
        registry.apply(&RegistryChange {
            persons: vec![person],
            bound: vec![badge],
            ..RegistryChange::default()
        });
        registry
    }

    fn sorted(topic: &str, payload: &str) -> Sorted {
        sort(Arrived { source: "c", topic, payload: payload.as_bytes() }, &registry())
    }

    const PUMP: &str = r#"{"tag":"pump","x_m":1.5,"y_m":2.0,"floor":1}"#;
    const BADGE: &str = r#"{"tag":"badge","x_m":1.0,"y_m":2.0,"floor":1,"seq":7}"#;

    #[test]
    fn a_badge_is_told_from_its_topic() {
        assert_eq!(sorted("spor/v1/tags/pump/position", "{}"), Sorted::Others);
        assert_eq!(sorted("spor/v1/tags/badge/position", "{}"), Sorted::People);
        assert_eq!(sorted("spor/v1/tags/badge/status", "{}"), Sorted::People);
    }

    #[test]
    fn an_array_about_both_becomes_two() {
        let topic = "spor/v1/engines/e/positions";
        assert_eq!(sorted(topic, &format!("[{PUMP}]")), Sorted::Others);
        assert_eq!(sorted(topic, &format!("[{BADGE}]")), Sorted::People);
        let Sorted::Both { others, people } = sorted(topic, &format!("[{BADGE},{PUMP}]")) else {
            panic!("not split")
        };
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("JSON");
        let (others, people) = (text(others), text(people));
        assert!(others.contains("pump") && !others.contains("badge"), "{others}");
        assert!(people.contains("badge") && !people.contains("pump"), "{people}");
        assert_eq!(sorted(topic, &others), Sorted::Others);
        assert_eq!(sorted(topic, &people), Sorted::People);
    }

    #[test]
    fn what_cannot_be_read_counts_as_peoples() {
        let topic = "spor/v1/readers/r/sightings";
        assert_eq!(sorted(topic, r#"[{"tag":"badge","rssi_dbm":"#), Sorted::People);
        assert_eq!(sorted(topic, r#"[{"tag":"badge ","rssi_dbm":-50}]"#), Sorted::People);
        assert_eq!(sorted(topic, r#"[{"id":"badge","rssi_dbm":-50}]"#), Sorted::People);
        assert_eq!(sorted("spor/v1/somewhere/badge", "{}"), Sorted::People);
    }
}
