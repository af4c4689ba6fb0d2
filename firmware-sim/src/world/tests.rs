#![allow(clippy::unwrap_used)]

use super::*;
use crate::site;
use spor_schemas::{WardId, topic::InboundTopic};
use std::collections::BTreeSet;

const START_MS: i64 = 1_795_385_000_000;

fn world(seed: u64) -> World {
    let config = Config { seed, start_ms: START_MS, ..Config::default() };
    World::new(&site::generate(&site::demo_plan()), config).unwrap()
}

#[test]
fn the_same_seed_gives_the_same_reports() {
    let minutes = |seed| world(seed).advance(START_MS + 3 * 60_000);
    assert_eq!(minutes(3), minutes(3));
    assert_ne!(minutes(3), minutes(4));
}

#[test]
fn the_size_of_the_steps_changes_nothing() {
    let whole = world(1).advance(START_MS + 120_000);
    let mut world = world(1);
    let steps: Vec<Report> =
        (1..=1_200).flat_map(|step| world.advance(START_MS + 100 * step)).collect();
    assert_eq!(whole, steps);
}

#[test]
fn the_demo_is_large_enough() {
    let world = world(1);
    assert!(world.assets().len() >= 400);
    assert!(world.staff().len() >= 80);
    let classes: BTreeSet<_> = world.assets().iter().map(|a| &a.class).collect();
    assert_eq!(classes.len(), 8);
    let ids: BTreeSet<_> = world.assets().iter().map(|a| &a.id).collect();
    assert_eq!(ids.len(), world.assets().len());
    let tags: BTreeSet<_> = world.truth().map(|t| t.tag.clone()).collect();
    assert_eq!(tags.len(), world.assets().len() + world.staff().len());
}

#[test]
fn things_move_from_the_first_second_and_do_all_that_things_do() {
    let world = world(1);
    let (assets, staff) = (world.assets().len(), world.staff().len());
    let moving = |from, count| world.truth().skip(from).take(count).filter(|t| t.moving).count();
    assert!(moving(0, assets) >= 6, "{} assets move", moving(0, assets));
    assert!(moving(assets, staff) >= 10, "{} people move", moving(assets, staff));
    let doing: BTreeSet<_> = world.truth().filter_map(|t| t.doing).collect();
    assert_eq!(doing.len(), 6, "{doing:?}");
}

#[test]
fn the_hospital_keeps_going_for_a_day() {
    // Hardly any reports: they are not what is looked at here.
    let config = Config {
        start_ms: START_MS,
        moving_every_ms: 3_600_000,
        still_every_ms: 3_600_000,
        ..Config::default()
    };
    let mut world = World::new(&site::generate(&site::demo_plan()), config).unwrap();
    world.advance(START_MS + 24 * 3_600_000);
    let count = |doing| world.truth().filter(|t| t.doing == Some(doing)).count();
    let assets = world.assets().len();
    assert!(count(Doing::InUse) > assets / 3 && count(Doing::InUse) < assets * 4 / 5);
    assert!(count(Doing::Stored) > assets / 10);
    assert!(count(Doing::Soiled) < assets / 4, "{} are soiled", count(Doing::Soiled));
    let waiting = world.jobs.waiting();
    assert!(waiting < assets / 10, "{waiting} jobs wait");
    assert!(world.truth().filter(|t| t.doing.is_some() && t.moving).count() >= 5);
}

#[test]
fn everybody_and_everything_is_always_in_a_room() {
    let mut world = world(2);
    for step in 0..600 {
        world.advance(START_MS + step * 3_000);
        for truth in world.truth() {
            let room = world.building().room(truth.spot.room);
            assert!(room.contains(truth.spot.x_m, truth.spot.y_m), "{truth:?} in {}", room.id);
        }
    }
}

#[test]
fn every_report_is_a_valid_message_on_its_topic_and_on_the_site() {
    let mut world = world(1);
    let mut kinds = BTreeSet::new();
    let reports = world.advance(START_MS + 4 * 60_000);
    assert!(reports.is_sorted_by_key(|r| r.time_ms));
    for report in reports {
        assert!((START_MS..=START_MS + 4 * 60_000).contains(&report.time_ms));
        let text = report.message.topic();
        let topic = InboundTopic::parse(&text).unwrap();
        kinds.insert(text.rsplit('/').next().unwrap().to_owned());
        let json = spor_schemas::wire::decode(&topic, &report.message.to_json()).unwrap();
        let cbor = spor_schemas::wire::decode(&topic, &report.message.to_cbor()).unwrap();
        assert_eq!(json, cbor);
        if let spor_schemas::Decoded::Positions(positions) = json {
            for p in positions {
                assert!(world.building().is_on_site(p.floor, p.x_m, p.y_m), "{p:?}");
            }
        }
    }
    assert_eq!(kinds.len(), 4, "{kinds:?}");
}

#[test]
fn a_tag_reports_every_two_seconds_in_motion_and_every_thirty_at_rest() {
    let mut world = world(1);
    let mut times: std::collections::BTreeMap<TagId, Vec<(i64, bool)>> = Default::default();
    for report in world.advance(START_MS + 10 * 60_000) {
        if let Message::TagPosition(tag, p) = report.message {
            times.entry(tag).or_default().push((report.time_ms, p.moving.unwrap()));
        }
    }
    for (tag, times) in times {
        for pair in times.windows(2) {
            let gap_ms = pair[1].0 - pair[0].0;
            let longest_ms = if pair[0].1 { 2_000 } else { 30_000 };
            assert!(gap_ms <= longest_ms, "{tag} was silent for {gap_ms} ms");
        }
    }
}

#[test]
fn staff_are_pseudonyms_with_a_role() {
    for person in world(1).staff() {
        let number = person.pseudonym.as_str().strip_prefix("P-").unwrap();
        assert!(number.parse::<u32>().is_ok());
        assert!(
            ["nurse", "porter", "doctor", "cleaner", "technician"].contains(&person.role.as_str())
        );
    }
}

#[test]
fn seq_numbers_of_a_tag_only_grow() {
    let mut last: std::collections::BTreeMap<TagId, u32> = Default::default();
    for report in world(1).advance(START_MS + 5 * 60_000) {
        if let Message::TagPosition(tag, p) = report.message {
            let seq = p.seq.unwrap();
            assert!(last.insert(tag, seq).is_none_or(|before| before < seq));
        }
    }
}

/// A hospital of 300 beds that starts on a Monday at midnight, in which hardly anything is reported.
fn hospital(config: Config) -> World {
    let site = site::generate(&site::Plan::new(300, 5, 1));
    let config = Config {
        start_ms: MONDAY_MS,
        ahead_ms: 3_600_000,
        assets: 1_400,
        staff: 400,
        pace: 1.0,
        shifts: true,
        moving_every_ms: 3_600_000,
        still_every_ms: 3_600_000,
        ..config
    };
    World::new(&site, config).unwrap()
}

/// 2026-11-02 00:00 in Copenhagen.
const MONDAY_MS: i64 = 1_793_574_000_000;
const HOUR_MS: i64 = 3_600_000;

fn patients() -> Patients {
    Patients {
        arrivals_per_day: None,
        stay_ms: 96 * HOUR_MS,
        occupied: 0.85,
        emergencies: 0.4,
        by_hour: std::array::from_fn(|hour| if (8..18).contains(&hour) { 2.0 } else { 0.5 }),
        by_weekday: [1.0; 7],
        surges: Vec::new(),
    }
}

fn beds_in_use(world: &World) -> usize {
    let beds = world.hospital.taken_beds();
    beds.count()
}

#[test]
fn patients_come_by_the_hour_and_the_beds_stay_as_full_as_they_are() {
    let mut world = hospital(Config { patients: Some(patients()), ..Config::default() });
    let mut by_hour = Vec::new();
    let mut before = world.tension().arrived;
    for hour in 1..=48 {
        world.advance(MONDAY_MS + hour * HOUR_MS);
        by_hour.push(world.tension().arrived - before);
        before = world.tension().arrived;
    }
    let day: u64 = (0..48).filter(|hour| (8..18).contains(&(hour % 24))).map(|h| by_hour[h]).sum();
    let all: u64 = by_hour.iter().sum();
    // 0.85 * 300 beds / 4 days, for two days; 20 of 27 parts of it by day.
    assert!((85..175).contains(&all), "{all} came");
    assert!(day * 100 / all > 60 && day * 100 / all < 88, "{day} of {all} came by day");
    let taken = beds_in_use(&world);
    assert!((210..290).contains(&taken), "{taken} beds are taken");
}

#[test]
fn needs_are_met_by_those_who_are_on_duty() {
    let mut world = hospital(Config { patients: Some(patients()), ..Config::default() });
    world.advance(MONDAY_MS + 24 * HOUR_MS);
    let tension = world.tension();
    assert!(tension.needs > 1_000, "{tension:?}");
    assert!(tension.waited < tension.needs / 20, "{tension:?}");
    assert!(world.jobs.waiting() < 140, "{} jobs wait", world.jobs.waiting());
}

#[test]
fn a_shortage_of_staff_lets_jobs_wait() {
    let at_noon = |absent| {
        let config = Config { patients: Some(patients()), absent, ..Config::default() };
        let mut world = hospital(config);
        world.advance(MONDAY_MS + 12 * HOUR_MS);
        world.jobs.waiting()
    };
    let (all_there, few) = (at_noon(0.0), at_noon(0.9));
    assert!(few > 2 * all_there + 20, "{few} jobs wait instead of {all_there}");
}

#[test]
fn who_is_off_duty_says_nothing_and_more_are_there_by_day() {
    let mut world = hospital(Config::default());
    let on_duty = |world: &World| world.workers.iter().filter(|w| w.doing() == "on_duty").count();
    world.advance(MONDAY_MS + 3 * HOUR_MS);
    let night = on_duty(&world);
    let badges: BTreeSet<_> = world
        .advance(MONDAY_MS + 5 * HOUR_MS)
        .into_iter()
        .filter_map(
            |r| if let Message::EnginePositions(_, all) = r.message { Some(all) } else { None },
        )
        .flatten()
        .filter_map(|position| position.tag.filter(|tag| tag.as_str().starts_with("badge-")))
        .collect();
    assert!(badges.len() <= night, "{} badges of {night} people", badges.len());
    world.advance(MONDAY_MS + 12 * HOUR_MS);
    let day = on_duty(&world);
    assert!((50..110).contains(&night) && (150..250).contains(&day), "{night} and {day}");
}

#[test]
fn a_closed_ward_empties_and_fills_again() {
    let ward: WardId = "D3".parse().unwrap();
    let closures =
        vec![Closure { ward: ward.clone(), from_ms: 2 * HOUR_MS, until_ms: 10 * HOUR_MS }];
    let mut world = hospital(Config {
        closures,
        patients: Some(Patients { arrivals_per_day: Some(700.0), ..patients() }),
        ..Config::default()
    });
    assert_eq!(world.unknown_ward(), None);
    let taken = |world: &World| {
        let beds = world.hospital.taken_beds();
        beds.filter(|bed| world.assets[*bed].home_ward.as_ref() == Some(&ward)).count()
    };
    world.advance(MONDAY_MS + HOUR_MS);
    assert!(taken(&world) > 8, "{} are taken before", taken(&world));
    world.advance(MONDAY_MS + 6 * HOUR_MS);
    assert_eq!(taken(&world), 0);
    world.advance(MONDAY_MS + 16 * HOUR_MS);
    assert!(taken(&world) > 8, "{} are taken after", taken(&world));
}

#[test]
fn things_go_astray_come_back_and_are_silent_at_home() {
    let astray = |life: Life| Life { hoarded: 0.1, lost: 0.1, taken_home: 0.2, ..life };
    let lives = Life::usual().map(|(name, life)| (name.to_owned(), astray(life))).to_vec();
    let mut world = hospital(Config { patients: Some(patients()), lives, ..Config::default() });
    world.advance(MONDAY_MS + 12 * HOUR_MS);
    let count = |doing| world.truth().filter(|t| t.doing == Some(doing)).count();
    let counts = [Doing::Hoarded, Doing::Lost, Doing::Gone].map(count);
    assert!(counts.iter().all(|count| *count > 20), "{counts:?}");
    let gone: BTreeSet<_> =
        world.truth().filter(|t| t.doing == Some(Doing::Gone)).map(|t| t.tag.clone()).collect();
    let speaks = world.advance(MONDAY_MS + 13 * HOUR_MS + HOUR_MS / 2).into_iter().any(|report| {
        // Six days at home on average: the first ones may be back by now.
        matches!(report.message, Message::TagPosition(tag, _) if gone.contains(&tag)
            && world.truth().any(|t| *t.tag == tag && t.doing == Some(Doing::Gone)))
    });
    assert!(!speaks);
}

#[test]
fn counters_wrap_clocks_drift_and_firmware_restarts() {
    let firmware = Firmware { drift_ppm: 50.0, short_counters: 1.0, resets_per_day: 24.0 };
    let config = Config { firmware, assets: 200, start_ms: START_MS, ..Config::default() };
    let mut world = World::new(&site::generate(&site::demo_plan()), config).unwrap();
    let (mut wraps, mut resets, mut off) = (0, 0, 0);
    let mut last: std::collections::BTreeMap<TagId, u32> = Default::default();
    for report in world.advance(START_MS + 3 * HOUR_MS) {
        if let Message::TagPosition(tag, p) = report.message {
            let seq = p.seq.unwrap();
            assert!(seq <= u32::from(u16::MAX));
            let before = last.insert(tag, seq).unwrap_or(0);
            wraps += usize::from(before > 60_000 && seq < 5_000);
            resets += usize::from(seq < before && before < 60_000);
            let drift_ms = p.time_ms.unwrap() - report.time_ms;
            assert!(drift_ms.abs() <= 180, "{drift_ms} ms");
            off += usize::from(drift_ms.abs() > 20);
        }
    }
    assert!(wraps > 0 && resets > 50 && off > 1_000, "{wraps}, {resets}, {off}");
}

#[test]
fn a_beacon_is_heard_by_readers_around_it_only() {
    let mut world = world(1);
    for step in 1..=60 {
        for report in world.advance(START_MS + step * 1_000) {
            let Message::ReaderSightings(reader, heard) = report.message else { continue };
            let reader = world.building.readers().iter().find(|r| r.id == reader).unwrap();
            for sighting in heard.iter().filter(|heard| heard.tag.as_str().starts_with("ble-")) {
                let body = world.bodies.iter().find(|b| b.tag.id == sighting.tag).unwrap();
                let spot = body.spot_at(sighting.time_ms.unwrap());
                let walk_m = 5.0;
                let distance_m = crate::building::geometry::distance(spot.point(), reader.at);
                assert!(distance_m < crate::building::HEARING_M + walk_m, "{distance_m} m away");
            }
        }
    }
}
