//! Badges in a recording: left out, under other names, or as they are.

use crate::model::{CarrierId, PersonId, RegistryChange, TagId};
use serde::Serialize;
use sha2::{Digest, Sha256};
use spor_schemas::{Decoded, InboundTopic, topic, wire};
use std::{
    borrow::Cow,
    collections::{BTreeMap, HashSet},
};

/// What of people goes into a recording.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum People {
    /// Nothing: their tags' messages are left out, and who wears what.
    LeftOut,
    /// Everything, under names that are drawn for this recording.
    Renamed,
    /// Everything, as it is.
    AsTheyAre,
}

/// The tags that a person wears at some moment of a recording.
pub(super) struct Badges {
    people: People,
    salt: [u8; 16],
    tags: HashSet<TagId>,
    /// Persons that had a name so far.
    persons: BTreeMap<PersonId, PersonId>,
}

impl Badges {
    pub(super) fn new(people: People) -> Self {
        Self { people, salt: rand::random(), tags: HashSet::new(), persons: BTreeMap::new() }
    }

    pub(super) fn are_wanted(&self) -> bool {
        self.people != People::LeftOut
    }

    pub(super) fn tags(&self) -> &HashSet<TagId> {
        &self.tags
    }

    pub(super) fn add(&mut self, tag: &TagId, person: &PersonId) {
        self.tags.insert(tag.clone());
        let name = self.person(person);
        self.persons.insert(person.clone(), name);
    }

    /// Takes note of those who get a badge by a change of the registry.
    pub(super) fn learn(&mut self, payload: &[u8]) {
        let Ok(change) = serde_json::from_slice::<RegistryChange>(payload) else { return };
        for (tag, carrier) in &change.bound {
            if let CarrierId::Person(person) = carrier {
                self.add(tag, person);
            }
        }
    }

    /// What a badge and its wearer are called; none: nothing is told of them.
    pub(super) fn name(&self, tag: &TagId, person: &PersonId) -> Option<(TagId, PersonId)> {
        self.are_wanted().then(|| (self.tag(tag), self.person(person)))
    }

    fn tag(&self, tag: &TagId) -> TagId {
        if self.people != People::Renamed || !self.tags.contains(tag) {
            return tag.clone();
        }
        TagId::new(&self.drawn("badge", tag.as_str())).unwrap_or_else(|_| tag.clone())
    }

    fn person(&self, person: &PersonId) -> PersonId {
        if self.people != People::Renamed {
            return person.clone();
        }
        PersonId::new(&self.drawn("person", person.as_str())).unwrap_or_else(|_| person.clone())
    }

    /// The same for the same name in one recording, and nothing that leads back to it.
    fn drawn(&self, kind: &str, name: &str) -> String {
        let digest = Sha256::new().chain_update(self.salt).chain_update(kind).chain_update(name);
        let digits =
            digest.finalize().iter().take(6).map(|b| format!("{b:02x}")).collect::<String>();
        format!("{kind}-{digits}")
    }

    /// A change of the registry under the names of the recording.
    pub(super) fn rename_change(&self, change: RegistryChange) -> RegistryChange {
        let mut renamed = RegistryChange {
            persons: Vec::new(),
            gone: Vec::new(),
            bound: Vec::new(),
            unbound: change.unbound.iter().map(|tag| self.tag(tag)).collect(),
            ..change
        };
        if self.are_wanted() {
            renamed.gone = change.gone.iter().map(|person| self.person(person)).collect();
            renamed.persons = change.persons;
            for person in &mut renamed.persons {
                person.id = self.person(&person.id);
            }
        }
        for (tag, carrier) in change.bound {
            match carrier {
                CarrierId::Asset(_) => renamed.bound.push((self.tag(&tag), carrier)),
                CarrierId::Person(person) => {
                    let name = self.name(&tag, &person);
                    renamed.bound.extend(name.map(|(tag, id)| (tag, CarrierId::Person(id))));
                }
            }
        }
        renamed
    }

    /// A message under the names of the recording: source, topic and payload.
    pub(super) fn rename<'a>(
        &self,
        source: &'a str,
        topic: &'a str,
        payload: Cow<'a, [u8]>,
    ) -> (Cow<'a, str>, Cow<'a, str>, Cow<'a, [u8]>) {
        let as_it_is = |payload| (Cow::Borrowed(source), Cow::Borrowed(topic), payload);
        if self.people != People::Renamed || self.tags.is_empty() {
            return as_it_is(payload);
        }
        let Ok(inbound) = InboundTopic::parse(topic) else { return as_it_is(payload) };
        let own = match &inbound {
            InboundTopic::TagPosition(tag) | InboundTopic::TagStatus(tag) => Some(tag),
            _ => None,
        };
        if let Some(tag) = own {
            if !self.tags.contains(tag) {
                return as_it_is(payload);
            }
            let name = self.tag(tag);
            // What its own device sends as source is its name, or says no less.
            let source = Cow::Owned(name.to_string());
            return match (&inbound, wire::decode(&inbound, &payload)) {
                (InboundTopic::TagPosition(_), Ok(Decoded::Positions(mut all))) => {
                    all.iter_mut().for_each(|position| position.tag = None);
                    let payload = all.first().map_or_else(Vec::new, wire::to_json);
                    (source, topic::tag_position(&name).into(), payload.into())
                }
                (InboundTopic::TagPosition(_), _) => {
                    (source, topic::tag_position(&name).into(), Cow::Borrowed(&b""[..]))
                }
                _ => (source, topic::tag_status(&name).into(), payload),
            };
        }
        match wire::decode(&inbound, &payload) {
            Ok(Decoded::Positions(mut all)) => {
                let is_any = all.iter().flat_map(|p| &p.tag).any(|tag| self.tags.contains(tag));
                all.iter_mut().for_each(|p| p.tag = p.tag.take().map(|tag| self.tag(&tag)));
                as_it_is(json_if(is_any, &all, payload))
            }
            Ok(Decoded::Sightings(mut all)) => {
                let is_any = all.iter().any(|sighting| self.tags.contains(&sighting.tag));
                all.iter_mut().for_each(|sighting| sighting.tag = self.tag(&sighting.tag));
                as_it_is(json_if(is_any, &all, payload))
            }
            _ => as_it_is(payload),
        }
    }
}

fn json_if<'a, T: Serialize>(is_changed: bool, all: &T, payload: Cow<'a, [u8]>) -> Cow<'a, [u8]> {
    if is_changed { Cow::Owned(wire::to_json(all)) } else { payload }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn badges(people: People) -> Badges {
        let mut badges = Badges::new(people);
        badges
            .add(&TagId::new("badge").expect("valid"), &PersonId::new("nurse-17").expect("valid"));
        badges
    }

    fn renamed(badges: &Badges, topic: &str, payload: &str) -> (String, String, String) {
        let (source, topic, payload) =
            badges.rename("badge", topic, Cow::Borrowed(payload.as_bytes()));
        let payload = String::from_utf8(payload.into_owned()).expect("JSON");
        (source.into_owned(), topic.into_owned(), payload)
    }

    #[test]
    fn a_badge_has_another_name_everywhere_and_a_pump_has_not() {
        let badges = badges(People::Renamed);
        let own = r#"{"tag":"badge","x_m":1.0,"y_m":2.0,"floor":1}"#;
        let both = format!(r#"[{own},{{"tag":"pump","x_m":1.0,"y_m":2.0,"floor":1}}]"#);
        let one = renamed(&badges, "spor/v1/tags/badge/position", own);
        let many = renamed(&badges, "spor/v1/engines/e/positions", &both);
        let heard = renamed(
            &badges,
            "spor/v1/readers/r/sightings",
            r#"[{"tag":"badge","rssi_dbm":-50.0}]"#,
        );
        for text in [&one.0, &one.1, &one.2, &many.2, &heard.2] {
            assert!(!text.contains("\"badge\"") && !text.contains("/badge/"), "{text}");
        }
        let name = badges.tag(&TagId::new("badge").expect("valid"));
        assert!(one.1.contains(name.as_str()) && many.2.contains(name.as_str()));
        assert!(many.2.contains("pump"), "{}", many.2);
        let change = RegistryChange {
            bound: vec![(
                TagId::new("badge").expect("valid"),
                CarrierId::Person(PersonId::new("nurse-17").expect("valid")),
            )],
            ..RegistryChange::default()
        };
        let text = serde_json::to_string(&badges.rename_change(change.clone())).expect("JSON");
        assert!(text.contains(name.as_str()) && !text.contains("nurse-17"), "{text}");
        let none = self::badges(People::LeftOut).rename_change(change);
        assert!(none.is_empty(), "{none:?}");
    }
}
