//! Which of several comes first, and why: the time that it costs to fetch it, in seconds, and what
//! doubts and a neighbour's need add to that.

use super::{graph::PACE_M_S, reach::Walk};
use crate::model::Freshness;
use std::cmp::Ordering;

/// An old place is worth so much walking less than a fresh one: it may not be there any more.
const STALE_S: f64 = 45.0;
/// Who arrives sees this far around at once, metres.
const SEEN_AROUND_M: f64 = 5.0;
/// What a considerate porter walks further rather than take a ward's last free one, and its last but
/// one.
const LAST_S: f64 = 180.0;
const LAST_BUT_ONE_S: f64 = 60.0;

/// Whose need counts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Order {
    /// The asker's alone.
    #[default]
    Nearest,
    /// The ward's too that it is taken from.
    Considerate,
}

/// What is known of one of several.
#[derive(Debug, Clone, Copy)]
pub struct Facts {
    /// How far it is to walk; none: there is no way to it.
    pub walk: Option<Walk>,
    /// How far it is in a straight line, metres; none: it was never seen.
    pub straight_m: Option<f64>,
    /// How far its place can be believed.
    pub freshness: Freshness,
    /// Radius that holds it, metres.
    pub unsure_m: f64,
    /// How many free ones of its class the ward where it stands has left without it; none: it
    /// isn't free, or stands in no ward, or in the asker's own.
    pub left: Option<usize>,
}

/// Why something stands where it does.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Reason {
    /// The walk.
    Walk(Walk),
    /// No way is known; as the crow flies.
    NoWay,
    /// It wasn't heard lately.
    Stale,
    /// It must be looked for within this radius, metres.
    Unsure(f64),
    /// Its ward has so many left without it.
    Leaves(usize),
    /// It is lost.
    Lost,
    /// It was never seen.
    NeverSeen,
}

/// Where something stands among others.
#[derive(Debug, Clone, PartialEq)]
pub struct Standing {
    /// What can be fetched comes before what is only believed to be somewhere, and that before the
    /// lost and the never seen.
    group: u8,
    /// Seconds.
    pub cost_s: f64,
    /// Reasons, each with the seconds that it adds.
    pub why: Vec<(Reason, f64)>,
}

impl Standing {
    /// Where it stands.
    #[must_use]
    pub fn of(facts: &Facts, order: Order) -> Self {
        let (group, way, way_s) = match (facts.freshness, facts.walk, facts.straight_m) {
            (Freshness::Unknown, ..) | (_, None, None) => (3, Reason::NeverSeen, 0.0),
            (Freshness::Lost, walk, straight_m) => {
                let straight_s = straight_m.unwrap_or_default() / PACE_M_S;
                (2, Reason::Lost, walk.map_or(straight_s, |walk| walk.seconds))
            }
            (_, Some(walk), _) => (0, Reason::Walk(walk), walk.seconds),
            (_, None, Some(straight_m)) => (1, Reason::NoWay, straight_m / PACE_M_S),
        };
        let mut why = vec![(way, way_s)];
        if group < 2 {
            if facts.freshness == Freshness::Stale {
                why.push((Reason::Stale, STALE_S));
            }
            if facts.unsure_m > SEEN_AROUND_M {
                let search_s = (facts.unsure_m - SEEN_AROUND_M) / PACE_M_S;
                why.push((Reason::Unsure(facts.unsure_m), search_s));
            }
            if let Some(left) = facts.left.filter(|left| *left < 2) {
                let weighs = order == Order::Considerate;
                let need_s = if left == 0 { LAST_S } else { LAST_BUT_ONE_S };
                why.push((Reason::Leaves(left), if weighs { need_s } else { 0.0 }));
            }
        }
        Self { group, cost_s: why.iter().map(|(_, seconds)| seconds).sum(), why }
    }

    /// Which comes first; equal ones are told apart by their ids.
    #[must_use]
    pub fn compare(&self, other: &Self) -> Ordering {
        self.group.cmp(&other.group).then(self.cost_s.total_cmp(&other.cost_s))
    }

    /// One number that orders as [`Standing::compare`] does.
    #[must_use]
    pub fn key_s(&self) -> f64 {
        f64::from(self.group) * 1e6 + self.cost_s.min(999_999.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts(seconds: f64) -> Facts {
        Facts {
            walk: Some(Walk { seconds, metres: seconds * PACE_M_S }),
            straight_m: Some(1.0),
            freshness: Freshness::Live,
            unsure_m: 0.8,
            left: None,
        }
    }

    fn first(a: Facts, b: Facts, order: Order) -> bool {
        let (a, b) = (Standing::of(&a, order), Standing::of(&b, order));
        assert_eq!(a.compare(&b), a.key_s().total_cmp(&b.key_s()));
        a.compare(&b) == Ordering::Less
    }

    #[test]
    fn walking_decides_not_the_straight_line() {
        let behind_the_wall = Facts { straight_m: Some(2.0), ..facts(90.0) };
        let along_the_corridor = Facts { straight_m: Some(40.0), ..facts(35.0) };
        assert!(first(along_the_corridor, behind_the_wall, Order::Nearest));
    }

    #[test]
    fn an_old_or_unsure_place_must_be_nearer_to_come_first() {
        let stale = |s| Facts { freshness: Freshness::Stale, ..facts(s) };
        assert!(first(facts(60.0), stale(30.0), Order::Nearest));
        assert!(first(stale(10.0), facts(60.0), Order::Nearest));
        let unsure = Facts { unsure_m: 35.0, ..facts(50.0) };
        assert!(first(facts(60.0), unsure, Order::Nearest));
    }

    #[test]
    fn what_cannot_be_fetched_comes_last_however_near_it_was() {
        let lost = Facts { freshness: Freshness::Lost, ..facts(1.0) };
        let walled_in = Facts { walk: None, ..facts(1.0) };
        let never =
            Facts { freshness: Freshness::Unknown, walk: None, straight_m: None, ..facts(0.0) };
        assert!(first(facts(900.0), walled_in, Order::Nearest));
        assert!(first(walled_in, lost, Order::Nearest));
        assert!(first(lost, never, Order::Nearest));
    }

    #[test]
    fn the_considerate_walk_two_minutes_more_rather_than_take_the_last_one() {
        let last = Facts { left: Some(0), ..facts(30.0) };
        let plenty = Facts { left: Some(5), ..facts(150.0) };
        assert!(first(last, plenty, Order::Nearest));
        assert!(first(plenty, last, Order::Considerate));
        let said = Standing::of(&last, Order::Nearest);
        assert!(
            said.why.contains(&(Reason::Leaves(0), 0.0)),
            "also the hurried are told: {said:?}"
        );
        assert!(first(last, Facts { left: Some(5), ..facts(400.0) }, Order::Considerate));
    }
}
