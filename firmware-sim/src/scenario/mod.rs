//! Scenarios: a TOML file says what hospital works, for how long, and what goes wrong.
//!
//! [`Scenario::parse`] takes nothing that it doesn't know and names the key of whatever is wrong;
//! what comes out of it holds together. A few are [built in](built_in) and go by name.

pub mod built_in;
mod people;
mod read;
#[cfg(test)]
mod tests;

pub use people::{ClosedEntry, LifeEntry, PatientsEntry, Staff, SurgeEntry, Tags};
pub use read::ScenarioError;

use crate::{
    faults::{Fault, FaultEntry},
    site::{self, Plan},
    world,
    written::{Moment, Span},
};
use serde::Deserialize;
use spor_schemas::site::SiteFile;
use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

/// What a scenario file says; each key that it leaves out has a value of its own.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scenario {
    /// What people call it.
    pub name: String,
    /// What happens in it.
    #[serde(default)]
    pub about: String,
    /// The same seed gives the same reports.
    #[serde(default = "one")]
    pub seed: u64,
    /// When the reports begin; its offset from UTC makes the hospital's local time.
    pub start: Moment,
    /// For how long the hospital reports.
    pub duration: Span,
    /// The building.
    #[serde(default)]
    pub site: SiteChoice,
    /// The equipment.
    #[serde(default)]
    pub assets: Assets,
    /// Who works there.
    #[serde(default)]
    pub staff: Staff,
    /// Who comes to be treated; none: equipment lives by itself.
    pub patients: Option<PatientsEntry>,
    /// Wards that take no patients for a time.
    #[serde(default)]
    pub closed: Vec<ClosedEntry>,
    /// What tags have that isn't perfect.
    #[serde(default)]
    pub tags: Tags,
    /// How often tags report, and how well.
    #[serde(default)]
    pub reports: Reports,
    /// What goes wrong, and when.
    #[serde(default)]
    pub faults: Vec<FaultEntry>,
    /// The folder that paths in the file start from.
    #[serde(skip)]
    folder: PathBuf,
}

/// Section `[site]`: a file, or what to generate.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SiteChoice {
    /// A site file, from the scenario's folder; none: one is generated.
    pub file: Option<PathBuf>,
    /// Beds on wards.
    pub beds: u32,
    /// Floors from the ground floor up.
    pub floors: u16,
    /// Floor that all rooms have together at least, square metres.
    pub area_m2: Option<u32>,
    /// The same seed gives the same building.
    pub seed: u64,
}

impl Default for SiteChoice {
    fn default() -> Self {
        let plan = site::demo_plan();
        Self { file: None, beds: plan.beds, floors: plan.floors, area_m2: None, seed: plan.seed }
    }
}

/// Section `[assets]`.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Assets {
    /// How many things carry a tag.
    pub count: u32,
    /// How many times as often as in an ordinary hospital equipment changes its state.
    pub pace: f64,
    /// How classes live, where it differs from how they usually do.
    pub classes: BTreeMap<String, LifeEntry>,
}

impl Default for Assets {
    fn default() -> Self {
        Self { count: 430, pace: 1.0, classes: BTreeMap::new() }
    }
}

/// Section `[reports]`.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Reports {
    /// A tag in motion reports this often.
    pub moving_every: Span,
    /// A tag at rest reports this often.
    pub still_every: Span,
    /// A tag tells its battery and firmware this often.
    pub heartbeat_every: Span,
    /// How many times the error of an ordinary tag; 0: every tag says exactly where it is.
    pub noise: f64,
}

impl Default for Reports {
    fn default() -> Self {
        let usual = world::Config::default();
        Self {
            moving_every: Span::of_ms(usual.moving_every_ms),
            still_every: Span::of_ms(usual.still_every_ms),
            heartbeat_every: Span::of_ms(usual.heartbeat_every_ms),
            noise: usual.noise,
        }
    }
}

fn one() -> u64 {
    1
}

impl Scenario {
    /// The scenario in a file, or the built-in one of that name.
    ///
    /// # Errors
    /// [`ScenarioError`] names what can't be read, or the key that is wrong.
    pub fn load(name_or_path: &str) -> Result<Self, ScenarioError> {
        if let Some(text) = built_in::text(name_or_path) {
            return Self::parse(text);
        }
        let path = Path::new(name_or_path);
        let text = std::fs::read_to_string(path).map_err(|cause| ScenarioError::Unreadable {
            path: path.to_owned(),
            cause,
            built_in: built_in::names().collect::<Vec<_>>().join(", "),
        })?;
        let mut scenario = Self::parse(&text)?;
        scenario.folder = path.parent().map(Path::to_owned).unwrap_or_default();
        Ok(scenario)
    }

    /// The building.
    ///
    /// # Errors
    /// [`ScenarioError::Site`] when its file can't be read.
    pub fn site(&self) -> Result<SiteFile, ScenarioError> {
        let Some(file) = &self.site.file else {
            let SiteChoice { beds, floors, area_m2, seed, .. } = self.site;
            return Ok(site::generate(&Plan { area_m2, ..Plan::new(beds, floors, seed) }));
        };
        let path = self.folder.join(file);
        let wrong = |cause: String| ScenarioError::Site { path: path.clone(), cause };
        let text = std::fs::read_to_string(&path).map_err(|e| wrong(e.to_string()))?;
        site::read(&text).map_err(|e| wrong(e.to_string()))
    }

    /// The world that it asks for.
    #[must_use]
    pub fn world(&self) -> world::Config {
        world::Config {
            seed: self.seed,
            start_ms: self.start.unix_ms,
            assets: self.assets.count,
            staff: self.staff.count,
            pace: self.assets.pace,
            moving_every_ms: self.reports.moving_every.ms(),
            still_every_ms: self.reports.still_every.ms(),
            heartbeat_every_ms: self.reports.heartbeat_every.ms(),
            noise: self.reports.noise,
            ahead_ms: self.start.ahead_ms,
            patients: self.patients.as_ref().map(PatientsEntry::to_world),
            closures: self.closed.iter().map(ClosedEntry::to_world).collect(),
            firmware: self.tags.to_world(),
            shifts: self.staff.shifts,
            absent: self.staff.absent.part(),
            wifi_badges: self.staff.wifi_badges.part(),
            // They were checked when the scenario was read.
            lives: people::lives(&self.assets.classes).unwrap_or_default(),
            ..world::Config::default()
        }
    }

    /// What goes wrong.
    #[must_use]
    pub fn faults(&self) -> Vec<Fault> {
        // Each was checked when the scenario was read.
        self.faults.iter().filter_map(|entry| entry.check().ok()).collect()
    }

    /// When the reports end, milliseconds since the Unix epoch.
    #[must_use]
    pub fn end_ms(&self) -> i64 {
        self.start.unix_ms + self.duration.ms()
    }
}
