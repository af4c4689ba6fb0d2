//! Questions about the past: where a tag or an asset was, its visits, statuses, and events.
//!
//! Lists page forward: `after` is the time (or sequence) of the last row of the page before.
//! Rows of equal time are never torn apart, so a page may be a little longer than its limit.

use super::{Storage, StorageError, connection::Ms, restore::basis};
use crate::model::{AssetId, Basis, EventKind, EventMessage, Status, TagId, VisitRow, ZoneId};
use tokio_postgres::{Row, types::Json};

/// A row cut at midnight is no longer than a day: what covers a moment began within a day before it.
const LONGEST_ROW_MS: i64 = 86_400_000;

/// A stretch of time at one place.
#[derive(Debug, Clone, PartialEq)]
pub struct HistoryRow {
    /// Since when, milliseconds.
    pub time_ms: i64,
    /// Until when, milliseconds.
    pub until_ms: i64,
    /// Metres east.
    pub x_m: f64,
    /// Metres north.
    pub y_m: f64,
    /// 0 is ground.
    pub floor: i16,
    /// Metres.
    pub accuracy_m: f32,
    /// The room.
    pub zone: Option<ZoneId>,
}

/// An asset's status for a time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatusInterval {
    /// What it did.
    pub status: Status,
    /// Since when, milliseconds.
    pub from_ms: i64,
    /// Until when, milliseconds; none while it lasts.
    pub to_ms: Option<i64>,
    /// How Spor knew.
    pub basis: Basis,
    /// The rule that said so.
    pub rule: String,
    /// The room it was in when it began.
    pub zone: Option<ZoneId>,
}

/// An event and its place in the list.
#[derive(Debug, Clone, PartialEq)]
pub struct StoredEvent {
    /// Grows with each event; the cursor of the list.
    pub seq: i64,
    /// The event.
    pub message: EventMessage,
}

/// Which events are wanted; none: all.
#[derive(Debug, Clone, Default)]
pub struct EventFilter {
    /// Of this kind.
    pub kind: Option<EventKind>,
    /// Of this tag.
    pub tag: Option<TagId>,
    /// Of this asset.
    pub asset: Option<AssetId>,
}

impl Storage {
    /// Where a tag was in `from_ms..to_ms`, oldest first; `after` is the last `time_ms` of the page before.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn history(
        &self,
        tag: &TagId,
        from_ms: i64,
        to_ms: i64,
        limit: i64,
        after: Option<i64>,
    ) -> Result<Vec<HistoryRow>, StorageError> {
        let sql =
            "select p.\"time\", p.until, p.x_m::float8, p.y_m::float8, p.floor, p.accuracy_m, z.id
             from position p left join zone z on z.key = p.zone
             where p.tag = (select id from tag where name = $1)
               and p.\"time\" >= $2 and p.\"time\" < $3 and p.until >= $4 and p.\"time\" > $5
             order by p.\"time\" fetch first $6 rows with ties";
        let rows = self
            .client()
            .await?
            .query(
                sql,
                &[
                    &tag.as_str(),
                    &Ms(from_ms.saturating_sub(LONGEST_ROW_MS)),
                    &Ms(to_ms),
                    &Ms(from_ms),
                    &Ms(after.unwrap_or(from_ms.saturating_sub(2 * LONGEST_ROW_MS))),
                    &limit,
                ],
            )
            .await?;
        Ok(rows.iter().map(history_row).collect())
    }

    /// Where an asset was in `from_ms..to_ms`, with whatever tag it carried then, oldest first.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn asset_history(
        &self,
        asset: &AssetId,
        from_ms: i64,
        to_ms: i64,
        limit: i64,
        after: Option<i64>,
    ) -> Result<Vec<HistoryRow>, StorageError> {
        // A row that had begun before the tag was fastened counts for the asset from then on.
        let sql = "select * from (
                 select greatest(p.\"time\", b.bound_at) as since, least(p.until, b.unbound_at) as until,
                        p.x_m::float8, p.y_m::float8, p.floor, p.accuracy_m, z.id
                 from tag_binding b
                 join position p on p.tag = b.tag
                     and p.until >= b.bound_at and (b.unbound_at is null or p.\"time\" < b.unbound_at)
                 left join zone z on z.key = p.zone
                 where b.asset = $1 and p.\"time\" >= $2 and p.\"time\" < $3 and p.until >= $4) h
             where h.since > $5 and h.since < $3
             order by h.since fetch first $6 rows with ties";
        let rows = self
            .client()
            .await?
            .query(
                sql,
                &[
                    &asset.as_str(),
                    &Ms(from_ms.saturating_sub(LONGEST_ROW_MS)),
                    &Ms(to_ms),
                    &Ms(from_ms),
                    &Ms(after.unwrap_or(from_ms.saturating_sub(2 * LONGEST_ROW_MS))),
                    &limit,
                ],
            )
            .await?;
        Ok(rows.iter().map(history_row).collect())
    }

    /// The visits of a tag that touch `from_ms..to_ms`, oldest first; `after` is the last `entered_ms`.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn visits(
        &self,
        tag: &TagId,
        from_ms: i64,
        to_ms: i64,
        limit: i64,
        after: Option<i64>,
    ) -> Result<Vec<VisitRow>, StorageError> {
        let sql = "select z.id, v.entered_at, v.left_at from visit v join zone z on z.key = v.zone
             where v.tag = (select id from tag where name = $1)
               and v.entered_at < $2 and (v.left_at is null or v.left_at >= $3)
               and ($4::timestamptz is null or v.entered_at > $4)
             order by v.entered_at limit $5";
        let rows = self
            .client()
            .await?
            .query(sql, &[&tag.as_str(), &Ms(to_ms), &Ms(from_ms), &after.map(Ms), &limit])
            .await?;
        Ok(rows
            .iter()
            .filter_map(|row| {
                Some(VisitRow {
                    tag: tag.clone(),
                    zone: ZoneId::new(row.get(0)).ok()?,
                    entered_ms: row.get::<_, Ms>(1).0,
                    left_ms: row.get::<_, Option<Ms>>(2).map(|at| at.0),
                })
            })
            .collect())
    }

    /// Events after `after_seq`, in the order in which they were stored.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn events(
        &self,
        after_seq: i64,
        limit: i64,
        filter: &EventFilter,
    ) -> Result<Vec<StoredEvent>, StorageError> {
        let sql = "select e.seq, e.message from event e
             where e.seq > $1 and ($2::text is null or e.kind = $2)
               and ($3::text is null or e.tag = (select id from tag where name = $3))
               and ($4::text is null or e.asset = $4)
             order by e.seq limit $5";
        let kind = filter.kind.map(EventKind::as_str);
        let tag = filter.tag.as_ref().map(TagId::as_str);
        let asset = filter.asset.as_ref().map(AssetId::as_str);
        let rows =
            self.client().await?.query(sql, &[&after_seq, &kind, &tag, &asset, &limit]).await?;
        Ok(rows
            .iter()
            .map(|row| StoredEvent { seq: row.get(0), message: row.get::<_, Json<_>>(1).0 })
            .collect())
    }

    /// The statuses of an asset that touch `from_ms..to_ms`, oldest first; `after` is the last `from_ms`.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn statuses(
        &self,
        asset: &AssetId,
        from_ms: i64,
        to_ms: i64,
        limit: i64,
        after: Option<i64>,
    ) -> Result<Vec<StatusInterval>, StorageError> {
        let sql = "select s.status, s.from_at, s.to_at, s.basis, s.rule, z.id
             from asset_status s left join zone z on z.key = s.zone
             where s.asset = $1 and s.from_at < $2 and (s.to_at is null or s.to_at >= $3)
               and ($4::timestamptz is null or s.from_at > $4)
             order by s.from_at limit $5";
        let rows = self
            .client()
            .await?
            .query(sql, &[&asset.as_str(), &Ms(to_ms), &Ms(from_ms), &after.map(Ms), &limit])
            .await?;
        Ok(rows.iter().filter_map(status_interval).collect())
    }
}

fn history_row(row: &Row) -> HistoryRow {
    HistoryRow {
        time_ms: row.get::<_, Ms>(0).0,
        until_ms: row.get::<_, Ms>(1).0,
        x_m: row.get(2),
        y_m: row.get(3),
        floor: row.get(4),
        accuracy_m: row.get(5),
        zone: row.get::<_, Option<&str>>(6).and_then(|id| ZoneId::new(id).ok()),
    }
}

fn status_interval(row: &Row) -> Option<StatusInterval> {
    Some(StatusInterval {
        status: Status::parse(row.get(0))?,
        from_ms: row.get::<_, Ms>(1).0,
        to_ms: row.get::<_, Option<Ms>>(2).map(|at| at.0),
        basis: basis(row.get(3))?,
        rule: row.get(4),
        zone: row.get::<_, Option<&str>>(5).and_then(|id| ZoneId::new(id).ok()),
    })
}
