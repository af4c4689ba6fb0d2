//! From a tag's message to the API, to a row, to an event: the main job.

use crate::support::{
    Spor,
    client::{client, position_topic, publish_all},
    postgres, tool, until,
};
use rumqttc::{Event, Packet, QoS};
use std::{process::Command, time::Duration};

async fn publish(spor: &Spor, messages: &[(String, Vec<u8>)]) {
    publish_all(client(spor.mqtt_port(), "it-publisher"), messages.to_vec()).await;
}

/// The middle of a room of that kind: its id, x, y, floor.
async fn room(spor: &Spor, kind: &str) -> (String, f64, f64, i64) {
    for floor in 0..3 {
        let (_, geojson) = spor.get(&format!("/api/v1/floors/{floor}")).await;
        for feature in geojson["features"].as_array().unwrap() {
            if feature["properties"]["kind"] == kind {
                let label = &feature["properties"]["label"];
                let id = feature["id"].as_str().unwrap().to_owned();
                return (id, label[0].as_f64().unwrap(), label[1].as_f64().unwrap(), floor);
            }
        }
    }
    panic!("no room of kind {kind}")
}

#[tokio::test]
async fn a_position_of_mosquitto_pub_is_at_the_api_and_in_a_row() {
    let Some(mosquitto_pub) = tool("mosquitto_pub") else { return };
    let Some(spor) = Spor::serve(&[]).await else { return };
    let (zone, x_m, y_m, floor) = room(&spor, "storage").await;
    let sent = Command::new(mosquitto_pub)
        .args(["-h", "127.0.0.1", "-p", &spor.mqtt_port().to_string(), "-q", "1"])
        .args(["-t", &position_topic("pump-x"), "-m"])
        .arg(format!(r#"{{"x_m":{x_m},"y_m":{y_m},"floor":{floor}}}"#))
        .status()
        .unwrap();
    assert!(sent.success());
    let tag = until("the tag at the API", 5, async || {
        let (status, tag) = spor.get("/api/v1/tags/pump-x").await;
        (status == 200).then_some(tag)
    })
    .await;
    assert_eq!(tag["place"]["zone"], zone, "{tag}");
    let database = postgres::connect(&spor.database).await;
    let row = until("the row", 5, async || {
        let query = "select p.x_m, z.id from position p join tag t on t.id = p.tag join zone z on z.key = p.zone where t.name = 'pump-x'";
        database.query_opt(query, &[]).await.unwrap()
    })
    .await;
    assert!((f64::from(row.get::<_, f32>(0)) - x_m).abs() < 0.01);
    assert_eq!(row.get::<_, String>(1), zone);
}

#[tokio::test]
async fn every_form_of_message_is_understood_and_every_refusal_is_counted() {
    let Some(spor) = Spor::serve(&[]).await else { return };
    let (zone, x_m, y_m, floor) = room(&spor, "storage").await;
    let (_, readers) = spor.get(&format!("/api/v1/floors/{floor}")).await;
    let features = readers["features"].as_array().unwrap();
    let reader = features
        .iter()
        .find(|f| f["properties"]["feature"] == "reader" && f["properties"]["portal"] != true)
        .unwrap();
    let reader = reader["properties"]["reader"].as_str().or(reader["id"].as_str()).unwrap();
    let place = format!(r#""x_m":{x_m},"y_m":{y_m},"floor":{floor}"#);
    let position: spor_schemas::PositionMessage =
        serde_json::from_str(&format!("{{{place}}}")).unwrap();
    let good: Vec<(String, Vec<u8>)> = vec![
        (position_topic("json"), format!("{{{place}}}").into_bytes()),
        (position_topic("cbor"), spor_schemas::wire::to_cbor(&position)),
        (
            "spor/v1/engines/e1/positions".into(),
            format!(r#"[{{"tag":"of-engine",{place}}}]"#).into_bytes(),
        ),
        (
            format!("spor/v1/readers/{reader}/sightings"),
            br#"[{"tag":"heard","rssi_dbm":-60}]"#.to_vec(),
        ),
        ("spor/v1/tags/json/status".into(), br#"{"battery_pct":42,"firmware":"1.2.3"}"#.to_vec()),
        (format!("spor/v1/readers/{reader}/status"), br#"{"status":"online"}"#.to_vec()),
    ];
    let bad: Vec<(String, Vec<u8>, &str)> = vec![
        (position_topic("a"), b"not json".to_vec(), "malformed"),
        (position_topic("a"), br#"{"x_m":NaN,"y_m":1,"floor":0}"#.to_vec(), "malformed"),
        (position_topic("a"), br#"{"x_m":1e999,"y_m":1,"floor":0}"#.to_vec(), "malformed"),
        (position_topic("a"), br#"{"y_m":1,"floor":0}"#.to_vec(), "malformed"),
        (position_topic("a"), vec![b'['; 200_000], "malformed"),
        (position_topic("a"), vec![0xff, 0xfe, 0xfd], "malformed"),
        (position_topic("a"), vec![b' '; 1 << 20], "too_large"),
        (position_topic("a"), br#"{"x_m":1e8,"y_m":1,"floor":0}"#.to_vec(), "out_of_range"),
        (position_topic("a"), br#"{"x_m":1,"y_m":1,"floor":77}"#.to_vec(), "unknown_floor"),
        (position_topic("a"), br#"{"x_m":-5000,"y_m":1,"floor":0}"#.to_vec(), "off_site"),
        (
            position_topic("a"),
            format!(r#"{{{place},"time_ms":99999999999999}}"#).into_bytes(),
            "future_time",
        ),
        (position_topic("a"), format!(r#"{{{place},"time_ms":1}}"#).into_bytes(), "too_late"),
        ("spor/v7/tags/a/position".into(), b"{}".to_vec(), "unknown_version"),
        ("spor/v1/tags/a b/position".into(), b"{}".to_vec(), "invalid_id"),
    ];
    let mut all = good.clone();
    all.extend(bad.iter().map(|(topic, payload, _)| (topic.clone(), payload.clone())));
    all.push((position_topic("last"), format!("{{{place}}}").into_bytes()));
    publish(&spor, &all).await;
    // Acknowledged is admitted, not yet decided; the pipeline keeps the order.
    until("the last message to be decided", 10, async || {
        (spor.get("/api/v1/tags/last").await.0 == 200).then_some(())
    })
    .await;
    for tag in ["json", "cbor", "of-engine", "last"] {
        let (status, view) = spor.get(&format!("/api/v1/tags/{tag}")).await;
        assert_eq!(
            (status, view["place"]["zone"].as_str()),
            (200, Some(zone.as_str())),
            "{tag}: {view}"
        );
    }
    let (_, heard) = spor.get("/api/v1/tags/heard").await;
    assert_eq!(heard["place"]["room_only"], true, "{heard}");
    let (_, json) = spor.get("/api/v1/tags/json").await;
    assert_eq!(json["battery_pct"], 42);
    let (_, rejected) = spor.get("/api/v1/rejected").await;
    let listed: Vec<&str> = rejected["rejected"]
        .as_array()
        .unwrap()
        .iter()
        .map(|r| r["reason"].as_str().unwrap())
        .collect();
    for (topic, _, reason) in &bad {
        assert!(listed.contains(reason), "{topic}: {reason} is not in {listed:?}");
        let counted =
            spor.metric(&format!("spor_messages_rejected_total{{reason=\"{reason}\"}}")).await;
        assert!(counted >= 1.0, "{reason} is not counted");
    }
}

#[tokio::test]
async fn a_subscriber_hears_of_a_change_of_room() {
    let Some(spor) = Spor::serve(&[]).await else { return };
    let (client, mut events) = client(spor.mqtt_port(), "it-subscriber");
    client.subscribe("spor/v1/events/zone/+", QoS::AtMostOnce).await.unwrap();
    loop {
        if let Event::Incoming(Packet::SubAck(_)) = events.poll().await.unwrap() {
            break;
        }
    }
    let (zone, x_m, y_m, floor) = room(&spor, "storage").await;
    let payload = format!(r#"{{"x_m":{x_m},"y_m":{y_m},"floor":{floor}}}"#);
    client.publish(position_topic("walker"), QoS::AtLeastOnce, false, payload).await.unwrap();
    let heard = tokio::time::timeout(Duration::from_secs(10), async {
        loop {
            if let Event::Incoming(Packet::Publish(publish)) = events.poll().await.unwrap() {
                return publish;
            }
        }
    });
    let publish = heard.await.expect("an event");
    assert_eq!(publish.topic, "spor/v1/events/zone/walker");
    let event: spor_schemas::EventMessage = serde_json::from_slice(&publish.payload).unwrap();
    assert_eq!(event.zone.map(|z| z.to_string()), Some(zone));
    until("the event at the API", 5, async || {
        let (_, listed) = spor.get("/api/v1/events?tag=walker").await;
        (listed["events"][0]["id"] == event.id).then_some(())
    })
    .await;
}

#[tokio::test]
async fn assets_come_by_csv_and_by_rest_and_are_found() {
    let Some(url) = postgres::database().await else { return };
    let folder = tempfile::tempdir().unwrap();
    let csv = folder.path().join("assets.csv");
    std::fs::write(
        &csv,
        "id,label,class,home_ward,tag\nP1,Pump 1,infusion-pump,,tag-1\nB1,Bed 1,bed,,\n",
    )
    .unwrap();
    let imported = crate::support::program::command(&folder.path().join("data"))
        .env("SPOR_DATABASE__URL", &url)
        .args(["import-assets"])
        .arg(&csv)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&imported.stdout).into_owned();
    assert!(
        imported.status.success() && said.contains("2 assets imported, 1 with a tag"),
        "{said} {imported:?}"
    );
    let spor =
        Spor::start(&["serve"], &[("SPOR_DATABASE__URL", &url), ("SPOR_HTTP__OPEN", "true")]).await;
    let (_, found) = spor.get("/api/v1/assets?class=infusion-pump").await;
    assert_eq!(found["assets"][0]["id"], "P1");
    assert_eq!(found["assets"][0]["tag"], "tag-1");
    assert_eq!(found["assets"][0]["status"], "unknown", "never seen is unknown, not available");
    let put = reqwest::Client::new()
        .put(format!("{}/api/v1/assets/B1/tag", spor.http))
        .json(&serde_json::json!({ "tag": "tag-2" }))
        .send()
        .await
        .unwrap();
    assert!(put.status().is_success(), "{}", put.text().await.unwrap());
    let (_, bed) = spor.get("/api/v1/assets/B1").await;
    assert_eq!(bed["tag"], "tag-2");
    let (zone, x_m, y_m, floor) = room(&spor, "storage").await;
    let payload = format!(r#"{{"x_m":{x_m},"y_m":{y_m},"floor":{floor}}}"#);
    publish(
        &spor,
        &[
            (position_topic("tag-1"), payload.clone().into()),
            (position_topic("stray"), payload.into()),
        ],
    )
    .await;
    let near = until("the pump in its room", 10, async || {
        let (_, near) = spor.get(&format!("/api/v1/assets?class=infusion-pump&near={zone}")).await;
        (near["assets"][0]["place"]["zone"] == zone).then_some(near)
    })
    .await;
    until("the stray tag", 10, async || {
        (spor.get("/api/v1/tags/stray").await.0 == 200).then_some(())
    })
    .await;
    assert!(near["assets"][0]["distance_m"].as_f64().unwrap() < 5.0);
    let (_, strays) = spor.get("/api/v1/tags?bound=false").await;
    let names: Vec<_> = strays["tags"]
        .as_array()
        .unwrap()
        .iter()
        .map(|t| t["tag"].as_str().unwrap().to_owned())
        .collect();
    assert!(
        names.contains(&"stray".to_owned()) && !names.contains(&"tag-1".to_owned()),
        "{names:?}"
    );
}
