//! The journal's disk is full: nothing is acknowledged, nothing that was acknowledged is lost, and
//! work goes on by itself when there is room again.

use crate::support::{Spor, disk::SmallDisk, postgres, publisher::Fleet, until};
use std::time::Duration;

const UP: &str = r#"spor_journal_up{journal="raw"}"#;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk_stops_acknowledgements_and_loses_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let Some(disk) = SmallDisk::mount(&folder.path().join("disk"), "24m") else { return };
    let data = disk.path().join("data").display().to_string();
    let settings = [
        ("SPOR_DATA_DIR", data.as_str()),
        ("SPOR_STORAGE__ON_CHANGE", "false"),
        ("SPOR_JOURNAL__SEGMENT_BYTES", "1048576"),
    ];
    let Some(mut spor) = Spor::serve(&settings).await else { return };
    assert!(spor.metric(UP).await > 0.5);
    let fleet = Fleet::start(spor.mqtt_port(), 8, 4_000);
    until("work to begin", 30, async || (fleet.acknowledged() > 2_000).then_some(())).await;

    disk.fill();
    let told = until("readyz to name the journal", 60, async || {
        let (status, body) = spor.get("/readyz").await;
        (status == 503 && body.to_string().contains("journal")).then_some(body)
    })
    .await;
    eprintln!("full: {told}");
    assert!(spor.metric(UP).await < 1.0);
    // What was under way when the disk filled up may still be answered.
    tokio::time::sleep(Duration::from_secs(1)).await;
    let stopped_at = fleet.acknowledged();
    tokio::time::sleep(Duration::from_secs(3)).await;
    assert_eq!(fleet.acknowledged(), stopped_at, "acknowledged without room");
    let (status, _) = spor.get("/api/v1/tags/device-0").await;
    assert_eq!(status, 200, "what is known now is still answered");

    disk.free();
    until("acknowledgements to resume", 60, async || {
        (fleet.acknowledged() > stopped_at + 1_000).then_some(())
    })
    .await;
    until("readiness", 30, async || (spor.get("/readyz").await.0 == 200).then_some(())).await;
    let acknowledged = tokio::task::spawn_blocking(|| fleet.stop()).await.unwrap();
    assert!(spor.stop().success());
    let database = postgres::connect(&spor.database_url()).await;
    let sql = "select count(*), count(distinct (tag, seq)) from position";
    let row = database.query_one(sql, &[]).await.unwrap();
    let (rows, distinct) = (row.get::<_, i64>(0), row.get::<_, i64>(1));
    let least = i64::try_from(acknowledged.len()).unwrap();
    eprintln!("{least} acknowledged, {rows} rows, {distinct} different");
    assert!(distinct >= least && rows == distinct);
}
