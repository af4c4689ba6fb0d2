//! A portion made ready: folded into the rows of one transaction, and its positions in COPY's form.
//!
//! This is the writer's own work with a portion. It needs no connection, and so is done for the next
//! portion while the database stores the one before.

use super::{
    batch::{Batch, Names, tags},
    copy::encode,
    gather::Portion,
};
use crate::model::{ById, Decided, TagId, ZoneId};
use bytes::Bytes;
use std::{
    collections::HashSet,
    sync::{Arc, PoisonError, RwLock},
};

/// So much goes to the database at once, bytes: it reads one part while the next is sent.
const PART: usize = 128 * 1024;

/// What a portion is made ready with.
#[derive(Clone)]
pub(super) struct Keys {
    /// The keys of all tags that were seen.
    pub(super) tags: Arc<RwLock<ById<TagId, i32>>>,
    /// The keys of the rooms and zones of the portion's site.
    pub(super) zones: Arc<ById<ZoneId, i32>>,
    /// The tags of which nothing may be kept.
    pub(super) worn: Arc<HashSet<TagId>>,
}

/// What goes into one transaction.
pub(super) struct Ready {
    pub(super) batch: Batch,
    /// The positions; empty where there are none.
    pub(super) copy: Vec<Bytes>,
    /// How many items it was made of.
    pub(super) items: usize,
    /// What lies up to this record of the journal was left out.
    above: u64,
    worn: Arc<HashSet<TagId>>,
}

/// The items of `portion` that came of records after `above`.
pub(super) fn items(portion: &Portion, above: u64) -> impl Iterator<Item = &Decided> + Clone {
    let some = portion.items.iter().filter(move |(sequence, _)| *sequence > above);
    some.map(|(_, item)| item)
}

impl Ready {
    /// Of a whole portion, on a thread that may be busy for a while. None: it names a tag that has no
    /// key yet.
    pub(super) async fn of(portion: Arc<Portion>, above: u64, keys: Keys) -> Option<Self> {
        let work = move || Self::of_items(items(&portion, above), above, &keys);
        tokio::task::spawn_blocking(work).await.ok().flatten()
    }

    /// Of some items.
    pub(super) fn of_items<'a>(
        items: impl Iterator<Item = &'a Decided> + Clone,
        above: u64,
        keys: &Keys,
    ) -> Option<Self> {
        let known = keys.tags.read().unwrap_or_else(PoisonError::into_inner);
        if tags(items.clone()).any(|tag| !known.contains_key(tag)) {
            return None;
        }
        let Keys { zones, worn, .. } = keys;
        let batch = Batch::fold(items.clone(), &Names { tags: &known, zones, worn });
        let copy =
            if batch.positions.is_empty() { Vec::new() } else { parts(encode(&batch.positions)) };
        Some(Self { batch, copy, items: items.count(), above, worn: Arc::clone(&keys.worn) })
    }

    /// True where it would be made the same again.
    pub(super) fn fits(&self, above: u64, worn: &Arc<HashSet<TagId>>) -> bool {
        self.above == above && Arc::ptr_eq(&self.worn, worn)
    }
}

fn parts(mut rows: Bytes) -> Vec<Bytes> {
    let mut parts = Vec::with_capacity(rows.len() / PART + 1);
    while rows.len() > PART {
        parts.push(rows.split_to(PART));
    }
    parts.push(rows);
    parts
}
