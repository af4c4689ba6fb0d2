//! The writer: decided items come in over a bounded channel and are stored exactly once, in order.
//!
//! Each flush is one transaction that also moves the cursor. While Postgres is away the batch is
//! kept and tried again; a connection lost during COMMIT is decided by reading the cursor first.
//! A row that the tables refuse is found by halving its batch, and set aside.

mod backlog;
mod batch;
mod copy;
mod session;
mod transaction;

use super::{
    Inner, Storage, StorageError,
    connection::now_ms,
    error::{is_bad_data, words},
};
use crate::model::{Decided, TagId};
use backlog::{Backlog, Next};
use rand::Rng;
use session::Session;
use std::{collections::HashMap, sync::Arc, time::Duration};
use tokio::{
    sync::mpsc,
    time::{Instant, sleep, timeout},
};
use transaction::{Context, Written, write};
pub(crate) use transaction::{PERSON_LOCK, forget};

/// Batches that may wait in the channel before the writer has taken them.
const CHANNEL: usize = 64;
/// Shortest and longest pause before the database is tried again.
const BACK_OFF: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(5));
/// A flush that takes longer than this is a sign that the database isn't well.
const SLOW: Duration = Duration::from_secs(3);
/// A flush that takes longer than this is given up and tried again on a new connection.
const HOPELESS: Duration = Duration::from_secs(30);
/// How long the rest is tried after the last sender has gone.
const DRAIN: Duration = Duration::from_secs(5);

impl Storage {
    /// The writer's door and the body of its task, which ends when every sender is gone and what
    /// was sent is stored (or could not be, for 5 s, which is logged). To be called once.
    pub fn writer(
        &self,
    ) -> (mpsc::Sender<Vec<Decided>>, impl Future<Output = ()> + Send + 'static) {
        let (door, source) = mpsc::channel(CHANNEL);
        let inner = Arc::clone(&self.inner);
        let task = async move {
            let backlog = Backlog::new(inner.config.backlog);
            let name: u64 = rand::rng().random();
            let mut writer = Writer {
                inner: &inner,
                backlog: &backlog,
                application: format!("spor-writer-{name:016x}"),
                session: None,
                undecided: None,
                tags: HashMap::new(),
                pause: BACK_OFF.0,
                complaint: None,
            };
            tokio::join!(backlog.fill_from(source), writer.run());
        };
        (door, task)
    }
}

struct Writer<'a> {
    inner: &'a Inner,
    backlog: &'a Backlog,
    /// Its own name among the database's connections.
    application: String,
    session: Option<Session>,
    /// The cursor's sequence that a COMMIT without an answer would have left.
    undecided: Option<i64>,
    tags: HashMap<TagId, i32>,
    pause: Duration,
    /// What was logged last about the outage that lasts.
    complaint: Option<String>,
}

/// Why a batch isn't stored.
enum Failure {
    /// One of its rows is refused.
    BadData(String),
    /// The database is away, or unable: to be tried again.
    Away(String),
}

impl Writer<'_> {
    async fn run(&mut self) {
        self.look_after_the_connection().await;
        let mut last = Instant::now();
        loop {
            match self.backlog.next(last).await {
                Next::Store(items) => {
                    last = Instant::now();
                    self.store(items).await;
                }
                Next::Idle => self.look_after_the_connection().await,
                Next::Done => return,
            }
        }
    }

    /// Stores `items`, however long that takes.
    async fn store(&mut self, items: Vec<Decided>) {
        let mut parts = vec![items];
        while let Some(mut part) = parts.pop() {
            match self.attempt_in_time(&part).await {
                Ok(()) => {}
                Err(Failure::BadData(reason)) if part.len() <= 1 => set_aside(&part, &reason),
                Err(Failure::BadData(_)) => {
                    let second = part.split_off(part.len() / 2);
                    parts.push(second);
                    parts.push(part);
                }
                Err(Failure::Away(reason)) => {
                    parts.push(part);
                    self.session = None;
                    self.complain(&reason);
                    if self.backlog.closed_at().is_some_and(|at| at.elapsed() > DRAIN) {
                        let lost: usize = parts.iter().map(Vec::len).sum();
                        tracing::error!(lost, "stopped before the database came back");
                        return;
                    }
                    self.back_off().await;
                }
            }
        }
    }

    async fn attempt_in_time(&mut self, items: &[Decided]) -> Result<(), Failure> {
        let up = self.inner.up.clone();
        let mut attempt = Box::pin(self.attempt(items));
        if let Ok(result) = timeout(SLOW, &mut attempt).await {
            return result;
        }
        set_up(&up, false);
        timeout(HOPELESS, attempt)
            .await
            .unwrap_or_else(|_| Err(Failure::Away("a flush got no answer".to_owned())))
    }

    async fn attempt(&mut self, items: &[Decided]) -> Result<(), Failure> {
        self.connect().await?;
        let Some(session) = &mut self.session else {
            return Err(Failure::Away("not connected".to_owned()));
        };
        if self.undecided.take() == Some(session.sequence) {
            tracing::info!("the batch whose COMMIT got no answer had been stored");
            return Ok(());
        }
        session.learn_tags(items, &mut self.tags).await?;
        let sequence = session.sequence + 1;
        let zones = self.inner.zones.load_full();
        let context = Context { tags: &self.tags, zones: &zones, worn: &self.inner.worn };
        let transaction = session.client.transaction().await?;
        let written = write(&transaction, items, &context, sequence).await?;
        if !written.is_ours {
            return Err(Failure::Away("the cursor was moved by somebody else".to_owned()));
        }
        self.undecided = Some(sequence);
        transaction.commit().await?;
        self.undecided = None;
        session.sequence = sequence;
        self.recovered();
        measure(items.len(), &written);
        Ok(())
    }

    async fn connect(&mut self) -> Result<(), Failure> {
        if self.session.as_ref().is_some_and(|session| !session.client.is_closed()) {
            return Ok(());
        }
        self.session = None;
        let session = Session::open(&self.inner.postgres, &self.application).await?;
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
            tracing::info!(waiting = self.backlog.len(), "the database is back");
        }
        set_up(&self.inner.up, true);
    }

    fn complain(&mut self, reason: &str) {
        set_up(&self.inner.up, false);
        if self.complaint.as_deref() != Some(reason) {
            tracing::warn!(
                reason,
                waiting = self.backlog.len(),
                "the database is away; rows are kept"
            );
            self.complaint = Some(reason.to_owned());
        }
    }

    async fn back_off(&mut self) {
        sleep(self.pause).await;
        self.pause = (self.pause * 2).min(BACK_OFF.1);
    }
}

fn set_up(up: &tokio::sync::watch::Sender<bool>, is_up: bool) {
    metrics::gauge!("spor_storage_up").set(if is_up { 1.0 } else { 0.0 });
    up.send_if_modified(|was| std::mem::replace(was, is_up) != is_up);
}

fn set_aside(items: &[Decided], reason: &str) {
    metrics::counter!("spor_storage_set_aside_total").increment(1);
    // The kind only: a row may hold what a log must not.
    let kind = items.first().map_or("none", kind);
    tracing::error!(kind, reason, "a row that the database refuses was set aside");
}

fn kind(item: &Decided) -> &'static str {
    match item {
        Decided::Position(_) => "position",
        Decided::Extend { .. } => "extend",
        Decided::Visit(_) => "visit",
        Decided::Status(_) => "status",
        Decided::Event(_) => "event",
        Decided::Presence(_) => "presence",
        Decided::TagReport { .. } => "tag report",
        Decided::Forget { .. } => "forget",
        Decided::Reader { .. } => "reader",
    }
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
