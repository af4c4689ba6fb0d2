//! A simulated hospital: its building, its equipment and staff, their tags and readers.
//!
//! [`site`] makes the building, [`building`] knows the ways through it.

pub mod building;
pub mod site;
