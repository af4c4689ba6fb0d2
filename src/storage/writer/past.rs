//! Late fixes amend the past: the stretch of each tag is read, decided anew by a pure function, and
//! what is another by it is written, all in the batch's own transaction.
//!
//! One stretch for each tag and batch, from some rows before the first change to where old and new
//! decisions meet again. It is canonical: what was decided anew is decided the same a second time.

mod read;
mod write;

pub(super) use read::{FOREVER_MS, PRESSES, lines};
pub(super) use write::put_lines;

use super::{batch::Ask, transaction::Context};
use crate::model::{AssetId, PresentChange, Redecided, Stretch};
use std::{
    collections::{BTreeMap, HashSet},
    sync::Arc,
};
use tokio_postgres::{Error, Transaction};

type Redecide = Arc<dyn Fn(&str, &Stretch) -> Option<Redecided> + Send + Sync>;
type Tell = Arc<dyn Fn(&[PresentChange]) + Send + Sync>;

/// What storage needs to amend the past, which it may not decide itself.
#[derive(Clone)]
pub struct Past {
    /// Decides a stretch anew under that version of the site file. None: it must reach further.
    pub redecide: Redecide,
    /// Hears what of it reaches into the present, before that is committed.
    pub tell: Tell,
}

/// Stretches read at once together span no more than this, so that memory is bounded; milliseconds.
const AT_ONCE_MS: i64 = 24 * 3_600_000;
/// How much of that a short stretch counts for at least, milliseconds.
const SHORTEST_MS: i64 = 300_000;
/// So many rows behind the last late fix are read first, and ten times as many at each further try.
const ROWS_AFTER: i64 = 100;

/// What amending came to.
#[derive(Default)]
pub(super) struct Amended {
    pub(super) positions: usize,
    pub(super) without_zone: u64,
    pub(super) present: Vec<PresentChange>,
}

/// A stretch that is still to be decided.
struct Wanted<'a> {
    tag: i32,
    ask: &'a Ask,
    /// The last late fix, or where to begin, milliseconds.
    last_ms: i64,
    rows_after: i64,
}

pub(super) async fn amend(
    transaction: &Transaction<'_>,
    asks: &BTreeMap<i32, Ask>,
    context: &Context<'_>,
) -> Result<Amended, Error> {
    let mut out = Amended::default();
    let mut wanted: Vec<Wanted<'_>> = asks
        .iter()
        .map(|(tag, ask)| {
            let last_ms = ask.to_ms.max(ask.from_ms);
            Wanted { tag: *tag, ask, last_ms, rows_after: ROWS_AFTER }
        })
        .collect();
    if wanted.is_empty() {
        return Ok(out);
    }
    super::transaction::unpack_freely(transaction).await?;
    while !wanted.is_empty() {
        let group = take_group(&mut wanted);
        let stretches = read::stretches(transaction, &group, context.at_ms).await?;
        let mut decided = Vec::new();
        // Two tags of one asset after each other: the second is read when the first is written.
        let mut assets: HashSet<AssetId> = HashSet::new();
        for (want, stretch) in group.into_iter().zip(stretches) {
            if stretch.carriers.iter().any(|carried| assets.contains(&carried.asset)) {
                wanted.push(want);
                continue;
            }
            match (context.past.redecide)(context.site, &stretch) {
                Some(redecided) => {
                    assets.extend(stretch.carriers.into_iter().map(|carried| carried.asset));
                    decided.push((want.tag, &want.ask.tag, redecided));
                }
                None => wanted.push(Wanted { rows_after: want.rows_after * 10, ..want }),
            }
        }
        out.present.extend(decided.iter().map(|(_, tag, _)| PresentChange::Settled {
            tag: (*tag).clone(),
            at_ms: context.at_ms,
        }));
        write::redecided(transaction, decided, context, &mut out).await?;
    }
    metrics::counter!("spor_late_stretches_total").increment(asks.len() as u64);
    Ok(out)
}

/// Takes as many as may be read at once, and at least one.
fn take_group<'a>(wanted: &mut Vec<Wanted<'a>>) -> Vec<Wanted<'a>> {
    let mut span_ms = 0;
    let mut group = Vec::new();
    while let Some(want) = wanted.pop_if(|_| span_ms < AT_ONCE_MS) {
        let own_ms = (want.last_ms - want.ask.from_ms).max(SHORTEST_MS);
        span_ms += own_ms.saturating_mul(want.rows_after / ROWS_AFTER);
        group.push(want);
    }
    group
}
