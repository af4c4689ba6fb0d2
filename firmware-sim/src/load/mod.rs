//! The rate tool: many walking tags publish at a fixed rate, and their acknowledgements are timed.
//!
//! The rate is an open loop: it doesn't slow down with the broker unless it is 0, "as fast as
//! acknowledged". Each thread has connections, tags and counts of its own; one is enough for a
//! million messages a second and leaves a small machine to the broker.

mod counts;
mod form;
mod histogram;
mod outcome;
mod sender;
mod walkers;

pub use outcome::Outcome;

use crate::{
    building::BuildingError,
    mqtt::{Login, MqttError, link::Link},
};
use counts::{Counters, Counts};
use form::Form;
use histogram::Histogram;
use sender::{Schedule, Sender};
use spor_schemas::site::SiteFile;
use std::{
    cell::{Cell, RefCell},
    io,
    rc::Rc,
    sync::{
        Arc, Barrier,
        atomic::{AtomicBool, Ordering},
        mpsc,
    },
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};
use tokio::{
    runtime,
    task::{JoinSet, LocalSet},
};
use tokio_util::sync::CancellationToken;
use walkers::{Ground, Walker};

/// What load to make.
#[derive(Debug, Clone)]
pub struct Config {
    /// `host:port`.
    pub broker: String,
    /// User and password, where the broker wants them.
    pub login: Option<Login>,
    /// How many tags report.
    pub tags: u32,
    /// Positions a second over all connections; 0: as fast as they are acknowledged.
    pub rate: u32,
    /// How many connections share the tags.
    pub connections: u32,
    /// How many threads share the connections.
    pub threads: u32,
    /// True with QoS 1, false with QoS 0.
    pub acknowledged: bool,
    /// For how long.
    pub duration: Duration,
    /// CBOR instead of JSON.
    pub cbor: bool,
    /// Positions in an engine's array; none: each tag speaks for itself.
    pub batch: Option<u32>,
    /// Messages that may wait for their acknowledgement, on each connection.
    pub window: u16,
    /// How many of a hundred walks lead to another room.
    pub roam_percent: u32,
    /// How many of a hundred tags stand still.
    pub still_percent: u32,
    /// How long to wait for acknowledgements at the end.
    pub patience: Duration,
}

/// Why no load could be made.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The site.
    #[error(transparent)]
    Site(#[from] BuildingError),
    /// The broker.
    #[error("cannot connect to {broker}: {cause}")]
    Connect {
        /// Where to.
        broker: String,
        /// Why not.
        cause: MqttError,
    },
    /// No thread, or nothing to wait for sockets with.
    #[error("cannot start a sender: {0}")]
    Thread(#[from] io::Error),
}

/// What the connections of one thread share.
struct Shared {
    ground: RefCell<Ground>,
    counters: Arc<Counters>,
    latencies: RefCell<Histogram>,
    /// How far the tool itself was behind its schedule at worst.
    own_delay: Cell<Duration>,
    last_acknowledgement: Cell<Option<Instant>>,
}

impl Shared {
    fn intended(&self, positions: u32) {
        self.counters.add(|c| &c.intended, positions.into());
    }

    fn published(&self, positions: u32) {
        self.counters.add(|c| &c.messages, 1);
        self.counters.add(|c| &c.published, positions.into());
    }

    fn acknowledged(&self, now: Instant, latency: Duration, positions: u32) {
        let us = u64::try_from(latency.as_micros()).unwrap_or(u64::MAX);
        self.latencies.borrow_mut().record(us, u64::from(positions));
        self.counters.add(|c| &c.acknowledged, positions.into());
        self.last_acknowledgement.set(Some(now));
    }

    fn ticked(&self, late: Duration) {
        self.own_delay.set(self.own_delay.get().max(late));
    }
}

/// How often a line says how far it is.
const PROGRESS_EVERY: Duration = Duration::from_secs(5);

/// What one thread has come to.
struct Share {
    latencies: Histogram,
    own_delay: Duration,
    last_acknowledgement: Option<Instant>,
}

/// What the threads are given.
struct Common<'a> {
    config: &'a Config,
    site: &'a SiteFile,
    counters: &'a [Arc<Counters>],
    /// Nobody sends before all are connected.
    connected: Barrier,
    failed: AtomicBool,
    stop: CancellationToken,
}

/// Makes the load, and blocks until it is over; `progress` gets a line every five seconds. Stopping
/// it early is no failure.
///
/// # Errors
/// [`LoadError`] when it could not begin. What went wrong later stands in the [`Outcome`].
pub fn run(
    config: &Config,
    site: &SiteFile,
    progress: impl Fn(&str),
    stop: CancellationToken,
) -> Result<Outcome, LoadError> {
    let connections = config.connections.clamp(1, config.tags.max(1));
    let threads = config.threads.clamp(1, connections);
    let counters: Vec<_> = (0..threads).map(|_| Arc::new(Counters::default())).collect();
    let common = Common {
        config,
        site,
        counters: &counters,
        connected: Barrier::new(threads as usize + 1),
        failed: AtomicBool::new(false),
        stop,
    };
    std::thread::scope(|scope| {
        let (tell, told) = mpsc::channel();
        let common = &common;
        let mut running = Vec::new();
        for thread in 0..threads {
            let tell = tell.clone();
            let share = move || one_thread(common, thread, threads, connections, &tell);
            running.push(scope.spawn(share));
        }
        drop(tell);
        common.connected.wait();
        let (start, start_ms) = (Instant::now(), unix_ms());
        let cpu_before = cpu_time();
        show_progress(config, &counters, start, &told, progress);
        let cpu = cpu_time().zip(cpu_before).map(|(now, before)| now.saturating_sub(before));
        let elapsed = start.elapsed().min(config.duration);
        let mut shares = Vec::new();
        for thread in running {
            match thread.join() {
                Ok(share) => shares.push(share?),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
        let timing = outcome::Timing { start, start_ms, elapsed, cpu };
        Ok(Outcome::new(config, connections, timing, Counts::sum(&counters), &shares))
    })
}

/// Until the last thread has nothing more to tell.
fn show_progress(
    config: &Config,
    counters: &[Arc<Counters>],
    start: Instant,
    told: &mpsc::Receiver<String>,
    progress: impl Fn(&str),
) {
    let mut before = Counts::default();
    let mut due = start + PROGRESS_EVERY;
    loop {
        match told.recv_timeout(due.saturating_duration_since(Instant::now())) {
            Ok(line) => progress(&line),
            Err(mpsc::RecvTimeoutError::Disconnected) => return,
            Err(mpsc::RecvTimeoutError::Timeout) => {
                let now = Counts::sum(counters);
                progress(&outcome::progress_line(
                    start.elapsed(),
                    PROGRESS_EVERY,
                    before,
                    now,
                    config.acknowledged,
                ));
                before = now;
                due += PROGRESS_EVERY;
            }
        }
    }
}

fn one_thread(
    common: &Common<'_>,
    thread: u32,
    threads: u32,
    connections: u32,
    tell: &mpsc::Sender<String>,
) -> Result<Share, LoadError> {
    // Looking at the sockets often keeps the clocks of many connections right.
    let runtime = runtime::Builder::new_current_thread().event_interval(1).enable_all().build();
    let mut is_ready = false;
    let outcome = runtime.map_err(LoadError::from).and_then(|runtime| {
        let shared = Rc::new(Shared {
            ground: RefCell::new(Ground::new(
                common.site,
                (common.config.roam_percent, common.config.still_percent),
                u64::from(thread) + 1,
            )?),
            counters: Arc::clone(&common.counters[thread as usize]),
            latencies: RefCell::new(Histogram::new()),
            own_delay: Cell::default(),
            last_acknowledgement: Cell::default(),
        });
        let mine = (0..connections).filter(|number| number % threads == thread);
        let senders = runtime.block_on(connect(common.config, mine, connections, &shared))?;
        is_ready = true;
        common.connected.wait();
        if !common.failed.load(Ordering::Relaxed) {
            let driven = drive(common, connections, senders, &shared, tell);
            runtime.block_on(LocalSet::new().run_until(driven));
        }
        let latencies = shared.latencies.borrow().clone();
        Ok(Share {
            latencies,
            own_delay: shared.own_delay.get(),
            last_acknowledgement: shared.last_acknowledgement.get(),
        })
    });
    if !is_ready {
        common.failed.store(true, Ordering::Relaxed);
        common.connected.wait();
    }
    outcome
}

/// Opens these connections one after the other and deals their tags out to them.
async fn connect(
    config: &Config,
    mine: impl Iterator<Item = u32>,
    connections: u32,
    shared: &Rc<Shared>,
) -> Result<Vec<(u32, Sender)>, LoadError> {
    let config = Rc::new(config.clone());
    let mut senders = Vec::new();
    for number in mine {
        let tags = (number + 1..=config.tags.max(1)).step_by(connections as usize);
        let walkers: Vec<Walker> = tags.map(|tag| shared.ground.borrow_mut().walker(tag)).collect();
        let client = format!("load-{}", number + 1);
        let link = Link::open(&config.broker, &client, config.login.as_ref(), None)
            .await
            .map_err(|cause| LoadError::Connect { broker: config.broker.clone(), cause })?;
        let engine = config.batch.map(|_| format!("load-engine-{}", number + 1));
        let form = Form::new(config.cbor, config.acknowledged, config.tags, engine.as_deref());
        let sender = Sender::new(link, walkers, Rc::clone(&config), Rc::clone(shared), form);
        senders.push((number, sender));
    }
    Ok(senders)
}

/// Lets the connections of one thread send.
async fn drive(
    common: &Common<'_>,
    connections: u32,
    senders: Vec<(u32, Sender)>,
    shared: &Shared,
    tell: &mpsc::Sender<String>,
) {
    let config = common.config;
    let start = Instant::now() + Duration::from_millis(50);
    let end = start + config.duration;
    let mut running = JoinSet::new();
    for (number, sender) in senders {
        running.spawn_local(sender.run(Schedule {
            // Spread over the tick, so that the broker sees a stream and not a beat.
            start: start + Duration::from_millis(20) * number / connections,
            end,
            give_up: end + config.patience,
            per_second: f64::from(config.rate) / f64::from(connections),
            head_start: f64::from(number) / f64::from(connections),
        }));
    }
    loop {
        tokio::select! {
            () = common.stop.cancelled() => return,
            done = running.join_next() => match done {
                None => return,
                Some(Ok(Ok(()))) => {}
                Some(Ok(Err(error))) => {
                    shared.counters.add(|c| &c.lost_connections, 1);
                    // The other end is there until this thread has ended.
                    let _ = tell.send(format!("a connection was lost: {error}"));
                }
                Some(Err(panic)) => std::panic::resume_unwind(panic.into_panic()),
            },
        }
    }
}

fn unix_ms() -> i64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(now.as_millis()).unwrap_or(i64::MAX)
}

/// CPU time of this process, user and system, where `/proc` tells it; it counts in steps of 10 ms.
fn cpu_time() -> Option<Duration> {
    let stat = std::fs::read_to_string("/proc/self/stat").ok()?;
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace().skip(11);
    let user: u64 = fields.next()?.parse().ok()?;
    let system: u64 = fields.next()?.parse().ok()?;
    Some(Duration::from_millis((user + system) * 10))
}

#[cfg(test)]
mod tests;
