//! Statuses of the past decided anew by a pure function, a portion of assets in each transaction.
//!
//! A portion is read, decided and written while no batch of the writer is: its lines are then those
//! that every batch before has left and every one after finds. What reaches into the present waits in
//! `present_change` for the pipeline. What is rolled up of it, triggers note.

mod read;

use super::{
    past::put_lines,
    transaction::{PERSON_LOCK, unpack_freely},
};
use crate::{
    model::{AssetId, Course, PresentChange, Redecided, RulesRow},
    storage::{
        Storage, StorageError,
        connection::{Ms, session},
        restore::{RULES, rules_row},
    },
};
use tokio_postgres::{Client, types::Json};

/// So many assets go into one transaction: the writer waits for no longer than that takes.
const PORTION: usize = 200;
/// The lock is waited for: the writer's longest transaction takes less.
const OPTIONS: &str = "-c lock_timeout=60s -c jit=off";

/// What is to be decided anew.
#[derive(Debug, Clone)]
pub struct Recomputing {
    /// What is stored of a course begins there, milliseconds.
    pub from_ms: i64,
    /// Where it ends, for the record, milliseconds.
    pub to_ms: i64,
    /// The version of the site file whose rooms are written.
    pub site: String,
    /// True where it must be known when tags moved.
    pub motion: bool,
    /// False: nothing is written, only counted.
    pub writes: bool,
}

/// What it came to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Recomputed {
    /// Assets that were looked at.
    pub assets: usize,
    /// Those of which something is another.
    pub changed: Vec<AssetId>,
    /// Intervals of status that are new or another.
    pub statuses: usize,
    /// Those that there no longer are.
    pub no_statuses: usize,
    /// Assets of which the present is another.
    pub present: Vec<AssetId>,
}

impl Storage {
    /// All rules that ever were in force, in the order of time.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn rules(&self) -> Result<Vec<RulesRow>, StorageError> {
        let rows = self.client().await?.query(RULES, &[]).await?;
        Ok(rows.iter().map(rules_row).collect())
    }

    /// Up to when everything is stored, milliseconds.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn stored_at_ms(&self) -> Result<i64, StorageError> {
        let row = self.client().await?.query_one("select at from journal_cursor", &[]).await?;
        Ok(row.get::<_, Ms>(0).0)
    }

    /// Writes down which rules were in force, which whatever comes late is decided by from now on.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn put_rules(&self, rows: &[RulesRow]) -> Result<(), StorageError> {
        let mut client = self.client().await?;
        let transaction = client.transaction().await?;
        transaction.execute("select pg_advisory_xact_lock($1)", &[&PERSON_LOCK]).await?;
        let from: Vec<Ms> = rows.iter().map(|row| Ms(row.from_ms)).collect();
        let versions: Vec<&str> = rows.iter().map(|row| row.version.as_str()).collect();
        let texts: Vec<&str> = rows.iter().map(|row| row.text.as_str()).collect();
        transaction.execute("delete from status_rules", &[]).await?;
        let sql = "insert into status_rules (from_at, version, text)
                   select * from unnest($1::timestamptz[], $2::text[], $3::text[])";
        transaction.execute(sql, &[&from, &versions, &texts]).await?;
        transaction.commit().await?;
        Ok(())
    }

    /// Decides the statuses of `assets` anew, or of all that there ever were. `told` hears how many of
    /// how many are done.
    ///
    /// # Errors
    /// When the database is away. What is done by then stays, and is the same when it is done again.
    pub async fn recompute(
        &self,
        what: &Recomputing,
        assets: Option<&[AssetId]>,
        decide: impl Fn(&Course) -> Redecided,
        mut told: impl FnMut(usize, usize),
    ) -> Result<Recomputed, StorageError> {
        let mut client = session(&self.inner.postgres, "spor-recompute", OPTIONS).await?;
        let all = match assets {
            Some(assets) => assets.to_vec(),
            None => read::assets(&client).await?,
        };
        let mut out = Recomputed::default();
        for portion in all.chunks(PORTION) {
            self.portion(&mut client, what, portion, &decide, &mut out).await?;
            out.assets += portion.len();
            told(out.assets, all.len());
        }
        Ok(out)
    }

    async fn portion(
        &self,
        client: &mut Client,
        what: &Recomputing,
        assets: &[AssetId],
        decide: &impl Fn(&Course) -> Redecided,
        out: &mut Recomputed,
    ) -> Result<(), StorageError> {
        let zones = self.inner.zones_of(&what.site).await?;
        let transaction = client.transaction().await?;
        if what.writes {
            transaction.execute("select pg_advisory_xact_lock($1)", &[&PERSON_LOCK]).await?;
        }
        let courses = read::courses(&transaction, assets, what).await?;
        let mut lines = Vec::new();
        let mut present = Vec::new();
        for course in &courses {
            let redecided = decide(course);
            if redecided == Redecided::default() {
                continue;
            }
            out.changed.push(course.carried.asset.clone());
            out.statuses += redecided.statuses.len();
            out.no_statuses += redecided.no_statuses.len();
            if !redecided.present.is_empty() {
                out.present.push(course.carried.asset.clone());
                present.extend(redecided.present.iter().cloned().map(Json));
            }
            lines.push(redecided);
        }
        if what.writes && !lines.is_empty() {
            unpack_freely(&transaction).await?;
            put_lines(&transaction, &lines, &zones).await?;
            let sql = "insert into present_change (change) select * from unnest($1::jsonb[])";
            transaction.execute(sql, &[&present]).await?;
            transaction.commit().await?;
        }
        Ok(())
    }

    /// Writes down that it was done; `rules`: by the ones of that version, none: by those of then.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn log_recomputation(
        &self,
        what: &Recomputing,
        rules: Option<&str>,
        changed: usize,
    ) -> Result<(), StorageError> {
        let changed = i32::try_from(changed).unwrap_or(i32::MAX);
        let sql =
            "insert into recomputation (from_at, to_at, rules, assets) values ($1, $2, $3, $4)";
        let client = self.client().await?;
        client.execute(sql, &[&Ms(what.from_ms), &Ms(what.to_ms), &rules, &changed]).await?;
        Ok(())
    }

    /// What is another of the present and the pipeline doesn't know yet, with its keys.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn present_changes(&self) -> Result<(Vec<i64>, Vec<PresentChange>), StorageError> {
        let sql = "select key, change from present_change order by key limit 10000";
        let rows = self.client().await?.query(sql, &[]).await?;
        let changes = rows.iter().map(|row| {
            let change: Json<PresentChange> = row.try_get(1)?;
            Ok((row.get::<_, i64>(0), change.0))
        });
        let changes: Result<Vec<_>, tokio_postgres::Error> = changes.collect();
        Ok(changes?.into_iter().unzip())
    }

    /// The journal has those.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn forget_present_changes(&self, keys: &[i64]) -> Result<(), StorageError> {
        let sql = "delete from present_change where key = any($1)";
        self.client().await?.execute(sql, &[&keys]).await?;
        Ok(())
    }

    /// The first moment of which positions are kept, milliseconds; none: of none.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn first_position_ms(&self) -> Result<Option<i64>, StorageError> {
        let sql = "select min(\"time\") from position";
        let row = self.client().await?.query_one(sql, &[]).await?;
        Ok(row.get::<_, Option<Ms>>(0).map(|at| at.0))
    }
}
