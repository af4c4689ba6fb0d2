//! One pass over a recording: its records into a journal of its own at their moments, and from there
//! the way that everything takes.
//!
//! Live, storage takes what is decided in portions that depend on how busy the machine is, and what a
//! late fix amends of the present becomes a record of the journal at a place that depends on it too.
//! Here everything is stored at fixed moments of the recording's time, and then only it goes on. A
//! recording that was cut from a journal tells by itself what was amended; for any other it is put
//! in at these moments. So each pass gives the same, at any pace.

use super::{Stage, begin::Stamp};
use crate::{
    app::{logs::Logs, on_own_thread},
    journal::{Draft, Kind},
    model::{CarrierId, DecidedBatch, PresentChange, RegistryChange},
    pipeline::{self, Decisions, Folded},
    replay::{self, End},
    storage::{Past, Storage, StorageError},
    utilisation::Rules,
};
use spor_schemas::recording::{Recorded, RecordingError};
use std::{
    borrow::Cow,
    sync::{Arc, Mutex, PoisonError},
};
use tokio::sync::{mpsc, watch};

/// What is decided is stored each so many milliseconds of the recording.
const STORE_EVERY_MS: i64 = 60_000;
/// The map is never more than so many records behind what is played.
const BEHIND: u64 = 5_000;

impl Stage {
    /// Plays the recording once.
    pub(super) async fn pass(&self) -> anyhow::Result<End> {
        let stamp = Stamp::default();
        let first_ms = self.recording.records().next().transpose()?;
        let first_ms = first_ms.map_or(self.recording.manifest.start_ms, |r| r.received_ms);
        stamp.set(first_ms + self.controls.shift_ms());
        let logs = self.logs(&stamp)?;
        let id = logs.journal.id();
        let stored = self.storage.take_journal(id, logs.journal.last(), true).await?;
        let folding = self.fold(&logs, stored).await?;
        let folded = folding.folded();

        // Without a place of its own, what was amended is told by the records, or not at all.
        let amends = !self.recording.manifest.amended || self.controls.shift_ms() != 0;
        let told: Arc<Mutex<Vec<PresentChange>>> = Arc::default();
        let tell = {
            let told = told.clone();
            move |changes: &[PresentChange]| {
                if amends {
                    lock(&told).extend_from_slice(changes);
                }
            }
        };
        let past = Past {
            redecide: Arc::new(logs.redeciding(self.config.storage.on_change)),
            tell: Arc::new(tell),
        };
        let (writing, writer) = self.storage.writer(stored, past);
        let (end_pipeline, end_at) = watch::channel(None);
        let deciding = on_own_thread(
            "pipeline",
            folding.run(pipeline::Ports { publish: Box::new(|_| {}), end_at }),
        )?;
        let decisions = Decisions::of(&logs.decided);
        let (door, stored) = (writing.door, writing.stored);
        let writing = tokio::spawn(writer);

        let mut way = Way {
            stage: self,
            logs: &logs,
            stamp,
            folded,
            stored,
            told,
            amends,
            decisions,
            door,
            received_ms: first_ms,
            due_ms: first_ms + STORE_EVERY_MS,
        };
        let span = self.controls.span();
        let put = async |moment| way.put(moment).await;
        let wanted = self.recording.records().filter_map(|record| self.wanted(record));
        let end = replay::play(wanted, span, &self.controls, put).await;

        // However much is left: a recording isn't played before all of it is stored.
        end_pipeline.send_replace(Some(logs.flush()));
        deciding.await?;
        way.store().await?;
        drop(way);
        writing.await?;
        logs.close().await;
        end
    }

    /// What of a record is played: a step goes to the next message that somebody wants to see.
    fn wanted(
        &self,
        record: Result<Recorded, RecordingError>,
    ) -> Option<Result<Recorded, RecordingError>> {
        let Ok(mut record) = record else { return Some(record) };
        if record.kind == Kind::Message {
            // Floors aren't asked for here.
            let passed = self.filter.pass(&record.topic, &record.payload, |_| None)?;
            if let Cow::Owned(part) = passed {
                record.payload = part;
            }
        }
        Some(Ok(record))
    }
}

/// The way of a moment's records.
struct Way<'a> {
    stage: &'a Stage,
    logs: &'a Logs,
    stamp: Stamp,
    folded: watch::Receiver<Folded>,
    stored: watch::Receiver<u64>,
    told: Arc<Mutex<Vec<PresentChange>>>,
    /// Whether what was amended is put in here.
    amends: bool,
    decisions: Decisions,
    door: mpsc::Sender<DecidedBatch>,
    /// When the newest record was received, and when everything is stored next, milliseconds.
    received_ms: i64,
    due_ms: i64,
}

impl Way<'_> {
    async fn put(&mut self, moment: Vec<Recorded>) -> anyhow::Result<()> {
        let Some(received_ms) = moment.first().map(|record| record.received_ms) else {
            return Ok(());
        };
        if received_ms >= self.due_ms {
            self.store().await?;
            self.due_ms = received_ms + STORE_EVERY_MS;
        }
        let shift_ms = self.stage.controls.shift_ms();
        self.received_ms = received_ms + shift_ms;
        self.stamp.set(self.received_ms);
        let mut draft = Draft::new();
        for record in moment {
            self.draft(record, shift_ms, &mut draft).await?;
        }
        let _ = self.logs.journal.room().wait_for(|room| *room).await;
        let last = self.logs.journal.append(draft).last;
        let near = last.saturating_sub(BEHIND);
        // An error means that the pipeline has ended, and said why.
        let _ = self.folded.wait_for(|folded| folded.through >= near).await;
        Ok(())
    }

    async fn draft(
        &self,
        record: Recorded,
        shift_ms: i64,
        draft: &mut Draft,
    ) -> anyhow::Result<()> {
        let Recorded { kind, source, topic, payload, received_ms, .. } = record;
        match kind {
            Kind::Message => {
                let shifted = (shift_ms != 0).then(|| replay::shifted(&topic, &payload, shift_ms));
                let payload = shifted.flatten().unwrap_or(payload);
                draft.push(kind, &source, &topic, &payload);
            }
            Kind::Registry => {
                self.follow_registry(&payload, received_ms + shift_ms).await?;
                draft.push(kind, &source, &topic, &payload);
            }
            Kind::Site => {
                let site = self.stage.site_of(self.logs, &topic)?;
                self.stage.shown.store(site);
                draft.push(kind, &source, &topic, &payload);
            }
            Kind::Rules => {
                let text = std::str::from_utf8(&payload)?;
                self.stage.rules.store(Arc::new(Rules::parse(text)?));
                draft.push(kind, &source, &topic, &payload);
            }
            // They name moments of the recording.
            Kind::Amended if shift_ms != 0 => {}
            _ => draft.push(kind, &source, &topic, &payload),
        }
        Ok(())
    }

    /// Stores all that was decided so far, and puts in what late fixes have amended.
    async fn store(&mut self) -> anyhow::Result<()> {
        let last = self.logs.journal.last();
        // An error means that the pipeline has ended: then it has folded everything.
        let _ = self.folded.wait_for(|folded| folded.through >= last).await;
        let folded = *self.folded.borrow();
        for batch in self.decisions.up_to(folded, self.received_ms).await? {
            let through = batch.through;
            self.door.send(batch).await?;
            self.stored.wait_for(|stored| *stored >= through).await?;
        }
        let changes = if self.amends { std::mem::take(&mut *lock(&self.told)) } else { Vec::new() };
        if !changes.is_empty() {
            let mut draft = Draft::new();
            draft.push(Kind::Amended, "", "", &spor_schemas::wire::to_json(&changes));
            self.logs.journal.append(draft);
        }
        Ok(())
    }

    /// The registry as it is from now on, for whoever looks.
    async fn follow_registry(&self, payload: &[u8], at_ms: i64) -> anyhow::Result<()> {
        let change: RegistryChange = serde_json::from_slice(payload)?;
        follow(&self.stage.storage, &change, at_ms).await?;
        let mut registry = (**self.stage.registry.load()).clone();
        registry.apply(&change);
        self.stage.registry.store(Arc::new(registry));
        Ok(())
    }
}

async fn follow(
    storage: &Storage,
    change: &RegistryChange,
    at_ms: i64,
) -> Result<(), StorageError> {
    for tag in &change.unbound {
        storage.unbind(tag, at_ms).await?;
    }
    for id in &change.retired {
        match storage.retire_asset(id, at_ms).await {
            Ok(()) | Err(StorageError::NotFound { .. }) => {}
            Err(error) => return Err(error),
        }
    }
    for id in &change.gone {
        storage.delete_person(id).await?;
    }
    storage.put_assets(&change.assets).await?;
    storage.put_persons(&change.persons).await?;
    for (tag, carrier) in &change.bound {
        match (storage.bind(tag, carrier, at_ms).await, carrier) {
            (Ok(()), _) => {}
            // A binding to what isn't there is left out, as it is everywhere.
            (Err(StorageError::NotFound { .. }), CarrierId::Asset(_) | CarrierId::Person(_)) => {}
            (Err(error), _) => return Err(error),
        }
    }
    Ok(())
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
