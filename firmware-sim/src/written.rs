//! Values as people write them in scenarios and commands: `"1h 30m"`, a share of one, a moment with its offset.

use jiff::{
    civil,
    tz::{Offset, TimeZone},
};
use serde::{Deserialize, Deserializer, de::Error as _};
use std::fmt;

/// A length of time of at most a year, written like `"1d 12h"`, `"90s"`, `"250ms"`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Span {
    ms: i64,
}

const UNITS: [(&str, i64); 5] =
    [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1)];
const LONGEST_MS: i64 = 366 * 86_400_000;

impl Span {
    /// So many milliseconds.
    #[must_use]
    pub const fn of_ms(ms: i64) -> Self {
        Self { ms }
    }

    /// In milliseconds.
    #[must_use]
    pub fn ms(self) -> i64 {
        self.ms
    }

    /// Reads `"1h 30m"`.
    ///
    /// # Errors
    /// A text for people: what is wrong with it.
    pub fn parse(text: &str) -> Result<Self, String> {
        let wrong = || format!("{text:?} is no length of time like \"1h 30m\" (d, h, m, s, ms)");
        let mut rest = text.trim();
        let mut ms = 0_i64;
        if rest.is_empty() {
            return Err(wrong());
        }
        while !rest.is_empty() {
            let digits = rest.find(|c: char| !c.is_ascii_digit()).ok_or_else(wrong)?;
            let number: i64 = rest[..digits].parse().map_err(|_| wrong())?;
            rest = &rest[digits..];
            let letters = rest.find(|c: char| !c.is_ascii_lowercase()).unwrap_or(rest.len());
            let unit = UNITS.iter().find(|(name, _)| *name == &rest[..letters]);
            let (_, unit_ms) = unit.ok_or_else(wrong)?;
            ms = number.checked_mul(*unit_ms).and_then(|n| ms.checked_add(n)).ok_or_else(wrong)?;
            rest = rest[letters..].trim_start();
        }
        if ms <= LONGEST_MS { Ok(Self { ms }) } else { Err(format!("{text:?} is over a year")) }
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut left = self.ms;
        let mut gap = "";
        for (name, unit_ms) in UNITS {
            if left >= unit_ms {
                write!(f, "{gap}{}{name}", left / unit_ms)?;
                left %= unit_ms;
                gap = " ";
            }
        }
        if self.ms == 0 { f.write_str("0s") } else { Ok(()) }
    }
}

impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        Self::parse(&String::deserialize(d)?).map_err(D::Error::custom)
    }
}

/// A share of a whole, 0 to 1.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd, Default)]
pub struct Share(f64);

impl Share {
    /// The whole.
    pub const ALL: Self = Self(1.0);

    /// `part` of 1.
    ///
    /// # Errors
    /// A text for people when it isn't 0 to 1.
    pub fn new(part: f64) -> Result<Self, String> {
        if (0.0..=1.0).contains(&part) {
            Ok(Self(part))
        } else {
            Err(format!("{part} is no share: 0 to 1, so 0.1 is a tenth"))
        }
    }

    /// As part of 1.
    #[must_use]
    pub fn part(self) -> f64 {
        self.0
    }
}

impl<'de> Deserialize<'de> for Share {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        Self::new(f64::deserialize(d)?).map_err(D::Error::custom)
    }
}

/// A moment and the hospital's distance from UTC then, which counts for the whole scenario.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moment {
    /// Milliseconds since the Unix epoch.
    pub unix_ms: i64,
    /// What local time is ahead of UTC, milliseconds.
    pub ahead_ms: i64,
}

impl<'de> Deserialize<'de> for Moment {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let written = toml::value::Datetime::deserialize(d)?;
        moment(&written).ok_or_else(|| {
            D::Error::custom(format!(
                "{written} is no moment with its offset like 2026-11-02T06:00:00+01:00"
            ))
        })
    }
}

fn moment(written: &toml::value::Datetime) -> Option<Moment> {
    let (date, time) = (written.date?, written.time?);
    let minutes = match written.offset? {
        toml::value::Offset::Z => 0,
        toml::value::Offset::Custom { minutes } => minutes,
    };
    let day = civil::Date::new(
        date.year.try_into().ok()?,
        date.month.try_into().ok()?,
        date.day.try_into().ok()?,
    );
    let clock = civil::Time::new(
        time.hour.try_into().ok()?,
        time.minute.try_into().ok()?,
        time.second.unwrap_or(0).try_into().ok()?,
        0,
    );
    let offset = Offset::from_seconds(i32::from(minutes) * 60).ok()?;
    let local = civil::DateTime::from_parts(day.ok()?, clock.ok()?);
    let unix_ms = local.to_zoned(TimeZone::fixed(offset)).ok()?.timestamp().as_millisecond();
    Some(Moment { unix_ms, ahead_ms: i64::from(minutes) * 60_000 })
}
