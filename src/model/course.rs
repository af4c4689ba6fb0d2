//! The course of an asset: what is stored of it that its status follows from, and what followed.

use super::past::Carried;
use spor_schemas::{WardId, ZoneId, site::RoomKind};

/// An asset from a moment on, for running the rules over it again.
#[derive(Debug, Clone, PartialEq)]
pub struct Course {
    /// What it did. It is there from the first of its statuses to the end of the last.
    pub carried: Carried,
    /// The tags that it carried, one after the other.
    pub carriages: Vec<Carriage>,
}

/// A tag on an asset for a time, and what the tag told.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Carriage {
    /// Since when, milliseconds.
    pub from_ms: i64,
    /// Until when, milliseconds; none: it still does.
    pub to_ms: Option<i64>,
    /// Where the tag was, in the order of time.
    pub stays: Vec<Stayed>,
    /// When its button was pressed, in the order of time, milliseconds.
    pub presses_ms: Vec<i64>,
    /// When it said whether it moves, in the order of time, milliseconds.
    pub motions: Vec<(i64, bool)>,
}

/// A tag in a room, which is told as it was then.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stayed {
    /// The room.
    pub zone: ZoneId,
    /// Its kind.
    pub kind: Option<RoomKind>,
    /// The ward that it belongs to.
    pub ward: Option<WardId>,
    /// Milliseconds.
    pub entered_ms: i64,
    /// Milliseconds; none while it lasts.
    pub left_ms: Option<i64>,
}
