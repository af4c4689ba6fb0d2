//! What tags, engines and readers say: messages with their time and topic.

use spor_schemas::{
    EngineId, PositionMessage, ReaderId, ReaderStatusMessage, SightingMessage, TagId,
    TagStatusMessage, topic, wire,
};

/// Something was said.
#[derive(Debug, Clone, PartialEq)]
pub struct Report {
    /// When, by the world's clock, milliseconds since the Unix epoch.
    pub time_ms: i64,
    /// What, and by whom.
    pub message: Message,
}

/// Who publishes a message: one MQTT client may speak for several.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Publisher {
    /// A tag by itself.
    Tag(TagId),
    /// An engine for its tags.
    Engine(EngineId),
    /// A reader.
    Reader(ReaderId),
}

/// What is said.
#[derive(Debug, Clone, PartialEq)]
pub enum Message {
    /// A tag knows where it is.
    TagPosition(TagId, PositionMessage),
    /// A tag's battery, firmware, button.
    TagStatus(TagId, TagStatusMessage),
    /// An engine knows where its tags are.
    EnginePositions(EngineId, Vec<PositionMessage>),
    /// A reader heard tags.
    ReaderSightings(ReaderId, Vec<SightingMessage>),
    /// A reader is there.
    ReaderStatus(ReaderId, ReaderStatusMessage),
}

impl Message {
    /// The MQTT topic it belongs on.
    #[must_use]
    pub fn topic(&self) -> String {
        match self {
            Self::TagPosition(tag, _) => topic::tag_position(tag),
            Self::TagStatus(tag, _) => topic::tag_status(tag),
            Self::EnginePositions(engine, _) => topic::engine_positions(engine),
            Self::ReaderSightings(reader, _) => topic::reader_sightings(reader),
            Self::ReaderStatus(reader, _) => topic::reader_status(reader),
        }
    }

    /// Its JSON form.
    #[must_use]
    pub fn to_json(&self) -> Vec<u8> {
        match self {
            Self::TagPosition(_, message) => wire::to_json(message),
            Self::TagStatus(_, message) => wire::to_json(message),
            Self::EnginePositions(_, messages) => wire::to_json(messages),
            Self::ReaderSightings(_, messages) => wire::to_json(messages),
            Self::ReaderStatus(_, message) => wire::to_json(message),
        }
    }

    /// Its CBOR form.
    #[must_use]
    pub fn to_cbor(&self) -> Vec<u8> {
        match self {
            Self::TagPosition(_, message) => wire::to_cbor(message),
            Self::TagStatus(_, message) => wire::to_cbor(message),
            Self::EnginePositions(_, messages) => wire::to_cbor(messages),
            Self::ReaderSightings(_, messages) => wire::to_cbor(messages),
            Self::ReaderStatus(_, message) => wire::to_cbor(message),
        }
    }

    /// Who says it.
    #[must_use]
    pub fn publisher(&self) -> Publisher {
        match self {
            Self::TagPosition(tag, _) | Self::TagStatus(tag, _) => Publisher::Tag(tag.clone()),
            Self::EnginePositions(engine, _) => Publisher::Engine(engine.clone()),
            Self::ReaderSightings(reader, _) | Self::ReaderStatus(reader, _) => {
                Publisher::Reader(reader.clone())
            }
        }
    }

    /// Replaces every time in it: a world that runs faster than real time is stamped anew.
    pub fn map_times(&mut self, map: impl Fn(i64) -> i64) {
        let each = |time_ms: &mut Option<i64>| *time_ms = time_ms.map(&map);
        match self {
            Self::TagPosition(_, message) => each(&mut message.time_ms),
            Self::TagStatus(_, message) => each(&mut message.time_ms),
            Self::EnginePositions(_, messages) => {
                messages.iter_mut().for_each(|m| each(&mut m.time_ms));
            }
            Self::ReaderSightings(_, messages) => {
                messages.iter_mut().for_each(|m| each(&mut m.time_ms));
            }
            Self::ReaderStatus(_, message) => each(&mut message.time_ms),
        }
    }
}
