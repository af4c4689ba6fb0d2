//! `firmware-sim scenarios` and `firmware-sim check`: what can be played, and whether it holds together.

use super::{Failure, load_scenario, put_out, run::refuse_unmatched};
use clap::Args;
use firmware_sim::{
    faults::Faults,
    scenario::{Scenario, built_in},
    world::{self, AssetEntry, World},
};
use std::fmt::Write as _;

#[derive(Args)]
pub(crate) struct ScenariosArgs {
    /// Print this one as a file to start from.
    name: Option<String>,
}

#[derive(Args)]
pub(crate) struct CheckArgs {
    /// A scenario file, or the name of one that is built in.
    #[arg(value_name = "FILE|NAME")]
    scenario: String,
}

/// `firmware-sim scenarios`
pub(crate) fn scenarios(args: &ScenariosArgs) -> Result<(), Failure> {
    let usage = |error| Failure::Usage(anyhow::Error::from(error));
    if let Some(name) = &args.name {
        // Loading it tells which names there are.
        Scenario::load(name).map_err(usage)?;
        return put_out(built_in::text(name).unwrap_or_default());
    }
    for name in built_in::names() {
        let scenario = Scenario::load(name).map_err(usage)?;
        println!("{name:<16} {:>4}  {}", scenario.duration, scenario.about);
    }
    Ok(())
}

/// `firmware-sim check`
pub(crate) fn check(args: &CheckArgs) -> Result<(), Failure> {
    let (scenario, site) = load_scenario(&args.scenario)?;
    // Everything that it names is looked for in a world that has not worked yet.
    let config = world::Config { warm_up_ms: 0, ..scenario.world() };
    let world = World::new(&site, config)
        .map_err(|error| Failure::Usage(anyhow::Error::from(error).context("site.file")))?;
    let faults = Faults::new(&world, &scenario.faults(), scenario.seed, 1.0);
    refuse_unmatched(&faults, &world)?;
    let building = world.building();
    println!(
        "{}: {} from {}, {} things and {} people in {} rooms with {} readers",
        scenario.name,
        scenario.duration,
        site.name,
        scenario.assets.count,
        scenario.staff.count,
        building.rooms().len(),
        building.readers().len(),
    );
    Ok(())
}

/// `firmware-sim assets`
pub(crate) fn assets(args: &CheckArgs) -> Result<(), Failure> {
    let (scenario, site) = load_scenario(&args.scenario)?;
    let config = world::Config { warm_up_ms: 0, ..scenario.world() };
    let world = World::new(&site, config).map_err(|e| Failure::Usage(e.into()))?;
    let mut csv = "id,label,class,home_ward,tag\n".to_owned();
    for AssetEntry { id, label, class, home_ward, tag } in world.assets() {
        // Labels are written by the simulator: letters, digits and spaces.
        let ward = home_ward.as_ref().map_or("", |ward| ward.as_str());
        let _ = writeln!(csv, "{id},{label},{class},{ward},{tag}");
    }
    put_out(&csv)
}
