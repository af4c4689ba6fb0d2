//! Recordings and replays with the built program: the same rows again, at any speed.

use crate::support::{
    Spor, browser::Browser, postgres, program::command, publisher::Fleet, tool, until,
};
use firmware_sim::{
    faults::{FaultEntry, Faults},
    recording::{Take, record},
    site,
    world::{Config, World},
};
use serde_json::{Value, json};
use spor::storage::{self, Contents, Storage};
use spor_schemas::recording::{Kind, Recording};
use std::{path::Path, process::Output, time::Duration};
use tempfile::TempDir;

fn run(data_dir: &Path, arguments: &[&str], environment: &[(&str, &str)]) -> (Option<i32>, String) {
    let Output { status, stdout, stderr } =
        command(data_dir).args(arguments).envs(environment.iter().copied()).output().unwrap();
    let said = format!("{}{}", String::from_utf8_lossy(&stdout), String::from_utf8_lossy(&stderr));
    (status.code(), said)
}

/// Replays to the end, and gives back the digest that it prints, with what it says.
fn digest(recording: &Path, arguments: &[&str]) -> (String, String) {
    let folder = tempfile::tempdir().unwrap();
    let recording = recording.to_str().unwrap();
    let mut all = vec!["replay", recording];
    all.extend_from_slice(arguments);
    let (code, said) = run(&folder.path().join("data"), &all, &[]);
    assert_eq!(code, Some(0), "{said}");
    let digest = said.lines().find_map(|line| line.strip_prefix("digest ")).unwrap_or_else(|| {
        panic!("no digest: {said}");
    });
    (digest.to_owned(), said)
}

/// What is in the database of a program that has stopped.
async fn contents(spor: &Spor) -> Contents {
    let config = storage::Config { url: Some(spor.database_url()), ..storage::Config::default() };
    let folder = tempfile::tempdir().unwrap();
    let storage = Storage::open(&config, folder.path(), |_| {}).await.unwrap();
    let contents = storage.contents().await.unwrap();
    storage.stop().await;
    contents
}

/// A hospital on an ill day: what its tags say is lost, late, twice and out of order.
fn ill_day(minutes: i64) -> TempDir {
    let site = site::generate(&site::demo_plan());
    let start_ms = 1_795_385_000_000;
    let config = Config { start_ms, assets: 80, staff: 15, ..Config::default() };
    let world = World::new(&site, config).unwrap();
    let plan: Vec<_> = [
        "kind = \"loss\"\nshare = 0.05",
        "kind = \"duplicates\"\nshare = 0.1\nby = \"10s\"",
        "kind = \"reordering\"\nshare = 0.1\nby = \"15s\"",
        "kind = \"late_burst\"\nof_tags = 0.3\nfrom = \"5m\"\nuntil = \"16m\"",
    ]
    .into_iter()
    .map(|text| toml::from_str::<FaultEntry>(text).unwrap().check().unwrap())
    .collect();
    let faults = Faults::new(&world, &plan, 1, 1.0);
    let end_ms = start_ms + minutes * 60_000;
    let folder = tempfile::tempdir().unwrap();
    let take = Take { name: "ill day", site: &site, world, faults, end_ms, cbor: false };
    record(take, folder.path(), |_| {}).unwrap();
    folder
}

async fn put(spor: &Spor, path: &str, body: Value) {
    let url = format!("{}{path}", spor.http);
    let answer = reqwest::Client::new().put(url).json(&body).send().await.unwrap();
    assert!(answer.status().is_success(), "{path}: {}", answer.text().await.unwrap());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_live_is_recorded_and_gives_the_same_rows_again() {
    if postgres::programs().is_none() {
        return;
    }
    let Some(mut spor) = Spor::serve(&[]).await else { return };
    put(&spor, "/api/v1/assets/P1", json!({ "label": "Pump 1", "class": "infusion-pump" })).await;
    let fleet = Fleet::start(spor.mqtt_port(), 4, 600);
    tokio::time::sleep(Duration::from_secs(4)).await;
    // Who carries what changes while it is recorded.
    put(&spor, "/api/v1/assets/P1/tag", json!({ "tag": "device-1" })).await;
    tokio::time::sleep(Duration::from_secs(4)).await;
    let sent = tokio::task::spawn_blocking(|| fleet.stop()).await.unwrap();
    assert!(sent.len() > 500, "only {} messages", sent.len());
    assert!(spor.stop().success());
    let live = contents(&spor).await;
    assert!(live.rows > 100 && live.events > 10, "too little to compare: {live:?}");

    let out = tempfile::tempdir().unwrap();
    let recording = out.path().join("live");
    let (code, said) =
        run(&spor.data_dir(), &["record", "--out", recording.to_str().unwrap()], &[]);
    assert_eq!(code, Some(0), "{said}");
    let (max, said) = digest(&recording, &["--speed", "max"]);
    assert_eq!(max, live.digest, "live {live:?}, replayed: {said}");
    let (paced, said) = digest(&recording, &["--speed", "4"]);
    assert_eq!(paced, live.digest, "at a pace: {said}");
    let (code, said) =
        run(&spor.data_dir(), &["record", "--out", recording.to_str().unwrap()], &[]);
    assert_eq!(code, Some(1), "a recording is never written over: {said}");
}

#[test]
fn a_recording_gives_the_same_at_any_speed_and_another_gives_another() {
    if postgres::programs().is_none() {
        return;
    }
    let day = ill_day(25);
    let (max, said) = digest(day.path(), &["--speed", "max"]);
    assert!(said.contains("visits") && !said.contains(" 0 visits"), "{said}");
    let (again, _) = digest(day.path(), &["--speed", "max"]);
    assert_eq!(max, again, "at max twice");
    let (paced, _) = digest(day.path(), &["--speed", "300"]);
    assert_eq!(max, paced, "at 300 times");
    let (shorter, _) = digest(day.path(), &["--speed", "max", "--to", "20m"]);
    assert_ne!(max, shorter);

    let (_, said) = digest(day.path(), &["--speed", "max", "--tags", "uwb-00001"]);
    let records = Recording::open(day.path()).unwrap().records().map(Result::unwrap);
    let topics: Vec<String> = records.map(|record| record.topic).collect();
    let own = topics.iter().filter(|topic| topic.starts_with("spor/v1/tags/uwb-00001/")).count();
    // Whether a room is covered is news for every tag.
    let readers =
        topics.iter().filter(|t| t.starts_with("spor/v1/readers/") && t.ends_with("/status"));
    let played = own + readers.count();
    assert!(own > 5 && said.contains(&format!("{played} messages in")), "{played}: {said}");
}

#[tokio::test]
async fn people_are_left_out_unless_an_engineer_asks_and_then_bear_other_names() {
    let Some(mut spor) = Spor::serve(&[("SPOR_HTTP__OPEN", "false")]).await else { return };
    let token = |role: &str| {
        let made = run(&spor.data_dir(), &["token", "add", role, "--role", role], &[]).1;
        made.split_whitespace().find(|word| word.starts_with("spor_")).unwrap().to_owned()
    };
    let [admin, engineer, manager] = ["admin", "engineer", "manager"].map(token);
    let http = reqwest::Client::new();
    for (path, body) in [
        ("/api/v1/people/nurse-17", json!({ "role": "nurse" })),
        ("/api/v1/people/nurse-17/tag", json!({ "tag": "device-0" })),
    ] {
        let url = format!("{}{path}", spor.http);
        let answer = http.put(url).bearer_auth(&admin).json(&body).send().await.unwrap();
        assert!(answer.status().is_success(), "{}", answer.text().await.unwrap());
    }
    let fleet = Fleet::start(spor.mqtt_port(), 2, 100);
    tokio::time::sleep(Duration::from_secs(2)).await;
    tokio::task::spawn_blocking(|| fleet.stop()).await.unwrap();

    let out = tempfile::tempdir().unwrap();
    let record = |name: &str, more: &[&str], token: Option<&str>| {
        let folder = out.path().join(name);
        let mut all = vec!["record", "--out", folder.to_str().unwrap()];
        all.extend_from_slice(more);
        let environment: Vec<_> = token.map(|t| ("RECORD_SPOR_TOKEN", t)).into_iter().collect();
        let (code, said) = run(&spor.data_dir(), &all, &environment);
        (code, said, folder)
    };
    let about = |folder: &Path, text: &str| {
        let recording = Recording::open(folder).unwrap();
        let records = recording.records().map(Result::unwrap);
        let named = records.filter(|record| {
            let payload = String::from_utf8_lossy(&record.payload).into_owned();
            [&record.source, &record.topic, &payload].iter().any(|told| told.contains(text))
        });
        let in_manifest = serde_json::to_string(&recording.manifest).unwrap().contains(text);
        named.count() + usize::from(in_manifest)
    };
    let (code, said, folder) = record("without", &[], None);
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("left out"), "{said}");
    assert_eq!((about(&folder, "device-0"), about(&folder, "nurse-17")), (0, 0));
    assert!(about(&folder, "device-1") > 50);
    let state = std::fs::read(folder.join("state.checkpoint")).unwrap();
    assert!(!String::from_utf8_lossy(&state).contains("nurse-17"));

    let (code, said, _) = record("nobody", &["--include-people"], None);
    assert!(code == Some(2) && said.contains("RECORD_SPOR_TOKEN"), "{said}");
    let (code, said, _) = record("manager", &["--include-people"], Some(&manager));
    assert!(code == Some(1) && said.contains("engineer"), "{said}");

    let (code, said, folder) = record("renamed", &["--include-people"], Some(&engineer));
    assert_eq!(code, Some(0), "{said}");
    assert_eq!((about(&folder, "device-0"), about(&folder, "nurse-17")), (0, 0));
    assert!(about(&folder, "badge-") > 50 && about(&folder, "person-") > 0);
    let (code, said, folder) =
        record("as-it-is", &["--include-people", "--keep-names"], Some(&engineer));
    assert_eq!(code, Some(0), "{said}");
    assert!(about(&folder, "device-0") > 50 && about(&folder, "nurse-17") > 0);
    let written_down = std::fs::read_to_string(spor.data_dir().join("recordings.log")).unwrap();
    assert_eq!(written_down.lines().count(), 2, "{written_down}");
    assert!(written_down.contains("\"by\":\"engineer\""), "{written_down}");
    assert!(spor.stop().success());
}

/// A replay that serves, on a folder of its own.
async fn replaying(arguments: &[&str]) -> Option<Spor> {
    postgres::programs()?;
    // The folder that the others are given in the environment is another one.
    let data = tempfile::tempdir().unwrap().keep();
    std::fs::set_permissions(&data, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let data = data.to_str().unwrap();
    let mut all = arguments.to_vec();
    all.extend_from_slice(&["--data", data]);
    Some(Spor::start(&all, &[("SPOR_DATA_DIR", data)]).await)
}

#[tokio::test]
async fn the_wall_says_which_moment_it_shows_and_the_time_bar_moves_it() {
    let day = ill_day(20);
    let path = day.path().to_str().unwrap().to_owned();
    let Some(mut spor) = replaying(&["replay", &path, "--speed", "60", "--keep"]).await else {
        return;
    };
    let http = reqwest::Client::new();
    let ask = async |body: Value| {
        let url = format!("{}/api/v1/replay", spor.http);
        let answer = http.post(url).json(&body).send().await.unwrap();
        (answer.status().as_u16(), answer.json::<Value>().await.unwrap())
    };
    let (code, told) = ask(json!({ "paused": true })).await;
    assert_eq!((code, told["state"].as_str()), (200, Some("paused")), "{told}");
    let (_, first) = spor.get("/api/v1/replay").await;
    tokio::time::sleep(Duration::from_millis(500)).await;
    let (_, second) = spor.get("/api/v1/replay").await;
    assert_eq!(first["position_ms"], second["position_ms"], "it stands while it is paused");
    let (code, told) = ask(json!({ "speed": "0" })).await;
    assert_eq!(code, 400, "{told}");

    // On to twelve minutes after its beginning, and back to ten.
    for minutes in [12, 10] {
        let wanted_ms = 1_795_385_000_000i64 + minutes * 60_000;
        let at = jiff::Timestamp::from_millisecond(wanted_ms).unwrap().to_string();
        let (code, told) = ask(json!({ "seek": at, "paused": true })).await;
        assert_eq!(code, 200, "{told}");
        until("the moment to be shown", 60, async || {
            let (_, told) = spor.get("/api/v1/replay").await;
            let is_there = (told["position_ms"].as_i64()? - wanted_ms).abs() <= 2_000;
            (told["state"] == "paused" && is_there).then_some(())
        })
        .await;
        let ages = async || {
            let (_, all) = spor.get("/api/v1/assets?limit=1000").await;
            let all = all["assets"].as_array().unwrap().clone();
            all.iter().filter_map(|a| a["place"]["age_s"].as_f64()).collect::<Vec<_>>()
        };
        let ages = until("assets with places", 20, async || {
            let ages = ages().await;
            (ages.len() >= 70).then_some(ages)
        })
        .await;
        assert!(ages.iter().all(|age| *age < 900.0), "by the replay's clock: {ages:?}");
    }
    let claim = format!("{}/api/v1/assets/x", spor.http);
    let body = json!({ "label": "X", "class": "bed" });
    let refused = http.put(claim).json(&body).send().await.unwrap().status().as_u16();
    assert_eq!(refused, 409, "a replay takes no changes");
    let (_, session) = spor.get("/api/v1/session").await;
    let may = session["may"].as_array().unwrap();
    assert!(!may.contains(&json!("handle")) && may.contains(&json!("see_equipment")), "{session}");

    let url = format!("{}/wall?lang=en&test=1", spor.http);
    if let Some(browser) = Browser::open(&url, 1920, 1080).await {
        // 1,795,385,600,000 is 23:13 in Copenhagen on the 22nd of November 2026.
        until("the words across the page", 30, async || {
            let text = browser.text().await;
            (text.contains("Replay, 23:13 on 22 November") && text.contains("paused")).then_some(())
        })
        .await;
        let pressed = "document.getElementById('replay-play').click()";
        browser.value(pressed).await;
        until("it to go on", 20, async || {
            let (_, told) = spor.get("/api/v1/replay").await;
            (told["state"] == "playing").then_some(())
        })
        .await;
        browser.close().await;
    }
    assert!(spor.stop().success());
    let said = spor.log();
    assert!(said.contains("digest "), "{said}");
}

/// A hall of two rooms with 12 readers along its walls.
const HALL: &str = r#"{"type":"FeatureCollection","format":"spor-site/1","crs":"local","name":"Hall",
"time_zone":"Europe/Copenhagen","floors":[{"number":0,"label":"0"}],"features":[
{"type":"Feature","id":"outline","geometry":{"type":"Polygon","coordinates":[[[0,0],[21,0],[21,18],[0,18],[0,0]]]},
 "properties":{"feature":"outline","floor":0}},
{"type":"Feature","id":"west","geometry":{"type":"Polygon","coordinates":[[[0,0],[10,0],[10,18],[0,18],[0,0]]]},
 "properties":{"feature":"room","floor":0,"kind":"storage","name":"West"}},
{"type":"Feature","id":"east","geometry":{"type":"Polygon","coordinates":[[[10,0],[21,0],[21,18],[10,18],[10,0]]]},
 "properties":{"feature":"room","floor":0,"kind":"storage","name":"East"}}]}"#;

#[test]
fn a_walk_that_others_recorded_becomes_a_recording_and_is_played() {
    let walk = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../shared/data/ble_danis_tetam/trk/straight_01_all_sensors.mbd.gz");
    let Some(gzip) = tool("gzip") else { return };
    if !walk.exists() {
        eprintln!("SKIPPED: {} is not here", walk.display());
        return;
    }
    if postgres::programs().is_none() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let unpacked = std::process::Command::new(gzip).arg("-dc").arg(&walk).output().unwrap();
    let (rows, site) = (folder.path().join("walk.csv"), folder.path().join("hall.geojson"));
    std::fs::write(&rows, unpacked.stdout).unwrap();
    std::fs::write(&site, HALL).unwrap();
    let out = folder.path().join("walk");
    let (code, said) = run(
        &folder.path().join("data"),
        &[
            "import-recording",
            rows.to_str().unwrap(),
            "--columns",
            "time=1,tag=3,x=5,y=6,floor=:0",
            "--site",
            site.to_str().unwrap(),
            "--out",
            out.to_str().unwrap(),
        ],
        &[],
    );
    assert_eq!(code, Some(0), "{said}");
    let recording = Recording::open(&out).unwrap();
    let messages = recording.records().map(Result::unwrap).filter(|r| r.kind == Kind::Message);
    assert_eq!(messages.count() as u64, recording.manifest.messages);
    let (_, said) = digest(&out, &["--speed", "max"]);
    assert!(!said.contains(" 0 rows") && !said.contains(" 0 visits"), "{said}");
}
