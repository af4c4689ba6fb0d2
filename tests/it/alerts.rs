//! Alerts of the built program: raised once, ended by themselves, told by MQTT and a signed webhook.

mod webhook;

use crate::support::{
    Spor,
    browser::Browser,
    client::{client, position_topic, publish_all},
    postgres,
    site::{MIDDLE_Y_M, SiteFile},
    until,
};
use rumqttc::{Event, Packet, QoS};
use serde_json::{Value, json};
use std::{
    path::Path,
    sync::{Arc, Mutex},
    time::Duration,
};

const RULES: &str = r#"
format = "spor-rules/1"
dwell_s = 1

[[rule]]
name = "shelf"
room = ["storage"]
status = "available"
"#;

/// The middles of the store and of the way out, metres east.
const STORE: f64 = 5.0;
const DOOR: f64 = 25.0;
/// A place outside, in no room.
const YARD: f64 = 65.0;

/// A store of ward C1, the way out of the building, the yard, and a reader in the store; times of seconds.
struct Hospital {
    folder: tempfile::TempDir,
    /// Held so that the file stays.
    site: SiteFile,
}

impl Hospital {
    fn new() -> Self {
        let site = SiteFile::new(&[("store", 0, 10), ("door", 20, 30)]);
        let text = std::fs::read_to_string(site.path()).unwrap();
        let mut file: Value = serde_json::from_str(&text).unwrap();
        let features = file["features"].as_array_mut().unwrap();
        for feature in features.iter_mut() {
            match feature["id"].as_str().unwrap() {
                "store" => feature["properties"]["ward"] = json!("C1"),
                "door" => feature["properties"]["kind"] = json!("entrance"),
                _ => {}
            }
        }
        features.push(json!({
            "type": "Feature", "id": "gate", "properties": {"feature": "reader", "floor": 0},
            "geometry": {"type": "Point", "coordinates": [STORE, MIDDLE_Y_M]},
        }));
        features.push(json!({
            "type": "Feature", "id": "yard",
            "properties": {"feature": "zone", "floor": 0, "name": "Yard", "exit": true},
            "geometry": {"type": "Polygon", "coordinates": [[[55, 30], [75, 30], [75, 55], [55, 55], [55, 30]]]},
        }));
        std::fs::write(site.path(), file.to_string()).unwrap();
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("rules.toml"), RULES).unwrap();
        Self { folder, site }
    }

    async fn serve(&self, more: &[(&str, &str)]) -> Option<Spor> {
        let site = self.site.path();
        let rules = self.folder.path().join("rules.toml");
        let text = |path: &Path| path.to_str().unwrap().to_owned();
        let mut settings: Vec<(String, String)> = vec![
            ("SPOR_SITE__FILE".into(), text(&site)),
            ("SPOR_UTILISATION__RULES".into(), text(&rules)),
            ("SPOR_ALERTS__EVERY_S".into(), "1".into()),
        ];
        for kind in ["PAR", "LEAVING", "READER", "BATTERY"] {
            settings.push((format!("SPOR_ALERTS__{kind}__FOR_S"), "2".into()));
            settings.push((format!("SPOR_ALERTS__{kind}__CLEAR_S"), "1".into()));
        }
        let mut settings: Vec<(&str, &str)> =
            settings.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
        settings.extend_from_slice(more);
        let spor = Spor::serve(&settings).await?;
        for (asset, tag) in [("P1", "t1"), ("P2", "t2")] {
            let body = json!({ "label": format!("Pump {asset}"), "class": "infusion-pump", "home_ward": "C1" });
            put(&spor, &format!("assets/{asset}"), body).await;
            put(&spor, &format!("assets/{asset}/tag"), json!({ "tag": tag })).await;
        }
        Some(spor)
    }
}

async fn put(spor: &Spor, path: &str, body: Value) {
    let url = format!("{}/api/v1/{path}", spor.http);
    let answer = reqwest::Client::new().put(url).json(&body).send().await.unwrap();
    assert!(answer.status().is_success(), "{}", answer.text().await.unwrap());
}

async fn post_as(spor: &Spor, token: Option<&str>, path: &str) -> (u16, Value) {
    let request = reqwest::Client::new().post(format!("{}/api/v1/{path}", spor.http));
    let request = match token {
        Some(token) => request.bearer_auth(token),
        None => request,
    };
    let answer = request.json(&json!({})).send().await.unwrap();
    (answer.status().as_u16(), answer.json().await.unwrap())
}

async fn get_as(spor: &Spor, token: &str, path: &str) -> (u16, Value) {
    let request = reqwest::Client::new().get(format!("{}/api/v1/{path}", spor.http));
    let answer = request.bearer_auth(token).send().await.unwrap();
    (answer.status().as_u16(), answer.json().await.unwrap())
}

async fn publish(spor: &Spor, topic: String, payload: String) {
    publish_all(client(spor.mqtt_port(), "it-publisher"), vec![(topic, payload.into_bytes())])
        .await;
}

async fn is_at(spor: &Spor, tag: &str, x_m: f64) {
    let payload = format!(
        r#"{{"x_m":{x_m},"y_m":{MIDDLE_Y_M},"floor":0,"accuracy_m":0.3,"battery_pct":80}}"#
    );
    publish(spor, position_topic(tag), payload).await;
    tokio::time::sleep(Duration::from_millis(200)).await;
}

/// A thing is carried somewhere and stays there for as long as a change of room takes.
async fn carry(spor: &Spor, tag: &str, x_m: f64) {
    let asset = if tag == "t1" { "P1" } else { "P2" };
    let room = if (x_m - STORE).abs() < 1.0 { "store" } else { "door" };
    until(&format!("{asset} in {room}"), 20, async || {
        is_at(spor, tag, x_m).await;
        let (_, asset) = spor.get(&format!("/api/v1/assets/{asset}")).await;
        (asset["place"]["zone"] == room).then_some(())
    })
    .await;
}

async fn reader_says(spor: &Spor, word: &str) {
    let payload = format!(r#"{{"status":"{word}"}}"#);
    publish(spor, "spor/v1/readers/gate/status".to_owned(), payload).await;
}

/// `kind subject severity state` of all alerts, sorted.
async fn alerts(spor: &Spor) -> Vec<String> {
    let (status, listed) = spor.get("/api/v1/alerts").await;
    assert_eq!(status, 200, "{listed}");
    let words = |alert: &Value| {
        let word = |key: &str| alert[key].as_str().unwrap().to_owned();
        [word("kind"), word("subject"), word("severity"), word("state")].join(" ")
    };
    let mut listed: Vec<_> = listed["alerts"].as_array().unwrap().iter().map(words).collect();
    listed.sort();
    listed
}

async fn await_alerts(spor: &Spor, wanted: &[&str]) {
    let mut last = Vec::new();
    let found = until("alerts", 30, async || {
        last = alerts(spor).await;
        (last == wanted).then_some(())
    });
    if tokio::time::timeout(Duration::from_secs(25), found).await.is_err() {
        panic!("{:?}, expected {wanted:?}", alerts(spor).await);
    }
}

async fn id_of(spor: &Spor, kind: &str) -> String {
    let (_, listed) = spor.get(&format!("/api/v1/alerts?kind={kind}")).await;
    listed["alerts"][0]["id"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_pump_carried_out_a_ward_below_par_and_a_reader_unplugged_are_one_alert_each() {
    let hospital = Hospital::new();
    let Some(mut spor) = hospital.serve(&[]).await else { return };
    let heard: Arc<Mutex<Vec<Value>>> = Arc::default();
    let (subscriber, mut events) = client(spor.mqtt_port(), "it-subscriber");
    subscriber.subscribe("spor/v1/events/alert/+", QoS::AtLeastOnce).await.unwrap();
    let listening = tokio::spawn({
        let heard = heard.clone();
        async move {
            while let Ok(event) = events.poll().await {
                if let Event::Incoming(Packet::Publish(message)) = event {
                    let told: Value = serde_json::from_slice(&message.payload).unwrap();
                    assert_eq!(
                        message.topic,
                        format!("spor/v1/events/alert/{}", told["id"].as_str().unwrap())
                    );
                    heard.lock().unwrap().push(told);
                }
            }
        }
    });
    carry(&spor, "t1", STORE).await;
    carry(&spor, "t2", STORE).await;
    until("two pumps that stand ready", 20, async || {
        let (_, found) = spor.get("/api/v1/assets?status=available").await;
        (found["assets"].as_array().unwrap().len() == 2).then_some(())
    })
    .await;
    put(&spor, "par/infusion-pump/C1", json!({ "target": 2, "critical": 1 })).await;
    tokio::time::sleep(Duration::from_secs(5)).await;
    assert_eq!(alerts(&spor).await, Vec::<String>::new(), "nothing is wrong");

    carry(&spor, "t1", DOOR).await;
    reader_says(&spor, "offline").await;
    let low = "par infusion-pump/C1 low open";
    await_alerts(&spor, &["leaving P1 critical open", low, "reader gate low open"]).await;
    carry(&spor, "t2", DOOR).await;
    let all = [
        "leaving P1 critical open",
        "leaving P2 critical open",
        "par infusion-pump/C1 critical open",
        "reader gate low open",
    ];
    await_alerts(&spor, &all).await;
    let changes = |kind: &str, subject: &str| {
        let heard = heard.lock().unwrap();
        let of = |told: &&Value| told["kind"] == kind && told["subject"] == subject;
        heard
            .iter()
            .filter(of)
            .map(|told| told["change"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    until("the news of it", 10, async || {
        (changes("par", "infusion-pump/C1") == ["opened", "raised"]
            && changes("leaving", "P2") == ["opened"]
            && changes("reader", "gate") == ["opened"])
        .then_some(())
    })
    .await;
    listening.abort();

    spor.kill();
    spor.start_again().await;
    // Longer than any cause must hold or be gone.
    tokio::time::sleep(Duration::from_secs(8)).await;
    assert_eq!(alerts(&spor).await, all, "a restart opens no second one and ends none");
    let (_, par) = spor.get("/api/v1/alerts?kind=par&ward=C1").await;
    assert_eq!(par["alerts"][0]["reason"], "0 of 2 stand ready", "{par}");

    carry(&spor, "t1", STORE).await;
    carry(&spor, "t2", STORE).await;
    reader_says(&spor, "online").await;
    let resolved = all.map(|alert| alert.replace("open", "resolved"));
    await_alerts(&spor, &resolved.each_ref().map(String::as_str)).await;
    let database = postgres::connect(&spor.database_url()).await;
    let sql = "select count(*), count(*) filter (where by_itself) from rpt_alert";
    let counts = database.query_one(sql, &[]).await.unwrap();
    assert_eq!((counts.get::<_, i64>(0), counts.get::<_, i64>(1)), (4, 4));
    let sql = "select count(*) from alert_notice where told_at is not null";
    let told: i64 = database.query_one(sql, &[]).await.unwrap().get(0);
    assert_eq!(told, 9, "four opened, one raised, four resolved");
    until("the metric", 5, async || {
        (spor.metric_if_told("spor_alerts{").await? < 0.5).then_some(())
    })
    .await;
}

#[tokio::test]
async fn an_alert_that_ended_while_spor_was_away_is_resolved_after_the_start() {
    let hospital = Hospital::new();
    let Some(mut spor) = hospital.serve(&[]).await else { return };
    reader_says(&spor, "offline").await;
    await_alerts(&spor, &["reader gate low open"]).await;
    spor.kill();
    let database = postgres::connect(&spor.database_url()).await;
    database.execute("update reader set online = true, changed_at = now()", &[]).await.unwrap();
    spor.start_again().await;
    await_alerts(&spor, &["reader gate low resolved"]).await;
}

#[tokio::test]
async fn what_is_in_a_zone_outside_is_leaving_until_it_is_seen_elsewhere() {
    let hospital = Hospital::new();
    let Some(spor) = hospital.serve(&[]).await else { return };
    carry(&spor, "t1", STORE).await;
    until("an alert of the yard", 20, async || {
        is_at(&spor, "t1", YARD).await;
        (alerts(&spor).await == ["leaving P1 critical open"]).then_some(())
    })
    .await;
    let (_, listed) = spor.get("/api/v1/alerts?ward=C1&kind=leaving").await;
    assert_eq!(listed["alerts"][0]["reason"], "in Yard", "{listed}");
    carry(&spor, "t1", STORE).await;
    await_alerts(&spor, &["leaving P1 critical resolved"]).await;
}

#[tokio::test]
async fn who_answers_alerts_and_what_a_wall_sees_of_them() {
    let hospital = Hospital::new();
    let Some(spor) = hospital.serve(&[("SPOR_HTTP__OPEN", "false")]).await else { return };
    let token =
        |name: &str, more: &[&str]| spor.token(&[&["add", name, "--role"], more].concat(), "");
    carry(&spor, "t1", DOOR).await;
    await_alerts(&spor, &["leaving P1 critical open"]).await;
    let id = id_of(&spor, "leaving").await;
    let porter = token("porter", &["porter"]);
    let desk = token("desk-2", &["coordinator"]);
    let ours = token("wall-c1", &["wall", "--wards", "C1"]);
    let theirs = token("wall-d1", &["wall", "--wards", "D1"]);
    let acknowledge = format!("alerts/{id}/acknowledge");
    assert_eq!(post_as(&spor, Some(&porter), &acknowledge).await.0, 403);
    let (status, taken) = post_as(&spor, Some(&desk), &acknowledge).await;
    assert_eq!((status, &taken["state"]), (200, &json!("acknowledged")), "{taken}");
    assert_eq!(taken["acknowledged_by"], "desk-2");
    assert_eq!((&taken["label"], &taken["zone"]), (&json!("Pump P1"), &json!("door")));

    let (_, seen) = get_as(&spor, &porter, "alerts?state=acknowledged&ward=C1").await;
    assert_eq!(seen["alerts"][0]["acknowledged_by"], "desk-2", "{seen}");
    let (_, seen) = get_as(&spor, &ours, "alerts").await;
    assert_eq!(seen["alerts"][0]["id"], id.as_str(), "{seen}");
    assert_eq!(seen["alerts"][0]["acknowledged_by"], Value::Null, "no name on a wall");
    assert_eq!(get_as(&spor, &ours, "alerts?state=resolved").await.0, 403);
    let (_, seen) = get_as(&spor, &theirs, "alerts").await;
    assert_eq!(seen["alerts"], json!([]));
    assert_eq!(get_as(&spor, &theirs, &format!("alerts/{id}")).await.0, 404);
    assert_eq!(get_as(&spor, &ours, &format!("alerts/{id}")).await.0, 200);
    assert_eq!(get_as(&spor, &porter, "alerts?state=odd").await.0, 400);
    assert_eq!(get_as(&spor, &porter, "alerts?ward=nowhere").await.0, 400);

    let (status, over) = post_as(&spor, Some(&desk), &format!("alerts/{id}/resolve")).await;
    assert_eq!(
        (status, &over["state"], &over["resolved_by"]),
        (200, &json!("resolved"), &json!("desk-2"))
    );
    assert_eq!(post_as(&spor, Some(&desk), &acknowledge).await.0, 409);
    assert_eq!(post_as(&spor, Some(&desk), "alerts/none/resolve").await.0, 404);
    assert_eq!(get_as(&spor, &ours, &format!("alerts/{id}")).await.0, 404, "it is past");
    // Without any token a Spor on loopback is open again.
    for name in ["porter", "desk-2", "wall-c1", "wall-d1"] {
        spor.token(&["revoke", name], "");
    }
    tokio::time::sleep(Duration::from_secs(5)).await;
    assert_eq!(alerts(&spor).await, ["leaving P1 critical resolved"], "none anew while it lasts");
    carry(&spor, "t1", STORE).await;
    tokio::time::sleep(Duration::from_secs(4)).await;
    carry(&spor, "t1", DOOR).await;
    await_alerts(&spor, &["leaving P1 critical open", "leaving P1 critical resolved"]).await;
}

#[tokio::test]
async fn the_ward_board_shows_its_alerts_in_both_languages() {
    let hospital = Hospital::new();
    let Some(spor) = hospital.serve(&[]).await else { return };
    carry(&spor, "t1", DOOR).await;
    await_alerts(&spor, &["leaving P1 critical open"]).await;
    let url = format!("{}/ward?ward=C1&lang=en", spor.http);
    let Some(browser) = Browser::open(&url, 1280, 800).await else { return };
    let text = browser.until_text("Leaving the building", 20).await;
    assert!(text.contains("To act on") && text.contains("Pump P1"), "{text}");
    let id = id_of(&spor, "leaving").await;
    assert_eq!(post_as(&spor, None, &format!("alerts/{id}/acknowledge")).await.0, 200);
    browser.until_text("somebody sees to it", 15).await;
    browser.page.goto(&format!("{}/ward?ward=C1&lang=da", spor.http)).await.unwrap();
    browser.until_text("På vej ud af huset", 20).await;
    carry(&spor, "t1", STORE).await;
    until("no alert on the board", 20, async || {
        let hidden = browser.value("document.querySelector('#alerts').hidden").await;
        (hidden == json!(true)).then_some(())
    })
    .await;
    browser.close().await;
}
