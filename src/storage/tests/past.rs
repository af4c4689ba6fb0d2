//! Retention, partitions, schema versions, pages of history, and what is kept of people.

use super::*;
use crate::{
    model::PresenceRow,
    storage::{PositionKeeper, known_version, maintenance::maintain},
};

const DAY_MS: i64 = 86_400_000;

#[tokio::test]
async fn retention_drops_old_partitions_and_rows_and_nothing_else() {
    let Some(storage) = storage("retention").await else { return };
    assert_eq!(storage.position_keeper(), PositionKeeper::Partitions);
    let now = this_second_ms();
    storage
        .store(vec![
            position("a", now),
            position("a", now - DAY_MS),
            position("a", now - 20 * DAY_MS),
            position("a", now - 31 * DAY_MS),
            visit("a", "hall", now - 500 * DAY_MS, Some(now - 499 * DAY_MS)),
            visit("a", "hall", now - 3 * DAY_MS, Some(now - 2 * DAY_MS)),
        ])
        .await;
    for purpose in ["long ago", "now"] {
        storage.log_lookup("desk", purpose, "", 1).await.unwrap();
    }
    let mut client = session(&storage.inner.postgres, "test", "").await.unwrap();
    let aged = "update person_lookup set at = at - interval '401 days' where purpose = 'long ago'";
    client.execute(aged, &[]).await.unwrap();
    let config = &storage.inner.config;
    maintain(&mut client, config, PositionKeeper::Partitions, now).await.unwrap();
    let lookups = storage.lookups(10, None).await.unwrap();
    assert_eq!(lookups.iter().map(|l| l.purpose.as_str()).collect::<Vec<_>>(), ["now"]);
    assert_eq!(storage.count("select count(*) from position").await, 3);
    assert_eq!(storage.count("select count(*) from visit").await, 1);

    let later = now + 33 * DAY_MS;
    maintain(&mut client, config, PositionKeeper::Partitions, later).await.unwrap();
    assert_eq!(storage.count("select count(*) from position").await, 0);
    let left = "select count(*) from pg_inherits where inhparent = 'position'::regclass";
    // Ten days from the day before yesterday on, those still within retention, and the default.
    let parts = storage.count(left).await;
    assert!((11..=18).contains(&parts), "{parts} partitions");
}

#[tokio::test]
async fn rows_of_the_default_partition_move_when_their_day_gets_its_own() {
    let Some(storage) = storage("default_partition").await else { return };
    let now = this_second_ms();
    storage.store(vec![position("a", now + 9 * DAY_MS), position("a", now)]).await;
    assert_eq!(storage.count("select count(*) from position_default").await, 1);
    let mut client = session(&storage.inner.postgres, "test", "").await.unwrap();
    let config = &storage.inner.config;
    maintain(&mut client, config, PositionKeeper::Partitions, now + 3 * DAY_MS).await.unwrap();
    assert_eq!(storage.count("select count(*) from position_default").await, 0);
    assert_eq!(storage.count("select count(*) from position").await, 2);
}

#[tokio::test]
async fn a_newer_schema_is_refused_and_the_present_one_opened_again() {
    let Some(url) = database("newer").await else { return };
    let config = Config { url: Some(url), ..Config::default() };
    let here = Path::new("/nonexistent");
    let storage = Storage::open(&config, here, quiet).await.unwrap();
    Storage::open(&config, here, quiet).await.unwrap();
    storage
        .client()
        .await
        .unwrap()
        .execute("insert into schema_migration (number, name) values (9999, 'later')", &[])
        .await
        .unwrap();
    let error = Storage::open(&config, here, quiet).await.err().unwrap();
    let known = known_version();
    assert!(
        matches!(error, StorageError::NewerSchema { found: 9999, known: k } if k == known),
        "{error}"
    );
}

#[tokio::test]
async fn history_pages_without_gaps_or_repeats() {
    let Some(storage) = storage("pages").await else { return };
    let now = this_second_ms() - 50_000;
    // Two rows share a time: they are on one page.
    let times: Vec<i64> = (0..10).map(|n| now + n / 2 * 1_000).collect();
    storage.store(times.iter().map(|at| position("a", *at)).collect()).await;
    let mut seen = Vec::new();
    let mut after = None;
    loop {
        let page = storage.history(&tag("a"), now, now + 50_000, 3, after).await.unwrap();
        let Some(last) = page.last() else { break };
        after = Some(last.time_ms);
        seen.extend(page.iter().map(|row| row.time_ms));
    }
    assert_eq!(seen, times);
}

#[tokio::test]
async fn small_groups_never_leave_and_lookups_are_kept() {
    let Some(storage) = storage("people").await else { return };
    let groups = [(1, "nurse"), (4, "porter"), (5, "nurse"), (9, "porter")];
    let rows = groups.iter().zip([0, 1, 2, 3]).map(|((persons, role), quarter)| {
        Decided::Presence(PresenceRow {
            role: role.parse().unwrap(),
            zone: zone("hall"),
            quarter_ms: quarter * 900_000,
            persons: *persons,
        })
    });
    storage.store(rows.collect()).await;
    let all = storage.presence(None, 0, DAY_MS, 10, None).await.unwrap();
    assert_eq!(all.iter().map(|g| g.persons).collect::<Vec<_>>(), [5, 9]);
    let nurse = "nurse".parse().unwrap();
    let nurses = storage.presence(Some(&nurse), 0, DAY_MS, 10, None).await.unwrap();
    assert_eq!(nurses.len(), 1);
    let first = storage.presence(None, 0, DAY_MS, 1, None).await.unwrap();
    assert_eq!(first, all[..1]);
    let after = Some((first[0].quarter_ms, &first[0].role, &first[0].zone));
    assert_eq!(storage.presence(None, 0, DAY_MS, 1, after).await.unwrap(), all[1..]);

    storage.log_lookup("desk", "nearest porter", "role=porter", 3).await.unwrap();
    let lookups = storage.lookups(10, None).await.unwrap();
    assert_eq!((lookups.len(), lookups[0].purpose.as_str()), (1, "nearest porter"));
    let before = storage.lookups(10, Some(lookups[0].at_ms)).await.unwrap();
    assert_eq!(before, [], "the next page begins behind the last look-up");
    let client = session(&storage.inner.postgres, "test", "").await.unwrap();
    let three = "insert into person_lookup (at, actor, purpose, filter, found) values
        ('2020-01-01 00:00:00.0011Z', 'desk', 'a', '', 1), ('2020-01-01 00:00:00.0019Z', 'desk', 'b', '', 1),
        ('2020-01-01 00:00:00.0005Z', 'desk', 'c', '', 1)";
    client.execute(three, &[]).await.unwrap();
    let purposes = |page: Vec<crate::storage::Lookup>| {
        page.into_iter().map(|lookup| lookup.purpose).collect::<Vec<_>>()
    };
    let page = storage.lookups(1, Some(lookups[0].at_ms)).await.unwrap();
    let last_ms = page[page.len() - 1].at_ms;
    assert_eq!(purposes(page), ["b", "a"], "those of one millisecond stay together");
    let page = storage.lookups(10, Some(last_ms)).await.unwrap();
    assert_eq!(purposes(page), ["c"]);
}
