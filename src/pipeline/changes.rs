//! Other bindings, rules or another building from a record of the journal on, and what follows of it.

use super::{Pipeline, shard_of};
use crate::{
    model::{Basis, Decided, Registry, RegistryChange, RulesRow, Status, StatusNow, TagId},
    site::Site,
    utilisation::Rules,
};
use std::{collections::HashMap, sync::Arc};

/// The rules of an asset that has no tag yet, or no longer.
pub(super) const NEVER_SEEN: &str = "never seen";
pub(super) const NO_TAG: &str = "no tag";

impl Pipeline {
    /// Other bindings from now on. A tag that a person wears from now on is forgotten; one that is
    /// given back begins anew.
    pub fn change_registry(
        &mut self,
        change: &RegistryChange,
        now_ms: i64,
        out: &mut Vec<Decided>,
    ) {
        self.follow_first_registry(now_ms, out);
        let before = self.known.clone();
        self.known.apply(change);
        self.ask_again();
        let tags: Vec<TagId> = self.shards.iter().flat_map(HashMap::keys).cloned().collect();
        for tag in tags {
            match (before.is_worn(&tag), self.known.is_worn(&tag)) {
                (false, true) => {
                    self.live.tags.remove(&tag);
                    self.forget(&tag);
                    out.push(Decided::Forget { tag });
                }
                (true, false) => {
                    self.live.people.remove(&tag);
                    self.forget(&tag);
                }
                _ => self.show(&tag),
            }
        }
        for person in before.persons.keys().filter(|p| !self.known.persons.contains_key(*p)) {
            self.presence.forget(person);
        }
        self.follow_assets(&before, now_ms, out);
    }

    pub(super) fn forget(&mut self, tag: &TagId) {
        self.rejections.forget(tag);
        self.ingest.forget(tag);
        self.shards[shard_of(tag)].remove(tag);
    }

    /// Other rules from now on. What is in a room already is asked anew, and changes from now on.
    pub fn change_rules(&mut self, rules: Arc<Rules>, now_ms: i64, out: &mut Vec<Decided>) {
        self.follow_first_registry(now_ms, out);
        if rules.version == self.rules.version {
            return;
        }
        (self.rules, self.rules_since_ms) = (rules, now_ms);
        out.push(Decided::Rules(self.rules_row()));
        self.ask_again();
    }

    pub(super) fn rules_row(&self) -> RulesRow {
        let Rules { version, .. } = &*self.rules;
        let (version, text) = (version.clone(), self.rules.text().to_owned());
        RulesRow { from_ms: self.rules_since_ms, version, text }
    }

    /// The rules that were in force before a start.
    pub(super) fn take_up_rules(&mut self, text: &str, since_ms: i64) {
        match Rules::parse(text) {
            Ok(rules) => (self.rules, self.rules_since_ms) = (Arc::new(rules), since_ms),
            Err(error) => tracing::error!(%error, "the rules of before can't be read"),
        }
    }

    /// Another building from now on. A room that it doesn't have is left at the next fix.
    pub fn change_site(&mut self, site: Arc<Site>) {
        self.ingest.change_site(site.clone());
        self.site = site;
        self.ask_again();
    }

    pub(super) fn follow_first_registry(&mut self, now_ms: i64, out: &mut Vec<Decided>) {
        if !std::mem::replace(&mut self.followed, true) {
            out.push(Decided::Rules(self.rules_row()));
            self.follow_assets(&Registry::default(), now_ms, out);
        }
    }

    /// An asset without a tag is unknown, from the moment that it has none.
    fn follow_assets(&mut self, before: &Registry, now_ms: i64, out: &mut Vec<Decided>) {
        let mut assets: Vec<_> = self.known.assets.keys().collect();
        assets.sort();
        for asset in assets {
            let had = before.tag_of_asset.contains_key(asset);
            let has = self.known.tag_of_asset.contains_key(asset);
            let shown = self.doings.shown(asset);
            let rule = match shown {
                None => NEVER_SEEN,
                Some(_) if had && !has => NO_TAG,
                Some(_) => continue,
            };
            let status = StatusNow {
                status: Status::Unknown,
                since_ms: shown.map_or(now_ms, |s| s.since_ms.max(now_ms)),
                basis: Basis::Inferred,
                rule: rule.to_owned(),
            };
            self.doings.rule(asset, status, None, out);
        }
        // Of an asset without a tag there are no events.
        self.doings.take_told();
        let known = &self.known;
        self.doings.keep(|asset| known.assets.contains_key(asset));
    }

    /// What was known to last as long as nothing new is heard is asked again.
    fn ask_again(&mut self) {
        self.shards.iter_mut().flatten().for_each(|(_, work)| work.ask_again());
    }
}
