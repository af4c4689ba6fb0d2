//! The simulated hospital: what its tags say goes through the fold, storage and roll-ups, and without
//! noise the key figures must be those of where everything really was. With noise, and tags that lie,
//! they may be off by what noise does to a histogram's buckets.
//!
//! The fold is led by the hospital's own clock, so no time passes but that of the machine; broker and
//! journal, which hand on what they are given, are left out.

use super::{
    check::Scope,
    dashboard,
    golden::{self, Span, Stay, Truth},
    roll_up, show,
};
use crate::support::postgres;
use firmware_sim::{
    faults::{Act, Faults},
    scenario::Scenario,
    world::{Change, Config, Message, World},
};
use spor::{
    ingest::Rejections,
    live::Live,
    model::{
        Arrived, Asset, CarrierId, DecidedBatch, ParLevel, PresentChange, ReaderRecord, Stretch,
        ZoneRecord,
    },
    pipeline::{Parts, Pipeline, redecide, rule_book},
    site::Site,
    storage::{self, Past, Storage, Writing},
};
use std::{
    collections::HashMap,
    mem,
    path::Path,
    sync::{Arc, Mutex},
    time::Duration,
};

const HOUR_MS: i64 = 3_600_000;
/// How often time itself is asked what follows from it, milliseconds.
const TICK_MS: i64 = 60_000;
/// After so many ticks what was decided is stored.
const STORED_EVERY: i64 = 10;

#[tokio::test]
async fn key_figures_of_two_days_without_noise_are_those_of_the_truth() {
    live_for(2, 0.0, None).await;
}

#[tokio::test]
#[ignore = "takes minutes without optimisation"]
async fn key_figures_of_a_fortnight_without_noise_are_those_of_the_truth() {
    live_for(14, 0.0, None).await;
}

#[tokio::test]
#[ignore = "half a minute each without optimisation"]
async fn key_figures_of_two_noisy_days_beside_the_truth() {
    live_for(2, 1.0, None).await;
}

#[tokio::test]
#[ignore = "half a minute each without optimisation"]
async fn key_figures_of_two_days_of_tags_that_lie_beside_the_truth() {
    live_for(2, 1.0, Some("bad_tags")).await;
}

/// With noise, as a share of the usual, key figures may be off by more.
async fn live_for(days: i64, noise: f64, faults_of: Option<&str>) {
    let Some(url) = postgres::database().await else { return };
    let now_ms = jiff::Timestamp::now().as_millisecond();
    let to_ms = now_ms - now_ms % HOUR_MS - HOUR_MS;
    let from_ms = to_ms - days * 24 * HOUR_MS;
    let site = Arc::new(Site::load(None).unwrap());
    let config = Config {
        seed: 11,
        start_ms: from_ms,
        assets: 70,
        staff: 20,
        pace: 1.0,
        still_every_ms: 300_000,
        noise,
        truth: true,
        ..Config::default()
    };
    let mut world = World::new(site.file(), config).unwrap();
    let storage_config = storage::Config { url: Some(url.clone()), ..storage::Config::default() };
    let storage = Storage::open(&storage_config, Path::new("/nonexistent"), |_| ()).await.unwrap();
    let zones: Vec<ZoneRecord> = site.zones().cloned().collect();
    let readers: Vec<ReaderRecord> = site.readers().cloned().collect();
    storage.register_site(&site.version, &zones, &readers).await.unwrap();
    let entries: Vec<_> =
        world.assets().iter().filter(|a| a.tag.as_str().starts_with("uwb")).cloned().collect();
    let assets: Vec<Asset> = entries
        .iter()
        .map(|entry| Asset {
            id: entry.id.clone(),
            label: entry.label.clone(),
            class: entry.class.clone(),
            home_ward: entry.home_ward.clone(),
        })
        .collect();
    storage.put_assets(&assets).await.unwrap();
    for entry in &entries {
        let asset = CarrierId::Asset(entry.id.clone());
        storage.bind(&entry.tag, &asset, from_ms).await.unwrap();
    }
    let mut client = postgres::connect(&url).await;
    let began = format!("update asset set created_at = to_timestamp({from_ms} / 1000.0)");
    client.batch_execute(&began).await.unwrap();

    let plan = faults_of.map(|name| Scenario::load(name).unwrap().faults()).unwrap_or_default();
    let mut faults = Faults::new(&world, &plan, 11, 1.0);
    let changes = live_through(&mut world, &mut faults, &site, &storage, to_ms).await;
    let truth = truth(&world, &site, &entries, &changes, from_ms, to_ms);
    let par: Vec<ParLevel> = truth
        .par
        .iter()
        .map(|(class, ward, target, critical)| ParLevel {
            class: class.parse().unwrap(),
            ward: ward.parse().unwrap(),
            target: target.unsigned_abs(),
            critical: critical.unsigned_abs(),
        })
        .collect();
    storage.put_par(&par).await.unwrap();
    storage.stop().await;
    roll_up(&url, to_ms).await;
    let dashboards = dashboard::load_all();
    let scope = Scope {
        from_ms,
        to_ms,
        choices: vec![("idle_days".to_owned(), "1".to_owned())],
        young: false,
        limit: Duration::from_secs(3),
    };
    println!("{}", show::panels(&mut client, &dashboards, &scope).await.unwrap());
    let moved_by = if noise > 0.0 { golden::NOISE } else { 0.0 };
    println!("{}", golden::agrees(&mut client, &dashboards, &truth, moved_by).await);
    let overlaps = client.query("select * from overlap", &[]).await.unwrap();
    assert!(overlaps.is_empty());
}

/// What really happened; what was decided of what the tags said is stored.
async fn live_through(
    world: &mut World,
    faults: &mut Faults,
    site: &Arc<Site>,
    storage: &Storage,
    to_ms: i64,
) -> Vec<Change> {
    let mut pipeline = Pipeline::new(Parts {
        site: site.clone(),
        live: Arc::new(Live::new()),
        rejections: Rejections::default(),
        max_late_ms: 48 * HOUR_MS,
        on_change: true,
    });
    let told: Arc<Mutex<Vec<PresentChange>>> = Arc::default();
    let (hears, judges) = (told.clone(), site.clone());
    let judge = move |_: &str, stretch: &Stretch| {
        let rules = rule_book(&stretch.rules, &mut HashMap::new());
        redecide(stretch, &judges, &rules, true)
    };
    let past = Past {
        redecide: Arc::new(judge),
        tell: Arc::new(move |changes| hears.lock().unwrap().extend_from_slice(changes)),
    };
    let mut through = storage.take_journal([3; 16], u64::MAX, false).await.unwrap();
    let (Writing { door, mut stored }, task) = storage.writer(through, past);
    let task = tokio::spawn(task);
    let registry = storage.registry().await.unwrap();
    let first = pipeline.registry().changes_to(&registry);
    let mut out = Vec::new();
    pipeline.change_registry(&first, world.clock_ms(), &mut out);
    let mut changes: Vec<Change> = world.state().collect();
    let mut ticks = 0;
    while world.clock_ms() < to_ms {
        let next_ms = world.clock_ms() + TICK_MS;
        let reports = world.advance(next_ms);
        for act in faults.pass(reports, next_ms) {
            let Act::Say(mut sent) = act else { continue };
            let source = match &sent.message {
                Message::TagPosition(tag, _) if tag.as_str().starts_with("uwb") => tag.to_string(),
                Message::EnginePositions(..) => "engine".to_owned(),
                _ => continue,
            };
            sent.stamp(|time_ms| time_ms);
            let (topic, payload) = (sent.message.topic(), sent.payload(false));
            let arrived = Arrived { source: &source, topic: &topic, payload: &payload };
            pipeline.arrival(arrived, sent.time_ms, &mut out);
        }
        pipeline.tick(next_ms, &mut out);
        changes.extend(world.changes());
        ticks += 1;
        if (ticks % STORED_EVERY == 0 || next_ms >= to_ms) && !out.is_empty() {
            through += 1;
            let items = out.drain(..).map(|item| (through, item)).collect();
            let site = site.version.clone();
            door.send(DecidedBatch { through, at_ms: next_ms, site, items }).await.unwrap();
            stored.wait_for(|stored| *stored >= through).await.unwrap();
            let amended = mem::take(&mut *told.lock().unwrap());
            amended.iter().for_each(|change| pipeline.amended(change));
        }
    }
    drop(door);
    task.await.unwrap();
    changes
}

/// What an asset does in a room by the rules of the README, in this test's own words; none: whatever
/// it did before.
fn meant(room_kind: &str) -> Option<&'static str> {
    match room_kind {
        "storage" | "clean_utility" | "nurse_station" | "entrance" => Some("available"),
        "soiled_utility" => Some("dirty"),
        "patient" | "operating_theatre" | "emergency" | "diagnostics" => Some("in_use"),
        "workshop" => Some("maintenance"),
        "waste" | "linen" => Some("missing"),
        _ => None,
    }
}

fn truth(
    world: &World,
    site: &Site,
    entries: &[firmware_sim::world::AssetEntry],
    changes: &[Change],
    from_ms: i64,
    to_ms: i64,
) -> Truth {
    let mut rooms: HashMap<&str, Vec<(i64, firmware_sim::building::RoomIx)>> = HashMap::new();
    for change in changes {
        rooms.entry(change.tag.as_str()).or_default().push((change.time_ms, change.room));
    }
    let (mut statuses, mut stays) = (Vec::new(), Vec::new());
    for (asset, entry) in entries.iter().enumerate() {
        let mut own = rooms.remove(entry.tag.as_str()).unwrap_or_default();
        own.sort_by_key(|(time_ms, _)| *time_ms);
        own.dedup_by_key(|(_, room)| *room);
        let mut doing: Option<(&'static str, i64)> = None;
        for (nth, (entered_ms, room)) in own.iter().enumerate() {
            let left_ms = own.get(nth + 1).map_or(to_ms, |(next_ms, _)| (*next_ms).min(to_ms));
            let room = world.building().room(*room);
            let room_kind = room.kind.as_str();
            stays.push(Stay {
                asset,
                ward: room.ward.as_ref().map(ToString::to_string),
                room_kind: room_kind.to_owned(),
                from_ms: *entered_ms,
                to_ms: left_ms,
            });
            // Ten seconds in a room are a passage, once something is known.
            let is_passage = doing.is_some() && left_ms - entered_ms < 10_000;
            let Some(status) = meant(room_kind).filter(|_| !is_passage) else { continue };
            match doing {
                Some((before, _)) if before == status => {}
                Some((before, since_ms)) => {
                    statuses.push(Span {
                        asset,
                        status: before,
                        from_ms: since_ms,
                        to_ms: *entered_ms,
                    });
                    doing = Some((status, *entered_ms));
                }
                None => doing = Some((status, (*entered_ms).max(from_ms))),
            }
        }
        if let Some((status, from_ms)) = doing {
            statuses.push(Span { asset, status, from_ms, to_ms });
        }
    }
    let assets: Vec<(String, String)> = entries
        .iter()
        .map(|entry| {
            let owner = entry.home_ward.as_ref().map_or("pool".to_owned(), ToString::to_string);
            (entry.class.to_string(), owner)
        })
        .collect();
    // A level for what each ward owns of two classes.
    let wards = site.wards().into_iter().map(ToString::to_string);
    let par = wards.flat_map(|ward| {
        ["infusion-pump", "syringe-pump"].map(|class| (class.to_owned(), ward.clone(), 2, 1))
    });
    Truth { from_ms, to_ms, assets, statuses, stays, par: par.collect() }
}
