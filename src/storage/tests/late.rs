//! Late fixes amend the past: the same walk, delivered as it was made and delivered hours late and
//! out of order, leaves the same visits and statuses, through the real pipeline and a real database.

use super::*;
use crate::{
    ingest::Rejections,
    live::Live,
    model::{Arrival, Asset, Carrier, CarrierId, PresentChange, Registry, Restored, RoomKind},
    pipeline::{Parts, Pipeline, redecide},
    site::Site,
};
use proptest::prelude::*;
use std::sync::Mutex;

const SECOND_MS: i64 = 1_000;
const MINUTE_MS: i64 = 60_000;

/// A tag stays at a place for a while, after a silence.
#[derive(Debug, Clone)]
struct Stay {
    place: usize,
    seconds: i64,
    silence_s: i64,
    interval_ms: i64,
}

/// The fixes made in a stretch of time come when it is over by so much.
#[derive(Debug, Clone)]
struct Outage {
    from_s: i64,
    seconds: i64,
    late_s: i64,
    /// One fix in so many is concerned.
    one_in: usize,
}

/// Passing rooms takes less than the dwell of a status, staying more: which of two ticks sees the
/// end of a dwell makes no difference. The same for silence and the hour after which a tag is lost.
fn stay() -> impl Strategy<Value = Stay> {
    let seconds = prop_oneof![3i64..6, 18i64..300];
    let silence_s = prop_oneof![8 => Just(0i64), 2 => 20i64..3_000, 1 => 4_000i64..6_000];
    (0usize..10, seconds, silence_s, 1_000i64..3_000).prop_map(
        |(place, seconds, silence_s, interval_ms)| Stay { place, seconds, silence_s, interval_ms },
    )
}

fn outage() -> impl Strategy<Value = Outage> {
    let one_in = prop_oneof![3 => Just(1usize), 1 => 2usize..6];
    let late_s = prop_oneof![1i64..120, 120i64..7_200];
    (0i64..7_000, 5i64..2_400, late_s, one_in)
        .prop_map(|(from_s, seconds, late_s, one_in)| Outage { from_s, seconds, late_s, one_in })
}

struct Fixed {
    time_ms: i64,
    at: (f64, f64, i16),
    moving: bool,
}

/// Places in the demo hospital: the middle of rooms of every kind that concludes something or
/// nothing, and two spots at a wall, where rooms are in doubt.
fn places(site: &Site) -> Vec<(f64, f64, i16)> {
    let kinds = [
        RoomKind::Storage,
        RoomKind::Patient,
        RoomKind::Corridor,
        RoomKind::SoiledUtility,
        RoomKind::Workshop,
        RoomKind::Linen,
    ];
    let rooms = |kind| site.zones().filter(move |zone| zone.kind == Some(kind));
    let mut places: Vec<_> = kinds
        .into_iter()
        .filter_map(|kind| site.centre(&rooms(kind).next()?.id))
        .chain(rooms(RoomKind::Patient).skip(7).take(2).filter_map(|zone| site.centre(&zone.id)))
        .collect();
    let (x_m, y_m, floor) = places[1];
    let room = site.room_at(floor, x_m, y_m).cloned();
    let outside = (0..200).map(|n| x_m + f64::from(n) * 0.1);
    let wall_m = outside.into_iter().find(|x_m| site.room_at(floor, *x_m, y_m) != room.as_ref());
    let wall_m = wall_m.expect("a wall");
    places.extend([(wall_m - 0.2, y_m, floor), (wall_m + 0.3, y_m, floor)]);
    places
}

/// Noise that is the same each time.
fn noise(n: i64) -> f64 {
    (f64::from(u32::try_from(n.wrapping_mul(2_654_435_761).rem_euclid(1_000)).expect("small"))
        / 1_000.0
        - 0.5)
        * 0.6
}

fn fixes(stays: &[Stay], places: &[(f64, f64, i16)], start_ms: i64) -> Vec<Fixed> {
    let mut time_ms = start_ms + 1_500;
    let mut fixes = Vec::new();
    for stay in stays {
        time_ms += stay.silence_s * SECOND_MS;
        let end_ms = time_ms + stay.seconds * SECOND_MS;
        let (x_m, y_m, floor) = places[stay.place % places.len()];
        while time_ms < end_ms {
            let at = (x_m + noise(time_ms), y_m + noise(time_ms + 7), floor);
            fixes.push(Fixed { time_ms, at, moving: stay.place % 3 != 0 });
            time_ms += stay.interval_ms;
        }
    }
    fixes
}

/// When each fix arrives, by the outages that it falls into.
fn received_ms(fix: &Fixed, index: usize, start_ms: i64, outages: &[Outage]) -> i64 {
    let made_s = (fix.time_ms - start_ms) / SECOND_MS;
    outages
        .iter()
        .filter(|o| {
            (o.from_s..o.from_s + o.seconds).contains(&made_s) && index.is_multiple_of(o.one_in)
        })
        .map(|o| start_ms + (o.from_s + o.seconds + o.late_s) * SECOND_MS)
        .fold(fix.time_ms, i64::max)
}

struct Bench {
    site: Arc<Site>,
    storage: Storage,
    runtime: tokio::runtime::Runtime,
}

impl Bench {
    fn new(name: &str) -> Option<Self> {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
        let runtime = runtime.unwrap();
        let site = Arc::new(Site::load(None).unwrap());
        let storage = runtime.block_on(async {
            let storage = storage(name).await?;
            let zones: Vec<_> = site.zones().cloned().collect();
            storage.register_site(&site.version, &zones, &[]).await.unwrap();
            Some(storage)
        })?;
        Some(Self { site, storage, runtime })
    }

    /// Both names become a tag on an asset of that name.
    fn registry(&self, names: &[String]) -> Registry {
        let mut registry = Registry::default();
        for name in names {
            let asset = Asset {
                id: name.parse().unwrap(),
                label: name.clone(),
                class: "pump".parse().unwrap(),
                home_ward: None,
            };
            self.runtime.block_on(async {
                self.storage.put_assets(std::slice::from_ref(&asset)).await.unwrap();
                let carrier = CarrierId::Asset(asset.id.clone());
                self.storage.bind(&tag(name), &carrier, 1).await.unwrap();
            });
            let asset = Arc::new(asset);
            registry.assets.insert(asset.id.clone(), asset.clone());
            registry.tag_of_asset.insert(asset.id.clone(), tag(name));
            registry.carriers.insert(tag(name), Carrier::Asset(asset));
        }
        registry
    }

    /// Delivers `messages` (received, topic, payload), which are in order, a tick a second until
    /// `end_ms`, and stores what is decided in `portions` transactions or more.
    fn run(
        &self,
        names: &[String],
        on_change: bool,
        messages: &[(i64, String, String)],
        (start_ms, end_ms): (i64, i64),
        portions: i64,
    ) -> (Pipeline, Arc<Live>) {
        let live = Arc::new(Live::new());
        let parts = Parts {
            site: self.site.clone(),
            live: live.clone(),
            rejections: Rejections::default(),
            max_late_ms: 48 * 3_600_000,
            on_change,
        };
        let mut pipeline = Pipeline::restored(parts, self.registry(names), Restored::default());
        let told: Arc<Mutex<Vec<PresentChange>>> = Arc::default();
        let past = {
            let (site, told) = (self.site.clone(), told.clone());
            Past {
                redecide: Arc::new(move |_, stretch| redecide(stretch, &site, on_change)),
                tell: Arc::new(move |changes| told.lock().unwrap().extend_from_slice(changes)),
            }
        };
        self.runtime.block_on(async {
            let begun = self.storage.take_journal(JOURNAL, u64::MAX, false).await.unwrap();
            let (Writing { door, mut stored }, task) = self.storage.writer(begun, past);
            let task = tokio::spawn(task);
            let mut sequence = begun;
            let mut out = Vec::new();
            let mut messages = messages.iter().peekable();
            let portion_ms = (end_ms - start_ms) / portions + 1;
            let mut due_ms = start_ms + portion_ms;
            let mut now_ms = start_ms;
            while now_ms < end_ms {
                let next_ms = now_ms + SECOND_MS;
                while let Some((received_ms, topic, payload)) =
                    messages.next_if(|(received_ms, ..)| *received_ms < next_ms)
                {
                    let (topic, payload) = (topic.as_str().into(), payload.clone().into());
                    let arrival = Arrival { source: "c".into(), topic, payload };
                    pipeline.arrival(&arrival, *received_ms, &mut out);
                }
                now_ms = next_ms;
                pipeline.tick(now_ms, &mut out);
                if now_ms >= due_ms || now_ms >= end_ms {
                    due_ms += portion_ms;
                    if now_ms >= end_ms {
                        pipeline.flush(&mut out);
                    }
                    sequence += 1;
                    let items: Vec<_> = out.drain(..).map(|item| (sequence, item)).collect();
                    let site = self.site.version.clone();
                    let batch = DecidedBatch { through: sequence, at_ms: now_ms, site, items };
                    door.send(batch).await.unwrap();
                    // The pipeline goes on meanwhile, as it does, and learns a portion later.
                    stored.wait_for(|stored| *stored + 1 >= sequence).await.unwrap();
                    let changes = std::mem::take(&mut *told.lock().unwrap());
                    changes.iter().for_each(|change| pipeline.amended(change));
                }
            }
            drop(door);
            task.await.unwrap();
        });
        for change in told.lock().unwrap().iter() {
            pipeline.amended(change);
        }
        (pipeline, live)
    }

    fn rows(&self, sql: &str) -> Vec<String> {
        let sql = format!("select row_to_json(r)::text from ({sql}) r");
        let rows = self.runtime.block_on(self.storage.look(&sql));
        rows.iter().map(|row| row.get(0)).collect()
    }

    fn visits(&self, name: &str) -> Vec<String> {
        self.rows(&format!(
            "select z.id, v.entered_at, v.left_at from visit v join zone z on z.key = v.zone
             join tag t on t.id = v.tag where t.name = '{name}' order by v.entered_at"
        ))
    }

    fn statuses(&self, name: &str) -> Vec<String> {
        self.rows(&format!(
            "select s.status, s.from_at, s.to_at, s.rule, z.id from asset_status s
             left join zone z on z.key = s.zone where s.asset = '{name}' order by s.from_at"
        ))
    }

    fn positions(&self, name: &str) -> Vec<String> {
        self.rows(&format!(
            "select p.\"time\", p.until, p.seq, p.x_m, p.y_m, p.floor, z.id from position p
             left join zone z on z.key = p.zone join tag t on t.id = p.tag
             where t.name = '{name}' order by p.\"time\""
        ))
    }

    fn spans(&self, sql: &str) -> Vec<(i64, Option<i64>, String)> {
        let rows = self.runtime.block_on(self.storage.look(sql));
        let ms = |at: super::super::connection::Ms| at.0;
        rows.iter()
            .map(|row| (ms(row.get(0)), row.get::<_, Option<_>>(1).map(ms), row.get(2)))
            .collect()
    }

    fn rooms(&self, name: &str) -> Vec<(i64, Option<i64>, String)> {
        self.spans(&format!(
            "select v.entered_at, v.left_at, z.id from visit v join zone z on z.key = v.zone
             join tag t on t.id = v.tag where t.name = '{name}' order by v.entered_at"
        ))
    }

    fn doings(&self, name: &str) -> Vec<(i64, Option<i64>, String)> {
        self.spans(&format!(
            "select s.from_at, s.to_at, s.status from asset_status s where s.asset = '{name}' order by s.from_at"
        ))
    }

    /// Rows of `position`: from, until, where.
    fn places(&self, name: &str) -> Vec<(i64, i64, f64, f64, i16)> {
        let rows = self.runtime.block_on(self.storage.look(&format!(
            "select p.\"time\", p.until, p.x_m::float8, p.y_m::float8, p.floor from position p
             join tag t on t.id = p.tag where t.name = '{name}'"
        )));
        let ms = |at: super::super::connection::Ms| at.0;
        rows.iter()
            .map(|row| (ms(row.get(0)), ms(row.get(1)), row.get(2), row.get(3), row.get(4)))
            .collect()
    }

    /// Intervals of a tag or an asset that are there at the same time: there must never be any.
    fn overlaps(&self) -> Vec<String> {
        self.rows("select * from overlap")
    }
}

fn position_of(name: &str, fix: &Fixed, seq: usize) -> (String, String) {
    let (x_m, y_m, floor) = fix.at;
    let payload = serde_json::json!({ "x_m": x_m, "y_m": y_m, "floor": floor, "seq": seq,
        "time_ms": fix.time_ms, "accuracy_m": 0.8, "moving": fix.moving });
    (format!("spor/v1/tags/{name}/position"), payload.to_string())
}

/// The fixes of one tag in order and at once, of the other as the outages have it; and when a while
/// has passed since the last.
fn messages(
    names: &[String],
    fixes: &[Fixed],
    outages: &[Outage],
) -> (Vec<(i64, String, String)>, i64) {
    let mut messages = Vec::new();
    for (index, fix) in fixes.iter().enumerate() {
        let (topic, payload) = position_of(&names[0], fix, index);
        messages.push((fix.time_ms, topic, payload));
        let (topic, payload) = position_of(&names[1], fix, index);
        messages.push((received_ms(fix, index, START_MS, outages), topic, payload));
    }
    messages.sort_by_key(|(received_ms, ..)| *received_ms);
    let end_ms = messages.last().expect("some").0 / SECOND_MS * SECOND_MS + 5 * MINUTE_MS;
    (messages, end_ms)
}

fn config() -> ProptestConfig {
    let cases = std::env::var("SPOR_TEST_CASES").ok().and_then(|n| n.parse().ok()).unwrap_or(12);
    let failure_persistence = None;
    ProptestConfig { cases, max_shrink_iters: 60, failure_persistence, ..ProptestConfig::default() }
}

/// An early morning, on a whole second.
const START_MS: i64 = 1_795_385_000_000;

#[test]
fn a_walk_that_is_delivered_late_and_shuffled_leaves_what_it_leaves_in_order() {
    let Some(bench) = Bench::new("late_walks") else { return };
    let places = places(&bench.site);
    let walk = proptest::collection::vec(stay(), 4..40);
    let outages = proptest::collection::vec(outage(), 1..5);
    let case = AtomicU64::new(0);
    proptest!(config(), |(walk in walk, outages in outages, portions in 1i64..12)| {
        let number = case.fetch_add(1, Ordering::Relaxed);
        let names = [format!("ordered-{number}"), format!("late-{number}")];
        let fixes = fixes(&walk, &places, START_MS);
        let (messages, end_ms) = messages(&names, &fixes, &outages);
        let (_, live) = bench.run(&names, false, &messages, (START_MS, end_ms), portions);
        prop_assert_eq!(bench.overlaps(), Vec::<String>::new());
        for table in [Bench::visits, Bench::statuses, Bench::positions] {
            let [ordered, late] = [0, 1].map(|n| table(&bench, &names[n]));
            prop_assert!(ordered == late, "{}", difference(&ordered, &late));
        }
        let place = |name: &str| live.tags.get(&tag(name)).and_then(|state| {
            let status = state.status.clone();
            state.place.map(|place| (place.zone, place.entered_ms, place.seen_ms, status))
        });
        prop_assert_eq!(place(&names[0]), place(&names[1]));
    });
}

/// When `answers` change, milliseconds, and what holds between: rows of (from, to, what).
fn at(spans: &[(i64, Option<i64>, String)], time_ms: i64) -> Option<&str> {
    let span = spans.iter().rev().find(|(from_ms, ..)| *from_ms <= time_ms)?;
    span.1.is_none_or(|to_ms| time_ms < to_ms).then_some(span.2.as_str())
}

/// Storing on change a row stands for many fixes, and when a late one divides it, the moments of the
/// others aren't known. So the same is said within the accuracy of a fix and, of the moments at
/// which a room or a status changes, within the time that a doubtful change takes.
#[test]
fn on_change_a_late_walk_says_the_same_within_accuracy() {
    const DOUBT_MS: i64 = 15_000;
    let Some(bench) = Bench::new("late_on_change") else { return };
    let places = places(&bench.site)[..8].to_vec();
    // No silence that would be taken for the tag's interval: rows on change don't tell which it was.
    let steady = stay().prop_map(|stay| {
        let silence_s = if stay.seconds < 18 { 0 } else { stay.silence_s };
        Stay { silence_s, ..stay }
    });
    let walk = proptest::collection::vec(steady, 4..30);
    let outages = proptest::collection::vec(outage(), 1..5);
    let case = AtomicU64::new(0);
    proptest!(config(), |(walk in walk, outages in outages, portions in 1i64..12)| {
        let number = case.fetch_add(1, Ordering::Relaxed);
        let names = [format!("ordered-{number}"), format!("late-{number}")];
        let fixes = fixes(&walk, &places, START_MS);
        let (messages, end_ms) = messages(&names, &fixes, &outages);
        bench.run(&names, true, &messages, (START_MS, end_ms), portions);
        prop_assert_eq!(bench.overlaps(), Vec::<String>::new());
        let [ordered, late] = [0, 1].map(|n| [bench.rooms(&names[n]), bench.doings(&names[n])]);
        for (ordered, late) in ordered.iter().zip(&late) {
            let changes = ordered.iter().chain(late).map(|(from_ms, ..)| *from_ms);
            let changes: Vec<i64> = changes.collect();
            for time_ms in (START_MS..end_ms).step_by(1_000) {
                let is_doubtful = changes.iter().any(|at_ms| at_ms.abs_diff(time_ms) < DOUBT_MS.unsigned_abs());
                prop_assert!(
                    is_doubtful || at(ordered, time_ms) == at(late, time_ms),
                    "{} s: {:?} and late {:?}", (time_ms - START_MS) / 1_000, ordered, late
                );
            }
        }
        let rows = bench.places(&names[1]);
        for fix in &fixes {
            let is_said = rows.iter().any(|(from_ms, until_ms, x_m, y_m, floor)| {
                (*from_ms..=*until_ms).contains(&fix.time_ms)
                    && *floor == fix.at.2
                    && (x_m - fix.at.0).hypot(y_m - fix.at.1) <= 0.801
            });
            prop_assert!(is_said, "{} ms is in no row", fix.time_ms - START_MS);
        }
    });
}

/// A tag goes from a reader to the next; the middle one has no network and delivers three hours later.
#[test]
fn a_reader_that_delivers_three_hours_late_leaves_what_it_leaves_in_time() {
    let Some(bench) = Bench::new("late_reader") else { return };
    let mut readers = Vec::new();
    for kind in [RoomKind::Storage, RoomKind::Patient, RoomKind::SoiledUtility] {
        let of_kind = bench.site.readers().filter(|reader| {
            let zone = reader.zone.as_ref().and_then(|zone| bench.site.zone(zone));
            !reader.portal && zone.is_some_and(|zone| zone.kind == Some(kind))
        });
        readers.push(of_kind.map(|reader| reader.id.clone()).min().expect("a reader of that kind"));
    }
    let names = ["in-time".to_owned(), "three-hours-late".to_owned()];
    let mut messages = Vec::new();
    for (name, late_ms) in names.iter().zip([0, 3 * 3_600_000]) {
        let stays = [(0, 0, 600), (1, 610, 3_600), (2, 3_620, 20_000)];
        for (reader, from_s, to_s) in stays {
            for second in (from_s..to_s).step_by(2) {
                let time_ms = START_MS + second * SECOND_MS + 300;
                let late_ms = if reader == 1 { late_ms } else { 0 };
                let heard =
                    serde_json::json!([{ "tag": name, "rssi_dbm": -60, "time_ms": time_ms }]);
                let topic = format!("spor/v1/readers/{}/sightings", readers[reader]);
                messages.push((time_ms + late_ms, topic, heard.to_string()));
            }
        }
    }
    messages.sort_by_key(|(received_ms, ..)| *received_ms);
    let times = (START_MS, START_MS + 20_100 * SECOND_MS);
    for on_change in [false, true] {
        bench.run(&names, on_change, &messages, times, 20);
        let [visits, statuses] =
            [Bench::visits, Bench::statuses].map(|table| [0, 1].map(|n| table(&bench, &names[n])));
        assert_eq!(visits[0].len(), 3, "{visits:?}");
        assert!(visits[0] == visits[1], "{}", difference(&visits[0], &visits[1]));
        assert!(statuses[0] == statuses[1], "{}", difference(&statuses[0], &statuses[1]));
        assert_eq!(bench.overlaps(), Vec::<String>::new());
        bench.runtime.block_on(async {
            for sql in ["delete from position", "delete from visit", "delete from asset_status"] {
                bench.storage.client().await.unwrap().execute(sql, &[]).await.unwrap();
            }
        });
    }
}

/// Half a day of a fix every second, every other one late and those all in one transaction, which the
/// writer gives up after thirty seconds.
#[test]
fn half_a_day_of_late_fixes_is_amended_within_seconds() {
    let Some(bench) = Bench::new("late_half_day") else { return };
    let names = ["in-time".to_owned(), "half-late".to_owned()];
    let rooms = places(&bench.site);
    let now_ms = START_MS + 12 * 3_600_000;
    let mut took = Vec::new();
    for (name, late_ms) in names.iter().zip([0, now_ms]) {
        let mut messages = Vec::new();
        for n in 0..43_200 {
            let time_ms = START_MS + n * SECOND_MS;
            let place = rooms[usize::try_from(n / 300).unwrap() % 8];
            let fix = Fixed { time_ms, at: place, moving: true };
            let (topic, payload) = position_of(name, &fix, usize::try_from(n).unwrap());
            let received_ms = if n % 2 == 0 { time_ms } else { time_ms.max(late_ms) };
            messages.push((received_ms, topic, payload));
        }
        messages.sort_by_key(|(received_ms, ..)| *received_ms);
        let begun = std::time::Instant::now();
        let name = std::slice::from_ref(name);
        bench.run(name, false, &messages, (START_MS, now_ms + MINUTE_MS), 10);
        took.push(begun.elapsed());
    }
    eprintln!("half a day in time took {:?}, half of it late {:?}", took[0], took[1]);
    assert!(took[1].saturating_sub(took[0]).as_secs() < 15, "{took:?}");
    for table in [Bench::visits, Bench::statuses, Bench::positions] {
        let [ordered, late] = [0, 1].map(|n| table(&bench, &names[n]));
        assert!(ordered == late, "{}", difference(&ordered, &late));
    }
    assert_eq!(bench.overlaps(), Vec::<String>::new());
}

/// The first rows that differ, and those around them.
fn difference(ordered: &[String], late: &[String]) -> String {
    let same = ordered.iter().zip(late).take_while(|(a, b)| a == b).count();
    let around =
        |rows: &[String]| rows[same.saturating_sub(2)..rows.len().min(same + 4)].join("\n  ");
    format!("row {same}:\nordered\n  {}\nlate\n  {}", around(ordered), around(late))
}
