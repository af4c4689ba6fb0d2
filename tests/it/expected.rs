//! When one is expected to be free: from the past or by hand, and nothing where nobody knows.

use super::wall_states::hospital;
use crate::support::{Spor, browser::Browser, postgres, until};
use serde_json::{Value, json};

const ASKED: &str = "/api/v1/assets?status=available&near=D1-station&class=";

async fn say(spor: &Spor, id: &str, act: &str, body: Value) -> Value {
    let url = format!("{}/api/v1/assets/{id}/{act}", spor.http);
    let answer = reqwest::Client::new().post(url).json(&body).send().await.unwrap();
    assert!(answer.status().is_success(), "{}", answer.text().await.unwrap());
    answer.json().await.unwrap()
}

/// Twenty times, up to yesterday, the bed was dirty for an hour and then free for half of one.
async fn remember(spor: &Spor) {
    let sql = "insert into asset_status (asset, status, from_at, to_at, basis, rule)
        select 'BED-0001', s.status, s.from_at, s.to_at, 'inferred', 'test'
        from generate_series(1, 20) n,
             lateral (select date_trunc('hour', now()) - n * interval '90 minutes' - interval '1 day' as at) t,
             lateral (values ('dirty', at, at + interval '1 hour'),
                             ('available', at + interval '1 hour', at + interval '90 minutes'))
                 s (status, from_at, to_at)";
    postgres::connect(&spor.database_url()).await.execute(sql, &[]).await.unwrap();
}

fn moment(value: &Value) -> jiff::Timestamp {
    value.as_str().unwrap().parse().unwrap()
}

#[tokio::test]
async fn where_nothing_is_free_the_one_that_will_be_first_is_told_and_on_what_ground() {
    let Some((spor, _)) = hospital(&[("SPOR_STORAGE__LATELY_SECONDS", "1")]).await else { return };
    let (_, beds) = spor.get(&format!("{ASKED}bed")).await;
    assert_eq!(beds["assets"], json!([]));
    assert_eq!(
        beds.get("expected_free"),
        Some(&Value::Null),
        "without a past nobody knows: {beds}"
    );
    let (_, pumps) = spor.get(&format!("{ASKED}infusion-pump")).await;
    assert_eq!(pumps.get("expected_free"), None, "some are free: {pumps}");

    // What is said by hand ends, and is free beneath.
    let broken =
        |minutes| json!({ "status": "maintenance", "reason": "no power", "minutes": minutes });
    say(&spor, "PUMP-0001", "status", broken(60)).await;
    say(&spor, "PUMP-0002", "status", broken(90)).await;
    let claimed = say(&spor, "PUMP-0003", "claim", json!({})).await;
    let (_, pumps) = spor.get(&format!("{ASKED}infusion-pump")).await;
    let next = &pumps["expected_free"];
    assert_eq!(
        (&next["asset"], &next["basis"], &next["at"], next.get("from")),
        (&json!("PUMP-0003"), &json!("hand"), &claimed["status_until"], None),
        "{pumps}"
    );

    remember(&spor).await;
    let next = until("the past to be looked at", 15, async || {
        let (_, beds) = spor.get(&format!("{ASKED}bed")).await;
        Some(beds["expected_free"].clone()).filter(Value::is_object)
    })
    .await;
    assert_eq!((&next["asset"], &next["zone"]), (&json!("BED-0001"), &json!("F1-skyllerum")));
    assert_eq!((&next["basis"], &next["intervals"]), (&json!("past"), &json!(20)), "{next}");
    let (_, bed) = spor.get("/api/v1/assets/BED-0001").await;
    let took = moment(&next["at"]).duration_since(moment(&bed["status_since"]));
    assert!((58 * 60..=62 * 60).contains(&took.as_secs()), "an hour: {next}, {bed}");
    assert_eq!(bed["expected_free"]["intervals"], 20, "{bed}");

    let url = format!("{}/wall?lang=en&test=1&at=D1-station&types=bed", spor.http);
    let Some(browser) = Browser::open(&url, 1920, 1080).await else { return };
    browser.until_ready().await;
    let text = browser.until_text("One is expected free about", 15).await;
    assert!(text.contains("(between "), "{text}");
    browser.touch("#language").await;
    browser.until_text("En ventes ledig omkring kl.", 5).await;
    browser.close().await;
}

#[tokio::test]
async fn a_ward_board_says_when_what_is_its_own_or_here_is_expected_to_be_free() {
    let Some((spor, _)) = hospital(&[("SPOR_STORAGE__LATELY_SECONDS", "1")]).await else { return };
    let bed = json!({ "label": "Ting BED-0001", "class": "bed", "home_ward": "D2" });
    let url = format!("{}/api/v1/assets/BED-0001", spor.http);
    assert!(reqwest::Client::new().put(url).json(&bed).send().await.unwrap().status().is_success());
    remember(&spor).await;
    until("the bed to be expected", 15, async || {
        let (_, ours) = spor.get("/api/v1/assets?home=D2").await;
        ours["assets"][0]["expected_free"].is_object().then_some(())
    })
    .await;
    for ward in ["D2", "F1"] {
        let url = format!("{}/ward?lang=en&ward={ward}", spor.http);
        let Some(browser) = Browser::open(&url, 1920, 1080).await else { return };
        browser.until_text("Expected 1", 20).await;
        let expected = browser.value("document.getElementById('expected-rows').innerText").await;
        let expected = expected.as_str().unwrap();
        assert!(
            expected.contains("Ting BED-0001") && expected.contains("To be cleaned · free about"),
            "{ward}: {expected}"
        );
        browser.close().await;
    }
    let (status, problem) = spor.get("/api/v1/assets?home=NOWHERE").await;
    assert_eq!((status, &problem["field"]), (400, &json!("home")));
}
