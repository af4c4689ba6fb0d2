//! What people say of things by hand lies over what follows from rules.

use super::Pipeline;
use crate::{
    live::ByHandNow,
    model::{ByHand, TagId},
};
use std::sync::Arc;

impl Pipeline {
    /// Somebody claims a thing or says what it is doing; `sequence` is the record's.
    pub fn by_hand(&mut self, act: &ByHand, sequence: u64, now_ms: i64) {
        if self.known.assets.contains_key(&act.asset) {
            self.hands.act(act, now_ms);
        }
        // Before the board, so that whoever waits for that sees the status too.
        if let Some(tag) = self.known.tag_of_asset.get(&act.asset) {
            self.show(tag);
        }
        self.show_hands(Some(sequence));
    }

    /// Ends claims and statuses by hand whose time is over; gives back the tags of which.
    pub(super) fn end_by_hand(&mut self, now_ms: i64) -> Vec<TagId> {
        let statuses = &self.statuses;
        let ended = self.hands.expire(now_ms, |asset| statuses.get(asset));
        if !ended.is_empty() {
            self.show_hands(None);
        }
        ended.iter().filter_map(|asset| self.known.tag_of_asset.get(asset).cloned()).collect()
    }

    pub(super) fn show_hands(&self, sequence: Option<u64>) {
        let hands = Arc::new(self.hands.clone());
        self.live.by_hand.send_modify(|now| {
            *now = ByHandNow { through: sequence.unwrap_or(now.through), hands };
        });
    }
}
