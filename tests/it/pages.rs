//! What a person does on the pages: logs in, reserves, fastens a tag, reads the ward board.

use super::wall_states::hospital;
use crate::support::{Spor, browser::Browser, until};
use serde_json::json;

const PHONE: (u32, u32) = (500, 844);

async fn phone(spor: &Spor, path: &str) -> Option<Browser> {
    Browser::open(&format!("{}{path}", spor.http), PHONE.0, PHONE.1).await
}

#[tokio::test]
async fn a_porter_logs_in_reserves_the_nearest_and_gives_it_back() {
    let Some((spor, _)) = hospital(&[]).await else { return };
    spor.token(&["add", "anna", "--role", "porter", "--password-stdin"], "correct horse");
    let next = "%2Fwall%3Flang%3Den%26test%3D1%26at%3DD1-station";
    let Some(browser) = phone(&spor, &format!("/login?lang=en&next={next}")).await else { return };
    browser.until_text("Log in", 20).await;
    browser.type_into("#name", "anna").await;
    browser.type_into("#password", "wrong horse").await;
    browser.touch("#person button").await;
    browser.until_text("That is not right", 10).await;
    browser.type_into("#password", "correct horse").await;
    browser.touch("#person button").await;
    browser.until_ready().await;
    browser.until_text("anna", 10).await;
    assert_eq!(browser.value("document.cookie").await, "", "no script reads the session");

    browser.until_text("Reserve for me", 10).await;
    let first = browser.value("document.querySelector('#cards li').dataset.id").await;
    browser.touch("#cards .act").await;
    let text = browser.until_text("Yours until", 10).await;
    assert!(text.contains("Give back"), "{text}");
    let (_, asset) = spor.get(&format!("/api/v1/assets/{}", first.as_str().unwrap())).await;
    assert_eq!((&asset["status"], &asset["status_rule"]), (&json!("reserved"), &json!("claim")));
    browser.page.refresh().await.unwrap();
    browser.until_ready().await;
    browser.until_text("Yours until", 10).await;
    browser.touch("#cards [data-mine=true] .act").await;
    until("the pump to be free again", 10, async || {
        let (_, asset) = spor.get(&format!("/api/v1/assets/{}", first.as_str().unwrap())).await;
        (asset["status"] == "available").then_some(())
    })
    .await;

    browser.page.goto(&format!("{}/login?lang=en", spor.http)).await.unwrap();
    browser.until_text("Logged in as anna", 10).await;
    browser.touch("#inside-out").await;
    browser.until_text("nobody needs to log in", 10).await;
    browser.close().await;
}

#[tokio::test]
async fn who_asks_for_a_ward_reserves_for_that_ward() {
    let Some((spor, _)) = hospital(&[]).await else { return };
    let path = "/wall?lang=en&test=1&ward=d1&at=D1-station";
    let Some(browser) = phone(&spor, path).await else { return };
    browser.until_ready().await;
    browser.until_text("Reserve for ward D1", 10).await;
    browser.touch("#cards .act").await;
    browser.until_text("Yours, to D1 by", 10).await;
    let (_, coming) = spor.get("/api/v1/assets?to=D1").await;
    let id = coming["assets"][0]["id"].as_str().unwrap().to_owned();
    // Another's screen says whose ward it goes to.
    let second = format!("{}/wall?lang=da&test=1&at=D2-station&asset={id}", spor.http);
    let Some(other) = Browser::open(&second, 1920, 1080).await else { return };
    other.until_ready().await;
    other.until_text("På vej til D1, inden", 10).await;
    other.close().await;
    browser.touch("#cards [data-mine=true] .act").await;
    until("nothing on its way", 10, async || {
        let (_, coming) = spor.get("/api/v1/assets?to=D1").await;
        (coming["assets"] == json!([])).then_some(())
    })
    .await;
    browser.close().await;
}

#[tokio::test]
async fn a_wall_is_let_in_by_a_code_and_says_so_when_it_is_put_out() {
    let Some((spor, _)) = hospital(&[("SPOR_HTTP__OPEN", "false")]).await else { return };
    // Without any token a Spor on loopback is open again.
    spor.token(&["add", "other", "--role", "engineer"], "");
    spor.token(&["add", "wall-d2", "--role", "wall", "--wards", "D2"], "");
    let Some(browser) =
        Browser::open(&format!("{}/wall?lang=en&test=1&kiosk=1&ward=D2", spor.http), 1920, 1080)
            .await
    else {
        return;
    };
    let text = browser.until_text("This screen has no access", 20).await;
    assert!(text.contains("Log in"), "{text}");
    let code = spor.token(&["enroll", "wall-d2"], "");
    let next = "%2Fwall%3Flang%3Den%26test%3D1%26kiosk%3D1%26ward%3DD2";
    browser.page.goto(&format!("{}/login?code={code}&next={next}", spor.http)).await.unwrap();
    browser.until_ready().await;
    let text = browser.until_text("Shows D2 and the shared pool", 20).await;
    assert!(!text.contains("Reserve for me") && !text.contains("Demo, open"), "{text}");
    spor.token(&["revoke", "wall-d2"], "");
    browser.until_text("This screen has no access", 30).await;
    browser.close().await;
}

#[tokio::test]
async fn a_code_on_the_wall_leads_to_the_same_asset_on_a_phone() {
    let public = ("SPOR_HTTP__PUBLIC_URL", "https://spor.example");
    let Some((spor, _)) = hospital(&[public]).await else { return };
    let url = format!("{}/api/v1/assets/BED-0001/qr?at=D1-station&lang=da", spor.http);
    let answer = reqwest::get(url).await.unwrap();
    assert_eq!(answer.headers()["content-type"], "image/svg+xml");
    assert!(answer.text().await.unwrap().starts_with("<svg"));
    for (asked, wrong) in [("at=nowhere", "at"), ("at=D1-station&ward=NOWHERE", "ward")] {
        let (status, problem) = spor.get(&format!("/api/v1/assets/BED-0001/qr?{asked}")).await;
        assert_eq!((status, &problem["field"]), (400, &json!(wrong)));
    }
    let Some(browser) =
        Browser::open(&format!("{}/wall?lang=en&test=1&at=D1-station", spor.http), 1920, 1080)
            .await
    else {
        return;
    };
    browser.until_ready().await;
    browser.until_text("The way on your phone", 10).await;
    let drawn = "document.querySelectorAll('#phone-picture svg path').length";
    assert_eq!(browser.value(drawn).await, 2);
    browser.close().await;
    let Some(browser) = phone(&spor, "/wall?lang=en&test=1&asset=BED-0001&at=D1-station").await
    else {
        return;
    };
    browser.until_ready().await;
    let chosen = "document.querySelector('[data-chosen=\"true\"]')?.dataset.id ?? ''";
    until("the bed on the phone", 10, async || {
        (browser.value(chosen).await == "BED-0001").then_some(())
    })
    .await;
    browser.close().await;
}

#[tokio::test]
async fn a_tag_is_fastened_moved_and_taken_off_by_scanning() {
    let Some((spor, _)) = hospital(&[]).await else { return };
    let bare = json!({ "label": "Ny pumpe", "class": "infusion-pump" });
    let url = format!("{}/api/v1/assets/PUMP-0099", spor.http);
    assert!(
        reqwest::Client::new().put(url).json(&bare).send().await.unwrap().status().is_success()
    );
    let tag_of = async |id: &str| {
        let (_, asset) = spor.get(&format!("/api/v1/assets/{id}")).await;
        asset["tag"].as_str().unwrap_or_default().to_owned()
    };
    let Some(browser) = phone(&spor, "/tags?lang=en").await else { return };
    browser.until_text("1. Scan the thing", 20).await;
    let scan = async |code: &str| {
        browser.type_into("#code", code).await;
        browser.touch("#code-go").await;
    };
    scan("NOBODY").await;
    browser.until_text("No thing has the code NOBODY", 10).await;
    scan("PUMP-0099").await;
    let text = browser.until_text("2. Scan its tag", 10).await;
    assert!(text.contains("Ny pumpe") && text.contains("Carries no tag"), "{text}");
    scan("tag-99").await;
    browser.until_text("tag-99 is on Ny pumpe. It was not heard yet", 10).await;
    assert_eq!(tag_of("PUMP-0099").await, "tag-99");

    // Another thing's tag: told, and moved when asked to.
    scan("SPR-0001").await;
    browser.until_text("Ting SPR-0001", 10).await;
    browser.touch("#other").await;
    scan("PUMP-0099").await;
    browser.until_text("Carries tag-99", 10).await;
    browser.type_into("#code", "no such/tag").await;
    browser.touch("#code-go").await;
    browser.until_text("That is no tag's name", 10).await;

    browser.touch("#detach").await;
    browser.until_text("Really take it off?", 5).await;
    assert_eq!(tag_of("PUMP-0099").await, "tag-99");
    browser.touch("#detach").await;
    browser.until_text("tag-99 is off Ny pumpe", 10).await;
    assert_eq!(tag_of("PUMP-0099").await, "");
    browser.close().await;
}

#[tokio::test]
async fn a_phone_without_a_camera_says_so_and_one_with_it_scans() {
    let Some((spor, _)) = hospital(&[]).await else { return };
    let Some(browser) = phone(&spor, "/tags?lang=en").await else { return };
    // Chromium on Linux brings no reader of codes.
    browser.until_text("This browser can't read codes with a camera", 20).await;
    let button = "document.getElementById('camera').hidden";
    assert_eq!(browser.value(button).await, true);
    browser.close().await;

    // A camera that shows a test picture, and a reader that sees a code in its third.
    let flags = ["--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"];
    let browser = Browser::open_with("about:blank", PHONE.0, PHONE.1, &flags).await.unwrap();
    let reader = "window.looks = []; window.BarcodeDetector = class {
        async detect(video) {
            window.looks.push(video.videoWidth);
            return window.looks.length < 3 ? [] : [{ rawValue: 'PUMP-0001' }];
        } };";
    browser.cdp("Page.addScriptToEvaluateOnNewDocument", json!({ "source": reader })).await;
    browser.page.goto(&format!("{}/tags?lang=en", spor.http)).await.unwrap();
    browser.until_text("1. Scan the thing", 20).await;
    browser.touch("#camera").await;
    let text = browser.until_text("Ting PUMP-0001", 10).await;
    assert!(!text.contains("camera"), "{text}");
    let looks = browser.value("window.looks").await;
    assert!(looks.as_array().unwrap().iter().all(|width| width.as_u64() > Some(0)), "{looks}");
    let off = "document.getElementById('view').hidden && document.getElementById('view').srcObject === null";
    assert_eq!(browser.value(off).await, true, "the camera is off again");

    let refuse = "(navigator.mediaDevices.getUserMedia = () => Promise.reject(new Error('no')), 1)";
    browser.value(refuse).await;
    browser.touch("#camera").await;
    browser.until_text("The camera could not be opened", 5).await;
    browser.close().await;
}

#[tokio::test]
async fn what_wants_a_hand_is_listed_with_its_last_place() {
    let Some((spor, rooms)) = hospital(&[]).await else { return };
    let (x_m, y_m, floor) = rooms["F1-depot"].clone();
    let stray = json!({ "x_m": x_m, "y_m": y_m, "floor": floor });
    let messages = vec![
        ("spor/v1/tags/stray-1/position".to_owned(), stray.to_string().into_bytes()),
        ("spor/v1/tags/BED-0001/status".to_owned(), br#"{"battery_pct":7}"#.to_vec()),
    ];
    let client = crate::support::client::client(spor.mqtt_port(), "it-stray");
    crate::support::client::publish_all(client, messages).await;
    let asset = json!({ "label": "Aldrig hørt", "class": "bed" });
    let url = format!("{}/api/v1/assets/BED-0099", spor.http);
    let http = reqwest::Client::new();
    assert!(http.put(&url).json(&asset).send().await.unwrap().status().is_success());
    let tag = http.put(format!("{url}/tag")).json(&json!({ "tag": "mute-1" }));
    assert!(tag.send().await.unwrap().status().is_success());
    for (needs, tag) in [("battery", "BED-0001"), ("hearing", "mute-1"), ("binding", "stray-1")] {
        let names = until("the tag in its list", 10, async || {
            let (_, list) = spor.get(&format!("/api/v1/tags?needs={needs}")).await;
            let names: Vec<_> = list["tags"].as_array()?.iter().map(|t| t["tag"].clone()).collect();
            names.contains(&json!(tag)).then_some(names)
        })
        .await;
        assert_eq!(names, [tag], "{needs}");
    }
    let Some(browser) = phone(&spor, "/tags?lang=en").await else { return };
    let text = browser.until_text("Low batteries 1", 20).await;
    for words in ["7 % left", "Silent 1", "Aldrig hørt", "Never seen", "On nothing yet 1"] {
        assert!(text.contains(words), "{words}: {text}");
    }
    browser.close().await;
}

#[tokio::test]
async fn a_ward_board_says_what_is_here_what_is_away_and_what_belongs_elsewhere() {
    let Some((spor, _)) = hospital(&[]).await else { return };
    let http = reqwest::Client::new();
    for (id, class, home) in [
        ("PUMP-0001", "infusion-pump", "D2"),
        ("PUMP-0002", "infusion-pump", "F1"),
        ("PUMP-0003", "infusion-pump", "D2"),
    ] {
        let url = format!("{}/api/v1/assets/{id}", spor.http);
        let asset = json!({ "label": format!("Ting {id}"), "class": class, "home_ward": home });
        assert!(http.put(url).json(&asset).send().await.unwrap().status().is_success());
    }
    for (class, target, critical) in [("infusion-pump", 3, 1), ("syringe-pump", 2, 1)] {
        let url = format!("{}/api/v1/par/{class}/D2", spor.http);
        let level = json!({ "target": target, "critical": critical });
        assert!(http.put(url).json(&level).send().await.unwrap().status().is_success());
    }
    let claim = async |id: &str, body: serde_json::Value| {
        let claim = http.post(format!("{}/api/v1/assets/{id}/claim", spor.http)).json(&body);
        assert!(claim.send().await.unwrap().status().is_success());
    };
    claim("PUMP-0001", json!({})).await;
    let Some(browser) =
        Browser::open(&format!("{}/ward?lang=en&ward=d2", spor.http), 1920, 1080).await
    else {
        return;
    };
    browser.until_text("2 here, 1 free", 20).await;
    // What should stand ready comes after what does.
    let text = browser.until_text("2 short of 3", 20).await;
    assert!(text.contains("Ward D2"), "{text}");
    let short = "[...document.querySelectorAll('#classes li')].map((row) => [row.dataset.short, row.querySelector('strong').textContent, row.querySelector('.short').textContent])";
    assert_eq!(
        browser.value(short).await,
        json!([
            ["yes", "Infusion pump", "2 short of 3"],
            ["critical", "Syringe pump", "2 short of 2"]
        ]),
        "what should stand ready, and doesn't: {text}"
    );
    let list = async |name: &str| {
        let css = format!("document.getElementById('{name}-rows').innerText");
        browser.value(&css).await.as_str().unwrap().to_owned()
    };
    assert!(list("going").await.contains("Ting PUMP-0001"), "reserved: {text}");
    claim("SPR-0001", json!({ "to": "D2" })).await;
    claim("PUMP-0001", json!({ "to": "F1" })).await;
    browser.until_text("Expected 1", 10).await;
    let coming = list("expected").await;
    for words in ["Ting SPR-0001", "On its way here since", " · from F1"] {
        assert!(coming.contains(words), "{words}: {coming}");
    }
    browser.until_text("On its way to F1, by", 10).await;
    let free = format!("{}/api/v1/assets/SPR-0001/claim", spor.http);
    assert!(http.delete(free).send().await.unwrap().status().is_success());
    browser.until_text("Expected 0", 10).await;
    assert!(list("away").await.contains("Ting PUMP-0003"), "ours, in F1: {text}");
    let strays = list("strays").await;
    assert!(strays.contains("Ting PUMP-0002") && strays.contains("belongs to F1"), "{strays}");
    browser.page.goto(&format!("{}/ward?lang=en&ward=NOWHERE", spor.http)).await.unwrap();
    let text = browser.until_text("ward = \"NOWHERE\" is not valid", 20).await;
    assert!(text.contains("Ward D1"), "{text}");
    browser.close().await;
}
