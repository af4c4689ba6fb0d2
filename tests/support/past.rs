//! A program with a past: what it was told hours ago lies in its journal, as if it had been there.

use super::{Spor, postgres};
use serde_json::json;
use spor::journal::{Config, Draft, Journal, Kind};
use std::sync::{
    Arc,
    atomic::{AtomicI64, Ordering},
};

/// How often time alone is asked then, milliseconds.
const TICK_MS: i64 = 5_000;

/// An asset with its class, its ward and its tag.
pub(crate) type Thing<'a> = (&'a str, &'a str, Option<&'a str>, &'a str);

/// A message: when it came, milliseconds, topic, payload.
pub(crate) type Came = (i64, String, String);

/// A program that has been there from `from_ms` to `to_ms` with all these things and these rules (none:
/// those that are built in), which now starts and folds what came meanwhile.
pub(crate) async fn with_a_past(
    environment: &[(&str, &str)],
    rules: Option<&str>,
    things: &[Thing<'_>],
    (from_ms, to_ms): (i64, i64),
    messages: &[Came],
) -> Option<Spor> {
    let mut spor = Spor::serve(environment).await?;
    for (id, class, ward, tag) in things {
        let url = format!("{}/api/v1/assets/{id}", spor.http);
        let asset = json!({ "label": id, "class": class, "home_ward": ward });
        put(&url, &asset).await;
        put(&format!("{url}/tag"), &json!({ "tag": tag })).await;
    }
    assert!(spor.stop().success());
    let own = spor.data_dir();
    for folder in ["journal", "decided", "checkpoints"] {
        std::fs::remove_dir_all(own.join(folder)).unwrap();
    }
    let database = postgres::connect(&spor.database_url()).await;
    let begun = format!("to_timestamp({from_ms} / 1000.0)");
    let sql = format!(
        "update journal_cursor set journal = null, sequence = 0;
         update asset set created_at = {begun};
         update tag_binding set bound_at = {begun};
         delete from asset_status; delete from status_rules; delete from event;
         update rollup_state set settled = null, as_of = null;
         truncate rollup_touched, rollup_due, rollup_place, rollup_place_day, rollup_class, rollup_level,
             rollup_level_day, rollup_use, rollup_use_day, rollup_turnaround, rollup_dwell, rollup_transfer, rollup_par, rollup_shortage"
    );
    database.batch_execute(&sql).await.unwrap();
    let clock = Arc::new(AtomicI64::new(from_ms));
    let told = clock.clone();
    let journal = Journal::open(&own.join("journal"), &Config::default(), move || {
        told.load(Ordering::Relaxed)
    })
    .unwrap();
    if let Some(rules) = rules {
        let mut draft = Draft::new();
        draft.push(Kind::Rules, "", "", rules.as_bytes());
        journal.append(draft);
    }
    let mut messages = messages.iter().peekable();
    for tick_ms in (from_ms..=to_ms).step_by(usize::try_from(TICK_MS).unwrap()) {
        while let Some((came_ms, topic, payload)) = messages.next_if(|came| came.0 <= tick_ms) {
            clock.store(*came_ms, Ordering::Relaxed);
            let mut draft = Draft::new();
            draft.push(Kind::Message, "then", topic, payload.as_bytes());
            journal.append(draft);
        }
        clock.store(tick_ms, Ordering::Relaxed);
        let mut draft = Draft::new();
        draft.push(Kind::Tick, "", "", b"");
        journal.append(draft);
    }
    journal.close();
    spor.start_again().await;
    Some(spor)
}

async fn put(url: &str, body: &serde_json::Value) {
    let answer = reqwest::Client::new().put(url).json(body).send().await.unwrap();
    assert!(answer.status().is_success(), "{}", answer.text().await.unwrap());
}
