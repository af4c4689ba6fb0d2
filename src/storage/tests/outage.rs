//! Postgres goes away and comes back: nothing is lost, nothing is stored twice.

use super::*;
use rustix::process::{Pid, Signal, kill_process};
use std::time::{Duration, Instant};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killing_postgres_again_and_again_loses_and_doubles_nothing() {
    let folder = folder();
    let storage = match Storage::open(&Config::default(), folder.path(), quiet).await {
        Ok(storage) => storage,
        Err(error) => return skip_or_fail(&error),
    };
    storage.register_site("v1", &rooms(), &[]).await.unwrap();
    let keeper = tokio::spawn(storage.keeper());
    let (door, task) = storage.spawn_writer().await;
    let up = storage.up();
    let begun = now_ms();
    let (mut sent, mut kills, mut was_down) = (0, 0, false);
    // A door that is closed for a while keeps the sender, who then finds a killed server again.
    let until = Instant::now() + Duration::from_secs(60);
    let mut left_after_the_last = 200;
    while left_after_the_last > 0 && Instant::now() < until {
        let batch: Vec<Decided> =
            (0..40).map(|n| position(&format!("t{n}"), begun + sent)).collect();
        door.send(batch).await;
        sent += 1;
        tokio::time::sleep(Duration::from_millis(4)).await;
        was_down |= !*up.borrow();
        if sent % 150 == 100 && kills < 3 {
            kills += 1;
            let pid = storage.inner.private.as_ref().unwrap().pid().await;
            kill_process(Pid::from_raw(pid).unwrap(), Signal::KILL).unwrap();
        }
        if kills == 3 {
            left_after_the_last -= 1;
        }
    }
    door.close(task).await;
    keeper.abort();
    assert!(was_down && kills == 3, "the outage was never noticed ({kills} kills)");
    let distinct = "select count(distinct (tag, \"time\")) from position";
    assert_eq!(storage.count(distinct).await, sent * 40);
    assert_eq!(storage.count("select count(*) from position").await, sent * 40);
    storage.stop().await;
}

#[tokio::test]
async fn while_postgres_is_away_calls_say_so_quickly() {
    let folder = folder();
    let storage = match Storage::open(&Config::default(), folder.path(), quiet).await {
        Ok(storage) => storage,
        Err(error) => return skip_or_fail(&error),
    };
    storage.inner.private.as_ref().unwrap().stop().await;
    let begun = Instant::now();
    let error = storage.history(&tag("a"), 0, 1, 1, None).await.unwrap_err();
    assert!(matches!(error, StorageError::Away(_)), "{error}");
    assert!(begun.elapsed() < Duration::from_secs(3));
    storage.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_frozen_server_is_noticed_and_its_lost_transaction_stored_once() {
    let folder = folder();
    let storage = match Storage::open(&Config::default(), folder.path(), quiet).await {
        Ok(storage) => storage,
        Err(error) => return skip_or_fail(&error),
    };
    let (door, task) = storage.spawn_writer().await;
    let mut up = storage.up();
    let now = this_second_ms();
    door.send(vec![position("a", now)]).await;
    while storage.count("select count(*) from position").await == 0 {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let writer = "select pid from pg_stat_activity where application_name like 'spor-writer%'";
    let pid: i32 = storage.look(writer).await[0].get(0);
    kill_process(Pid::from_raw(pid).unwrap(), Signal::STOP).unwrap();
    door.send(vec![position("a", now + 1)]).await;
    tokio::time::timeout(Duration::from_secs(5), up.wait_for(|up| !up)).await.unwrap().unwrap();
    kill_process(Pid::from_raw(pid).unwrap(), Signal::CONT).unwrap();
    door.close(task).await;
    assert_eq!(storage.count("select count(*) from position").await, 2);
    storage.stop().await;
}
