//! How long things were used, how many at once, and how long until they were ready again.

use super::*;
use std::collections::{BTreeMap, BTreeSet};

/// 1, 2: utilisation by class, and the share of unknown time.
pub(super) async fn utilisation(ask: &mut Ask<'_>, table: &mut Table) {
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

/// 3, 4, 5: most, 95 % of the time, and mean in use at the same time.
pub(super) async fn simultaneous(ask: &mut Ask<'_>, table: &mut Table) {
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

/// 6, 7: turnaround, median and 90th percentile.
pub(super) async fn turnarounds(ask: &mut Ask<'_>, table: &mut Table) {
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
