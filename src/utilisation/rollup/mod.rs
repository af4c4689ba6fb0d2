//! What hours of the past come to: who did what for how long, how many at the same time, how long
//! it took, and where it was short.
//!
//! In come whole hours with everything that reaches into them, out go sums by hour; an interval is
//! divided at the borders of hours, and each millisecond of an asset in service is counted once.
//! Time that nobody knows about is `unknown`, also before an asset was first seen, and is nobody's
//! idle time. An episode (a turnaround, a stay) counts whole, in the hour of its end.

mod episode;
mod level;
mod ready;
mod timeline;

#[cfg(test)]
mod tests;

use crate::model::{AssetPast, ByStatus, HOUR_MS, Level, Name, Rolled, RollupPast, Status};
use level::Changes;
use ready::Ready;
use std::collections::BTreeMap;
use timeline::{Piece, by_hour, in_wards, pieces};

/// An asset that is unknown for longer counts as lost, milliseconds.
const LOST_AFTER_MS: i64 = 24 * HOUR_MS;
/// Known time without use, from which on an asset counts as idle, milliseconds.
const IDLE_AFTER_MS: [i64; 3] = [24 * HOUR_MS, 7 * 24 * HOUR_MS, 30 * 24 * HOUR_MS];

/// What the hours came to.
#[must_use]
pub fn roll(past: &RollupPast) -> Rolled {
    let mut rolled = Rolled::default();
    let mut used: BTreeMap<(Name, Level), Changes> = BTreeMap::new();
    let mut ready = Ready::new(past);
    for asset in &past.assets {
        let pieces = pieces(asset, past);
        statuses(asset, &pieces, &mut rolled);
        idle(asset, &pieces, &mut rolled);
        places(asset, &pieces, &mut rolled, &mut ready);
        simultaneous(asset, &pieces, &mut used);
        episode::turnarounds(asset, past, &mut rolled);
        episode::stays(asset, past, &mut rolled);
        ready.recorded_from(&pieces);
    }
    let until_ms = past.to_ms.min(past.now_ms);
    for ((class, kind), changes) in used {
        changes.sweep(past.from_ms, until_ms, |from_ms, to_ms, level| {
            by_hour(from_ms, to_ms, |hour_ms, from_ms, to_ms| {
                *rolled.levels.entry((hour_ms, class, kind, level)).or_default() += to_ms - from_ms;
            });
        });
    }
    rolled.uses = level::uses(&rolled.levels);
    ready.against_par(past, until_ms, &mut rolled);
    rolled
}

fn statuses(asset: &AssetPast, pieces: &[Piece], rolled: &mut Rolled) {
    for piece in pieces {
        by_hour(piece.from_ms, piece.to_ms, |hour_ms, from_ms, to_ms| {
            let key = (hour_ms, asset.class, asset.home_ward);
            let hour = rolled.classes.entry(key).or_default();
            add(&mut hour.by_status, piece.status, to_ms - from_ms);
            if piece.status == Status::Unknown {
                let lost_from_ms = from_ms.max(piece.since_ms + LOST_AFTER_MS);
                hour.lost_ms += (to_ms - lost_from_ms).max(0);
            }
        });
    }
}

/// Use ends idleness; time with the engineers and unknown time are left out of it.
fn idle(asset: &AssetPast, pieces: &[Piece], rolled: &mut Rolled) {
    let mut idle_ms = asset.idle_ms;
    for piece in pieces {
        match piece.status {
            Status::InUse => idle_ms = 0,
            Status::Unknown | Status::Maintenance => {}
            _ => {
                for (nth, after_ms) in IDLE_AFTER_MS.into_iter().enumerate() {
                    let from_ms = piece.from_ms + (after_ms - idle_ms).max(0);
                    by_hour(from_ms, piece.to_ms, |hour_ms, from_ms, to_ms| {
                        let key = (hour_ms, asset.class, asset.home_ward);
                        let hour = rolled.classes.entry(key).or_default();
                        hour.idle_ms[nth] += to_ms - from_ms;
                    });
                }
                idle_ms += piece.to_ms - piece.from_ms;
            }
        }
    }
}

fn places(asset: &AssetPast, pieces: &[Piece], rolled: &mut Rolled, ready: &mut Ready) {
    in_wards(pieces, &asset.visits, |status, ward, from_ms, to_ms| {
        if let (Status::Available, Some(ward)) = (status, ward) {
            ready.stands(asset.class, ward, from_ms, to_ms);
        }
        by_hour(from_ms, to_ms, |hour_ms, from_ms, to_ms| {
            let key = (hour_ms, asset.class, asset.home_ward, ward);
            add(rolled.places.entry(key).or_default(), status, to_ms - from_ms);
        });
    });
}

fn simultaneous(asset: &AssetPast, pieces: &[Piece], used: &mut BTreeMap<(Name, Level), Changes>) {
    for piece in pieces {
        let is_used = piece.status == Status::InUse;
        let is_tied_up = is_used
            || matches!(
                piece.status,
                Status::Reserved | Status::Dirty | Status::Cleaning | Status::Maintenance
            );
        for (kind, counts) in [(Level::InUse, is_used), (Level::TiedUp, is_tied_up)] {
            let changes = used.entry((asset.class, kind)).or_default();
            changes.recorded(piece.from_ms);
            if counts {
                changes.between(piece.from_ms, piece.to_ms);
            }
        }
    }
}

fn add(sums: &mut ByStatus, status: Status, ms: i64) {
    sums[status as usize] += ms;
}
