//! What the writer does with each kind of decided item, with repeats, and with rows that are refused.

use super::*;
use crate::{
    model::{EventKind, EventMessage, PresenceRow},
    storage::{EventFilter, HistoryRow},
};

fn event(id: &str, name: &str, time_ms: i64) -> Decided {
    Decided::Event(EventMessage {
        id: id.to_owned(),
        kind: EventKind::Zone,
        time_ms,
        tag: tag(name),
        asset: None,
        zone: Some(zone("store")),
        from_zone: None,
        floor: Some(1),
        change: "entered".to_owned(),
        reason: None,
    })
}

fn presence(persons: u32) -> Decided {
    let role = "nurse".parse().unwrap();
    Decided::Presence(PresenceRow { role, zone: zone("store"), quarter_ms: 900_000, persons })
}

fn everything(now: i64) -> Vec<Decided> {
    vec![
        position("a", now),
        visit("a", "store", now, None),
        visit("a", "store", now, Some(now + 5_000)),
        visit("a", "hall", now + 5_000, None),
        status("p1", Status::Available, now),
        status("p1", Status::InUse, now + 5_000),
        event("e1", "a", now),
        event("e2", "a", now + 5_000),
        presence(6),
        presence(4),
        Decided::TagReport {
            tag: tag("a"),
            time_ms: now,
            battery_pct: Some(80),
            firmware: Some("1.2".to_owned()),
        },
        Decided::Reader { reader: "door-1".parse().unwrap(), time_ms: now, online: true },
    ]
}

#[tokio::test]
async fn every_kind_is_stored_and_read_back() {
    let Some(storage) = storage("every_kind").await else { return };
    let now = this_second_ms();
    storage.put_assets(&[pump("p1")]).await.unwrap();
    storage.store(everything(now)).await;
    // The row is stored by now: this extension needs an UPDATE.
    storage
        .store(vec![Decided::Extend {
            tag: tag("a"),
            time_ms: now,
            seq: Some(7),
            until_ms: now + 60_000,
        }])
        .await;

    let history = storage.history(&tag("a"), now, now + 1, 10, None).await.unwrap();
    let expected = HistoryRow {
        time_ms: now,
        until_ms: now + 60_000,
        x_m: 12.5,
        y_m: -4.25,
        floor: 1,
        accuracy_m: 0.75,
        zone: Some(zone("store")),
    };
    assert_eq!(history, [expected]);
    let visits = storage.visits(&tag("a"), now, now + 10_000, 10, None).await.unwrap();
    let seen: Vec<_> = visits.iter().map(|v| (v.zone.as_str(), v.entered_ms, v.left_ms)).collect();
    assert_eq!(seen, [("store", now, Some(now + 5_000)), ("hall", now + 5_000, None)]);
    let statuses =
        storage.statuses(&"p1".parse().unwrap(), now, now + 10_000, 10, None).await.unwrap();
    let seen: Vec<_> = statuses.iter().map(|s| (s.status, s.from_ms, s.to_ms)).collect();
    assert_eq!(
        seen,
        [(Status::Available, now, Some(now + 5_000)), (Status::InUse, now + 5_000, None)]
    );
    let events = storage.events(0, 10, &EventFilter::default()).await.unwrap();
    assert_eq!(events.iter().map(|e| e.message.id.as_str()).collect::<Vec<_>>(), ["e1", "e2"]);
    let Decided::Event(sent) = event("e1", "a", now) else { unreachable!() };
    assert_eq!(events[0].message, sent);
    let later = storage.events(events[0].seq, 10, &EventFilter::default()).await.unwrap();
    assert_eq!(later, events[1..]);
    let groups = storage.presence(None, 0, now, 10, None).await.unwrap();
    assert_eq!((groups.len(), groups[0].persons), (1, 6));
    assert_eq!(storage.count("select count(*) from reader where online").await, 1);

    let restored = storage.restore().await.unwrap();
    assert_eq!(restored.tags.len(), 1);
    let last = &restored.tags[0];
    assert_eq!(
        last.row,
        PositionRow { until_ms: now + 60_000, received_ms: now + 60_000, ..row("a", now) }
    );
    assert_eq!(last.visit, Some((zone("hall"), now + 5_000)));
    assert_eq!((last.battery_pct, last.firmware.as_deref()), (Some(80), Some("1.2")));
    assert_eq!(restored.statuses.len(), 1);
    assert_eq!(restored.statuses[0].now.status, Status::InUse);
}

#[tokio::test]
async fn a_repeat_changes_nothing() {
    let Some(storage) = storage("repeat").await else { return };
    let now = this_second_ms();
    storage.put_assets(&[pump("p1")]).await.unwrap();
    let all: Vec<Decided> = everything(now).split_off(1);
    storage.store(all.clone()).await;
    let tables = "select (select jsonb_agg(v order by tag, entered_at) from visit v),
                         (select jsonb_agg(s order by asset, from_at) from asset_status s),
                         (select jsonb_agg(e order by seq) from event e),
                         (select jsonb_agg(p) from presence p)";
    let read = || async {
        let row = storage.look(tables).await.remove(0);
        [0, 1, 2, 3].map(|column| row.get::<_, serde_json::Value>(column))
    };
    let before = read().await;
    storage.store(all.clone()).await;
    for item in all {
        storage.store(vec![item]).await;
    }
    assert_eq!(read().await, before);
}

#[tokio::test]
async fn visits_and_statuses_that_come_out_of_order_make_one_unbroken_line() {
    let Some(storage) = storage("out_of_order").await else { return };
    storage.put_assets(&[pump("p1")]).await.unwrap();
    for at in [3_000, 1_000, 2_000] {
        let seconds = Status::ALL[usize::try_from(at / 1_000).unwrap()];
        storage.store(vec![visit("a", "store", at, None), status("p1", seconds, at)]).await;
    }
    let visits = storage.visits(&tag("a"), 0, 9_000, 10, None).await.unwrap();
    let ends: Vec<_> = visits.iter().map(|v| (v.entered_ms, v.left_ms)).collect();
    assert_eq!(ends[2], (3_000, None));
    assert!(ends[..2].iter().all(|(_, left)| left.is_some()), "{ends:?}");
    let statuses = storage.statuses(&"p1".parse().unwrap(), 0, 9_000, 10, None).await.unwrap();
    let ends: Vec<_> = statuses.iter().map(|s| (s.from_ms, s.to_ms)).collect();
    assert_eq!(ends, [(1_000, Some(2_000)), (2_000, Some(3_000)), (3_000, None)]);
}

#[tokio::test]
async fn a_visit_that_began_between_two_new_ones_ends_where_the_second_begins() {
    let Some(storage) = storage("visit_between").await else { return };
    storage.register_site("v1", &rooms(), &[]).await.unwrap();
    storage.store(vec![visit("a", "store", 5_000, None)]).await;
    let new = [visit("a", "hall", 2_000, None), visit("a", "hall", 9_000, None)];
    storage.store(new.to_vec()).await;
    let visits = storage.visits(&tag("a"), 0, 20_000, 10, None).await.unwrap();
    let ends: Vec<_> = visits.iter().map(|v| (v.entered_ms, v.left_ms)).collect();
    assert_eq!(ends, [(2_000, Some(5_000)), (5_000, Some(9_000)), (9_000, None)]);
}

#[tokio::test]
async fn a_bad_row_is_set_aside_and_all_others_are_stored() {
    let Some(storage) = storage("bad_row").await else { return };
    let now = this_second_ms();
    let mut items: Vec<Decided> = (0..500).map(|n| position("a", now + n)).collect();
    items[123] = status("nobody", Status::Available, now);
    items[321] = visit("a", "store", now, Some(now - 1));
    // Just past the last moment that PostgreSQL knows.
    items[400] = position("a", 9_224_318_100_000_000);
    storage.store(items).await;
    assert_eq!(storage.count("select count(*) from position").await, 497);
    assert_eq!(storage.count("select count(*) from visit").await, 0);
}

/// The tables take either late fix with its stretch, and not both together.
#[tokio::test]
async fn what_is_refused_only_after_others_is_set_aside_and_nothing_waits_for_ever() {
    let Some(storage) = storage("bad_together").await else { return };
    storage.register_site("v1", &rooms(), &[]).await.unwrap();
    let now = this_second_ms();
    let backwards =
        VisitRow { tag: tag("a"), zone: zone("store"), entered_ms: now, left_ms: Some(now - 1) };
    let redecide = move |_: &str, stretch: &Stretch| {
        let visits = if stretch.late.len() > 1 { vec![backwards.clone()] } else { Vec::new() };
        Some(Redecided { rows: stretch.late.clone(), visits, ..Redecided::default() })
    };
    let past = Past { redecide: Arc::new(redecide), tell: Arc::new(|_| {}) };
    let late = |seq| Decided::Late {
        row: PositionRow { seq: Some(seq), ..row("a", now - 1_000 * i64::from(seq)) },
        amends: true,
        interval_ms: 1_000,
    };
    let (door, task) = storage.spawn_writer_with(past).await;
    door.send(vec![position("a", now), late(1), position("b", now), late(2)]).await;
    let patience = std::time::Duration::from_secs(20);
    tokio::time::timeout(patience, door.close(task)).await.expect("it goes on");
    assert_eq!(storage.count("select count(*) from position").await, 3);
    assert_eq!(storage.count("select count(*) from position where seq = 1").await, 1);
}

#[tokio::test]
async fn a_zone_that_nobody_registered_leaves_the_position() {
    let Some(storage) = storage("unknown_zone").await else { return };
    let elsewhere = PositionRow { zone: Some(zone("elsewhere")), ..row("a", this_second_ms()) };
    storage
        .store(vec![Decided::Position(elsewhere), visit("a", "elsewhere", 1, None), presence(5)])
        .await;
    assert_eq!(storage.count("select count(*) from position where zone is null").await, 1);
    assert_eq!(storage.count("select count(*) from visit").await, 0);
    assert_eq!(storage.count("select count(*) from presence").await, 1);
}

#[tokio::test]
async fn forgetting_deletes_what_came_before_and_keeps_what_comes_after() {
    let Some(storage) = storage("forget").await else { return };
    let now = this_second_ms();
    storage
        .store(vec![position("a", now), position("b", now), visit("a", "hall", now, None)])
        .await;
    storage
        .store(vec![
            position("a", now + 1),
            Decided::Forget { tag: tag("a") },
            position("a", now + 2),
        ])
        .await;
    let left = storage.history(&tag("a"), 0, i64::MAX / 2, 10, None).await.unwrap();
    assert_eq!(left.iter().map(|row| row.time_ms).collect::<Vec<_>>(), [now + 2]);
    assert_eq!(storage.count("select count(*) from position").await, 2);
    assert_eq!(storage.count("select count(*) from visit").await, 0);
}

#[tokio::test]
async fn thousands_of_tags_in_many_batches_all_arrive() {
    let Some(storage) = storage("many").await else { return };
    let now = this_second_ms();
    let (door, task) = storage.spawn_writer().await;
    for second in 0..20 {
        let batch =
            (0..1_500).map(|n| position(&format!("tag-{n}"), now + second * 1_000)).collect();
        door.send(batch).await;
    }
    door.close(task).await;
    assert_eq!(storage.count("select count(distinct (tag, \"time\")) from position").await, 30_000);
    assert_eq!(storage.count("select count(*) from position").await, 30_000);
    assert_eq!(storage.restore().await.unwrap().tags.len(), 1_500);
}

#[tokio::test]
async fn what_lies_below_the_cursor_is_not_stored_again() {
    let Some(storage) = storage("below_cursor").await else { return };
    let now = this_second_ms();
    let send = async |batches: Vec<DecidedBatch>| {
        let stored = storage.take_journal(JOURNAL, u64::MAX, false).await.unwrap();
        let (Writing { door, stored }, task) = storage.writer(stored, unamended());
        let task = tokio::spawn(task);
        let last = batches.last().unwrap().through;
        for batch in batches {
            door.send(batch).await.unwrap();
        }
        drop(door);
        task.await.unwrap();
        assert_eq!(*stored.borrow(), last);
    };
    send(vec![batch(10, vec![position("a", now)]), batch(12, vec![position("a", now + 1)])]).await;
    // A batch that begins below the cursor and ends above it, as another start may cut them.
    let mut straddling = batch(15, vec![position("a", now + 2)]);
    straddling.items.insert(0, (12, position("a", now + 1)));
    send(vec![batch(11, vec![position("a", now + 1)]), straddling]).await;
    assert_eq!(storage.count("select count(*) from position").await, 3);
    assert_eq!(storage.count("select sequence from journal_cursor").await, 15);
}

#[tokio::test]
async fn another_journal_is_refused_until_it_is_asked_for() {
    let Some(storage) = storage("other_journal").await else { return };
    storage.store(vec![position("a", this_second_ms())]).await;
    let refused = storage.take_journal([8; 16], 5, false).await.unwrap_err();
    assert!(matches!(refused, StorageError::OtherJournal { .. }), "{refused}");
    assert_eq!(storage.take_journal([8; 16], 5, true).await.unwrap(), 0);
    assert_eq!(storage.take_journal([8; 16], 5, false).await.unwrap(), 0);
}

#[tokio::test]
async fn an_extension_leaves_a_late_row_of_the_same_moment_alone() {
    let Some(storage) = storage("same_moment").await else { return };
    let now = this_second_ms();
    let late = PositionRow { seq: Some(8), x_m: 30.0, ..row("a", now) };
    let late = Decided::Late { row: late, amends: true, interval_ms: 60_000 };
    let extend = |seconds: i64| Decided::Extend {
        tag: tag("a"),
        time_ms: now,
        seq: Some(7),
        until_ms: now + seconds * 1_000,
    };
    storage.store(vec![late, position("a", now), extend(10)]).await;
    let untils =
        "select array_agg(extract(epoch from until - \"time\")::int4 order by seq) from position";
    let read = || async { storage.look(untils).await[0].get::<_, Vec<i32>>(0) };
    assert_eq!(read().await, [10, 0]);
    storage.store(vec![extend(20)]).await;
    assert_eq!(read().await, [20, 0]);
}

#[tokio::test]
async fn what_comes_late_is_stored_unless_it_is_there_already() {
    let Some(storage) = storage("late").await else { return };
    let now = this_second_ms();
    let late = |time_ms: i64, seq: u32, x_m: f64| {
        let row = PositionRow { seq: Some(seq), x_m, ..row("a", time_ms) };
        Decided::Late { row, amends: seq.is_multiple_of(2), interval_ms: 60_000 }
    };
    storage.store(vec![position("a", now), position("a", now + 120_000)]).await;
    let count = || storage.count("select count(*) from position");
    // The same again, in a batch of its own and twice in one.
    storage.store(vec![late(now, 7, 12.5), late(now, 7, 12.5)]).await;
    storage.store(vec![late(now + 120_000, 7, 12.5)]).await;
    assert_eq!(count().await, 2);
    storage.store(vec![late(now, 9, 30.0), late(now + 90_000, 10, 12.5)]).await;
    assert_eq!(count().await, 4);
}

/// A site file that is edited and then put back as it was.
#[tokio::test]
async fn a_visit_ends_also_when_its_room_has_gone_with_an_older_version_that_came_back() {
    let Some(storage) = storage("version_back").await else { return };
    let (door, task) = storage.spawn_writer().await;
    let with_annex = [rooms(), vec![room("annex")]].concat();
    storage.register_site("v2", &with_annex, &[]).await.unwrap();
    let (entered_ms, left_ms) = (this_second_ms() - 60_000, this_second_ms());
    let mut entered = batch(1, vec![visit("a", "annex", entered_ms, None)]);
    entered.site = "v2".to_owned();
    door.door.send(entered).await.unwrap();
    storage.register_site("v1", &rooms(), &[]).await.unwrap();
    let left = batch(2, vec![visit("a", "annex", entered_ms, Some(left_ms))]);
    door.door.send(left).await.unwrap();
    door.close(task).await;
    assert_eq!(storage.count("select count(*) from visit where left_at is not null").await, 1);
    assert_eq!(storage.count("select count(*) from visit").await, 1);
}
