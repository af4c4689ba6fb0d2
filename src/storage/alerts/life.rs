//! What becomes of alerts: by steps of the watch, by people; and what is asked of them.

use super::{
    super::{Storage, StorageError, connection::Ms},
    causes::about_of,
    notices,
};
use crate::model::{
    Alert, AlertChange, AlertKind, AlertState, AlertStep, AssetId, Cause, ClassId, Lasting,
    ReaderId, Severity, WardId, ZoneId,
};
use deadpool_postgres::Transaction;
use sha2::{Digest as _, Sha256};
use std::{collections::HashMap, fmt::Write as _};
use tokio_postgres::Row;

/// What [`alert_of`] reads, of a row of `alert`.
const COLUMNS: &str =
    "id, kind, subject, severity, ward, class, asset, reader, zone, floor, reason,
    opened_at, acknowledged_at, acknowledged_by, resolved_at, resolved_by,
    (select s.label from asset s where s.id = alert.asset)";

/// Which alerts are wanted; empty: all.
#[derive(Debug, Clone, Default)]
pub struct AlertFilter {
    /// In one of these states.
    pub states: Vec<AlertState>,
    /// Of one of these kinds.
    pub kinds: Vec<AlertKind>,
    /// That concern one of these wards.
    pub wards: Vec<WardId>,
    /// That are about one of these classes.
    pub classes: Vec<ClassId>,
}

impl Storage {
    /// The alerts whose cause lasts, also those that somebody has resolved by hand.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn lasting_alerts(&self) -> Result<Vec<Lasting>, StorageError> {
        let sql = "select id, kind, subject, severity from alert where ended_at is null";
        let rows = self.client().await?.query(sql, &[]).await?;
        let lasting = |row: &Row| {
            Some(Lasting {
                id: row.get(0),
                kind: AlertKind::parse(row.get(1))?,
                subject: row.get(2),
                severity: Severity::parse(row.get(3))?,
            })
        };
        Ok(rows.iter().filter_map(lasting).collect())
    }

    /// Does what was decided at `now_ms`; each step with when it may be told, milliseconds.
    ///
    /// # Errors
    /// When the database is away: then nothing is done.
    pub async fn step_alerts(
        &self,
        steps: &[(i64, AlertStep)],
        now_ms: i64,
    ) -> Result<(), StorageError> {
        let mut client = self.client().await?;
        let transaction = client.transaction().await?;
        for (due_ms, step) in steps {
            match step {
                AlertStep::Open(cause) => open(&transaction, cause, now_ms, *due_ms).await?,
                AlertStep::Raise { id, cause } => raise(&transaction, id, cause, now_ms).await?,
                AlertStep::End { id } => end(&transaction, id, now_ms).await?,
            }
        }
        transaction.commit().await?;
        Ok(())
    }

    /// Somebody sees to it. The first one stays; what is resolved is no longer taken on.
    ///
    /// # Errors
    /// [`StorageError::NotFound`], [`StorageError::Invalid`] when it is resolved, or the database is away.
    pub async fn acknowledge_alert(
        &self,
        id: &str,
        by: &str,
        now_ms: i64,
    ) -> Result<Alert, StorageError> {
        let sql = format!(
            "update alert set acknowledged_at = $2, acknowledged_by = $3
             where id = $1 and acknowledged_at is null and resolved_at is null returning {COLUMNS}"
        );
        let alert = self.by_hand(id, by, now_ms, &sql, AlertChange::Acknowledged).await?;
        match alert.state() {
            AlertState::Resolved => Err(StorageError::Invalid("it is resolved".to_owned())),
            AlertState::Open | AlertState::Acknowledged => Ok(alert),
        }
    }

    /// Somebody says that it is settled. While its cause lasts it stays so, unless that becomes critical.
    ///
    /// # Errors
    /// [`StorageError::NotFound`], or the database is away.
    pub async fn resolve_alert(
        &self,
        id: &str,
        by: &str,
        now_ms: i64,
    ) -> Result<Alert, StorageError> {
        let sql = format!(
            "update alert set resolved_at = $2, resolved_by = $3
             where id = $1 and resolved_at is null returning {COLUMNS}"
        );
        self.by_hand(id, by, now_ms, &sql, AlertChange::Resolved).await
    }

    async fn by_hand(
        &self,
        id: &str,
        by: &str,
        now_ms: i64,
        sql: &str,
        change: AlertChange,
    ) -> Result<Alert, StorageError> {
        let mut client = self.client().await?;
        let transaction = client.transaction().await?;
        let changed = transaction.query_opt(sql, &[&id, &Ms(now_ms), &by]).await?;
        if let Some(alert) = changed.as_ref().and_then(alert_of) {
            let untold = change == AlertChange::Resolved
                && notices::forget_untold(&transaction, id, now_ms).await?;
            if !untold {
                notices::put(&transaction, &alert, change, now_ms, now_ms).await?;
            }
            transaction.commit().await?;
            return Ok(alert);
        }
        drop(transaction);
        drop(client);
        self.alert(id).await?.ok_or_else(|| not_found(id))
    }

    /// One alert.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn alert(&self, id: &str) -> Result<Option<Alert>, StorageError> {
        let sql = format!("select {COLUMNS} from alert where id = $1");
        let row = self.client().await?.query_opt(&sql, &[&id]).await?;
        Ok(row.as_ref().and_then(alert_of))
    }

    /// Alerts, the newest first; `after` is when the last one of the page before was opened,
    /// milliseconds, and its id.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn alerts(
        &self,
        filter: &AlertFilter,
        limit: i64,
        after: Option<(i64, &str)>,
    ) -> Result<Vec<Alert>, StorageError> {
        let unresolved = "resolved_at is null";
        let only_now = !filter.states.is_empty() && !filter.states.contains(&AlertState::Resolved);
        // The index of what is not resolved is small, and serves only what says so.
        let now = if only_now { unresolved } else { "true" };
        let sql = format!(
            "select {COLUMNS} from alert
             where {now}
               and (cardinality($1::text[]) = 0
                    or case when resolved_at is not null then 'resolved'
                            when acknowledged_at is not null then 'acknowledged'
                            else 'open' end = any($1))
               and (cardinality($2::text[]) = 0 or kind = any($2))
               and (cardinality($3::text[]) = 0 or ward = any($3))
               and (cardinality($4::text[]) = 0 or class = any($4))
               and ($5::timestamptz is null or (opened_at, id) < ($5, $6))
             order by opened_at desc, id desc limit $7"
        );
        let states: Vec<&str> = filter.states.iter().map(|state| state.as_str()).collect();
        let kinds: Vec<&str> = filter.kinds.iter().map(|kind| kind.as_str()).collect();
        let wards: Vec<&str> = filter.wards.iter().map(WardId::as_str).collect();
        let classes: Vec<&str> = filter.classes.iter().map(ClassId::as_str).collect();
        let (opened, id) = (after.map(|(at_ms, _)| Ms(at_ms)), after.map_or("", |(_, id)| id));
        let rows = self
            .client()
            .await?
            .query(&sql, &[&states, &kinds, &wards, &classes, &opened, &id, &limit])
            .await?;
        Ok(rows.iter().filter_map(alert_of).collect())
    }

    /// How many alerts are open or acknowledged.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn count_alerts(
        &self,
    ) -> Result<HashMap<(AlertKind, AlertState), i32>, StorageError> {
        let sql = "select kind, acknowledged_at is not null, count(*)::int4 from alert
                   where resolved_at is null group by 1, 2";
        let rows = self.client().await?.query(sql, &[]).await?;
        let counted = |row: &Row| {
            let state = if row.get(1) { AlertState::Acknowledged } else { AlertState::Open };
            Some(((AlertKind::parse(row.get(0))?, state), row.get(2)))
        };
        Ok(rows.iter().filter_map(counted).collect())
    }
}

/// One that lasts already stays as it is.
async fn open(
    transaction: &Transaction<'_>,
    cause: &Cause,
    now_ms: i64,
    due_ms: i64,
) -> Result<(), StorageError> {
    let sql = format!(
        "insert into alert (id, kind, subject, severity, ward, class, asset, reader, zone, floor, reason,
             opened_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
         on conflict (kind, subject) where ended_at is null do nothing returning {COLUMNS}"
    );
    let about = &cause.about;
    let row = transaction
        .query_opt(
            &sql,
            &[
                &id_of(cause, now_ms),
                &cause.kind.as_str(),
                &cause.subject,
                &cause.severity.as_str(),
                &about.ward.as_ref().map(WardId::as_str),
                &about.class.as_ref().map(ClassId::as_str),
                &about.asset.as_ref().map(AssetId::as_str),
                &about.reader.as_ref().map(ReaderId::as_str),
                &about.zone.as_ref().map(ZoneId::as_str),
                &about.floor,
                &about.reason,
                &Ms(now_ms),
            ],
        )
        .await?;
    match row.as_ref().and_then(alert_of) {
        Some(alert) => notices::put(transaction, &alert, AlertChange::Opened, now_ms, due_ms).await,
        None => Ok(()),
    }
}

/// What is critical is open again, whoever took it on, and told at once with all before it.
async fn raise(
    transaction: &Transaction<'_>,
    id: &str,
    cause: &Cause,
    now_ms: i64,
) -> Result<(), StorageError> {
    let sql = format!(
        "update alert set severity = $2, reason = $3, zone = $4, floor = $5, acknowledged_at = null,
             acknowledged_by = null, resolved_at = null, resolved_by = null
         where id = $1 and ended_at is null and severity <> $2 returning {COLUMNS}"
    );
    let about = &cause.about;
    let zone = about.zone.as_ref().map(ZoneId::as_str);
    let row = transaction
        .query_opt(&sql, &[&id, &cause.severity.as_str(), &about.reason, &zone, &about.floor])
        .await?;
    match row.as_ref().and_then(alert_of) {
        Some(alert) => {
            notices::hurry(transaction, id, now_ms).await?;
            notices::put(transaction, &alert, AlertChange::Raised, now_ms, now_ms).await
        }
        None => Ok(()),
    }
}

/// What somebody has resolved by hand was told then.
async fn end(transaction: &Transaction<'_>, id: &str, now_ms: i64) -> Result<(), StorageError> {
    let sql = format!(
        "with before as (select resolved_at as was_resolved_at from alert where id = $1 for update)
         update alert set ended_at = $2, resolved_at = coalesce(alert.resolved_at, $2)
         from before where id = $1 and ended_at is null
         returning {COLUMNS}, was_resolved_at is null"
    );
    let row = transaction.query_opt(&sql, &[&id, &Ms(now_ms)]).await?;
    let news = row.as_ref().filter(|row| row.get(row.len() - 1)).and_then(alert_of);
    let Some(alert) = news else { return Ok(()) };
    if notices::forget_untold(transaction, id, now_ms).await? {
        return Ok(());
    }
    notices::put(transaction, &alert, AlertChange::Resolved, now_ms, now_ms).await
}

/// The first 128 bits of the digest of what is wrong with what since when.
fn id_of(cause: &Cause, opened_ms: i64) -> String {
    let text = format!("{}/{}/{opened_ms}", cause.kind.as_str(), cause.subject);
    Sha256::digest(text.as_bytes())[..16].iter().fold(String::new(), |mut id, byte| {
        let _ = write!(id, "{byte:02x}");
        id
    })
}

fn alert_of(row: &Row) -> Option<Alert> {
    let at = |column: usize| row.get::<_, Option<Ms>>(column).map(|at| at.0);
    Some(Alert {
        id: row.get(0),
        kind: AlertKind::parse(row.get(1))?,
        subject: row.get(2),
        severity: Severity::parse(row.get(3))?,
        about: about_of(row, 4),
        opened_ms: at(11)?,
        acknowledged_ms: at(12),
        acknowledged_by: row.get(13),
        resolved_ms: at(14),
        resolved_by: row.get(15),
        label: row.get(16),
    })
}

fn not_found(id: &str) -> StorageError {
    StorageError::NotFound { what: "alert", id: id.to_owned() }
}
