//! Staff at work: porters who bring things, nurses and doctors on their wards, breaks.
//!
//! Somebody does one thing at a time and turns to the next when an [`Event::Duty`] says so;
//! jobs wait in two kinds of queues, one a ward and one for the porters, at most one job an asset.

use super::{
    Body, StaffEntry, TagKind, World, agenda::Event, life::Doing, roster::Role, shifts, tag::Tag,
};
use crate::building::{Gait, RoomIx, Spot, geometry};
use rand::Rng;
use spor_schemas::{WardId, site::RoomKind};
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// An asset is wanted somewhere.
#[derive(Debug, Clone, Copy)]
pub(super) struct Job {
    pub(super) asset: usize,
    pub(super) to: Spot,
    /// What the asset does there.
    pub(super) then: Doing,
}

/// The jobs that wait.
#[derive(Debug, Default)]
pub(super) struct Jobs {
    porters: VecDeque<Job>,
    /// Porters who were ready when they were last looked at.
    idle: Vec<usize>,
    /// Wards that have a nurse.
    nursed: BTreeSet<WardId>,
    wards: BTreeMap<WardId, VecDeque<Job>>,
}

impl Jobs {
    #[cfg(test)]
    pub(super) fn waiting(&self) -> usize {
        self.porters.len() + self.wards.values().map(VecDeque::len).sum::<usize>()
    }
}

/// What somebody is at.
#[derive(Debug, Clone, Copy)]
pub(super) enum Task {
    /// Waiting for a job.
    Ready,
    /// At work somewhere, or on a break.
    Staying,
    /// On the way; stays so long.
    Going { stay_ms: i64 },
    /// On the way to an asset.
    Fetching(Job),
    /// On the way with it.
    Bringing(Job),
    /// On the way home.
    Leaving,
    /// At home.
    OffDuty,
}

/// One of the staff.
#[derive(Debug)]
pub(super) struct Worker {
    role: Role,
    ward: Option<WardId>,
    pub(super) task: Task,
    /// One of three.
    pub(super) shift: usize,
    /// Whether it stands in the list of porters who are ready.
    is_listed: bool,
    /// When the event that counts is due; any other is out of date.
    due_ms: i64,
}

impl Worker {
    /// What files call it.
    pub(super) fn doing(&self) -> &'static str {
        if matches!(self.task, Task::OffDuty) { "off_duty" } else { "on_duty" }
    }
}

/// How long handing over takes: plug in, adjust, sign.
const HANDOVER_MS: std::ops::Range<i64> = 15_000..60_000;
/// How often somebody who is ready looks around.
const READY_MS: i64 = 5 * 60_000;

impl World {
    /// Adds somebody at work.
    pub(super) fn settle_worker(&mut self, entry: StaffEntry, role: Role) {
        let number = self.workers.len();
        let ward = match role {
            Role::Nurse | Role::Doctor | Role::Cleaner => self.places.ward(number),
            Role::Porter | Role::Technician => None,
        };
        let base = self.places.room(base_of(role), ward.as_ref(), &mut self.rng);
        let at = self.random_spot(base);
        let has_wifi = share_of_staff(number) < self.config.wifi_badges;
        let kind = if has_wifi { TagKind::Wifi } else { TagKind::Engine };
        let tag = Tag::new(entry.tag.clone(), kind, self.config.firmware, &mut self.rng);
        self.bodies.push(Body { at, walk: None, tag });
        if let (Role::Nurse, Some(ward)) = (role, &ward) {
            self.jobs.nursed.insert(ward.clone());
        }
        let shift = shifts::shift_of(number);
        let task = Task::Staying;
        self.workers.push(Worker { role, ward, task, shift, is_listed: false, due_ms: 0 });
        self.staff_entries.push(entry);
        let wait_ms = self.rng.random_range(0..10 * 60_000);
        self.call(number, wait_ms);
        self.settle_shift(number);
    }

    /// Somebody is through with what they did, or has arrived.
    pub(super) fn on_duty(&mut self, worker: usize, time_ms: i64) {
        if self.workers[worker].due_ms != time_ms {
            return;
        }
        let body = self.assets.len() + worker;
        match self.workers[worker].task {
            Task::Ready | Task::Staying if self.is_shift_over(worker) => self.go_home(worker),
            Task::Ready | Task::Staying => self.choose(worker),
            Task::Leaving => {
                self.arrive(body);
                self.leave(worker);
            }
            Task::OffDuty => self.come(worker),
            Task::Going { stay_ms } => {
                self.arrive(body);
                self.workers[worker].task = Task::Staying;
                self.call(worker, stay_ms);
            }
            Task::Fetching(job) => {
                self.arrive(body);
                self.bring(worker, job);
            }
            Task::Bringing(job) => {
                self.arrive(body);
                self.arrive(job.asset);
                self.delivered(&job);
                self.workers[worker].task = Task::Staying;
                let handover_ms = self.rng.random_range(HANDOVER_MS);
                self.call(worker, handover_ms);
            }
        }
    }

    /// Queues a job, and calls the nearest who is ready for it.
    pub(super) fn ask_for(&mut self, job: Job) {
        let from_ward = self.building.room(self.bodies[job.asset].at.room).ward.clone();
        let to_ward = self.building.room(job.to.room).ward.clone();
        let ward = from_ward
            .filter(|ward| to_ward.as_ref() == Some(ward) && self.jobs.nursed.contains(ward));
        match ward {
            Some(ward) => self.jobs.wards.entry(ward).or_default().push_back(job),
            None => {
                self.jobs.porters.push_back(job);
                self.call_a_porter(job);
            }
        }
    }

    fn call_a_porter(&mut self, job: Job) {
        let asset = self.bodies[job.asset].at;
        let floor_of = |room: RoomIx| self.building.room(room).floor;
        let floor = floor_of(asset.room);
        let workers = &mut self.workers;
        self.jobs.idle.retain(|porter| {
            workers[*porter].is_listed = matches!(workers[*porter].task, Task::Ready);
            workers[*porter].is_listed
        });
        let far = |worker: usize| {
            let at = self.bodies[self.assets.len() + worker].at;
            let floors = f64::from((floor_of(at.room) - floor).abs());
            geometry::distance(at.point(), asset.point()) + 30.0 * floors
        };
        let all = self.jobs.idle.iter().map(|porter| (far(*porter), *porter));
        if let Some((_, worker)) = all.min_by(|(a, _), (b, _)| a.total_cmp(b)) {
            self.workers[worker].task = Task::Staying;
            self.call(worker, 2_000);
        }
    }

    /// What to do next: a job that waits, or the day's round.
    fn choose(&mut self, worker: usize) {
        let job = match (self.workers[worker].role, &self.workers[worker].ward) {
            (Role::Porter, _) => self.jobs.porters.pop_front(),
            (Role::Nurse, Some(ward)) => {
                self.jobs.wards.get_mut(ward).and_then(VecDeque::pop_front)
            }
            _ => None,
        };
        match job {
            Some(job) => self.fetch(worker, job),
            None => self.go_round(worker),
        }
    }

    fn fetch(&mut self, worker: usize, job: Job) {
        let beside = self.building.spot_beside(self.bodies[job.asset].at, &mut self.rng);
        let gait = Gait { speed_m_s: self.rng.random_range(1.1..1.5), wheels: false };
        if self.send(worker, beside, gait, Task::Fetching(job)).is_none() {
            self.undeliverable(&job);
            self.call(worker, READY_MS);
        }
    }

    fn bring(&mut self, worker: usize, job: Job) {
        let slow = matches!(self.assets[job.asset].doing, Doing::InUse | Doing::Away);
        let speed_m_s = self.rng.random_range(if slow { 0.6..1.0 } else { 0.8..1.3 });
        let gait = Gait { speed_m_s, wheels: true };
        let from = self.bodies[job.asset].at;
        let walk = self.ways.walk(&self.building, from, job.to, gait, self.clock_ms);
        match walk {
            Some(walk) if self.send(worker, job.to, gait, Task::Bringing(job)).is_some() => {
                // Both go the same way; who brings it waits for it when a few steps ahead.
                let later_ms = walk.end_ms() - self.workers[worker].due_ms;
                self.call(worker, self.workers[worker].due_ms + later_ms.max(0) - self.clock_ms);
                self.set_off(job.asset, walk);
            }
            _ => {
                self.undeliverable(&job);
                self.workers[worker].task = Task::Staying;
                self.call(worker, READY_MS);
            }
        }
    }

    /// The ordinary round of a role, when no job waits.
    fn go_round(&mut self, worker: usize) {
        use RoomKind::{
            Changing, Corridor, Diagnostics, Emergency, Linen, NurseStation, Office,
            OperatingTheatre, Patient, Prayer, Rest, SoiledUtility, Storage, Toilet, Waste,
        };
        let roll = self.rng.random_range(0..100);
        let (kind, mean_min) = match (self.workers[worker].role, roll) {
            (_, 0..4) => (Toilet, 3.0),
            (_, 4..8) => (Rest, 12.0),
            (Role::Doctor | Role::Nurse, 8) => (Prayer, 8.0),
            (_, 8) => (Changing, 5.0),
            (Role::Porter, 9..85) => return self.wait_ready(worker),
            (Role::Porter, _) => (Waste, 2.0),
            (Role::Nurse, 9..62) => (Patient, 5.0),
            (Role::Nurse, 62..80) => (NurseStation, 6.0),
            (Role::Nurse, 80..90) => (Storage, 1.5),
            (Role::Nurse, _) => (Corridor, 0.5),
            (Role::Doctor, 9..50) => (Patient, 7.0),
            (Role::Doctor, 50..65) => (NurseStation, 6.0),
            (Role::Doctor, 65..72) => (OperatingTheatre, 40.0),
            (Role::Doctor, 72..80) => (Emergency, 12.0),
            (Role::Doctor, _) => (Office, 15.0),
            (Role::Cleaner, 9..70) => (Patient, 6.0),
            (Role::Cleaner, 70..85) => (SoiledUtility, 8.0),
            (Role::Cleaner, _) => (Linen, 3.0),
            (Role::Technician, 9..40) => (Diagnostics, 15.0),
            (Role::Technician, 40..60) => (Patient, 6.0),
            (Role::Technician, _) => (RoomKind::Workshop, 25.0),
        };
        let ward = self.workers[worker].ward.clone();
        let room = self.places.room(&[kind], ward.as_ref(), &mut self.rng);
        let to = self.random_spot(room);
        let stay_ms = self.about_minutes(mean_min).max(10_000);
        let gait = Gait { speed_m_s: self.rng.random_range(0.9..1.5), wheels: false };
        if self.send(worker, to, gait, Task::Going { stay_ms }).is_none() {
            self.workers[worker].task = Task::Staying;
            self.call(worker, READY_MS);
        }
    }

    /// A porter without a job goes back to the base, or stays there.
    fn wait_ready(&mut self, worker: usize) {
        let body = self.assets.len() + worker;
        let base = self.places.room(base_of(Role::Porter), None, &mut self.rng);
        if self.bodies[body].at.room == base || self.rng.random_bool(0.6) {
            self.workers[worker].task = Task::Ready;
            if !std::mem::replace(&mut self.workers[worker].is_listed, true) {
                self.jobs.idle.push(worker);
            }
            self.call(worker, READY_MS);
            return;
        }
        let to = self.random_spot(base);
        let gait = Gait { speed_m_s: self.rng.random_range(0.9..1.3), wheels: false };
        if self.send(worker, to, gait, Task::Going { stay_ms: 1_000 }).is_none() {
            self.call(worker, READY_MS);
        }
    }

    /// Sends somebody to a spot with a task; none: there is no way.
    pub(super) fn send(&mut self, worker: usize, to: Spot, gait: Gait, task: Task) -> Option<()> {
        let body = self.assets.len() + worker;
        let from = self.bodies[body].at;
        let walk = self.ways.walk(&self.building, from, to, gait, self.clock_ms)?;
        let lasts_ms = walk.end_ms() - self.clock_ms;
        self.set_off(body, walk);
        self.workers[worker].task = task;
        self.call(worker, lasts_ms);
        Some(())
    }

    /// The worker's next event; whatever was noted before no longer counts.
    pub(super) fn call(&mut self, worker: usize, in_ms: i64) {
        let due_ms = self.clock_ms + in_ms.max(1);
        self.workers[worker].due_ms = due_ms;
        self.agenda.note(due_ms, Event::Duty(worker));
    }
}

/// Always the same number from 0 to 1 for the same one, spread evenly.
fn share_of_staff(number: usize) -> f64 {
    f64::from(u32::try_from(number * 7 % 100).unwrap_or_default()) / 100.0
}

fn base_of(role: Role) -> &'static [RoomKind] {
    match role {
        Role::Nurse => &[RoomKind::NurseStation],
        Role::Porter => &[RoomKind::Other],
        Role::Doctor => &[RoomKind::Office],
        Role::Cleaner => &[RoomKind::SoiledUtility],
        Role::Technician => &[RoomKind::Workshop],
    }
}
