//! Messages at other times than they were recorded: what their senders' clocks said moves too.

use spor_schemas::{Decoded, InboundTopic, wire};

/// The payload with its stamps moved by `by_ms`; none: it has none, or can't be read, and stays as
/// it is.
#[must_use]
pub fn shifted(topic: &str, payload: &[u8], by_ms: i64) -> Option<Vec<u8>> {
    let topic = InboundTopic::parse(topic).ok()?;
    let moved = |time_ms: &mut Option<i64>| {
        if let Some(time_ms) = time_ms {
            *time_ms = time_ms.saturating_add(by_ms);
        }
        time_ms.is_some()
    };
    match wire::decode(&topic, payload).ok()? {
        Decoded::Positions(mut all) => {
            let any = all.iter_mut().fold(false, |any, p| moved(&mut p.time_ms) | any);
            match (&topic, all.as_slice()) {
                (InboundTopic::TagPosition(_), [own]) => any.then(|| wire::to_json(own)),
                _ => any.then(|| wire::to_json(&all)),
            }
        }
        Decoded::Sightings(mut all) => {
            let any = all.iter_mut().fold(false, |any, s| moved(&mut s.time_ms) | any);
            any.then(|| wire::to_json(&all))
        }
        Decoded::TagStatus(mut status) => {
            moved(&mut status.time_ms).then(|| wire::to_json(&status))
        }
        Decoded::ReaderStatus(mut status) => {
            moved(&mut status.time_ms).then(|| wire::to_json(&status))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_stamp_moves_and_what_has_none_stays() {
        let by_day = |topic, payload: &str| {
            let moved = shifted(topic, payload.as_bytes(), 86_400_000)?;
            Some(String::from_utf8(moved).expect("JSON"))
        };
        let own = r#"{"time_ms":1000,"x_m":1.5,"y_m":2.0,"floor":1}"#;
        let moved = by_day("spor/v1/tags/pump/position", own).expect("moved");
        assert!(moved.contains("86401000"), "{moved}");
        let topic = InboundTopic::parse("spor/v1/tags/pump/position").expect("valid");
        assert!(wire::decode(&topic, moved.as_bytes()).is_ok(), "{moved}");
        let heard = r#"[{"tag":"a","rssi_dbm":-50.0},{"tag":"b","time_ms":5,"rssi_dbm":-50.0}]"#;
        let moved = by_day("spor/v1/readers/r/sightings", heard).expect("moved");
        assert!(moved.contains("86400005"), "{moved}");
        for (topic, payload) in [
            ("spor/v1/tags/pump/position", r#"{"x_m":1.5,"y_m":2.0,"floor":1}"#),
            ("spor/v1/tags/pump/position", "what is this"),
            ("spor/v1/readers/r/status", r#"{"status":"online"}"#),
            ("elsewhere", "{}"),
        ] {
            assert_eq!(by_day(topic, payload), None, "{topic} {payload}");
        }
    }
}
