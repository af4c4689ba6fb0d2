//! Roll-ups against a count minute by minute, and against themselves in other portions.

use super::*;
use crate::model::{ParInForce, StatusPast, UseHour, VisitPast};
use proptest::prelude::*;

const MINUTE_MS: i64 = 60_000;
/// The hours of the tests begin on a border that is no round number of days.
const START_MS: i64 = 497_221 * HOUR_MS;
const HOURS: i64 = 6;

/// What the whole of an asset's life is made of, in minutes.
type Life = (u32, u32, i64, Vec<(usize, i64)>, Vec<(Option<u32>, i64)>);

fn lives() -> impl Strategy<Value = Vec<Life>> {
    let statuses = prop::collection::vec((0..Status::ALL.len(), 1..90_i64), 0..14);
    let wards = prop_oneof![Just(None), (20..23_u32).prop_map(Some)];
    let visits = prop::collection::vec((wards, 1..70_i64), 0..14);
    let life = (0..2_u32, 10..12_u32, -300..200_i64, statuses, visits);
    prop::collection::vec(life, 1..6)
}

/// Everything that ever happened, up to five and a half hours after the start.
fn history(lives: &[Life]) -> RollupPast {
    let now_ms = START_MS + 330 * MINUTE_MS;
    let assets = lives.iter().map(|(class, home_ward, began_min, statuses, visits)| {
        let began_ms = START_MS + began_min * MINUTE_MS;
        let mut at_ms = began_ms + 5 * MINUTE_MS;
        let mut spans = Vec::new();
        for (status, minutes) in statuses {
            let to_ms = at_ms + minutes * MINUTE_MS;
            if at_ms < now_ms {
                let status = Status::ALL[*status];
                let to_ms = (to_ms < now_ms).then_some(to_ms);
                spans.push(StatusPast { status, from_ms: at_ms, to_ms });
            }
            at_ms = to_ms;
        }
        let mut at_ms = began_ms;
        let mut stays = Vec::new();
        for (nth, (ward, minutes)) in visits.iter().enumerate() {
            let left_ms = at_ms + minutes * MINUTE_MS;
            if at_ms < now_ms {
                let left_ms = (left_ms < now_ms).then_some(left_ms);
                stays.push(VisitPast { ward: *ward, room_kind: 30, entered_ms: at_ms, left_ms });
            }
            // Now and then on its way, in no room.
            at_ms = left_ms + if nth % 3 == 2 { 4 * MINUTE_MS } else { 0 };
        }
        AssetPast {
            class: *class,
            home_ward: *home_ward,
            created_ms: began_ms,
            statuses: spans,
            visits: stays,
            ..AssetPast::default()
        }
    });
    let par = (0..HOURS).map(|hour| ParInForce {
        hour_ms: START_MS + hour * HOUR_MS,
        class: 0,
        ward: 20,
        target: 2,
        critical: 1,
    });
    RollupPast {
        from_ms: START_MS - HOURS * HOUR_MS,
        to_ms: START_MS + HOURS * HOUR_MS,
        now_ms,
        assets: assets.collect(),
        par: par.collect(),
    }
}

/// The same for some of its hours, as storage reads them.
fn portion(whole: &RollupPast, from_ms: i64, to_ms: i64) -> RollupPast {
    let assets = whole.assets.iter().filter(|asset| asset.created_ms < to_ms).map(|asset| {
        let before = asset.statuses.iter().filter(|span| span.from_ms < from_ms);
        let mut idle_ms = 0;
        let mut preparing_since_ms = None;
        for span in before.clone() {
            let ms = span.to_ms.unwrap_or(i64::MAX).min(from_ms) - span.from_ms;
            match span.status {
                Status::InUse => idle_ms = 0,
                Status::Unknown | Status::Maintenance => {}
                _ => idle_ms += ms,
            }
            preparing_since_ms = match span.status {
                Status::Dirty | Status::Cleaning => preparing_since_ms.or(Some(span.from_ms)),
                _ => None,
            };
        }
        let first = before.clone().next_back().map_or(i64::MIN, |span| span.from_ms);
        let stays = asset.visits.iter().filter(|visit| visit.entered_ms < from_ms);
        let first_visit = stays.clone().next_back().map_or(i64::MIN, |visit| visit.entered_ms);
        let ward_before = stays
            .filter(|visit| {
                let left_ms = visit.left_ms.unwrap_or(whole.now_ms);
                left_ms - visit.entered_ms >= 10 * MINUTE_MS
            })
            .filter_map(|visit| visit.ward)
            .next_back();
        let within = |began_ms: i64, first_ms| began_ms >= first_ms && began_ms < to_ms;
        AssetPast {
            statuses: asset.statuses.iter().copied().filter(|s| within(s.from_ms, first)).collect(),
            visits: asset
                .visits
                .iter()
                .copied()
                .filter(|v| within(v.entered_ms, first_visit))
                .collect(),
            idle_ms,
            preparing_since_ms,
            ward_before,
            ..asset.clone()
        }
    });
    let assets = assets.collect();
    RollupPast { from_ms, to_ms, assets, ..whole.clone() }
}

/// What an asset does and where it is in a minute; none: it isn't in the registry.
fn at(asset: &AssetPast, ms: i64) -> Option<(Status, Option<Name>)> {
    let has = |from_ms: i64, to_ms: Option<i64>| from_ms <= ms && to_ms.is_none_or(|to| ms < to);
    let status = asset.statuses.iter().find(|span| has(span.from_ms, span.to_ms));
    let visit = asset.visits.iter().find(|visit| has(visit.entered_ms, visit.left_ms));
    let status = status.map(|span| span.status);
    let status = status.or((asset.created_ms <= ms).then_some(Status::Unknown))?;
    Some((status, visit.and_then(|visit| visit.ward)))
}

/// Durations, levels and PAR hours, counted minute by minute.
fn counted(past: &RollupPast) -> Rolled {
    let mut rolled = Rolled::default();
    let mut at_ms = past.from_ms;
    while at_ms < past.to_ms.min(past.now_ms) {
        let hour_ms = at_ms - at_ms.rem_euclid(HOUR_MS);
        let mut levels: BTreeMap<(Name, Level), u32> = BTreeMap::new();
        let mut ready = 0;
        let mut recorded = false;
        for asset in &past.assets {
            let began_ms = past.assets.iter().map(|asset| asset.created_ms).min();
            recorded |= began_ms.is_some_and(|began_ms| began_ms <= at_ms);
            let Some((status, ward)) = at(asset, at_ms) else { continue };
            let (class, home) = (asset.class, asset.home_ward);
            add(rolled.places.entry((hour_ms, class, home, ward)).or_default(), status, MINUTE_MS);
            let hour = rolled.classes.entry((hour_ms, class, home)).or_default();
            add(&mut hour.by_status, status, MINUTE_MS);
            let tied_up = [
                Status::InUse,
                Status::Reserved,
                Status::Dirty,
                Status::Cleaning,
                Status::Maintenance,
            ];
            let used = u32::from(status == Status::InUse);
            *levels.entry((class, Level::InUse)).or_default() += used;
            *levels.entry((class, Level::TiedUp)).or_default() +=
                u32::from(tied_up.contains(&status));
            ready += u32::from(class == 0 && ward == Some(20) && status == Status::Available);
        }
        for ((class, kind), level) in levels {
            *rolled.levels.entry((hour_ms, class, kind, level)).or_default() += MINUTE_MS;
        }
        if recorded && past.par.iter().any(|par| par.hour_ms == hour_ms) {
            let hour = rolled.par.entry((hour_ms, 0, 20)).or_insert(crate::model::ParHour {
                target: 2,
                critical: 1,
                lowest: u32::MAX,
                ..Default::default()
            });
            hour.recorded_ms += MINUTE_MS;
            hour.available_ms += MINUTE_MS * i64::from(ready);
            hour.lowest = hour.lowest.min(ready);
            hour.short_ms += if ready < 2 { MINUTE_MS } else { 0 };
            hour.critical_ms += if ready < 1 { MINUTE_MS } else { 0 };
        }
        at_ms += MINUTE_MS;
    }
    rolled
}

/// What most ask of levels, from a list of them with one for each minute.
fn used(counted: &Rolled) -> BTreeMap<(i64, Name, Level), UseHour> {
    let mut minutes: BTreeMap<(i64, Name, Level), Vec<u32>> = BTreeMap::new();
    for ((hour_ms, class, kind, level), ms) in &counted.levels {
        let own = minutes.entry((*hour_ms, *class, *kind)).or_default();
        own.extend((0..ms / MINUTE_MS).map(|_| level));
    }
    let hour = |levels: Vec<u32>| UseHour {
        recorded_ms: levels.iter().map(|_| MINUTE_MS).sum(),
        level_ms: levels.iter().map(|level| i64::from(*level) * MINUTE_MS).sum(),
        highest: levels.iter().copied().max().unwrap_or_default(),
        p95: levels[(levels.len() * 19).div_ceil(20) - 1],
    };
    minutes.into_iter().map(|(key, levels)| (key, hour(levels))).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_minute_is_counted_once(lives in lives()) {
        let past = history(&lives);
        let (rolled, counted) = (roll(&past), counted(&past));
        prop_assert_eq!(&rolled.places, &counted.places);
        prop_assert_eq!(&rolled.levels, &counted.levels);
        prop_assert_eq!(&rolled.uses, &used(&counted));
        prop_assert_eq!(&rolled.par, &counted.par);
        let by_status = |rolled: &Rolled| -> Vec<_> {
            rolled.classes.iter().map(|(key, hour)| (*key, hour.by_status)).collect()
        };
        prop_assert_eq!(by_status(&rolled), by_status(&counted));
        let short_ms: i64 = rolled.par.values().map(|hour| hour.short_ms).sum();
        let pieces = rolled.shortages.iter().map(|((.., from_ms), piece)| piece.to_ms - from_ms);
        prop_assert_eq!(short_ms, pieces.sum::<i64>());
    }

    #[test]
    fn hours_one_by_one_come_to_the_same_as_all_at_once(lives in lives()) {
        let whole = history(&lives);
        let at_once = roll(&whole);
        let mut one_by_one = Rolled::default();
        let mut from_ms = whole.from_ms;
        while from_ms < whole.to_ms {
            let mut hour = roll(&portion(&whole, from_ms, from_ms + HOUR_MS));
            one_by_one.places.append(&mut hour.places);
            one_by_one.classes.append(&mut hour.classes);
            one_by_one.levels.append(&mut hour.levels);
            one_by_one.uses.append(&mut hour.uses);
            one_by_one.turnarounds.append(&mut hour.turnarounds);
            one_by_one.dwells.append(&mut hour.dwells);
            one_by_one.transfers.append(&mut hour.transfers);
            one_by_one.par.append(&mut hour.par);
            one_by_one.shortages.append(&mut hour.shortages);
            from_ms += HOUR_MS;
        }
        prop_assert_eq!(one_by_one, at_once);
    }
}

fn one(statuses: &[(Status, i64)], visits: &[(Option<Name>, i64)]) -> RollupPast {
    let life = |ends: &[i64]| -> Vec<(i64, Option<i64>)> {
        let mut at_ms = START_MS;
        ends.iter()
            .map(|minutes| {
                let from_ms = at_ms;
                at_ms += minutes * MINUTE_MS;
                (from_ms, Some(at_ms))
            })
            .collect()
    };
    let spans = life(&statuses.iter().map(|(_, minutes)| *minutes).collect::<Vec<_>>());
    let stays = life(&visits.iter().map(|(_, minutes)| *minutes).collect::<Vec<_>>());
    let statuses = statuses.iter().zip(spans);
    let visits = visits.iter().zip(stays);
    RollupPast {
        from_ms: START_MS,
        to_ms: START_MS + 24 * 60 * HOUR_MS,
        now_ms: START_MS + 24 * 60 * HOUR_MS,
        assets: vec![AssetPast {
            created_ms: START_MS,
            statuses: statuses
                .map(|((status, _), (from_ms, to_ms))| StatusPast {
                    status: *status,
                    from_ms,
                    to_ms,
                })
                .collect(),
            visits: visits
                .map(|((ward, _), (entered_ms, left_ms))| VisitPast {
                    ward: *ward,
                    room_kind: 30,
                    entered_ms,
                    left_ms,
                })
                .collect(),
            ..AssetPast::default()
        }],
        par: Vec::new(),
    }
}

#[test]
fn a_turnaround_counts_whole_in_the_hour_of_its_end_and_only_when_nothing_else_came_between() {
    use Status::{Available, Cleaning, Dirty, InUse, Unknown};
    let past = one(
        &[
            (InUse, 50),
            (Dirty, 20),
            (Cleaning, 30),
            (Available, 30),
            (Dirty, 10),
            (Unknown, 5),
            (Dirty, 5),
            (InUse, 10),
            (Available, 10),
        ],
        &[],
    );
    let rolled = roll(&past);
    let found: Vec<_> = rolled.turnarounds.iter().map(|(key, lengths)| (key.0, *lengths)).collect();
    let lengths = crate::model::Lengths { count: 1, sum_ms: 50 * MINUTE_MS };
    assert_eq!(found, [(START_MS + HOUR_MS, lengths)]);
    // 50 min lie in the bucket from 2^(739/64) to 2^(740/64) s.
    assert_eq!(rolled.turnarounds.keys().next().map(|key| key.3), Some(739));
}

#[test]
fn passing_through_another_ward_is_no_transfer() {
    let past =
        one(&[], &[(Some(20), 30), (Some(21), 5), (None, 3), (Some(20), 30), (Some(22), 40)]);
    let rolled = roll(&past);
    let found: Vec<_> = rolled.transfers.into_iter().collect();
    assert_eq!(found, [((START_MS + HOUR_MS, 0, 20, 22), 1)]);
}

#[test]
fn unknown_time_is_nobodys_idle_time_and_a_day_of_it_is_a_loss() {
    use Status::{Available, Unknown};
    let day = 24 * 60;
    let past = one(&[(Available, day / 2), (Unknown, 2 * day), (Available, day)], &[]);
    let rolled = roll(&past);
    let sum = |pick: fn(&crate::model::ClassHour) -> i64| -> i64 {
        rolled.classes.values().map(pick).sum::<i64>() / MINUTE_MS
    };
    // The history ends there, and what comes after is unknown for longer than a day again.
    let after = 24 * 60 * 60 - 7 * day / 2 - day;
    assert_eq!(sum(|hour| hour.lost_ms), day + after);
    assert_eq!(sum(|hour| hour.idle_ms[0]), day / 2);
    assert_eq!(sum(|hour| hour.idle_ms[1]), 0);
}
