//! Segments of a recording, written as their records come and compressed on the way.

use super::{Header, Kind, SegmentEntry, mark_commit, push_body, push_content, stamp_all};
use sha2::{Digest, Sha256};
use std::{
    fs::File,
    io::{self, BufWriter, Write},
    path::{Path, PathBuf},
};

/// A segment is closed when it is longer than this, bytes before they are compressed.
const SEGMENT_BYTES: u64 = 64 << 20;
/// Quick, and small enough: a fifteenth of the JSON.
const ZSTD_LEVEL: i32 = 3;

/// Writes records one behind the other, from sequence 1 on.
pub struct SegmentWriter {
    folder: PathBuf,
    id: [u8; 16],
    open: Option<Open>,
    closed: Vec<SegmentEntry>,
    record: Vec<u8>,
    next: u64,
    begins_commit: bool,
    digest: Sha256,
}

/// The segment that is being written.
struct Open {
    out: zstd::Encoder<'static, BufWriter<File>>,
    entry: SegmentEntry,
}

/// What was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written {
    /// The segments in order.
    pub segments: Vec<SegmentEntry>,
    /// How many records.
    pub records: u64,
    /// SHA-256 over all records, in hexadecimal.
    pub digest: String,
}

impl SegmentWriter {
    /// Writes into `folder`, in the name of that journal; nothing is there before the first record.
    #[must_use]
    pub fn new(folder: &Path, id: [u8; 16]) -> Self {
        Self {
            folder: folder.to_owned(),
            id,
            open: None,
            closed: Vec::new(),
            record: Vec::new(),
            next: 1,
            begins_commit: true,
            digest: Sha256::new(),
        }
    }

    /// Adds a record, received no earlier than the one before.
    ///
    /// # Errors
    /// When the folder can't be written.
    pub fn push(
        &mut self,
        received_ms: i64,
        kind: Kind,
        source: &str,
        topic: &str,
        payload: &[u8],
    ) -> io::Result<()> {
        self.record.clear();
        push_body(&mut self.record, kind, false, |out| push_content(out, source, topic, payload));
        stamp_all(&mut self.record, self.next, received_ms);
        if std::mem::take(&mut self.begins_commit) {
            mark_commit(&mut self.record);
        }
        self.digest.update(&self.record);
        if self.open.is_none() {
            self.open = Some(self.begin(received_ms)?);
        }
        if let Some(open) = &mut self.open {
            open.out.write_all(&self.record)?;
            open.entry.last = self.next;
            open.entry.bytes += self.record.len() as u64;
        }
        self.next += 1;
        Ok(())
    }

    /// What comes next is a commit of its own, and begins a segment when this one is long enough.
    ///
    /// # Errors
    /// When the folder can't be written.
    pub fn commit(&mut self) -> io::Result<()> {
        self.begins_commit = true;
        if self.open.as_ref().is_some_and(|open| open.entry.bytes >= SEGMENT_BYTES) {
            self.close()?;
        }
        Ok(())
    }

    /// Closes the last segment, and tells what was written.
    ///
    /// # Errors
    /// When the folder can't be written.
    pub fn finish(mut self) -> io::Result<Written> {
        self.close()?;
        let digest = self.digest.finalize();
        let digest = digest.iter().map(|byte| format!("{byte:02x}")).collect();
        Ok(Written { segments: self.closed, records: self.next - 1, digest })
    }

    fn begin(&self, first_ms: i64) -> io::Result<Open> {
        let first = self.next;
        let file = format!("{first:020}.seg.zst");
        let created = BufWriter::new(File::create_new(self.folder.join(&file))?);
        let mut out = zstd::Encoder::new(created, ZSTD_LEVEL)?;
        let header = Header { id: self.id, first, first_ms }.encode();
        out.write_all(&header)?;
        let entry = SegmentEntry { file, first, last: first, bytes: header.len() as u64 };
        Ok(Open { out, entry })
    }

    fn close(&mut self) -> io::Result<()> {
        if let Some(Open { out, entry }) = self.open.take() {
            out.finish()?.into_inner().map_err(io::IntoInnerError::into_error)?.sync_all()?;
            self.closed.push(entry);
        }
        Ok(())
    }
}
