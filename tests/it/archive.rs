//! `spor record --continuous` beside a running Spor, over a kill of either; and cuts by floor.

use crate::support::{Spor, program::command, publisher::Fleet, until};
use spor_schemas::recording::{Kind, Recording};
use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    process::{Child, Output, Stdio},
};

fn archiving(data_dir: &Path, into: &Path) -> Child {
    let mut record = command(data_dir);
    record.args(["record", "--continuous"]).arg(into);
    record.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
}

/// The finished recordings, the oldest first.
fn archived(into: &Path) -> Vec<PathBuf> {
    let names = fs::read_dir(into).into_iter().flatten().map(|entry| entry.unwrap().path());
    let mut finished: Vec<_> = names.filter(|p| p.join("manifest.json").exists()).collect();
    finished.retain(|path| path.extension().is_none());
    finished.sort();
    finished
}

async fn more_than(count: usize, into: &Path) {
    until("a segment to be archived", 60, async || (archived(into).len() > count).then_some(()))
        .await;
}

fn record(data_dir: &Path, arguments: &[&str], out: &Path) -> (Option<i32>, String) {
    let mut record = command(data_dir);
    let Output { status, stdout, stderr } =
        record.args(["record", "--out"]).arg(out).args(arguments).output().unwrap();
    let said = format!("{}{}", String::from_utf8_lossy(&stdout), String::from_utf8_lossy(&stderr));
    (status.code(), said)
}

/// Which messages of which device are in it, received from its beginning on.
fn held(recording: &Path) -> BTreeSet<(usize, u32)> {
    let recording = Recording::open(recording).unwrap();
    let records = recording.records().map(Result::unwrap);
    let of_its_own = records.filter(|record| {
        record.kind == Kind::Message && record.received_ms >= recording.manifest.start_ms
    });
    of_its_own
        .map(|record| {
            let payload: serde_json::Value = serde_json::from_slice(&record.payload).unwrap();
            let device = record.source.strip_prefix("device-").unwrap().parse().unwrap();
            (device, u32::try_from(payload["seq"].as_u64().unwrap()).unwrap())
        })
        .collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_closed_segment_is_archived_once_whoever_is_killed() {
    let small = ("SPOR_JOURNAL__SEGMENT_BYTES", "200000");
    let Some(mut spor) = Spor::serve(&[small]).await else { return };
    let folder = tempfile::tempdir().unwrap();
    let into = folder.path().join("archive");
    let fleet = Fleet::start(spor.mqtt_port(), 4, 400);
    let mut archiver = archiving(&spor.data_dir(), &into);
    more_than(1, &into).await;
    archiver.kill().unwrap();
    archiver.wait().unwrap();
    let before = archived(&into);
    let written: Vec<_> =
        before.iter().map(|p| fs::metadata(p.join("manifest.json")).unwrap().modified()).collect();
    spor.kill();
    spor.start_again().await;
    fleet.follow(spor.mqtt_port());
    let mut archiver = archiving(&spor.data_dir(), &into);
    more_than(before.len() + 1, &into).await;
    let acknowledged = tokio::task::spawn_blocking(|| fleet.stop()).await.unwrap();
    assert!(spor.stop().success());
    archiver.kill().unwrap();
    archiver.wait().unwrap();

    let all = archived(&into);
    for (path, written) in before.iter().zip(written) {
        let now = fs::metadata(path.join("manifest.json")).unwrap().modified();
        assert_eq!(now.unwrap(), written.unwrap(), "{} was written again", path.display());
    }
    let last = Recording::open(all.last().unwrap()).unwrap().manifest;
    let rest = folder.path().join("rest");
    let end = jiff::Timestamp::from_millisecond(last.end_ms).unwrap().to_string();
    let (code, said) = record(&spor.data_dir(), &["--from", &end], &rest);
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("lead up to it"), "{said}");
    let kept: BTreeSet<_> = all.iter().chain([&rest]).flat_map(|path| held(path)).collect();
    let missing: Vec<_> = acknowledged.difference(&kept).collect();
    assert!(missing.is_empty(), "{} of {}: {missing:?}", missing.len(), acknowledged.len());
    let one = held(&all[1]).len();
    assert!(one > 100 && one < acknowledged.len() / 2, "a segment holds {one} of its own");

    let data = tempfile::tempdir().unwrap();
    let mut replay = command(&data.path().join("data"));
    let played = replay.arg("replay").arg(&all[1]).args(["--speed", "max"]).output().unwrap();
    let said = String::from_utf8_lossy(&played.stdout).into_owned();
    assert!(played.status.success() && said.contains(" visits, "), "{played:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_floor_is_cut_out_and_one_that_is_not_there_is_refused() {
    let Some(mut spor) = Spor::serve(&[]).await else { return };
    let fleet = Fleet::start(spor.mqtt_port(), 2, 200);
    let enough = async || (fleet.acknowledged() > 100).then_some(());
    until("some messages", 30, enough).await;
    let acknowledged = tokio::task::spawn_blocking(|| fleet.stop()).await.unwrap();
    assert!(spor.stop().success());
    let out = tempfile::tempdir().unwrap();
    // The fleet walks on the ground floor.
    for (floor, expected) in [("0", acknowledged.len()), ("1", 0)] {
        let folder = out.path().join(floor);
        let (code, said) = record(&spor.data_dir(), &["--floor", floor], &folder);
        assert_eq!(code, Some(0), "{said}");
        assert_eq!(held(&folder).intersection(&acknowledged).count(), expected, "{said}");
    }
    let (code, said) = record(&spor.data_dir(), &["--floor", "9"], &out.path().join("9"));
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("there is no floor 9; the building has 0, 1, 2"), "{said}");
}
