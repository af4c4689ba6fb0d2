//! The pipeline's thread: finds its place in the journal, and folds it from there on, a step at a
//! time (`step`), leaving checkpoints (`saving`).
//!
//! A start takes the newest checkpoint that the decided log covers and folds forward; what the
//! decided log holds already is not written again. Whatever follows from the journal is therefore
//! decided exactly once, whenever the process ends.

use super::{
    CheckpointError, Checkpoints, Parts, Pipeline,
    checkpoint::Found,
    onward,
    saving::{CHECKPOINT_EVERY, finished},
};
use crate::{
    journal::{Journal, JournalError, Pin, Reader},
    model::{EventMessage, Registry, Restored},
};
use std::time::{Duration, Instant};
use tokio::{sync::watch, task::JoinHandle};

/// The pin of what the oldest checkpoint may want to fold again: nothing is deleted without it.
pub const CHECKPOINT_PIN: &str = "checkpoint";
/// So much of the journal is folded before its rows are handed on, bytes.
const CHUNK: usize = 256 * 1024;
/// Between two looks at the journal, when all of it is folded: each of its many commits would wake
/// the pipeline for a few records.
const PACE: Duration = Duration::from_millis(5);
/// How soon a failed read of the journal is tried again.
const READ_AGAIN: Duration = Duration::from_secs(1);

/// Why a pipeline can't begin.
#[derive(Debug, thiserror::Error)]
pub enum FoldError {
    /// The last rows can't be read from storage.
    #[error("the last rows can't be read from the database: {0}")]
    Storage(String),
    /// One of the logs can't be read.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// The checkpoints' folder can't be used, or a site file of the past.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// What was decided before can't be set aside.
    #[error("the decided log and the checkpoints can't be set aside: {0}")]
    SetAside(std::io::Error),
    /// The decided log, or the database, is ahead of the journal or belongs to another one.
    #[error("{0}")]
    Mismatch(String),
}

/// What a pipeline begins with.
pub struct Start {
    /// What arrived.
    pub journal: Journal,
    /// What was decided of it.
    pub decided: Journal,
    /// The pipeline's states.
    pub checkpoints: Checkpoints,
    /// The journal's sequence up to which storage has everything.
    pub stored: u64,
}

/// Where a running pipeline's output goes besides the decided log.
pub struct Ports {
    /// Tells subscribers; never blocks.
    pub publish: Box<dyn Fn(&EventMessage) + Send + Sync>,
    /// The record after which the pipeline ends; none: not yet.
    pub end_at: watch::Receiver<Option<u64>>,
}

/// A pipeline at its place in the journal.
pub struct Folding {
    pub(super) pipeline: Pipeline,
    pub(super) journal: Journal,
    pub(super) decided: Journal,
    pub(super) checkpoints: Checkpoints,
    pub(super) reader: Reader,
    /// The retention of the journal waits for the oldest checkpoint.
    pub(super) pin: Pin,
    /// Up to here the decided log has everything.
    pub(super) decided_through: u64,
    /// Receipt of the last record, milliseconds.
    pub(super) received_ms: i64,
    pub(super) due: Instant,
    /// None: no checkpoint can be used.
    pub(super) checkpointed: Option<u64>,
    pub(super) finishing: Option<JoinHandle<Result<u64, CheckpointError>>>,
    pub(super) folded: watch::Sender<Folded>,
}

/// How far the folding is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Folded {
    /// The last record of the journal that was folded.
    pub through: u64,
    /// The record up to which the decided log has everything.
    pub decided: u64,
}

impl Folding {
    /// Finds the place to go on from. `from_storage` is asked where no checkpoint can be used.
    ///
    /// # Errors
    /// [`FoldError`] when the logs don't fit together, with what to do about it.
    pub async fn open<E: ToString>(
        start: Start,
        parts: Parts,
        from_storage: impl AsyncFnOnce() -> Result<(Registry, Restored), E>,
    ) -> Result<Self, FoldError> {
        let Start { journal, decided, checkpoints, stored } = start;
        let decided_through = onward::decided_through(&decided, &journal, stored)?;
        for (what, through) in
            [("what was decided of it", decided_through), ("the database", stored)]
        {
            if through > journal.last() {
                return Err(FoldError::Mismatch(format!(
                    "the journal ends at {}, but {what} goes up to {through}: part of the journal is gone; \
                     `spor serve --new-journal` goes on from here",
                    journal.last()
                )));
            }
        }
        checkpoints.keep_site(&parts.site)?;
        let found = checkpoints.newest_up_to(decided_through);
        let checkpointed = found.as_ref().map(|found| found.sequence);
        let (pipeline, from, received_ms) = match found {
            Some(found) => {
                let parts = Parts { site: checkpoints.site(&found.site)?, ..parts };
                let (sequence, received_ms) = (found.sequence, found.received_ms);
                (resume(&found, parts, &journal, from_storage).await?, sequence, received_ms)
            }
            None => {
                let (registry, restored) = ask(from_storage).await?;
                (Pipeline::restored(parts, registry, restored), stored, 0)
            }
        };
        let reader = journal.reader(from + 1);
        if reader.missed() > 0 {
            metrics::counter!("spor_journal_gap_messages_total").increment(reader.missed());
            tracing::error!(
                missing = reader.missed(),
                "the journal no longer holds what should be decided next: it begins later"
            );
        }
        let pin = journal
            .pin(CHECKPOINT_PIN, checkpoints.oldest_needed().map_or(from, |s| s.min(from)) + 1);
        let mut folding = Self {
            pipeline,
            decided,
            checkpoints,
            reader,
            pin,
            decided_through,
            received_ms,
            due: Instant::now() + CHECKPOINT_EVERY,
            checkpointed,
            finishing: None,
            folded: watch::Sender::default(),
            journal,
        };
        if folding.checkpointed.is_none() {
            // What storage still knew is no function of the journal: from here on it is.
            folding.checkpoint().await;
        }
        Ok(folding)
    }

    /// The pipeline, at its place.
    #[must_use]
    pub fn pipeline(&self) -> &Pipeline {
        &self.pipeline
    }

    /// How far it is, from now on.
    #[must_use]
    pub fn folded(&self) -> watch::Receiver<Folded> {
        self.folded.subscribe()
    }

    /// Folds everything that is in the journal now; gives back how many records that were.
    ///
    /// # Errors
    /// When one of the logs can't be read, or a site file of the past is missing.
    pub async fn catch_up(&mut self) -> Result<u64, FoldError> {
        let from = self.reader.position();
        let end = self.journal.last();
        let mut said = Instant::now();
        let mut room = self.decided.room();
        while self.reader.position() <= end {
            self.reader.wait().await;
            let _ = room.wait_for(|room| *room).await;
            self.step(CHUNK, &|_| {})?;
            if said.elapsed() > Duration::from_secs(1) {
                said = Instant::now();
                let left = end.saturating_sub(self.reader.position());
                tracing::info!(left, "folding what the journal holds since the last checkpoint");
            }
        }
        let folded = self.reader.position() - from;
        if folded > 0 {
            // So that a start that is cut short is not repeated from the beginning.
            self.checkpoint().await;
        }
        Ok(folded)
    }

    /// Runs until the record that `ports.end_at` names is decided, and leaves a checkpoint there.
    pub async fn run(mut self, mut ports: Ports) {
        let committed = self.journal.committed();
        loop {
            let begun = tokio::time::Instant::now();
            tokio::select! {
                _ = self.reader.wait() => {}
                _ = ports.end_at.changed() => {}
                done = finished(&mut self.finishing) => self.checkpoint_done(done),
            }
            let mut room = self.decided.room();
            if room.wait_for(|room| *room).await.is_err() {
                break;
            }
            if let Err(error) = self.step(CHUNK, &ports.publish) {
                tracing::error!(%error, "the pipeline can't go on, and tries again");
                tokio::time::sleep(READ_AGAIN).await;
            }
            let is_end = ports.end_at.borrow().is_some_and(|end| self.reader.position() > end);
            if is_end {
                break;
            }
            if self.finishing.is_none() && Instant::now() >= self.due {
                self.begin_checkpoint();
            }
            let caught_up = self.reader.position() > *committed.borrow();
            if caught_up {
                tokio::time::sleep_until(begun + PACE).await;
            }
        }
        if self.finishing.is_some() {
            let done = finished(&mut self.finishing).await;
            self.checkpoint_done(done);
        }
        self.checkpoint().await;
    }
}

/// The checkpoint's pipeline, or what storage still knew at the checkpoint's place.
async fn resume<E: ToString>(
    found: &Found,
    parts: Parts,
    journal: &Journal,
    from_storage: impl AsyncFnOnce() -> Result<(Registry, Restored), E>,
) -> Result<Pipeline, FoldError> {
    let again = Parts {
        site: parts.site.clone(),
        live: parts.live.clone(),
        rejections: parts.rejections.clone(),
        ..parts
    };
    match found.take_up(parts, &journal.sealer()) {
        Ok(pipeline) => Ok(pipeline),
        Err(error) => {
            tracing::warn!(%error, "the checkpoint is of another version: the last rows of the database are taken up instead");
            let (registry, restored) = ask(from_storage).await?;
            Ok(Pipeline::restored(again, registry, restored))
        }
    }
}

async fn ask<E: ToString>(
    from_storage: impl AsyncFnOnce() -> Result<(Registry, Restored), E>,
) -> Result<(Registry, Restored), FoldError> {
    from_storage().await.map_err(|error| FoldError::Storage(error.to_string()))
}
