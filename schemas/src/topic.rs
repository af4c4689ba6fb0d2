//! MQTT topics: `spor/v1/...` in, `spor/v1/events/...` out, `spor/v1/commands/...` to a device.

use crate::{
    event::EventKind,
    ids::{EngineId, InvalidId, ReaderId, TagId},
};

/// What a topic that devices publish on means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum InboundTopic {
    /// `spor/v1/tags/{tag}/position`
    TagPosition(TagId),
    /// `spor/v1/tags/{tag}/status`
    TagStatus(TagId),
    /// `spor/v1/engines/{engine}/positions`
    EnginePositions(EngineId),
    /// `spor/v1/readers/{reader}/sightings`
    ReaderSightings(ReaderId),
    /// `spor/v1/readers/{reader}/status`
    ReaderStatus(ReaderId),
}

/// Why a topic is none of Spor's.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TopicError {
    /// Not below `spor/`, or no known path.
    #[error("unknown topic")]
    Unknown,
    /// `spor/` with a version other than `v1`.
    #[error("unknown topic version, this is v1")]
    UnknownVersion,
    /// The tag, engine or reader is named against the pattern.
    #[error(transparent)]
    Id(#[from] InvalidId),
}

/// Which family a topic is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TopicKind {
    /// `spor/v1/tags/{tag}/position`
    TagPosition,
    /// `spor/v1/tags/{tag}/status`
    TagStatus,
    /// `spor/v1/engines/{engine}/positions`
    EnginePositions,
    /// `spor/v1/readers/{reader}/sightings`
    ReaderSightings,
    /// `spor/v1/readers/{reader}/status`
    ReaderStatus,
}

impl TopicKind {
    /// Takes a topic apart: its kind, and the id in it, which is not checked.
    ///
    /// # Errors
    /// [`TopicError`] when no device may publish there.
    pub fn split(topic: &str) -> Result<(Self, &str), TopicError> {
        let rest = topic.strip_prefix("spor/").ok_or(TopicError::Unknown)?;
        let (version, rest) = rest.split_once('/').ok_or(TopicError::Unknown)?;
        if version != "v1" {
            return Err(TopicError::UnknownVersion);
        }
        let (group, rest) = rest.split_once('/').ok_or(TopicError::Unknown)?;
        let (id, leaf) = rest.rsplit_once('/').ok_or(TopicError::Unknown)?;
        let kind = match (group, leaf) {
            ("tags", "position") => Self::TagPosition,
            ("tags", "status") => Self::TagStatus,
            ("engines", "positions") => Self::EnginePositions,
            ("readers", "sightings") => Self::ReaderSightings,
            ("readers", "status") => Self::ReaderStatus,
            _ => return Err(TopicError::Unknown),
        };
        Ok((kind, id))
    }
}

impl InboundTopic {
    /// Reads a topic.
    ///
    /// # Errors
    /// [`TopicError`] when no device may publish there.
    pub fn parse(topic: &str) -> Result<Self, TopicError> {
        Self::parse_known(topic, |_| None)
    }

    /// Reads a topic; a tag that `known` gives for its name is not made again.
    ///
    /// # Errors
    /// [`TopicError`] when no device may publish there.
    pub fn parse_known(
        topic: &str,
        known: impl FnOnce(&str) -> Option<TagId>,
    ) -> Result<Self, TopicError> {
        let (kind, id) = TopicKind::split(topic)?;
        let tag = || known(id).map_or_else(|| TagId::new(id), Ok);
        Ok(match kind {
            TopicKind::TagPosition => Self::TagPosition(tag()?),
            TopicKind::TagStatus => Self::TagStatus(tag()?),
            TopicKind::EnginePositions => Self::EnginePositions(EngineId::new(id)?),
            TopicKind::ReaderSightings => Self::ReaderSightings(ReaderId::new(id)?),
            TopicKind::ReaderStatus => Self::ReaderStatus(ReaderId::new(id)?),
        })
    }
}

/// `spor/v1/tags/{tag}/position`
#[must_use]
pub fn tag_position(tag: &TagId) -> String {
    format!("spor/v1/tags/{tag}/position")
}

/// `spor/v1/tags/{tag}/status`
#[must_use]
pub fn tag_status(tag: &TagId) -> String {
    format!("spor/v1/tags/{tag}/status")
}

/// `spor/v1/engines/{engine}/positions`
#[must_use]
pub fn engine_positions(engine: &EngineId) -> String {
    format!("spor/v1/engines/{engine}/positions")
}

/// `spor/v1/readers/{reader}/sightings`
#[must_use]
pub fn reader_sightings(reader: &ReaderId) -> String {
    format!("spor/v1/readers/{reader}/sightings")
}

/// `spor/v1/readers/{reader}/status`
#[must_use]
pub fn reader_status(reader: &ReaderId) -> String {
    format!("spor/v1/readers/{reader}/status")
}

/// `spor/v1/events/{kind}/{tag}`
#[must_use]
pub fn event(kind: EventKind, tag: &TagId) -> String {
    format!("spor/v1/events/{}/{tag}", kind.as_str())
}

/// The kind of events that alerts are: `spor/v1/events/alert/{id}`.
const ALERT: &str = "alert";

/// `spor/v1/events/alert/{id}`
#[must_use]
pub fn alert(id: &str) -> String {
    format!("spor/v1/events/{ALERT}/{id}")
}

/// True when Spor publishes events at `spor/v1/events/{kind}/...`.
#[must_use]
pub fn is_event_kind(kind: &str) -> bool {
    kind == ALERT || EventKind::ALL.iter().any(|known| known.as_str() == kind)
}

/// `spor/v1/commands/{device}`: what Spor tells one device; only that device may subscribe.
#[must_use]
pub fn command(device: &str) -> String {
    format!("spor/v1/commands/{device}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_topic_that_is_written_is_read_back() {
        let tag = TagId::new("pump-7").expect("valid");
        let engine = EngineId::new("e1").expect("valid");
        let reader = ReaderId::new("r:1").expect("valid");
        for (text, topic) in [
            (tag_position(&tag), InboundTopic::TagPosition(tag.clone())),
            (tag_status(&tag), InboundTopic::TagStatus(tag.clone())),
            (engine_positions(&engine), InboundTopic::EnginePositions(engine)),
            (reader_sightings(&reader), InboundTopic::ReaderSightings(reader.clone())),
            (reader_status(&reader), InboundTopic::ReaderStatus(reader)),
        ] {
            assert_eq!(InboundTopic::parse(&text), Ok(topic));
        }
    }

    #[test]
    fn foreign_topics_say_why_they_are_refused() {
        assert_eq!(InboundTopic::parse("spor/v2/tags/a/position"), Err(TopicError::UnknownVersion));
        assert_eq!(InboundTopic::parse("home/v1/tags/a/position"), Err(TopicError::Unknown));
        assert_eq!(InboundTopic::parse("spor/v1/events/zone/a"), Err(TopicError::Unknown));
        let nested = InboundTopic::parse("spor/v1/tags/a/b/position");
        assert!(matches!(nested, Err(TopicError::Id(_))), "{nested:?}");
    }
}
