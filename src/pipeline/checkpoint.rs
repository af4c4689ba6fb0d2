//! Checkpoints on disk: the pipeline's state after a record of the journal, so that a start folds
//! only what came later.
//!
//! A file is complete or not there: it is written beside, synced, and renamed, and that only after
//! the decided log is on disk up to the same record. The newest two are kept for a start; and for
//! recordings, which begin with one, the first of each hour as long as the journal holds what follows,
//! and those in front of its newest segments. Beside them lies the text of each site file that a
//! checkpoint or the journal names.

use super::{
    Parts, Pipeline,
    snapshot::{Form, SnapshotError},
};
use crate::{
    journal::{Journal, Sealer},
    model::{PersonId, Registry, TagId},
    site::{Site, SiteError},
};
use std::{
    collections::HashSet,
    fs::{self, File},
    io::{self, BufWriter, Read as _, Write},
    path::{Path, PathBuf},
    sync::Arc,
};

/// First bytes of a checkpoint; the form follows.
const MAGIC: [u8; 7] = *b"SPORCKP";
/// Magic and form, journal's id, sequence, time of receipt, length of the site's version.
const HEAD: usize = 8 + 16 + 8 + 8 + 1;
const KEPT: usize = 2;
const HOUR_MS: i64 = 3_600_000;
/// Segments that are archived when they are closed begin with a checkpoint of their own.
const SEGMENTS: usize = 3;

/// Why a checkpoint can't be written, or a site file of the past read.
#[derive(Debug, thiserror::Error)]
pub enum CheckpointError {
    /// The folder can't be read or written.
    #[error("checkpoints in {path}: {source}")]
    File {
        /// The folder or file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The state can't be written.
    #[error(transparent)]
    Snapshot(#[from] SnapshotError),
    /// A site file that the journal names is missing or broken.
    #[error("the site file of version {version}: {source}")]
    Site {
        /// Its version.
        version: String,
        /// What is wrong.
        source: SiteError,
    },
}

/// The folder of checkpoints of one journal.
#[derive(Debug, Clone)]
pub struct Checkpoints {
    folder: PathBuf,
    journal: [u8; 16],
}

/// A checkpoint as it was found.
pub struct Found {
    /// The last record of the journal that it knows of.
    pub sequence: u64,
    pub(super) received_ms: i64,
    pub(super) site: String,
    form: Form,
    bytes: Vec<u8>,
    body: usize,
}

/// A checkpoint that is written, but doesn't count yet.
pub(super) struct Written {
    file: File,
    beside: PathBuf,
    path: PathBuf,
}

impl Checkpoints {
    /// The checkpoints in `folder` that belong to `journal`.
    ///
    /// # Errors
    /// When the folder can't be made.
    pub fn open(folder: &Path, journal: &Journal) -> Result<Self, CheckpointError> {
        let checkpoints = Self { folder: folder.to_owned(), journal: journal.id() };
        let sites = checkpoints.sites();
        fs::create_dir_all(&sites).map_err(|e| checkpoints.failed(e))?;
        Ok(checkpoints)
    }

    /// The checkpoints of that journal in a folder that somebody else may be writing into.
    #[must_use]
    pub fn of(folder: &Path, journal: [u8; 16]) -> Self {
        Self { folder: folder.to_owned(), journal }
    }

    /// Puts another journal's state in front of this one's first record; false when it can't be used.
    ///
    /// # Errors
    /// When it can't be read, or the folder not be written.
    pub fn adopt(&self, state: &Path) -> Result<bool, CheckpointError> {
        let bytes = fs::read(state)
            .map_err(|source| CheckpointError::File { path: state.to_owned(), source })?;
        let Some((_, body)) = checked(&bytes) else { return Ok(false) };
        let mut body = body.to_vec();
        body[8..24].copy_from_slice(&self.journal);
        body[24..32].copy_from_slice(&0u64.to_le_bytes());
        let crc = crc32fast::hash(&body).to_le_bytes();
        body.extend_from_slice(&crc);
        fs::write(self.path(0), body).map_err(|e| self.failed(e))?;
        Ok(true)
    }

    /// The newest checkpoint that was left at `at_ms` or before, else the oldest; of those from
    /// which the journal, which begins at `oldest`, can be folded on.
    #[must_use]
    pub fn newest_before(&self, at_ms: i64, oldest: u64) -> Option<Found> {
        let usable = || self.sequences().into_iter().filter(|s| s + 1 >= oldest);
        let before = usable().find(|s| self.received_ms(*s).is_some_and(|ms| ms <= at_ms));
        let chosen = before.into_iter().chain(usable().next_back());
        chosen.filter_map(|sequence| self.load(sequence).ok().flatten()).next()
    }

    /// The sequence of the oldest checkpoint that a start may need.
    pub(super) fn oldest_needed(&self) -> Option<u64> {
        self.sequences().into_iter().take(KEPT).next_back()
    }

    /// When the last record that a checkpoint knows of was received, milliseconds.
    fn received_ms(&self, sequence: u64) -> Option<i64> {
        let mut head = [0; HEAD];
        File::open(self.path(sequence)).ok()?.read_exact(&mut head).ok()?;
        Some(i64::from_le_bytes(head[32..40].try_into().ok()?))
    }

    fn sites(&self) -> PathBuf {
        self.folder.join("sites")
    }

    fn failed(&self, source: io::Error) -> CheckpointError {
        CheckpointError::File { path: self.folder.clone(), source }
    }

    /// Keeps the text of a site file under its version.
    ///
    /// # Errors
    /// When it can't be written.
    pub fn keep_site(&self, site: &Site) -> Result<(), CheckpointError> {
        let path = self.sites().join(format!("{}.geojson", site.version));
        if path.exists() {
            return Ok(());
        }
        let beside = path.with_extension("new");
        let write = || {
            let mut file = File::create(&beside)?;
            file.write_all(site.text().as_bytes())?;
            file.sync_all()?;
            fs::rename(&beside, &path)?;
            File::open(self.sites())?.sync_all()
        };
        write().map_err(|e| self.failed(e))
    }

    /// The site file of that version.
    ///
    /// # Errors
    /// When it isn't there.
    pub fn site(&self, version: &str) -> Result<Arc<Site>, CheckpointError> {
        let path = self.sites().join(format!("{version}.geojson"));
        let site = Site::load(Some(&path));
        site.map(Arc::new)
            .map_err(|source| CheckpointError::Site { version: version.to_owned(), source })
    }

    /// The sequences of the checkpoints that are there, the newest first.
    pub(super) fn sequences(&self) -> Vec<u64> {
        let files = fs::read_dir(&self.folder).into_iter().flatten().flatten();
        let mut sequences: Vec<u64> = files
            .filter_map(|file| file.file_name().to_str()?.strip_suffix(".checkpoint")?.parse().ok())
            .collect();
        sequences.sort_unstable_by(|a, b| b.cmp(a));
        sequences
    }

    fn path(&self, sequence: u64) -> PathBuf {
        self.folder.join(format!("{sequence:020}.checkpoint"))
    }

    /// The newest intact checkpoint that is not later than `sequence`.
    pub(super) fn newest_up_to(&self, sequence: u64) -> Option<Found> {
        for candidate in self.sequences().into_iter().filter(|s| *s <= sequence) {
            match self.load(candidate) {
                Ok(Some(found)) => return Some(found),
                Ok(None) => tracing::warn!(sequence = candidate, "a checkpoint can't be used"),
                Err(error) => {
                    tracing::warn!(sequence = candidate, %error, "a checkpoint can't be read");
                }
            }
        }
        None
    }

    /// None: damaged, of another form, or of another journal.
    fn load(&self, sequence: u64) -> io::Result<Option<Found>> {
        let bytes = fs::read(self.path(sequence))?;
        let Some((form, body)) = checked(&bytes).filter(|(_, body)| body[8..24] == self.journal)
        else {
            return Ok(None);
        };
        let number = |at: usize| body[at..at + 8].try_into().map_or(0, u64::from_le_bytes);
        let site_ends = HEAD + usize::from(body[HEAD - 1]);
        let Some(site) = body.get(HEAD..site_ends) else { return Ok(None) };
        let site = String::from_utf8_lossy(site).into_owned();
        let received_ms = number(32).cast_signed();
        let (sequence, body) = (number(24), site_ends);
        Ok(Some(Found { sequence, received_ms, site, form, bytes, body }))
    }

    /// Writes the state after `sequence`; nothing is synced yet.
    pub(super) fn write(
        &self,
        pipeline: &Pipeline,
        sequence: u64,
        received_ms: i64,
        sealer: &Sealer,
    ) -> Result<Written, CheckpointError> {
        let path = self.path(sequence);
        let beside = path.with_extension("new");
        let file = File::create(&beside).map_err(|e| self.failed(e))?;
        let mut out = Checked {
            inner: BufWriter::with_capacity(1 << 20, file),
            crc: crc32fast::Hasher::new(),
        };
        let head = head(self.journal, sequence, received_ms, &pipeline.site().version);
        out.write_all(&head).map_err(|e| self.failed(e))?;
        pipeline.write(&mut out, |bytes| sealer.seal(bytes))?;
        let Checked { mut inner, crc } = out;
        inner.write_all(&crc.finalize().to_le_bytes()).map_err(|e| self.failed(e))?;
        let file = inner.into_inner().map_err(|e| self.failed(e.into_error()))?;
        Ok(Written { file, beside, path })
    }

    /// Makes a written checkpoint count, and drops those that nobody needs any more. Waits for the
    /// disk; gives back the sequence of the oldest that a start may need.
    pub(super) fn finish(
        &self,
        written: &Written,
        journal: &Journal,
    ) -> Result<u64, CheckpointError> {
        let finish = || {
            written.file.sync_all()?;
            fs::rename(&written.beside, &written.path)?;
            File::open(&self.folder)?.sync_all()
        };
        finish().map_err(|e| self.failed(e))?;
        let sequences = self.sequences();
        let hour = |sequence: u64| self.received_ms(sequence).map(|ms| ms.div_euclid(HOUR_MS));
        let segments = journal.newest_segments(SEGMENTS);
        let in_front: Vec<u64> = segments
            .iter()
            .filter_map(|first| sequences.iter().copied().find(|sequence| sequence < first))
            .collect();
        let oldest = journal.oldest();
        for (at, old) in sequences.iter().enumerate().skip(KEPT) {
            let own = hour(*old);
            let is_first = own.is_some() && own != sequences.get(at + 1).and_then(|s| hour(*s));
            if old + 1 < oldest || !(is_first || in_front.contains(old)) {
                fs::remove_file(self.path(*old)).map_err(|e| self.failed(e))?;
            }
        }
        Ok(self.oldest_needed().unwrap_or_default())
    }
}

/// What stands in front of a state.
fn head(journal: [u8; 16], sequence: u64, received_ms: i64, version: &str) -> Vec<u8> {
    let version = version.as_bytes();
    let length = u8::try_from(version.len()).unwrap_or_default();
    let mut head = Vec::with_capacity(HEAD + version.len());
    head.extend_from_slice(&MAGIC);
    head.push(Form::NOW as u8);
    head.extend_from_slice(&journal);
    head.extend_from_slice(&sequence.to_le_bytes());
    head.extend_from_slice(&received_ms.to_le_bytes());
    head.push(length);
    head.extend_from_slice(&version[..usize::from(length)]);
    head
}

/// What stands in front of the CRC of an intact checkpoint of a known form.
fn checked(bytes: &[u8]) -> Option<(Form, &[u8])> {
    let (body, crc) = bytes.split_last_chunk::<4>()?;
    let is_intact = body.len() >= HEAD
        && crc32fast::hash(body) == u32::from_le_bytes(*crc)
        && body.starts_with(&MAGIC);
    let form = Form::from_byte(*body.get(MAGIC.len())?).filter(|_| is_intact)?;
    Some((form, body))
}

impl Found {
    /// The version of the site file that was in use.
    #[must_use]
    pub fn site(&self) -> &str {
        &self.site
    }

    /// The same as a file that can be carried elsewhere, and who carried which tag. Nothing in it
    /// tells where a badge was; `badges` are the tags that are one, now or later, and `rename` gives
    /// what a person wears other names, or none at all.
    ///
    /// # Errors
    /// When it is of another form.
    pub fn carried_off(
        &self,
        parts: Parts,
        badges: &HashSet<TagId>,
        rename: impl Fn(&TagId, &PersonId) -> Option<(TagId, PersonId)>,
    ) -> Result<(Vec<u8>, Registry), CheckpointError> {
        let body = &self.bytes[self.body..self.bytes.len() - 4];
        let mut pipeline = Pipeline::read(parts, self.form, body, |_| None)?;
        badges.iter().for_each(|tag| pipeline.forget(tag));
        pipeline.rename_persons(rename);
        let mut state = head([0; 16], self.sequence, self.received_ms, &self.site);
        pipeline.write(&mut state, <[u8]>::to_vec)?;
        let crc = crc32fast::hash(&state).to_le_bytes();
        state.extend_from_slice(&crc);
        Ok((state, pipeline.registry().clone()))
    }

    /// The pipeline as it was.
    pub(super) fn take_up(&self, parts: Parts, sealer: &Sealer) -> Result<Pipeline, SnapshotError> {
        let body = &self.bytes[self.body..self.bytes.len() - 4];
        Pipeline::read(parts, self.form, body, |sealed| sealer.open(sealed))
    }
}

/// A writer that knows the CRC of what went through it.
struct Checked<W> {
    inner: W,
    crc: crc32fast::Hasher,
}

impl<W: Write> Write for Checked<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.inner.write(bytes)?;
        self.crc.update(&bytes[..written]);
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}
