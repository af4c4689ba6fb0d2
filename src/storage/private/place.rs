//! Where the private server lives and as whom it runs.
//!
//! PostgreSQL refuses root, so root drops to `postgres` or `nobody`; where that user can't reach
//! the data folder, the cluster lies under `/var/lib/spor`. Socket paths are limited to about
//! 100 bytes, so the socket lies in a short folder of its own that only the server's user may enter.

use crate::storage::StorageError;
use sha2::{Digest, Sha256};
use std::{
    fs,
    io::{self, ErrorKind},
    os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt, chown},
    path::{Path, PathBuf},
};

/// The user that the server runs as, when it isn't ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct User {
    pub(crate) uid: u32,
    pub(crate) gid: u32,
}

/// The folders of one private server.
#[derive(Debug, Clone)]
pub(crate) struct Place {
    /// None: the server runs as the user that Spor runs as.
    pub(crate) user: Option<User>,
    /// PostgreSQL's data folder.
    pub(crate) cluster: PathBuf,
    /// Where a new cluster is prepared; renamed to `cluster` when it is whole.
    pub(crate) unfinished: PathBuf,
    /// The folder of its socket.
    pub(crate) socket: PathBuf,
    /// The file with the password of its only user.
    pub(crate) password_file: PathBuf,
    /// What the server writes to its standard error.
    pub(crate) log: PathBuf,
}

impl Place {
    /// The place that belongs to `data_dir`, which is made when it is missing.
    pub(crate) fn of(data_dir: &Path) -> Result<Self, StorageError> {
        fs::create_dir_all(data_dir).map_err(|e| cannot_write(data_dir, &e))?;
        let data_dir = data_dir.canonicalize().map_err(|e| cannot_write(data_dir, &e))?;
        let digest = digest(&data_dir);
        let user = if rustix::process::geteuid().is_root() { Some(unprivileged()?) } else { None };
        let own = data_dir.join("postgres");
        let elsewhere_file = data_dir.join("database.folder");
        let cluster = match (fs::read_to_string(&elsewhere_file), user) {
            (Ok(elsewhere), _) => PathBuf::from(elsewhere.trim_end()),
            (Err(_), Some(user)) if !own.exists() && !reaches(user, &data_dir) => {
                let elsewhere = outside(&digest)?;
                // Written down, so that a data folder that is moved still finds its database.
                fs::write(&elsewhere_file, elsewhere.as_os_str().as_encoded_bytes())
                    .map_err(|e| cannot_write(&data_dir, &e))?;
                elsewhere
            }
            _ => own,
        };
        Ok(Self {
            unfinished: cluster.with_file_name(format!("{}.unfinished", last_part(&cluster))),
            cluster,
            socket: socket_folder(user, &digest),
            user,
            password_file: data_dir.join("database.password"),
            log: data_dir.join("database.log"),
        })
    }

    /// Makes the folder of the socket, and refuses one that others may enter.
    pub(crate) fn prepare_socket(&self) -> Result<(), StorageError> {
        let fail = |e: &io::Error| cannot_write(&self.socket, e);
        match fs::DirBuilder::new().mode(0o700).create(&self.socket) {
            Ok(()) => self.hand_over(&self.socket).map_err(|e| fail(&e)),
            Err(e) if e.kind() == ErrorKind::AlreadyExists => {
                let found = fs::symlink_metadata(&self.socket).map_err(|e| fail(&e))?;
                let owner = self.user.map_or(rustix::process::geteuid().as_raw(), |user| user.uid);
                if found.is_dir() && found.uid() == owner && found.mode() & 0o077 == 0 {
                    Ok(())
                } else {
                    Err(StorageError::Unwritable {
                        folder: self.socket.clone(),
                        reason: "it exists and isn't a private folder of the database's user"
                            .to_owned(),
                    })
                }
            }
            Err(e) => Err(fail(&e)),
        }
    }

    /// Gives `path` to the server's user.
    pub(crate) fn hand_over(&self, path: &Path) -> io::Result<()> {
        self.user.map_or(Ok(()), |user| chown(path, Some(user.uid), Some(user.gid)))
    }
}

/// The refusal that fits an error of the file system.
pub(crate) fn cannot_write(folder: &Path, error: &io::Error) -> StorageError {
    if error.kind() == ErrorKind::StorageFull {
        StorageError::DiskFull { folder: folder.to_owned() }
    } else {
        StorageError::Unwritable { folder: folder.to_owned(), reason: error.to_string() }
    }
}

fn last_part(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

/// Twelve hexadecimal digits that stand for the data folder.
fn digest(data_dir: &Path) -> String {
    Sha256::digest(data_dir.as_os_str().as_encoded_bytes())
        .iter()
        .take(6)
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

/// The cluster's folder when the server's user can't reach the data folder.
fn outside(digest: &str) -> Result<PathBuf, StorageError> {
    let parent = Path::new("/var/lib/spor");
    fs::create_dir_all(parent).map_err(|e| cannot_write(parent, &e))?;
    fs::set_permissions(parent, fs::Permissions::from_mode(0o755))
        .map_err(|e| cannot_write(parent, &e))?;
    Ok(parent.join(digest))
}

fn socket_folder(user: Option<User>, digest: &str) -> PathBuf {
    if user.is_some() && Path::new("/run").is_dir() {
        return PathBuf::from(format!("/run/spor-{digest}"));
    }
    // Not XDG_RUNTIME_DIR: it goes away when the user logs out, and the server must still be found.
    PathBuf::from(format!("/tmp/spor-{}-{digest}", rustix::process::geteuid().as_raw()))
}

/// The first of the usual users without rights, from `/etc/passwd`.
fn unprivileged() -> Result<User, StorageError> {
    let passwd = fs::read_to_string("/etc/passwd").unwrap_or_default();
    ["postgres", "_postgres", "nobody"]
        .iter()
        .find_map(|name| user_in(&passwd, name))
        .ok_or(StorageError::NoUser)
}

fn user_in(passwd: &str, name: &str) -> Option<User> {
    passwd.lines().find_map(|line| {
        let fields: Vec<&str> = line.split(':').collect();
        if fields.first() != Some(&name) {
            return None;
        }
        Some(User { uid: fields.get(2)?.parse().ok()?, gid: fields.get(3)?.parse().ok()? })
    })
}

/// True when `user` may pass through `folder` and every folder above it.
fn reaches(user: User, folder: &Path) -> bool {
    folder.ancestors().all(|part| {
        fs::metadata(part).is_ok_and(|meta| {
            let bit = if meta.uid() == user.uid {
                0o100
            } else if meta.gid() == user.gid {
                0o010
            } else {
                0o001
            };
            meta.mode() & bit != 0
        })
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_user_is_found_in_the_password_file() {
        let passwd =
            "root:x:0:0::/root:/bin/sh\npostgres:x:101:104:,,,:/var/lib/postgresql:/bin/bash\n";
        assert_eq!(user_in(passwd, "postgres"), Some(User { uid: 101, gid: 104 }));
        assert_eq!(user_in(passwd, "post"), None);
    }

    #[test]
    fn a_closed_parent_is_noticed() {
        let temp = tempfile::Builder::new()
            .permissions(fs::Permissions::from_mode(0o755))
            .tempdir()
            .unwrap();
        let inner = temp.path().join("closed").join("open");
        fs::create_dir_all(&inner).unwrap();
        let stranger = User { uid: 4_000_000, gid: 4_000_000 };
        assert!(reaches(stranger, &inner));
        fs::set_permissions(temp.path().join("closed"), fs::Permissions::from_mode(0o700)).unwrap();
        assert!(!reaches(stranger, &inner));
    }

    #[test]
    fn the_socket_path_is_short_whatever_the_data_folder() {
        let deep = PathBuf::from("/x".repeat(400));
        let socket = socket_folder(None, &digest(&deep)).join(".s.PGSQL.65535");
        assert!(socket.as_os_str().len() < 100);
    }
}
