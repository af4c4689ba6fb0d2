//! The database of one run: made, filled with the tags and assets of a plan, counted, dropped.

use crate::{
    latency::{Counted, Latency},
    plan::Plan,
    support::{postgres, program},
};
use serde::Serialize;

pub(crate) struct Database {
    pub(crate) url: String,
    /// The server's first process.
    pub(crate) process: u32,
}

/// What a run has left in the table `position`, the tags' first reports not counted.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Stored {
    pub(crate) rows: i64,
    /// (tag, sequence number, time) without repetition.
    pub(crate) distinct: i64,
    /// The last commit, milliseconds since the Unix epoch.
    pub(crate) last_commit_ms: Option<f64>,
    /// From when a position was due to the commit of its row.
    pub(crate) latency_ms: Option<Latency>,
    /// Of the table and its indexes, by all rows.
    pub(crate) bytes_a_row: f64,
    /// Rows of the tags that stand still.
    pub(crate) still_rows: i64,
}

/// Bytes that the server's log has grown to.
const WAL: &str = "select (pg_current_wal_lsn() - '0/0')::int8";

impl Database {
    /// A new database with Spor's tables, in which every tag of the plan is on an asset. None: no
    /// PostgreSQL here, which is said.
    pub(crate) async fn prepare(plan: &Plan) -> Option<Self> {
        let (url, process) = postgres::durable_database().await?;
        let folder = tempfile::tempdir().unwrap();
        let migrated = program::command(&folder.path().join("data"))
            .arg("migrate")
            .env("SPOR_DATABASE__URL", &url)
            .stdout(std::process::Stdio::null())
            .status();
        assert!(migrated.unwrap().success(), "spor migrate");
        let digits = plan.tags.ilog10().max(4) + 1;
        let name = format!("'load-' || lpad(n::text, {digits}, '0')");
        let classes = "(array['infusion-pump', 'bed', 'wheelchair', 'monitor'])[n % 4 + 1]";
        let client = postgres::connect(&url).await;
        // Not the other tables: Spor's first statements find them never looked at, as they are then.
        let sql = format!(
            "insert into tag (name) select {name} from generate_series(1, {tags}) n;
             insert into asset (id, label, class) select {name}, {name}, {classes}
                 from generate_series(1, {tags}) n;
             insert into tag_binding (tag, asset, bound_at)
                 select id, name, now() - interval '400 days' from tag;
             analyze tag; analyze asset; analyze tag_binding; checkpoint",
            tags = plan.tags
        );
        for statement in sql.split(';') {
            client.batch_execute(statement).await.unwrap();
        }
        Some(Self { url, process })
    }

    /// Bytes that the server has written to its log so far.
    pub(crate) async fn log_bytes(&self) -> u64 {
        let client = postgres::connect(&self.url).await;
        client.query_one(WAL, &[]).await.unwrap().get::<_, i64>(0).unsigned_abs()
    }

    /// Counts what is there from a time on, milliseconds since the Unix epoch, when nothing comes
    /// any more.
    pub(crate) async fn count(&self, from_ms: f64, plan: &Plan) -> Stored {
        let client = postgres::connect(&self.url).await;
        let settings = "set work_mem = '1GB'; set max_parallel_workers_per_gather = 0";
        client.batch_execute(settings).await.unwrap();
        let sql = "create temporary table run as
            select xmin x, tag, seq, \"time\" from position
            where \"time\" >= to_timestamp($1::float8 / 1000)";
        let sql = sql.replace("$1", &from_ms.to_string());
        client.batch_execute(&sql).await.unwrap();
        let sql = "select (select count(*) from run),
                (select count(*) from (select distinct tag, seq, \"time\" from run) d),
                (select max(date_part('epoch', pg_xact_commit_timestamp(x))) * 1000
                    from (select distinct x from run) c),
                (select sum(pg_total_relation_size(relid))::float8
                    from pg_partition_tree('position') where isleaf)
                    / greatest((select count(*) from position), 1)";
        let row = client.query_one(sql, &[]).await.unwrap();
        let still = format!(
            "select count(*) from run r join tag t on t.id = r.tag
             where right(t.name, 2)::int < {}",
            plan.still_percent.unwrap_or(0)
        );
        let still_rows = client.query_one(&still, &[]).await.unwrap().get(0);
        let latencies = "select round(date_part('epoch',
                pg_xact_commit_timestamp(x) - \"time\") * 1000)::int8, count(*)
            from run group by 1";
        let mut counted = Counted::default();
        for row in client.query(latencies, &[]).await.unwrap() {
            counted.add(row.get(0), row.get::<_, i64>(1).unsigned_abs());
        }
        Stored {
            rows: row.get(0),
            distinct: row.get(1),
            last_commit_ms: row.get(2),
            latency_ms: counted.summary(),
            bytes_a_row: row.get(3),
            still_rows,
        }
    }

    pub(crate) async fn drop(self) {
        postgres::drop_database(&self.url).await;
    }
}
