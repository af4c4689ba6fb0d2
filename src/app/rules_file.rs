//! The file of rules: read at the start, and again while Spor runs when it has changed. One that can't
//! be used changes nothing. A changed one becomes a record of the journal, so that everything is
//! decided by the same rules whenever it is decided again.

use super::watched::Watched;
use crate::{
    journal::{Draft, Journal, Kind},
    utilisation::{Rules, RulesError},
};
use arc_swap::ArcSwap;
use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::Arc,
};
use tokio_util::sync::CancellationToken;

/// Why a file of rules can't be used.
#[derive(Debug, thiserror::Error)]
#[error("{path}: {reason}")]
pub(super) struct RulesFileError {
    path: PathBuf,
    reason: Reason,
}

#[derive(Debug, thiserror::Error)]
enum Reason {
    #[error(transparent)]
    Unreadable(#[from] io::Error),
    #[error(transparent)]
    Wrong(#[from] RulesError),
}

/// Reads a file; none: the rules that are built in.
pub(super) fn load(path: Option<&Path>) -> Result<Rules, RulesFileError> {
    let Some(path) = path else { return Ok(Rules::built_in()) };
    let read = || -> Result<Rules, Reason> { Ok(Rules::parse(&fs::read_to_string(path)?)?) };
    read().map_err(|reason| RulesFileError { path: path.to_owned(), reason })
}

/// Who is to know of other rules.
pub(super) struct RulesFile {
    /// The configured file.
    pub(super) path: PathBuf,
    /// The rules that explanations are made from.
    pub(super) shown: Arc<ArcSwap<Rules>>,
    pub(super) journal: Journal,
}

impl RulesFile {
    /// Looks at the file until `stop`.
    pub(super) async fn follow(self, stop: CancellationToken) {
        stop.run_until_cancelled(self.watch()).await;
    }

    async fn watch(self) {
        say_whether_in_use(true);
        let mut file = Watched::new(self.path.clone());
        loop {
            let now = file.changed().await;
            file.take(now);
            match load(Some(&self.path)) {
                Ok(rules) => self.take(rules).await,
                Err(error) => {
                    say_whether_in_use(false);
                    tracing::error!(%error, "the changed rules are not in use");
                }
            }
        }
    }

    async fn take(&self, rules: Rules) {
        if rules.version != self.shown.load().version {
            // An error means that the journal is closed: then Spor stops.
            let _ = self.journal.room().wait_for(|room| *room).await;
            let mut draft = Draft::new();
            draft.push(Kind::Rules, "", "", rules.text().as_bytes());
            self.journal.append(draft);
            tracing::info!(version = rules.version, rules = rules.list().len(), "other rules");
            self.shown.store(Arc::new(rules));
        }
        say_whether_in_use(true);
    }
}

fn say_whether_in_use(in_use: bool) {
    metrics::gauge!("spor_rules_file_in_use").set(u8::from(in_use));
}
