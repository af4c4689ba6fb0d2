//! A simulated hospital: its building, its equipment and staff, their tags and readers.
//!
//! [`scenario`] says what is to happen, [`site`] makes the building, [`building`] knows the ways
//! through it, [`world`] lets the hospital work, [`faults`] go between what its tags say and [`mqtt`],
//! which publishes it, or a [`recording`], with the [`truth`] beside it; [`load`] makes a rate to
//! measure with.

pub mod building;
pub mod faults;
pub mod load;
pub mod mqtt;
pub mod recording;
pub mod scenario;
pub mod site;
pub mod truth;
pub mod world;
pub mod written;
