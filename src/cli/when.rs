//! A moment on the command line: in UTC, in the hospital's own time, or a length of time from some
//! other moment.

use jiff::{SignedDuration, Timestamp, civil::DateTime, tz::TimeZone};
use std::str::FromStr;

/// A moment as it was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum When {
    /// `2026-05-03T12:32:00Z`
    At(Timestamp),
    /// `2026-05-03T14:32`
    Local(DateTime),
    /// `90m`
    Off(SignedDuration),
}

/// None of the three.
#[derive(Debug, thiserror::Error)]
#[error(
    "a moment is 2026-05-03T12:32:00Z, 2026-05-03T14:32 in the hospital's time, or a length of time like 90m"
)]
pub(super) struct InvalidWhen;

impl FromStr for When {
    type Err = InvalidWhen;

    fn from_str(text: &str) -> Result<Self, InvalidWhen> {
        if let Ok(at) = text.parse() {
            return Ok(Self::At(at));
        }
        if let Ok(local) = text.parse() {
            return Ok(Self::Local(local));
        }
        text.parse().map(Self::Off).map_err(|_| InvalidWhen)
    }
}

impl When {
    /// Milliseconds since the Unix epoch. A local time is one of `time_zone`; `off` makes a moment of
    /// a length of time in milliseconds.
    pub(super) fn ms(self, time_zone: &str, off: impl FnOnce(i64) -> i64) -> anyhow::Result<i64> {
        Ok(match self {
            Self::At(at) => at.as_millisecond(),
            Self::Local(local) => {
                local.to_zoned(TimeZone::get(time_zone)?)?.timestamp().as_millisecond()
            }
            Self::Off(length) => off(i64::try_from(length.as_millis())?),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_read_in_utc_in_local_time_and_as_a_length() {
        let ms = |text: &str| {
            let when: When = text.parse().expect("a moment");
            when.ms("Europe/Copenhagen", |length_ms| 1_000 + length_ms).expect("it exists")
        };
        assert_eq!(ms("2026-05-03T12:32:00Z"), 1_777_811_520_000);
        assert_eq!(ms("2026-05-03T14:32"), 1_777_811_520_000);
        assert_eq!(ms("1h 30m"), 5_401_000);
        assert_eq!(ms("90m"), 5_401_000);
        for wrong in ["yesterday", "", "2026-13-03T14:32"] {
            assert!(wrong.parse::<When>().is_err(), "{wrong}");
        }
    }
}
