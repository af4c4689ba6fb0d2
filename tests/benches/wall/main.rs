//! What the wall display takes in a real browser: frames a second while 5,000 assets move four times a
//! second, and how long a porter waits for an answer. `cargo bench --bench wall`.

#![allow(clippy::unwrap_used, missing_docs)]

#[path = "../../support/mod.rs"]
mod support;

use fantoccini::wd::TimeoutConfiguration;
use serde_json::{Value, json};
use std::time::{Duration, Instant};
use support::{Spor, browser::Browser};

const ASSETS: usize = 5_000;
/// Asked for: it is measured for so long, seconds.
const SECONDS: u32 = 10;

#[tokio::main]
async fn main() {
    let Some(spor) = Spor::serve(&[]).await else { return };
    fill(&spor).await;
    let url = format!("{}/wall?lang=en&test=1", spor.http);
    let opened = Instant::now();
    let Some(browser) = Browser::open(&url, 1920, 1080).await else { return };
    browser.until_ready().await;
    println!("browser started, page opened, ready: {} ms", opened.elapsed().as_millis());
    answer(&browser, &url).await;
    let patience = TimeoutConfiguration::new(Some(Duration::from_secs(120)), None, None);
    browser.page.update_timeouts(patience).await.unwrap();
    for (what, hertz) in
        [("still", 0), ("3,000 move twice a second", 2), ("all move four times a second", 4)]
    {
        let moving = if hertz == 2 { 3_000 } else { ASSETS };
        let told = frames(&browser, moving, hertz).await;
        println!("{what}: {told}");
    }
    browser.close().await;
}

async fn fill(spor: &Spor) {
    let class = |n: usize| ["infusion-pump", "bed", "wheelchair", "patient-monitor"][n % 4];
    let assets: Vec<Value> = (0..ASSETS)
        .map(|n| json!({ "id": format!("A{n}"), "label": format!("Asset {n}"), "class": class(n) }))
        .collect();
    let url = format!("{}/api/v1/assets", spor.http);
    let put = reqwest::Client::new().post(url).json(&json!({ "assets": assets })).send().await;
    assert!(put.unwrap().status().is_success());
}

/// From the address to the answer, and from a touch of a tile to the answer.
async fn answer(browser: &Browser, url: &str) {
    let script = "
        const done = arguments[0];
        const asked = () => document.getElementById('chip-name').textContent;
        const began = performance.now();
        document.querySelector('.tile[data-class=\"bed\"]').click();
        const look = () => (asked() === 'Bed' ? done(performance.now() - began) : requestAnimationFrame(look));
        look();";
    let opened = Instant::now();
    browser.page.goto(url).await.unwrap();
    browser.until_ready().await;
    let ready = opened.elapsed();
    let touched = browser.page.execute_async(script, vec![]).await.unwrap();
    println!(
        "page opened to ready: {} ms; tile touched to answer: {touched} ms",
        ready.as_millis()
    );
}

/// Frames a second, the 95th percentile between two, and what the page says of its own drawing.
async fn frames(browser: &Browser, moving: usize, hertz: u32) -> Value {
    let script = "
        const [moving, hertz, seconds, done] = arguments;
        const columns = window.__spor.columns();
        const kinds = ['infusion-pump', 'bed', 'wheelchair', 'patient-monitor'];
        const send = (beat) => {
          const now = Date.now();
          const assets = Array.from({ length: moving }, (_, n) => {
            const row = { id: `A${n}`, label: `Asset ${n}`, class: kinds[n % 4], status: 'available', state: 'live', floor: n % 3,
              x_m: (n * 7.3 + beat) % 60, y_m: (n * 3.1 + beat) % 90, zone: null, seen_ms: now, entered_ms: now, interval_ms: 250, accuracy_m: 0.5, room_only: false, portal: false };
            return columns.map((name) => row[name] ?? null);
          });
          window.__spor.hear('delta', { time_ms: now, assets, gone: [] });
        };
        let beat = 0;
        send(beat);
        const timer = hertz ? setInterval(() => send(beat += 1), 1000 / hertz) : 0;
        const gaps = [];
        let last = 0;
        const end = performance.now() + seconds * 1000;
        const frame = (at) => {
          if (last) gaps.push(at - last);
          last = at;
          if (performance.now() < end) return requestAnimationFrame(frame);
          clearInterval(timer);
          gaps.sort((a, b) => a - b);
          const total = gaps.reduce((sum, gap) => sum + gap, 0);
          return done({ fps: Math.round(gaps.length / total * 10000) / 10, p95_ms: Math.round(gaps[Math.floor(gaps.length * 0.95)] * 10) / 10, draw_ms_p95: window.__spor.stats().drawMsP95 });
        };
        requestAnimationFrame(frame);";
    let arguments = vec![json!(moving), json!(hertz), json!(SECONDS)];
    browser.page.execute_async(script, arguments).await.unwrap()
}
