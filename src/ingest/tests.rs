use super::*;
use crate::model::{Carrier, Person, PersonId, StaffRole};
use bytes::Bytes;

const NOW_MS: i64 = 1_795_385_000_000;

fn site() -> Arc<Site> {
    let text = r#"{"type":"FeatureCollection","format":"spor-site/1","crs":"local","name":"T",
      "time_zone":"Europe/Copenhagen","floors":[{"number":1,"label":"1"}],"features":[
      {"type":"Feature","id":"ward","geometry":{"type":"Polygon","coordinates":[[[0,0],[10,0],[10,10],[0,10],[0,0]]]},
       "properties":{"feature":"room","floor":1,"kind":"patient","name":"Ward"}},
      {"type":"Feature","id":"wc","geometry":{"type":"Polygon","coordinates":[[[10,0],[14,0],[14,10],[10,10],[10,0]]]},
       "properties":{"feature":"room","floor":1,"kind":"toilet","name":"WC"}},
      {"type":"Feature","id":"r-wc","geometry":{"type":"Point","coordinates":[12,5]},
       "properties":{"feature":"reader","floor":1}}]}"#;
    Arc::new(Site::parse(text).expect("valid"))
}

struct Bench {
    ingest: Ingest,
    registry: Registry,
    rejections: Rejections,
}

impl Bench {
    fn new() -> Self {
        let rejections = Rejections::default();
        let ingest = Ingest::new(site(), 48 * 3_600_000, rejections.clone());
        let mut registry = Registry::default();
        let person = Person {
            id: PersonId::new("P1").expect("valid"),
            role: StaffRole::new("nurse").expect("valid"),
        };
        let badge = TagId::new("badge").expect("valid");
        registry.carriers.insert(badge, Carrier::Person(Arc::new(person)));
        Self { ingest, registry, rejections }
    }

    fn send(
        &mut self,
        topic: &str,
        payload: impl Into<Bytes>,
        received_ms: i64,
    ) -> Vec<Understood> {
        let payload: Bytes = payload.into();
        let arrival = Arrived { source: "c1", topic, payload: &payload };
        let mut out = Vec::new();
        self.ingest.understand(arrival, received_ms, &self.registry, |u| out.push(u));
        out
    }

    fn reason(&mut self, topic: &str, payload: impl Into<Bytes>) -> Option<Reason> {
        let before = self.rejections.last().len();
        let understood = self.send(topic, payload, NOW_MS);
        let after = self.rejections.last();
        assert_eq!(understood.is_empty(), after.len() > before, "either understood or refused");
        after.first().map(|r| r.reason)
    }
}

#[test]
fn what_is_refused_says_why() {
    let at = |time_ms: i64| format!(r#"{{"x_m":1,"y_m":1,"floor":1,"time_ms":{time_ms}}}"#);
    let own = "spor/v1/tags/a/position";
    let cases: Vec<(&str, Vec<u8>, Reason)> = vec![
        (own, b"hello".to_vec(), Reason::Malformed),
        (own, b"{\"x_m\":NaN}".to_vec(), Reason::Malformed),
        (own, vec![0xff, 0xfe], Reason::Malformed),
        (own, b"{\"x_m\":1,\"y_m\":1}".to_vec(), Reason::Malformed),
        (own, vec![b'['; 100_000], Reason::Malformed),
        (own, vec![b' '; 1024 * 1024], Reason::TooLarge),
        (own, br#"{"x_m":1e12,"y_m":1,"floor":1}"#.to_vec(), Reason::OutOfRange),
        (own, br#"{"x_m":1,"y_m":1,"floor":2}"#.to_vec(), Reason::UnknownFloor),
        (own, br#"{"x_m":99,"y_m":1,"floor":1}"#.to_vec(), Reason::OffSite),
        (own, at(NOW_MS + 3_600_000).into(), Reason::FutureTime),
        (own, at(0).into(), Reason::TooLate),
        (own, br#"{"tag":"b","x_m":1,"y_m":1,"floor":1}"#.to_vec(), Reason::WrongTag),
        ("spor/v2/tags/a/position", at(NOW_MS).into(), Reason::UnknownVersion),
        ("spor/v1/tags/a b/position", at(NOW_MS).into(), Reason::InvalidId),
        ("home/lamp", b"on".to_vec(), Reason::UnknownTopic),
        (
            "spor/v1/readers/nobody/status",
            br#"{"status":"online"}"#.to_vec(),
            Reason::UnknownReader,
        ),
    ];
    for (topic, payload, expected) in cases {
        let reason = Bench::new().reason(topic, payload.clone());
        assert_eq!(
            reason,
            Some(expected),
            "{topic} {:?}",
            String::from_utf8_lossy(&payload[..20.min(payload.len())])
        );
    }
}

#[test]
fn a_message_that_is_sent_twice_is_understood_once() {
    let mut bench = Bench::new();
    let payload = format!(r#"{{"x_m":1,"y_m":1,"floor":1,"seq":7,"time_ms":{NOW_MS}}}"#);
    assert_eq!(bench.send("spor/v1/tags/a/position", payload.clone(), NOW_MS).len(), 1);
    assert_eq!(bench.send("spor/v1/tags/a/position", payload, NOW_MS + 50).len(), 0);
    assert_eq!(bench.rejections.last()[0].reason, Reason::Duplicate);
}

#[test]
fn one_bad_element_does_not_take_the_others_with_it() {
    let mut bench = Bench::new();
    let payload = r#"[{"tag":"a","x_m":1,"y_m":1,"floor":1},{"tag":"b","x_m":1,"y_m":1,"floor":9},
                      {"tag":"c","x_m":2,"y_m":1,"floor":1}]"#;
    assert_eq!(bench.send("spor/v1/engines/e/positions", payload, NOW_MS).len(), 2);
}

#[test]
fn a_badge_is_dropped_where_people_are_not_tracked_and_a_chair_is_not() {
    let mut bench = Bench::new();
    let in_toilet = r#"{"x_m":12,"y_m":5,"floor":1}"#;
    assert_eq!(bench.send("spor/v1/tags/badge/position", in_toilet, NOW_MS).len(), 0);
    assert_eq!(bench.send("spor/v1/tags/chair/position", in_toilet, NOW_MS).len(), 1);
    let heard = r#"[{"tag":"badge","rssi_dbm":-50},{"tag":"chair","rssi_dbm":-50}]"#;
    assert_eq!(bench.send("spor/v1/readers/r-wc/sightings", heard, NOW_MS).len(), 1);
    assert!(bench.rejections.last().is_empty(), "dropped is not refused");
}

#[test]
fn a_refused_badge_leaves_nothing_to_read() {
    let mut bench = Bench::new();
    bench.send("spor/v1/tags/badge/position", r#"{"x_m":99,"y_m":5,"floor":1}"#, NOW_MS);
    assert!(bench.rejections.last().is_empty());
    bench.send("spor/v1/tags/later/position", r#"{"x_m":99,"y_m":5,"floor":1}"#, NOW_MS);
    assert_eq!(bench.rejections.last().len(), 1);
    bench.rejections.forget(&TagId::new("later").expect("valid"));
    assert!(bench.rejections.last().is_empty());
}
