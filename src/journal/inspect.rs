//! Looking at a journal from outside, while it is written or not: lists its segments, verifies them,
//! and hands out what they hold. Changes nothing.

use super::{Damage, JournalError, Kind, Sealer, error::at, recover::scan, segment};
use spor_schemas::recording::{
    Body, HEAD, HEADER, Head, Header, HeaderFault, VERSION, find_record, read_content, record_at,
};
use std::{
    fs::{self, File},
    io::{self, Read},
    path::{Path, PathBuf},
};

/// One segment.
#[derive(Debug, Clone)]
pub struct Listing {
    /// Its file.
    pub path: PathBuf,
    /// The sequence of its first record.
    pub first: u64,
    /// How many records it holds; of one that was not verified what the next one's first tells.
    pub records: u64,
    /// Length of its file.
    pub bytes: u64,
    /// When its first and its newest record were received, milliseconds since the epoch; none of an
    /// empty one. Of one that was not verified, the second is the next segment's first.
    pub span_ms: Option<(i64, i64)>,
    /// What can't be read.
    pub damage: Vec<Damage>,
}

/// One record, as far as it can be told without a key.
#[derive(Debug)]
pub struct Entry<'a> {
    /// Its sequence.
    pub sequence: u64,
    /// When it was received, milliseconds since the epoch.
    pub received_ms: i64,
    /// Its kind, or the byte of one that this version doesn't know.
    pub kind: Result<Kind, u8>,
    /// Source, topic and payload; none of a sealed one, or one of unknown form.
    pub content: Option<(&'a str, &'a str, &'a [u8])>,
    /// Whether it is sealed.
    pub sealed: bool,
    /// The sealed box.
    sealed_box: &'a [u8],
}

impl Entry<'_> {
    /// Source, topic and payload of a sealed one; none where the key is gone.
    #[must_use]
    pub fn unsealed(&self, sealer: &Sealer) -> Option<(String, String, Vec<u8>)> {
        let plain = sealer.open(self.sealed_box).filter(|_| self.sealed)?;
        let (source, topic, payload) = read_content(&plain)?;
        Some((source.to_owned(), topic.to_owned(), plain[payload..].to_vec()))
    }
}

/// Which journal lies in `dir`, and the sequence of the oldest record that it holds; none: there is
/// no readable segment.
///
/// # Errors
/// When the folder can't be read, or is of another version.
pub fn which(dir: &Path) -> Result<Option<([u8; 16], u64)>, JournalError> {
    for (first, path) in segment::list(dir)? {
        if let Some((Ok(header), _)) = read_header(&path, first)? {
            return Ok(Some((header.id, first)));
        }
    }
    Ok(None)
}

/// The segments in `dir` from the oldest on. Reads the headers and the newest segment, or with
/// `verify` every byte.
///
/// # Errors
/// When the folder can't be read, or is of another version.
pub fn segments(dir: &Path, verify: bool) -> Result<Vec<Listing>, JournalError> {
    let mut listings: Vec<Listing> = Vec::new();
    let found = segment::list(dir)?;
    for (index, (first, path)) in found.iter().enumerate() {
        let behind = found.get(index + 1).map(|(next, _)| *next);
        let Some((header, bytes)) = read_header(path, *first)? else { continue };
        let mut listing = Listing {
            path: path.clone(),
            first: *first,
            records: 0,
            bytes,
            span_ms: None,
            damage: Vec::new(),
        };
        if let (Ok(header), Some(last)) = (&header, listings.last_mut().filter(|_| !verify)) {
            last.span_ms = last.span_ms.map(|(from, _)| (from, header.first_ms));
        }
        match (header, behind) {
            (Err(damage), _) => listing.damage.push(damage),
            (Ok(header), Some(behind)) if !verify => {
                listing.records = behind - first;
                listing.span_ms = Some((header.first_ms, header.first_ms));
            }
            (Ok(_), behind) => {
                let Some(content) = read_whole(path)? else { continue };
                let mut contents = Contents::read(&content, *first, behind);
                if behind.is_none() && !contents.damage.is_empty() {
                    // It may have been written while it was read.
                    let Some(again) = read_whole(path)? else { continue };
                    contents = Contents::read(&again, *first, behind);
                }
                let times = |record: Option<&(usize, Head)>| record.map(|(_, h)| h.received_ms);
                listing.records = contents.records.len() as u64;
                listing.span_ms =
                    times(contents.records.first()).zip(times(contents.records.last()));
                listing.damage = contents.damage;
            }
        }
        listings.push(listing);
    }
    Ok(listings)
}

/// Hands the records from the sequence `from` on to `each`, until it returns false.
///
/// # Errors
/// When the folder can't be read, or is of another version.
pub fn records(
    dir: &Path,
    from: u64,
    mut each: impl FnMut(Entry<'_>) -> bool,
) -> Result<(), JournalError> {
    let found = segment::list(dir)?;
    for (index, (first, path)) in found.iter().enumerate() {
        let behind = found.get(index + 1).map(|(next, _)| *next);
        if behind.is_some_and(|behind| behind <= from) {
            continue;
        }
        let Some((Ok(_), _)) = read_header(path, *first)? else { continue };
        let Some(content) = read_whole(path)? else { continue };
        for (offset, head) in Contents::read(&content, *first, behind).records {
            let body = &content[offset + HEAD..offset + head.record_len()];
            if head.sequence >= from && !each(entry(&head, body)) {
                return Ok(());
            }
        }
    }
    Ok(())
}

fn entry<'a>(head: &Head, body: &'a [u8]) -> Entry<'a> {
    let taken = Body::read(body);
    let plain = taken.filter(|taken| !taken.sealed);
    let content = plain.and_then(|taken| {
        let (source, topic, payload) = read_content(taken.rest)?;
        Some((source, topic, &taken.rest[payload..]))
    });
    let kind = body.first().copied().unwrap_or_default();
    Entry {
        sequence: head.sequence,
        received_ms: head.received_ms,
        kind: Kind::from_byte(kind).ok_or(kind),
        content,
        sealed: taken.is_some_and(|taken| taken.sealed),
        sealed_box: taken.map_or(&[], |taken| taken.rest),
    }
}

/// The records of a segment and where they stand, and what can't be read between them.
struct Contents {
    records: Vec<(usize, Head)>,
    damage: Vec<Damage>,
}

impl Contents {
    /// `behind` is the first sequence of the next segment, where there is one.
    fn read(bytes: &[u8], first: u64, behind: Option<u64>) -> Self {
        // Behind the newest segment's records may stand a torn commit, which is no damage.
        let newest = behind.is_none().then(|| scan(bytes, first));
        let until = behind.map_or_else(|| newest.as_ref().map_or(0, |t| t.last), |b| b - 1);
        let end = newest.as_ref().map_or(bytes.len(), |tail| tail.end);
        let mut contents = Self { records: Vec::new(), damage: Vec::new() };
        let (mut offset, mut next) = (HEADER, first);
        while next <= until {
            let intact = record_at(bytes, offset).filter(|head| head.sequence == next);
            let found = intact.map(|head| (offset, head));
            let Some((at, head)) = found.or_else(|| find_record(bytes, offset, &(next..=until)))
            else {
                contents.lost(first, offset, end, next, until);
                break;
            };
            if head.sequence > next {
                contents.lost(first, offset, at, next, head.sequence - 1);
            }
            contents.records.push((at, head));
            (offset, next) = (at + head.record_len(), head.sequence + 1);
        }
        contents
    }

    fn lost(&mut self, segment: u64, from: usize, to: usize, first: u64, last: u64) {
        self.damage.push(Damage {
            segment,
            offset: from as u64,
            bytes: to.saturating_sub(from) as u64,
            missing: first..=last,
        });
    }
}

type HeaderOrDamage = Result<Header, Damage>;

/// The header of a segment and the length of its file; none when it was deleted meanwhile.
fn read_header(path: &Path, first: u64) -> Result<Option<(HeaderOrDamage, u64)>, JournalError> {
    let Some(file) = there(File::open(path)).map_err(at(path))? else { return Ok(None) };
    let bytes = file.metadata().map_err(at(path))?.len();
    let mut start = Vec::new();
    file.take(HEADER as u64).read_to_end(&mut start).map_err(at(path))?;
    let header = match Header::decode(&start) {
        Ok(header) if header.first == first => Ok(header),
        Err(HeaderFault::Version(found)) => {
            return Err(JournalError::Version { path: path.to_owned(), found, known: VERSION });
        }
        Ok(_) | Err(HeaderFault::Blank | HeaderFault::Damaged) => {
            Err(Damage { segment: first, offset: 0, bytes, missing: first..=first })
        }
    };
    Ok(Some((header, bytes)))
}

fn read_whole(path: &Path) -> Result<Option<Vec<u8>>, JournalError> {
    there(fs::read(path)).map_err(at(path))
}

/// None for a file that is not there: retention deletes while others look.
fn there<T>(result: io::Result<T>) -> io::Result<Option<T>> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}
