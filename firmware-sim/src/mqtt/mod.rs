//! The world on the air: its reports are published to a broker as real devices would, in real time
//! or faster.
//!
//! A few clients speak for the tags, one for the engine, one for each of some readers and one for
//! the rest of them. Times in messages are those of the real clock at any speed.

mod client;
pub(crate) mod link;
mod restart;
mod switchboard;

use crate::{
    building::Building,
    faults::{Act, Faults, Tally},
    world::{Change, World},
};
use client::Outgoing;
use rumqttc::mqttbytes::v4::ConnectReturnCode;
use std::{
    fmt,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};
use switchboard::Switchboard;
use tokio::{
    sync::{mpsc, oneshot},
    task::JoinSet,
    time,
};
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
    /// A simulated fault cut the connection.
    #[error("the connection was cut by a simulated fault")]
    Cut,
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
    /// Messages that wait to be sent: the broker is away, or slower than the world.
    pub waiting: AtomicU64,
    /// Messages that the broker acknowledged.
    pub acknowledged: AtomicU64,
    /// Messages dropped because a client's queue stayed full: the broker was away for long.
    pub dropped: AtomicU64,
    /// How many times a client came back.
    pub reconnected: AtomicU64,
    /// The world's clock, milliseconds since the Unix epoch.
    pub world_ms: AtomicU64,
    /// What the faults have done.
    pub faults: Mutex<Vec<Tally>>,
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
    /// How many clients speak for the tags; as many as there are tags: each for itself.
    pub tag_clients: usize,
    /// How many readers have a client of their own.
    pub reader_clients: usize,
    /// CBOR instead of JSON.
    pub cbor: bool,
    /// The world's time at which it is over; none: it goes on until it is stopped.
    pub until_ms: Option<i64>,
    /// What `sh` runs when a simulated broker restart begins: the real broker then breaks the
    /// connections. None: clients break them, and don't come back before it is over.
    pub restart_command: Option<String>,
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
            restart_command: None,
            counters: Arc::default(),
        }
    }
}

/// A hospital that is ready to be heard.
pub struct Show {
    /// Who speaks.
    pub world: World,
    /// What goes wrong on the way.
    pub faults: Faults,
    /// Lines that switch faults while it runs; none: nobody switches.
    pub commands: Option<mpsc::Receiver<Command>>,
    /// Hears of every change of the truth, in the time of the messages; none: nobody wants to know.
    pub witness: Option<Box<dyn Witness>>,
}

/// Who hears of the truth; called between messages, so it must be quick.
pub trait Witness: Send {
    /// What has changed.
    fn see(&mut self, building: &Building, changes: Vec<Change>);
    /// There is no more to see.
    fn finish(&mut self);
}

/// A line for [`Faults::command`].
#[derive(Debug)]
pub struct Command {
    /// What somebody typed.
    pub line: String,
    /// Gets the answer, or what is wrong with the line.
    pub answer: oneshot::Sender<Result<String, String>>,
}

/// How often the world's clock is moved on; in a hurry more often, so that less comes at once.
const TICK: Duration = Duration::from_millis(100);
const QUICK_TICK: Duration = Duration::from_millis(20);
const IN_A_HURRY: f64 = 10.0;
/// After a pause of the machine the world goes on from where it was, rather than catching up.
const LONGEST_STEP: Duration = Duration::from_secs(5);
/// How long the last acknowledgements are waited for when the world is over.
const LAST_ACKNOWLEDGEMENTS: Duration = Duration::from_secs(15);

/// Lets the world go on and publishes what it says, until it is over or told to stop.
///
/// Never fails: a broker that isn't there is waited for.
pub async fn run(config: Config, world: World, stop: CancellationToken) {
    let faults = Faults::new(&world, &[], 0, config.speed);
    play(config, Show { world, faults, commands: None, witness: None }, stop).await;
}

/// [`run`] with faults between the world and the broker.
pub async fn play(config: Config, show: Show, stop: CancellationToken) {
    let Show { mut world, mut faults, mut commands, mut witness } = show;
    let (mut clients, mut restarts) = (JoinSet::new(), JoinSet::new());
    let mut switchboard = Switchboard::connect(&config, &world, &stop, &mut clients);
    let mut ticks = time::interval(if config.speed > IN_A_HURRY { QUICK_TICK } else { TICK });
    ticks.set_missed_tick_behavior(time::MissedTickBehavior::Skip);
    let mut before = Instant::now();
    tell_state(&mut witness, &world);
    #[expect(clippy::cast_precision_loss, reason = "milliseconds of this century fit")]
    let mut clock_ms = world.clock_ms() as f64;
    loop {
        tokio::select! {
            () = stop.cancelled() => break,
            command = next_command(&mut commands) => {
                let answer = faults.command(&command.line);
                // Whoever asked may be gone.
                let _ = command.answer.send(answer);
                continue;
            }
            _ = ticks.tick() => {}
        }
        let now = Instant::now();
        let step = now.duration_since(before).min(LONGEST_STEP);
        before = now;
        clock_ms += step.as_secs_f64() * 1000.0 * config.speed;
        #[expect(clippy::cast_possible_truncation, reason = "milliseconds of this century fit")]
        let until_ms = (clock_ms as i64).min(config.until_ms.unwrap_or(i64::MAX));
        let now_ms = unix_now_ms();
        for act in faults.pass(world.advance(until_ms), until_ms) {
            let mut sent = match act {
                Act::Say(sent) => sent,
                Act::Reconnect(_) => {
                    switchboard.cut_all();
                    continue;
                }
                Act::BrokerGone(_) => {
                    match &config.restart_command {
                        Some(command) => drop(restarts.spawn(restart::run(command.clone()))),
                        None => switchboard.shut_out_all(),
                    }
                    continue;
                }
                Act::BrokerBack(_) => {
                    if config.restart_command.is_none() {
                        switchboard.let_in_again();
                    }
                    continue;
                }
            };
            sent.stamp(|time_ms| real_ms(time_ms, until_ms, now_ms, config.speed));
            let message =
                Outgoing { topic: sent.message.topic(), payload: sent.payload(config.cbor) };
            let publisher = sent.message.publisher();
            tokio::select! {
                () = stop.cancelled() => break,
                () = switchboard.send(&publisher, message) => {}
            }
        }
        if let Some(witness) = &mut witness {
            let mut changes = world.changes();
            for change in &mut changes {
                change.time_ms = real_ms(change.time_ms, until_ms, now_ms, config.speed);
            }
            witness.see(world.building(), changes);
        }
        config.counters.world_ms.store(u64::try_from(until_ms).unwrap_or_default(), Relaxed);
        let mut tallies = config.counters.faults.lock().unwrap_or_else(PoisonError::into_inner);
        tallies.clear();
        tallies.extend(faults.tallies());
        drop(tallies);
        if config.until_ms == Some(until_ms) {
            break;
        }
    }
    tell_state(&mut witness, &world);
    if let Some(witness) = &mut witness {
        witness.finish();
    }
    switchboard.finish();
    let _ = time::timeout(LAST_ACKNOWLEDGEMENTS, async {
        while clients.join_next().await.is_some() {}
    })
    .await;
}

/// Tells how everything is now.
fn tell_state(witness: &mut Option<Box<dyn Witness>>, world: &World) {
    if let Some(witness) = witness {
        let time_ms = unix_now_ms();
        let state = world.state().map(|change| Change { time_ms, ..change });
        witness.see(world.building(), state.collect());
    }
}

/// The next command; never, when nobody gives any.
async fn next_command(commands: &mut Option<mpsc::Receiver<Command>>) -> Command {
    if let Some(receiver) = commands {
        if let Some(command) = receiver.recv().await {
            return command;
        }
        *commands = None;
    }
    std::future::pending().await
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

#[cfg(test)]
mod tests;
