//! The site file is edited, and something ends or is away just then: what is decided keeps its
//! rooms, and nothing is lost.

use super::{postmaster, signal_all};
use crate::support::{
    Spor, postgres,
    publisher::Fleet,
    site::{MIDDLE_Y_M, Room, SiteFile},
    until,
};
use rustix::process::Signal;
use std::time::{Duration, SystemTime};

const BEFORE: &[Room<'_>] = &[("west", -40, 10)];
const AFTER: &[Room<'_>] = &[("west", -40, 10), ("east", 10, 80)];

async fn has_east(spor: &Spor) -> bool {
    spor.get("/api/v1/zones").await.1.to_string().contains("\"east\"")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_kill_right_after_an_edit_comes_up_with_the_new_building_and_loses_nothing() {
    let site = SiteFile::new(BEFORE);
    let path = site.path().display().to_string();
    let settings = [("SPOR_STORAGE__ON_CHANGE", "false"), ("SPOR_SITE__FILE", path.as_str())];
    let Some(mut spor) = Spor::serve(&settings).await else { return };
    let fleet = Fleet::start(spor.mqtt_port(), 8, 1_000);
    // From before the file is looked at to after its record is in the journal.
    for after_ms in [0, 900, 1_300, 1_700, 2_100, 2_600] {
        until("work to go on", 30, async || {
            let before = fleet.acknowledged();
            tokio::time::sleep(Duration::from_millis(300)).await;
            (fleet.acknowledged() > before).then_some(())
        })
        .await;
        let is_there = has_east(&spor).await;
        site.write(if is_there { BEFORE } else { AFTER });
        tokio::time::sleep(Duration::from_millis(after_ms)).await;
        spor.kill();
        spor.start_again().await;
        fleet.follow(spor.mqtt_port());
        assert_ne!(has_east(&spor).await, is_there, "killed {after_ms} ms after the edit");
    }
    site.write(AFTER);
    until("the last building", 10, async || has_east(&spor).await.then_some(())).await;
    // What was said before may still wait to be stored, and a room is sure of after a while.
    let database = postgres::connect(&spor.database_url()).await;
    let now = database.query_one("select now() + interval '3 s'", &[]).await.unwrap();
    let seen: SystemTime = now.get(0);
    until("positions in it", 60, async || {
        let sql = "select 1 from position where time > $1::timestamptz + interval '7 s' limit 1";
        database.query_opt(sql, &[&seen]).await.unwrap()
    })
    .await;
    let acknowledged = tokio::task::spawn_blocking(|| fleet.stop()).await.unwrap();
    assert!(spor.stop().success());
    let sql = "select count(*), count(distinct (tag, seq)) from position";
    let row = database.query_one(sql, &[]).await.unwrap();
    let (rows, distinct) = (row.get::<_, i64>(0), row.get::<_, i64>(1));
    let least = i64::try_from(acknowledged.len()).unwrap();
    eprintln!("{least} acknowledged, {rows} rows, {distinct} different");
    assert!(distinct >= least && rows == distinct);
    // Far enough inside, a position is in its room. All walk in step, and are outside for 5.6 s at a time.
    let sql = "select count(*), count(z.id) from position p left join zone z on z.key = p.zone and z.id = 'east'
        where p.x_m > 20 and p.time > $1";
    let row = database.query_one(sql, &[&seen]).await.unwrap();
    let (inside, named) = (row.get::<_, i64>(0), row.get::<_, i64>(1));
    assert!(inside > 100 && inside == named, "{named} of {inside} at {MIDDLE_Y_M} m name the room");
}

#[tokio::test]
async fn while_postgres_is_away_the_old_building_stays_and_the_new_one_follows() {
    if postgres::programs().is_none() {
        return;
    }
    let site = SiteFile::new(BEFORE);
    let path = site.path().display().to_string();
    let settings = [("SPOR_HTTP__OPEN", "true"), ("SPOR_SITE__FILE", path.as_str())];
    let spor = Spor::start(&["serve"], &settings).await;
    let pid = postmaster(&spor);
    signal_all(pid, Signal::STOP);
    site.write(AFTER);
    until("the metric to say that it waits", 60, async || {
        (spor.metric("spor_site_file_in_use").await < 0.5).then_some(())
    })
    .await;
    assert!(!has_east(&spor).await, "its rooms are not in the database");
    signal_all(pid, Signal::CONT);
    until("the new building", 60, async || has_east(&spor).await.then_some(())).await;
    assert!(spor.metric("spor_site_file_in_use").await > 0.5);
    assert!(spor.metric("spor_site_file_refused_total").await < 0.5, "it is not wrong");
}
