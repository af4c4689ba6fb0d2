//! Roll-ups in a real database: what comes late makes them what they would have been.

use super::*;
use crate::{
    model::ParLevel,
    storage::{Roll, connection::Ms},
    utilisation,
};
use rand::{Rng, SeedableRng, rngs::StdRng};
use tokio_postgres::Client;

const HOUR_MS: i64 = 3_600_000;
const ASSETS: i32 = 12;
const STATUSES: [&str; 6] = ["available", "in_use", "dirty", "cleaning", "maintenance", "unknown"];

fn roll() -> Roll {
    Arc::new(utilisation::roll)
}

/// A class in two wards, tags on all of it, and `days` of a life drawn by lot, up to now.
async fn hospital(client: &Client, days: i64, rng: &mut StdRng) {
    let from_ms = now_ms() - days * 24 * HOUR_MS;
    client
        .batch_execute(
            "insert into zone (id, site_version, floor, floor_label, is_room, kind, name, ward)
             values ('a1', 'v1', 0, '0', true, 'patient', 'A1', 'A'),
                    ('b1', 'v1', 0, '0', true, 'storage', 'B1', 'B'),
                    ('c1', 'v1', 0, '0', true, 'corridor', 'C1', null)",
        )
        .await
        .unwrap();
    for number in (1..=ASSETS).map(|number| number.to_string()) {
        let sql = "with a as (insert into asset (id, label, class, home_ward, created_at)
                              values ('asset-' || $1, 'x', 'pump', 'A', $2) returning id),
                        t as (insert into tag (name) values ('tag-' || $1) returning id)
                   insert into tag_binding (tag, asset, bound_at) select t.id, a.id, $2 from t, a";
        client.execute(sql, &[&number, &Ms(from_ms)]).await.unwrap();
        let mut at_ms = from_ms;
        while at_ms < now_ms() {
            let to_ms = at_ms + rng.random_range(1..600) * 60_000;
            let status = STATUSES[rng.random_range(0..STATUSES.len())];
            let sql = "insert into asset_status (asset, status, from_at, to_at, basis, rule)
                       values ('asset-' || $1, $2, $3, $4, 'inferred', 'test')";
            let to = (to_ms < now_ms()).then_some(Ms(to_ms));
            client.execute(sql, &[&number, &status, &Ms(at_ms), &to]).await.unwrap();
            at_ms = to_ms;
        }
        let mut at_ms = from_ms;
        while at_ms < now_ms() {
            let to_ms = at_ms + rng.random_range(1..300) * 60_000;
            let to = (to_ms < now_ms()).then_some(Ms(to_ms));
            let sql = "insert into visit (tag, zone, entered_at, left_at)
                       select t.id, z.key, $2, $3 from tag t, zone z
                       where t.name = 'tag-' || $1 and z.id = $4";
            let room = ["a1", "b1", "c1"][rng.random_range(0..3)];
            client.execute(sql, &[&number, &Ms(at_ms), &to, &room]).await.unwrap();
            at_ms = to_ms;
        }
    }
}

/// One change of the past, as late data, hands and recomputations bring it.
async fn amend(client: &mut Client, rng: &mut StdRng) {
    let asset = format!("asset-{}", rng.random_range(1..=ASSETS));
    let back = rng.random_range(1..60_i64 * 60);
    let at = Ms(now_ms() - back * 60_000);
    let status = STATUSES[rng.random_range(0..STATUSES.len())];
    let of = "asset = $1 and from_at < $2 and coalesce(to_at, 'infinity') > $2";
    let visit_of = "tag = (select tag from tag_binding where asset = $1)
                    and entered_at < $2 and coalesce(left_at, 'infinity') > $2";
    let transaction = client.transaction().await.unwrap();
    match rng.random_range(0..6) {
        0 => {
            let sql = format!("update asset_status set status = $3 where {of}");
            transaction.execute(&sql, &[&asset, &at, &status]).await.unwrap();
        }
        1 | 2 => {
            // Something else from then on.
            let sql = format!(
                "with cut as (update asset_status s set to_at = $2
                              from (select from_at, to_at from asset_status where {of}) o
                              where s.asset = $1 and s.from_at = o.from_at
                              returning o.to_at)
                 insert into asset_status (asset, status, from_at, to_at, basis, rule)
                 select $1, $3, $2, to_at, 'inferred', 'test' from cut"
            );
            if transaction.execute(&sql, &[&asset, &at, &status]).await.is_err() {
                return;
            }
        }
        3 => {
            // It had not begun: what was before went on.
            let row = transaction
                .query_opt(
                    &format!("select from_at, to_at from asset_status where {of}"),
                    &[&asset, &at],
                )
                .await
                .unwrap();
            let Some(row) = row else { return };
            let (from, to): (Ms, Option<Ms>) = (row.get(0), row.get(1));
            let sql = "select 1 from asset_status where asset = $1 and to_at = $2";
            if transaction.query(sql, &[&asset, &from]).await.unwrap().is_empty() {
                return;
            }
            let sql = "delete from asset_status where asset = $1 and from_at = $2";
            transaction.execute(sql, &[&asset, &from]).await.unwrap();
            let sql = "update asset_status set to_at = $3 where asset = $1 and to_at = $2";
            transaction.execute(sql, &[&asset, &from, &to]).await.unwrap();
        }
        4 => {
            let sql = format!("delete from visit where {visit_of} and left_at is not null");
            transaction.execute(&sql, &[&asset, &at]).await.unwrap();
        }
        _ => {
            let sql = format!(
                "with cut as (update visit v set left_at = $2
                              from (select tag, entered_at, left_at from visit where {visit_of}) o
                              where v.tag = o.tag and v.entered_at = o.entered_at
                                and o.left_at is not null
                              returning v.tag, o.left_at)
                 insert into visit (tag, zone, entered_at, left_at)
                 select tag, (select key from zone where id = $3), $2, left_at from cut"
            );
            let room = ["a1", "b1", "c1"][rng.random_range(0..3)];
            transaction.execute(&sql, &[&asset, &at, &room]).await.unwrap();
        }
    }
    transaction.commit().await.unwrap();
}

const TABLES: [&str; 9] = [
    "rollup_place",
    "rollup_class",
    "rollup_level",
    "rollup_use",
    "rollup_turnaround",
    "rollup_dwell",
    "rollup_transfer",
    "rollup_par",
    "rollup_shortage",
];

const DAY_TABLES: [&str; 5] = [
    "rollup_place_day",
    "rollup_level_day",
    "rollup_use_day",
    "rollup_turnaround_day",
    "rollup_shortage_day",
];

/// All settled hours and the days of such, as text, to the millisecond: in which order seconds are
/// summed up is nothing to see.
async fn settled(client: &Client) -> Vec<(&'static str, Vec<String>)> {
    let hours = TABLES.map(|table| (table, "hour < settled"));
    let days = DAY_TABLES.map(|table| (table, "day < date_trunc('day', settled)"));
    let mut tables = Vec::new();
    for (table, is_settled) in hours.into_iter().chain(days) {
        let sql = format!(
            "select string_agg(case when key like '%s' and key <> 'class'
                                    then round(value::numeric, 3)::text else value end, ', ' order by key)
             from {table} t
             cross join rollup_state
             cross join lateral jsonb_each_text(to_jsonb(t))
             where {is_settled}
             group by t
             order by 1"
        );
        let rows = client.query(&sql, &[]).await.unwrap();
        assert!(!rows.is_empty(), "{table} is empty");
        tables.push((table, rows.iter().map(|row| row.get(0)).collect()));
    }
    tables
}

/// Forgets all roll-ups and makes them anew.
async fn from_the_start(storage: &Storage, client: &Client) {
    let tables = [&TABLES[..], &DAY_TABLES[..]].concat().join(", ");
    let sql = format!("truncate {tables}, rollup_due, rollup_touched");
    client.batch_execute(&sql).await.unwrap();
    client.batch_execute("update rollup_state set settled = null").await.unwrap();
    storage.roll_up(&roll()).await.unwrap();
}

fn must_be_the_same(
    found: &[(&'static str, Vec<String>)],
    expected: &[(&'static str, Vec<String>)],
    what: &str,
) {
    for ((table, found), (_, expected)) in found.iter().zip(expected) {
        let missing: Vec<_> = expected.iter().filter(|row| !found.contains(row)).take(3).collect();
        let surplus: Vec<_> = found.iter().filter(|row| !expected.contains(row)).take(3).collect();
        assert!(
            missing.is_empty() && surplus.is_empty(),
            "{what}: {table} lacks {missing:?}, and has {surplus:?}"
        );
    }
}

#[tokio::test]
async fn what_comes_late_makes_roll_ups_what_they_would_have_been() {
    let Some(storage) = storage("rollup_late").await else { return };
    let mut client = session(&storage.inner.postgres, "test", "").await.unwrap();
    let mut rng = StdRng::seed_from_u64(3);
    hospital(&client, 4, &mut rng).await;
    let par = ParLevel {
        class: "pump".parse().unwrap(),
        ward: "B".parse().unwrap(),
        target: 3,
        critical: 1,
    };
    storage.put_par(&[par]).await.unwrap();
    let first = storage.roll_up(&roll()).await.unwrap();
    assert!((95..=98).contains(&first.settled_hours), "{first:?}");
    assert_eq!(storage.roll_up(&roll()).await.unwrap().settled_hours, 0);
    for round in 0..12 {
        for _ in 0..3 {
            amend(&mut client, &mut rng).await;
        }
        let again = storage.roll_up(&roll()).await.unwrap();
        assert!(again.settled_hours <= 97, "{again:?}");
        let found = settled(&client).await;
        from_the_start(&storage, &client).await;
        must_be_the_same(&found, &settled(&client).await, &format!("round {round}"));
    }
    assert_eq!(storage.count("select count(*) from overlap").await, 0);
}

#[tokio::test]
async fn what_days_hold_is_what_their_hours_say() {
    let Some(storage) = storage("rollup_days").await else { return };
    let client = session(&storage.inner.postgres, "test", "").await.unwrap();
    hospital(&client, 5, &mut StdRng::seed_from_u64(7)).await;
    // Some belong to another ward, which nobody asks for below.
    let another = "update asset set home_ward = 'B' where id in ('asset-3', 'asset-4')";
    client.execute(another, &[]).await.unwrap();
    client.execute("insert into par_level values ('pump', 'B', 1, 0)", &[]).await.unwrap();
    storage.roll_up(&roll()).await.unwrap();

    let by_hour = "
        select class, ward, min(from_at) as t0, max(to_at) as t1, sum(critical_s)
        from (select *, sum(begins) over (partition by class, ward order by from_at) as episode
              from (select *, case when from_at - lag(to_at) over (partition by class, ward order by from_at)
                                        < interval '1 minute' then 0 else 1 end as begins
                    from rollup_shortage) p) e
        group by class, ward, episode";
    let other = |one: &str, two: &str| format!("select count(*) from (({one}) except ({two})) x");
    let shortages = "select * from rpt_shortage";
    assert!(storage.count("select count(*) from rpt_shortage").await > 8);
    let midnight = "select count(*) from rpt_shortage where t0 < date_trunc('day', t1)";
    assert!(storage.count(midnight).await > 0, "one goes on over midnight");
    assert_eq!(storage.count(&other(shortages, by_hour)).await, 0);
    assert_eq!(storage.count(&other(by_hour, shortages)).await, 0);

    for (wards, ago) in [("A,B", 100), ("A", 100), ("B,A,D", 1), ("A,B", 50)] {
        let from = format!("now() - interval '{ago} hours'");
        let wards = format!("string_to_array('{wards}', ',')");
        let asked = format!(
            "select class, bucket, sum(episodes), round(sum(seconds)::numeric, 3)
             from rpt_turnarounds({from}, now(), {wards}, array['pump']) group by 1, 2"
        );
        let by_hour = format!(
            "select class, bucket, sum(episodes)::float8, round(sum(seconds)::numeric, 3)
             from rollup_turnaround
             where hour >= date_trunc('hour', {from}) and home_ward = any ({wards}) group by 1, 2"
        );
        assert!(storage.count(&format!("select count(*) from ({asked}) x")).await > 0 || ago == 1);
        assert_eq!(storage.count(&other(&asked, &by_hour)).await, 0, "{wards}, {ago} hours");
        assert_eq!(storage.count(&other(&by_hour, &asked)).await, 0, "{wards}, {ago} hours");
    }
    // Read by the day: what stands there and nowhere else is told.
    client.execute("delete from rollup_turnaround", &[]).await.unwrap();
    let told = "select coalesce(sum(episodes), 0)::int8 from rpt_turnarounds(
                    now() - interval '100 hours', now(), array['A', 'B'], array['pump'])";
    assert!(storage.count(told).await > 0);
}

#[tokio::test]
async fn what_ends_now_touches_no_settled_hour_and_what_ended_then_does() {
    let Some(storage) = storage("rollup_touched").await else { return };
    let mut client = session(&storage.inner.postgres, "test", "").await.unwrap();
    hospital(&client, 2, &mut StdRng::seed_from_u64(4)).await;
    storage.roll_up(&roll()).await.unwrap();
    let now = "update asset_status set to_at = now() where to_at is null";
    client.execute(now, &[]).await.unwrap();
    assert_eq!(storage.count("select count(*) from rollup_touched").await, 0);
    let then = "update asset_status set to_at = to_at - interval '1 second'
                where (asset, from_at) = (select asset, from_at from asset_status
                                          where to_at < now() - interval '20 hours'
                                            and from_at < to_at - interval '1 minute'
                                          order by to_at desc limit 1)";
    client.execute(then, &[]).await.unwrap();
    assert_eq!(storage.count("select count(*) from rollup_touched").await, 1);
    // Whoever moves the border waits for a change that is under way.
    let transaction = client.transaction().await.unwrap();
    transaction.execute("delete from visit where left_at is not null", &[]).await.unwrap();
    let alone = session(&storage.inner.postgres, "test", "-c lock_timeout=100ms").await.unwrap();
    let lock = "select pg_advisory_xact_lock(x'53504f520602'::int8)";
    assert!(alone.execute(lock, &[]).await.is_err(), "a change under way holds the border");
    transaction.rollback().await.unwrap();
    alone.execute(lock, &[]).await.unwrap();
}

#[tokio::test]
async fn a_par_level_holds_from_the_present_hour_on() {
    let Some(storage) = storage("rollup_par").await else { return };
    let client = session(&storage.inner.postgres, "test", "").await.unwrap();
    hospital(&client, 2, &mut StdRng::seed_from_u64(5)).await;
    let mut par = ParLevel {
        class: "pump".parse().unwrap(),
        ward: "B".parse().unwrap(),
        target: 3,
        critical: 1,
    };
    storage.put_par(std::slice::from_ref(&par)).await.unwrap();
    storage.roll_up(&roll()).await.unwrap();
    par.target = 9;
    storage.put_par(std::slice::from_ref(&par)).await.unwrap();
    let all = "update asset_status set status = 'missing' where status = 'unknown'";
    client.execute(all, &[]).await.unwrap();
    storage.roll_up(&roll()).await.unwrap();
    let targets = "select count(*) from rollup_par
                   where target = case when hour < (select settled from rollup_state) then 3 else 9 end";
    let hours = storage.count("select count(*) from rollup_par").await;
    assert!(hours > 40);
    assert_eq!(storage.count(targets).await, hours);
    assert_eq!(storage.par_levels().await.unwrap(), [par.clone()]);
    assert!(storage.delete_par(&par.class, &par.ward).await.unwrap());
    assert!(!storage.delete_par(&par.class, &par.ward).await.unwrap());
}

/// What a migration makes of hours that were rolled up before it is what rolling them up makes.
#[tokio::test]
async fn a_schema_of_before_is_filled_from_its_hours() {
    let Some(storage) = storage("rollup_migrated").await else { return };
    let client = session(&storage.inner.postgres, "test", "").await.unwrap();
    hospital(&client, 3, &mut StdRng::seed_from_u64(6)).await;
    let par = "insert into par_level values ('pump', 'B', 3, 1)";
    client.execute(par, &[]).await.unwrap();
    storage.roll_up(&roll()).await.unwrap();
    let expected = settled(&client).await;
    let before = "
        drop function rpt_turnarounds;
        drop view rpt_claim, rpt_reader_state, rpt_battery_trend;
        drop table rollup_turnaround_day, rollup_shortage_day, tag_battery, reader_change cascade;
        alter table tag drop column battery_since;
        drop view rpt_use_day, rpt_use_hour, rpt_level_day;
        drop table rollup_use, rollup_level_day, rollup_use_day;
        create table coarse as
            select hour, class, home_ward, bucket / 2 as bucket, sum(episodes)::int4 as episodes,
                   sum(seconds) as seconds
            from rollup_turnaround group by 1, 2, 3, 4;
        delete from rollup_turnaround;
        insert into rollup_turnaround select * from coarse";
    client.batch_execute(before).await.unwrap();
    for migration in [
        include_str!("../../../schemas/database/0010_levels.sql"),
        include_str!("../../../schemas/database/0011_before.sql"),
    ] {
        client.batch_execute(migration).await.unwrap();
    }
    let mut found = settled(&client).await;
    // Whatever was in one bucket stays together.
    found.retain(|(table, _)| !table.starts_with("rollup_turnaround"));
    let expected: Vec<_> =
        expected.into_iter().filter(|(table, _)| !table.starts_with("rollup_turnaround")).collect();
    must_be_the_same(&found, &expected, "migrated");
    let turnarounds = storage.count("select count(*) from rollup_turnaround").await;
    assert!(turnarounds > 0);
    assert_eq!(storage.count("select count(*) from coarse").await, turnarounds);
    let kept =
        "select count(*) from rollup_turnaround t join coarse c using (hour, class, home_ward)
                where c.bucket = t.bucket / 2 and c.episodes = t.episodes and c.seconds = t.seconds
                  and c.seconds / c.episodes between power(2, t.bucket / 64.0) - 0.001
                                                 and power(2, (t.bucket + 1) / 64.0) + 0.001";
    assert_eq!(storage.count(kept).await, turnarounds);
}
