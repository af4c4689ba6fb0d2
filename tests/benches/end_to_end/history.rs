//! Days of history, written straight into the tables: as much as a hospital has after a quarter.

use crate::{database::Database, plan::Plan, support::postgres};

/// Rows of `position` an asset has of a day.
const ROWS_A_DAY: u32 = 200;

impl Database {
    /// For each day that the plan asks for, of each tag: a row every seven minutes or so that lasts
    /// until the next, a visit and a status for every tenth of them. Rooms are those of the site.
    pub(crate) async fn fill_history(&self, plan: &Plan) {
        if plan.history_days == 0 {
            return;
        }
        let begun = std::time::Instant::now();
        let client = postgres::connect(&self.url).await;
        // What was long ago is rolled up long ago: nothing notes it as new.
        let sql =
            "set synchronous_commit = off; set jit = off; set session_replication_role = replica";
        client.batch_execute(sql).await.unwrap();
        for back in (1..=plan.history_days).rev() {
            let day =
                format!("(date_trunc('day', now() at time zone 'UTC') - interval '{back} days')");
            let row = client
                .query_one(
                    &format!("select to_char({day}, 'YYYYMMDD'), to_char({day}, 'YYYY-MM-DD')"),
                    &[],
                )
                .await
                .unwrap();
            let (name, date): (String, String) = (row.get(0), row.get(1));
            let table = format!("position_d{name}");
            let sql = format!(
                "create table if not exists {table} partition of position
                     for values from ('{date} 00:00+00') to (('{date} 00:00+00')::timestamptz + interval '1 day');
                 with z as (select array_agg(key) keys from zone where kind is not null)
                 insert into {table} (\"time\", until, tag, seq, x_m, y_m, floor, accuracy_m, zone, moving)
                 select at, at + interval '400 seconds', t.id, n, 60 * random(), 50 * random(), n % 3, 0.8,
                        z.keys[1 + (t.id + n / 10) % cardinality(z.keys)], n % 10 = 0
                 from tag t cross join z cross join generate_series(0, {last}) n
                 cross join lateral (select '{date} 00:00+00'::timestamptz
                     + n * interval '{every} seconds' + (t.id % 30) * interval '1 second' as at) a
                 order by t.id, n;
                 with z as (select array_agg(key) keys from zone where kind is not null)
                 insert into visit (tag, entered_at, zone, left_at)
                 select t.id, at, z.keys[1 + (t.id + n / 10) % cardinality(z.keys)],
                        at + {every} * interval '10 seconds'
                 from tag t cross join z cross join generate_series(0, {last}, 10) n
                 cross join lateral (select '{date} 00:00+00'::timestamptz
                     + n * interval '{every} seconds' as at) a
                 on conflict do nothing;
                 insert into asset_status (asset, from_at, status, basis, rule, to_at)
                 select a.id, at, (array['available', 'in_use', 'dirty'])[n / 10 % 3 + 1], 'inferred', 'history',
                        at + {every} * interval '10 seconds'
                 from asset a cross join generate_series(0, {last}, 10) n
                 cross join lateral (select '{date} 00:00+00'::timestamptz
                     + n * interval '{every} seconds' as at) b
                 on conflict do nothing;",
                last = ROWS_A_DAY - 1,
                every = 86_400 / ROWS_A_DAY,
            );
            client.batch_execute(&sql).await.unwrap();
        }
        for table in ["position", "visit", "asset_status"] {
            client.batch_execute(&format!("vacuum (analyze) {table}")).await.unwrap();
        }
        client.batch_execute("checkpoint").await.unwrap();
        let row = client
            .query_one(
                "select sum(c.reltuples)::int8, sum(pg_total_relation_size(p.relid))::int8
                 from pg_partition_tree('position') p join pg_class c on c.oid = p.relid where isleaf",
                &[],
            )
            .await
            .unwrap();
        let (rows, bytes): (i64, i64) = (row.get(0), row.get(1));
        eprintln!(
            "{} days of history: {rows} rows, {} MiB, in {:.0} s",
            plan.history_days,
            bytes >> 20,
            begun.elapsed().as_secs_f64()
        );
    }
}
