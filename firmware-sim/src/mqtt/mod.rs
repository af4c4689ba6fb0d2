//! The world on the air: its reports are published to a broker as real devices would, in real time
//! or faster.
//!
//! A few clients speak for the tags, one for the engine, one for each of some readers and one for
//! the rest of them. Times in messages are those of the real clock at any speed.

mod client;
pub(crate) mod link;

use crate::world::{Publisher, World};
use client::{Client, Outgoing};
use rumqttc::mqttbytes::{
    QoS,
    v4::{ConnectReturnCode, LastWill},
};
use spor_schemas::{Presence, ReaderId, ReaderStatusMessage, topic, wire};
use std::{
    collections::HashMap,
    fmt,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};
use tokio::{sync::mpsc, task::JoinSet, time};
use tokio_util::sync::CancellationToken;

/// What can go wrong between us and the broker.
#[derive(Debug, thiserror::Error)]
pub enum MqttError {
    /// The network.
    #[error("{0}")]
    Network(#[from] std::io::Error),
    /// No answer to CONNECT in time.
    #[error("the broker did not answer within 10 s")]
    Timeout,
    /// The broker closed the connection.
    #[error("the broker closed the connection")]
    Closed,
    /// The broker doesn't want us.
    #[error("the broker refused the connection: {0:?}")]
    Refused(ConnectReturnCode),
    /// The broker doesn't speak MQTT 3.1.1.
    #[error("the broker sent something else than MQTT 3.1.1: {0}")]
    Protocol(#[from] rumqttc::mqttbytes::Error),
    /// The broker answered CONNECT with something else than CONNACK.
    #[error("the broker did not answer CONNECT with CONNACK")]
    Unexpected,
}

/// How to get in.
#[derive(Clone, PartialEq, Eq)]
pub struct Login {
    /// User name.
    pub user: String,
    /// Password.
    pub password: String,
}

impl fmt::Debug for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Login").field("user", &self.user).finish_non_exhaustive()
    }
}

/// What was done so far; all clients count together.
#[derive(Debug, Default)]
pub struct Counters {
    /// Messages sent, without those sent again.
    pub published: AtomicU64,
    /// Messages that the broker acknowledged.
    pub acknowledged: AtomicU64,
    /// Messages dropped because a client's queue was full: the broker was away for long.
    pub dropped: AtomicU64,
    /// How many times a client came back.
    pub reconnected: AtomicU64,
    /// The world's clock, milliseconds since the Unix epoch.
    pub world_ms: AtomicU64,
}

/// How to publish.
#[derive(Debug, Clone)]
pub struct Config {
    /// `host:port`.
    pub broker: String,
    /// User and password, where the broker wants them.
    pub login: Option<Login>,
    /// How many times as fast as real time the world goes.
    pub speed: f64,
    /// How many clients speak for the tags.
    pub tag_clients: usize,
    /// How many readers have a client of their own.
    pub reader_clients: usize,
    /// CBOR instead of JSON.
    pub cbor: bool,
    /// The world's time at which it is over; none: it goes on until it is stopped.
    pub until_ms: Option<i64>,
    /// Counts while it runs; keep a clone to look.
    pub counters: Arc<Counters>,
}

impl Config {
    /// In real time, as JSON, with a few clients.
    #[must_use]
    pub fn new(broker: impl Into<String>) -> Self {
        Self {
            broker: broker.into(),
            login: None,
            speed: 1.0,
            tag_clients: 4,
            reader_clients: 8,
            cbor: false,
            until_ms: None,
            counters: Arc::default(),
        }
    }
}

/// How often the world's clock is moved on.
const TICK: Duration = Duration::from_millis(100);
/// After a pause of the machine the world goes on from where it was, rather than catching up.
const LONGEST_STEP: Duration = Duration::from_secs(5);
/// Messages that wait for one client; more are dropped and counted.
const QUEUE: usize = 2_000;

/// Lets the world go on and publishes what it says, until it is over or told to stop.
///
/// Never fails: a broker that isn't there is waited for.
pub async fn run(config: Config, mut world: World, stop: CancellationToken) {
    let mut clients = JoinSet::new();
    let switchboard = Switchboard::connect(&config, &world, &stop, &mut clients);
    let mut ticks = time::interval(TICK);
    ticks.set_missed_tick_behavior(time::MissedTickBehavior::Skip);
    let mut before = Instant::now();
    #[expect(clippy::cast_precision_loss, reason = "milliseconds of this century fit")]
    let mut clock_ms = world.clock_ms() as f64;
    loop {
        tokio::select! {
            () = stop.cancelled() => break,
            _ = ticks.tick() => {}
        }
        let now = Instant::now();
        let step = now.duration_since(before).min(LONGEST_STEP);
        before = now;
        clock_ms += step.as_secs_f64() * 1000.0 * config.speed;
        #[expect(clippy::cast_possible_truncation, reason = "milliseconds of this century fit")]
        let until_ms = (clock_ms as i64).min(config.until_ms.unwrap_or(i64::MAX));
        let now_ms = unix_now_ms();
        for mut report in world.advance(until_ms) {
            report.message.map_times(|time_ms| real_ms(time_ms, until_ms, now_ms, config.speed));
            let message = &report.message;
            let payload = if config.cbor { message.to_cbor() } else { message.to_json() };
            switchboard.send(&message.publisher(), Outgoing { topic: message.topic(), payload });
        }
        config.counters.world_ms.store(u64::try_from(until_ms).unwrap_or_default(), Relaxed);
        if config.until_ms == Some(until_ms) {
            break;
        }
    }
    drop(switchboard);
    while clients.join_next().await.is_some() {}
}

/// When something of the world's time happened by the real clock: `until_ms` there is `now_ms` here.
fn real_ms(time_ms: i64, until_ms: i64, now_ms: i64, speed: f64) -> i64 {
    #[expect(clippy::cast_precision_loss, reason = "a tick is short")]
    let ago_ms = (until_ms - time_ms) as f64 / speed;
    #[expect(clippy::cast_possible_truncation, reason = "a tick is short")]
    let ago_ms = ago_ms.round() as i64;
    now_ms - ago_ms
}

fn unix_now_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

/// Which client speaks for whom.
struct Switchboard {
    tags: Vec<mpsc::Sender<Outgoing>>,
    engine: mpsc::Sender<Outgoing>,
    readers: HashMap<ReaderId, mpsc::Sender<Outgoing>>,
    other_readers: mpsc::Sender<Outgoing>,
    counters: Arc<Counters>,
}

impl Switchboard {
    fn connect(
        config: &Config,
        world: &World,
        stop: &CancellationToken,
        clients: &mut JoinSet<()>,
    ) -> Self {
        let mut client = |id: String, reader: Option<&ReaderId>| {
            let (sender, queue) = mpsc::channel(QUEUE);
            let client = Client {
                id,
                will: reader.map(last_will),
                greeting: reader.map(greeting),
                queue,
                config: config.clone(),
                stop: stop.clone(),
            };
            clients.spawn(client.run());
            sender
        };
        let tags = (1..=config.tag_clients.max(1))
            .map(|n| client(format!("sim-tags-{n}"), None))
            .collect();
        let engine = client("sim-engine-1".to_owned(), None);
        let other_readers = client("sim-readers-1".to_owned(), None);
        let readers = world
            .building()
            .readers()
            .iter()
            .take(config.reader_clients)
            .enumerate()
            .map(|(n, reader)| {
                let id = format!("sim-reader-{}", n + 1);
                (reader.id.clone(), client(id, Some(&reader.id)))
            })
            .collect();
        Self { tags, engine, readers, other_readers, counters: Arc::clone(&config.counters) }
    }

    fn send(&self, publisher: &Publisher, message: Outgoing) {
        let sender = match publisher {
            Publisher::Tag(tag) => &self.tags[share_of(tag.as_str(), self.tags.len())],
            Publisher::Engine(_) => &self.engine,
            Publisher::Reader(reader) => self.readers.get(reader).unwrap_or(&self.other_readers),
        };
        if sender.try_send(message).is_err() {
            self.counters.dropped.fetch_add(1, Relaxed);
        }
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

#[cfg(test)]
mod tests;
