//! The alert rules: `grafana/layout/alerts.toml` and `grafana/sql/alerts/*.sql` give Grafana's
//! provisioning file, in JSON, which it reads as it reads YAML.

use super::{assemble, rows::run};
use serde::Deserialize;
use serde_json::{Value, json};
use std::{fs, path::PathBuf};
use tokio_postgres::Client;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Layout {
    folder: String,
    interval: String,
    rule: Vec<Rule>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Rule {
    uid: String,
    title: String,
    sql: Option<String>,
    expr: Option<String>,
    above: f64,
    r#for: String,
    no_data: String,
    severity: String,
    summary: String,
}

fn layout() -> Layout {
    let path = assemble::root().join("layout/alerts.toml");
    toml::from_str(&fs::read_to_string(path).expect("rules")).expect("rules")
}

fn sql(name: &str) -> String {
    let path = assemble::root().join(format!("sql/alerts/{name}.sql"));
    let text = fs::read_to_string(path).expect("a query");
    text.lines().filter(|line| !line.starts_with("--")).collect::<Vec<_>>().join("\n")
}

/// Where the rules stand, and what stands there.
pub(crate) fn assembled() -> (PathBuf, String) {
    let layout = layout();
    let rules: Vec<Value> = layout.rule.iter().map(rule).collect();
    let group = json!({
        "orgId": 1,
        "name": "spor",
        "folder": layout.folder,
        "interval": layout.interval,
        "rules": rules,
    });
    let file = json!({"apiVersion": 1, "groups": [group]});
    let path = assemble::root().join("provisioning/alerting/spor.json");
    (path, serde_json::to_string_pretty(&file).expect("plain JSON") + "\n")
}

fn rule(rule: &Rule) -> Value {
    let (source, model) = match (&rule.sql, &rule.expr) {
        (Some(name), None) => (
            "spor-pg",
            json!({"refId": "A", "editorMode": "code", "rawQuery": true, "format": "table", "rawSql": sql(name)}),
        ),
        (None, Some(expr)) => {
            ("spor-prom", json!({"refId": "A", "expr": expr, "instant": true, "range": false}))
        }
        _ => panic!("{}: either sql or expr", rule.uid),
    };
    let condition = json!({
        "refId": "C",
        "type": "threshold",
        "expression": "A",
        "conditions": [{"evaluator": {"type": "gt", "params": [rule.above]}}],
    });
    let range = json!({"from": 600, "to": 0});
    json!({
        "uid": rule.uid,
        "title": rule.title,
        "condition": "C",
        "data": [
            {"refId": "A", "relativeTimeRange": range, "datasourceUid": source, "model": model},
            {"refId": "C", "relativeTimeRange": range, "datasourceUid": "__expr__", "model": condition},
        ],
        "for": rule.r#for,
        "noDataState": rule.no_data,
        "execErrState": "Error",
        "labels": {"severity": rule.severity, "from": "spor"},
        // `$` is doubled: Grafana fills in its environment here before it reads the template.
        "annotations": {"summary": rule.summary.replace('$', "$$")},
    })
}

/// What is wrong with the rules' queries on a filled database: each gives one number, and words.
pub(crate) async fn wrong(client: &mut Client) -> Vec<String> {
    let mut wrong = Vec::new();
    for rule in layout().rule {
        let query = rule.sql.as_deref().map(sql);
        let text = query.as_deref().or(rule.expr.as_deref()).unwrap_or_default();
        if text.contains('$') {
            wrong.push(format!("{}: Grafana would take `$` for its environment", rule.uid));
        }
        let Some(query) = query else { continue };
        match run(client, &query).await {
            Err(error) => wrong.push(format!("{}: {error}", rule.uid)),
            Ok((rows, _)) => {
                let numbers = rows.columns.iter().filter(|c| c.is_number).count();
                if numbers != 1 {
                    wrong.push(format!("{}: {numbers} columns of numbers", rule.uid));
                }
            }
        }
    }
    wrong
}
