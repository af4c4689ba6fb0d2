//! Segment files: their names, how one is prepared and how it becomes part of the journal.

use super::{JournalError, disk::Disk, error::at};
use std::{
    fs::{self, File},
    io,
    path::{Path, PathBuf},
    sync::atomic::{AtomicU64, Ordering},
};

/// What the journal knows of a segment without reading it.
#[derive(Debug, Clone)]
pub(super) struct Segment {
    pub(super) path: PathBuf,
    /// Length of the file.
    pub(super) bytes: u64,
    /// When its first record was received, milliseconds since the epoch.
    pub(super) first_ms: i64,
}

/// The segment that is being written.
pub(super) struct Active {
    pub(super) file: File,
    /// Where the next record goes.
    pub(super) at: u64,
    pub(super) capacity: u64,
    /// A write or sync of this file failed: it is never written again.
    pub(super) broken: bool,
}

/// A file of zeros that waits to become a segment.
pub(super) struct Spare {
    pub(super) file: File,
    pub(super) path: PathBuf,
    pub(super) bytes: u64,
}

const SEGMENT: &str = "seg";
const SPARE: &str = "new";

pub(super) fn path_of(dir: &Path, first: u64) -> PathBuf {
    dir.join(format!("{first:020}.{SEGMENT}"))
}

/// The segments in `dir` by first sequence, from their names alone.
pub(super) fn list(dir: &Path) -> Result<Vec<(u64, PathBuf)>, JournalError> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir).map_err(at(dir))? {
        let path = entry.map_err(at(dir))?.path();
        let first = path.file_stem().and_then(|s| s.to_str()).and_then(|s| s.parse().ok());
        if let Some(first) = first.filter(|_| path.extension().is_some_and(|e| e == SEGMENT)) {
            found.push((first, path));
        }
    }
    found.sort_unstable();
    Ok(found)
}

/// Removes spares that an earlier process left: they are no part of the journal yet.
pub(super) fn remove_spares(disk: &Disk, dir: &Path) -> Result<(), JournalError> {
    for entry in fs::read_dir(dir).map_err(at(dir))? {
        let path = entry.map_err(at(dir))?.path();
        if path.extension().is_some_and(|e| e == SPARE) {
            disk.remove(&path).map_err(at(&path))?;
        }
    }
    Ok(())
}

/// Makes a file of `bytes` zeros, really written: a commit into it then changes no metadata, and
/// a disk that is too full says so now.
pub(super) fn prepare(disk: &Disk, dir: &Path, bytes: u64) -> io::Result<Spare> {
    static NUMBER: AtomicU64 = AtomicU64::new(0);
    let path = dir.join(format!("{}.{SPARE}", NUMBER.fetch_add(1, Ordering::Relaxed)));
    let fill = || {
        let file = disk.create(&path)?;
        write_zeros(disk, &file, 0, bytes)?;
        disk.sync(&file)?;
        disk.sync_dir(dir)?;
        Ok(file)
    };
    match fill() {
        Ok(file) => Ok(Spare { file, path, bytes }),
        Err(error) => {
            // What could be written so far would only fill the disk.
            let _ = disk.remove(&path);
            Err(error)
        }
    }
}

/// Writes zeros from `from` up to `to`.
pub(super) fn write_zeros(disk: &Disk, file: &File, from: u64, to: u64) -> io::Result<()> {
    static ZEROS: [u8; 1 << 18] = [0; 1 << 18];
    let mut at = from;
    while at < to {
        let step = usize::try_from(to - at).unwrap_or(ZEROS.len()).min(ZEROS.len());
        disk.write(file, &ZEROS[..step], at)?;
        at += step as u64;
    }
    Ok(())
}

impl Spare {
    /// Makes it the segment `first` of the journal, what was written to it included.
    pub(super) fn adopt(
        self,
        disk: &Disk,
        dir: &Path,
        first: u64,
        first_ms: i64,
    ) -> io::Result<(File, Segment)> {
        let path = path_of(dir, first);
        let named = disk.sync(&self.file).and_then(|()| disk.rename(&self.path, &path));
        if let Err(error) = named {
            let _ = disk.remove(&self.path);
            return Err(error);
        }
        disk.sync_dir(dir)?;
        Ok((self.file, Segment { path, bytes: self.bytes, first_ms }))
    }
}
