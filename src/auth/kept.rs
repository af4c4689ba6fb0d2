//! A private TOML file that is replaced whole: a crash leaves the old one or the new one.

use super::AuthError;
use serde::{Serialize, de::DeserializeOwned};
use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write},
    os::unix::fs::{MetadataExt, OpenOptionsExt},
    path::Path,
};

/// What changes when a file does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stamp {
    inode: u64,
    modified: (i64, i64),
    length: u64,
}

/// The stamp of the file; none: it isn't there.
pub(super) fn stamp_of(path: &Path) -> Option<Stamp> {
    let meta = fs::metadata(path).ok()?;
    let modified = (meta.mtime(), meta.mtime_nsec());
    Some(Stamp { inode: meta.ino(), modified, length: meta.len() })
}

/// What the file says; no file: nothing.
pub(super) fn read<T: DeserializeOwned + Default>(path: &Path) -> Result<T, AuthError> {
    let text = match fs::read_to_string(path) {
        Ok(text) => text,
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(T::default()),
        Err(source) => return Err(AuthError::Read { path: path.to_owned(), source }),
    };
    // The parser's full message quotes the line, which may hold a digest.
    toml::from_str(&text)
        .map_err(|e| AuthError::Malformed { path: path.to_owned(), detail: e.message().to_owned() })
}

/// Writes beside the file and renames.
pub(super) fn replace(path: &Path, file: &impl Serialize) -> Result<(), AuthError> {
    let write = || {
        let text = toml::to_string(file).map_err(io::Error::other)?;
        let beside = path.with_extension("new");
        let mut new = private_file(&beside)?;
        new.set_len(0)?;
        new.write_all(text.as_bytes())?;
        new.sync_all()?;
        fs::rename(&beside, path)
    };
    write().map_err(|source| AuthError::Write { path: path.to_owned(), source })
}

/// A file that only its owner may read, made when it isn't there.
pub(super) fn private_file(path: &Path) -> io::Result<File> {
    OpenOptions::new().create(true).write(true).truncate(false).mode(0o600).open(path)
}
