//! What every asset is doing: the line of what rules say, and over it what people say by hand.
//!
//! Each change of what is shown is a row of `asset_status`. What rules say while something holds by
//! hand is kept beneath, so that the line can be laid anew when the past changes.

use super::{Pipeline, doing::status_row, event};
use crate::{
    live::ByHandNow,
    model::{
        AssetId, ByHand, ById, Decided, Hand, Hands, Restored, RestoredStatus, ShownChange, Status,
        StatusNow, StatusRow, ZoneId,
    },
};
use serde::{Deserialize, Serialize};
use std::{collections::BTreeMap, sync::Arc};

/// What rules say of an asset.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Ruled {
    now: StatusNow,
    /// The room in which it began.
    zone: Option<ZoneId>,
}

/// What is known of all assets' doing.
#[derive(Debug, Default)]
pub(super) struct Doings {
    ruled: ById<AssetId, Ruled>,
    hands: Hands,
    /// When the last thing ended that held by hand, where what rules say began before that,
    /// milliseconds.
    ended_ms: BTreeMap<AssetId, i64>,
    /// What is shown since it was last asked for.
    told: Vec<(AssetId, StatusNow)>,
}

/// The same as a checkpoint keeps it, in the order of ids; written without a copy of it.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct DoingsKept<
    Id = AssetId,
    Rule = Ruled,
    Held = Hands,
    Ended = BTreeMap<AssetId, i64>,
> {
    ruled: Vec<(Id, Rule)>,
    hands: Held,
    ended_ms: Ended,
}

/// The same of when claims didn't say where to.
pub(super) type NoDestinations = DoingsKept<AssetId, Ruled, BTreeMap<AssetId, HandAlone>>;

/// What held by hand then.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct HandAlone {
    status: Status,
    by: String,
    reason: Option<String>,
    since_ms: i64,
    until_ms: i64,
}

impl From<HandAlone> for Hand {
    fn from(HandAlone { status, by, reason, since_ms, until_ms }: HandAlone) -> Self {
        Self { status, by, reason, since_ms, until_ms, to: None }
    }
}

impl From<NoDestinations> for DoingsKept {
    fn from(DoingsKept { ruled, hands: alone, ended_ms }: NoDestinations) -> Self {
        let mut hands = Hands::default();
        alone.into_iter().for_each(|(asset, hand)| hands.take_up(asset, hand.into()));
        Self { ruled, hands, ended_ms }
    }
}

impl Doings {
    pub(super) fn restored(restored: Restored) -> Self {
        let mut doings = Self::default();
        for (asset, hand) in restored.hands {
            doings.hands.take_up(asset, hand);
        }
        for RestoredStatus { asset, now, zone, shown_ms } in restored.statuses {
            if shown_ms > now.since_ms && doings.hands.of(&asset).is_none() {
                doings.ended_ms.insert(asset.clone(), shown_ms);
            }
            doings.ruled.insert(asset, Ruled { now, zone });
        }
        doings
    }

    pub(super) fn kept(&self) -> impl Serialize {
        let mut ruled: Vec<_> = self.ruled.iter().collect();
        ruled.sort_unstable_by_key(|(asset, _)| *asset);
        DoingsKept { ruled, hands: &self.hands, ended_ms: &self.ended_ms }
    }

    pub(super) fn take_up(kept: DoingsKept) -> Self {
        let DoingsKept { ruled, hands, ended_ms } = kept;
        Self { ruled: ruled.into_iter().collect(), hands, ended_ms, told: Vec::new() }
    }

    /// What holds by hand.
    pub(super) fn hands(&self) -> &Hands {
        &self.hands
    }

    /// What rules say of the asset.
    pub(super) fn ruled(&self, asset: &AssetId) -> Option<&StatusNow> {
        self.ruled.get(asset).map(|ruled| &ruled.now)
    }

    /// What everybody sees.
    pub(super) fn shown(&self, asset: &AssetId) -> Option<StatusNow> {
        if let Some(hand) = self.hands.of(asset) {
            return Some(hand.status_now());
        }
        let now = self.ruled(asset)?;
        let ended_ms = self.ended_ms.get(asset).copied().unwrap_or(i64::MIN);
        Some(StatusNow { since_ms: now.since_ms.max(ended_ms), ..now.clone() })
    }

    /// What began to be shown since this was last asked, in order.
    pub(super) fn take_told(&mut self) -> Vec<(AssetId, StatusNow)> {
        std::mem::take(&mut self.told)
    }

    /// Rules say something else from now on. Where that began before something ended that held by hand,
    /// up to when what is shown must be laid anew by storage, which knows the line; milliseconds.
    pub(super) fn rule(
        &mut self,
        asset: &AssetId,
        now: StatusNow,
        zone: Option<ZoneId>,
        out: &mut Vec<Decided>,
    ) -> Option<i64> {
        if self.hands.of(asset).is_some_and(|hand| hand.until_ms <= now.since_ms) {
            self.end(asset, out);
        }
        let since_ms = now.since_ms;
        let row = status_row(asset, &now, zone.clone());
        let status = now.status;
        self.ruled.insert(asset.clone(), Ruled { now, zone });
        let ended_ms = self.ended_ms.get(asset).copied().filter(|ended_ms| since_ms < *ended_ms);
        let hand = self.hands.of(asset).cloned();
        // What showed again when that ended is not what rules say any more.
        if let Some(ended_ms) = ended_ms {
            out.push(Decided::Beneath(row.clone()));
            if hand.is_none() {
                out.push(Decided::Status(StatusRow { from_ms: ended_ms, ..row }));
                self.tell(asset);
            }
            return Some(ended_ms);
        }
        match hand {
            Some(hand) if hand.is_fetched(status, since_ms) => {
                self.hands.end(asset);
                out.push(Decided::Status(row));
            }
            Some(hand) if hand.since_ms <= since_ms => out.push(Decided::Beneath(row)),
            Some(hand) => {
                let over = status_row(asset, &hand.status_now(), row.zone.clone());
                out.extend([Decided::Status(row), Decided::Status(over)]);
            }
            None => {
                self.ended_ms.remove(asset);
                out.push(Decided::Status(row));
            }
        }
        if self.hands.of(asset).is_none() {
            self.tell(asset);
        }
        None
    }

    /// Somebody acts by hand at `now_ms`.
    pub(super) fn act(&mut self, act: &ByHand, now_ms: i64, out: &mut Vec<Decided>) {
        let asset = &act.asset;
        if self.hands.of(asset).is_some_and(|hand| hand.until_ms <= now_ms) {
            self.end(asset, out);
        }
        let ruled_ms = self.ruled(asset).map(|now| now.since_ms);
        let after_ms = ruled_ms.max(self.ended_ms.get(asset).copied());
        let acted = self.hands.act(act, now_ms, after_ms);
        let is_new = acted.holds.as_ref().is_some_and(|hand| hand.since_ms >= now_ms);
        if let Some(hand) = acted.ended {
            self.ended_ms.insert(asset.clone(), hand.until_ms);
            let ended_ms = hand.until_ms;
            out.push(by_hand(asset, hand));
            if acted.holds.is_none() {
                self.show_again(asset, ended_ms, out);
            }
        }
        if let Some(hand) = acted.holds {
            out.push(by_hand(asset, hand.clone()));
            if is_new {
                let zone = self.ruled.get(asset).and_then(|ruled| ruled.zone.clone());
                out.push(Decided::Status(status_row(asset, &hand.status_now(), zone)));
                self.tell(asset);
            }
        }
    }

    /// Ends what is over by hand at `now_ms`.
    pub(super) fn expire(&mut self, now_ms: i64, out: &mut Vec<Decided>) {
        for asset in self.hands.over(now_ms) {
            self.end(&asset, out);
        }
    }

    /// What holds by hand ends as it was meant to.
    fn end(&mut self, asset: &AssetId, out: &mut Vec<Decided>) {
        let Some(hand) = self.hands.end(asset) else { return };
        self.ended_ms.insert(asset.clone(), hand.until_ms);
        self.show_again(asset, hand.until_ms, out);
    }

    /// What rules say is shown again.
    fn show_again(&mut self, asset: &AssetId, from_ms: i64, out: &mut Vec<Decided>) {
        if let Some(Ruled { now, zone }) = self.ruled.get(asset) {
            let row = status_row(asset, now, zone.clone());
            out.push(Decided::Status(StatusRow { from_ms, ..row }));
            self.tell(asset);
        }
    }

    fn tell(&mut self, asset: &AssetId) {
        let shown = self.shown(asset);
        self.told.extend(shown.map(|shown| (asset.clone(), shown)));
    }

    /// The past was decided anew. False, and without effect, where it has gone on since.
    pub(super) fn amend(
        &mut self,
        asset: &AssetId,
        was: Option<&StatusNow>,
        (now, zone): (&StatusNow, Option<&ZoneId>),
        shown: Option<&ShownChange>,
    ) -> bool {
        // What was lost for no time at all began anew here, and went on there.
        let began_anew = |ruled: &StatusNow| {
            shown.is_some_and(|shown| shown.was_ms == ruled.since_ms)
                && was.is_some_and(|was| (was.status, &was.rule) == (ruled.status, &ruled.rule))
        };
        if self.ruled(asset) != was && !self.ruled(asset).is_some_and(began_anew) {
            return false;
        }
        let shown_ms = self.shown(asset).map(|shown| shown.since_ms);
        let (now, zone) = (now.clone(), zone.cloned());
        let since_ms = now.since_ms;
        self.ruled.insert(asset.clone(), Ruled { now, zone });
        let Some(shown) = shown.filter(|shown| Some(shown.was_ms) == shown_ms) else { return true };
        match &shown.hand {
            Some(hand) => self.hands.take_up(asset.clone(), hand.clone()),
            None => {
                self.hands.end(asset);
                if shown.now_ms > since_ms {
                    self.ended_ms.insert(asset.clone(), shown.now_ms);
                } else {
                    self.ended_ms.remove(asset);
                }
            }
        }
        true
    }

    /// Forgets assets that are no longer there.
    pub(super) fn keep(&mut self, is_there: impl Fn(&AssetId) -> bool) {
        self.ruled.retain(|asset, _| is_there(asset));
        self.hands.keep(&is_there);
        self.ended_ms.retain(|asset, _| is_there(asset));
    }
}

fn by_hand(asset: &AssetId, hand: Hand) -> Decided {
    Decided::ByHand { asset: asset.clone(), hand }
}

impl Pipeline {
    /// Somebody claims a thing or says what it is doing; `sequence` is the record's.
    pub fn by_hand(&mut self, act: &ByHand, sequence: u64, now_ms: i64, out: &mut Vec<Decided>) {
        self.follow_first_registry(now_ms, out);
        if self.known.assets.contains_key(&act.asset) {
            self.doings.act(act, now_ms, out);
        }
        self.tell_doings(out);
        // Before the board, so that whoever waits for that sees the status too.
        if let Some(tag) = self.known.tag_of_asset.get(&act.asset).cloned() {
            self.show(&tag);
        }
        self.show_hands(Some(sequence));
    }

    /// Ends claims and statuses by hand whose time is over.
    pub(super) fn end_by_hand(&mut self, now_ms: i64, out: &mut Vec<Decided>) {
        self.doings.expire(now_ms, out);
        self.tell_doings(out);
        let shown = self.live.by_hand.borrow().hands.clone();
        if *shown != *self.doings.hands() {
            self.show_hands(None);
        }
    }

    /// Events of what is shown otherwise, and the pages.
    fn tell_doings(&mut self, out: &mut Vec<Decided>) {
        for (asset, shown) in self.doings.take_told() {
            let Some(tag) = self.known.tag_of_asset.get(&asset).cloned() else { continue };
            let work = self.shards[super::shard_of(&tag)].get(&tag);
            let located = work.and_then(super::tag::TagWork::located);
            out.push(Decided::Event(event::status(&tag, &asset, &shown, located.as_ref())));
            self.show(&tag);
        }
    }

    pub(super) fn show_hands(&self, sequence: Option<u64>) {
        let hands = Arc::new(self.doings.hands().clone());
        self.live.by_hand.send_modify(|now| {
            *now = ByHandNow { through: sequence.unwrap_or(now.through), hands };
        });
    }
}
