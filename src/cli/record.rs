//! `spor record`: recordings out of the journal of a data folder.

use super::{Failure, when::When};
use crate::{
    auth::{Role, Tokens},
    clock::now_ms,
    config::Config,
    journal::{Sealer, inspect},
    model::TagId,
    replay::{self, Cut, Filter, People, Span, Wanted},
    site::Site,
    telemetry,
};
use anyhow::Context as _;
use clap::Args;
use serde_json::json;
use std::{
    fs::{self, File},
    io::Write as _,
    path::{Path, PathBuf},
    time::Duration,
};

/// The variable that holds the token of whoever records people.
const TOKEN: &str = "RECORD_SPOR_TOKEN";
/// Where it is written down who recorded people, below the data folder.
const RECORD: &str = "recordings.log";
/// How often closed segments are looked for.
const LOOK_EVERY: Duration = Duration::from_secs(5);

#[derive(Args)]
pub(super) struct RecordArgs {
    /// The folder to write, which must be empty or not there.
    #[arg(long, value_name = "DIR", required_unless_present = "continuous")]
    out: Option<PathBuf>,
    /// Begins there: a moment, or so long ago. Without it with the oldest that the journal holds.
    #[arg(long, value_name = "WHEN")]
    from: Option<When>,
    /// Ends there, likewise; without it with the newest.
    #[arg(long, value_name = "WHEN")]
    to: Option<When>,
    /// Only what is about these tags.
    #[arg(long, value_delimiter = ',', value_name = "TAG,TAG")]
    tags: Vec<TagId>,
    /// Only what was on this floor, 0 being the ground.
    #[arg(long, allow_negative_numbers = true)]
    floor: Option<i16>,
    /// What people call it; without it the folder's name.
    #[arg(long)]
    name: Option<String>,
    /// What is about people's tags too, under other names, as far as its keys still exist. Asks for an
    /// engineer's token in the variable RECORD_SPOR_TOKEN, and is written down.
    #[arg(long)]
    include_people: bool,
    /// Leaves the names of people and badges as they are.
    #[arg(long, requires = "include_people")]
    keep_names: bool,
    /// Writes each segment that the journal closes into a recording of its own in this folder, until
    /// it is stopped.
    #[arg(long, value_name = "DIR", conflicts_with_all = ["out", "from", "to", "include_people", "name"])]
    continuous: Option<PathBuf>,
}

pub(super) fn record(args: &RecordArgs, config: &Config) -> Result<(), Failure> {
    telemetry::log_to_stderr();
    if let Some(into) = &args.continuous {
        return Ok(archive(args, config, into)?);
    }
    let out = args.out.as_deref().unwrap_or_else(|| unreachable!("clap asks for one of the two"));
    let span = span(args, config)?;
    let people = match (args.include_people, args.keep_names) {
        (false, _) => People::LeftOut,
        (true, false) => People::Renamed,
        (true, true) => People::AsTheyAre,
    };
    if people != People::LeftOut {
        permit(config, span, people, out)?;
    }
    let sealer = (people != People::LeftOut).then(|| {
        let keys = config.data_dir.join("journal/keys");
        Sealer::look(&keys, config.privacy.people_journal_hours, now_ms)
    });
    let sealer = sealer.transpose().map_err(anyhow::Error::from)?;
    let name = args
        .name
        .clone()
        .unwrap_or_else(|| out.file_name().unwrap_or_default().to_string_lossy().into_owned());
    let wanted = Wanted {
        data_dir: &config.data_dir,
        out,
        name: &name,
        span,
        filter: filter(args),
        people,
        sealer,
    };
    let cut = replay::cut(&wanted).map_err(anyhow::Error::from)?;
    println!("{}", told(out, &cut));
    Ok(())
}

fn filter(args: &RecordArgs) -> Filter {
    let tags = (!args.tags.is_empty()).then(|| args.tags.iter().cloned().collect());
    Filter { tags, floor: args.floor, ..Filter::default() }
}

fn told(out: &Path, Cut { manifest, before }: &Cut) -> String {
    let mut text = format!(
        "{}: {} messages of {} tags in {} segments, digest {}",
        out.display(),
        manifest.messages,
        manifest.tags.len(),
        manifest.segments.len(),
        manifest.digest
    );
    if *before > 0 {
        text += &format!(
            "\n  {before} messages before it lead up to it from the last checkpoint, and are not shown"
        );
    }
    if manifest.left_out > 0 {
        text += &format!("\n  {} records about people's tags were left out", manifest.left_out);
    }
    text
}

/// The stretch that was asked for, within what the journal holds.
fn span(args: &RecordArgs, config: &Config) -> Result<Span, Failure> {
    let zone = match args.from.into_iter().chain(args.to).any(|w| matches!(w, When::Local(_))) {
        true => Site::load(config.site.file.as_deref()).map_err(anyhow::Error::from)?.time_zone,
        false => String::new(),
    };
    let ago = |length_ms: i64| now_ms() - length_ms;
    let moment = |when: Option<When>, otherwise: i64| {
        when.map_or(Ok(otherwise), |when| when.ms(&zone, ago)).map_err(Failure::Misused)
    };
    let span = Span { from_ms: moment(args.from, 0)?, to_ms: moment(args.to, i64::MAX)? };
    if span.from_ms > span.to_ms {
        return Err(Failure::Misused(anyhow::anyhow!("--from is behind --to")));
    }
    Ok(span)
}

/// Only an engineer records people, and it is written down who did.
fn permit(config: &Config, span: Span, people: People, out: &Path) -> Result<(), Failure> {
    let token = std::env::var(TOKEN)
        .with_context(|| format!("--include-people asks for an engineer's token in {TOKEN}"))
        .map_err(Failure::Misused)?;
    let tokens = Tokens::open(&config.data_dir).map_err(anyhow::Error::from)?;
    let principal = tokens.verify(&token).filter(|principal| principal.role == Role::Engineer);
    let Some(principal) = principal else {
        return Err(anyhow::anyhow!("the token in {TOKEN} is not an engineer's").into());
    };
    let line = json!({
        "at_ms": now_ms(), "by": principal.name, "from_ms": span.from_ms, "to_ms": span.to_ms,
        "renamed": people == People::Renamed, "out": out.display().to_string(),
    });
    let path = config.data_dir.join(RECORD);
    File::options()
        .create(true)
        .append(true)
        .open(&path)
        .and_then(|mut file| {
            writeln!(file, "{line}")?;
            file.sync_all()
        })
        .with_context(|| format!("{} can't be written: nothing was recorded", path.display()))?;
    tracing::warn!(
        by = principal.name,
        renamed = people == People::Renamed,
        "people are recorded; it is written down in {RECORD}"
    );
    Ok(())
}

/// Writes each closed segment into a recording, as long as it runs.
fn archive(args: &RecordArgs, config: &Config, into: &Path) -> anyhow::Result<()> {
    fs::create_dir_all(into).with_context(|| format!("{} can't be written", into.display()))?;
    let journal = config.data_dir.join("journal");
    eprintln!("Archiving what {} closes; Ctrl-C ends it.", journal.display());
    loop {
        let segments = inspect::segments(&journal, false)?;
        for (segment, next) in segments.iter().zip(segments.iter().skip(1)) {
            let (Some((from_ms, _)), Some((next_ms, _))) = (segment.span_ms, next.span_ms) else {
                continue;
            };
            let name = archived_name(from_ms, segment.first);
            let (out, unfinished) = (into.join(&name), into.join(format!("{name}.unfinished")));
            if out.exists() {
                continue;
            }
            if unfinished.exists() {
                fs::remove_dir_all(&unfinished)?;
            }
            let wanted = Wanted {
                data_dir: &config.data_dir,
                out: &unfinished,
                name: &name,
                span: Span { from_ms, to_ms: next_ms },
                filter: filter(args),
                people: People::LeftOut,
                sealer: None,
            };
            match replay::cut(&wanted) {
                Ok(cut) => {
                    fs::rename(&unfinished, &out)?;
                    println!("{}", told(&out, &cut));
                }
                Err(error) => tracing::error!(%error, segment = segment.first, "not archived"),
            }
        }
        std::thread::sleep(LOOK_EVERY);
    }
}

fn archived_name(from_ms: i64, first: u64) -> String {
    let second = jiff::Timestamp::from_second(from_ms.div_euclid(1_000)).unwrap_or_default();
    format!("{}-{first:020}", second.strftime("%Y%m%dT%H%M%SZ"))
}
