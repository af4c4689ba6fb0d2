//! A porter's question: which free one is quickest to fetch from here, why, and what else would do.

use crate::support::{
    Spor,
    browser::Browser,
    client::{client, position_topic, publish_all},
    postgres, until,
};
use serde_json::{Value, json};

/// Asset, class, room of the demo hospital.
const THINGS: [(&str, &str, &str); 6] = [
    ("PUMP-0001", "infusion-pump", "D2-station"),
    ("PUMP-0002", "infusion-pump", "D2-station"),
    ("PUMP-0003", "infusion-pump", "D2-station"),
    ("PUMP-0004", "infusion-pump", "F1-depot"),
    ("SPR-0001", "syringe-pump", "F1-depot"),
    ("BED-0001", "bed", "F1-skyllerum"),
];
const ASKED_FROM: &str = "D1-station";

async fn hospital() -> Option<Spor> {
    let spor = Spor::serve(&[]).await?;
    let mut places = std::collections::HashMap::new();
    for floor in 0..3 {
        let (_, plan) = spor.get(&format!("/api/v1/floors/{floor}")).await;
        for feature in plan["features"].as_array().unwrap() {
            let label = &feature["properties"]["label"];
            let id = feature["id"].as_str().unwrap().to_owned();
            places.insert(id, (label[0].clone(), label[1].clone(), floor));
        }
    }
    let mut messages = Vec::new();
    for (id, class, room) in THINGS {
        let url = format!("{}/api/v1/assets/{id}", spor.http);
        let http = reqwest::Client::new();
        let asset = json!({ "label": format!("Tingest {id}"), "class": class });
        assert!(http.put(&url).json(&asset).send().await.unwrap().status().is_success());
        let tag = json!({ "tag": id });
        let bound = http.put(format!("{url}/tag")).json(&tag).send().await.unwrap();
        assert!(bound.status().is_success());
        let (x_m, y_m, floor) = &places[room];
        let position = json!({ "x_m": x_m, "y_m": y_m, "floor": floor, "accuracy_m": 0.5 });
        messages.push((position_topic(id), position.to_string().into_bytes()));
    }
    publish_all(client(spor.mqtt_port(), "it-finder"), messages).await;
    until("everything in its room", 10, async || {
        let (_, all) = spor.get("/api/v1/assets?state=live").await;
        let known = |asset: &&Value| asset["status"] != "unknown";
        (all["assets"].as_array()?.iter().filter(known).count() == THINGS.len()).then_some(())
    })
    .await;
    Some(spor)
}

fn ids(answer: &Value) -> Vec<&str> {
    answer["assets"].as_array().unwrap().iter().map(|a| a["id"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn the_quickest_to_walk_to_comes_first_and_says_why() {
    let Some(spor) = hospital().await else { return };
    let asked = format!("/api/v1/assets?class=infusion-pump&status=available&near={ASKED_FROM}");
    let (_, nearest) = spor.get(&asked).await;
    // Those on the floor above are nearer in a straight line, the lift is not.
    assert_eq!(ids(&nearest)[0], "PUMP-0004", "{nearest}");
    let (first, second) = (&nearest["assets"][0], &nearest["assets"][1]);
    let metres = |asset: &Value, key: &str| asset[key].as_f64().unwrap();
    assert!(metres(first, "walk_s") < metres(second, "walk_s"));
    assert!(metres(first, "distance_m") > metres(second, "distance_m"));
    assert_eq!(first["why"][0]["reason"], "walk");
    assert_eq!(first["why"][1]["reason"], "leaves_short", "the last free one of F1: {first}");
    assert_eq!(first["why"][1]["adds_s"], 0.0);
    assert_eq!(
        (&first["status_basis"], &first["status_rule"]),
        (&json!("inferred"), &json!("room:storage"))
    );
    assert!(first["status_since"].is_string());
    let kinds: Vec<_> =
        second["route"].as_array().unwrap().iter().map(|s| s["kind"].clone()).collect();
    assert!(kinds.contains(&json!("lift")) && !kinds.contains(&json!("stairs")), "{second}");
    let said = second["route_text"]["en"].as_str().unwrap();
    assert!(said.contains("Lift A to floor 2") && said.ends_with(" min"), "{said}");
    assert!(second["route_text"]["da"].as_str().unwrap().contains("Elevator A til etage 2"));

    let (_, considerate) = spor.get(&format!("{asked}&rank=considerate")).await;
    assert_eq!(ids(&considerate)[0], "PUMP-0001", "three are there, so two stay: {considerate}");
    let (status, _) = spor.get("/api/v1/assets?rank=considerate").await;
    assert_eq!(status, 400, "considerate of whom, from nowhere?");

    let mut paged = Vec::new();
    let mut cursor = String::new();
    while paged.len() < 4 {
        let (_, page) = spor.get(&format!("{asked}&limit=1{cursor}")).await;
        paged.extend(ids(&page).into_iter().map(str::to_owned));
        let Some(next) = page["next_cursor"].as_str() else { break };
        cursor = format!("&cursor={next}");
    }
    assert_eq!(paged, ids(&nearest), "pages join to the whole list");
}

#[tokio::test]
async fn words_of_both_languages_slips_and_scanned_codes_find_it() {
    let Some(spor) = hospital().await else { return };
    let pumps = ["PUMP-0001", "PUMP-0002", "PUMP-0003", "PUMP-0004"];
    for (words, guessed) in [
        ("infusionspumpe", false),
        ("drip", false),
        ("ledig dropstativ", false),
        ("infusoinspumpe", true),
    ] {
        let (_, found) = spor.get(&format!("/api/v1/assets?q={words}")).await;
        assert_eq!((ids(&found), &found["guessed"]), (pumps.to_vec(), &json!(guessed)), "{words}");
    }
    for (words, id) in [
        ("seng", "BED-0001"),
        ("pump0003", "PUMP-0003"),
        ("(8004)5712345PUMP-0002", "PUMP-0002"),
        ("%1D80045712345PUMP-0002", "PUMP-0002"),
        ("(8003)05712345000015BED-0001", "BED-0001"),
        ("zeppelin", ""),
    ] {
        let (_, found) = spor.get(&format!("/api/v1/assets?q={words}")).await;
        let expected: Vec<&str> = Some(id).filter(|id| !id.is_empty()).into_iter().collect();
        assert_eq!(ids(&found), expected, "{words}");
    }
}

#[tokio::test]
async fn the_wall_tells_the_walk_and_reads_a_scanned_code_that_only_the_server_knows() {
    let Some(spor) = hospital().await else { return };
    let url = format!("{}/wall?at={ASKED_FROM}&types=infusion-pump&lang=en&test=1", spor.http);
    let Some(browser) = Browser::open(&url, 1920, 1080).await else { return };
    let cards = "[...document.querySelectorAll('#cards .card')].map((card) => card.dataset.id)";
    until("the quickest to walk to on the first card", 20, async || {
        (browser.value(cards).await[0] == "PUMP-0004").then_some(())
    })
    .await;
    let text = browser.text().await;
    assert!(text.contains("on foot") && text.contains("Lift A to floor 2"), "{text}");
    let type_code = r#"(async () => { for (const key of [...'80045712345PUMP-0002', 'Enter'])
        window.dispatchEvent(new KeyboardEvent('keydown', { key, bubbles: true })); })() && true"#;
    browser.value(type_code).await;
    until("the scanned pump", 10, async || {
        (browser.value(cards).await == json!(["PUMP-0002"])).then_some(())
    })
    .await;
    browser.close().await;
}

async fn ask(spor: &Spor, method: &str, path: &str, body: Value) -> (u16, Value) {
    let method = method.parse().unwrap();
    let request =
        reqwest::Client::new().request(method, format!("{}/api/v1/assets/{path}", spor.http));
    let answer = request.json(&body).send().await.unwrap();
    (answer.status().as_u16(), answer.json().await.unwrap_or_default())
}

#[tokio::test]
async fn of_two_porters_one_holds_the_pump_also_after_a_crash() {
    let Some(mut spor) = hospital().await else { return };
    let claim = async |spor: &Spor, by: &str| {
        ask(spor, "POST", "PUMP-0004/claim", json!({ "by": by })).await
    };
    let both = [claim(&spor, "anna").await, claim(&spor, "bo").await];
    assert_eq!((both[0].0, both[1].0), (200, 409), "{both:?}");
    assert_eq!(both[0].1["status"], "reserved");
    assert_eq!(both[0].1["status_basis"], "manual");
    assert!(both[0].1["status_until"].is_string(), "{}", both[0].1);
    let told = both[1].1["detail"].as_str().unwrap();
    assert!(told.contains("claimed until") && !told.contains("anna"), "{told}");
    let free = format!("/api/v1/assets?class=infusion-pump&status=available&near={ASKED_FROM}");
    let (_, others) = spor.get(&free).await;
    assert_eq!(others["assets"].as_array().unwrap().len(), 3, "nobody else is sent for it");

    spor.kill();
    spor.start_again().await;
    until("the claim again", 10, async || {
        let (_, pump) = spor.get("/api/v1/assets/PUMP-0004").await;
        (pump["status"] == "reserved").then_some(())
    })
    .await;
    assert_eq!(claim(&spor, "bo").await.0, 409);
    assert_eq!(ask(&spor, "DELETE", "PUMP-0004/claim?by=bo", json!({})).await.0, 409);
    let (status, released) = ask(&spor, "DELETE", "PUMP-0004/claim?by=anna", json!({})).await;
    assert_eq!((status, &released["status"]), (200, &json!("available")), "{released}");
    assert_eq!(claim(&spor, "bo").await.0, 200);
    let (status, _) = ask(&spor, "POST", "BED-0001/claim", json!({ "by": "bo" })).await;
    assert_eq!(status, 409, "a dirty bed is not fetched");
}

/// What the event stream says of the pump in its first frame: up to when it is held, and for where.
async fn streamed(spor: &Spor, id: &str) -> (Value, Value) {
    let mut answer = reqwest::get(format!("{}/api/v1/stream", spor.http)).await.unwrap();
    let mut heard = String::new();
    loop {
        heard.push_str(&String::from_utf8_lossy(&answer.chunk().await.unwrap().unwrap()));
        let snapshot = heard.split("\n\n").find(|f| f.starts_with("event: snapshot"));
        // A frame that no other follows may not be whole yet.
        let data = snapshot.and_then(|frame| frame.split_once("data: "));
        let Some(Ok(data)) = data.map(|(_, data)| serde_json::from_str::<Value>(data)) else {
            continue;
        };
        let columns = data["columns"].as_array().unwrap();
        let at = |name: &str| columns.iter().position(|column| column == name).unwrap();
        let rows = data["assets"].as_array().unwrap();
        let row = rows.iter().find(|row| row[at("id")] == id).unwrap();
        return (row[at("status_until_ms")].clone(), row[at("status_to")].clone());
    }
}

#[tokio::test]
async fn a_claim_says_which_ward_it_takes_the_pump_to_also_after_a_crash() {
    let Some(mut spor) = hospital().await else { return };
    let claim = async |spor: &Spor, body: Value| ask(spor, "POST", "PUMP-0004/claim", body).await;
    let (status, problem) = claim(&spor, json!({ "by": "anna", "to": "NOWHERE" })).await;
    assert_eq!((status, &problem["field"]), (400, &json!("to")), "{problem}");
    let told = problem["detail"].as_str().unwrap();
    assert!(told.contains("NOWHERE") && told.contains("D1, D2"), "{told}");
    let (_, pump) = spor.get("/api/v1/assets/PUMP-0004").await;
    assert_eq!((&pump["status"], pump.get("status_to")), (&json!("available"), None));
    assert_eq!(streamed(&spor, "PUMP-0004").await, (Value::Null, Value::Null));

    let (status, pump) = claim(&spor, json!({ "by": "anna", "to": "D2" })).await;
    assert_eq!((status, &pump["status_to"]), (200, &json!("D2")), "{pump}");
    let (_, pump) = claim(&spor, json!({ "by": "anna", "to": "D1" })).await;
    assert_eq!(pump["status_to"], "D1", "changed");
    let (_, pump) = claim(&spor, json!({ "by": "anna" })).await;
    assert_eq!(pump["status_to"], "D1", "kept");
    assert_eq!(claim(&spor, json!({ "by": "bo", "to": "D2" })).await.0, 409);
    assert_eq!(claim(&spor, json!(["anna", "D2"])).await.0, 400, "no object");

    for crashed in [false, true] {
        if crashed {
            spor.kill();
            spor.start_again().await;
        }
        let (_, coming) = spor.get("/api/v1/assets?to=D1").await;
        assert_eq!(ids(&coming), ["PUMP-0004"], "after a crash: {crashed}");
        let (_, others) = spor.get("/api/v1/assets?to=D2").await;
        assert_eq!(ids(&others), Vec::<&str>::new());
        let (until_ms, to) = streamed(&spor, "PUMP-0004").await;
        assert_eq!((until_ms.is_i64(), to), (true, json!("D1")), "after a crash: {crashed}");
        let (_, why) = spor.get("/api/v1/assets/PUMP-0004/status").await;
        assert_eq!((&why["rule"], &why["to"]), (&json!("claim"), &json!("D1")), "{why}");
    }
    let sql = "select to_ward, count(*) over () from by_hand where asset = 'PUMP-0004'";
    let database = postgres::connect(&spor.database_url()).await;
    until("the claim in its table", 10, async || {
        let row = database.query_opt(sql, &[]).await.unwrap()?;
        let stored: (Option<String>, i64) = (row.get(0), row.get(1));
        (stored == (Some("D1".to_owned()), 1)).then_some(())
    })
    .await;
    let (_, released) = ask(&spor, "DELETE", "PUMP-0004/claim?by=anna", json!({})).await;
    assert_eq!(released.get("status_to"), None, "{released}");
    let (status, problem) = spor.get("/api/v1/assets?to=NOWHERE").await;
    assert_eq!((status, &problem["field"]), (400, &json!("to")));
}

#[tokio::test]
async fn a_wall_of_one_ward_sees_what_is_on_its_way_there_and_only_as_long() {
    let Some(spor) = hospital().await else { return };
    let url = format!("{}/api/v1/assets/PUMP-0004", spor.http);
    let pump = json!({ "label": "Pump 4", "class": "infusion-pump", "home_ward": "F1" });
    assert!(
        reqwest::Client::new().put(url).json(&pump).send().await.unwrap().status().is_success()
    );
    let wall = spor.token(&["add", "wall-d1", "--role", "wall", "--wards", "D1"], "");
    let sees = async || {
        let asked = reqwest::Client::new()
            .get(format!("{}/api/v1/assets/PUMP-0004", spor.http))
            .bearer_auth(&wall);
        asked.send().await.unwrap().status().as_u16()
    };
    until("the wall to be let in, and no further", 10, async || {
        (sees().await == 404).then_some(())
    })
    .await;
    let to = |ward: &str| json!({ "by": "anna", "to": ward });
    assert_eq!(ask(&spor, "POST", "PUMP-0004/claim", to("D1")).await.0, 200);
    assert_eq!(sees().await, 200, "on its way there");
    assert_eq!(ask(&spor, "POST", "PUMP-0004/claim", to("D2")).await.0, 200);
    assert_eq!(sees().await, 404, "somewhere else now");
}

#[tokio::test]
async fn a_status_by_hand_has_a_reason_and_an_end_and_can_be_taken_back() {
    let Some(spor) = hospital().await else { return };
    let broken =
        json!({ "status": "maintenance", "reason": "no power", "minutes": 480, "by": "bo" });
    let (status, pump) = ask(&spor, "POST", "PUMP-0004/status", broken).await;
    assert_eq!(
        (status, &pump["status"], &pump["status_reason"]),
        (200, &json!("maintenance"), &json!("no power")),
        "{pump}"
    );
    assert_eq!(ask(&spor, "POST", "PUMP-0004/claim", json!({})).await.0, 409);
    for wrong in [
        json!({ "status": "reserved", "reason": "x", "minutes": 5 }),
        json!({ "status": "dirty", "reason": " ", "minutes": 5 }),
        json!({ "status": "dirty", "reason": "x", "minutes": 0 }),
    ] {
        assert_eq!(ask(&spor, "POST", "PUMP-0004/status", wrong).await.0, 400);
    }
    let (_, pump) = ask(&spor, "DELETE", "PUMP-0004/status", json!({})).await;
    assert_eq!(
        (&pump["status"], &pump["status_basis"]),
        (&json!("available"), &json!("inferred")),
        "{pump}"
    );
    assert!(pump["status_until"].is_null());
}

#[tokio::test]
async fn where_nothing_fits_the_nearest_that_would_do_is_told() {
    let Some(spor) = hospital().await else { return };
    let (_, found) = spor
        .get(&format!(
            "/api/v1/assets?class=infusion-pump&status=available&ward=E1&near={ASKED_FROM}"
        ))
        .await;
    assert_eq!(found["assets"], json!([]));
    let other =
        |kind: &str| -> Vec<Value> { found["alternatives"][kind].as_array().unwrap().clone() };
    assert_eq!(other("elsewhere")[0]["id"], "PUMP-0004", "{found}");
    assert_eq!(other("elsewhere").len(), 3);
    assert!(other("elsewhere")[0]["walk_s"].is_number());
    assert_eq!(other("other_class")[0]["id"], "SPR-0001");
    let (_, beds) = spor.get(&format!("/api/v1/assets?q=ledig%20seng&near={ASKED_FROM}")).await;
    assert_eq!(beds["alternatives"]["other_status"][0]["id"], "BED-0001", "dirty: {beds}");
    assert_eq!(beds["alternatives"]["other_status"][0]["status"], "dirty");
    let (_, nothing) = spor.get(&format!("/api/v1/assets?q=zeppelin&near={ASKED_FROM}")).await;
    assert!(nothing["alternatives"].is_null(), "{nothing}");
}
