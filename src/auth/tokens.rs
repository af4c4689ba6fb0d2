//! The file of tokens: `tokens.toml` in the data folder, mode 0600, read again when it changed.

use super::{Principal, Role};
use jiff::Timestamp;
use rand::{TryRngCore, rngs::OsRng};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write},
    os::unix::fs::{MetadataExt, OpenOptionsExt},
    path::{Path, PathBuf},
    sync::{PoisonError, RwLock},
};

/// What every token begins with, so that one that leaked is recognised.
const PREFIX: &str = "spor_";
/// Longest name of a token, in bytes.
const MAX_NAME: usize = 64;

/// The tokens of a data folder.
#[derive(Debug)]
pub struct Tokens {
    path: PathBuf,
    loaded: RwLock<Loaded>,
}

/// What may be told of a token.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TokenInfo {
    /// Whose it is.
    pub name: String,
    /// What it may.
    pub role: Role,
    /// SHA-256 of the token, 64 hexadecimal digits.
    pub sha256: String,
    /// When it was made, RFC 3339.
    pub created: String,
    /// Since when it is no longer good, RFC 3339.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revoked: Option<String>,
}

/// Why tokens can't be read or changed.
#[derive(Debug, thiserror::Error)]
pub enum AuthError {
    /// The file is there but can't be read.
    #[error("cannot read {path}: {source}")]
    Read {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The file can't be written.
    #[error("cannot write {path}: {source}")]
    Write {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Not a list of tokens.
    #[error("{path} is not a list of tokens: {detail}")]
    Malformed {
        /// Which file.
        path: PathBuf,
        /// Where it broke.
        detail: String,
    },
    /// Names are 1 to 64 bytes without control characters.
    #[error("{0:?} can't be a token's name: 1 to 64 bytes, no control characters")]
    Name(String),
    /// There is one of that name already.
    #[error("there is a token named {0:?} already; revoke it first")]
    Taken(String),
    /// There is none of that name.
    #[error("there is no token named {0:?}")]
    NoSuchToken(String),
    /// The system gives no random numbers.
    #[error("the system gives no random numbers: {0}")]
    Random(String),
}

#[derive(Debug, Default)]
struct Loaded {
    tokens: Vec<TokenInfo>,
    stamp: Option<Stamp>,
}

/// What changes when the file does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Stamp {
    inode: u64,
    modified: (i64, i64),
    length: u64,
}

#[derive(Serialize, Deserialize, Default)]
#[serde(deny_unknown_fields)]
struct TokensFile {
    #[serde(default)]
    token: Vec<TokenInfo>,
}

impl Tokens {
    /// Reads `tokens.toml` in `data_dir`; no file: no tokens.
    ///
    /// # Errors
    /// When the file is there but isn't readable or isn't a list of tokens.
    pub fn open(data_dir: &Path) -> Result<Self, AuthError> {
        let path = data_dir.join("tokens.toml");
        let stamp = stamp_of(&path);
        let tokens = read(&path)?;
        Ok(Self { path, loaded: RwLock::new(Loaded { tokens, stamp }) })
    }

    /// Makes a token and gives it, this once, in plain text.
    ///
    /// # Errors
    /// When the name is taken or unfit, or the file can't be written.
    pub fn add(&self, name: &str, role: Role) -> Result<String, AuthError> {
        if name.is_empty() || name.len() > MAX_NAME || name.chars().any(char::is_control) {
            return Err(AuthError::Name(name.chars().take(80).collect()));
        }
        let mut secret = [0u8; 32];
        OsRng.try_fill_bytes(&mut secret).map_err(|e| AuthError::Random(e.to_string()))?;
        let token = format!("{PREFIX}{}", hex(&secret));
        self.change(|tokens| {
            if tokens.iter().any(|held| held.name == name && held.revoked.is_none()) {
                return Err(AuthError::Taken(name.to_owned()));
            }
            tokens.push(TokenInfo {
                name: name.to_owned(),
                role,
                sha256: hex(&Sha256::digest(&token)),
                created: now(),
                revoked: None,
            });
            Ok(())
        })?;
        Ok(token)
    }

    /// Makes the token of that name worthless from now on.
    ///
    /// # Errors
    /// When there is none of that name, or the file can't be written.
    pub fn revoke(&self, name: &str) -> Result<(), AuthError> {
        self.change(|tokens| {
            let held = tokens.iter_mut().find(|held| held.name == name && held.revoked.is_none());
            held.ok_or_else(|| AuthError::NoSuchToken(name.to_owned()))?.revoked = Some(now());
            Ok(())
        })
    }

    /// Whose token that is; none: nobody's, or it was revoked.
    #[must_use]
    pub fn verify(&self, token: &str) -> Option<Principal> {
        let digest = hex(&Sha256::digest(token));
        self.read_fresh(|tokens| {
            let mut found = None;
            // All are compared, each to its end: how long it takes says nothing about them.
            for held in tokens {
                if same(held.sha256.as_bytes(), digest.as_bytes()) && held.revoked.is_none() {
                    found = Some(Principal { name: held.name.clone(), role: held.role });
                }
            }
            found
        })
    }

    /// True while no token is good.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.read_fresh(|tokens| tokens.iter().all(|held| held.revoked.is_some()))
    }

    /// What may be told of each token, revoked ones too.
    #[must_use]
    pub fn list(&self) -> Vec<TokenInfo> {
        self.read_fresh(<[TokenInfo]>::to_vec)
    }

    /// Shows the tokens to `look`, from the file if it changed.
    fn read_fresh<T>(&self, look: impl FnOnce(&[TokenInfo]) -> T) -> T {
        let stamp = stamp_of(&self.path);
        {
            let loaded = self.loaded.read().unwrap_or_else(PoisonError::into_inner);
            if loaded.stamp == stamp {
                return look(&loaded.tokens);
            }
        }
        let mut loaded = self.loaded.write().unwrap_or_else(PoisonError::into_inner);
        match read(&self.path) {
            Ok(tokens) => {
                tracing::info!(tokens = tokens.len(), "tokens were read again");
                loaded.tokens = tokens;
            }
            // A slip of the pen must not lock everybody out; it is logged once for each change.
            Err(error) => tracing::error!(%error, "the tokens known before stay in force"),
        }
        loaded.stamp = stamp;
        look(&loaded.tokens)
    }

    /// Reads the file, changes what it says and replaces it, while no other process does.
    fn change(
        &self,
        change: impl FnOnce(&mut Vec<TokenInfo>) -> Result<(), AuthError>,
    ) -> Result<(), AuthError> {
        let failed = |source| AuthError::Write { path: self.path.clone(), source };
        let lock = private_file(&self.path.with_extension("lock")).map_err(failed)?;
        lock.lock().map_err(failed)?;
        let mut tokens = read(&self.path)?;
        change(&mut tokens)?;
        replace(&self.path, &TokensFile { token: tokens }).map_err(failed)?;
        self.read_fresh(|_| ());
        Ok(())
    }
}

fn read(path: &Path) -> Result<Vec<TokenInfo>, AuthError> {
    let text = match fs::read_to_string(path) {
        Ok(text) => text,
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(source) => return Err(AuthError::Read { path: path.to_owned(), source }),
    };
    let file: TokensFile = toml::from_str(&text).map_err(|e| AuthError::Malformed {
        path: path.to_owned(),
        detail: e.message().to_owned(),
    })?;
    Ok(file.token)
}

fn replace(path: &Path, file: &TokensFile) -> io::Result<()> {
    let text = toml::to_string(file).map_err(io::Error::other)?;
    let beside = path.with_extension("new");
    let mut new = private_file(&beside)?;
    new.set_len(0)?;
    new.write_all(text.as_bytes())?;
    new.sync_all()?;
    fs::rename(&beside, path)
}

fn private_file(path: &Path) -> io::Result<File> {
    OpenOptions::new().create(true).write(true).truncate(false).mode(0o600).open(path)
}

fn stamp_of(path: &Path) -> Option<Stamp> {
    let meta = fs::metadata(path).ok()?;
    let modified = (meta.mtime(), meta.mtime_nsec());
    Some(Stamp { inode: meta.ino(), modified, length: meta.len() })
}

fn same(a: &[u8], b: &[u8]) -> bool {
    a.len() == b.len() && a.iter().zip(b).fold(0, |differ, (x, y)| differ | (x ^ y)) == 0
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn now() -> String {
    Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn a_token_is_good_until_it_is_revoked() {
        let folder = tempfile::tempdir().expect("a folder");
        let tokens = Tokens::open(folder.path()).expect("opened");
        assert!(tokens.is_empty());
        let plain = tokens.add("board C1", Role::Wall).expect("added");
        assert_eq!(
            tokens.verify(&plain),
            Some(Principal { name: "board C1".to_owned(), role: Role::Wall })
        );
        assert_eq!(tokens.verify("spor_"), None);
        assert_eq!(tokens.verify(&format!("{plain} ")), None);
        assert!(matches!(tokens.add("board C1", Role::Admin), Err(AuthError::Taken(_))));
        tokens.revoke("board C1").expect("revoked");
        assert_eq!(tokens.verify(&plain), None);
        assert!(tokens.is_empty());
        assert!(matches!(tokens.revoke("board C1"), Err(AuthError::NoSuchToken(_))));
        tokens.add("board C1", Role::Wall).expect("the name is free again");
    }

    #[test]
    fn the_file_keeps_digests_only_and_is_private() {
        let folder = tempfile::tempdir().expect("a folder");
        let tokens = Tokens::open(folder.path()).expect("opened");
        let plain = tokens.add("a", Role::Coordinator).expect("added");
        let path = folder.path().join("tokens.toml");
        let text = fs::read_to_string(&path).expect("readable");
        assert!(!text.contains(&plain[PREFIX.len()..]), "{text}");
        let mode = fs::metadata(&path).expect("there").permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    #[test]
    fn what_another_process_changed_is_noticed() {
        let folder = tempfile::tempdir().expect("a folder");
        let serving = Tokens::open(folder.path()).expect("opened");
        let command = Tokens::open(folder.path()).expect("opened");
        let plain = command.add("a", Role::Porter).expect("added");
        assert!(serving.verify(&plain).is_some());
        command.revoke("a").expect("revoked");
        assert!(serving.verify(&plain).is_none());
    }

    #[test]
    fn a_broken_file_is_an_error_at_the_start_and_changes_nothing_later() {
        let folder = tempfile::tempdir().expect("a folder");
        let tokens = Tokens::open(folder.path()).expect("opened");
        let plain = tokens.add("a", Role::Porter).expect("added");
        fs::write(folder.path().join("tokens.toml"), "token = 7").expect("written");
        assert!(tokens.verify(&plain).is_some());
        assert!(matches!(Tokens::open(folder.path()), Err(AuthError::Malformed { .. })));
    }
}
