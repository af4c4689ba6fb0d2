//! Everything that can go wrong between Spor and its database, each with what to do about it.

use std::path::PathBuf;

/// Why storage could not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum StorageError {
    /// The database doesn't answer now; live view and ingest go on.
    #[error("the database doesn't answer: {0}")]
    Away(String),
    /// The database refused a statement.
    #[error("the database refused: {0}")]
    Refused(String),
    /// A value is refused by a rule of the tables.
    #[error("{0}")]
    Invalid(String),
    /// Something that was named isn't in the registry.
    #[error("there is no {what} {id:?}")]
    NotFound {
        /// `asset`, `person`, `tag` or `alert`.
        what: &'static str,
        /// Its id.
        id: String,
    },
    /// `database.url` can't be read.
    #[error("database.url is not a PostgreSQL address: {0}")]
    BadUrl(String),
    /// No PostgreSQL programs were found.
    #[error(
        "PostgreSQL is not installed (14 or newer is needed): apt-get install postgresql (Debian, Ubuntu), \
         dnf install postgresql-server (Fedora), brew install postgresql@16 (macOS); or set database.url"
    )]
    NotInstalled,
    /// The programs or the server are too old.
    #[error("PostgreSQL {found} is too old: install 14 or newer, or set database.url")]
    TooOld {
        /// The major version that was found.
        found: u32,
    },
    /// The data folder belongs to another major version.
    #[error(
        "the data in {folder} was made by PostgreSQL {made_by}, but {installed} is installed: install \
         PostgreSQL {made_by} beside it, or move the folder away to begin with an empty database"
    )]
    OtherMajor {
        /// The PostgreSQL data folder.
        folder: PathBuf,
        /// What its PG_VERSION says.
        made_by: String,
        /// The versions that were found.
        installed: String,
    },
    /// A folder can't be written.
    #[error("cannot write in {folder}: {reason}; give Spor a data_dir it may write in")]
    Unwritable {
        /// The folder.
        folder: PathBuf,
        /// The system's words.
        reason: String,
    },
    /// There is no room left.
    #[error(
        "no space is left on the disk that holds {folder}: free some, or choose another data_dir"
    )]
    DiskFull {
        /// The folder.
        folder: PathBuf,
    },
    /// The TCP port is taken.
    #[error("port {port} is taken by another program: choose another one, or 0 for any")]
    PortBusy {
        /// The port.
        port: u16,
    },
    /// The password file of the private server is gone.
    #[error(
        "{file} is missing, and without it the database in {folder} can't be opened: put the file back, \
         or move the folder away to begin with an empty database"
    )]
    PasswordMissing {
        /// Where it should be.
        file: PathBuf,
        /// The PostgreSQL data folder.
        folder: PathBuf,
    },
    /// Spor runs as root, PostgreSQL refuses to, and there is no other user.
    #[error(
        "PostgreSQL won't run as root and there is no user postgres or nobody: run Spor as an ordinary user"
    )]
    NoUser,
    /// `initdb` or `postgres` failed for a reason of its own.
    #[error("PostgreSQL did not {step}: {reason} (its log: {log})")]
    Server {
        /// `start`, `stop`, or `initialise`.
        step: &'static str,
        /// The first telling line.
        reason: String,
        /// The log file.
        log: PathBuf,
    },
    /// The schema is from a newer Spor.
    #[error(
        "the database has schema version {found}, this Spor knows up to {known}: start the newer Spor, \
         or restore a backup that this one made"
    )]
    NewerSchema {
        /// What the database has.
        found: i32,
        /// What this program knows.
        known: i32,
    },
    /// The rows in the database come of another journal than the one on this disk.
    #[error(
        "the database follows journal {found}, but this data_dir holds journal {here}: use the data_dir \
         that belongs to this database, or let this journal go on from here with `spor serve --new-journal`"
    )]
    OtherJournal {
        /// The journal that the database names.
        found: String,
        /// The journal on this disk.
        here: String,
    },
    /// A migration failed; nothing of it was kept.
    #[error("migration {name} failed and was undone: {reason}")]
    Migration {
        /// The file.
        name: &'static str,
        /// The database's words.
        reason: String,
    },
    /// `pg_dump` or `pg_restore` failed, or the file can't be written.
    #[error("{program} failed: {reason}")]
    Backup {
        /// The program.
        program: &'static str,
        /// Its words.
        reason: String,
    },
    /// A backup is not put in the place of a database that is being written.
    #[error("Spor runs on this database: stop it, then restore")]
    Served,
    /// A backup is only restored into an empty database.
    #[error("the database already holds Spor's tables: restore into an empty one")]
    NotEmpty,
}

/// The text of a database error with what the server said, which its `Display` leaves out.
pub(crate) fn words(error: &tokio_postgres::Error) -> String {
    match error.as_db_error() {
        Some(db) => format!("{} (SQLSTATE {})", db.message(), db.code().code()),
        None => match std::error::Error::source(error) {
            Some(source) => format!("{error}: {source}"),
            None => error.to_string(),
        },
    }
}

/// True when the row, not the database, is at fault: SQLSTATE classes 22 and 23.
pub(crate) fn is_bad_data(error: &tokio_postgres::Error) -> bool {
    error.code().is_some_and(|code| code.code().starts_with("22") || code.code().starts_with("23"))
}

/// True when the database is gone, going, or not yet there.
fn is_away(error: &tokio_postgres::Error) -> bool {
    match error.code() {
        None => !is_of_the_program(error),
        Some(code) => matches!(&code.code()[..2], "08" | "57" | "53" | "58"),
    }
}

/// A value that doesn't fit its parameter never left the program: our fault, not the database's.
fn is_of_the_program(error: &tokio_postgres::Error) -> bool {
    !error.is_closed() && error.to_string().contains("serializ")
}

impl From<tokio_postgres::Error> for StorageError {
    fn from(error: tokio_postgres::Error) -> Self {
        if is_bad_data(&error) {
            Self::Invalid(words(&error))
        } else if is_away(&error) {
            Self::Away(words(&error))
        } else {
            Self::Refused(words(&error))
        }
    }
}

impl From<deadpool_postgres::PoolError> for StorageError {
    fn from(error: deadpool_postgres::PoolError) -> Self {
        match error {
            deadpool_postgres::PoolError::Backend(error) => error.into(),
            other => Self::Away(other.to_string()),
        }
    }
}
