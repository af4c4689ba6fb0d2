//! Pins: what retention must not pass yet.

use super::{front::Shared, locked};
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};

/// All pins of a journal.
#[derive(Default)]
pub(super) struct Pins(Mutex<Held>);

#[derive(Default)]
struct Held {
    next: u64,
    by_number: BTreeMap<u64, (&'static str, u64)>,
}

impl Pins {
    /// The lowest sequence that somebody still needs; 0, all of them, while `awaited` has no pin.
    pub(super) fn lowest(&self, awaited: Option<&str>) -> Option<u64> {
        let held = locked(&self.0);
        let stands = |name: &str| held.by_number.values().any(|(pinned, _)| *pinned == name);
        if awaited.is_some_and(|name| !stands(name)) {
            return Some(0);
        }
        held.by_number.values().map(|(_, at)| *at).min()
    }

    /// Name and sequence of each.
    pub(super) fn all(&self) -> Vec<(&'static str, u64)> {
        locked(&self.0).by_number.values().copied().collect()
    }
}

/// Keeps the records from a sequence on; dropped, it keeps nothing any more.
pub struct Pin {
    shared: Arc<Shared>,
    number: u64,
}

impl Pin {
    pub(super) fn new(shared: Arc<Shared>, name: &'static str, at: u64) -> Self {
        let mut held = locked(&shared.pins.0);
        let number = held.next;
        held.next += 1;
        held.by_number.insert(number, (name, at));
        drop(held);
        Self { shared, number }
    }

    /// The records below `to` are needed no longer. A pin never goes back.
    pub fn advance(&self, to: u64) {
        if let Some((_, at)) = locked(&self.shared.pins.0).by_number.get_mut(&self.number) {
            *at = to.max(*at);
        }
    }

    /// The first sequence that it keeps.
    #[must_use]
    pub fn at(&self) -> u64 {
        locked(&self.shared.pins.0).by_number.get(&self.number).map_or(0, |(_, at)| *at)
    }
}

impl Drop for Pin {
    fn drop(&mut self) {
        let gone = locked(&self.shared.pins.0).by_number.remove(&self.number);
        if let Some((name, _)) = gone {
            self.shared.meters.lag(name, 0);
        }
    }
}
