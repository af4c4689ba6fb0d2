//! Whom a fault hits: a message is taken apart into what it hits and what it leaves alone.

use super::ground::Ground;
use crate::{world::Message, written::Share};
use serde::{Deserialize, Deserializer, de::Error as _};
use spor_schemas::{ClassId, ReaderId, TagId};
use std::fmt;

/// The name of a device, or how its name begins when it ends in `*`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pattern {
    text: String,
    is_beginning: bool,
}

impl Pattern {
    fn matches(&self, name: &str) -> bool {
        if self.is_beginning { name.starts_with(&self.text) } else { name == self.text }
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.text, if self.is_beginning { "*" } else { "" })
    }
}

impl<'de> Deserialize<'de> for Pattern {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let text = String::deserialize(d)?;
        let (name, is_beginning) = match text.strip_suffix('*') {
            Some(beginning) => (beginning, true),
            None => (text.as_str(), false),
        };
        if is_beginning && name.is_empty() || spor_schemas::is_valid_id(name) {
            return Ok(Self { text: name.to_owned(), is_beginning });
        }
        Err(D::Error::custom(format!(
            "{text:?} is no name of a device, nor the beginning of one with * at its end"
        )))
    }
}

/// Whom a fault hits; what is empty leaves nobody out.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Hits {
    pub(super) floors: Vec<i16>,
    pub(super) tags: Vec<Pattern>,
    pub(super) classes: Vec<ClassId>,
    pub(super) of_tags: Option<Share>,
    pub(super) readers: Vec<Pattern>,
}

/// What a fault hits of a message, and what it leaves alone.
pub(super) struct Parts {
    pub(super) hit: Option<Message>,
    pub(super) rest: Option<Message>,
}

impl Hits {
    /// Takes a message apart: of an array, the elements are hit one by one.
    pub(super) fn split(&self, message: Message, ground: &Ground) -> Parts {
        if self.is_everybody() {
            return Parts { hit: Some(message), rest: None };
        }
        let whole = |is_hit: bool, message: Message| match is_hit {
            true => Parts { hit: Some(message), rest: None },
            false => Parts { hit: None, rest: Some(message) },
        };
        match message {
            Message::TagPosition(ref tag, ref position) => {
                let is_hit = self.hits_tag(tag, Some(position.floor), ground);
                whole(is_hit, message)
            }
            Message::TagStatus(ref tag, _) => {
                let is_hit = self.hits_tag(tag, ground.floor_of(tag), ground);
                whole(is_hit, message)
            }
            Message::EnginePositions(engine, positions) => {
                let (hit, rest): (Vec<_>, Vec<_>) = positions.into_iter().partition(|position| {
                    let tag = position.tag.as_ref();
                    tag.is_some_and(|tag| self.hits_tag(tag, Some(position.floor), ground))
                });
                let part = |some: Vec<_>| {
                    (!some.is_empty()).then(|| Message::EnginePositions(engine.clone(), some))
                };
                Parts { hit: part(hit), rest: part(rest) }
            }
            Message::ReaderSightings(reader, sightings) if self.hits_reader(&reader, ground) => {
                let (hit, rest): (Vec<_>, Vec<_>) =
                    sightings.into_iter().partition(|heard| self.names_tag(&heard.tag, ground));
                let part = |some: Vec<_>| {
                    (!some.is_empty()).then(|| Message::ReaderSightings(reader.clone(), some))
                };
                Parts { hit: part(hit), rest: part(rest) }
            }
            Message::ReaderStatus(ref reader, _) => {
                let is_hit = !self.asks_for_tags() && self.hits_reader(reader, ground);
                whole(is_hit, message)
            }
            Message::ReaderSightings(..) => whole(false, message),
        }
    }

    /// What of it nobody in the hospital answers to: a typing error, as a rule.
    pub(super) fn unmatched(&self, ground: &Ground) -> Option<String> {
        let names = |patterns: &[Pattern]| {
            patterns.iter().map(Pattern::to_string).collect::<Vec<_>>().join(", ")
        };
        let has_floor = |floor: &i16| ground.places().iter().any(|place| place.floor == *floor);
        if let Some(floor) = self.floors.iter().find(|floor| !has_floor(floor)) {
            return Some(format!("floors: there is no reader on floor {floor}"));
        }
        let is_reader = |r: &Pattern| ground.places().iter().any(|p| r.matches(p.reader.as_str()));
        if !self.readers.is_empty() && !self.readers.iter().any(is_reader) {
            return Some(format!("readers: no reader is called {}", names(&self.readers)));
        }
        let is_tag = |t: &Pattern| ground.tags().any(|tag| t.matches(tag.as_str()));
        if !self.tags.is_empty() && !self.tags.iter().any(is_tag) {
            return Some(format!("tags: no tag is called {}", names(&self.tags)));
        }
        let has_class = |class: &ClassId| ground.classes().any(|known| known == class);
        let unknown = self.classes.iter().find(|class| !has_class(class))?;
        Some(format!("classes: nothing is of class {unknown}"))
    }

    /// Whether it hits a reader as such.
    pub(super) fn hits_reader(&self, reader: &ReaderId, ground: &Ground) -> bool {
        let named =
            self.readers.is_empty() || self.readers.iter().any(|r| r.matches(reader.as_str()));
        named
            && (self.floors.is_empty()
                || ground.reader_floor(reader).is_some_and(|f| self.floors.contains(&f)))
    }

    /// Whether it hits a tag on a floor; none: nobody knows the floor yet.
    pub(super) fn hits_tag(&self, tag: &TagId, floor: Option<i16>, ground: &Ground) -> bool {
        self.readers.is_empty()
            && (self.floors.is_empty() || floor.is_some_and(|f| self.floors.contains(&f)))
            && self.names_tag(tag, ground)
    }

    fn names_tag(&self, tag: &TagId, ground: &Ground) -> bool {
        (self.tags.is_empty() || self.tags.iter().any(|t| t.matches(tag.as_str())))
            && (self.classes.is_empty()
                || ground.class_of(tag).is_some_and(|class| self.classes.contains(class)))
            && self.of_tags.is_none_or(|share| share_of(tag.as_str()) < share.part())
    }

    fn asks_for_tags(&self) -> bool {
        !self.tags.is_empty() || !self.classes.is_empty() || self.of_tags.is_some()
    }

    fn is_everybody(&self) -> bool {
        !self.asks_for_tags() && self.floors.is_empty() && self.readers.is_empty()
    }
}

/// A number from 0 to 1 that is always the same for a name (FNV-1a, folded).
fn share_of(name: &str) -> f64 {
    f64::from(super::ground::hash_of(name)) / f64::from(u32::MAX)
}
