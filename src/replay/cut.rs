//! A recording cut from the journal of a data folder, whether Spor runs on it or not.
//!
//! It begins with the newest checkpoint that was left before the wanted stretch, so that whoever
//! plays it knows what was known, and holds everything from there on. What is about people's tags is
//! left out and counted, unless it is asked for; then it bears other names.

use super::{
    Filter, Span,
    people::{Badges, People},
    tags::tags,
};
use crate::{
    ingest::Rejections,
    journal::{JournalError, Kind, Sealer, inspect},
    live::Live,
    model::{Carrier, ReaderId, RegistryChange},
    pipeline::{CheckpointError, Checkpoints, Found, Parts},
    site::Site,
};
use spor_schemas::recording::{Manifest, SegmentWriter, Written};
use std::{
    borrow::Cow,
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
    sync::Arc,
};

const SITE: &str = "site.geojson";
const STATE: &str = "state.checkpoint";

/// Why nothing could be cut.
#[derive(Debug, thiserror::Error)]
pub enum CutError {
    /// The journal can't be read.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// The checkpoints, or the site files beside them, can't be read.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// There is nothing to cut from, or nothing that could be played.
    #[error("{0}")]
    Nothing(String),
    /// A record is none that this version understands.
    #[error("record {0} of the journal is of a kind that this version doesn't know")]
    UnknownKind(u64),
    /// The folder can't be written, or holds something.
    #[error("cannot write {}: {cause}", path.display())]
    Unwritable {
        /// The folder.
        path: PathBuf,
        /// Why.
        cause: io::Error,
    },
}

/// What is to be cut.
pub struct Wanted<'a> {
    /// The data folder.
    pub data_dir: &'a Path,
    /// The folder to write, empty or not there yet.
    pub out: &'a Path,
    /// What people call it.
    pub name: &'a str,
    /// The stretch of time.
    pub span: Span,
    /// Which messages.
    pub filter: Filter,
    /// What of people.
    pub people: People,
    /// Opens what is about people; none: it stays closed.
    pub sealer: Option<Sealer>,
}

/// What was cut.
pub struct Cut {
    /// What stands in its manifest.
    pub manifest: Manifest,
    /// How many of its messages came before the wanted stretch: they lead up to it from what was known.
    pub before: u64,
}

/// Cuts a recording.
///
/// # Errors
/// [`CutError`]; what was written so far stays, without a manifest.
pub fn cut(wanted: &Wanted<'_>) -> Result<Cut, CutError> {
    let journal = wanted.data_dir.join("journal");
    let nothing = |what: &str| CutError::Nothing(format!("{}: {what}", journal.display()));
    let (id, oldest) =
        inspect::which(&journal)?.ok_or_else(|| nothing("there is no journal here"))?;
    let checkpoints = Checkpoints::of(&wanted.data_dir.join("checkpoints"), id);
    let found = checkpoints
        .newest_before(wanted.span.from_ms, oldest)
        .ok_or_else(|| nothing("no checkpoint of this version leads up to it"))?;
    let begins = look(wanted, &journal, &checkpoints, &found)?;
    begins.must_have(wanted.filter.floor)?;
    let out = prepare(wanted.out)?;
    let written = out.write(wanted, &journal, id, &found, begins)?;
    Ok(written)
}

/// What must be known before the first record is written.
struct Begins {
    site: Arc<Site>,
    badges: Badges,
    /// The buildings that it changes to, by version.
    sites: BTreeMap<String, Arc<Site>>,
    /// When its first record and its last were received, milliseconds.
    start_ms: i64,
    end_ms: i64,
}

impl Begins {
    /// A floor that no building has is a typing error.
    fn must_have(&self, floor: Option<i16>) -> Result<(), CutError> {
        let Some(floor) = floor else { return Ok(()) };
        let buildings = || self.sites.values().chain([&self.site]);
        if buildings().any(|site| site.floor_label(floor).is_some()) {
            return Ok(());
        }
        let floors = self.site.floors.iter().map(|entry| entry.number.to_string());
        let floors: Vec<_> = floors.collect();
        let has = floors.join(", ");
        Err(CutError::Nothing(format!("there is no floor {floor}; the building has {has}")))
    }
}

/// Reads the stretch once: who wears what in it, and in which buildings it takes place.
fn look(
    wanted: &Wanted<'_>,
    journal: &Path,
    checkpoints: &Checkpoints,
    found: &Found,
) -> Result<Begins, CutError> {
    let site = checkpoints.site(found.site())?;
    let none = std::collections::HashSet::new();
    let (_, registry) = found
        .carried_off(parts(&site), &none, |tag, person| Some((tag.clone(), person.clone())))?;
    let mut badges = Badges::new(wanted.people);
    for (tag, carrier) in &registry.carriers {
        if let Carrier::Person(person) = carrier {
            badges.add(tag, &person.id);
        }
    }
    let (mut versions, mut start_ms, mut end_ms) = (Vec::new(), None, None);
    inspect::records(journal, found.sequence + 1, |entry| {
        if entry.received_ms > wanted.span.to_ms {
            return false;
        }
        start_ms.get_or_insert(entry.received_ms);
        end_ms = Some(entry.received_ms);
        match (entry.kind, entry.content) {
            (Ok(Kind::Registry), Some((.., payload))) => badges.learn(payload),
            (Ok(Kind::Site), Some((_, version, _))) => versions.push(version.to_owned()),
            _ => {}
        }
        true
    })?;
    let end_ms = end_ms
        .filter(|end_ms| *end_ms >= wanted.span.from_ms)
        .ok_or_else(|| CutError::Nothing("the journal holds nothing of that time".to_owned()))?;
    let mut sites = BTreeMap::new();
    for version in versions {
        sites.insert(version.clone(), checkpoints.site(&version)?);
    }
    let start_ms = start_ms.unwrap_or(end_ms);
    Ok(Begins { site, badges, sites, start_ms, end_ms })
}

/// A pipeline that nobody looks at.
fn parts(site: &Arc<Site>) -> Parts {
    Parts {
        site: site.clone(),
        live: Arc::new(Live::new()),
        rejections: Rejections::default(),
        max_late_ms: 0,
        on_change: true,
    }
}

/// A folder that is empty.
struct Out<'a>(&'a Path);

fn prepare(path: &Path) -> Result<Out<'_>, CutError> {
    let unwritable = |cause| CutError::Unwritable { path: path.to_owned(), cause };
    fs::create_dir_all(path).map_err(unwritable)?;
    match fs::read_dir(path).map_err(unwritable)?.next() {
        None => Ok(Out(path)),
        Some(_) => Err(unwritable(io::Error::other("it is there already and not empty"))),
    }
}

impl Out<'_> {
    fn unwritable(&self, cause: io::Error) -> CutError {
        CutError::Unwritable { path: self.0.to_owned(), cause }
    }

    fn write(
        &self,
        wanted: &Wanted<'_>,
        journal: &Path,
        id: [u8; 16],
        found: &Found,
        begins: Begins,
    ) -> Result<Cut, CutError> {
        let Begins { site, badges, sites, start_ms, end_ms } = begins;
        let (state, registry) = found
            .carried_off(parts(&site), badges.tags(), |tag, person| badges.name(tag, person))?;
        let write = |name: &str, bytes: &[u8]| {
            fs::write(self.0.join(name), bytes).map_err(|e| self.unwritable(e))
        };
        write(STATE, &state)?;
        write(SITE, site.text().as_bytes())?;
        let mut names = Vec::new();
        for (version, site) in &sites {
            let name = format!("site-{version}.geojson");
            write(&name, site.text().as_bytes())?;
            names.push(name);
        }
        let mut filter = wanted.filter.clone();
        if !badges.are_wanted() {
            filter.without.extend(badges.tags().iter().cloned());
        }
        let way = Way { wanted, filter, badges: &badges, site: &site };
        let Copied { written, messages, before, left_out } =
            way.copy(self, journal, id, found, end_ms)?;
        let Written { segments, records, digest } = written;
        let manifest = Manifest {
            format: Manifest::FORMAT.to_owned(),
            name: wanted.name.to_owned(),
            made_by: concat!("spor ", env!("CARGO_PKG_VERSION")).to_owned(),
            site: SITE.to_owned(),
            truth: None,
            state: Some(STATE.to_owned()),
            sites: names,
            amended: true,
            left_out,
            start_ms: wanted.span.from_ms.max(start_ms),
            end_ms,
            records,
            messages,
            digest,
            segments,
            tags: tags(&registry),
        };
        manifest.write(self.0).map_err(|e| self.unwritable(e))?;
        Ok(Cut { manifest, before })
    }
}

/// Source, topic and payload.
type Content<'r> = (Cow<'r, str>, Cow<'r, str>, Cow<'r, [u8]>);

/// The way of the records out of the journal.
struct Way<'a> {
    wanted: &'a Wanted<'a>,
    filter: Filter,
    badges: &'a Badges,
    site: &'a Site,
}

/// What was copied, in how many messages, how many of them before the stretch; how many records
/// were left out.
struct Copied {
    written: Written,
    messages: u64,
    before: u64,
    left_out: u64,
}

impl Way<'_> {
    fn copy(
        &self,
        out: &Out<'_>,
        journal: &Path,
        id: [u8; 16],
        found: &Found,
        end_ms: i64,
    ) -> Result<Copied, CutError> {
        let mut writer = SegmentWriter::new(out.0, id);
        let (mut messages, mut before, mut left_out) = (0, 0, 0);
        let from_ms = self.wanted.span.from_ms;
        let mut outcome = Ok(());
        inspect::records(journal, found.sequence + 1, |entry| {
            if entry.received_ms > end_ms {
                return false;
            }
            let Ok(kind) = entry.kind else {
                outcome = Err(CutError::UnknownKind(entry.sequence));
                return false;
            };
            let opened = match (&self.wanted.sealer, entry.sealed) {
                (Some(sealer), true) => entry.unsealed(sealer),
                _ => None,
            };
            let content = match &opened {
                Some((source, topic, payload)) => Some((&**source, &**topic, &**payload)),
                None => entry.content,
            };
            let passed = content
                .and_then(|(source, topic, payload)| self.pass(kind, source, topic, payload));
            match passed {
                Some((source, topic, payload)) => {
                    messages += u64::from(kind == Kind::Message);
                    let leads_up = kind == Kind::Message && entry.received_ms < from_ms;
                    before += u64::from(leads_up);
                    let pushed = writer
                        .push(entry.received_ms, kind, &source, &topic, &payload)
                        .and_then(|()| if kind == Kind::Tick { writer.commit() } else { Ok(()) });
                    outcome = pushed.map_err(|e| out.unwritable(e));
                }
                None => left_out += u64::from(entry.sealed),
            }
            outcome.is_ok()
        })?;
        outcome?;
        let written = writer.finish().map_err(|e| out.unwritable(e))?;
        Ok(Copied { written, messages, before, left_out })
    }

    /// What of a record is wanted, under which names.
    fn pass<'r>(
        &self,
        kind: Kind,
        source: &'r str,
        topic: &'r str,
        payload: &'r [u8],
    ) -> Option<Content<'r>> {
        match kind {
            Kind::Message => {
                let floor_of = |id: &ReaderId| Some(self.site.reader(id)?.record.floor);
                let payload = self.filter.pass(topic, payload, floor_of)?;
                Some(self.badges.rename(source, topic, payload))
            }
            Kind::Registry => {
                let change: RegistryChange = serde_json::from_slice(payload).ok()?;
                let change = self.badges.rename_change(change);
                let payload = spor_schemas::wire::to_json(&change);
                (!change.is_empty()).then(|| (source.into(), topic.into(), payload.into()))
            }
            _ => Some((source.into(), topic.into(), payload.into())),
        }
    }
}
