//! Builds the parts and spawns them in the order of the data path; stops them in the same order,
//! so that what one part hands over the next still takes.

mod alerts;
mod data_dir;
pub mod demo;
mod front_door;
mod logs;
pub mod replay;
mod rules_file;
mod site_file;
mod tasks;
mod watched;

pub use logs::door;

use crate::{
    alerts::{ConfigError as AlertsError, Webhook},
    api, auth,
    auth::credentials::{Credentials, CredentialsError},
    broker::Publisher,
    clock::now_ms,
    config::Config,
    ingest::Rejections,
    live::Live,
    model::{EventMessage, Registry, StatusLine},
    pipeline::{self, Folding},
    shutdown::within,
    site::{Site, SiteError},
    storage::{Past, Storage, StorageError},
    telemetry,
    utilisation::{self, Expectations, Rules},
    wall,
};
use arc_swap::ArcSwap;
use data_dir::{DataDir, Endpoints};
use front_door::FrontDoor;
use logs::Logs;
use rules_file::{RulesFile, RulesFileError};
use site_file::SiteFile;
use spor_schemas::{topic, wire};
use std::{path::Path, sync::Arc, time::Duration};
use tasks::{keep_house, on_own_thread, until_stopped};
use tokio::sync::watch;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// All parts together stop within ten seconds; no single one may take more than this.
const STOP_WITHIN: Duration = Duration::from_secs(4);

/// True when the user's settings are wrong, rather than the machine.
#[must_use]
pub fn is_misuse(error: &anyhow::Error) -> bool {
    let of_http = error.downcast_ref::<api::StartError>().map(api::StartError::is_configuration);
    let of_storage = error.downcast_ref().map(|e| matches!(e, StorageError::BadUrl(_)));
    let of_files =
        error.is::<SiteError>() || error.is::<CredentialsError>() || error.is::<RulesFileError>();
    let of_files = of_files || error.is::<AlertsError>();
    let of_demo = error.is::<demo::BringsItsOwnBroker>() || error.is::<replay::Unplayable>();
    of_files || of_demo || front_door::is_misuse(error) || of_http.or(of_storage).unwrap_or(false)
}

/// Looks at the settings and at every file that they name, without starting anything; gives back
/// the building.
///
/// # Errors
/// What a start would refuse.
pub fn check(config: &Config) -> anyhow::Result<Site> {
    let site = Site::load(config.site.file.as_deref())?;
    if let Some(path) = &config.mqtt.credentials {
        Credentials::load(path)?;
    }
    FrontDoor::check(&config.mqtt)?;
    rules_file::load(config.utilisation.rules.as_deref())?;
    Webhook::new(&config.alerts)?;
    Ok(site)
}

/// The rules of a file.
///
/// # Errors
/// When it can't be used, with the key or the rule that is wrong.
pub fn rules_of(path: &Path) -> anyhow::Result<Rules> {
    Ok(rules_file::load(Some(path))?)
}

/// What a start is asked for besides its configuration.
#[derive(Debug, Default)]
pub struct Options {
    /// The journal on this disk may follow the one that the database names.
    pub new_journal: bool,
    /// A simulated hospital too.
    pub demo: Option<demo::Options>,
}

/// Runs Spor until it is asked to stop.
///
/// # Errors
/// When a part can't start, with what to do about it.
pub async fn run(config: Config, options: Options) -> anyhow::Result<()> {
    let stop = CancellationToken::new();
    let signals = tokio::spawn(stop_when_asked(stop.clone()));
    let outcome = serve(config, options, &stop).await;
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

async fn serve(config: Config, options: Options, stop: &CancellationToken) -> anyhow::Result<()> {
    let metrics = telemetry::install()?;
    let data_dir = DataDir::take(&config.data_dir)?;
    let site = Arc::new(Site::load(config.site.file.as_deref())?);
    let rules = Arc::new(rules_file::load(config.utilisation.rules.as_deref())?);
    let tokens = Arc::new(auth::Tokens::open(&config.data_dir)?);
    let sessions = Arc::new(auth::Sessions::open(&config.data_dir)?);
    let webhook = alerts::webhook(&config.alerts)?;
    let verify = front_door::credentials(&config.mqtt)?;
    if options.demo.is_some() && config.mqtt.url.is_some() {
        return Err(demo::BringsItsOwnBroker.into());
    }
    let broker = FrontDoor::prepare(&config.mqtt, verify, &config.data_dir).await?;
    let http = api::bind(&config.http, &tokens).await?;
    front_door::say_what_is_open(&broker, config.http.open);

    let logs = Logs::open(&config.data_dir, &config.journal, &config.privacy, options.new_journal)?;
    let opening = Storage::open(&config.storage, &config.data_dir, demo::progress);
    let storage = tokio::select! {
        opened = opening => opened?,
        () = stop.cancelled() => return Ok(()),
    };
    let live = Arc::new(Live::new());
    let rejections = Rejections::default();
    let parts = pipeline::Parts {
        site: site.clone(),
        live: live.clone(),
        rejections: rejections.clone(),
        max_late_ms: config.ingest.max_late_ms(),
        on_change: config.storage.on_change,
    };
    let prepared = tokio::select! {
        prepared = prepare(&storage, &logs, (parts, &rules), options) => prepared.map(Some),
        () = stop.cancelled() => Ok(None),
    };
    let Prepared { registry, folding, stored, mut hospital } = match prepared {
        Ok(Some(prepared)) => prepared,
        stopped_or_failed => {
            storage.stop().await;
            return stopped_or_failed.map(|_| ());
        }
    };

    let publisher = broker.publisher();
    let door = logs.door(registry.clone());
    let past = Past {
        redecide: Arc::new(logs.redeciding(config.storage.on_change)),
        tell: Arc::new(logs.amending()),
    };
    let history = demo::History {
        site: site.clone(),
        storage: storage.clone(),
        past: Past { tell: Arc::new(|_| {}), ..past.clone() },
        data_dir: config.data_dir.clone(),
        max_late_ms: config.ingest.max_late_ms(),
        on_change: config.storage.on_change,
    };
    let shown = Arc::new(ArcSwap::from(site));
    let (writing, writer) = storage.writer(stored, past);
    let (end_pipeline, end_at) = watch::channel(None);
    let ports = pipeline::Ports { publish: events_to(publisher), end_at };
    let telling = alerts::Telling {
        publisher: broker.publisher(),
        site: shown.clone(),
        live: live.clone(),
        journal: logs.journal.clone(),
        folded: folding.folded(),
        stored: writing.stored.clone(),
    };
    let (end_feed, end_at) = watch::channel(None);
    let feed = pipeline::feed_storage(logs.decided.clone(), writing.door, writing.stored, end_at);
    let endpoints = Endpoints {
        http: http.local_addr().to_string(),
        mqtt: broker.endpoint(),
        mqtts: broker.tls_addr().map(|address| address.to_string()),
        database: storage.public_url(),
    };
    let mqtt_address = broker.local_addr();
    let health = health_of(storage.clone(), logs.trouble(), broker.trouble());
    let site_file = config.site.file.clone().map(|path| SiteFile {
        path,
        shown: shown.clone(),
        storage: storage.clone(),
        checkpoints: logs.checkpoints.clone(),
        journal: logs.journal.clone(),
    });
    let rules = Arc::new(ArcSwap::from(rules));
    let rules_file = config.utilisation.rules.clone().map(|path| RulesFile {
        path,
        shown: rules.clone(),
        journal: logs.journal.clone(),
    });
    let expectations = Arc::new(ArcSwap::from_pointee(Expectations::default()));
    let context = api::Context {
        site: shown,
        rules,
        expectations: expectations.clone(),
        live,
        announce: logs.announcer(registry.clone()),
        by_hand: logs.by_hand(),
        registry,
        storage: storage.clone(),
        tokens: tokens.clone(),
        sessions,
        rejected: rejections,
        health: Arc::new(health),
        clock: Arc::new(now_ms),
        replay: None,
        metrics: Arc::new({
            let metrics = metrics.clone();
            move || metrics.render()
        }),
        build: wall::build().to_owned(),
    };

    let tracker = TaskTracker::new();
    let broker_stop = stop.child_token();
    let front_door = tokio::spawn(broker.run(door, tracker.clone(), broker_stop));
    let ticking = tokio::spawn(Logs::tick(logs.journal.clone(), stop.child_token()));
    let learning = Logs::learn_present(logs.journal.clone(), storage.clone(), stop.child_token());
    let learning = tokio::spawn(learning);
    let following = site_file.map(|file| tokio::spawn(file.follow(stop.child_token())));
    let obeying = rules_file.map(|file| tokio::spawn(file.follow(stop.child_token())));
    let deciding = on_own_thread("pipeline", folding.run(ports))?;
    let feeding = on_own_thread("storage-feed", feed)?;
    let writing = on_own_thread("storage", writer)?;
    let pages = api::serve(http, context, wall::router(), stop.child_token());
    let serving = on_own_thread("pages", async {
        if let Err(error) = pages.await {
            tracing::error!(%error, "HTTP ended");
        }
    })?;
    let rolling = storage.roller(Arc::new(utilisation::roll));
    let rolling = tokio::spawn(until_stopped(rolling, stop.child_token()));
    let alerting = telling.tell(config.alerts.clone(), storage.clone(), webhook);
    let alerting = tokio::spawn(until_stopped(alerting, stop.child_token()));
    let expecting = storage.looking_back(now_ms, learn(expectations));
    let expecting = tokio::spawn(until_stopped(expecting, stop.child_token()));
    let keeping = tokio::spawn(keep_house(storage.keeper(), metrics, stop.clone()));
    data_dir.write_endpoints(&endpoints)?;
    // It ends with the process: a demo that is stopped meanwhile has less of a past.
    if let Some(hospital) = &mut hospital {
        hospital.remember(history, stop.clone())?;
    }
    let simulating = match (hospital, mqtt_address) {
        (Some(hospital), Some(mqtt)) => {
            Some(hospital.start(mqtt, &endpoints, &tokens, &storage, stop.clone())?)
        }
        _ => {
            tracing::info!(
                http = endpoints.http,
                mqtt = endpoints.mqtt,
                mqtts = endpoints.mqtts,
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
    within(STOP_WITHIN, "ticks", ticking).await;
    within(STOP_WITHIN, "present of recomputations", learning).await;
    if let Some(following) = following {
        within(STOP_WITHIN, "site file", following).await;
    }
    if let Some(obeying) = obeying {
        within(STOP_WITHIN, "rules", obeying).await;
    }
    end_pipeline.send_replace(Some(logs.flush()));
    within(STOP_WITHIN, "pipeline", deciding).await;
    end_feed.send_replace(Some(logs.decided.last()));
    within(STOP_WITHIN, "feed of storage", feeding).await;
    within(STOP_WITHIN, "storage writer", writing).await;
    within(STOP_WITHIN, "HTTP", serving).await;
    within(STOP_WITHIN, "roll-ups", rolling).await;
    within(STOP_WITHIN, "alerts", alerting).await;
    within(STOP_WITHIN, "expectations", expecting).await;
    within(STOP_WITHIN, "housekeeping", keeping).await;
    within(STOP_WITHIN, "journal", logs.close()).await;
    within(2 * STOP_WITHIN, "PostgreSQL", storage.stop()).await;
    data_dir.remove_endpoints();
    tracing::info!("stopped");
    Ok(())
}

/// What the parts must know before the first message is let in.
struct Prepared {
    registry: Arc<ArcSwap<Registry>>,
    folding: Folding,
    /// The journal's record up to which everything is stored.
    stored: u64,
    hospital: Option<demo::Hospital>,
}

async fn prepare(
    storage: &Storage,
    logs: &Logs,
    (parts, rules): (pipeline::Parts, &Rules),
    options: Options,
) -> anyhow::Result<Prepared> {
    let journal = &logs.journal;
    let stored = storage.take_journal(journal.id(), journal.last(), options.new_journal).await?;
    let site = parts.site.clone();
    site_file::register(storage, &site).await?;
    let hospital = match options.demo {
        Some(options) => Some(demo::Hospital::prepare(options, &site, storage).await?),
        None => None,
    };
    let registry = storage.registry().await?;
    // What readers say while the journal is folded is newer.
    for (reader, since_ms) in storage.offline_readers().await? {
        parts.live.readers.said(&reader, since_ms, false);
    }
    let folding = logs.fold((parts, rules), stored, &registry, storage).await?;
    Ok(Prepared { registry: Arc::new(ArcSwap::from_pointee(registry)), folding, stored, hospital })
}

fn events_to(publisher: Publisher) -> Box<dyn Fn(&EventMessage) + Send + Sync> {
    Box::new(move |event| {
        publisher.publish(topic::event(event.kind, &event.tag), wire::to_json(event));
    })
}

fn health_of(
    storage: Storage,
    journal: impl Fn() -> Option<String> + Send + Sync,
    way_in: watch::Receiver<Option<String>>,
) -> impl Fn() -> api::Health + Send + Sync {
    move || {
        let troubles = [
            ("mqtt", way_in.borrow().clone()),
            ("journal", journal()),
            ("storage", storage.trouble()),
        ];
        let troubles = troubles.into_iter().filter_map(|(part, detail)| {
            Some(api::Trouble { part: part.to_owned(), detail: detail? })
        });
        api::Health { troubles: troubles.collect() }
    }
}

/// Makes what assets did lately into what is expected of them.
fn learn(expectations: Arc<ArcSwap<Expectations>>) -> impl Fn(&[StatusLine], i64) + Send + 'static {
    move |lines, now_ms| expectations.store(Arc::new(Expectations::of(lines, now_ms)))
}
