//! What was before the demo began, two days of it, so that dashboards and histories have something to show: the
//! same hospital is recorded as fast as it is computed, and the records folded by a pipeline of its
//! own straight into the tables. The journal and its fold know nothing of it; they begin where it ends.

use super::progress;
use crate::{
    ingest::Rejections,
    live::Live,
    model::{Arrived, Decided, DecidedBatch, Restored},
    pipeline::{Parts, Pipeline},
    replay,
    site::Site,
    storage::{Past, Storage},
};
use anyhow::Context as _;
use firmware_sim::{faults::Faults, recording, world};
use spor_schemas::recording::{Kind, Recorded, TagEntry};
use std::{
    fs, io, mem,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

/// The recording, below the data folder.
const FOLDER: &str = "demo.spor";
/// So many rows go into one transaction, or what was decided in so many milliseconds.
const ROWS: usize = 20_000;
const STRETCH_MS: i64 = 3_600_000;
/// So many records are handed from the recording to its fold at once.
const RECORDS: usize = 1_000;
/// So many of either wait for the fold, and for the database.
const AHEAD: usize = 2;
/// The map moves first.
const AFTER: Duration = Duration::from_secs(5);
/// The progress is told at each so many per cent.
const TELL: i64 = 25;

/// What the history is made with.
pub(crate) struct History {
    pub(crate) site: Arc<Site>,
    pub(crate) storage: Storage,
    /// Decides anew what late fixes amend.
    pub(crate) past: Past,
    pub(crate) data_dir: PathBuf,
    pub(crate) max_late_ms: i64,
    pub(crate) on_change: bool,
}

/// The hospital of the two days.
#[derive(Clone)]
pub(super) struct Before {
    pub(super) seed: u64,
    /// Where it begins, milliseconds.
    pub(super) begin_ms: i64,
    /// Where it ends and the journal begins, milliseconds.
    pub(super) end_ms: i64,
}

impl Before {
    /// Makes the history, and says so; what goes wrong is no reason for the demo to end.
    pub(super) async fn make(self, history: History, stop: CancellationToken) {
        // On Linux it is this thread alone that stands back behind all others.
        #[cfg(target_os = "linux")]
        let _ = rustix::process::nice(10);
        if stop.run_until_cancelled(tokio::time::sleep(AFTER)).await.is_none() {
            return;
        }
        let begun = Instant::now();
        let folder = history.data_dir.join(FOLDER);
        match self.try_make(&history, &folder, &stop).await {
            Ok(true) => progress(&format!(
                "What was before is there, after {} s; once more: spor replay {} --speed 60",
                begun.elapsed().as_secs(),
                folder.display()
            )),
            Ok(false) => {}
            Err(_) if stop.is_cancelled() => {}
            Err(error) => tracing::error!(%error, "the demo has no history"),
        }
    }

    /// False when it was stopped. It is recorded, folded and stored at the same time, each ahead of the
    /// next, so that no core waits.
    async fn try_make(
        &self,
        history: &History,
        folder: &Path,
        stop: &CancellationToken,
    ) -> anyhow::Result<bool> {
        progress(&format!(
            "What was in the {} hours before is made up ...",
            (self.end_ms - self.begin_ms) / 3_600_000
        ));
        let parts = Parts {
            site: history.site.clone(),
            live: Arc::new(Live::new()),
            rejections: Rejections::default(),
            max_late_ms: history.max_late_ms,
            on_change: history.on_change,
        };
        let mut writer = history.storage.before(history.past.clone(), self.begin_ms).await?;
        let (spoken, heard) = mpsc::channel(AHEAD);
        let (batches, mut folded) = mpsc::channel(AHEAD);
        let recording = tokio::task::spawn_blocking({
            let (before, site, folder) = (self.clone(), history.site.clone(), folder.to_owned());
            move || before.record(site.file(), &folder, &spoken)
        });
        let begin_ms = self.begin_ms;
        let folding = tokio::task::spawn_blocking(move || fold(heard, parts, begin_ms, &batches));
        let mut told = self.told();
        while let Some(batch) = folded.recv().await {
            let at_ms = batch.at_ms;
            writer.write(batch).await?;
            if stop.is_cancelled() {
                return Ok(false);
            }
            told.tell("stored", at_ms - self.begin_ms);
        }
        folding.await?;
        recording.await??;
        writer.end(self.end_ms).await?;
        Ok(true)
    }

    fn told(&self) -> Told {
        Told { of_ms: (self.end_ms - self.begin_ms).max(1), percent: 0 }
    }

    /// Records, and speaks of it: first of who wears what, then of each record. It ends early when
    /// nobody listens.
    fn record(
        &self,
        site: &spor_schemas::site::SiteFile,
        folder: &Path,
        spoken: &mpsc::Sender<Spoken>,
    ) -> anyhow::Result<()> {
        let unfinished = folder.with_extension("unfinished");
        if unfinished.exists() {
            fs::remove_dir_all(&unfinished)?;
        }
        let config =
            world::Config { seed: self.seed, start_ms: self.begin_ms, ..Default::default() };
        let world = world::World::new(site, config).context("the hospital can't be made")?;
        let faults = Faults::new(&world, &[], self.seed, 1.0);
        let say = |spoke| spoken.blocking_send(spoke).map_err(io::Error::other);
        say(Spoken::Tags(recording::tags(&world)))?;
        let take =
            recording::Take { name: "demo", site, world, faults, end_ms: self.end_ms, cbor: true };
        let mut told = self.told();
        let mut records = Vec::with_capacity(RECORDS);
        let tell = |counts: recording::Counts| {
            told.tell("recorded", counts.world_ms - self.begin_ms);
        };
        recording::record_aloud(take, &unfinished, tell, |record| {
            records.push(record);
            if records.len() < RECORDS {
                return Ok(());
            }
            say(Spoken::Records(mem::replace(&mut records, Vec::with_capacity(RECORDS))))
        })?;
        say(Spoken::Records(records))?;
        if folder.exists() {
            fs::remove_dir_all(folder)?;
        }
        Ok(fs::rename(&unfinished, folder)?)
    }
}

/// What is said of the recording while it is made.
enum Spoken {
    Tags(Vec<TagEntry>),
    Records(Vec<Recorded>),
}

/// Decides what is recorded, and ends early when nobody takes what was decided.
fn fold(
    mut heard: mpsc::Receiver<Spoken>,
    parts: Parts,
    begin_ms: i64,
    batches: &mpsc::Sender<DecidedBatch>,
) {
    let version = parts.site.version.clone();
    let Some(Spoken::Tags(tags)) = heard.blocking_recv() else { return };
    let mut pipeline = Pipeline::restored(parts, replay::registry(&tags), Restored::default());
    let (mut out, mut items) = (Vec::new(), Vec::new());
    let (mut last, mut due_ms) = ((0, begin_ms), begin_ms + STRETCH_MS);
    let batch = |(through, at_ms), items: &mut Vec<(u64, Decided)>| DecidedBatch {
        through,
        at_ms,
        site: version.clone(),
        items: mem::take(items),
    };
    while let Some(Spoken::Records(records)) = heard.blocking_recv() {
        for record in records {
            let (sequence, received_ms) = (record.sequence, record.received_ms);
            if record.kind == Kind::Message {
                let (source, topic) = (&*record.source, &*record.topic);
                let arrived = Arrived { source, topic, payload: &record.payload };
                pipeline.arrival(arrived, received_ms, &mut out);
            } else {
                pipeline.tick(received_ms, &mut out);
            }
            items.extend(out.drain(..).filter_map(once).map(|decided| (sequence, decided)));
            last = (sequence, received_ms);
            if items.len() >= ROWS || (received_ms >= due_ms && !items.is_empty()) {
                if batches.blocking_send(batch(last, &mut items)).is_err() {
                    return;
                }
                due_ms = received_ms + STRETCH_MS;
            }
        }
    }
    pipeline.flush(&mut out);
    items.extend(out.drain(..).filter_map(once).map(|decided| (last.0, decided)));
    let _ = batches.blocking_send(batch(last, &mut items));
}

/// What was decided stays as it is: decided anew, it would go on into what the journal has decided since.
fn once(decided: Decided) -> Option<Decided> {
    match decided {
        Decided::Late { row, interval_ms, .. } => {
            Some(Decided::Late { row, amends: false, interval_ms })
        }
        Decided::Redecide { .. } => None,
        other => Some(other),
    }
}

/// How much was told.
struct Told {
    of_ms: i64,
    percent: i64,
}

impl Told {
    fn tell(&mut self, what: &str, done_ms: i64) {
        let percent = done_ms * 100 / self.of_ms / TELL * TELL;
        if percent > self.percent {
            self.percent = percent;
            progress(&format!("What was before: {percent} % {what}"));
        }
    }
}
