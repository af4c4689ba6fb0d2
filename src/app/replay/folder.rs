//! The folder that a replay's data lies in: one of its own, gone afterwards, or one that was named.

use super::Unplayable;
use anyhow::Context as _;
use std::{
    fs,
    path::{Path, PathBuf},
};

/// Marks a folder as a replay's: what is in it may be written over.
const MARK: &str = "replay";

/// The folder of one replay.
pub(super) struct Folder {
    path: PathBuf,
    is_left: bool,
}

impl Folder {
    /// Takes the folder that was named, or makes one. What an earlier replay left there goes.
    pub(super) fn take(named: Option<&Path>) -> anyhow::Result<Self> {
        let own = || std::env::temp_dir().join(format!("spor-replay-{}", std::process::id()));
        let path = named.map_or_else(own, Path::to_owned);
        let cannot = || format!("{} can't be written", path.display());
        fs::create_dir_all(&path).with_context(cannot)?;
        let is_empty = fs::read_dir(&path).with_context(cannot)?.next().is_none();
        if !is_empty && !path.join(MARK).exists() {
            return Err(Unplayable::Taken(path).into());
        }
        fs::write(path.join(MARK), "the data of a replay; may be deleted\n")
            .with_context(cannot)?;
        Ok(Self { path, is_left: named.is_some() })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Deletes it, unless it is to be left.
    pub(super) fn leave(self) {
        if self.is_left {
            return;
        }
        // A database that its own user couldn't reach below the folder lies elsewhere.
        if let Ok(elsewhere) = fs::read_to_string(self.path.join("database.folder")) {
            let _ = fs::remove_dir_all(elsewhere.trim_end());
        }
        if let Err(error) = fs::remove_dir_all(&self.path) {
            tracing::warn!(folder = %self.path.display(), %error, "the replay's data is left behind");
        }
    }
}
