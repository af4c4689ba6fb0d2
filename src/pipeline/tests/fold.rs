//! The fold over a real journal: crashes, lost tails and checkpoints change nothing of what is decided.

use super::*;
use crate::{
    journal::{self, Draft, Journal, Kind},
    model::{Act, ByHand, DecidedBatch},
};
use proptest::prelude::*;
use std::path::Path;

fn open(folder: &Path) -> Journal {
    let config = journal::Config { segment_bytes: 64 * 1024, ..journal::Config::default() };
    Journal::open(folder, &config, || START_MS).expect("a journal")
}

/// A morning: three tags and a badge that walk between rooms, ticks, a tag that becomes a badge.
async fn record(folder: &Path) {
    let journal = open(folder);
    let site = Site::load(None).expect("demo site");
    let rooms: Vec<_> = site.zones().filter(|z| z.kind.is_some()).collect();
    let mut draft = Draft::new();
    let change = Registry::default().changes_to(&registry());
    draft.push(Kind::Registry, "", "", &spor_schemas::wire::to_json(&change));
    for i in 0..900usize {
        let (x_m, y_m, floor) = site.centre(&rooms[i / 7 % rooms.len()].id).expect("a centre");
        let time_ms = START_MS + i64::try_from(i).expect("small") * 100 - 50_000;
        let name = ["pump", "a", "b", "badge"][i % 4];
        let topic = format!("spor/v1/tags/{name}/position");
        let payload = serde_json::json!({ "x_m": x_m, "y_m": y_m, "floor": floor, "time_ms": time_ms,
            "seq": i, "battery_pct": 10 + i % 80 });
        let payload = payload.to_string();
        if name == "badge" {
            draft.push_sealed(&journal.sealer(), Kind::Message, name, &topic, payload.as_bytes());
        } else {
            draft.push(Kind::Message, name, &topic, payload.as_bytes());
        }
        if i % 10 == 0 {
            draft.push(Kind::Tick, "", "", b"");
        }
        if i % 150 == 60 {
            let claim = Act::ClaimTo("C1".parse().expect("valid"));
            let acts = [claim, say(Status::Dirty, 9_000), Act::Clear, say(Status::Cleaning, 4_000)];
            let act = acts[i / 150 % acts.len()].clone();
            let asset = "P1".parse().expect("valid");
            let act = ByHand { asset, by: "anna".to_owned(), act };
            draft.push(Kind::ByHand, "", "", &spor_schemas::wire::to_json(&act));
        }
        if i == 500 {
            let mut next = registry();
            wear(&mut next, "b");
            let change = registry().changes_to(&next);
            draft.push(Kind::Registry, "", "", &spor_schemas::wire::to_json(&change));
        }
    }
    draft.push(Kind::Flush, "", "", b"");
    let last = journal.append(draft).last;
    journal.committed().wait_for(|c| *c >= last).await.expect("committed");
    journal.close();
}

fn say(status: Status, for_ms: i64) -> Act {
    Act::Say { status, reason: "seen".to_owned(), for_ms }
}

async fn folding(journal: &Journal, decided: &Journal, checkpoints: &Path) -> Folding {
    let parts = Parts {
        site: Arc::new(Site::load(None).expect("demo site")),
        live: Arc::new(Live::new()),
        rejections: Rejections::default(),
        max_late_ms: 48 * 3_600_000,
        on_change: true,
    };
    let start = Start {
        journal: journal.clone(),
        decided: decided.clone(),
        checkpoints: Checkpoints::open(checkpoints, journal).expect("a folder"),
        stored: 0,
    };
    let nothing = async || Ok::<_, String>((Registry::default(), Restored::default()));
    Folding::open(start, parts, nothing).await.expect("the logs fit")
}

/// Every batch of a decided log, as bytes.
async fn batches(decided: &Journal) -> Vec<Vec<u8>> {
    let last = decided.last();
    decided.committed().wait_for(|c| *c >= last).await.expect("committed");
    let mut reader = decided.reader(1);
    let mut all = Vec::new();
    while reader.position() <= last {
        all.extend(reader.read(1 << 20).expect("read").into_iter().map(|r| r.payload().to_vec()));
    }
    all
}

async fn items(decided: &Journal) -> Vec<(u64, Decided)> {
    let batch = |bytes: Vec<u8>| postcard::from_bytes::<DecidedBatch>(&bytes).expect("a batch");
    batches(decided).await.into_iter().flat_map(|bytes| batch(bytes).items).collect()
}

/// What one life of the program does before it dies.
#[derive(Debug, Clone)]
struct Life {
    steps: usize,
    bytes: usize,
    /// After how many steps it leaves a checkpoint.
    checkpoint: Option<usize>,
    /// So many of the last batches, as far as no checkpoint counts on them, are lost with it.
    lost: usize,
}

fn life() -> impl Strategy<Value = Life> {
    (1usize..6, 2_000usize..40_000, proptest::option::of(0usize..6), 0usize..4)
        .prop_map(|(steps, bytes, checkpoint, lost)| Life { steps, bytes, checkpoint, lost })
}

async fn live(folder: &Path, lives: &[Life]) -> Vec<(u64, Decided)> {
    let journal = open(&folder.join("journal"));
    let checkpoints = folder.join("checkpoints");
    let mut kept: Vec<Vec<u8>> = Vec::new();
    for (number, life) in lives.iter().enumerate() {
        let decided = decided_log(&folder.join(format!("decided-{number}")), &kept, &journal).await;
        let mut folding = folding(&journal, &decided, &checkpoints).await;
        let mut counted = batches(&decided).await.len();
        for step in 0..life.steps {
            folding.step(life.bytes, &|_| {}).expect("a step");
            if life.checkpoint == Some(step) {
                folding.checkpoint().await;
                counted = batches(&decided).await.len();
            }
        }
        kept = batches(&decided).await;
        kept.truncate(counted.max(kept.len() - life.lost.min(kept.len())));
    }
    let decided = decided_log(&folder.join("decided"), &kept, &journal).await;
    folding(&journal, &decided, &checkpoints).await.catch_up().await.expect("to the end");
    items(&decided).await
}

/// A decided log that holds just these batches.
async fn decided_log(folder: &Path, batches: &[Vec<u8>], journal: &Journal) -> Journal {
    let decided = open(folder);
    for bytes in batches {
        let batch: DecidedBatch = postcard::from_bytes(bytes).expect("a batch");
        onward::append(&decided, journal, &batch);
    }
    let last = decided.last();
    decided.committed().wait_for(|c| *c >= last).await.expect("committed");
    decided
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("one")
}

#[test]
fn crashes_lost_tails_and_checkpoints_change_nothing_of_what_is_decided() {
    let folder = tempfile::tempdir().expect("a folder");
    let undisturbed = runtime().block_on(async {
        record(&folder.path().join("journal")).await;
        live(folder.path(), &[]).await
    });
    assert!(undisturbed.len() > 900, "{}", undisturbed.len());
    let config = ProptestConfig { cases: 24, ..ProptestConfig::default() };
    proptest!(config, |(lives in proptest::collection::vec(life(), 1..5))| {
        let again = tempfile::tempdir().expect("a folder");
        let from = folder.path().join("journal");
        let copied = std::process::Command::new("cp").arg("-r").arg(&from).arg(again.path()).status();
        prop_assert!(copied.expect("cp").success());
        let disturbed = runtime().block_on(live(again.path(), &lives));
        let same = disturbed.iter().zip(&undisturbed).take_while(|(a, b)| a == b).count();
        let differs = (disturbed.get(same), undisturbed.get(same));
        prop_assert!(disturbed == undisturbed, "item {same} differs: {differs:?}");
    });
}

#[test]
fn a_checkpoint_tells_nothing_of_a_badge_without_its_key() {
    let folder = tempfile::tempdir().expect("a folder");
    runtime().block_on(async {
        record(&folder.path().join("journal")).await;
        let journal = open(&folder.path().join("journal"));
        let decided = open(&folder.path().join("decided"));
        let mut folding = folding(&journal, &decided, &folder.path().join("checkpoints")).await;
        folding.catch_up().await.expect("to the end");
        assert!(folding.pipeline().live.people.contains(&tag("badge")));
        folding.checkpoint().await;
        let found = Checkpoints::open(&folder.path().join("checkpoints"), &journal)
            .expect("a folder")
            .newest_up_to(u64::MAX)
            .expect("a checkpoint");
        let parts = || Parts {
            site: Arc::new(Site::load(None).expect("demo site")),
            live: Arc::new(Live::new()),
            rejections: Rejections::default(),
            max_late_ms: 48 * 3_600_000,
            on_change: true,
        };
        let known = found.take_up(parts(), &journal.sealer()).expect("read");
        assert!(known.live.people.contains(&tag("badge")));
        assert!(known.live.tags.contains(&tag("pump")));
        // Another journal's sealer has none of this one's keys.
        let other = open(&folder.path().join("other"));
        let forgotten = found.take_up(parts(), &other.sealer()).expect("read");
        assert!(!forgotten.live.people.contains(&tag("badge")));
        assert!(forgotten.live.tags.contains(&tag("pump")));
    });
}
