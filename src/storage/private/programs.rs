//! Where the system keeps PostgreSQL's programs: PATH, the distributions' folders, Homebrew, Postgres.app.

use crate::storage::StorageError;
use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    process::Command,
};

/// The oldest major version that Spor's SQL runs on.
pub(crate) const OLDEST: u32 = 14;

/// A folder with `initdb`, `postgres`, `pg_dump` and `pg_restore` of one major version.
#[derive(Debug, Clone)]
pub(crate) struct Programs {
    folder: PathBuf,
    /// The major version.
    pub(crate) major: u32,
}

impl Programs {
    /// The path of one program.
    pub(crate) fn path(&self, program: &str) -> PathBuf {
        self.folder.join(program)
    }

    /// The programs to make a new cluster with: the newest that are installed.
    pub(crate) fn newest() -> Result<Self, StorageError> {
        let newest = installed().into_values().next_back().ok_or(StorageError::NotInstalled)?;
        if newest.major < OLDEST {
            return Err(StorageError::TooOld { found: newest.major });
        }
        Ok(newest)
    }

    /// The programs that made the cluster in `folder`, which no other major version can open.
    pub(crate) fn of_cluster(folder: &Path, made_by: &str) -> Result<Self, StorageError> {
        let mut installed = installed();
        if installed.is_empty() {
            return Err(StorageError::NotInstalled);
        }
        made_by.parse().ok().and_then(|major: u32| installed.remove(&major)).ok_or_else(|| {
            StorageError::OtherMajor {
                folder: folder.to_owned(),
                made_by: made_by.to_owned(),
                installed: installed.keys().map(u32::to_string).collect::<Vec<_>>().join(", "),
            }
        })
    }
}

/// What is installed, by major version; the first folder of a version wins.
fn installed() -> BTreeMap<u32, Programs> {
    let mut found = BTreeMap::new();
    for folder in candidates() {
        // A link on PATH leads to the folder where the other programs are too.
        let real = folder.join("postgres").canonicalize().ok();
        let folder = match real.as_deref().and_then(Path::parent) {
            Some(real) if real.join("initdb").is_file() => real.to_owned(),
            _ => folder,
        };
        if folder.join("initdb").is_file()
            && let Some(major) = major_of(&folder.join("postgres"))
        {
            found.entry(major).or_insert(Programs { folder, major });
        }
    }
    found
}

fn candidates() -> Vec<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut folders: Vec<PathBuf> = std::env::split_paths(&path).collect();
    for (parent, prefix, bin) in [
        ("/usr/lib/postgresql", "", "bin"),
        ("/usr", "pgsql-", "bin"),
        ("/usr/libexec", "postgresql", ""),
        ("/opt/homebrew/opt", "postgresql@", "bin"),
        ("/usr/local/opt", "postgresql@", "bin"),
        ("/home/linuxbrew/.linuxbrew/opt", "postgresql@", "bin"),
        ("/Applications/Postgres.app/Contents/Versions", "", "bin"),
    ] {
        let Ok(entries) = std::fs::read_dir(parent) else { continue };
        folders.extend(
            entries
                .flatten()
                .filter(|entry| entry.file_name().to_string_lossy().starts_with(prefix))
                .map(|entry| entry.path().join(bin)),
        );
    }
    folders
}

/// The major version that `postgres --version` names, e.g. `postgres (PostgreSQL) 15.18 (Debian)`.
fn major_of(postgres: &Path) -> Option<u32> {
    let output = Command::new(postgres).arg("--version").output().ok()?;
    parse_major(&String::from_utf8_lossy(&output.stdout))
}

fn parse_major(version: &str) -> Option<u32> {
    let number =
        version.split_whitespace().find(|word| word.starts_with(|c: char| c.is_ascii_digit()))?;
    number.chars().take_while(char::is_ascii_digit).collect::<String>().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_major_version_is_read_from_what_postgres_says() {
        assert_eq!(parse_major("postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)"), Some(15));
        assert_eq!(parse_major("postgres (PostgreSQL) 18beta1"), Some(18));
        assert_eq!(parse_major("nothing"), None);
    }
}
