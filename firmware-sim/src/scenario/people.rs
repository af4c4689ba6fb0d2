//! Sections of people and of what they need: patients, staff, closed wards, lives of equipment, tags.

use super::ScenarioError;
use super::read::{contradiction, within};
use crate::{
    world::{Closure, Demand, Firmware, Life, Patients, Surge},
    written::{Share, Span},
};
use serde::Deserialize;
use spor_schemas::WardId;
use std::collections::BTreeMap;

/// Section `[patients]`; without it equipment lives by itself, as if it were always the same hour.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PatientsEntry {
    /// How many come on an average day; none: as many as keep 85 of 100 beds taken.
    pub arrivals_per_day: Option<f64>,
    /// How long they stay on average.
    pub stay: Span,
    /// How many of the beds are taken at the start.
    pub occupied: Share,
    /// How many come through the emergency department.
    pub emergencies: Share,
    /// Weights of the local hours.
    pub by_hour: [f64; 24],
    /// Weights of the days from Monday.
    pub by_weekday: [f64; 7],
    /// More come than usual.
    pub surges: Vec<SurgeEntry>,
}

/// One of `[[patients.surges]]`.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SurgeEntry {
    /// When it begins after the start.
    pub from: Span,
    /// When it ends.
    pub until: Span,
    /// How many come in that time, beside the usual ones.
    pub arrivals: f64,
}

/// One of `[[closed]]`: a ward that takes no patients for a time.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClosedEntry {
    /// The ward.
    pub ward: WardId,
    /// When it begins after the start.
    #[serde(default)]
    pub from: Span,
    /// When it ends; none: not in this scenario.
    pub until: Option<Span>,
}

/// Section `[staff]`.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Staff {
    /// How many people have a badge; a third of them is on duty, more by day.
    pub count: u32,
    /// Whether they work in shifts; otherwise all are always there.
    pub shifts: bool,
    /// How many don't come to a shift.
    pub absent: Share,
    /// How many wear a Wi-Fi badge, whose place is known by some metres only.
    pub wifi_badges: Share,
}

impl Default for Staff {
    fn default() -> Self {
        let nobody = Share::default();
        Self { count: 80, shifts: true, absent: nobody, wifi_badges: nobody }
    }
}

/// One of `[assets.classes.NAME]`: what differs from the usual life of the class.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LifeEntry {
    /// How often a patient needs one in a day.
    pub needs_per_day: Option<f64>,
    /// Mean time in store, of what the staff asks for by itself.
    pub stored: Option<Span>,
    /// Mean time in use.
    pub used: Option<Span>,
    /// Mean time until somebody cleans it.
    pub soiled: Option<Span>,
    /// Mean time of cleaning.
    pub cleaning: Option<Span>,
    /// How many uses end with the engineers.
    pub maintenance: Option<Share>,
    /// How many uses end in a hiding place on the ward.
    pub hoarded: Option<Share>,
    /// How many uses end where nobody looks.
    pub lost: Option<Share>,
    /// How many uses end at the patient's home.
    pub taken_home: Option<Share>,
}

/// Section `[tags]`: what they have that isn't perfect.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Tags {
    /// How much clocks drift at most, millionths; each is set right every hour.
    pub drift_ppm: f64,
    /// How many count to 65,535 only before they begin anew.
    pub short_counters: Share,
    /// How often a tag restarts on an average day, and counts from nothing.
    pub resets_per_day: f64,
}

impl Default for Tags {
    fn default() -> Self {
        let tenth = Share::new(0.1).unwrap_or_default();
        Self { drift_ppm: 20.0, short_counters: tenth, resets_per_day: 0.01 }
    }
}

impl Default for PatientsEntry {
    fn default() -> Self {
        Self {
            arrivals_per_day: None,
            stay: Span::of_ms(4 * 86_400_000),
            occupied: Share::new(0.85).unwrap_or_default(),
            emergencies: Share::new(0.4).unwrap_or_default(),
            by_hour: BY_HOUR,
            by_weekday: BY_WEEKDAY,
            surges: Vec::new(),
        }
    }
}

/// Few come at night, most in the late morning, and again in the evening.
const BY_HOUR: [f64; 24] = [
    0.5, 0.4, 0.3, 0.3, 0.3, 0.4, 0.6, 1.0, 1.5, 1.8, 2.0, 1.9, 1.7, 1.6, 1.5, 1.4, 1.3, 1.2, 1.2,
    1.1, 1.0, 0.9, 0.7, 0.6,
];
/// Planned patients come on working days.
const BY_WEEKDAY: [f64; 7] = [1.2, 1.15, 1.1, 1.1, 1.0, 0.7, 0.75];

impl PatientsEntry {
    pub(super) fn check(&self) -> Result<(), ScenarioError> {
        let daily = self.arrivals_per_day.unwrap_or(0.0);
        within((0.0..=100_000.0).contains(&daily), "patients.arrivals_per_day", "0 to 100000")?;
        within(self.stay.ms() >= 3_600_000, "patients.stay", "at least 1h")?;
        for (key, weights) in
            [("patients.by_hour", &self.by_hour[..]), ("patients.by_weekday", &self.by_weekday[..])]
        {
            let sound = weights.iter().all(|w| (0.0..=1000.0).contains(w));
            within(
                sound && weights.iter().sum::<f64>() > 0.0,
                key,
                "weights from 0 to 1000, not all 0",
            )?;
        }
        for (number, surge) in self.surges.iter().enumerate() {
            let key = |name: &str| format!("patients.surges[{number}].{name}");
            within(surge.until > surge.from, &key("until"), "after `from`")?;
            within((0.0..=100_000.0).contains(&surge.arrivals), &key("arrivals"), "0 to 100000")?;
        }
        Ok(())
    }

    pub(super) fn to_world(&self) -> Patients {
        Patients {
            arrivals_per_day: self.arrivals_per_day,
            stay_ms: self.stay.ms(),
            occupied: self.occupied.part(),
            emergencies: self.emergencies.part(),
            by_hour: self.by_hour,
            by_weekday: self.by_weekday,
            surges: self
                .surges
                .iter()
                .map(|surge| Surge {
                    from_ms: surge.from.ms(),
                    until_ms: surge.until.ms(),
                    arrivals: surge.arrivals,
                })
                .collect(),
        }
    }
}

impl ClosedEntry {
    pub(super) fn to_world(&self) -> Closure {
        let until_ms = self.until.map_or(i64::MAX, Span::ms);
        Closure { ward: self.ward.clone(), from_ms: self.from.ms(), until_ms }
    }
}

impl Tags {
    pub(super) fn check(&self) -> Result<(), ScenarioError> {
        within((0.0..=1000.0).contains(&self.drift_ppm), "tags.drift_ppm", "0 to 1000")?;
        within((0.0..=24.0).contains(&self.resets_per_day), "tags.resets_per_day", "0 to 24")
    }

    pub(super) fn to_world(&self) -> Firmware {
        Firmware {
            drift_ppm: self.drift_ppm,
            short_counters: self.short_counters.part(),
            resets_per_day: self.resets_per_day,
        }
    }
}

/// Puts what a scenario says of classes over their usual lives.
pub(super) fn lives(
    entries: &BTreeMap<String, LifeEntry>,
) -> Result<Vec<(String, Life)>, ScenarioError> {
    let usual = Life::usual();
    let mut lives = Vec::new();
    for (name, entry) in entries {
        let Some((_, life)) = usual.iter().find(|(id, _)| id == name) else {
            let known: Vec<_> = usual.iter().map(|(id, _)| *id).collect();
            let message = format!("is no class of equipment; there are {}", known.join(", "));
            return Err(contradiction(&format!("assets.classes.{name}"), message));
        };
        let key = |field: &str| format!("assets.classes.{name}.{field}");
        let mut life = *life;
        if let Some(per_day) = entry.needs_per_day {
            within((0.0..=100.0).contains(&per_day), &key("needs_per_day"), "0 to 100")?;
            if name == "bed" {
                return Err(contradiction(
                    &key("needs_per_day"),
                    "a patient has one bed".to_owned(),
                ));
            }
            life.demand = Demand::OfPatients { per_day };
        }
        for (field, span, minutes) in [
            ("stored", entry.stored, &mut life.stored_min),
            ("used", entry.used, &mut life.used_min),
            ("soiled", entry.soiled, &mut life.soiled_min),
            ("cleaning", entry.cleaning, &mut life.cleaning_min),
        ] {
            if let Some(span) = span {
                within(span.ms() >= 60_000, &key(field), "at least 1m")?;
                #[expect(clippy::cast_precision_loss, reason = "at most a year")]
                let mean = span.ms() as f64 / 60_000.0;
                *minutes = mean;
            }
        }
        for (share, part) in [
            (entry.maintenance, &mut life.maintenance),
            (entry.hoarded, &mut life.hoarded),
            (entry.lost, &mut life.lost),
            (entry.taken_home, &mut life.taken_home),
        ] {
            *part = share.map_or(*part, Share::part);
        }
        let astray = life.maintenance + life.hoarded + life.lost + life.taken_home;
        let whole = "so that maintenance, hoarded, lost and taken_home are at most 1 together";
        within(astray <= 1.0, &key("hoarded"), whole)?;
        lives.push((name.clone(), life));
    }
    Ok(lives)
}
