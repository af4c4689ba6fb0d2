//! Walks through the demo hospital, and how an outage delays what a tag says of them.

use super::*;
use crate::model::{Act, CLAIM_MS, Status};

pub(super) const SECOND_MS: i64 = 1_000;
pub(super) const MINUTE_MS: i64 = 60_000;

/// An early morning, on a whole second.
pub(super) const START_MS: i64 = 1_795_385_000_000;

/// A tag stays at a place for a while, after a silence.
#[derive(Debug, Clone)]
pub(super) struct Stay {
    pub(super) place: usize,
    pub(super) seconds: i64,
    pub(super) silence_s: i64,
    pub(super) interval_ms: i64,
}

/// The fixes made in a stretch of time come when it is over by so much.
#[derive(Debug, Clone)]
pub(super) struct Outage {
    pub(super) from_s: i64,
    pub(super) seconds: i64,
    pub(super) late_s: i64,
    /// One fix in so many is concerned.
    pub(super) one_in: usize,
}

/// Passing rooms takes less than the dwell of a status, staying more: which of two ticks sees the
/// end of a dwell makes no difference. The same for silence and the hour after which a tag is lost.
pub(super) fn stay() -> impl Strategy<Value = Stay> {
    let seconds = prop_oneof![3i64..6, 18i64..300];
    let silence_s = prop_oneof![8 => Just(0i64), 2 => 20i64..3_000, 1 => 4_000i64..6_000];
    (0usize..10, seconds, silence_s, 1_000i64..3_000).prop_map(
        |(place, seconds, silence_s, interval_ms)| Stay { place, seconds, silence_s, interval_ms },
    )
}

pub(super) fn outage() -> impl Strategy<Value = Outage> {
    let one_in = prop_oneof![3 => Just(1usize), 1 => 2usize..6];
    let late_s = prop_oneof![1i64..120, 120i64..7_200];
    (0i64..7_000, 5i64..2_400, late_s, one_in)
        .prop_map(|(from_s, seconds, late_s, one_in)| Outage { from_s, seconds, late_s, one_in })
}

/// What somebody does by hand, so long after the act before.
pub(super) fn deed() -> impl Strategy<Value = (i64, u8, i64)> {
    (3i64..2_000, 0u8..4, 1i64..120)
}

/// When each act comes. Between fixes and ticks; and one claims again only when the claim before would
/// be over by itself, since who claims a thing that was fetched, as nobody knew yet, holds it on.
pub(super) fn acts(deeds: &[(i64, u8, i64)]) -> Vec<(i64, Act)> {
    let (mut at_ms, mut claimed_ms) = (START_MS, i64::MIN);
    let mut acts = Vec::new();
    for (after_s, kind, minutes) in deeds {
        at_ms += after_s * SECOND_MS;
        let act = match kind {
            0 | 1 => {
                at_ms = at_ms.max(claimed_ms.saturating_add(CLAIM_MS + SECOND_MS));
                claimed_ms = at_ms;
                if *kind == 0 { Act::Claim } else { Act::ClaimTo("D1".parse().unwrap()) }
            }
            2 => Act::Say {
                status: Status::Maintenance,
                reason: "no power".to_owned(),
                for_ms: minutes * MINUTE_MS,
            },
            _ => Act::Clear,
        };
        acts.push((at_ms + 731, act));
    }
    acts
}

pub(super) struct Fixed {
    pub(super) time_ms: i64,
    pub(super) at: (f64, f64, i16),
    pub(super) moving: bool,
}

/// Places in the demo hospital: the middle of rooms of every kind that concludes something or
/// nothing, and two spots at a wall, where rooms are in doubt.
pub(super) fn places(site: &Site) -> Vec<(f64, f64, i16)> {
    let kinds = [
        RoomKind::Storage,
        RoomKind::Patient,
        RoomKind::Corridor,
        RoomKind::SoiledUtility,
        RoomKind::Workshop,
        RoomKind::Linen,
    ];
    let rooms = |kind| site.zones().filter(move |zone| zone.kind == Some(kind));
    let mut places: Vec<_> = kinds
        .into_iter()
        .filter_map(|kind| site.centre(&rooms(kind).next()?.id))
        .chain(rooms(RoomKind::Patient).skip(7).take(2).filter_map(|zone| site.centre(&zone.id)))
        .collect();
    let (x_m, y_m, floor) = places[1];
    let room = site.room_at(floor, x_m, y_m).cloned();
    let outside = (0..200).map(|n| x_m + f64::from(n) * 0.1);
    let wall_m = outside.into_iter().find(|x_m| site.room_at(floor, *x_m, y_m) != room.as_ref());
    let wall_m = wall_m.expect("a wall");
    places.extend([(wall_m - 0.2, y_m, floor), (wall_m + 0.3, y_m, floor)]);
    places
}

/// Noise that is the same each time.
pub(super) fn noise(n: i64) -> f64 {
    (f64::from(u32::try_from(n.wrapping_mul(2_654_435_761).rem_euclid(1_000)).expect("small"))
        / 1_000.0
        - 0.5)
        * 0.6
}

pub(super) fn fixes(stays: &[Stay], places: &[(f64, f64, i16)], start_ms: i64) -> Vec<Fixed> {
    let mut time_ms = start_ms + 1_500;
    let mut fixes = Vec::new();
    for stay in stays {
        time_ms += stay.silence_s * SECOND_MS;
        let end_ms = time_ms + stay.seconds * SECOND_MS;
        let (x_m, y_m, floor) = places[stay.place % places.len()];
        while time_ms < end_ms {
            let at = (x_m + noise(time_ms), y_m + noise(time_ms + 7), floor);
            fixes.push(Fixed { time_ms, at, moving: stay.place % 3 != 0 });
            time_ms += stay.interval_ms;
        }
    }
    fixes
}

/// When each fix arrives, by the outages that it falls into.
pub(super) fn received_ms(fix: &Fixed, index: usize, start_ms: i64, outages: &[Outage]) -> i64 {
    let made_s = (fix.time_ms - start_ms) / SECOND_MS;
    outages
        .iter()
        .filter(|o| {
            (o.from_s..o.from_s + o.seconds).contains(&made_s) && index.is_multiple_of(o.one_in)
        })
        .map(|o| start_ms + (o.from_s + o.seconds + o.late_s) * SECOND_MS)
        .fold(fix.time_ms, i64::max)
}

pub(super) fn position_of(name: &str, fix: &Fixed, seq: usize) -> (String, String) {
    let (x_m, y_m, floor) = fix.at;
    let payload = serde_json::json!({ "x_m": x_m, "y_m": y_m, "floor": floor, "seq": seq,
        "time_ms": fix.time_ms, "accuracy_m": 0.8, "moving": fix.moving });
    (format!("spor/v1/tags/{name}/position"), payload.to_string())
}

/// The fixes of one tag in order and at once, of the other as the outages have it; and when a while
/// has passed since the last.
pub(super) fn messages(
    names: &[String],
    fixes: &[Fixed],
    outages: &[Outage],
) -> (Vec<(i64, String, String)>, i64) {
    let mut messages = Vec::new();
    for (index, fix) in fixes.iter().enumerate() {
        let (topic, payload) = position_of(&names[0], fix, index);
        messages.push((fix.time_ms, topic, payload));
        let (topic, payload) = position_of(&names[1], fix, index);
        messages.push((received_ms(fix, index, START_MS, outages), topic, payload));
    }
    messages.sort_by_key(|(received_ms, ..)| *received_ms);
    let end_ms = messages.last().expect("some").0 / SECOND_MS * SECOND_MS + 5 * MINUTE_MS;
    (messages, end_ms)
}
