//! Spor, a real-time location backend for hospitals.
//!
//! The [`broker`] admits, [`ingest`] understands, [`locate`] decides, [`live`] shows, [`storage`]
//! remembers, [`utilisation`] counts; [`find`] knows the way to it, [`replay`] shows it once more,
//! [`report`] tells a month of it. [`pipeline`] is that sentence as code; [`app`] builds the parts and
//! spawns them in the same order; [`model`] holds the values that they hand to each other.

pub mod alerts;
pub mod api;
pub mod app;
pub mod auth;
pub mod broker;
pub mod cli;
pub mod clock;
pub mod config;
pub mod find;
pub mod ingest;
pub mod journal;
pub mod live;
pub mod locate;
pub mod model;
pub mod pipeline;
pub mod privacy;
pub mod replay;
pub mod report;
pub mod shutdown;
pub mod site;
pub mod storage;
pub mod telemetry;
pub mod utilisation;
pub mod wall;
