//! kill -9 at random moments: what was acknowledged is stored, once.

use super::stop_when_decided;
use crate::support::{Spor, postgres, publisher::Fleet, until};
use std::{collections::BTreeMap, time::Duration};

/// Connections, and messages a second of all together.
const CONNECTIONS: usize = 16;
const RATE: u32 = 20_000;

/// How often the program is killed; `SPOR_TEST_KILLS` asks for more.
fn kills() -> u32 {
    std::env::var("SPOR_TEST_KILLS").ok().and_then(|text| text.parse().ok()).unwrap_or(10)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_acknowledged_is_stored_exactly_once_however_often_the_program_is_killed() {
    // Small segments: a kill meets one that storage has not copied yet, and its successor.
    let settings =
        [("SPOR_STORAGE__ON_CHANGE", "false"), ("SPOR_JOURNAL__SEGMENT_BYTES", "1048576")];
    let Some(mut spor) = Spor::serve(&settings).await else { return };
    let fleet = Fleet::start(spor.mqtt_port(), CONNECTIONS, RATE);
    for _ in 0..kills() {
        tokio::time::sleep(Duration::from_millis(rand::random_range(300..2_000))).await;
        let before = fleet.acknowledged();
        until("more to be acknowledged", 60, async || {
            (fleet.acknowledged() > before).then_some(())
        })
        .await;
        spor.kill();
        spor.start_again().await;
        fleet.follow(spor.mqtt_port());
    }
    let acknowledged = tokio::task::spawn_blocking(|| fleet.stop()).await.unwrap();
    assert!(acknowledged.len() > 1_000, "only {} messages", acknowledged.len());

    let database = postgres::connect(&spor.database_url()).await;
    let _spor = stop_when_decided(spor).await;
    let sql =
        "select t.name, p.seq, count(*) from position p join tag t on t.id = p.tag group by 1, 2";
    let mut stored: BTreeMap<(usize, u32), i64> = BTreeMap::new();
    for row in database.query(sql, &[]).await.unwrap() {
        let name: &str = row.get(0);
        let number = name.strip_prefix("device-").unwrap().parse().unwrap();
        stored.insert((number, u32::try_from(row.get::<_, i64>(1)).unwrap()), row.get(2));
    }
    let missing: Vec<_> = acknowledged.iter().filter(|key| !stored.contains_key(key)).collect();
    let doubled = stored.values().filter(|count| **count > 1).count();
    eprintln!(
        "{} kills, {} acknowledged, {} stored, {} missing, {doubled} twice",
        kills(),
        acknowledged.len(),
        stored.len(),
        missing.len()
    );
    assert!(missing.is_empty(), "missing: {:?}", &missing[..missing.len().min(20)]);
    assert_eq!(doubled, 0);
}
