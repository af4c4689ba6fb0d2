//! One run: a system, a load, and what came of it.

use crate::{
    database::{Database, Stored},
    feed::Feeds,
    latency::Latency,
    plan::Plan,
    reads::{Read, Reads},
    system::{Kind, System},
    usage::Usage,
};
use serde::{Deserialize, Serialize};
use std::{
    path::Path,
    process::Stdio,
    time::{Duration, Instant},
};
use tokio::process::Command;

/// What `firmware-sim load --json` writes, as far as it is needed here.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Load {
    pub(crate) start_ms: f64,
    pub(crate) seconds: f64,
    pub(crate) acknowledged_seconds: f64,
    pub(crate) published: u64,
    pub(crate) messages: u64,
    pub(crate) acknowledged: u64,
    pub(crate) unacknowledged: u64,
    pub(crate) lost_connections: u64,
    pub(crate) own_delay_ms: f64,
    pub(crate) cpu_seconds: Option<f64>,
    pub(crate) latency_ms: Latency,
}

/// A run's figures.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Outcome {
    pub(crate) plan: &'static str,
    pub(crate) system: Kind,
    pub(crate) qos: u8,
    pub(crate) tags: u32,
    pub(crate) load: Load,
    pub(crate) stored: Option<Stored>,
    /// What the system itself counted as stored.
    pub(crate) counted: u64,
    pub(crate) feed_latency_ms: Option<Latency>,
    /// Of what was asked over HTTP meanwhile.
    pub(crate) reads: Vec<Read>,
    /// Of the tags that stand still, percent.
    pub(crate) still_percent: Option<u32>,
    /// From the beginning of the load to when everything was stored.
    pub(crate) cpu_seconds: f64,
    pub(crate) postgres_cpu_seconds: f64,
    /// To Spor's logs.
    pub(crate) log_bytes: u64,
    /// To PostgreSQL's log.
    pub(crate) postgres_log_bytes: u64,
    /// As the kernel counts them.
    pub(crate) written_bytes: u64,
    pub(crate) postgres_written_bytes: u64,
    pub(crate) peak_memory_bytes: u64,
}

/// With nothing new stored for so long, nothing more will be.
const PATIENCE: Duration = Duration::from_secs(15);

/// Tags report for the first time at this rate.
const FIRST_REPORTS: u32 = 10_000;

/// As fast as it goes, the first positions bear times up to so long before the load's beginning.
const EARLIER: Duration = Duration::from_secs(1);

/// Runs a plan; none: something is not installed, which is said. Unless it is to be `cold`, every
/// tag has reported before, so that not each message is the first of a visit and a status.
pub(crate) async fn run(
    kind: Kind,
    plan: &Plan,
    seconds: u64,
    cold: bool,
    load: &Path,
) -> Option<Outcome> {
    let database = match kind {
        Kind::FrontDoor => None,
        _ => Some(Database::prepare(plan).await?),
    };
    let system = System::start(kind, plan, database.as_ref()).await?;
    let mut before_it = 0;
    if !cold {
        let first = Plan { rate: FIRST_REPORTS, batch: None, qos: 1, window: 500, ..plan.clone() };
        let seconds = plan.tags.div_ceil(FIRST_REPORTS) + 1;
        let loaded = make_load(&system, &first, seconds.into(), load).await;
        let expected = if plan.still_percent.is_some() { u64::MAX } else { loaded.acknowledged };
        before_it = await_stored(&system, expected).await;
        tokio::time::sleep(3 * EARLIER / 2).await;
    }
    if let Some(database) = &database {
        database.fill_history(plan).await;
    }
    let reads = match system.http() {
        Some(http) if plan.history_days > 0 => Some(Reads::begin(http, plan)),
        _ => None,
    };
    let feeds = match system.http() {
        Some(http) if plan.feeds > 0 => Some(Feeds::open(http, plan.feeds).await),
        _ => None,
    };
    let server = database.as_ref().map(|database| database.process);
    let usage = || (system.usage(), server.map(Usage::of_postgres).unwrap_or_default());
    let logs = async || match &database {
        Some(database) => (system.log_bytes().await, database.log_bytes().await),
        None => (0, 0),
    };
    let (before, logs_before) = (usage(), logs().await);
    let loaded = make_load(&system, plan, seconds, load).await;
    let expected = if plan.qos == 1 { loaded.acknowledged } else { loaded.published };
    let expected = if kind == Kind::FrontDoor { loaded.messages } else { expected };
    let expected = if plan.still_percent.is_some() { u64::MAX / 2 } else { expected };
    let counted = await_stored(&system, before_it + expected).await - before_it;
    let (after, logs_after) = (usage(), logs().await);
    let reads = match reads {
        Some(reads) => reads.end().await,
        None => Vec::new(),
    };
    let feed_latency_ms = feeds.and_then(|feeds| feeds.latency());
    let peak_memory_bytes = system.peak_memory();
    system.stop();
    let stored = match &database {
        Some(database) => {
            let from_ms = loaded.start_ms - EARLIER.as_secs_f64() * 1_000.0;
            Some(database.count(from_ms, plan).await)
        }
        None => None,
    };
    if let Some(database) = database {
        database.drop().await;
    }
    let (own, postgres) = (after.0.since(before.0), after.1.since(before.1));
    Some(Outcome {
        plan: plan.name,
        system: kind,
        qos: plan.qos,
        tags: plan.tags,
        load: loaded,
        stored,
        counted,
        feed_latency_ms,
        reads,
        still_percent: plan.still_percent,
        cpu_seconds: own.cpu.as_secs_f64(),
        postgres_cpu_seconds: postgres.cpu.as_secs_f64(),
        log_bytes: logs_after.0 - logs_before.0,
        postgres_log_bytes: logs_after.1 - logs_before.1,
        written_bytes: own.written,
        postgres_written_bytes: postgres.written,
        peak_memory_bytes,
    })
}

async fn make_load(system: &System, plan: &Plan, seconds: u64, program: &Path) -> Load {
    let folder = tempfile::tempdir().unwrap();
    let json = folder.path().join("load.json");
    let mut command = Command::new(program);
    command.arg("load").args(["--broker", system.mqtt(), "--seconds", &seconds.to_string()]);
    let numbers = [
        ("--tags", plan.tags),
        ("--rate", plan.rate),
        ("--connections", plan.connections),
        ("--threads", plan.threads),
        ("--qos", plan.qos.into()),
        ("--window", plan.window.into()),
    ];
    for (name, value) in numbers {
        command.args([name, &value.to_string()]);
    }
    if plan.cbor {
        command.arg("--cbor");
    }
    if let Some(percent) = plan.still_percent {
        command.args(["--still-percent", &percent.to_string()]);
    }
    if let Some(batch) = plan.batch {
        command.args(["--batch", &batch.to_string()]);
    }
    if let Some((user, password)) = system.login() {
        command.args(["--user", user, "--password", password]);
    }
    let ended = command
        .arg("--json")
        .arg(&json)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .kill_on_drop(true)
        .status();
    let status = ended.await.unwrap();
    let Ok(text) = std::fs::read_to_string(&json) else { panic!("the load ended with {status}") };
    serde_json::from_str(&text).unwrap()
}

/// Waits until so much is stored, or nothing more comes; returns how much it is.
async fn await_stored(system: &System, expected: u64) -> u64 {
    let mut last = (0, Instant::now());
    loop {
        let stored = system.stored().await;
        if stored != last.0 {
            last = (stored, Instant::now());
        }
        if stored >= expected || last.1.elapsed() > PATIENCE {
            return stored;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}
