//! What pages ask while the load goes on, one question after another, and how long the answers take.

use crate::{
    latency::{Counted, Latency},
    plan::Plan,
};
use serde::Serialize;
use std::time::{Duration, Instant};
use tokio_util::sync::CancellationToken;

/// A kind of question and its latencies, as measures of the table.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Read {
    pub(crate) names: [&'static str; 3],
    pub(crate) latency_ms: Latency,
}

const NAMES: [[&str; 3]; 3] = [
    ["GET assets p50 ms", "GET assets p99 ms", "GET assets max ms"],
    ["GET assets near p50 ms", "GET assets near p99 ms", "GET assets near max ms"],
    ["GET a day of history p50 ms", "GET a day of history p99 ms", "GET a day of history max ms"],
];

/// Between two questions.
const PAUSE: Duration = Duration::from_millis(20);

/// A reader at work.
pub(crate) struct Reads {
    stop: CancellationToken,
    task: tokio::task::JoinHandle<Vec<Read>>,
}

impl Reads {
    pub(crate) fn begin(http: &str, plan: &Plan) -> Self {
        let stop = CancellationToken::new();
        let task = tokio::spawn(read(http.to_owned(), plan.clone(), stop.clone()));
        Self { stop, task }
    }

    pub(crate) async fn end(self) -> Vec<Read> {
        self.stop.cancel();
        self.task.await.unwrap()
    }
}

async fn read(http: String, plan: Plan, stop: CancellationToken) -> Vec<Read> {
    let client = reqwest::Client::new();
    let mut counted: [Counted; 3] = Default::default();
    let mut number = 0u32;
    while !stop.is_cancelled() {
        number += 1;
        let kind = number as usize % 3;
        let url = format!("{http}/api/v1/assets{}", question(kind, number, &plan));
        let begun = Instant::now();
        let answer = client.get(&url).send().await.unwrap();
        assert!(answer.status().is_success(), "{url}: {}", answer.status());
        let body = answer.bytes().await.unwrap();
        assert!(body.len() > 500, "{url} says nothing");
        counted[kind].add(i64::try_from(begun.elapsed().as_millis()).unwrap(), 1);
        tokio::time::sleep(PAUSE).await;
    }
    let all = NAMES.into_iter().zip(&counted);
    all.filter_map(|(names, c)| Some(Read { names, latency_ms: c.summary()? })).collect()
}

/// Each time of another class, place, asset and day.
fn question(kind: usize, number: u32, plan: &Plan) -> String {
    // Coprime to the number of days and of tags.
    let some = number.wrapping_mul(7_919);
    match kind {
        0 => format!(
            "?limit=100&class={}",
            ["infusion-pump", "bed", "wheelchair"][some as usize % 3]
        ),
        1 => format!(
            "?class=infusion-pump&near={},{},{}&limit=10",
            some % 60,
            20 + some % 25,
            some % 3
        ),
        _ => {
            let day = jiff::Timestamp::now()
                - jiff::SignedDuration::from_hours(24 * i64::from(1 + some % plan.history_days));
            let from = day - jiff::SignedDuration::from_hours(24);
            let asset = 1 + some % plan.tags;
            format!("/load-{asset:05}/history?from={from}&to={day}")
        }
    }
}
