//! Builds the parts and spawns them in the order of the data path; stops them in the same order,
//! so that what one part hands over the next still takes.

mod data_dir;
pub mod demo;
mod door;
mod front_door;

use crate::{
    api, auth,
    auth::credentials::{Credentials, CredentialsError},
    broker::{Publisher, Verify},
    config::Config,
    ingest::Rejections,
    live::Live,
    model::{EventMessage, Registry, Restored},
    pipeline::{self, Pipeline},
    shutdown::within,
    site::{Site, SiteError},
    storage::{Storage, StorageError},
    telemetry, wall,
};
use anyhow::Context as _;
use arc_swap::ArcSwap;
use data_dir::{DataDir, Endpoints};
use front_door::FrontDoor;
use spor_schemas::{topic, wire};
use std::{sync::Arc, time::Duration};
use tokio::{
    sync::{mpsc, watch},
    task::JoinHandle,
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// Batches that wait between the front door and the pipeline; when it is full, sockets are read
/// more slowly.
const DOOR_QUEUE: usize = 256;
/// All parts together stop within ten seconds; no single one may take more than this.
const STOP_WITHIN: Duration = Duration::from_secs(4);

/// True when the user's settings are wrong, rather than the machine.
#[must_use]
pub fn is_misuse(error: &anyhow::Error) -> bool {
    let of_http = error.downcast_ref::<api::StartError>().map(api::StartError::is_configuration);
    let of_storage = error.downcast_ref().map(|e| matches!(e, StorageError::BadUrl(_)));
    let of_files = error.is::<SiteError>() || error.is::<CredentialsError>();
    let of_demo = error.is::<demo::BringsItsOwnBroker>();
    of_files || of_demo || front_door::is_misuse(error) || of_http.or(of_storage).unwrap_or(false)
}

/// Runs Spor until it is asked to stop.
///
/// # Errors
/// When a part can't start, with what to do about it.
pub async fn run(config: Config, demo: Option<demo::Options>) -> anyhow::Result<()> {
    let stop = CancellationToken::new();
    let signals = tokio::spawn(stop_when_asked(stop.clone()));
    let outcome = serve(config, demo, &stop).await;
    signals.abort();
    outcome
}

async fn stop_when_asked(stop: CancellationToken) {
    match crate::shutdown::asked().await {
        Ok(signal) => {
            tracing::info!(signal, "stopping");
            stop.cancel();
        }
        Err(error) => tracing::error!(%error, "signals can't be watched"),
    }
}

async fn serve(
    config: Config,
    demo: Option<demo::Options>,
    stop: &CancellationToken,
) -> anyhow::Result<()> {
    let metrics = telemetry::install()?;
    let data_dir = DataDir::take(&config.data_dir)?;
    let site = Arc::new(Site::load(config.site.file.as_deref())?);
    let tokens = Arc::new(auth::Tokens::open(&config.data_dir)?);
    let verify = credentials(&config)?;
    if demo.is_some() && config.mqtt.url.is_some() {
        return Err(demo::BringsItsOwnBroker.into());
    }
    let broker = FrontDoor::prepare(&config.mqtt, verify, &config.data_dir).await?;
    let http = api::bind(&config.http, &tokens).await?;
    say_what_is_open(&broker, &config);

    let opening = Storage::open(&config.storage, &config.data_dir, demo::progress);
    let storage = tokio::select! {
        opened = opening => opened?,
        () = stop.cancelled() => return Ok(()),
    };
    let prepared = tokio::select! {
        prepared = prepare(&storage, &site, demo) => prepared.map(Some),
        () = stop.cancelled() => Ok(None),
    };
    let Prepared { registry, restored, hospital } = match prepared {
        Ok(Some(prepared)) => prepared,
        stopped_or_failed => {
            storage.stop().await;
            return stopped_or_failed.map(|_| ());
        }
    };

    let live = Arc::new(Live::new());
    let rejections = Rejections::default();
    let publisher = broker.publisher();
    let (door, arrivals) = mpsc::channel(DOOR_QUEUE);
    let (rows, writer) = storage.writer();
    let pipeline = Pipeline::new(
        pipeline::Parts {
            site: site.clone(),
            registry: registry.clone(),
            live: live.clone(),
            rejections: rejections.clone(),
            max_late_ms: config.ingest.max_late_ms(),
            on_change: config.storage.on_change,
        },
        restored,
    );
    let ports = pipeline::Ports { door: arrivals, storage: rows, publish: events_to(publisher) };
    let endpoints = Endpoints {
        http: http.local_addr().to_string(),
        mqtt: broker.endpoint(),
        database: storage.public_url(),
    };
    let mqtt_address = broker.local_addr();
    let health = storage.clone();
    let way_in = broker.trouble();
    let context = api::Context {
        site: site.clone(),
        live,
        registry,
        storage: storage.clone(),
        tokens: tokens.clone(),
        rejected: rejections,
        health: Arc::new(move || health_of(&health, &way_in)),
        metrics: Arc::new({
            let metrics = metrics.clone();
            move || metrics.render()
        }),
        build: wall::build().to_owned(),
    };

    let tracker = TaskTracker::new();
    let broker_stop = stop.child_token();
    let front_door = tokio::spawn(broker.run(door, tracker.clone(), broker_stop));
    let deciding = on_own_thread("pipeline", pipeline::run(pipeline, ports))?;
    let writing = tokio::spawn(writer);
    let serving = tokio::spawn(api::serve(http, context, wall::router(), stop.child_token()));
    let keeping = tokio::spawn(keep_house(storage.keeper(), metrics, stop.clone()));
    data_dir.write_endpoints(&endpoints)?;
    let simulating = match (hospital, mqtt_address) {
        (Some(hospital), Some(mqtt)) => {
            Some(hospital.start(mqtt, &endpoints, &tokens, &storage, stop.clone())?)
        }
        _ => {
            tracing::info!(
                http = endpoints.http,
                mqtt = endpoints.mqtt,
                database = endpoints.database,
                "Spor is running"
            );
            None
        }
    };

    stop.cancelled().await;
    if let Some(simulating) = simulating {
        within(STOP_WITHIN, "simulated hospital", simulating).await;
    }
    within(STOP_WITHIN, "front door", front_door).await;
    tracker.close();
    within(STOP_WITHIN, "connections", tracker.wait()).await;
    within(STOP_WITHIN, "pipeline", deciding).await;
    within(STOP_WITHIN, "storage writer", writing).await;
    within(STOP_WITHIN, "HTTP", serving).await;
    within(STOP_WITHIN, "housekeeping", keeping).await;
    within(2 * STOP_WITHIN, "PostgreSQL", storage.stop()).await;
    data_dir.remove_endpoints();
    tracing::info!("stopped");
    Ok(())
}

/// What the parts must know before the first message is let in.
struct Prepared {
    registry: Arc<ArcSwap<Registry>>,
    restored: Restored,
    hospital: Option<demo::Hospital>,
}

async fn prepare(
    storage: &Storage,
    site: &Site,
    demo: Option<demo::Options>,
) -> anyhow::Result<Prepared> {
    let zones: Vec<_> = site.zones().cloned().collect();
    let readers: Vec<_> = site.readers().cloned().collect();
    storage.register_site(&site.version, &zones, &readers).await?;
    let hospital = match demo {
        Some(options) => Some(demo::Hospital::prepare(options, site, storage).await?),
        None => None,
    };
    let registry = Arc::new(ArcSwap::from_pointee(storage.registry().await?));
    Ok(Prepared { registry, restored: storage.restore().await?, hospital })
}

/// Reads the credentials again whenever the file has changed.
fn credentials(config: &Config) -> anyhow::Result<Option<Verify>> {
    let Some(path) = config.mqtt.credentials.clone() else { return Ok(None) };
    let loaded = Credentials::load(&path)?;
    let modified = |path: &std::path::Path| std::fs::metadata(path).and_then(|m| m.modified()).ok();
    let current = std::sync::Mutex::new((modified(&path), Arc::new(loaded)));
    Ok(Some(Arc::new(move |name: &str, password: &[u8]| {
        let credentials = {
            let mut current = current.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            let now = modified(&path);
            if now != current.0 {
                match Credentials::load(&path) {
                    Ok(loaded) => *current = (now, Arc::new(loaded)),
                    Err(error) => tracing::error!(%error, "credentials not reloaded"),
                }
            }
            current.1.clone()
        };
        credentials.verify(name, password)
    })))
}

fn say_what_is_open(broker: &FrontDoor, config: &Config) {
    if broker.is_open() {
        tracing::warn!(
            "MQTT is open to everybody on this machine: set mqtt.credentials to ask for passwords"
        );
    }
    if config.http.open {
        tracing::warn!(
            "HTTP is open to everybody on this machine; where people are still asks for a token"
        );
    }
}

fn events_to(publisher: Publisher) -> Box<dyn Fn(&EventMessage) + Send + Sync> {
    Box::new(move |event| {
        publisher.publish(topic::event(event.kind, &event.tag), wire::to_json(event));
    })
}

fn health_of(storage: &Storage, way_in: &watch::Receiver<Option<String>>) -> api::Health {
    let mut health = api::Health::default();
    if !*storage.up().borrow() {
        health.troubles.push(api::Trouble {
            part: "storage".to_owned(),
            detail: "PostgreSQL does not answer; what is decided waits in memory".to_owned(),
        });
    }
    if let Some(detail) = way_in.borrow().clone() {
        health.troubles.push(api::Trouble { part: "mqtt".to_owned(), detail });
    }
    health
}

/// Storage's own housekeeping, and the metrics' upkeep.
async fn keep_house(
    keeper: impl Future<Output = ()>,
    metrics: telemetry::Metrics,
    stop: CancellationToken,
) {
    let upkeep = async {
        let mut often = tokio::time::interval(Duration::from_secs(5));
        loop {
            often.tick().await;
            metrics.upkeep();
        }
    };
    tokio::select! {
        () = keeper => {}
        () = upkeep => {}
        () = stop.cancelled() => {}
    }
}

/// Runs a part on a thread of its own name, so that its work never delays a socket.
fn on_own_thread(
    name: &str,
    part: impl Future<Output = ()> + Send + 'static,
) -> anyhow::Result<JoinHandle<()>> {
    let (ended, end) = tokio::sync::oneshot::channel();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    std::thread::Builder::new()
        .name(name.to_owned())
        .spawn(move || {
            runtime.block_on(part);
            let _ = ended.send(());
        })
        .with_context(|| format!("no thread for {name}"))?;
    Ok(tokio::spawn(async move {
        let _ = end.await;
    }))
}
