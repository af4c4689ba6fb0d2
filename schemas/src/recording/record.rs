//! A record's head and body, and how a record is found again behind bytes that are none.

use super::{u16_at, u32_at, u64_at};
use std::ops::RangeInclusive;

/// Bytes of a record in front of its body.
pub const HEAD: usize = 28;
/// The longest body; a length beyond it is no length.
pub const MAX_BODY: usize = 256 << 20;

/// Highest bit of the length: this record is the first of a commit, so all before it was on disk
/// before it was written.
const BEGINS: u32 = 1 << 31;
/// Flag of a body: what follows is a sealed box.
const SEALED: u8 = 1;
/// Kind and flags.
const BODY_HEAD: usize = 2;

/// What a record holds; one byte on disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// What a client published.
    Message = 1,
    /// A second passed.
    Tick = 2,
    /// The registry of assets, people and tags changed.
    Registry = 3,
    /// The site changed.
    Site = 4,
    /// Open rows were written out.
    Flush = 5,
    /// What the pipeline decided.
    Decided = 6,
    /// A late fix amended what reaches into the present.
    Amended = 7,
    /// Somebody claimed a thing, or said what it is doing.
    ByHand = 8,
    /// The rules from which statuses follow changed.
    Rules = 9,
}

impl Kind {
    /// The kind of a byte on disk; none for what this version doesn't know.
    #[must_use]
    pub fn from_byte(byte: u8) -> Option<Self> {
        [
            Self::Message,
            Self::Tick,
            Self::Registry,
            Self::Site,
            Self::Flush,
            Self::Decided,
            Self::Amended,
            Self::ByHand,
            Self::Rules,
        ]
        .into_iter()
        .find(|kind| *kind as u8 == byte)
    }
}

/// What stands in front of a body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Head {
    /// Bytes of the body.
    pub len: usize,
    /// Whether all records before this one were on disk before it was written.
    pub begins_commit: bool,
    /// CRC-32 of the body.
    pub body_crc: u32,
    /// Its place in the one order, from 1 on.
    pub sequence: u64,
    /// When it was appended, milliseconds since the epoch.
    pub received_ms: i64,
}

impl Head {
    /// The head at the start of `bytes`; none where there is no intact one.
    #[must_use]
    pub fn read(bytes: &[u8]) -> Option<Self> {
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
    #[must_use]
    pub fn record_len(&self) -> usize {
        HEAD + self.len
    }
}

/// Bytes of the record that starts `bytes`, which this process wrote itself.
#[must_use]
pub fn record_len(bytes: &[u8]) -> usize {
    HEAD + (u32_at(bytes, 0) & !BEGINS) as usize
}

/// Gives each record in `bytes` its sequence, from `first` on, and its time. Returns the last sequence.
pub fn stamp_all(bytes: &mut [u8], first: u64, received_ms: i64) -> u64 {
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
pub fn mark_commit(bytes: &mut [u8]) {
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
pub fn push_body(out: &mut Vec<u8>, kind: Kind, sealed: bool, write: impl FnOnce(&mut Vec<u8>)) {
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
pub fn push_content(out: &mut Vec<u8>, source: &str, topic: &str, payload: &[u8]) {
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
pub struct Body<'a> {
    /// The byte of its kind.
    pub kind: u8,
    /// Whether the rest is a sealed box.
    pub sealed: bool,
    /// Source, topic and payload, or the sealed box of them.
    pub rest: &'a [u8],
}

impl<'a> Body<'a> {
    /// Takes an intact body apart; none when it sets flags that this version doesn't know.
    #[must_use]
    pub fn read(body: &'a [u8]) -> Option<Self> {
        let (head, rest) = body.split_at_checked(BODY_HEAD)?;
        (head[1] & !SEALED == 0).then_some(Self {
            kind: head[0],
            sealed: head[1] & SEALED != 0,
            rest,
        })
    }
}

/// Source, topic, and where the payload begins.
#[must_use]
pub fn read_content(bytes: &[u8]) -> Option<(&str, &str, usize)> {
    let source_len = usize::from(u16_at(bytes, 0)?);
    let topic_len = usize::from(u16_at(bytes, 2)?);
    let source = std::str::from_utf8(bytes.get(4..4 + source_len)?).ok()?;
    let payload = 4 + source_len + topic_len;
    let topic = std::str::from_utf8(bytes.get(4 + source_len..payload)?).ok()?;
    Some((source, topic, payload))
}

/// The intact record at `at`: head and body CRC are right and the whole of it is in `bytes`.
#[must_use]
pub fn record_at(bytes: &[u8], at: usize) -> Option<Head> {
    let head = Head::read(bytes.get(at..)?)?;
    let body = bytes.get(at + HEAD..at + head.record_len())?;
    (crc32fast::hash(body) == head.body_crc).then_some(head)
}

/// The first intact record from `from` on whose sequence is one of `sequences`.
#[must_use]
pub fn find_record(
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
