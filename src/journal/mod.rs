//! The journal: an append-only log on disk of what arrived, before anyone interprets it.
//!
//! Records come in as a [`Draft`], get consecutive sequences from 1 and a time that never decreases,
//! and go out of a [`Reader`] once they are on disk, in order, each exactly once. What
//! [`Journal::committed`] has told survives a power cut. `append` never waits for the disk.
//!
//! # On disk
//!
//! A folder of segments named by the sequence of their first record (`00000000000000000001.seg`), a
//! file of zeros that waits to be the next (`*.new`), `keys` (see [`Sealer`]), and `damaged/` with the
//! bytes that no record could be made of. A segment's records end where its zeros begin or where the
//! next segment's first sequence begins: after a failed write the tail of a segment is abandoned, and
//! its records stand again in the next. What a segment and a record look like stands at
//! [`spor_schemas::recording`]; a sealed box is
//!
//! ```text
//! box      hour since the epoch i64 | nonce, 24 | content and tag, XChaCha20-Poly1305
//! ```
//!
//! The highest bit of `len` marks the first record of a commit. A commit is written only after the
//! one before it is on disk, so what stands unreadable in front of such a record is damage, and
//! what stands unreadable with none behind it was never acknowledged: a torn tail, which is cut.

mod damage;
mod disk;
mod draft;
mod error;
mod flusher;
mod front;
mod housekeeping;
pub mod inspect;
mod meters;
mod pace;
mod pin;
mod reader;
mod recover;
mod sealer;
mod segment;
#[cfg(test)]
mod tests;

pub use damage::Damage;
pub use draft::Draft;
pub use error::JournalError;
pub use pin::Pin;
pub use reader::Reader;
pub use sealer::Sealer;
pub use spor_schemas::recording::Kind;

use bytes::Bytes;
use disk::Disk;
use front::Shared;
use serde::Deserialize;
use std::{
    path::Path,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    thread::JoinHandle,
};
use tokio::sync::watch;

/// Section `[journal]` of the configuration.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// How long a commit waits for company, milliseconds, at most until 256 KiB wait. 0: it begins
    /// at once when none is running, and else takes all that gathered meanwhile; under a load of many
    /// senders there are 2 ms between commits.
    pub gather_ms: u64,
    /// Size of a segment file, bytes.
    pub segment_bytes: u64,
    /// How long a record is kept, hours.
    pub retention_hours: u32,
    /// Over this total, the oldest segments go earlier, bytes.
    pub max_bytes: u64,
    /// How much may wait for the disk before [`Journal::room`] says no, bytes.
    pub unsynced_bytes: usize,
    /// Which journal this is, in metrics and logs: `raw` or `decided`.
    #[serde(skip)]
    pub name: &'static str,
    /// How long the key of an hour is kept after the hour, hours (`privacy.people_journal_hours`).
    #[serde(skip)]
    pub people_hours: u32,
    /// Whose [`Pin`] must stand before anything is deleted: between opening and the first pin, and
    /// after the last, nobody can tell what is still needed. None: retention alone decides.
    #[serde(skip)]
    pub kept_for: Option<&'static str>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            gather_ms: 0,
            segment_bytes: 64 << 20,
            retention_hours: 24,
            max_bytes: 20_000_000_000,
            unsynced_bytes: 8 << 20,
            name: "raw",
            people_hours: 1,
            kept_for: None,
        }
    }
}

/// One entry of the journal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// Its place in the one order, from 1 on.
    pub sequence: u64,
    /// When it was appended, milliseconds since the epoch; never less than the record before.
    pub received_ms: i64,
    /// What it holds.
    pub kind: Kind,
    /// Source, topic and payload, one behind the other. A slice of what was read at once: copy what
    /// is kept long.
    content: Bytes,
    topic_at: usize,
    payload_at: usize,
}

impl Record {
    /// Who sent it.
    #[must_use]
    pub fn source(&self) -> &str {
        text(&self.content[..self.topic_at])
    }

    /// Where it was sent to.
    #[must_use]
    pub fn topic(&self) -> &str {
        text(&self.content[self.topic_at..self.payload_at])
    }

    /// What was sent.
    #[must_use]
    pub fn payload(&self) -> &[u8] {
        &self.content[self.payload_at..]
    }
}

/// The reader has seen that it is UTF-8.
fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap_or_default()
}

/// What became of a draft. Of an empty one, `first` is above `last`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Appended {
    /// Sequence of its first record.
    pub first: u64,
    /// Sequence of its last record.
    pub last: u64,
    /// The time that all of its records bear, milliseconds since the epoch.
    pub received_ms: i64,
}

/// Tells the time, milliseconds since the epoch.
type Clock = Arc<dyn Fn() -> i64 + Send + Sync>;

/// The journal; cheap to clone. Its threads end with [`close`](Self::close), or with the last clone.
#[derive(Clone)]
pub struct Journal {
    owner: Arc<Owner>,
}

/// Holds the threads, which hold the rest.
struct Owner {
    shared: Arc<Shared>,
    /// The flusher and the housekeeping, in the order in which they are to end.
    threads: Mutex<Option<[JoinHandle<()>; 2]>>,
}

impl Journal {
    /// Opens the journal in `dir`, or begins one: cuts a torn tail, sets damage aside, destroys keys
    /// whose time is over. Reads no more than the headers and the last segment. `clock` tells
    /// milliseconds since the epoch. The caller sees to it that only one process has it open.
    ///
    /// # Errors
    /// When the folder can't be read or written, or is not of this version.
    pub fn open(
        dir: &Path,
        config: &Config,
        clock: impl Fn() -> i64 + Send + Sync + 'static,
    ) -> Result<Self, JournalError> {
        Self::open_on(Disk::default(), dir, config, Arc::new(clock))
    }

    fn open_on(
        disk: Disk,
        dir: &Path,
        config: &Config,
        clock: Clock,
    ) -> Result<Self, JournalError> {
        let recovered = recover::recover(&disk, dir, config, &clock)?;
        let keys = dir.join("keys");
        let sealer = Sealer::load(disk.clone(), &keys, config.people_hours, clock.clone())?;
        let active = recovered.active;
        let shared = Arc::new(Shared::new(
            disk,
            dir,
            config,
            clock,
            sealer,
            front::Start {
                id: recovered.id,
                last: recovered.last,
                last_ms: recovered.last_ms,
                segments: recovered.segments,
                damage_seen: recovered.damage_seen,
            },
        ));
        shared.meters.up.set(1.0);
        let spawn = |part: &str, run: Box<dyn FnOnce() + Send>| {
            std::thread::Builder::new()
                .name(format!("{}-{part}", config.name))
                .spawn(run)
                .map_err(error::at(dir))
        };
        let keep = spawn("keep", {
            let shared = shared.clone();
            Box::new(move || housekeeping::run(&shared))
        })?;
        let sync = spawn("sync", {
            let shared = shared.clone();
            Box::new(move || flusher::run(&shared, active))
        });
        let sync = match sync {
            Ok(sync) => sync,
            Err(error) => {
                shared.spares.stop();
                return Err(error);
            }
        };
        let threads = Mutex::new(Some([sync, keep]));
        Ok(Self { owner: Arc::new(Owner { shared, threads }) })
    }

    /// Random, made with the journal; in each segment's header.
    #[must_use]
    pub fn id(&self) -> [u8; 16] {
        self.owner.shared.id
    }

    /// Adds the records of `draft` behind all others, in memory; never waits for the disk. They are
    /// kept once [`committed`](Self::committed) tells their sequence. After
    /// [`close`](Self::close) they never are.
    #[allow(clippy::must_use_candidate)]
    pub fn append(&self, draft: Draft) -> Appended {
        self.owner.shared.append(draft)
    }

    /// The highest sequence that is on disk, with all below.
    #[must_use]
    pub fn committed(&self) -> watch::Receiver<u64> {
        self.owner.shared.committed.subscribe()
    }

    /// False while more than [`Config::unsynced_bytes`] wait for the disk, or it can't be written:
    /// whoever appends should take less in.
    #[must_use]
    pub fn room(&self) -> watch::Receiver<bool> {
        self.owner.shared.room.subscribe()
    }

    /// Why nothing is committed at present, in words; none while all is well.
    #[must_use]
    pub fn trouble(&self) -> watch::Receiver<Option<String>> {
        self.owner.shared.trouble.subscribe()
    }

    /// The oldest sequence still held; of an empty journal the one that comes next.
    #[must_use]
    pub fn oldest(&self) -> u64 {
        self.owner.shared.oldest()
    }

    /// The first sequences of the newest `count` segments, the newest first.
    #[must_use]
    pub fn newest_segments(&self, count: usize) -> Vec<u64> {
        locked(&self.owner.shared.segments).keys().rev().take(count).copied().collect()
    }

    /// The newest sequence that was appended; after opening the newest intact one on disk; 0 when
    /// there was none.
    #[must_use]
    pub fn last(&self) -> u64 {
        self.owner.shared.last()
    }

    /// Reads from a sequence on, or from the oldest held when that is later.
    #[must_use]
    pub fn reader(&self, from: u64) -> Reader {
        Reader::new(self.owner.shared.clone(), from)
    }

    /// Keeps the records from `at` on for whoever `name` is, until the pin is advanced or dropped.
    #[must_use]
    pub fn pin(&self, name: &'static str, at: u64) -> Pin {
        Pin::new(self.owner.shared.clone(), name, at)
    }

    /// Seals records of people, and checkpoints of them, with the key of the hour.
    #[must_use]
    pub fn sealer(&self) -> Sealer {
        self.owner.shared.sealer.clone()
    }

    /// Tries at once what is else tried each second while the disk can't be written.
    pub fn retry(&self) {
        self.owner.shared.retry();
    }

    /// Commits what waits, with one attempt where the disk can't be written, and ends the threads;
    /// blocks so long. Readers still get what was committed. Closing another clone again does nothing.
    #[allow(clippy::needless_pass_by_value)]
    pub fn close(self) {
        self.owner.end();
    }
}

impl std::fmt::Debug for Journal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Journal").field("dir", &self.owner.shared.dir).finish_non_exhaustive()
    }
}

impl Owner {
    fn end(&self) {
        // Held to the end: a second caller returns only when the first is through.
        let mut threads = locked(&self.threads);
        let Some([sync, keep]) = threads.take() else { return };
        self.shared.stop();
        let flushed = sync.join();
        self.shared.spares.stop();
        if flushed.and(keep.join()).is_err() {
            tracing::error!(journal = self.shared.name, "a thread of the journal panicked");
        }
        self.shared.closed.send_replace(true);
    }
}

impl Drop for Owner {
    fn drop(&mut self) {
        self.end();
    }
}

/// A lock whose holders keep it right also when they panic.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
