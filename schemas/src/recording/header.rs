//! What stands at the start of a segment.

use super::{u32_at, u64_at};

/// Bytes of a segment's header; the first record begins behind it.
pub const HEADER: usize = 64;
/// The version of the format that this program writes, and the only one that it reads.
pub const VERSION: u32 = 1;

const MAGIC: &[u8; 8] = b"SPORJRNL";

/// What a segment says of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    /// Which journal it belongs to.
    pub id: [u8; 16],
    /// Sequence of its first record.
    pub first: u64,
    /// When its first record was received, milliseconds since the epoch.
    pub first_ms: i64,
}

/// Why a header can't be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HeaderFault {
    /// Nothing but zeros, or fewer bytes than a header has: the file was made and never filled.
    Blank,
    /// Written by another version of the format.
    Version(u32),
    /// Neither of these.
    Damaged,
}

impl Header {
    /// The header as it begins a segment.
    #[must_use]
    pub fn encode(&self) -> [u8; HEADER] {
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

    /// Reads the header at the start of a segment.
    ///
    /// # Errors
    /// [`HeaderFault`] when these bytes are none that this version reads.
    pub fn decode(bytes: &[u8]) -> Result<Self, HeaderFault> {
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
