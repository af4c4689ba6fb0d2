//! What the wall display takes in a real browser: frames a second while 5,000 assets move four times a
//! second, and how long a porter waits for an answer. `cargo bench --bench wall`.

#![allow(clippy::unwrap_used, missing_docs)]

#[path = "../../support/mod.rs"]
mod support;

use fantoccini::wd::TimeoutConfiguration;
use serde_json::{Value, json};
use std::time::{Duration, Instant};
use support::{
    Spor,
    browser::Browser,
    client::{client, position_topic, publish_all},
    program::command,
    until,
};

const ASSETS: usize = 5_000;
/// Asked for: it is measured for so long, seconds.
const SECONDS: u32 = 10;

#[tokio::main]
async fn main() {
    let Some(mut spor) = Spor::serve(&[]).await else { return };
    fill(&mut spor).await;
    place(&spor).await;
    let url = format!("{}/wall?lang=en&test=1&at=D1-station", spor.http);
    let opened = Instant::now();
    let Some(browser) = Browser::open(&url, 1920, 1080).await else { return };
    browser.until_ready().await;
    println!("browser started, page opened, ready: {} ms", opened.elapsed().as_millis());
    porter(&browser, &url).await;
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

/// Enters the assets with their tags, which a running Spor is told at its next start.
async fn fill(spor: &mut Spor) {
    let class = |n: usize| ["infusion-pump", "bed", "wheelchair", "patient-monitor"][n % 4];
    let lines = (0..ASSETS).map(|n| format!("A{n},Asset {n},{},,A{n}\n", class(n)));
    let csv = format!("id,label,class,home_ward,tag\n{}", lines.collect::<String>());
    let path = spor.data_dir().join("assets.csv");
    std::fs::write(&path, csv).unwrap();
    spor.stop();
    let mut import = command(&spor.data_dir());
    import.env("SPOR_DATABASE__URL", spor.database_url()).arg("import-assets").arg(path);
    let done = import.output().unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    spor.start_again().await;
}

/// Everything stands in the depots, so that there is a way to it.
async fn place(spor: &Spor) {
    let mut depots = Vec::new();
    for floor in 0..3 {
        let (_, plan) = spor.get(&format!("/api/v1/floors/{floor}")).await;
        let features = plan["features"].as_array().unwrap().iter();
        let storage = features.filter(|feature| feature["properties"]["kind"] == "storage");
        depots.extend(storage.map(|room| (room["properties"]["label"].clone(), floor)));
    }
    let messages = (0..ASSETS).map(|n| {
        let (label, floor) = &depots[n % depots.len()];
        let position = json!({ "x_m": label[0], "y_m": label[1], "floor": floor });
        (position_topic(&format!("A{n}")), position.to_string().into_bytes())
    });
    publish_all(client(spor.mqtt_port(), "bench-wall"), messages.collect()).await;
    until("everything in its depot", 30, async || {
        let (_, unknown) = spor.get("/api/v1/assets?status=unknown&limit=1").await;
        unknown["assets"].as_array()?.is_empty().then_some(())
    })
    .await;
}

/// A search as a porter does it: from the address to the answer of another type than the page opens
/// with, which takes one touch; and from that touch alone, in frames of the page.
async fn porter(browser: &Browser, url: &str) {
    let script = "
        const done = arguments[0];
        const began = performance.now();
        document.querySelector('.tile[data-class=\"bed\"]').click();
        const told = () => document.getElementById('chip-name').textContent === 'Bed'
          && document.querySelector('#cards .card .metres')?.textContent.endsWith('min')
          && document.querySelector('#cards .card .way').textContent !== '';
        const look = () => (told() ? done(performance.now() - began) : requestAnimationFrame(look));
        look();";
    let opened = Instant::now();
    browser.page.goto(url).await.unwrap();
    browser.until_ready().await;
    let ready = opened.elapsed();
    let touched = browser.page.execute_async(script, vec![]).await.unwrap();
    println!(
        "a search: page opened to ready {} ms, tile touched to room, minutes and way {} ms, together {} ms \
         and one touch (asked: 2000 ms, two touches)",
        ready.as_millis(),
        touched.as_f64().unwrap_or_default().round(),
        opened.elapsed().as_millis()
    );
}

/// Frames a second, the 95th percentile between two, and what the page says of its own drawing.
async fn frames(browser: &Browser, moving: usize, hertz: u32) -> Value {
    let script = "
        const [moving, hertz, seconds, done] = arguments;
        const columns = window.__spor.columns();
        const kinds = ['infusion-pump', 'bed', 'wheelchair', 'patient-monitor'];
        // Made beforehand, as the server makes them: what is measured is to read, take in and draw them.
        const text = (beat, now) => {
          const assets = Array.from({ length: moving }, (_, n) => {
            const row = { id: `A${n}`, label: `Asset ${n}`, class: kinds[n % 4], status: 'available', state: 'live', floor: n % 3,
              x_m: (n * 7.3 + beat) % 60, y_m: (n * 3.1 + beat) % 90, zone: null, seen_ms: now, entered_ms: now, interval_ms: 250, accuracy_m: 0.5, room_only: false, portal: false };
            return columns.map((name) => row[name] ?? null);
          });
          return JSON.stringify({ time_ms: now, assets, gone: [] });
        };
        const length = hertz * seconds + 4;
        const tried = performance.now();
        text(0, 0);
        // When they are all made.
        const began = Date.now() + length * (performance.now() - tried);
        const texts = Array.from({ length }, (_, beat) => text(beat, Math.round(began + (hertz ? 1000 * beat / hertz : 0))));
        const send = (beat) => window.__spor.take('delta', texts[Math.min(beat, texts.length - 1)]);
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
