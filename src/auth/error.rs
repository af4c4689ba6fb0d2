//! Why tokens and sessions can't be read or changed.

use std::{io, path::PathBuf};

/// Why tokens and sessions can't be read or changed.
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
    /// Not what the file shall hold.
    #[error("{path} is not as Spor writes it: {detail}")]
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
    /// Only walls are kept to a part of the equipment.
    #[error("wards, floors and classes are for walls; a {0} sees all equipment")]
    Scope(&'static str),
    /// The password is unfit.
    #[error("the password {0}")]
    Password(String),
    /// The system gives no random numbers.
    #[error("the system gives no random numbers: {0}")]
    Random(String),
}
