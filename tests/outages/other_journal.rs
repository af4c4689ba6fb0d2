//! A database and a journal that don't belong together are not mixed up in silence.

use crate::support::{Spor, postgres, publisher::Fleet, until};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_journal_is_refused_until_it_is_asked_for_and_then_stored() {
    let settings = [("SPOR_STORAGE__ON_CHANGE", "false")];
    let Some(mut spor) = Spor::serve(&settings).await else { return };
    let fleet = Fleet::start(spor.mqtt_port(), 2, 500);
    until("some messages", 20, async || (fleet.acknowledged() > 200).then_some(())).await;
    let acknowledged = tokio::task::spawn_blocking(|| fleet.stop()).await.unwrap();
    assert!(spor.stop().success());
    let database = postgres::connect(&spor.database_url()).await;
    // As if another Spor had written there, and nothing of this journal was stored.
    let other =
        "update journal_cursor set journal = 'b5c1f0f2-6f0e-4f5e-9d57-0d3a8b7a1c11', sequence = 7";
    database.batch_execute(other).await.unwrap();
    database.batch_execute("delete from position").await.unwrap();

    spor.spawn_again();
    assert_eq!(spor.await_end().code(), Some(1));
    let log = spor.log();
    let line = log.lines().last().unwrap();
    assert!(line.contains("--new-journal") && line.contains("b5c1f0f2"), "{line}");

    spor.with_arguments(&["serve", "--new-journal"]);
    spor.start_again().await;
    let rows = async || {
        let sql = "select count(*), count(distinct (tag, seq)) from position";
        let row = database.query_one(sql, &[]).await.unwrap();
        (row.get::<_, i64>(0), row.get::<_, i64>(1))
    };
    let all = i64::try_from(acknowledged.len()).unwrap();
    until("the whole journal to be stored", 60, async || (rows().await.1 >= all).then_some(()))
        .await;
    assert!(spor.stop().success());
    let (count, distinct) = rows().await;
    assert_eq!(count, distinct, "nothing twice");
}
