//! Puts a dashboard together: `grafana/layout/NAME.toml` (where the panels lie) and
//! `grafana/sql/NAME/*.sql` (what they ask) give Grafana's classic JSON.
//!
//! The same input gives the same bytes. `UPDATE_GOLDEN=1` writes the files under
//! `grafana/dashboards`; without it the drift test compares them.

use serde::Deserialize;
use serde_json::{Map, Value, json};
use std::{fs, path::Path, path::PathBuf};

/// The dashboards, by name of their layout.
pub(crate) const NAMES: [&str; 6] =
    ["spor-fleet", "spor-flow", "spor-ops", "spor-quality", "spor-staff", "spor-ward"];

/// The folder of everything that belongs to Grafana.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("grafana")
}

/// Where the assembled dashboard stands, and its content.
pub(crate) fn assemble(name: &str) -> (PathBuf, String) {
    let path = root().join(format!("layout/{name}.toml"));
    let layout: Layout = toml::from_str(&read(&path)).unwrap_or_else(|e| panic!("{name}: {e}"));
    assert_eq!(layout.uid, name, "a layout is named after the dashboard's uid");
    let target = root().join(format!("dashboards/{}/{name}.json", layout.folder));
    let text = serde_json::to_string_pretty(&dashboard(&layout)).expect("plain JSON") + "\n";
    (target, text)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Layout {
    uid: String,
    title: String,
    description: String,
    folder: String,
    datasource: String,
    datasource_uid: String,
    from: String,
    refresh: String,
    variables: Vec<String>,
    intro: String,
    #[serde(default)]
    choice: Vec<Choice>,
    #[serde(default)]
    constant: Vec<Constant>,
    panel: Vec<Panel>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Choice {
    name: String,
    label: String,
    options: Vec<String>,
    default: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Constant {
    name: String,
    value: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Panel {
    title: String,
    kind: String,
    at: [u32; 4],
    query: Vec<Query>,
    unit: String,
    no_value: String,
    bounds: Option<[f64; 2]>,
    decimals: Option<u32>,
    interval: Option<String>,
    time_from: Option<String>,
    color: Option<String>,
    question: Option<String>,
    formula: Option<String>,
    #[serde(default)]
    thresholds: Vec<(String, String)>,
    /// What a number means: the number, a word, a colour.
    #[serde(default)]
    mapping: Vec<(String, String, String)>,
    #[serde(default)]
    custom: Map<String, Value>,
    #[serde(default)]
    options: Map<String, Value>,
    #[serde(default)]
    transformations: Vec<Value>,
    #[serde(default, rename = "override")]
    overrides: Vec<Override>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Query {
    sql: Option<String>,
    format: Option<String>,
    expr: Option<String>,
    legend: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Override {
    field: String,
    properties: Map<String, Value>,
}

fn dashboard(layout: &Layout) -> Value {
    let mut panels = vec![json!({
        "id": 1,
        "type": "text",
        "title": "",
        "transparent": true,
        "gridPos": {"x": 0, "y": 0, "w": 24, "h": 4},
        "options": {"mode": "markdown", "content": layout.intro.trim()},
    })];
    panels.extend(layout.panel.iter().zip(2..).map(|(p, id)| panel(layout, p, id)));
    json!({
        "annotations": {"list": []},
        "description": layout.description,
        "editable": false,
        "fiscalYearStartMonth": 0,
        "graphTooltip": 1,
        "links": links(layout),
        "panels": panels,
        "refresh": layout.refresh,
        "schemaVersion": 39,
        "tags": ["spor", layout.folder],
        "templating": {"list": variables(layout)},
        "time": {"from": layout.from, "to": "now"},
        "timepicker": {},
        "timezone": "browser",
        "title": layout.title,
        "uid": layout.uid,
        "version": 1,
        "weekStart": "monday",
    })
}

fn links(layout: &Layout) -> Vec<Value> {
    let mut links = vec![json!({
        "type": "dashboards",
        "title": "Spor",
        "tags": ["spor"],
        "asDropdown": true,
        "keepTime": true,
        "includeVars": true,
        "targetBlank": false,
        "icon": "external link",
        "tooltip": "",
        "url": "",
    })];
    if layout.constant.iter().any(|c| c.name == "wall") {
        links.push(json!({
            "type": "link",
            "title": "Wall display",
            "tags": [],
            "asDropdown": false,
            "keepTime": false,
            "includeVars": false,
            "targetBlank": true,
            "icon": "external link",
            "tooltip": "Where everything is now",
            "url": "${wall}/wall",
        }));
    }
    links
}

fn variables(layout: &Layout) -> Vec<Value> {
    let mut list = vec![json!({
        "type": "datasource",
        "name": "ds",
        "label": "Data source",
        "query": layout.datasource,
        "current": {"text": layout.datasource_uid, "value": layout.datasource_uid},
        "hide": 0,
        "includeAll": false,
        "multi": false,
        "options": [],
        "refresh": 1,
        "regex": "",
        "skipUrlSync": false,
    })];
    for name in &layout.variables {
        let sql = body(&read(&root().join(format!("sql/variables/{name}.sql"))));
        list.push(json!({
            "type": "query",
            "name": name,
            "label": capitalised(name),
            "datasource": {"type": layout.datasource, "uid": "${ds}"},
            "definition": sql,
            "query": sql,
            "current": {"text": ["All"], "value": ["$__all"]},
            "hide": 0,
            "includeAll": true,
            "multi": true,
            "options": [],
            "refresh": 2,
            "regex": "",
            "skipUrlSync": false,
            "sort": 0,
        }));
    }
    for choice in &layout.choice {
        let options = choice
            .options
            .iter()
            .map(|o| json!({"text": o, "value": o, "selected": *o == choice.default}));
        list.push(json!({
            "type": "custom",
            "name": choice.name,
            "label": choice.label,
            "query": choice.options.join(","),
            "current": {"text": choice.default, "value": choice.default},
            "options": options.collect::<Vec<_>>(),
            "hide": 0,
            "includeAll": false,
            "multi": false,
            "skipUrlSync": false,
        }));
    }
    for constant in &layout.constant {
        list.push(json!({
            "type": "constant",
            "name": constant.name,
            "query": constant.value,
            "current": {"text": constant.value, "value": constant.value},
            "options": [],
            "hide": 2,
            "skipUrlSync": true,
        }));
    }
    list
}

fn panel(layout: &Layout, panel: &Panel, id: u32) -> Value {
    let [x, y, w, h] = panel.at;
    let datasource = json!({"type": layout.datasource, "uid": "${ds}"});
    let targets: Vec<Value> = panel
        .query
        .iter()
        .zip('A'..)
        .map(|(query, letter)| target(layout, query, letter, &datasource))
        .collect();
    let mut value = json!({
        "id": id,
        "type": panel.kind,
        "title": panel.title,
        "description": description(layout, panel),
        "datasource": datasource,
        "gridPos": {"x": x, "y": y, "w": w, "h": h},
        "targets": targets,
        "options": panel.options,
        "transformations": panel.transformations,
        "fieldConfig": {
            "defaults": field_defaults(panel),
            "overrides": panel.overrides.iter().map(override_json).collect::<Vec<_>>(),
        },
    });
    if let Some(interval) = &panel.interval {
        value["interval"] = json!(interval);
    }
    if let Some(time_from) = &panel.time_from {
        value["timeFrom"] = json!(time_from);
    }
    value
}

fn target(layout: &Layout, query: &Query, letter: char, datasource: &Value) -> Value {
    let mut target = json!({"refId": letter.to_string(), "datasource": datasource});
    if let Some(sql) = &query.sql {
        target["editorMode"] = json!("code");
        target["rawQuery"] = json!(true);
        target["format"] = json!(query.format);
        target["rawSql"] = json!(body(&read(&sql_path(&layout.uid, sql))));
    } else {
        target["expr"] = json!(query.expr);
        target["legendFormat"] = json!(query.legend.as_deref().unwrap_or("__auto"));
        target["range"] = json!(true);
    }
    target
}

fn field_defaults(panel: &Panel) -> Value {
    let color = panel.color.as_deref().unwrap_or(match panel.kind.as_str() {
        "timeseries" | "bargauge" => "palette-classic",
        _ => "thresholds",
    });
    let steps: Vec<Value> = match panel.thresholds.as_slice() {
        [] => vec![json!({"value": null, "color": "blue"})],
        steps => steps
            .iter()
            .map(|(at, color)| json!({"value": at.parse::<f64>().ok(), "color": color}))
            .collect(),
    };
    let mut defaults = json!({
        "unit": panel.unit,
        "noValue": panel.no_value,
        "color": {"mode": color},
        "thresholds": {"mode": "absolute", "steps": steps},
        "mappings": mappings(panel),
        "custom": panel.custom,
    });
    if let Some([min, max]) = panel.bounds {
        defaults["min"] = json!(min);
        defaults["max"] = json!(max);
    }
    if let Some(decimals) = panel.decimals {
        defaults["decimals"] = json!(decimals);
    }
    defaults
}

fn mappings(panel: &Panel) -> Vec<Value> {
    if panel.mapping.is_empty() {
        return Vec::new();
    }
    let options: Map<String, Value> = panel
        .mapping
        .iter()
        .zip(0..)
        .map(|((value, text, color), index)| {
            (value.clone(), json!({"text": text, "color": color, "index": index}))
        })
        .collect();
    vec![json!({"type": "value", "options": options})]
}

fn override_json(over: &Override) -> Value {
    let properties = over.properties.iter().map(|(id, value)| match value.as_str() {
        // TOML has no null; Grafana's null lifts a bound that the defaults set.
        Some("null") => json!({"id": id, "value": null}),
        _ => json!({"id": id, "value": value}),
    });
    json!({
        "matcher": {"id": "byName", "options": over.field},
        "properties": properties.collect::<Vec<_>>(),
    })
}

/// Question, formula and delay: from the head of the SQL, or from the layout.
fn description(layout: &Layout, panel: &Panel) -> String {
    let mut parts = Vec::new();
    for query in &panel.query {
        if let Some(sql) = &query.sql {
            parts.extend(head(&read(&sql_path(&layout.uid, sql))));
        }
    }
    parts.extend(panel.question.iter().map(|q| format!("**Question:** {q}")));
    parts.extend(panel.formula.iter().map(|f| format!("**Formula:** {f}")));
    if panel.question.is_some() {
        parts.push("**Delay:** one scrape of Prometheus.".into());
    }
    parts.join("\n\n")
}

/// The lines of the comment at the head of a query, as Markdown.
fn head(sql: &str) -> Vec<String> {
    sql.lines()
        .map_while(|line| line.strip_prefix("-- "))
        .map(|line| {
            let (word, rest) = line.split_once(": ").expect("`-- Question: ...` and the like");
            format!("**{word}:** {rest}")
        })
        .collect()
}

/// The query without its head: Grafana would look for macros in comments, too.
fn body(sql: &str) -> String {
    let lines: Vec<&str> = sql.lines().skip_while(|line| line.starts_with("--")).collect();
    lines.join("\n")
}

fn sql_path(dashboard: &str, name: &str) -> PathBuf {
    root().join(format!("sql/{dashboard}/{name}.sql"))
}

fn capitalised(word: &str) -> String {
    let (first, rest) = word.split_at(1);
    first.to_uppercase() + rest
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}
