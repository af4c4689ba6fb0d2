//! `spor replay`.

use super::{Failure, runtime, when::When};
use crate::{
    app::{self, replay::Options},
    config::Config,
    model::TagId,
    replay::Speed,
    site::Site,
    telemetry,
};
use clap::{Args, ValueEnum};
use spor_schemas::recording::Recording;
use std::{net::SocketAddr, path::PathBuf};

#[derive(Args)]
pub(super) struct ReplayArgs {
    /// The recording: a folder with a `manifest.json`.
    recording: PathBuf,
    /// 0.1 to 1000 times as fast as it was, or max.
    #[arg(long, default_value = "1", value_name = "FACTOR|max")]
    speed: Speed,
    /// Begins there: a moment, or so long after its beginning. What was before is folded unseen.
    #[arg(long, value_name = "WHEN")]
    from: Option<When>,
    /// Ends there, likewise.
    #[arg(long, value_name = "WHEN")]
    to: Option<When>,
    /// Begins anew at the end.
    #[arg(long = "loop")]
    is_loop: bool,
    /// `now`: as if it began now, knowing nothing of what was before. Without it times are as they were.
    #[arg(long, value_name = "now")]
    shift: Option<Shift>,
    /// Only what is about these tags.
    #[arg(long, value_delimiter = ',', value_name = "TAG,TAG")]
    tags: Vec<TagId>,
    /// Leaves the wall display open at the end, until q or Ctrl-C.
    #[arg(long)]
    keep: bool,
    /// Leaves its data and its database in this folder. Without it they are gone afterwards.
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Where its wall display listens; port 0 takes a free one.
    #[arg(long, default_value = "127.0.0.1:0", value_name = "ADDRESS")]
    listen: SocketAddr,
}

#[derive(Clone, Copy, ValueEnum)]
enum Shift {
    Now,
}

pub(super) fn replay(args: ReplayArgs, config: Config) -> Result<(), Failure> {
    telemetry::log_to_stderr();
    let recording = Recording::open(&args.recording).map_err(|e| Failure::Misused(e.into()))?;
    let manifest = &recording.manifest;
    let site = Site::load(Some(&recording.file(&manifest.site))).map_err(anyhow::Error::from)?;
    let moment = |when: Option<When>| {
        when.map(|when| when.ms(&site.time_zone, |length_ms| manifest.start_ms + length_ms))
            .transpose()
            .map_err(Failure::Misused)
    };
    let options = Options {
        from_ms: moment(args.from)?,
        to_ms: moment(args.to)?,
        recording: args.recording,
        speed: args.speed,
        is_loop: args.is_loop,
        shift_now: args.shift.is_some(),
        tags: args.tags,
        keep: args.keep,
        data: args.data,
        listen: args.listen,
    };
    Ok(runtime()?.block_on(app::replay::run(config, options))?)
}
