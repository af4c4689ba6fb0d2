//! What stands between the front door and the pipeline: the journal, the log of what was decided,
//! and the records that Spor itself puts into the journal.

use crate::{
    api,
    broker::Door,
    clock::now_ms,
    ingest::{self, Sorted},
    journal::{self, Draft, Journal, Kind, Sealer},
    model::{Arrival, PresentChange, Redecided, Registry, Restored, Stretch},
    pipeline::{self, CHECKPOINT_PIN, Checkpoints, FoldError, Folding, Parts, STORAGE_PIN, Start},
    privacy,
    storage::{Storage, StorageError},
    utilisation::Rules,
};
use arc_swap::ArcSwap;
use std::{
    fs, io,
    path::Path,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use tokio_util::sync::CancellationToken;

/// Batches of decided rows wait this long for company: their promise is kept by the journal.
const DECIDED_GATHER_MS: u64 = 20;

/// What somebody does by hand is on disk within this time, or they are told that it isn't.
const KEPT_WITHIN: Duration = Duration::from_secs(5);

/// How often it is looked whether a recomputation changed the present.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// The two logs of one data folder.
pub(super) struct Logs {
    pub(super) journal: Journal,
    pub(super) decided: Journal,
    pub(super) checkpoints: Checkpoints,
}

impl Logs {
    /// Opens the logs, and makes them where there are none. With `anew` everything that was decided
    /// is decided again, from what the database has on; what there was lies beside, as `*.before`.
    pub(super) fn open(
        data_dir: &Path,
        config: &journal::Config,
        privacy: &privacy::Config,
        anew: bool,
    ) -> Result<Self, FoldError> {
        Self::open_by(now_ms, data_dir, config, privacy, anew)
    }

    /// The same, by another clock.
    pub(super) fn open_by(
        clock: impl Fn() -> i64 + Send + Sync + 'static,
        data_dir: &Path,
        config: &journal::Config,
        privacy: &privacy::Config,
        anew: bool,
    ) -> Result<Self, FoldError> {
        if anew {
            for name in ["decided", "checkpoints"] {
                set_aside(&data_dir.join(name)).map_err(FoldError::SetAside)?;
            }
        }
        let people_hours = privacy.people_journal_hours;
        let raw = journal::Config {
            name: "raw",
            people_hours,
            kept_for: Some(CHECKPOINT_PIN),
            ..config.clone()
        };
        let journal = Journal::open(&data_dir.join("journal"), &raw, clock)?;
        // Its rows are kept no longer than storage needs them, and it holds nothing of people.
        let own = journal::Config {
            name: "decided",
            gather_ms: DECIDED_GATHER_MS,
            retention_hours: 0,
            kept_for: Some(STORAGE_PIN),
            ..raw
        };
        let decided = Journal::open(&data_dir.join("decided"), &own, now_ms)?;
        let checkpoints = Checkpoints::open(&data_dir.join("checkpoints"), &journal)?;
        Ok(Self { journal, decided, checkpoints })
    }

    /// The pipeline at the end of the journal, knowing the site and the registry as they are now.
    pub(super) async fn fold(
        &self,
        (parts, rules): (Parts, &Rules),
        stored: u64,
        registry: &Registry,
        storage: &Storage,
    ) -> Result<Folding, FoldError> {
        let site = parts.site.clone();
        let start = Start {
            journal: self.journal.clone(),
            decided: self.decided.clone(),
            checkpoints: self.checkpoints.clone(),
            stored,
        };
        let from_storage = {
            let (storage, registry) = (storage.clone(), registry.clone());
            async move || -> Result<(Registry, Restored), StorageError> {
                Ok((registry, storage.restore().await?))
            }
        };
        let mut folding = Folding::open(start, parts, from_storage).await?;
        let folded = folding.catch_up().await?;
        if folded > 0 {
            tracing::info!(
                records = folded,
                "folded what the journal held since the last checkpoint"
            );
        }
        let untold = |error: StorageError| FoldError::Storage(error.to_string());
        let (keys, changes) = storage.present_changes().await.map_err(untold)?;
        let mut draft = if changes.is_empty() { Draft::new() } else { amended(&changes) };
        if folding.pipeline().site().version != site.version {
            draft.push(Kind::Site, "", &site.version, b"");
        }
        if folding.pipeline().rules().version != rules.version {
            draft.push(Kind::Rules, "", "", rules.text().as_bytes());
        }
        put_change(&mut draft, folding.pipeline().registry(), registry);
        if !draft.is_empty() {
            self.keep(draft).await;
            storage.forget_present_changes(&keys).await.map_err(untold)?;
            folding.catch_up().await?;
        }
        Ok(folding)
    }

    /// Appends, and waits until it is on disk.
    async fn keep(&self, draft: Draft) {
        let last = self.journal.append(draft).last;
        // An error means that the journal is closed: then Spor stops.
        let _ = self.journal.committed().wait_for(|sequence| *sequence >= last).await;
    }

    /// What the front door hands its messages to.
    pub(super) fn door(&self, registry: Arc<ArcSwap<Registry>>) -> Door {
        door(&self.journal, registry)
    }

    /// What makes a new picture of the registry known to everybody: first to those who look, then
    /// to the pipeline, at its place in the journal.
    pub(super) fn announcer(
        &self,
        registry: Arc<ArcSwap<Registry>>,
    ) -> Arc<dyn Fn(Registry) + Send + Sync> {
        let journal = self.journal.clone();
        let one_at_a_time = Mutex::new(());
        Arc::new(move |next| {
            let _alone = one_at_a_time.lock().unwrap_or_else(PoisonError::into_inner);
            let next = Arc::new(next);
            // A tag that becomes a badge is sealed from its next message on.
            let before = registry.swap(Arc::clone(&next));
            let mut draft = Draft::new();
            put_change(&mut draft, &before, &next);
            if !draft.is_empty() {
                journal.append(draft);
            }
        })
    }

    /// What decides anew a stretch of a tag's past.
    pub(super) fn redeciding(
        &self,
        on_change: bool,
    ) -> impl Fn(&str, &Stretch) -> Option<Redecided> + Send + Sync + 'static {
        pipeline::redeciding(self.checkpoints.clone(), on_change)
    }

    /// What a late fix amends of the present becomes a record: the pipeline learns it at its place
    /// in the journal, and so does whoever folds that again.
    pub(super) fn amending(&self) -> impl Fn(&[PresentChange]) + Send + Sync + 'static {
        let journal = self.journal.clone();
        move |changes| {
            journal.append(amended(changes));
        }
    }

    /// What a recomputation beside the running pipeline changed of the present becomes a record too.
    /// Looks for it until `stop`; told a second time it has no effect.
    pub(super) async fn learn_present(journal: Journal, storage: Storage, stop: CancellationToken) {
        loop {
            if stop.run_until_cancelled(tokio::time::sleep(LOOK_EVERY)).await.is_none() {
                return;
            }
            // While the database is away it has nothing new to tell.
            let Ok((keys, changes)) = storage.present_changes().await else { continue };
            if changes.is_empty() {
                continue;
            }
            let last = journal.append(amended(&changes)).last;
            if journal.committed().wait_for(|sequence| *sequence >= last).await.is_err() {
                return;
            }
            let _ = storage.forget_present_changes(&keys).await;
        }
    }

    /// What puts somebody's act into the journal, and says at which place once it is on disk; none:
    /// the disk doesn't take it.
    pub(super) fn by_hand(&self) -> api::PutByHand {
        let journal = self.journal.clone();
        Arc::new(move |act| {
            let mut draft = Draft::new();
            draft.push(Kind::ByHand, "", "", &spor_schemas::wire::to_json(act));
            let last = journal.append(draft).last;
            let mut committed = journal.committed();
            Box::pin(async move {
                let on_disk = committed.wait_for(|sequence| *sequence >= last);
                let kept = tokio::time::timeout(KEPT_WITHIN, on_disk).await;
                matches!(kept, Ok(Ok(_))).then_some(last)
            })
        })
    }

    /// A record each second, from which everything follows that time alone brings.
    pub(super) async fn tick(journal: Journal, stop: CancellationToken) {
        let mut second = tokio::time::interval(Duration::from_secs(1));
        second.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
        let room = journal.room();
        loop {
            tokio::select! {
                _ = second.tick() => {}
                () = stop.cancelled() => return,
            }
            if *room.borrow() {
                append_one(&journal, Kind::Tick);
            }
        }
    }

    /// The last record before a stop: what is open is written down.
    pub(super) fn flush(&self) -> u64 {
        append_one(&self.journal, Kind::Flush)
    }

    /// What keeps the logs from being written, in words.
    pub(super) fn trouble(&self) -> impl Fn() -> Option<String> + Send + Sync + use<> {
        let troubles = [self.journal.trouble(), self.decided.trouble()];
        move || troubles.iter().find_map(|trouble| trouble.borrow().clone())
    }

    /// Waits until both are on disk.
    pub(super) async fn close(self) {
        let closing = tokio::task::spawn_blocking(move || {
            self.journal.close();
            self.decided.close();
        });
        let _ = closing.await;
    }
}

/// A door behind which messages are sorted, those about people sealed, and kept in `journal`.
#[must_use]
pub fn door(journal: &Journal, registry: Arc<ArcSwap<Registry>>) -> Door {
    let (journal, sealer) = (journal.clone(), journal.sealer());
    Door {
        durable: journal.committed(),
        room: journal.room(),
        append: Arc::new(move |arrivals: Vec<Arrival>| {
            let registry = registry.load();
            let mut draft = Draft::new();
            arrivals.iter().for_each(|arrival| put(&mut draft, arrival, &registry, &sealer));
            journal.append(draft).last
        }),
    }
}

fn set_aside(folder: &Path) -> io::Result<()> {
    if !folder.exists() {
        return Ok(());
    }
    let before = folder.with_extension("before");
    if before.exists() {
        fs::remove_dir_all(&before)?;
    }
    fs::rename(folder, before)
}

fn append_one(journal: &Journal, kind: Kind) -> u64 {
    let mut draft = Draft::new();
    draft.push(kind, "", "", b"");
    journal.append(draft).last
}

fn amended(changes: &[PresentChange]) -> Draft {
    let mut draft = Draft::new();
    draft.push(Kind::Amended, "", "", &spor_schemas::wire::to_json(&changes));
    draft
}

fn put(draft: &mut Draft, arrival: &Arrival, registry: &Registry, sealer: &Sealer) {
    let Arrival { source, topic, payload } = arrival;
    match ingest::sort(arrival.as_arrived(), registry) {
        Sorted::Others => draft.push(Kind::Message, source, topic, payload),
        Sorted::People => draft.push_sealed(sealer, Kind::Message, source, topic, payload),
        Sorted::Both { others, people } => {
            draft.push(Kind::Message, source, topic, &others);
            draft.push_sealed(sealer, Kind::Message, source, topic, &people);
        }
    }
}

fn put_change(draft: &mut Draft, before: &Registry, next: &Registry) {
    let change = before.changes_to(next);
    if !change.is_empty() {
        draft.push(Kind::Registry, "", "", &spor_schemas::wire::to_json(&change));
    }
}
