//! What people say of things by hand: that they are on the way to fetch one, or what it is doing.
//!
//! It lies over the status that follows from rules, for a time; that goes on below it and shows
//! again when the time is over. The first who claims a thing holds it.

use super::asset::{Basis, Status, StatusNow};
use serde::{Deserialize, Serialize};
use spor_schemas::{AssetId, WardId};
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
    /// Reserves it for [`CLAIM_MS`]; claimed again by the same, where it is taken to stays.
    Claim,
    /// The same, to take it to a ward.
    ClaimTo(WardId),
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
    /// The ward that a claim takes it to; none: nobody said.
    #[serde(default)]
    pub to: Option<WardId>,
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

    /// True for a claim of what is at work, by the rules, since it was claimed: it was fetched. Silence
    /// is no work.
    #[must_use]
    pub fn is_fetched(&self, status: Status, since_ms: i64) -> bool {
        let is_at_work = !matches!(status, Status::Available | Status::Unknown);
        self.is_claim() && is_at_work && since_ms > self.since_ms
    }
}

/// All that holds by hand.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hands(BTreeMap<AssetId, Hand>);

/// What an act changed of an asset.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Acted {
    /// What no longer holds; its end is the moment of the act.
    pub ended: Option<Hand>,
    /// What holds from now on, or for longer.
    pub holds: Option<Hand>,
}

impl Hands {
    /// What holds of the asset by hand; none: only what rules say.
    #[must_use]
    pub fn of(&self, asset: &AssetId) -> Option<&Hand> {
        self.0.get(asset)
    }

    /// Carries an act out at `now_ms`. A claim of what somebody else holds, and the release of what
    /// one doesn't hold, are without effect. What is over by then must have been ended before.
    /// What it ends or begins does so after `after_ms`, when what it lies over began.
    pub fn act(
        &mut self,
        ByHand { asset, by, act }: &ByHand,
        now_ms: i64,
        after_ms: Option<i64>,
    ) -> Acted {
        let held = self.0.get(asset);
        let since_ms = held.map(|hand| hand.since_ms).max(after_ms);
        let at_ms = since_ms.map_or(now_ms, |since_ms| now_ms.max(since_ms.saturating_add(1)));
        let own_claim = held.filter(|hand| hand.is_claim() && hand.by == *by);
        let to = match act {
            Act::ClaimTo(ward) => Some(ward),
            _ => None,
        };
        let new = |status, reason, for_ms: i64| Hand {
            status,
            by: by.clone(),
            reason,
            since_ms: at_ms,
            until_ms: at_ms.saturating_add(for_ms),
            to: to.cloned(),
        };
        let holds = match act {
            Act::Claim | Act::ClaimTo(_) => match (held, own_claim) {
                (None, _) => Some(new(Status::Reserved, None, CLAIM_MS)),
                (Some(_), Some(own)) => {
                    let until_ms = own.until_ms.max(at_ms.saturating_add(CLAIM_MS));
                    let to = to.or(own.to.as_ref()).cloned();
                    let longer = Hand { until_ms, to, ..own.clone() };
                    self.0.insert(asset.clone(), longer.clone());
                    return Acted { ended: None, holds: Some(longer) };
                }
                (Some(_), None) => return Acted::default(),
            },
            Act::Release if own_claim.is_none() => return Acted::default(),
            Act::Release | Act::Clear => None,
            Act::Say { status, reason, for_ms } => {
                Some(new(*status, Some(reason.clone()), *for_ms))
            }
        };
        let ended = self.0.remove(asset).map(|hand| Hand { until_ms: at_ms, ..hand });
        if let Some(hand) = &holds {
            self.0.insert(asset.clone(), hand.clone());
        }
        Acted { ended, holds }
    }

    /// Ends what holds of the asset.
    pub fn end(&mut self, asset: &AssetId) -> Option<Hand> {
        self.0.remove(asset)
    }

    /// Of which assets what holds is over at `now_ms`.
    #[must_use]
    pub fn over(&self, now_ms: i64) -> Vec<AssetId> {
        let over = self.0.iter().filter(|(_, hand)| hand.until_ms <= now_ms);
        over.map(|(asset, _)| asset.clone()).collect()
    }

    /// Takes up what held before a start.
    pub fn take_up(&mut self, asset: AssetId, hand: Hand) {
        self.0.insert(asset, hand);
    }

    /// Forgets what is said of assets that are no longer there.
    pub fn keep(&mut self, is_there: impl Fn(&AssetId) -> bool) {
        self.0.retain(|asset, _| is_there(asset));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn by(name: &str, act: Act) -> ByHand {
        ByHand { asset: "P1".parse().expect("valid"), by: name.to_owned(), act }
    }

    fn holder(hands: &Hands) -> Option<&str> {
        hands.of(&"P1".parse().expect("valid")).map(|hand| hand.by.as_str())
    }

    #[test]
    fn the_first_holds_a_claim_until_it_is_over_or_given_back() {
        let mut hands = Hands::default();
        hands.act(&by("anna", Act::Claim), 0, None);
        assert_eq!(hands.act(&by("bo", Act::Claim), 1, None), Acted::default());
        assert_eq!(hands.act(&by("bo", Act::Release), 2, None), Acted::default());
        assert_eq!(holder(&hands), Some("anna"));
        hands.act(&by("anna", Act::Claim), 60_000, None);
        assert!(hands.over(CLAIM_MS + 1).is_empty(), "claimed again, so prolonged");
        assert_eq!(hands.over(CLAIM_MS + 60_000).len(), 1);
        let ended = hands.act(&by("anna", Act::Release), 90_000, None).ended.expect("ended");
        assert_eq!((ended.since_ms, ended.until_ms), (0, 90_000));
        assert_eq!(holder(&hands), None);
    }

    #[test]
    fn where_a_claim_takes_a_thing_stays_until_its_holder_says_otherwise() {
        let mut hands = Hands::default();
        let [c1, d2]: [WardId; 2] = ["C1", "D2"].map(|ward| ward.parse().expect("valid"));
        let to = |acted: Acted| acted.holds.and_then(|hand| hand.to);
        let claim_to = |ward: &WardId| by("anna", Act::ClaimTo(ward.clone()));
        assert_eq!(to(hands.act(&by("anna", Act::Claim), 0, None)), None);
        assert_eq!(to(hands.act(&claim_to(&c1), 1_000, None)), Some(c1.clone()));
        assert_eq!(to(hands.act(&by("anna", Act::Claim), 2_000, None)), Some(c1.clone()));
        let others = by("bo", Act::ClaimTo(d2.clone()));
        assert_eq!(hands.act(&others, 3_000, None), Acted::default(), "it isn't theirs");
        assert_eq!(to(hands.act(&claim_to(&d2), 4_000, None)), Some(d2.clone()));
        let ended = hands.act(&by("anna", Act::Release), 5_000, None).ended.expect("ended");
        assert_eq!((ended.since_ms, ended.to), (0, Some(d2)), "one claim all along");
        assert_eq!(to(hands.act(&by("anna", Act::Claim), 6_000, None)), None, "another claim");
    }

    #[test]
    fn acts_and_hands_of_before_destinations_are_read() {
        let act = r#"{"asset":"P1","by":"anna","act":"claim"}"#;
        assert_eq!(serde_json::from_str::<ByHand>(act).expect("read"), by("anna", Act::Claim));
        assert_eq!(serde_json::to_string(&by("anna", Act::Claim)).expect("written"), act);
        let hand = r#"{"status":"reserved","by":"anna","reason":null,"since_ms":1,"until_ms":2}"#;
        assert_eq!(serde_json::from_str::<Hand>(hand).expect("read").to, None);
    }

    #[test]
    fn a_claim_ends_when_the_thing_is_at_work_and_not_when_it_only_was_before() {
        let mut hands = Hands::default();
        let claim = hands.act(&by("anna", Act::Claim), 5_000, None).holds.expect("held");
        assert!(!claim.is_fetched(Status::Available, 6_000));
        assert!(!claim.is_fetched(Status::InUse, 4_000));
        assert!(!claim.is_fetched(Status::Unknown, 6_000), "silence is no work");
        assert!(claim.is_fetched(Status::InUse, 6_000));
    }

    #[test]
    fn what_is_said_goes_before_a_claim_and_cannot_be_claimed_away() {
        let mut hands = Hands::default();
        let broken = Act::Say {
            status: Status::Maintenance,
            reason: "no power".to_owned(),
            for_ms: 3_600_000,
        };
        hands.act(&by("anna", Act::Claim), 0, None);
        let acted = hands.act(&by("bo", broken), 1_000, None);
        assert_eq!(acted.ended.map(|hand| hand.until_ms), Some(1_000));
        hands.act(&by("anna", Act::Claim), 2_000, None);
        hands.act(&by("bo", Act::Release), 3_000, None);
        assert_eq!(
            hands.of(&"P1".parse().expect("valid")).map(|h| h.status),
            Some(Status::Maintenance)
        );
        hands.act(&by("anna", Act::Clear), 4_000, None);
        assert_eq!(holder(&hands), None);
    }

    fn acts() -> impl Strategy<Value = Vec<(i64, bool, u8)>> {
        proptest::collection::vec((0i64..900_000, any::<bool>(), 0u8..5), 0..40)
    }

    proptest! {
        /// Destinations change nothing of who holds what, and from when until when.
        #[test]
        fn where_it_goes_says_nothing_of_who_holds_it(acts in acts()) {
            let [mut hands, mut without] = [Hands::default(), Hands::default()];
            let asset: AssetId = "P1".parse().expect("valid");
            let (mut now_ms, mut said) = (0, None);
            for (after_ms, is_anna, kind) in acts {
                now_ms += after_ms;
                for hands in [&mut hands, &mut without] {
                    hands.over(now_ms).iter().for_each(|asset| drop(hands.end(asset)));
                }
                let name = if is_anna { "anna" } else { "bo" };
                let ward = || if kind == 0 { "C1" } else { "D2" }.parse::<WardId>().expect("valid");
                let act = match kind {
                    0 | 1 => Act::ClaimTo(ward()),
                    2 => Act::Claim,
                    3 => Act::Release,
                    _ => Act::Clear,
                };
                let bare = if kind < 2 { Act::Claim } else { act.clone() };
                let was = hands.of(&asset).cloned();
                let acted = hands.act(&by(name, act), now_ms, None);
                let bare = without.act(&by(name, bare), now_ms, None);
                let blind = |hand: Option<Hand>| hand.map(|hand| Hand { to: None, ..hand });
                prop_assert_eq!(blind(acted.ended), blind(bare.ended));
                prop_assert_eq!(blind(acted.holds.clone()), blind(bare.holds));
                said = match (acted.holds, was) {
                    (Some(_), _) if kind < 2 => Some(ward()),
                    (Some(_), Some(_)) => said,
                    (Some(_), None) => None,
                    (None, _) => said,
                };
                prop_assert_eq!(hands.of(&asset).and_then(|hand| hand.to.clone()), said.clone().filter(|_| hands.of(&asset).is_some()));
            }
        }
    }

    #[test]
    fn an_act_begins_after_what_it_lies_over() {
        let mut hands = Hands::default();
        let claim = hands.act(&by("anna", Act::Claim), 5_000, Some(7_000)).holds.expect("held");
        assert_eq!(claim.since_ms, 7_001);
        let ended = hands.act(&by("anna", Act::Release), 6_000, None).ended.expect("ended");
        assert_eq!(ended.until_ms, 7_002, "no interval is empty");
    }
}
