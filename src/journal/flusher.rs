//! The flusher: takes everything that waits, writes it at once, waits for the disk, and tells.
//!
//! A file on which a write or sync failed is left as it is: what became of its pages nobody can
//! tell. Its unsynced records go to a new segment, which becomes part of the journal only once
//! they are on disk there.

use super::{front::Shared, locked, pace::Pace, segment::Active};
use spor_schemas::recording::{HEADER, Head, Header, mark_commit, record_len};
use std::{io, time::Instant};

/// Commits until the journal closes.
pub(super) fn run(shared: &Shared, active: Active) {
    let mut flusher = Flusher { shared, active };
    let mut batch = Vec::new();
    let mut pace = Pace::new(Instant::now());
    let mut rest_until = Instant::now();
    'commits: while let Some(taken) = shared.take(&mut batch, rest_until) {
        let mut done = 0;
        while done < batch.len() {
            match flusher.commit(&mut batch[done..], taken.last) {
                Ok(part) => {
                    done += part.bytes;
                    shared.publish(part.last, part.bytes);
                    shared.meters.durable(taken.since.elapsed());
                }
                Err(error) if shared.fail(&error) => {}
                Err(_) => {
                    tracing::error!(
                        journal = shared.name,
                        bytes = batch.len() - done,
                        "the journal closes and can't be written: what was not acknowledged is lost"
                    );
                    break 'commits;
                }
            }
        }
        rest_until = pace.rest_after(taken.appends, Instant::now());
    }
}

struct Flusher<'a> {
    shared: &'a Shared,
    active: Active,
}

/// Whole records at the start of a batch.
#[derive(Clone, Copy)]
struct Part {
    bytes: usize,
    last: u64,
}

impl Flusher<'_> {
    /// Brings records at the start of `batch` to the disk, as many as the segment holds.
    fn commit(&mut self, batch: &mut [u8], last: u64) -> io::Result<Part> {
        let started = Instant::now();
        mark_commit(batch);
        let room = self.active.capacity.saturating_sub(self.active.at);
        let part = match fitting(batch, room, last) {
            Some(part) if !self.active.broken => self.write(&batch[..part.bytes], part),
            _ => self.begin_segment(batch, last),
        }?;
        self.shared.meters.committed(part.bytes, started.elapsed());
        Ok(part)
    }

    fn write(&mut self, bytes: &[u8], part: Part) -> io::Result<Part> {
        let Active { file, at, broken, .. } = &mut self.active;
        let disk = &self.shared.disk;
        *broken = true;
        disk.write(file, bytes, *at)?;
        disk.sync(file)?;
        *broken = false;
        *at += part.bytes as u64;
        Ok(part)
    }

    /// Writes what fits to a new segment.
    fn begin_segment(&mut self, batch: &[u8], last: u64) -> io::Result<Part> {
        let shared = self.shared;
        let head = Head::read(batch).ok_or(io::ErrorKind::InvalidData)?;
        let spare = shared.spares.take((HEADER + head.record_len()) as u64)?;
        let part = fitting(batch, spare.bytes - HEADER as u64, last);
        let part = part.ok_or(io::ErrorKind::InvalidData)?;
        let header =
            Header { id: shared.id, first: head.sequence, first_ms: head.received_ms }.encode();
        let written = shared
            .disk
            .write(&spare.file, &header, 0)
            .and_then(|()| shared.disk.write(&spare.file, &batch[..part.bytes], HEADER as u64));
        if let Err(error) = written {
            let _ = shared.disk.remove(&spare.path);
            return Err(error);
        }
        let (file, segment) =
            spare.adopt(&shared.disk, &shared.dir, head.sequence, head.received_ms)?;
        let capacity = segment.bytes;
        locked(&shared.segments).insert(head.sequence, segment);
        let at = (HEADER + part.bytes) as u64;
        self.active = Active { file, at, capacity, broken: false };
        shared.spares.rotated();
        Ok(part)
    }
}

/// The whole records at the start of `batch` that fit into `room` bytes; none when not even the
/// first does. `last` is the last sequence of the batch.
fn fitting(batch: &[u8], room: u64, last: u64) -> Option<Part> {
    if batch.len() as u64 <= room {
        return Some(Part { bytes: batch.len(), last });
    }
    let mut bytes = 0;
    let mut fits = None;
    while bytes < batch.len() {
        let record = &batch[bytes..];
        bytes += record_len(record);
        if bytes as u64 > room {
            break;
        }
        fits = Some(Part { bytes, last: Head::read(record)?.sequence });
    }
    fits
}
