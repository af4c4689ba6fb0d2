//! Numbers of the fleet dashboard, worked out from the made-up fortnight without SQL.

use super::{
    dashboard::{Dashboard, text},
    fortnight::{ASSETS, Fortnight, HOUR_MS, Stretch, class, owner, ward},
    macros::{Asked, Chosen, expand},
    rows::{Rows, run},
};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use tokio_postgres::Client;

/// Panics where a panel says something else than the fortnight does.
pub(crate) async fn agrees(client: &mut Client, dashboards: &[Dashboard], fortnight: &Fortnight) {
    let fleet = dashboards.iter().find(|d| d.name == "spor-fleet").expect("the fleet");
    unknown_share(&panel(client, fleet, "Unknown share", fortnight).await, fortnight);
    in_use_now(&panel(client, fleet, "In use now", fortnight).await, fortnight);
    utilisation(
        &panel(client, fleet, "Utilisation by class over time", fortnight).await,
        fortnight,
    );
    peak(
        &panel(client, fleet, "Could we own fewer? Peak use and stock", fortnight).await,
        fortnight,
    );
    let title = "Peak simultaneous use of the stock, by day";
    peak_by_day(&panel(client, fleet, title, fortnight).await, fortnight);
    borrowed(&panel(client, fleet, "Who lends to whom (asset-hours)", fortnight).await, fortnight);
    idle(&panel(client, fleet, "Idle for more than $idle_days days", fortnight).await, fortnight);
}

async fn panel(client: &mut Client, fleet: &Dashboard, title: &str, fortnight: &Fortnight) -> Rows {
    let panel = fleet.panels().find(|p| p.title() == title).expect("a panel of that title");
    let wards = (0..ASSETS).map(|a| owner(a).map_or("pool", ward)).collect::<BTreeSet<_>>();
    let classes = (0..ASSETS).map(class).collect::<BTreeSet<_>>();
    let list = |values: BTreeSet<&str>| Chosen {
        values: values.into_iter().map(String::from).collect(),
        list: true,
    };
    let one = |value: &str| Chosen { values: vec![value.into()], list: false };
    let values = BTreeMap::from([
        ("ward".to_string(), list(wards)),
        ("class".to_string(), list(classes)),
        ("tz".to_string(), one("Europe/Copenhagen")),
        ("idle_days".to_string(), one("7")),
    ]);
    let asked = Asked { from_ms: fortnight.from_ms, to_ms: fortnight.to_ms, values };
    let sql = expand(text(&panel.targets()[0]["rawSql"]), &asked, panel.step_ms()).expect("SQL");
    run(client, &sql).await.expect("rows").0
}

fn near(found: f64, expected: f64, what: &str) {
    let difference = (found - expected).abs() / expected.abs().max(1e-6);
    assert!(difference < 0.001, "{what}: {found}, but in truth {expected}");
}

fn number(rows: &Rows, row: usize, column: &str) -> f64 {
    rows.rows[row][rows.index(column)].as_deref().expect("a number").parse().expect("a number")
}

#[allow(clippy::cast_precision_loss, reason = "milliseconds of a fortnight")]
fn span(stretch: &Stretch) -> f64 {
    (stretch.to_ms - stretch.from_ms) as f64
}

fn unknown_share(rows: &Rows, fortnight: &Fortnight) {
    #[allow(clippy::cast_precision_loss, reason = "milliseconds of a fortnight")]
    let all = ASSETS as f64 * (fortnight.to_ms - fortnight.from_ms) as f64;
    let known: f64 = fortnight.statuses.iter().filter(|s| s.status != "unknown").map(span).sum();
    near(number(rows, 0, "Unknown"), 1.0 - known / all, "unknown share");
}

#[allow(clippy::cast_precision_loss, reason = "a count of assets")]
fn in_use_now(rows: &Rows, fortnight: &Fortnight) {
    let last = fortnight.statuses.iter().filter(|s| s.to_ms == fortnight.to_ms);
    let known: Vec<_> = last.filter(|s| s.status != "unknown").collect();
    let busy = known.iter().filter(|s| s.status == "in_use").count();
    near(number(rows, 0, "In use"), busy as f64 / known.len() as f64, "in use now");
}

/// One whole hour in the middle, for every class.
fn utilisation(rows: &Rows, fortnight: &Fortnight) {
    let noon_ms = (fortnight.from_ms + 7 * 24 * HOUR_MS) / HOUR_MS * HOUR_MS;
    let at = jiff::Timestamp::from_millisecond(noon_ms).expect("a time");
    let mut used: HashMap<&str, (f64, f64)> = HashMap::new();
    for stretch in &fortnight.statuses {
        #[allow(clippy::cast_precision_loss, reason = "milliseconds of an hour")]
        let within =
            (stretch.to_ms.min(noon_ms + HOUR_MS) - stretch.from_ms.max(noon_ms)).max(0) as f64;
        let sums = used.entry(class(stretch.asset)).or_default();
        sums.0 += if stretch.status == "in_use" { within } else { 0.0 };
        sums.1 += if stretch.status == "unknown" { 0.0 } else { within };
    }
    let mut compared = 0;
    for row in 0..rows.rows.len() {
        let time = rows.rows[row][0].as_deref().expect("a time");
        if time.parse::<jiff::Timestamp>().expect("a time") == at {
            let class = rows.rows[row][rows.index("metric")].as_deref().expect("a class");
            near(number(rows, row, "value"), used[class].0 / used[class].1, class);
            compared += 1;
        }
    }
    assert_eq!(compared, used.len(), "classes in the hour from {at}");
}

fn peak(rows: &Rows, fortnight: &Fortnight) {
    for row in 0..rows.rows.len() {
        let of = rows.rows[row][rows.index("class")].as_deref().expect("a class");
        let mut changes: Vec<(i64, i32)> = Vec::new();
        for used in &fortnight.statuses {
            if used.status == "in_use" && class(used.asset) == of {
                changes.extend([(used.from_ms, 1), (used.to_ms, -1)]);
            }
        }
        changes.sort_unstable(); // an end before a beginning at the same moment
        let mut level = 0;
        let levels = changes.iter().map(|(_, by)| {
            level += by;
            level
        });
        let highest = levels.max().expect("a use");
        near(number(rows, row, "highest"), highest.into(), of);
    }
}

/// The highest of each local day, whose hours the roll-ups keep.
#[allow(clippy::cast_precision_loss, reason = "a count of assets")]
fn peak_by_day(rows: &Rows, fortnight: &Fortnight) {
    let mut days = BTreeSet::new();
    for row in 0..rows.rows.len() {
        let of = rows.rows[row][rows.index("metric")].as_deref().expect("a class");
        let time: jiff::Timestamp =
            rows.rows[row][0].as_deref().expect("a time").parse().expect("a time");
        let day = time.in_tz("Europe/Copenhagen").expect("a zone");
        let after = day.tomorrow().and_then(|next| next.start_of_day()).expect("a day");
        let (from_ms, to_ms) =
            (time.as_millisecond().max(fortnight.from_ms), after.timestamp().as_millisecond());
        let of_class = |s: &&Stretch| s.status == "in_use" && class(s.asset) == of;
        let used: Vec<_> = fortnight.statuses.iter().filter(of_class).collect();
        // It is highest when the day begins, or when another use does.
        let begins = used.iter().map(|s| s.from_ms).filter(|ms| (from_ms..to_ms).contains(ms));
        let highest = begins
            .chain([from_ms])
            .map(|ms| used.iter().filter(|s| s.from_ms <= ms && ms < s.to_ms).count())
            .max();
        let owned = (0..ASSETS).filter(|asset| class(*asset) == of).count();
        let expected = highest.expect("a use") as f64 / owned as f64;
        near(number(rows, row, "value"), expected, &format!("{of} on {day}"));
        days.insert(day.date());
    }
    assert!((14..=15).contains(&days.len()), "{days:?}");
}

fn borrowed(rows: &Rows, fortnight: &Fortnight) {
    let mut hours: BTreeMap<(String, String), f64> = BTreeMap::new();
    let mut of_asset: HashMap<usize, Vec<&Stretch>> = HashMap::new();
    for stretch in &fortnight.statuses {
        of_asset.entry(stretch.asset).or_default().push(stretch);
    }
    for stay in &fortnight.stays {
        let lender = owner(stay.asset).map_or("pool", ward);
        if lender == ward(stay.ward) {
            continue;
        }
        for known in of_asset[&stay.asset].iter().filter(|s| s.status != "unknown") {
            let ms = stay.to_ms.min(known.to_ms) - stay.from_ms.max(known.from_ms);
            #[allow(clippy::cast_precision_loss, reason = "milliseconds of a fortnight")]
            if ms > 0 {
                *hours.entry((lender.into(), ward(stay.ward).into())).or_default() +=
                    ms as f64 / HOUR_MS as f64;
            }
        }
    }
    assert_eq!(rows.rows.len(), hours.len());
    for (row, ((lender, borrower), hours)) in hours.iter().enumerate() {
        assert_eq!(rows.rows[row][0].as_deref(), Some(lender.as_str()));
        assert_eq!(rows.rows[row][1].as_deref(), Some(borrower.as_str()));
        near(number(rows, row, "hours"), *hours, "borrowed");
    }
}

/// Whoever has not been used for seven known days, and nobody else.
fn idle(rows: &Rows, fortnight: &Fortnight) {
    let mut expected = BTreeSet::new();
    for asset in 0..ASSETS {
        let own: Vec<_> = fortnight.statuses.iter().filter(|s| s.asset == asset).collect();
        let since = own.iter().rposition(|s| s.status == "in_use").map_or(0, |i| i + 1);
        let free: f64 = own[since..]
            .iter()
            .filter(|s| !["unknown", "maintenance"].contains(&s.status))
            .map(|s| span(s))
            .sum();
        let now = own.last().map(|s| s.status);
        #[allow(clippy::cast_precision_loss, reason = "hours")]
        if free >= (7 * 24 * HOUR_MS) as f64 && !["in_use", "unknown"].contains(&now.unwrap_or(""))
        {
            expected.insert(format!("No. asset-{asset}"));
        }
    }
    let found: BTreeSet<String> = rows.rows.iter().filter_map(|r| r[0].clone()).collect();
    assert_eq!(found, expected);
}
