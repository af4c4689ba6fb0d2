//! What can go wrong with a journal.

use std::{
    io,
    path::{Path, PathBuf},
};

/// Why the journal can't be opened or read.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// The disk said no.
    #[error("journal {path}: {source}")]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A segment of another version of the format.
    #[error("journal {path}: format version {found}, this Spor knows version {known}")]
    Version {
        /// The segment.
        path: PathBuf,
        /// The version it names.
        found: u32,
        /// The version that this program knows.
        known: u32,
    },
    /// Segments of two journals in one folder.
    #[error("journal {path}: belongs to another journal than the segments before it")]
    Foreign {
        /// The segment that doesn't belong.
        path: PathBuf,
    },
    /// The file of keys is none of this version's.
    #[error(
        "journal {path}: no file of keys that this Spor knows: without it, records of people from the last hours are skipped"
    )]
    Keys {
        /// The file.
        path: PathBuf,
    },
    /// An intact record that this program doesn't understand; a newer Spor may have written it.
    #[error("journal: record {sequence} {what}: a newer Spor may have written it")]
    Unknown {
        /// Its sequence.
        sequence: u64,
        /// What is not known.
        what: String,
    },
}

/// Names the file in an error of the system.
pub(super) fn at(path: &Path) -> impl Fn(io::Error) -> JournalError {
    move |source| JournalError::Io { path: path.to_owned(), source }
}
