//! Refusals: counted by reason, the last of each kept for `GET /api/v1/rejected`.

use crate::model::{Arrived, Registry, TagId};
use serde::Serialize;
use spor_schemas::{TopicError, TopicKind, WireError};
use std::{
    collections::{BTreeMap, VecDeque},
    sync::{Arc, Mutex, PoisonError},
};
use utoipa::ToSchema;

/// So many of each reason are kept.
const KEPT: usize = 20;
/// So much of a payload is shown, bytes.
const SHOWN: usize = 200;

/// Why a message was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// No topic that devices publish on.
    UnknownTopic,
    /// `spor/` with another version than `v1`.
    UnknownVersion,
    /// A tag, reader or engine named against the pattern.
    InvalidId,
    /// Neither JSON nor CBOR of the expected shape.
    Malformed,
    /// More than 256 KiB or 5,000 elements.
    TooLarge,
    /// A field outside its bounds.
    OutOfRange,
    /// No tag where one is needed, or another tag than the topic's.
    WrongTag,
    /// A floor that the site doesn't have.
    UnknownFloor,
    /// A place outside the floor.
    OffSite,
    /// A reader that the site doesn't have.
    UnknownReader,
    /// A stamp ahead of the time of receipt.
    FutureTime,
    /// Older than `ingest.max_late_hours`.
    TooLate,
    /// Seen before.
    Duplicate,
}

impl Reason {
    pub(super) fn of_topic(error: &TopicError) -> Self {
        match error {
            TopicError::Unknown => Self::UnknownTopic,
            TopicError::UnknownVersion => Self::UnknownVersion,
            TopicError::Id(_) => Self::InvalidId,
        }
    }

    pub(super) fn of_wire(error: &WireError) -> Self {
        match error {
            WireError::TooLarge => Self::TooLarge,
            WireError::Malformed(_) => Self::Malformed,
            WireError::OutOfRange(_) => Self::OutOfRange,
            WireError::WrongTag(_) => Self::WrongTag,
        }
    }

    /// The reason as it stands in metrics and JSON.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::UnknownTopic => "unknown_topic",
            Self::UnknownVersion => "unknown_version",
            Self::InvalidId => "invalid_id",
            Self::Malformed => "malformed",
            Self::TooLarge => "too_large",
            Self::OutOfRange => "out_of_range",
            Self::WrongTag => "wrong_tag",
            Self::UnknownFloor => "unknown_floor",
            Self::OffSite => "off_site",
            Self::UnknownReader => "unknown_reader",
            Self::FutureTime => "future_time",
            Self::TooLate => "too_late",
            Self::Duplicate => "duplicate",
        }
    }
}

/// One refused message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Rejected {
    /// When it was received, milliseconds since the Unix epoch.
    pub at_ms: i64,
    /// Why.
    pub reason: Reason,
    /// The detail, for people.
    pub detail: String,
    /// The MQTT client that sent it.
    pub source: String,
    /// The topic; cut to 200 bytes.
    pub topic: String,
    /// The beginning of the payload, where it can't tell where a person is.
    pub payload: Option<String>,
}

/// The last refusals; cheap to clone, shared with the API.
#[derive(Debug, Clone, Default)]
pub struct Rejections(Arc<Mutex<BTreeMap<Reason, VecDeque<Rejected>>>>);

impl Rejections {
    /// Every refusal that is kept, newest first.
    #[must_use]
    pub fn last(&self) -> Vec<Rejected> {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut all: Vec<_> = kept.values().flatten().cloned().collect();
        all.sort_by_key(|r| std::cmp::Reverse(r.at_ms));
        all
    }

    /// Forgets what is kept of a tag, because a person wears it from now on.
    pub fn forget(&self, tag: &TagId) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for of_reason in kept.values_mut() {
            of_reason.retain(|r| !mentions(r, tag));
        }
    }

    /// Only a tag's own topic is shown with its payload, and only when no person wears the tag: an
    /// array may hold anybody's place.
    pub(super) fn add(
        &self,
        reason: Reason,
        detail: String,
        arrival: Arrived<'_>,
        received_ms: i64,
        registry: &Registry,
    ) {
        metrics::counter!("spor_messages_rejected_total", "reason" => reason.as_str()).increment(1);
        let payload = match TopicKind::split(arrival.topic) {
            Ok((TopicKind::TagPosition | TopicKind::TagStatus, tag)) => {
                if registry.is_name_worn(tag) {
                    return;
                }
                Some(beginning(arrival.payload))
            }
            Ok(_) => None,
            Err(_) => Some(beginning(arrival.payload)),
        };
        let rejected = Rejected {
            at_ms: received_ms,
            reason,
            detail,
            source: arrival.source.to_string(),
            topic: beginning(arrival.topic.as_bytes()),
            payload,
        };
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let of_reason = kept.entry(reason).or_default();
        if of_reason.len() == KEPT {
            of_reason.pop_front();
        }
        of_reason.push_back(rejected);
    }
}

fn mentions(rejected: &Rejected, tag: &TagId) -> bool {
    rejected.topic.contains(tag.as_str())
        || rejected.detail.contains(tag.as_str())
        || rejected.payload.as_ref().is_some_and(|p| p.contains(tag.as_str()))
}

fn beginning(bytes: &[u8]) -> String {
    String::from_utf8_lossy(&bytes[..bytes.len().min(SHOWN)]).into_owned()
}
