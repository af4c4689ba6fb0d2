//! What goes wrong between the hospital and the network: reports come in, what is sent goes out.
//!
//! Faults stand behind each other like filters; each has its own randomness from the seed, so the
//! same reports and faults give the same bytes, in steps of any size. No I/O; time is that of the
//! reports. A [`Fault`] comes from a scenario's `[[faults]]` or, while it runs, from a
//! [command](Faults::command).

mod command;
mod ground;
mod hits;
mod plan;
mod sent;
mod stage;
#[cfg(test)]
mod tests;

pub use hits::Pattern;
pub use plan::{Fault, FaultEntry, FaultError, Kind, What};
pub use sent::Sent;

use crate::world::{Report, World};
use ground::Ground;
use hits::Parts;
use stage::{Desk, Due, Stage};

/// What comes out.
#[derive(Debug, Clone, PartialEq)]
pub enum Act {
    /// A device publishes.
    Say(Sent),
    /// All clients lose their connection at this time of the world and come back at once.
    Reconnect(i64),
    /// The broker is gone from this time of the world on; devices say nothing until it is back.
    BrokerGone(i64),
    /// The broker is back at this time of the world.
    BrokerBack(i64),
}

/// How a fault does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tally {
    /// What it is called.
    pub name: String,
    /// True while it is at work.
    pub is_on: bool,
    /// How many messages it has touched: lost, repeated, delayed, kept, broken, made up.
    pub hits: u64,
}

/// The faults of one run.
#[derive(Debug)]
pub struct Faults {
    seed: u64,
    start_ms: i64,
    clock_ms: i64,
    stages: Vec<Stage>,
    desk: Desk,
}

impl Faults {
    /// The faults that are planned for a world at its start; `speed` is how many times as fast as
    /// real time it will go, 1 where there is no such thing.
    #[must_use]
    pub fn new(world: &World, plan: &[Fault], seed: u64, speed: f64) -> Self {
        let start_ms = world.clock_ms();
        let desk = Desk::new(Ground::new(world), speed);
        let mut faults = Self { seed, start_ms, clock_ms: start_ms, stages: Vec::new(), desk };
        for fault in plan {
            faults.add(fault.clone());
        }
        faults
    }

    /// Adds a fault and returns the name that it goes by.
    fn add(&mut self, mut fault: Fault) -> String {
        let number = self.stages.len();
        let taken = self.stages.iter().filter(|s| s.fault.name.starts_with(&fault.name)).count();
        if self.stages.iter().any(|s| s.fault.name == fault.name) {
            fault.name = format!("{}-{}", fault.name, taken + 1);
        }
        let name = fault.name.clone();
        let begins_ms = self.start_ms + fault.from_ms;
        self.desk.note(begins_ms, Due::Begin(number));
        if let Some(until_ms) = fault.until_ms {
            self.desk.note(self.start_ms + until_ms, Due::End(number));
        }
        self.stages.push(Stage::new(fault, self.seed, number));
        name
    }

    /// Lets reports through until `until_ms`; they come in the order of time, and none is later.
    pub fn pass(&mut self, reports: Vec<Report>, until_ms: i64) -> Vec<Act> {
        for report in reports {
            // What is due at the same time comes after the report, in steps of any size.
            self.work_off(report.time_ms - 1);
            self.desk.ground.notice(&report.message);
            self.enter(0, Sent::new(report));
        }
        self.work_off(until_ms);
        self.clock_ms = self.clock_ms.max(until_ms);
        std::mem::take(&mut self.desk.out)
    }

    /// The first fault that names somebody who isn't there, and whom.
    #[must_use]
    pub fn unmatched(&self) -> Option<(usize, String)> {
        let mut all = self.stages.iter().enumerate();
        all.find_map(|(number, stage)| {
            Some((number, stage.fault.hits.unmatched(&self.desk.ground)?))
        })
    }

    /// How each fault does, in the order in which they were added.
    pub fn tallies(&self) -> impl Iterator<Item = Tally> {
        self.stages.iter().map(|stage| Tally {
            name: stage.fault.name.clone(),
            is_on: stage.is_on,
            hits: stage.hits,
        })
    }

    /// Everything that is due until then.
    fn work_off(&mut self, until_ms: i64) {
        while let Some((time_ms, due)) = self.desk.next(until_ms) {
            match due {
                Due::Begin(number) => self.stages[number].begin(time_ms, &mut self.desk, number),
                Due::End(number) => self.stages[number].end(time_ms, &mut self.desk, number),
                Due::Tick(number) => self.stages[number].tick(time_ms, &mut self.desk, number),
                Due::Say(number, mut sent) => {
                    sent.time_ms = time_ms;
                    self.enter(number, *sent);
                }
            }
        }
    }

    /// Lets a message through the faults from `first` on; the broker comes behind all others.
    fn enter(&mut self, first: usize, mut sent: Sent) {
        for number in first..self.stages.len() {
            if !self.stages[number].is_on || self.stages[number].is_the_brokers() {
                continue;
            }
            let Sent { time_ms, message, ahead_ms, broken } = sent;
            let with = |message| Sent { time_ms, message, ahead_ms, broken };
            let stage = &mut self.stages[number];
            match stage.fault.hits.split(message, &self.desk.ground) {
                Parts { hit: None, rest: None } => return,
                Parts { hit: None, rest: Some(rest) } => {
                    stage.leave_alone(&rest, time_ms, &mut self.desk, number);
                    sent = with(rest);
                }
                Parts { hit: Some(hit), rest } => {
                    let goes_on = stage.meet(with(hit), &mut self.desk, number);
                    if let Some(rest) = rest {
                        self.enter(number + 1, with(rest));
                    }
                    let Some(goes_on) = goes_on else { return };
                    sent = goes_on;
                }
            }
        }
        let gone = self.stages.iter_mut().find(|stage| stage.is_on && stage.is_the_brokers());
        match gone {
            Some(stage) => stage.remember(sent),
            None => self.desk.out.push(Act::Say(sent)),
        }
    }
}
