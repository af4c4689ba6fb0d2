//! The wall display in a real browser, fed by the real program and a real MQTT client.

use crate::support::{Spor, browser::Browser, tool, until};
use serde_json::json;
use std::process::Command;

async fn put(spor: &Spor, path: &str, body: serde_json::Value) {
    let url = format!("{}{path}", spor.http);
    let answer = reqwest::Client::new().put(url).json(&body).send().await.unwrap();
    assert!(answer.status().is_success(), "{path}: {}", answer.text().await.unwrap());
}

/// The middle of the storage rooms: id, name, x, y, floor.
async fn storage_rooms(spor: &Spor) -> Vec<(String, String, f64, f64, i64)> {
    let mut rooms = Vec::new();
    for floor in 0..3 {
        let (_, geojson) = spor.get(&format!("/api/v1/floors/{floor}")).await;
        for feature in geojson["features"].as_array().unwrap() {
            let properties = &feature["properties"];
            if properties["kind"] == "storage" {
                let text = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
                let label = |i: usize| properties["label"][i].as_f64().unwrap();
                rooms.push((
                    text(&feature["id"]),
                    text(&properties["name"]),
                    label(0),
                    label(1),
                    floor,
                ));
            }
        }
    }
    rooms
}

#[tokio::test]
async fn the_page_shows_within_a_second_what_a_client_has_published() {
    let Some(mosquitto_pub) = tool("mosquitto_pub") else { return };
    let Some(spor) = Spor::serve(&[]).await else { return };
    put(&spor, "/api/v1/assets/P77", json!({ "label": "Pump 77", "class": "infusion-pump" })).await;
    put(&spor, "/api/v1/assets/P77/tag", json!({ "tag": "tag-77" })).await;
    let rooms = storage_rooms(&spor).await;
    let publish = |room: &(String, String, f64, f64, i64)| {
        let payload =
            format!(r#"{{"x_m":{},"y_m":{},"floor":{},"accuracy_m":0.3}}"#, room.2, room.3, room.4);
        let sent = Command::new(&mosquitto_pub)
            .args(["-h", "127.0.0.1", "-p", &spor.mqtt_port().to_string(), "-q", "1"])
            .args(["-t", "spor/v1/tags/tag-77/position", "-m", &payload])
            .status()
            .unwrap();
        assert!(sent.success());
    };
    let Some(browser) =
        Browser::open(&format!("{}/wall?lang=en&test=1", spor.http), 1920, 1080).await
    else {
        return;
    };
    until("the page to be ready", 20, async || {
        (browser.value("window.__spor && window.__spor.ready").await == json!(true)).then_some(())
    })
    .await;
    for room in [&rooms[0], &rooms[1], &rooms[2]] {
        publish(room);
        let sent = std::time::Instant::now();
        let shown = until("the page to show the room", 10, async || {
            let at = browser.value("window.__spor.assetAt('P77')").await;
            (at["zone"] == json!(room.0)).then_some(sent.elapsed())
        })
        .await;
        println!("shown after {} ms", shown.as_millis());
        assert!(shown.as_millis() < 2_000, "a second on a quiet machine, here {shown:?}");
    }
    let text = browser.text().await;
    assert!(text.contains("Live"), "{text}");
    browser.close().await;
}

#[tokio::test]
async fn no_request_leaves_the_server_and_a_lost_server_is_said() {
    let Some(mut spor) = Spor::serve(&[]).await else { return };
    let Some(browser) =
        Browser::open(&format!("{}/wall?lang=en&test=1", spor.http), 1920, 1080).await
    else {
        return;
    };
    until("the page to be ready", 20, async || {
        (browser.value("window.__spor && window.__spor.ready").await == json!(true)).then_some(())
    })
    .await;
    let foreign = browser
        .value("performance.getEntriesByType('resource').filter(e => !e.name.startsWith(location.origin)).map(e => e.name)")
        .await;
    assert_eq!(foreign, json!([]));
    spor.kill();
    until("the page to say that it lost the server", 40, async || {
        browser.text().await.contains("No connection since").then_some(())
    })
    .await;
    browser.close().await;
}

#[tokio::test]
async fn a_wrong_ward_is_answered_with_the_valid_ones() {
    let Some(spor) = Spor::serve(&[]).await else { return };
    let url = format!("{}/wall?lang=en&test=1&ward=NOWHERE", spor.http);
    let Some(browser) = Browser::open(&url, 1920, 1080).await else { return };
    until("the list of wards", 20, async || {
        let text = browser.text().await;
        (text.contains("NOWHERE") && text.contains("C1")).then_some(())
    })
    .await;
    browser.close().await;
}
