//! The event stream, read as a page reads it.
#![allow(clippy::unwrap_used)]

use super::super::tests::world::World;
use futures_util::StreamExt;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use std::time::Duration;
use tokio::time::timeout;

/// A client of the stream.
struct Listener {
    chunks:
        std::pin::Pin<Box<dyn futures_util::Stream<Item = reqwest::Result<bytes::Bytes>> + Send>>,
    text: String,
}

impl Listener {
    async fn new(world: &World, query: &str) -> Self {
        let path = format!("/api/v1/stream{query}");
        let answer = world.request(Method::GET, &path).send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::OK);
        assert_eq!(answer.headers()["content-type"], "text/event-stream");
        Self { chunks: Box::pin(answer.bytes_stream()), text: String::new() }
    }

    /// The next event; none: the stream ended.
    async fn next(&mut self) -> Option<(String, Value)> {
        loop {
            if let Some((event, rest)) = self.text.split_once("\n\n") {
                let (event, rest) = (event.to_owned(), rest.to_owned());
                self.text = rest;
                let field = |name| event.lines().find_map(|line| line.strip_prefix(name));
                let data = serde_json::from_str(field("data: ").unwrap()).unwrap();
                return Some((field("event: ").unwrap().to_owned(), data));
            }
            let chunk = timeout(Duration::from_secs(10), self.chunks.next()).await.unwrap()?;
            self.text.push_str(std::str::from_utf8(&chunk.ok()?).unwrap());
        }
    }

    async fn expect(&mut self, kind: &str) -> Value {
        loop {
            let (event, data) = self.next().await.expect("the stream goes on");
            if event == kind {
                return data;
            }
            assert_eq!(event, "ping", "{data}");
        }
    }
}

fn column(snapshot: &Value, name: &str) -> usize {
    let columns = snapshot["columns"].as_array().unwrap();
    columns.iter().position(|column| column == name).unwrap()
}

fn ids(frame: &Value) -> Vec<&str> {
    let rows = frame["assets"].as_array().unwrap();
    let mut ids: Vec<_> = rows.iter().map(|row| row[0].as_str().unwrap()).collect();
    ids.sort_unstable();
    ids
}

#[tokio::test]
async fn a_page_hears_hello_a_snapshot_and_then_what_changes() {
    let world = World::open().await;
    world.seen("t1", "store");
    let mut page = Listener::new(&world, "").await;
    let hello = page.expect("hello").await;
    assert_eq!((&hello["build"], &hello["open"]), (&json!("b1"), &json!(true)));
    assert_eq!(hello["floors"][0], json!({ "number": 0, "label": "G" }));
    let snapshot = page.expect("snapshot").await;
    assert_eq!(ids(&snapshot), ["bed-1", "pump-1", "pump-2", "pump-3"]);
    let rows = snapshot["assets"].as_array().unwrap();
    assert_eq!(rows[0].as_array().unwrap().len(), snapshot["columns"].as_array().unwrap().len());
    let bed = rows.iter().find(|row| row[0] == "bed-1").unwrap();
    assert_eq!(bed[column(&snapshot, "state")], "unknown");
    assert_eq!(bed[column(&snapshot, "x_m")], Value::Null);
    world.seen("t2", "ward");
    let delta = page.expect("delta").await;
    assert_eq!((ids(&delta), &delta["gone"]), (vec!["pump-2"], &json!([])));
    assert_eq!(delta["assets"][0][column(&snapshot, "zone")], "ward");
}

#[tokio::test]
async fn an_asset_that_leaves_the_scope_is_gone_from_it() {
    let world = World::open().await;
    world.seen("t1", "store");
    let mut page = Listener::new(&world, "?floor=0&class=infusion-pump").await;
    page.expect("hello").await;
    assert_eq!(ids(&page.expect("snapshot").await), ["pump-1"]);
    world.seen("t1", "upper");
    let delta = page.expect("delta").await;
    assert_eq!((ids(&delta), &delta["gone"]), (vec![], &json!(["pump-1"])));
    world.seen("t1", "ward");
    assert_eq!(ids(&page.expect("delta").await), ["pump-1"]);
}

#[tokio::test]
async fn badges_and_unbound_tags_move_unseen() {
    let world = World::open().await;
    let mut page = Listener::new(&world, "").await;
    page.expect("hello").await;
    page.expect("snapshot").await;
    world.seen("badge", "store");
    world.seen("stranger", "store");
    let (event, data) = page.next().await.unwrap();
    assert_eq!(event, "ping", "{data}");
    assert_eq!(data["storage_up"], true);
    assert!(data["newest_ms"].is_i64());
}

#[tokio::test]
async fn a_change_of_the_registry_brings_a_snapshot() {
    let world = World::open().await;
    world.seen("t9", "store");
    let mut page = Listener::new(&world, "").await;
    page.expect("hello").await;
    page.expect("snapshot").await;
    let body = Some(json!({ "tag": "t9" }));
    world.ask(Method::PUT, "/api/v1/assets/bed-1/tag", None, body).await;
    let snapshot = page.expect("snapshot").await;
    let rows = snapshot["assets"].as_array().unwrap();
    let bed = rows.iter().find(|row| row[0] == "bed-1").unwrap();
    assert_eq!(bed[column(&snapshot, "zone")], "store");
}

#[tokio::test]
async fn many_pages_of_one_scope_hear_the_same() {
    let world = World::open().await;
    let mut pages = Vec::new();
    for _ in 0..50 {
        let mut page = Listener::new(&world, "?class=infusion-pump").await;
        page.expect("hello").await;
        page.expect("snapshot").await;
        pages.push(page);
    }
    world.seen("t3", "store");
    for page in &mut pages {
        assert_eq!(ids(&page.expect("delta").await), ["pump-3"]);
    }
}

#[tokio::test]
async fn a_stop_ends_the_streams_and_the_server() {
    let world = World::open().await;
    let mut page = Listener::new(&world, "").await;
    page.expect("hello").await;
    timeout(Duration::from_secs(2), world.end()).await.expect("it stops at once");
    while page.next().await.is_some() {}
}

#[tokio::test]
async fn a_scope_that_the_site_does_not_have_is_refused() {
    let world = World::open().await;
    assert_eq!(world.get("/api/v1/stream?floor=9").await.0, StatusCode::BAD_REQUEST);
    assert_eq!(world.get("/api/v1/stream?status=dirty").await.0, StatusCode::BAD_REQUEST);
}
