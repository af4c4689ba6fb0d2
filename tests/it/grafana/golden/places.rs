//! What stood ready where, what went from ward to ward, what was unused, and how long things stayed.

use super::*;
use std::collections::BTreeMap;

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
pub(super) async fn shortages(ask: &mut Ask<'_>, table: &mut Table) {
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
        let mut episodes: Vec<(i64, i64)> = Vec::new();
        for (_, from_ms, to_ms) in levels.into_iter().filter(|(level, ..)| *level < target) {
            match episodes.last_mut() {
                // Enough for less than a minute: one came as another went.
                Some(last) if from_ms - last.1 < 60_000 => last.1 = to_ms,
                _ => episodes.push((from_ms, to_ms)),
            }
        }
        episodes.retain(|(began_ms, ended_ms)| *ended_ms < to_ms && ended_ms - began_ms >= 60_000);
        let lengths =
            episodes.iter().map(|(began_ms, ended_ms)| ms(*began_ms, *ended_ms) / 60_000.0);
        filled.entry(of.to_owned()).or_default().extend(lengths);
    }
    filled.retain(|_, lengths| !lengths.is_empty());
    assert_eq!(hours.rows.len(), ask.truth.par.len());
    table.compare("minutes below PAR", short.0, short.1);
    table.compare("minutes below critical", grave.0, grave.1);
    let lead = ask.panel("How fast shortages are filled").await;
    assert_eq!(lead.rows.len(), filled.len());
    for row in 0..lead.rows.len() {
        let of = word(&lead, row, "class");
        let truth = filled.get_mut(of).expect("a class");
        #[allow(clippy::cast_precision_loss, reason = "a count")]
        let count = truth.len() as f64;
        table.compare(&format!("shortages, {of}"), number(&lead, row, "shortages"), count);
        let median = number(&lead, row, "median");
        table.compare(&format!("time to replenish, median, {of}"), median, quantile(truth, 0.5));
        let most = number(&lead, row, "90 %");
        table.compare(&format!("time to replenish, 90 %, {of}"), most, quantile(truth, 0.9));
    }
}

/// 11: transfers from ward to ward.
pub(super) async fn transfers(ask: &mut Ask<'_>, table: &mut Table) {
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

/// 12: known time of assets that nobody had used for a day, and for a week, of it.
pub(super) async fn unused(ask: &mut Ask<'_>, table: &mut Table) {
    const DAY_MS: i64 = 24 * HOUR_MS;
    for (days, what) in [(1, "a day"), (7, "a week")] {
        let truth = unused_hours(ask.truth, days * DAY_MS);
        let sql = format!("select sum(idle_{days}d_s) / 3600 as hours from rpt_class_hour");
        let rows = ask.rows(&sql).await;
        // In a busy hospital hardly anything lies idle for long, and of little a second is much.
        if truth > 10.0 {
            let what = format!("asset-hours unused for {what}");
            table.compare(&what, number(&rows, 0, "hours"), truth);
        }
    }
}

fn unused_hours(truth: &Truth, long_ms: i64) -> f64 {
    let mut hours = 0.0;
    for asset in 0..truth.assets.len() {
        let mut idle_ms = 0;
        for own in truth.statuses.iter().filter(|s| s.asset == asset) {
            match own.status {
                "in_use" => idle_ms = 0,
                "unknown" | "maintenance" => {}
                _ => {
                    let beyond_ms = own.from_ms + (long_ms - idle_ms).max(0);
                    hours += ms(beyond_ms, own.to_ms) / 3_600_000.0;
                    idle_ms += own.to_ms - own.from_ms;
                }
            }
        }
    }
    hours
}

/// Beside the twelve: stays by kind of room, whose lengths are divided more coarsely.
pub(super) async fn dwell(ask: &mut Ask<'_>, table: &mut Table) {
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
