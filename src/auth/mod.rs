//! Who may ask what over HTTP: tokens and persons in a file, each with a name and a role, what of the
//! equipment a wall may see, and one table that says what a role may do. Secrets are never kept, only
//! their digests and hashes.

mod attempts;
pub mod credentials;
mod error;
mod kept;
mod role;
mod scope;
mod secret;
mod sessions;
mod tokens;

pub use attempts::Attempts;
pub use error::AuthError;
pub use role::{Permission, Principal, Role};
pub use scope::Scope;
pub use sessions::{Session, Sessions};
pub use tokens::{CODE_GOOD_FOR, Grant, TokenInfo, Tokens};
