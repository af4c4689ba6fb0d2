//! From the front door to the pipeline, in memory: a batch counts as durable once the pipeline's
//! bounded queue has taken it, and there is room while few batches wait for that.

use crate::{broker::Door, model::Arrival};
use std::sync::{
    Arc, Mutex, PoisonError,
    atomic::{AtomicUsize, Ordering},
};
use tokio::sync::{mpsc, watch};

/// Batches that wait for the pipeline's queue. When there are so many, the front door appends no
/// more: QoS 0 is dropped, QoS 1 waits. Each connection may add the one it has begun.
const WAITING: usize = 256;

/// A door into `pipeline`, and the work behind it, which ends when the last door is dropped.
pub(super) fn into(
    pipeline: mpsc::Sender<Vec<Arrival>>,
) -> (Door, impl Future<Output = ()> + Send) {
    let (queue, mut batches) = mpsc::unbounded_channel::<(u64, Vec<Arrival>)>();
    let (durable, durable_seen) = watch::channel(0);
    let (room, room_seen) = watch::channel(true);
    let (room, waiting) = (Arc::new(room), Arc::new(AtomicUsize::new(0)));
    let append = {
        let (room, waiting) = (Arc::clone(&room), Arc::clone(&waiting));
        let last = Mutex::new(0_u64);
        move |batch: Vec<Arrival>| {
            // The lock makes the order of the tickets that of the queue.
            let mut last = last.lock().unwrap_or_else(PoisonError::into_inner);
            *last += batch.len() as u64;
            let _ = queue.send((*last, batch));
            waiting.fetch_add(1, Ordering::AcqRel);
            update(&room, &waiting);
            *last
        }
    };
    let carry = async move {
        while let Some((ticket, batch)) = batches.recv().await {
            if pipeline.send(batch).await.is_err() {
                break;
            }
            durable.send_replace(ticket);
            waiting.fetch_sub(1, Ordering::AcqRel);
            update(&room, &waiting);
        }
    };
    (Door { append: Arc::new(append), durable: durable_seen, room: room_seen }, carry)
}

/// Says whether there is room. Whoever changed `waiting` last sets what holds.
fn update(room: &watch::Sender<bool>, waiting: &AtomicUsize) {
    room.send_if_modified(|room| {
        let now = waiting.load(Ordering::Acquire) < WAITING;
        std::mem::replace(room, now) != now
    });
}
