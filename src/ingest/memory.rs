//! What ingest remembers, taken out for a checkpoint and put back after a start.

use super::{Clock, Ingest, Site};
use serde::{Deserialize, Serialize};
use spor_schemas::TagId;
use std::sync::Arc;

/// What is remembered of one sender: a tag's last messages, or how far a clock ran ahead.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct SenderMemory {
    sender: String,
    #[serde(with = "as_bytes")]
    messages: Vec<u8>,
    clock: Option<Clock>,
}

impl SenderMemory {
    /// True when it is about that tag.
    #[must_use]
    pub fn is_of(&self, is_tag: impl Fn(&TagId) -> bool) -> bool {
        TagId::new(&self.sender).is_ok_and(|tag| is_tag(&tag))
    }
}

impl Ingest {
    /// Everything that must outlive a restart for the same stream to be understood in the same way.
    pub fn memory(&self) -> impl Iterator<Item = SenderMemory> {
        let messages = self.duplicates.remembered().map(|(tag, messages)| SenderMemory {
            sender: tag.to_string(),
            messages,
            clock: None,
        });
        let clocks = self.clocks.iter().map(|(sender, clock)| SenderMemory {
            sender: sender.to_string(),
            messages: Vec::new(),
            clock: Some(clock.clone()),
        });
        messages.chain(clocks)
    }

    /// Takes up one of what [`Self::memory`] gave.
    pub fn take_up(&mut self, SenderMemory { sender, messages, clock }: SenderMemory) {
        if let Some(clock) = clock {
            self.clocks.insert(sender.into(), clock);
        } else if let Ok(tag) = TagId::new(&sender) {
            self.duplicates.take_up(tag, &messages);
        }
    }

    /// Forgets everything about a tag.
    pub fn forget(&mut self, tag: &TagId) {
        self.duplicates.forget(tag);
        self.clocks.remove(tag.as_str());
    }

    /// Judges by another building from now on.
    pub fn change_site(&mut self, site: Arc<Site>) {
        self.site = site;
    }
}

/// One length and the bytes, where a list of numbers would be as slow as it is long.
mod as_bytes {
    use serde::{Deserializer, Serializer, de::Visitor};

    pub(super) fn serialize<S: Serializer>(bytes: &[u8], s: S) -> Result<S::Ok, S::Error> {
        s.serialize_bytes(bytes)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(d: D) -> Result<Vec<u8>, D::Error> {
        struct Bytes;
        impl Visitor<'_> for Bytes {
            type Value = Vec<u8>;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("bytes")
            }
            fn visit_bytes<E>(self, bytes: &[u8]) -> Result<Vec<u8>, E> {
                Ok(bytes.to_vec())
            }
        }
        d.deserialize_bytes(Bytes)
    }
}
