//! Key figures of a stretch of time, from the roll-ups.

use super::{Storage, StorageError, connection::Ms};
use crate::model::{
    AtOnce, ClassFigures, DayFigures, Figures, LengthFigures, ParFigures, TransferFigures, WardId,
    WeekHour,
};
use tokio_postgres::{Row, Transaction, types::ToSql};

/// Most PAR levels and flows in a report.
const LONGEST_LIST: i64 = 40;

const CLASSES: &str = "
    select c.class,
           (select count(*) from asset a
            where a.class = c.class and a.created_at < $2
              and coalesce(a.retired_at, 'infinity') > $1
              and ($3::text is null or coalesce(a.home_ward, 'pool') = $3)),
           sum(c.in_use_s) / 3600, sum(c.known_s) / 3600, sum(c.unknown_s) / 3600,
           sum(c.idle_7d_s) / 3600, sum(c.lost_s) / 3600
    from rpt_class_hour c
    where c.hour >= $1 and c.hour < $2 and ($3::text is null or c.home_ward = $3)
    group by c.class
    order by c.class";

const AT_ONCE: &str = "
    with level as (
        select class, kind, level, sum(seconds) as seconds
        from rollup_level
        where hour >= $1 and hour < $2
        group by class, kind, level),
    ranked as (
        select *, sum(seconds) over (partition by class, kind order by level) as up_to,
               sum(seconds) over (partition by class, kind) as total
        from level)
    select class,
           max(level) filter (where kind = 'in_use'),
           min(level) filter (where kind = 'in_use' and up_to >= 0.95 * total - 0.0005),
           sum(level * seconds) filter (where kind = 'in_use') / max(total),
           max(level) filter (where kind = 'tied_up')
    from ranked
    group by class";

const DAYS: &str = "
    select (hour at time zone $4)::date::text, class, sum(in_use_s) / 3600, sum(known_s) / 3600
    from rpt_class_hour
    where hour >= $1 and hour < $2 and ($3::text is null or home_ward = $3)
    group by 1, 2
    having sum(known_s) > 0
    order by 1, 2";

const WEEK: &str = "
    select extract(isodow from hour at time zone $4)::int4, extract(hour from hour at time zone $4)::int4,
           sum(in_use_s) / sum(known_s)
    from rpt_class_hour
    where hour >= $1 and hour < $2 and ($3::text is null or home_ward = $3)
    group by 1, 2
    having sum(known_s) > 0
    order by 1, 2";

const TURNAROUNDS: &str = "
    with bucketed as (
        select class, bucket, sum(episodes)::float8 as n, sum(seconds) as seconds
        from rollup_turnaround
        where hour >= $1 and hour < $2 and ($3::text is null or home_ward = $3)
        group by class, bucket),
    ranked as (
        select *, sum(n) over (partition by class order by bucket) as up_to,
               sum(n) over (partition by class) as total
        from bucketed)
    select class, max(total)::int8,
           max(rollup_quantile(ceil(0.5 * total) - up_to + n, n, seconds, bucket, 64))
               filter (where ceil(0.5 * total) > up_to - n and ceil(0.5 * total) <= up_to) / 60,
           max(rollup_quantile(ceil(0.9 * total) - up_to + n, n, seconds, bucket, 64))
               filter (where ceil(0.9 * total) > up_to - n and ceil(0.9 * total) <= up_to) / 60
    from ranked
    group by class
    order by class";

const FILLED: &str = "
    select class, count(*),
           percentile_disc(0.5) within group (order by minutes),
           percentile_disc(0.9) within group (order by minutes)
    from (select class, extract(epoch from t1 - t0)::float8 / 60 as minutes
          from rpt_shortage
          where t1 > $1 and t1 < least($2, (select as_of from rollup_state))
            and t1 - t0 >= interval '1 minute'
            and ($3::text is null or ward = $3)) s
    group by class
    order by class";

const PAR: &str = "
    select class, ward,
           (array_agg(target order by hour desc))[1], (array_agg(critical order by hour desc))[1],
           sum(available_s) / sum(recorded_s), min(lowest), sum(short_s) / sum(recorded_s),
           sum(short_s) / 60, sum(critical_s) / 60
    from rollup_par
    where hour >= $1 and hour < $2 and ($3::text is null or ward = $3)
    group by class, ward
    having sum(recorded_s) > 0
    order by sum(critical_s) desc, sum(short_s) desc, class, ward
    limit $4";

const TRANSFERS: &str = "
    select from_ward, to_ward, sum(transfers)::int8
    from rollup_transfer
    where hour >= $1 and hour < $2 and ($3::text is null or from_ward = $3 or to_ward = $3)
    group by 1, 2
    order by 3 desc, 1, 2
    limit $4";

impl Storage {
    /// Key figures of the hours from `from_ms` to `to_ms`; of what `ward` owns and of its PAR levels
    /// and flows, or of all. Days and weeks are those of `time_zone`.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn figures(
        &self,
        from_ms: i64,
        to_ms: i64,
        ward: Option<&WardId>,
        time_zone: &str,
    ) -> Result<Figures, StorageError> {
        let mut client = self.client().await?;
        let transaction = client.build_transaction().read_only(true).start().await?;
        // A month of a large hospital may take a while, and nobody waits for it on a wall.
        transaction.batch_execute("set local statement_timeout = '120s'").await?;
        let (from, to) = (Ms(from_ms), Ms(to_ms));
        let ward = ward.map(WardId::as_str);
        let within: [&(dyn ToSql + Sync); 3] = [&from, &to, &ward];
        let local: [&(dyn ToSql + Sync); 4] = [&from, &to, &ward, &time_zone];
        let some: [&(dyn ToSql + Sync); 4] = [&from, &to, &ward, &LONGEST_LIST];
        let as_of = transaction.query_one("select as_of from rollup_state", &[]).await?;
        let mut figures = Figures {
            as_of_ms: as_of.get::<_, Option<Ms>>(0).map(|at| at.0),
            classes: all(&transaction, CLASSES, &within, class_of).await?,
            days: all(&transaction, DAYS, &local, day_of).await?,
            week: all(&transaction, WEEK, &local, hour_of).await?,
            turnarounds: all(&transaction, TURNAROUNDS, &within, lengths_of).await?,
            filled: all(&transaction, FILLED, &within, lengths_of).await?,
            par: all(&transaction, PAR, &some, par_of).await?,
            transfers: all(&transaction, TRANSFERS, &some, transfer_of).await?,
        };
        if ward.is_none() {
            for row in transaction.query(AT_ONCE, &[&from, &to]).await? {
                let of: &str = row.get(0);
                if let Some(class) = figures.classes.iter_mut().find(|class| class.class == of) {
                    class.at_once = at_once_of(&row);
                }
            }
        }
        Ok(figures)
    }
}

async fn all<T>(
    transaction: &Transaction<'_>,
    sql: &str,
    parameters: &[&(dyn ToSql + Sync)],
    of: impl Fn(&Row) -> T,
) -> Result<Vec<T>, StorageError> {
    Ok(transaction.query(sql, parameters).await?.iter().map(of).collect())
}

fn class_of(row: &Row) -> ClassFigures {
    ClassFigures {
        class: row.get(0),
        owned: row.get(1),
        in_use_h: row.get(2),
        known_h: row.get(3),
        unknown_h: row.get(4),
        unused_h: row.get(5),
        lost_h: row.get(6),
        at_once: None,
    }
}

fn at_once_of(row: &Row) -> Option<AtOnce> {
    Some(AtOnce {
        most: row.get::<_, Option<i32>>(1)?,
        p95: row.get::<_, Option<i32>>(2)?,
        mean: row.get::<_, Option<f64>>(3)?,
        tied_up: row.get::<_, Option<i32>>(4)?,
    })
}

fn day_of(row: &Row) -> DayFigures {
    DayFigures { day: row.get(0), class: row.get(1), in_use_h: row.get(2), known_h: row.get(3) }
}

fn hour_of(row: &Row) -> WeekHour {
    WeekHour { weekday: row.get(0), hour: row.get(1), share: row.get(2) }
}

fn lengths_of(row: &Row) -> LengthFigures {
    LengthFigures {
        class: row.get(0),
        count: row.get(1),
        median_min: row.get(2),
        p90_min: row.get(3),
    }
}

fn par_of(row: &Row) -> ParFigures {
    ParFigures {
        class: row.get(0),
        ward: row.get(1),
        target: row.get(2),
        critical: row.get(3),
        mean: row.get(4),
        lowest: row.get(5),
        short: row.get(6),
        short_min: row.get(7),
        critical_min: row.get(8),
    }
}

fn transfer_of(row: &Row) -> TransferFigures {
    TransferFigures { from: row.get(0), to: row.get(1), transfers: row.get(2) }
}
