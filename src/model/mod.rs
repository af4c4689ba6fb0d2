//! The plain values that the parts hand to each other: no I/O, no clock, no behaviour beyond their own.

mod alert;
mod arrival;
mod asset;
mod by_hand;
mod by_id;
mod course;
mod decided;
mod figures;
mod fix;
pub mod freshness;
mod par;
mod past;
mod place;
mod registry;
mod role;
mod rollup;

pub use alert::{About, Alert, AlertStep, Cause, Lasting, Notice};
pub use arrival::{Arrival, Arrived};
pub use asset::{Asset, Basis, Person, Status, StatusNow};
pub use by_hand::{Act, Acted, ByHand, CLAIM_MS, Hand, Hands};
pub use by_id::ById;
pub use course::{Carriage, Course, Stayed};
pub use decided::{
    Decided, DecidedBatch, PositionRow, PresenceRow, Restored, RestoredStatus, RestoredTag,
    RulesRow, StatusRow, VisitRow,
};
pub use figures::{
    AtOnce, ClassFigures, DayFigures, Figures, LengthFigures, ParFigures, TransferFigures, WeekHour,
};
pub use fix::{Fix, LOW_BATTERY_PCT, Origin, Sighting, WELL_AGAIN_PCT};
pub use freshness::Freshness;
pub use par::ParLevel;
pub use past::{Carried, PresentChange, Redecided, ShownChange, StatusSpan, Stretch};
pub use place::{ReaderRecord, ZoneRecord};
pub use registry::{Carrier, CarrierId, Registry, RegistryChange};
pub use role::{ClientRole, UnknownRole};
pub use rollup::{
    AssetPast, ByStatus, ClassHour, HOUR_MS, Lengths, Level, Name, ParHour, ParInForce, Rolled,
    RollupPast, Shortage, StatusLine, StatusPast, UseHour, VisitPast,
};
pub use spor_schemas::{
    AlertChange, AlertKind, AlertMessage, AlertState, AssetId, ClassId, EngineId, EventKind,
    EventMessage, PersonId, ReaderId, Severity, StaffRole, TagId, WardId, ZoneId, site::RoomKind,
};
