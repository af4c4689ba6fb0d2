//! The pipeline's thread: stamps what arrives, folds it, hands the decided rows on.

use super::Pipeline;
use crate::model::{Arrival, Decided, EventMessage};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::sync::mpsc;

/// So many batches are taken at once before their rows are handed on.
const BATCHES: usize = 64;

/// Where a pipeline's input comes from and its output goes.
pub struct Ports {
    /// What the front door admitted. The pipeline ends when every sender is gone.
    pub door: mpsc::Receiver<Vec<Arrival>>,
    /// Decided rows, in order. When it is full the pipeline waits, and so does the front door.
    pub storage: mpsc::Sender<Vec<Decided>>,
    /// Tells subscribers; never blocks.
    pub publish: Box<dyn Fn(&EventMessage) + Send + Sync>,
}

/// Runs until the door is closed and everything that came through it is decided.
pub async fn run(mut pipeline: Pipeline, mut ports: Ports) {
    let mut batches = Vec::with_capacity(BATCHES);
    let mut second = tokio::time::interval(Duration::from_secs(1));
    second.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
    let mut received_ms = 0;
    loop {
        let mut out = Vec::new();
        tokio::select! {
            biased;
            _ = second.tick() => {
                received_ms = now_ms().max(received_ms);
                pipeline.tick(received_ms, &mut out);
            }
            taken = ports.door.recv_many(&mut batches, BATCHES) => {
                if taken == 0 {
                    break;
                }
                metrics::gauge!("spor_queue_depth", "queue" => "door").set(depth(ports.door.len()));
                received_ms = now_ms().max(received_ms);
                for arrival in batches.drain(..).flatten() {
                    pipeline.arrival(&arrival, received_ms, &mut out);
                }
            }
        }
        hand_on(out, &ports).await;
        measure(received_ms);
    }
    let mut out = Vec::new();
    pipeline.finish(&mut out);
    hand_on(out, &ports).await;
}

async fn hand_on(out: Vec<Decided>, ports: &Ports) {
    if out.is_empty() {
        return;
    }
    for decided in &out {
        if let Decided::Event(event) = decided {
            (ports.publish)(event);
        }
    }
    if ports.storage.capacity() == 0 {
        metrics::counter!("spor_queue_full_total", "queue" => "storage").increment(1);
    }
    if ports.storage.send(out).await.is_err() {
        tracing::error!("storage has stopped before the pipeline: decided rows are lost");
    }
}

#[expect(clippy::cast_precision_loss, reason = "a latency")]
fn measure(received_ms: i64) {
    let seconds = (now_ms() - received_ms).max(0) as f64 / 1000.0;
    metrics::histogram!("spor_latency_seconds", "stage" => "live").record(seconds);
}

#[expect(clippy::cast_precision_loss, reason = "a queue is short")]
fn depth(length: usize) -> f64 {
    length as f64
}

/// The machine's clock, milliseconds since the Unix epoch.
fn now_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}
