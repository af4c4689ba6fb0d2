//! Storing on change says the same about the past as storing every fix, within the fix's accuracy.

use crate::{
    outages::{kept_journal, on_a_copy, stop_when_decided},
    support::{
        Spor, postgres,
        publisher::{self, Sent},
    },
};
use firmware_sim::world::{self, Message, Report, World};
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
}

/// Rows by tag, in the order of time.
async fn rows(spor: &Spor) -> BTreeMap<String, Vec<Row>> {
    let database = postgres::connect(&spor.database_url()).await;
    let sql = "select t.name, (extract(epoch from p.\"time\") * 1000)::int8, (extract(epoch from p.until) * 1000)::int8,
                   p.x_m, p.y_m, p.accuracy_m, p.floor, p.zone
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
        });
    }
    by_tag
}

/// What eight things in the demo hospital and their tags said in a day that ended an hour ago.
fn day() -> Vec<Sent> {
    let site: SiteFile = serde_json::from_str(include_str!("../../src/site/demo.geojson")).unwrap();
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
    let start_ms = i64::try_from(now.as_millis()).unwrap() - DAY_MS - 3_600_000;
    let config = world::Config { start_ms, assets: 8, staff: 5, ..world::Config::default() };
    let mut world = World::new(&site, config).unwrap();
    let reports = world.advance(start_ms + DAY_MS);
    let badges: Vec<_> = world.staff().iter().map(|s| s.tag.as_str().to_owned()).collect();
    // Beacons are heard each second by several readers: six hours of that are enough.
    let readers_end_ms = start_ms + DAY_MS / 4;
    let is_wanted = |report: &&Report| {
        report.time_ms < readers_end_ms || !matches!(report.message, Message::ReaderSightings(..))
    };
    reports
        .iter()
        .filter(is_wanted)
        .map(|report| (report.message.topic(), report.message.to_json()))
        .filter(|(topic, _)| !badges.iter().any(|badge| topic.contains(badge.as_str())))
        .collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn storing_on_change_answers_as_every_fix_does_within_its_accuracy() {
    let Some(mut spor) = Spor::serve(&[("SPOR_STORAGE__ON_CHANGE", "false")]).await else { return };
    let port = spor.mqtt_port();
    let messages = tokio::task::spawn_blocking(move || {
        let day = day();
        publisher::publish_all(port, &day);
        day.len()
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
        for fix in fixes {
            // Of two fixes of one time either may be the answer.
            let before = &stored[..stored.partition_point(|row| row.time_ms <= fix.time_ms)];
            let says_it = |row: &Row| {
                let distance_m = (row.at_m.0 - fix.at_m.0).hypot(row.at_m.1 - fix.at_m.1);
                fix.time_ms <= row.until_ms
                    && distance_m <= fix.accuracy_m + 0.001
                    && (row.floor, row.zone) == (fix.floor, fix.zone)
            };
            assert!(
                before.iter().rev().any(says_it),
                "{tag}: {fix:?} is not in {:?}",
                before.last()
            );
        }
    }
}
