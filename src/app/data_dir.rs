//! The data folder: one Spor at a time, and a file that tells what was bound.

use serde::Serialize;
use std::{
    fs::{self, File, TryLockError},
    io::Write,
    path::{Path, PathBuf},
};

/// What was bound; passwords are not in it.
#[derive(Debug, Serialize)]
pub(super) struct Endpoints {
    pub(super) http: String,
    pub(super) mqtt: String,
    /// MQTT over TLS.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) mqtts: Option<String>,
    pub(super) database: String,
}

/// Why the data folder can't be used.
#[derive(Debug, thiserror::Error)]
pub(super) enum DataDirError {
    #[error("data_dir {path} can't be written: {source}: choose another with SPOR_DATA_DIR")]
    Unwritable { path: PathBuf, source: std::io::Error },
    #[error(
        "another Spor runs on data_dir {path} (process {process}): stop it, or choose another with SPOR_DATA_DIR"
    )]
    Taken { path: PathBuf, process: String },
}

/// The folder, held until this value is dropped.
#[derive(Debug)]
pub(super) struct DataDir {
    path: PathBuf,
    _lock: File,
}

impl DataDir {
    /// Makes the folder when it is missing and takes it.
    pub(super) fn take(path: &Path) -> Result<Self, DataDirError> {
        let unwritable = |source| DataDirError::Unwritable { path: path.to_owned(), source };
        fs::create_dir_all(path).map_err(unwritable)?;
        let lock_path = path.join("spor.lock");
        let mut lock = File::options()
            .create(true)
            .write(true)
            .truncate(false)
            .open(&lock_path)
            .map_err(unwritable)?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let process = fs::read_to_string(&lock_path).unwrap_or_default();
                return Err(DataDirError::Taken { path: path.to_owned(), process });
            }
            Err(TryLockError::Error(source)) => return Err(unwritable(source)),
        }
        lock.set_len(0).map_err(unwritable)?;
        write!(lock, "{}", std::process::id()).map_err(unwritable)?;
        Ok(Self { path: path.to_owned(), _lock: lock })
    }

    /// Writes `endpoints.json` in one step: whoever sees it sees all of it.
    pub(super) fn write_endpoints(&self, endpoints: &Endpoints) -> Result<(), DataDirError> {
        let unwritable = |source| DataDirError::Unwritable { path: self.path.clone(), source };
        let text = serde_json::to_string_pretty(endpoints).map_err(|e| unwritable(e.into()))?;
        let beside = self.path.join("endpoints.json.new");
        fs::write(&beside, text).map_err(unwritable)?;
        fs::rename(&beside, self.path.join("endpoints.json")).map_err(unwritable)
    }

    /// A stopped Spor has no endpoints.
    pub(super) fn remove_endpoints(&self) {
        let _ = fs::remove_file(self.path.join("endpoints.json"));
    }
}
