//! What goes out: a message with its time, a clock that may be wrong, and bytes that may be broken.

use crate::world::{Message, Report};

/// Something that leaves a device.
#[derive(Debug, Clone, PartialEq)]
pub struct Sent {
    /// When it is sent, by the world's clock, milliseconds since the Unix epoch.
    pub time_ms: i64,
    /// What.
    pub message: Message,
    /// What the device's clock is ahead, milliseconds; see [`Self::stamp`].
    pub(super) ahead_ms: i64,
    pub(super) broken: Option<Breakage>,
}

/// No message of any kind has these types.
const WRONG_TYPES: &[u8] =
    br#"{"x_m":"here","y_m":"there","floor":"up","battery_pct":"full","status":"asleep"}"#;
/// Of the right types and without any sense, whatever the topic.
const OUT_OF_RANGE: &[u8] = br#"{"x_m":1e12,"y_m":0.0,"floor":4000,"battery_pct":200,"status":"online",
"firmware":"a version that is far longer than anybody would ever want to write it, and then some"}"#;

/// How a payload is broken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Breakage {
    /// Its last third is missing.
    Truncated,
    /// Words where numbers belong.
    WrongType,
    /// Bytes that are no text, in the middle.
    NotText,
    /// Values that lie on no site and in no battery.
    OutOfRange,
    /// Nothing at all.
    Empty,
    /// Thousands of open brackets.
    Nested,
}

impl Breakage {
    pub(super) const ALL: [Self; 6] = [
        Self::Truncated,
        Self::WrongType,
        Self::NotText,
        Self::OutOfRange,
        Self::Empty,
        Self::Nested,
    ];

    fn apply(self, payload: &mut Vec<u8>) {
        match self {
            Self::Truncated => payload.truncate(payload.len() * 2 / 3),
            Self::WrongType => *payload = WRONG_TYPES.to_vec(),
            Self::NotText => {
                let middle = payload.len() / 2;
                payload.splice(middle..middle, [0xff, 0xfe, 0x00]);
            }
            Self::OutOfRange => *payload = OUT_OF_RANGE.to_vec(),
            Self::Empty => payload.clear(),
            Self::Nested => *payload = vec![b'['; 4_000],
        }
    }
}

impl Sent {
    pub(super) fn new(report: Report) -> Self {
        let Report { time_ms, message } = report;
        Self { time_ms, message, ahead_ms: 0, broken: None }
    }

    /// Gives its times the form in which they go out: `map` turns the world's time into that of the
    /// message, and what the device's clock is ahead comes on top, by the message's clock.
    pub fn stamp(&mut self, map: impl Fn(i64) -> i64) {
        let ahead_ms = self.ahead_ms;
        self.message.map_times(|time_ms| map(time_ms) + ahead_ms);
        self.ahead_ms = 0;
    }

    /// The bytes that go out, in CBOR or JSON.
    #[must_use]
    pub fn payload(&self, cbor: bool) -> Vec<u8> {
        let mut payload = if cbor { self.message.to_cbor() } else { self.message.to_json() };
        if let Some(breakage) = self.broken {
            breakage.apply(&mut payload);
        }
        payload
    }
}
