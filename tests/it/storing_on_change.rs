//! Storing on change says the same about the past as storing every fix, within the fix's accuracy,
//! and is no farther from the truth.

use crate::{
    outages::{kept_journal, on_a_copy, stop_when_decided},
    support::{
        Spor, postgres,
        publisher::{self, Sent},
    },
};
use firmware_sim::world::{self, Message, Report, World};
use spor::{
    locate::Smoothed,
    model::{Fix, Origin},
};
use spor_schemas::site::SiteFile;
use std::{collections::BTreeMap, time::SystemTime};

const DAY_MS: i64 = 86_400_000;

/// A stored row of a tag.
#[derive(Debug)]
struct Row {
    time_ms: i64,
    until_ms: i64,
    at_m: (f32, f32),
    accuracy_m: f32,
    floor: i16,
    zone: Option<i32>,
    moving: Option<bool>,
    is_of_reader: bool,
}

impl Row {
    fn fix(&self, tag: &str) -> Fix {
        let reader = || Origin::Reader { reader: "r".parse().unwrap(), portal: false };
        Fix {
            tag: tag.parse().unwrap(),
            time_ms: self.time_ms,
            received_ms: self.time_ms,
            seq: None,
            x_m: self.at_m.0.into(),
            y_m: self.at_m.1.into(),
            floor: self.floor,
            accuracy_m: self.accuracy_m,
            moving: self.moving,
            origin: if self.is_of_reader { reader() } else { Origin::Tag },
        }
    }
}

/// Rows by tag, in the order of time.
async fn rows(spor: &Spor) -> BTreeMap<String, Vec<Row>> {
    let database = postgres::connect(&spor.database_url()).await;
    let sql = "select t.name, (extract(epoch from p.\"time\") * 1000)::int8, (extract(epoch from p.until) * 1000)::int8,
                   p.x_m, p.y_m, p.accuracy_m, p.floor, p.zone, p.moving, p.portal is not null
               from position p join tag t on t.id = p.tag order by t.name, p.\"time\"";
    let mut by_tag: BTreeMap<String, Vec<Row>> = BTreeMap::new();
    for row in database.query(sql, &[]).await.unwrap() {
        by_tag.entry(row.get(0)).or_default().push(Row {
            time_ms: row.get(1),
            until_ms: row.get(2),
            at_m: (row.get(3), row.get(4)),
            accuracy_m: row.get(5),
            floor: row.get(6),
            zone: row.get(7),
            moving: row.get(8),
            is_of_reader: row.get(9),
        });
    }
    by_tag
}

/// (tag, time, east, north): where it really was, milliseconds and metres.
type Truth = Vec<(String, i64, f64, f64)>;

/// What eight things in the demo hospital and their tags said in a day that ended an hour ago, and
/// where they were each five minutes.
fn day() -> (Vec<Sent>, Truth) {
    let site: SiteFile = serde_json::from_str(include_str!("../../src/site/demo.geojson")).unwrap();
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
    let start_ms = i64::try_from(now.as_millis()).unwrap() - DAY_MS - 3_600_000;
    let config = world::Config { start_ms, assets: 8, staff: 5, ..world::Config::default() };
    let mut world = World::new(&site, config).unwrap();
    let (mut reports, mut truth) = (Vec::new(), Vec::new());
    for now_ms in (start_ms..=start_ms + DAY_MS).step_by(300_000) {
        reports.extend(world.advance(now_ms));
        let places = world.truth();
        truth.extend(places.map(|t| (t.tag.to_string(), now_ms, t.spot.x_m, t.spot.y_m)));
    }
    let badges: Vec<_> = world.staff().iter().map(|s| s.tag.as_str().to_owned()).collect();
    // Beacons are heard each second by several readers: six hours of that are enough.
    let readers_end_ms = start_ms + DAY_MS / 4;
    let is_wanted = |report: &&Report| {
        report.time_ms < readers_end_ms || !matches!(report.message, Message::ReaderSightings(..))
    };
    let sent = reports
        .iter()
        .filter(is_wanted)
        .map(|report| (report.message.topic(), report.message.to_json()))
        .filter(|(topic, _)| !badges.iter().any(|badge| topic.contains(badge.as_str())))
        .collect();
    (sent, truth)
}

/// The row that tells of that time.
fn at(rows: &[Row], time_ms: i64) -> Option<&Row> {
    let before = &rows[..rows.partition_point(|row| row.time_ms <= time_ms)];
    before.last()
}

/// How far the rows of tags that tell their own place are from the truth on average, metres, where
/// the tag said at that time that it stands still.
fn error_m(rows: &BTreeMap<String, Vec<Row>>, truth: &Truth) -> f64 {
    let errors: Vec<f64> = truth
        .iter()
        .filter_map(|(tag, time_ms, x_m, y_m)| {
            let row = at(rows.get(tag)?, *time_ms)?;
            let is_told = !row.is_of_reader && row.moving == Some(false);
            let (dx_m, dy_m) = (f64::from(row.at_m.0) - x_m, f64::from(row.at_m.1) - y_m);
            is_told.then_some(dx_m.hypot(dy_m))
        })
        .collect();
    assert!(errors.len() > 200, "only {} moments to compare", errors.len());
    errors.iter().sum::<f64>() / f64::from(u32::try_from(errors.len()).unwrap())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn storing_on_change_answers_as_every_fix_does_within_its_accuracy() {
    let Some(mut spor) = Spor::serve(&[("SPOR_STORAGE__ON_CHANGE", "false")]).await else { return };
    let port = spor.mqtt_port();
    let (messages, truth) = tokio::task::spawn_blocking(move || {
        let (day, truth) = day();
        publisher::publish_all(port, &day);
        (day.len(), truth)
    })
    .await
    .unwrap();
    assert!(spor.stop().success());
    let journal = kept_journal(&spor);
    spor.start_again().await;
    let every_fix = rows(&stop_when_decided(spor).await).await;

    let mut on_change = on_a_copy(journal.path(), &[]).await;
    on_change.start_again().await;
    let on_change = rows(&stop_when_decided(on_change).await).await;

    let count = |rows: &BTreeMap<String, Vec<Row>>| rows.values().map(Vec::len).sum::<usize>();
    eprintln!(
        "{messages} messages: {} rows of every fix, {} on change",
        count(&every_fix),
        count(&on_change)
    );
    assert!(count(&every_fix) > 5_000, "too little to compare");
    assert!(count(&on_change) < count(&every_fix));
    assert_eq!(on_change.len(), every_fix.len());
    for (tag, fixes) in &every_fix {
        let stored = &on_change[tag];
        let mut smoothed = Smoothed::default();
        let mut moving = None;
        for fix in fixes {
            moving = fix.moving.or(moving);
            // What the pages showed then.
            let (x_m, y_m) = smoothed.take(&fix.fix(tag), moving);
            // Of two fixes of one time either may be the answer.
            let before = &stored[..stored.partition_point(|row| row.time_ms <= fix.time_ms)];
            let says_it = |row: &Row| {
                let distance_m = (f64::from(row.at_m.0) - x_m).hypot(f64::from(row.at_m.1) - y_m);
                fix.time_ms <= row.until_ms
                    && distance_m <= f64::from(fix.accuracy_m) + 0.001
                    && (row.floor, row.zone) == (fix.floor, fix.zone)
            };
            assert!(
                before.iter().rev().any(says_it),
                "{tag}: {fix:?} is not in {:?}",
                before.last()
            );
        }
    }
    let at_rest = |rows: &BTreeMap<String, Vec<Row>>| {
        rows.values().flatten().filter(|row| row.moving == Some(false)).count()
    };
    let [every, changed] = [&every_fix, &on_change].map(at_rest);
    eprintln!("at rest {every} fixes, {changed} rows");
    assert!(changed * 15 < every, "the noise of a fix breaks rows");
    let errors = [&every_fix, &on_change].map(|rows| error_m(rows, &truth));
    eprintln!(
        "at rest {:.2} m from the truth by every fix, {:.2} m on change",
        errors[0], errors[1]
    );
    assert!(errors[1] <= errors[0] * 1.05, "{errors:?}");
}
