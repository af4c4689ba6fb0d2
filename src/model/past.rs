//! A stretch of a tag's past: as storage has it, and as it stands after a late fix.

use super::{
    asset::StatusNow,
    by_hand::Hand,
    decided::{PositionRow, RulesRow, StatusRow, VisitRow},
};
use serde::{Deserialize, Serialize};
use spor_schemas::{AssetId, ClassId, TagId, WardId, ZoneId};
use std::sync::Arc;

/// What must be decided anew, and what storage knows around it.
#[derive(Debug, Clone, PartialEq)]
pub struct Stretch {
    /// The tag.
    pub tag: TagId,
    /// Nothing before this changes, milliseconds.
    pub from_ms: i64,
    /// Whatever is stored up to here may be wrong, milliseconds.
    pub to_ms: i64,
    /// What time alone brought up to here is decided too, milliseconds.
    pub at_ms: i64,
    /// How often the tag reports, milliseconds: rows on change don't tell.
    pub interval_ms: i64,
    /// The late fixes, in the order of time.
    pub late: Vec<PositionRow>,
    /// Stored rows, in the order of time, from some before `from_ms` on.
    pub rows: Vec<PositionRow>,
    /// True when `rows` go on to the newest.
    pub is_complete: bool,
    /// The visits that touch `rows` or come later, in the order of time.
    pub visits: Vec<VisitRow>,
    /// When the tag's button was pressed, in the order of time, milliseconds.
    pub presses_ms: Vec<i64>,
    /// All rules that ever were in force, in the order of time.
    pub rules: Arc<[RulesRow]>,
    /// The assets that carried the tag.
    pub carriers: Vec<Carried>,
}

/// An asset, for as long as it carried the tag.
#[derive(Debug, Clone, PartialEq)]
pub struct Carried {
    /// The asset.
    pub asset: AssetId,
    /// Its class.
    pub class: ClassId,
    /// The ward that owns it.
    pub home_ward: Option<WardId>,
    /// Since when, milliseconds.
    pub from_ms: i64,
    /// Until when, milliseconds; none: it still does.
    pub to_ms: Option<i64>,
    /// Its statuses that touch the stretch or come later, in the order of time. The first is one that
    /// rules said, where there is such a one.
    pub statuses: Vec<StatusSpan>,
    /// What rules said besides while something held by hand, in the order of time.
    pub beneath: Vec<StatusRow>,
    /// What held by hand, in the order of time.
    pub hands: Vec<Hand>,
}

/// A status and its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatusSpan {
    /// What began.
    pub row: StatusRow,
    /// When it ended, milliseconds; none: it lasts.
    pub to_ms: Option<i64>,
}

impl StatusSpan {
    /// The same as the present status of an asset is kept.
    #[must_use]
    pub fn now(&self) -> StatusNow {
        let StatusRow { status, from_ms: since_ms, basis, rule, .. } = self.row.clone();
        StatusNow { status, since_ms, basis, rule }
    }
}

/// What becomes of a stretch. Whatever isn't named stays.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Redecided {
    /// New rows of `position`.
    pub rows: Vec<PositionRow>,
    /// Stored rows whose room or end is another one now; time and counter tell which.
    pub changed_rows: Vec<PositionRow>,
    /// When the visits began that there were not, milliseconds.
    pub no_visits: Vec<i64>,
    /// Visits that are new or another.
    pub visits: Vec<VisitRow>,
    /// The statuses that there were not: asset and beginning, milliseconds.
    pub no_statuses: Vec<(AssetId, i64)>,
    /// Statuses that are new or another.
    pub statuses: Vec<StatusSpan>,
    /// What rules did not say while something held by hand: asset and beginning, milliseconds.
    pub no_beneath: Vec<(AssetId, i64)>,
    /// What rules said while something held by hand, new or another.
    pub beneath: Vec<StatusRow>,
    /// What of it reaches into the present.
    pub present: Vec<PresentChange>,
}

/// What the pipeline holds for the present and what is so since the past was decided anew: a record
/// of the journal, from which the pipeline learns it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PresentChange {
    /// The visit that lasts: its room and beginning, milliseconds; none: in no room.
    Visit {
        /// The tag.
        tag: TagId,
        /// As it was held to be.
        was: Option<(ZoneId, i64)>,
        /// As it is.
        now: Option<(ZoneId, i64)>,
    },
    /// What rules say at present.
    Status {
        /// The asset.
        asset: AssetId,
        /// As it was held to be.
        was: Option<StatusNow>,
        /// As it is.
        now: StatusNow,
        /// The room in which that began.
        #[serde(default)]
        zone: Option<ZoneId>,
        /// What is shown began at another time.
        #[serde(default)]
        shown: Option<ShownChange>,
    },
    /// Whatever the pipeline asked to decide anew of the tag by that time is decided.
    Settled {
        /// The tag.
        tag: TagId,
        /// By the clock of receipt, milliseconds.
        at_ms: i64,
    },
}

/// When the status that is shown began, by hand or not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShownChange {
    /// As it was held to be, milliseconds.
    pub was_ms: i64,
    /// As it is, milliseconds.
    pub now_ms: i64,
    /// What of it is said by hand.
    pub hand: Option<Hand>,
}
