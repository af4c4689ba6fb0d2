//! `spor journal`: looks at the journal on disk, whether Spor runs or not.

use crate::{
    config::Config,
    journal::inspect::{self, Entry, Listing},
};
use anyhow::bail;
use clap::{Args, Subcommand};
use std::{
    fmt::Write as _,
    io::{self, Write},
    path::PathBuf,
};

#[derive(Subcommand)]
pub(super) enum JournalCommand {
    /// Lists the segments; with --verify checks every record, with --print shows them.
    Inspect(InspectArgs),
}

#[derive(Args)]
pub(super) struct InspectArgs {
    /// The journal's folder; without it `journal` below `data_dir`.
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
    /// Reads every record and checks it; damage is named, with exit code 1.
    #[arg(long)]
    verify: bool,
    /// Prints records, one a line; sealed ones only as `sealed`.
    #[arg(long)]
    print: bool,
    /// The first sequence to print.
    #[arg(long, value_name = "SEQ", default_value_t = 1, requires = "print")]
    from: u64,
    /// How many records to print at most.
    #[arg(long, value_name = "N", requires = "print")]
    limit: Option<usize>,
}

/// What is needed of the configuration is asked for only when the folder isn't named.
pub(super) fn journal<E: From<anyhow::Error>>(
    command: JournalCommand,
    config: impl FnOnce() -> Result<Config, E>,
) -> Result<(), E> {
    let JournalCommand::Inspect(args) = command;
    let dir = match &args.dir {
        Some(dir) => dir.clone(),
        None => config()?.data_dir.join("journal"),
    };
    let listings = inspect::segments(&dir, args.verify).map_err(anyhow::Error::from)?;
    let mut out = io::BufWriter::new(io::stdout().lock());
    match write_all(&mut out, &dir, &listings, &args) {
        // Whoever read the output has seen enough, e.g. `head`.
        Err(Failed::Output(error)) if error.kind() == io::ErrorKind::BrokenPipe => {}
        Err(Failed::Output(error)) => return Err(anyhow::Error::from(error).into()),
        Err(Failed::Journal(error)) => return Err(anyhow::Error::from(error).into()),
        Ok(()) => {}
    }
    drop(out);
    Ok(complain(&listings)?)
}

enum Failed {
    Output(io::Error),
    Journal(crate::journal::JournalError),
}

impl From<io::Error> for Failed {
    fn from(error: io::Error) -> Self {
        Self::Output(error)
    }
}

fn write_all(
    out: &mut impl Write,
    dir: &std::path::Path,
    listings: &[Listing],
    args: &InspectArgs,
) -> Result<(), Failed> {
    if args.print {
        let mut left = args.limit.unwrap_or(usize::MAX);
        let mut written = Ok(());
        inspect::records(dir, args.from, |entry| {
            if left == 0 {
                return false;
            }
            left -= 1;
            written = writeln!(out, "{}", line(&entry));
            written.is_ok()
        })
        .map_err(Failed::Journal)?;
        written?;
    } else {
        for listing in listings {
            writeln!(out, "{}", segment_line(listing))?;
        }
        let records: u64 = listings.iter().map(|l| l.records).sum();
        let bytes: u64 = listings.iter().map(|l| l.bytes).sum();
        writeln!(out, "{} segments, {records} records, {bytes} bytes", listings.len())?;
    }
    Ok(out.flush()?)
}

fn complain(listings: &[Listing]) -> anyhow::Result<()> {
    let damage: Vec<_> = listings.iter().flat_map(|l| &l.damage).collect();
    for damage in &damage {
        eprintln!("damaged: {damage}");
    }
    match damage.len() {
        0 => Ok(()),
        places => bail!("the journal is damaged at {places} places"),
    }
}

fn segment_line(listing: &Listing) -> String {
    let span = listing
        .span_ms
        .map_or_else(|| "empty".to_owned(), |(from, to)| format!("{} to {}", time(from), time(to)));
    let Listing { first, records, bytes, .. } = listing;
    format!("first {first}, {records} records, {bytes} bytes, {span}")
}

fn line(entry: &Entry<'_>) -> String {
    let mut line = format!("{} {} ", entry.sequence, time(entry.received_ms));
    let _ = match entry.kind {
        Ok(kind) => write!(line, "{kind:?}"),
        Err(byte) => write!(line, "kind-{byte}"),
    };
    match entry.content {
        _ if entry.sealed => line.push_str(" sealed"),
        None => line.push_str(" of no known form"),
        Some((source, topic, payload)) => {
            let _ = write!(line, " {source:?} {topic:?} ");
            match std::str::from_utf8(payload) {
                Ok(text) if !text.chars().any(char::is_control) => line.push_str(text),
                _ => payload.iter().for_each(|b| {
                    let _ = write!(line, "{b:02x}");
                }),
            }
        }
    }
    line
}

fn time(ms: i64) -> String {
    jiff::Timestamp::from_millisecond(ms).map_or_else(|_| format!("{ms} ms"), |t| t.to_string())
}
