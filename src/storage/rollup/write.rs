//! Hours into the tables of roll-ups, in place of what stood there.

use super::{DAY_MS, Hours, StorageError, names::Names};
use crate::{
    model::{ByStatus, Lengths, Name, Rolled},
    storage::connection::Ms,
};
use tokio_postgres::{
    Error, Transaction,
    binary_copy::BinaryCopyInWriter,
    types::{ToSql, Type},
};

/// Tables with a column `hour`.
const TABLES: [&str; 9] = [
    "rollup_place",
    "rollup_class",
    "rollup_level",
    "rollup_use",
    "rollup_turnaround",
    "rollup_dwell",
    "rollup_transfer",
    "rollup_par",
    "rollup_shortage",
];

/// The days from their hours.
const PLACES_BY_DAY: &str = "
    insert into rollup_place_day
    select date_trunc('day', hour), class, home_ward, ward,
           sum(available_s), sum(in_use_s), sum(dirty_s), sum(cleaning_s), sum(maintenance_s),
           sum(reserved_s), sum(missing_s), sum(unknown_s)
    from rollup_place
    where hour >= $1 and hour < $2
    group by 1, 2, 3, 4";
const LEVELS_BY_DAY: &str = "
    insert into rollup_level_day
    select date_trunc('day', hour), class, kind, level, sum(seconds)
    from rollup_level
    where hour >= $1 and hour < $2
    group by 1, 2, 3, 4";

const USES_BY_DAY: &str = "
    insert into rollup_use_day
    select day, class, kind, sum(seconds), sum(level * seconds), max(level),
           min(level) filter (where up_to >= 0.95 * total - 0.0005)
    from (select *,
                 sum(seconds) over (partition by day, class, kind order by level) as up_to,
                 sum(seconds) over (partition by day, class, kind) as total
          from rollup_level_day
          where day >= $1 and day < $2) l
    group by day, class, kind";

const TURNAROUNDS_BY_DAY: &str = "
    insert into rollup_turnaround_day
    select *,
           sum(episodes) over (partition by day, class order by bucket),
           sum(episodes) over (partition by day, class)
    from (select date_trunc('day', hour) as day, class, bucket, sum(episodes) as episodes, sum(seconds)
          from rollup_turnaround
          where hour >= $1 and hour < $2
          group by 1, 2, 3) d";

/// Joined as the view rpt_shortage joins the days.
const SHORTAGES_BY_DAY: &str = "
    insert into rollup_shortage_day
    select day, class, ward, min(from_at), max(to_at), sum(critical_s)
    from (select *, count(*) filter (where is_first)
                        over (partition by day, class, ward order by from_at) as episode
          from (select *, coalesce(from_at - lag(to_at) over (partition by day, class, ward order by from_at)
                                       >= interval '1 minute', true) as is_first
                from (select date_trunc('day', hour) as day, class, ward, from_at, to_at, critical_s
                      from rollup_shortage
                      where hour >= $1 and hour < $2) h) s) e
    group by day, class, ward, episode";

/// What is written of days that are over: nobody reads the present one by the day, and it would have
/// to be summed up each minute.
const DAYS_THAT_ARE_OVER: [(&str, &str); 4] = [
    ("rollup_level_day", LEVELS_BY_DAY),
    ("rollup_use_day", USES_BY_DAY),
    ("rollup_turnaround_day", TURNAROUNDS_BY_DAY),
    ("rollup_shortage_day", SHORTAGES_BY_DAY),
];

const STATUS: [Type; 8] = [Type::FLOAT8; 8];
const NO_WARD: &str = "no ward";

/// Writes what `hours` came to by `now_ms`, the days that hold them too, and takes them off the due
/// ones.
pub(super) async fn replace(
    transaction: &Transaction<'_>,
    hours: Hours,
    now_ms: i64,
    rolled: &Rolled,
    names: &Names,
) -> Result<(), StorageError> {
    let (from, to) = (Ms(hours.from_ms), Ms(hours.to_ms));
    for table in TABLES {
        let sql = format!("delete from {table} where hour >= $1 and hour < $2");
        transaction.execute(&sql, &[&from, &to]).await?;
    }
    durations(transaction, rolled, names).await?;
    levels(transaction, rolled, names).await?;
    counts(transaction, rolled, names).await?;
    par(transaction, rolled, names).await?;
    let first_day_ms = day_of(hours.from_ms);
    let after_days_ms = hours.to_ms + (-hours.to_ms).rem_euclid(DAY_MS);
    let (first, after) = (Ms(first_day_ms), Ms(after_days_ms));
    let sql = "delete from rollup_place_day where day >= $1 and day < $2";
    transaction.execute(sql, &[&first, &after]).await?;
    transaction.execute(PLACES_BY_DAY, &[&first, &after]).await?;
    let over_ms = after_days_ms.min(day_of(now_ms));
    if first_day_ms < over_ms {
        for (table, by_day) in DAYS_THAT_ARE_OVER {
            let sql = format!("delete from {table} where day >= $1 and day < $2");
            transaction.execute(&sql, &[&first, &Ms(over_ms)]).await?;
            transaction.execute(by_day, &[&first, &Ms(over_ms)]).await?;
        }
    }
    if hours.is_settled {
        let sql = "delete from rollup_due where hour >= $1 and hour < $2";
        transaction.execute(sql, &[&from, &to]).await?;
    }
    Ok(())
}

async fn durations(
    transaction: &Transaction<'_>,
    rolled: &Rolled,
    names: &Names,
) -> Result<(), Error> {
    let types = [&[Type::TIMESTAMPTZ, Type::TEXT, Type::TEXT, Type::TEXT][..], &STATUS].concat();
    let mut copy = IntoTable::begin(transaction, "rollup_place", &types).await?;
    for ((hour_ms, class, home, ward), by_status) in &rolled.places {
        let ward = ward.map_or(NO_WARD, |ward| names.name(ward));
        let (hour, class, home) = (Ms(*hour_ms), names.name(*class), names.name(*home));
        let s = all_seconds(by_status);
        let [a, b, c, d, e, f, g, h] = &s;
        copy.row(&[&hour, &class, &home, &ward, a, b, c, d, e, f, g, h]).await?;
    }
    copy.end().await?;
    let types = [&[Type::TIMESTAMPTZ, Type::TEXT, Type::TEXT][..], &STATUS, &STATUS[..4]].concat();
    let mut copy = IntoTable::begin(transaction, "rollup_class", &types).await?;
    for ((hour_ms, class, home), sums) in &rolled.classes {
        let (hour, class, home) = (Ms(*hour_ms), names.name(*class), names.name(*home));
        let s = all_seconds(&sums.by_status);
        let [a, b, c, d, e, f, g, h] = &s;
        let (lost, [day, week, month]) = (seconds(sums.lost_ms), sums.idle_ms.map(seconds));
        copy.row(&[&hour, &class, &home, a, b, c, d, e, f, g, h, &lost, &day, &week, &month])
            .await?;
    }
    copy.end().await
}

async fn levels(
    transaction: &Transaction<'_>,
    rolled: &Rolled,
    names: &Names,
) -> Result<(), Error> {
    let types = [Type::TIMESTAMPTZ, Type::TEXT, Type::TEXT, Type::INT4, Type::FLOAT8];
    let mut copy = IntoTable::begin(transaction, "rollup_level", &types).await?;
    for ((hour_ms, class, kind, level), ms) in &rolled.levels {
        let (hour, class, kind) = (Ms(*hour_ms), names.name(*class), kind.as_str());
        copy.row(&[&hour, &class, &kind, &number(*level), &seconds(*ms)]).await?;
    }
    copy.end().await?;
    let types = [
        Type::TIMESTAMPTZ,
        Type::TEXT,
        Type::TEXT,
        Type::FLOAT8,
        Type::FLOAT8,
        Type::INT4,
        Type::INT4,
    ];
    let mut copy = IntoTable::begin(transaction, "rollup_use", &types).await?;
    for ((hour_ms, class, kind), hour_of) in &rolled.uses {
        let (hour, class, kind) = (Ms(*hour_ms), names.name(*class), kind.as_str());
        let (recorded, level) = (seconds(hour_of.recorded_ms), seconds(hour_of.level_ms));
        let (highest, p95) = (number(hour_of.highest), number(hour_of.p95));
        copy.row(&[&hour, &class, &kind, &recorded, &level, &highest, &p95]).await?;
    }
    copy.end().await
}

async fn counts(
    transaction: &Transaction<'_>,
    rolled: &Rolled,
    names: &Names,
) -> Result<(), Error> {
    lengths(transaction, "rollup_turnaround", rolled.turnarounds.iter(), names).await?;
    lengths(transaction, "rollup_dwell", rolled.dwells.iter(), names).await?;
    let types = [Type::TIMESTAMPTZ, Type::TEXT, Type::TEXT, Type::TEXT, Type::INT4];
    let mut copy = IntoTable::begin(transaction, "rollup_transfer", &types).await?;
    for ((hour_ms, class, from, to), transfers) in &rolled.transfers {
        let (hour, class) = (Ms(*hour_ms), names.name(*class));
        let (from, to) = (names.name(*from), names.name(*to));
        copy.row(&[&hour, &class, &from, &to, &number(*transfers)]).await?;
    }
    copy.end().await
}

async fn lengths<'a>(
    transaction: &Transaction<'_>,
    table: &str,
    rows: impl Iterator<Item = (&'a (i64, Name, Name, i16), &'a Lengths)>,
    names: &Names,
) -> Result<(), Error> {
    let types = [Type::TIMESTAMPTZ, Type::TEXT, Type::TEXT, Type::INT2, Type::INT4, Type::FLOAT8];
    let mut copy = IntoTable::begin(transaction, table, &types).await?;
    for ((hour_ms, class, by, bucket), lengths) in rows {
        let (hour, class, by) = (Ms(*hour_ms), names.name(*class), names.name(*by));
        let (count, sum) = (number(lengths.count), seconds(lengths.sum_ms));
        copy.row(&[&hour, &class, &by, bucket, &count, &sum]).await?;
    }
    copy.end().await
}

async fn par(transaction: &Transaction<'_>, rolled: &Rolled, names: &Names) -> Result<(), Error> {
    let types = [
        Type::TIMESTAMPTZ,
        Type::TEXT,
        Type::TEXT,
        Type::INT4,
        Type::INT4,
        Type::FLOAT8,
        Type::FLOAT8,
        Type::INT4,
        Type::FLOAT8,
        Type::FLOAT8,
    ];
    let mut copy = IntoTable::begin(transaction, "rollup_par", &types).await?;
    for ((hour_ms, class, ward), par) in &rolled.par {
        let (hour, class, ward) = (Ms(*hour_ms), names.name(*class), names.name(*ward));
        let (target, critical, lowest) =
            (number(par.target), number(par.critical), number(par.lowest));
        let (recorded, available) = (seconds(par.recorded_ms), seconds(par.available_ms));
        let (short, grave) = (seconds(par.short_ms), seconds(par.critical_ms));
        copy.row(&[
            &hour, &class, &ward, &target, &critical, &recorded, &available, &lowest, &short,
            &grave,
        ])
        .await?;
    }
    copy.end().await?;
    let types = [
        Type::TIMESTAMPTZ,
        Type::TEXT,
        Type::TEXT,
        Type::TIMESTAMPTZ,
        Type::TIMESTAMPTZ,
        Type::FLOAT8,
    ];
    let mut copy = IntoTable::begin(transaction, "rollup_shortage", &types).await?;
    for ((hour_ms, class, ward, from_ms), piece) in &rolled.shortages {
        let (hour, class, ward) = (Ms(*hour_ms), names.name(*class), names.name(*ward));
        let (from, to, grave) = (Ms(*from_ms), Ms(piece.to_ms), seconds(piece.critical_ms));
        copy.row(&[&hour, &class, &ward, &from, &to, &grave]).await?;
    }
    copy.end().await
}

/// Rows into one table, in PostgreSQL's binary form.
struct IntoTable(std::pin::Pin<Box<BinaryCopyInWriter>>);

impl IntoTable {
    async fn begin(
        transaction: &Transaction<'_>,
        table: &str,
        types: &[Type],
    ) -> Result<Self, Error> {
        let sink = transaction.copy_in(&format!("copy {table} from stdin binary")).await?;
        Ok(Self(Box::pin(BinaryCopyInWriter::new(sink, types))))
    }

    async fn row(&mut self, values: &[&(dyn ToSql + Sync)]) -> Result<(), Error> {
        self.0.as_mut().write(values).await
    }

    async fn end(mut self) -> Result<(), Error> {
        self.0.as_mut().finish().await.map(|_| ())
    }
}

fn day_of(ms: i64) -> i64 {
    ms - ms.rem_euclid(DAY_MS)
}

fn all_seconds(by_status: &ByStatus) -> [f64; 8] {
    by_status.map(seconds)
}

#[expect(clippy::cast_precision_loss, reason = "milliseconds of an hour are far below 2^52")]
fn seconds(ms: i64) -> f64 {
    ms as f64 / 1_000.0
}

fn number(count: u32) -> i32 {
    i32::try_from(count).unwrap_or(i32::MAX)
}
