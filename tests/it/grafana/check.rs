//! Runs every panel of every dashboard as the read-only role and judges what comes back.
//!
//! Rows are wanted for all values over the whole range; each value alone, none, and other ranges
//! must give no error and keep the shape. Findings are returned, not thrown: a test reads them all.

use super::dashboard::{Dashboard, Panel, list, text};
use super::macros::{Asked, Chosen, expand};
use super::rows::{Rows, run};
use std::{collections::BTreeMap, time::Duration};
use tokio_postgres::Client;

const DAY_MS: i64 = 86_400_000;
/// Units in which a negative number makes no sense.
const DURATIONS: [&str; 8] = ["ms", "s", "m", "h", "d", "dtdurations", "dtdurationms", "dthms"];
/// Tables that grow with time, which no panel may read from end to end.
const LARGE: [&str; 5] = ["asset_status", "visit", "position", "presence", "event"];

/// Panels about what takes longer than a quarter of an hour, or goes wrong seldom.
const WANT_HOURS: [&str; 15] = [
    "Alerts that wait for somebody",
    "Batteries that are at 10 % next",
    "From ward to ward, the 15 largest flows",
    "How fast alerts are answered",
    "How fast shortages are filled",
    "How long gaps last",
    "How long turnarounds are",
    "Median turnaround, day by day",
    "Minutes critically short",
    "Misplaced: available in another ward",
    "Shortages",
    "Silent tags",
    "Stays by kind of room",
    "Turnaround by class",
    "How often people were looked up, and what for",
];

/// What the dashboards are asked for.
pub(crate) struct Scope {
    /// Beginning of the data, milliseconds since the epoch.
    pub(crate) from_ms: i64,
    /// End of the data.
    pub(crate) to_ms: i64,
    /// Other values for variables that a person would set, e.g. `idle_days` on a short history.
    pub(crate) choices: Vec<(String, String)>,
    /// True: the data is minutes old, and what comes of hours and days may be missing.
    pub(crate) young: bool,
    /// How long a panel may take over the whole range.
    pub(crate) limit: Duration,
}

/// Checks every panel with a query in SQL. Gives what is wrong, and how long each panel took.
pub(crate) async fn check_dashboards(
    client: &mut Client,
    dashboards: &[Dashboard],
    scope: &Scope,
) -> (Vec<String>, Vec<(String, Duration)>) {
    let mut findings = Vec::new();
    let mut times = Vec::new();
    for dashboard in dashboards {
        let all = everything(client, dashboard, scope, &mut findings).await;
        for panel in dashboard.panels() {
            let mut columns = Vec::new();
            for target in panel.targets().iter().filter(|t| t["rawSql"].is_string()) {
                let place =
                    format!("{} / {} / {}", dashboard.name, panel.title(), text(&target["refId"]));
                let found =
                    Target { panel, sql: text(&target["rawSql"]), format: text(&target["format"]) };
                let mut wrong = Vec::new();
                match found.in_full(client, &all, scope, &mut wrong).await {
                    Ok((rows, took)) => {
                        times.push((place.clone(), took));
                        columns.extend(rows.columns.into_iter().map(|c| c.name));
                        found.in_parts(client, &all, &mut wrong).await;
                    }
                    Err(e) => wrong.push(e),
                }
                findings.extend(wrong.into_iter().map(|w| format!("{place}: {w}")));
            }
            let place = format!("{} / {}", dashboard.name, panel.title());
            findings.extend(unknown_fields(panel, &columns).map(|w| format!("{place}: {w}")));
        }
    }
    (findings, times)
}

/// All values of all variables, each asked for in the order of the dashboard, as they are chained.
pub(crate) async fn everything(
    client: &mut Client,
    dashboard: &Dashboard,
    scope: &Scope,
    findings: &mut Vec<String>,
) -> Asked {
    let mut asked = Asked { from_ms: scope.from_ms, to_ms: scope.to_ms, values: BTreeMap::new() };
    for variable in dashboard.variables() {
        let name = variable.name();
        let values = match variable.kind() {
            "query" if !variable.query().starts_with("label_values") => {
                let mut values = Vec::new();
                match expand(variable.query(), &asked, 60_000) {
                    Err(e) => findings.push(format!("{} / ${name}: {e}", dashboard.name)),
                    Ok(sql) => match run(client, &sql).await {
                        Err(e) => findings.push(format!("{} / ${name}: {e}", dashboard.name)),
                        Ok((rows, _)) => {
                            values.extend(rows.rows.iter().filter_map(|r| r[0].clone()));
                        }
                    },
                }
                for case in single_values(variable.query(), &asked) {
                    let outcome = match expand(variable.query(), &case, 60_000) {
                        Ok(sql) => run(client, &sql).await.map(|_| ()),
                        Err(e) => Err(e),
                    };
                    findings.extend(
                        outcome.err().map(|e| format!("{} / ${name}: {e}", dashboard.name)),
                    );
                }
                if values.is_empty() {
                    findings.push(format!("{} / ${name}: no values", dashboard.name));
                }
                values
            }
            _ => {
                let chosen = scope.choices.iter().find(|(n, _)| n == name);
                vec![chosen.map_or(variable.current(), |(_, v)| v.as_str()).to_string()]
            }
        };
        asked.values.insert(name.into(), Chosen { values, list: variable.is_list() });
    }
    asked
}

/// `all` with each value alone, and with none, of every list that the query names.
fn single_values(query: &str, all: &Asked) -> Vec<Asked> {
    let mut cases = Vec::new();
    for (name, chosen) in all.values.iter().filter(|(_, chosen)| chosen.list) {
        if query.contains(&format!("${name}")) || query.contains(&format!("${{{name}")) {
            for value in chosen.values.iter().cloned().chain([String::new()]) {
                let mut asked = all.clone();
                asked.values.insert(name.clone(), Chosen { values: vec![value], list: true });
                cases.push(asked);
            }
        }
    }
    cases
}

struct Target<'a> {
    panel: Panel<'a>,
    sql: &'a str,
    format: &'a str,
}

impl Target<'_> {
    /// All values over the whole range: there must be rows, soon, by way of an index.
    async fn in_full(
        &self,
        client: &mut Client,
        all: &Asked,
        scope: &Scope,
        wrong: &mut Vec<String>,
    ) -> Result<(Rows, Duration), String> {
        let sql = self.expanded(all)?;
        let (rows, took) = run(client, &sql).await?;
        let may_lack = scope.young && WANT_HOURS.contains(&self.panel.title());
        if (rows.rows.is_empty() || rows.has_nothing()) && !may_lack {
            wrong.push("no rows".into());
        }
        if took > scope.limit {
            wrong.push(format!("took {took:?}"));
        }
        wrong.extend(self.misshapen(&rows));
        let (plan, _) = run(client, &format!("explain {sql}")).await?;
        for line in plan.rows.iter().filter_map(|r| r[0].as_deref()) {
            // With sequential scans made dear, one remains only where no index can serve.
            if LARGE.iter().any(|t| line.contains(&format!("Seq Scan on {t}"))) {
                wrong.push(format!("no index serves it: {}", line.trim()));
            }
        }
        Ok((rows, took))
    }

    /// Each value alone, no value, a day, a quarter of a year, and a time that is yet to come.
    async fn in_parts(&self, client: &mut Client, all: &Asked, wrong: &mut Vec<String>) {
        let mut cases: Vec<(&str, Asked)> = Vec::new();
        for mut asked in single_values(self.sql, all) {
            // A part of the range is enough to see the shape.
            asked.from_ms = asked.from_ms.max(asked.to_ms - 2 * DAY_MS);
            cases.push(("one value", asked));
        }
        let range = |from_ms, to_ms| Asked { from_ms, to_ms, values: all.values.clone() };
        cases.push(("the last day", range(all.to_ms - DAY_MS, all.to_ms)));
        cases.push(("90 days", range(all.to_ms - 90 * DAY_MS, all.to_ms)));
        cases.push(("to come", range(all.to_ms + DAY_MS, all.to_ms + 2 * DAY_MS)));
        for (case, asked) in cases {
            let outcome = match self.expanded(&asked) {
                Ok(sql) => run(client, &sql).await,
                Err(e) => Err(e),
            };
            match outcome {
                Ok((rows, _)) => {
                    wrong.extend(self.misshapen(&rows).map(|w| format!("with {case}: {w}")));
                }
                Err(e) => wrong.push(format!("with {case}: {e}")),
            }
        }
    }

    fn expanded(&self, asked: &Asked) -> Result<String, String> {
        let mut asked = asked.clone();
        if let Some(range_ms) = self.panel.own_range_ms() {
            asked.from_ms = asked.to_ms - range_ms;
        }
        expand(self.sql, &asked, self.panel.step_ms())
    }

    fn misshapen(&self, rows: &Rows) -> impl Iterator<Item = String> {
        let mut wrong = Vec::new();
        if self.format == "time_series" {
            wrong.extend(rows.not_a_time_series());
        }
        for (at, column) in rows.columns.iter().enumerate().filter(|(_, c)| c.is_number) {
            let unit = self.panel.unit(&column.name);
            for value in rows.numbers(at) {
                let fault = match unit {
                    _ if !value.is_finite() => "no number",
                    "percentunit" if !(0.0..=1.000_001).contains(&value) => "not a share",
                    unit if value < 0.0 && DURATIONS.contains(&unit) => "less than no time",
                    _ => continue,
                };
                wrong.push(format!("{} = {value}: {fault}", column.name));
                break;
            }
        }
        wrong.into_iter()
    }
}

/// Fields that overrides and transformations name, and no query gives.
fn unknown_fields(panel: Panel<'_>, columns: &[String]) -> impl Iterator<Item = String> {
    let overrides = panel.overrides().iter().map(|o| text(&o["matcher"]["options"]).to_string());
    let wanted = panel.transformations().iter().flat_map(|t| {
        ["rowField", "columnField", "valueField"]
            .map(|f| text(&t["options"][f]).to_string())
            .into_iter()
            .filter(|f| !f.is_empty())
    });
    let mappings = list(&panel.0["fieldConfig"]["defaults"]["mappings"]);
    let unmapped = (panel.kind() == "state-timeline" && mappings.is_empty())
        .then(|| "a state timeline without mappings".to_string());
    let named: Vec<String> = overrides.chain(wanted).filter(|f| !columns.contains(f)).collect();
    named.into_iter().map(|f| format!("no column `{f}`")).chain(unmapped)
}
