//! Section `[alerts]` of the configuration.

use super::{Quiet, Timing, signature::Secret};
use crate::model::{AlertKind, ClassId};
use serde::Deserialize;
use std::{fs, io, path::PathBuf, time::Duration};

/// The variable that holds the webhook's secret, unless a file does.
const SECRET: &str = "ALERTS_SPOR_WEBHOOK_SECRET";

/// What alerts there are, and whom they are told.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Seconds between two looks at what is wrong; more where a look takes long.
    pub every_s: u32,
    /// Classes that may stand in the ways out of the building.
    pub may_leave: Vec<ClassId>,
    /// A reader that was heard before and is silent for so long is as if it were offline, seconds; 0: never.
    /// One in a room that things seldom come to is silent for hours, one at a passage for as long as it
    /// may be: that one is left out.
    pub reader_silent_s: u32,
    /// `https://...`, which changes of alerts are sent to; none: nowhere.
    pub webhook_url: Option<String>,
    /// File with the secret that they are signed with; none: the variable `ALERTS_SPOR_WEBHOOK_SECRET`.
    pub webhook_secret_file: Option<PathBuf>,
    /// PEM file of the authority that vouches for `webhook_url`; none: those of the system.
    pub webhook_ca: Option<PathBuf>,
    /// An answer that takes longer is none, seconds.
    pub webhook_timeout_s: u32,
    /// Fewer of a class stand ready in a ward than should.
    pub par: Rule,
    /// An asset is missing.
    pub missing: Rule,
    /// An asset leaves the building.
    pub leaving: Rule,
    /// An asset lies in a room for linen or waste.
    pub linen: Rule,
    /// A tag's battery is low.
    pub battery: Rule,
    /// A reader is offline, or silent.
    pub reader: Rule,
    /// An asset waits for its cleaning.
    pub cleaning: Rule,
}

/// What holds for one kind of alert: `[alerts.par]` and so on.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Rule {
    /// False: there are none of this kind.
    pub on: bool,
    /// So long the cause must hold before the alert opens, seconds; none: as is usual for the kind.
    pub for_s: Option<u32>,
    /// So long it must be gone before the alert ends, seconds; none: as is usual for the kind.
    pub clear_s: Option<u32>,
    /// Hours of the local day in which only what is critical is told.
    pub quiet: Option<Quiet>,
}

impl Default for Rule {
    fn default() -> Self {
        Self { on: true, for_s: None, clear_s: None, quiet: None }
    }
}

impl Default for Config {
    fn default() -> Self {
        let wheelchair = ClassId::new("wheelchair").unwrap_or_else(|_| unreachable!("a valid id"));
        Self {
            every_s: 5,
            may_leave: vec![wheelchair],
            reader_silent_s: 86_400,
            webhook_url: None,
            webhook_secret_file: None,
            webhook_ca: None,
            webhook_timeout_s: 10,
            par: Rule::default(),
            missing: Rule::default(),
            leaving: Rule::default(),
            linen: Rule::default(),
            battery: Rule::default(),
            reader: Rule::default(),
            cleaning: Rule::default(),
        }
    }
}

/// Why the settings can't be used; exit code 2.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The address is none.
    #[error("alerts.webhook_url: {0}")]
    Url(&'static str),
    /// What is sent could be anybody's.
    #[error(
        "alerts.webhook_url needs a secret: put one into the file alerts.webhook_secret_file, or into the \
         variable ALERTS_SPOR_WEBHOOK_SECRET, e.g. \"whsec_$(openssl rand -base64 32)\""
    )]
    NoSecret,
    /// The secret is not as Standard Webhooks has it.
    #[error("the webhook's secret must be whsec_ and 24 to 64 bytes in base64")]
    Secret,
    /// A file can't be read, or holds something else.
    #[error("{key} {path}: {source}")]
    File {
        /// The key that names it.
        key: &'static str,
        /// Which file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The HTTP client can't be made.
    #[error("alerts.webhook_url: {0}")]
    Client(String),
}

impl Config {
    /// What holds for a kind.
    #[must_use]
    pub fn rule(&self, kind: AlertKind) -> &Rule {
        match kind {
            AlertKind::Par => &self.par,
            AlertKind::Missing => &self.missing,
            AlertKind::Leaving => &self.leaving,
            AlertKind::Linen => &self.linen,
            AlertKind::Battery => &self.battery,
            AlertKind::Reader => &self.reader,
            AlertKind::Cleaning => &self.cleaning,
        }
    }

    /// How long a cause of that kind must hold, and be gone.
    #[must_use]
    pub fn timing(&self, kind: AlertKind) -> Timing {
        // Seconds. Equipment that is carried through a way in is no longer there a moment later;
        // what lies with the linen is gone with it within hours.
        let (usual_for_s, usual_clear_s) = match kind {
            AlertKind::Par => (300, 60),
            AlertKind::Missing | AlertKind::Battery => (60, 60),
            AlertKind::Leaving => (20, 20),
            AlertKind::Linen => (900, 30),
            AlertKind::Reader => (60, 30),
            AlertKind::Cleaning => (4 * 3_600, 60),
        };
        let rule = self.rule(kind);
        let ms = |given: Option<u32>, usual: u32| i64::from(given.unwrap_or(usual)) * 1_000;
        Timing { for_ms: ms(rule.for_s, usual_for_s), clear_ms: ms(rule.clear_s, usual_clear_s) }
    }

    pub(super) fn every(&self) -> Duration {
        Duration::from_secs(u64::from(self.every_s.max(1)))
    }

    pub(super) fn secret(&self) -> Result<Secret, ConfigError> {
        let text = match &self.webhook_secret_file {
            Some(path) => fs::read_to_string(path).map_err(|source| ConfigError::File {
                key: "alerts.webhook_secret_file",
                path: path.clone(),
                source,
            })?,
            None => std::env::var(SECRET).map_err(|_| ConfigError::NoSecret)?,
        };
        Secret::parse(text.trim()).ok_or(ConfigError::Secret)
    }
}
