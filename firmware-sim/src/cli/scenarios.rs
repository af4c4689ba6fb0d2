//! `firmware-sim scenarios` and `firmware-sim check`: what can be played, and whether it holds together.

use super::{Failure, load_scenario};
use clap::Args;
use firmware_sim::{
    building::Building,
    scenario::{Scenario, built_in},
};

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
        print!("{}", built_in::text(name).unwrap_or_default());
        return Ok(());
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
    let building = Building::new(&site)
        .map_err(|error| Failure::Usage(anyhow::Error::from(error).context("site.file")))?;
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
