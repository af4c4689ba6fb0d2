//! The same journal gives the same rows, whether or not the program dies while it folds it.

use crate::support::{Spor, postgres, publisher::Fleet, until};
use std::{path::Path, process::Command, time::Duration};
use tempfile::TempDir;

/// Everything that follows from a journal, in an order of its own.
const TABLES: [&str; 3] = [
    "select t.name, p.\"time\", p.until, p.seq, p.x_m, p.y_m, p.floor, p.accuracy_m, z.id
     from position p join tag t on t.id = p.tag left join zone z on z.key = p.zone
     order by t.name, p.\"time\", p.seq",
    "select t.name, z.id, v.entered_at, v.left_at
     from visit v join tag t on t.id = v.tag join zone z on z.key = v.zone order by t.name, v.entered_at",
    "select id, message from event order by id",
];

async fn rows(spor: &Spor) -> Vec<Vec<String>> {
    let database = postgres::connect(&spor.database_url()).await;
    let mut tables = Vec::new();
    for sql in TABLES {
        let sql = format!("select row_to_json(r)::text from ({sql}) r");
        let rows = database.query(&sql, &[]).await.unwrap();
        tables.push(rows.iter().map(|row| row.get(0)).collect());
    }
    tables
}

/// Stops it when all that arrived is decided and stored. Ticks go on when nothing arrives: a second
/// or two decide what only waited for time.
pub(crate) async fn stop_when_decided(mut spor: Spor) -> Spor {
    // A tick each second is on its way for a moment.
    for (journal, cursor, few) in [("raw", "pipeline", 1.0), ("decided", "storage", 3.0)] {
        // Gauges are set each second: what is read now may be of before.
        tokio::time::sleep(Duration::from_secs(2)).await;
        let name = format!(r#"spor_journal_lag_messages{{journal="{journal}",cursor="{cursor}"}}"#);
        until(&name, 180, async || {
            spor.metric_if_told(&name).await.is_some_and(|lag| lag < few).then_some(())
        })
        .await;
    }
    tokio::time::sleep(Duration::from_secs(4)).await;
    assert!(spor.stop().success());
    spor
}

fn copy(from: &Path, to: &Path) {
    assert!(Command::new("cp").arg("-r").args([from, to]).status().unwrap().success());
}

/// A copy of the journal of a program that has stopped.
pub(crate) fn kept_journal(spor: &Spor) -> TempDir {
    let kept = tempfile::tempdir().unwrap();
    copy(&spor.data_dir().join("journal/."), kept.path());
    kept
}

/// A program on a new database, with a copy of that journal and nothing else.
pub(crate) async fn on_a_copy(journal: &Path, environment: &[(&str, &str)]) -> Spor {
    let mut spor = Spor::serve(environment).await.expect("there is a Postgres");
    assert!(spor.stop().success());
    let own = spor.data_dir();
    for folder in ["journal", "decided", "checkpoints"] {
        std::fs::remove_dir_all(own.join(folder)).unwrap();
    }
    copy(journal, &own.join("journal"));
    let database = postgres::connect(&spor.database_url()).await;
    database.execute("update journal_cursor set journal = null, sequence = 0", &[]).await.unwrap();
    spor
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_journal_gives_the_same_rows_with_and_without_crashes() {
    let Some(mut spor) = Spor::serve(&[]).await else { return };
    let fleet = Fleet::start(spor.mqtt_port(), 8, 4_000);
    tokio::time::sleep(Duration::from_secs(6)).await;
    let sent = tokio::task::spawn_blocking(|| fleet.stop()).await.unwrap();
    assert!(sent.len() > 5_000, "only {} messages", sent.len());
    assert!(spor.stop().success());
    let journal = kept_journal(&spor);
    spor.start_again().await;
    let live = rows(&stop_when_decided(spor).await).await;
    assert!(live.iter().all(|table| table.len() > 10), "too little to compare");

    let mut undisturbed = on_a_copy(journal.path(), &[]).await;
    undisturbed.start_again().await;
    let undisturbed = rows(&stop_when_decided(undisturbed).await).await;

    let mut killed = on_a_copy(journal.path(), &[]).await;
    for after_ms in [150, 300, 450, 600, 900, 1_300, 2_000] {
        killed.spawn_again();
        tokio::time::sleep(Duration::from_millis(after_ms)).await;
        killed.kill();
    }
    killed.start_again().await;
    let killed = rows(&stop_when_decided(killed).await).await;

    for (table, name) in ["position", "visit", "event"].into_iter().enumerate() {
        same(&live[table], &undisturbed[table], &format!("{name}, folded again"));
        same(&live[table], &killed[table], &format!("{name}, after kills"));
    }
}

fn same(live: &[String], again: &[String], what: &str) {
    let differs = live.iter().zip(again).find(|(live, again)| live != again);
    assert!(differs.is_none(), "{what}: {differs:#?}");
    assert_eq!(live.len(), again.len(), "{what}");
}
