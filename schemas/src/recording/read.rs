//! A recording read back, record by record: never more than one of them in memory.

use super::{Body, HEAD, HEADER, Head, Header, Kind, Manifest, read_content};
use std::{
    fs::{self, File},
    io::{self, BufReader, Read},
    path::{Path, PathBuf},
    vec,
};

/// Why a recording can't be read.
#[derive(Debug, thiserror::Error)]
pub enum RecordingError {
    /// The folder has no manifest, or one of another form.
    #[error("{} is no recording: {cause}", path.display())]
    NoRecording {
        /// The folder.
        path: PathBuf,
        /// What is wrong with it.
        cause: String,
    },
    /// A file of it can't be read.
    #[error("cannot read {}: {cause}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        cause: io::Error,
    },
    /// A record is none that this version understands.
    #[error("{}: the record behind {after} {what}", path.display())]
    Damaged {
        /// The segment.
        path: PathBuf,
        /// Sequence of the last record that was read.
        after: u64,
        /// What is wrong with the next.
        what: &'static str,
    },
}

/// A recording on disk.
#[derive(Debug, Clone)]
pub struct Recording {
    folder: PathBuf,
    /// What it is of.
    pub manifest: Manifest,
}

/// One record of a recording.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recorded {
    /// Its place in the recording, from 1 on.
    pub sequence: u64,
    /// When it was received, milliseconds since the Unix epoch.
    pub received_ms: i64,
    /// What it holds.
    pub kind: Kind,
    /// Who sent it.
    pub source: String,
    /// Where it was sent to.
    pub topic: String,
    /// What was sent.
    pub payload: Vec<u8>,
}

impl Recording {
    /// Reads the manifest of the recording in `folder`.
    ///
    /// # Errors
    /// [`RecordingError::NoRecording`], which says why it is none.
    pub fn open(folder: &Path) -> Result<Self, RecordingError> {
        let none = |cause: String| RecordingError::NoRecording { path: folder.to_owned(), cause };
        let text = fs::read_to_string(folder.join(Manifest::FILE))
            .map_err(|e| none(format!("{}: {e}", Manifest::FILE)))?;
        let manifest: Manifest =
            serde_json::from_str(&text).map_err(|e| none(format!("{}: {e}", Manifest::FILE)))?;
        if manifest.format != Manifest::FORMAT {
            return Err(none(format!("its form is {}, not {}", manifest.format, Manifest::FORMAT)));
        }
        Ok(Self { folder: folder.to_owned(), manifest })
    }

    /// A file that the manifest names.
    #[must_use]
    pub fn file(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// All records, in order.
    #[must_use]
    pub fn records(&self) -> Records {
        let files: Vec<PathBuf> =
            self.manifest.segments.iter().map(|segment| self.file(&segment.file)).collect();
        Records { files: files.into_iter(), open: None, last: 0 }
    }
}

/// The records of a recording; after an error there are no more.
pub struct Records {
    files: vec::IntoIter<PathBuf>,
    open: Option<(PathBuf, Segment)>,
    last: u64,
}

type Segment = zstd::Decoder<'static, BufReader<File>>;

impl Iterator for Records {
    type Item = Result<Recorded, RecordingError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if self.open.is_none() {
                let path = self.files.next()?;
                match begin(&path) {
                    Ok(segment) => self.open = Some((path, segment)),
                    Err(error) => return self.fail(error),
                }
            }
            let (path, segment) = self.open.as_mut()?;
            match record(path, segment, self.last) {
                Ok(Some(recorded)) => {
                    self.last = recorded.sequence;
                    return Some(Ok(recorded));
                }
                Ok(None) => self.open = None,
                Err(error) => return self.fail(error),
            }
        }
    }
}

impl Records {
    fn fail(&mut self, error: RecordingError) -> Option<Result<Recorded, RecordingError>> {
        (self.open, self.files) = (None, Vec::new().into_iter());
        Some(Err(error))
    }
}

fn begin(path: &Path) -> Result<Segment, RecordingError> {
    let unreadable = |cause| RecordingError::Unreadable { path: path.to_owned(), cause };
    let file = File::open(path).map_err(unreadable)?;
    let mut segment = zstd::Decoder::new(file).map_err(unreadable)?;
    let mut header = [0; HEADER];
    segment.read_exact(&mut header).map_err(unreadable)?;
    match Header::decode(&header) {
        Ok(_) => Ok(segment),
        Err(_) => Err(RecordingError::Damaged {
            path: path.to_owned(),
            after: 0,
            what: "follows a header that is none",
        }),
    }
}

/// None at the segment's end.
fn record(
    path: &Path,
    segment: &mut Segment,
    last: u64,
) -> Result<Option<Recorded>, RecordingError> {
    let damaged = |what| RecordingError::Damaged { path: path.to_owned(), after: last, what };
    let unreadable = |cause| RecordingError::Unreadable { path: path.to_owned(), cause };
    let mut head = [0; HEAD];
    if !read_whole(segment, &mut head).map_err(unreadable)? {
        return Ok(None);
    }
    let head = Head::read(&head).ok_or_else(|| damaged("is damaged"))?;
    let mut body = vec![0; head.len];
    segment.read_exact(&mut body).map_err(unreadable)?;
    if crc32fast::hash(&body) != head.body_crc || head.sequence != last + 1 {
        return Err(damaged("is damaged"));
    }
    let taken = Body::read(&body).ok_or_else(|| damaged("has flags of no known meaning"))?;
    let kind = Kind::from_byte(taken.kind).ok_or_else(|| damaged("is of an unknown kind"))?;
    if taken.sealed {
        return Err(damaged("is sealed"));
    }
    let (source, topic, payload) =
        read_content(taken.rest).ok_or_else(|| damaged("has a content of no known form"))?;
    Ok(Some(Recorded {
        sequence: head.sequence,
        received_ms: head.received_ms,
        kind,
        source: source.to_owned(),
        topic: topic.to_owned(),
        payload: taken.rest[payload..].to_vec(),
    }))
}

/// False when there was nothing left to read.
fn read_whole(from: &mut impl Read, into: &mut [u8]) -> io::Result<bool> {
    let first = loop {
        match from.read(into) {
            Ok(read) => break read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    };
    if first == 0 {
        return Ok(false);
    }
    from.read_exact(&mut into[first..])?;
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recording::SegmentWriter;

    const START_MS: i64 = 1_795_385_000_000;

    /// Three messages and a tick behind each.
    fn written(folder: &Path) -> Manifest {
        let mut writer = SegmentWriter::new(folder, [7; 16]);
        for at in 0..3 {
            let (topic, payload) = ("spor/v1/tags/a/position", format!("{{\"seq\":{at}}}"));
            let time_ms = START_MS + at;
            writer.push(time_ms, Kind::Message, "a", topic, payload.as_bytes()).expect("written");
            writer.push(time_ms, Kind::Tick, "", "", b"").expect("written");
            writer.commit().expect("written");
        }
        let written = writer.finish().expect("written");
        let manifest = Manifest {
            format: Manifest::FORMAT.to_owned(),
            name: "some".to_owned(),
            made_by: "a test".to_owned(),
            site: "site.geojson".to_owned(),
            truth: None,
            state: None,
            sites: Vec::new(),
            amended: false,
            left_out: 0,
            start_ms: START_MS,
            end_ms: START_MS + 2,
            records: written.records,
            messages: 3,
            digest: written.digest,
            segments: written.segments,
            tags: Vec::new(),
        };
        manifest.write(folder).expect("written");
        manifest
    }

    #[test]
    fn what_was_written_is_read_back_in_order() {
        let folder = tempfile::tempdir().expect("a folder");
        let manifest = written(folder.path());
        let recording = Recording::open(folder.path()).expect("a recording");
        assert_eq!(recording.manifest, manifest);
        let all: Vec<Recorded> =
            recording.records().map(|record| record.expect("readable")).collect();
        assert_eq!(all.iter().map(|r| r.sequence).collect::<Vec<_>>(), [1, 2, 3, 4, 5, 6]);
        assert_eq!((all[4].received_ms, all[4].kind), (START_MS + 2, Kind::Message));
        assert_eq!((&*all[4].source, &*all[4].payload), ("a", &b"{\"seq\":2}"[..]));
    }

    #[test]
    fn damage_and_what_is_no_recording_are_told() {
        let folder = tempfile::tempdir().expect("a folder");
        let none = Recording::open(folder.path()).expect_err("nothing is there");
        assert!(none.to_string().contains("is no recording"), "{none}");
        let manifest = written(folder.path());
        let path = folder.path().join(&manifest.segments[0].file);
        let mut bytes = zstd::decode_all(File::open(&path).expect("there")).expect("compressed");
        let last = bytes.len() - 1;
        bytes[last] ^= 1;
        let compressed = zstd::encode_all(&*bytes, 1).expect("compressed");
        fs::write(&path, compressed).expect("written");
        let recording = Recording::open(folder.path()).expect("a recording");
        let (good, bad): (Vec<_>, Vec<_>) = recording.records().partition(Result::is_ok);
        assert_eq!((good.len(), bad.len()), (5, 1));
        let told = bad[0].as_ref().expect_err("damaged").to_string();
        assert!(told.contains("behind 5") && told.contains("damaged"), "{told}");
    }
}
