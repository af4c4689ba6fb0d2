//! What a dashboard must be besides right: rules on its JSON that need no database.

use super::dashboard::{Dashboard, Panel, list, text};
use std::collections::HashSet;

const KINDS: [&str; 10] = [
    "barchart",
    "bargauge",
    "heatmap",
    "histogram",
    "stat",
    "state-timeline",
    "status-history",
    "table",
    "text",
    "timeseries",
];

/// Tables that a report must not name; it reads views.
const TABLES: [&str; 36] = [
    "alert",
    "alert_notice",
    "asset",
    "asset_status",
    "event",
    "journal_cursor",
    "par_level",
    "person",
    "person_lookup",
    "position",
    "presence",
    "reader",
    "rollup_class",
    "rollup_due",
    "rollup_dwell",
    "rollup_level",
    "rollup_level_day",
    "rollup_par",
    "rollup_place",
    "rollup_place_day",
    "reader_change",
    "rollup_shortage",
    "rollup_shortage_day",
    "present_change",
    "recomputation",
    "rollup_touched",
    "rollup_transfer",
    "rollup_turnaround",
    "rollup_turnaround_day",
    "rollup_use",
    "rollup_use_day",
    "tag",
    "tag_battery",
    "tag_binding",
    "visit",
    "zone",
];

/// The metrics that `/metrics` promises.
const METRICS: [&str; 30] = [
    "spor_build_info",
    "spor_checkpoint_seconds",
    "spor_connections",
    "spor_connections_closed_total",
    "spor_connections_refused_total",
    "spor_events_dropped_total",
    "spor_journal_bytes",
    "spor_journal_lag_messages",
    "spor_late_stretches_total",
    "spor_latency_seconds",
    "spor_messages_acknowledged_total",
    "spor_messages_dropped_total",
    "spor_clock_ahead_seconds",
    "spor_clocks_ahead",
    "spor_messages_in_flight",
    "spor_messages_received_total",
    "spor_messages_rejected_total",
    "spor_oldest_kept_seconds",
    "spor_positions_stored_total",
    "spor_queue_depth",
    "spor_queue_full_total",
    "spor_rollup_as_of_seconds",
    "spor_rollup_due_hours",
    "spor_rollup_seconds",
    "spor_site_file_in_use",
    "spor_storage_set_aside_total",
    "spor_storage_up",
    "spor_stream_clients",
    "spor_stream_lagged_total",
    "spor_tags",
];

/// Everything that is wrong with the dashboards.
pub(crate) fn lint(dashboards: &[Dashboard]) -> Vec<String> {
    let uids: Vec<&str> = dashboards.iter().map(|d| text(&d.json["uid"])).collect();
    let mut wrong = Vec::new();
    for (at, dashboard) in dashboards.iter().enumerate() {
        let mut findings = Vec::new();
        if uids[..at].contains(&uids[at]) {
            findings.push("its uid is another's".into());
        }
        whole(dashboard, &mut findings);
        variables(dashboard, &mut findings);
        links(dashboard, &uids, &mut findings);
        grid(dashboard, &mut findings);
        for panel in dashboard.panels() {
            let mut of_panel = Vec::new();
            check_panel(panel, &mut of_panel);
            findings.extend(of_panel.into_iter().map(|w| format!("{}: {w}", panel.title())));
        }
        wrong.extend(findings.into_iter().map(|w| format!("{} / {w}", dashboard.name)));
    }
    wrong
}

fn whole(dashboard: &Dashboard, wrong: &mut Vec<String>) {
    let json = &dashboard.json;
    let mut want = |right: bool, what: &str| {
        if !right {
            wrong.push(what.into());
        }
    };
    want(json["uid"] == dashboard.name.as_str(), "its uid is not its file's name");
    want(json.get("id").is_none(), "it has an id, which belongs to one Grafana only");
    want(json.get("elements").is_none(), "it is of the second schema, which files can't have");
    want(json["schemaVersion"] == 39, "its schemaVersion is not 39");
    want(json["editable"] == false, "it is editable");
    want(json["timezone"] == "browser", "its time zone is not the browser's");
    want(json["weekStart"] == "monday", "its week does not start on Monday");
    want(json["graphTooltip"] == 1, "its cross-hair is not shared");
    want(json["annotations"]["list"].is_array(), "it has no list of annotations");
    let tags = list(&json["tags"]);
    want(tags.iter().any(|t| t == "spor") && tags.len() > 1, "it lacks the tags spor and audience");
    let first = dashboard.panels().next();
    let says =
        first.is_some_and(|p| p.kind() == "text" && !text(&p.0["options"]["content"]).is_empty());
    want(says, "its first panel is not a text that says what it is about");
}

fn variables(dashboard: &Dashboard, wrong: &mut Vec<String>) {
    let ds = dashboard.variables().next();
    if !ds.is_some_and(|v| v.name() == "ds" && v.kind() == "datasource") {
        wrong.push("its first variable is not the data source `ds`".into());
    }
    let mut everything = dashboard.json.clone();
    if let Some(list) = everything["templating"]["list"].as_array_mut() {
        for variable in list {
            // Its own name is no use of it, the query that it is made from may use others.
            variable["name"] = serde_json::Value::Null;
        }
    }
    let everything = everything.to_string();
    for variable in dashboard.variables() {
        let name = variable.name();
        if !everything.contains(&format!("${name}")) && !everything.contains(&format!("${{{name}"))
        {
            wrong.push(format!("nothing uses ${name}"));
        }
    }
}

fn links(dashboard: &Dashboard, uids: &[&str], wrong: &mut Vec<String>) {
    let everything = dashboard.json.to_string();
    for (at, _) in everything.match_indices("/d/") {
        let uid: String = everything[at + 3..]
            .chars()
            .take_while(|c| c.is_ascii_alphanumeric() || *c == '-')
            .collect();
        if !uids.contains(&uid.as_str()) {
            wrong.push(format!("a link to /d/{uid}, which there is not"));
        }
    }
    if list(&dashboard.json["links"]).is_empty() {
        wrong.push("no links to the other dashboards".into());
    }
}

fn grid(dashboard: &Dashboard, wrong: &mut Vec<String>) {
    let mut taken = HashSet::new();
    let mut ids = HashSet::new();
    for panel in dashboard.panels() {
        let place = |key: &str| panel.0["gridPos"][key].as_u64().unwrap_or(99);
        let (x, y, w, h) = (place("x"), place("y"), place("w"), place("h"));
        if x + w > 24 {
            wrong.push(format!("{}: wider than the grid", panel.title()));
        }
        let cells = (x..x + w).flat_map(|x| (y..y + h).map(move |y| (x, y)));
        if cells.filter(|cell| !taken.insert(*cell)).count() > 0 {
            wrong.push(format!("{}: lies over another panel", panel.title()));
        }
        if !ids.insert(panel.0["id"].as_u64()) {
            wrong.push(format!("{}: has another panel's id", panel.title()));
        }
    }
}

fn check_panel(panel: Panel<'_>, wrong: &mut Vec<String>) {
    if !KINDS.contains(&panel.kind()) {
        wrong.push(format!("panels of type `{}` are not on the list", panel.kind()));
    }
    if panel.kind() == "text" {
        return;
    }
    let mut want = |right: bool, what: String| {
        if !right {
            wrong.push(what);
        }
    };
    want(!panel.title().is_empty(), "no title".into());
    for word in ["Question", "Formula", "Delay"] {
        let told = text(&panel.0["description"]).contains(&format!("**{word}:**"));
        want(told, format!("its description has no {}", word.to_lowercase()));
    }
    want(!panel.unit("").is_empty(), "no unit".into());
    let says = !text(&panel.0["fieldConfig"]["defaults"]["noValue"]).is_empty();
    want(says, "does not say what no value means".into());
    want(!panel.targets().is_empty(), "no query".into());
    want(panel.0["datasource"]["uid"] == "${ds}", "its data source is not ${ds}".into());
    let mut ids = HashSet::new();
    for target in panel.targets() {
        want(ids.insert(text(&target["refId"])), "two queries of one refId".into());
        want(target["datasource"]["uid"] == "${ds}", "a query's data source is not ${ds}".into());
        if let Some(sql) = target["rawSql"].as_str() {
            let format = text(&target["format"]);
            want(["table", "time_series"].contains(&format), format!("format `{format}`"));
            wrong_sql(sql).into_iter().for_each(|w| want(false, w));
        } else {
            wrong_promql(text(&target["expr"])).into_iter().for_each(|w| want(false, w));
        }
    }
}

fn wrong_sql(sql: &str) -> Vec<String> {
    let mut wrong = Vec::new();
    let words: Vec<&str> = words(sql).collect();
    for pair in words.windows(2) {
        if ["from", "join"].contains(&pair[0]) && TABLES.contains(&pair[1]) {
            wrong.push(format!("reads the table `{}`, not a view", pair[1]));
        }
    }
    for (at, _) in sql.match_indices("$__") {
        let call = &sql[at..];
        let Some((name, rest)) = call.split_once('(') else { continue };
        if !name[3..].chars().all(|c| c.is_ascii_alphabetic()) {
            continue;
        }
        let arguments = rest.split(')').next().unwrap_or_default();
        if arguments.contains('(') {
            wrong.push(format!("{name} has a call in its arguments, which ends at the first `)`"));
        }
        let column = arguments.rsplit('.').next().unwrap_or_default().trim();
        if name == "$__timeFilter" && ["t0", "status_t0", "entered_at", "from_at"].contains(&column)
        {
            wrong.push("filters intervals by their start: clip them".into());
        }
    }
    if sql.contains("[[") {
        wrong.push("a variable in the old form [[...]]".into());
    }
    if sql.contains("$tz") && !sql.contains("at time zone") {
        wrong.push("$tz without `at time zone`".into());
    }
    wrong
}

fn wrong_promql(expr: &str) -> Vec<String> {
    let mut wrong = Vec::new();
    if expr.is_empty() {
        wrong.push("an empty query".into());
    }
    for metric in words(expr).filter(|w| w.starts_with("spor_")) {
        if !METRICS.contains(&metric.trim_end_matches("_bucket")) {
            wrong.push(format!("`{metric}` is not in /metrics"));
        }
        let rated = expr.contains(&format!("rate({metric}"))
            || expr.contains(&format!("increase({metric}"));
        if metric.ends_with("_total") && !rated {
            wrong.push(format!("the counter `{metric}` without rate"));
        }
    }
    if expr.contains("rate(") && !expr.contains("[$__rate_interval]") {
        wrong.push("a rate over another span than $__rate_interval".into());
    }
    if expr.matches('(').count() != expr.matches(')').count() {
        wrong.push("brackets that do not match".into());
    }
    wrong
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').filter(|w| !w.is_empty())
}
