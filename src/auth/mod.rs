//! Who may ask what over HTTP: bearer tokens in a file, each with a name and a role, and one
//! table that says what a role may do. A token itself is never kept, only its digest.

pub mod credentials;
mod role;
mod tokens;

pub use role::{Permission, Principal, Role};
pub use tokens::{AuthError, TokenInfo, Tokens};
