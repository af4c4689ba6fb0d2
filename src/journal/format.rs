//! The bytes on disk: a segment's header, a record's head and body, and how a record is found again
//! behind bytes that are none. The layout stands in the module's documentation.

use super::Kind;
use std::ops::RangeInclusive;

/// Bytes of a segment's header; the first record begins behind it.
pub(super) const HEADER: usize = 64;
/// Bytes of a record in front of its body.
pub(super) const HEAD: usize = 28;
/// The version of the format that this program writes, and the only one that it reads.
pub(super) const VERSION: u32 = 1;
/// The longest body; a length beyond it is no length.
pub(super) const MAX_BODY: usize = 256 << 20;

const MAGIC: &[u8; 8] = b"SPORJRNL";
/// Highest bit of the length: this record is the first of a commit, so all before it was on disk
/// before it was written.
const BEGINS: u32 = 1 << 31;
/// Flag of a body: what follows is a sealed box.
const SEALED: u8 = 1;
/// Kind and flags.
const BODY_HEAD: usize = 2;

/// What a segment says of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) id: [u8; 16],
    pub(super) first: u64,
    /// When its first record was received, milliseconds since the epoch.
    pub(super) first_ms: i64,
}

/// Why a header can't be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum HeaderFault {
    /// Nothing but zeros, or fewer bytes than a header has: the file was made and never filled.
    Blank,
    /// Written by another version of the format.
    Version(u32),
    Damaged,
}

impl Header {
    pub(super) fn encode(&self) -> [u8; HEADER] {
        let mut bytes = [0; HEADER];
        bytes[..8].copy_from_slice(MAGIC);
        bytes[8..12].copy_from_slice(&VERSION.to_le_bytes());
        bytes[12..28].copy_from_slice(&self.id);
        bytes[28..36].copy_from_slice(&self.first.to_le_bytes());
        bytes[36..44].copy_from_slice(&self.first_ms.to_le_bytes());
        let crc = crc32fast::hash(&bytes[..HEADER - 4]);
        bytes[HEADER - 4..].copy_from_slice(&crc.to_le_bytes());
        bytes
    }

    pub(super) fn decode(bytes: &[u8]) -> Result<Self, HeaderFault> {
        let Some(bytes) = bytes.get(..HEADER).filter(|b| b.iter().any(|b| *b != 0)) else {
            return Err(HeaderFault::Blank);
        };
        if crc32fast::hash(&bytes[..HEADER - 4]) != u32_at(bytes, HEADER - 4)
            || &bytes[..8] != MAGIC
        {
            return Err(HeaderFault::Damaged);
        }
        match u32_at(bytes, 8) {
            VERSION => {}
            other => return Err(HeaderFault::Version(other)),
        }
        let mut id = [0; 16];
        id.copy_from_slice(&bytes[12..28]);
        Ok(Self { id, first: u64_at(bytes, 28), first_ms: u64_at(bytes, 36).cast_signed() })
    }
}

/// What stands in front of a body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Head {
    /// Bytes of the body.
    pub(super) len: usize,
    pub(super) begins_commit: bool,
    pub(super) body_crc: u32,
    pub(super) sequence: u64,
    pub(super) received_ms: i64,
}

impl Head {
    /// The head at the start of `bytes`; none where there is no intact one.
    pub(super) fn read(bytes: &[u8]) -> Option<Self> {
        let bytes = bytes.get(..HEAD)?;
        let len = u32_at(bytes, 0);
        let head = Self {
            len: (len & !BEGINS) as usize,
            begins_commit: len & BEGINS != 0,
            body_crc: u32_at(bytes, 4),
            sequence: u64_at(bytes, 8),
            received_ms: u64_at(bytes, 16).cast_signed(),
        };
        let sound = (BODY_HEAD..=MAX_BODY).contains(&head.len)
            && crc32fast::hash(&bytes[..HEAD - 4]) == u32_at(bytes, HEAD - 4);
        sound.then_some(head)
    }

    /// Bytes of the whole record.
    pub(super) fn record_len(&self) -> usize {
        HEAD + self.len
    }
}

/// Bytes of the record that starts `bytes`, which this process wrote itself.
pub(super) fn record_len(bytes: &[u8]) -> usize {
    HEAD + (u32_at(bytes, 0) & !BEGINS) as usize
}

/// Gives each record in `bytes` its sequence, from `first` on, and its time. Returns the last sequence.
pub(super) fn stamp_all(bytes: &mut [u8], first: u64, received_ms: i64) -> u64 {
    let (mut at, mut next) = (0, first);
    while at < bytes.len() {
        let record = &mut bytes[at..];
        at += record_len(record);
        record[8..16].copy_from_slice(&next.to_le_bytes());
        record[16..24].copy_from_slice(&received_ms.to_le_bytes());
        close_head(record);
        next += 1;
    }
    next - 1
}

/// Marks the first record of `bytes` as the first of a commit.
pub(super) fn mark_commit(bytes: &mut [u8]) {
    let len = u32_at(bytes, 0) | BEGINS;
    bytes[..4].copy_from_slice(&len.to_le_bytes());
    close_head(bytes);
}

fn close_head(record: &mut [u8]) {
    let crc = crc32fast::hash(&record[..HEAD - 4]);
    record[HEAD - 4..HEAD].copy_from_slice(&crc.to_le_bytes());
}

/// Writes a record whose head still lacks sequence, time and CRC. `write` adds what follows kind
/// and flags.
///
/// # Panics
/// When the body is longer than [`MAX_BODY`].
pub(super) fn push_body(
    out: &mut Vec<u8>,
    kind: Kind,
    sealed: bool,
    write: impl FnOnce(&mut Vec<u8>),
) {
    let start = out.len();
    out.extend_from_slice(&[0; HEAD]);
    out.extend_from_slice(&[kind as u8, if sealed { SEALED } else { 0 }]);
    write(out);
    let body = &out[start + HEAD..];
    assert!(body.len() <= MAX_BODY, "a record of {} bytes", body.len());
    let len = u32::try_from(body.len()).unwrap_or_default();
    let crc = crc32fast::hash(body);
    out[start..start + 4].copy_from_slice(&len.to_le_bytes());
    out[start + 4..start + 8].copy_from_slice(&crc.to_le_bytes());
}

/// Source, topic and payload behind each other: what may be sealed.
///
/// # Panics
/// When source or topic is longer than 65,535 bytes.
pub(super) fn push_content(out: &mut Vec<u8>, source: &str, topic: &str, payload: &[u8]) {
    for text in [source, topic] {
        let len = u16::try_from(text.len()).expect("a name of at most 65,535 bytes");
        out.extend_from_slice(&len.to_le_bytes());
    }
    out.extend_from_slice(source.as_bytes());
    out.extend_from_slice(topic.as_bytes());
    out.extend_from_slice(payload);
}

/// A body taken apart; what is sealed stays closed.
#[derive(Debug, Clone, Copy)]
pub(super) struct Body<'a> {
    /// The byte of its kind.
    pub(super) kind: u8,
    pub(super) sealed: bool,
    /// Source, topic and payload, or the sealed box of them.
    pub(super) rest: &'a [u8],
}

impl<'a> Body<'a> {
    /// Takes an intact body apart; none when it sets flags that this version doesn't know.
    pub(super) fn read(body: &'a [u8]) -> Option<Self> {
        let (head, rest) = body.split_at_checked(BODY_HEAD)?;
        (head[1] & !SEALED == 0).then_some(Self {
            kind: head[0],
            sealed: head[1] & SEALED != 0,
            rest,
        })
    }
}

/// Source, topic, and where the payload begins.
pub(super) fn read_content(bytes: &[u8]) -> Option<(&str, &str, usize)> {
    let source_len = usize::from(u16_at(bytes, 0)?);
    let topic_len = usize::from(u16_at(bytes, 2)?);
    let source = std::str::from_utf8(bytes.get(4..4 + source_len)?).ok()?;
    let payload = 4 + source_len + topic_len;
    let topic = std::str::from_utf8(bytes.get(4 + source_len..payload)?).ok()?;
    Some((source, topic, payload))
}

/// The intact record at `at`: head and body CRC are right and the whole of it is in `bytes`.
pub(super) fn record_at(bytes: &[u8], at: usize) -> Option<Head> {
    let head = Head::read(bytes.get(at..)?)?;
    let body = bytes.get(at + HEAD..at + head.record_len())?;
    (crc32fast::hash(body) == head.body_crc).then_some(head)
}

/// The first intact record from `from` on whose sequence is one of `sequences`.
pub(super) fn find_record(
    bytes: &[u8],
    from: usize,
    sequences: &RangeInclusive<u64>,
) -> Option<(usize, Head)> {
    let last = bytes.len().checked_sub(HEAD)?;
    (from..=last)
        // The sequence is the cheap question: hardly any byte but a record's start passes it.
        .filter(|at| sequences.contains(&u64_at(bytes, at + 8)))
        .find_map(|at| record_at(bytes, at).map(|head| (at, head)))
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    bytes.get(at..at + 2)?.try_into().ok().map(u16::from_le_bytes)
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    let mut word = [0; 4];
    word.copy_from_slice(&bytes[at..at + 4]);
    u32::from_le_bytes(word)
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    let mut word = [0; 8];
    word.copy_from_slice(&bytes[at..at + 8]);
    u64::from_le_bytes(word)
}
