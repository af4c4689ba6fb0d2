//! Recordings: cut from a journal, and played again at any pace.
//!
//! Played, its records come out of a folder, each at its moment; what is done with them is the
//! caller's. What a replay is asked meanwhile (pause, step, another pace, another moment) and where it
//! is stands in [`Controls`].

mod controls;
mod cut;
mod filter;
mod import;
pub mod keys;
mod people;
mod player;
mod shift;
mod speed;
mod tags;

pub use controls::{Controls, PlayState, Status};
pub use cut::{Cut, CutError, Wanted, cut};
pub use filter::Filter;
pub use import::{Columns, Foreign, Form, ImportError, import};
pub use people::People;
pub use player::{End, play};
pub use shift::shifted;
pub use speed::Speed;
pub use tags::registry;

/// The stretch of a recording that is played, milliseconds since the Unix epoch as it was recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// What was received before is folded unseen.
    pub from_ms: i64,
    /// What was received later is left out.
    pub to_ms: i64,
}
