//! Rows that the tables refuse: found by trying parts, named in the log by their kind, left out.

use super::{
    Failure, Work, Writer, context,
    gather::Portion,
    ready::{Keys, Ready},
    transaction::{hold_persons, write},
    without_keys,
};
use crate::model::Decided;
use std::sync::Arc;

impl Writer<'_> {
    /// Finds the rows that the tables refuse, by trying ever smaller parts without keeping them.
    pub(super) async fn set_bad_aside(&mut self, work: &mut Work) -> Result<(), Failure> {
        let portion = &work.portion;
        let all = 0..portion.items.len();
        let mut parts = vec![all];
        let mut bad = Vec::new();
        while let Some(part) = parts.pop() {
            match self.attempt_part(portion, part.clone()).await {
                Ok(()) => {}
                Err(Failure::BadData(reason)) if part.len() <= 1 => {
                    set_aside(portion.items.get(part.start).map(|(_, item)| item), &reason);
                    bad.push(part.start);
                }
                Err(Failure::BadData(_)) => {
                    let half = part.start + part.len() / 2;
                    parts.push(part.start..half);
                    parts.push(half..part.end);
                }
                Err(away) => return Err(away),
            }
        }
        if bad.is_empty() {
            bad.extend(self.find_bad_after_others(portion).await?);
        }
        let numbered = portion.items.iter().enumerate();
        let good = numbered.filter(|(index, _)| !bad.contains(index));
        let items = good.map(|(_, item)| item.clone()).collect();
        let Portion { through, at_ms, ref site, .. } = **portion;
        let portion = Arc::new(Portion { through, at_ms, site: site.clone(), items });
        *work = Work { portion, ready: None };
        Ok(())
    }

    /// Where each part is taken and all together aren't, the first row that is refused after those
    /// before it, so that no portion is tried for ever. None: all are taken now.
    async fn find_bad_after_others(&mut self, portion: &Portion) -> Result<Option<usize>, Failure> {
        let (mut taken, mut refused) = (0, portion.items.len() + 1);
        let mut why = String::new();
        while refused - taken > 1 {
            let try_first = taken.midpoint(refused);
            match self.attempt_part(portion, 0..try_first).await {
                Ok(()) => taken = try_first,
                Err(Failure::BadData(reason)) => (refused, why) = (try_first, reason),
                Err(away) => return Err(away),
            }
            if taken == portion.items.len() {
                return Ok(None);
            }
        }
        set_aside(portion.items.get(taken).map(|(_, item)| item), &why);
        Ok(Some(taken))
    }

    /// Writes a part of a portion, and takes it back.
    async fn attempt_part(
        &mut self,
        portion: &Portion,
        part: std::ops::Range<usize>,
    ) -> Result<(), Failure> {
        let inner = self.inner;
        let zones = inner.zones_of(&portion.site).await?;
        self.connect().await?;
        let Some(session) = &mut self.session else {
            return Err(Failure::Away("not connected".to_owned()));
        };
        let keys = Keys { tags: self.tags.clone(), zones, worn: inner.worn() };
        let items = portion.items[part].iter().map(|(_, item)| item);
        session.learn_tags(items.clone(), &self.tags).await?;
        let Some(ready) = Ready::of_items(items, 0, &keys) else { return Err(without_keys()) };
        let transaction = session.client.transaction().await?;
        hold_persons(&transaction).await?;
        write(&transaction, &ready, &context(&keys.zones, &self.past, portion)).await?;
        transaction.rollback().await?;
        Ok(())
    }
}

fn set_aside(item: Option<&Decided>, reason: &str) {
    metrics::counter!("spor_storage_set_aside_total").increment(1);
    // The kind only: a row may hold what a log must not.
    let kind = item.map_or("none", kind);
    tracing::error!(kind, reason, "a row that the database refuses was set aside");
}

fn kind(item: &Decided) -> &'static str {
    match item {
        Decided::Position(_) => "position",
        Decided::Late { .. } => "late position",
        Decided::Redecide { .. } => "redecide",
        Decided::Cut { .. } => "cut",
        Decided::Extend { .. } => "extend",
        Decided::Visit(_) => "visit",
        Decided::Status(_) => "status",
        Decided::Event(_) => "event",
        Decided::Presence(_) => "presence",
        Decided::TagReport { .. } => "tag report",
        Decided::Forget { .. } => "forget",
        Decided::Reader { .. } => "reader",
        Decided::Beneath(_) => "status beneath",
        Decided::ByHand { .. } => "by hand",
        Decided::Rules(_) => "rules",
    }
}
