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
    wal_at_start: i64,
}

/// What a run has left in the table `position`.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Stored {
    pub(crate) rows: i64,
    /// (tag, sequence number) without repetition.
    pub(crate) distinct: i64,
    /// The last commit, milliseconds since the Unix epoch.
    pub(crate) last_commit_ms: Option<f64>,
    /// From when a position was due to the commit of its row.
    pub(crate) latency_ms: Option<Latency>,
    /// Of the table and its indexes.
    pub(crate) bytes: i64,
    /// Of PostgreSQL's own log.
    pub(crate) wal_bytes: i64,
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
        let sql = format!(
            "insert into tag (name) select {name} from generate_series(1, {tags}) n;
             insert into asset (id, label, class) select {name}, {name}, {classes}
                 from generate_series(1, {tags}) n;
             insert into tag_binding (tag, asset, bound_at)
                 select id, name, now() - interval '1 day' from tag;
             vacuum analyze; checkpoint",
            tags = plan.tags
        );
        for statement in sql.split(';') {
            client.batch_execute(statement).await.unwrap();
        }
        let wal_at_start = client.query_one(WAL, &[]).await.unwrap().get(0);
        Some(Self { url, process, wal_at_start })
    }

    /// Counts what is there, when nothing comes any more.
    pub(crate) async fn count(&self) -> Stored {
        let client = postgres::connect(&self.url).await;
        let wal: i64 = client.query_one(WAL, &[]).await.unwrap().get(0);
        let settings = "set work_mem = '1GB'; set max_parallel_workers_per_gather = 0";
        client.batch_execute(settings).await.unwrap();
        let sql = "select (select count(*) from position),
                (select count(*) from (select distinct tag, seq from position) d),
                (select max(date_part('epoch', pg_xact_commit_timestamp(x))) * 1000
                    from (select distinct xmin x from position) c),
                (select sum(pg_total_relation_size(relid))::int8
                    from pg_partition_tree('position') where isleaf)";
        let row = client.query_one(sql, &[]).await.unwrap();
        let latencies = "select round(date_part('epoch',
                pg_xact_commit_timestamp(xmin) - \"time\") * 1000)::int8, count(*)
            from position group by 1";
        let mut counted = Counted::default();
        for row in client.query(latencies, &[]).await.unwrap() {
            counted.add(row.get(0), row.get::<_, i64>(1).unsigned_abs());
        }
        Stored {
            rows: row.get(0),
            distinct: row.get(1),
            last_commit_ms: row.get(2),
            latency_ms: counted.summary(),
            bytes: row.get(3),
            wal_bytes: wal - self.wal_at_start,
        }
    }

    pub(crate) async fn drop(self) {
        postgres::drop_database(&self.url).await;
    }
}
