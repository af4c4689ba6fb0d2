//! Patients: they come by the hour and the day of the week, take a bed, need equipment, and leave.
//!
//! A patient is a bed in use until its time is over; nobody wears a tag. What they need is asked for
//! by class and brought from where it waits: of the ward, of the shared pool, of anybody. What isn't
//! there is waited for, and given up after a while. Without patients equipment lives by itself.

use super::{Doing, World, agenda::Event, lives::Demand, roster::CLASSES, staff::Job, whole_ms};
use rand::Rng;
use spor_schemas::WardId;
use std::collections::VecDeque;

const DAY_MS: f64 = 86_400_000.0;
/// A need that isn't met within this time is given up.
const PATIENCE_MS: i64 = 4 * 3_600_000;

/// Who comes, and for how long.
#[derive(Debug, Clone, PartialEq)]
pub struct Patients {
    /// How many come on an average day; none: as many as keep 85 of 100 beds taken.
    pub arrivals_per_day: Option<f64>,
    /// How long they stay on average, milliseconds.
    pub stay_ms: i64,
    /// How many of the beds are taken at the start, 0 to 1.
    pub occupied: f64,
    /// How many come through the emergency department, 0 to 1: their bed is fetched there.
    pub emergencies: f64,
    /// Weights of the local hours of the day.
    pub by_hour: [f64; 24],
    /// Weights of the days of the week from Monday.
    pub by_weekday: [f64; 7],
    /// More come than usual.
    pub surges: Vec<Surge>,
}

/// Many come at once.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Surge {
    /// When it begins after the start, milliseconds.
    pub from_ms: i64,
    /// When it ends.
    pub until_ms: i64,
    /// How many come in that time, beside the usual ones.
    pub arrivals: f64,
}

/// A ward takes no patients for a time; those who are there move elsewhere.
#[derive(Debug, Clone, PartialEq)]
pub struct Closure {
    /// The ward.
    pub ward: WardId,
    /// When it begins after the start, milliseconds.
    pub from_ms: i64,
    /// When it ends.
    pub until_ms: i64,
}

/// What became of patients and of their needs.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tension {
    /// Patients who came.
    pub arrived: u64,
    /// Patients who wait for a bed now.
    pub waiting_for_a_bed: usize,
    /// Pieces of equipment that were asked for.
    pub needs: u64,
    /// Of these, how many had to wait.
    pub waited: u64,
    /// And how many were given up.
    pub given_up: u64,
}

/// Something is wanted at a bed.
#[derive(Debug, Clone, Copy)]
struct Need {
    bed: usize,
    since_ms: i64,
}

/// How it stands.
#[derive(Debug, Default)]
pub(super) struct Hospital {
    /// Beds with a place, by their asset; the same order for ever.
    beds: Vec<usize>,
    /// When the patient of each asset that is a bed leaves; none: it is empty.
    leaves_ms: Vec<Option<i64>>,
    /// Empty beds that are made.
    made: Vec<usize>,
    /// By class: what waits in store, and who waits for it.
    ready: [Vec<usize>; CLASSES.len()],
    wanted: [VecDeque<Need>; CLASSES.len()],
    tension: Tension,
}

impl Hospital {
    /// The beds that have a patient.
    #[cfg(test)]
    pub(super) fn taken_beds(&self) -> impl Iterator<Item = usize> {
        self.beds.iter().copied().filter(|bed| self.leaves_ms[*bed].is_some())
    }

    pub(super) fn add_asset(&mut self, asset: usize, is_bed_with_place: bool) {
        self.leaves_ms.resize(asset + 1, None);
        if is_bed_with_place {
            self.beds.push(asset);
        }
    }
}

impl World {
    /// What became of patients and of their needs since the start; zeros without patients.
    #[must_use]
    pub fn tension(&self) -> Tension {
        self.hospital.tension
    }

    /// A ward that closes and isn't there: a typing error, as a rule.
    #[must_use]
    pub fn unknown_ward(&self) -> Option<&WardId> {
        let mut closing = self.config.closures.iter().map(|closure| &closure.ward);
        closing.find(|ward| !self.places.has_beds(ward))
    }

    pub(super) fn has_patients(&self) -> bool {
        self.config.patients.is_some()
    }

    /// The next arrival and the next needs are noted; wards close in time.
    pub(super) fn open_doors(&mut self) {
        if !self.has_patients() {
            return;
        }
        self.agenda.note(self.clock_ms, Event::Arrival { is_real: false });
        for class in 0..CLASSES.len() {
            self.agenda.note(self.clock_ms, Event::Need { class, is_real: false });
        }
        for (number, closure) in self.config.closures.iter().enumerate() {
            self.agenda.note(self.config.start_ms + closure.from_ms, Event::Closing(number));
        }
    }

    /// Perhaps somebody comes; the next possible arrival is noted. Arrivals are drawn at the highest
    /// rate there is, and taken with the share that the present rate has of it.
    pub(super) fn arrival(&mut self, is_real: bool) {
        let Some(patients) = &self.config.patients else { return };
        let usual = patients.arrivals_per_day.unwrap_or_else(|| self.usual_arrivals(patients));
        let offset_ms = self.clock_ms - self.config.start_ms;
        let surge_rate = |surge: &Surge| surge.arrivals / ms_f64(surge.until_ms - surge.from_ms);
        let surging: f64 = patients
            .surges
            .iter()
            .filter(|s| (s.from_ms..s.until_ms).contains(&offset_ms))
            .map(surge_rate)
            .sum();
        let highest_surge: f64 = patients.surges.iter().map(surge_rate).sum();
        let now = usual / DAY_MS * self.profile(patients) + surging;
        let highest = usual / DAY_MS * highest_profile(patients) + highest_surge;
        if highest <= 0.0 {
            return;
        }
        if is_real && self.rng.random_range(0.0..1.0) < now / highest {
            self.hospital.tension.arrived += 1;
            self.hospital.tension.waiting_for_a_bed += 1;
            self.give_beds();
        }
        let in_ms = self.exponential_ms(1.0 / highest);
        self.agenda.note(self.clock_ms + in_ms, Event::Arrival { is_real: true });
    }

    fn usual_arrivals(&self, patients: &Patients) -> f64 {
        let beds = f64::from(u32::try_from(self.hospital.beds.len()).unwrap_or(u32::MAX));
        0.85 * beds * DAY_MS / ms_f64(patients.stay_ms)
    }

    /// The weight of this hour, 1 on average.
    fn profile(&self, patients: &Patients) -> f64 {
        let (weekday, hour) = self.weekday_and_hour();
        patients.by_hour[hour] * patients.by_weekday[weekday] / mean_profile(patients)
    }

    /// Who waits gets a bed that is made, on a ward that is open.
    fn give_beds(&mut self) {
        while self.hospital.tension.waiting_for_a_bed > 0 {
            let made = &self.hospital.made;
            if made.is_empty() {
                return;
            }
            let start = self.rng.random_range(0..made.len());
            let open = (start..made.len())
                .chain(0..start)
                .find(|at| !self.is_closed(self.assets[made[*at]].home_ward.as_ref()));
            let Some(at) = open else { return };
            let bed = self.hospital.made.swap_remove(at);
            self.hospital.tension.waiting_for_a_bed -= 1;
            self.take_bed(bed, 1.0);
            let emergencies = self.config.patients.as_ref().map_or(0.0, |p| p.emergencies);
            if self.rng.random_range(0.0..1.0) < emergencies {
                let to = self.spot_in_emergency();
                self.ask_for(Job { asset: bed, to, then: Doing::Away });
            } else {
                self.stay(bed, Doing::InUse);
            }
        }
    }

    /// A patient takes the bed for so much of an ordinary stay.
    fn take_bed(&mut self, bed: usize, share: f64) {
        let stay_ms = self.config.patients.as_ref().map_or(0, |p| p.stay_ms);
        let lasts_ms = self.exponential_ms(ms_f64(stay_ms) * share).max(30 * 60_000);
        self.hospital.leaves_ms[bed] = Some(self.clock_ms + lasts_ms);
    }

    /// Fills a share of the beds before the start.
    pub(super) fn begins_taken(&mut self, bed: usize) -> bool {
        let occupied = self.config.patients.as_ref().map_or(0.0, |patients| patients.occupied);
        let taken = self.rng.random_range(0.0..1.0) < occupied;
        if taken {
            self.take_bed(bed, 1.0);
        }
        taken
    }

    /// The bed's patient has left by now.
    pub(super) fn has_left(&mut self, bed: usize) -> bool {
        let left = self.hospital.leaves_ms[bed].is_some_and(|leaves| leaves <= self.clock_ms);
        if left {
            self.hospital.leaves_ms[bed] = None;
        }
        left
    }

    /// How long the bed's patient stays from now on, milliseconds.
    pub(super) fn left_to_stay_ms(&self, bed: usize) -> i64 {
        self.hospital.leaves_ms[bed].map_or(0, |leaves| leaves - self.clock_ms)
    }

    /// A bed is made and at its place.
    pub(super) fn bed_is_made(&mut self, bed: usize) {
        self.hospital.made.push(bed);
        self.give_beds();
    }

    /// Perhaps somebody needs a thing of this class; as arrivals.
    pub(super) fn need(&mut self, class: usize, is_real: bool) {
        let Demand::OfPatients { per_day } = self.lives[class].demand else { return };
        let beds = f64::from(u32::try_from(self.hospital.beds.len()).unwrap_or(u32::MAX));
        let highest = beds * per_day * self.config.pace * highest_care() / DAY_MS;
        if highest <= 0.0 {
            return;
        }
        if is_real {
            let (_, hour) = self.weekday_and_hour();
            let bed = self.hospital.beds[self.rng.random_range(0..self.hospital.beds.len())];
            let is_taken = self.hospital.leaves_ms[bed].is_some();
            if self.rng.random_range(0.0..1.0) < CARE_BY_HOUR[hour] / highest_care() && is_taken {
                self.hospital.tension.needs += 1;
                self.bring_or_wait(class, Need { bed, since_ms: self.clock_ms });
            }
        }
        let in_ms = self.exponential_ms(1.0 / highest);
        self.agenda.note(self.clock_ms + in_ms, Event::Need { class, is_real: true });
    }

    fn bring_or_wait(&mut self, class: usize, need: Need) {
        let ward = self.assets[need.bed].home_ward.as_ref();
        let ready = &self.hospital.ready[class];
        let home = |at: &usize| self.assets[ready[*at]].home_ward.as_ref();
        let of_ward = || (0..ready.len()).rev().find(|at| ward.is_some() && home(at) == ward);
        let of_pool = || (0..ready.len()).rev().find(|at| home(at).is_none());
        let found = of_ward().or_else(of_pool).or_else(|| ready.len().checked_sub(1));
        let Some(at) = found else {
            self.hospital.tension.waited += 1;
            self.hospital.wanted[class].push_back(need);
            return;
        };
        let asset = self.hospital.ready[class].swap_remove(at);
        self.bring_to(asset, need);
    }

    fn bring_to(&mut self, asset: usize, need: Need) {
        let Some(place) = self.assets[need.bed].place else { return };
        let to = self.building.spot_beside(place, &mut self.rng);
        self.ask_for(Job { asset, to, then: Doing::InUse });
    }

    /// A thing waits in store: for whoever asked first, or for the next who asks.
    pub(super) fn is_ready(&mut self, asset: usize) {
        let class = self.assets[asset].traits.class as usize;
        while let Some(need) = self.hospital.wanted[class].pop_front() {
            let is_old = self.clock_ms - need.since_ms > PATIENCE_MS;
            if is_old || self.hospital.leaves_ms[need.bed].is_none() {
                self.hospital.tension.given_up += 1;
                continue;
            }
            return self.bring_to(asset, need);
        }
        self.hospital.ready[class].push(asset);
    }

    /// The patients of a ward that closes leave within two hours, for another bed.
    pub(super) fn closing(&mut self, number: usize) {
        let ward = self.config.closures[number].ward.clone();
        for at in 0..self.hospital.beds.len() {
            let bed = self.hospital.beds[at];
            if self.assets[bed].home_ward.as_ref() != Some(&ward) {
                continue;
            }
            if let Some(leaves_ms) = self.hospital.leaves_ms[bed] {
                let moves_ms = self.clock_ms + self.rng.random_range(5 * 60_000..2 * 3_600_000);
                if moves_ms < leaves_ms {
                    self.hospital.leaves_ms[bed] = Some(moves_ms);
                    self.hospital.tension.waiting_for_a_bed += 1;
                    self.turns_by(bed, moves_ms);
                }
            }
        }
        self.give_beds();
    }

    pub(super) fn is_closed(&self, ward: Option<&WardId>) -> bool {
        let offset_ms = self.clock_ms - self.config.start_ms;
        self.config.closures.iter().any(|closure| {
            ward == Some(&closure.ward) && (closure.from_ms..closure.until_ms).contains(&offset_ms)
        })
    }

    /// The local day of the week from Monday, and the hour.
    pub(super) fn weekday_and_hour(&self) -> (usize, usize) {
        let local_ms = self.clock_ms + self.config.ahead_ms;
        // The epoch began on a Thursday.
        let weekday = (local_ms.div_euclid(86_400_000) + 3).rem_euclid(7);
        let hour = local_ms.rem_euclid(86_400_000) / 3_600_000;
        (usize::try_from(weekday).unwrap_or_default(), usize::try_from(hour).unwrap_or_default())
    }

    /// Random time with this mean, memoryless.
    fn exponential_ms(&mut self, mean_ms: f64) -> i64 {
        let share: f64 = -self.rng.random_range(1e-9_f64..1.0).ln();
        whole_ms(share * mean_ms).max(1)
    }
}

/// How much care is given in each hour of the day.
const CARE_BY_HOUR: [f64; 24] = [
    0.4, 0.35, 0.3, 0.3, 0.4, 0.6, 0.9, 1.3, 1.6, 1.7, 1.6, 1.4, 1.3, 1.4, 1.4, 1.3, 1.2, 1.2, 1.2,
    1.1, 1.0, 0.8, 0.6, 0.5,
];

fn highest_care() -> f64 {
    highest(&CARE_BY_HOUR)
}

fn mean_profile(patients: &Patients) -> f64 {
    let mean = |weights: &[f64], count: f64| weights.iter().sum::<f64>() / count;
    mean(&patients.by_hour, 24.0) * mean(&patients.by_weekday, 7.0)
}

fn highest_profile(patients: &Patients) -> f64 {
    highest(&patients.by_hour) * highest(&patients.by_weekday) / mean_profile(patients)
}

fn highest(weights: &[f64]) -> f64 {
    weights.iter().copied().fold(0.0, f64::max)
}

#[expect(clippy::cast_precision_loss, reason = "months in milliseconds fit by far")]
fn ms_f64(ms: i64) -> f64 {
    ms as f64
}
