//! The dashboards without a Grafana: assembled, linted, and every query run as the read-only role.
//!
//! [`check::check_dashboards`] takes any filled database: a made-up fortnight, whose truth is also
//! used to work some of the numbers out a second time, and in [`demo`] what the simulator sent.

#![allow(clippy::unwrap_used)]

mod alerts;
pub(crate) mod assemble;
pub(crate) mod check;
pub(crate) mod dashboard;
mod demo;
mod fortnight;
mod golden;
mod lint;
mod macros;
mod rows;
mod scale;
mod show;
mod simulated;
mod truth;

use crate::support::{postgres, program::command};
use check::{Scope, check_dashboards};
use dashboard::Dashboard;
use fortnight::Fortnight;
use spor::storage;
use std::{fs, time::Duration};

/// A database, its URL, and the fortnight in it, which ended a moment ago. None: no PostgreSQL.
async fn filled() -> Option<(String, Fortnight, tokio_postgres::Client)> {
    let url = postgres::database().await?;
    let folder = tempfile::tempdir().unwrap();
    let migrated = command(&folder.path().join("data"))
        .env("SPOR_DATABASE__URL", &url)
        .arg("migrate")
        .output()
        .unwrap();
    assert!(migrated.status.success(), "{migrated:?}");
    let client = postgres::connect(&url).await;
    let now_ms = jiff::Timestamp::now().as_millisecond();
    let fortnight = Fortnight::until(now_ms - now_ms % 60_000);
    fortnight.store(&client).await.unwrap();
    roll_up(&url, fortnight.to_ms).await;
    Some((url, fortnight, client))
}

/// Rolls up everything that happened before `now_ms`.
async fn roll_up(url: &str, now_ms: i64) {
    let config = storage::Config { url: Some(url.to_owned()), ..storage::Config::default() };
    let nowhere = std::path::Path::new("/nonexistent");
    let storage = storage::Storage::open(&config, nowhere, |_| ()).await.unwrap();
    let roll: storage::Roll = std::sync::Arc::new(spor::utilisation::roll);
    storage.roll_up_to(&roll, now_ms).await.unwrap();
    storage.stop().await;
}

fn scope(fortnight: &Fortnight) -> Scope {
    Scope {
        from_ms: fortnight.from_ms,
        to_ms: fortnight.to_ms,
        choices: Vec::new(),
        young: false,
        // A second is what a person is promised; a test shares its machine with others.
        limit: Duration::from_secs(3),
    }
}

#[test]
fn the_dashboards_are_those_of_the_layouts_and_the_queries() {
    let dashboards = assemble::NAMES.map(|name| (name, assemble::assemble(name)));
    for (name, (path, text)) in dashboards.into_iter().chain([("alerts", alerts::assembled())]) {
        if std::env::var_os("UPDATE_GOLDEN").is_some() {
            fs::write(&path, text).unwrap();
        } else {
            let stands = fs::read_to_string(&path).unwrap_or_default();
            assert!(stands == text, "{name} differs: run the tests with UPDATE_GOLDEN=1");
        }
    }
}

#[test]
fn the_dashboards_pass_the_lint() {
    let wrong = lint::lint(&dashboard::load_all());
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_lint_catches_what_is_wrong() {
    let broken = |change: fn(&mut serde_json::Value)| {
        let mut all = dashboard::load_all();
        let fleet = all.iter_mut().find(|d| d.name == "spor-fleet").unwrap();
        change(&mut fleet.json);
        lint::lint(&all).join("\n")
    };
    let says = [
        (broken(|d| d["editable"] = true.into()), "it is editable"),
        (broken(|d| d["panels"][1]["description"] = "".into()), "no question"),
        (broken(|d| d["panels"][1]["gridPos"]["w"] = 7.into()), "lies over another panel"),
        (broken(|d| d["panels"][1]["type"] = "canvas".into()), "not on the list"),
        (broken(|d| d["panels"][1]["datasource"]["uid"] = "spor-pg".into()), "not ${ds}"),
        (
            broken(|d| d["panels"][1]["targets"][0]["rawSql"] = "select from asset_status".into()),
            "reads the table `asset_status`",
        ),
        (
            broken(|d| d["panels"][1]["targets"][0]["rawSql"] = "where $__timeFilter(t0)".into()),
            "filters intervals by their start",
        ),
        (broken(|d| d["panels"][1]["links"] = "/d/spor-nowhere".into()), "which there is not"),
    ];
    for (said, expected) in says {
        assert!(said.contains(expected), "expected `{expected}`, got: {said}");
    }
}

#[tokio::test]
async fn every_panel_answers_its_question_as_the_read_only_role() {
    let Some((url, fortnight, mut client)) = filled().await else { return };
    let dashboards = dashboard::load_all();
    let (wrong, times) = check_dashboards(&mut client, &dashboards, &scope(&fortnight)).await;
    for (panel, took) in times {
        println!("{took:>12.1?}  {panel}");
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    truth::agrees(&mut client, &dashboards, &fortnight).await;
    let table = golden::agrees(&mut client, &dashboards, &fortnight.truth(), 0.0).await;
    println!("{table}");
    assert!(table.contains("unused for a week"), "something must have been");
    the_role_sees_reports_and_nothing_else(&url, &client).await;
    broken_panels_are_caught(&mut client, &fortnight).await;
    let wrong = alerts::wrong(&mut client).await;
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Each fault is put into the first panel with a query, and must be found there.
async fn broken_panels_are_caught(client: &mut tokio_postgres::Client, fortnight: &Fortnight) {
    let faults = [
        ("select 1 as \"x\" from rpt_asset where false", "no rows"),
        ("select 2.5::float8 as \"x\"", "not a share"),
        ("select count(*) from asset_status", "permission denied"),
        ("select nonsense from rpt_asset", "does not exist"),
        ("select $__between(t0)", "unknown macro"),
        ("select 1 from rpt_asset where class in (${klass:sqlstring})", "not expanded"),
    ];
    for (sql, expected) in faults {
        let mut all = dashboard::load_all();
        all.retain(|d| d.name == "spor-fleet");
        let Dashboard { json, .. } = &mut all[0];
        let panels = json["panels"].as_array_mut().unwrap();
        panels.truncate(2);
        panels[1]["targets"][0]["rawSql"] = sql.into();
        let (wrong, _) = check_dashboards(client, &all, &scope(fortnight)).await;
        let said = wrong.join("\n");
        assert!(said.contains(expected), "expected `{expected}` of `{sql}`, got: {said}");
    }
    let mut all = dashboard::load_all();
    all.retain(|d| d.name == "spor-fleet");
    let panels = all[0].json["panels"].as_array_mut().unwrap();
    panels.retain(|p| p["title"] == "Utilisation by class over time");
    let series = &mut panels[0]["targets"][0]["rawSql"];
    *series = series.as_str().unwrap().replace("order by 1, 2", "order by value").into();
    let (wrong, _) = check_dashboards(client, &all, &scope(fortnight)).await;
    assert!(wrong.join("\n").contains("not in the order of time"), "{wrong:?}");
}

/// The grants hold for whoever logs in as the role, and no view shows a badge or a small group.
async fn the_role_sees_reports_and_nothing_else(url: &str, admin: &tokio_postgres::Client) {
    admin.batch_execute("alter role spor_grafana login").await.unwrap();
    let role = postgres::connect(&url.replace("postgres@", "spor_grafana@")).await;
    let timeout: String = role.query_one("show statement_timeout", &[]).await.unwrap().get(0);
    assert_eq!(timeout, "15s");
    let tables = "select relname::text from pg_class
                  where relnamespace = 'public'::regnamespace and relkind in ('r', 'p', 'v')";
    for row in admin.query(tables, &[]).await.unwrap() {
        let table: String = row.get(0);
        let seen = role.query(&format!("select * from {table} limit 1"), &[]).await;
        assert_eq!(seen.is_ok(), table.starts_with("rpt_"), "{table}: {:?}", seen.err());
        if table.starts_with("rpt_") {
            let badge = format!(
                "select count(*) from {table} r where r::text ~ 'badge-|person-|900100001'"
            );
            let shown: i64 = role.query_one(&badge, &[]).await.unwrap().get(0);
            assert_eq!(shown, 0, "{table} shows a badge");
        }
    }
    role.batch_execute("set default_transaction_read_only = off").await.unwrap();
    assert!(role.execute("delete from rpt_asset", &[]).await.is_err());
    let presence = "select count(*), count(persons_at_least),
                           count(*) filter (where persons_at_least < 5 or persons_at_least % 5 > 0),
                           max(quarter) < now() - interval '1 day'
                    from rpt_presence_15m";
    let row = role.query_one(presence, &[]).await.unwrap();
    assert!(row.get::<_, i64>(0) > row.get::<_, i64>(1), "no small group was hidden");
    assert!(row.get::<_, i64>(1) > 0, "every group was hidden");
    assert_eq!(row.get::<_, i64>(2), 0, "a small or exact group is shown");
    assert!(row.get::<_, bool>(3), "presence is less than a day old");
}
