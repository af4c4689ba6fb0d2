//! Reading what was committed, in order. A reader follows the segments by itself, opens sealed
//! records, and reads on behind damage.

use super::{Damage, JournalError, Kind, Record, damage::report, error::at, front::Shared, locked};
use bytes::Bytes;
use spor_schemas::recording::{Body, HEAD, HEADER, Head, find_record, read_content, record_at};
use std::{fs::File, io, ops::Range, os::unix::fs::FileExt, sync::Arc};
use tokio::sync::watch;

/// Least and most that is read at once, bytes. A reader close to the end takes little, one that
/// lags takes ever more.
const MIN_CHUNK: usize = 16 << 10;
const MAX_CHUNK: usize = 4 << 20;

/// Reads the journal from a sequence on. It holds nothing back: that is a [`Pin`](super::Pin)'s work.
pub struct Reader {
    shared: Arc<Shared>,
    committed: watch::Receiver<u64>,
    closed: watch::Receiver<bool>,
    /// The sequence that is read next.
    next: u64,
    missed: u64,
    place: Option<Place>,
    /// How much is read next, bytes: twice what was of use last time.
    chunk: usize,
    damage: Vec<Damage>,
}

/// Where in the files the reader stands.
struct Place {
    segment: u64,
    file: File,
    offset: u64,
    /// The sequence that should stand there.
    expected: u64,
}

impl Reader {
    pub(super) fn new(shared: Arc<Shared>, from: u64) -> Self {
        let oldest = shared.oldest();
        let next = from.max(1).max(oldest);
        Self {
            committed: shared.committed.subscribe(),
            closed: shared.closed.subscribe(),
            next,
            missed: next - from.max(1),
            place: None,
            chunk: MIN_CHUNK,
            damage: Vec::new(),
            shared,
        }
    }

    /// How many records the reader wanted and retention had deleted already.
    #[must_use]
    pub fn missed(&self) -> u64 {
        self.missed
    }

    /// The sequence that is read next. What stands before it was returned, or is missing.
    #[must_use]
    pub fn position(&self) -> u64 {
        self.next
    }

    /// The damage that was met since this was asked last.
    pub fn take_damage(&mut self) -> Vec<Damage> {
        std::mem::take(&mut self.damage)
    }

    /// The next committed records, about `max_bytes` of them and at least one; none when all were
    /// read. Damaged records, and sealed ones whose key is gone, are left out and counted, so
    /// sequences may jump. Blocks for the disk.
    ///
    /// # Errors
    /// When the disk can't be read, or a record is none that this version understands; the reader
    /// stays in front of it.
    pub fn read(&mut self, max_bytes: usize) -> Result<Vec<Record>, JournalError> {
        let mut records = Vec::new();
        loop {
            let committed = *self.committed.borrow();
            if self.next > committed || !records.is_empty() {
                return Ok(records);
            }
            self.read_chunk(max_bytes, committed, &mut records)?;
        }
    }

    /// Waits until something committed lies ahead. False when the journal was closed and nothing does.
    pub async fn wait(&mut self) -> bool {
        loop {
            // In this order: the last commit is told before the journal is closed.
            let closed = *self.closed.borrow_and_update();
            if self.next <= *self.committed.borrow_and_update() {
                return true;
            }
            if closed {
                return false;
            }
            tokio::select! {
                _ = self.committed.changed() => {}
                _ = self.closed.changed() => {}
            }
        }
    }

    fn read_chunk(
        &mut self,
        max_bytes: usize,
        committed: u64,
        records: &mut Vec<Record>,
    ) -> Result<(), JournalError> {
        let Some(until) = self.enter(committed)? else { return Ok(()) };
        let Some(place) = &self.place else { return Ok(()) };
        let path = super::segment::path_of(&self.shared.dir, place.segment);
        let mut wanted = self.chunk.min(max_bytes).max(MIN_CHUNK);
        let (chunk, found) = loop {
            let chunk = read_at(&place.file, place.offset, wanted).map_err(at(&path))?;
            let whole = chunk.len() < wanted;
            let found = records_in(&chunk, place.expected, until, max_bytes);
            match Head::read(&chunk) {
                // Larger than the chunk: once more, with room for it.
                Some(head) if found.is_empty() && !whole && head.record_len() > wanted => {
                    wanted = head.record_len();
                }
                _ => break (chunk, found),
            }
        };
        let Some(used) = found.last().map(|(_, body)| body.end) else {
            return self.pass_damage(until).map_err(at(&path));
        };
        self.chunk = (2 * used).clamp(MIN_CHUNK, MAX_CHUNK);
        let chunk = shared_chunk(chunk, used);
        for (head, body) in found {
            if head.sequence >= self.next {
                if let Some(record) = self.record(&head, &chunk, body.clone())? {
                    records.push(record);
                }
                self.next = head.sequence + 1;
            }
            if let Some(place) = &mut self.place {
                place.offset += head.record_len() as u64;
                place.expected = head.sequence + 1;
            }
        }
        Ok(())
    }

    /// Stands in the segment that holds the next record; returns the last sequence to be read there.
    fn enter(&mut self, committed: u64) -> Result<Option<u64>, JournalError> {
        let (segment, path, end) = {
            let segments = locked(&self.shared.segments);
            let Some((&oldest, _)) = segments.first_key_value() else { return Ok(None) };
            if self.next < oldest {
                self.missed += oldest - self.next;
                self.next = oldest;
            }
            let Some((&first, segment)) = segments.range(..=self.next).next_back() else {
                return Ok(None);
            };
            let behind = segments.range(first + 1..).next();
            (first, segment.path.clone(), behind.map_or(u64::MAX, |(next, _)| next - 1))
        };
        if self.next > committed {
            return Ok(None);
        }
        if self.place.as_ref().is_none_or(|place| place.segment != segment) {
            match File::open(&path) {
                Ok(file) => {
                    let offset = HEADER as u64;
                    self.place = Some(Place { segment, file, offset, expected: segment });
                }
                // Deleted since the list was read: the next round knows.
                Err(error)
                    if error.kind() == io::ErrorKind::NotFound
                        && !locked(&self.shared.segments).contains_key(&segment) =>
                {
                    return Ok(None);
                }
                Err(error) => return Err(at(&path)(error)),
            }
        }
        Ok(Some(end.min(committed)))
    }

    /// Nothing readable stands where a committed record should: tells, and goes on behind it.
    fn pass_damage(&mut self, until: u64) -> io::Result<()> {
        let Some(place) = &mut self.place else { return Ok(()) };
        let rest = read_at(&place.file, place.offset, usize::MAX)?;
        let found = find_record(&rest, 0, &(place.expected..=until));
        let (bytes, behind) = found.map_or((rest.len(), until + 1), |(o, head)| (o, head.sequence));
        if behind > self.next {
            let damage = Damage {
                segment: place.segment,
                offset: place.offset,
                bytes: bytes as u64,
                missing: self.next..=behind - 1,
            };
            let key = (damage.segment, damage.offset);
            if locked(&self.shared.damage_seen).insert(key) {
                report(self.shared.name, &self.shared.dir, &damage, &rest[..bytes]);
            }
            self.damage.push(damage);
            self.next = behind;
        }
        if found.is_some() {
            place.offset += bytes as u64;
        }
        place.expected = behind;
        Ok(())
    }

    /// The record in `chunk`; none when its key is gone.
    fn record(
        &mut self,
        head: &Head,
        chunk: &Bytes,
        body: Range<usize>,
    ) -> Result<Option<Record>, JournalError> {
        let unknown =
            |what: &str| JournalError::Unknown { sequence: head.sequence, what: what.to_owned() };
        let taken =
            Body::read(&chunk[body]).ok_or_else(|| unknown("has flags of no known meaning"))?;
        let kind = Kind::from_byte(taken.kind)
            .ok_or_else(|| unknown(&format!("is of the unknown kind {}", taken.kind)))?;
        let content = if taken.sealed {
            match self.shared.sealer.open(taken.rest) {
                Some(plain) => Bytes::from(plain),
                None => {
                    self.shared.meters.sealed_skipped.increment(1);
                    return Ok(None);
                }
            }
        } else {
            chunk.slice_ref(taken.rest)
        };
        let (source, topic, payload) =
            read_content(&content).ok_or_else(|| unknown("has a content of no known form"))?;
        let (begin, topic_at) = (payload - topic.len() - source.len(), source.len());
        Ok(Some(Record {
            sequence: head.sequence,
            received_ms: head.received_ms,
            kind,
            topic_at,
            payload_at: topic_at + topic.len(),
            content: content.slice(begin..),
        }))
    }
}

/// The records at the start of `chunk`, as far as they are whole, follow each other and were
/// committed: their heads and where their bodies stand.
fn records_in(
    chunk: &[u8],
    mut expected: u64,
    until: u64,
    max_bytes: usize,
) -> Vec<(Head, Range<usize>)> {
    let mut found = Vec::new();
    let mut offset = 0;
    while expected <= until && (found.is_empty() || offset < max_bytes) {
        let Some(head) = record_at(chunk, offset).filter(|head| head.sequence == expected) else {
            break;
        };
        let end = offset + head.record_len();
        found.push((head, offset + HEAD..end));
        offset = end;
        expected += 1;
    }
    found
}

/// The `used` first bytes, to be shared by records; a small rest doesn't keep a large chunk alive.
fn shared_chunk(mut chunk: Vec<u8>, used: usize) -> Bytes {
    if used < chunk.len() / 2 {
        return Bytes::copy_from_slice(&chunk[..used]);
    }
    chunk.truncate(used);
    Bytes::from(chunk)
}

/// Up to `wanted` bytes from `offset` on, fewer at the end of the file.
fn read_at(file: &File, offset: u64, wanted: usize) -> io::Result<Vec<u8>> {
    let left = file.metadata()?.len().saturating_sub(offset);
    let mut chunk = vec![0; wanted.min(usize::try_from(left).unwrap_or(usize::MAX))];
    file.read_exact_at(&mut chunk, offset)?;
    Ok(chunk)
}
