//! The pipeline's thread: reads the journal, folds it, and writes what was decided to the log of
//! decided rows, from which storage copies.
//!
//! A start takes the newest checkpoint that the decided log covers and folds forward; what the
//! decided log holds already is not written again. Whatever follows from the journal is therefore
//! decided exactly once, whenever the process ends.

use super::{
    CheckpointError, Checkpoints, Parts, Pipeline,
    checkpoint::{Found, Written},
    onward,
};
use crate::{
    journal::{Journal, JournalError, Kind, Pin, Reader, Record},
    model::{Arrival, Decided, DecidedBatch, EventMessage, Registry, Restored},
};
use std::{
    mem,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};
use tokio::{sync::watch, task::JoinHandle};

/// So much of the journal is folded before its rows are handed on, bytes.
const CHUNK: usize = 256 * 1024;
/// Shortest time between checkpoints.
const CHECKPOINT_EVERY: Duration = Duration::from_secs(10);
/// Writing checkpoints may take this share of the time: one part of so many.
const CHECKPOINT_SHARE: u32 = 100;
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
    pipeline: Pipeline,
    journal: Journal,
    decided: Journal,
    checkpoints: Checkpoints,
    reader: Reader,
    /// The retention of the journal waits for the oldest checkpoint.
    pin: Pin,
    /// Up to here the decided log has everything.
    decided_through: u64,
    /// Receipt of the last record, milliseconds.
    received_ms: i64,
    due: Instant,
    /// None: no checkpoint can be used.
    checkpointed: Option<u64>,
    finishing: Option<JoinHandle<Result<u64, CheckpointError>>>,
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
        let decided_through = onward::decided_through(&decided, &journal)?;
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
            .pin("checkpoint", checkpoints.sequences().last().map_or(from, |s| *s.min(&from)) + 1);
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
        loop {
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
        }
        if self.finishing.is_some() {
            let done = finished(&mut self.finishing).await;
            self.checkpoint_done(done);
        }
        self.checkpoint().await;
    }

    /// Leaves a checkpoint here, and waits for it.
    pub(super) async fn checkpoint(&mut self) {
        self.begin_checkpoint();
        if self.finishing.is_some() {
            let done = finished(&mut self.finishing).await;
            self.checkpoint_done(done);
        }
    }

    /// Folds about so many bytes of the journal; gives back how many records that were.
    pub(super) fn step(
        &mut self,
        bytes: usize,
        publish: &dyn Fn(&EventMessage),
    ) -> Result<usize, FoldError> {
        let records = self.reader.read(bytes)?;
        let (Some(first_ms), Some(last)) =
            (records.first().map(|r| r.received_ms), records.last().map(|r| r.sequence))
        else {
            return Ok(0);
        };
        let mut items = Vec::new();
        let mut out = Vec::new();
        let mut site = self.pipeline.site().version.clone();
        for record in &records {
            self.fold(record, &mut out)?;
            let now = &self.pipeline.site().version;
            if *now != site {
                // What another building decided is stored with the rooms of that building.
                self.hand_on(
                    record.sequence - 1,
                    mem::replace(&mut site, now.clone()),
                    mem::take(&mut items),
                    publish,
                );
            }
            if record.sequence > self.decided_through {
                items.extend(out.drain(..).map(|decided| (record.sequence, decided)));
            }
            out.clear();
            self.received_ms = record.received_ms;
        }
        self.hand_on(last, site, items, publish);
        measure(first_ms);
        let behind = self.journal.last().saturating_sub(last);
        metrics::gauge!("spor_journal_lag_messages", "journal" => "raw", "cursor" => "pipeline")
            .set(count(behind));
        Ok(records.len())
    }

    fn fold(&mut self, record: &Record, out: &mut Vec<Decided>) -> Result<(), FoldError> {
        let received_ms = record.received_ms;
        match record.kind {
            Kind::Message => {
                let arrival = Arrival {
                    source: record.source.clone(),
                    topic: record.topic.clone(),
                    payload: record.payload.clone(),
                };
                self.pipeline.arrival(&arrival, received_ms, out);
            }
            Kind::Tick => self.pipeline.tick(received_ms, out),
            Kind::Registry => match serde_json::from_slice(&record.payload) {
                Ok(change) => self.pipeline.change_registry(&change, received_ms, out),
                Err(error) => tracing::error!(%error, "a change of the registry can't be read"),
            },
            Kind::Site => {
                let site = self.checkpoints.site(&record.topic)?;
                self.pipeline.change_site(site);
            }
            Kind::Flush => self.pipeline.flush(out),
            Kind::Decided => {}
        }
        Ok(())
    }

    fn hand_on(
        &mut self,
        through: u64,
        site: String,
        items: Vec<(u64, Decided)>,
        publish: &dyn Fn(&EventMessage),
    ) {
        if items.is_empty() {
            return;
        }
        let batch = DecidedBatch { through, site, items };
        onward::append(&self.decided, &self.journal, &batch);
        self.decided_through = through;
        for (_, decided) in &batch.items {
            if let Decided::Event(event) = decided {
                publish(event);
            }
        }
    }

    /// Writes the state; what waits for the disk goes on beside the folding.
    fn begin_checkpoint(&mut self) {
        let sequence = self.reader.position() - 1;
        if self.checkpointed == Some(sequence) {
            self.due = Instant::now() + CHECKPOINT_EVERY;
            return;
        }
        let begun = Instant::now();
        if sequence > self.decided_through {
            // The decided log must say that it knows everything up to here, also where that is nothing.
            let site = self.pipeline.site().version.clone();
            let nothing = DecidedBatch { through: sequence, site, items: Vec::new() };
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
                self.finishing = Some(tokio::spawn(finish(checkpoints, decided, through, written)));
            }
            Err(error) => complain(&error),
        }
    }

    fn checkpoint_done(&mut self, done: Result<u64, CheckpointError>) {
        match done {
            Ok(oldest) => self.pin.advance(oldest + 1),
            Err(error) => complain(&error),
        }
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

/// Waits until the decided log is on disk as far as the checkpoint goes, and makes it count.
async fn finish(
    checkpoints: Checkpoints,
    decided: Journal,
    through: u64,
    written: Written,
) -> Result<u64, CheckpointError> {
    // An error means that the log is closed: it is on disk then, as far as it will ever be.
    let _ = decided.committed().wait_for(|committed| *committed >= through).await;
    let finishing = tokio::task::spawn_blocking(move || checkpoints.finish(&written));
    finishing.await.unwrap_or_else(|error| std::panic::resume_unwind(error.into_panic()))
}

async fn finished(
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

#[expect(clippy::cast_precision_loss, reason = "a latency")]
fn measure(received_ms: i64) {
    let seconds = (now_ms() - received_ms).max(0) as f64 / 1000.0;
    metrics::histogram!("spor_latency_seconds", "stage" => "live").record(seconds);
}

#[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
fn count(number: u64) -> f64 {
    number as f64
}

/// The machine's clock, milliseconds since the Unix epoch.
fn now_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}
