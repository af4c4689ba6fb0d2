//! Who may come in, and how refusals look.

use super::{
    super::{Config, StartError, bind},
    world::{World, config},
};
use crate::auth::{Role, Tokens};
use reqwest::{Method, StatusCode, header};
use serde_json::json;

#[tokio::test]
async fn without_any_token_this_machine_may_see_equipment_until_the_first_is_made() {
    let world = World::new(config(), &[]).await;
    assert_eq!(world.get("/api/v1/assets").await.0, StatusCode::OK);
    assert_eq!(world.get("/api/v1/people?purpose=duress").await.0, StatusCode::UNAUTHORIZED);
    world.add_token("first", Role::Wall);
    assert_eq!(world.get("/api/v1/assets").await.0, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn a_wrong_token_is_refused_where_none_is_needed() {
    let world = World::open().await;
    let asked = world.request(Method::GET, "/api/v1/assets").bearer_auth("spor_wrong");
    let answer = asked.send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::UNAUTHORIZED);
    assert_eq!(answer.headers()[header::WWW_AUTHENTICATE], "Bearer realm=\"spor\"");
    assert_eq!(answer.headers()[header::CONTENT_TYPE], "application/problem+json");
}

#[tokio::test]
async fn a_foreign_host_name_is_not_served() {
    let allowed = vec!["spor.example".to_owned()];
    let world = World::new(Config { allowed_hosts: allowed, ..config() }, &[]).await;
    for (host, expected) in [
        ("evil.example", StatusCode::MISDIRECTED_REQUEST),
        ("spor.example:8080", StatusCode::OK),
        ("localhost", StatusCode::OK),
    ] {
        for path in ["/api/v1/assets", "/wall"] {
            let asked = world.request(Method::GET, path).header(header::HOST, host);
            assert_eq!(asked.send().await.unwrap().status(), expected, "{host} {path}");
        }
    }
}

#[tokio::test]
async fn a_page_of_another_origin_changes_nothing() {
    let world = World::open().await;
    let body = json!({ "label": "Bed", "class": "bed" });
    for (origin, expected) in [
        ("http://evil.example".to_owned(), StatusCode::FORBIDDEN),
        (world.url.clone(), StatusCode::OK),
    ] {
        let asked = world.request(Method::PUT, "/api/v1/assets/bed-7").json(&body);
        let answer = asked.header(header::ORIGIN, &origin).send().await.unwrap();
        assert_eq!(answer.status(), expected, "{origin}");
    }
}

#[tokio::test]
async fn unknown_paths_and_methods_are_problems_too() {
    let world = World::open().await;
    let (status, problem) = world.get("/api/v1/nothing").await;
    assert_eq!(
        (status, &problem["type"]),
        (StatusCode::NOT_FOUND, &json!("urn:spor:problem:not-found"))
    );
    let answer = world.request(Method::PATCH, "/api/v1/assets").send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::METHOD_NOT_ALLOWED);
    let allowed = answer.headers()[header::ALLOW].to_str().unwrap();
    assert!(allowed.contains("GET") && allowed.contains("POST"), "{allowed}");
    assert_eq!(answer.headers()[header::CONTENT_TYPE], "application/problem+json");
    let (status, _) = world.ask(Method::POST, "/wall", None, None).await;
    assert_eq!(status, StatusCode::METHOD_NOT_ALLOWED);
    assert_eq!(world.get("/wall").await.0, StatusCode::OK);
}

#[tokio::test]
async fn nothing_starts_where_others_could_come_in_without_a_token() {
    let folder = tempfile::tempdir().unwrap();
    let tokens = Tokens::open(folder.path()).unwrap();
    let everywhere = Config { listen: ([0, 0, 0, 0], 0).into(), ..Config::default() };
    let refused = bind(&everywhere, &tokens).await.unwrap_err();
    assert!(matches!(refused, StartError::NoTokens(_)) && refused.is_configuration());
    tokens.add("a", Role::Wall).unwrap();
    assert!(bind(&everywhere, &tokens).await.is_ok());
    let open = Config { open: true, ..everywhere };
    assert!(matches!(bind(&open, &tokens).await, Err(StartError::OpenToOthers(_))));
}

#[tokio::test]
async fn a_busy_port_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let tokens = Tokens::open(folder.path()).unwrap();
    let first = bind(&config(), &tokens).await.unwrap();
    let same = Config { listen: first.local_addr(), ..Config::default() };
    let refused = bind(&same, &tokens).await.unwrap_err();
    assert!(!refused.is_configuration());
    assert!(refused.to_string().contains(&first.local_addr().to_string()), "{refused}");
}
