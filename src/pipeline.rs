//! The sentence of Spor as code: what arrived is understood, placed, shown, and decided rows go on.
//!
//! A [`Pipeline`] is a deterministic fold over the journal: arrivals, ticks and changes come in with
//! their time, decided rows go out; it reads no clock and waits for nobody, and the same journal
//! gives the same rows. One thread owns it, so no state has a lock.

mod changes;
mod checkpoint;
mod doing;
mod doings;
mod event;
mod onward;
mod past;
mod recompute;
mod rows;
mod run;
mod saving;
mod snapshot;
mod step;
mod tag;

use crate::{
    ingest::{Ingest, Rejections, Understood},
    live::Live,
    model::{
        Arrived, Asset, ById, Carrier, Decided, Freshness, PresentChange, Registry, Restored,
        RulesRow, TagId,
    },
    privacy::PresenceCount,
    site::Site,
    utilisation::{InForce, Rules},
};
pub use checkpoint::{CheckpointError, Checkpoints, Found};
use doing::{Ground, due_ms, judge, settle};
use doings::Doings;
use foldhash::fast::FixedState;
pub use onward::{Decisions, STORAGE_PIN, feed_storage};
pub use past::{redecide, redeciding, rule_book};
pub use recompute::{Again, recompute};
pub use run::{CHECKPOINT_PIN, FoldError, Folded, Folding, Ports, Start};
use std::{hash::BuildHasher, sync::Arc};
use tag::TagWork;

/// The unit that would move to another machine: a tag belongs to one of these by its hash.
const SHARDS: usize = 64;

type Shard = ById<TagId, TagWork>;

/// What a pipeline works with.
pub struct Parts {
    /// The building.
    pub site: Arc<Site>,
    /// Where everything is now.
    pub live: Arc<Live>,
    /// What was refused.
    pub rejections: Rejections,
    /// Fixes older than this are refused, milliseconds.
    pub max_late_ms: i64,
    /// True: a tag that stands still extends its row instead of adding one.
    pub on_change: bool,
}

/// The state of every tag, and the way through it.
pub struct Pipeline {
    site: Arc<Site>,
    /// From which statuses follow.
    rules: Arc<Rules>,
    /// Since when, milliseconds.
    rules_since_ms: i64,
    /// Who carries which tag at this point of the journal.
    known: Registry,
    /// False until every asset of the registry that a pipeline began with has been given a status.
    followed: bool,
    live: Arc<Live>,
    rejections: Rejections,
    on_change: bool,
    ingest: Ingest,
    shards: Vec<Shard>,
    doings: Doings,
    presence: PresenceCount,
}

impl Pipeline {
    /// A pipeline that has seen nothing.
    #[must_use]
    pub fn new(parts: Parts) -> Self {
        let ingest = Ingest::new(parts.site.clone(), parts.max_late_ms, parts.rejections.clone());
        Self {
            site: parts.site,
            rules: Arc::new(Rules::built_in()),
            rules_since_ms: 0,
            known: Registry::default(),
            followed: false,
            live: parts.live,
            rejections: parts.rejections,
            on_change: parts.on_change,
            ingest,
            shards: (0..SHARDS).map(|_| Shard::default()).collect(),
            doings: Doings::default(),
            presence: PresenceCount::default(),
        }
    }

    /// Takes up what storage still knew, where no checkpoint tells more.
    #[must_use]
    pub fn restored(parts: Parts, registry: Registry, mut restored: Restored) -> Self {
        let mut pipeline = Self::new(parts);
        pipeline.known = registry;
        if let Some(RulesRow { from_ms, text, .. }) = restored.rules.take() {
            pipeline.take_up_rules(&text, from_ms);
        }
        let tags = std::mem::take(&mut restored.tags);
        pipeline.doings = Doings::restored(restored);
        for tag in tags {
            let name = tag.row.tag.clone();
            pipeline.shards[shard_of(&name)].insert(name.clone(), TagWork::restored(tag));
            pipeline.show(&name);
        }
        pipeline.show_hands(None);
        pipeline
    }

    /// Who carries which tag at this point of the journal.
    #[must_use]
    pub fn registry(&self) -> &Registry {
        &self.known
    }

    /// The rules at this point of the journal.
    #[must_use]
    pub fn rules(&self) -> &Arc<Rules> {
        &self.rules
    }

    /// The building at this point of the journal.
    #[must_use]
    pub fn site(&self) -> &Arc<Site> {
        &self.site
    }

    /// Arrived -> understood -> decided. `received_ms` never decreases.
    pub fn arrival(&mut self, arrival: Arrived<'_>, received_ms: i64, out: &mut Vec<Decided>) {
        let mut understood = Vec::new();
        let Self { ingest, known, .. } = self;
        ingest.understand(arrival, received_ms, known, |message| understood.push(message));
        for message in understood {
            self.decide(message, received_ms, out);
        }
    }

    fn decide(&mut self, message: Understood, received_ms: i64, out: &mut Vec<Decided>) {
        let tag = match &message {
            Understood::Fix { fix, .. } => fix.tag.clone(),
            Understood::Sighting(sighting) => {
                self.live.readers.heard(&sighting.reader, received_ms);
                sighting.tag.clone()
            }
            Understood::TagReport { tag, .. } => tag.clone(),
            Understood::Reader { reader, time_ms, online } => {
                let (reader, time_ms, online) = (reader.clone(), *time_ms, *online);
                self.live.readers.said(&reader, time_ms, online);
                self.live.readers.heard(&reader, received_ms);
                return out.push(Decided::Reader { reader, time_ms, online });
            }
        };
        let work = self.shards[shard_of(&tag)].entry(tag.clone()).or_default();
        let carrier = self.known.carrier(&tag);
        if let Some(Carrier::Person(person)) = carrier {
            if let Some((room, time_ms)) = work.take_badge(message, &self.site) {
                self.presence.add(&person.id, &person.role, &room, time_ms);
            }
        } else {
            let asset = asset_of(carrier);
            let in_force = InForce { rules: &self.rules, since_ms: self.rules_since_ms };
            let ground = Ground { site: &self.site, in_force };
            if let Some(time_ms) = placed_at(&message)
                && work.would_be_newest(time_ms)
            {
                let doings = self.followed.then_some(&mut self.doings);
                let at = (time_ms, received_ms);
                settle(doings, asset, &tag, work, ground, at, out);
            }
            work.take(message, asset.map(|asset| &asset.id), &self.site, self.on_change, out);
        }
        show(&self.live, &self.doings, &self.site, &tag, work, carrier);
    }

    /// Once a second: what follows from time alone.
    pub fn tick(&mut self, now_ms: i64, out: &mut Vec<Decided>) {
        self.follow_first_registry(now_ms, out);
        let mut counts = [0u32; Freshness::ALL.len()];
        let mut changed = Vec::new();
        let in_force = InForce { rules: &self.rules, since_ms: self.rules_since_ms };
        let ground = Ground { site: &self.site, in_force };
        for (tag, work) in self.shards.iter_mut().flatten() {
            let carrier = self.known.carrier(tag);
            if let Some(Carrier::Person(_)) = carrier {
                if work.tick_badge(now_ms) {
                    changed.push(tag.clone());
                }
                continue;
            }
            let asset = asset_of(carrier);
            let before = out.len();
            let id = asset.map(|asset| &asset.id);
            let freshness = work.tick(tag, id, &self.site, now_ms, out);
            counts[freshness as usize] += 1;
            let mut shown = out.len() > before;
            if let Some(asset) = asset.filter(|_| !work.is_quiet(now_ms)) {
                // What came too late for any tick to see the end of its dwell.
                let is_lost = freshness == Freshness::Lost;
                let due = if is_lost { due_ms(Some(asset), work, ground) } else { Vec::new() };
                for at_ms in due.into_iter().filter(|due_ms| *due_ms < now_ms).chain([now_ms]) {
                    let at = (at_ms, now_ms);
                    let doings = &mut self.doings;
                    if let Some((since_ms, until_ms, is_silence)) =
                        judge(doings, asset, tag, work, ground, at, out)
                    {
                        shown = true;
                        work.presume(since_ms, until_ms, is_silence);
                    }
                }
            }
            if shown {
                changed.push(tag.clone());
            }
        }
        for tag in &changed {
            self.show(tag);
        }
        self.end_by_hand(now_ms, out);
        out.extend(self.presence.take_changed().into_iter().map(Decided::Presence));
        for (freshness, count) in Freshness::ALL.into_iter().zip(counts) {
            metrics::gauge!("spor_tags", "state" => freshness.as_str()).set(count);
        }
    }

    /// A late fix amended what reaches into the present. Without effect on what has gone on since.
    pub fn amended(&mut self, change: &PresentChange) {
        let tag = match change {
            PresentChange::Visit { tag, was, now } => {
                let work = self.shards[shard_of(tag)].get_mut(tag);
                let is_amended = !self.known.is_worn(tag)
                    && work.is_some_and(|work| work.amend(was.as_ref(), now.as_ref()));
                is_amended.then_some(tag)
            }
            PresentChange::Status { asset, was, now, zone, shown } => {
                let now = (now, zone.as_ref());
                let is_amended = self.doings.amend(asset, was.as_ref(), now, shown.as_ref());
                self.known.tag_of_asset.get(asset).filter(|_| is_amended)
            }
            PresentChange::Settled { tag, at_ms } => {
                if let Some(work) = self.shards[shard_of(tag)].get_mut(tag) {
                    work.settled(*at_ms);
                }
                None
            }
        };
        if let Some(tag) = tag {
            let tag = tag.clone();
            if let Some(work) = self.shards[shard_of(&tag)].get_mut(&tag) {
                work.ask_again();
            }
            self.show(&tag);
        }
    }

    /// Writes down what is still only in memory, before a stop.
    pub fn flush(&mut self, out: &mut Vec<Decided>) {
        for (tag, work) in self.shards.iter_mut().flatten() {
            if !self.known.is_worn(tag) {
                work.flush(tag, out);
            }
        }
    }

    fn show(&self, tag: &TagId) {
        if let Some(work) = self.shards[shard_of(tag)].get(tag) {
            let carrier = self.known.carrier(tag);
            show(&self.live, &self.doings, &self.site, tag, work, carrier);
        }
    }
}

/// Puts the tag's state where the pages look: a badge among the people, all else among the tags.
fn show(
    live: &Live,
    doings: &Doings,
    site: &Site,
    tag: &TagId,
    work: &TagWork,
    carrier: Option<&Carrier>,
) {
    if let Some(Carrier::Person(_)) = carrier {
        if let Some(state) = work.badge_state(tag, site) {
            live.people.put(state);
        }
        return;
    }
    let asset = asset_of(carrier).map(|asset| &asset.id);
    let status = asset.and_then(|asset| doings.shown(asset));
    let ruled = asset.and_then(|asset| doings.ruled(asset));
    let ruled = ruled.filter(|ruled| status.as_ref() != Some(ruled)).cloned();
    let hand = asset.and_then(|asset| doings.hands().of(asset)).cloned();
    live.tags.put(work.state(tag, status, ruled, hand));
}

fn asset_of(carrier: Option<&Carrier>) -> Option<&Asset> {
    match carrier? {
        Carrier::Asset(asset) => Some(asset),
        Carrier::Person(_) => None,
    }
}

/// The event time of a message that says where a tag is.
fn placed_at(message: &Understood) -> Option<i64> {
    match message {
        Understood::Fix { fix, .. } => Some(fix.time_ms),
        Understood::Sighting(sighting) => Some(sighting.time_ms),
        Understood::TagReport { .. } | Understood::Reader { .. } => None,
    }
}

/// The hash has fixed keys: a tag stays in its shard across restarts. Its highest bits are taken,
/// since the shard's own map uses the lowest.
fn shard_of(tag: &TagId) -> usize {
    let hash = FixedState::default().hash_one(tag);
    usize::try_from(hash >> (u64::BITS - SHARDS.ilog2())).unwrap_or_default()
}

#[cfg(test)]
mod tests;
