//! Opening: finds the segments, sets aside what is damaged, cuts a torn tail, and says where to go on.

use super::{
    Clock, Config, Damage, JournalError,
    damage::report,
    disk::Disk,
    error::at,
    meters,
    segment::{self, Active, Segment},
};
use spor_schemas::recording::{HEADER, Head, Header, HeaderFault, VERSION, find_record, record_at};
use std::{
    collections::{BTreeMap, HashSet},
    fs::{self, File},
    io,
    ops::{Range, RangeInclusive},
    os::unix::fs::FileExt,
    path::Path,
};

/// What was found.
pub(super) struct Recovered {
    pub(super) id: [u8; 16],
    pub(super) segments: BTreeMap<u64, Segment>,
    pub(super) active: Active,
    /// The newest intact record.
    pub(super) last: u64,
    pub(super) last_ms: i64,
    pub(super) damage_seen: HashSet<(u64, u64)>,
}

/// Makes the folder right, and tells where the journal goes on.
pub(super) fn recover(
    disk: &Disk,
    dir: &Path,
    config: &Config,
    clock: &Clock,
) -> Result<Recovered, JournalError> {
    fs::create_dir_all(dir).map_err(at(dir))?;
    segment::remove_spares(disk, dir)?;
    let Found { id, mut segments, floor } = find_segments(disk, dir, config.name)?;
    let id = id.unwrap_or_else(rand::random);
    let mut damage_seen = HashSet::new();
    let mut last = floor.saturating_sub(1);
    let mut last_ms = i64::MIN;
    let mut active = None;
    if let Some((&first, newest)) = segments.iter().next_back() {
        let tail = open_tail(disk, config.name, first, newest)?;
        for (damage, bytes) in &tail.damage {
            report(config.name, dir, damage, bytes);
            damage_seen.insert((damage.segment, damage.offset));
        }
        last_ms = tail.last_ms;
        // Sequences of a segment that was set aside are not given again.
        if tail.last >= last {
            last = tail.last;
            active = Some(tail.active);
        }
    }
    let active = match active {
        Some(active) => active,
        None => {
            let first_ms = last_ms.max(clock());
            let header = Header { id, first: last + 1, first_ms };
            let (active, segment) = begin(disk, dir, &header, config.segment_bytes)?;
            segments.insert(last + 1, segment);
            active
        }
    };
    Ok(Recovered { id, segments, active, last, last_ms, damage_seen })
}

/// The first segment, or the one behind a damaged one.
fn begin(
    disk: &Disk,
    dir: &Path,
    header: &Header,
    bytes: u64,
) -> Result<(Active, Segment), JournalError> {
    let spare = segment::prepare(disk, dir, bytes.max(HEADER as u64)).map_err(at(dir))?;
    disk.write(&spare.file, &header.encode(), 0).map_err(at(&spare.path))?;
    let (file, segment) = spare.adopt(disk, dir, header.first, header.first_ms).map_err(at(dir))?;
    Ok((Active { file, at: HEADER as u64, capacity: segment.bytes, broken: false }, segment))
}

struct Found {
    id: Option<[u8; 16]>,
    segments: BTreeMap<u64, Segment>,
    /// Sequences below were given already, also where their segment is set aside.
    floor: u64,
}

/// Reads all headers. A segment without one is set aside, or removed when nothing is in it.
fn find_segments(disk: &Disk, dir: &Path, name: &'static str) -> Result<Found, JournalError> {
    let mut found = Found { id: None, segments: BTreeMap::new(), floor: 1 };
    for (first, path) in segment::list(dir)? {
        let file = File::open(&path).map_err(at(&path))?;
        let bytes = file.metadata().map_err(at(&path))?.len();
        let mut start = vec![0; HEADER.min(usize::try_from(bytes).unwrap_or(HEADER))];
        file.read_exact_at(&mut start, 0).map_err(at(&path))?;
        match Header::decode(&start) {
            Ok(header) if header.first == first => {
                if found.id.is_some_and(|id| id != header.id) {
                    return Err(JournalError::Foreign { path });
                }
                found.id = Some(header.id);
                found.segments.insert(first, Segment { path, bytes, first_ms: header.first_ms });
            }
            Err(HeaderFault::Version(version)) => {
                return Err(JournalError::Version { path, found: version, known: VERSION });
            }
            Ok(_) | Err(HeaderFault::Blank | HeaderFault::Damaged) => {
                found.floor = found.floor.max(first);
                let content = fs::read(&path).map_err(at(&path))?;
                if content.iter().any(|b| *b != 0) {
                    let last = last_record(&content, first).unwrap_or(first);
                    found.floor = found.floor.max(last + 1);
                    let damage = Damage {
                        segment: first,
                        offset: 0,
                        bytes: content.len() as u64,
                        missing: first..=last,
                    };
                    report(name, dir, &damage, &content);
                }
                disk.remove(&path).map_err(at(&path))?;
                disk.sync_dir(dir).map_err(at(dir))?;
            }
        }
    }
    Ok(found)
}

/// The highest sequence among the intact records of a segment whose header is damaged.
fn last_record(bytes: &[u8], first: u64) -> Option<u64> {
    let sequences = first..=first + bytes.len() as u64;
    let (mut from, mut last) = (0, None);
    while let Some((offset, head)) = find_record(bytes, from, &sequences) {
        last = last.max(Some(head.sequence));
        from = offset + head.record_len();
    }
    last
}

struct OpenTail {
    active: Active,
    last: u64,
    last_ms: i64,
    damage: Vec<(Damage, Vec<u8>)>,
}

/// Reads the newest segment whole and makes its end one to go on from.
fn open_tail(
    disk: &Disk,
    name: &'static str,
    first: u64,
    segment: &Segment,
) -> Result<OpenTail, JournalError> {
    let path = &segment.path;
    let file = File::options().read(true).write(true).open(path).map_err(at(path))?;
    let mut bytes = Vec::new();
    io::Read::read_to_end(&mut &file, &mut bytes).map_err(at(path))?;
    let tail = scan(&bytes, first);
    let written = written(&bytes);
    if written > tail.end {
        meters::torn(name);
        tracing::warn!(
            journal = name,
            segment = first,
            offset = tail.end,
            bytes = written - tail.end,
            "a commit that was never acknowledged is torn and was cut"
        );
    }
    settle(disk, &file, &bytes[..written.max(tail.end)], &tail).map_err(at(path))?;
    let damage = tail
        .holes
        .iter()
        .map(|(hole, missing)| {
            let damage = Damage {
                segment: first,
                offset: hole.start as u64,
                bytes: hole.len() as u64,
                missing: missing.clone(),
            };
            (damage, bytes[hole.clone()].to_vec())
        })
        .collect();
    let capacity = bytes.len() as u64;
    Ok(OpenTail {
        active: Active { file, at: tail.end as u64, capacity, broken: false },
        last: tail.last,
        last_ms: tail.last_ms.unwrap_or(segment.first_ms),
        damage,
    })
}

/// Overwrites what was cut, so that it can't come back to life behind new records, and writes the
/// last commit once more: when its sync failed in the process before, the page cache may hold what
/// the disk doesn't, and calls it clean.
fn settle(disk: &Disk, file: &File, bytes: &[u8], tail: &Tail) -> io::Result<()> {
    const STEP: usize = 1 << 16;
    for (index, chunk) in bytes[tail.end..].chunks(STEP).enumerate() {
        let from = (tail.end + index * STEP) as u64;
        segment::write_zeros(disk, file, from, from + chunk.len() as u64)?;
    }
    disk.write(file, &bytes[tail.commit..tail.end], tail.commit as u64)?;
    disk.sync(file)
}

/// Up to where a segment was written; the rest are the zeros that it was made of. Most of a segment
/// may be that, and a start is to be quick.
fn written(bytes: &[u8]) -> usize {
    const ZEROS: [u8; 4096] = [0; 4096];
    let end = bytes.len();
    let is_zero = |chunk: &[u8]| *chunk == ZEROS[..chunk.len()];
    let empty = bytes.rchunks(ZEROS.len()).take_while(|chunk| is_zero(chunk)).map(<[u8]>::len);
    let end = end - empty.sum::<usize>();
    bytes[..end].iter().rposition(|b| *b != 0).map_or(0, |last| last + 1)
}

/// What the newest segment holds.
pub(super) struct Tail {
    /// Where its records end.
    pub(super) end: usize,
    /// Where the last commit begins.
    commit: usize,
    pub(super) last: u64,
    last_ms: Option<i64>,
    /// Damage: where, and the sequences that are missing.
    pub(super) holes: Vec<(Range<usize>, RangeInclusive<u64>)>,
}

pub(super) fn scan(bytes: &[u8], first: u64) -> Tail {
    let mut tail = Tail {
        end: HEADER,
        commit: HEADER,
        last: first.saturating_sub(1),
        last_ms: None,
        holes: Vec::new(),
    };
    loop {
        while let Some(head) = record_at(bytes, tail.end) {
            if head.sequence != tail.last + 1 {
                break;
            }
            tail.take(&head);
        }
        let Some(found) = on_disk_behind(bytes, tail.end, tail.last + 1) else { return tail };
        let (offset, head) = found;
        tail.holes.push((tail.end..offset, tail.last + 1..=head.sequence - 1));
        tail.end = offset;
        tail.last = head.sequence - 1;
    }
}

impl Tail {
    fn take(&mut self, head: &Head) {
        if head.begins_commit {
            self.commit = self.end;
        }
        self.end += head.record_len();
        self.last = head.sequence;
        self.last_ms = Some(head.received_ms);
    }
}

/// The first intact record behind unreadable bytes, if these were on disk once: if the start of a
/// later commit stands somewhere behind them.
fn on_disk_behind(bytes: &[u8], from: usize, next: u64) -> Option<(usize, Head)> {
    let sequences = next..=next.saturating_add(bytes.len() as u64);
    // A record's head is never zeros: none begins where nothing was written.
    if written(bytes) <= from {
        return None;
    }
    let found = find_record(bytes, from, &sequences)?;
    let (mut offset, mut head) = found;
    while !head.begins_commit {
        (offset, head) = find_record(bytes, offset + head.record_len(), &sequences)?;
    }
    Some(found)
}
