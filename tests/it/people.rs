//! Staff are tracked, for purposes, not watched: a badge appears nowhere but to a coordinator.

use crate::support::{Spor, postgres, program, until};
use serde_json::json;
use std::time::Duration;

async fn send(spor: &Spor, tag: &str, x_m: f64, y_m: f64, floor: i64) {
    let mut options = rumqttc::MqttOptions::new(format!("it-{tag}"), "127.0.0.1", spor.mqtt_port());
    options.set_keep_alive(Duration::from_secs(30));
    let (client, mut events) = rumqttc::AsyncClient::new(options, 10);
    let payload = format!(r#"{{"x_m":{x_m},"y_m":{y_m},"floor":{floor}}}"#);
    let topic = format!("spor/v1/tags/{tag}/position");
    client.publish(topic, rumqttc::QoS::AtLeastOnce, false, payload).await.unwrap();
    while !matches!(
        events.poll().await.unwrap(),
        rumqttc::Event::Incoming(rumqttc::Packet::PubAck(_))
    ) {}
}

/// The middle of a room of that kind.
async fn room(spor: &Spor, kind: &str) -> (String, f64, f64, i64) {
    let (_, geojson) = spor.get("/api/v1/floors/0").await;
    let features = geojson["features"].as_array().unwrap();
    let room = features.iter().find(|f| f["properties"]["kind"] == kind).expect(kind);
    let label = &room["properties"]["label"];
    (
        room["id"].as_str().unwrap().to_owned(),
        label[0].as_f64().unwrap(),
        label[1].as_f64().unwrap(),
        0,
    )
}

async fn bind(spor: &Spor, token: &str, tag: &str) {
    let http = reqwest::Client::new();
    let put = |path: String, body: serde_json::Value| {
        http.put(format!("{}{path}", spor.http)).bearer_auth(token).json(&body).send()
    };
    let person = put("/api/v1/people/P-0001".to_owned(), json!({ "role": "nurse" })).await.unwrap();
    assert!(person.status().is_success(), "{}", person.text().await.unwrap());
    let bound = put("/api/v1/people/P-0001/tag".to_owned(), json!({ "tag": tag })).await.unwrap();
    assert!(bound.status().is_success(), "{}", bound.text().await.unwrap());
}

fn token(spor: &Spor, role: &str) -> String {
    let made = program::command(&spor.data_dir())
        .args(["token", "add", &format!("it-{role}"), "--role", role])
        .output()
        .unwrap();
    assert!(made.status.success(), "{made:?}");
    String::from_utf8(made.stdout).unwrap().trim().to_owned()
}

#[tokio::test]
async fn a_badge_appears_nowhere_but_to_a_coordinator_with_a_purpose() {
    let Some(spor) = Spor::serve(&[]).await else { return };
    let coordinator = token(&spor, "coordinator");
    let admin = token(&spor, "admin");
    let (station, x_m, y_m, floor) = room(&spor, "corridor").await;
    send(&spor, "badge-1", x_m, y_m, floor).await;
    let database = postgres::connect(&spor.database).await;
    until("the row of a tag that nobody wears yet", 5, async || {
        let query = "select 1 from position p join tag t on t.id = p.tag where t.name = 'badge-1'";
        database.query_opt(query, &[]).await.unwrap()
    })
    .await;

    bind(&spor, &admin, "badge-1").await;
    until("the pipeline to let the tag go", 5, async || {
        (spor.get("/api/v1/tags/badge-1").await.0 == 404).then_some(())
    })
    .await;
    send(&spor, "badge-1", x_m + 0.3, y_m, floor).await;

    let http = reqwest::Client::new();
    let people = |token: Option<String>, query: &str| {
        let request = http.get(format!("{}/api/v1/people{query}", spor.http));
        let request = match token {
            Some(token) => request.bearer_auth(token),
            None => request,
        };
        request.send()
    };
    let purpose = "?purpose=nearest_porter&role=nurse";
    let found = until("the nurse for the coordinator", 5, async || {
        let answer = people(Some(coordinator.clone()), purpose).await.unwrap();
        assert_eq!(answer.status(), 200);
        let found: serde_json::Value = answer.json().await.unwrap();
        (!found["people"][0]["zone"].is_null()).then_some(found)
    })
    .await;
    let nurse = found["people"][0].to_string();
    assert!(nurse.contains(&station) && nurse.contains("P-0001"), "{nurse}");
    assert!(!nurse.contains("x_m") && !nurse.contains("badge-1"), "a room, not a spot: {nurse}");

    assert_eq!(people(None, purpose).await.unwrap().status(), 401);
    assert_eq!(people(Some(admin.clone()), "").await.unwrap().status().as_u16() / 100, 4);
    let purposeless = people(Some(coordinator.clone()), "").await.unwrap().status().as_u16();
    assert!([400, 422].contains(&purposeless), "{purposeless}");

    assert_eq!(spor.get("/api/v1/tags/badge-1").await.0, 404);
    assert_eq!(spor.get("/api/v1/tags/badge-1/history").await.0, 404);
    for path in [
        "/api/v1/tags",
        "/api/v1/tags?bound=true",
        "/api/v1/tags?bound=false",
        "/api/v1/assets",
        "/api/v1/events",
        "/api/v1/rejected",
        "/api/v1/zones",
    ] {
        let (_, body) = spor.get(path).await;
        let text = body.to_string();
        assert!(!text.contains("badge-1") && !text.contains("P-0001"), "{path}: {text}");
    }
    let stored = "select (select count(*) from position p join tag t on t.id = p.tag where t.name = 'badge-1')
        + (select count(*) from visit v join tag t on t.id = v.tag where t.name = 'badge-1')
        + (select count(*) from event e join tag t on t.id = e.tag where t.name = 'badge-1')";
    until("what was stored of it before to be deleted", 5, async || {
        (database.query_one(stored, &[]).await.unwrap().get::<_, i64>(0) == 0).then_some(())
    })
    .await;
    until("presence by role", 5, async || {
        let query = "select persons from presence where role = 'nurse'";
        database.query_opt(query, &[]).await.unwrap().filter(|row| row.get::<_, i32>(0) == 1)
    })
    .await;
    let lookups = "select count(*) from person_lookup where purpose = 'nearest_porter' and actor = 'it-coordinator'";
    assert!(database.query_one(lookups, &[]).await.unwrap().get::<_, i64>(0) >= 1);
}

#[tokio::test]
async fn nobody_is_tracked_in_a_toilet() {
    let Some(spor) = Spor::serve(&[]).await else { return };
    let (admin, coordinator) = (token(&spor, "admin"), token(&spor, "coordinator"));
    bind(&spor, &admin, "badge-2").await;
    tokio::time::sleep(Duration::from_millis(1_200)).await;
    let (toilet, x_m, y_m, floor) = room(&spor, "toilet").await;
    send(&spor, "badge-2", x_m, y_m, floor).await;
    let (corridor, x_m, y_m, floor) = room(&spor, "corridor").await;
    send(&spor, "badge-2", x_m, y_m, floor).await;
    let text = until("the nurse in the corridor", 5, async || {
        let answer = reqwest::Client::new()
            .get(format!("{}/api/v1/people?purpose=duress", spor.http))
            .bearer_auth(&coordinator)
            .send()
            .await
            .unwrap();
        let text = answer.text().await.unwrap();
        text.contains(&corridor).then_some(text)
    })
    .await;
    assert!(!text.contains(&toilet), "{text}");
    let database = postgres::connect(&spor.database).await;
    let query =
        "select count(*) from presence p join zone z on z.key = p.zone where z.kind = 'toilet'";
    assert_eq!(database.query_one(query, &[]).await.unwrap().get::<_, i64>(0), 0);
}
