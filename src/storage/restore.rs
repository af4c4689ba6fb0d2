//! What a start takes up again: every tag's last row, its open visit, and the open statuses.

use super::{Storage, StorageError, connection::Ms};
use crate::{
    clock::now_ms,
    model::{
        AssetId, Basis, Hand, PositionRow, Restored, RestoredStatus, RestoredTag, RulesRow, Status,
        StatusNow, TagId, WardId, ZoneId,
    },
};
use deadpool_postgres::Object;
use tokio_postgres::Row;

/// Most tags were seen within this time, and only the newest partitions are read for them.
const RECENT_MS: i64 = 26 * 3_600_000;

/// The newest row of each tag that no person wears, from `$1` on, among those not in `$2`.
/// `not materialized` and the lateral `limit 1` make it one look into the index for each tag.
const LAST_ROWS: &str = "
    select t.id, t.name, p.\"time\", p.until, p.seq, p.x_m::float8, p.y_m::float8, p.floor, p.accuracy_m,
           z.id, vz.id, v.entered_at, t.battery_pct, t.firmware, p.moving, p.portal
    from tag t
    cross join lateral (
        select * from position p where p.tag = t.id and p.\"time\" >= $1 order by p.\"time\" desc limit 1) p
    left join zone z on z.key = p.zone
    left join visit v on v.tag = t.id and v.left_at is null
    left join zone vz on vz.key = v.zone
    where not t.id = any($2)
      and not exists (select 1 from tag_binding b
                      where b.tag = t.id and b.unbound_at is null and b.person is not null)";

/// What rules say of every asset, and since when that, or something by hand, is shown.
const STATUSES: &str = "
    select s.asset, r.status, r.from_at, r.basis, r.rule, z.id, s.from_at
    from asset_status s
    join asset a on a.id = s.asset and a.retired_at is null
    cross join lateral (
        (select b.status, b.from_at, b.basis, b.rule, b.zone from asset_status b
         where b.asset = s.asset and b.basis <> 'manual' order by b.from_at desc limit 1)
        union all
        (select b.status, b.from_at, b.basis, b.rule, b.zone from status_beneath b
         where b.asset = s.asset order by b.from_at desc limit 1)
        order by from_at desc limit 1) r
    left join zone z on z.key = r.zone
    where s.to_at is null";

impl Storage {
    /// The last known state of everything but people.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn restore(&self) -> Result<Restored, StorageError> {
        let client = self.client().await?;
        // A cold cache after a crash may be slow; a start would rather wait than forget.
        client.batch_execute("set statement_timeout = '120s'").await?;
        let restored = read(&client).await;
        client.batch_execute("reset statement_timeout").await?;
        restored
    }
}

async fn read(client: &Object) -> Result<Restored, StorageError> {
    let mut restored = Restored::default();
    let mut found: Vec<i32> = Vec::new();
    for from_ms in [now_ms() - RECENT_MS, 0] {
        let rows = client.query(LAST_ROWS, &[&Ms(from_ms), &found]).await?;
        for row in rows {
            found.push(row.get(0));
            restored.tags.extend(restored_tag(&row));
        }
    }
    for row in client.query(STATUSES, &[]).await? {
        restored.statuses.extend(status_of(&row));
    }
    restored.rules = client.query(RULES, &[]).await?.last().map(rules_row);
    // Whatever is over by now ends at the first tick, as it would have.
    let hands = "select h.asset, h.from_at, h.until_at, h.status, h.by_whom, h.reason, h.to_ward
                 from by_hand h
                 join asset_status s on s.asset = h.asset and s.from_at = h.from_at
                 join asset a on a.id = h.asset
                 where s.to_at is null and s.basis = 'manual' and a.retired_at is null";
    for row in client.query(hands, &[]).await? {
        restored.hands.extend(AssetId::new(row.get(0)).ok().zip(hand(&row, 1)));
    }
    Ok(restored)
}

fn restored_tag(row: &Row) -> Option<RestoredTag> {
    let zone =
        |column: usize| row.get::<_, Option<&str>>(column).and_then(|id| ZoneId::new(id).ok());
    let until_ms = row.get::<_, Ms>(3).0;
    let entered_ms = row.get::<_, Option<Ms>>(11).map(|at| at.0);
    Some(RestoredTag {
        row: PositionRow {
            tag: TagId::new(row.get(1)).ok()?,
            time_ms: row.get::<_, Ms>(2).0,
            until_ms,
            // Not stored; it was received no earlier than it held.
            received_ms: until_ms,
            seq: row.get::<_, Option<i64>>(4).and_then(|seq| seq.try_into().ok()),
            x_m: row.get(5),
            y_m: row.get(6),
            floor: row.get(7),
            accuracy_m: row.get(8),
            zone: zone(9),
            moving: row.get(14),
            portal: row.get(15),
        },
        visit: zone(10).zip(entered_ms),
        battery_pct: row.get::<_, Option<i16>>(12).and_then(|percent| percent.try_into().ok()),
        firmware: row.get(13),
    })
}

fn status_of(row: &Row) -> Option<RestoredStatus> {
    let now = StatusNow {
        status: Status::parse(row.get(1))?,
        since_ms: row.get::<_, Ms>(2).0,
        basis: basis(row.get(3))?,
        rule: row.get(4),
    };
    Some(RestoredStatus {
        asset: AssetId::new(row.get(0)).ok()?,
        now,
        zone: row.get::<_, Option<&str>>(5).and_then(|id| ZoneId::new(id).ok()),
        shown_ms: row.get::<_, Ms>(6).0,
    })
}

/// What held by hand, from a row that tells it from column `first` on.
pub(super) fn hand(row: &Row, first: usize) -> Option<Hand> {
    Some(Hand {
        since_ms: row.get::<_, Ms>(first).0,
        until_ms: row.get::<_, Ms>(first + 1).0,
        status: Status::parse(row.get(first + 2))?,
        by: row.get(first + 3),
        reason: row.get(first + 4),
        to: row.get::<_, Option<&str>>(first + 5).and_then(|ward| WardId::new(ward).ok()),
    })
}

/// All rules that ever were in force.
pub(super) const RULES: &str = "select from_at, version, text from status_rules order by from_at";

pub(super) fn rules_row(row: &Row) -> RulesRow {
    RulesRow { from_ms: row.get::<_, Ms>(0).0, version: row.get(1), text: row.get(2) }
}

/// The basis of that name.
pub(super) fn basis(text: &str) -> Option<Basis> {
    [Basis::Observed, Basis::Inferred, Basis::Manual].into_iter().find(|b| b.as_str() == text)
}
