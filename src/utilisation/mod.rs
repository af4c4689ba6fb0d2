//! What every asset is doing, concluded from where it is; unknown time is never idle time.
//!
//! Pure functions: the evidence comes in, a changed status goes out.

mod by_hand;
mod status;

pub use by_hand::{Overlaid, overlay, rules_line};
pub use status::{Evidence, follows_ms, lasts_until_ms, next, presumed_until_ms};
