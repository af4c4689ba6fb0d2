//! The same panels on what the simulated hospital sent over MQTT through the built program, asked
//! as Grafana asks: over TCP, as the read-only role, with its password.

use super::{
    check::{Scope, check_dashboards},
    dashboard,
};
use crate::support::{Spor, postgres, until};
use std::time::Duration;

const PASSWORD: &str = "of-this-test-only";

/// Every table that a part of the pipeline fills, and what shows that it came to its end.
const KINDS: [(&str, &str); 10] = [
    ("positions", "select 1 from position having count(distinct tag) > 300"),
    ("visits that ended", "select 1 from visit where left_at is not null limit 1"),
    ("statuses", "select 1 from asset_status having count(distinct status) >= 4"),
    ("statuses that ended", "select 1 from asset_status where to_at is not null limit 1"),
    ("events", "select 1 from event having count(distinct kind) >= 2"),
    ("presence", "select 1 from presence limit 1"),
    ("batteries", "select 1 from tag where battery_pct is not null limit 1"),
    ("readers", "select 1 from reader where online limit 1"),
    ("roll-ups", "select 1 from rollup_class having sum(in_use_s) > 0"),
    ("PAR hours", "select 1 from rollup_par limit 1"),
];

#[tokio::test]
async fn every_panel_answers_on_what_the_simulated_hospital_sent() {
    if postgres::programs().is_none() {
        return;
    }
    let began_ms = jiff::Timestamp::now().as_millisecond();
    let arguments = ["demo", "--grafana", "--speed", "10", "--history", "0"];
    let settings = [("GRAFANA_SPOR_PASSWORD", PASSWORD), ("SPOR_STORAGE__ROLLUP_SECONDS", "1")];
    let spor = Spor::start(&arguments, &settings).await;
    let http = reqwest::Client::new();
    let (_, stores) = spor.get("/api/v1/zones?limit=1000").await;
    let stores = stores["zones"].as_array().unwrap().clone();
    let store = stores.iter().find(|z| z["kind"] == "storage" && z["ward"].is_string()).unwrap();
    let ward = store["ward"].as_str().unwrap();
    for class in ["bed", "infusion-pump"] {
        let par = format!("{}/api/v1/par/{class}/{ward}", spor.http);
        let body = serde_json::json!({"target": 30, "critical": 20});
        let answer = http.put(par).json(&body).send().await.unwrap();
        assert!(answer.status().is_success(), "{}", answer.text().await.unwrap());
    }

    let mut own: tokio_postgres::Config = spor.database.parse().unwrap();
    own.password(std::fs::read(spor.data_dir().join("database.password")).unwrap().trim_ascii());
    let port = own.get_ports()[0];
    let admin = connect(&own).await;
    for (kind, sql) in KINDS {
        until(kind, 90, async || admin.query_opt(sql, &[]).await.unwrap()).await;
    }

    let (_, free) = spor.get("/api/v1/assets?status=available&limit=1").await;
    let claim =
        format!("{}/api/v1/assets/{}/claim", spor.http, free["assets"][0]["id"].as_str().unwrap());
    let whose = serde_json::json!({"by": "porter-3"});
    for done in [http.post(&claim).json(&whose), http.delete(format!("{claim}?by=porter-3"))] {
        let answer = done.send().await.unwrap();
        assert!(answer.status().is_success(), "{}", answer.text().await.unwrap());
    }
    let ended = "select 1 from rpt_claim where outcome = 'not fetched' and t1 < now()";
    until("a claim's end", 30, async || admin.query_opt(ended, &[]).await.unwrap()).await;

    let mut grafana = tokio_postgres::Config::new();
    grafana.host("127.0.0.1").port(port).dbname("spor").user("spor_grafana").password(PASSWORD);
    let mut grafana = connect(&grafana).await;
    let scope = Scope {
        from_ms: began_ms,
        to_ms: jiff::Timestamp::now().as_millisecond(),
        // Nothing can have been idle for days in a hospital that is a minute old.
        choices: vec![("idle_days".to_owned(), "0".to_owned())],
        young: true,
        limit: Duration::from_secs(5),
    };
    let mut dashboards = dashboard::load_all();
    // Presence is shown a day late.
    dashboards.retain(|dashboard| dashboard.name != "spor-staff");
    let (wrong, times) = check_dashboards(&mut grafana, &dashboards, &scope).await;
    assert!(times.len() >= 10, "only {} queries were run", times.len());
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    every_metric_is_told(&spor).await;
}

/// What counts only when something happens isn't told before it did.
const WHEN_IT_HAPPENS: [&str; 12] = [
    "spor_clock_ahead_seconds",
    "spor_clocks_ahead",
    "spor_connections_closed_total",
    "spor_connections_refused_total",
    "spor_events_dropped_total",
    "spor_late_stretches_total",
    "spor_messages_dropped_total",
    "spor_messages_rejected_total",
    "spor_queue_full_total",
    "spor_storage_set_aside_total",
    "spor_stream_clients",
    "spor_stream_lagged_total",
];

/// Every metric that the operators' dashboard names is one that the program tells.
async fn every_metric_is_told(spor: &Spor) {
    let told = reqwest::get(format!("{}/metrics", spor.http)).await.unwrap().text().await.unwrap();
    let dashboards = dashboard::load_all();
    let ops = dashboards.iter().find(|dashboard| dashboard.name == "spor-ops").unwrap();
    let mut named = std::collections::BTreeSet::new();
    for panel in ops.panels() {
        for target in panel.targets() {
            let expression = dashboard::text(&target["expr"]);
            let words = expression.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
            let metrics = words.filter(|w| w.starts_with("spor_") || w.starts_with("process_"));
            named.extend(metrics.map(|w| w.trim_end_matches("_bucket").to_owned()));
        }
    }
    assert!(named.len() > 20, "{named:?}");
    for metric in named {
        let is_told = told.lines().any(|line| line.starts_with(&metric));
        // No site file is watched in the demo.
        let may_lack =
            WHEN_IT_HAPPENS.contains(&metric.as_str()) || metric == "spor_site_file_in_use";
        assert!(is_told || may_lack, "{metric} is not in /metrics");
    }
}

async fn connect(config: &tokio_postgres::Config) -> tokio_postgres::Client {
    let (client, connection) = config.connect(tokio_postgres::NoTls).await.unwrap();
    tokio::spawn(connection);
    client
}
