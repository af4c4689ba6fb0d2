//! A hospital's day straight into a recording: no broker, no clock, as fast as it is computed.
//!
//! The folder holds segments as Spor's journal writes them, each compressed, the site file, the
//! ground truth and, last of all, `manifest.json`: without it, it is no recording. The same scenario
//! and seed give the same records and so the same digest.

#[cfg(test)]
mod tests;

mod tape;

use crate::{
    faults::{Act, Faults},
    site,
    truth::TruthFile,
    world::{Message, Publisher, Tension, World},
};
use spor_schemas::{
    Presence, ReaderStatusMessage,
    recording::{Kind, Manifest, Recorded as Record, TagEntry, Written},
    site::SiteFile,
};
use std::{
    fs, io,
    path::{Path, PathBuf},
};
use tape::Tape;

const SITE: &str = "site.geojson";
const TRUTH: &str = "truth.csv.zst";
/// Spor notes that a second passed, in between what it receives.
const TICK_MS: i64 = 1_000;

/// Why nothing could be recorded.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    /// There is something already.
    #[error("{} is there already and not empty", path.display())]
    NotEmpty {
        /// The folder.
        path: PathBuf,
    },
    /// The folder or a file in it can't be written.
    #[error("cannot write {}: {cause}", path.display())]
    Unwritable {
        /// The folder.
        path: PathBuf,
        /// Why.
        cause: io::Error,
    },
}

/// What is to be recorded.
pub struct Take<'a> {
    /// What people call it.
    pub name: &'a str,
    /// The building.
    pub site: &'a SiteFile,
    /// Who speaks, at its start.
    pub world: World,
    /// What goes wrong.
    pub faults: Faults,
    /// When it is over, milliseconds since the Unix epoch.
    pub end_ms: i64,
    /// CBOR instead of JSON.
    pub cbor: bool,
}

/// What was recorded.
pub struct Recorded {
    /// What stands in its manifest.
    pub manifest: Manifest,
    /// The faults, with what they did.
    pub faults: Faults,
    /// What became of patients and of their needs.
    pub tension: Tension,
}

/// How much there is by now.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// The world's time, milliseconds since the Unix epoch.
    pub world_ms: i64,
    /// Messages.
    pub messages: u64,
    /// Lines of the truth file.
    pub changes: u64,
}

/// Records into a folder that is empty or not there yet; `progress` hears of every simulated second.
///
/// # Errors
/// [`RecordError`]; what was written so far stays, without a manifest.
pub fn record(
    take: Take<'_>,
    folder: &Path,
    progress: impl FnMut(Counts),
) -> Result<Recorded, RecordError> {
    make(take, folder, progress, None)
}

/// [`record`], and hands over each record as it is written; an error of `hear` ends it.
///
/// # Errors
/// [`RecordError`]; what was written so far stays, without a manifest.
pub fn record_aloud(
    take: Take<'_>,
    folder: &Path,
    progress: impl FnMut(Counts),
    mut hear: impl FnMut(Record) -> io::Result<()>,
) -> Result<Recorded, RecordError> {
    make(take, folder, progress, Some(&mut hear))
}

fn make(
    take: Take<'_>,
    folder: &Path,
    mut progress: impl FnMut(Counts),
    hear: Option<tape::Hear<'_>>,
) -> Result<Recorded, RecordError> {
    let unwritable = |cause| RecordError::Unwritable { path: folder.to_owned(), cause };
    fs::create_dir_all(folder).map_err(unwritable)?;
    if fs::read_dir(folder).map_err(unwritable)?.next().is_some() {
        return Err(RecordError::NotEmpty { path: folder.to_owned() });
    }
    let Take { name, site, mut world, mut faults, end_ms, cbor } = take;
    let start_ms = world.clock_ms();
    let write = || {
        fs::write(folder.join(SITE), site::write(site))?;
        let mut truth = TruthFile::create(&folder.join(TRUTH))?;
        truth.write(world.building(), world.state())?;
        let mut tape = Tape::new(folder, journal_id(name, start_ms), hear);
        let mut counts = Counts::default();
        while counts.world_ms < end_ms {
            let until_ms = (world.clock_ms() + TICK_MS).min(end_ms);
            let reports = world.advance(until_ms);
            for act in faults.pass(reports, until_ms) {
                counts.messages += put(&mut tape, act, &world, cbor)?;
            }
            let changes = world.changes();
            truth.write(world.building(), changes)?;
            tape.push(until_ms, Kind::Tick, "", "", b"")?;
            tape.commit()?;
            counts.world_ms = until_ms;
            counts.changes = truth.lines();
            progress(counts);
        }
        truth.write(world.building(), world.state())?;
        truth.finish()?;
        let Written { segments, records, digest } = tape.finish()?;
        let manifest = Manifest {
            format: Manifest::FORMAT.to_owned(),
            name: name.to_owned(),
            made_by: concat!("firmware-sim ", env!("CARGO_PKG_VERSION")).to_owned(),
            site: SITE.to_owned(),
            truth: Some(TRUTH.to_owned()),
            state: None,
            sites: Vec::new(),
            amended: false,
            left_out: 0,
            start_ms,
            end_ms,
            records,
            messages: counts.messages,
            digest,
            segments,
            tags: tags(&world),
        };
        manifest.write(folder)?;
        Ok(manifest)
    };
    let manifest = write().map_err(unwritable)?;
    Ok(Recorded { manifest, faults, tension: world.tension() })
}

/// Adds what a device says; returns how many messages it is.
fn put(tape: &mut Tape<'_>, act: Act, world: &World, cbor: bool) -> io::Result<u64> {
    match act {
        Act::Say(mut sent) => {
            sent.stamp(|time_ms| time_ms);
            let publisher = sent.message.publisher();
            let (topic, payload) = (sent.message.topic(), sent.payload(cbor));
            tape.push(sent.time_ms, Kind::Message, name_of(&publisher), &topic, &payload)?;
            Ok(1)
        }
        // What the broker says in a reader's name, and what the reader says when it is back.
        Act::Reconnect(time_ms) => {
            put_presence(tape, time_ms, &[Presence::Offline, Presence::Online], world, cbor)
        }
        // A broker that is gone says nothing in anybody's name.
        Act::BrokerGone(_) => Ok(0),
        Act::BrokerBack(time_ms) => put_presence(tape, time_ms, &[Presence::Online], world, cbor),
    }
}

/// Adds what is heard of every reader; returns how many messages it is.
fn put_presence(
    tape: &mut Tape<'_>,
    time_ms: i64,
    heard: &[Presence],
    world: &World,
    cbor: bool,
) -> io::Result<u64> {
    let readers = world.building().readers();
    for reader in readers {
        for status in heard {
            let status = ReaderStatusMessage { time_ms: None, status: *status, firmware: None };
            let message = Message::ReaderStatus(reader.id.clone(), status);
            let payload = if cbor { message.to_cbor() } else { message.to_json() };
            let source = reader.id.as_str();
            tape.push(time_ms, Kind::Message, source, &message.topic(), &payload)?;
        }
    }
    Ok((heard.len() * readers.len()) as u64)
}

/// Every device has a connection of its own.
fn name_of(publisher: &Publisher) -> &str {
    match publisher {
        Publisher::Tag(tag) => tag.as_str(),
        Publisher::Engine(engine) => engine.as_str(),
        Publisher::Reader(reader) => reader.as_str(),
    }
}

/// Which tag is on what, and who wears which badge.
#[must_use]
pub fn tags(world: &World) -> Vec<TagEntry> {
    let assets = world.assets().iter().map(|entry| TagEntry::Asset {
        tag: entry.tag.clone(),
        asset: entry.id.clone(),
        label: entry.label.clone(),
        class: entry.class.clone(),
        home_ward: entry.home_ward.clone(),
    });
    let people = world.staff().iter().map(|entry| TagEntry::Person {
        tag: entry.tag.clone(),
        person: entry.pseudonym.clone(),
        role: entry.role.clone(),
    });
    assets.chain(people).collect()
}

/// A journal's id: the same for the same take.
fn journal_id(name: &str, start_ms: i64) -> [u8; 16] {
    use sha2::{Digest, Sha256};
    let digest = Sha256::new().chain_update(name).chain_update(start_ms.to_le_bytes()).finalize();
    let mut id = [0; 16];
    id.copy_from_slice(&digest[..16]);
    id
}
