//! Recordings out of foreign files: rows of `time, tag, x, y, floor` or of `time, tag, reader, rssi`
//! become what the tag, or the reader, would have sent at that time.
//!
//! Rows are put in the order of their times; what can't be read is left out and counted, and what
//! Spor would refuse is left in: refusing is the pipeline's work.

use crate::model::{ReaderId, TagId};
use jiff::Timestamp;
use spor_schemas::{
    PositionMessage, SightingMessage,
    recording::{Kind, Manifest, SegmentWriter, Written},
    topic, wire,
};
use std::{
    collections::HashMap,
    fs,
    io::{self, BufRead, Read},
    path::{Path, PathBuf},
    str::FromStr,
};

const SITE: &str = "site.geojson";
/// A second passes between messages as in a journal, until nothing came for so long, milliseconds.
const TICK_MS: i64 = 1_000;
const QUIET_MS: i64 = 2 * 3_600_000;

/// What a column may be of.
const FIELDS: [&str; 8] = ["time", "tag", "x", "y", "floor", "reader", "rssi", "accuracy"];

/// Which column holds what: `time=epoch_s,tag=3,x=5,y=6,floor=:0`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Columns(HashMap<&'static str, Column>);

/// Where a value stands.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Column {
    /// Under that name, in a header or as a key.
    Named(String),
    /// At that place, from 1 on, of a file without a header.
    Place(usize),
    /// Nowhere: it is the same in all rows.
    Always(String),
}

/// Why a column map can't be used.
#[derive(Debug, thiserror::Error)]
#[error(
    "{0}; a column map is time=NAME,tag=NAME and x=,y=,floor= or reader=,rssi=, with a column's name, its number from 1 on, or :VALUE"
)]
pub struct InvalidColumns(String);

impl FromStr for Columns {
    type Err = InvalidColumns;

    fn from_str(text: &str) -> Result<Self, InvalidColumns> {
        let mut columns = HashMap::new();
        for entry in text.split(',') {
            let invalid = |what: &str| InvalidColumns(format!("{what} {entry:?}"));
            let (field, column) = entry.split_once('=').ok_or_else(|| invalid("no = in"))?;
            let field = FIELDS
                .into_iter()
                .find(|known| *known == field.trim())
                .ok_or_else(|| invalid("nothing is called"))?;
            let column = match (column.strip_prefix(':'), column.parse()) {
                (Some(value), _) => Column::Always(value.to_owned()),
                (None, Ok(0)) | (None, Err(_)) if column.is_empty() || column == "0" => {
                    return Err(invalid("no column in"));
                }
                (None, Ok(place)) => Column::Place(place),
                (None, Err(_)) => Column::Named(column.to_owned()),
            };
            columns.insert(field, column);
        }
        let has = |fields: &[&str]| fields.iter().all(|field| columns.contains_key(field));
        if !has(&["time", "tag"]) || !(has(&["x", "y", "floor"]) || has(&["reader", "rssi"])) {
            return Err(InvalidColumns(format!("something is missing in {text:?}")));
        }
        Ok(Self(columns))
    }
}

/// The form of a foreign file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// Comma-separated values, with a header where columns are named.
    Csv,
    /// An object on each line.
    JsonLines,
}

/// Why nothing could be imported.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// The file can't be read, or is of another form.
    #[error("cannot read it: {0}")]
    Unreadable(String),
    /// A column isn't there.
    #[error("there is no column {0:?}: there are {1}")]
    NoColumn(String, String),
    /// No row of it could be understood.
    #[error("none of its {0} rows could be understood; the first: {1}")]
    Nothing(u64, String),
    /// The folder can't be written, or holds something.
    #[error("cannot write {}: {cause}", path.display())]
    Unwritable {
        /// The folder.
        path: PathBuf,
        /// Why.
        cause: io::Error,
    },
}

/// What is to be imported.
pub struct Foreign<'a> {
    /// The rows.
    pub from: &'a mut dyn Read,
    /// How they are written.
    pub form: Form,
    /// Which column holds what.
    pub columns: &'a Columns,
    /// The text of the site file of the building that it took place in.
    pub site: &'a str,
    /// What people call it.
    pub name: &'a str,
    /// When times of 0 were, where they count from the beginning, milliseconds.
    pub start_ms: i64,
    /// The folder to write, empty or not there yet.
    pub out: &'a Path,
}

/// Makes a recording; gives back its manifest, and how many rows were left out.
///
/// # Errors
/// [`ImportError`]; what was written so far stays, without a manifest.
pub fn import(foreign: Foreign<'_>) -> Result<(Manifest, u64), ImportError> {
    let Foreign { from, form, columns, site, name, start_ms, out } = foreign;
    let mut rows = Rows { columns, start_ms, said: Vec::new(), left_out: 0, first: None };
    match form {
        Form::Csv => rows.read_csv(from)?,
        Form::JsonLines => rows.read_lines(from)?,
    }
    let Rows { mut said, left_out, first, .. } = rows;
    said.sort_by_key(|said| said.time_ms);
    let (Some(begins), Some(ends)) = (said.first(), said.last()) else {
        return Err(ImportError::Nothing(left_out, first.unwrap_or_else(|| "nothing".to_owned())));
    };
    let (start_ms, end_ms) = (begins.time_ms, ends.time_ms);
    let unwritable = |cause| ImportError::Unwritable { path: out.to_owned(), cause };
    fs::create_dir_all(out).map_err(unwritable)?;
    if fs::read_dir(out).map_err(unwritable)?.next().is_some() {
        return Err(unwritable(io::Error::other("it is there already and not empty")));
    }
    fs::write(out.join(SITE), site).map_err(unwritable)?;
    let messages = said.len() as u64;
    let written = write(&said, out).map_err(unwritable)?;
    let Written { segments, records, digest } = written;
    let manifest = Manifest {
        format: Manifest::FORMAT.to_owned(),
        name: name.to_owned(),
        made_by: concat!("spor ", env!("CARGO_PKG_VERSION")).to_owned(),
        site: SITE.to_owned(),
        truth: None,
        state: None,
        sites: Vec::new(),
        amended: false,
        left_out: 0,
        start_ms,
        end_ms,
        records,
        messages,
        digest,
        segments,
        tags: Vec::new(),
    };
    manifest.write(out).map_err(unwritable)?;
    Ok((manifest, left_out))
}

fn write(said: &[Said], out: &Path) -> io::Result<Written> {
    let mut writer = SegmentWriter::new(out, [0; 16]);
    let (mut tick_ms, mut said_ms) = (i64::MIN, i64::MIN);
    for Said { time_ms, source, topic, payload } in said {
        if said_ms == i64::MIN {
            tick_ms = time_ms + TICK_MS;
        }
        while tick_ms <= *time_ms && tick_ms <= said_ms.saturating_add(QUIET_MS) {
            writer.push(tick_ms, Kind::Tick, "", "", b"")?;
            writer.commit()?;
            tick_ms += TICK_MS;
        }
        if tick_ms <= *time_ms {
            tick_ms = time_ms + TICK_MS;
        }
        said_ms = *time_ms;
        writer.push(*time_ms, Kind::Message, source, topic, payload)?;
    }
    writer.finish()
}

/// A message as its sender would have sent it.
struct Said {
    time_ms: i64,
    source: String,
    topic: String,
    payload: Vec<u8>,
}

struct Rows<'a> {
    columns: &'a Columns,
    start_ms: i64,
    said: Vec<Said>,
    left_out: u64,
    /// What was wrong with the first row that was left out.
    first: Option<String>,
}

impl Rows<'_> {
    fn read_csv(&mut self, from: &mut dyn Read) -> Result<(), ImportError> {
        let unreadable = |error: csv::Error| ImportError::Unreadable(error.to_string());
        let named = self.columns.0.values().any(|column| matches!(column, Column::Named(_)));
        let mut reader = csv::ReaderBuilder::new()
            .has_headers(named)
            .flexible(true)
            .trim(csv::Trim::All)
            .from_reader(from);
        let mut places = HashMap::new();
        if named {
            let header = reader.headers().map_err(unreadable)?.clone();
            for column in self.columns.0.values() {
                let Column::Named(name) = column else { continue };
                let place = header.iter().position(|there| there == name).ok_or_else(|| {
                    let there = header.iter().collect::<Vec<_>>().join(", ");
                    ImportError::NoColumn(name.clone(), there)
                })?;
                places.insert(name.clone(), place);
            }
        }
        for row in reader.records() {
            let row = row.map_err(unreadable)?;
            self.take(|column| match column {
                Column::Always(value) => Some(value.clone()),
                Column::Place(place) => row.get(place - 1).map(str::to_owned),
                Column::Named(name) => row.get(*places.get(name)?).map(str::to_owned),
            });
        }
        Ok(())
    }

    fn read_lines(&mut self, from: &mut dyn Read) -> Result<(), ImportError> {
        for line in io::BufReader::new(from).lines() {
            let line = line.map_err(|error| ImportError::Unreadable(error.to_string()))?;
            if line.trim().is_empty() {
                continue;
            }
            let row: serde_json::Map<String, serde_json::Value> =
                serde_json::from_str(&line).unwrap_or_default();
            self.take(|column| match column {
                Column::Always(value) => Some(value.clone()),
                Column::Place(_) => None,
                Column::Named(name) => match row.get(name)? {
                    serde_json::Value::String(text) => Some(text.clone()),
                    serde_json::Value::Null => None,
                    other => Some(other.to_string()),
                },
            });
        }
        Ok(())
    }

    fn take(&mut self, value: impl Fn(&Column) -> Option<String>) {
        match self.said(value) {
            Ok(said) => self.said.push(said),
            Err(what) => {
                self.left_out += 1;
                self.first.get_or_insert(what);
            }
        }
    }

    /// What a row says; else which of its values can't be understood.
    fn said(&self, value: impl Fn(&Column) -> Option<String>) -> Result<Said, String> {
        let optional = |field: &str| self.columns.0.get(field).and_then(&value);
        let text = |field: &str| optional(field).ok_or_else(|| format!("no {field}"));
        let number = |field: &str| -> Result<f64, String> {
            let text = text(field)?;
            text.parse().map_err(|_| format!("{field} {text:?}"))
        };
        let time = text("time")?;
        let time_ms = time_ms(&time, self.start_ms).ok_or_else(|| format!("time {time:?}"))?;
        let named = text("tag")?;
        let tag = TagId::new(&named).map_err(|_| format!("tag {named:?}"))?;
        if self.columns.0.contains_key("reader") {
            let named = text("reader")?;
            let reader = ReaderId::new(&named).map_err(|_| format!("reader {named:?}"))?;
            #[expect(clippy::cast_possible_truncation, reason = "decibels")]
            let rssi_dbm = number("rssi")? as f32;
            let sighting = SightingMessage { tag, time_ms: Some(time_ms), rssi_dbm };
            let payload = wire::to_json(&[sighting]);
            let (source, topic) = (reader.to_string(), topic::reader_sightings(&reader));
            return Ok(Said { time_ms, source, topic, payload });
        }
        let floor = text("floor")?;
        #[expect(clippy::cast_possible_truncation, reason = "metres")]
        let accuracy_m =
            optional("accuracy").and_then(|text| text.parse::<f64>().ok()).map(|a| a as f32);
        let position = PositionMessage {
            tag: None,
            time_ms: Some(time_ms),
            seq: None,
            x_m: number("x")?,
            y_m: number("y")?,
            floor: floor.parse().map_err(|_| format!("floor {floor:?}"))?,
            accuracy_m,
            battery_pct: None,
            moving: None,
            button: None,
        };
        let payload = wire::to_json(&position);
        let (source, topic) = (tag.to_string(), topic::tag_position(&tag));
        Ok(Said { time_ms, source, topic, payload })
    }
}

/// A time as people write them: RFC 3339, or a count of seconds, milliseconds, micro- or nanoseconds
/// since the Unix epoch, which its size tells; a small number is seconds since `start_ms`.
fn time_ms(text: &str, start_ms: i64) -> Option<i64> {
    if let Ok(time) = text.parse::<Timestamp>() {
        return Some(time.as_millisecond());
    }
    let number: f64 = text.parse().ok().filter(|number: &f64| number.is_finite())?;
    let ms = match number.abs() {
        n if n < 1e8 => number * 1e3 + ms_as_f64(start_ms),
        n if n < 1e11 => number * 1e3,
        n if n < 1e14 => number,
        n if n < 1e17 => number / 1e3,
        _ => number / 1e6,
    };
    #[expect(clippy::cast_possible_truncation, reason = "some thousand years at most")]
    Some(ms.round() as i64)
}

#[expect(clippy::cast_precision_loss, reason = "exact for some hundred thousand years")]
fn ms_as_f64(ms: i64) -> f64 {
    ms as f64
}

#[cfg(test)]
mod tests;
