//! The journal against real files, real threads, and a disk that fails when told.

mod appending;
mod crash;
mod damage;
mod failing;
pub(super) mod faults;
mod people;
mod retention;

use super::{Config, Draft, Journal, Kind, Reader, Record, disk::Disk};
use faults::Faults;
use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::{Duration, Instant},
};
use tempfile::TempDir;

const SEGMENT: u64 = 16 << 10;

/// Small segments, so that there are many.
fn config() -> Config {
    Config { segment_bytes: SEGMENT, ..Config::default() }
}

/// A clock that tests move.
#[derive(Clone)]
struct Hands(Arc<AtomicI64>);

impl Hands {
    fn at(ms: i64) -> Self {
        Self(Arc::new(AtomicI64::new(ms)))
    }

    fn set(&self, ms: i64) {
        self.0.store(ms, Ordering::SeqCst);
    }

    fn clock(&self) -> impl Fn() -> i64 + Send + Sync + 'static {
        let hands = self.0.clone();
        move || hands.load(Ordering::SeqCst)
    }
}

const NOON: i64 = 1_795_348_800_000;

fn folder() -> TempDir {
    tempfile::tempdir().expect("a folder")
}

fn open(dir: &Path) -> Journal {
    Journal::open(dir, &config(), Hands::at(NOON).clock()).expect("the journal opens")
}

fn open_with(dir: &Path, config: &Config, faults: &Arc<Faults>) -> Journal {
    let disk = Disk { faults: Some(faults.clone()) };
    Journal::open_on(disk, dir, config, Arc::new(Hands::at(NOON).clock())).expect("opens")
}

fn message(payload: &[u8]) -> Draft {
    let mut draft = Draft::new();
    draft.push(Kind::Message, "gateway-1", "spor/v1/tags/pump-1/position", payload);
    draft
}

/// Appends records `first..=last` whose payload tells their number, `each` bytes long.
fn append_numbered(journal: &Journal, count: u64, each: usize) {
    for _ in 0..count {
        let mut payload = vec![b'.'; each];
        let number = (journal.last() + 1).to_string();
        payload[..number.len()].copy_from_slice(number.as_bytes());
        journal.append(message(&payload));
    }
}

fn number_of(record: &Record) -> u64 {
    let text = String::from_utf8_lossy(record.payload());
    text.trim_end_matches('.').parse().expect("a number")
}

fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let until = Instant::now() + Duration::from_secs(20);
    while !holds() {
        assert!(Instant::now() < until, "waited 20 s for: {what}");
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// Waits until all that was appended is on disk.
fn all_committed(journal: &Journal) {
    let last = journal.last();
    eventually("all committed", || *journal.committed().borrow() >= last);
}

fn read_all(reader: &mut Reader) -> Vec<Record> {
    let mut all = Vec::new();
    loop {
        let some = reader.read(1000).expect("readable");
        if some.is_empty() {
            return all;
        }
        all.extend(some);
    }
}

fn sequences(records: &[Record]) -> Vec<u64> {
    records.iter().map(|r| r.sequence).collect()
}

/// Waits until the next segment lies ready, so that what follows is the flusher's doing alone.
fn prepared(dir: &Path) {
    eventually("the next segment is prepared", || {
        let mut files = std::fs::read_dir(dir).expect("folder").flatten();
        files.any(|f| {
            f.path().extension().is_some_and(|e| e == "new")
                && f.metadata().is_ok_and(|m| m.len() == SEGMENT)
        })
    });
    std::thread::sleep(Duration::from_millis(100));
}
