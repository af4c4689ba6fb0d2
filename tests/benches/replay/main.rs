//! How well a replay keeps the intervals of what it plays: from when a moment was due to when it was
//! put into the pipeline, with the built program. `cargo bench --bench replay`.

#![allow(clippy::unwrap_used, missing_docs)]

#[path = "../../support/mod.rs"]
mod support;

use firmware_sim::{
    faults::Faults,
    recording::{Take, record},
    site,
    world::{Config, World},
};
use std::{path::Path, time::Duration};
use support::Spor;

/// It is listened to for so long, seconds.
const SECONDS: u64 = 30;
const START_MS: i64 = 1_795_385_000_000;

#[tokio::main]
async fn main() {
    if support::postgres::programs().is_none() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let recording = folder.path().join("hour");
    hour(&recording);
    println!("how late moments were, of the demo hospital's, in {SECONDS} s");
    for speed in ["1", "10", "60"] {
        println!("at {speed:>2} times: {}", lateness(&recording, speed).await);
    }
}

fn hour(out: &Path) {
    let site = site::generate(&site::demo_plan());
    let world = World::new(&site, Config { start_ms: START_MS, ..Config::default() }).unwrap();
    let faults = Faults::new(&world, &[], 1, 1.0);
    let end_ms = START_MS + 3_600_000;
    let take = Take { name: "hour", site: &site, world, faults, end_ms, cbor: false };
    record(take, out, |_| {}).unwrap();
}

async fn lateness(recording: &Path, speed: &str) -> String {
    let data = tempfile::tempdir().unwrap().keep();
    std::fs::set_permissions(&data, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let folder = data.to_str().unwrap();
    let arguments =
        ["replay", recording.to_str().unwrap(), "--speed", speed, "--keep", "--data", folder];
    let mut spor = Spor::start(&arguments, &[("SPOR_DATA_DIR", folder)]).await;
    tokio::time::sleep(Duration::from_secs(SECONDS)).await;
    let metrics = reqwest::get(format!("{}/metrics", spor.http)).await.unwrap();
    let metrics = metrics.text().await.unwrap();
    let value = |of: &str| {
        let name = format!("spor_replay_late_seconds{of} ");
        let line = metrics.lines().find_map(|line| line.strip_prefix(&name));
        line.and_then(|value| value.parse::<f64>().ok()).unwrap_or(f64::NAN)
    };
    let ms = |quantile: &str| 1_000.0 * value(&format!("{{quantile=\"{quantile}\"}}"));
    let told = format!(
        "p50 {:.2} ms, p99 {:.2} ms, max {:.2} ms, of {} moments",
        ms("0.5"),
        ms("0.99"),
        ms("1"),
        value("_count")
    );
    spor.stop();
    std::fs::remove_dir_all(&data).unwrap();
    told
}
