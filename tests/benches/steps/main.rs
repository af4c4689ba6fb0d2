//! What single steps of the data path cost: `cargo bench --bench steps -- zones`.
//!
//! Figures are of one core that does nothing else; what a whole message costs is told by the
//! benchmark `end_to_end`.

#![allow(clippy::unwrap_used)]

mod data;
mod ways;

use data::{fixes, hospital, position_rows, spots};
use divan::{Bencher, black_box, counter::ItemsCount};
use spor::{
    api::frames::{AssetNow, delta, row},
    journal::{self, Draft, Journal, Kind},
    live::{Place, TagMap, TagState},
    locate::{Smoothed, Track},
    model::{Asset, Origin, TagId},
    storage::copy_form::{encode, position},
};
use spor_schemas::{InboundTopic, wire};
use std::sync::Arc;
use tokio::sync::broadcast;

fn main() {
    divan::main();
}

/// Bytes to a checked value: one position, and an engine's fifty.
#[divan::bench(args = ["JSON", "CBOR"])]
fn decode_one(bencher: Bencher<'_, '_>, form: &str) {
    let topic = InboundTopic::parse("spor/v1/tags/load-00001/position").unwrap();
    let payload = data::payload(form, 1, false);
    bencher
        .counter(ItemsCount::new(1_u32))
        .bench(|| wire::decode(black_box(&topic), black_box(&payload)).unwrap());
}

#[divan::bench(args = ["JSON", "CBOR"])]
fn decode_fifty(bencher: Bencher<'_, '_>, form: &str) {
    let topic = InboundTopic::parse("spor/v1/engines/e-1/positions").unwrap();
    let payload = data::payload(form, 50, true);
    bencher
        .counter(ItemsCount::new(50_u32))
        .bench(|| wire::decode(black_box(&topic), black_box(&payload)).unwrap());
}

/// The room that holds a point, in buildings of so many rooms and zones.
#[divan::bench(args = [200, 2_000, 20_000])]
fn room_of_a_point(bencher: Bencher<'_, '_>, zones: usize) {
    let building = hospital(zones);
    let spots = spots(&building);
    bencher.counter(ItemsCount::new(spots.len())).bench(|| {
        let found = spots
            .iter()
            .filter(|(floor, x_m, y_m)| building.site.room_at(*floor, *x_m, *y_m).is_some());
        found.count()
    });
}

/// Whether a point is on the site at all, and the zones that hold it.
#[divan::bench(args = [200, 2_000, 20_000])]
fn zones_of_a_point(bencher: Bencher<'_, '_>, zones: usize) {
    let building = hospital(zones);
    let spots = spots(&building);
    bencher.counter(ItemsCount::new(spots.len())).bench(|| {
        let on_site = spots.iter().filter(|(floor, x_m, y_m)| {
            building.site.is_on_site(*floor, *x_m, *y_m)
                && building.site.zones_at(*floor, *x_m, *y_m).len() < usize::MAX
        });
        on_site.count()
    });
}

/// The filter alone, for one tag that walks.
#[divan::bench]
fn smoothing(bencher: Bencher<'_, '_>) {
    let fixes = fixes(&hospital(200));
    bencher.counter(ItemsCount::new(fixes.len())).with_inputs(Smoothed::default).bench_values(
        |mut smoothed| {
            for fix in &fixes {
                black_box(smoothed.take(fix, fix.moving));
            }
            smoothed
        },
    );
}

/// Everything that is decided of a fix: smoothing, floor, room, zones.
#[divan::bench(args = [200, 2_000, 20_000])]
fn placing_a_fix(bencher: Bencher<'_, '_>, zones: usize) {
    let building = hospital(zones);
    let fixes = fixes(&building);
    bencher.counter(ItemsCount::new(fixes.len())).with_inputs(Track::default).bench_values(
        |mut track| {
            for fix in &fixes {
                black_box(track.place(fix, &building.site));
            }
            track
        },
    );
}

/// A read's worth of messages into the journal, in memory and on its way to the disk; the disk is
/// not waited for, but bounded by what the journal lets wait for it.
#[divan::bench(args = [1, 16, 256], sample_size = 100)]
fn journal_append(bencher: Bencher<'_, '_>, messages: u32) {
    let folder = tempfile::tempdir().unwrap();
    let config = journal::Config { max_bytes: 1_000_000_000, ..journal::Config::default() };
    let journal = Journal::open(&folder.path().join("journal"), &config, data::now_ms).unwrap();
    let room = journal.room();
    let payload = data::payload("JSON", 1, false);
    bencher.counter(ItemsCount::new(messages)).bench_local(|| {
        while !*room.borrow() {
            std::thread::yield_now();
        }
        let mut draft = Draft::new();
        for _ in 0..messages {
            let topic = "spor/v1/tags/load-00001/position";
            draft.push(Kind::Message, "load-1", black_box(topic), black_box(&payload));
        }
        journal.append(draft)
    });
    journal.close();
}

/// From appending one message until it is on disk, with nobody else.
#[divan::bench]
fn journal_append_and_wait_for_the_disk(bencher: Bencher<'_, '_>) {
    let folder = tempfile::tempdir().unwrap();
    let config = journal::Config { max_bytes: 1_000_000_000, ..journal::Config::default() };
    let journal = Journal::open(&folder.path().join("journal"), &config, data::now_ms).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let payload = data::payload("JSON", 1, false);
    let mut committed = journal.committed();
    bencher.bench_local(|| {
        let mut draft = Draft::new();
        draft.push(Kind::Message, "load-1", "spor/v1/tags/load-00001/position", &payload);
        let last = journal.append(draft).last;
        runtime.block_on(committed.wait_for(|sequence| *sequence >= last)).map(|_| ()).unwrap();
    });
    journal.close();
}

/// Rows as PostgreSQL's binary COPY takes them.
#[divan::bench(args = [1_000, 10_000])]
fn copy_encoding(bencher: Bencher<'_, '_>, rows: usize) {
    let rows: Vec<_> =
        position_rows(rows).iter().map(|row| position(row, 4_711, Some(12))).collect();
    bencher.counter(ItemsCount::new(rows.len())).bench(|| encode(black_box(&rows)));
}

/// A state put into the live map, of as many tags.
#[divan::bench(args = [1_000, 25_000, 100_000], sample_size = 1_000)]
fn live_put(bencher: Bencher<'_, '_>, tags: usize) {
    let states = states(tags);
    let map = TagMap::default();
    let mut next = 0;
    bencher.counter(ItemsCount::new(1_u32)).bench_local(|| {
        map.put(states[next].clone());
        next = (next + 7_919) % states.len();
    });
}

/// One frame of the event stream that tells of so many changed assets.
#[divan::bench(args = [100, 5_000, 25_000])]
fn feed_frame(bencher: Bencher<'_, '_>, changed: usize) {
    let changed: Vec<AssetNow> = states(changed).into_iter().map(asset_of).collect();
    bencher.counter(ItemsCount::new(changed.len())).bench(|| {
        let rows: Vec<String> =
            changed.iter().map(|now| row(black_box(now), data::START_MS)).collect();
        delta(rows.iter().map(String::as_str), &[], data::START_MS)
    });
}

/// That frame handed to so many clients, as far as their sockets.
#[divan::bench(args = [1, 20, 500], sample_size = 100)]
fn feed_fan_out(bencher: Bencher<'_, '_>, clients: usize) {
    let rows: Vec<String> =
        states(5_000).into_iter().map(|state| row(&asset_of(state), data::START_MS)).collect();
    let frame = delta(rows.iter().map(String::as_str), &[], data::START_MS);
    let sender = broadcast::Sender::new(16);
    let mut receivers: Vec<_> = (0..clients).map(|_| sender.subscribe()).collect();
    bencher.counter(ItemsCount::new(clients)).bench_local(|| {
        sender.send(frame.clone()).unwrap();
        for receiver in &mut receivers {
            black_box(receiver.try_recv().unwrap());
        }
    });
}

fn states(count: usize) -> Vec<TagState> {
    let spots = spots(&hospital(200));
    let tags = (1..=count).zip(spots.iter().cycle());
    tags.map(|(number, (floor, x_m, y_m))| {
        let place = Place {
            x_m: *x_m,
            y_m: *y_m,
            floor: *floor,
            accuracy_m: 0.5,
            zone: Some("c1-store".parse().unwrap()),
            entered_ms: data::START_MS,
            seen_ms: data::START_MS + 2_000,
            received_ms: data::START_MS + 2_001,
            origin: Origin::Tag,
        };
        let tag = TagId::new(&format!("load-{number:05}")).unwrap();
        TagState { place: Some(place), battery_pct: Some(87), ..TagState::new(tag) }
    })
    .collect()
}

fn asset_of(state: TagState) -> AssetNow {
    let name = state.tag.as_str();
    let asset = Asset {
        id: name.parse().unwrap(),
        label: format!("Infusion pump {name}"),
        class: "infusion-pump".parse().unwrap(),
        home_ward: Some("C1".parse().unwrap()),
    };
    AssetNow { asset: Arc::new(asset), tag: Some(state.tag.clone()), state: Some(state) }
}
