//! A message as it arrived, before anyone interprets it.

use bytes::Bytes;
use std::sync::Arc;

/// One PUBLISH that the front door admitted. Its topic is valid UTF-8 without wildcards.
#[derive(Debug, Clone)]
pub struct Arrival {
    /// The MQTT client id (or the outside broker's name).
    pub source: Arc<str>,
    /// The topic it was published on.
    pub topic: Arc<str>,
    /// The bytes, uninterpreted.
    pub payload: Bytes,
}

/// The same, where it is only looked at.
#[derive(Debug, Clone, Copy)]
pub struct Arrived<'a> {
    /// The MQTT client id (or the outside broker's name).
    pub source: &'a str,
    /// The topic it was published on.
    pub topic: &'a str,
    /// The bytes, uninterpreted.
    pub payload: &'a [u8],
}

impl Arrival {
    /// A look at it.
    #[must_use]
    pub fn as_arrived(&self) -> Arrived<'_> {
        Arrived { source: &self.source, topic: &self.topic, payload: &self.payload }
    }
}
