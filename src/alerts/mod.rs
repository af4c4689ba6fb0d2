//! What a person must act on, and its life: opened when something is wrong for long enough,
//! acknowledged by somebody, resolved when the cause has ended, and told.
//!
//! What is wrong now and which alerts last come from storage; a pure step says what becomes of them;
//! storage keeps that together with the notices of it, which are told by MQTT and a webhook. While
//! a cause lasts there is exactly one alert, across restarts too. What isn't known changes
//! nothing: while the database is away or behind, no alert is opened and none ends.

mod config;
mod quiet;
mod sender;
mod signature;
mod step;
mod watch;

#[cfg(test)]
mod tests;

pub use config::{Config, ConfigError, Rule};
pub use quiet::Quiet;
pub use sender::Webhook;
pub use step::{Memory, Timing, step};
pub use watch::{Progress, Surroundings, watch};
