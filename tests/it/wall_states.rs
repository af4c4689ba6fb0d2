//! Every state of the wall display by its words, in a real browser, fed by the real program.

use crate::support::{
    Spor,
    browser::Browser,
    client::{client, position_topic, publish_all},
    until,
};
use fantoccini::wd::TimeoutConfiguration;
use serde_json::{Value, json};
use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

/// Asset, class, room of the demo hospital.
const THINGS: [(&str, &str, &str); 5] = [
    ("PUMP-0001", "infusion-pump", "D2-depot"),
    ("PUMP-0002", "infusion-pump", "D2-depot"),
    ("PUMP-0003", "infusion-pump", "F1-depot"),
    ("SPR-0001", "syringe-pump", "F1-depot"),
    ("BED-0001", "bed", "F1-skyllerum"),
];

pub(crate) type Rooms = HashMap<String, (Value, Value, i64)>;

/// A port that is free now, so that a page finds the program again when it is started anew.
fn free_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

async fn rooms(spor: &Spor) -> Rooms {
    let mut rooms = Rooms::new();
    for floor in 0..3 {
        let (_, plan) = spor.get(&format!("/api/v1/floors/{floor}")).await;
        for feature in plan["features"].as_array().unwrap() {
            let label = &feature["properties"]["label"];
            let id = feature["id"].as_str().unwrap().to_owned();
            rooms.insert(id, (label[0].clone(), label[1].clone(), floor));
        }
    }
    rooms
}

async fn move_to(spor: &Spor, rooms: &Rooms, moves: &[(&str, &str)]) {
    let messages = moves.iter().map(|(id, room)| {
        let (x_m, y_m, floor) = &rooms[*room];
        let position = json!({ "x_m": x_m, "y_m": y_m, "floor": floor, "accuracy_m": 0.5 });
        (position_topic(id), position.to_string().into_bytes())
    });
    publish_all(client(spor.mqtt_port(), "it-walls"), messages.collect()).await;
}

/// A hospital with a few things in their rooms, on a port that stays.
pub(crate) async fn hospital(environment: &[(&str, &str)]) -> Option<(Spor, Rooms)> {
    let listen = format!("127.0.0.1:{}", free_port());
    let mut all = vec![("SPOR_HTTP__LISTEN", listen.as_str())];
    all.extend_from_slice(environment);
    let spor = Spor::serve(&all).await?;
    let rooms = rooms(&spor).await;
    let http = reqwest::Client::new();
    for (id, class, _) in THINGS {
        let url = format!("{}/api/v1/assets/{id}", spor.http);
        let asset = json!({ "label": format!("Ting {id}"), "class": class });
        assert!(http.put(&url).json(&asset).send().await.unwrap().status().is_success());
        let tag = http.put(format!("{url}/tag")).json(&json!({ "tag": id })).send().await.unwrap();
        assert!(tag.status().is_success(), "{}", tag.text().await.unwrap());
    }
    let all: Vec<_> = THINGS.iter().map(|(id, _, room)| (*id, *room)).collect();
    move_to(&spor, &rooms, &all).await;
    until("everything in its room", 10, async || {
        let (_, all) = spor.get("/api/v1/assets?state=live").await;
        let known = |asset: &&Value| asset["status"] != "unknown";
        (all["assets"].as_array()?.iter().filter(known).count() == THINGS.len()).then_some(())
    })
    .await;
    Some((spor, rooms))
}

async fn wall(spor: &Spor, query: &str) -> Option<Browser> {
    Browser::open(&format!("{}/wall?lang=en&test=1{query}", spor.http), 1920, 1080).await
}

/// Something moves, and the page says that it is live; what it says then.
pub(crate) async fn live(browser: &Browser, spor: &Spor, rooms: &Rooms) -> String {
    // On a busy machine a page may take longer to come than what it shows stays fresh.
    until("the page to be live", 40, async || {
        move_to(spor, rooms, &[("BED-0001", "F1-skyllerum")]).await;
        tokio::time::sleep(Duration::from_millis(500)).await;
        Some(browser.text().await).filter(|text| text.contains("Live,"))
    })
    .await
}

#[tokio::test]
async fn it_connects_is_live_then_says_how_old_positions_are_and_where_nobody_listens() {
    let Some((spor, rooms)) = hospital(&[]).await else { return };
    let Some(browser) = wall(&spor, "&at=D1-station").await else { return };
    browser.until_ready().await;
    let text = live(&browser, &spor, &rooms).await;
    let said = browser.value("window.__spor.said.filter(Boolean)").await;
    assert_eq!(said[0], "Connecting", "{said}");
    for word in ["Free", "min", "Infusion pump", "3 free"] {
        assert!(text.contains(word), "{word}: {text}");
    }
    assert!(text.contains("Demo, open on this machine only"), "{text}");

    // All readers of a floor go offline.
    let (_, plan) = spor.get("/api/v1/floors/1").await;
    let features = plan["features"].as_array().unwrap();
    let readers = features.iter().filter(|f| f["properties"]["feature"] == "reader");
    let offline = readers.map(|reader| {
        let topic = format!("spor/v1/readers/{}/status", reader["id"].as_str().unwrap());
        (topic, br#"{"status":"offline"}"#.to_vec())
    });
    publish_all(client(spor.mqtt_port(), "it-reader"), offline.collect()).await;
    browser.until_text("No coverage in", 20).await;

    let text = browser.until_text("Positions are", 30).await;
    assert!(text.contains("Old data,") && text.contains("nothing new arrives"), "{text}");
    live(&browser, &spor, &rooms).await;
    browser.close().await;
}

#[tokio::test]
async fn a_killed_server_is_said_and_when_it_is_back_nothing_is_there_twice() {
    let Some((mut spor, rooms)) = hospital(&[]).await else { return };
    let Some(browser) = wall(&spor, "").await else { return };
    browser.until_ready().await;
    spor.kill();
    let text = browser.until_text("No connection since", 40).await;
    assert!(text.contains("Positions may be wrong"), "{text}");
    assert!(text.contains("Trying again in") || text.contains("Trying now"), "{text}");
    spor.start_again().await;
    let back = Instant::now();
    until("the connection to be back", 35, async || {
        let stats = browser.value("window.__spor.stats()").await;
        (stats["connected"] == true && stats["state"] != "down").then_some(())
    })
    .await;
    println!("back {} ms after the server", back.elapsed().as_millis());
    live(&browser, &spor, &rooms).await;
    let stats = browser.value("window.__spor.stats()").await;
    assert_eq!(stats["assets"], THINGS.len(), "{stats}");
    let ids = browser
        .value("[...document.querySelectorAll('#cards li, #list li')].filter(e => e.offsetParent).map(e => e.dataset.id)")
        .await;
    let ids: Vec<&str> = ids.as_array().unwrap().iter().map(|id| id.as_str().unwrap()).collect();
    let mut once = ids.clone();
    once.sort_unstable();
    once.dedup();
    assert_eq!((ids.len(), once.len()), (3, 3), "three pumps, each once: {ids:?}");
    browser.close().await;
}

#[tokio::test]
async fn an_hour_without_the_server_takes_the_positions_away() {
    let Some((mut spor, _)) = hospital(&[]).await else { return };
    let Some(browser) = wall(&spor, "").await else { return };
    browser.until_ready().await;
    spor.kill();
    browser.until_text("No connection since", 40).await;
    // The page's clock, as if so much time had gone by.
    let later =
        |minutes: u32| format!("(Date.now = (n => () => n() + {minutes} * 60000)(Date.now), 1)");
    browser.value(&later(2)).await;
    let pale =
        "getComputedStyle(document.getElementById('assets')).filter + document.body.dataset.state";
    until("paler glyphs", 5, async || {
        browser.value(pale).await.as_str()?.contains("down").then_some(())
    })
    .await;
    browser.value(&later(58)).await;
    let text = browser.until_text("Positions are no longer shown", 5).await;
    assert!(text.contains("Positions are hidden until the connection is back"), "{text}");
    assert!(!text.contains("Ting PUMP"), "{text}");
    browser.close().await;
}

#[tokio::test]
async fn nothing_free_says_what_else_would_do_and_a_search_without_an_answer_what_was_meant() {
    let Some((spor, _)) = hospital(&[]).await else { return };
    let Some(browser) = wall(&spor, "&at=D1-station").await else { return };
    browser.until_ready().await;
    for id in ["PUMP-0001", "PUMP-0002", "PUMP-0003"] {
        let body = json!({ "status": "maintenance", "reason": "no power", "minutes": 60 });
        let url = format!("{}/api/v1/assets/{id}/status", spor.http);
        let said = reqwest::Client::new().post(url).json(&body).send().await.unwrap();
        assert!(said.status().is_success());
    }
    let text = browser.until_text("No infusion pump is free", 10).await;
    assert!(text.contains("3 of them are in use or not ready"), "{text}");
    let text = browser.until_text("Does the same work", 15).await;
    assert!(text.contains("Syringe pump, "), "another class and how far: {text}");
    browser.touch("#message .suggestion").await;
    browser.until_text("SPR-0001", 5).await;

    browser.type_into("#words", "wheelchare").await;
    let text = browser.until_text("Nothing found for \"wheelchare\"", 5).await;
    assert!(text.contains("Did you mean"), "{text}");
    browser.touch("#clear").await;
    browser.close().await;
}

#[tokio::test]
async fn a_scanner_finds_a_thing_wherever_the_focus_is() {
    let Some((spor, _)) = hospital(&[]).await else { return };
    let Some(browser) = wall(&spor, "&at=D1-station").await else { return };
    browser.until_ready().await;
    browser.until_text("PUMP-0003", 5).await;
    let scan = |code: &str| {
        format!(
            "[...{code:?}, 'Enter'].forEach(key => document.body.dispatchEvent(new KeyboardEvent('keydown', {{ key, bubbles: true }})))"
        )
    };
    browser.value(&scan("BED-0001")).await;
    let chosen = "document.querySelector('[data-chosen=\"true\"]')?.dataset.id ?? ''";
    until("the bed that was scanned", 5, async || {
        (browser.value(chosen).await == "BED-0001").then_some(())
    })
    .await;
    browser.value(&scan("NOBODY-77")).await;
    browser.until_text("Unknown code: NOBODY-77", 5).await;
    browser.close().await;
}

#[tokio::test]
async fn a_screen_with_a_wrong_clock_shows_the_servers_time_and_says_so() {
    let Some((spor, rooms)) = hospital(&[]).await else { return };
    let Some(browser) = Browser::open("about:blank", 1920, 1080).await else { return };
    let wrong = "{ const real = Date.now; Date.now = () => real() - 3600000; }";
    let source = json!({ "source": wrong });
    browser.cdp("Page.addScriptToEvaluateOnNewDocument", source).await;
    browser.page.goto(&format!("{}/wall?lang=en&test=1", spor.http)).await.unwrap();
    browser.until_ready().await;
    // Ages are by the server's time.
    let text = live(&browser, &spor, &rooms).await;
    assert!(text.contains("This screen's clock is 60 min off"), "{text}");
    browser.close().await;
}

#[tokio::test]
async fn a_wrong_address_is_a_page_of_its_own_with_what_would_be_right() {
    let Some((spor, _)) = hospital(&[]).await else { return };
    let Some(browser) = wall(&spor, "&ward=NOWHERE&floor=77&dist=900&nonsense=1").await else {
        return;
    };
    let text = browser.until_text("This address is not right", 20).await;
    assert!(text.contains("dist = \"900\" is not valid") && text.contains("0.3 - 20"), "{text}");
    assert!(text.contains("There is no parameter \"nonsense\""), "{text}");
    let url = format!("{}/wall?lang=en&ward=NOWHERE&floor=77", spor.http);
    browser.page.goto(&url).await.unwrap();
    let text = browser.until_text("ward = \"NOWHERE\" is not valid", 20).await;
    assert!(text.contains("D1") && text.contains("floor = \"77\" is not valid"), "{text}");
    browser.touch("#stop button").await;
    browser.until_text("Infusion pump", 20).await;
    browser.close().await;
}

#[tokio::test]
async fn a_wall_returns_to_its_own_view_after_45_seconds_and_a_new_build_reloads_it() {
    let Some((spor, _)) = hospital(&[]).await else { return };
    let Some(browser) = Browser::open("about:blank", 1920, 1080).await else { return };
    let soon = json!({ "source": "Math.random = () => 0;" });
    browser.cdp("Page.addScriptToEvaluateOnNewDocument", soon).await;
    let url = format!("{}/wall?lang=en&test=1&kiosk=1&ward=D1", spor.http);
    browser.page.goto(&url).await.unwrap();
    browser.until_ready().await;
    browser.until_text("Infusion pump", 5).await;
    browser.touch(".tile[data-class=\"bed\"]").await;
    let asked = "document.getElementById('chip-name').textContent";
    until("the question that was touched", 5, async || {
        (browser.value(asked).await == "Bed").then_some(())
    })
    .await;
    until("the wall's own question", 60, async || {
        (browser.value(asked).await == "Infusion pump").then_some(())
    })
    .await;
    browser.value("(window.before = 1)").await;
    let hello = "window.__spor.hear('hello', { build: 'another', server_time_ms: Date.now(), floors: [], site: { name: 'x', version: 'x', time_zone: 'UTC' } })";
    browser.value(hello).await;
    until("a new page", 20, async || {
        (browser.value("window.before ?? null").await == Value::Null).then_some(())
    })
    .await;
    browser.until_ready().await;
    browser.close().await;
}

#[tokio::test]
async fn all_words_change_with_the_language_and_nothing_glides_where_motion_is_unwanted() {
    let Some((spor, rooms)) = hospital(&[]).await else { return };
    let Some(browser) = wall(&spor, "").await else { return };
    let still = json!({ "features": [{ "name": "prefers-reduced-motion", "value": "reduce" }] });
    browser.cdp("Emulation.setEmulatedMedia", still).await;
    browser.until_ready().await;
    let english = live(&browser, &spor, &rooms).await;
    browser.touch("#language").await;
    let danish = browser.until_text("Infusionspumpe", 5).await;
    for word in ["Free", "From the middle"] {
        assert!(english.contains(word) && !danish.contains(word), "{word}: {english}\n{danish}");
    }
    let (x_m, y_m, floor) = rooms["F1-depot"].clone();
    let near = json!({ "x_m": x_m.as_f64().unwrap() + 1.5, "y_m": y_m, "floor": floor });
    let message = vec![(position_topic("PUMP-0003"), near.to_string().into_bytes())];
    publish_all(client(spor.mqtt_port(), "it-step"), message).await;
    for _ in 0..20 {
        let stats = browser.value("window.__spor.stats()").await;
        assert_eq!(stats["drawn"]["easing"], 0, "{stats}");
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
    browser.close().await;
}

#[tokio::test]
async fn twenty_thousand_ticks_leave_nothing_behind() {
    let Some((spor, _)) = hospital(&[]).await else { return };
    let Some(browser) = wall(&spor, "&motion=0").await else { return };
    browser.until_ready().await;
    browser.cdp("Performance.enable", json!({})).await;
    tick(&browser, 4_000).await;
    let before = measured(&browser).await;
    tick(&browser, 20_000).await;
    let after = measured(&browser).await;
    println!("before {before:?}, after {after:?}");
    let grown = after.0 - before.0;
    assert!(grown < 1e6, "the heap grew by {grown} bytes");
    // Cards come and go with what is shown just then; what is left behind would be thousands.
    assert!((after.1 - before.1).abs() <= 30, "nodes: {before:?}, {after:?}");
    assert_eq!(before.2, after.2, "listeners");
    browser.close().await;
}

/// So many deltas as fast as the page takes them, of forty assets that come, move and go.
async fn tick(browser: &Browser, count: u32) {
    let patience = TimeoutConfiguration::new(Some(Duration::from_secs(120)), None, None);
    browser.page.update_timeouts(patience).await.unwrap();
    let script = "
        const [count, done] = [arguments[0], arguments[1]];
        const at = window.__spor.assetAt('PUMP-0003');
        const columns = window.__spor.columns();
        const known = { class: 'infusion-pump', status: 'available', state: 'live', floor: at.floor, zone: at.zone,
          interval_ms: 2000, accuracy_m: 0.5, room_only: false, portal: false };
        let tick = 0;
        const some = () => {
          for (let i = 0; i < 50 && tick < count; i += 1, tick += 1) {
            const now = Date.now();
            const assets = Array.from({ length: 20 }, (_, n) => {
              const id = `T-${(tick + n) % 40}`;
              const row = { ...known, id, label: id, x_m: 20 + ((tick + n) % 17), y_m: 10 + (tick % 13), seen_ms: now, entered_ms: now };
              return columns.map((name) => row[name] ?? null);
            });
            window.__spor.hear('delta', { time_ms: now, assets, gone: [`T-${(tick + 30) % 40}`] });
          }
          if (tick < count) requestAnimationFrame(some);
          else setTimeout(done, 200);
        };
        some();";
    browser.page.execute_async(script, vec![json!(count)]).await.unwrap();
}

/// Bytes of heap, nodes and listeners after the garbage was taken out.
async fn measured(browser: &Browser) -> (f64, i64, i64) {
    for _ in 0..3 {
        browser.cdp("HeapProfiler.collectGarbage", json!({})).await;
    }
    let metrics = browser.cdp("Performance.getMetrics", json!({})).await;
    let value = |name: &str| {
        let metrics = metrics["metrics"].as_array().unwrap();
        metrics.iter().find(|m| m["name"] == name).unwrap()["value"].as_f64().unwrap()
    };
    #[allow(clippy::cast_possible_truncation)]
    (value("JSHeapUsedSize"), value("Nodes") as i64, value("JSEventListeners") as i64)
}
