//! The webhook: sent until it is taken, signed, and quiet in quiet hours.

use super::{DOOR, Hospital, await_alerts, carry, reader_says};
use crate::support::{program::command, until};
use axum::{
    Router,
    body::Bytes,
    http::{HeaderMap, StatusCode},
    routing::post,
};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use ring::hmac;
use serde_json::{Value, json};
use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

/// What came, and what is answered next; nothing: 204.
#[derive(Default)]
struct Received {
    requests: Vec<(HeaderMap, Bytes)>,
    answers: Vec<StatusCode>,
}

/// Answers from `answers`, then takes everything.
async fn receiver(answers: Vec<StatusCode>) -> (String, Arc<Mutex<Received>>) {
    let received = Arc::new(Mutex::new(Received { requests: Vec::new(), answers }));
    let kept = received.clone();
    let take = async move |headers: HeaderMap, body: Bytes| {
        let mut received = kept.lock().unwrap();
        received.requests.push((headers, body));
        if received.answers.is_empty() {
            StatusCode::NO_CONTENT
        } else {
            received.answers.remove(0)
        }
    };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/hook", listener.local_addr().unwrap());
    tokio::spawn(async move {
        axum::serve(listener, Router::new().route("/hook", post(take))).await.unwrap();
    });
    (url, received)
}

fn is_signed((headers, body): &(HeaderMap, Bytes)) -> bool {
    let header = |name: &str| headers[name].to_str().unwrap();
    let key = BASE64_STANDARD.decode(SECRET.strip_prefix("whsec_").unwrap()).unwrap();
    let key = hmac::Key::new(hmac::HMAC_SHA256, &key);
    let body = std::str::from_utf8(body).unwrap();
    let signed = format!("{}.{}.{body}", header("webhook-id"), header("webhook-timestamp"));
    let signature = header("webhook-signature").strip_prefix("v1,").unwrap();
    hmac::verify(&key, signed.as_bytes(), &BASE64_STANDARD.decode(signature).unwrap()).is_ok()
}

#[tokio::test]
async fn a_webhook_that_fails_twice_is_sent_again_after_a_restart_and_signed() {
    let failing = vec![StatusCode::INTERNAL_SERVER_ERROR, StatusCode::BAD_GATEWAY];
    let (url, received) = receiver(failing).await;
    let settings =
        [("SPOR_ALERTS__WEBHOOK_URL", url.as_str()), ("ALERTS_SPOR_WEBHOOK_SECRET", SECRET)];
    let hospital = Hospital::new();
    let Some(mut spor) = hospital.serve(&settings).await else { return };
    let count = |wanted: usize| {
        let received = received.clone();
        async move {
            until(&format!("{wanted} requests"), 30, async || {
                (received.lock().unwrap().requests.len() >= wanted).then_some(())
            })
            .await;
        }
    };
    reader_says(&spor, "offline").await;
    count(2).await;
    until("the failures in the metrics", 5, async || {
        (spor.metric("spor_alert_webhooks_total").await > 1.5).then_some(())
    })
    .await;
    assert!(!spor.log().contains(SECRET) && !spor.log().contains("/hook"));
    spor.kill();
    spor.start_again().await;
    count(3).await;
    reader_says(&spor, "online").await;
    count(4).await;
    tokio::time::sleep(Duration::from_secs(3)).await;
    let requests = std::mem::take(&mut received.lock().unwrap().requests);
    assert_eq!(requests.len(), 4);
    assert!(requests.iter().all(is_signed));
    let id = |n: usize| requests[n].0["webhook-id"].clone();
    assert_eq!((id(0), id(1)), (id(1), id(2)), "a repeat has the same id");
    assert_ne!(id(2), id(3));
    assert_eq!(requests[0].1, requests[2].1);
    let told: Vec<Value> =
        requests.iter().map(|(_, body)| serde_json::from_slice(body).unwrap()).collect();
    assert_eq!(
        (&told[2]["type"], &told[3]["type"]),
        (&json!("alert.opened"), &json!("alert.resolved"))
    );
    assert_eq!(
        (&told[2]["data"]["kind"], &told[2]["data"]["reader"]),
        (&json!("reader"), &json!("gate"))
    );
    assert_eq!(told[2]["data"]["id"], told[3]["data"]["id"]);
}

#[tokio::test]
async fn in_quiet_hours_an_alert_is_there_and_not_told() {
    let zone = jiff::tz::TimeZone::get("Europe/Copenhagen").unwrap();
    let now = jiff::Timestamp::now().to_zoned(zone);
    let hour = |hours: i64| (&now + jiff::Span::new().hours(hours)).strftime("%H:%M").to_string();
    let quiet = format!("{}-{}", hour(-1), hour(3));
    let (url, received) = receiver(Vec::new()).await;
    let settings = [
        ("SPOR_ALERTS__READER__QUIET", quiet.as_str()),
        ("SPOR_ALERTS__WEBHOOK_URL", &url),
        ("ALERTS_SPOR_WEBHOOK_SECRET", SECRET),
    ];
    let hospital = Hospital::new();
    let Some(spor) = hospital.serve(&settings).await else { return };
    reader_says(&spor, "offline").await;
    await_alerts(&spor, &["reader gate low open"]).await;
    carry(&spor, "t1", DOOR).await;
    await_alerts(&spor, &["leaving P1 critical open", "reader gate low open"]).await;
    reader_says(&spor, "online").await;
    await_alerts(&spor, &["leaving P1 critical open", "reader gate low resolved"]).await;
    tokio::time::sleep(Duration::from_secs(3)).await;
    let requests = std::mem::take(&mut received.lock().unwrap().requests);
    let kinds: Vec<Value> = requests
        .iter()
        .map(|(_, body)| serde_json::from_slice::<Value>(body).unwrap()["data"]["kind"].clone())
        .collect();
    assert_eq!(kinds, ["leaving"], "the reader's began and ended in quiet hours");
}

#[tokio::test]
async fn a_webhook_without_a_secret_or_with_a_bad_address_is_refused_at_the_start() {
    let folder = tempfile::tempdir().unwrap();
    let check = |settings: &[(&str, &str)]| {
        let mut command = command(folder.path());
        command.env_remove("ALERTS_SPOR_WEBHOOK_SECRET");
        let done = command.arg("check-config").envs(settings.iter().copied()).output().unwrap();
        (done.status.code(), String::from_utf8(done.stderr).unwrap())
    };
    let url = ("SPOR_ALERTS__WEBHOOK_URL", "https://hooks.example/spor");
    let (code, said) = check(&[url]);
    assert_eq!(code, Some(2), "{said}");
    assert!(
        said.contains("ALERTS_SPOR_WEBHOOK_SECRET") && !said.contains("hooks.example"),
        "{said}"
    );
    assert_eq!(check(&[url, ("ALERTS_SPOR_WEBHOOK_SECRET", SECRET)]).0, Some(0));
    let (code, said) = check(&[url, ("ALERTS_SPOR_WEBHOOK_SECRET", "whsec_short")]);
    assert!(code == Some(2) && !said.contains("whsec_short"), "{said}");
    let bad = ("SPOR_ALERTS__WEBHOOK_URL", "https://me:secret@hooks.example");
    let (code, said) = check(&[bad, ("ALERTS_SPOR_WEBHOOK_SECRET", SECRET)]);
    assert!(code == Some(2) && !said.contains("me:secret"), "{said}");
    let (code, said) = check(&[("SPOR_ALERTS__PAR__QUIET", "all night")]);
    assert!(code == Some(2) && said.contains("alerts.par.quiet"), "{said}");
}
