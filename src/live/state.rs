//! What is known of one tag.

use crate::model::{
    Freshness, Hand, Origin, StatusNow, TagId, ZoneId, freshness::DEFAULT_INTERVAL_MS,
};

/// What is known of a tag now.
#[derive(Debug, Clone, PartialEq)]
pub struct TagState {
    /// Which tag.
    pub tag: TagId,
    /// Where it was last; none: it only sent a status so far.
    pub place: Option<Place>,
    /// How often it reports, as learned, milliseconds.
    pub interval_ms: i64,
    /// True while it feels motion.
    pub moving: Option<bool>,
    /// Since when that is so, milliseconds.
    pub moving_since_ms: Option<i64>,
    /// When its button was last pressed, milliseconds.
    pub pressed_ms: Option<i64>,
    /// Charge, percent.
    pub battery_pct: Option<u8>,
    /// Firmware version.
    pub firmware: Option<String>,
    /// Status of the asset that carries it.
    pub status: Option<StatusNow>,
    /// What rules say of it, where that isn't what is shown.
    pub ruled: Option<StatusNow>,
    /// What holds of that asset by hand, and is shown.
    pub hand: Option<Box<Hand>>,
}

/// Where a tag was last.
#[derive(Debug, Clone, PartialEq)]
pub struct Place {
    /// Metres east.
    pub x_m: f64,
    /// Metres north.
    pub y_m: f64,
    /// 0 is ground.
    pub floor: i16,
    /// Metres.
    pub accuracy_m: f32,
    /// The room it was decided to be in.
    pub zone: Option<ZoneId>,
    /// Since when it is in that room, milliseconds.
    pub entered_ms: i64,
    /// Event time of the newest fix, milliseconds.
    pub seen_ms: i64,
    /// When that fix was received, milliseconds.
    pub received_ms: i64,
    /// Who says so.
    pub origin: Origin,
}

impl TagState {
    /// A tag of which nothing is known yet.
    #[must_use]
    pub fn new(tag: TagId) -> Self {
        Self {
            tag,
            place: None,
            interval_ms: DEFAULT_INTERVAL_MS,
            moving: None,
            moving_since_ms: None,
            pressed_ms: None,
            battery_pct: None,
            firmware: None,
            status: None,
            ruled: None,
            hand: None,
        }
    }

    /// How far its place can be believed at `now_ms`.
    #[must_use]
    pub fn freshness(&self, now_ms: i64) -> Freshness {
        self.place.as_ref().map_or(Freshness::Unknown, |place| {
            Freshness::at(now_ms, place.seen_ms, self.interval_ms, place.is_portal())
        })
    }
}

impl Place {
    /// True when only the room is known, not the spot in it.
    #[must_use]
    pub fn is_room_only(&self) -> bool {
        matches!(self.origin, Origin::Reader { .. })
    }

    /// True when a passage's reader saw it last: it may be anywhere behind by now.
    #[must_use]
    pub fn is_portal(&self) -> bool {
        matches!(self.origin, Origin::Reader { portal: true, .. })
    }
}
