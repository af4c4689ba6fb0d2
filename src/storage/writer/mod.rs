//! The writer: decided batches come in over a bounded channel and are stored exactly once, in order.
//!
//! While one portion is stored the next is gathered and made ready. Each flush is one transaction that also moves the cursor to the record of the journal up to which
//! everything is stored; what lies below the cursor is left out. While Postgres is away the portion
//! is kept and tried again; a connection lost during COMMIT is decided by reading the cursor first.
//! A row that the tables refuse is found by trying halves, and set aside.

mod bad_rows;
mod batch;
mod before;
mod by_hand;
mod copy;
mod gather;
mod past;
mod ready;
mod recompute;
mod session;
mod transaction;
mod visits;

pub use batch::{Position, position};
pub use before::BeforeWriter;
pub use copy::encode;

use super::{
    Inner, Storage, StorageError,
    error::{is_bad_data, words},
};
use crate::{
    clock::now_ms,
    model::{ById, DecidedBatch, TagId, ZoneId},
};
use gather::{Gather, Next, Portion};
pub use past::Past;
use rand::Rng;
use ready::{Keys, Ready, items};
pub use recompute::{Recomputed, Recomputing};
use session::Session;
use std::{
    collections::HashSet,
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};
use tokio::{
    sync::{mpsc, watch},
    time::{Instant, sleep, timeout},
};
use transaction::{Context, Written, hold_persons, move_cursor, write};
pub(crate) use transaction::{PERSON_LOCK, forget};

/// Batches that may wait in the channel before the writer has taken them.
const CHANNEL: usize = 16;
/// Shortest and longest pause before the database is tried again.
const BACK_OFF: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(5));
/// A flush that takes longer than this is a sign that the database isn't well.
const SLOW: Duration = Duration::from_secs(3);
/// A flush that takes longer than this is given up and tried again on a new connection.
const HOPELESS: Duration = Duration::from_secs(30);
/// How long the rest is tried after the last sender has gone.
const DRAIN: Duration = Duration::from_secs(3);

/// The writer's ends: where batches go in, and up to which record of the journal they are stored.
pub struct Writing {
    /// Takes batches in order; while it is full, the sender waits.
    pub door: mpsc::Sender<DecidedBatch>,
    /// The journal's record up to which everything is stored.
    pub stored: watch::Receiver<u64>,
}

impl Storage {
    /// The writer's ends and the body of its task, which ends when every sender is gone and what was
    /// sent is stored, or could not be for 3 s: then the decided log still has it. To be called
    /// once after [`Storage::take_journal`], whose answer is `stored`.
    pub fn writer(
        &self,
        stored: u64,
        past: Past,
    ) -> (Writing, impl Future<Output = ()> + Send + 'static) {
        let (door, source) = mpsc::channel(CHANNEL);
        let (tell, stored) = watch::channel(stored);
        let inner = Arc::clone(&self.inner);
        let weak = door.downgrade();
        let task = async move {
            let name: u64 = rand::rng().random();
            let mut writer = Writer {
                inner: &inner,
                past,
                door: weak,
                stored: tell,
                application: format!("spor-writer-{name:016x}"),
                session: None,
                undecided: None,
                tags: Arc::default(),
                pause: BACK_OFF.0,
                complaint: None,
            };
            writer.run(Gather::new(source)).await;
        };
        (Writing { door, stored }, task)
    }
}

struct Writer<'a> {
    inner: &'a Inner,
    past: Past,
    door: mpsc::WeakSender<DecidedBatch>,
    stored: watch::Sender<u64>,
    /// Its own name among the database's connections.
    application: String,
    session: Option<Session>,
    /// What a COMMIT without an answer would have moved the cursor to.
    undecided: Option<u64>,
    tags: Arc<RwLock<ById<TagId, i32>>>,
    pause: Duration,
    /// What was logged last about the outage that lasts.
    complaint: Option<String>,
}

/// Why a portion isn't stored.
enum Failure {
    /// One of its rows is refused.
    BadData(String),
    /// The database is away, or unable: to be tried again.
    Away(String),
}

/// A portion on its way into the tables.
struct Work {
    portion: Arc<Portion>,
    ready: Option<Ready>,
}

impl Writer<'_> {
    async fn run(&mut self, mut gather: Gather) {
        self.look_after_the_connection().await;
        let mut last = Instant::now();
        let mut next = (gather.next(last).await, None);
        loop {
            next = match next {
                (Next::Store(portion), ready) => {
                    last = Instant::now();
                    let then =
                        ahead(&mut gather, last, portion.through, self.inner, self.tags.clone());
                    let (is_stored, then) = tokio::join!(self.store(Work { portion, ready }), then);
                    if !is_stored {
                        return;
                    }
                    then
                }
                (Next::Idle, _) => {
                    self.look_after_the_connection().await;
                    (gather.next(last).await, None)
                }
                (Next::Done, _) => return,
            }
        }
    }

    /// Stores a portion, however long that takes; false when it was given up, at a stop.
    async fn store(&mut self, mut work: Work) -> bool {
        let mut closed_at = None;
        loop {
            match self.attempt_in_time(&mut work).await {
                Ok(()) => {
                    self.stored.send_replace(work.portion.through);
                    return true;
                }
                Err(Failure::BadData(_)) => {
                    if let Err(Failure::Away(reason)) = self.set_bad_aside(&mut work).await {
                        self.away(&reason).await;
                    }
                }
                Err(Failure::Away(reason)) => {
                    self.away(&reason).await;
                    if self.door.strong_count() == 0 {
                        let closed_at = *closed_at.get_or_insert_with(Instant::now);
                        if closed_at.elapsed() > DRAIN {
                            tracing::warn!(
                                "stopped while the database is away: what waits is stored after the next start"
                            );
                            return false;
                        }
                    }
                }
            }
        }
    }

    async fn away(&mut self, reason: &str) {
        self.session = None;
        self.complain(reason);
        sleep(self.pause).await;
        self.pause = (self.pause * 2).min(BACK_OFF.1);
    }

    async fn attempt_in_time(&mut self, work: &mut Work) -> Result<(), Failure> {
        let up = self.inner.up.clone();
        let mut attempt = Box::pin(self.attempt(work));
        if let Ok(result) = timeout(SLOW, &mut attempt).await {
            return result;
        }
        set_up(&up, false);
        timeout(HOPELESS, attempt)
            .await
            .unwrap_or_else(|_| Err(Failure::Away("a flush got no answer".to_owned())))
    }

    async fn attempt(&mut self, Work { portion, ready }: &mut Work) -> Result<(), Failure> {
        let undecided = self.undecided.take();
        let inner = self.inner;
        let zones = inner.zones_of(&portion.site).await?;
        self.connect().await?;
        let Some(session) = &mut self.session else {
            return Err(Failure::Away("not connected".to_owned()));
        };
        if portion.through <= session.stored {
            if undecided == Some(session.stored) {
                tracing::info!("the rows whose COMMIT got no answer had been stored");
            }
            return Ok(());
        }
        let stored = session.stored;
        let keys = || Keys { tags: self.tags.clone(), zones: zones.clone(), worn: inner.worn() };
        if !ready.as_ref().is_some_and(|ready| ready.fits(stored, &inner.worn())) {
            session.learn_tags(items(portion, stored), &self.tags).await?;
            *ready = Ready::of(Arc::clone(portion), stored, keys()).await;
        }
        let transaction = session.client.transaction().await?;
        if !move_cursor(&transaction, stored, portion.through).await? {
            return Err(Failure::Away("the cursor was moved by somebody else".to_owned()));
        }
        hold_persons(&transaction).await?;
        // From here on nobody is given a tag; whoever was given one meanwhile is left out.
        if !ready.as_ref().is_some_and(|ready| ready.fits(stored, &inner.worn())) {
            *ready = Ready::of(Arc::clone(portion), stored, keys()).await;
        }
        let Some(ready) = ready else { return Err(without_keys()) };
        let written = write(&transaction, ready, &context(&zones, &self.past, portion)).await?;
        if !written.present.is_empty() {
            // Before the commit, so that no crash comes between: told again it has no effect.
            (self.past.tell)(&written.present);
        }
        self.undecided = Some(portion.through);
        transaction.commit().await?;
        self.undecided = None;
        session.stored = portion.through;
        self.recovered();
        measure(ready.items, &written);
        Ok(())
    }

    async fn connect(&mut self) -> Result<(), Failure> {
        if self.session.as_ref().is_some_and(|session| !session.client.is_closed()) {
            return Ok(());
        }
        self.session = None;
        let journal = self.inner.journal.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let journal = journal.unwrap_or_default();
        let session = Session::open(&self.inner.postgres, &self.application, &journal).await?;
        self.session = Some(session);
        Ok(())
    }

    /// With nothing to store, an outage must be seen all the same, and its end.
    async fn look_after_the_connection(&mut self) {
        let answers = match &self.session {
            Some(session) => session.answers().await,
            None => false,
        };
        if answers {
            return self.recovered();
        }
        self.session = None;
        match self.connect().await {
            Ok(()) => self.recovered(),
            Err(Failure::Away(reason) | Failure::BadData(reason)) => self.complain(&reason),
        }
    }

    fn recovered(&mut self) {
        self.pause = BACK_OFF.0;
        if self.complaint.take().is_some() {
            tracing::info!("the database is back");
            self.tell_why(None);
        }
        set_up(&self.inner.up, true);
    }

    fn complain(&mut self, reason: &str) {
        set_up(&self.inner.up, false);
        if self.complaint.as_deref() != Some(reason) {
            tracing::warn!(reason, "the database is away; what is decided waits on disk");
            self.complaint = Some(reason.to_owned());
            self.tell_why(Some(reason.to_owned()));
        }
    }

    fn tell_why(&self, why: Option<String>) {
        *self.inner.why_down.lock().unwrap_or_else(PoisonError::into_inner) = why;
    }
}

/// The next portion, and made ready as far as that goes without the database.
async fn ahead(
    gather: &mut Gather,
    last: Instant,
    above: u64,
    inner: &Inner,
    tags: Arc<RwLock<ById<TagId, i32>>>,
) -> (Next, Option<Ready>) {
    let next = gather.next(last).await;
    let Next::Store(portion) = &next else { return (next, None) };
    let Some(zones) = inner.known_zones_of(&portion.site) else { return (next, None) };
    let keys = Keys { tags, zones, worn: inner.worn() };
    let ready = Ready::of(Arc::clone(portion), above, keys).await;
    (next, ready)
}

fn context<'a>(zones: &'a ById<ZoneId, i32>, past: &'a Past, portion: &'a Portion) -> Context<'a> {
    Context { zones, past, site: &portion.site, at_ms: portion.at_ms }
}

fn without_keys() -> Failure {
    Failure::Away("a tag got no key".to_owned())
}

impl Inner {
    /// The tags that persons wear now.
    fn worn(&self) -> Arc<HashSet<TagId>> {
        Arc::clone(&self.worn.read().unwrap_or_else(PoisonError::into_inner))
    }
}

fn set_up(up: &watch::Sender<bool>, is_up: bool) {
    metrics::gauge!("spor_storage_up").set(if is_up { 1.0 } else { 0.0 });
    up.send_if_modified(|was| std::mem::replace(was, is_up) != is_up);
}

#[expect(clippy::cast_precision_loss, reason = "counts and seconds are far below 2^52")]
fn measure(items: usize, written: &Written) {
    metrics::histogram!("spor_storage_flush_rows").record(items as f64);
    metrics::counter!("spor_positions_stored_total").increment(written.positions as u64);
    if written.without_zone > 0 {
        metrics::counter!("spor_storage_set_aside_total").increment(written.without_zone);
        tracing::warn!(rows = written.without_zone, "rows name a zone that isn't registered");
    }
    let latency = metrics::histogram!("spor_latency_seconds", "stage" => "stored");
    let now_ms = now_ms();
    for same in written.received_ms.chunk_by(|a, b| a == b) {
        latency.record_many((now_ms - same[0]).max(0) as f64 / 1_000.0, same.len());
    }
}

impl From<tokio_postgres::Error> for Failure {
    fn from(error: tokio_postgres::Error) -> Self {
        if is_bad_data(&error) { Self::BadData(words(&error)) } else { Self::Away(words(&error)) }
    }
}

impl From<StorageError> for Failure {
    fn from(error: StorageError) -> Self {
        Self::Away(error.to_string())
    }
}
