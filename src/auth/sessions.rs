//! Logins: `sessions.toml` in the data folder, mode 0600, so that walls stay let in across a restart.
//!
//! A session is good while the token that it was begun with is: it holds that token's key, and a
//! token of the same name that was made anew is another one. Only digests are kept.

use super::{AuthError, kept, secret, tokens::Grant};
use serde::{Deserialize, Serialize};
use std::{
    collections::HashMap,
    path::{Path, PathBuf},
    sync::{Mutex, MutexGuard, PoisonError},
};

/// Sessions of one name that are kept; the oldest go.
const MOST_OF_ONE: usize = 50;

/// Who is logged in.
#[derive(Debug)]
pub struct Sessions {
    path: PathBuf,
    /// By the digest of what the browser holds.
    held: Mutex<HashMap<String, Session>>,
}

/// A login.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Session {
    sha256: String,
    /// Whose token it was begun with.
    pub name: String,
    /// Which token of that name.
    pub key: String,
    /// When it was begun or prolonged last, milliseconds since the Unix epoch.
    pub begun_ms: i64,
    /// When it ends.
    pub until_ms: i64,
}

#[derive(Serialize, Deserialize, Default)]
#[serde(deny_unknown_fields)]
struct SessionsFile {
    #[serde(default)]
    session: Vec<Session>,
}

impl Sessions {
    /// Reads `sessions.toml` in `data_dir`; no file: nobody is logged in.
    ///
    /// # Errors
    /// When the file is there but isn't readable or isn't a list of sessions.
    pub fn open(data_dir: &Path) -> Result<Self, AuthError> {
        let path = data_dir.join("sessions.toml");
        let file: SessionsFile = kept::read(&path)?;
        let held = file.session.into_iter().map(|s| (s.sha256.clone(), s)).collect();
        Ok(Self { path, held: Mutex::new(held) })
    }

    /// Begins a session and gives, this once, what the browser shall hold. Writes to disk.
    ///
    /// # Errors
    /// When the system gives no random numbers, or the file can't be written.
    pub fn begin(&self, grant: &Grant, now_ms: i64, until_ms: i64) -> Result<String, AuthError> {
        let secret = secret::long()?;
        let sha256 = secret::digest(&secret);
        let (name, key) = (grant.principal.name.clone(), grant.key.clone());
        let session = Session { sha256: sha256.clone(), name, key, begun_ms: now_ms, until_ms };
        self.change(now_ms, |held| {
            let mut same: Vec<_> = held.values().filter(|s| s.name == session.name).collect();
            same.sort_by_key(|session| session.begun_ms);
            let too_many = (same.len() + 1).saturating_sub(MOST_OF_ONE);
            let oldest: Vec<_> = same.iter().take(too_many).map(|s| s.sha256.clone()).collect();
            for old in oldest {
                held.remove(&old);
            }
            held.insert(sha256, session);
        })?;
        Ok(secret)
    }

    /// The session that a browser holds; none: there is no such, or it has ended.
    #[must_use]
    pub fn find(&self, secret: &str, now_ms: i64) -> Option<Session> {
        // Looked up by digest: how long that takes says nothing about the secret.
        self.lock().get(&secret::digest(secret)).filter(|held| now_ms < held.until_ms).cloned()
    }

    /// Lets a session end later. Writes to disk.
    ///
    /// # Errors
    /// When the file can't be written.
    pub fn prolong(&self, secret: &str, now_ms: i64, until_ms: i64) -> Result<(), AuthError> {
        let sha256 = secret::digest(secret);
        self.change(now_ms, |held| {
            if let Some(session) = held.get_mut(&sha256) {
                (session.begun_ms, session.until_ms) = (now_ms, until_ms);
            }
        })
    }

    /// Ends a session. Writes to disk.
    ///
    /// # Errors
    /// When the file can't be written; it is ended all the same, until the next start.
    pub fn end(&self, secret: &str, now_ms: i64) -> Result<(), AuthError> {
        let sha256 = secret::digest(secret);
        self.change(now_ms, |held| {
            held.remove(&sha256);
        })
    }

    fn change(
        &self,
        now_ms: i64,
        change: impl FnOnce(&mut HashMap<String, Session>),
    ) -> Result<(), AuthError> {
        let mut held = self.lock();
        held.retain(|_, session| now_ms < session.until_ms);
        change(&mut held);
        let mut session: Vec<_> = held.values().cloned().collect();
        session.sort_by_key(|session| session.begun_ms);
        kept::replace(&self.path, &SessionsFile { session })
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Session>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth::{Role, Tokens};

    fn grant(folder: &Path) -> Grant {
        let tokens = Tokens::open(folder).expect("opened");
        let token = tokens.add("anna", Role::Porter).expect("added");
        tokens.grant(&token).expect("good")
    }

    #[test]
    fn a_session_outlives_a_restart_and_not_its_end() {
        let folder = tempfile::tempdir().expect("a folder");
        let grant = grant(folder.path());
        let sessions = Sessions::open(folder.path()).expect("opened");
        let secret = sessions.begin(&grant, 1_000, 5_000).expect("begun");
        let other = sessions.begin(&grant, 1_000, 9_000).expect("begun");
        let again = Sessions::open(folder.path()).expect("opened");
        assert_eq!(
            again.find(&secret, 4_999).map(|s| (s.name, s.key)),
            Some(("anna".into(), grant.key))
        );
        assert_eq!(again.find(&secret, 5_000), None);
        assert_eq!(again.find("other", 2_000), None);
        again.end(&secret, 2_000).expect("ended");
        again.prolong(&other, 2_000, 20_000).expect("prolonged");
        let last = Sessions::open(folder.path()).expect("opened");
        assert_eq!(last.find(&secret, 2_000), None);
        assert!(last.find(&other, 19_999).is_some());
        let text = std::fs::read_to_string(folder.path().join("sessions.toml")).expect("there");
        assert!(!text.contains(&other), "only digests are kept");
    }

    #[test]
    fn one_name_has_so_many_sessions_and_the_oldest_go() {
        let folder = tempfile::tempdir().expect("a folder");
        let grant = grant(folder.path());
        let sessions = Sessions::open(folder.path()).expect("opened");
        let mut secrets = Vec::new();
        for n in 0..=i64::try_from(MOST_OF_ONE).expect("small") {
            secrets.push(sessions.begin(&grant, n, 1_000_000).expect("begun"));
        }
        assert_eq!(sessions.find(&secrets[0], 100), None);
        assert!(sessions.find(&secrets[1], 100).is_some());
    }
}
