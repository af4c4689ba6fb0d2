//! From a file's text to a scenario that holds together; every error names its key.

use super::{PatientsEntry, Scenario, people};
use crate::written::Span;
use std::{io, path::PathBuf};

/// Why a scenario can't be used.
#[derive(Debug, thiserror::Error)]
pub enum ScenarioError {
    /// Neither a file nor a name.
    #[error("{path} is no scenario that can be read: {cause}. Built in: {built_in}", path = path.display())]
    Unreadable {
        /// What was asked for.
        path: PathBuf,
        /// Why it can't be read.
        cause: io::Error,
        /// The names that there are.
        built_in: String,
    },
    /// The text is no TOML; the message has the line.
    #[error("not TOML: {0}")]
    Syntax(String),
    /// A key that nobody knows, or a value that it can't have.
    #[error("line {line}: {key}: {message}")]
    Key {
        /// Where in the text, from 1; the first line of its table where it isn't known better.
        line: usize,
        /// The key with its sections, `faults[0].share`.
        key: String,
        /// What is wrong with it.
        message: String,
    },
    /// Values that don't go together.
    #[error("{key}: {message}")]
    Contradiction {
        /// The key with its sections.
        key: String,
        /// What is wrong with it.
        message: String,
    },
    /// The site file.
    #[error("site.file: cannot read {path}: {cause}", path = path.display())]
    Site {
        /// Where it was looked for.
        path: PathBuf,
        /// Why it can't be used.
        cause: String,
    },
}

/// Bounds that keep a mistyped number from taking the machine down.
const MOST_ASSETS: u32 = 200_000;
const MOST_STAFF: u32 = 100_000;
const LONGEST: Span = Span::of_ms(60 * 86_400_000);

impl Scenario {
    /// Reads a scenario.
    ///
    /// # Errors
    /// [`ScenarioError`] names the key that is wrong.
    pub fn parse(text: &str) -> Result<Self, ScenarioError> {
        let document = toml::Deserializer::parse(text)
            .map_err(|error| ScenarioError::Syntax(error.to_string().trim_end().to_owned()))?;
        let scenario: Self = serde_path_to_error::deserialize(document).map_err(|error| {
            let key = error.path().to_string();
            let inner = error.into_inner();
            let at = inner.span().map_or(0, |span| span.start.min(text.len()));
            ScenarioError::Key {
                line: 1 + text.as_bytes()[..at].iter().filter(|byte| **byte == b'\n').count(),
                key: if key == "." { "the file".to_owned() } else { key },
                message: inner.message().to_owned(),
            }
        })?;
        scenario.check()?;
        Ok(scenario)
    }

    fn check(&self) -> Result<(), ScenarioError> {
        within(
            self.duration.ms() > 0 && self.duration <= LONGEST,
            "duration",
            "above 0, at most 60d",
        )?;
        let asset_bound = format!("1 to {MOST_ASSETS}");
        within((1..=MOST_ASSETS).contains(&self.assets.count), "assets.count", &asset_bound)?;
        within((0.01..=100.0).contains(&self.assets.pace), "assets.pace", "0.01 to 100")?;
        let staff_bound = format!("1 to {MOST_STAFF}");
        within((1..=MOST_STAFF).contains(&self.staff.count), "staff.count", &staff_bound)?;
        within((1..=5_000).contains(&self.site.beds), "site.beds", "1 to 5000")?;
        within((1..=40).contains(&self.site.floors), "site.floors", "1 to 40")?;
        let area_m2 = self.site.area_m2.unwrap_or(1);
        within((1..=2_000_000).contains(&area_m2), "site.area_m2", "1 to 2000000")?;
        let reports = &self.reports;
        for (key, span) in [
            ("reports.moving_every", reports.moving_every),
            ("reports.still_every", reports.still_every),
            ("reports.heartbeat_every", reports.heartbeat_every),
        ] {
            within(span.ms() >= 100, key, "at least 100ms")?;
        }
        within((0.0..=20.0).contains(&reports.noise), "reports.noise", "0 to 20")?;
        people::lives(&self.assets.classes)?;
        self.tags.check()?;
        self.patients.as_ref().map_or(Ok(()), PatientsEntry::check)?;
        for (number, closed) in self.closed.iter().enumerate() {
            let key = format!("closed[{number}].until");
            within(closed.until.is_none_or(|until| until > closed.from), &key, "after `from`")?;
            let needs = "left out where there are no [patients]";
            within(self.patients.is_some(), &format!("closed[{number}]"), needs)?;
        }
        for (number, fault) in self.faults.iter().enumerate() {
            fault.check().map_err(|error| ScenarioError::Contradiction {
                key: format!("faults[{number}].{}", error.key),
                message: error.message,
            })?;
            let key = format!("faults[{number}].from");
            within(fault.from < self.duration, &key, "before the end of the scenario")?;
        }
        Ok(())
    }
}

pub(super) fn contradiction(key: &str, message: String) -> ScenarioError {
    ScenarioError::Contradiction { key: key.to_owned(), message }
}

/// `Ok` when `holds`, else what the key may be.
pub(super) fn within(holds: bool, key: &str, allowed: &str) -> Result<(), ScenarioError> {
    if holds { Ok(()) } else { Err(contradiction(key, format!("must be {allowed}"))) }
}
