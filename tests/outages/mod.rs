//! Outages made by really stopping the part, on parts that no other test uses.

use crate::support::{Spor, postgres, until};
use rustix::process::{Pid, Signal, kill_process, kill_process_group};
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

#[tokio::test]
async fn while_postgres_is_stopped_now_is_answered_and_afterwards_nothing_is_missing() {
    if postgres::programs().is_none() {
        return;
    }
    let spor = Spor::start(&["demo"], &[]).await;
    until("the hospital to move", 60, async || {
        (spor.metric("spor_positions_stored_total").await > 400.0).then_some(())
    })
    .await;
    let pid = postmaster(&spor);
    // Stopped processes accept connections and never answer: the worst kind of away.
    kill_process_group(pid, Signal::STOP).unwrap();
    let unready = until("readyz to say so", 30, async || {
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
    kill_process_group(pid, Signal::CONT).unwrap();
    until("readiness", 60, async || (spor.get("/readyz").await.0 == 200).then_some(())).await;
    let stored = spor.metric("spor_positions_stored_total").await;
    until("writing to resume", 30, async || {
        (spor.metric("spor_positions_stored_total").await > stored).then_some(())
    })
    .await;
    assert!(spor.metric("spor_storage_set_aside_total").await < 1.0);
    // The server's own process was stopped with its group; it must still be the same one.
    kill_process(pid, Signal::CONT).unwrap();
}
