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
const KINDS: [(&str, &str); 8] = [
    ("positions", "select 1 from position having count(distinct tag) > 300"),
    ("visits that ended", "select 1 from visit where left_at is not null limit 1"),
    ("statuses", "select 1 from asset_status having count(distinct status) >= 4"),
    ("statuses that ended", "select 1 from asset_status where to_at is not null limit 1"),
    ("events", "select 1 from event having count(distinct kind) >= 2"),
    ("presence", "select 1 from presence limit 1"),
    ("batteries", "select 1 from tag where battery_pct is not null limit 1"),
    ("readers", "select 1 from reader where online limit 1"),
];

#[tokio::test]
async fn every_panel_answers_on_what_the_simulated_hospital_sent() {
    if postgres::programs().is_none() {
        return;
    }
    let began_ms = jiff::Timestamp::now().as_millisecond();
    let arguments = ["demo", "--grafana", "--speed", "10", "--history", "0"];
    let spor = Spor::start(&arguments, &[("GRAFANA_SPOR_PASSWORD", PASSWORD)]).await;

    let mut own: tokio_postgres::Config = spor.database.parse().unwrap();
    own.password(std::fs::read(spor.data_dir().join("database.password")).unwrap().trim_ascii());
    let port = own.get_ports()[0];
    let admin = connect(&own).await;
    for (kind, sql) in KINDS {
        until(kind, 90, async || admin.query_opt(sql, &[]).await.unwrap()).await;
    }

    let mut grafana = tokio_postgres::Config::new();
    grafana.host("127.0.0.1").port(port).dbname("spor").user("spor_grafana").password(PASSWORD);
    let mut grafana = connect(&grafana).await;
    let scope = Scope {
        from_ms: began_ms,
        to_ms: jiff::Timestamp::now().as_millisecond(),
        // Nothing can have been idle for days in a hospital that is a minute old.
        choices: vec![("idle_days".to_owned(), "0".to_owned())],
        limit: Duration::from_secs(5),
    };
    let (wrong, times) = check_dashboards(&mut grafana, &dashboard::load_all(), &scope).await;
    assert!(times.len() >= 10, "only {} queries were run", times.len());
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

async fn connect(config: &tokio_postgres::Config) -> tokio_postgres::Client {
    let (client, connection) = config.connect(tokio_postgres::NoTls).await.unwrap();
    tokio::spawn(connection);
    client
}
