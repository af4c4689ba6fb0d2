//! Every change that the journal makes to its folder, so that tests can let the disk fail.

#[cfg(test)]
use super::tests::faults::Faults;
#[cfg(test)]
use std::sync::Arc;
use std::{
    fs::{self, File},
    io,
    os::unix::fs::{FileExt, OpenOptionsExt},
    path::Path,
};

/// The disk; in tests with the faults that it is told to have.
#[derive(Clone, Default)]
pub(super) struct Disk {
    #[cfg(test)]
    pub(super) faults: Option<Arc<Faults>>,
}

impl Disk {
    /// Makes an empty file that only its owner may read, in place of one of that name.
    pub(super) fn create(&self, path: &Path) -> io::Result<File> {
        #[cfg(test)]
        self.fault(Faults::create)?;
        let mut options = File::options();
        let file =
            options.read(true).write(true).create(true).truncate(true).mode(0o600).open(path)?;
        #[cfg(test)]
        self.fault(|faults| faults.created(&file))?;
        Ok(file)
    }

    pub(super) fn write(&self, file: &File, bytes: &[u8], at: u64) -> io::Result<()> {
        #[cfg(test)]
        self.fault(|faults| faults.write(file, bytes, at))?;
        file.write_all_at(bytes, at)
    }

    /// Returns once what was written to `file`, and its length, are on disk.
    pub(super) fn sync(&self, file: &File) -> io::Result<()> {
        #[cfg(test)]
        self.fault(|faults| faults.sync(file))?;
        file.sync_data()
    }

    /// Gives a file another name; durable after [`sync_dir`](Self::sync_dir).
    pub(super) fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        #[cfg(test)]
        self.fault(|faults| faults.rename(from, to))?;
        fs::rename(from, to)
    }

    /// Removes a file; durable after [`sync_dir`](Self::sync_dir).
    pub(super) fn remove(&self, path: &Path) -> io::Result<()> {
        #[cfg(test)]
        self.fault(|faults| faults.remove(path))?;
        fs::remove_file(path)
    }

    /// Returns once the names in `dir` are on disk.
    pub(super) fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        #[cfg(test)]
        self.fault(Faults::sync_dir)?;
        File::open(dir)?.sync_all()
    }

    #[cfg(test)]
    fn fault(&self, ask: impl FnOnce(&Faults) -> io::Result<()>) -> io::Result<()> {
        self.faults.as_deref().map_or(Ok(()), ask)
    }
}
