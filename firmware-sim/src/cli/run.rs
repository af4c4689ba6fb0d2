//! `firmware-sim run`: a hospital at work, on the air.

use super::{BrokerArgs, Failure, load_scenario, positive, progress, read_site, stop_on_signal};
use anyhow::{Context as _, anyhow};
use clap::Args;
use firmware_sim::{
    building::Building,
    faults::Faults,
    mqtt::{self, Command, Show, Witness},
    scenario::Scenario,
    truth::TruthFile,
    world::{self, Change, World},
};
use progress::Progress;
use std::{
    io::{self, IsTerminal as _},
    path::{Path, PathBuf},
    sync::{Arc, OnceLock},
    time::{Duration, SystemTime, UNIX_EPOCH},
};
use tokio::{
    runtime,
    sync::{mpsc, oneshot},
};
use tokio_util::sync::CancellationToken;

#[derive(Args)]
pub(crate) struct RunArgs {
    #[command(flatten)]
    broker: BrokerArgs,
    /// A scenario file, or the name of one that is built in; without it the demo hospital at work,
    /// from now on and without end. Options given here go before what the scenario says.
    #[arg(long, value_name = "FILE|NAME")]
    scenario: Option<String>,
    /// The building; without it the scenario's, or the demo hospital.
    #[arg(long, value_name = "FILE")]
    site: Option<PathBuf>,
    /// How many times as fast as real time, 0.1 to 1000; times in messages stay those of the real clock.
    #[arg(long, default_value_t = 1.0, value_parser = speed)]
    speed: f64,
    /// The same seed gives the same hospital day.
    #[arg(long)]
    seed: Option<u64>,
    /// Things with a tag.
    #[arg(long)]
    assets: Option<u32>,
    /// People with a badge.
    #[arg(long)]
    staff: Option<u32>,
    /// A tag in motion reports every so many seconds.
    #[arg(long, value_parser = positive)]
    moving_every: Option<f64>,
    /// A tag at rest reports every so many seconds.
    #[arg(long, value_parser = positive)]
    still_every: Option<f64>,
    /// CBOR instead of JSON.
    #[arg(long)]
    cbor: bool,
    /// Clients that speak for the tags; as many as there are tags: one connection each.
    #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u32).range(1..=50_000))]
    tag_clients: u32,
    /// Readers that have a connection of their own, with a will; one client speaks for the others.
    #[arg(long, default_value_t = 8, value_parser = clap::value_parser!(u32).range(0..=20_000))]
    reader_clients: u32,
    /// Write where everything really is, and what it does, as it changes: CSV, compressed when the
    /// name ends in .zst, in the time of the messages.
    #[arg(long, value_name = "FILE")]
    truth: Option<PathBuf>,
    /// What `sh` runs when a fault of the kind broker_restart begins, to restart the real broker; it
    /// should return. Without it the simulator breaks all its connections, and stays away for as long
    /// as the fault lasts.
    #[arg(long, value_name = "COMMAND")]
    restart_command: Option<String>,
    /// Stop after so many seconds of real time.
    #[arg(long)]
    seconds: Option<u64>,
}

fn speed(text: &str) -> Result<f64, String> {
    let value: f64 = text.parse().map_err(|_| "not a number".to_owned())?;
    if (0.1..=1000.0).contains(&value) { Ok(value) } else { Err("must be 0.1 to 1000".to_owned()) }
}

impl RunArgs {
    fn world(&self, scenario: Option<&Scenario>) -> world::Config {
        let mut config = match scenario {
            Some(scenario) => scenario.world(),
            None => world::Config { start_ms: unix_now_ms(), ..world::Config::default() },
        };
        config.seed = self.seed.unwrap_or(config.seed);
        config.assets = self.assets.unwrap_or(config.assets);
        config.staff = self.staff.unwrap_or(config.staff);
        config.moving_every_ms = self.moving_every.map_or(config.moving_every_ms, milliseconds);
        config.truth = self.truth.is_some();
        config.still_every_ms = self.still_every.map_or(config.still_every_ms, milliseconds);
        config
    }
}

/// `firmware-sim run`
pub(crate) fn run(args: RunArgs) -> Result<(), Failure> {
    let colours = io::stderr().is_terminal();
    tracing_subscriber::fmt().with_writer(io::stderr).with_ansi(colours).with_target(false).init();
    let (scenario, site) = match &args.scenario {
        Some(name) => {
            let (scenario, site) = load_scenario(name)?;
            (Some(scenario), site)
        }
        None => (None, read_site(None)?),
    };
    let site = if args.site.is_some() { read_site(args.site.as_deref())? } else { site };
    let config = args.world(scenario.as_ref());
    let seed = config.seed;
    let world = World::new(&site, config);
    let world = world.map_err(|e| Failure::Usage(e.into()))?;
    let what =
        scenario.as_ref().map_or_else(String::new, |s| format!("{} ({}), ", s.name, s.duration));
    eprintln!(
        "{what}{}: {} things and {} people, publishing to {} at {}x",
        site.name,
        world.assets().len(),
        world.staff().len(),
        args.broker.broker,
        args.speed
    );
    let plan = scenario.as_ref().map(Scenario::faults).unwrap_or_default();
    let faults = Faults::new(&world, &plan, seed, args.speed);
    refuse_unmatched(&faults, &world)?;
    let trouble = Arc::new(OnceLock::new());
    let witness = match &args.truth {
        Some(path) => Some(Box::new(Truth::create(path, &trouble)?) as Box<dyn Witness>),
        None => None,
    };
    let show = Show { world, faults, commands: Some(commands_from_stdin()), witness };
    let config = mqtt::Config {
        login: args.broker.login(),
        speed: args.speed,
        cbor: args.cbor,
        tag_clients: args.tag_clients as usize,
        reader_clients: args.reader_clients as usize,
        until_ms: scenario.as_ref().map(Scenario::end_ms),
        restart_command: args.restart_command,
        ..mqtt::Config::new(args.broker.broker)
    };
    let begins_ms = show.world.clock_ms();
    let ahead_ms = scenario.as_ref().map_or(0, |scenario| scenario.start.ahead_ms);
    let counters = Arc::clone(&config.counters);
    let runtime = runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    let runtime = runtime.map_err(|e| Failure::Failed(e.into()))?;
    runtime.block_on(async {
        let stop = CancellationToken::new();
        tokio::spawn(stop_on_signal(stop.clone(), args.seconds.map(Duration::from_secs)));
        tokio::spawn(progress::tell(Progress::new(Arc::clone(&counters), begins_ms, ahead_ms)));
        mqtt::play(config, show, stop).await;
    });
    eprint!("{}", Progress::new(counters, begins_ms, ahead_ms).summary());
    match Arc::into_inner(trouble).and_then(OnceLock::into_inner) {
        Some(error) => Err(Failure::Failed(error)),
        None => Ok(()),
    }
}

/// Writes the truth; the first trouble ends it, and is told at the end.
struct Truth {
    path: PathBuf,
    file: Option<TruthFile>,
    trouble: Arc<OnceLock<anyhow::Error>>,
}

impl Truth {
    fn create(path: &Path, trouble: &Arc<OnceLock<anyhow::Error>>) -> Result<Self, Failure> {
        let file =
            TruthFile::create(path).with_context(|| format!("cannot write {}", path.display()));
        let file = Some(file.map_err(Failure::Usage)?);
        Ok(Self { path: path.to_owned(), file, trouble: Arc::clone(trouble) })
    }

    fn keep(&mut self, done: io::Result<()>) {
        if let Err(error) = done {
            self.file = None;
            let context = format!("{} is incomplete", self.path.display());
            // Only the first one counts, and there is only one.
            let _ = self.trouble.set(anyhow::Error::from(error).context(context));
        }
    }
}

impl Witness for Truth {
    fn see(&mut self, building: &Building, changes: Vec<Change>) {
        let done = self.file.as_mut().map_or(Ok(()), |file| file.write(building, changes));
        self.keep(done);
    }

    fn finish(&mut self) {
        let done = self.file.take().map_or(Ok(()), TruthFile::finish);
        self.keep(done);
    }
}

/// A fault that hits nobody, or a closed ward that isn't there, is a mistake.
pub(super) fn refuse_unmatched(faults: &Faults, world: &World) -> Result<(), Failure> {
    if let Some(ward) = world.unknown_ward() {
        return Err(Failure::Usage(anyhow!("closed: {ward} is no ward with beds")));
    }
    match faults.unmatched() {
        Some((number, what)) => Err(Failure::Usage(anyhow!("faults[{number}].{what}"))),
        None => Ok(()),
    }
}

/// Each line of the standard input is a command; answers go to the standard error.
fn commands_from_stdin() -> mpsc::Receiver<Command> {
    let (sender, receiver) = mpsc::channel(16);
    // A thread of its own: it may wait for a line for ever, and is not waited for.
    std::thread::spawn(move || {
        for line in io::stdin().lines().map_while(Result::ok) {
            let (answer, answered) = oneshot::channel();
            if sender.blocking_send(Command { line, answer }).is_err() {
                return;
            }
            match answered.blocking_recv() {
                Ok(Ok(text)) if text.is_empty() => {}
                Ok(Ok(text)) => eprintln!("{}", text.trim_end()),
                Ok(Err(wrong)) => eprintln!("{wrong}; `help` tells what can be said"),
                Err(_) => return,
            }
        }
    });
    receiver
}

fn unix_now_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

#[expect(clippy::cast_possible_truncation, reason = "an option in seconds")]
fn milliseconds(seconds: f64) -> i64 {
    (seconds * 1000.0).round().max(1.0) as i64
}
