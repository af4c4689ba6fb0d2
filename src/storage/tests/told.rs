//! What tags and readers told before, and what became of claims.

use super::*;
use crate::model::Hand;

const HOUR_MS: i64 = 3_600_000;
const DAY_MS: i64 = 24 * HOUR_MS;

fn charge(time_ms: i64, pct: u8) -> Decided {
    Decided::TagReport { tag: tag("a"), time_ms, battery_pct: Some(pct), firmware: None }
}

#[tokio::test]
async fn a_battery_s_fall_is_foretold_from_when_it_was_changed() {
    let Some(storage) = storage("told_battery").await else { return };
    let today = this_second_ms().div_euclid(DAY_MS) * DAY_MS;
    storage.put_assets(&[pump("p1")]).await.unwrap();
    let bind = "insert into tag_binding (tag, asset, bound_at)
                select id, 'p1', now() - interval '40 days' from tag where name = 'a'";
    storage.store(vec![charge(today - 40 * DAY_MS, 30)]).await;
    storage.count(&format!("with bound as ({bind} returning 1) select count(*) from bound")).await;
    let unknown = "select count(*) from rpt_battery_trend where days_to_10 is null";
    assert_eq!(storage.count(unknown).await, 1, "one word says nothing of a fall");
    storage.store(vec![charge(today - 21 * DAY_MS, 12)]).await;
    storage.store(vec![charge(today - 20 * DAY_MS, 90)]).await;
    // Half a percent a day, told twice a day, each time with a late word.
    for day in (0..20).rev() {
        let pct = u8::try_from(80 + day / 2).unwrap();
        let at_ms = today - day * DAY_MS;
        storage.store(vec![charge(at_ms, pct)]).await;
        storage.store(vec![charge(at_ms + HOUR_MS / 60, pct), charge(at_ms - HOUR_MS, 99)]).await;
    }
    // Only days on which it was another.
    assert_eq!(storage.count("select count(*) from tag_battery").await, 13);
    let right = "select count(*) from rpt_battery_trend
                 where tag = 'a' and asset = 'p1' and battery_pct = 80
                   and falls_per_day between 0.45 and 0.6 and days_to_10 between 116 and 156";
    assert_eq!(storage.count(right).await, 1);
}

#[tokio::test]
async fn each_coming_and_going_of_a_reader_is_kept() {
    let Some(storage) = storage("told_reader").await else { return };
    let now = this_second_ms();
    let word = |ago_ms: i64, online| Decided::Reader {
        reader: "door-1".parse().unwrap(),
        time_ms: now - ago_ms,
        online,
    };
    storage
        .store(vec![word(4 * HOUR_MS, true), word(3 * HOUR_MS, false), word(HOUR_MS, true)])
        .await;
    // The same again, and an older one late.
    storage.store(vec![word(HOUR_MS, true), word(2 * HOUR_MS, true)]).await;
    assert_eq!(storage.count("select count(*) from reader where online").await, 1);
    let spells = "select count(*) from rpt_reader_state where reader = 'door-1' and t0 < t1";
    assert_eq!(storage.count(spells).await, 4);
    let off =
        "select sum(extract(epoch from t1 - t0))::int8 from rpt_reader_state where not online";
    assert_eq!(storage.count(off).await, 3_600);
}

#[tokio::test]
async fn a_claim_was_fetched_when_the_thing_is_at_work_before_it_is_over() {
    let Some(storage) = storage("told_claim").await else { return };
    let now = this_second_ms();
    storage.put_assets(&[pump("p1"), pump("p2"), pump("p3")]).await.unwrap();
    let claim = |asset: &str, until_ms: i64| Decided::ByHand {
        asset: asset.parse().unwrap(),
        hand: Hand {
            status: Status::Reserved,
            by: "porter-3".to_owned(),
            reason: None,
            since_ms: now,
            until_ms,
            to: None,
        },
    };
    storage
        .store(vec![
            claim("p1", now + 600_000),
            status("p1", Status::Reserved, now),
            status("p1", Status::InUse, now + 240_000),
            claim("p2", now + 60_000),
            status("p2", Status::Reserved, now),
            status("p2", Status::Available, now + 60_000),
            claim("p3", now + 600_000),
            status("p3", Status::Reserved, now),
        ])
        .await;
    let one = |what: &str| format!("select count(*) from rpt_claim where {what}");
    let took = "asset = 'p1' and outcome = 'fetched' and t1 - t0 = interval '4 minutes'";
    assert_eq!(storage.count(&one(took)).await, 1);
    assert_eq!(storage.count(&one("asset = 'p2' and outcome = 'not fetched'")).await, 1);
    assert_eq!(storage.count(&one("asset = 'p3' and outcome = 'holds'")).await, 1);
}
