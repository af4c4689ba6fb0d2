//! Staff are tracked, for purposes, not watched: a badge appears nowhere but to a coordinator.

use crate::support::{
    Spor,
    client::{client, position_topic, publish_all},
    postgres, program,
    site::{MIDDLE_Y_M, SiteFile},
    until,
};
use serde_json::json;
use std::time::Duration;

async fn send(spor: &Spor, tag: &str, x_m: f64, y_m: f64, floor: i64) {
    send_payload(spor, tag, format!(r#"{{"x_m":{x_m},"y_m":{y_m},"floor":{floor}}}"#)).await;
}

async fn send_payload(spor: &Spor, tag: &str, payload: String) {
    publish(spor, &format!("it-{tag}"), &position_topic(tag), payload).await;
}

async fn publish(spor: &Spor, id: &str, topic: &str, payload: String) {
    publish_all(client(spor.mqtt_port(), id), vec![(topic.to_owned(), payload.into())]).await;
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
    bind_person(spor, token, "P-0001", "nurse", tag).await;
}

async fn bind_person(spor: &Spor, token: &str, pseudonym: &str, role: &str, tag: &str) {
    let http = reqwest::Client::new();
    let put = |path: String, body: serde_json::Value| {
        http.put(format!("{}{path}", spor.http)).bearer_auth(token).json(&body).send()
    };
    let path = format!("/api/v1/people/{pseudonym}");
    let person = put(path.clone(), json!({ "role": role })).await.unwrap();
    assert!(person.status().is_success(), "{}", person.text().await.unwrap());
    let bound = put(format!("{path}/tag"), json!({ "tag": tag })).await.unwrap();
    assert!(bound.status().is_success(), "{}", bound.text().await.unwrap());
}

/// The status and the body of a GET with a token.
async fn get(spor: &Spor, token: Option<&str>, path: &str) -> (u16, serde_json::Value) {
    let request = reqwest::Client::new().get(format!("{}{path}", spor.http));
    let request = match token {
        Some(token) => request.bearer_auth(token),
        None => request,
    };
    let answer = request.send().await.unwrap();
    (answer.status().as_u16(), answer.json().await.unwrap_or_default())
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

#[tokio::test]
async fn who_looked_people_up_is_told_to_coordinator_and_admin_only() {
    let Some(spor) = Spor::serve(&[]).await else { return };
    let (coordinator, admin) = (token(&spor, "coordinator"), token(&spor, "admin"));
    let manager = token(&spor, "manager");
    for purpose in ["duress", "nearest_porter"] {
        let path = format!("/api/v1/people?purpose={purpose}&role=porter");
        assert_eq!(get(&spor, Some(&coordinator), &path).await.0, 200);
    }
    for reader in [&coordinator, &admin] {
        let (status, listed) = get(&spor, Some(reader), "/api/v1/lookups").await;
        let lookups = listed["lookups"].as_array().unwrap();
        assert_eq!((status, lookups.len()), (200, 2), "{listed}");
        assert_eq!(lookups[0]["purpose"], "nearest_porter", "the newest first");
        assert_eq!(lookups[0]["actor"], "it-coordinator");
        assert_eq!(lookups[0]["filter"], "role=porter near=anywhere");
        assert_eq!(listed["next_cursor"], json!(null));
    }
    let (_, first) = get(&spor, Some(&admin), "/api/v1/lookups?limit=1").await;
    let next = format!("/api/v1/lookups?limit=1&cursor={}", first["next_cursor"]);
    let (_, second) = get(&spor, Some(&admin), &next).await;
    assert_eq!(second["lookups"][0]["purpose"], "duress", "{second}");
    assert_eq!(get(&spor, Some(&manager), "/api/v1/lookups").await.0, 403);
    assert_eq!(get(&spor, None, "/api/v1/lookups").await.0, 401, "not open though equipment is");
}

#[tokio::test]
async fn a_deleted_person_is_gone_at_once_with_binding_and_place() {
    let Some(spor) = Spor::serve(&[]).await else { return };
    let (coordinator, admin) = (token(&spor, "coordinator"), token(&spor, "admin"));
    bind(&spor, &admin, "badge-3").await;
    let (_, x_m, y_m, floor) = room(&spor, "corridor").await;
    send(&spor, "badge-3", x_m, y_m, floor).await;
    let people = "/api/v1/people?purpose=duress";
    until("the nurse for the coordinator", 5, async || {
        let (_, found) = get(&spor, Some(&coordinator), people).await;
        (!found["people"][0]["zone"].is_null()).then_some(())
    })
    .await;
    let delete = async |token: &str| {
        let url = format!("{}/api/v1/people/P-0001", spor.http);
        reqwest::Client::new().delete(url).bearer_auth(token).send().await.unwrap().status()
    };
    let engineer = token(&spor, "engineer");
    assert_eq!(delete(&engineer).await, 403);
    assert_eq!(delete(&admin).await, 204);
    let (_, found) = get(&spor, Some(&coordinator), people).await;
    assert_eq!(found["people"], json!([]));
    assert_eq!(delete(&admin).await, 404, "there is nobody of that name any more");
    let database = postgres::connect(&spor.database).await;
    let left = "select (select count(*) from person) + (select count(*) from tag_binding)";
    assert_eq!(database.query_one(left, &[]).await.unwrap().get::<_, i64>(0), 0);
    // The same pseudonym with another badge begins anew: its old place is not taken over.
    bind(&spor, &admin, "badge-4").await;
    let (_, found) = get(&spor, Some(&coordinator), people).await;
    assert_eq!(
        (&found["people"][0]["state"], &found["people"][0]["zone"]),
        (&json!("unknown"), &json!(null))
    );
}

#[tokio::test]
async fn presence_is_told_by_role_without_small_groups() {
    let Some(spor) = Spor::serve(&[]).await else { return };
    let (admin, manager) = (token(&spor, "admin"), token(&spor, "manager"));
    let (corridor, x_m, y_m, floor) = room(&spor, "corridor").await;
    let now_ms = jiff::Timestamp::now().as_millisecond();
    let last_quarter_ms = now_ms - now_ms % 900_000 - 900_000;
    let time_ms = last_quarter_ms + 840_000;
    for (role, count) in [("nurse", 7), ("porter", 4)] {
        for n in 0..count {
            let badge = format!("{role}-badge-{n}");
            bind_person(&spor, &admin, &format!("{role}-{n}"), role, &badge).await;
            let payload =
                format!(r#"{{"time_ms":{time_ms},"x_m":{x_m},"y_m":{y_m},"floor":{floor}}}"#);
            send_payload(&spor, &badge, payload).await;
        }
    }
    let database = postgres::connect(&spor.database).await;
    until("both groups to be stored", 10, async || {
        let query = "select 1 from presence having max(persons) filter (where role = 'nurse') = 7
                     and max(persons) filter (where role = 'porter') = 4";
        database.query_opt(query, &[]).await.unwrap()
    })
    .await;
    let (status, told) = get(&spor, Some(&manager), "/api/v1/presence").await;
    assert_eq!(status, 200, "{told}");
    let groups = told["groups"].as_array().unwrap();
    assert_eq!(groups.len(), 1, "four porters are too few to be told: {told}");
    assert_eq!((&groups[0]["role"], &groups[0]["zone"]), (&json!("nurse"), &json!(corridor)));
    assert_eq!(groups[0]["persons_at_least"], 5, "seven are at least five: {told}");
    let (_, porters) = get(&spor, Some(&manager), "/api/v1/presence?role=porter").await;
    assert_eq!(porters["groups"], json!([]));
    let quarter = jiff::Timestamp::from_millisecond(last_quarter_ms).unwrap();
    let before = format!("/api/v1/presence?to={quarter}");
    assert_eq!(get(&spor, Some(&manager), &before).await.1["groups"], json!([]));
    let wrong = format!("/api/v1/presence?from={quarter}&to=2020-01-01T00:00:00Z");
    assert_eq!(get(&spor, Some(&manager), &wrong).await.0, 400);
    assert_eq!(get(&spor, None, "/api/v1/presence").await.0, 401, "not open though equipment is");
}

/// Every file of the logs and checkpoints that holds these bytes.
fn files_with(spor: &Spor, bytes: &[u8]) -> Vec<std::path::PathBuf> {
    let mut folders = vec![spor.data_dir()];
    let mut found = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap().flatten() {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
            } else if std::fs::read(&path).unwrap().windows(bytes.len()).any(|w| w == bytes) {
                found.push(path);
            }
        }
    }
    found
}

#[tokio::test]
async fn what_a_badge_sends_is_on_disk_only_under_a_seal() {
    // Small files are searched quickly.
    let Some(mut spor) = Spor::serve(&[("SPOR_JOURNAL__SEGMENT_BYTES", "65536")]).await else {
        return;
    };
    let coordinator = token(&spor, "coordinator");
    let admin = token(&spor, "admin");
    bind(&spor, &admin, "badge-7").await;
    let (zone, x_m, y_m, floor) = room(&spor, "nurse_station").await;
    let (badge_x, pump_x) = (x_m + 0.123_456_789, x_m + 0.234_567_891);
    send(&spor, "badge-7", badge_x, y_m, floor).await;
    send(&spor, "pump-7", pump_x, y_m, floor).await;
    // An array about both becomes two records.
    let both = format!(
        r#"[{{"tag":"badge-7","x_m":{badge_x},"y_m":{y_m},"floor":0}},{{"tag":"pump-8","x_m":{pump_x},"y_m":{y_m},"floor":0}}]"#
    );
    publish(&spor, "it-engine", "spor/v1/engines/e/positions", both).await;
    until("the badge's room and both pumps", 10, async || {
        let people = get(&spor, Some(&coordinator), "/api/v1/people?purpose=nearest_porter").await;
        let seen = people.1.to_string().contains(&zone);
        let pump = spor.get("/api/v1/tags/pump-8").await.0 == 200;
        (seen && pump).then_some(())
    })
    .await;
    // A stop leaves a checkpoint behind.
    assert!(spor.stop().success());
    for (name, x_m) in [("pump", pump_x), ("badge", badge_x)] {
        let text = files_with(&spor, format!("{x_m}").as_bytes());
        let binary = files_with(&spor, &x_m.to_le_bytes());
        if name == "pump" {
            assert!(!text.is_empty() && !binary.is_empty(), "the search finds what is there");
        } else {
            assert!(text.is_empty() && binary.is_empty(), "in plain: {text:?} {binary:?}");
        }
    }
}

#[tokio::test]
async fn a_room_that_becomes_a_room_of_rest_no_longer_tells_who_was_last_in_it() {
    let rooms = [("quiet", 0, 10)];
    let site = SiteFile::new(&rooms);
    let path = site.path().display().to_string();
    let Some(spor) = Spor::serve(&[("SPOR_SITE__FILE", path.as_str())]).await else { return };
    let (coordinator, admin) = (token(&spor, "coordinator"), token(&spor, "admin"));
    bind(&spor, &admin, "badge-9").await;
    send(&spor, "badge-9", 5.0, MIDDLE_Y_M, 0).await;
    let nurse = async || {
        let path = "/api/v1/people?purpose=nearest_porter&role=nurse";
        get(&spor, Some(&coordinator), path).await.1["people"][0].clone()
    };
    until("the nurse in the room", 10, async || (nurse().await["zone"] == "quiet").then_some(()))
        .await;
    site.change_kind(&rooms, "rest");
    until("the new building", 10, async || {
        spor.get("/api/v1/zones").await.1.to_string().contains("\"rest\"").then_some(())
    })
    .await;
    let nurse = nurse().await;
    assert_eq!(nurse["pseudonym"], "P-0001", "{nurse}");
    for field in ["zone", "zone_name", "floor", "seen_at"] {
        assert!(nurse[field].is_null(), "{field}: {nurse}");
    }
}
