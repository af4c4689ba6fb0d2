//! A month of local time.

use jiff::{ToSpan, civil::Date, tz::TimeZone};

/// A month of a time zone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Month {
    /// Its first day.
    pub first: Date,
    /// When it begins, milliseconds since the Unix epoch.
    pub from_ms: i64,
    /// When it ends, milliseconds.
    pub to_ms: i64,
    /// The name of the time zone.
    pub time_zone: String,
}

impl Month {
    /// The month written as `2026-10`; none: it is no month, or there is no such time zone.
    #[must_use]
    pub fn parse(text: &str, time_zone: &str) -> Option<Self> {
        let (year, month) = text.split_once('-')?;
        let is_written_so = year.len() == 4 && month.len() == 2;
        let first = Date::new(year.parse().ok()?, month.parse().ok()?, 1).ok()?;
        Self::of(first, time_zone).filter(|_| is_written_so)
    }

    /// The month that holds a moment.
    #[must_use]
    pub fn at(ms: i64, time_zone: &str) -> Option<Self> {
        let zone = TimeZone::get(time_zone).ok()?;
        let day = jiff::Timestamp::from_millisecond(ms).ok()?.to_zoned(zone).date();
        Self::of(day.first_of_month(), time_zone)
    }

    fn of(first: Date, time_zone: &str) -> Option<Self> {
        let zone = TimeZone::get(time_zone).ok()?;
        let begins =
            |day: Date| day.to_zoned(zone.clone()).ok().map(|day| day.timestamp().as_millisecond());
        let from_ms = begins(first)?;
        let to_ms = begins(first.checked_add(1.month()).ok()?)?;
        Some(Self { first, from_ms, to_ms, time_zone: time_zone.to_owned() })
    }

    /// As people write it, e.g. `October 2026`.
    #[must_use]
    pub fn title(&self) -> String {
        self.first.strftime("%B %Y").to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_month_is_one_of_the_hospitals_own_clock() {
        let month = Month::parse("2026-10", "Europe/Copenhagen").expect("a month");
        assert_eq!(month.title(), "October 2026");
        // Summer time ends in it: an hour more than 31 days.
        assert_eq!(month.to_ms - month.from_ms, (31 * 24 + 1) * 3_600_000);
        assert_eq!(Month::at(month.to_ms - 1, "Europe/Copenhagen"), Some(month.clone()));
        let next = Month::at(month.to_ms, "Europe/Copenhagen").expect("a month");
        assert_eq!(next.title(), "November 2026");
        for wrong in ["2026-13", "2026", "26-10", "2026-1", "october"] {
            assert_eq!(Month::parse(wrong, "Europe/Copenhagen"), None, "{wrong}");
        }
        assert_eq!(Month::parse("2026-10", "Mars/North"), None);
    }
}
