//! The housekeeping thread: prepares the next segment ahead, deletes what nobody needs, destroys
//! keys, and measures. Neither appending nor a commit waits for it, unless segments fill faster
//! than zeros can be written.

use super::{
    front::Shared,
    locked,
    segment::{self, Spare},
};
use std::{
    io,
    sync::{Condvar, Mutex, PoisonError},
    time::{Duration, Instant},
};

/// How often the thread looks around, and tries again what failed.
const ROUND: Duration = Duration::from_secs(1);

/// Where the prepared segment is handed over.
pub(super) struct Spares {
    state: Mutex<State>,
    changed: Condvar,
    /// The usual size, bytes.
    usual: u64,
}

struct State {
    ready: Option<Spare>,
    /// The size that is wanted next, bytes.
    wanted: u64,
    /// The flusher waits for it.
    needed: bool,
    /// Why it can't be had, for the flusher.
    failed: Option<io::Error>,
    rotated: bool,
    stopping: bool,
}

impl State {
    fn lacks_spare(&self) -> bool {
        self.ready.as_ref().is_none_or(|spare| spare.bytes < self.wanted)
    }
}

impl Spares {
    pub(super) fn new(usual: u64) -> Self {
        let state = State {
            ready: None,
            wanted: usual,
            needed: false,
            failed: None,
            rotated: false,
            stopping: false,
        };
        Self { state: Mutex::new(state), changed: Condvar::new(), usual }
    }

    /// A prepared segment of at least `bytes`; waits while it is being made.
    pub(super) fn take(&self, bytes: u64) -> io::Result<Spare> {
        let mut state = locked(&self.state);
        state.wanted = bytes.max(self.usual);
        state.needed = true;
        state.failed = None;
        self.changed.notify_all();
        loop {
            if let Some(spare) = state.ready.take_if(|spare| spare.bytes >= bytes) {
                state.needed = false;
                state.wanted = self.usual;
                self.changed.notify_all();
                return Ok(spare);
            }
            if let Some(error) = state.failed.take() {
                state.needed = false;
                return Err(error);
            }
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// A segment was filled: there may be one to delete.
    pub(super) fn rotated(&self) {
        locked(&self.state).rotated = true;
        self.changed.notify_all();
    }

    /// Ends the thread; the flusher has ended before.
    pub(super) fn stop(&self) {
        locked(&self.state).stopping = true;
        self.changed.notify_all();
    }
}

/// Keeps house until [`Spares::stop`].
pub(super) fn run(shared: &Shared) {
    let mut warned = Warned::default();
    let mut failed_at: Option<Instant> = None;
    loop {
        let resting = failed_at.is_some_and(|at| at.elapsed() < ROUND);
        let wanted = {
            let mut state = locked(&shared.spares.state);
            let due = |s: &State| s.rotated || (s.lacks_spare() && (s.needed || !resting));
            if !due(&state) && !state.stopping {
                let waited = shared.spares.changed.wait_timeout(state, ROUND);
                state = waited.unwrap_or_else(PoisonError::into_inner).0;
            }
            if state.stopping {
                break;
            }
            state.rotated = false;
            (state.lacks_spare() && (state.needed || !resting)).then_some(state.wanted)
        };
        if let Some(bytes) = wanted {
            failed_at = prepare(shared, bytes).then(Instant::now);
        }
        delete_old(shared, &mut warned);
        if let Err(error) = shared.sealer.tend() {
            if !std::mem::replace(&mut warned.keys, true) {
                tracing::error!(journal = shared.name, %error, "keys of people's records can't be written");
            }
        } else {
            warned.keys = false;
        }
        measure(shared);
    }
    if let Some(spare) = locked(&shared.spares.state).ready.take() {
        let _ = shared.disk.remove(&spare.path);
    }
}

/// Tells whether it failed.
fn prepare(shared: &Shared, bytes: u64) -> bool {
    let too_small = locked(&shared.spares.state).ready.take();
    if let Some(spare) = too_small {
        let _ = shared.disk.remove(&spare.path);
    }
    let made = segment::prepare(&shared.disk, &shared.dir, bytes);
    let failed = made.is_err();
    let mut state = locked(&shared.spares.state);
    match made {
        Ok(spare) => state.ready = Some(spare),
        // Nobody has lost anything as long as the flusher doesn't need it.
        Err(error) if state.needed => state.failed = Some(error),
        Err(error) => {
            tracing::debug!(journal = shared.name, %error, "the next segment can't be prepared yet");
        }
    }
    shared.spares.changed.notify_all();
    failed
}

/// What was said already, and is not said again until it was well in between.
#[derive(Default)]
struct Warned {
    over_limit: bool,
    keys: bool,
    deletion: bool,
}

/// Deletes segments from the oldest on: every pin has passed them, and they are too old or too much.
fn delete_old(shared: &Shared, warned: &mut Warned) {
    let kept_ms = i64::from(shared.config.retention_hours) * 3_600_000;
    let too_old_ms = (shared.clock)().saturating_sub(kept_ms);
    let mut deleted = false;
    let over_limit = loop {
        let lowest = shared.pins.lowest(shared.config.kept_for);
        let mut segments = locked(&shared.segments);
        let total: u64 = segments.values().map(|s| s.bytes).sum();
        let too_much = total > shared.config.max_bytes;
        let mut oldest = segments.iter();
        let (Some((&first, _)), Some((&next, after))) = (oldest.next(), oldest.next()) else {
            break false;
        };
        // The next segment's first record is not older than this one's newest.
        if !too_much && after.first_ms >= too_old_ms {
            break false;
        }
        if lowest.is_some_and(|lowest| lowest < next) {
            break too_much;
        }
        let Some(segment) = segments.remove(&first) else { break false };
        drop(segments);
        if let Err(error) = shared.disk.remove(&segment.path) {
            locked(&shared.segments).insert(first, segment);
            if !std::mem::replace(&mut warned.deletion, true) {
                tracing::error!(journal = shared.name, segment = first, %error, "an old segment can't be deleted");
            }
            break false;
        }
        warned.deletion = false;
        deleted = true;
        // One by one, so that a power cut leaves no hole.
        let _ = shared.disk.sync_dir(&shared.dir);
        tracing::debug!(journal = shared.name, segment = first, "old segment deleted");
    };
    if deleted {
        locked(&shared.damage_seen).retain(|(segment, _)| *segment >= shared.oldest());
    }
    if over_limit && !warned.over_limit {
        let pins = shared.pins.all();
        tracing::warn!(
            journal = shared.name,
            ?pins,
            "the journal exceeds max_bytes, and what holds it back is still needed"
        );
    }
    warned.over_limit = over_limit;
    shared.meters.over_limit.set(u8::from(over_limit));
}

#[allow(clippy::cast_precision_loss)] // gauges are floats
fn measure(shared: &Shared) {
    let meters = &shared.meters;
    let (bytes, oldest_ms) = {
        let segments = locked(&shared.segments);
        let oldest_ms = segments.values().next().map(|s| s.first_ms);
        (segments.values().map(|s| s.bytes).sum::<u64>(), oldest_ms)
    };
    let now = (shared.clock)();
    let last = shared.last();
    let age_ms = oldest_ms.filter(|_| last > 0).map_or(0, |oldest| (now - oldest).max(0));
    meters.bytes.set(bytes as f64);
    meters.oldest_seconds.set(age_ms as f64 / 1000.0);
    meters.unsynced.set(shared.unsynced() as f64);
    for (name, at) in shared.pins.all() {
        meters.lag(name, (last + 1).saturating_sub(at));
    }
}
