//! `firmware-sim run`: a hospital at work, on the air.

use super::{BrokerArgs, Failure, load_scenario, positive, read_site, stop_on_signal};
use clap::Args;
use firmware_sim::{
    mqtt,
    scenario::Scenario,
    world::{self, World},
};
use std::{
    path::PathBuf,
    sync::{Arc, atomic::Ordering::Relaxed},
    time::{Duration, SystemTime, UNIX_EPOCH},
};
use tokio::{runtime, time};
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
        config.still_every_ms = self.still_every.map_or(config.still_every_ms, milliseconds);
        config
    }
}

/// `firmware-sim run`
pub(crate) fn run(args: RunArgs) -> Result<(), Failure> {
    tracing_subscriber::fmt().with_writer(std::io::stderr).with_target(false).init();
    let (scenario, site) = match &args.scenario {
        Some(name) => {
            let (scenario, site) = load_scenario(name)?;
            (Some(scenario), site)
        }
        None => (None, read_site(None)?),
    };
    let site = if args.site.is_some() { read_site(args.site.as_deref())? } else { site };
    let world = World::new(&site, args.world(scenario.as_ref()));
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
    let config = mqtt::Config {
        login: args.broker.login(),
        speed: args.speed,
        cbor: args.cbor,
        until_ms: scenario.as_ref().map(Scenario::end_ms),
        ..mqtt::Config::new(args.broker.broker)
    };
    let counters = Arc::clone(&config.counters);
    let runtime = runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    let runtime = runtime.map_err(|e| Failure::Failed(e.into()))?;
    runtime.block_on(async {
        let stop = CancellationToken::new();
        tokio::spawn(stop_on_signal(stop.clone(), args.seconds.map(Duration::from_secs)));
        tokio::spawn(tell_progress(Arc::clone(&counters)));
        mqtt::run(config, world, stop).await;
    });
    eprintln!("{}", counts_line(&counters));
    Ok(())
}

async fn tell_progress(counters: Arc<mqtt::Counters>) {
    let mut lines = time::interval(Duration::from_secs(10));
    lines.tick().await;
    loop {
        lines.tick().await;
        eprintln!("{}", counts_line(&counters));
    }
}

fn counts_line(counters: &mqtt::Counters) -> String {
    let [published, acknowledged, dropped, reconnected] =
        [&counters.published, &counters.acknowledged, &counters.dropped, &counters.reconnected]
            .map(|count| count.load(Relaxed));
    let day_ms = counters.world_ms.load(Relaxed) % 86_400_000;
    let (hours, minutes, seconds) = (day_ms / 3_600_000, day_ms / 60_000 % 60, day_ms / 1_000 % 60);
    format!(
        "simulated {hours:02}:{minutes:02}:{seconds:02} UTC  published {published}  \
         acknowledged {acknowledged}  dropped {dropped}  reconnects {reconnected}"
    )
}

fn unix_now_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

#[expect(clippy::cast_possible_truncation, reason = "an option in seconds")]
fn milliseconds(seconds: f64) -> i64 {
    (seconds * 1000.0).round().max(1.0) as i64
}
