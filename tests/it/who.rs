//! Who may see what: a wall's token sees equipment of its wards and nothing else, decided on the server.

use crate::support::{
    Spor,
    client::{client, position_topic, publish_all},
    until,
};
use serde_json::{Value, json};
use std::collections::HashMap;

/// Asset, home ward, room: the ward's own at home and astray, another's here, another's there, the pool's.
const THINGS: [(&str, Option<&str>, &str); 5] = [
    ("OWN-0001", Some("D1"), "D1-depot"),
    ("OWN-0002", Some("D1"), "D2-depot"),
    ("LENT-0001", Some("D2"), "D1-depot"),
    ("HIDDEN-0001", Some("D2"), "D2-depot"),
    ("POOL-0001", None, "D2-depot"),
];
const SEEN: [&str; 4] = ["LENT-0001", "OWN-0001", "OWN-0002", "POOL-0001"];

struct Hospital {
    spor: Spor,
    http: reqwest::Client,
    rooms: HashMap<String, (Value, Value, i64)>,
    engineer: String,
    wall: String,
}

impl Hospital {
    async fn open() -> Option<Self> {
        let spor = Spor::serve(&[("SPOR_HTTP__OPEN", "false")]).await?;
        let engineer = spor.token(&["add", "engineer", "--role", "engineer"], "");
        let wall = spor.token(&["add", "wall-d1", "--role", "wall", "--wards", "D1"], "");
        let mut hospital =
            Self { spor, http: reqwest::Client::new(), rooms: HashMap::new(), engineer, wall };
        for floor in 0..3 {
            let engineer = hospital.engineer.clone();
            let (_, plan) = hospital.get(&engineer, &format!("/api/v1/floors/{floor}")).await;
            for feature in plan["features"].as_array().unwrap() {
                let label = &feature["properties"]["label"];
                let id = feature["id"].as_str().unwrap().to_owned();
                hospital.rooms.insert(id, (label[0].clone(), label[1].clone(), floor));
            }
        }
        for (id, home, _) in THINGS {
            let path = format!("/api/v1/assets/{id}");
            let asset = json!({ "label": format!("Pumpe {id}"), "class": "infusion-pump", "home_ward": home });
            hospital.put(&path, asset).await;
            hospital.put(&format!("{path}/tag"), json!({ "tag": id })).await;
        }
        let all: Vec<_> = THINGS.iter().map(|(id, _, room)| (*id, *room)).collect();
        hospital.move_to(&all).await;
        until("everything in its room", 10, async || {
            let (_, all) = hospital.get(&hospital.engineer, "/api/v1/assets?state=live").await;
            (all["assets"].as_array()?.len() == THINGS.len()).then_some(())
        })
        .await;
        Some(hospital)
    }

    async fn get(&self, token: &str, path: &str) -> (u16, Value) {
        let url = format!("{}{path}", self.spor.http);
        let answer = self.http.get(url).bearer_auth(token).send().await.unwrap();
        (answer.status().as_u16(), answer.json().await.unwrap_or_default())
    }

    async fn put(&self, path: &str, body: Value) {
        let url = format!("{}{path}", self.spor.http);
        let request = self.http.put(url).bearer_auth(&self.engineer).json(&body);
        let answer = request.send().await.unwrap();
        assert!(answer.status().is_success(), "{path}: {}", answer.text().await.unwrap());
    }

    async fn move_to(&self, moves: &[(&str, &str)]) {
        let messages = moves.iter().map(|(id, room)| {
            let (x_m, y_m, floor) = &self.rooms[*room];
            let position = json!({ "x_m": x_m, "y_m": y_m, "floor": floor, "accuracy_m": 0.5 });
            (position_topic(id), position.to_string().into_bytes())
        });
        publish_all(client(self.spor.mqtt_port(), "it-who"), messages.collect()).await;
    }
}

fn ids(answer: &Value) -> Vec<&str> {
    answer["assets"].as_array().unwrap().iter().map(|a| a["id"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn a_wall_sees_its_wards_equipment_and_the_pool_and_no_search_finds_more() {
    let Some(hospital) = Hospital::open().await else { return };
    let wall = hospital.wall.as_str();
    assert_eq!(ids(&hospital.get(wall, "/api/v1/assets").await.1), SEEN);
    assert_eq!(hospital.get(wall, "/api/v1/classes").await.1["classes"][0]["total"], 4);
    for (asked, found) in [
        ("q=pumpe", SEEN.as_slice()),
        ("q=HIDDEN-0001", &[]),
        ("q=Pumpe+HIDDEN-0001", &[]),
        ("q=hiden", &[]),
        ("ward=D2", &["OWN-0002", "POOL-0001"]),
        ("zone=D2-depot", &["OWN-0002", "POOL-0001"]),
    ] {
        let (status, answer) = hospital.get(wall, &format!("/api/v1/assets?{asked}")).await;
        assert_eq!((status, ids(&answer)), (200, found.to_vec()), "{asked}: {answer}");
        assert!(!answer.to_string().contains("HIDDEN"), "{asked}: {answer}");
    }
    // How many D2 has left is not the wall's to know; what would do elsewhere isn't either.
    let near = "/api/v1/assets?class=infusion-pump&near=D1-station";
    let (_, answer) = hospital.get(wall, near).await;
    assert_eq!(ids(&answer).len(), SEEN.len());
    let why = |asset: &&Value| asset["why"].to_string().contains("leaves_short");
    let told: Vec<_> = answer["assets"].as_array().unwrap().iter().filter(why).collect();
    assert!(told.iter().all(|asset| asset["place"]["ward"] == "D1"), "{answer}");
    let (_, none) = hospital.get(wall, &format!("{near}&status=in_use")).await;
    assert!(!none.to_string().contains("HIDDEN"), "{none}");

    let hidden = hospital.get(wall, "/api/v1/assets/HIDDEN-0001").await;
    assert_eq!(hidden, hospital.get(wall, "/api/v1/assets/NONE-0001").await, "not told apart");
    assert_eq!(hidden.0, 404);
    assert_eq!(hospital.get(wall, "/api/v1/assets/HIDDEN-0001/qr").await.0, 404);
    assert_eq!(hospital.get(wall, "/api/v1/assets/POOL-0001").await.0, 200);
}

#[tokio::test]
async fn a_wall_sees_no_past_no_tags_no_people_and_changes_nothing() {
    let Some(hospital) = Hospital::open().await else { return };
    let (wall, engineer) = (hospital.wall.as_str(), hospital.engineer.as_str());
    for path in [
        "/api/v1/assets/OWN-0001/history",
        "/api/v1/tags",
        "/api/v1/tags/OWN-0001",
        "/api/v1/tags/OWN-0001/history",
        "/api/v1/events",
        "/api/v1/rejected",
        "/api/v1/people?purpose=nearest_porter",
        "/api/v1/presence",
        "/api/v1/lookups",
    ] {
        let (status, problem) = hospital.get(wall, path).await;
        assert_eq!(
            (status, &problem["type"]),
            (403, &json!("urn:spor:problem:forbidden")),
            "{path}"
        );
        assert_eq!(hospital.get("spor_wrong", path).await.0, 401, "{path}");
        let nobody = hospital.spor.get(path).await;
        assert_eq!(nobody.0, 401, "{path}: {}", nobody.1);
    }
    for path in ["/api/v1/assets/OWN-0001/history", "/api/v1/tags", "/api/v1/events"] {
        assert_eq!(hospital.get(engineer, path).await.0, 200, "{path}");
    }
    let url = format!("{}/api/v1/assets/OWN-0001/claim", hospital.spor.http);
    let claim = hospital.http.post(url).bearer_auth(wall).json(&json!({}));
    assert_eq!(claim.send().await.unwrap().status(), 403);
    let (_, who) = hospital.get(wall, "/api/v1/session").await;
    assert_eq!((&who["role"], &who["may"]), (&json!("wall"), &json!(["see_equipment"])), "{who}");
    assert_eq!(who["wards"], json!(["D1"]));
}

#[tokio::test]
async fn a_walls_stream_shows_what_comes_in_takes_away_what_leaves_and_ends_with_its_token() {
    let Some(hospital) = Hospital::open().await else { return };
    let url = format!("{}/api/v1/stream", hospital.spor.http);
    let mut stream = hospital.http.get(url).bearer_auth(&hospital.wall).send().await.unwrap();
    let mut heard = String::new();
    read_until(&mut stream, &mut heard, "event: snapshot").await;
    read_until(&mut stream, &mut heard, "POOL-0001").await;
    assert!(!heard.contains("HIDDEN-0001"), "{heard}");
    hospital.move_to(&[("HIDDEN-0001", "D1-depot")]).await;
    read_until(&mut stream, &mut heard, "\"HIDDEN-0001\",\"Pumpe").await;
    heard.clear();
    hospital.move_to(&[("HIDDEN-0001", "D2-depot")]).await;
    read_until(&mut stream, &mut heard, "\"gone\":[\"HIDDEN-0001\"]").await;
    hospital.spor.token(&["revoke", "wall-d1"], "");
    let ended = async { while stream.chunk().await.unwrap().is_some() {} };
    tokio::time::timeout(std::time::Duration::from_secs(15), ended).await.expect("it ends");
    assert_eq!(hospital.get(&hospital.wall, "/api/v1/assets").await.0, 401);
}

/// Reads on until the stream has said that.
async fn read_until(stream: &mut reqwest::Response, heard: &mut String, wanted: &str) {
    let read = async {
        while !heard.contains(wanted) {
            heard.push_str(&String::from_utf8_lossy(&stream.chunk().await.unwrap().expect("more")));
        }
    };
    let patience = std::time::Duration::from_secs(10);
    let found = tokio::time::timeout(patience, read).await;
    assert!(found.is_ok(), "{wanted} was not said: {heard}");
}
