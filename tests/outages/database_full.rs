//! PostgreSQL's disk is full: publishers notice nothing, live goes on, and when there is room again
//! everything is stored, once.

use crate::support::{Spor, disk::SmallDisk, postgres, publisher::Fleet, until};
use std::{fs, os::unix::fs::PermissionsExt, time::Duration};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk_of_the_database_stops_nothing_but_storing() {
    if postgres::programs().is_none() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let Some(disk) = SmallDisk::mount(&folder.path().join("disk"), "320m") else { return };
    // The cluster alone is on the small disk; the journal is not.
    let data = folder.path().join("data");
    fs::create_dir(&data).unwrap();
    let cluster = disk.path().join("cluster").display().to_string();
    fs::write(data.join("database.folder"), &cluster).unwrap();
    let data = data.display().to_string();
    let settings = [
        ("SPOR_DATA_DIR", data.as_str()),
        ("SPOR_HTTP__OPEN", "true"),
        ("SPOR_STORAGE__ON_CHANGE", "false"),
    ];
    let mut spor = Spor::start(&["serve"], &settings).await;
    let fleet = Fleet::start(spor.mqtt_port(), 8, 2_000);
    let stored = async || spor.metric("spor_positions_stored_total").await;
    until("work to begin", 30, async || (stored().await > 2_000.0).then_some(())).await;

    disk.fill();
    let told = until("readyz to name storage", 90, async || {
        let (status, body) = spor.get("/readyz").await;
        (status == 503 && body.to_string().contains("storage")).then_some(body)
    })
    .await;
    eprintln!("full: {told}");
    let seen = async || {
        let (status, tag) = spor.get("/api/v1/tags/device-0").await;
        assert_eq!(status, 200);
        tag["place"]["seen_at"].as_str().unwrap().to_owned()
    };
    let (acknowledged, before, rows) = (fleet.acknowledged(), seen().await, stored().await);
    tokio::time::sleep(Duration::from_secs(8)).await;
    let more = fleet.acknowledged() - acknowledged;
    assert!(more > 4_000, "publishers wait: {more} acknowledged in 8 s");
    assert!(seen().await > before, "live stands still");
    assert_eq!(spor.get("/readyz").await.0, 503, "there is no room yet");
    eprintln!("{more} acknowledged and {} stored while it was full", stored().await - rows);

    // Without room for its own log the server gives up altogether.
    let password = fs::read_to_string(spor.data_dir().join("database.password")).unwrap();
    let url = spor.database.replace("spor@", &format!("spor:{}@", password.trim()));
    let database = postgres::connect(&url).await;
    let sql = "select pg_logical_emit_message(false, 'it', 'full'), pg_switch_wal()::text";
    until("the server to give up", 60, async || {
        let error = database.query(sql, &[]).await.err()?;
        eprintln!("{error}: {:?}", error.as_db_error().map(|db| (db.severity(), db.message())));
        error.is_closed().then_some(())
    })
    .await;
    let acknowledged = fleet.acknowledged();
    tokio::time::sleep(Duration::from_secs(5)).await;
    assert!(fleet.acknowledged() - acknowledged > 2_500, "publishers wait");

    disk.free();
    until("readiness", 120, async || (spor.get("/readyz").await.0 == 200).then_some(())).await;
    let acknowledged = tokio::task::spawn_blocking(|| fleet.stop()).await.unwrap();
    let least = i64::try_from(acknowledged.len()).unwrap();
    let database = postgres::connect(&url).await;
    let (rows, distinct) = until("every row", 60, async || {
        let sql = "select count(*), count(distinct (tag, seq)) from position";
        let row = database.query_one(sql, &[]).await.unwrap();
        let (rows, distinct) = (row.get::<_, i64>(0), row.get::<_, i64>(1));
        (distinct >= least).then_some((rows, distinct))
    })
    .await;
    eprintln!("{least} acknowledged, {rows} rows, {distinct} different");
    assert_eq!(rows, distinct);
    assert!(spor.metric("spor_storage_set_aside_total").await < 1.0);
    drop(database);
    assert!(spor.stop().success());
}
