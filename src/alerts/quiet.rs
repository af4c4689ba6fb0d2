//! Hours of the local day in which only what is critical is told.

use jiff::{Timestamp, civil::Time, tz::TimeZone};
use serde::Deserialize;

/// From one time of day to another, also over midnight; `22:00-06:30` as text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Quiet {
    from: Time,
    to: Time,
}

impl Quiet {
    /// When the quiet hours end that `now_ms` lies in, milliseconds; none: it lies in none.
    #[must_use]
    pub fn ends_ms(&self, now_ms: i64, zone: &TimeZone) -> Option<i64> {
        let now = Timestamp::from_millisecond(now_ms).ok()?.to_zoned(zone.clone());
        let time = now.time();
        let over_midnight = self.from > self.to;
        let (late, early) = (time >= self.from, time < self.to);
        let is_in = if over_midnight { late || early } else { late && early };
        if !is_in {
            return None;
        }
        let day = if over_midnight && late { now.date().tomorrow().ok()? } else { now.date() };
        let end = day.to_datetime(self.to).to_zoned(zone.clone()).ok()?;
        Some(end.timestamp().as_millisecond())
    }
}

impl TryFrom<String> for Quiet {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let parsed = text.split_once('-').and_then(|(from, to)| {
            let time = |text: &str| Time::strptime("%H:%M", text.trim()).ok();
            Some(Self { from: time(from)?, to: time(to)? })
        });
        parsed
            .filter(|quiet| quiet.from != quiet.to)
            .ok_or_else(|| format!("{text:?} must be two times of day, as 22:00-06:00"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ends(quiet: &str, now: &str) -> Option<String> {
        let zone = TimeZone::get("Europe/Copenhagen").expect("a zone");
        let now: Timestamp = now.parse().expect("a moment");
        let quiet = Quiet::try_from(quiet.to_owned()).expect("valid");
        let end = quiet.ends_ms(now.as_millisecond(), &zone)?;
        Some(Timestamp::from_millisecond(end).expect("a moment").to_string())
    }

    #[test]
    fn quiet_hours_end_on_the_same_day_or_the_next() {
        let night = "22:00-06:30";
        // In winter the hospital is an hour ahead of UTC.
        assert_eq!(ends(night, "2026-01-10T20:59:59Z"), None);
        assert_eq!(ends(night, "2026-01-10T21:00:00Z").as_deref(), Some("2026-01-11T05:30:00Z"));
        assert_eq!(ends(night, "2026-01-11T05:29:59Z").as_deref(), Some("2026-01-11T05:30:00Z"));
        assert_eq!(ends(night, "2026-01-11T05:30:00Z"), None);
        let noon = "12:00-13:00";
        assert_eq!(ends(noon, "2026-01-10T11:15:00Z").as_deref(), Some("2026-01-10T12:00:00Z"));
        assert_eq!(ends(noon, "2026-01-10T12:00:00Z"), None);
    }

    #[test]
    fn they_end_by_the_clock_on_the_wall_in_the_night_in_which_it_is_put_on() {
        let night = "22:00-06:00";
        let before = ends(night, "2026-03-28T22:00:00Z");
        assert_eq!(before.as_deref(), Some("2026-03-29T04:00:00Z"), "seven hours, not eight");
        // A time that the clock jumps over: the first moment behind.
        let gap = ends("22:00-02:30", "2026-03-28T22:00:00Z");
        assert_eq!(gap.as_deref(), Some("2026-03-29T01:30:00Z"));
    }

    #[test]
    fn what_is_no_stretch_of_the_day_is_refused() {
        for wrong in ["", "22", "22:00", "22:00-25:00", "06:00-06:00", "22:00-06:00-07:00"] {
            assert!(Quiet::try_from(wrong.to_owned()).is_err(), "{wrong:?}");
        }
    }
}
