//! Assets: finding them, and changing what the registry says of them.

use super::world::World;
use crate::auth::Role;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

fn ids(list: &Value) -> Vec<&str> {
    list["assets"].as_array().unwrap().iter().map(|asset| asset["id"].as_str().unwrap()).collect()
}

async fn hospital() -> World {
    let world = World::open().await;
    world.seen("t1", "store");
    world.seen("t2", "ward");
    world.seen("t3", "upper");
    world.available("t1");
    world
}

#[tokio::test]
async fn an_asset_is_told_with_its_place_and_status() {
    let world = hospital().await;
    let (status, asset) = world.get("/api/v1/assets/pump-1").await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!(asset["status"], "available");
    assert_eq!(asset["status_rule"], "room:storage");
    assert_eq!(asset["status_since"], "1970-01-01T00:00:01Z");
    assert_eq!(asset["state"], "live");
    assert_eq!(asset["tag"], "t1");
    let place = &asset["place"];
    assert_eq!(place["zone"], "store");
    assert_eq!(place["zone_name"], "Equipment store");
    assert_eq!(place["ward"], "W1");
    assert_eq!(place["floor_label"], "G");
    assert_eq!(place["x_m"], 5.0);
    let (_, bed) = world.get("/api/v1/assets/bed-1").await;
    assert_eq!((&bed["state"], &bed["status"]), (&json!("unknown"), &json!("unknown")));
    assert_eq!((&bed["place"], &bed["tag"]), (&Value::Null, &Value::Null));
    assert_eq!(world.get("/api/v1/assets/pump-9").await.0, StatusCode::NOT_FOUND);
    assert_eq!(world.get("/api/v1/assets/a%20b").await.0, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn every_filter_narrows_the_list() {
    let world = hospital().await;
    for (query, expected) in [
        ("", vec!["bed-1", "pump-1", "pump-2", "pump-3"]),
        ("class=bed", vec!["bed-1"]),
        ("class=bed,infusion-pump&state=unknown", vec!["bed-1"]),
        ("status=available", vec!["pump-1"]),
        ("zone=store", vec!["pump-1"]),
        ("zone=near-store", vec!["pump-1"]),
        ("zone=W1", vec!["pump-1", "pump-2"]),
        ("ward=W2", vec!["pump-3"]),
        ("floor=1", vec!["pump-3"]),
        ("q=EQUIPMENT%20pump", vec!["pump-1"]),
        ("q=room%20pump", vec!["pump-2", "pump-3"]),
        ("q=w2", vec!["bed-1", "pump-3"]),
        ("q=zebra", vec![]),
    ] {
        let (status, list) = world.get(&format!("/api/v1/assets?{query}")).await;
        assert_eq!(status, StatusCode::OK, "{query}: {list}");
        assert_eq!(ids(&list), expected, "{query}");
    }
}

#[tokio::test]
async fn the_nearest_comes_first_and_a_floor_counts_for_thirty_metres() {
    let world = hospital().await;
    let (_, list) = world.get("/api/v1/assets?near=ward&class=infusion-pump").await;
    assert_eq!(ids(&list), ["pump-2", "pump-1", "pump-3"]);
    let distances: Vec<_> =
        list["assets"].as_array().unwrap().iter().map(|a| a["distance_m"].as_f64()).collect();
    assert_eq!(distances, [Some(0.0), Some(10.0), Some(40.0)]);
    let (_, list) = world.get("/api/v1/assets?near=5,5,1").await;
    assert_eq!(ids(&list), ["pump-3", "pump-1", "pump-2", "bed-1"]);
}

#[tokio::test]
async fn pages_follow_each_other_by_their_cursor() {
    let world = hospital().await;
    for sort in ["", "&near=ward"] {
        let mut all = Vec::new();
        let mut cursor = String::new();
        loop {
            let (_, list) = world.get(&format!("/api/v1/assets?limit=3{sort}{cursor}")).await;
            all.extend(ids(&list).into_iter().map(ToOwned::to_owned));
            let Some(next) = list["next_cursor"].as_str() else { break };
            cursor = format!("&cursor={next}");
        }
        assert_eq!(all.len(), 4, "{sort}");
    }
}

#[tokio::test]
async fn a_query_that_makes_no_sense_names_its_parameter() {
    let world = World::open().await;
    for (query, field) in [
        ("status=borrowed", "status"),
        ("state=gone", "state"),
        ("zone=nowhere", "zone"),
        ("ward=W9", "ward"),
        ("floor=9", "floor"),
        ("floor=one", "query"),
        ("near=5,5", "near"),
        ("near=5,5,9", "near"),
        ("near=NaN,5,0", "near"),
        ("limit=0", "limit"),
        ("limit=5000", "limit"),
        ("cursor=x", "cursor"),
        ("colour=blue", "query"),
    ] {
        let (status, problem) = world.get(&format!("/api/v1/assets?{query}")).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{query}");
        assert_eq!(problem["field"], field, "{query}: {problem}");
        assert_eq!(problem["type"], "urn:spor:problem:invalid");
    }
}

#[tokio::test]
async fn classes_count_their_assets_by_status() {
    let world = hospital().await;
    let (_, list) = world.get("/api/v1/classes").await;
    let expected = json!({ "classes": [
        { "id": "bed", "total": 1, "by_status": { "unknown": 1 } },
        { "id": "infusion-pump", "total": 3, "by_status": { "available": 1, "unknown": 2 } },
    ]});
    assert_eq!(list, expected);
}

#[tokio::test]
async fn an_asset_is_entered_changed_and_retired() {
    let world = World::open().await;
    let body = json!({ "label": "Bladder scanner", "class": "scanner" });
    let path = "/api/v1/assets/scan-1";
    let (status, asset) = world.ask(Method::PUT, path, None, Some(body)).await;
    assert_eq!((status, &asset["label"]), (StatusCode::OK, &json!("Bladder scanner")), "{asset}");
    let many = json!({ "assets": [
        { "id": "scan-1", "label": "Scanner 1", "class": "scanner", "home_ward": "W1" },
        { "id": "scan-2", "label": "Scanner 2", "class": "scanner" },
    ]});
    let (status, count) = world.ask(Method::POST, "/api/v1/assets", None, Some(many)).await;
    assert_eq!((status, count), (StatusCode::OK, json!({ "put": 2 })));
    assert_eq!(world.get(path).await.1["home_ward"], "W1");
    assert_eq!(world.ask(Method::DELETE, path, None, None).await.0, StatusCode::NO_CONTENT);
    assert_eq!(world.get(path).await.0, StatusCode::NOT_FOUND);
    assert_eq!(world.ask(Method::DELETE, path, None, None).await.0, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_body_that_makes_no_sense_is_a_problem() {
    let world = World::open().await;
    let path = "/api/v1/assets/x";
    for body in [
        json!({ "label": "", "class": "bed" }),
        json!({ "label": "x".repeat(201), "class": "bed" }),
        json!({ "label": "Bed", "class": "two words" }),
        json!({ "label": "Bed", "class": "bed", "colour": "blue" }),
        json!({ "label": "Bed" }),
        json!([1]),
    ] {
        let (status, _) = world.ask(Method::PUT, path, None, Some(body.clone())).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{body}");
    }
    let unsaid = world.request(Method::PUT, path).body("{}").send().await.unwrap();
    assert_eq!(unsaid.status(), StatusCode::UNSUPPORTED_MEDIA_TYPE);
    let long = json!({ "label": "x".repeat(3_000_000), "class": "bed" });
    let (status, _) = world.ask(Method::PUT, path, None, Some(long)).await;
    assert_eq!(status, StatusCode::PAYLOAD_TOO_LARGE);
}

#[tokio::test]
async fn a_tag_is_fastened_replaced_and_taken_off() {
    let world = World::open().await;
    let put = |id: &str, tag: &str| {
        let path = format!("/api/v1/assets/{id}/tag");
        let body = json!({ "tag": tag });
        let world = &world;
        async move { world.ask(Method::PUT, &path, None, Some(body)).await }
    };
    assert_eq!(put("bed-1", "t9").await.1["tag"], "t9");
    assert_eq!(put("bed-1", "t9").await.0, StatusCode::OK, "once more changes nothing");
    assert_eq!(put("bed-1", "t8").await.1["tag"], "t8");
    assert_eq!(put("bed-1", "t1").await.0, StatusCode::CONFLICT, "a pump carries it");
    assert_eq!(put("bed-1", "badge").await.0, StatusCode::CONFLICT, "a person wears it");
    assert_eq!(put("bed-9", "t7").await.0, StatusCode::NOT_FOUND);
    let path = "/api/v1/assets/bed-1/tag";
    for _ in 0..2 {
        assert_eq!(world.ask(Method::DELETE, path, None, None).await.0, StatusCode::NO_CONTENT);
    }
    assert_eq!(world.get("/api/v1/assets/bed-1").await.1["tag"], Value::Null);
}

#[tokio::test]
async fn roles_that_only_look_change_nothing() {
    let world = World::closed().await;
    let body = json!({ "label": "Bed", "class": "bed" });
    for role in Role::ALL {
        let (status, _) =
            world.ask(Method::PUT, "/api/v1/assets/x", Some(role), Some(body.clone())).await;
        let may = matches!(role, Role::Engineer | Role::Admin);
        assert_eq!(status.is_success(), may, "{role:?}");
        assert_eq!(world.get_as(role, "/api/v1/assets").await.0, StatusCode::OK);
    }
}
