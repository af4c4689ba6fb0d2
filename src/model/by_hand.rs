//! What people say of things by hand: that they are on the way to fetch one, or what it is doing.
//!
//! It lies over the status that follows from rules, for a time; that goes on below it and shows
//! again when the time is over. The first who claims a thing holds it.

use super::asset::{Basis, Status, StatusNow};
use serde::{Deserialize, Serialize};
use spor_schemas::AssetId;
use std::collections::BTreeMap;

/// How long a claim lasts, milliseconds.
pub const CLAIM_MS: i64 = 600_000;
/// The rule of a status that is a claim, and of one that was set.
const CLAIM: &str = "claim";
const HAND: &str = "hand";

/// Somebody's act, as the journal keeps it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ByHand {
    /// Of which asset.
    pub asset: AssetId,
    /// Who; the name of a token, not of a person.
    pub by: String,
    /// What.
    pub act: Act,
}

/// What somebody does by hand.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Act {
    /// Reserves it for [`CLAIM_MS`].
    Claim,
    /// Gives the own claim back.
    Release,
    /// Says what it is doing.
    Say {
        /// That.
        status: Status,
        /// Why.
        reason: String,
        /// For how long, milliseconds.
        for_ms: i64,
    },
    /// Takes back whatever was said or claimed of it.
    Clear,
}

/// What holds of an asset by hand.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hand {
    /// What it is doing.
    pub status: Status,
    /// Who says so.
    pub by: String,
    /// Why; none: it is claimed.
    pub reason: Option<String>,
    /// Since when, milliseconds since the Unix epoch.
    pub since_ms: i64,
    /// Up to when.
    pub until_ms: i64,
}

impl Hand {
    /// As a status.
    #[must_use]
    pub fn status_now(&self) -> StatusNow {
        let rule = if self.is_claim() { CLAIM } else { HAND };
        let (status, since_ms) = (self.status, self.since_ms);
        StatusNow { status, since_ms, basis: Basis::Manual, rule: rule.to_owned() }
    }

    /// True for a claim.
    #[must_use]
    pub fn is_claim(&self) -> bool {
        self.reason.is_none()
    }
}

/// All that holds by hand.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hands(BTreeMap<AssetId, Hand>);

impl Hands {
    /// What holds of the asset by hand; none: only what rules say.
    #[must_use]
    pub fn of(&self, asset: &AssetId) -> Option<&Hand> {
        self.0.get(asset)
    }

    /// Carries an act out at `now_ms`. A claim of what somebody else holds, and the release of what
    /// one doesn't hold, are without effect.
    pub fn act(&mut self, ByHand { asset, by, act }: &ByHand, now_ms: i64) {
        let held = self.0.get(asset).filter(|hand| hand.until_ms > now_ms);
        let own_claim = held.filter(|hand| hand.is_claim() && hand.by == *by);
        match act {
            Act::Claim if held.is_none() || own_claim.is_some() => {
                let since_ms = own_claim.map_or(now_ms, |hand| hand.since_ms);
                let (status, until_ms) = (Status::Reserved, now_ms + CLAIM_MS);
                let hand = Hand { status, by: by.clone(), reason: None, since_ms, until_ms };
                self.0.insert(asset.clone(), hand);
            }
            Act::Release if own_claim.is_some() => {
                self.0.remove(asset);
            }
            Act::Claim | Act::Release => {}
            Act::Say { status, reason, for_ms } => {
                let hand = Hand {
                    status: *status,
                    by: by.clone(),
                    reason: Some(reason.clone()),
                    since_ms: now_ms,
                    until_ms: now_ms.saturating_add(*for_ms),
                };
                self.0.insert(asset.clone(), hand);
            }
            Act::Clear => {
                self.0.remove(asset);
            }
        }
    }

    /// Ends what is over at `now_ms`, and claims of what is no longer available by the rules since it
    /// was claimed: it was fetched. Gives back of which assets.
    pub fn expire<'a>(
        &mut self,
        now_ms: i64,
        rules_say: impl Fn(&AssetId) -> Option<&'a StatusNow>,
    ) -> Vec<AssetId> {
        let mut ended = Vec::new();
        self.0.retain(|asset, hand| {
            let fetched = hand.is_claim()
                && rules_say(asset)
                    .is_some_and(|s| s.status != Status::Available && s.since_ms > hand.since_ms);
            let holds = hand.until_ms > now_ms && !fetched;
            if !holds {
                ended.push(asset.clone());
            }
            holds
        });
        ended
    }

    /// Forgets what is said of assets that are no longer there.
    pub fn keep(&mut self, is_there: impl Fn(&AssetId) -> bool) {
        self.0.retain(|asset, _| is_there(asset));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn by(name: &str, act: Act) -> ByHand {
        ByHand { asset: "P1".parse().expect("valid"), by: name.to_owned(), act }
    }

    fn holder(hands: &Hands) -> Option<&str> {
        hands.of(&"P1".parse().expect("valid")).map(|hand| hand.by.as_str())
    }

    #[test]
    fn the_first_holds_a_claim_until_it_is_over_or_given_back() {
        let mut hands = Hands::default();
        hands.act(&by("anna", Act::Claim), 0);
        hands.act(&by("bo", Act::Claim), 1);
        hands.act(&by("bo", Act::Release), 2);
        assert_eq!(holder(&hands), Some("anna"));
        hands.act(&by("anna", Act::Claim), 60_000);
        assert!(hands.expire(CLAIM_MS + 1, |_| None).is_empty(), "claimed again, so prolonged");
        assert_eq!(hands.expire(CLAIM_MS + 60_000, |_| None).len(), 1);
        hands.act(&by("bo", Act::Claim), CLAIM_MS + 60_000);
        assert_eq!(holder(&hands), Some("bo"));
        hands.act(&by("bo", Act::Release), CLAIM_MS + 60_001);
        assert_eq!(holder(&hands), None);
    }

    #[test]
    fn a_claim_ends_when_the_thing_is_at_work_and_not_when_it_only_was_before() {
        let mut hands = Hands::default();
        hands.act(&by("anna", Act::Claim), 5_000);
        let rule = |status, since_ms| StatusNow {
            status,
            since_ms,
            basis: Basis::Inferred,
            rule: "room:patient".to_owned(),
        };
        let (free, before) = (rule(Status::Available, 6_000), rule(Status::InUse, 4_000));
        assert!(hands.expire(7_000, |_| Some(&free)).is_empty());
        assert!(hands.expire(7_000, |_| Some(&before)).is_empty());
        let at_work = rule(Status::InUse, 6_000);
        assert_eq!(hands.expire(7_000, |_| Some(&at_work)).len(), 1);
    }

    #[test]
    fn what_is_said_goes_before_a_claim_and_cannot_be_claimed_away() {
        let mut hands = Hands::default();
        let broken = Act::Say {
            status: Status::Maintenance,
            reason: "no power".to_owned(),
            for_ms: 3_600_000,
        };
        hands.act(&by("anna", Act::Claim), 0);
        hands.act(&by("bo", broken), 1);
        hands.act(&by("anna", Act::Claim), 2);
        hands.act(&by("bo", Act::Release), 3);
        assert_eq!(
            hands.of(&"P1".parse().expect("valid")).map(|h| h.status),
            Some(Status::Maintenance)
        );
        hands.act(&by("anna", Act::Clear), 4);
        assert_eq!(holder(&hands), None);
    }
}
