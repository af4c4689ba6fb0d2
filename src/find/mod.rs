//! Ways through the building: how long it takes from a place to any other, how one goes, which of
//! several comes first, and what is meant by words and scanned codes.
//!
//! A [`Ways`] is made from a site and never changes; a [`Reach`] is one question's answer to all
//! places at once. Ways go along rooms and through doors, never through walls, and from floor to
//! floor by lift, or by stairs where [`Load`] allows it.

pub mod code;
mod graph;
mod inside;
mod load;
pub mod rank;
mod reach;
mod route;
mod say;
mod steps;
pub mod vocabulary;
pub mod words;

pub use graph::{Spot, Ways};
pub use inside::Point;
pub use load::Load;
pub use reach::{Reach, Walk};
pub use route::{Leg, Route};
pub use say::{Spoken, minutes};
pub use steps::{Step, Turn};

#[cfg(test)]
mod tests;
