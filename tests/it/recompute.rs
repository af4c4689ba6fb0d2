//! The past decided anew through the built program, by rules that are run over it again and by what
//! comes late, with the key figures that are made of it.

mod late;

use crate::support::{
    Spor,
    client::{client, now_ms, position_topic, publish_all},
    past::{Came, Thing, with_a_past},
    postgres,
    program::command,
    until,
};
use serde_json::json;
use spor::{
    model::{RoomKind, ZoneId},
    site::Site,
};
use std::{path::Path, process::Output};

const HOUR_MS: i64 = 3_600_000;
const SECOND_MS: i64 = 1_000;

const THEN: &str = r#"
format = "spor-rules/1"
dwell_s = 2

[[rule]]
name = "shelf"
room = ["storage"]
status = "available"

[[rule]]
name = "bed"
room = ["patient"]
status = "in_use"

[[rule]]
name = "soiled"
room = ["soiled_utility"]
status = "dirty"
"#;

fn moment(ms: i64) -> String {
    jiff::Timestamp::from_millisecond(ms).unwrap().to_string()
}

fn hours_ago(hours: i64) -> i64 {
    let now_ms = i64::try_from(now_ms()).unwrap();
    now_ms / SECOND_MS * SECOND_MS - hours * HOUR_MS
}

fn first_room(site: &Site, kind: RoomKind) -> ZoneId {
    let rooms = site.zones().filter(|zone| zone.kind == Some(kind));
    rooms.min_by_key(|zone| (zone.ward.is_none(), &zone.id)).unwrap().id.clone()
}

/// Positions in the middle of a room, one in ten seconds.
fn positions(site: &Site, tag: &str, kind: RoomKind, (from_ms, to_ms): (i64, i64)) -> Vec<Came> {
    let (x_m, y_m, floor) = site.centre(&first_room(site, kind)).unwrap();
    let position = |time_ms: i64| {
        let position = json!({ "time_ms": time_ms, "x_m": x_m, "y_m": y_m, "floor": floor, "accuracy_m": 0.3 });
        (time_ms + 20, position_topic(tag), position.to_string())
    };
    (from_ms..to_ms).step_by(10_000).map(position).collect()
}

async fn publish(spor: &Spor, messages: &[Came]) {
    let messages = messages
        .iter()
        .map(|(_, topic, payload)| (topic.clone(), payload.clone().into_bytes()))
        .collect();
    publish_all(client(spor.mqtt_port(), "it-recompute"), messages).await;
}

fn recompute(spor: &Spor, arguments: &[&str]) -> Output {
    command(&spor.data_dir())
        .env("SPOR_DATABASE__URL", spor.database_url())
        .arg("recompute")
        .args(arguments)
        .output()
        .unwrap()
}

#[track_caller]
fn done(output: Output) -> String {
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// Beginning, status and rule of each interval, in the order of time.
async fn line(spor: &Spor, asset: &str) -> Vec<(i64, String, String)> {
    let database = postgres::connect(&spor.database_url()).await;
    let sql = "select (extract(epoch from from_at) * 1000)::int8, status, rule
               from asset_status where asset = $1 order by from_at";
    let rows = database.query(sql, &[&asset]).await.unwrap();
    rows.iter().map(|row| (row.get(0), row.get(1), row.get(2))).collect()
}

fn names(line: &[(i64, String, String)]) -> Vec<&str> {
    line.iter().map(|(_, status, _)| status.as_str()).collect()
}

async fn overlaps(spor: &Spor) -> i64 {
    let database = postgres::connect(&spor.database_url()).await;
    database.query_one("select count(*) from overlap", &[]).await.unwrap().get(0)
}

/// Everything up to now is rolled up, and nothing waits.
async fn rolled_up(spor: &Spor) {
    let database = postgres::connect(&spor.database_url()).await;
    let asked_ms = i64::try_from(now_ms()).unwrap();
    let sql = "select as_of > to_timestamp($1::int8 / 1000.0)
                      and not exists (select from rollup_touched) and not exists (select from rollup_due)
               from rollup_state";
    until("roll-ups", 60, async || {
        let row = database.query_one(sql, &[&asked_ms]).await.unwrap();
        row.get::<_, Option<bool>>(0).unwrap_or_default().then_some(())
    })
    .await;
}

/// Hours in that status before `to_ms`, by the roll-ups.
async fn rolled_hours(spor: &Spor, status: &str, to_ms: i64) -> f64 {
    rolled_up(spor).await;
    let database = postgres::connect(&spor.database_url()).await;
    let sql = format!(
        "select coalesce(sum({status}_s), 0) / 3600 from rpt_class_hour where hour < to_timestamp($1::int8 / 1000.0)"
    );
    database.query_one(&sql, &[&to_ms]).await.unwrap().get(0)
}

async fn explained(spor: &Spor, asset: &str) -> serde_json::Value {
    spor.get(&format!("/api/v1/assets/{asset}/status")).await.1
}

fn environment(rules: &Path) -> [(&'static str, String); 2] {
    [
        ("SPOR_UTILISATION__RULES", rules.display().to_string()),
        ("SPOR_STORAGE__ROLLUP_SECONDS", "1".to_owned()),
    ]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_corrected_rule_is_run_over_the_past_while_spor_runs_and_while_it_does_not() {
    let site = Site::load(None).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let [rules, other, wrong] =
        ["rules.toml", "other.toml", "wrong.toml"].map(|name| folder.path().join(name));
    std::fs::write(&rules, THEN).unwrap();
    std::fs::write(&other, THEN.replace("in_use", "cleaning").replace("bed", "washed")).unwrap();
    std::fs::write(&wrong, THEN.replace("patient", "attic")).unwrap();
    let (from_ms, to_ms) = (hours_ago(8), hours_ago(0));
    let at = |minutes: i64| from_ms + minutes * 60_000;
    let end = (to_ms - from_ms) / 60_000;
    let stays = [
        ("t1", RoomKind::Storage, 0, 60),
        ("t1", RoomKind::Patient, 60, 200),
        ("t1", RoomKind::SoiledUtility, 200, 260),
        ("t1", RoomKind::Storage, 260, 300),
        ("t1", RoomKind::Patient, 300, end),
        ("t2", RoomKind::Storage, 0, 90),
        ("t2", RoomKind::Patient, 100, 400),
        ("t2", RoomKind::Corridor, 400, end),
    ];
    let mut messages = Vec::new();
    for (tag, kind, first, last) in stays {
        messages.extend(positions(&site, tag, kind, (at(first), at(last))));
    }
    messages.sort_by_key(|came| came.0);
    let things: [Thing<'_>; 2] = [("P1", "pump", None, "t1"), ("P2", "pump", None, "t2")];
    let own = environment(&rules);
    let own = own.each_ref().map(|(name, value)| (*name, value.as_str()));
    let span = (from_ms, to_ms);
    let Some(mut spor) = with_a_past(&own, Some(THEN), &things, span, &messages).await else {
        return;
    };
    until("the fold", 60, async || {
        (names(&line(&spor, "P2").await).last() == Some(&"in_use")
            && names(&line(&spor, "P1").await).len() == 5)
            .then_some(())
    })
    .await;
    let before = [line(&spor, "P1").await, line(&spor, "P2").await];
    assert_eq!(names(&before[0]), ["available", "in_use", "dirty", "available", "in_use"]);
    let in_time = rolled_hours(&spor, "in_use", at(400)).await;

    let from = moment(at(30));
    let said = done(recompute(&spor, &["--from", &from]));
    assert!(said.starts_with("2 assets; of 0 of them 0 intervals"), "{said}");
    let (other, rules) = (other.to_str().unwrap(), rules.to_str().unwrap());
    let said = done(recompute(&spor, &["--from", &from, "--rules", other, "--dry-run"]));
    assert!(said.starts_with("2 assets; of 2 of them"), "{said}");
    assert_eq!(before, [line(&spor, "P1").await, line(&spor, "P2").await], "a dry run");

    done(recompute(&spor, &["--from", &from, "--rules", other]));
    let after = [line(&spor, "P1").await, line(&spor, "P2").await];
    assert_eq!(
        names(&after[0]),
        ["available", "cleaning", "dirty", "available", "cleaning", "in_use"]
    );
    assert_eq!(after[0][..5].iter().map(|row| row.0).collect::<Vec<_>>(), began(&before[0]));
    assert!(after[0][5].0 >= to_ms, "from now on by the rules of now");
    assert_eq!(names(&after[1]), ["available", "cleaning"], "no rule for the corridor");
    for (asset, status, rule) in [("P1", "in_use", "bed"), ("P2", "cleaning", "washed")] {
        until("the live picture", 10, async || {
            let told = explained(&spor, asset).await;
            (told["status"] == status && told["rule"] == rule).then_some(())
        })
        .await;
    }
    assert!(rolled_hours(&spor, "in_use", at(400)).await < 0.1 && in_time > 7.0, "{in_time}");
    // What comes late is decided by the same rules: the stay began earlier.
    let late = positions(&site, "t2", RoomKind::Patient, (at(90), at(100)));
    publish(&spor, &late).await;
    until("the late stay", 20, async || {
        let line = line(&spor, "P2").await;
        (line[1].0 == at(90) && line[1].2 == "washed").then_some(())
    })
    .await;

    assert!(spor.stop().success());
    let said = done(recompute(&spor, &["--from", &from, "--rules", rules]));
    assert!(said.contains("learns at its start"), "{said}");
    spor.start_again().await;
    let told = explained(&spor, "P2").await;
    assert_eq!((&told["status"], &told["rule"]), (&json!("in_use"), &json!("bed")), "{told}");
    assert_eq!(before[0], line(&spor, "P1").await);
    assert!((rolled_hours(&spor, "in_use", at(400)).await - in_time).abs() < 0.2);
    assert_eq!(overlaps(&spor).await, 0);

    let misused = [
        vec!["--from", &from, "--rules", wrong.to_str().unwrap()],
        vec!["--from", "1h", "--to", "2h"],
        vec!["--from", "yesterday"],
        vec![],
    ];
    for arguments in misused {
        let refused = recompute(&spor, &arguments);
        assert_eq!(refused.status.code(), Some(2), "{arguments:?}: {refused:?}");
    }
    assert_eq!(before[0], line(&spor, "P1").await);
}

fn began(line: &[(i64, String, String)]) -> Vec<i64> {
    line.iter().map(|row| row.0).collect()
}

const EACH: &str = r#"
format = "spor-rules/1"
dwell_s = 1

[[rule]]
name = "washed"
button = true
from = ["dirty"]
room = ["soiled_utility"]
status = "cleaning"

[[rule]]
name = "soiled"
room = ["soiled_utility"]
status = "dirty"

[[rule]]
name = "pushed about"
moving = true
room = ["patient"]
status = "in_use"

[[rule]]
name = "stands"
moving = false
room = ["patient"]
status = "available"

[[rule]]
name = "own shelf"
ward = "home"
room = ["storage"]
status = "available"

[[rule]]
name = "foreign shelf"
ward = "other"
room = ["storage"]
status = "missing"
"#;

#[tokio::test]
async fn motion_buttons_and_home_wards_decide_through_the_program_and_again_over_its_past() {
    let site = Site::load(None).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let rules = folder.path().join("rules.toml");
    std::fs::write(&rules, EACH).unwrap();
    let (from_ms, to_ms) = (hours_ago(3), hours_ago(0));
    let at = |minutes: i64| from_ms + minutes * 60_000;
    let shelf = site.zone(&first_room(&site, RoomKind::Storage)).unwrap();
    let home = shelf.ward.as_ref().unwrap().to_string();
    let moving = |kind, first: i64, last: i64, moving: bool| {
        positions(&site, "t1", kind, (at(first), at(last))).into_iter().map(move |came| {
            let payload = came.2.replacen('{', &format!(r#"{{"moving":{moving},"#), 1);
            (came.0, came.1, payload)
        })
    };
    let mut messages: Vec<Came> = moving(RoomKind::Storage, 0, 20, false).collect();
    messages.extend(moving(RoomKind::Patient, 20, 40, true));
    messages.extend(moving(RoomKind::Patient, 40, 60, false));
    messages.extend(moving(RoomKind::Patient, 60, 80, true));
    messages.extend(moving(RoomKind::SoiledUtility, 80, 120, false));
    messages.extend(moving(RoomKind::Storage, 120, 180, false));
    messages.extend(positions(&site, "t2", RoomKind::Storage, (at(0), at(180))));
    let press = json!({ "time_ms": at(100), "button": true });
    messages.push((at(100) + 30, "spor/v1/tags/t1/status".to_owned(), press.to_string()));
    messages.sort_by_key(|came| came.0);
    let elsewhere = site.wards().into_iter().map(ToString::to_string).find(|ward| *ward != home);
    let elsewhere = elsewhere.unwrap();
    let things: [Thing<'_>; 2] =
        [("P1", "pump", Some(&home), "t1"), ("P2", "pump", Some(&elsewhere), "t2")];
    let own = environment(&rules);
    let own = own.each_ref().map(|(name, value)| (*name, value.as_str()));
    let span = (from_ms, to_ms);
    let Some(spor) = with_a_past(&own, Some(EACH), &things, span, &messages).await else { return };
    let wanted = [
        (0, "available", "own shelf"),
        (20, "in_use", "pushed about"),
        (40, "available", "stands"),
        (60, "in_use", "pushed about"),
        (80, "dirty", "soiled"),
        (100, "cleaning", "washed"),
        (120, "available", "own shelf"),
    ];
    let wanted = wanted.map(|(from, status, rule)| (at(from), status.to_owned(), rule.to_owned()));
    until("the fold", 60, async || (line(&spor, "P1").await.len() >= wanted.len()).then_some(()))
        .await;
    assert_eq!(line(&spor, "P1").await, wanted);
    assert_eq!(names(&line(&spor, "P2").await), ["missing"]);
    let status = explained(&spor, "P1").await;
    assert_eq!(status["rule"], "own shelf");
    // And as it happens, by whoever carries it through the rooms now.
    let live = |kind: RoomKind, moving: bool| {
        let now_ms = i64::try_from(now_ms()).unwrap();
        let came = positions(&site, "t1", kind, (now_ms, now_ms + 1)).remove(0);
        vec![(came.0, came.1, came.2.replacen('{', &format!(r#"{{"moving":{moving},"#), 1))]
    };
    let steps = [
        (RoomKind::Patient, true, "pushed about"),
        (RoomKind::Patient, false, "stands"),
        (RoomKind::SoiledUtility, false, "soiled"),
    ];
    for (kind, moving, rule) in &steps {
        let (kind, moving, rule) = (*kind, *moving, *rule);
        publish(&spor, &live(kind, moving)).await;
        until(rule, 10, async || (explained(&spor, "P1").await["rule"] == rule).then_some(()))
            .await;
    }
    let press = vec![(0, "spor/v1/tags/t1/status".to_owned(), r#"{"button":true}"#.to_owned())];
    publish(&spor, &press).await;
    until("the press", 10, async || {
        let status = explained(&spor, "P1").await;
        (status["status"] == "cleaning" && status["basis"] == "observed").then_some(())
    })
    .await;
    publish(&spor, &live(RoomKind::Storage, false)).await;
    until("the shelf", 10, async || {
        (explained(&spor, "P1").await["rule"] == "own shelf").then_some(())
    })
    .await;
    let begun = wanted.len() + steps.len() + 2;
    until("all of it", 10, async || (line(&spor, "P1").await.len() == begun).then_some(())).await;
    let before = line(&spor, "P1").await;
    let said = done(recompute(&spor, &["--from", &moment(from_ms)]));
    assert!(said.starts_with("2 assets; of 0 of them"), "{said}");
    assert_eq!(before, line(&spor, "P1").await);
}
