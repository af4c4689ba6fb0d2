//! What will happen next: events in the order of their time, equal times in the order they were noted.

use std::{cmp::Reverse, collections::BinaryHeap};

/// Something that happens; the number says to whom (its place in the world's lists).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Event {
    /// An asset's life takes its next turn.
    Life(usize),
    /// Somebody of the staff is through with what they did, or has arrived.
    Duty(usize),
    /// A tag says where it is.
    Fix(usize),
    /// A tag says how it is.
    Status(usize),
    /// A passive tag comes by a portal.
    Passage { body: usize, reader: usize },
    /// A reader publishes what it heard.
    Heard(usize),
    /// A reader says that it is there.
    ReaderUp(usize),
    /// An engine publishes what it computed.
    Computed(usize),
    /// A patient may come; the first one only begins the row.
    Arrival { is_real: bool },
    /// Somebody may need a thing of a class; the first one only begins the row.
    Need { class: usize, is_real: bool },
    /// A ward closes.
    Closing(usize),
}

/// The events to come.
#[derive(Debug, Default)]
pub(super) struct Agenda {
    heap: BinaryHeap<Reverse<(i64, u64, Event)>>,
    noted: u64,
}

impl Agenda {
    pub(super) fn note(&mut self, time_ms: i64, event: Event) {
        self.noted += 1;
        self.heap.push(Reverse((time_ms, self.noted, event)));
    }

    /// Takes the next event if it happens at `until_ms` at the latest.
    pub(super) fn next(&mut self, until_ms: i64) -> Option<(i64, Event)> {
        if self.heap.peek()?.0.0 > until_ms {
            return None;
        }
        self.heap.pop().map(|Reverse((time_ms, _, event))| (time_ms, event))
    }
}
