//! What records are written to: the segments on disk, and whoever listens meanwhile.

use spor_schemas::recording::{Kind, Recorded, SegmentWriter, Written};
use std::{io, path::Path};

/// Who listens; an error ends the recording.
pub(super) type Hear<'a> = &'a mut dyn FnMut(Recorded) -> io::Result<()>;

/// The segments, and who listens.
pub(super) struct Tape<'a> {
    segments: SegmentWriter,
    hear: Option<Hear<'a>>,
    /// How many records there are.
    records: u64,
}

impl<'a> Tape<'a> {
    pub(super) fn new(folder: &Path, id: [u8; 16], hear: Option<Hear<'a>>) -> Self {
        Self { segments: SegmentWriter::new(folder, id), hear, records: 0 }
    }

    /// Adds a record, received no earlier than the one before.
    pub(super) fn push(
        &mut self,
        received_ms: i64,
        kind: Kind,
        source: &str,
        topic: &str,
        payload: &[u8],
    ) -> io::Result<()> {
        self.segments.push(received_ms, kind, source, topic, payload)?;
        self.records += 1;
        let Some(hear) = &mut self.hear else { return Ok(()) };
        hear(Recorded {
            sequence: self.records,
            received_ms,
            kind,
            source: source.to_owned(),
            topic: topic.to_owned(),
            payload: payload.to_vec(),
        })
    }

    /// What comes next is a commit of its own.
    pub(super) fn commit(&mut self) -> io::Result<()> {
        self.segments.commit()
    }

    pub(super) fn finish(self) -> io::Result<Written> {
        self.segments.finish()
    }
}
