//! Key figures of a fortnight, worked out a second time from the truth, without SQL and without
//! Spor's code: each must agree with what the roll-ups say within half a percent.

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

/// Panics where a key figure is another by the roll-ups than in truth; gives back the table.
pub(crate) async fn agrees(client: &mut Client, dashboards: &[Dashboard], truth: &Truth) -> String {
    let mut table = Table::default();
    let mut ask = Ask { client, dashboards, truth };
    utilisation(&mut ask, &mut table).await;
    simultaneous(&mut ask, &mut table).await;
    turnarounds(&mut ask, &mut table).await;
    shortages(&mut ask, &mut table).await;
    transfers(&mut ask, &mut table).await;
    unused(&mut ask, &mut table).await;
    dwell(&mut ask, &mut table).await;
    assert!(table.wrong.is_empty(), "{}\n{}", table.text, table.wrong.join("\n"));
    table.text
}

#[derive(Default)]
struct Table {
    text: String,
    wrong: Vec<String>,
}

impl Table {
    fn compare(&mut self, what: &str, found: f64, truth: f64) {
        self.compare_within(0.005, what, found, truth);
    }

    fn compare_within(&mut self, share: f64, what: &str, found: f64, truth: f64) {
        let difference = (found - truth).abs() / truth.abs().max(1e-9);
        self.text += &format!("{what:<60} {found:>12.4} {truth:>12.4} {difference:>9.5}\n");
        if difference > share {
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

/// 1, 2: utilisation by class, and the share of unknown time.
async fn utilisation(ask: &mut Ask<'_>, table: &mut Table) {
    let rows = ask
        .rows(
            "select class, sum(in_use_s) / sum(known_s) as used, sum(unknown_s) / sum(known_s + unknown_s) as unknown
             from rpt_class_hour group by class order by class",
        )
        .await;
    let truth = ask.truth;
    let classes: BTreeSet<_> = truth.assets.iter().map(|(class, _)| class).collect();
    assert_eq!(rows.rows.len(), classes.len());
    let (mut unknown_found, mut unknown_truth) = (0.0, 0.0);
    let (mut known_found, mut known_truth) = (0.0, 0.0);
    for row in 0..rows.rows.len() {
        let of = word(&rows, row, "class");
        let own = || truth.statuses.iter().filter(|s| truth.class(s.asset) == of);
        let known = total(own().filter(|s| s.status != "unknown"));
        let used = total(own().filter(|s| s.status == "in_use"));
        let assets = truth.assets.iter().filter(|(class, _)| class == of).count();
        #[allow(clippy::cast_precision_loss, reason = "a count of assets")]
        let all = assets as f64 * ms(truth.from_ms, truth.to_ms);
        table.compare(&format!("utilisation, {of}"), number(&rows, row, "used"), used / known);
        unknown_found += number(&rows, row, "unknown") * all;
        unknown_truth += all - known;
        known_found += (1.0 - number(&rows, row, "unknown")) * all;
        known_truth += known;
    }
    // Without noise hardly anything is unknown: a second before the first fix is no difference.
    if unknown_truth > 3.6e6 {
        table.compare("unknown time, asset-hours", unknown_found / 3.6e6, unknown_truth / 3.6e6);
    }
    table.compare("known time, asset-hours", known_found / 3.6e6, known_truth / 3.6e6);
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

/// 3, 4, 5: most, 95 % of the time, and mean in use at the same time.
async fn simultaneous(ask: &mut Ask<'_>, table: &mut Table) {
    let rows = ask.panel("Could we own fewer? Peak use and stock").await;
    for row in 0..rows.rows.len() {
        let of = word(&rows, row, "class");
        let truth = ask.truth;
        let used = truth.statuses.iter().filter(|s| s.status == "in_use");
        let spans: Vec<_> =
            used.filter(|s| truth.class(s.asset) == of).map(|s| (s.from_ms, s.to_ms)).collect();
        let (from_ms, to_ms) = (truth.from_ms, truth.to_ms);
        let mut levels = levels(&spans, from_ms, to_ms);
        let highest = levels.iter().map(|(level, ..)| *level).max().expect("a level");
        table.compare(&format!("peak use, {of}"), number(&rows, row, "highest"), highest.into());
        let whole = ms(from_ms, to_ms);
        let mean: f64 = levels.iter().map(|(l, from, to)| f64::from(*l) * ms(*from, *to)).sum();
        table.compare(&format!("mean use, {of}"), number(&rows, row, "mean"), mean / whole);
        levels.sort_unstable();
        let mut up_to = 0.0;
        let p95 = levels.iter().find(|(_, from, to)| {
            up_to += ms(*from, *to);
            up_to >= 0.95 * whole
        });
        let p95 = f64::from(p95.expect("a level").0);
        table.compare(
            &format!("95 % of the time, {of}"),
            number(&rows, row, "95 % of the time"),
            p95,
        );
    }
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

/// 6, 7: turnaround, median and 90th percentile.
async fn turnarounds(ask: &mut Ask<'_>, table: &mut Table) {
    let mut lengths: BTreeMap<&str, Vec<f64>> = BTreeMap::new();
    for asset in 0..ask.truth.assets.len() {
        let own: Vec<_> = ask.truth.statuses.iter().filter(|s| s.asset == asset).collect();
        for (nth, dirty) in own.iter().enumerate().filter(|(_, s)| s.status == "dirty") {
            let after = own[nth + 1..].iter().find(|s| s.status != "cleaning");
            if let Some(next) = after.filter(|next| next.status == "available") {
                let minutes = ms(dirty.from_ms, next.from_ms) / 60_000.0;
                lengths.entry(ask.truth.class(asset)).or_default().push(minutes);
            }
        }
    }
    let rows = ask.panel("Turnaround by class").await;
    assert_eq!(rows.rows.len(), lengths.len());
    for row in 0..rows.rows.len() {
        let of = word(&rows, row, "class");
        let truth = lengths.get_mut(of).expect("a class");
        #[allow(clippy::cast_precision_loss, reason = "a count")]
        let count = truth.len() as f64;
        table.compare(&format!("turnarounds, {of}"), number(&rows, row, "turnarounds"), count);
        let median = number(&rows, row, "median");
        table.compare(&format!("median turnaround, {of}"), median, quantile(truth, 0.5));
        let most = number(&rows, row, "90 %");
        table.compare(&format!("90 % of turnarounds, {of}"), most, quantile(truth, 0.9));
    }
}

/// When the available ones of a class stood in a ward's rooms.
fn ready(truth: &Truth, of: &str, place: &str) -> Vec<(i64, i64)> {
    let mut spans = Vec::new();
    for asset in (0..truth.assets.len()).filter(|asset| truth.class(*asset) == of) {
        let free = truth.statuses.iter().filter(|s| s.asset == asset && s.status == "available");
        let there = truth.stays.iter().filter(|s| s.asset == asset);
        let there: Vec<&Stay> = there.filter(|s| s.ward.as_deref() == Some(place)).collect();
        for free in free {
            for stay in &there {
                let (from, to) = (free.from_ms.max(stay.from_ms), free.to_ms.min(stay.to_ms));
                if from < to {
                    spans.push((from, to));
                }
            }
        }
    }
    spans
}

/// 8, 9, 10: minutes below PAR and below critical, and how fast shortages are filled.
async fn shortages(ask: &mut Ask<'_>, table: &mut Table) {
    let (from_ms, to_ms) = (ask.truth.from_ms, ask.truth.to_ms);
    let hours = ask
        .rows(
            "select class, ward, sum(short_s) / 60 as short, sum(critical_s) / 60 as critical
             from rpt_par_hour group by class, ward order by class, ward",
        )
        .await;
    let mut filled: BTreeMap<String, Vec<f64>> = BTreeMap::new();
    let (mut short, mut grave) = ((0.0, 0.0), (0.0, 0.0));
    for row in 0..hours.rows.len() {
        let (of, place) = (word(&hours, row, "class"), word(&hours, row, "ward"));
        let level = ask.truth.par.iter().find(|par| par.0 == of && par.1 == place);
        let (target, critical) = level.map(|par| (par.2, par.3)).expect("a PAR level");
        let levels = levels(&ready(ask.truth, of, place), from_ms, to_ms);
        let below = |least: i32| -> f64 {
            let short = levels.iter().filter(|(level, ..)| *level < least);
            short.map(|(_, from, to)| ms(*from, *to)).sum::<f64>() / 60_000.0
        };
        short.0 += number(&hours, row, "short");
        short.1 += below(target);
        grave.0 += number(&hours, row, "critical");
        grave.1 += below(critical);
        let mut began_ms = None;
        for (level, level_from_ms, _) in levels {
            match (level < target, began_ms) {
                (true, None) => began_ms = Some(level_from_ms),
                (false, Some(began)) => {
                    let lasted = ms(began, level_from_ms) / 60_000.0;
                    if lasted >= 1.0 {
                        filled.entry(of.to_owned()).or_default().push(lasted);
                    }
                    began_ms = None;
                }
                _ => {}
            }
        }
    }
    assert_eq!(hours.rows.len(), ask.truth.par.len());
    table.compare("minutes below PAR", short.0, short.1);
    table.compare("minutes below critical", grave.0, grave.1);
    let lead = ask.panel("How fast shortages are filled").await;
    assert_eq!(lead.rows.len(), filled.len());
    for row in 0..lead.rows.len() {
        let of = word(&lead, row, "class");
        let truth = filled.get_mut(of).expect("a class");
        let median = number(&lead, row, "median");
        table.compare(&format!("time to replenish, median, {of}"), median, quantile(truth, 0.5));
        let most = number(&lead, row, "90 %");
        table.compare(&format!("time to replenish, 90 %, {of}"), most, quantile(truth, 0.9));
    }
}

/// 11: transfers from ward to ward.
async fn transfers(ask: &mut Ask<'_>, table: &mut Table) {
    let mut truth: BTreeMap<(&str, &str), f64> = BTreeMap::new();
    for asset in 0..ask.truth.assets.len() {
        let mut before = None;
        for stay in ask.truth.stays.iter().filter(|s| s.asset == asset) {
            let Some(ward) = stay.ward.as_deref() else { continue };
            if stay.to_ms - stay.from_ms < 600_000 {
                continue;
            }
            if let Some(before) = before.filter(|before| *before != ward) {
                *truth.entry((before, ward)).or_default() += 1.0;
            }
            before = Some(ward);
        }
    }
    let rows = ask
        .rows(
            "select from_ward, to_ward, sum(transfers)::int8 as transfers
             from rpt_transfer_hour group by 1, 2 order by 1, 2",
        )
        .await;
    let found: f64 = (0..rows.rows.len()).map(|row| number(&rows, row, "transfers")).sum();
    table.compare("transfers", found, truth.values().sum());
    let mut flows: Vec<_> = truth.into_iter().collect();
    flows.sort_by(|a, b| b.1.total_cmp(&a.1));
    for ((from, to), count) in flows.into_iter().take(5) {
        let is = |row: &usize| {
            (word(&rows, *row, "from_ward"), word(&rows, *row, "to_ward")) == (from, to)
        };
        let row = (0..rows.rows.len()).find(is).expect("a flow");
        table.compare(
            &format!("transfers, {from} to {to}"),
            number(&rows, row, "transfers"),
            count,
        );
    }
}

/// 12: known time of assets that nobody had used for a week of it.
async fn unused(ask: &mut Ask<'_>, table: &mut Table) {
    const WEEK_MS: i64 = 7 * 24 * HOUR_MS;
    let mut truth = 0.0;
    for asset in 0..ask.truth.assets.len() {
        let mut idle_ms = 0;
        for own in ask.truth.statuses.iter().filter(|s| s.asset == asset) {
            match own.status {
                "in_use" => idle_ms = 0,
                "unknown" | "maintenance" => {}
                _ => {
                    let beyond_ms = own.from_ms + (WEEK_MS - idle_ms).max(0);
                    truth += ms(beyond_ms, own.to_ms) / 3_600_000.0;
                    idle_ms += own.to_ms - own.from_ms;
                }
            }
        }
    }
    let rows = ask.rows("select sum(idle_7d_s) / 3600 as hours from rpt_class_hour").await;
    // In a few days nothing can have been unused for a week.
    let is_long = ask.truth.to_ms - ask.truth.from_ms > WEEK_MS;
    assert!(truth > 10.0 || !is_long);
    if is_long {
        table.compare("asset-hours unused for a week", number(&rows, 0, "hours"), truth);
    }
}

/// Beside the twelve: stays by kind of room, whose lengths are divided more coarsely.
async fn dwell(ask: &mut Ask<'_>, table: &mut Table) {
    let mut lengths: BTreeMap<&str, Vec<f64>> = BTreeMap::new();
    for stay in ask.truth.stays.iter().filter(|s| s.to_ms < ask.truth.to_ms) {
        if stay.to_ms - stay.from_ms >= 60_000 {
            let minutes = ms(stay.from_ms, stay.to_ms) / 60_000.0;
            lengths.entry(&*stay.room_kind).or_default().push(minutes);
        }
    }
    let rows = ask.panel("Stays by kind of room").await;
    assert_eq!(rows.rows.len(), lengths.len());
    for row in 0..rows.rows.len() {
        let kind = word(&rows, row, "kind of room");
        let truth = lengths.get_mut(kind).expect("a kind");
        #[allow(clippy::cast_precision_loss, reason = "a count")]
        let count = truth.len() as f64;
        // Of few the steps of the histogram are coarse, and many of a corridor's last a minute.
        if count < 100.0 {
            continue;
        }
        table.compare(&format!("stays, {kind}"), number(&rows, row, "stays"), count);
        let median = number(&rows, row, "median");
        let what = format!("median stay, {kind}");
        table.compare_within(0.02, &what, median, quantile(truth, 0.5));
    }
}
