//! Bytes to messages: JSON and CBOR, told apart by the first byte; every bound is checked here.

use crate::{
    bounds::{self, OutOfRange},
    ids::{TagId, is_valid_id},
    position::PositionMessage,
    sighting::SightingMessage,
    status::{ReaderStatusMessage, TagStatusMessage},
    topic::InboundTopic,
};
use minicbor::Decode;
use serde::Deserialize;
use std::borrow::Cow;

/// A message, read and within its bounds.
#[derive(Debug, Clone, PartialEq)]
pub enum Decoded {
    /// From a tag's own topic: exactly one, its `tag` filled in; from an engine: each with its `tag`.
    Positions(Vec<PositionMessage>),
    /// From a reader.
    Sightings(Vec<SightingMessage>),
    /// From a tag.
    TagStatus(TagStatusMessage),
    /// From a reader.
    ReaderStatus(ReaderStatusMessage),
}

/// Why a payload is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WireError {
    /// Longer than [`bounds::MAX_PAYLOAD`] or with more elements than [`bounds::MAX_BATCH`].
    #[error("too large: at most 256 KiB and 5000 elements")]
    TooLarge,
    /// Neither JSON nor CBOR of the expected shape; the text says where it broke.
    #[error("malformed: {0}")]
    Malformed(String),
    /// A field outside its bounds.
    #[error(transparent)]
    OutOfRange(#[from] OutOfRange),
    /// An engine's position without `tag`, or a tag that speaks for another.
    #[error("{0}")]
    WrongTag(&'static str),
}

/// Reads a payload that arrived on `topic`.
///
/// # Errors
/// [`WireError`] says what is wrong with the bytes; an array is refused as a whole.
pub fn decode(topic: &InboundTopic, payload: &[u8]) -> Result<Decoded, WireError> {
    if payload.len() > bounds::MAX_PAYLOAD {
        return Err(WireError::TooLarge);
    }
    match topic {
        InboundTopic::TagPosition(tag) => {
            let position = own_position(tag, parse(payload)?)?;
            Ok(Decoded::Positions(vec![position]))
        }
        InboundTopic::EnginePositions(_) => {
            let positions: Vec<PositionMessage> = parse_batch(payload)?;
            for position in &positions {
                if position.tag.is_none() {
                    return Err(WireError::WrongTag("a position in an array names its tag"));
                }
                position.validate()?;
            }
            Ok(Decoded::Positions(positions))
        }
        InboundTopic::ReaderSightings(_) => {
            let sightings: Vec<SightingMessage> = parse_batch(payload)?;
            sightings.iter().try_for_each(SightingMessage::validate)?;
            Ok(Decoded::Sightings(sightings))
        }
        InboundTopic::TagStatus(_) => {
            let status: TagStatusMessage = parse(payload)?;
            status.validate()?;
            Ok(Decoded::TagStatus(status))
        }
        InboundTopic::ReaderStatus(_) => {
            let status: ReaderStatusMessage = parse(payload)?;
            status.validate()?;
            Ok(Decoded::ReaderStatus(status))
        }
    }
}

/// The tags that an array of positions or sightings names, one for each element, and nothing else
/// of it.
///
/// # Errors
/// [`WireError`] when it is no array of objects, or one of them names no valid tag.
pub fn tags_of_array(payload: &[u8]) -> Result<Vec<Cow<'_, str>>, WireError> {
    if payload.len() > bounds::MAX_PAYLOAD {
        return Err(WireError::TooLarge);
    }
    let elements: Vec<Named<'_>> = parse_batch(payload)?;
    let tags = elements.into_iter().map(|element| match element.tag {
        Some(Name(tag)) if is_valid_id(&tag) => Ok(tag),
        _ => Err(WireError::WrongTag("an element of an array names its tag")),
    });
    tags.collect()
}

/// What positions and sightings have in common.
#[derive(Deserialize, Decode)]
#[cbor(map)]
struct Named<'a> {
    #[serde(borrow, default)]
    #[b(0)]
    tag: Option<Name<'a>>,
}

#[derive(Deserialize)]
struct Name<'a>(#[serde(borrow)] Cow<'a, str>);

impl<'b, C> Decode<'b, C> for Name<'b> {
    fn decode(d: &mut minicbor::Decoder<'b>, _: &mut C) -> Result<Self, minicbor::decode::Error> {
        Ok(Self(Cow::Borrowed(d.str()?)))
    }
}

fn own_position(tag: &TagId, mut position: PositionMessage) -> Result<PositionMessage, WireError> {
    if position.tag.as_ref().is_some_and(|named| named != tag) {
        return Err(WireError::WrongTag("the payload names another tag than the topic"));
    }
    position.validate()?;
    position.tag = Some(tag.clone());
    Ok(position)
}

/// CBOR maps and arrays begin with 0x80 to 0xbf; JSON never does.
fn is_cbor(payload: &[u8]) -> bool {
    payload.first().is_some_and(|first| (0x80..=0xbf).contains(first))
}

fn parse<'b, T>(payload: &'b [u8]) -> Result<T, WireError>
where
    T: Deserialize<'b> + Decode<'b, ()>,
{
    if !is_cbor(payload) {
        return serde_json::from_slice(payload).map_err(|e| WireError::Malformed(e.to_string()));
    }
    let mut decoder = minicbor::Decoder::new(payload);
    let value = decoder.decode().map_err(|e| WireError::Malformed(e.to_string()))?;
    if decoder.position() == payload.len() {
        Ok(value)
    } else {
        Err(WireError::Malformed("bytes after the end of the message".to_owned()))
    }
}

fn parse_batch<'b, T>(payload: &'b [u8]) -> Result<Vec<T>, WireError>
where
    T: Deserialize<'b> + Decode<'b, ()>,
{
    let batch: Vec<T> = parse(payload)?;
    if batch.len() > bounds::MAX_BATCH { Err(WireError::TooLarge) } else { Ok(batch) }
}

/// Writes a message as CBOR.
#[must_use]
pub fn to_cbor<T: minicbor::Encode<()>>(message: &T) -> Vec<u8> {
    minicbor::to_vec(message).expect("writing to memory cannot fail")
}

/// Writes a message as JSON.
#[must_use]
pub fn to_json<T: serde::Serialize>(message: &T) -> Vec<u8> {
    serde_json::to_vec(message).expect("the messages hold nothing that JSON cannot say")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn topic(text: &str) -> InboundTopic {
        InboundTopic::parse(text).expect("a topic of ours")
    }

    /// As finely as devices speak; the last bit of a 17-digit decimal is not promised.
    fn millimetres() -> impl Strategy<Value = f64> {
        (-100_000_000i32..=100_000_000).prop_map(|mm| f64::from(mm) / 1000.0)
    }

    fn any_position() -> impl Strategy<Value = PositionMessage> {
        (
            (proptest::option::of(any::<i64>()), proptest::option::of(any::<u32>())),
            (millimetres(), millimetres(), -20i16..=200),
            proptest::option::of((0u16..=10_000).prop_map(f32::from)),
            proptest::option::of(0u8..=100),
            (proptest::option::of(any::<bool>()), proptest::option::of(any::<bool>())),
        )
            .prop_map(
                |((time_ms, seq), (x_m, y_m, floor), accuracy_m, battery_pct, (moving, button))| {
                    let tag = TagId::new("t1").ok();
                    PositionMessage {
                        tag,
                        time_ms,
                        seq,
                        x_m,
                        y_m,
                        floor,
                        accuracy_m,
                        battery_pct,
                        moving,
                        button,
                    }
                },
            )
    }

    proptest! {
        #[test]
        fn positions_survive_both_forms(position in any_position()) {
            let own = topic("spor/v1/tags/t1/position");
            let expected = Decoded::Positions(vec![position.clone()]);
            prop_assert_eq!(decode(&own, &to_json(&position)), Ok(expected.clone()));
            prop_assert_eq!(decode(&own, &to_cbor(&position)), Ok(expected));
        }

        #[test]
        fn random_bytes_are_refused_or_read_but_never_panic(
            bytes in proptest::collection::vec(any::<u8>(), 0..300),
        ) {
            for text in ["spor/v1/tags/t/position", "spor/v1/engines/e/positions",
                         "spor/v1/readers/r/sightings", "spor/v1/readers/r/status",
                         "spor/v1/tags/t/status"] {
                let _ = decode(&topic(text), &bytes);
            }
        }
    }

    #[test]
    fn nan_in_cbor_is_out_of_range() {
        let mut position: PositionMessage =
            serde_json::from_str(r#"{"x_m":1,"y_m":2,"floor":0}"#).expect("valid");
        position.x_m = f64::NAN;
        let refused = decode(&topic("spor/v1/tags/t1/position"), &to_cbor(&position));
        assert!(
            matches!(refused, Err(WireError::OutOfRange(o)) if o.field == "x_m"),
            "{refused:?}"
        );
    }

    #[test]
    fn the_tags_of_an_array_are_read_in_both_forms() {
        let json = br#"[{"x_m":1,"tag":"a"},{"tag":"\u0062","y_m":[]}]"#;
        assert_eq!(tags_of_array(json), Ok(vec!["a".into(), "b".into()]));
        let sightings: Vec<SightingMessage> =
            serde_json::from_str(r#"[{"tag":"a","rssi_dbm":-50},{"tag":"b","rssi_dbm":-60}]"#)
                .expect("valid");
        assert_eq!(tags_of_array(&to_cbor(&sightings)), Ok(vec!["a".into(), "b".into()]));
        assert!(tags_of_array(br#"[{"tag":7}]"#).is_err());
        assert!(tags_of_array(br#"[{"tag":"a"},{"floor":1}]"#).is_err());
        assert!(tags_of_array(br#"[{"tag":"a"},{"tag":"b "}]"#).is_err());
        assert!(tags_of_array(br#"[{"tag":"a"}"#).is_err());
    }

    #[test]
    fn deep_nesting_is_malformed() {
        let deep = "[".repeat(100_000);
        let refused = decode(&topic("spor/v1/readers/r/sightings"), deep.as_bytes());
        assert!(matches!(refused, Err(WireError::Malformed(_))));
        let deep_cbor = vec![0x81u8; 100_000];
        let refused = decode(&topic("spor/v1/readers/r/sightings"), &deep_cbor);
        assert!(matches!(refused, Err(WireError::Malformed(_))));
    }
}
