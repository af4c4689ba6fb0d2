//! What the journal's callers and its threads share: the append lock, and what they tell each other.

use super::{
    Appended, Clock, Config, Draft, Sealer, disk::Disk, housekeeping::Spares, locked,
    meters::Meters, pin::Pins, segment::Segment,
};
use spor_schemas::recording::stamp_all;
use std::{
    collections::{BTreeMap, HashSet},
    path::{Path, PathBuf},
    sync::{Condvar, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};
use tokio::sync::watch;

/// With `gather_ms`, a commit begins as soon as so much waits, bytes.
const GATHER_BYTES: usize = 256 << 10;

/// How long the disk is left alone after it failed.
const RETRY: Duration = Duration::from_secs(1);

/// Where a journal goes on after it was opened.
pub(super) struct Start {
    pub(super) id: [u8; 16],
    pub(super) last: u64,
    pub(super) last_ms: i64,
    pub(super) segments: BTreeMap<u64, Segment>,
    pub(super) damage_seen: HashSet<(u64, u64)>,
}

pub(super) struct Shared {
    pub(super) name: &'static str,
    pub(super) id: [u8; 16],
    pub(super) dir: PathBuf,
    pub(super) disk: Disk,
    pub(super) config: Config,
    pub(super) clock: Clock,
    pub(super) sealer: Sealer,
    pub(super) meters: Meters,
    pub(super) spares: Spares,
    pub(super) pins: Pins,
    /// All segments by their first sequence; never empty.
    pub(super) segments: Mutex<BTreeMap<u64, Segment>>,
    /// Segment and offset of what was reported already.
    pub(super) damage_seen: Mutex<HashSet<(u64, u64)>>,
    pub(super) committed: watch::Sender<u64>,
    pub(super) room: watch::Sender<bool>,
    pub(super) trouble: watch::Sender<Option<String>>,
    pub(super) closed: watch::Sender<bool>,
    front: Mutex<Front>,
    /// Wakes the flusher.
    arrived: Condvar,
}

/// What is behind the append lock.
struct Front {
    /// Records that no commit has taken yet.
    waiting: Vec<u8>,
    /// When the oldest of them was appended.
    waiting_since: Instant,
    /// How many appends they came in.
    appends: usize,
    /// Bytes that are not on disk: waiting, or in the commit that is running.
    unsynced: usize,
    last: u64,
    last_ms: i64,
    /// The flusher sleeps until something arrives.
    idle: bool,
    /// The flusher waits for company.
    gathering: bool,
    /// The disk can't be written.
    troubled: bool,
    /// What [`Shared::room`] tells.
    room: bool,
    retry: bool,
    stopping: bool,
}

/// What a commit has to write: records up to `last`.
pub(super) struct Taken {
    pub(super) last: u64,
    /// When the oldest of them was appended.
    pub(super) since: Instant,
    /// How many appends they came in.
    pub(super) appends: usize,
}

impl Shared {
    pub(super) fn new(
        disk: Disk,
        dir: &Path,
        config: &Config,
        clock: Clock,
        sealer: Sealer,
        start: Start,
    ) -> Self {
        Self {
            name: config.name,
            id: start.id,
            dir: dir.to_owned(),
            disk,
            clock,
            sealer,
            meters: Meters::new(config.name),
            spares: Spares::new(config.segment_bytes),
            pins: Pins::default(),
            segments: Mutex::new(start.segments),
            damage_seen: Mutex::new(start.damage_seen),
            committed: watch::Sender::new(start.last),
            room: watch::Sender::new(true),
            trouble: watch::Sender::new(None),
            closed: watch::Sender::new(false),
            front: Mutex::new(Front {
                waiting: Vec::new(),
                waiting_since: Instant::now(),
                appends: 0,
                unsynced: 0,
                last: start.last,
                last_ms: start.last_ms,
                idle: false,
                gathering: false,
                troubled: false,
                room: true,
                retry: false,
                stopping: false,
            }),
            arrived: Condvar::new(),
            config: config.clone(),
        }
    }

    pub(super) fn append(&self, draft: Draft) -> Appended {
        let mut bytes = draft.into_bytes();
        let mut front = locked(&self.front);
        let received_ms = front.last_ms.max((self.clock)());
        let first = front.last + 1;
        if bytes.is_empty() {
            return Appended { first, last: front.last, received_ms };
        }
        let last = stamp_all(&mut bytes, first, received_ms);
        (front.last, front.last_ms) = (last, received_ms);
        if !front.stopping {
            front.unsynced += bytes.len();
            front.appends += 1;
            if front.waiting.is_empty() {
                // The usual case of one draft a commit is not copied.
                front.waiting = bytes;
                front.waiting_since = Instant::now();
            } else {
                front.waiting.extend_from_slice(&bytes);
            }
            let wake = front.idle || (front.gathering && front.waiting.len() >= GATHER_BYTES);
            front.idle = false;
            self.tell_room(&mut front);
            drop(front);
            if wake {
                self.arrived.notify_one();
            }
        }
        Appended { first, last, received_ms }
    }

    /// Waits until something is to be written and takes all of it in place of `batch`; none when the
    /// journal closes and nothing is left. Not before `earliest`, unless much waits.
    pub(super) fn take(&self, batch: &mut Vec<u8>, earliest: Instant) -> Option<Taken> {
        let gather = Duration::from_millis(self.config.gather_ms);
        let mut front = locked(&self.front);
        loop {
            if !front.waiting.is_empty() {
                front = self.gather(front, earliest.max(Instant::now() + gather));
                *batch = std::mem::take(&mut front.waiting);
                let appends = std::mem::take(&mut front.appends);
                return Some(Taken { last: front.last, since: front.waiting_since, appends });
            }
            if front.stopping {
                return None;
            }
            front.idle = true;
            front = self.arrived.wait(front).unwrap_or_else(PoisonError::into_inner);
            front.idle = false;
        }
    }

    /// Waits for company.
    fn gather<'a>(
        &self,
        mut front: MutexGuard<'a, Front>,
        until: Instant,
    ) -> MutexGuard<'a, Front> {
        while !front.stopping && front.waiting.len() < GATHER_BYTES {
            let Some(left) = until.checked_duration_since(Instant::now()).filter(|l| !l.is_zero())
            else {
                break;
            };
            front.gathering = true;
            let waited = self.arrived.wait_timeout(front, left);
            front = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        front.gathering = false;
        front
    }

    /// `bytes` more are on disk, up to `sequence`.
    pub(super) fn publish(&self, sequence: u64, bytes: usize) {
        let mut front = locked(&self.front);
        front.unsynced -= bytes;
        let recovered = std::mem::take(&mut front.troubled);
        self.tell_room(&mut front);
        drop(front);
        self.committed.send_replace(sequence);
        if recovered {
            self.meters.up.set(1.0);
            self.trouble.send_replace(None);
            tracing::info!(journal = self.name, sequence, "the journal can be written again");
        }
    }

    /// The disk can't be written. Waits before the next attempt; false when the journal closes.
    pub(super) fn fail(&self, why: &std::io::Error) -> bool {
        self.meters.failed.increment(1);
        self.meters.up.set(0.0);
        let what = match why.kind() {
            std::io::ErrorKind::StorageFull => "the journal's disk is full".to_owned(),
            _ => format!("the journal can't be written: {why}"),
        };
        let mut front = locked(&self.front);
        if !std::mem::replace(&mut front.troubled, true) {
            tracing::error!(journal = self.name, dir = %self.dir.display(), error = %why,
                "{what}: nothing is acknowledged until it can");
        }
        self.tell_room(&mut front);
        self.trouble.send_if_modified(|told| {
            let changed = told.as_ref() != Some(&what);
            *told = Some(what);
            changed
        });
        let until = Instant::now() + RETRY;
        while !front.stopping && !std::mem::take(&mut front.retry) {
            let Some(left) = until.checked_duration_since(Instant::now()).filter(|l| !l.is_zero())
            else {
                break;
            };
            let waited = self.arrived.wait_timeout(front, left);
            front = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        !front.stopping
    }

    pub(super) fn retry(&self) {
        locked(&self.front).retry = true;
        self.arrived.notify_one();
    }

    /// What is appended from now on is not kept; the flusher ends when it has written the rest.
    pub(super) fn stop(&self) {
        locked(&self.front).stopping = true;
        self.arrived.notify_one();
    }

    pub(super) fn unsynced(&self) -> usize {
        locked(&self.front).unsynced
    }

    pub(super) fn last(&self) -> u64 {
        locked(&self.front).last
    }

    pub(super) fn oldest(&self) -> u64 {
        locked(&self.segments).keys().next().copied().unwrap_or(1)
    }

    fn tell_room(&self, front: &mut Front) {
        let room = !front.troubled && front.unsynced <= self.config.unsynced_bytes;
        if room != front.room {
            front.room = room;
            self.room.send_replace(room);
        }
    }
}
