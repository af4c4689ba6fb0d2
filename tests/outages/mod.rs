//! Outages made by really stopping the part, on parts that no other test uses.

mod broker_restart;
mod database_full;
mod flush_first;
mod journal_full;
mod kill;
mod late;
mod other_journal;
mod same_rows;
mod site_file;

pub(crate) use same_rows::{kept_journal, on_a_copy, stop_when_decided};

use crate::support::{Spor, postgres, until};
use rustix::process::{Pid, Signal, kill_process};
use std::{fs, time::Duration};

/// The process of the private server below a data folder.
fn postmaster(spor: &Spor) -> Pid {
    let mut folders = vec![spor.data_dir(), "/var/lib/spor".into()];
    while let Some(folder) = folders.pop() {
        if let Ok(text) = fs::read_to_string(folder.join("postmaster.pid")) {
            let names = spor.database.rsplit('=').next().unwrap_or_default().to_owned();
            if text.contains(&names) {
                return Pid::from_raw(text.lines().next().unwrap().parse().unwrap()).unwrap();
            }
        }
        let inside = fs::read_dir(&folder).into_iter().flatten().flatten();
        folders.extend(inside.map(|e| e.path()).filter(|p| p.is_dir() && !p.ends_with("base")));
    }
    panic!("no private server of {}", spor.database)
}

/// The server and its children, each of which leads a process group of its own.
fn signal_all(postmaster: Pid, signal: Signal) {
    kill_process(postmaster, signal).unwrap();
    let parent = postmaster.as_raw_nonzero().to_string();
    for process in fs::read_dir("/proc").unwrap().flatten() {
        let stat = fs::read_to_string(process.path().join("stat")).unwrap_or_default();
        let fields = stat.rsplit_once(')').map_or("", |(_, fields)| fields);
        if fields.split_whitespace().nth(1) == Some(&parent) {
            let pid = process.file_name().to_str().and_then(|name| name.parse().ok());
            if let Some(pid) = pid.and_then(Pid::from_raw) {
                let _ = kill_process(pid, signal);
            }
        }
    }
}

#[tokio::test]
async fn while_postgres_is_stopped_now_is_answered_and_afterwards_nothing_is_missing() {
    if postgres::programs().is_none() {
        return;
    }
    let spor = Spor::start(&["demo", "--history", "0"], &[]).await;
    until("the hospital to move", 60, async || {
        (spor.metric("spor_positions_stored_total").await > 400.0).then_some(())
    })
    .await;
    let pid = postmaster(&spor);
    // Stopped processes accept connections and never answer: the worst kind of away.
    signal_all(pid, Signal::STOP);
    let unready = until("readyz to say so", 60, async || {
        let (status, body) = spor.get("/readyz").await;
        (status == 503).then_some(body)
    })
    .await;
    assert!(unready.to_string().contains("storage"), "{unready}");
    let newest = async || {
        let (status, assets) = spor.get("/api/v1/assets?limit=1000").await;
        assert_eq!(status, 200);
        let assets = assets["assets"].as_array().unwrap().clone();
        assets
            .iter()
            .filter_map(|a| a["place"]["seen_at"].as_str().map(str::to_owned))
            .max()
            .unwrap()
    };
    let before = newest().await;
    until("live to go on", 15, async || (newest().await > before).then_some(())).await;
    let acknowledged = spor.metric("spor_messages_acknowledged_total").await;
    tokio::time::sleep(Duration::from_secs(5)).await;
    assert!(
        spor.metric("spor_messages_acknowledged_total").await > acknowledged,
        "publishers wait"
    );
    signal_all(pid, Signal::CONT);
    until("readiness", 60, async || (spor.get("/readyz").await.0 == 200).then_some(())).await;
    let stored = spor.metric("spor_positions_stored_total").await;
    until("writing to resume", 30, async || {
        (spor.metric("spor_positions_stored_total").await > stored).then_some(())
    })
    .await;
    assert!(spor.metric("spor_storage_set_aside_total").await < 1.0);
}
