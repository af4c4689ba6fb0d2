//! A disk that fails when it is told to, and forgets what was not synced when the power is cut.

use crate::journal::locked;
use std::{
    fs::{self, File},
    io,
    os::unix::fs::{FileExt, MetadataExt},
    path::{Path, PathBuf},
    sync::{
        Mutex,
        atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering},
    },
    time::Duration,
};

/// The faults of one disk.
#[derive(Default)]
pub(in crate::journal) struct Faults {
    /// Every write fails.
    pub(in crate::journal) fail_writes: AtomicBool,
    /// Every sync fails.
    pub(in crate::journal) fail_syncs: AtomicBool,
    /// How many more changes work before the power is cut; none: it is not cut.
    left: Mutex<Option<i64>>,
    /// How long a sync takes besides, milliseconds.
    pub(in crate::journal) sync_takes_ms: AtomicU64,
    /// How many syncs of files there were.
    pub(in crate::journal) syncs: AtomicU64,
    cut: AtomicBool,
    unsynced: Mutex<Unsynced>,
    /// How often a file was written after a write or sync of it had failed.
    pub(in crate::journal) written_after_failure: AtomicI64,
    failed_files: Mutex<Vec<u64>>,
}

#[derive(Default)]
struct Unsynced {
    writes: Vec<Write>,
    names: Vec<Name>,
}

struct Write {
    inode: u64,
    file: File,
    at: u64,
    before: Vec<u8>,
    after: Vec<u8>,
}

enum Name {
    Renamed { from: PathBuf, to: PathBuf },
    Removed { path: PathBuf, content: Vec<u8> },
}

/// The smallest piece that a disk writes wholly or not at all, bytes.
const SECTOR: usize = 512;

impl Faults {
    /// Cuts the power after `changes` more changes; negative: not at all.
    pub(in crate::journal) fn cut_after(&self, changes: i64) {
        *locked(&self.left) = (changes >= 0).then_some(changes);
    }

    pub(in crate::journal) fn is_cut(&self) -> bool {
        self.cut.load(Ordering::SeqCst)
    }

    /// May a file be made?
    pub(in crate::journal) fn create(&self) -> io::Result<()> {
        self.step()
    }

    /// A new file may bear the number of a failed one that is gone.
    pub(in crate::journal) fn created(&self, file: &File) -> io::Result<()> {
        let inode = file.metadata()?.ino();
        locked(&self.failed_files).retain(|failed| *failed != inode);
        Ok(())
    }

    pub(in crate::journal) fn write(&self, file: &File, bytes: &[u8], at: u64) -> io::Result<()> {
        let inode = file.metadata()?.ino();
        if locked(&self.failed_files).contains(&inode) {
            self.written_after_failure.fetch_add(1, Ordering::SeqCst);
        }
        if self.is_cut() {
            return Err(lost());
        }
        if self.fail_writes.load(Ordering::SeqCst) {
            locked(&self.failed_files).push(inode);
            return Err(lost());
        }
        let mut before = vec![0; bytes.len()];
        let known = file.metadata()?.len().saturating_sub(at).min(bytes.len() as u64);
        file.read_exact_at(&mut before[..usize::try_from(known).expect("a length")], at)?;
        let write = Write { inode, file: file.try_clone()?, at, before, after: bytes.to_vec() };
        locked(&self.unsynced).writes.push(write);
        // The write in which the power fails may have come as far as any other.
        self.step().inspect_err(|_| drop(file.write_all_at(bytes, at)))
    }

    pub(in crate::journal) fn sync(&self, file: &File) -> io::Result<()> {
        self.step()?;
        self.syncs.fetch_add(1, Ordering::SeqCst);
        std::thread::sleep(Duration::from_millis(self.sync_takes_ms.load(Ordering::SeqCst)));
        let inode = file.metadata()?.ino();
        if self.fail_syncs.load(Ordering::SeqCst) {
            locked(&self.failed_files).push(inode);
            return Err(lost());
        }
        locked(&self.unsynced).writes.retain(|write| write.inode != inode);
        Ok(())
    }

    pub(in crate::journal) fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.step()?;
        let renamed = Name::Renamed { from: from.to_owned(), to: to.to_owned() };
        locked(&self.unsynced).names.push(renamed);
        Ok(())
    }

    pub(in crate::journal) fn remove(&self, path: &Path) -> io::Result<()> {
        self.step()?;
        let removed = Name::Removed { path: path.to_owned(), content: fs::read(path)? };
        locked(&self.unsynced).names.push(removed);
        Ok(())
    }

    pub(in crate::journal) fn sync_dir(&self) -> io::Result<()> {
        self.step()?;
        locked(&self.unsynced).names.clear();
        Ok(())
    }

    fn step(&self) -> io::Result<()> {
        let mut left = locked(&self.left);
        if let Some(left) = left.as_mut() {
            *left -= 1;
            if *left < 0 {
                self.cut.store(true, Ordering::SeqCst);
            }
        }
        if self.is_cut() { Err(lost()) } else { Ok(()) }
    }

    /// What a power cut leaves of the unsynced: `chance` is asked for each piece.
    pub(in crate::journal) fn tear(&self, mut chance: impl FnMut() -> Piece) {
        let mut unsynced = locked(&self.unsynced);
        for write in unsynced.writes.drain(..) {
            for (index, (before, after)) in
                write.before.chunks(SECTOR).zip(write.after.chunks(SECTOR)).enumerate()
            {
                let at = write.at + (index * SECTOR) as u64;
                let bytes = match chance() {
                    // Where nothing changes nothing can be torn.
                    _ if before == after => continue,
                    Piece::Kept => after.to_vec(),
                    Piece::Lost => before.to_vec(),
                    Piece::Garbled => after.iter().map(|b| b.wrapping_mul(7) ^ 0x5a).collect(),
                };
                // A file that the disk never made can't be torn.
                let _ = write.file.write_all_at(&bytes, at);
            }
        }
        for name in unsynced.names.drain(..).rev() {
            match (name, chance()) {
                (_, Piece::Kept) => {}
                (Name::Renamed { from, to }, _) => drop(fs::rename(to, from)),
                (Name::Removed { path, content }, _) => drop(fs::write(path, content)),
            }
        }
    }
}

/// What became of a piece of an unsynced write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::journal) enum Piece {
    Kept,
    Lost,
    Garbled,
}

fn lost() -> io::Error {
    io::Error::other("the disk is gone")
}
