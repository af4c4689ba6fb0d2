//! What is stored next: decided batches from the channel, gathered into one transaction's worth.
//!
//! Nothing waits here but what the channel and two transactions hold, the one that is stored and the
//! next: while the database is away the sender waits too, and the decided log on disk holds the rest.

use crate::model::{Decided, DecidedBatch};
use std::{sync::Arc, time::Duration};
use tokio::{
    sync::mpsc,
    time::{Instant, timeout_at},
};

/// So many items need no company.
const FULL: usize = 10_000;
/// What one transaction may take while more waits already.
const CATCH_UP: usize = 80_000;
/// Fewer items wait this long for company, counted from the last flush; after a pause they don't wait.
const GATHER: Duration = Duration::from_millis(50);
/// With nothing to do, the writer looks after its connection this often.
const IDLE: Duration = Duration::from_secs(1);

/// What one transaction stores.
#[derive(Debug, Default)]
pub(super) struct Portion {
    /// The journal's record up to which everything is stored with it.
    pub(super) through: u64,
    /// When that was received, milliseconds.
    pub(super) at_ms: i64,
    /// The version of the site file of all of it.
    pub(super) site: String,
    pub(super) items: Vec<(u64, Decided)>,
}

/// What the writer should do now.
pub(super) enum Next {
    /// Store this.
    Store(Arc<Portion>),
    /// Nothing has come for a while.
    Idle,
    /// Nothing will come any more.
    Done,
}

/// The receiving end of the writer's door.
pub(super) struct Gather {
    source: mpsc::Receiver<DecidedBatch>,
    /// Came already, but belongs to the next portion.
    held: Option<DecidedBatch>,
}

impl Gather {
    pub(super) fn new(source: mpsc::Receiver<DecidedBatch>) -> Self {
        Self { source, held: None }
    }

    /// Waits for a portion worth storing, the storing of the last one having begun at `last`.
    pub(super) async fn next(&mut self, last: Instant) -> Next {
        let first = match self.held.take() {
            Some(batch) => Some(batch),
            None => match timeout_at(Instant::now() + IDLE, self.source.recv()).await {
                Ok(batch) => batch,
                Err(_) => return Next::Idle,
            },
        };
        let Some(DecidedBatch { through, at_ms, site, items }) = first else { return Next::Done };
        let mut portion = Portion { through, at_ms, site, items };
        while portion.items.len() < CATCH_UP {
            let due = if portion.items.len() >= FULL { Instant::now() } else { last + GATHER };
            let Some(batch) = self.one_more(due).await else { break };
            if batch.site != portion.site {
                self.held = Some(batch);
                break;
            }
            portion.through = batch.through;
            portion.at_ms = batch.at_ms;
            portion.items.extend(batch.items);
        }
        metrics::gauge!("spor_queue_depth", "queue" => "storage").set(depth(self.source.len()));
        Next::Store(Arc::new(portion))
    }

    /// What is there already, or comes until `due`.
    async fn one_more(&mut self, due: Instant) -> Option<DecidedBatch> {
        match self.source.try_recv() {
            Ok(batch) => Some(batch),
            Err(_) if due <= Instant::now() => None,
            Err(_) => timeout_at(due, self.source.recv()).await.ok().flatten(),
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "a queue is short")]
fn depth(length: usize) -> f64 {
    length as f64
}
