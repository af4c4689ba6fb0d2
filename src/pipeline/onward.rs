//! The log of decided rows: written by the pipeline, read for storage.
//!
//! A record is one batch. Its topic names the journal that it was decided of, so that the two logs
//! are never mixed up, and the batch's form. Storage is fed from disk at its own pace: however long it is away, nothing
//! waits in memory, and a batch leaves the disk only after it is stored.

use super::run::{FoldError, Folded};
use crate::{
    journal::{Draft, Journal, Kind, Pin, Reader, Record},
    model::DecidedBatch,
};
use std::{collections::VecDeque, fmt::Write as _};
use tokio::sync::{mpsc, watch};

/// The pin of what the decided log holds and storage hasn't stored: nothing is deleted without it.
pub const STORAGE_PIN: &str = "storage";
/// The form of a batch. Every form begins with `through`.
const FORM: u8 = 3;
/// So much is read at once, bytes.
const CHUNK: usize = 256 * 1024;

/// Appends a batch; gives back its sequence in the decided log.
pub(super) fn append(decided: &Journal, journal: &Journal, batch: &DecidedBatch) -> u64 {
    let mut draft = Draft::new();
    match postcard::to_stdvec(batch) {
        Ok(bytes) => draft.push(Kind::Decided, "", &name(journal), &bytes),
        Err(error) => unreachable!("a batch of plain values has a form: {error}"),
    }
    decided.append(draft).last
}

/// The journal's id in hexadecimal digits, and the form.
fn name(journal: &Journal) -> String {
    let mut name = id(journal);
    let _ = write!(name, ".{FORM}");
    name
}

fn id(journal: &Journal) -> String {
    journal.id().iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

fn batch(record: &Record) -> Result<DecidedBatch, FoldError> {
    postcard::from_bytes(record.payload()).map_err(|error| unreadable(record, &error))
}

fn through(record: &Record) -> Result<u64, FoldError> {
    let (through, _) =
        postcard::take_from_bytes(record.payload()).map_err(|error| unreadable(record, &error))?;
    Ok(through)
}

fn unreadable(record: &Record, error: &postcard::Error) -> FoldError {
    FoldError::Mismatch(format!("record {} of the decided log: {error}", record.sequence))
}

/// Up to which record of the journal the decided log has everything; 0: nothing yet. `stored` is up
/// to where the database has.
pub(super) fn decided_through(
    decided: &Journal,
    journal: &Journal,
    stored: u64,
) -> Result<u64, FoldError> {
    let Some(last) = decided.reader(decided.last().max(1)).read(1)?.pop() else { return Ok(0) };
    if !last.topic().starts_with(&id(journal)) {
        return Err(FoldError::Mismatch(
            "the decided log belongs to another journal: `spor serve --new-journal` begins a new one"
                .to_owned(),
        ));
    }
    let through = through(&last)?;
    if through > stored && last.topic() != name(journal) {
        return Err(FoldError::Mismatch(
            "another version of Spor decided what isn't in the database yet: start that version once \
             more, stop it when `spor_journal_lag_messages` is 0, then start this one"
                .to_owned(),
        ));
    }
    Ok(through)
}

/// Feeds storage from the decided log, from what lies above `stored`, until the record that
/// `end_at` names has been handed over. What is stored, storage says in `stored`.
pub async fn feed_storage(
    decided: Journal,
    door: mpsc::Sender<DecidedBatch>,
    mut stored: watch::Receiver<u64>,
    mut end_at: watch::Receiver<Option<u64>>,
) {
    let mut reader = decided.reader(decided.oldest());
    let pin = decided.pin(STORAGE_PIN, reader.position());
    // What storage has been given and not yet stored: (sequence in the decided log, through).
    let mut given: VecDeque<(u64, u64)> = VecDeque::new();
    let mut is_first = reader.position() > 1;
    loop {
        let is_end = end_at.borrow().is_some_and(|end| reader.position() > end);
        if is_end {
            return;
        }
        tokio::select! {
            _ = reader.wait() => {}
            _ = stored.changed() => {}
            _ = end_at.changed() => {}
        }
        let records = match reader.read(CHUNK) {
            Ok(records) => records,
            Err(error) => {
                tracing::error!(%error, "the decided log can't be read, and is tried again");
                tokio::time::sleep(std::time::Duration::from_secs(1)).await;
                continue;
            }
        };
        for record in records {
            let through = through(&record);
            let is_first = std::mem::take(&mut is_first);
            if let Ok(through) = through
                && through <= *stored.borrow()
            {
                given.push_back((record.sequence, through));
                continue;
            }
            match batch(&record) {
                Ok(batch) => {
                    // The last stored batch is kept: one that begins above the cursor follows a gap.
                    if is_first {
                        report_gap(*stored.borrow(), &batch);
                    }
                    given.push_back((record.sequence, batch.through));
                    if door.send(batch).await.is_err() {
                        return;
                    }
                }
                Err(error) => {
                    metrics::counter!("spor_storage_set_aside_total").increment(1);
                    tracing::error!(%error, "set aside");
                }
            }
        }
        let through = *stored.borrow_and_update();
        while let Some((sequence, _)) = given.pop_front_if(|(_, batch)| *batch <= through) {
            pin.advance(sequence);
        }
    }
}

/// What was decided, for whoever stores it at moments of their own.
pub struct Decisions {
    reader: Reader,
    pin: Pin,
    through: u64,
}

impl Decisions {
    /// From the beginning of the decided log on.
    #[must_use]
    pub fn of(decided: &Journal) -> Self {
        let reader = decided.reader(decided.oldest());
        Self { pin: decided.pin(STORAGE_PIN, reader.position()), reader, through: 0 }
    }

    /// What was decided since it was asked last, all of it: one batch, or one for each building. To
    /// be asked when everything in the journal is folded, which was received by `at_ms`; so the
    /// batches don't depend on how it came to be.
    ///
    /// # Errors
    /// When the decided log can't be read.
    pub async fn up_to(
        &mut self,
        folded: Folded,
        at_ms: i64,
    ) -> Result<Vec<DecidedBatch>, FoldError> {
        let mut batches: Vec<DecidedBatch> = Vec::new();
        while self.through < folded.decided && self.reader.wait().await {
            for record in self.reader.read(CHUNK)? {
                let next = batch(&record)?;
                self.through = next.through;
                match batches.last_mut() {
                    Some(last) if last.site == next.site => last.items.extend(next.items),
                    _ => batches.push(next),
                }
            }
        }
        self.pin.advance(self.reader.position());
        batches.retain(|batch| !batch.items.is_empty());
        for batch in &mut batches {
            batch.through = batch.items.last().map_or(batch.through, |(sequence, _)| *sequence);
            batch.at_ms = at_ms;
        }
        Ok(batches)
    }
}

/// The database was put back to a state older than what the decided log still holds.
fn report_gap(stored: u64, next: &DecidedBatch) {
    let first = next.items.first().map_or(next.through, |(sequence, _)| *sequence);
    let missing = first.saturating_sub(stored + 1);
    metrics::counter!("spor_journal_gap_messages_total").increment(missing);
    tracing::error!(
        stored,
        next = first,
        "the database ends before what is still on disk: what was decided in between is missing"
    );
}
