//! The life of equipment: stored, fetched, in use, soiled, cleaned, stored again.
//!
//! [`World::live_on`] takes the next turn of one asset when its time has come; a turn that needs
//! another place becomes a job for somebody who walks ([`super::staff`]).

use super::{
    AssetEntry, Body, TagKind, World,
    agenda::Event,
    radio::Tag,
    roster::{Class, ClassTraits},
    staff::Job,
};
use crate::building::Spot;
use rand::Rng;
use spor_schemas::{WardId, site::RoomKind};

/// What an asset is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Doing {
    /// Clean and waiting.
    Stored,
    /// At a patient.
    InUse,
    /// With its patient in a theatre or at diagnostics.
    Away,
    /// Used, waiting to be cleaned.
    Soiled,
    /// Being cleaned.
    Cleaning,
    /// With the engineers.
    Maintenance,
}

impl Doing {
    /// What it is called in files.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Stored => "stored",
            Self::InUse => "in_use",
            Self::Away => "away",
            Self::Soiled => "soiled",
            Self::Cleaning => "cleaning",
            Self::Maintenance => "maintenance",
        }
    }
}

/// One asset.
#[derive(Debug)]
pub(super) struct Asset {
    pub(super) traits: &'static ClassTraits,
    pub(super) doing: Doing,
    pub(super) home_ward: Option<WardId>,
    /// Where a bed belongs.
    place: Option<Spot>,
}

/// Mean minutes of the states that all classes share.
const SOILED_MIN: f64 = 35.0;
const CLEANING_MIN: f64 = 12.0;
const AWAY_MIN: f64 = 45.0;
const MAINTENANCE_MIN: f64 = 300.0;
/// An asset that nobody can move tries again after this time.
const RETRY_MS: i64 = 10 * 60_000;

impl World {
    /// Adds an asset in the middle of its life.
    pub(super) fn settle_asset(
        &mut self,
        entry: AssetEntry,
        traits: &'static ClassTraits,
        kind: TagKind,
    ) {
        let number = self.assets.len();
        let beds_before = self.assets.iter().filter(|a| a.traits.class == Class::Bed).count();
        let place = if traits.class == Class::Bed { self.places.bed(beds_before) } else { None };
        let doing = self.first_state(traits, place.is_some());
        let asset = Asset { traits, doing, home_ward: entry.home_ward.clone(), place };
        self.assets.push(asset);
        let at = match (doing, place) {
            (Doing::InUse, Some(place)) => place,
            _ => self.place_for(number, doing),
        };
        let tag = Tag::new(entry.tag.clone(), kind, &mut self.rng);
        self.bodies.push(Body { at, walk: None, tag });
        self.asset_entries.push(entry);
        // In the middle of the state: part of its time is over.
        let left = self.rng.random_range(0.0..1.0);
        let minutes = mean_minutes(traits, doing);
        let lasts_ms = super::whole_ms(left * minutes * 60_000.0 / self.config.pace);
        self.agenda.note(self.clock_ms + lasts_ms, Event::Life(number));
    }

    /// A state as likely as its share of the cycle.
    fn first_state(&mut self, traits: &ClassTraits, has_place: bool) -> Doing {
        let roll = self.rng.random_range(0.0..1.0);
        if traits.class == Class::Bed {
            return match (has_place, roll) {
                (true, 0.0..0.04) => Doing::Away,
                (true, 0.04..0.07) => Doing::Soiled,
                (true, _) => Doing::InUse,
                (false, _) => Doing::Stored,
            };
        }
        if roll < 0.015 {
            return Doing::Maintenance;
        }
        let states = [Doing::Stored, Doing::InUse, Doing::Soiled, Doing::Cleaning];
        let total: f64 = states.iter().map(|s| mean_minutes(traits, *s)).sum();
        let mut left = self.rng.random_range(0.0..total);
        for state in states {
            left -= mean_minutes(traits, state);
            if left < 0.0 {
                return state;
            }
        }
        Doing::Stored
    }

    /// The asset's time in its state is over: what comes next, and where?
    pub(super) fn live_on(&mut self, asset: usize) {
        let class = self.assets[asset].traits.class;
        let has_place = self.assets[asset].place.is_some();
        let roll = self.rng.random_range(0..100);
        let next = match (self.assets[asset].doing, class) {
            (Doing::Stored, Class::Bed) if has_place => Doing::InUse,
            // Beds of the pool stay in the pool.
            (Doing::Stored, Class::Bed) => return self.stay(asset, Doing::Stored),
            (Doing::Stored, _) => Doing::InUse,
            (Doing::InUse, Class::Bed) if roll < 80 => Doing::Away,
            (Doing::InUse, Class::Wheelchair) if roll < 45 => Doing::Away,
            (Doing::InUse, Class::MobileComputer) if roll < 70 => Doing::InUse,
            (Doing::InUse, _) if roll >= 99 => Doing::Maintenance,
            (Doing::InUse, Class::MobileComputer | Class::Wheelchair) if roll < 95 => Doing::Stored,
            (Doing::InUse, _) => Doing::Soiled,
            (Doing::Away, Class::Bed) => Doing::InUse,
            (Doing::Away, _) if roll < 85 => Doing::Stored,
            (Doing::Away, _) => Doing::Soiled,
            (Doing::Soiled, _) => return self.stay(asset, Doing::Cleaning),
            (Doing::Cleaning, _) => {
                self.press_button_sometimes(asset);
                if has_place { Doing::InUse } else { Doing::Stored }
            }
            (Doing::Maintenance, _) => Doing::Stored,
        };
        let to = self.place_for(asset, next);
        self.ask_for(Job { asset, to, then: next });
    }

    /// The next state begins where the asset is.
    fn stay(&mut self, asset: usize, doing: Doing) {
        if std::mem::replace(&mut self.assets[asset].doing, doing) != doing {
            self.seen_at_rest(asset);
        }
        let lasts_ms =
            self.about_minutes(mean_minutes(self.assets[asset].traits, doing) / self.config.pace);
        self.agenda.note(self.clock_ms + lasts_ms.max(20_000), Event::Life(asset));
    }

    /// Somebody has brought the asset.
    pub(super) fn delivered(&mut self, job: &Job) {
        self.stay(job.asset, job.then);
    }

    /// Nobody can bring the asset there.
    pub(super) fn undeliverable(&mut self, job: &Job) {
        self.agenda.note(self.clock_ms + RETRY_MS, Event::Life(job.asset));
    }

    /// A place for an asset in a state.
    fn place_for(&mut self, asset: usize, doing: Doing) -> Spot {
        use RoomKind::{
            CleanUtility, Diagnostics, Emergency, Entrance, NurseStation, OperatingTheatre,
            SoiledUtility, Storage, Workshop,
        };
        let class = self.assets[asset].traits.class;
        let home = self.assets[asset].home_ward.clone();
        let kinds: &[RoomKind] = match (doing, class) {
            (Doing::InUse, _) => return self.place_of_use(asset),
            (Doing::Away, Class::Bed) => &[Diagnostics, Diagnostics, OperatingTheatre],
            (Doing::Away, _) => &[Diagnostics],
            (Doing::Maintenance, _) => &[Workshop],
            (Doing::Soiled | Doing::Cleaning, _) => &[SoiledUtility],
            (Doing::Stored, Class::Bed) => &[CleanUtility],
            (Doing::Stored, Class::Wheelchair) => &[Entrance, Storage, Storage],
            (Doing::Stored, Class::MobileComputer) => &[NurseStation],
            (Doing::Stored, Class::Ultrasound) => &[Storage, Emergency],
            (Doing::Stored, _) => &[Storage, CleanUtility],
        };
        // What is used is left on the ward where it was used; beds are washed centrally.
        let ward = match (doing, class) {
            (Doing::Soiled, Class::Bed) => None,
            (Doing::Soiled, _) => {
                // Not anywhere yet while the world is being filled.
                let here = self.bodies.get(asset).map(|body| self.building.room(body.at.room));
                here.map_or(home, |room| room.ward.clone())
            }
            _ => home,
        };
        let room = self.places.room(kinds, ward.as_ref(), &mut self.rng);
        self.random_spot(room)
    }

    fn place_of_use(&mut self, asset: usize) -> Spot {
        if let Some(place) = self.assets[asset].place {
            return place;
        }
        let class = self.assets[asset].traits.class;
        let elsewhere: Option<RoomKind> = match (class, self.rng.random_range(0..100)) {
            (Class::Ventilator | Class::PatientMonitor, 0..20) => Some(RoomKind::OperatingTheatre),
            (Class::Ultrasound | Class::Wheelchair, 0..30) => Some(RoomKind::Emergency),
            (Class::InfusionPump | Class::SyringePump | Class::PatientMonitor, 90..100) => {
                Some(RoomKind::Emergency)
            }
            _ => None,
        };
        if let Some(kind) = elsewhere
            && self.assets[asset].home_ward.is_none()
        {
            let room = self.places.room(&[kind], None, &mut self.rng);
            return self.random_spot(room);
        }
        let ward = match &self.assets[asset].home_ward {
            Some(ward) => Some(ward.clone()),
            None => self.places.any_ward(&mut self.rng),
        };
        match self.places.bedside(ward.as_ref(), &mut self.rng) {
            Some(bed) => self.building.spot_beside(bed, &mut self.rng),
            None => {
                let room = self.places.room(&[RoomKind::Patient], None, &mut self.rng);
                self.random_spot(room)
            }
        }
    }
}

fn mean_minutes(traits: &ClassTraits, doing: Doing) -> f64 {
    match doing {
        Doing::Stored => traits.stored_min,
        Doing::InUse => traits.used_min,
        Doing::Away => AWAY_MIN,
        Doing::Soiled => SOILED_MIN,
        Doing::Cleaning => CLEANING_MIN,
        Doing::Maintenance => MAINTENANCE_MIN,
    }
}
