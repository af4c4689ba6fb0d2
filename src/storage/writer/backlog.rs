//! What waits to be stored, in order: filled from the channel, emptied by the flusher.
//!
//! Bounded by items. While it is full nothing more is taken from the channel, so that the pipeline
//! waits too; `spor_queue_full_total{queue="storage"}` counts how often.

use crate::model::Decided;
use std::{
    collections::VecDeque,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::{
    sync::{Notify, mpsc},
    time::{Instant, timeout_at},
};

/// A flush is made of this many items when so many wait.
const FULL: usize = 10_000;
/// What a flush may take while an outage is caught up.
const CATCH_UP: usize = 50_000;
/// Fewer items wait this long for company, counted from the last flush; after a pause they don't wait.
const GATHER: Duration = Duration::from_millis(100);
/// With nothing to do, the flusher looks after its connection this often.
const IDLE: Duration = Duration::from_secs(1);

/// The queue of storage.
pub(super) struct Backlog {
    state: Mutex<State>,
    filled: Notify,
    drained: Notify,
    limit: usize,
}

#[derive(Default)]
struct State {
    parts: VecDeque<Vec<Decided>>,
    items: usize,
    closed: Option<Instant>,
}

/// What the flusher should do now.
pub(super) enum Next {
    /// Store these.
    Store(Vec<Decided>),
    /// Nothing has come for a while.
    Idle,
    /// Nothing will come any more.
    Done,
}

impl Backlog {
    pub(super) fn new(limit: usize) -> Self {
        Self { state: Mutex::default(), filled: Notify::new(), drained: Notify::new(), limit }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Moves what comes into the backlog, until the last sender is gone.
    pub(super) async fn fill_from(&self, mut source: mpsc::Receiver<Vec<Decided>>) {
        while let Some(part) = source.recv().await {
            if self.lock().items >= self.limit {
                metrics::counter!("spor_queue_full_total", "queue" => "storage").increment(1);
                while self.lock().items >= self.limit {
                    self.drained.notified().await;
                }
            }
            let mut state = self.lock();
            state.items += part.len();
            state.parts.push_back(part);
            show_depth(state.items);
            drop(state);
            self.filled.notify_one();
        }
        self.lock().closed = Some(Instant::now());
        self.filled.notify_one();
    }

    /// Waits for a batch worth storing, the last one having begun at `last`.
    pub(super) async fn next(&self, last: Instant) -> Next {
        let idle_at = Instant::now() + IDLE;
        loop {
            let waiting = {
                let mut state = self.lock();
                let due = state.closed.is_some() || last.elapsed() >= GATHER;
                if state.items >= FULL || (state.items > 0 && due) {
                    let items = take(&mut state);
                    drop(state);
                    self.drained.notify_one();
                    return Next::Store(items);
                }
                if state.items == 0 && state.closed.is_some() {
                    return Next::Done;
                }
                state.items > 0
            };
            let until = if waiting { last + GATHER } else { idle_at };
            if timeout_at(until, self.filled.notified()).await.is_err() && !waiting {
                return Next::Idle;
            }
        }
    }

    /// When the last sender went; none: there may come more.
    pub(super) fn closed_at(&self) -> Option<Instant> {
        self.lock().closed
    }

    /// How many wait.
    pub(super) fn len(&self) -> usize {
        self.lock().items
    }
}

fn take(state: &mut State) -> Vec<Decided> {
    let limit = if state.items > CATCH_UP { CATCH_UP } else { FULL };
    let mut taken: Vec<Decided> = state.parts.pop_front().unwrap_or_default();
    while let Some(part) = state.parts.pop_front_if(|part| taken.len() + part.len() <= limit) {
        taken.extend(part);
    }
    state.items -= taken.len();
    show_depth(state.items);
    taken
}

#[expect(clippy::cast_precision_loss, reason = "the backlog is far shorter than 2^52")]
fn show_depth(items: usize) {
    metrics::gauge!("spor_queue_depth", "queue" => "storage").set(items as f64);
}
