//! Checkpoints of a running pipeline: what must wait for the disk goes on beside the folding.

use super::{CheckpointError, Checkpoints, checkpoint::Written, onward, run::Folding};
use crate::{journal::Journal, model::DecidedBatch};
use std::time::{Duration, Instant};
use tokio::task::JoinHandle;

/// Shortest time between checkpoints.
pub(super) const CHECKPOINT_EVERY: Duration = Duration::from_secs(10);
/// Writing checkpoints may take this share of the time: one part of so many.
const CHECKPOINT_SHARE: u32 = 100;

impl Folding {
    /// Leaves a checkpoint here, and waits for it.
    pub(super) async fn checkpoint(&mut self) {
        self.begin_checkpoint();
        if self.finishing.is_some() {
            let done = finished(&mut self.finishing).await;
            self.checkpoint_done(done);
        }
    }

    /// Writes the state; what waits for the disk goes on beside the folding.
    pub(super) fn begin_checkpoint(&mut self) {
        let sequence = self.reader.position() - 1;
        if self.checkpointed == Some(sequence) {
            self.due = Instant::now() + CHECKPOINT_EVERY;
            return;
        }
        let begun = Instant::now();
        if sequence > self.decided_through {
            // The decided log must say that it knows everything up to here, also where that is nothing.
            let site = self.pipeline.site().version.clone();
            let at_ms = self.received_ms;
            let nothing = DecidedBatch { through: sequence, at_ms, site, items: Vec::new() };
            onward::append(&self.decided, &self.journal, &nothing);
            self.decided_through = sequence;
        }
        let through = self.decided.last();
        let written = self.checkpoints.write(
            &self.pipeline,
            sequence,
            self.received_ms,
            &self.journal.sealer(),
        );
        let took = begun.elapsed();
        self.due = begun + CHECKPOINT_EVERY.max(took * CHECKPOINT_SHARE);
        metrics::histogram!("spor_checkpoint_seconds").record(took);
        match written {
            Ok(written) => {
                self.checkpointed = Some(sequence);
                let (checkpoints, decided) = (self.checkpoints.clone(), self.decided.clone());
                let journal = self.journal.clone();
                self.finishing =
                    Some(tokio::spawn(finish(checkpoints, journal, decided, through, written)));
            }
            Err(error) => complain(&error),
        }
    }

    pub(super) fn checkpoint_done(&mut self, done: Result<u64, CheckpointError>) {
        match done {
            Ok(oldest) => self.pin.advance(oldest + 1),
            Err(error) => complain(&error),
        }
    }
}

/// Waits until the decided log is on disk as far as the checkpoint goes, and makes it count.
async fn finish(
    checkpoints: Checkpoints,
    journal: Journal,
    decided: Journal,
    through: u64,
    written: Written,
) -> Result<u64, CheckpointError> {
    // An error means that the log is closed: it is on disk then, as far as it will ever be.
    let _ = decided.committed().wait_for(|committed| *committed >= through).await;
    let finishing = tokio::task::spawn_blocking(move || checkpoints.finish(&written, &journal));
    finishing.await.unwrap_or_else(|error| std::panic::resume_unwind(error.into_panic()))
}

pub(super) async fn finished(
    finishing: &mut Option<JoinHandle<Result<u64, CheckpointError>>>,
) -> Result<u64, CheckpointError> {
    let Some(handle) = finishing else { return std::future::pending().await };
    let done = handle.await;
    *finishing = None;
    done.unwrap_or_else(|error| std::panic::resume_unwind(error.into_panic()))
}

fn complain(error: &CheckpointError) {
    metrics::counter!("spor_checkpoint_failures_total").increment(1);
    tracing::error!(%error, "no checkpoint: a start would have more to fold");
}
