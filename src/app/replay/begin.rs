//! What a pass begins with: logs of its own, by the recording's clock, and what was known when the
//! recording began.

use super::Stage;
use crate::{
    app::{logs::Logs, site_file},
    journal,
    model::Restored,
    pipeline::{Folding, Parts, Start},
    replay,
    site::Site,
};
use std::{
    convert::Infallible,
    fs, io,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
};

/// A pass's logs are read once and never far behind, bytes.
const SEGMENT_BYTES: u64 = 16 << 20;

/// The clock of a journal: it tells when the record was received that comes next.
#[derive(Clone, Default)]
pub(super) struct Stamp(Arc<AtomicI64>);

impl Stamp {
    pub(super) fn set(&self, ms: i64) {
        self.0.store(ms, Ordering::Release);
    }

    fn get(&self) -> i64 {
        self.0.load(Ordering::Acquire)
    }
}

impl Stage {
    /// Empty logs, whose records bear the times that `stamp` tells.
    pub(super) fn logs(&self, stamp: &Stamp) -> anyhow::Result<Logs> {
        for name in ["journal", "decided", "checkpoints"] {
            gone(fs::remove_dir_all(self.data_dir.join(name)))?;
        }
        let config = journal::Config {
            segment_bytes: SEGMENT_BYTES,
            retention_hours: 0,
            ..journal::Config::default()
        };
        let (stamp, privacy) = (stamp.clone(), &self.config.privacy);
        Ok(Logs::open_by(move || stamp.get(), &self.data_dir, &config, privacy, false)?)
    }

    /// The pipeline in front of the first record, knowing what was known then; and the rooms of
    /// every building of the recording in the database.
    pub(super) async fn fold(&self, logs: &Logs, stored: u64) -> anyhow::Result<Folding> {
        site_file::register(&self.storage, &self.site).await?;
        logs.checkpoints.keep_site(&self.site)?;
        for name in &self.recording.manifest.sites {
            let site = Site::load(Some(&self.recording.file(name)))?;
            site_file::register(&self.storage, &site).await?;
            logs.checkpoints.keep_site(&site)?;
        }
        if self.controls.shift_ms() == 0 {
            self.adopt_state(logs)?;
        }
        let start = Start {
            journal: logs.journal.clone(),
            decided: logs.decided.clone(),
            checkpoints: logs.checkpoints.clone(),
            stored,
        };
        let parts = Parts {
            site: self.site.clone(),
            live: self.live.clone(),
            rejections: self.rejections.clone(),
            max_late_ms: self.config.ingest.max_late_ms(),
            on_change: self.config.storage.on_change,
        };
        let registry = replay::registry(&self.recording.manifest.tags);
        let known = async move || Ok::<_, Infallible>((registry, Restored::default()));
        let folding = Folding::open(start, parts, known).await?;
        let registry = folding.pipeline().registry().clone();
        let begins_ms = self.recording.manifest.start_ms + self.controls.shift_ms();
        self.storage.begin_with(&registry, begins_ms).await?;
        self.registry.store(Arc::new(registry));
        self.shown.store(folding.pipeline().site().clone());
        self.rules.store(folding.pipeline().rules().clone());
        Ok(folding)
    }

    fn adopt_state(&self, logs: &Logs) -> anyhow::Result<()> {
        let Some(state) = &self.recording.manifest.state else { return Ok(()) };
        let is_adopted = logs.checkpoints.adopt(&self.recording.file(state))?;
        if !is_adopted {
            tracing::warn!(
                "what was known before the recording was written by another version of Spor: it \
                 begins with what carried which tag, and nothing else"
            );
        }
        Ok(())
    }

    /// A building that the recording changes to.
    pub(super) fn site_of(&self, logs: &Logs, version: &str) -> anyhow::Result<Arc<Site>> {
        Ok(logs.checkpoints.site(version)?)
    }
}

/// Nothing to delete is as good as deleted.
fn gone(result: io::Result<()>) -> io::Result<()> {
    match result {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}
