#![allow(clippy::unwrap_used)]

use super::*;

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
        world::World::new(&scenario.site().unwrap(), config).unwrap();
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
    ] {
        let refusal = refusal(text);
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
