//! What the faults know of the hospital: its readers, what carries which tag, and where tags were last.

use crate::world::{Message, World};
use spor_schemas::{ClassId, PositionMessage, ReaderId, TagId};
use std::collections::HashMap;

/// A reader, and where it hangs.
#[derive(Debug, Clone)]
pub(super) struct Place {
    pub(super) reader: ReaderId,
    pub(super) floor: i16,
    pub(super) at: [f64; 2],
}

/// What is known.
#[derive(Debug)]
pub(super) struct Ground {
    places: Vec<Place>,
    by_reader: HashMap<ReaderId, usize>,
    classes: HashMap<TagId, ClassId>,
    badges: Vec<TagId>,
    /// What each tag that speaks for itself said last, in the order in which they spoke first.
    last: Vec<(TagId, PositionMessage)>,
    by_tag: HashMap<TagId, usize>,
}

impl Ground {
    pub(super) fn new(world: &World) -> Self {
        let readers = world.building().readers();
        let places: Vec<_> = readers
            .iter()
            .map(|r| Place { reader: r.id.clone(), floor: r.floor, at: r.at })
            .collect();
        let by_reader = places.iter().enumerate().map(|(n, p)| (p.reader.clone(), n)).collect();
        let classes =
            world.assets().iter().map(|asset| (asset.tag.clone(), asset.class.clone())).collect();
        let badges = world.staff().iter().map(|person| person.tag.clone()).collect();
        Self { places, badges, by_reader, classes, last: Vec::new(), by_tag: HashMap::new() }
    }

    /// Remembers where a tag is.
    pub(super) fn notice(&mut self, message: &Message) {
        let Message::TagPosition(tag, position) = message else { return };
        match self.by_tag.get(tag) {
            Some(at) => self.last[*at].1 = position.clone(),
            None => {
                self.by_tag.insert(tag.clone(), self.last.len());
                self.last.push((tag.clone(), position.clone()));
            }
        }
    }

    pub(super) fn places(&self) -> &[Place] {
        &self.places
    }

    pub(super) fn last(&self) -> &[(TagId, PositionMessage)] {
        &self.last
    }

    /// Every tag and badge.
    pub(super) fn tags(&self) -> impl Iterator<Item = &TagId> {
        self.classes.keys().chain(&self.badges)
    }

    /// The class of every thing, again and again.
    pub(super) fn classes(&self) -> impl Iterator<Item = &ClassId> {
        self.classes.values()
    }

    pub(super) fn class_of(&self, tag: &TagId) -> Option<&ClassId> {
        self.classes.get(tag)
    }

    pub(super) fn floor_of(&self, tag: &TagId) -> Option<i16> {
        self.by_tag.get(tag).map(|at| self.last[*at].1.floor)
    }

    pub(super) fn reader_floor(&self, reader: &ReaderId) -> Option<i16> {
        self.by_reader.get(reader).map(|at| self.places[*at].floor)
    }

    /// Another place for a tag that is on `floor`: always the same one, on another floor if there is one.
    pub(super) fn elsewhere(&self, tag: &TagId, floor: Option<i16>) -> Option<&Place> {
        let start = hash_of(tag.as_str()) as usize % self.places.len().max(1);
        let around = || self.places[start..].iter().chain(&self.places[..start]);
        around().find(|place| Some(place.floor) != floor).or_else(|| around().next())
    }
}

/// The same number for the same name (FNV-1a, its bits mixed once more: names differ in their ends).
pub(super) fn hash_of(name: &str) -> u32 {
    let hash = name
        .bytes()
        .fold(0x811c_9dc5_u32, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193));
    let mixed = (hash ^ (hash >> 16)).wrapping_mul(0x7feb_352d);
    (mixed ^ (mixed >> 15)).wrapping_mul(0x846c_a68b)
}
