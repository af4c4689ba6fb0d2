//! Key figures of a fortnight, worked out a second time from the truth, without SQL and without
//! Spor's code: each must agree with what the roll-ups say within half a percent.

mod places;
mod times;

use super::{
    dashboard::{Dashboard, text},
    macros::{Asked, Chosen, expand},
    rows::{Rows, run},
};
use std::collections::{BTreeMap, BTreeSet};
use tokio_postgres::Client;

const HOUR_MS: i64 = 3_600_000;

/// What really happened.
pub(crate) struct Truth {
    pub(crate) from_ms: i64,
    pub(crate) to_ms: i64,
    /// The class of each asset, and the ward that owns it, or `pool`.
    pub(crate) assets: Vec<(String, String)>,
    /// What each asset did, in the order of time.
    pub(crate) statuses: Vec<Span>,
    /// Where each asset was, in the order of time.
    pub(crate) stays: Vec<Stay>,
    /// Class, ward, target, critical.
    pub(crate) par: Vec<(String, String, i32, i32)>,
}

/// A stretch of time in which an asset did one thing.
pub(crate) struct Span {
    pub(crate) asset: usize,
    pub(crate) status: &'static str,
    pub(crate) from_ms: i64,
    pub(crate) to_ms: i64,
}

/// A stretch of time in which an asset was in one room.
pub(crate) struct Stay {
    pub(crate) asset: usize,
    pub(crate) ward: Option<String>,
    pub(crate) room_kind: String,
    pub(crate) from_ms: i64,
    pub(crate) to_ms: i64,
}

impl Truth {
    fn class(&self, asset: usize) -> &str {
        &self.assets[asset].0
    }
}

/// What noise may move a key figure by, as a share: most are read from a histogram's buckets.
pub(crate) const NOISE: f64 = 0.05;

/// Panics where a key figure is another by the roll-ups than in truth, by more than what is asked of it
/// and by more than `noise`, a share; gives back the table.
pub(crate) async fn agrees(
    client: &mut Client,
    dashboards: &[Dashboard],
    truth: &Truth,
    noise: f64,
) -> String {
    let mut table = Table { noise, ..Table::default() };
    let mut ask = Ask { client, dashboards, truth };
    times::utilisation(&mut ask, &mut table).await;
    times::simultaneous(&mut ask, &mut table).await;
    times::turnarounds(&mut ask, &mut table).await;
    places::shortages(&mut ask, &mut table).await;
    places::transfers(&mut ask, &mut table).await;
    places::unused(&mut ask, &mut table).await;
    places::dwell(&mut ask, &mut table).await;
    assert!(table.wrong.is_empty(), "{}\n{}", table.text, table.wrong.join("\n"));
    table.text
}

#[derive(Default)]
struct Table {
    text: String,
    wrong: Vec<String>,
    noise: f64,
}

impl Table {
    fn compare(&mut self, what: &str, found: f64, truth: f64) {
        self.compare_within(0.005, what, found, truth);
    }

    fn compare_within(&mut self, share: f64, what: &str, found: f64, truth: f64) {
        let difference = (found - truth).abs() / truth.abs().max(1e-9);
        self.text += &format!("{what:<60} {found:>12.4} {truth:>12.4} {difference:>9.5}\n");
        if difference > share.max(self.noise) {
            self.wrong.push(format!("{what}: {found} by the roll-ups, {truth} in truth"));
        }
    }
}

struct Ask<'a> {
    client: &'a mut Client,
    dashboards: &'a [Dashboard],
    truth: &'a Truth,
}

impl Ask<'_> {
    /// The rows of a query in full: of `sql`, or of the panel with that title.
    async fn rows(&mut self, sql: &str) -> Rows {
        let classes: BTreeSet<&String> = self.truth.assets.iter().map(|(class, _)| class).collect();
        let owners = self.truth.assets.iter().map(|(_, owner)| owner);
        let wards: BTreeSet<&String> =
            owners.chain(self.truth.stays.iter().filter_map(|stay| stay.ward.as_ref())).collect();
        let list = |values: BTreeSet<&String>| Chosen {
            values: values.into_iter().cloned().collect(),
            list: true,
        };
        let values = BTreeMap::from([
            ("ward".to_string(), list(wards)),
            ("class".to_string(), list(classes)),
        ]);
        let asked = Asked { from_ms: self.truth.from_ms, to_ms: self.truth.to_ms, values };
        let sql = expand(sql, &asked, 14 * 24 * HOUR_MS).expect("SQL");
        run(self.client, &sql).await.expect("rows").0
    }

    async fn panel(&mut self, title: &str) -> Rows {
        let mut panels = self.dashboards.iter().flat_map(Dashboard::panels);
        let panel = panels.find(|p| p.title() == title).expect("a panel of that title");
        self.rows(text(&panel.targets()[0]["rawSql"])).await
    }
}

fn number(rows: &Rows, row: usize, column: &str) -> f64 {
    rows.rows[row][rows.index(column)].as_deref().expect("a number").parse().expect("a number")
}

fn word<'a>(rows: &'a Rows, row: usize, column: &str) -> &'a str {
    rows.rows[row][rows.index(column)].as_deref().expect("a word")
}

#[allow(clippy::cast_precision_loss, reason = "milliseconds of a fortnight")]
fn ms(from_ms: i64, to_ms: i64) -> f64 {
    (to_ms - from_ms).max(0) as f64
}

fn total<'a>(stretches: impl Iterator<Item = &'a Span>) -> f64 {
    stretches.map(|s| ms(s.from_ms, s.to_ms)).sum()
}

/// How long there were how many at the same time, from the first moment to the last.
fn levels(spans: &[(i64, i64)], from_ms: i64, to_ms: i64) -> Vec<(i32, i64, i64)> {
    let mut changes: Vec<(i64, i32)> =
        spans.iter().flat_map(|(from, to)| [(*from, 1), (*to, -1)]).collect();
    changes.push((to_ms, 0));
    changes.sort_unstable();
    let (mut level, mut at_ms) = (0, from_ms);
    let mut levels = Vec::new();
    for (change_ms, by) in changes {
        if change_ms > at_ms {
            levels.push((level, at_ms, change_ms));
            at_ms = change_ms;
        }
        level += by;
    }
    levels
}

/// The smallest of the values that a share of them doesn't pass.
#[allow(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a place in a list"
)]
fn quantile(values: &mut [f64], share: f64) -> f64 {
    values.sort_by(f64::total_cmp);
    values[(share * values.len() as f64).ceil() as usize - 1]
}
