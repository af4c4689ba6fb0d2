//! The rate tool: many walking tags publish at a fixed rate, and their acknowledgements are timed.
//!
//! One thread does it all, so that on a small machine the broker keeps the rest. The rate is an
//! open loop: it doesn't slow down with the broker unless it is 0, "as fast as acknowledged".

mod histogram;
mod outcome;
mod sender;
mod walkers;

pub use outcome::Outcome;

use crate::{
    building::BuildingError,
    mqtt::{Login, MqttError, link::Link},
};
use histogram::Histogram;
use sender::Sender;
use spor_schemas::{EngineId, site::SiteFile, topic};
use std::{
    cell::{Cell, RefCell},
    rc::Rc,
    time::{Duration, Instant},
};
use tokio::{
    task::{JoinSet, LocalSet},
    time,
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
}

/// Counts of positions, except `messages`.
#[derive(Debug, Clone, Copy, Default)]
struct Counts {
    intended: u64,
    published: u64,
    acknowledged: u64,
    messages: u64,
    lost_connections: u64,
}

/// What the connections share on their one thread.
struct Shared {
    ground: RefCell<Ground>,
    counts: Cell<Counts>,
    latencies: RefCell<Histogram>,
    /// How far the tool itself was behind its schedule at worst.
    own_delay: Cell<Duration>,
}

impl Shared {
    fn count(&self, change: impl FnOnce(&mut Counts)) {
        let mut counts = self.counts.get();
        change(&mut counts);
        self.counts.set(counts);
    }

    fn acknowledged(&self, latency: Duration, positions: u32) {
        let us = u64::try_from(latency.as_micros()).unwrap_or(u64::MAX);
        self.latencies.borrow_mut().record(us, u64::from(positions));
        self.count(|c| c.acknowledged += u64::from(positions));
    }

    fn ticked(&self, late: Duration) {
        self.own_delay.set(self.own_delay.get().max(late));
    }
}

/// How often a line says how far it is.
const PROGRESS_EVERY: Duration = Duration::from_secs(5);

/// Makes the load; `progress` gets a line every five seconds. Stopping it early is no failure.
///
/// # Errors
/// [`LoadError`] when it could not begin. What went wrong later stands in the [`Outcome`].
pub async fn run(
    config: Config,
    site: &SiteFile,
    progress: impl Fn(&str),
    stop: CancellationToken,
) -> Result<Outcome, LoadError> {
    let shared = Rc::new(Shared {
        ground: RefCell::new(Ground::new(site, config.roam_percent, 1)?),
        counts: Cell::default(),
        latencies: RefCell::new(Histogram::new()),
        own_delay: Cell::default(),
    });
    let config = Rc::new(config);
    let senders = connect(&config, &shared).await?;
    let local = LocalSet::new();
    Ok(local.run_until(drive(config, shared, senders, progress, stop)).await)
}

/// Opens the connections one after the other and deals the tags out to them.
async fn connect(config: &Rc<Config>, shared: &Rc<Shared>) -> Result<Vec<Sender>, LoadError> {
    let count = config.connections.clamp(1, config.tags.max(1));
    let mut dealt: Vec<Vec<Walker>> = (0..count).map(|_| Vec::new()).collect();
    for number in 1..=config.tags.max(1) {
        let walker = shared.ground.borrow_mut().walker(number);
        dealt[((number - 1) % count) as usize].push(walker);
    }
    let mut senders = Vec::new();
    for (number, walkers) in dealt.into_iter().enumerate() {
        let client = format!("load-{}", number + 1);
        let link = Link::open(&config.broker, &client, config.login.as_ref(), None)
            .await
            .map_err(|cause| LoadError::Connect { broker: config.broker.clone(), cause })?;
        let engine = config.batch.map(|_| {
            let engine = EngineId::new(&format!("load-engine-{}", number + 1));
            topic::engine_positions(&engine.expect("fits the pattern"))
        });
        senders.push(Sender::new(link, walkers, Rc::clone(config), Rc::clone(shared), engine));
    }
    Ok(senders)
}

async fn drive(
    config: Rc<Config>,
    shared: Rc<Shared>,
    senders: Vec<Sender>,
    progress: impl Fn(&str),
    stop: CancellationToken,
) -> Outcome {
    let connections = u32::try_from(senders.len()).unwrap_or(u32::MAX).max(1);
    let per_second = f64::from(config.rate) / f64::from(connections);
    let start = Instant::now() + Duration::from_millis(50);
    let end = start + config.duration;
    let give_up = end + config.patience;
    let mut running = JoinSet::new();
    for (number, sender) in (0_u32..).zip(senders) {
        // Spread over the tick, so that the broker sees a stream and not a beat.
        let phase = Duration::from_millis(20) * number / connections;
        let head_start = f64::from(number) / f64::from(connections);
        running.spawn_local(sender.run(start + phase, per_second, head_start, end, give_up));
    }
    let mut lines = time::interval(PROGRESS_EVERY);
    lines.tick().await;
    let mut before = shared.counts.get();
    loop {
        tokio::select! {
            () = stop.cancelled() => break,
            done = running.join_next() => match done {
                None => break,
                Some(Ok(Ok(()))) => {}
                Some(Ok(Err(error))) => {
                    shared.count(|c| c.lost_connections += 1);
                    progress(&format!("a connection was lost: {error}"));
                }
                Some(Err(panic)) => std::panic::resume_unwind(panic.into_panic()),
            },
            _ = lines.tick() => {
                let now = shared.counts.get();
                let line = outcome::progress_line(start.elapsed(), PROGRESS_EVERY, before, now, config.acknowledged);
                progress(&line);
                before = now;
            }
        }
    }
    let elapsed = start.elapsed().min(config.duration);
    Outcome::new(&config, connections, elapsed, &shared)
}

#[cfg(test)]
mod tests;
