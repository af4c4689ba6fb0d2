//! `manifest.json`: what a recording is of. A recording is a folder with it, the site file, and the
//! journal's segments, each compressed by itself with zstd.

use crate::ids::{AssetId, ClassId, PersonId, StaffRole, TagId, WardId};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::{fs, io, path::Path};

/// A recording, described.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// [`Manifest::FORMAT`].
    pub format: String,
    /// What people call it.
    pub name: String,
    /// The program that made it, with its version.
    pub made_by: String,
    /// Name of the site file in the folder.
    pub site: String,
    /// Where everything really was and what it did, for recordings of a simulated hospital: name of
    /// the file in the folder.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub truth: Option<String>,
    /// What Spor knew before the first record, for recordings that were cut from a journal: name of
    /// the file in the folder. Only the version of Spor that wrote it reads it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<String>,
    /// The site files that it changes to, by their names in the folder.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sites: Vec<String>,
    /// Whether what late fixes amended stands among its records, as in a journal.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub amended: bool,
    /// How many records about people's tags were left out.
    #[serde(default, skip_serializing_if = "is_none")]
    pub left_out: u64,
    /// When it begins, milliseconds since the Unix epoch; what was received before is there to be
    /// folded unseen.
    pub start_ms: i64,
    /// When it ends, milliseconds since the Unix epoch.
    pub end_ms: i64,
    /// How many records it has: messages and ticks.
    pub records: u64,
    /// How many of them are messages.
    pub messages: u64,
    /// SHA-256 over all records as they stand in the segments, one behind the other, without the
    /// segments' headers; in hexadecimal. Recordings with the same digest replay alike.
    pub digest: String,
    /// Its segments in order.
    pub segments: Vec<SegmentEntry>,
    /// What carries which tag from the start on; tags that nobody bound are not listed.
    pub tags: Vec<TagEntry>,
}

fn is_none(count: &u64) -> bool {
    *count == 0
}

impl Manifest {
    /// The version of the format that this code reads and writes.
    pub const FORMAT: &str = "spor-recording/1";
    /// The manifest's own file.
    pub const FILE: &str = "manifest.json";

    /// Writes it into `folder`: from then on that is a recording.
    ///
    /// # Errors
    /// When the folder can't be written.
    pub fn write(&self, folder: &Path) -> io::Result<()> {
        let mut text = serde_json::to_string_pretty(self)?;
        text.push('\n');
        fs::write(folder.join(Self::FILE), text)
    }
}

/// One segment of a recording.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SegmentEntry {
    /// Its file in the folder, `00000000000000000001.seg.zst`.
    pub file: String,
    /// Sequence of its first record.
    pub first: u64,
    /// Sequence of its last record.
    pub last: u64,
    /// Its length before it was compressed, bytes.
    pub bytes: u64,
}

/// What carries a tag.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged, deny_unknown_fields)]
pub enum TagEntry {
    /// A thing.
    Asset {
        /// The tag.
        tag: TagId,
        /// Its id in the hospital's register.
        asset: AssetId,
        /// What people call it.
        label: String,
        /// What kind of work it does.
        class: ClassId,
        /// The ward that owns it; none: the shared pool.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        home_ward: Option<WardId>,
    },
    /// Somebody.
    Person {
        /// The badge.
        tag: TagId,
        /// The pseudonym.
        person: PersonId,
        /// What the person does.
        role: StaffRole,
    },
}
