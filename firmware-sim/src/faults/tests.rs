#![allow(clippy::unwrap_used)]

use super::*;
use crate::{
    site,
    world::{Config, Message},
};
use spor_schemas::{Decoded, InboundTopic, PositionMessage, Presence, TagId, wire};
use std::collections::{BTreeMap, BTreeSet};

const START_MS: i64 = 1_795_385_000_000;
const MINUTES_MS: i64 = 60_000;

fn world() -> World {
    let config =
        Config { start_ms: START_MS, assets: 120, staff: 20, warm_up_ms: 0, ..Config::default() };
    World::new(&site::generate(&site::demo_plan()), config).unwrap()
}

fn fault(text: &str) -> Fault {
    toml::from_str::<FaultEntry>(text).unwrap().check().unwrap()
}

/// Ten minutes under these faults, in steps of so many milliseconds.
fn ten_minutes(plan: &[Fault], step_ms: i64) -> (Vec<Act>, Faults) {
    let mut world = world();
    let mut faults = Faults::new(&world, plan, 1, 1.0);
    let mut acts = Vec::new();
    for time_ms in (step_ms..=10 * MINUTES_MS).step_by(usize::try_from(step_ms).unwrap()) {
        let until_ms = START_MS + time_ms;
        acts.extend(faults.pass(world.advance(until_ms), until_ms));
    }
    (acts, faults)
}

fn said(plan: &[Fault]) -> Vec<Sent> {
    let (acts, _) = ten_minutes(plan, 10 * MINUTES_MS);
    acts.into_iter()
        .filter_map(|act| if let Act::Say(sent) = act { Some(sent) } else { None })
        .collect()
}

/// What tags said of themselves: when it came, and what.
fn positions(said: &[Sent]) -> Vec<(i64, &TagId, &PositionMessage)> {
    said.iter()
        .filter_map(|sent| match &sent.message {
            Message::TagPosition(tag, position) => Some((sent.time_ms, tag, position)),
            _ => None,
        })
        .collect()
}

const EVERYTHING: &str = r#"
    [[f]]
    kind = "loss"
    share = 0.1
    [[f]]
    kind = "duplicates"
    share = 0.1
    [[f]]
    kind = "reordering"
    share = 0.1
    by = "20s"
    [[f]]
    kind = "late_burst"
    of_tags = 0.2
    from = "2m"
    until = "4m"
    [[f]]
    kind = "floor_down"
    floors = [1]
    from = "3m"
    until = "6m"
    [[f]]
    kind = "two_places"
    of_tags = 0.1
    [[f]]
    kind = "malformed"
    share = 0.02
    [[f]]
    kind = "clock_ahead"
    of_tags = 0.1
    by = "5m"
    [[f]]
    kind = "reconnect_storm"
    every = "1m"
    [[f]]
    kind = "broker_restart"
    from = "8m"
    until = "9m"
    [[f]]
    kind = "rate_burst"
    from = "7m"
    until = "7m 1s"
    per_second = 500
"#;

fn everything() -> Vec<Fault> {
    let entries: BTreeMap<String, Vec<FaultEntry>> = toml::from_str(EVERYTHING).unwrap();
    entries["f"].iter().map(|entry| entry.check().unwrap()).collect()
}

#[test]
fn without_faults_everything_goes_through_as_it_was_said() {
    let reports = world().advance(START_MS + 10 * MINUTES_MS);
    let sent: Vec<_> = reports.into_iter().map(Sent::new).collect();
    assert_eq!(said(&[]), sent);
}

#[test]
fn the_same_seed_gives_the_same_in_steps_of_any_size() {
    let (whole, _) = ten_minutes(&everything(), 10 * MINUTES_MS);
    let (steps, faults) = ten_minutes(&everything(), 100);
    assert_eq!(whole, steps);
    let untouched: Vec<_> = faults.tallies().filter(|tally| tally.hits == 0).collect();
    assert_eq!(untouched, []);
    let time = |act: &Act| match act {
        Act::Say(sent) => sent.time_ms,
        Act::Reconnect(time_ms) | Act::BrokerGone(time_ms) | Act::BrokerBack(time_ms) => *time_ms,
    };
    assert!(whole.is_sorted_by_key(time));
}

#[test]
fn loss_takes_its_share_and_only_while_it_lasts() {
    let all = said(&[]).len();
    let lossy = said(&[fault("kind = \"loss\"\nshare = 0.5\nuntil = \"5m\"")]);
    let after =
        |said: &[Sent]| said.iter().filter(|s| s.time_ms > START_MS + 5 * MINUTES_MS).count();
    assert_eq!(after(&lossy), after(&said(&[])));
    let lost = all - lossy.len();
    let before = all - after(&lossy);
    assert!(lost > before * 2 / 5 && lost < before * 3 / 5, "{lost} of {before}");
}

#[test]
fn a_duplicate_is_the_same_message_twice() {
    let twice = said(&[fault("kind = \"duplicates\"\nshare = 0.3")]);
    let mut seen = BTreeMap::new();
    for (_, tag, position) in positions(&twice) {
        *seen.entry((tag, position.seq)).or_insert(0) += 1;
    }
    let repeated = seen.values().filter(|count| **count == 2).count();
    assert!(repeated > seen.len() / 5, "{repeated} of {}", seen.len());
    assert!(seen.values().all(|count| *count <= 2));
}

#[test]
fn reordering_lets_older_fixes_come_behind_newer_ones() {
    let mixed = said(&[fault("kind = \"reordering\"\nshare = 0.3\nby = \"30s\"")]);
    let mut newest: BTreeMap<&TagId, i64> = BTreeMap::new();
    let mut behind = 0;
    for (_, tag, position) in positions(&mixed) {
        let time_ms = position.time_ms.unwrap();
        let newest = newest.entry(tag).or_insert(time_ms);
        behind += usize::from(time_ms < *newest);
        *newest = (*newest).max(time_ms);
    }
    assert!(behind > 40, "{behind}");
    let seqs = |said: &[Sent]| {
        positions(said)
            .iter()
            .filter_map(|(_, t, p)| Some(((*t).clone(), p.seq?)))
            .collect::<BTreeSet<_>>()
    };
    assert!(seqs(&mixed).is_subset(&seqs(&said(&[]))));
}

#[test]
fn what_is_kept_out_of_reach_comes_in_a_burst_with_its_old_times() {
    let late =
        said(&[fault("kind = \"late_burst\"\ntags = [\"uwb-*\"]\nfrom = \"2m\"\nuntil = \"8m\"")]);
    let gone = START_MS + 2 * MINUTES_MS + 1..=START_MS + 8 * MINUTES_MS - 1;
    assert!(positions(&late).iter().all(|(time_ms, ..)| !gone.contains(time_ms)));
    let stamped =
        positions(&late).iter().filter(|(_, _, p)| gone.contains(&p.time_ms.unwrap())).count();
    assert!(stamped > 1_000, "{stamped}");
    assert_eq!(positions(&late).len(), positions(&said(&[])).len());
}

#[test]
fn a_device_forgets_the_oldest_of_what_it_cannot_keep() {
    let late =
        said(&[fault("kind = \"late_burst\"\ntags = [\"uwb-*\"]\nkeep = 3\nuntil = \"9m\"")]);
    let mut burst: BTreeMap<&TagId, Vec<u32>> = BTreeMap::new();
    for (_, tag, position) in positions(&late) {
        if position.time_ms.unwrap() < START_MS + 9 * MINUTES_MS {
            burst.entry(tag).or_default().push(position.seq.unwrap());
        }
    }
    assert!(burst.len() > 20);
    assert!(burst.values().all(|seqs| seqs.len() <= 3 && seqs.is_sorted()), "{burst:?}");
}

#[test]
fn a_floor_without_network_is_offline_silent_and_then_back() {
    let gone = said(&[fault("kind = \"floor_down\"\nfloors = [1]\nfrom = \"2m\"\nuntil = \"8m\"")]);
    let silent = START_MS + 2 * MINUTES_MS + 1..=START_MS + 8 * MINUTES_MS - 1;
    let world = world();
    let floor_1: BTreeSet<_> =
        world.building().readers().iter().filter(|r| r.floor == 1).map(|r| &r.id).collect();
    let (mut offline, mut online) = (BTreeSet::new(), BTreeSet::new());
    let mut late = 0;
    for sent in &gone {
        match &sent.message {
            Message::ReaderStatus(reader, status) if sent.time_ms > START_MS + MINUTES_MS => {
                assert!(floor_1.contains(reader));
                match status.status {
                    Presence::Offline => offline.insert(reader),
                    Presence::Online => online.insert(reader),
                };
            }
            Message::ReaderSightings(reader, _) => {
                assert!(!silent.contains(&sent.time_ms) || !floor_1.contains(reader));
            }
            Message::TagPosition(_, position) if position.floor == 1 => {
                // Who walks to another floor sends what it kept there and then.
                late += usize::from(sent.time_ms - position.time_ms.unwrap() > MINUTES_MS);
            }
            _ => {}
        }
    }
    assert_eq!((offline.len(), online.len()), (floor_1.len(), floor_1.len()));
    assert!(late > 100, "{late}");
}

#[test]
fn while_the_broker_is_gone_nothing_comes_and_afterwards_everything_with_its_old_times() {
    let (from_ms, until_ms) = (START_MS + 4 * MINUTES_MS, START_MS + 6 * MINUTES_MS);
    let restart = fault("kind = \"broker_restart\"\nfrom = \"4m\"\nuntil = \"6m\"\nkeep = 5000");
    // What another fault delays into the restart waits for the broker, too, wherever that fault stands.
    let late = fault("kind = \"reordering\"\nshare = 0.2\nby = \"1m\"");
    let (acts, faults) = ten_minutes(&[restart.clone(), late], 10 * MINUTES_MS);
    let gone = acts.iter().position(|act| *act == Act::BrokerGone(from_ms)).unwrap();
    assert_eq!(acts[gone + 1], Act::BrokerBack(until_ms));
    assert!(faults.tallies().next().unwrap().hits > 300);
    let of_restart = |sent: &&Sent| sent.time_ms > until_ms && sent.time_ms < until_ms + 5_000;
    let late = said(&[restart]);
    let burst: Vec<_> = late.iter().filter(of_restart).cloned().collect();
    let old = positions(&burst).iter().filter(|(_, _, p)| p.time_ms.unwrap() < until_ms).count();
    assert!(old > 300, "{old}");
    // Readers and the engine remember as tags do, so nobody's words are missing.
    let kinds = |said: &[Sent]| {
        let mut counts = BTreeMap::new();
        for sent in said {
            *counts.entry(sent.message.topic()).or_insert(0) += 1;
        }
        counts
    };
    assert_eq!(kinds(&late), kinds(&said(&[])));
}

#[test]
fn a_device_keeps_only_so_much_for_a_broker_that_is_gone() {
    let (acts, faults) = ten_minutes(
        &[fault("kind = \"broker_restart\"\nfrom = \"4m\"\nuntil = \"8m\"\nkeep = 2")],
        10 * MINUTES_MS,
    );
    let came = acts.iter().filter(|act| matches!(act, Act::Say(_))).count();
    let lost = said(&[]).len() - came;
    let kept = usize::try_from(faults.tallies().next().unwrap().hits).unwrap();
    assert!(lost > 0 && lost < kept, "{lost} of {kept}");
}

#[test]
fn a_silent_reader_says_nothing_and_nobody_tells() {
    let quiet =
        said(&[fault("kind = \"silent_reader\"\nreaders = [\"reader:C*\"]\nfrom = \"1m\"")]);
    let heard = |said: &[Sent]| {
        said.iter()
            .filter(|s| s.time_ms > START_MS + MINUTES_MS)
            .filter(|s| s.message.topic().contains("/readers/reader:C"))
            .count()
    };
    assert_eq!(heard(&quiet), 0);
    assert!(heard(&said(&[])) > 10);
}

#[test]
fn a_clock_ahead_is_ahead_by_the_messages_clock_at_any_speed() {
    let mut ahead = said(&[fault("kind = \"clock_ahead\"\nby = \"5m\"\ntags = [\"uwb-*\"]")]);
    let at_60 = |time_ms: i64| START_MS + (time_ms - START_MS) / 60;
    let mut seen = 0;
    for sent in &mut ahead {
        sent.stamp(at_60);
        if let Message::TagPosition(_, position) = &sent.message {
            assert_eq!(position.time_ms.unwrap() - at_60(sent.time_ms), 5 * MINUTES_MS);
            seen += 1;
        }
    }
    assert!(seen > 1_000);
}

#[test]
fn a_tag_in_two_places_reports_from_both_floors_in_turn() {
    let both = said(&[fault("kind = \"two_places\"\ntags = [\"uwb-00001\", \"uwb-00002\"]")]);
    let mut floors: BTreeMap<&TagId, BTreeSet<i16>> = BTreeMap::new();
    for (_, tag, position) in positions(&both) {
        floors.entry(tag).or_default().insert(position.floor);
    }
    assert!(floors[&TagId::new("uwb-00001").unwrap()].len() >= 2);
    assert!(floors.values().filter(|floors| floors.len() > 1).count() < 30);
}

#[test]
fn malformed_payloads_are_refused_by_the_decoder_and_nothing_else_is() {
    let broken = said(&[fault("kind = \"malformed\"\nshare = 0.5")]);
    let refused = broken.iter().filter(|sent| {
        let topic = InboundTopic::parse(&sent.message.topic()).unwrap();
        let decoded: Result<Decoded, _> = wire::decode(&topic, &sent.payload(false));
        assert_eq!(decoded.is_err(), sent.broken.is_some(), "{sent:?}");
        decoded.is_err()
    });
    assert!(refused.count() > broken.len() / 3);
}

#[test]
fn a_burst_reaches_its_rate_with_positions_of_real_tags() {
    let burst = said(&[fault(
        "kind = \"rate_burst\"\nper_second = 2000\nfrom = \"5m\"\nuntil = \"5m 2s\"",
    )]);
    let extra = positions(&burst).iter().filter(|(_, _, p)| p.seq.is_none()).count();
    assert!((3_960..=4_040).contains(&extra), "{extra}");
}

#[test]
fn a_command_begins_a_fault_and_off_ends_it() {
    let mut world = world();
    let mut faults = Faults::new(&world, &[], 1, 1.0);
    let mut step = |faults: &mut Faults, minute: i64| {
        let until_ms = START_MS + minute * MINUTES_MS;
        let reports = world.advance(until_ms);
        let said = reports.len();
        (said, faults.pass(reports, until_ms).len())
    };
    assert!(matches!(step(&mut faults, 1), (said, sent) if said == sent));
    assert_eq!(faults.command("loss share=1").unwrap(), "loss is on until `off loss`");
    assert!(matches!(step(&mut faults, 2), (said, 0) if said > 0));
    assert_eq!(faults.command("off loss").unwrap(), "loss off");
    assert!(matches!(step(&mut faults, 3), (said, sent) if said == sent));
    assert_eq!(faults.command("loss share=1 floors=0,1,2 for=1m").unwrap(), "loss-2 is on for 1m");
    step(&mut faults, 4);
    assert!(matches!(step(&mut faults, 5), (said, sent) if said == sent));
    assert!(faults.command("list").unwrap().contains("loss-2"));
}

#[test]
fn a_wrong_command_says_what_is_wrong() {
    let mut faults = Faults::new(&world(), &[], 1, 1.0);
    for (line, part) in [
        ("los share=0.1", "kind: unknown variant `los`"),
        ("loss", "share: loss needs it"),
        ("loss share=2", "share: 2 is no share"),
        ("loss share=0.1 by=3s", "by: means nothing to loss"),
        ("loss 0.1", "\"0.1\": write key=value"),
        ("loss share=0.1 from=3m", "from: a command begins now"),
        ("loss share=0.1 sahre=0.1", "unknown field `sahre`"),
        ("floor_down", "floors: floor_down needs"),
        ("broker_restart floors=1", "floors: broker_restart hits everybody"),
        ("reconnect_storm of_tags=0.1", "of_tags: reconnect_storm hits everybody"),
        ("broker_restart every=1m", "every: means nothing to broker_restart"),
        ("loss share=0.1 readers=reader:X*", "readers: no reader is called reader:X*"),
        ("loss share=0.1 tags=pump-*,uvb-1", "tags: no tag is called pump-*, uvb-1"),
        ("loss share=0.1 classes=beds", "classes: nothing is of class beds"),
        ("loss share=0.1 floors=7", "floors: there is no reader on floor 7"),
        ("off loss", "nothing called loss is on"),
    ] {
        let refusal = faults.command(line).unwrap_err();
        assert!(refusal.contains(part), "{line}: {refusal}");
    }
}
