//! `spor replay`: a recording in a Spor of its own, with its own data folder, database, live picture
//! and wall display. Nothing of it touches a Spor that serves.

mod begin;
mod folder;
mod line;
mod pass;

use super::{
    data_dir::{DataDir, Endpoints},
    demo::progress,
    health_of, keep_house, learn, stop_when_asked, until_stopped,
};
use crate::{
    api, auth,
    clock::now_ms,
    config::Config,
    ingest::Rejections,
    live::Live,
    model::{Registry, TagId},
    replay::{Controls, End, Filter, Span, Speed, keys},
    shutdown::within,
    site::Site,
    storage::{self, Contents, Storage},
    telemetry,
    utilisation::{Expectations, Rules},
    wall,
};
use arc_swap::ArcSwap;
use folder::Folder;
use spor_schemas::recording::Recording;
use std::{
    net::SocketAddr,
    path::PathBuf,
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

/// What stands in a recording is kept however old it is: a hundred years, in days.
const FOR_EVER_DAYS: u32 = 36_500;
const STOP_WITHIN: Duration = Duration::from_secs(10);

/// What a replay is asked for.
#[derive(Debug)]
pub struct Options {
    /// The recording.
    pub recording: PathBuf,
    /// How fast.
    pub speed: Speed,
    /// From when on; none: from its beginning. Milliseconds as it was recorded.
    pub from_ms: Option<i64>,
    /// Up to when; none: to its end.
    pub to_ms: Option<i64>,
    /// Begins anew at the end.
    pub is_loop: bool,
    /// Shows it as if it began now.
    pub shift_now: bool,
    /// Only what is about these tags; none: everything.
    pub tags: Vec<TagId>,
    /// Leaves the wall display open at the end.
    pub keep: bool,
    /// The folder that its data is left in; none: one that is gone afterwards.
    pub data: Option<PathBuf>,
    /// Where its wall display is.
    pub listen: SocketAddr,
}

/// What can't be replayed as it was asked for.
#[derive(Debug, thiserror::Error)]
pub(super) enum Unplayable {
    #[error("--from is behind --to, or both lie outside the recording, which is of {0} to {1}")]
    Span(String, String),
    #[error("{} holds something that is no replay's data: name another folder", .0.display())]
    Taken(PathBuf),
}

/// Everything that outlives a pass over the recording.
struct Stage {
    recording: Recording,
    config: Config,
    data_dir: PathBuf,
    storage: Storage,
    site: Arc<Site>,
    /// The building that is shown.
    shown: Arc<ArcSwap<Site>>,
    /// The rules that are told of.
    rules: Arc<ArcSwap<Rules>>,
    registry: Arc<ArcSwap<Registry>>,
    expectations: Arc<ArcSwap<Expectations>>,
    live: Arc<Live>,
    rejections: Rejections,
    controls: Controls,
    filter: Filter,
}

/// Plays a recording until its end, or until it is asked to stop.
///
/// # Errors
/// When the recording can't be read, or a part can't start, with what to do about it.
pub async fn run(config: Config, options: Options) -> anyhow::Result<()> {
    let recording = Recording::open(&options.recording)?;
    let span = span(&recording, &options)?;
    let folder = Folder::take(options.data.as_deref())?;
    let outcome = play(config, options, recording, span, &folder).await;
    folder.leave();
    outcome
}

fn span(recording: &Recording, options: &Options) -> Result<Span, Unplayable> {
    let (start_ms, end_ms) = (recording.manifest.start_ms, recording.manifest.end_ms);
    let from_ms = options.from_ms.unwrap_or(start_ms).max(start_ms);
    let to_ms = options.to_ms.unwrap_or(end_ms).min(end_ms);
    if from_ms > to_ms {
        return Err(Unplayable::Span(line::moment(start_ms), line::moment(end_ms)));
    }
    Ok(Span { from_ms, to_ms })
}

async fn play(
    config: Config,
    options: Options,
    recording: Recording,
    span: Span,
    folder: &Folder,
) -> anyhow::Result<()> {
    let stop = CancellationToken::new();
    let signals = tokio::spawn(stop_when_asked(stop.clone()));
    let data_dir = DataDir::take(folder.path())?;
    let tokens = Arc::new(auth::Tokens::open(folder.path())?);
    let sessions = Arc::new(auth::Sessions::open(folder.path())?);
    let listen = api::Config {
        listen: options.listen,
        open: options.listen.ip().is_loopback(),
        ..config.http.clone()
    };
    let http = api::bind(&listen, &tokens).await?;
    let kept = storage::Config {
        url: None,
        position_days: FOR_EVER_DAYS,
        history_days: FOR_EVER_DAYS,
        ..config.storage.clone()
    };
    let site = Arc::new(Site::load(Some(&recording.file(&recording.manifest.site)))?);
    let metrics = telemetry::install()?;
    let storage = Storage::open(&kept, folder.path(), progress).await?;
    let shift_ms = if options.shift_now { now_ms() - span.from_ms } else { 0 };
    let name = recording.manifest.name.clone();
    let stage = Stage {
        config,
        data_dir: folder.path().to_owned(),
        shown: Arc::new(ArcSwap::from(site.clone())),
        rules: Arc::new(ArcSwap::from_pointee(Rules::built_in())),
        site,
        registry: Arc::new(ArcSwap::default()),
        expectations: Arc::new(ArcSwap::default()),
        live: Arc::new(Live::new()),
        rejections: Rejections::default(),
        controls: Controls::new(name, span, shift_ms, options.speed),
        filter: Filter {
            tags: (!options.tags.is_empty()).then(|| options.tags.iter().cloned().collect()),
            ..Filter::default()
        },
        recording,
        storage: storage.clone(),
    };
    let endpoints = Endpoints {
        http: http.local_addr().to_string(),
        mqtt: String::new(),
        mqtts: None,
        database: storage.public_url(),
    };
    let context = stage.context(tokens, sessions, &metrics);
    let serving = tokio::spawn(api::serve(http, context, wall::router(), stop.child_token()));
    let keeping = tokio::spawn(keep_house(storage.keeper(), metrics, stop.child_token()));
    let clock = stage.controls.clone();
    let learning = storage.looking_back(move || clock.now_ms(), learn(stage.expectations.clone()));
    let learning = tokio::spawn(until_stopped(learning, stop.child_token()));
    let leaving = tokio::spawn({
        let (stop, controls) = (stop.clone(), stage.controls.clone());
        async move {
            stop.cancelled().await;
            controls.quit();
        }
    });
    data_dir.write_endpoints(&endpoints)?;
    let keys = keys::Keys::listen(stage.controls.clone());
    stage.greet(&endpoints, keys.is_some(), options.data.is_some());
    let telling = tokio::spawn(line::tell(stage.controls.clone()));

    let outcome = stage.passes(&options, || telling.abort()).await;
    drop(keys);
    stop.cancel();
    signals.abort();
    within(STOP_WITHIN, "leaving", leaving).await;
    within(STOP_WITHIN, "HTTP", serving).await;
    within(STOP_WITHIN, "expectations", learning).await;
    within(STOP_WITHIN, "housekeeping", keeping).await;
    within(STOP_WITHIN, "PostgreSQL", storage.stop()).await;
    data_dir.remove_endpoints();
    outcome
}

impl Stage {
    fn context(
        &self,
        tokens: Arc<auth::Tokens>,
        sessions: Arc<auth::Sessions>,
        metrics: &telemetry::Metrics,
    ) -> api::Context {
        let no_trouble = watch::channel(None).1;
        let (controls, metrics) = (self.controls.clone(), metrics.clone());
        api::Context {
            site: self.shown.clone(),
            rules: self.rules.clone(),
            expectations: self.expectations.clone(),
            live: self.live.clone(),
            registry: self.registry.clone(),
            // A replay takes no changes.
            announce: Arc::new(|_| {}),
            by_hand: Arc::new(|_| Box::pin(std::future::ready(None))),
            storage: self.storage.clone(),
            tokens,
            sessions,
            rejected: self.rejections.clone(),
            health: Arc::new(health_of(self.storage.clone(), || None, no_trouble)),
            clock: Arc::new(move || controls.now_ms()),
            replay: Some(self.controls.clone()),
            metrics: Arc::new(move || metrics.render()),
            build: wall::build().to_owned(),
        }
    }

    fn greet(&self, endpoints: &Endpoints, has_keys: bool, is_left: bool) {
        let manifest = &self.recording.manifest;
        let Span { from_ms, to_ms } = self.controls.span();
        println!(
            "Replay of {}, {} to {}: {} messages of {} tags\n  Wall display   http://{}/",
            manifest.name,
            line::moment(from_ms),
            line::moment(to_ms),
            manifest.messages,
            manifest.tags.len(),
            endpoints.http
        );
        if is_left {
            println!(
                "  Database       {} (password in {}/database.password)",
                endpoints.database,
                self.data_dir.display()
            );
        }
        if has_keys {
            println!("  Keys           {}", keys::HELP);
        }
    }

    /// One pass after the other, until nobody wants to see more.
    async fn passes(&self, options: &Options, hush: impl FnOnce()) -> anyhow::Result<()> {
        let start_ms = self.controls.span().from_ms;
        let (mut from_ms, mut begun) = (start_ms, Instant::now());
        let last = loop {
            self.clear().await?;
            self.controls.begin(from_ms);
            let end = match self.pass().await? {
                End::Over if options.is_loop => End::Again { from_ms: start_ms },
                End::Over if options.keep => {
                    self.controls.over();
                    self.tell_outcome(begun).await?;
                    match self.controls.asked_to_end().await {
                        End::Quit => break None,
                        again => again,
                    }
                }
                end => end,
            };
            match end {
                End::Again { from_ms: again_ms } => from_ms = again_ms,
                End::Over | End::Quit => break Some(end),
            }
            begun = Instant::now();
        };
        hush();
        if last.is_some() {
            self.tell_outcome(begun).await?;
        }
        Ok(())
    }

    /// As it was before the first pass.
    async fn clear(&self) -> anyhow::Result<()> {
        self.live.tags.all().iter().for_each(|state| self.live.tags.remove(&state.tag));
        self.live.people.all().iter().for_each(|state| self.live.people.remove(&state.tag));
        self.live.by_hand.send_replace(crate::live::ByHandNow::default());
        Ok(self.storage.empty().await?)
    }

    async fn tell_outcome(&self, begun: Instant) -> anyhow::Result<()> {
        let Contents { rows, visits, statuses, events, digest } = self.storage.contents().await?;
        let messages = self.controls.status().messages;
        println!(
            "\n{messages} messages in {:.1} s: {rows} rows, {visits} visits, {statuses} statuses, \
             {events} events\ndigest {digest}",
            begun.elapsed().as_secs_f64()
        );
        Ok(())
    }
}
