//! The life of equipment: stored, fetched, in use, soiled, cleaned, stored again.
//!
//! [`World::live_on`] takes the next turn of one asset when its time has come; a turn that needs
//! another place becomes a job for somebody who walks ([`super::staff`]).

use super::{
    AssetEntry, Body, Demand, TagKind, World,
    agenda::Event,
    roster::{Class, ClassTraits},
    staff::Job,
    tag::Tag,
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
    /// Hidden on a ward, so that it is there when it is needed.
    Hoarded,
    /// Where nobody looks for it.
    Lost,
    /// At a patient's home, out of reach.
    Gone,
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
            Self::Hoarded => "hoarded",
            Self::Lost => "lost",
            Self::Gone => "gone",
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
    pub(super) place: Option<Spot>,
    /// When its next turn is due; any other event is out of date. At the end of time: it waits for
    /// somebody.
    due_ms: i64,
}

/// Mean minutes of the states that all classes share.
const AWAY_MIN: f64 = 45.0;
const MAINTENANCE_MIN: f64 = 300.0;
const HOARDED_MIN: f64 = 36.0 * 60.0;
const LOST_MIN: f64 = 3.0 * 24.0 * 60.0;
const GONE_MIN: f64 = 6.0 * 24.0 * 60.0;
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
        // Beds come first in the roster.
        let place = if traits.class == Class::Bed { self.places.bed(number) } else { None };
        self.hospital.add_asset(number, place.is_some());
        let doing = self.first_state(number, traits, place.is_some());
        let asset =
            Asset { traits, doing, home_ward: entry.home_ward.clone(), place, due_ms: i64::MAX };
        self.assets.push(asset);
        let at = match (doing, place) {
            (Doing::InUse | Doing::Stored, Some(place)) => place,
            _ => self.place_for(number, doing),
        };
        let tag = Tag::new(entry.tag.clone(), kind, self.config.firmware, &mut self.rng);
        self.bodies.push(Body { at, walk: None, tag });
        self.asset_entries.push(entry);
        if self.waits_to_be_asked(number) {
            return self.wait_to_be_asked(number);
        }
        // In the middle of the state: part of its time is over.
        let left = self.rng.random_range(0.0..1.0);
        let minutes = self.mean_minutes(traits, doing);
        let lasts_ms = super::whole_ms(left * minutes * 60_000.0 / self.config.pace);
        self.turns_at(number, self.clock_ms + lasts_ms);
    }

    /// A state as likely as its share of the cycle.
    fn first_state(&mut self, asset: usize, traits: &ClassTraits, has_place: bool) -> Doing {
        if has_place && self.has_patients() {
            return if self.begins_taken(asset) { Doing::InUse } else { Doing::Stored };
        }
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
        let total: f64 = states.iter().map(|s| self.mean_minutes(traits, *s)).sum();
        let mut left = self.rng.random_range(0.0..total);
        for state in states {
            left -= self.mean_minutes(traits, state);
            if left < 0.0 {
                return state;
            }
        }
        Doing::Stored
    }

    /// Whether it stays in store until a patient needs it.
    fn waits_to_be_asked(&self, asset: usize) -> bool {
        let Asset { traits, doing, place, .. } = &self.assets[asset];
        let by_patients = match traits.class {
            Class::Bed => place.is_some(),
            class => matches!(self.lives[class as usize].demand, Demand::OfPatients { .. }),
        };
        *doing == Doing::Stored && self.has_patients() && by_patients
    }

    fn wait_to_be_asked(&mut self, asset: usize) {
        if self.assets[asset].place.is_some() {
            self.bed_is_made(asset);
        } else {
            self.is_ready(asset);
        }
    }

    /// The asset's time in its state is over: what comes next, and where?
    pub(super) fn live_on(&mut self, asset: usize, time_ms: i64) {
        if self.assets[asset].due_ms != time_ms {
            return;
        }
        self.assets[asset].due_ms = i64::MAX;
        let class = self.assets[asset].traits.class;
        let has_place = self.assets[asset].place.is_some();
        let doing = self.assets[asset].doing;
        if doing == Doing::Gone {
            self.speak_again(asset);
        }
        if has_place && self.has_patients() {
            return self.patient_lives_on(asset);
        }
        if let Some(astray) = self.goes_astray(asset) {
            let to = self.place_for(asset, astray);
            return self.ask_for(Job { asset, to, then: astray });
        }
        let roll = self.rng.random_range(0..100);
        let next = match (doing, class) {
            (Doing::Stored, Class::Bed) if has_place => Doing::InUse,
            // Beds of the pool stay in the pool.
            (Doing::Stored, Class::Bed) => return self.stay(asset, Doing::Stored),
            (Doing::Stored, _) => Doing::InUse,
            (Doing::InUse, Class::Bed) if roll < 80 => Doing::Away,
            (Doing::InUse, Class::Wheelchair) if roll < 45 => Doing::Away,
            (Doing::InUse, Class::MobileComputer) if roll < 70 => Doing::InUse,
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
            (Doing::Hoarded | Doing::Lost | Doing::Gone, _) => Doing::Soiled,
        };
        let to = self.place_for(asset, next);
        self.ask_for(Job { asset, to, then: next });
    }

    /// A bed with a patient, or one that is made ready for the next.
    fn patient_lives_on(&mut self, bed: usize) {
        let doing = self.assets[bed].doing;
        let next = match doing {
            Doing::InUse | Doing::Away if self.has_left(bed) => Doing::Soiled,
            Doing::InUse => Doing::Away,
            Doing::Soiled => return self.stay(bed, Doing::Cleaning),
            Doing::Cleaning => {
                self.press_button_sometimes(bed);
                Doing::Stored
            }
            Doing::Away => Doing::InUse,
            // Nobody has asked for it.
            _ => return,
        };
        let to = self.place_for(bed, next);
        self.ask_for(Job { asset: bed, to, then: next });
    }

    /// What happens to a thing instead of being cleaned after its use.
    fn goes_astray(&mut self, asset: usize) -> Option<Doing> {
        let Asset { traits, doing: Doing::InUse, .. } = &self.assets[asset] else { return None };
        let life = self.lives[traits.class as usize];
        let mut left = self.rng.random_range(0.0..1.0);
        let ways = [
            (life.maintenance, Doing::Maintenance),
            (life.hoarded, Doing::Hoarded),
            (life.lost, Doing::Lost),
            (life.taken_home, Doing::Gone),
        ];
        for (share, doing) in ways {
            left -= share;
            if left < 0.0 {
                return Some(doing);
            }
        }
        None
    }

    /// The next state begins where the asset is.
    pub(super) fn stay(&mut self, asset: usize, doing: Doing) {
        if std::mem::replace(&mut self.assets[asset].doing, doing) != doing {
            self.seen_at_rest(asset);
        }
        if self.waits_to_be_asked(asset) {
            return self.wait_to_be_asked(asset);
        }
        if doing == Doing::Gone {
            self.bodies[asset].silence();
        }
        let minutes = self.mean_minutes(self.assets[asset].traits, doing);
        let mut lasts_ms = self.about_minutes(minutes / self.config.pace).max(20_000);
        if doing == Doing::InUse && self.assets[asset].place.is_some() && self.has_patients() {
            lasts_ms = lasts_ms.min(self.left_to_stay_ms(asset)).max(20_000);
        }
        self.turns_at(asset, self.clock_ms + lasts_ms);
    }

    fn turns_at(&mut self, asset: usize, time_ms: i64) {
        self.assets[asset].due_ms = time_ms;
        self.agenda.note(time_ms, Event::Life(asset));
    }

    /// Its next turn comes at `time_ms` at the latest, unless it is on its way.
    pub(super) fn turns_by(&mut self, asset: usize, time_ms: i64) {
        if (time_ms..i64::MAX).contains(&self.assets[asset].due_ms) {
            self.turns_at(asset, time_ms);
        }
    }

    /// Somebody has brought the asset.
    pub(super) fn delivered(&mut self, job: &Job) {
        self.stay(job.asset, job.then);
    }

    /// Nobody can bring the asset there.
    pub(super) fn undeliverable(&mut self, job: &Job) {
        self.turns_at(job.asset, self.clock_ms + RETRY_MS);
    }

    /// A place for an asset in a state.
    fn place_for(&mut self, asset: usize, doing: Doing) -> Spot {
        use RoomKind::{
            CleanUtility, Diagnostics, Emergency, Entrance, Linen, NurseStation, Office,
            OperatingTheatre, Other, SoiledUtility, Storage, Waiting, Waste, Workshop,
        };
        let class = self.assets[asset].traits.class;
        let home = self.assets[asset].home_ward.clone();
        let kinds: &[RoomKind] = match (doing, class) {
            (Doing::InUse, _) => return self.place_of_use(asset),
            (Doing::Away, Class::Bed) => &[Diagnostics, Diagnostics, OperatingTheatre],
            (Doing::Away, _) => &[Diagnostics],
            (Doing::Maintenance, _) => &[Workshop],
            (Doing::Hoarded, _) => &[NurseStation, Office, CleanUtility],
            (Doing::Lost, _) => &[Waste, Linen, Waiting, Other],
            (Doing::Gone, _) => &[Entrance],
            (Doing::Stored, Class::Bed) if self.assets[asset].place.is_some() => {
                return self.place_of_use(asset);
            }
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
            (Doing::Lost | Doing::Gone, _) => None,
            (Doing::Soiled | Doing::Hoarded, _) => {
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

    /// Somewhere in the emergency department.
    pub(super) fn spot_in_emergency(&mut self) -> Spot {
        let room = self.places.room(&[RoomKind::Emergency], None, &mut self.rng);
        self.random_spot(room)
    }

    fn mean_minutes(&self, traits: &ClassTraits, doing: Doing) -> f64 {
        let life = &self.lives[traits.class as usize];
        match doing {
            Doing::Stored => life.stored_min,
            Doing::InUse => life.used_min,
            Doing::Away => AWAY_MIN,
            Doing::Soiled => life.soiled_min,
            Doing::Cleaning => life.cleaning_min,
            Doing::Maintenance => MAINTENANCE_MIN,
            Doing::Hoarded => HOARDED_MIN,
            Doing::Lost => LOST_MIN,
            Doing::Gone => GONE_MIN,
        }
    }
}
