//! The program killed and started again under a whole simulated hospital, by a fault of its scenario.

use super::stop_when_decided;
use crate::support::{Spor, built, postgres, until};
use firmware_sim::{
    faults::{Act, Faults},
    scenario::Scenario,
    world::{Message, World},
};
use std::{collections::BTreeMap, net::TcpListener, process::Stdio, time::Duration};
use tokio::process::Command;

/// Times as fast as real time.
const SPEED: &str = "10";
const SCENARIO: &str = r#"
name = "Restarts"
start = 2026-11-03T09:00:00+01:00
duration = "6m"
[assets]
count = 200
[staff]
count = 60
[[faults]]
kind = "broker_restart"
from = "1m"
until = "2m"
[[faults]]
kind = "broker_restart"
from = "3m 30s"
until = "4m 30s"
keep = 1000
"#;

/// What the scenario publishes: how often each sequence number of each tag.
fn said() -> BTreeMap<(String, u32), i64> {
    let scenario = Scenario::parse(SCENARIO).unwrap();
    let mut world = World::new(&scenario.site().unwrap(), scenario.world()).unwrap();
    let mut faults = Faults::new(&world, &scenario.faults(), scenario.seed, 1.0);
    let mut said = BTreeMap::new();
    for act in faults.pass(world.advance(scenario.end_ms()), scenario.end_ms()) {
        let Act::Say(sent) = act else { continue };
        let positions = match sent.message {
            Message::TagPosition(tag, position) => vec![(tag, position)],
            Message::EnginePositions(_, positions) => {
                positions.into_iter().filter_map(|p| Some((p.tag.clone()?, p))).collect()
            }
            _ => continue,
        };
        for (tag, position) in positions {
            *said.entry((tag.to_string(), position.seq.unwrap())).or_insert(0) += 1;
        }
    }
    said
}

/// The number behind a word of the last line that tells what was published.
fn count(summary: &str, word: &str) -> u64 {
    let line = summary.lines().rfind(|line| line.contains("published")).unwrap();
    let mut words = line.split_whitespace().skip_while(|w| *w != word);
    words.nth(1).map_or(0, |number| number.parse().unwrap())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hospital_whose_broker_is_killed_finds_everything_acknowledged_stored_once() {
    let Some(simulator) = built("firmware-sim") else { return };
    let free = TcpListener::bind("127.0.0.1:0").unwrap();
    let broker = free.local_addr().unwrap().to_string();
    drop(free);
    let settings = [("SPOR_MQTT__LISTEN", &*broker), ("SPOR_STORAGE__ON_CHANGE", "false")];
    let Some(mut spor) = Spor::serve(&settings).await else { return };

    let folder = tempfile::tempdir().unwrap();
    let [scenario, pid, killed] =
        ["restarts.toml", "pid", "killed"].map(|name| folder.path().join(name));
    std::fs::write(&scenario, SCENARIO).unwrap();
    std::fs::write(&pid, spor.pid().to_string()).unwrap();
    let restart = format!("kill -9 $(cat {}) && touch {}", pid.display(), killed.display());
    let running = Command::new(simulator)
        .args(["run", "--broker", &broker, "--speed", SPEED, "--restart-command", &restart])
        .arg("--scenario")
        .arg(&scenario)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    for number in 1..=2 {
        until("the simulator to kill the broker", 90, async || killed.exists().then_some(())).await;
        std::fs::remove_file(&killed).unwrap();
        // It is dead already; this takes its leave of it.
        spor.kill();
        spor.start_again().await;
        std::fs::write(&pid, spor.pid().to_string()).unwrap();
        eprintln!("restart {number}");
    }
    let ended = tokio::time::timeout(Duration::from_secs(120), running.wait_with_output());
    let ended = ended.await.unwrap().unwrap();
    let told = String::from_utf8(ended.stderr).unwrap();
    assert!(ended.status.success(), "{told}");
    let [published, acknowledged, dropped, reconnects] =
        ["published", "acknowledged", "dropped", "reconnects"].map(|word| count(&told, word));
    assert_eq!((acknowledged, dropped), (published, 0), "{told}");
    // 4 for the tags, 8 readers, one for the other readers, one for the engine; twice.
    assert_eq!(reconnects, 28, "{told}");

    let database = postgres::connect(&spor.database_url()).await;
    let spor = stop_when_decided(spor).await;
    let sql = "select t.name, p.seq, count(*) from position p join tag t on t.id = p.tag \
               where p.seq is not null group by 1, 2";
    let rows = database.query(sql, &[]).await.unwrap();
    let stored: BTreeMap<(String, u32), i64> = rows
        .iter()
        .map(|row| ((row.get(0), u32::try_from(row.get::<_, i64>(1)).unwrap()), row.get(2)))
        .collect();
    let said = said();
    let missing: Vec<_> = said.keys().filter(|key| !stored.contains_key(key)).collect();
    let doubled: Vec<_> = stored.iter().filter(|(key, n)| said.get(key) < Some(n)).collect();
    eprintln!(
        "published {published}, acknowledged {acknowledged}; {} positions said, {} stored",
        said.values().sum::<i64>(),
        stored.values().sum::<i64>()
    );
    assert!(said.len() > 2_000, "{}", said.len());
    assert!(
        missing.is_empty(),
        "{} missing: {:?}",
        missing.len(),
        &missing[..missing.len().min(9)]
    );
    assert!(doubled.is_empty(), "{} twice: {:?}", doubled.len(), &doubled[..doubled.len().min(9)]);
    drop(spor);
}
