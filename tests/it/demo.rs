//! `spor demo`: everything on one machine, from one command, and nothing left behind.

use crate::support::{Spor, postgres, processes_with, program::command, until};
use spor_schemas::recording::Recording;
use std::time::Instant;

async fn demo() -> Option<Spor> {
    with_history("0").await
}

async fn with_history(hours: &str) -> Option<Spor> {
    postgres::programs()?;
    let often = ("SPOR_STORAGE__ROLLUP_SECONDS", "1");
    Some(Spor::start(&["demo", "--history", hours], &[often]).await)
}

#[tokio::test]
async fn a_hospital_moves_from_one_command_and_leaves_nothing_behind() {
    let Some(mut spor) = demo().await else { return };
    let (_, assets) = spor.get("/api/v1/assets?limit=1000").await;
    assert!(assets["assets"].as_array().unwrap().len() >= 400);
    let (_, classes) = spor.get("/api/v1/classes").await;
    assert!(classes["classes"].as_array().unwrap().len() >= 8);
    let places = async || {
        let (_, assets) = spor.get("/api/v1/assets?limit=1000").await;
        let assets = assets["assets"].as_array().unwrap().clone();
        assets
            .into_iter()
            .map(|a| (a["id"].to_string(), a["place"]["x_m"].to_string()))
            .collect::<Vec<_>>()
    };
    let first = places().await;
    until("assets that move", 20, async || {
        let now = places().await;
        (now.iter().zip(&first).filter(|(a, b)| a != b).count() >= 5).then_some(())
    })
    .await;
    until("400 assets on the map", 60, async || {
        let known = places().await.iter().filter(|(_, x)| x != "null").count();
        (known >= 400).then_some(())
    })
    .await;
    let said = spor.log();
    assert!(
        said.contains(&spor.http) && said.contains("mosquitto_pub") && said.contains("Ctrl-C"),
        "{said}"
    );

    let (_, before) = spor.get("/api/v1/events?limit=1").await;
    assert!(before["events"][0].is_object());
    // A command beside it works on the same database, and leaves it running.
    let csv = spor.data_dir().join("one.csv");
    std::fs::write(&csv, "id,label,class,home_ward,tag\nX1,One more,bed,,\n").unwrap();
    let import = command(&spor.data_dir()).arg("import-assets").arg(&csv).output().unwrap();
    assert!(import.status.success(), "{import:?}");
    until("what was imported", 10, async || {
        (spor.get("/api/v1/assets/X1").await.0 == 200).then_some(())
    })
    .await;
    let (_, events) = spor.get("/api/v1/events?limit=1").await;
    assert!(events["events"][0].is_object(), "{events}");

    let data_dir = spor.data_dir().display().to_string();
    let begun = Instant::now();
    let status = spor.stop();
    assert!(status.success(), "{status}");
    assert!(begun.elapsed().as_secs() < 10, "stopping took {:?}", begun.elapsed());
    assert_eq!(processes_with(&data_dir), Vec::<String>::new());
    assert!(!spor.data_dir().join("endpoints.json").exists());

    spor.start_again().await;
    let (_, again) = spor.get("/api/v1/assets?limit=1000").await;
    let known =
        again["assets"].as_array().unwrap().iter().filter(|a| !a["place"].is_null()).count();
    assert!(known >= 400, "only {known} assets are known at once after a restart");
}

#[tokio::test]
async fn after_a_kill_it_comes_back_by_itself_with_the_last_known_places() {
    let Some(mut spor) = demo().await else { return };
    let known = async |spor: &Spor| {
        let (_, assets) = spor.get("/api/v1/assets?limit=1000").await;
        assets["assets"].as_array().unwrap().iter().filter(|a| !a["place"].is_null()).count()
    };
    until("400 assets on the map", 60, async || (known(&spor).await >= 400).then_some(())).await;
    until("their rows to be stored", 20, async || {
        (spor.metric("spor_positions_stored_total").await >= 400.0).then_some(())
    })
    .await;
    tokio::time::sleep(std::time::Duration::from_secs(1)).await;
    spor.kill();
    let begun = Instant::now();
    spor.start_again().await;
    let back = known(&spor).await;
    assert!(back >= 390, "{back} of 400 assets are known after a kill");
    assert!(begun.elapsed().as_secs() < 20, "back only after {:?}", begun.elapsed());
}

#[tokio::test]
async fn its_first_start_has_some_hours_behind_it_and_leaves_them_as_a_recording() {
    let Some(mut spor) = with_history("2").await else { return };
    until("what was before", 300, async || {
        spor.log().contains("What was before is there").then_some(())
    })
    .await;
    assert!(spor.log().contains("50 % recorded"), "{}", spor.log());
    let database = postgres::connect_private(&spor).await;
    let count = async |sql: &str| -> i64 { database.query_one(sql, &[]).await.unwrap().get(0) };
    for (what, at_least, sql) in [
        ("visits", 100, "select count(*) from visit where entered_at < now() - interval '1 hour'"),
        (
            "statuses",
            400,
            "select count(*) from asset_status where from_at < now() - interval '1 hour'",
        ),
        (
            "tags",
            300,
            "select count(distinct tag) from position where \"time\" < now() - interval '1 hour'",
        ),
        ("groups", 1, "select count(*) from presence where quarter < now() - interval '1 hour'"),
    ] {
        let found = count(sql).await;
        assert!(found >= at_least, "{what} of an hour ago: {found}");
    }
    assert_eq!(count("select count(*) from overlap").await, 0, "what was before meets what is");
    // Also the hours that were rolled up while the rest was still made.
    let sql = "select count(distinct hour) from rpt_class_hour where known_s > 0";
    until("all hours to be rolled up", 30, async || (count(sql).await >= 3).then_some(())).await;
    assert!(spor.stop().success());
    let recording = Recording::open(&spor.data_dir().join("demo.spor")).unwrap();
    assert!(recording.manifest.messages > 10_000, "{}", recording.manifest.messages);
    spor.start_again().await;
    tokio::time::sleep(std::time::Duration::from_secs(7)).await;
    assert_eq!(spor.log().matches("is made up").count(), 1, "only the first start has a past");
}
