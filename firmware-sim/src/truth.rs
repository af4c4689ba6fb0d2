//! The ground truth as a file: CSV that any table tool reads.
//!
//! ```text
//! time_ms,tag,doing,room,floor,x_m,y_m
//! 1793574000000,uwb-00001,in_use,C1-stue-3,1,12.345,56.789
//! 1793574061250,uwb-00001,in_use,C1-gang,1,,
//! ```
//!
//! A line says how a tag's carrier is from `time_ms` (milliseconds since the Unix epoch) until the
//! tag's next line: what an asset is [doing](crate::world::Doing::as_str) (people are `on_duty` or `off_duty`), its room and floor,
//! and where it stands, in metres. On its way, `x_m` and `y_m` are empty. Every tag has a line at
//! the start and one at the end, so intervals are the lines of a tag, pair by pair. Lines come in the
//! order of time. With a name that ends in `.zst` the file is compressed.

use crate::{building::Building, world::Change};
use std::{
    fs::File,
    io::{self, BufWriter, Write},
    path::Path,
};

const HEAD: &str = "time_ms,tag,doing,room,floor,x_m,y_m";

/// A truth file that is being written.
pub struct TruthFile {
    out: Out,
    lines: u64,
}

enum Out {
    Plain(BufWriter<File>),
    Compressed(zstd::Encoder<'static, BufWriter<File>>),
}

impl TruthFile {
    /// Begins a file.
    ///
    /// # Errors
    /// When it can't be written.
    pub fn create(path: &Path) -> io::Result<Self> {
        let file = BufWriter::new(File::create(path)?);
        let out = if path.extension().is_some_and(|extension| extension == "zst") {
            Out::Compressed(zstd::Encoder::new(file, 3)?)
        } else {
            Out::Plain(file)
        };
        let mut truth = Self { out, lines: 0 };
        writeln!(truth.writer(), "{HEAD}")?;
        Ok(truth)
    }

    /// Adds lines.
    ///
    /// # Errors
    /// When they can't be written.
    pub fn write(
        &mut self,
        building: &Building,
        changes: impl IntoIterator<Item = Change>,
    ) -> io::Result<()> {
        for change in changes {
            let room = building.room(change.room);
            let Change { time_ms, tag, doing, at_m, .. } = &change;
            let out = self.writer();
            match at_m {
                Some([x_m, y_m]) => {
                    writeln!(out, "{time_ms},{tag},{doing},{},{},{x_m},{y_m}", room.id, room.floor)
                }
                None => writeln!(out, "{time_ms},{tag},{doing},{},{},,", room.id, room.floor),
            }?;
            self.lines += 1;
        }
        Ok(())
    }

    /// How many lines there are.
    #[must_use]
    pub fn lines(&self) -> u64 {
        self.lines
    }

    /// Writes out what waits.
    ///
    /// # Errors
    /// When it can't be written.
    pub fn finish(self) -> io::Result<()> {
        let mut file = match self.out {
            Out::Plain(file) => file,
            Out::Compressed(encoder) => encoder.finish()?,
        };
        file.flush()
    }

    fn writer(&mut self) -> &mut dyn Write {
        match &mut self.out {
            Out::Plain(file) => file,
            Out::Compressed(encoder) => encoder,
        }
    }
}
