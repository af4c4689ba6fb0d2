//! How many of a role were in a room within a quarter of an hour; who they were stays in memory
//! until the quarter ends, and then nowhere.

use crate::model::{PersonId, PresenceRow, StaffRole, ZoneId};
use serde::{Deserialize, Serialize};
use std::collections::{HashMap, HashSet};

const QUARTER_MS: i64 = 900_000;

/// The present quarter of an hour.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct PresenceCount {
    quarter_ms: i64,
    seen: HashMap<(StaffRole, ZoneId), (HashSet<PersonId>, bool)>,
}

impl PresenceCount {
    /// Counts a person in a room at `time_ms`. What belongs to an ended quarter is left out.
    pub fn add(&mut self, person: &PersonId, role: &StaffRole, room: &ZoneId, time_ms: i64) {
        let quarter_ms = time_ms - time_ms.rem_euclid(QUARTER_MS);
        if quarter_ms > self.quarter_ms {
            self.seen.clear();
            self.quarter_ms = quarter_ms;
        }
        if quarter_ms < self.quarter_ms {
            return;
        }
        let (persons, changed) = self.seen.entry((role.clone(), room.clone())).or_default();
        *changed |= persons.insert(person.clone());
    }

    /// The counts that grew since the last call.
    pub fn take_changed(&mut self) -> Vec<PresenceRow> {
        let quarter_ms = self.quarter_ms;
        let mut rows = Vec::new();
        for ((role, zone), (persons, changed)) in &mut self.seen {
            if std::mem::take(changed) {
                let persons = u32::try_from(persons.len()).unwrap_or(u32::MAX);
                rows.push(PresenceRow {
                    role: role.clone(),
                    zone: zone.clone(),
                    quarter_ms,
                    persons,
                });
            }
        }
        rows.sort_by(|a, b| (&a.role, &a.zone).cmp(&(&b.role, &b.zone)));
        rows
    }

    /// Forgets a person at once.
    pub fn forget(&mut self, person: &PersonId) {
        for (persons, _) in self.seen.values_mut() {
            persons.remove(person);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_person_counts_once_in_a_room_and_quarter_and_is_then_forgotten() {
        let id = |text| PersonId::new(text).expect("valid");
        let role = StaffRole::new("nurse").expect("valid");
        let room = ZoneId::new("C1-1").expect("valid");
        let mut count = PresenceCount::default();
        count.add(&id("P1"), &role, &room, 900_000);
        count.add(&id("P1"), &role, &room, 905_000);
        count.add(&id("P2"), &role, &room, 910_000);
        let rows = count.take_changed();
        assert_eq!(rows.len(), 1);
        assert_eq!((rows[0].quarter_ms, rows[0].persons), (900_000, 2));
        assert!(count.take_changed().is_empty());
        count.add(&id("P1"), &role, &room, 1_800_000);
        assert_eq!(count.take_changed()[0].persons, 1, "a new quarter starts from nobody");
    }

    #[test]
    fn a_deleted_person_counts_no_longer() {
        let id = |text| PersonId::new(text).expect("valid");
        let role = StaffRole::new("nurse").expect("valid");
        let room = ZoneId::new("C1-1").expect("valid");
        let mut count = PresenceCount::default();
        count.add(&id("P1"), &role, &room, 900_000);
        count.forget(&id("P1"));
        count.add(&id("P2"), &role, &room, 901_000);
        assert_eq!(count.take_changed()[0].persons, 1);
    }
}
