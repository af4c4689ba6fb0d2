//! A simulated hospital: its building, its equipment and staff, their tags and readers.
//!
//! [`site`] makes the building.

pub mod site;
