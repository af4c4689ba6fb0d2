#![allow(clippy::unwrap_used)]

use super::*;
use crate::faults::Faults;

const LEAST: &str = "name = \"x\"\nstart = 2026-11-02T00:00:00+01:00\nduration = \"1h\"\n";

fn refusal(more: &str) -> String {
    Scenario::parse(&format!("{LEAST}{more}")).unwrap_err().to_string()
}

#[test]
fn every_built_in_scenario_holds_together_and_makes_a_world() {
    for name in built_in::names() {
        let scenario = Scenario::load(name).unwrap_or_else(|error| panic!("{name}: {error}"));
        let mut config = scenario.world();
        config.warm_up_ms = 0;
        let world = world::World::new(&scenario.site().unwrap(), config).unwrap();
        let faults = Faults::new(&world, &scenario.faults(), scenario.seed, 1.0);
        assert_eq!(faults.unmatched(), None, "{name}");
        assert_eq!(world.unknown_ward(), None, "{name}");
    }
}

#[test]
fn an_unknown_key_is_named_with_its_line() {
    let refusal = refusal("[staff]\ncount = 3\nnurses = 2\n");
    assert!(refusal.starts_with("line 6: staff"), "{refusal}");
    assert!(refusal.contains("`nurses`"), "{refusal}");
}

#[test]
fn a_wrong_value_is_named_with_its_key() {
    for (text, start) in [
        ("[assets]\ncount = \"many\"\n", "line 5: assets.count: invalid type"),
        (
            "[reports]\nmoving_every = \"2 seconds\"\n",
            "line 5: reports.moving_every: \"2 seconds\"",
        ),
        ("[reports]\nnoise = -1\n", "reports.noise: must be"),
        ("[assets]\ncount = 0\n", "assets.count: must be 1 to"),
        ("[site]\nbeds = 900000\n", "site.beds: must be"),
        ("[site\n", "not TOML: "),
        ("[staff]\nabsent = 45\n", "line 5: staff.absent: 45 is no share"),
        ("[patients]\nby_hour = [1, 2]\n", "line 5: patients.by_hour: invalid length 2"),
        ("[patients]\nby_weekday = [0,0,0,0,0,0,0]\n", "patients.by_weekday: must be weights"),
        (
            "[patients]\n[[patients.surges]]\nfrom = \"2h\"\nuntil = \"1h\"\narrivals = 3\n",
            "patients.surges[0].until: must be after `from`",
        ),
        (
            "[assets.classes.pump]\n",
            "assets.classes.pump: is no class of equipment; there are bed,",
        ),
        (
            "[assets.classes.ventilator]\nused = \"0s\"\n",
            "assets.classes.ventilator.used: must be at least 1m",
        ),
        (
            "[assets.classes.wheelchair]\nlost = 0.6\nhoarded = 0.6\n",
            "assets.classes.wheelchair.hoarded: must be so that",
        ),
        (
            "[[closed]]\nward = \"C2\"\n",
            "closed[0]: must be left out where there are no [patients]",
        ),
    ] {
        let refusal = refusal(text);
        assert!(refusal.starts_with(start), "{refusal}");
    }
}

#[test]
fn a_fault_that_makes_no_sense_is_named_by_its_number() {
    let fault =
        |rest: &str| format!("[[faults]]\nkind = \"loss\"\nshare = 0.1\n[[faults]]\n{rest}");
    for (rest, start) in [
        ("kind = \"los\"\n", "line 8: faults[1].kind: unknown variant `los`"),
        ("kind = \"loss\"\nshare = 1.5\n", "line 9: faults[1].share: 1.5 is no share"),
        ("kind = \"loss\"\n", "faults[1].share: loss needs it"),
        ("kind = \"loss\"\nshare = 0.1\nkeep = 3\n", "faults[1].keep: means nothing to loss"),
        ("kind = \"floor_down\"\n", "faults[1].floors: "),
        (
            "kind = \"silent_reader\"\nreaders = [\"a b\"]\n",
            "line 9: faults[1].readers[0]: \"a b\"",
        ),
        ("kind = \"loss\"\nshare = 0.1\nfrom = \"2h\"\n", "faults[1].from: must be before"),
        ("kind = \"loss\"\nshare = 0.1\nuntil = \"0s\"\n", "faults[1].until: must be after"),
    ] {
        let refusal = refusal(&fault(rest));
        assert!(refusal.starts_with(start), "{refusal}");
    }
}

#[test]
fn a_start_without_offset_is_refused() {
    let text = LEAST.replace("+01:00", "");
    let refusal = Scenario::parse(&text).unwrap_err().to_string();
    assert!(refusal.starts_with("line 2: start: "), "{refusal}");
}

#[test]
fn the_start_is_the_moment_that_it_says() {
    let start = Scenario::parse(LEAST).unwrap().start;
    assert_eq!(start, Moment { unix_ms: 1_793_574_000_000, ahead_ms: 3_600_000 });
}

#[test]
fn a_missing_file_is_told_with_the_names_that_there_are() {
    let refusal = Scenario::load("nomal_day").unwrap_err().to_string();
    assert!(refusal.contains("nomal_day") && refusal.contains("normal_day"), "{refusal}");
}

#[test]
fn lengths_of_time_are_read_and_written() {
    for (text, ms) in [("1h 30m", 5_400_000), ("1d2h", 93_600_000), ("250ms", 250), ("0s", 0)] {
        assert_eq!(Span::parse(text), Ok(Span::of_ms(ms)), "{text}");
        assert_eq!(Span::parse(&Span::of_ms(ms).to_string()), Ok(Span::of_ms(ms)));
    }
    for wrong in ["", "5", "h", "5 h x", "-5m", "5M", "99999999999999d", "400d"] {
        assert!(Span::parse(wrong).is_err(), "{wrong:?} was read");
    }
}
