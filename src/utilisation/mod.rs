//! What every asset is doing, concluded from where it is, and what that comes to by the hour;
//! unknown time is never idle time.
//!
//! Pure functions: the evidence comes in, a changed status goes out; hours of the past come in, their
//! sums go out.

mod rollup;
mod status;

pub use rollup::roll;
pub use status::{Evidence, follows_ms, lasts_until_ms, next, presumed_until_ms};
