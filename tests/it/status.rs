//! What an asset is doing: by rules of a file that changes while the program runs, and by hand.

use crate::support::{
    Spor,
    client::{client, position_topic, publish_all},
    postgres,
    program::command,
    site::{MIDDLE_Y_M, SiteFile},
    until,
};
use serde_json::{Value, json};
use std::path::Path;

const RULES: &str = r#"
format = "spor-rules/1"
dwell_s = 1

[[rule]]
name = "shelf"
room = ["storage"]
status = "available"
"#;

/// A pump on the shelf of a building with one room.
async fn serve(folder: &Path, site: &SiteFile) -> Option<Spor> {
    let rules = folder.join("rules.toml");
    std::fs::write(&rules, RULES).unwrap();
    let site = site.path();
    let environment = [
        ("SPOR_SITE__FILE", site.to_str().unwrap()),
        ("SPOR_UTILISATION__RULES", rules.to_str().unwrap()),
    ];
    let spor = Spor::serve(&environment).await?;
    let http = reqwest::Client::new();
    let url = format!("{}/api/v1/assets/P1", spor.http);
    let asset = json!({ "label": "Pump 1", "class": "pump" });
    assert!(http.put(&url).json(&asset).send().await.unwrap().status().is_success());
    let bound = http.put(format!("{url}/tag")).json(&json!({ "tag": "t1" })).send().await.unwrap();
    assert!(bound.status().is_success());
    let payload = format!(r#"{{"x_m":5,"y_m":{MIDDLE_Y_M},"floor":0,"accuracy_m":0.3}}"#);
    let messages = vec![(position_topic("t1"), payload.into_bytes())];
    publish_all(client(spor.mqtt_port(), "it-publisher"), messages).await;
    await_status(&spor, "available").await;
    Some(spor)
}

async fn explained(spor: &Spor) -> Value {
    let (code, status) = spor.get("/api/v1/assets/P1/status").await;
    assert_eq!(code, 200, "{status}");
    status
}

async fn await_status(spor: &Spor, wanted: &str) -> Value {
    until(wanted, 15, async || {
        let status = explained(spor).await;
        (status["status"] == wanted).then_some(status)
    })
    .await
}

async fn act(spor: &Spor, method: &str, path: &str, body: Value) {
    let url = format!("{}/api/v1/assets/P1/{path}", spor.http);
    let request = reqwest::Client::new().request(method.parse().unwrap(), url);
    let answer = request.json(&body).send().await.unwrap();
    assert!(answer.status().is_success(), "{}", answer.text().await.unwrap());
}

/// Status, rule, whether it ended, in the order of time.
async fn intervals(spor: &Spor) -> Vec<(String, String, bool)> {
    let database = postgres::connect(&spor.database_url()).await;
    let sql = "select status, rule, to_at is not null from asset_status where asset = 'P1' order by from_at";
    let rows = database.query(sql, &[]).await.unwrap();
    rows.iter().map(|row| (row.get(0), row.get(1), row.get(2))).collect()
}

async fn await_intervals(spor: &Spor, wanted: &[(&str, &str)]) {
    let wanted: Vec<_> = wanted
        .iter()
        .enumerate()
        .map(|(n, (status, rule))| ((*status).to_owned(), (*rule).to_owned(), n + 1 < wanted.len()))
        .collect();
    until(&format!("{wanted:?}"), 15, async || (intervals(spor).await == wanted).then_some(()))
        .await;
    let database = postgres::connect(&spor.database_url()).await;
    let overlaps = database.query_one("select count(*) from overlap", &[]).await.unwrap();
    assert_eq!(overlaps.get::<_, i64>(0), 0);
}

#[tokio::test]
async fn a_status_is_explained_and_follows_a_file_that_changes() {
    let (folder, site) = (tempfile::tempdir().unwrap(), SiteFile::new(&[("shelf", 0, 10)]));
    let Some(mut spor) = serve(folder.path(), &site).await else { return };
    let status = explained(&spor).await;
    assert_eq!((&status["rule"], &status["basis"]), (&json!("shelf"), &json!("inferred")));
    assert_eq!(status["evidence"]["room"], "shelf", "{status}");
    assert_eq!(status["evidence"]["room_kind"], "storage");
    assert!(status["since"].is_string() && status["evidence"]["lost_at"].is_string());
    assert_eq!(status["rules"][0], json!({ "rule": "shelf", "status": "available", "says": true }));

    let rules = folder.path().join("rules.toml");
    let other = RULES.replace("available", "maintenance").replace("\"shelf\"", "\"repair shop\"");
    std::fs::write(&rules, &other).unwrap();
    let status = await_status(&spor, "maintenance").await;
    assert_eq!(status["rule"], "repair shop");
    let wanted =
        [("unknown", "never seen"), ("available", "shelf"), ("maintenance", "repair shop")];
    await_intervals(&spor, &wanted).await;

    std::fs::write(&rules, other.replace("storage", "attic")).unwrap();
    until("the refusal", 10, async || {
        (spor.metric_if_told("spor_rules_file_in_use").await? < 0.5).then_some(())
    })
    .await;
    assert!(spor.log().contains("repair shop"), "the rule is named: {}", spor.log());
    assert_eq!(explained(&spor).await["rule"], "repair shop", "the rules of before stay");
    let checked = command(&spor.data_dir())
        .arg("check-config")
        .env("SPOR_UTILISATION__RULES", &rules)
        .output()
        .unwrap();
    assert_eq!(checked.status.code(), Some(2));
    let said = String::from_utf8(checked.stderr).unwrap();
    assert!(said.contains("attic") && said.contains("rules.toml"), "{said}");

    std::fs::write(&rules, &other).unwrap();
    spor.kill();
    spor.start_again().await;
    assert_eq!(await_status(&spor, "maintenance").await["rule"], "repair shop");
    await_intervals(&spor, &wanted).await;
}

#[tokio::test]
async fn what_is_done_by_hand_is_an_interval_an_event_and_explained() {
    let (folder, site) = (tempfile::tempdir().unwrap(), SiteFile::new(&[("shelf", 0, 10)]));
    let Some(mut spor) = serve(folder.path(), &site).await else { return };
    act(&spor, "POST", "claim", json!({ "by": "anna" })).await;
    let status = explained(&spor).await;
    assert_eq!((&status["status"], &status["rule"]), (&json!("reserved"), &json!("claim")));
    assert!(status["until"].is_string() && status["reason"].is_null(), "{status}");
    assert_eq!(status["by_rules"]["rule"], "shelf");
    spor.kill();
    spor.start_again().await;
    assert_eq!(await_status(&spor, "reserved").await["by_rules"]["rule"], "shelf");
    act(&spor, "DELETE", "claim?by=anna", json!({})).await;
    let broken =
        json!({ "status": "maintenance", "reason": "no power", "minutes": 480, "by": "bo" });
    act(&spor, "POST", "status", broken).await;
    assert_eq!(explained(&spor).await["reason"], "no power");
    act(&spor, "DELETE", "status", json!({})).await;
    let wanted = [
        ("unknown", "never seen"),
        ("available", "shelf"),
        ("reserved", "claim"),
        ("available", "shelf"),
        ("maintenance", "hand"),
        ("available", "shelf"),
    ];
    await_intervals(&spor, &wanted).await;
    let (_, events) = spor.get("/api/v1/events?kind=status&asset=P1").await;
    let told: Vec<_> =
        events["events"].as_array().unwrap().iter().map(|event| event["change"].clone()).collect();
    assert_eq!(
        told,
        ["available", "reserved", "available", "maintenance", "available"],
        "{events}"
    );
}
