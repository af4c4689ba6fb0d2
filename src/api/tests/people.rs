//! People: only for a coordinator, only for a purpose, only by room.

use super::world::World;
use crate::auth::Role;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

#[tokio::test]
async fn a_coordinator_with_a_purpose_is_told_the_room() {
    let world = World::open().await;
    world.seen("badge", "ward");
    let path = "/api/v1/people?purpose=nearest_porter&role=porter&near=store";
    let (status, list) = world.get_as(Role::Coordinator, path).await;
    assert_eq!(status, StatusCode::OK, "{list}");
    let porter = &list["people"][0];
    assert_eq!(porter["pseudonym"], "P-1");
    assert_eq!((&porter["zone"], &porter["floor"]), (&json!("ward"), &json!(0)));
    assert_eq!((&porter["state"], &porter["distance_m"]), (&json!("live"), &json!(10.0)));
    let told = list.to_string();
    assert!(!told.contains("x_m") && !told.contains("badge"), "{told}");
    let path = "/api/v1/people?purpose=duress&role=nurse";
    assert_eq!(world.get_as(Role::Coordinator, path).await.1["people"], json!([]));
}

#[tokio::test]
async fn without_a_purpose_nobody_is_told() {
    let world = World::open().await;
    for query in ["", "?purpose=curiosity"] {
        let (status, _) = world.get_as(Role::Coordinator, &format!("/api/v1/people{query}")).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{query}");
    }
}

#[tokio::test]
async fn everybody_else_is_refused_even_where_equipment_is_open() {
    let path = "/api/v1/people?purpose=duress";
    let open = World::open().await;
    assert_eq!(open.get(path).await.0, StatusCode::UNAUTHORIZED);
    let closed = World::closed().await;
    for role in Role::ALL.into_iter().filter(|role| *role != Role::Coordinator) {
        assert_eq!(closed.get_as(role, path).await.0, StatusCode::FORBIDDEN, "{role:?}");
    }
}

#[tokio::test]
async fn a_badge_is_given_and_taken_back() {
    let world = World::closed().await;
    let admin = Some(Role::Admin);
    let ask = |method, path: &str, body: Option<Value>| {
        let path = format!("/api/v1/people/{path}");
        let world = &world;
        async move { world.ask(method, &path, admin, body).await }
    };
    let role = Some(json!({ "role": "nurse" }));
    assert_eq!(ask(Method::PUT, "P-2", role).await.1["role"], "nurse");
    world.seen("t9", "store");
    assert_eq!(world.get_as(Role::Porter, "/api/v1/tags/t9").await.0, StatusCode::OK);
    let badge = Some(json!({ "tag": "t9" }));
    assert_eq!(ask(Method::PUT, "P-2/tag", badge.clone()).await.0, StatusCode::NO_CONTENT);
    assert_eq!(world.get_as(Role::Porter, "/api/v1/tags/t9").await.0, StatusCode::NOT_FOUND);
    assert_eq!(ask(Method::PUT, "P-1/tag", badge.clone()).await.0, StatusCode::CONFLICT);
    assert_eq!(ask(Method::PUT, "P-9/tag", badge).await.0, StatusCode::NOT_FOUND);
    assert_eq!(ask(Method::DELETE, "P-2/tag", None).await.0, StatusCode::NO_CONTENT);
    assert_eq!(ask(Method::DELETE, "P-2/tag", None).await.0, StatusCode::NO_CONTENT);
}

#[tokio::test]
async fn in_open_mode_nobody_makes_a_badge_of_a_tag_without_a_token() {
    let world = World::open().await;
    let body = Some(json!({ "tag": "t9" }));
    let (status, _) = world.ask(Method::PUT, "/api/v1/people/P-1/tag", None, body).await;
    assert_eq!(status, StatusCode::UNAUTHORIZED);
}
