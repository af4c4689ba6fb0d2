#![allow(clippy::unwrap_used)]

use super::*;
use crate::{faults::FaultEntry, world::Config};
use sha2::{Digest, Sha256};
use spor_schemas::{
    InboundTopic, TagId, ZoneId,
    recording::{Body, HEAD, HEADER, Header, read_content, record_at},
    wire,
};
use std::collections::BTreeMap;
use tempfile::TempDir;

const START_MS: i64 = 1_795_385_000_000;
const MINUTES: i64 = 12;

/// Records some minutes of a small hospital on ill days.
fn recorded(seed: u64) -> (TempDir, Manifest) {
    recorded_with(seed, "kind = \"loss\"\nshare = 0.05")
}

/// The same with this fault.
fn recorded_with(seed: u64, fault: &str) -> (TempDir, Manifest) {
    let site = site::generate(&site::demo_plan());
    let config = Config {
        seed,
        start_ms: START_MS,
        assets: 60,
        staff: 15,
        truth: true,
        ..Config::default()
    };
    let world = World::new(&site, config).unwrap();
    let fault: FaultEntry = toml::from_str(fault).unwrap();
    let faults = Faults::new(&world, &[fault.check().unwrap()], seed, 1.0);
    let end_ms = START_MS + MINUTES * 60_000;
    let take = Take { name: "test", site: &site, world, faults, end_ms, cbor: false };
    let folder = TempDir::new().unwrap();
    let manifest = record(take, folder.path(), |_| {}).unwrap().manifest;
    (folder, manifest)
}

fn unpacked(path: &Path) -> Vec<u8> {
    zstd::decode_all(fs::File::open(path).unwrap()).unwrap()
}

#[test]
fn the_same_seed_gives_the_same_digest_and_another_seed_another() {
    let [first, again, other] = [1, 1, 2].map(recorded);
    assert_eq!(first.1, again.1);
    for file in [&*first.1.segments[0].file, TRUTH, SITE, Manifest::FILE] {
        let [a, b] =
            [&first, &again].map(|(folder, _)| fs::read(folder.path().join(file)).unwrap());
        assert!(a == b, "{file}");
    }
    assert_ne!(first.1.digest, other.1.digest);
}

#[test]
fn a_recording_is_what_its_manifest_says_and_holds_what_spor_reads() {
    let (folder, manifest) = recorded(1);
    let text = fs::read_to_string(folder.path().join(Manifest::FILE)).unwrap();
    assert_eq!(serde_json::from_str::<Manifest>(&text).unwrap(), manifest);
    assert_eq!(manifest.tags.len(), 75);
    let mut digest = Sha256::new();
    let (mut next, mut messages, mut ticks, mut before_ms) = (1, 0, 0, START_MS);
    for entry in &manifest.segments {
        let bytes = unpacked(&folder.path().join(&entry.file));
        assert_eq!(bytes.len() as u64, entry.bytes);
        let header = Header::decode(&bytes).unwrap();
        assert_eq!((header.first, entry.first), (next, next));
        digest.update(&bytes[HEADER..]);
        let mut at = HEADER;
        while at < bytes.len() {
            let head = record_at(&bytes, at).unwrap();
            assert_eq!(head.sequence, next);
            assert!(head.received_ms >= before_ms);
            let body = Body::read(&bytes[at + HEAD..at + head.record_len()]).unwrap();
            let (source, topic, payload) = read_content(body.rest).unwrap();
            match Kind::from_byte(body.kind).unwrap() {
                Kind::Message => {
                    messages += 1;
                    assert!(topic.contains(&format!("/{source}/")));
                    let topic = InboundTopic::parse(topic).unwrap();
                    wire::decode(&topic, &body.rest[payload..]).unwrap();
                }
                Kind::Tick => {
                    ticks += 1;
                    assert_eq!(head.received_ms, START_MS + 1_000 * ticks);
                }
                other => panic!("{other:?}"),
            }
            (next, before_ms, at) = (next + 1, head.received_ms, at + head.record_len());
        }
        assert_eq!(next, entry.last + 1);
    }
    assert_eq!((messages, next - 1), (manifest.messages, manifest.records));
    assert_eq!(ticks, MINUTES * 60);
    let digest: String = digest.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(digest, manifest.digest);
}

#[test]
fn a_broker_that_is_restarted_hears_nothing_and_then_that_readers_are_there() {
    let minutes = |minute: i64| START_MS + minute * 60_000;
    let (folder, manifest) =
        recorded_with(1, "kind = \"broker_restart\"\nfrom = \"4m\"\nuntil = \"6m\"\nkeep = 5000");
    let (mut online, mut delayed, mut all) = (0, 0, 0);
    for entry in &manifest.segments {
        let bytes = unpacked(&folder.path().join(&entry.file));
        let mut at = HEADER;
        while at < bytes.len() {
            let head = record_at(&bytes, at).unwrap();
            let body = Body::read(&bytes[at + HEAD..at + head.record_len()]).unwrap();
            at += head.record_len();
            if Kind::from_byte(body.kind) != Some(Kind::Message) {
                continue;
            }
            all += 1;
            assert!(head.received_ms <= minutes(4) || head.received_ms >= minutes(6));
            let (_, topic, payload) = read_content(body.rest).unwrap();
            let payload: serde_json::Value = serde_json::from_slice(&body.rest[payload..]).unwrap();
            if topic.starts_with("spor/v1/readers/") && topic.ends_with("/status") {
                online += usize::from(head.received_ms == minutes(6));
                assert_eq!(payload["status"], "online");
            }
            let said_ms = payload["time_ms"].as_i64().unwrap_or(head.received_ms);
            delayed += usize::from(head.received_ms > minutes(6) && said_ms < minutes(6));
        }
    }
    let readers = site::generate(&site::demo_plan());
    let world = World::new(&readers, Config { warm_up_ms: 0, ..Config::default() }).unwrap();
    let readers = world.building().readers().len();
    assert_eq!(online, readers);
    assert!(delayed > 100, "{delayed}");
    // Nothing is missing: there is only more of what readers say of themselves.
    let (_, without) = recorded_with(1, "kind = \"loss\"\nshare = 0.0");
    assert_eq!(all, without.messages + readers as u64);
    assert_eq!(manifest.messages, all);
}

#[test]
fn a_folder_that_holds_something_is_left_alone() {
    let (folder, _) = recorded(1);
    let site = site::generate(&site::demo_plan());
    let world = World::new(&site, Config::default()).unwrap();
    let faults = Faults::new(&world, &[], 1, 1.0);
    let take = Take { name: "x", site: &site, world, faults, end_ms: 1_000, cbor: false };
    let refused = record(take, folder.path(), |_| {});
    assert!(matches!(refused, Err(RecordError::NotEmpty { .. })));
}

/// One line of the truth: when, what, which room, and whether at rest.
type Line = (i64, String, ZoneId, bool);

fn truth(folder: &Path) -> BTreeMap<TagId, Vec<Line>> {
    let text = String::from_utf8(unpacked(&folder.join(TRUTH))).unwrap();
    let mut lines = text.lines();
    assert_eq!(lines.next(), Some("time_ms,tag,doing,room,floor,x_m,y_m"));
    let mut by_tag: BTreeMap<TagId, Vec<Line>> = BTreeMap::new();
    let mut before_ms = 0;
    for line in lines {
        let fields: Vec<_> = line.split(',').collect();
        let time_ms = fields[0].parse().unwrap();
        assert!(time_ms >= before_ms, "{line}");
        before_ms = time_ms;
        let entry =
            (time_ms, fields[2].to_owned(), fields[3].parse().unwrap(), !fields[5].is_empty());
        by_tag.entry(fields[1].parse().unwrap()).or_default().push(entry);
    }
    by_tag
}

#[test]
fn the_truth_file_says_at_any_time_what_the_world_says() {
    let (folder, _) = recorded(1);
    let truth = truth(folder.path());
    let site = site::generate(&site::demo_plan());
    let config = Config { seed: 1, start_ms: START_MS, assets: 60, staff: 15, ..Config::default() };
    let mut world = World::new(&site, config).unwrap();
    let mut moved = 0;
    for second in 1..MINUTES * 60 {
        world.advance(START_MS + second * 1_000);
        for real in world.truth() {
            let lines = &truth[real.tag];
            let after = lines.partition_point(|line| line.0 <= world.clock_ms());
            let (_, doing, room, at_rest) = &lines[after - 1];
            assert_eq!(doing, real.doing.map_or("on_duty", crate::world::Doing::as_str));
            assert_eq!(*at_rest, !real.moving, "{real:?}");
            // At rest, or walking on: a walk that is over waits in its last room.
            assert_eq!(*room, world.building().room(real.spot.room).id, "{real:?}");
            moved += usize::from(real.moving);
        }
    }
    assert!(moved > 1_000, "{moved}");
    assert!(truth.values().all(|lines| lines[0].0 == START_MS));
    let end_ms = START_MS + MINUTES * 60_000;
    assert!(truth.values().all(|lines| lines.last().unwrap().0 == end_ms));
}
