#![allow(clippy::unwrap_used)]

use super::*;
use crate::site;
use spor_schemas::topic::InboundTopic;
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
