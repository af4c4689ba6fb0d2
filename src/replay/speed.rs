//! How fast a recording is played.

use std::{fmt, str::FromStr};

/// Slowest and fastest pace that keeps the intervals.
const PACES: std::ops::RangeInclusive<f64> = 0.1..=1000.0;

/// How fast a recording is played.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Speed {
    /// So many times as fast as it was; intervals are kept.
    Times(f64),
    /// As fast as it is folded; intervals aren't.
    Max,
}

/// Neither a pace nor `max`.
#[derive(Debug, thiserror::Error)]
#[error("a speed is 0.1 to 1000, or max")]
pub struct InvalidSpeed;

impl Speed {
    /// The next faster of the usual ones.
    #[must_use]
    pub fn faster(self) -> Self {
        match self {
            Self::Times(times) if times * 2.0 <= *PACES.end() => Self::Times(times * 2.0),
            Self::Times(_) | Self::Max => Self::Max,
        }
    }

    /// The next slower of the usual ones.
    #[must_use]
    pub fn slower(self) -> Self {
        match self {
            Self::Times(times) => Self::Times((times / 2.0).max(*PACES.start())),
            Self::Max => Self::Times(512.0),
        }
    }
}

impl FromStr for Speed {
    type Err = InvalidSpeed;

    fn from_str(text: &str) -> Result<Self, InvalidSpeed> {
        if text == "max" {
            return Ok(Self::Max);
        }
        let times: f64 = text.trim_end_matches('x').parse().map_err(|_| InvalidSpeed)?;
        if PACES.contains(&times) { Ok(Self::Times(times)) } else { Err(InvalidSpeed) }
    }
}

impl fmt::Display for Speed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Times(times) => write!(f, "{times}x"),
            Self::Max => f.write_str("max"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_speed_is_read_as_it_is_written() {
        for (text, speed) in
            [("0.1", Speed::Times(0.1)), ("60x", Speed::Times(60.0)), ("max", Speed::Max)]
        {
            assert_eq!(text.parse::<Speed>().ok(), Some(speed));
            assert_eq!(speed.to_string().parse::<Speed>().ok(), Some(speed));
        }
        for wrong in ["0", "1001", "-1", "NaN", "fast", ""] {
            assert!(wrong.parse::<Speed>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn faster_and_slower_stay_within_what_is_allowed() {
        let mut speed = Speed::Times(1.0);
        for _ in 0..20 {
            speed = speed.faster();
        }
        assert_eq!(speed, Speed::Max);
        for _ in 0..30 {
            speed = speed.slower();
        }
        assert_eq!(speed, Speed::Times(0.1));
    }
}
