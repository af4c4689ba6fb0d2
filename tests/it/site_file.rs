//! The site file is edited while the program runs.

use crate::support::{
    Spor,
    browser::Browser,
    client::{client, position_topic, publish_all},
    postgres,
    site::{MIDDLE_Y_M, SiteFile},
    until,
};
use serde_json::json;
use std::time::Duration;

async fn serve(site: &SiteFile) -> Option<Spor> {
    Spor::serve(&[("SPOR_SITE__FILE", site.path().to_str().unwrap())]).await
}

async fn publish(spor: &Spor, tag: &str, x_m: f64) {
    let payload = format!(r#"{{"x_m":{x_m},"y_m":{MIDDLE_Y_M},"floor":0,"accuracy_m":0.3}}"#);
    let messages = vec![(position_topic(tag), payload.into_bytes())];
    publish_all(client(spor.mqtt_port(), "it-publisher"), messages).await;
}

async fn zones(spor: &Spor) -> Vec<String> {
    let (_, listed) = spor.get("/api/v1/zones").await;
    let zones = listed["zones"].as_array().unwrap();
    zones.iter().map(|zone| zone["id"].as_str().unwrap().to_owned()).collect()
}

/// Awaits the tag in that room.
async fn await_zone(spor: &Spor, tag: &str, zone: serde_json::Value) {
    until("the tag in its room", 10, async || {
        let (status, view) = spor.get(&format!("/api/v1/tags/{tag}")).await;
        (status == 200 && view["place"]["zone"] == zone).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_new_room_is_listed_and_is_the_zone_of_the_next_position() {
    let site = SiteFile::new(&[("a", 0, 10)]);
    let Some(spor) = serve(&site).await else { return };
    assert_eq!(zones(&spor).await, ["a"]);
    publish(&spor, "walker", 25.0).await;
    await_zone(&spor, "walker", json!(null)).await;
    let version = async || spor.get("/api/v1/floors/0").await.1["version"].clone();
    let before = version().await;
    site.write(&[("a", 0, 10), ("annex", 20, 30)]);
    until("the new room", 10, async || (zones(&spor).await == ["a", "annex"]).then_some(())).await;
    assert_ne!(version().await, before, "pages tell the plans apart by their version");
    publish(&spor, "walker", 25.5).await;
    await_zone(&spor, "walker", json!("annex")).await;
    let database = postgres::connect(&spor.database).await;
    until("a row that names the new room", 10, async || {
        let query = "select 1 from position p join zone z on z.key = p.zone where z.id = 'annex'";
        database.query_opt(query, &[]).await.unwrap()
    })
    .await;
    // A room that is gone is left with the next position.
    site.write(&[("a", 0, 10), ("hall", 15, 35)]);
    until("the other room", 10, async || (zones(&spor).await == ["a", "hall"]).then_some(())).await;
    publish(&spor, "walker", 25.6).await;
    await_zone(&spor, "walker", json!("hall")).await;
    assert!(spor.metric("spor_site_file_in_use").await > 0.5);
    assert_eq!(spor.log().matches("the site file was read again").count(), 2);
}

#[tokio::test]
async fn an_invalid_edit_changes_nothing_and_is_said_once() {
    let site = SiteFile::new(&[("a", 0, 10)]);
    let Some(spor) = serve(&site).await else { return };
    site.write(&[("a", 0, 10), ("too-wide", 5, 30)]);
    until("the refusal", 10, async || {
        (spor.metric("spor_site_file_refused_total").await > 0.5).then_some(())
    })
    .await;
    assert!(spor.metric("spor_site_file_in_use").await < 0.5);
    std::fs::remove_file(site.path()).unwrap();
    tokio::time::sleep(Duration::from_secs(4)).await;
    let log = spor.log();
    assert_eq!(log.matches("feature too-wide").count(), 1, "said once: {log}");
    assert_eq!(zones(&spor).await, ["a"]);
    assert_eq!(spor.get("/readyz").await.0, 200, "the old building serves");
    publish(&spor, "walker", 5.0).await;
    await_zone(&spor, "walker", json!("a")).await;
    site.write(&[("a", 0, 10), ("mended", 10, 30)]);
    until("the mended file", 10, async || (zones(&spor).await == ["a", "mended"]).then_some(()))
        .await;
    assert!(spor.metric("spor_site_file_in_use").await > 0.5);
}

#[tokio::test]
async fn an_open_page_draws_the_new_building() {
    let site = SiteFile::new(&[("a", 0, 10)]);
    let Some(spor) = serve(&site).await else { return };
    let http = reqwest::Client::new();
    for (path, body) in [
        ("P1", json!({ "label": "Pump 1", "class": "infusion-pump" })),
        ("P1/tag", json!({ "tag": "tag-1" })),
    ] {
        let url = format!("{}/api/v1/assets/{path}", spor.http);
        assert!(http.put(url).json(&body).send().await.unwrap().status().is_success());
    }
    let url = format!("{}/wall?lang=en&test=1", spor.http);
    let Some(browser) = Browser::open(&url, 1280, 720).await else { return };
    until("the page to be ready", 20, async || {
        (browser.value("window.__spor && window.__spor.ready").await == json!(true)).then_some(())
    })
    .await;
    browser.value("window.notReloaded = true").await;
    site.write(&[("a", 0, 10), ("annex", 20, 30)]);
    until("the new room", 10, async || (zones(&spor).await.len() == 2).then_some(())).await;
    publish(&spor, "tag-1", 25.0).await;
    until("the page to name the new room", 10, async || {
        let at = browser.value("window.__spor.assetAt('P1')").await;
        (at["room"] == json!("Room annex") && at["onMap"] == json!(true)).then_some(())
    })
    .await;
    assert_eq!(browser.value("window.notReloaded").await, json!(true));
    browser.close().await;
}
