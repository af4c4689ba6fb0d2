//! Everything that crosses Spor's border has its shape here: ids, MQTT topics and messages in
//! JSON and CBOR with their bounds, the site file, and the recording format.
//!
//! The crate knows nothing of Spor's inside; the simulator and any foreign program can build on it.
//! JSON Schemas of the messages stand in `schemas/messages/`, generated from these types.

pub mod alert;
pub mod bounds;
pub mod event;
pub mod ids;
pub mod position;
pub mod recording;
pub mod schema;
pub mod sighting;
pub mod site;
pub mod status;
pub mod topic;
pub mod wire;

pub use alert::{AlertChange, AlertKind, AlertMessage, AlertState, Severity};
pub use event::{EventKind, EventMessage};
pub use ids::{
    AssetId, ClassId, EngineId, InvalidId, PersonId, ReaderId, StaffRole, TagId, WardId, ZoneId,
    is_valid_id,
};
pub use position::PositionMessage;
pub use sighting::SightingMessage;
pub use status::{Presence, ReaderStatusMessage, TagStatusMessage};
pub use topic::{InboundTopic, TopicError, TopicKind};
pub use wire::{Decoded, WireError};
