//! `firmware-sim record`: a scenario straight into a recording, or only computed.

use super::{Failure, load_scenario, run::refuse_unmatched};
use clap::Args;
use firmware_sim::{
    faults::{Act, Faults},
    recording::{self, Counts, Recorded, Take},
    scenario::Scenario,
    world::{Config, Tension, World},
    written::Span,
};
use std::{
    path::PathBuf,
    time::{Duration, Instant},
};

#[derive(Args)]
pub(crate) struct RecordArgs {
    /// A scenario file, or the name of one that is built in.
    #[arg(long, value_name = "FILE|NAME")]
    scenario: String,
    /// The folder to write, which must be empty or not there; without it the hospital is computed,
    /// counted and timed, and nothing is written.
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Another seed than the scenario's.
    #[arg(long)]
    seed: Option<u64>,
    /// CBOR instead of JSON.
    #[arg(long)]
    cbor: bool,
}

/// `firmware-sim record`
pub(crate) fn record(args: &RecordArgs) -> Result<(), Failure> {
    let (scenario, site) = load_scenario(&args.scenario)?;
    let seed = args.seed.unwrap_or(scenario.seed);
    let config = Config { seed, truth: args.out.is_some(), ..scenario.world() };
    let began = Instant::now();
    let world = World::new(&site, config).map_err(|e| Failure::Usage(e.into()))?;
    let faults = Faults::new(&world, &scenario.faults(), seed, 1.0);
    refuse_unmatched(&faults, &world)?;
    eprintln!(
        "{} ({}), {}: {} things and {} people",
        scenario.name,
        scenario.duration,
        site.name,
        world.assets().len(),
        world.staff().len()
    );
    let mut progress = Progress { scenario: &scenario, began, told: began };
    let Some(folder) = &args.out else {
        let (counts, faults, tension) =
            compute(world, faults, &scenario, |counts| progress.tell(counts));
        println!("{} messages in {:.1} s", counts.messages, began.elapsed().as_secs_f64());
        print_outcome(&faults, tension);
        return Ok(());
    };
    let end_ms = scenario.end_ms();
    let take = Take { name: &scenario.name, site: &site, world, faults, end_ms, cbor: args.cbor };
    let recorded = recording::record(take, folder, |counts| progress.tell(counts));
    let Recorded { manifest, faults, tension } = recorded.map_err(|e| Failure::Failed(e.into()))?;
    println!(
        "{}: {} messages of {} tags in {} segments, digest {}, in {:.1} s",
        folder.display(),
        manifest.messages,
        manifest.tags.len(),
        manifest.segments.len(),
        manifest.digest,
        began.elapsed().as_secs_f64()
    );
    print_outcome(&faults, tension);
    Ok(())
}

/// Lets the hospital work and forgets what it says.
fn compute(
    mut world: World,
    mut faults: Faults,
    scenario: &Scenario,
    mut progress: impl FnMut(Counts),
) -> (Counts, Faults, Tension) {
    const STEP_MS: i64 = 10_000;
    let mut counts = Counts::default();
    while counts.world_ms < scenario.end_ms() {
        let until_ms = (world.clock_ms() + STEP_MS).min(scenario.end_ms());
        let acts = faults.pass(world.advance(until_ms), until_ms);
        counts.messages += acts.iter().filter(|act| matches!(act, Act::Say(_))).count() as u64;
        counts.world_ms = until_ms;
        progress(counts);
    }
    (counts, faults, world.tension())
}

fn print_outcome(faults: &Faults, tension: Tension) {
    if tension != Tension::default() {
        println!(
            "  {} patients came, {} wait for a bed; equipment was asked for {} times, waited for {} times, given up {} times",
            tension.arrived,
            tension.waiting_for_a_bed,
            tension.needs,
            tension.waited,
            tension.given_up
        );
    }
    for tally in faults.tallies() {
        println!("  {:<18} {:>9} messages", tally.name, tally.hits);
    }
}

/// Says now and then how far it is.
struct Progress<'a> {
    scenario: &'a Scenario,
    began: Instant,
    told: Instant,
}

impl Progress<'_> {
    fn tell(&mut self, counts: Counts) {
        if self.told.elapsed() < Duration::from_secs(5) {
            return;
        }
        self.told = Instant::now();
        let done_ms = counts.world_ms - self.scenario.start.unix_ms;
        #[expect(clippy::cast_precision_loss, reason = "months in milliseconds")]
        let (done, whole) = (done_ms as f64, self.scenario.duration.ms() as f64);
        let seconds = self.began.elapsed().as_secs_f64();
        eprintln!(
            "+{}  {:.0} %  {:.0}x  {} messages  {:.0} s to go",
            Span::of_ms(done_ms / 60_000 * 60_000),
            100.0 * done / whole,
            done / 1000.0 / seconds,
            counts.messages,
            seconds * (whole - done) / done.max(1.0),
        );
    }
}
