//! A large hospital: 25,000 assets in 60 wards. How long does a day take to roll up, and how long
//! does each panel take over 90 days? Run by hand, since it fills the machine for minutes:
//! `cargo test --test it -- --ignored --nocapture large_hospital`.

use super::{
    check::Scope,
    check::everything,
    dashboard::{self, text},
    macros::expand,
    rows::run,
};
use crate::support::{postgres, program::command};
use spor::storage::{self, Storage};
use std::{
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

const HOUR_MS: i64 = 3_600_000;
const DAY_MS: i64 = 24 * HOUR_MS;

/// A day, as a hospital has it: every asset does twelve things and is in thirty rooms.
const FILL: &str = "
    insert into zone (id, site_version, floor, floor_label, is_room, kind, name, ward)
        select 'z' || w || '-' || r, 'v1', w % 7, w % 7, true,
               (array['patient', 'patient', 'patient', 'storage', 'soiled_utility', 'corridor'])[1 + r % 6],
               'Room ' || r, 'W' || w
        from generate_series(1, 60) w, generate_series(1, 18) r;
    insert into asset (id, label, class, home_ward, created_at)
        select 'a' || n, 'No. ' || n,
               (array['bed', 'bladder-scanner', 'ecg', 'infusion-pump', 'monitor', 'syringe-pump',
                      'ventilator', 'wheelchair'])[1 + n % 8],
               case when n % 7 > 0 then 'W' || 1 + n % 60 end, :from
        from generate_series(1, 25000) n;
    insert into tag (id, name, battery_pct, reported_at, battery_since) overriding system value
        select n, 't' || n, n % 100, now(), now() - interval '80 days' from generate_series(1, 25000) n;
    insert into tag_binding (tag, asset, bound_at) select n, 'a' || n, :from from generate_series(1, 25000) n;
    insert into asset_status (asset, status, from_at, to_at, basis, rule)
        select 'a' || n, (array['available', 'in_use', 'dirty', 'available', 'in_use', 'dirty', 'cleaning',
                                'available', 'in_use', 'in_use', 'unknown', 'maintenance'])[1 + (k + n) % 12],
               at, lead(at) over (partition by n order by k), 'inferred', 'scale'
        from generate_series(1, 25000) n
        cross join generate_series(0, 11) k
        cross join lateral (select :from::timestamptz
            + (k + case k when 0 then 0 else random() * 0.9 end) * interval '2 hours' + n * interval '0') b (at);
    insert into visit (tag, zone, entered_at, left_at)
        select n, 1 + (case when k % 3 = 0 then (n * 18 + k) else (n % 60) * 18 + k end) % 1080,
               at, lead(at) over (partition by n order by k)
        from generate_series(1, 25000) n
        cross join generate_series(0, 29) k
        cross join lateral (select :from::timestamptz
            + (k + case k when 0 then 0 else random() * 0.9 end) * interval '48 minutes' + n * interval '0') b (at);
    insert into position (\"time\", until, tag, x_m, y_m, floor, accuracy_m, zone)
        select v.entered_at, coalesce(v.left_at, now()), v.tag, 1, 1, 0, 0.8, v.zone
        from visit v where v.left_at is null;
    insert into par_level select c, 'W' || w, 6, 2
        from unnest(array['bed', 'ecg', 'infusion-pump', 'monitor', 'syringe-pump', 'ventilator']) c,
             generate_series(1, 60) w;
    insert into presence (role, zone, quarter, persons)
        select 'nurse', z.key, q, 5 + z.key % 20
        from zone z cross join generate_series(:from::timestamptz, :from::timestamptz + interval '1 day', '15 minutes') q;
    insert into reader (id, floor, portal, online, changed_at)
        select 'r' || n, n % 7, false, n % 50 > 0, now() - interval '1 hour' from generate_series(1, 7500) n;
    insert into reader_change (reader, changed_at, online)
        select 'r' || n, now() - (k * 9 + 1 + n % 5) * interval '1 hour', k % 2 > 0
        from generate_series(1, 7500) n cross join generate_series(0, 20) k;
    insert into tag_battery (tag, day, battery_pct)
        select n, date_trunc('day', now(), 'UTC') - k * interval '3 days', least(n % 100 + k / 2, 100)
        from generate_series(1, 25000) n cross join generate_series(1, 29) k;
    insert into by_hand (asset, from_at, until_at, status, by_whom)
        select asset, from_at, from_at + interval '10 minutes', 'reserved', 'scale' from asset_status
        where status = 'available' and asset like 'a1%';
    analyze";

/// 89 more days like that one.
const NINETY_DAYS: [&str; 13] = [
    "insert into rollup_place_day select day - d * interval '1 day', class, home_ward, ward, available_s,
         in_use_s, dirty_s, cleaning_s, maintenance_s, reserved_s, missing_s, unknown_s
     from rollup_place_day cross join generate_series(1, 89) d where day = :day",
    "insert into rollup_class select hour - d * interval '1 day', class, home_ward, available_s, in_use_s,
         dirty_s, cleaning_s, maintenance_s, reserved_s, missing_s, unknown_s, lost_s, idle_1d_s, idle_7d_s,
         idle_30d_s
     from rollup_class cross join generate_series(1, 89) d where hour >= :day and hour < :day::timestamptz + interval '1 day'",
    "insert into rollup_level select hour - d * interval '1 day', class, kind, level, seconds
     from rollup_level cross join generate_series(1, 89) d where hour >= :day and hour < :day::timestamptz + interval '1 day'",
    "insert into rollup_use select hour - d * interval '1 day', class, kind, recorded_s, level_s, highest, p95
     from rollup_use cross join generate_series(1, 89) d where hour >= :day and hour < :day::timestamptz + interval '1 day'",
    "insert into rollup_level_day select day - d * interval '1 day', class, kind, level, seconds
     from rollup_level_day cross join generate_series(1, 89) d where day = :day",
    "insert into rollup_use_day select day - d * interval '1 day', class, kind, recorded_s, level_s, highest, p95
     from rollup_use_day cross join generate_series(1, 89) d where day = :day",
    "insert into rollup_turnaround select hour - d * interval '1 day', class, home_ward, bucket, episodes, seconds
     from rollup_turnaround cross join generate_series(1, 89) d where hour >= :day and hour < :day::timestamptz + interval '1 day'",
    "insert into rollup_dwell select hour - d * interval '1 day', class, room_kind, bucket, visits, seconds
     from rollup_dwell cross join generate_series(1, 89) d where hour >= :day and hour < :day::timestamptz + interval '1 day'",
    "insert into rollup_transfer select hour - d * interval '1 day', class, from_ward, to_ward, transfers
     from rollup_transfer cross join generate_series(1, 89) d where hour >= :day and hour < :day::timestamptz + interval '1 day'",
    "insert into rollup_par select hour - d * interval '1 day', class, ward, target, critical, recorded_s,
         available_s, lowest, short_s, critical_s
     from rollup_par cross join generate_series(1, 89) d where hour >= :day and hour < :day::timestamptz + interval '1 day'",
    "insert into rollup_shortage select hour - d * interval '1 day', class, ward, from_at - d * interval '1 day',
         to_at - d * interval '1 day', critical_s
     from rollup_shortage cross join generate_series(1, 89) d where hour >= :day and hour < :day::timestamptz + interval '1 day'",
    "insert into rollup_turnaround_day select day - d * interval '1 day', class, bucket, episodes, seconds, up_to, total
     from rollup_turnaround_day cross join generate_series(1, 89) d where day = :day",
    "insert into rollup_shortage_day select day - d * interval '1 day', class, ward, from_at - d * interval '1 day',
         to_at - d * interval '1 day', critical_s
     from rollup_shortage_day cross join generate_series(1, 89) d where day = :day",
];

#[tokio::test]
#[ignore = "fills the machine for minutes"]
async fn a_large_hospital_is_rolled_up_in_time_and_its_panels_answer_in_a_second() {
    let Some((url, _)) = postgres::durable_database().await else { return };
    // How long reading, summing up and writing take.
    let _ = tracing_subscriber::fmt()
        .with_env_filter("spor::storage::rollup=debug")
        .with_test_writer()
        .try_init();
    let folder = tempfile::tempdir().unwrap();
    let migrated = command(&folder.path().join("data"))
        .env("SPOR_DATABASE__URL", &url)
        .arg("migrate")
        .output()
        .unwrap();
    assert!(migrated.status.success(), "{migrated:?}");
    let mut client = postgres::connect(&url).await;
    let now_ms = jiff::Timestamp::now().as_millisecond();
    let day_ms = now_ms - now_ms % DAY_MS - DAY_MS;
    let day = format!("'{}'", jiff::Timestamp::from_millisecond(day_ms).unwrap());
    let begun = Instant::now();
    client.batch_execute("set jit = off; set synchronous_commit = off").await.unwrap();
    client.batch_execute(&FILL.replace(":from", &day)).await.unwrap();
    println!("filled in {:.1?}", begun.elapsed());

    let config = storage::Config { url: Some(url.clone()), ..storage::Config::default() };
    let storage = Storage::open(&config, Path::new("/nonexistent"), |_| ()).await.unwrap();
    let roll: storage::Roll = Arc::new(spor::utilisation::roll);
    let begun = Instant::now();
    let rolled = storage.roll_up_to(&roll, day_ms + DAY_MS + HOUR_MS / 3).await.unwrap();
    let took = begun.elapsed();
    println!("{} hours rolled up in {took:.1?}, and the present one", rolled.settled_hours);
    assert_eq!(rolled.settled_hours, 24);
    let begun = Instant::now();
    storage.roll_up_to(&roll, day_ms + DAY_MS + HOUR_MS / 2).await.unwrap();
    println!("a pass with nothing new: {:.2?}", begun.elapsed());
    let late = "update asset_status set to_at = to_at - interval '1 second'
                where asset like 'a1__' and to_at between $1::text::timestamptz + interval '9 hours'
                                                      and $1::text::timestamptz + interval '12 hours'";
    let changed = client.execute(late, &[&day.trim_matches('\'')]).await.unwrap();
    let begun = Instant::now();
    let again = storage.roll_up_to(&roll, day_ms + DAY_MS + HOUR_MS / 2).await.unwrap();
    println!(
        "{changed} late changes of three hours rolled {} hours up anew in {:.2?}",
        again.settled_hours,
        begun.elapsed()
    );

    let begun = Instant::now();
    for sql in NINETY_DAYS {
        client.batch_execute(&sql.replace(":day", &day)).await.unwrap();
    }
    client.batch_execute("vacuum (analyze)").await.unwrap();
    println!("ninety days of roll-ups in {:.1?}", begun.elapsed());
    let sizes = "select relname || ': ' || reltuples::int8 || ' rows, '
                     || pg_size_pretty(pg_total_relation_size(oid))
                 from pg_class where relname like 'rollup%' and relkind = 'r' order by 1";
    for row in client.query(sizes, &[]).await.unwrap() {
        println!("  {}", row.get::<_, String>(0));
    }
    let slow = slow_panels(&mut client, day_ms).await;
    storage.stop().await;
    assert!(slow.is_empty(), "slower than a second: {slow:?}");
    assert!(took < Duration::from_secs(10), "a day took {took:?}");
}

async fn slow_panels(client: &mut tokio_postgres::Client, day_ms: i64) -> Vec<String> {
    let scope = Scope {
        from_ms: day_ms - 89 * DAY_MS,
        to_ms: day_ms + DAY_MS,
        choices: Vec::new(),
        young: false,
        limit: Duration::from_secs(1),
    };
    let mut slow = Vec::new();
    for dashboard in dashboard::load_all() {
        let all = everything(client, &dashboard, &scope, &mut Vec::new()).await;
        for panel in dashboard.panels() {
            for target in panel.targets().iter().filter(|t| t["rawSql"].is_string()) {
                let mut asked = all.clone();
                if let Some(range_ms) = panel.own_range_ms() {
                    asked.from_ms = asked.to_ms - range_ms;
                }
                let sql = expand(text(&target["rawSql"]), &asked, panel.step_ms()).unwrap();
                let name = format!("{} / {}", dashboard.name, panel.title());
                // The second time, as for whoever looks again.
                let _ = run(client, &sql).await;
                let (rows, took) = match run(client, &sql).await {
                    Ok(answer) => answer,
                    Err(error) => {
                        println!("  {error}: {name}");
                        slow.push(name);
                        continue;
                    }
                };
                println!("  {took:>9.1?} {:>6} rows  {name}", rows.rows.len());
                if took > scope.limit {
                    slow.push(name);
                }
            }
        }
    }
    slow
}
