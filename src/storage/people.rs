//! All that is remembered of people: how many of a role were in a room, and who looked whom up.

use super::{Storage, StorageError, connection::Ms};
use crate::model::{StaffRole, ZoneId};

/// A group of fewer people could be somebody: it never leaves the database.
const SMALLEST_GROUP: i32 = 5;

/// A group of one role in one room within a quarter of an hour.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PresenceGroup {
    /// The role.
    pub role: StaffRole,
    /// The room.
    pub zone: ZoneId,
    /// Beginning of the quarter, milliseconds.
    pub quarter_ms: i64,
    /// How many; at least five.
    pub persons: u32,
}

/// A look-up of people's places: who asked, and what for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lookup {
    /// When, milliseconds.
    pub at_ms: i64,
    /// The name of the token that asked.
    pub actor: String,
    /// The stated purpose.
    pub purpose: String,
    /// What was asked for.
    pub filter: String,
    /// How many people the answer named.
    pub found: u32,
}

impl Storage {
    /// Presence of a role (or all) in `from_ms..to_ms`, groups under five left out, in the order of
    /// quarter, role and room; `after` is the last group of the page before. Groups of the same
    /// place in that order stay together, so a page may be longer than `limit`.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn presence(
        &self,
        role: Option<&StaffRole>,
        from_ms: i64,
        to_ms: i64,
        limit: i64,
        after: Option<(i64, &StaffRole, &ZoneId)>,
    ) -> Result<Vec<PresenceGroup>, StorageError> {
        let sql = "select p.role, z.id, p.quarter, p.persons
             from presence p join zone z on z.key = p.zone
             where p.quarter >= $1 and p.quarter < $2 and ($3::text is null or p.role = $3)
               and p.persons >= $4
               and ($5::timestamptz is null or (p.quarter, p.role, z.id) > ($5, $6::text, $7::text))
             order by p.quarter, p.role, z.id fetch first $8 rows with ties";
        let role = role.map(StaffRole::as_str);
        let quarter = after.map(|(quarter_ms, ..)| Ms(quarter_ms));
        let after_role = after.map(|(_, role, _)| role.as_str());
        let after_zone = after.map(|(_, _, zone)| zone.as_str());
        let rows = self
            .client()
            .await?
            .query(
                sql,
                &[
                    &Ms(from_ms),
                    &Ms(to_ms),
                    &role,
                    &SMALLEST_GROUP,
                    &quarter,
                    &after_role,
                    &after_zone,
                    &limit,
                ],
            )
            .await?;
        Ok(rows
            .iter()
            .filter_map(|row| {
                Some(PresenceGroup {
                    role: StaffRole::new(row.get(0)).ok()?,
                    zone: ZoneId::new(row.get(1)).ok()?,
                    quarter_ms: row.get::<_, Ms>(2).0,
                    persons: row.get::<_, i32>(3).unsigned_abs(),
                })
            })
            .collect())
    }

    /// Writes a look-up down. Only when that has worked may the answer be given.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn log_lookup(
        &self,
        actor: &str,
        purpose: &str,
        filter: &str,
        found: u32,
    ) -> Result<(), StorageError> {
        let found = i32::try_from(found).unwrap_or(i32::MAX);
        self.client()
            .await?
            .execute(
                "insert into person_lookup (actor, purpose, filter, found) values ($1, $2, $3, $4)",
                &[&actor, &purpose, &filter, &found],
            )
            .await?;
        Ok(())
    }

    /// The newest look-ups before `before_ms` (none: up to now), newest first. Those of the same
    /// millisecond stay together, so a page may be longer than `limit`.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn lookups(
        &self,
        limit: i64,
        before_ms: Option<i64>,
    ) -> Result<Vec<Lookup>, StorageError> {
        // The index is read from its end, and a little beyond the page's last millisecond.
        let sql = "with page as (
                 select at from person_lookup
                 where at < coalesce($1, 'infinity'::timestamptz) order by at desc limit $2)
             select at, actor, purpose, filter, found from person_lookup
             where at < coalesce($1, 'infinity'::timestamptz)
               and at >= (select date_trunc('milliseconds', min(at)) from page)
             order by at desc";
        let rows = self.client().await?.query(sql, &[&before_ms.map(Ms), &limit]).await?;
        Ok(rows
            .iter()
            .map(|row| Lookup {
                at_ms: row.get::<_, Ms>(0).0,
                actor: row.get(1),
                purpose: row.get(2),
                filter: row.get(3),
                found: row.get::<_, i32>(4).unsigned_abs(),
            })
            .collect())
    }
}
