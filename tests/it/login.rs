//! Persons log in by name and password, screens by a code that is good once; a browser keeps a cookie.

use crate::support::Spor;
use reqwest::{Method, Response, header::HeaderMap};
use serde_json::{Value, json};

/// What a browser of this page sends with everything that changes something.
fn origin(spor: &Spor) -> (&'static str, String) {
    ("origin", spor.http.clone())
}

async fn ask(
    spor: &Spor,
    method: Method,
    path: &str,
    headers: &[(&'static str, String)],
    body: Value,
) -> Response {
    let mut request = reqwest::Client::new().request(method, format!("{}{path}", spor.http));
    for (name, value) in headers {
        request = request.header(*name, value);
    }
    if !body.is_null() {
        request = request.json(&body);
    }
    request.send().await.unwrap()
}

async fn log_in(spor: &Spor, body: Value) -> Response {
    ask(spor, Method::POST, "/api/v1/session", &[origin(spor)], body).await
}

fn cookie(headers: &HeaderMap) -> (String, String) {
    let whole = headers["set-cookie"].to_str().unwrap().to_owned();
    (whole.split(';').next().unwrap().to_owned(), whole)
}

async fn kind(answer: Response) -> (u16, String) {
    let status = answer.status().as_u16();
    let problem: Value = answer.json().await.unwrap();
    (status, problem["type"].as_str().unwrap_or_default().replace("urn:spor:problem:", ""))
}

async fn spor() -> Option<Spor> {
    let hosts = ("SPOR_HTTP__ALLOWED_HOSTS", "[\"spor.example\"]");
    let spor = Spor::serve(&[("SPOR_HTTP__OPEN", "false"), hosts]).await?;
    spor.token(&["add", "anna", "--role", "porter", "--password-stdin"], "correct horse\n");
    Some(spor)
}

#[tokio::test]
async fn a_person_logs_in_acts_and_logs_out_and_a_foreign_page_can_do_nothing_with_the_cookie() {
    let Some(mut spor) = spor().await else { return };
    let answer = log_in(&spor, json!({ "name": "anna", "password": "correct horse" })).await;
    assert_eq!(answer.status(), 200);
    let (cookie, whole) = cookie(answer.headers());
    for part in ["HttpOnly", "SameSite=Strict", "Path=/", "Max-Age=43200"] {
        assert!(whole.contains(part), "{whole}");
    }
    let who: Value = answer.json().await.unwrap();
    assert_eq!((&who["name"], &who["role"]), (&json!("anna"), &json!("porter")));
    let with = |more: &[(&'static str, String)]| [&[("cookie", cookie.clone())], more].concat();
    let list = "/api/v1/assets";
    assert_eq!(spor.get(list).await.0, 401);
    assert_eq!(ask(&spor, Method::GET, list, &with(&[]), Value::Null).await.status(), 200);

    // A cookie alone changes nothing: the browser must say that one of our own pages asks.
    let claim = "/api/v1/assets/NONE/claim";
    for headers in [
        with(&[]),
        with(&[("origin", "http://evil.example".to_owned())]),
        with(&[origin(&spor), ("sec-fetch-site", "cross-site".to_owned())]),
    ] {
        let answer = ask(&spor, Method::POST, claim, &headers, json!({})).await;
        assert_eq!(kind(answer).await, (403, "cross-origin".to_owned()), "{headers:?}");
    }
    let answer = ask(&spor, Method::POST, claim, &with(&[origin(&spor)]), json!({})).await;
    assert_eq!(
        kind(answer).await,
        (404, "not-found".to_owned()),
        "let in, and there is no such thing"
    );
    let answer = ask(&spor, Method::GET, "/api/v1/rejected", &with(&[]), Value::Null).await;
    assert_eq!(kind(answer).await, (403, "forbidden".to_owned()), "a porter's role");

    // It outlives a restart, and not the logout.
    spor.stop();
    spor.start_again().await;
    assert_eq!(ask(&spor, Method::GET, list, &with(&[]), Value::Null).await.status(), 200);
    let session = "/api/v1/session";
    let out = ask(&spor, Method::DELETE, session, &with(&[origin(&spor)]), Value::Null).await;
    assert_eq!(out.status(), 204);
    assert!(out.headers()["set-cookie"].to_str().unwrap().contains("Max-Age=0"));
    assert_eq!(ask(&spor, Method::GET, list, &with(&[]), Value::Null).await.status(), 401);
    let who: Value =
        ask(&spor, Method::GET, session, &with(&[]), Value::Null).await.json().await.unwrap();
    assert_eq!((&who["name"], &who["may"]), (&Value::Null, &json!([])));
}

#[tokio::test]
async fn who_guesses_is_made_to_wait_and_others_are_not() {
    let Some(spor) = spor().await else { return };
    spor.token(&["add", "bo", "--role", "porter", "--password-stdin"], "battery staple");
    for password in ["", "correct", "horse", "Correct horse", "correct horse "] {
        let answer = log_in(&spor, json!({ "name": "anna", "password": password })).await;
        assert!(answer.headers().get("set-cookie").is_none());
        assert_eq!(kind(answer).await, (401, "wrong-login".to_owned()));
    }
    let right = json!({ "name": "anna", "password": "correct horse" });
    let answer = log_in(&spor, right).await;
    let wait: u64 = answer.headers()["retry-after"].to_str().unwrap().parse().unwrap();
    assert!((1..=301).contains(&wait), "{wait}");
    assert_eq!(kind(answer).await, (429, "too-many-failures".to_owned()));
    let other = log_in(&spor, json!({ "name": "bo", "password": "battery staple" })).await;
    assert_eq!(other.status(), 200);
    for wrong in [
        json!({}),
        json!({ "name": "anna" }),
        json!({ "name": "bo", "password": "battery staple", "code": "A" }),
        json!({ "name": "a".repeat(201), "password": "b" }),
    ] {
        assert_eq!(kind(log_in(&spor, wrong).await).await, (400, "invalid".to_owned()));
    }
}

#[tokio::test]
async fn a_code_lets_a_wall_in_once_and_revoking_its_token_puts_it_out() {
    let Some(spor) = spor().await else { return };
    let token = spor.token(&["add", "wall-d1", "--role", "wall", "--wards", "D1"], "");
    let code = spor.token(&["enroll", "wall-d1"], "");
    let answer = log_in(&spor, json!({ "code": code.to_lowercase().replace('-', " ") })).await;
    assert_eq!(answer.status(), 200);
    let (cookie, whole) = cookie(answer.headers());
    assert!(whole.contains("Max-Age=34560000"), "400 days, as long as browsers keep one: {whole}");
    assert_eq!(kind(log_in(&spor, json!({ "code": code })).await).await.1, "wrong-login", "once");
    let headers = [("cookie", cookie)];
    let who = ask(&spor, Method::GET, "/api/v1/session", &headers, Value::Null).await;
    let who: Value = who.json().await.unwrap();
    assert_eq!((&who["name"], &who["wards"]), (&json!("wall-d1"), &json!(["D1"])));
    let by_token = log_in(&spor, json!({ "password": token })).await;
    assert_eq!(by_token.status(), 200, "a token will do in place of a password");
    spor.token(&["revoke", "wall-d1"], "");
    let out = ask(&spor, Method::GET, "/api/v1/assets", &headers, Value::Null).await;
    assert_eq!(out.status(), 401);
    spor.token(&["add", "wall-d1", "--role", "wall"], "");
    let out = ask(&spor, Method::GET, "/api/v1/assets", &headers, Value::Null).await;
    assert_eq!(out.status(), 401, "another token of that name is another one");
}

#[tokio::test]
async fn a_password_goes_over_https_only_but_for_this_machine() {
    let Some(spor) = spor().await else { return };
    let right = json!({ "name": "anna", "password": "correct horse" });
    let from = |scheme: &str| {
        let origin = format!("{scheme}://spor.example");
        [("host", "spor.example".to_owned()), ("origin", origin)]
    };
    let plain = ask(&spor, Method::POST, "/api/v1/session", &from("http"), right.clone()).await;
    assert_eq!(kind(plain).await, (403, "login-needs-https".to_owned()));
    let secure = ask(&spor, Method::POST, "/api/v1/session", &from("https"), right).await;
    assert_eq!(secure.status(), 200);
    assert!(cookie(secure.headers()).1.ends_with("; Secure"));
}

#[tokio::test]
async fn the_pages_are_there_without_a_login_and_load_nothing_from_elsewhere() {
    let Some(spor) = spor().await else { return };
    for path in ["/login", "/wall", "/ward", "/tags", "/api/v1/assets"] {
        let answer = reqwest::get(format!("{}{path}", spor.http)).await.unwrap();
        let policy = answer.headers()["content-security-policy"].to_str().unwrap();
        let own = ["default-src 'self';", "default-src 'none';"];
        assert!(own.iter().any(|start| policy.starts_with(start)), "{path}: {policy}");
        assert!(!policy.contains("unsafe"), "{path}: {policy}");
    }
}
