//! `spor import-recording`.

use super::{Failure, when::When};
use crate::{
    replay::{self, Columns, Foreign, Form},
    site::Site,
};
use anyhow::Context as _;
use clap::Args;
use std::{
    fs::File,
    io::{self, Read},
    path::{Path, PathBuf},
};

#[derive(Args)]
pub(super) struct ImportArgs {
    /// The file, `.csv` or `.jsonl`; `-` reads CSV from standard input.
    file: PathBuf,
    /// Which column holds what: a name, its number from 1 on where there is no header, or `:VALUE`.
    /// `time=t,tag=id,x=x,y=y,floor=:0` or `time=1,tag=3,reader=2,rssi=4`; `accuracy` may be there too.
    #[arg(long, value_name = "FIELD=COLUMN,...")]
    columns: Columns,
    /// The site file of the building that it took place in.
    #[arg(long, value_name = "FILE")]
    site: PathBuf,
    /// When it began, where its times are seconds from the beginning.
    #[arg(long, value_name = "WHEN", default_value = "2026-01-01T00:00:00Z")]
    start: When,
    /// The folder to write, which must be empty or not there.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
}

pub(super) fn import(args: &ImportArgs) -> Result<(), Failure> {
    let site = Site::load(Some(&args.site)).map_err(anyhow::Error::from)?;
    let start_ms =
        args.start.ms(&site.time_zone, |length_ms| length_ms).map_err(Failure::Misused)?;
    let is_stdin = args.file == Path::new("-");
    let mut from: Box<dyn Read> = if is_stdin {
        Box::new(io::stdin().lock())
    } else {
        let file = File::open(&args.file).with_context(|| args.file.display().to_string());
        Box::new(file.map_err(Failure::Misused)?)
    };
    let is_lines = args.file.extension().is_some_and(|e| e == "jsonl" || e == "ndjson");
    let name = args.out.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let foreign = Foreign {
        from: &mut from,
        form: if is_lines { Form::JsonLines } else { Form::Csv },
        columns: &args.columns,
        site: site.text(),
        name: &name,
        start_ms,
        out: &args.out,
    };
    let (manifest, left_out) = replay::import(foreign).map_err(anyhow::Error::from)?;
    println!("{}: {} messages, digest {}", args.out.display(), manifest.messages, manifest.digest);
    if left_out > 0 {
        println!("  {left_out} rows could not be understood and were left out");
    }
    Ok(())
}
