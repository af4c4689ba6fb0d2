//! What stands ready in a ward, against what should: PAR levels.

use super::{
    level::Changes,
    timeline::{Piece, by_hour},
};
use crate::model::{Name, ParHour, ParInForce, Rolled, RollupPast, Shortage};
use std::collections::BTreeMap;

/// The available ones of each class and ward that has a PAR level.
pub(super) struct Ready {
    levels: BTreeMap<(Name, Name), Changes>,
    recorded_ms: i64,
}

impl Ready {
    pub(super) fn new(past: &RollupPast) -> Self {
        let levels = past.par.iter().map(|par| ((par.class, par.ward), Changes::default()));
        Self { levels: levels.collect(), recorded_ms: i64::MAX }
    }

    /// Before anything was in the registry, nothing was short.
    pub(super) fn recorded_from(&mut self, pieces: &[Piece]) {
        let first_ms = pieces.first().map_or(i64::MAX, |piece| piece.from_ms);
        self.recorded_ms = self.recorded_ms.min(first_ms);
    }

    /// One stands ready in a ward.
    pub(super) fn stands(&mut self, class: Name, ward: Name, from_ms: i64, to_ms: i64) {
        if let Some(changes) = self.levels.get_mut(&(class, ward)) {
            changes.between(from_ms, to_ms);
        }
    }

    /// Hours and shortages of every PAR level in force.
    pub(super) fn against_par(self, past: &RollupPast, until_ms: i64, rolled: &mut Rolled) {
        if self.recorded_ms == i64::MAX {
            return;
        }
        let in_force: BTreeMap<_, &ParInForce> =
            past.par.iter().map(|par| ((par.hour_ms, par.class, par.ward), par)).collect();
        for ((class, ward), mut changes) in self.levels {
            changes.recorded(self.recorded_ms);
            let mut short: Option<(i64, i64)> = None;
            changes.sweep(past.from_ms, until_ms, |from_ms, to_ms, available| {
                by_hour(from_ms, to_ms, |hour_ms, from_ms, to_ms| {
                    let key = (hour_ms, class, ward);
                    let Some(par) = in_force.get(&key) else { return };
                    let ms = to_ms - from_ms;
                    let hour = rolled.par.entry(key).or_insert(ParHour {
                        target: par.target,
                        critical: par.critical,
                        lowest: u32::MAX,
                        ..ParHour::default()
                    });
                    let critical_ms = if available < par.critical { ms } else { 0 };
                    hour.recorded_ms += ms;
                    hour.available_ms += ms * i64::from(available);
                    hour.lowest = hour.lowest.min(available);
                    hour.critical_ms += critical_ms;
                    if available >= par.target {
                        return;
                    }
                    hour.short_ms += ms;
                    // Goes on from the stretch before, unless another hour has begun.
                    let began_ms = match short {
                        Some((began_ms, ended_ms))
                            if ended_ms == from_ms && began_ms >= hour_ms =>
                        {
                            began_ms
                        }
                        _ => from_ms,
                    };
                    short = Some((began_ms, to_ms));
                    let key = (hour_ms, class, ward, began_ms);
                    let piece = rolled.shortages.entry(key).or_default();
                    *piece = Shortage { to_ms, critical_ms: piece.critical_ms + critical_ms };
                });
            });
        }
    }
}
