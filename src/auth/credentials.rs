//! MQTT credentials: a TOML file of `[[client]] name, role, hash` with Argon2id hashes, or with
//! `certificate = true` where the client shows a TLS certificate with that name.
//!
//! The file never holds a password. [`Credentials::verify`] is slow on purpose the first time a
//! password is seen (call it on a blocking thread) and fast when the same one comes back, so
//! that a thousand devices that reconnect at once don't occupy the machine.

use crate::model::ClientRole;
use argon2::{Argon2, PasswordHash, PasswordHasher, PasswordVerifier, password_hash::SaltString};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::{
    collections::HashMap,
    fs, io,
    path::{Path, PathBuf},
    sync::Mutex,
};

/// Why the credentials can't be used.
#[derive(Debug, thiserror::Error)]
pub enum CredentialsError {
    /// The file can't be read or written.
    #[error("the credentials file {path} can't be {action}: {source}")]
    File {
        /// The file.
        path: PathBuf,
        /// `read` or `written`.
        action: &'static str,
        /// What the system said.
        source: io::Error,
    },
    /// The file is no credentials file.
    #[error("the credentials file {path} is not valid: {reason}")]
    Format {
        /// The file.
        path: PathBuf,
        /// Where and what, for people; never a hash.
        reason: String,
    },
    /// The name is there already, or against the pattern.
    #[error("{0}")]
    Name(String),
    /// The password can't be hashed.
    #[error("the password can't be hashed: {0}")]
    Hash(String),
}

#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    client: Vec<Client>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Client {
    name: String,
    role: ClientRole,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    hash: Option<String>,
    /// A verified certificate with this name will do.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    certificate: bool,
}

/// What a client shows to be let in.
#[derive(Debug, Clone, Copy)]
pub enum Proof<'a> {
    /// This password.
    Password(&'a [u8]),
    /// A TLS certificate with its name.
    Certificate,
}

/// The credentials of a file, ready to be asked.
#[derive(Debug)]
pub struct Credentials {
    clients: HashMap<String, Client>,
    /// Digest of the last password of each name that was right, under a key of this process.
    seen: Mutex<HashMap<String, [u8; 32]>>,
    key: [u8; 32],
    /// A hash that fits no password: an unknown name takes as long as a wrong password.
    decoy: String,
}

impl Credentials {
    /// Reads the file.
    ///
    /// # Errors
    /// [`CredentialsError`] when it is missing, is no credentials file, or names someone twice.
    pub fn load(path: &Path) -> Result<Self, CredentialsError> {
        let file = read(path)?;
        let mut clients = HashMap::with_capacity(file.client.len());
        for client in file.client {
            let problem = if client.hash.is_none() && !client.certificate {
                Some(format!("{:?} has neither a hash nor certificate = true", client.name))
            } else if client.hash.as_deref().is_some_and(|hash| PasswordHash::new(hash).is_err()) {
                Some(format!("the hash of {:?} is no Argon2id hash", client.name))
            } else if clients.contains_key(&client.name) {
                Some(format!("{:?} is there twice", client.name))
            } else {
                None
            };
            if let Some(reason) = problem {
                return Err(CredentialsError::Format { path: path.to_owned(), reason });
            }
            clients.insert(client.name.clone(), client);
        }
        let decoy = hash(&rand::random::<[u8; 16]>())?;
        Ok(Self { clients, seen: Mutex::default(), key: rand::random(), decoy })
    }

    /// The role behind a name and its password; `None` when either is wrong.
    #[must_use]
    pub fn verify(&self, name: &str, password: &[u8]) -> Option<ClientRole> {
        if let Some(role) = self.remembered(name, password) {
            return Some(role);
        }
        let client = self.clients.get(name);
        let stored = client.and_then(|client| client.hash.as_deref()).unwrap_or(&self.decoy);
        let right = PasswordHash::new(stored)
            .is_ok_and(|hash| Argon2::default().verify_password(password, &hash).is_ok());
        let client = client.filter(|_| right)?;
        self.seen().insert(name.to_owned(), self.digest(name, password));
        Some(client.role)
    }

    /// As [`Credentials::verify`], at once, but only for a password that was right before.
    #[must_use]
    pub fn remembered(&self, name: &str, password: &[u8]) -> Option<ClientRole> {
        let client = self.clients.get(name)?;
        let digest = self.digest(name, password);
        (self.seen().get(name) == Some(&digest)).then_some(client.role)
    }

    /// The role of a client whose certificate bears `name`; the caller has verified it.
    #[must_use]
    pub fn certified(&self, name: &str) -> Option<ClientRole> {
        self.clients.get(name).filter(|client| client.certificate).map(|client| client.role)
    }

    /// How many credentials there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.clients.len()
    }

    /// True when the file names nobody.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.clients.is_empty()
    }

    fn digest(&self, name: &str, password: &[u8]) -> [u8; 32] {
        let mut sha = Sha256::new();
        sha.update(self.key);
        sha.update((name.len() as u64).to_le_bytes());
        sha.update(name.as_bytes());
        sha.update(password);
        sha.finalize().into()
    }

    fn seen(&self) -> std::sync::MutexGuard<'_, HashMap<String, [u8; 32]>> {
        self.seen.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

/// Adds a credential to the file, which is made when it is missing (mode 0600).
///
/// # Errors
/// [`CredentialsError`] when the name is there already or is no id, or the file can't be written.
pub fn add(
    path: &Path,
    name: &str,
    role: ClientRole,
    proof: Proof<'_>,
) -> Result<(), CredentialsError> {
    if !spor_schemas::ids::is_valid_id(name) {
        return Err(CredentialsError::Name(format!(
            "{name:?} is no valid name: 1 to 64 of A-Z a-z 0-9 : . _ -"
        )));
    }
    let mut file = if path.exists() { read(path)? } else { File::default() };
    if file.client.iter().any(|client| client.name == name) {
        return Err(CredentialsError::Name(format!("{name:?} has a credential already")));
    }
    let hash = match proof {
        Proof::Password(password) => Some(hash(password)?),
        Proof::Certificate => None,
    };
    let certificate = hash.is_none();
    file.client.push(Client { name: name.to_owned(), role, hash, certificate });
    let text = toml::to_string(&file).map_err(|error| CredentialsError::Format {
        path: path.to_owned(),
        reason: error.to_string(),
    })?;
    write(path, &text).map_err(|source| CredentialsError::File {
        path: path.to_owned(),
        action: "written",
        source,
    })
}

fn read(path: &Path) -> Result<File, CredentialsError> {
    let text = fs::read_to_string(path).map_err(|source| CredentialsError::File {
        path: path.to_owned(),
        action: "read",
        source,
    })?;
    // The parser's full message quotes the line, which may hold a hash.
    toml::from_str(&text).map_err(|error| CredentialsError::Format {
        path: path.to_owned(),
        reason: error.message().to_owned(),
    })
}

/// Writes beside the file and renames, so that a crash leaves the old or the new one.
fn write(path: &Path, text: &str) -> io::Result<()> {
    use std::io::Write as _;
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".new");
    let beside = path.with_file_name(name);
    let mut options = fs::OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(&beside)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    fs::rename(&beside, path)
}

/// A hash that tells nothing about the password.
pub(super) fn hash(password: &[u8]) -> Result<String, CredentialsError> {
    let failed = |error: argon2::password_hash::Error| CredentialsError::Hash(error.to_string());
    let salt = SaltString::encode_b64(&rand::random::<[u8; 16]>()).map_err(failed)?;
    Ok(Argon2::default().hash_password(password, &salt).map_err(failed)?.to_string())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_credential_that_was_added_is_verified_and_no_other() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("credentials.toml");
        add(&path, "pump-7", ClientRole::Device, Proof::Password(b"secret")).unwrap();
        add(&path, "wall", ClientRole::Subscriber, Proof::Password(b"other")).unwrap();
        let credentials = Credentials::load(&path).unwrap();
        assert_eq!(credentials.len(), 2);
        for _ in 0..2 {
            assert_eq!(credentials.verify("pump-7", b"secret"), Some(ClientRole::Device));
            assert_eq!(credentials.verify("pump-7", b"other"), None);
            assert_eq!(credentials.verify("pump-8", b"secret"), None);
        }
        assert_eq!(credentials.verify("wall", b"other"), Some(ClientRole::Subscriber));
        let text = fs::read_to_string(&path).unwrap();
        assert!(text.contains("$argon2id$") && !text.contains("secret"), "{text}");
    }

    #[test]
    fn a_certificate_is_a_credential_without_a_password() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("credentials.toml");
        add(&path, "gate", ClientRole::Reader, Proof::Certificate).unwrap();
        add(&path, "wall", ClientRole::Subscriber, Proof::Password(b"other")).unwrap();
        let credentials = Credentials::load(&path).unwrap();
        assert_eq!(credentials.certified("gate"), Some(ClientRole::Reader));
        assert_eq!(credentials.certified("wall"), None, "it has a password only");
        assert_eq!(credentials.certified("other"), None);
        for password in [&b""[..], b"gate", b"other"] {
            assert_eq!(credentials.verify("gate", password), None);
        }
        fs::write(&path, "[[client]]\nname='a'\nrole='device'\n").unwrap();
        let error = Credentials::load(&path).unwrap_err().to_string();
        assert!(error.contains("neither"), "{error}");
    }

    #[test]
    fn a_name_has_one_credential() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("credentials.toml");
        add(&path, "a", ClientRole::Device, Proof::Password(b"1")).unwrap();
        assert!(matches!(
            add(&path, "a", ClientRole::Device, Proof::Password(b"2")),
            Err(CredentialsError::Name(_))
        ));
        assert!(matches!(
            add(&path, "a/b", ClientRole::Device, Proof::Password(b"2")),
            Err(CredentialsError::Name(_))
        ));
    }

    #[test]
    fn an_invalid_file_is_refused_without_quoting_it() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("credentials.toml");
        fs::write(&path, "[[client]]\nname='a'\nrole='king'\nhash='topsecret'\n").unwrap();
        let error = Credentials::load(&path).unwrap_err().to_string();
        assert!(error.contains("king") && !error.contains("topsecret"), "{error}");
        assert!(matches!(
            Credentials::load(&dir.path().join("none")),
            Err(CredentialsError::File { .. })
        ));
    }
}
