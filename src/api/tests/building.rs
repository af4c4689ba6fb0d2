//! The building, health, and the description of the API itself.

use super::super::Trouble;
use super::world::World;
use reqwest::{Method, StatusCode, header};
use serde_json::{Value, json};

#[tokio::test]
async fn floors_and_their_plans_are_told() {
    let world = World::open().await;
    let (_, list) = world.get("/api/v1/floors").await;
    assert_eq!(list["floors"][0], json!({ "number": 0, "label": "G", "rooms": 2 }));
    let answer = world.request(Method::GET, "/api/v1/floors/0").send().await.unwrap();
    assert_eq!(answer.headers()[header::CONTENT_TYPE], "application/geo+json");
    let known = answer.headers()[header::ETAG].clone();
    let plan: Value = answer.json().await.unwrap();
    assert_eq!(plan["features"].as_array().unwrap().len(), 3);
    let again = world.request(Method::GET, "/api/v1/floors/0").header("if-none-match", known);
    assert_eq!(again.send().await.unwrap().status(), StatusCode::NOT_MODIFIED);
    assert_eq!(world.get("/api/v1/floors/7").await.0, StatusCode::NOT_FOUND);
    assert_eq!(world.get("/api/v1/floors/roof").await.0, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn rooms_and_zones_are_listed_by_floor_and_ward() {
    let world = World::open().await;
    let (_, list) = world.get("/api/v1/zones").await;
    assert_eq!(list["zones"].as_array().unwrap().len(), 4);
    let (_, list) = world.get("/api/v1/zones?floor=1&ward=W2").await;
    let upper = json!({ "id": "upper", "name": "Room 101", "kind": "patient", "floor": 1,
        "floor_label": "1", "ward": "W2", "x_m": 5.0, "y_m": 5.0 });
    assert_eq!(list["zones"], json!([upper]));
    assert_eq!(world.get("/api/v1/zones?ward=W9").await.0, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn readiness_says_what_is_wrong_and_the_process_stays_healthy() {
    let world = World::closed().await;
    assert_eq!(
        world.get("/readyz").await,
        (StatusCode::OK, json!({ "ready": true, "reasons": [] }))
    );
    let trouble = Trouble { part: "storage".to_owned(), detail: "away".to_owned() };
    world.troubles.lock().unwrap().push(trouble);
    let (status, told) = world.get("/readyz").await;
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(told["reasons"][0]["part"], "storage");
    assert_eq!(world.get("/healthz").await.0, StatusCode::OK);
    let metrics = world.request(Method::GET, "/metrics").send().await.unwrap();
    assert_eq!(metrics.text().await.unwrap(), "spor_storage_up 1\n");
}

#[tokio::test]
async fn the_description_is_openapi_3_1_and_whole() {
    let world = World::closed().await;
    let (status, api) = world.get("/api/openapi.json").await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!(api["openapi"], "3.1.0");
    let schemas = api["components"]["schemas"].as_object().unwrap();
    for reference in references(&api) {
        let name = reference.strip_prefix("#/components/schemas/").unwrap();
        assert!(schemas.contains_key(name), "{name} is not described");
    }
    for (path, method, operation) in operations(&api) {
        let told = format!("{method} {path}");
        assert!(operation["summary"].is_string(), "{told} has no summary");
        assert!(operation["operationId"].is_string(), "{told} has no id");
        let responses = operation["responses"].as_object().unwrap();
        assert!(responses.keys().any(|code| code.starts_with('2')), "{told} never succeeds");
        let guarded = path.starts_with("/api/v1/");
        assert!(!guarded || responses.contains_key("401"), "{told} doesn't tell of tokens");
        for parameter in operation["parameters"].as_array().into_iter().flatten() {
            assert!(parameter["description"].is_string(), "{told}: {parameter}");
            assert!(!parameter["example"].is_null(), "{told}: {parameter}");
        }
    }
}

#[tokio::test]
async fn every_described_resource_asks_for_a_token() {
    let world = World::closed().await;
    let (_, api) = world.get("/api/openapi.json").await;
    let mut asked = 0;
    for (path, method, operation) in operations(&api) {
        if !path.starts_with("/api/v1/") {
            continue;
        }
        let path = path.replace("{n}", "0").replace("{id}", "pump-1");
        let path = path.replace("{tag}", "t1").replace("{pseudonym}", "P-1");
        let method = Method::from_bytes(method.to_uppercase().as_bytes()).unwrap();
        let content = &operation["requestBody"]["content"]["application/json"]["schema"]["$ref"];
        let body = content.as_str().map(|reference| example(&api, reference));
        let (status, _) = world.ask(method.clone(), &path, None, body).await;
        assert_eq!(status, StatusCode::UNAUTHORIZED, "{method} {path}");
        asked += 1;
    }
    assert!(asked > 15, "only {asked} resources are described");
}

fn example(api: &Value, reference: &str) -> Value {
    let name = reference.rsplit('/').next().unwrap();
    api["components"]["schemas"][name]["example"].clone()
}

fn operations(api: &Value) -> Vec<(&str, &str, &Value)> {
    let mut all = Vec::new();
    for (path, item) in api["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            all.push((path.as_str(), method.as_str(), operation));
        }
    }
    all
}

fn references(value: &Value) -> Vec<&str> {
    match value {
        Value::Object(map) => {
            let own = map.get("$ref").and_then(Value::as_str);
            own.into_iter().chain(map.values().flat_map(references)).collect()
        }
        Value::Array(list) => list.iter().flat_map(references).collect(),
        _ => Vec::new(),
    }
}
