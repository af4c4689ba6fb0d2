//! What a replay does with a database of its own: fills it with the registry that the recording
//! begins with, empties it for another pass, and tells its contents in one number.

use super::{Storage, StorageError, connection::Ms};
use crate::model::{Carrier, Registry};
use futures_util::TryStreamExt as _;
use sha2::{Digest as _, Sha256};
use std::pin::pin;

/// What stays when a pass begins anew: what the schema itself put there.
const KEPT: [&str; 5] =
    ["schema_migration", "journal_cursor", "par_level", "rollup_state", "registry_version"];

/// Everything that follows from a recording, in an order of its own. Keys that were drawn in the
/// order of arrival are not in it.
const TABLES: [(&str, &str); 4] = [
    (
        "position",
        "select t.name, p.\"time\", p.until, p.seq, p.x_m, p.y_m, p.floor, p.accuracy_m, z.id, p.moving,
                p.portal
         from position p join tag t on t.id = p.tag left join zone z on z.key = p.zone
         order by t.name, p.\"time\", p.seq",
    ),
    (
        "visit",
        "select t.name, z.id, v.entered_at, v.left_at
         from visit v join tag t on t.id = v.tag join zone z on z.key = v.zone
         order by t.name, v.entered_at",
    ),
    (
        "asset_status",
        "select s.asset, s.status, s.from_at, s.to_at, s.basis, s.rule, z.id
         from asset_status s left join zone z on z.key = s.zone order by s.asset, s.from_at",
    ),
    ("event", "select id, message from event order by id"),
];

/// How much is stored, and a number that tells one content from another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Contents {
    /// Rows of `position`.
    pub rows: u64,
    /// Rows of `visit`.
    pub visits: u64,
    /// Rows of `asset_status`.
    pub statuses: u64,
    /// Rows of `event`.
    pub events: u64,
    /// SHA-256 over all of them, in hexadecimal.
    pub digest: String,
}

impl Storage {
    /// Fills an empty database with a registry as it was at `at_ms`.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn begin_with(&self, registry: &Registry, at_ms: i64) -> Result<(), StorageError> {
        let assets: Vec<_> = registry.assets.values().map(|asset| (**asset).clone()).collect();
        let persons: Vec<_> = registry.persons.values().map(|person| (**person).clone()).collect();
        self.put_assets(&assets).await?;
        self.put_persons(&persons).await?;
        let mut bound: Vec<(&str, Option<&str>, Option<&str>)> = Vec::new();
        for (tag, carrier) in &registry.carriers {
            bound.push(match carrier {
                Carrier::Asset(asset) => (tag.as_str(), Some(asset.id.as_str()), None),
                Carrier::Person(person) => (tag.as_str(), None, Some(person.id.as_str())),
            });
        }
        bound.sort_unstable();
        let tags: Vec<&str> = bound.iter().map(|(tag, ..)| *tag).collect();
        let assets: Vec<Option<&str>> = bound.iter().map(|(_, asset, _)| *asset).collect();
        let persons: Vec<Option<&str>> = bound.iter().map(|(.., person)| *person).collect();
        let mut client = self.client().await?;
        let transaction = client.transaction().await?;
        let sql = "insert into tag (name) select unnest($1::text[]) on conflict (name) do nothing";
        transaction.execute(sql, &[&tags]).await?;
        transaction
            .execute(
                "insert into tag_binding (tag, asset, person, bound_at)
                 select t.id, b.asset, b.person, $4
                 from unnest($1::text[], $2::text[], $3::text[]) as b (tag, asset, person)
                 join tag t on t.name = b.tag",
                &[&tags, &assets, &persons, &Ms(at_ms)],
            )
            .await?;
        transaction.commit().await?;
        // It learns from there which tags persons wear.
        self.registry().await.map(drop)
    }

    /// Empties every table but those that the schema itself filled.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn empty(&self) -> Result<(), StorageError> {
        let client = self.client().await?;
        let kept: Vec<&str> = KEPT.to_vec();
        let sql = "select string_agg(format('%I', c.relname), ', ')
                   from pg_class c join pg_class p on p.oid = 'position'::regclass
                   where c.relnamespace = p.relnamespace and c.relkind in ('r', 'p')
                     and not c.relispartition and not c.relname = any($1)";
        let tables: String = client.query_one(sql, &[&kept]).await?.get(0);
        client.batch_execute(&format!("truncate {tables} restart identity")).await?;
        let sql = "update journal_cursor set journal = null, sequence = 0";
        client.execute(sql, &[]).await?;
        self.forget_zones();
        self.registry().await.map(drop)
    }

    /// Counts what is stored, and digests it: the same rows, visits, statuses and events give the
    /// same digest, whenever and in whatever order they were stored.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn contents(&self) -> Result<Contents, StorageError> {
        let client = self.client().await?;
        client.batch_execute("set statement_timeout = 0").await?;
        let counted = count(&client).await;
        client.batch_execute("reset statement_timeout").await?;
        counted
    }
}

async fn count(client: &deadpool_postgres::Object) -> Result<Contents, StorageError> {
    let mut counts = [0u64; TABLES.len()];
    let mut digest = Sha256::new();
    for ((name, sql), count) in TABLES.into_iter().zip(&mut counts) {
        digest.update(name);
        let sql = format!("select row_to_json(r)::text from ({sql}) r");
        let none: [&str; 0] = [];
        let mut rows = pin!(client.query_raw(&sql, none).await?);
        while let Some(row) = rows.try_next().await? {
            digest.update(row.get::<_, &str>(0));
            digest.update("\n");
            *count += 1;
        }
    }
    let digest = digest.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
    let [rows, visits, statuses, events] = counts;
    Ok(Contents { rows, visits, statuses, events, digest })
}
