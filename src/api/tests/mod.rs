//! The API on a bound port, asked as a client asks.
#![allow(clippy::unwrap_used)]

mod assets;
mod building;
mod guard;
mod people;
mod storage;
mod tags;
pub(super) mod world;
