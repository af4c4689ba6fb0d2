//! Damage: bytes that were on disk as records and can't be read any more. It is told once, counted,
//! and a copy of the bytes is set aside, for whoever wants to make something of them.

use super::meters;
use std::{
    fs::{self, File},
    io::{self, Write},
    ops::RangeInclusive,
    path::Path,
};

/// A stretch of a segment that no record could be made of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Damage {
    /// The segment, by its first sequence.
    pub segment: u64,
    /// Where in its file the stretch begins, bytes.
    pub offset: u64,
    /// How long it is, bytes.
    pub bytes: u64,
    /// The sequences that can't be read; empty when none was lost.
    pub missing: RangeInclusive<u64>,
}

impl std::fmt::Display for Damage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { segment, offset, bytes, missing } = self;
        let (first, last) = (missing.start(), missing.end());
        write!(f, "segment {segment:020}, offset {offset}: {bytes} bytes are no records, ")?;
        write!(f, "sequences {first} to {last} are missing")
    }
}

/// Logs and counts the damage, and copies its bytes to `damaged/`.
pub(super) fn report(journal: &'static str, dir: &Path, damage: &Damage, bytes: &[u8]) {
    meters::damaged(journal).increment(1);
    let kept = set_aside(dir, damage, bytes);
    tracing::error!(journal, dir = %dir.display(), kept = ?kept, "the journal is damaged: {damage}");
}

fn set_aside(dir: &Path, damage: &Damage, bytes: &[u8]) -> io::Result<()> {
    let folder = dir.join("damaged");
    fs::create_dir_all(&folder)?;
    let path = folder.join(format!("{:020}-{}", damage.segment, damage.offset));
    // Zeros tell nothing, and the rest of a segment is many.
    let end = bytes.iter().rposition(|b| *b != 0).map_or(0, |last| last + 1);
    let mut file = File::create(path)?;
    file.write_all(&bytes[..end])?;
    file.sync_all()
}
