//! What every asset is doing, concluded from where it is, what that comes to by the hour, and when it
//! is expected to be free; unknown time is never idle time.
//!
//! Pure functions: rules and evidence come in, a changed status goes out; hours of the past come in,
//! their sums go out.

mod book;
mod by_hand;
mod expected;
mod rollup;
mod rules;
mod status;

pub use book::{RuleBook, rewritten};
pub use by_hand::{Overlaid, overlay, rules_line};
pub use expected::{Expectations, Remaining};
pub use rollup::roll;
pub use rules::{Rule, Rules, RulesError, WardIs};
pub use status::{
    Evidence, InForce, LOST, Unfit, due_ms, explain, lasts_until_ms, lost_ms, next, presumed,
};

/// Section `[utilisation]` of the configuration.
#[derive(Debug, Clone, Default, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// The file of rules; none: those that are built in.
    pub rules: Option<std::path::PathBuf>,
}
