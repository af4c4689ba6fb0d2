//! A query run as the reports' role, and its rows as text.

use std::time::{Duration, Instant};
use tokio_postgres::{Client, SimpleQueryMessage, types::Type};

/// A column of an answer.
pub(crate) struct Column {
    pub(crate) name: String,
    pub(crate) is_number: bool,
    is_time: bool,
}

/// An answer.
pub(crate) struct Rows {
    pub(crate) columns: Vec<Column>,
    pub(crate) rows: Vec<Vec<Option<String>>>,
}

/// Runs `sql` read-only as `spor_grafana` with its time-out. `explain` sees sequential scans dear.
pub(crate) async fn run(client: &mut Client, sql: &str) -> Result<(Rows, Duration), String> {
    let tx = client.build_transaction().read_only(true).start().await.map_err(told)?;
    tx.batch_execute("set local role spor_grafana; set local statement_timeout = '15s'")
        .await
        .map_err(told)?;
    if sql.starts_with("explain ") {
        tx.batch_execute("set local enable_seqscan = off").await.map_err(told)?;
    }
    let columns = tx.prepare(sql).await.map_err(told)?.columns().iter().map(column).collect();
    let began = Instant::now();
    let messages = tx.simple_query(sql).await.map_err(told)?;
    let took = began.elapsed();
    tx.rollback().await.map_err(told)?;
    let rows = messages
        .iter()
        .filter_map(|message| match message {
            SimpleQueryMessage::Row(row) => {
                Some((0..row.len()).map(|i| row.get(i).map(str::to_string)).collect())
            }
            _ => None,
        })
        .collect();
    Ok((Rows { columns, rows }, took))
}

fn column(column: &tokio_postgres::Column) -> Column {
    let kind = column.type_();
    Column {
        name: column.name().to_string(),
        is_number: [Type::INT2, Type::INT4, Type::INT8, Type::FLOAT4, Type::FLOAT8, Type::NUMERIC]
            .contains(kind),
        is_time: *kind == Type::TIMESTAMPTZ,
    }
}

#[allow(clippy::needless_pass_by_value, reason = "for map_err")]
fn told(error: tokio_postgres::Error) -> String {
    error.as_db_error().map_or_else(|| error.to_string(), |e| e.message().to_string())
}

impl Rows {
    /// True when every cell of every number is empty.
    pub(crate) fn has_nothing(&self) -> bool {
        let numbers: Vec<usize> =
            (0..self.columns.len()).filter(|i| self.columns[*i].is_number).collect();
        !numbers.is_empty() && self.rows.iter().all(|r| numbers.iter().all(|i| r[*i].is_none()))
    }

    /// The numbers of a column.
    pub(crate) fn numbers(&self, column: usize) -> impl Iterator<Item = f64> {
        self.rows.iter().filter_map(move |r| r[column].as_deref()?.parse().ok())
    }

    /// The column of that name.
    pub(crate) fn index(&self, name: &str) -> usize {
        self.columns.iter().position(|c| c.name == name).expect("a column of that name")
    }

    /// What Grafana would not take for a time series.
    pub(crate) fn not_a_time_series(&self) -> Vec<String> {
        let mut wrong = Vec::new();
        if !self.columns.first().is_some_and(|c| c.name == "time" && c.is_time) {
            wrong.push("`time` is not its first column".into());
            return wrong;
        }
        if !self.columns.iter().any(|c| c.is_number) {
            wrong.push("a time series without numbers".into());
        }
        // Of one session, so of one offset except across a change of the clock: compared as instants.
        let times: Vec<_> = self.rows.iter().map(|r| r[0].as_deref().and_then(instant)).collect();
        if times.iter().any(Option::is_none) {
            wrong.push("a row without a time".into());
        }
        if !times.is_sorted() {
            wrong.push("not in the order of time".into());
        }
        let labels: Vec<usize> =
            (0..self.columns.len()).filter(|i| !self.columns[*i].is_number).collect();
        let mut seen = std::collections::HashSet::new();
        for row in &self.rows {
            if !seen.insert(labels.iter().map(|i| row[*i].as_deref()).collect::<Vec<_>>()) {
                wrong.push(format!("two points of one series at {:?}", row[0]));
                break;
            }
        }
        wrong
    }
}

fn instant(text: &str) -> Option<jiff::Timestamp> {
    text.parse().ok()
}
