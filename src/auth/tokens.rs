//! The file of tokens: `tokens.toml` in the data folder, mode 0600, read again when it changed.

use super::{
    AuthError, Principal, Role, Scope, credentials,
    kept::{self, Stamp},
    secret,
};
use argon2::{Argon2, PasswordHash, PasswordVerifier};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use std::{
    path::{Path, PathBuf},
    sync::{OnceLock, PoisonError, RwLock},
};

#[cfg(test)]
mod tests;

/// What every token begins with, so that one that leaked is recognised.
const PREFIX: &str = "spor_";
/// Longest name of a token, in bytes.
const MAX_NAME: usize = 64;
/// Shortest and longest password, in bytes.
const PASSWORD: (usize, usize) = (10, 200);
/// How long a code lets somebody in, once.
pub const CODE_GOOD_FOR: SignedDuration = SignedDuration::from_mins(15);

/// The tokens of a data folder.
#[derive(Debug)]
pub struct Tokens {
    path: PathBuf,
    loaded: RwLock<Loaded>,
    /// A hash that fits no password: an unknown name takes as long as a wrong password.
    decoy: OnceLock<String>,
}

/// What is kept of a token.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TokenInfo {
    /// Whose it is.
    pub name: String,
    /// What it may.
    pub role: Role,
    /// SHA-256 of the token, 64 hexadecimal digits; none: a person with a password.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sha256: Option<String>,
    /// Argon2id hash of the password.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password: Option<String>,
    /// When it was made, RFC 3339.
    pub created: String,
    /// Since when it is no longer good, RFC 3339.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revoked: Option<String>,
    /// What of the equipment it may see.
    #[serde(default, skip_serializing_if = "Scope::is_everything")]
    pub scope: Scope,
}

/// Whom a secret lets in, and which token of that name it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grant {
    /// Who.
    pub principal: Principal,
    /// The same for the same token only; tells nothing about it.
    pub key: String,
}

/// A code that lets somebody in once, in place of a token.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Code {
    sha256: String,
    /// The key of the token that it stands for.
    key: String,
    until: Timestamp,
}

#[derive(Debug, Default)]
struct Loaded {
    file: TokensFile,
    stamp: Option<Stamp>,
}

#[derive(Debug, Serialize, Deserialize, Default)]
#[serde(deny_unknown_fields)]
struct TokensFile {
    #[serde(default)]
    code: Vec<Code>,
    #[serde(default)]
    token: Vec<TokenInfo>,
}

impl TokenInfo {
    fn key(&self) -> String {
        secret::digest(self.sha256.as_ref().or(self.password.as_ref()).map_or("", String::as_str))
    }

    fn grant(&self) -> Grant {
        let (name, role, scope) = (self.name.clone(), self.role, self.scope.clone());
        Grant { principal: Principal { name, role, scope }, key: self.key() }
    }

    fn is_good(&self) -> bool {
        self.revoked.is_none()
    }
}

impl Tokens {
    /// Reads `tokens.toml` in `data_dir`; no file: no tokens.
    ///
    /// # Errors
    /// When the file is there but isn't readable or isn't a list of tokens.
    pub fn open(data_dir: &Path) -> Result<Self, AuthError> {
        let path = data_dir.join("tokens.toml");
        let stamp = kept::stamp_of(&path);
        let file = kept::read(&path)?;
        Ok(Self { path, loaded: RwLock::new(Loaded { file, stamp }), decoy: OnceLock::new() })
    }

    /// Makes a token and gives it, this once, in plain text.
    ///
    /// # Errors
    /// When the name is taken or unfit, or the file can't be written.
    pub fn add(&self, name: &str, role: Role) -> Result<String, AuthError> {
        self.add_within(name, role, Scope::default())
    }

    /// Makes a token that sees a part of the equipment only, which is for walls.
    ///
    /// # Errors
    /// When the name is taken or unfit, a role has a scope that takes none, or the file can't be
    /// written.
    pub fn add_within(&self, name: &str, role: Role, scope: Scope) -> Result<String, AuthError> {
        if role != Role::Wall && !scope.is_everything() {
            return Err(AuthError::Scope(role.as_str()));
        }
        let token = format!("{PREFIX}{}", secret::long()?);
        let sha256 = Some(secret::digest(&token));
        self.put(name, role, |made| TokenInfo { sha256, scope, ..made })?;
        Ok(token)
    }

    /// Lets a person in by name and password.
    ///
    /// # Errors
    /// When the name is taken or unfit, the password is too short or too long, or the file can't be
    /// written.
    pub fn add_person(&self, name: &str, role: Role, password: &str) -> Result<(), AuthError> {
        let (shortest, longest) = PASSWORD;
        if !(shortest..=longest).contains(&password.len()) {
            return Err(AuthError::Password(format!("must be {shortest} to {longest} bytes")));
        }
        let hash = credentials::hash(password.as_bytes())
            .map_err(|error| AuthError::Password(error.to_string()))?;
        self.put(name, role, |made| TokenInfo { password: Some(hash), ..made })
    }

    fn put(
        &self,
        name: &str,
        role: Role,
        complete: impl FnOnce(TokenInfo) -> TokenInfo,
    ) -> Result<(), AuthError> {
        if name.is_empty() || name.len() > MAX_NAME || name.chars().any(char::is_control) {
            return Err(AuthError::Name(name.chars().take(80).collect()));
        }
        self.change(|file| {
            if file.token.iter().any(|held| held.name == name && held.is_good()) {
                return Err(AuthError::Taken(name.to_owned()));
            }
            file.token.push(complete(TokenInfo {
                name: name.to_owned(),
                role,
                sha256: None,
                password: None,
                created: now(),
                revoked: None,
                scope: Scope::default(),
            }));
            Ok(())
        })
    }

    /// Makes the token of that name worthless from now on, and every code and session of it.
    ///
    /// # Errors
    /// When there is none of that name, or the file can't be written.
    pub fn revoke(&self, name: &str) -> Result<(), AuthError> {
        self.change(|file| {
            let held = file.token.iter_mut().find(|held| held.name == name && held.is_good());
            held.ok_or_else(|| AuthError::NoSuchToken(name.to_owned()))?.revoked = Some(now());
            Ok(())
        })
    }

    /// Makes a code that lets somebody in once, within [`CODE_GOOD_FOR`], as the bearer of that token.
    ///
    /// # Errors
    /// When there is no token of that name, or the file can't be written.
    pub fn enroll(&self, name: &str) -> Result<String, AuthError> {
        let code = secret::code()?;
        self.change(|file| {
            let held = file.token.iter().find(|held| held.name == name && held.is_good());
            let key = held.ok_or_else(|| AuthError::NoSuchToken(name.to_owned()))?.key();
            let sha256 = secret::digest(&secret::typed_code(&code));
            file.code.push(Code { sha256, key, until: Timestamp::now() + CODE_GOOD_FOR });
            Ok(())
        })?;
        Ok(code)
    }

    /// Whom a code lets in, which it does once; none: nobody, not any more.
    ///
    /// # Errors
    /// When the file can't be written: then the code stays unused.
    pub fn redeem(&self, code: &str) -> Result<Option<Grant>, AuthError> {
        let digest = secret::digest(&secret::typed_code(code));
        // A wrong code writes nothing.
        if !self.read_fresh(|file| file.code.iter().any(|held| secret::same(&held.sha256, &digest)))
        {
            return Ok(None);
        }
        self.change(|file| {
            let at = file.code.iter().position(|held| secret::same(&held.sha256, &digest));
            let Some(at) = at else { return Ok(None) };
            let key = file.code.remove(at).key;
            let held = file.token.iter().find(|held| held.is_good() && held.key() == key);
            Ok(held.map(TokenInfo::grant))
        })
    }

    /// Whose token that is; none: nobody's, or it was revoked.
    #[must_use]
    pub fn verify(&self, token: &str) -> Option<Principal> {
        self.grant(token).map(|grant| grant.principal)
    }

    /// As [`Tokens::verify`], with the token's key.
    #[must_use]
    pub fn grant(&self, token: &str) -> Option<Grant> {
        let digest = secret::digest(token);
        self.read_fresh(|file| {
            let mut found = None;
            // All are compared, each to its end: how long it takes says nothing about them.
            for held in &file.token {
                let same = held.sha256.as_ref().is_some_and(|kept| secret::same(kept, &digest));
                if same && held.is_good() {
                    found = Some(held.grant());
                }
            }
            found
        })
    }

    /// Whom a name and a password let in. Slow on purpose: call it on a blocking thread.
    #[must_use]
    pub fn log_in(&self, name: &str, password: &str) -> Option<Grant> {
        let held = self.read_fresh(|file| {
            let named = |held: &&TokenInfo| held.name == name && held.is_good();
            file.token.iter().find(named).filter(|held| held.password.is_some()).cloned()
        });
        let decoy = || credentials::hash(&rand::random::<[u8; 16]>()).unwrap_or_default();
        let hash = held.as_ref().and_then(|held| held.password.as_ref());
        let hash = hash.unwrap_or_else(|| self.decoy.get_or_init(decoy));
        let fits = PasswordHash::new(hash).is_ok_and(|hash| {
            Argon2::default().verify_password(password.as_bytes(), &hash).is_ok()
        });
        held.filter(|_| fits).map(|held| held.grant())
    }

    /// Who bears the token of that name and key now; none: it was revoked.
    #[must_use]
    pub fn bearer(&self, name: &str, key: &str) -> Option<Principal> {
        self.read_fresh(|file| {
            let held = file.token.iter().find(|held| held.name == name && held.is_good())?;
            (held.key() == key).then(|| held.grant().principal)
        })
    }

    /// True while no token is good.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.read_fresh(|file| !file.token.iter().any(TokenInfo::is_good))
    }

    /// What may be told of each token, revoked ones too.
    #[must_use]
    pub fn list(&self) -> Vec<TokenInfo> {
        self.read_fresh(|file| file.token.clone())
    }

    /// Shows the tokens to `look`, from the file if it changed.
    fn read_fresh<T>(&self, look: impl FnOnce(&TokensFile) -> T) -> T {
        let stamp = kept::stamp_of(&self.path);
        {
            let loaded = self.loaded.read().unwrap_or_else(PoisonError::into_inner);
            if loaded.stamp == stamp {
                return look(&loaded.file);
            }
        }
        let mut loaded = self.loaded.write().unwrap_or_else(PoisonError::into_inner);
        match kept::read::<TokensFile>(&self.path) {
            Ok(file) => {
                tracing::info!(tokens = file.token.len(), "tokens were read again");
                loaded.file = file;
            }
            // A slip of the pen must not lock everybody out; it is logged once for each change.
            Err(error) => tracing::error!(%error, "the tokens known before stay in force"),
        }
        loaded.stamp = stamp;
        look(&loaded.file)
    }

    /// Reads the file, changes what it says and replaces it, while no other process does.
    fn change<T>(
        &self,
        change: impl FnOnce(&mut TokensFile) -> Result<T, AuthError>,
    ) -> Result<T, AuthError> {
        let failed = |source| AuthError::Write { path: self.path.clone(), source };
        let lock = kept::private_file(&self.path.with_extension("lock")).map_err(failed)?;
        lock.lock().map_err(failed)?;
        let mut file: TokensFile = kept::read(&self.path)?;
        let at = Timestamp::now();
        file.code.retain(|code| at < code.until);
        let changed = change(&mut file)?;
        kept::replace(&self.path, &file)?;
        self.read_fresh(|_| ());
        Ok(changed)
    }
}

fn now() -> String {
    Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}
