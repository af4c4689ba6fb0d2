//! PAR levels by CSV and REST, and the month's report, of the built program.

use crate::support::{Spor, postgres, program::command, until};
use serde_json::json;

fn token(spor: &Spor, role: &str) -> String {
    let made = command(&spor.data_dir())
        .args(["token", "add", &format!("it-{role}"), "--role", role])
        .output()
        .unwrap();
    assert!(made.status.success(), "{made:?}");
    String::from_utf8(made.stdout).unwrap().trim().to_owned()
}

/// A ward of the demo hospital that has a store.
async fn ward(spor: &Spor) -> String {
    let (_, zones) = spor.get("/api/v1/zones?limit=1000").await;
    let zones = zones["zones"].as_array().unwrap();
    let store = zones.iter().find(|z| z["kind"] == "storage" && z["ward"].is_string()).unwrap();
    store["ward"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn par_levels_come_by_csv_and_a_file_with_an_error_changes_nothing() {
    let Some(url) = postgres::database().await else { return };
    let folder = tempfile::tempdir().unwrap();
    let csv = folder.path().join("par.csv");
    let import = |text: &str| {
        std::fs::write(&csv, text).unwrap();
        let done = command(&folder.path().join("data"))
            .env("SPOR_DATABASE__URL", &url)
            .args(["import-par"])
            .arg(&csv)
            .output()
            .unwrap();
        let said = [&done.stdout, &done.stderr].map(|b| String::from_utf8_lossy(b)).concat();
        (done.status.code(), said)
    };
    let (code, said) = import("class,ward,target,critical\nbed,C1,6,2\nbed,C2,5,0\nbed,C1,7,3\n");
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("3 PAR levels imported"), "{said}");
    let client = postgres::connect(&url).await;
    let all = async || {
        let sql = "select class || ' ' || ward || ' ' || target || ' ' || critical from par_level order by 1";
        let rows = client.query(sql, &[]).await.unwrap();
        rows.iter().map(|row| row.get(0)).collect::<Vec<String>>()
    };
    assert_eq!(all().await, ["bed C1 7 3", "bed C2 5 0"]);
    for (wrong, told) in [
        ("class,ward,target,critical\nbed,C1,1,1\nbed,C2,1,2\n", "bed in C2: critical"),
        ("class,ward,target,critical\nbed,C1,1,1\nbed,C2,many,2\n", "line: 3"),
        ("class,ward,target\nbed,C1,1\n", "critical"),
    ] {
        let (code, said) = import(wrong);
        assert_eq!(code, Some(1), "{said}");
        assert!(said.contains(told), "{said}");
    }
    assert_eq!(all().await, ["bed C1 7 3", "bed C2 5 0"]);
}

#[tokio::test]
async fn managers_set_par_levels_over_rest_and_porters_see_them() {
    let Some(spor) = Spor::serve(&[("SPOR_HTTP__OPEN", "false")]).await else { return };
    let ward = ward(&spor).await;
    let (manager, porter) = (token(&spor, "manager"), token(&spor, "porter"));
    let http = reqwest::Client::new();
    let path = format!("{}/api/v1/par/infusion-pump/{ward}", spor.http);
    let put = async |token: &str, path: &str, body: serde_json::Value| {
        let answer = http.put(path).bearer_auth(token).json(&body).send().await.unwrap();
        (answer.status().as_u16(), answer.json::<serde_json::Value>().await.unwrap())
    };
    let level = json!({"target": 4, "critical": 1});
    assert_eq!(put(&porter, &path, level.clone()).await.0, 403);
    let (status, set) = put(&manager, &path, level).await;
    assert_eq!((status, &set["target"], &set["available"]), (200, &json!(4), &json!(0)), "{set}");
    let wrong = put(&manager, &path, json!({"target": 1, "critical": 2})).await;
    assert_eq!((wrong.0, &wrong.1["field"]), (400, &json!("critical")), "{}", wrong.1);
    let nowhere = path.replace(&ward, "nowhere");
    assert_eq!(put(&manager, &nowhere, json!({"target": 1, "critical": 0})).await.0, 400);

    let get = async |query: &str| {
        let path = format!("{}/api/v1/par{query}", spor.http);
        let answer = http.get(path).bearer_auth(&porter).send().await.unwrap();
        answer.json::<serde_json::Value>().await.unwrap()
    };
    let listed = get("").await;
    assert_eq!(listed["levels"].as_array().unwrap().len(), 1, "{listed}");
    assert_eq!(listed["levels"][0]["ward"], ward.as_str());
    assert!(get("?class=bed").await["levels"].as_array().unwrap().is_empty());
    let delete = async |token: &str| {
        http.delete(&path).bearer_auth(token).send().await.unwrap().status().as_u16()
    };
    let deleted = (delete(&porter).await, delete(&manager).await, delete(&manager).await);
    assert_eq!(deleted, (403, 204, 404));
}

#[tokio::test]
async fn the_report_of_a_month_is_written_and_served() {
    let Some(spor) = Spor::serve(&[("SPOR_STORAGE__ROLLUP_SECONDS", "1")]).await else { return };
    let ward = ward(&spor).await;
    let body = json!({"label": "Pump 1", "class": "infusion-pump", "home_ward": ward});
    let path = format!("{}/api/v1/assets/P1", spor.http);
    let put = reqwest::Client::new().put(path).json(&body).send().await.unwrap();
    assert!(put.status().is_success());
    let page = until("a report with the pump", 20, async || {
        let answer = reqwest::get(format!("{}/report", spor.http)).await.unwrap();
        let policy = answer.headers()["content-security-policy"].to_str().unwrap().to_owned();
        assert!(policy.contains("default-src 'none'"), "{policy}");
        let page = answer.text().await.unwrap();
        page.contains("infusion-pump").then_some(page)
    })
    .await;
    assert!(page.contains("Sporby Hospital"));
    assert!(!page.contains("NaN") && !page.contains(".csv\""));
    for (query, status) in
        [("?month=2026-13", 400), ("?ward=nowhere", 400), (&format!("?ward={ward}"), 200)]
    {
        let answer = reqwest::get(format!("{}/report{query}", spor.http)).await.unwrap();
        assert_eq!(answer.status().as_u16(), status, "{query}");
    }

    let out = spor.data_dir().join("report");
    let report = |arguments: &[&str]| {
        let done = command(&spor.data_dir())
            .env("SPOR_DATABASE__URL", spor.database_url())
            .args(["report", "--out"])
            .arg(&out)
            .args(arguments)
            .output()
            .unwrap();
        let said = [&done.stdout, &done.stderr].map(|b| String::from_utf8_lossy(b)).concat();
        (done.status.code(), said)
    };
    let (code, said) = report(&[]);
    assert_eq!(code, Some(0), "{said}");
    let mut names: Vec<_> = std::fs::read_dir(&out)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    let expected = [
        "classes.csv",
        "days.csv",
        "filled.csv",
        "index.html",
        "par.csv",
        "transfers.csv",
        "turnaround.csv",
        "week.csv",
    ];
    assert_eq!(names, expected);
    let classes = std::fs::read_to_string(out.join("classes.csv")).unwrap();
    assert!(classes.lines().nth(1).unwrap().starts_with("infusion-pump,1,"), "{classes}");
    assert_eq!(report(&["--month", "October"]).0, Some(2));
    assert_eq!(report(&["--ward", "nowhere"]).0, Some(2));
    let (code, said) = report(&["--month", "2020-01"]);
    assert_eq!(code, Some(0), "{said}");
    let empty = std::fs::read_to_string(out.join("index.html")).unwrap();
    assert!(empty.contains("Nothing is recorded"));
}
