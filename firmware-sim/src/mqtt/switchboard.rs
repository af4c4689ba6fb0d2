//! Which client speaks for whom.
//!
//! A queue that is full makes the world wait: one that is in a hurry then goes more slowly. Where that
//! doesn't help within [`PATIENCE`], messages are dropped and counted until there is room again.

use super::{
    Config, Counters,
    client::{Client, Outgoing},
};
use crate::world::{Publisher, World};
use rumqttc::mqttbytes::{QoS, v4::LastWill};
use spor_schemas::{Presence, ReaderId, ReaderStatusMessage, topic, wire};
use std::{
    collections::HashMap,
    sync::{Arc, atomic::Ordering::Relaxed},
    time::Duration,
};
use tokio::{
    sync::{
        mpsc::{self, error::TrySendError},
        watch,
    },
    task::JoinSet,
    time,
};
use tokio_util::sync::CancellationToken;

/// Messages that wait for one client.
const QUEUE: usize = 2_000;
/// How long the world waits for a client whose queue is full.
const PATIENCE: Duration = Duration::from_secs(2);

/// The way to the broker, as simulated faults leave it.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Door {
    /// How many times every connection was cut.
    pub(super) cuts: u64,
    /// How many faults keep the broker away: nobody gets in while there are any.
    pub(super) shut: u32,
}

/// One client's queue.
struct Line {
    queue: mpsc::Sender<Outgoing>,
    /// It stayed full for long: nobody waits for it until it has room again.
    is_stuck: bool,
}

/// The clients.
pub(super) struct Switchboard {
    lines: Vec<Line>,
    /// The first so many lines are the tags'.
    tag_lines: usize,
    engine: usize,
    readers: HashMap<ReaderId, usize>,
    other_readers: usize,
    door: watch::Sender<Door>,
    counters: Arc<Counters>,
}

impl Switchboard {
    pub(super) fn connect(
        config: &Config,
        world: &World,
        stop: &CancellationToken,
        clients: &mut JoinSet<()>,
    ) -> Self {
        let (door, seen) = watch::channel(Door::default());
        let mut lines = Vec::new();
        let mut client = |id: String, reader: Option<&ReaderId>| {
            let (sender, queue) = mpsc::channel(QUEUE);
            let client = Client {
                id,
                will: reader.map(last_will),
                greeting: reader.map(greeting),
                queue,
                config: config.clone(),
                door: seen.clone(),
                stop: stop.clone(),
            };
            clients.spawn(client.run());
            lines.push(Line { queue: sender, is_stuck: false });
            lines.len() - 1
        };
        let tag_lines = config.tag_clients.max(1);
        for number in 1..=tag_lines {
            client(format!("sim-tags-{number}"), None);
        }
        let engine = client("sim-engine-1".to_owned(), None);
        let other_readers = client("sim-readers-1".to_owned(), None);
        let own = world.building().readers().iter().take(config.reader_clients).enumerate();
        let readers = own
            .map(|(number, reader)| {
                let id = format!("sim-reader-{}", number + 1);
                (reader.id.clone(), client(id, Some(&reader.id)))
            })
            .collect();
        let counters = Arc::clone(&config.counters);
        Self { lines, tag_lines, engine, readers, other_readers, door, counters }
    }

    /// Hands a message to the client that speaks for its publisher.
    pub(super) async fn send(&mut self, publisher: &Publisher, message: Outgoing) {
        let number = match publisher {
            Publisher::Tag(tag) => share_of(tag.as_str(), self.tag_lines),
            Publisher::Engine(_) => self.engine,
            Publisher::Reader(reader) => {
                self.readers.get(reader).copied().unwrap_or(self.other_readers)
            }
        };
        let line = &mut self.lines[number];
        // Before the client can take it.
        self.counters.waiting.fetch_add(1, Relaxed);
        let delivered = match line.queue.try_send(message) {
            Ok(()) => true,
            Err(TrySendError::Full(message)) if !line.is_stuck => {
                matches!(time::timeout(PATIENCE, line.queue.send(message)).await, Ok(Ok(())))
            }
            // Told to stop: nothing is dropped that anybody would wait for.
            Err(TrySendError::Closed(_)) => return,
            Err(TrySendError::Full(_)) => false,
        };
        line.is_stuck = !delivered;
        if !delivered {
            self.counters.waiting.fetch_sub(1, Relaxed);
            self.counters.dropped.fetch_add(1, Relaxed);
        }
    }

    /// Every client loses its connection, and its reader's will is published.
    pub(super) fn cut_all(&self) {
        self.door.send_modify(|door| door.cuts += 1);
    }

    /// Every client loses its connection, and gets none until [`Self::let_in_again`].
    pub(super) fn shut_out_all(&self) {
        self.door.send_modify(|door| *door = Door { cuts: door.cuts + 1, shut: door.shut + 1 });
    }

    /// The world is over: what was handed over gets out, also of clients that are shut out.
    pub(super) fn finish(self) {
        self.door.send_modify(|door| door.shut = 0);
    }

    /// The broker is back.
    pub(super) fn let_in_again(&self) {
        self.door.send_modify(|door| door.shut = door.shut.saturating_sub(1));
    }
}

/// A tag stays with its client: the same share for the same name (FNV-1a).
fn share_of(name: &str, shares: usize) -> usize {
    let hash = name
        .bytes()
        .fold(0x811c_9dc5_u32, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193));
    hash as usize % shares
}

/// What the broker says for a reader that is gone.
fn last_will(reader: &ReaderId) -> LastWill {
    let payload = wire::to_json(&bare_status(Presence::Offline));
    LastWill::new(topic::reader_status(reader), payload, QoS::AtLeastOnce, false)
}

/// What a reader says when it is connected, also after its will was published.
fn greeting(reader: &ReaderId) -> Outgoing {
    let payload = wire::to_json(&bare_status(Presence::Online));
    Outgoing { topic: topic::reader_status(reader), payload }
}

fn bare_status(status: Presence) -> ReaderStatusMessage {
    ReaderStatusMessage { time_ms: None, status, firmware: None }
}
