//! What can go wrong, as a scenario or a command says it: a kind, when, how much, and whom it hits.

use super::hits::{Hits, Pattern};
use crate::written::{Share, Span};
use serde::Deserialize;
use spor_schemas::ClassId;

/// The kinds of faults.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Reports vanish.
    Loss,
    /// Reports come twice.
    Duplicates,
    /// Reports come later than those behind them.
    Reordering,
    /// Devices are out of reach, keep what they say, and send it when they are back.
    LateBurst,
    /// Readers say nothing and nobody tells.
    SilentReader,
    /// A floor's network is gone: readers are offline, tags keep what they say and send it later.
    FloorDown,
    /// Clocks of devices run ahead.
    ClockAhead,
    /// A tag reports from a second place, too.
    TwoPlaces,
    /// Payloads are broken.
    Malformed,
    /// All clients lose their connection and come back at once.
    ReconnectStorm,
    /// The broker is gone: all connections break, nobody gets in, devices keep what they say and send
    /// it when it is back.
    BrokerRestart,
    /// Tags report far more often.
    RateBurst,
}

impl Kind {
    /// The kind as it stands in files and commands.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Loss => "loss",
            Self::Duplicates => "duplicates",
            Self::Reordering => "reordering",
            Self::LateBurst => "late_burst",
            Self::SilentReader => "silent_reader",
            Self::FloorDown => "floor_down",
            Self::ClockAhead => "clock_ahead",
            Self::TwoPlaces => "two_places",
            Self::Malformed => "malformed",
            Self::ReconnectStorm => "reconnect_storm",
            Self::BrokerRestart => "broker_restart",
            Self::RateBurst => "rate_burst",
        }
    }
}

/// A fault as it is written: a table of `[[faults]]`, or the words of a command.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FaultEntry {
    /// What goes wrong.
    pub kind: Kind,
    /// What to call it; its kind otherwise.
    pub name: Option<String>,
    /// When it begins, simulated time after the scenario's start.
    #[serde(default)]
    pub from: Span,
    /// When it is over; none: never.
    pub until: Option<Span>,
    /// How many of the reports: `loss`, `duplicates`, `reordering`, `malformed`.
    pub share: Option<Share>,
    /// How far: `duplicates` and `reordering` in simulated time, `clock_ahead` by the device's clock.
    pub by: Option<Span>,
    /// How many messages a device remembers: `late_burst`, `floor_down`, `broker_restart`.
    pub keep: Option<u32>,
    /// `rate_burst`: messages a second, of real time where the world runs faster.
    pub per_second: Option<u32>,
    /// `reconnect_storm`: how often; none: once.
    pub every: Option<Span>,
    /// Only on these floors.
    #[serde(default)]
    pub floors: Vec<i16>,
    /// Only these tags; a name may end in `*`.
    #[serde(default)]
    pub tags: Vec<Pattern>,
    /// Only tags on things of these classes.
    #[serde(default)]
    pub classes: Vec<ClassId>,
    /// Only so many of the tags, always the same ones.
    pub of_tags: Option<Share>,
    /// Only these readers; a name may end in `*`.
    #[serde(default)]
    pub readers: Vec<Pattern>,
}

/// Why an entry makes no sense.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{key}: {message}")]
pub struct FaultError {
    /// Its key.
    pub key: &'static str,
    /// What is wrong with it.
    pub message: String,
}

/// A fault that makes sense.
#[derive(Debug, Clone, PartialEq)]
pub struct Fault {
    /// What it is called.
    pub name: String,
    /// What goes wrong.
    pub what: What,
    /// When it begins after the start, milliseconds.
    pub from_ms: i64,
    /// When it is over; none: never.
    pub until_ms: Option<i64>,
    /// Whom it hits.
    pub(super) hits: Hits,
}

/// What goes wrong, with all that it needs.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum What {
    /// See [`Kind::Loss`].
    Loss {
        /// How many of the reports.
        share: f64,
    },
    /// See [`Kind::Duplicates`].
    Duplicates {
        /// How many of the reports.
        share: f64,
        /// How much later the second one comes at most.
        by_ms: i64,
    },
    /// See [`Kind::Reordering`].
    Reordering {
        /// How many of the reports.
        share: f64,
        /// How much later they come at most.
        by_ms: i64,
    },
    /// See [`Kind::LateBurst`].
    LateBurst {
        /// How many messages a device remembers.
        keep: usize,
    },
    /// See [`Kind::SilentReader`].
    SilentReader,
    /// See [`Kind::FloorDown`].
    FloorDown {
        /// How many messages a tag remembers.
        keep: usize,
    },
    /// See [`Kind::ClockAhead`].
    ClockAhead {
        /// How far.
        by_ms: i64,
    },
    /// See [`Kind::TwoPlaces`].
    TwoPlaces,
    /// See [`Kind::Malformed`].
    Malformed {
        /// How many of the reports.
        share: f64,
    },
    /// See [`Kind::ReconnectStorm`].
    ReconnectStorm {
        /// How often; none: once.
        every_ms: Option<i64>,
    },
    /// See [`Kind::BrokerRestart`].
    BrokerRestart {
        /// How many messages a device remembers.
        keep: usize,
    },
    /// See [`Kind::RateBurst`].
    RateBurst {
        /// Messages a second of real time.
        per_second: u32,
    },
}

/// What a tag remembers unless the fault says otherwise: an hour and a half of one that rests.
const KEEP: u32 = 200;
const DUPLICATE_BY: Span = Span::of_ms(2_000);

impl FaultEntry {
    /// Checks that the entry has what its kind needs, and nothing that it doesn't know.
    ///
    /// # Errors
    /// [`FaultError`] names the key.
    pub fn check(&self) -> Result<Fault, FaultError> {
        let wrong = |key, message: &str| Err(FaultError { key, message: message.to_owned() });
        if self.until.is_some_and(|until| until <= self.from) {
            return wrong("until", "must be after `from`");
        }
        let takes: &[&str] = match self.kind {
            Kind::Loss | Kind::Malformed => &["share"],
            Kind::Duplicates | Kind::Reordering => &["share", "by"],
            Kind::LateBurst | Kind::FloorDown | Kind::BrokerRestart => &["keep"],
            Kind::SilentReader | Kind::TwoPlaces => &[],
            Kind::ClockAhead => &["by"],
            Kind::ReconnectStorm => &["every"],
            Kind::RateBurst => &["per_second"],
        };
        let given = [
            ("share", self.share.is_some()),
            ("by", self.by.is_some()),
            ("keep", self.keep.is_some()),
            ("every", self.every.is_some()),
            ("per_second", self.per_second.is_some()),
        ];
        if let Some((key, _)) = given.iter().find(|(key, given)| *given && !takes.contains(key)) {
            return wrong(key, &format!("means nothing to {}", self.kind.as_str()));
        }
        if let (Kind::ReconnectStorm | Kind::BrokerRestart, Some(key)) = (self.kind, self.narrows())
        {
            return wrong(key, &format!("{} hits everybody", self.kind.as_str()));
        }
        let needs_tags = matches!(self.kind, Kind::TwoPlaces);
        if needs_tags && self.tags.is_empty() && self.of_tags.is_none() && self.classes.is_empty() {
            return wrong("tags", "two_places needs `tags`, `classes` or `of_tags`");
        }
        if self.kind == Kind::FloorDown && self.floors.is_empty() {
            return wrong("floors", "floor_down needs the floors whose network is gone");
        }
        if self.kind == Kind::SilentReader && self.readers.is_empty() && self.floors.is_empty() {
            return wrong("readers", "silent_reader needs `readers` or `floors`");
        }
        Ok(Fault {
            name: self.name.clone().unwrap_or_else(|| self.kind.as_str().to_owned()),
            what: self.what()?,
            from_ms: self.from.ms(),
            until_ms: self.until.map(Span::ms),
            hits: Hits {
                floors: self.floors.clone(),
                tags: self.tags.clone(),
                classes: self.classes.clone(),
                of_tags: self.of_tags,
                readers: self.readers.clone(),
            },
        })
    }

    /// The first key that leaves somebody out.
    fn narrows(&self) -> Option<&'static str> {
        let given = [
            ("floors", !self.floors.is_empty()),
            ("tags", !self.tags.is_empty()),
            ("classes", !self.classes.is_empty()),
            ("of_tags", self.of_tags.is_some()),
            ("readers", !self.readers.is_empty()),
        ];
        given.iter().find(|(_, given)| *given).map(|(key, _)| *key)
    }

    fn what(&self) -> Result<What, FaultError> {
        let needs = |key, example: &str| FaultError {
            key,
            message: format!("{} needs it, for example {example}", self.kind.as_str()),
        };
        let share = || self.share.map(Share::part).ok_or_else(|| needs("share", "0.1"));
        let by = || self.by.map(Span::ms).ok_or_else(|| needs("by", "\"30s\""));
        let keep = self.keep.unwrap_or(KEEP) as usize;
        Ok(match self.kind {
            Kind::Loss => What::Loss { share: share()? },
            Kind::Duplicates => {
                let by_ms = self.by.unwrap_or(DUPLICATE_BY).ms();
                What::Duplicates { share: share()?, by_ms }
            }
            Kind::Reordering => What::Reordering { share: share()?, by_ms: by()? },
            Kind::LateBurst => What::LateBurst { keep },
            Kind::SilentReader => What::SilentReader,
            Kind::FloorDown => What::FloorDown { keep },
            Kind::ClockAhead => What::ClockAhead { by_ms: by()? },
            Kind::TwoPlaces => What::TwoPlaces,
            Kind::Malformed => What::Malformed { share: share()? },
            Kind::ReconnectStorm => {
                let every_ms = self.every.map(Span::ms);
                if every_ms.is_some_and(|ms| ms < 1_000) {
                    let message = "must be at least 1s".to_owned();
                    return Err(FaultError { key: "every", message });
                }
                What::ReconnectStorm { every_ms }
            }
            Kind::BrokerRestart => What::BrokerRestart { keep },
            Kind::RateBurst => {
                let per_second = self.per_second.ok_or_else(|| needs("per_second", "50000"))?;
                if !(1..=1_000_000).contains(&per_second) {
                    let message = "must be 1 to 1000000".to_owned();
                    return Err(FaultError { key: "per_second", message });
                }
                What::RateBurst { per_second }
            }
        })
    }
}
