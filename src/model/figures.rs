//! Key figures of a stretch of time, for people who decide what to own.

/// Key figures of whole hours.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Figures {
    /// Up to when the roll-ups tell, milliseconds; none: nothing was rolled up yet.
    pub as_of_ms: Option<i64>,
    /// By class.
    pub classes: Vec<ClassFigures>,
    /// By local day and class, in the order of days.
    pub days: Vec<DayFigures>,
    /// By hour of the local week.
    pub week: Vec<WeekHour>,
    /// Turnarounds by class.
    pub turnarounds: Vec<LengthFigures>,
    /// Shortages that were filled, by class.
    pub filled: Vec<LengthFigures>,
    /// PAR levels, the worst first.
    pub par: Vec<ParFigures>,
    /// From ward to ward, the largest first.
    pub transfers: Vec<TransferFigures>,
}

/// What a class of assets did.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ClassFigures {
    /// The class.
    pub class: String,
    /// How many are owned.
    pub owned: i64,
    /// Asset-hours in use.
    pub in_use_h: f64,
    /// Asset-hours that are known.
    pub known_h: f64,
    /// Asset-hours that nobody knows about.
    pub unknown_h: f64,
    /// Asset-hours of assets that nobody had used for a week of known time.
    pub unused_h: f64,
    /// Asset-hours of assets that nobody knew of for more than a day.
    pub lost_h: f64,
    /// At the same time in the whole hospital; none: of one ward this isn't kept.
    pub at_once: Option<AtOnce>,
}

/// How many at the same time.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct AtOnce {
    /// Most in use.
    pub most: i32,
    /// In use at most in 95 % of the time.
    pub p95: i32,
    /// Mean in use.
    pub mean: f64,
    /// Most in use, reserved, dirty, in cleaning or with the engineers.
    pub tied_up: i32,
}

/// A class on a local day.
#[derive(Debug, Clone, PartialEq)]
pub struct DayFigures {
    /// The day, as `2026-10-31`.
    pub day: String,
    /// The class.
    pub class: String,
    /// Asset-hours in use.
    pub in_use_h: f64,
    /// Asset-hours that are known.
    pub known_h: f64,
}

/// An hour of the local week.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct WeekHour {
    /// 1 is Monday.
    pub weekday: i32,
    /// 0 to 23.
    pub hour: i32,
    /// Time in use / known time.
    pub share: f64,
}

/// Lengths of time of a class.
#[derive(Debug, Clone, PartialEq)]
pub struct LengthFigures {
    /// The class.
    pub class: String,
    /// How many.
    pub count: i64,
    /// Half are no longer, minutes.
    pub median_min: f64,
    /// Nine of ten are no longer, minutes.
    pub p90_min: f64,
}

/// A class in a ward against its PAR level.
#[derive(Debug, Clone, PartialEq)]
pub struct ParFigures {
    /// The class.
    pub class: String,
    /// The ward.
    pub ward: String,
    /// How many should have stood ready, at last.
    pub target: i32,
    /// How many at the very least.
    pub critical: i32,
    /// Mean number that stood ready.
    pub mean: f64,
    /// The fewest.
    pub lowest: i32,
    /// Share of the time with fewer than the target.
    pub short: f64,
    /// Minutes with fewer than the target.
    pub short_min: f64,
    /// Minutes with fewer than critical.
    pub critical_min: f64,
}

/// How often something came from one ward to another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TransferFigures {
    /// From there.
    pub from: String,
    /// To there.
    pub to: String,
    /// How often.
    pub transfers: i64,
}
