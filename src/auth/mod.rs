//! (to come)

pub mod credentials;
