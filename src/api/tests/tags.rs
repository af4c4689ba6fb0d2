//! Tags: those of things and those that nobody bound, never a badge.

use super::world::{World, tag};
use crate::live::TagState;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

fn names(list: &Value) -> Vec<&str> {
    list["tags"].as_array().unwrap().iter().map(|tag| tag["tag"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn bound_and_unbound_tags_are_listed_and_badges_are_not() {
    let world = World::open().await;
    world.seen("t1", "store");
    world.seen("stranger", "ward");
    world.seen("badge", "ward");
    let list = async |query: &str| world.get(&format!("/api/v1/tags{query}")).await.1;
    assert_eq!(names(&list("").await), ["stranger", "t1", "t2", "t3"]);
    assert_eq!(names(&list("?bound=true").await), ["t1", "t2", "t3"]);
    assert_eq!(names(&list("?bound=false").await), ["stranger"]);
    let page = list("?limit=1").await;
    assert_eq!((names(&page), &page["next_cursor"]), (vec!["stranger"], &json!("0~stranger")));
}

#[tokio::test]
async fn a_tag_that_nobody_bound_is_told_with_its_zone_and_state() {
    let world = World::open().await;
    world.seen("stranger", "store");
    let (status, told) = world.get("/api/v1/tags/stranger").await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!((&told["bound"], &told["asset"]), (&json!(false), &Value::Null));
    assert_eq!((&told["state"], &told["place"]["zone"]), (&json!("live"), &json!("store")));
    assert_eq!(world.get("/api/v1/tags/t1").await.1["asset"], "pump-1");
}

#[tokio::test]
async fn a_badge_is_not_found_and_looks_like_a_tag_that_does_not_exist() {
    let world = World::open().await;
    world.seen("badge", "store");
    let (status, badge) = world.get("/api/v1/tags/badge").await;
    assert_eq!(status, StatusCode::NOT_FOUND);
    assert_eq!(badge, world.get("/api/v1/tags/nobody").await.1);
}

/// The pipeline follows the registry within a second; nothing may slip out meanwhile.
#[tokio::test]
async fn a_tag_that_has_just_become_or_been_a_badge_is_not_found() {
    let world = World::open().await;
    world.live.tags.put(TagState::new(tag("badge")));
    assert_eq!(world.get("/api/v1/tags/badge").await.0, StatusCode::NOT_FOUND);
    world.live.people.put(TagState::new(tag("given-back")));
    world.live.tags.put(TagState::new(tag("given-back")));
    assert_eq!(world.get("/api/v1/tags/given-back").await.0, StatusCode::NOT_FOUND);
    assert_eq!(names(&world.get("/api/v1/tags").await.1), ["t1", "t2", "t3"]);
}

#[tokio::test]
async fn a_badge_shows_in_no_answer_about_equipment() {
    let world = World::open().await;
    for name in ["t1", "stranger", "badge"] {
        world.seen(name, "store");
    }
    for path in ["assets", "tags", "classes", "zones", "floors", "floors/0", "rejected"] {
        let answer = world.get(&format!("/api/v1/{path}")).await.1.to_string();
        assert!(!answer.contains("badge") && !answer.contains("P-1"), "{path}: {answer}");
    }
    let metrics = world.request(Method::GET, "/metrics").send().await.unwrap();
    assert!(!metrics.text().await.unwrap().contains("badge"));
}
