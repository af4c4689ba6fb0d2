//! Where things and people belong: beds, stores, soiled rooms, stations, by ward.
//!
//! Every look-up falls back, from the ward to the house and from the kind to any trackable room,
//! so that a poor site file still makes a world.

use crate::building::{Building, RoomIx, Spot};
use rand::{Rng, seq::IndexedRandom};
use rand_chacha::ChaCha8Rng;
use spor_schemas::{WardId, site::RoomKind};
use std::collections::{BTreeMap, BTreeSet};

/// The rooms by what they are for.
#[derive(Debug)]
pub(super) struct Places {
    by_kind: BTreeMap<(RoomKind, Option<WardId>), Vec<RoomIx>>,
    of_kind: BTreeMap<RoomKind, Vec<RoomIx>>,
    any: Vec<RoomIx>,
    /// Wards with beds, and the place of each bed in turn over the wards.
    wards: Vec<WardId>,
    beds: Vec<(Spot, Option<WardId>)>,
    beds_of: BTreeMap<WardId, Vec<Spot>>,
}

impl Places {
    pub(super) fn new(building: &Building) -> Self {
        let mut by_kind: BTreeMap<_, Vec<RoomIx>> = BTreeMap::new();
        let mut of_kind: BTreeMap<_, Vec<RoomIx>> = BTreeMap::new();
        for (number, room) in building.rooms().iter().enumerate() {
            by_kind.entry((room.kind, room.ward.clone())).or_default().push(RoomIx(number));
            of_kind.entry(room.kind).or_default().push(RoomIx(number));
        }
        let trackable = building.rooms_where(|room| !room.kind.is_no_track());
        let any = if trackable.is_empty() { building.rooms_where(|_| true) } else { trackable };

        // Recovery beside the theatres has patients but no beds of its own.
        let with_theatres: BTreeSet<_> = building
            .rooms()
            .iter()
            .filter(|room| room.kind == RoomKind::OperatingTheatre)
            .map(|room| room.ward.clone())
            .collect();
        let bed_rooms = building
            .rooms_where(|r| r.kind == RoomKind::Patient && !with_theatres.contains(&r.ward));
        let mut beds = Vec::new();
        for room in bed_rooms {
            let ward = &building.room(room).ward;
            beds.extend(building.bed_spots(room).into_iter().map(|spot| (spot, ward.clone())));
        }
        let wards: BTreeSet<_> = beds.iter().filter_map(|(_, ward)| ward.clone()).collect();
        let mut beds_of: BTreeMap<_, Vec<Spot>> = BTreeMap::new();
        for (spot, ward) in &beds {
            if let Some(ward) = ward {
                beds_of.entry(ward.clone()).or_default().push(*spot);
            }
        }
        Self { by_kind, of_kind, any, wards: wards.into_iter().collect(), beds, beds_of }
    }

    /// The ward of the bed's place; none for beds beyond the last place.
    pub(super) fn home_of_bed(&self, number: usize) -> Option<WardId> {
        self.beds.get(number).and_then(|(_, ward)| ward.clone())
    }

    /// The bed's place; none for beds of the pool.
    pub(super) fn bed(&self, number: usize) -> Option<Spot> {
        self.beds.get(number).map(|(spot, _)| *spot)
    }

    /// The wards in turn; none when no ward has beds.
    pub(super) fn ward(&self, number: usize) -> Option<WardId> {
        self.wards.get(number % self.wards.len().max(1)).cloned()
    }

    pub(super) fn has_beds(&self, ward: &WardId) -> bool {
        self.beds_of.contains_key(ward)
    }

    /// Any ward with beds.
    pub(super) fn any_ward(&self, rng: &mut ChaCha8Rng) -> Option<WardId> {
        self.wards.choose(rng).cloned()
    }

    /// A bed's place on the ward, or anywhere.
    pub(super) fn bedside(&self, ward: Option<&WardId>, rng: &mut ChaCha8Rng) -> Option<Spot> {
        match ward {
            Some(ward) => self.beds_of.get(ward)?.choose(rng).copied(),
            None => self.beds.choose(rng).map(|(spot, _)| *spot),
        }
    }

    /// A room of one of the kinds: on the ward if it has one, else one of the house (no ward),
    /// else any of the kind, else any room.
    pub(super) fn room(
        &self,
        kinds: &[RoomKind],
        ward: Option<&WardId>,
        rng: &mut ChaCha8Rng,
    ) -> RoomIx {
        let on_ward = ward.and_then(|ward| self.pick(kinds, Some(ward), rng));
        on_ward
            .or_else(|| self.pick(kinds, None, rng))
            .or_else(|| one_of(kinds.iter().filter_map(|kind| self.of_kind.get(kind)), rng))
            .unwrap_or_else(|| self.any[rng.random_range(0..self.any.len())])
    }

    fn pick(
        &self,
        kinds: &[RoomKind],
        ward: Option<&WardId>,
        rng: &mut ChaCha8Rng,
    ) -> Option<RoomIx> {
        one_of(kinds.iter().filter_map(|kind| self.by_kind.get(&(*kind, ward.cloned()))), rng)
    }
}

/// One of all the rooms in the lists.
fn one_of<'a>(
    lists: impl Iterator<Item = &'a Vec<RoomIx>> + Clone,
    rng: &mut ChaCha8Rng,
) -> Option<RoomIx> {
    let all: usize = lists.clone().map(Vec::len).sum();
    if all == 0 {
        return None;
    }
    lists.flatten().nth(rng.random_range(0..all)).copied()
}
