//! Records on their way in: encoded and checked before any lock is taken.

use super::{Kind, Sealer};
use spor_schemas::recording::{push_body, push_content};

/// Records that will be appended together, one behind the other.
#[derive(Debug, Default)]
pub struct Draft {
    bytes: Vec<u8>,
    records: usize,
}

impl Draft {
    /// No records yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// No records yet, and room for `bytes` of them.
    #[must_use]
    pub fn with_capacity(bytes: usize) -> Self {
        Self { bytes: Vec::with_capacity(bytes), records: 0 }
    }

    /// Adds a record.
    ///
    /// # Panics
    /// When `source` or `topic` is longer than 65,535 bytes, or the payload than 255 MiB: MQTT carries
    /// no such topic, and the front door no such payload.
    pub fn push(&mut self, kind: Kind, source: &str, topic: &str, payload: &[u8]) {
        push_body(&mut self.bytes, kind, false, |out| push_content(out, source, topic, payload));
        self.records += 1;
    }

    /// Adds a record that only a holder of this hour's key can read: source, topic and payload are
    /// in the sealed box, its kind is not.
    ///
    /// # Panics
    /// As [`push`](Self::push).
    pub fn push_sealed(
        &mut self,
        seal: &Sealer,
        kind: Kind,
        source: &str,
        topic: &str,
        payload: &[u8],
    ) {
        let mut content = Vec::with_capacity(4 + source.len() + topic.len() + payload.len());
        push_content(&mut content, source, topic, payload);
        let sealed = seal.seal(&content);
        push_body(&mut self.bytes, kind, true, |out| out.extend_from_slice(&sealed));
        self.records += 1;
    }

    /// How many records.
    #[must_use]
    pub fn len(&self) -> usize {
        self.records
    }

    /// Whether there is nothing to append.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.records == 0
    }

    /// How many bytes they take on disk.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.bytes.len()
    }

    pub(super) fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }
}
