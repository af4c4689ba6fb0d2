//! What of the equipment a wall display may see.

use crate::model::{Asset, ClassId, WardId};
use serde::{Deserialize, Serialize};

/// Conditions that all must hold; an empty one holds always.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Scope {
    /// What stands in one of these wards, belongs to one or is on its way to one, and what belongs to
    /// the shared pool.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub wards: Vec<WardId>,
    /// What is on one of these floors; what was never seen is on none.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub floors: Vec<i16>,
    /// What is of one of these classes.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub classes: Vec<ClassId>,
}

impl Scope {
    /// True when nothing is left out.
    #[must_use]
    pub fn is_everything(&self) -> bool {
        self.wards.is_empty() && self.floors.is_empty() && self.classes.is_empty()
    }

    /// True when the asset may be seen where it is now: on `floor`, in a room of `ward`, claimed to be
    /// taken `to` one.
    #[must_use]
    pub fn admits(
        &self,
        asset: &Asset,
        floor: Option<i16>,
        ward: Option<&WardId>,
        to: Option<&WardId>,
    ) -> bool {
        let home = asset.home_ward.as_ref();
        let of_wards = home.is_none_or(|home| self.wards.contains(home))
            || ward.into_iter().chain(to).any(|ward| self.wards.contains(ward));
        (self.wards.is_empty() || of_wards)
            && (self.floors.is_empty() || floor.is_some_and(|floor| self.floors.contains(&floor)))
            && (self.classes.is_empty() || self.classes.contains(&asset.class))
    }

    /// True when the whole ward may be looked into, so that its numbers may be told.
    #[must_use]
    pub fn has_ward(&self, ward: &WardId) -> bool {
        self.is_everything() || self.wards.contains(ward)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pump(home: Option<&str>) -> Asset {
        Asset {
            id: "p".parse().expect("an id"),
            label: "Pump".to_owned(),
            class: "infusion-pump".parse().expect("a class"),
            home_ward: home.map(|ward| ward.parse().expect("a ward")),
        }
    }

    #[test]
    fn a_ward_sees_what_is_in_it_its_own_what_comes_and_the_shared_pool() {
        let [c1, d2]: [WardId; 2] = ["C1", "D2"].map(|ward| ward.parse().expect("a ward"));
        let scope = Scope { wards: vec![c1.clone()], ..Scope::default() };
        assert!(scope.admits(&pump(Some("C1")), Some(2), Some(&d2), None), "its own, astray");
        assert!(scope.admits(&pump(Some("D2")), Some(1), Some(&c1), None), "another's, here");
        assert!(scope.admits(&pump(None), Some(2), Some(&d2), None), "the pool's");
        assert!(scope.admits(&pump(Some("C1")), None, None, None), "its own, never seen");
        assert!(scope.admits(&pump(Some("D2")), Some(2), Some(&d2), Some(&c1)), "on its way here");
        assert!(!scope.admits(&pump(Some("D2")), Some(2), Some(&d2), Some(&d2)));
        assert!(!scope.admits(&pump(Some("D2")), Some(2), Some(&d2), None));
        assert!(!scope.admits(&pump(Some("D2")), None, None, None));
        assert!(scope.has_ward(&c1) && !scope.has_ward(&d2));
    }

    #[test]
    fn floors_and_classes_narrow_it_further() {
        let on = |floor| Scope { floors: vec![floor], ..Scope::default() };
        assert!(on(1).admits(&pump(None), Some(1), None, None));
        assert!(!on(1).admits(&pump(None), Some(2), None, None));
        assert!(!on(1).admits(&pump(None), None, None, None));
        let beds = Scope { classes: vec!["bed".parse().expect("a class")], ..Scope::default() };
        assert!(!beds.admits(&pump(None), Some(1), None, None));
        let all = Scope::default();
        assert!(all.is_everything() && all.admits(&pump(None), None, None, None));
    }
}
