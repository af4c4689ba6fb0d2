//! PAR levels: what should stand ready where.

use super::{Storage, StorageError};
use crate::model::{ClassId, ParLevel, WardId};
use std::collections::BTreeMap;

impl Storage {
    /// Every PAR level, by class and ward.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn par_levels(&self) -> Result<Vec<ParLevel>, StorageError> {
        let sql = "select class, ward, target, critical from par_level order by class, ward";
        let rows = self.client().await?.query(sql, &[]).await?;
        Ok(rows.iter().filter_map(par_of).collect())
    }

    /// Sets PAR levels, of which the last of a class and ward counts; others stay. They hold from
    /// the present hour on: earlier hours keep what was in force then.
    ///
    /// # Errors
    /// When the database is away, or refuses the numbers ([`ParLevel::fault`]).
    pub async fn put_par(&self, levels: &[ParLevel]) -> Result<(), StorageError> {
        let last: BTreeMap<_, _> =
            levels.iter().map(|par| ((par.class.as_str(), par.ward.as_str()), par)).collect();
        let classes: Vec<&str> = last.keys().map(|(class, _)| *class).collect();
        let wards: Vec<&str> = last.keys().map(|(_, ward)| *ward).collect();
        let number = |count: u32| i32::try_from(count).unwrap_or(i32::MAX);
        let targets: Vec<i32> = last.values().map(|par| number(par.target)).collect();
        let criticals: Vec<i32> = last.values().map(|par| number(par.critical)).collect();
        self.client()
            .await?
            .execute(
                "insert into par_level (class, ward, target, critical)
                 select * from unnest($1::text[], $2::text[], $3::int4[], $4::int4[])
                 on conflict (class, ward)
                     do update set target = excluded.target, critical = excluded.critical",
                &[&classes, &wards, &targets, &criticals],
            )
            .await?;
        Ok(())
    }

    /// Takes a PAR level away; false when there was none.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn delete_par(&self, class: &ClassId, ward: &WardId) -> Result<bool, StorageError> {
        let sql = "delete from par_level where class = $1 and ward = $2";
        let deleted = self.client().await?.execute(sql, &[&class.as_str(), &ward.as_str()]).await?;
        Ok(deleted > 0)
    }
}

fn par_of(row: &tokio_postgres::Row) -> Option<ParLevel> {
    Some(ParLevel {
        class: row.get::<_, &str>(0).parse().ok()?,
        ward: row.get::<_, &str>(1).parse().ok()?,
        target: row.get::<_, i32>(2).unsigned_abs(),
        critical: row.get::<_, i32>(3).unsigned_abs(),
    })
}
