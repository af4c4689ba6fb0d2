//! The schema: numbered SQL files, each applied once, in order, in a transaction of its own.
//!
//! Where TimescaleDB can be had, a file of the same number in `timescale/` follows in the same
//! transaction. An older schema is brought up to date, a newer one is refused.

use super::{StorageError, error::words};
use tokio_postgres::Client;

struct Migration {
    number: i32,
    name: &'static str,
    sql: &'static str,
    timescale: Option<&'static str>,
}

const MIGRATIONS: &[Migration] = &[
    Migration {
        number: 1,
        name: "0001_initial.sql",
        sql: include_str!("../../schemas/database/0001_initial.sql"),
        timescale: Some(include_str!("../../schemas/database/timescale/0001_hypertable.sql")),
    },
    Migration {
        number: 2,
        name: "0002_reporting.sql",
        sql: include_str!("../../schemas/database/0002_reporting.sql"),
        timescale: None,
    },
    Migration {
        number: 3,
        name: "0003_lookups.sql",
        sql: include_str!("../../schemas/database/0003_lookups.sql"),
        timescale: None,
    },
    Migration {
        number: 4,
        name: "0004_late.sql",
        sql: include_str!("../../schemas/database/0004_late.sql"),
        timescale: None,
    },
    Migration {
        number: 5,
        name: "0005_status.sql",
        sql: include_str!("../../schemas/database/0005_status.sql"),
        timescale: None,
    },
    Migration {
        number: 6,
        name: "0006_rollup.sql",
        sql: include_str!("../../schemas/database/0006_rollup.sql"),
        timescale: None,
    },
    Migration {
        number: 7,
        name: "0007_alert.sql",
        sql: include_str!("../../schemas/database/0007_alert.sql"),
        timescale: None,
    },
    Migration {
        number: 8,
        name: "0008_recompute.sql",
        sql: include_str!("../../schemas/database/0008_recompute.sql"),
        timescale: None,
    },
    Migration {
        number: 9,
        name: "0009_registry.sql",
        sql: include_str!("../../schemas/database/0009_registry.sql"),
        timescale: None,
    },
    Migration {
        number: 10,
        name: "0010_levels.sql",
        sql: include_str!("../../schemas/database/0010_levels.sql"),
        timescale: None,
    },
    Migration {
        number: 11,
        name: "0011_before.sql",
        sql: include_str!("../../schemas/database/0011_before.sql"),
        timescale: None,
    },
    Migration {
        number: 12,
        name: "0012_claim_to.sql",
        sql: include_str!("../../schemas/database/0012_claim_to.sql"),
        timescale: None,
    },
];

/// The role of reports and its grants: after the migrations, at every start.
const REPORTS_ROLE: &str = include_str!("../../schemas/database/reports_role.sql");

/// Any number: whoever migrates holds this advisory lock.
const LOCK: i64 = 0x5350_4f52_0001;

/// What keeps the table `position`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PositionKeeper {
    /// Daily partitions of plain PostgreSQL.
    Partitions,
    /// A hypertable of TimescaleDB.
    Timescale,
}

/// The newest schema version that this program knows.
#[must_use]
pub fn known_version() -> i32 {
    MIGRATIONS.last().map_or(0, |migration| migration.number)
}

/// Brings the schema up to date; gives back how `position` is kept.
pub(crate) async fn migrate(
    client: &mut Client,
    progress: &(impl Fn(&str) + Sync),
) -> Result<PositionKeeper, StorageError> {
    client.execute("select pg_advisory_lock($1)", &[&LOCK]).await?;
    let result = async {
        let keeper = apply_missing(client, MIGRATIONS, progress).await?;
        client.batch_execute(REPORTS_ROLE).await?;
        Ok(keeper)
    }
    .await;
    client.execute("select pg_advisory_unlock($1)", &[&LOCK]).await?;
    result
}

async fn apply_missing(
    client: &mut Client,
    migrations: &[Migration],
    progress: &(impl Fn(&str) + Sync),
) -> Result<PositionKeeper, StorageError> {
    client
        .batch_execute(
            "create table if not exists schema_migration (
                 number int4 primary key, name text not null, applied_at timestamptz not null default now())",
        )
        .await?;
    let row =
        client.query_one("select coalesce(max(number), 0) from schema_migration", &[]).await?;
    let found: i32 = row.get(0);
    let known = migrations.last().map_or(0, |migration| migration.number);
    if found > known {
        return Err(StorageError::NewerSchema { found, known });
    }
    let keeper = if found == 0 { choose(client).await } else { present(client).await? };
    for migration in migrations.iter().filter(|migration| migration.number > found) {
        progress(&format!("applying {}", migration.name));
        apply(client, migration, keeper)
            .await
            .map_err(|e| StorageError::Migration { name: migration.name, reason: words(&e) })?;
    }
    tracing::info!(?keeper, version = known, "schema is up to date");
    Ok(keeper)
}

async fn apply(
    client: &mut Client,
    migration: &Migration,
    keeper: PositionKeeper,
) -> Result<(), tokio_postgres::Error> {
    let transaction = client.transaction().await?;
    transaction.batch_execute(migration.sql).await?;
    if let (PositionKeeper::Timescale, Some(sql)) = (keeper, migration.timescale) {
        transaction.batch_execute(sql).await?;
    }
    transaction
        .execute(
            "insert into schema_migration (number, name) values ($1, $2)",
            &[&migration.number, &migration.name],
        )
        .await?;
    transaction.commit().await
}

/// TimescaleDB when its extension can be created here, else partitions. The choice stays.
async fn choose(client: &Client) -> PositionKeeper {
    let offered = client
        .query_opt("select 1 from pg_available_extensions where name = 'timescaledb'", &[])
        .await;
    if !matches!(offered, Ok(Some(_))) {
        return PositionKeeper::Partitions;
    }
    match client.batch_execute("create extension if not exists timescaledb").await {
        Ok(()) => PositionKeeper::Timescale,
        Err(error) => {
            tracing::info!(reason = words(&error), "TimescaleDB is offered but can't be used");
            PositionKeeper::Partitions
        }
    }
}

/// How the existing table is kept: partitioned tables have the kind `p`.
async fn present(client: &Client) -> Result<PositionKeeper, StorageError> {
    let row = client
        .query_one("select relkind = 'p' from pg_class where oid = 'position'::regclass", &[])
        .await?;
    Ok(if row.get(0) { PositionKeeper::Partitions } else { PositionKeeper::Timescale })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[tokio::test]
    async fn an_older_schema_is_migrated_and_a_failing_step_leaves_no_trace() {
        let Some(url) = crate::storage::tests::database("older").await else { return };
        let config = crate::storage::connection::parse_url(&url).unwrap();
        let mut client = crate::storage::connection::session(&config, "test", "").await.unwrap();
        let mut migrations = vec![Migration { timescale: None, ..MIGRATIONS[0] }];
        apply_missing(&mut client, &migrations, &|_| ()).await.unwrap();

        let sql = "create table newer (a int4); insert into newer values (1)";
        migrations.push(Migration { number: 2, name: "0002_newer.sql", sql, timescale: None });
        let sql = "create table half (a int4); select 1/0";
        migrations.push(Migration { number: 3, name: "0003_broken.sql", sql, timescale: None });
        let error = apply_missing(&mut client, &migrations, &|_| ()).await.unwrap_err();
        assert!(
            matches!(&error, StorageError::Migration { name: "0003_broken.sql", .. }),
            "{error}"
        );

        let version = "select max(number) from schema_migration";
        assert_eq!(client.query_one(version, &[]).await.unwrap().get::<_, i32>(0), 2);
        assert_eq!(client.query("select a from newer", &[]).await.unwrap().len(), 1);
        let half = client.query_one("select to_regclass('half') is null", &[]).await.unwrap();
        assert!(half.get::<_, bool>(0));
        let error = apply_missing(&mut client, &migrations[..1], &|_| ()).await.unwrap_err();
        assert!(matches!(error, StorageError::NewerSchema { found: 2, known: 1 }));
    }

    #[test]
    fn every_file_of_the_folder_is_applied_in_the_order_of_its_number() {
        let root = concat!(env!("CARGO_MANIFEST_DIR"), "/schemas/database");
        let mut files: Vec<String> = std::fs::read_dir(root)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .filter(|name| name.starts_with(|c: char| c.is_ascii_digit()))
            .collect();
        files.sort();
        let names: Vec<&str> = MIGRATIONS.iter().map(|migration| migration.name).collect();
        assert_eq!(names, files);
        assert!(MIGRATIONS.is_sorted_by_key(|migration| migration.number));
        for migration in MIGRATIONS {
            assert!(migration.name.starts_with(&format!("{:04}_", migration.number)));
        }
    }
}
