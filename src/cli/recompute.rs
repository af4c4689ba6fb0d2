//! `spor recompute`: the rules run over the past again.

use super::{Failure, admin::with_storage, when::When};
use crate::{
    app,
    clock::now_ms,
    config::Config,
    model::{AssetId, Course},
    pipeline::{self, Again},
    site::Site,
    storage::{Recomputed, Recomputing, Storage},
    utilisation::{RuleBook, Rules, rewritten},
};
use anyhow::anyhow;
use clap::Args;
use std::{collections::HashMap, path::PathBuf, time::Duration};

/// A running Spor has learned what is another of its present within this time, or there is none.
const LEARNED_WITHIN: Duration = Duration::from_secs(15);
/// Then what it decided before that is stored too.
const STORED_WITHIN: Duration = Duration::from_secs(2);
/// So often assets are looked at once more that moved meanwhile.
const AGAIN: usize = 4;
/// The progress is told at each so many per cent.
const TELL: usize = 10;
const DAY_MS: i64 = 86_400_000;

#[derive(Args)]
pub(super) struct RecomputeArgs {
    /// Begins there: a moment, or so long ago like 36h. What began before stays.
    #[arg(long, value_name = "WHEN")]
    from: When,
    /// Ends there, likewise; without it with what was stored last. Later only what follows from
    /// that is another.
    #[arg(long, value_name = "WHEN")]
    to: Option<When>,
    /// Decides that time by the rules of this file, also when something of it comes late from now on.
    /// Without it by the rules that were in force then.
    #[arg(long, value_name = "FILE")]
    rules: Option<PathBuf>,
    /// Changes nothing, and says what would be another.
    #[arg(long)]
    dry_run: bool,
}

pub(super) fn recompute(args: &RecomputeArgs, config: &Config) -> Result<(), Failure> {
    let site = Site::load(config.site.file.as_deref()).map_err(|e| Failure::Misused(e.into()))?;
    let rules = match &args.rules {
        Some(path) => Some(app::rules_of(path)?),
        None => None,
    };
    let now_ms = now_ms();
    let ms = |when: When| when.ms(&site.time_zone, |length_ms| now_ms - length_ms);
    let from_ms = ms(args.from).map_err(Failure::Misused)?;
    let to_ms = args.to.map_or(Ok(now_ms), ms).map_err(Failure::Misused)?;
    if from_ms >= to_ms || to_ms > now_ms {
        return Err(Failure::Misused(anyhow!("--from must be before --to, and both past")));
    }
    // Of the first day of what is kept, part may be deleted already.
    let kept_ms = now_ms - (i64::from(config.storage.history_days) - 1) * DAY_MS;
    let from_ms = from_ms.max(kept_ms);
    let positions_ms = now_ms - i64::from(config.storage.position_days) * DAY_MS;
    let done = with_storage(config, async |storage| {
        let at_ms = now_ms.min(storage.stored_at_ms().await?);
        let to_ms = to_ms.min(at_ms);
        if from_ms >= to_ms {
            return Err(anyhow!("of that time nothing is stored"));
        }
        let rows = storage.rules().await?;
        let rows = match &rules {
            Some(rules) => rewritten(&rows, rules, from_ms, to_ms),
            None => rows,
        };
        let book = pipeline::rule_book(&rows, &mut HashMap::new());
        let motion = book.listens_to_motion(from_ms, to_ms);
        if motion && from_ms < positions_ms {
            return Err(anyhow!(
                "the rules ask whether tags moved, which is known of the last {} days only \
                 (storage.position_days): choose a later --from",
                config.storage.position_days
            ));
        }
        let again = Again { from_ms, to_ms, at_ms };
        let (writes, site) = (!args.dry_run, site.version.clone());
        let what = Recomputing { from_ms, to_ms, site, motion, writes };
        let work = Work { storage, book: &book, again, what: &what };
        if args.dry_run {
            say(&work.pass(None).await?, "would be");
            return Ok(());
        }
        if rules.is_some() {
            storage.put_rules(&rows).await?;
        }
        let first = work.pass(None).await?;
        say(&first, "are");
        let changed = first.changed.len();
        work.tell_the_present(first.present).await?;
        storage.log_recomputation(&what, rules.as_ref().map(version), changed).await?;
        Ok(())
    });
    Ok(done?)
}

fn version(rules: &Rules) -> &str {
    &rules.version
}

struct Work<'a> {
    storage: &'a Storage,
    book: &'a RuleBook,
    again: Again,
    what: &'a Recomputing,
}

impl Work<'_> {
    async fn pass(&self, assets: Option<&[AssetId]>) -> anyhow::Result<Recomputed> {
        let mut percent = 0;
        let decide = |course: &Course| pipeline::recompute(course, self.book, self.again);
        let told = |done: usize, all: usize| {
            let now = done * 100 / all / TELL * TELL;
            if assets.is_none() && now > percent {
                percent = now;
                eprintln!("{done} of {all} assets");
            }
        };
        Ok(self.storage.recompute(self.what, assets, decide, told).await?)
    }

    /// Waits until a running Spor knows what is another of the present. What it decided before it knew
    /// rests on what was: those assets are looked at once more.
    async fn tell_the_present(&self, mut assets: Vec<AssetId>) -> anyhow::Result<()> {
        for _ in 0..AGAIN {
            if assets.is_empty() {
                return Ok(());
            }
            if !self.is_learned().await? {
                println!(
                    "No Spor runs on this database: the next one learns at its start what is another of the present."
                );
                return Ok(());
            }
            tokio::time::sleep(STORED_WITHIN).await;
            let at_ms = now_ms().min(self.storage.stored_at_ms().await?);
            let again = Again { at_ms, ..self.again };
            assets = Work { again, ..*self }.pass(Some(&assets)).await?.present;
        }
        Ok(())
    }

    async fn is_learned(&self) -> anyhow::Result<bool> {
        let deadline = tokio::time::Instant::now() + LEARNED_WITHIN;
        while tokio::time::Instant::now() < deadline {
            if self.storage.present_changes().await?.0.is_empty() {
                return Ok(true);
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
        Ok(false)
    }
}

fn say(done: &Recomputed, verb: &str) {
    println!(
        "{} assets; of {} of them {} intervals of status {verb} another or new, and {} no longer there.",
        done.assets,
        done.changed.len(),
        done.statuses,
        done.no_statuses,
    );
}
