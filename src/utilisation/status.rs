//! Rules from room kind to status, damped by a dwell.

use crate::model::{Basis, RoomKind, Status, StatusNow, freshness};

/// A tag must be in a room this long before its status follows, milliseconds.
const DWELL_MS: i64 = 10_000;
/// The rule of a status that ended because nothing was heard.
const LOST: &str = "lost";

/// What is known of the tag that an asset carries.
#[derive(Debug, Clone, Copy)]
pub struct Evidence {
    /// The kind of its room; none: in no room.
    pub room: Option<RoomKind>,
    /// Since when it is there, milliseconds.
    pub entered_ms: i64,
    /// When it was last heard, by event time, milliseconds.
    pub seen_ms: i64,
    /// How often it reports, milliseconds.
    pub interval_ms: i64,
}

/// The status that begins, when another one than `now` follows from the evidence at `at_ms`.
///
/// A tag that is lost makes its asset unknown from the moment it became lost; when it is heard again
/// the time between stays unknown.
#[must_use]
pub fn next(now: Option<&StatusNow>, evidence: Evidence, at_ms: i64) -> Option<StatusNow> {
    let lost_ms = evidence.seen_ms + freshness::lost_after_ms(evidence.interval_ms);
    if at_ms > lost_ms {
        return changed(now, Status::Unknown, lost_ms, LOST);
    }
    let heard_again = now.filter(|n| n.rule == LOST).map(|_| evidence.seen_ms);
    let since_ms = heard_again.unwrap_or(i64::MIN).max(evidence.entered_ms);
    match evidence.room.and_then(conclude) {
        Some(_) if is_known(now) && at_ms - evidence.entered_ms < DWELL_MS => None,
        Some((status, rule)) => changed(now, status, since_ms, rule),
        None if now.is_none_or(|n| n.rule == LOST) => {
            changed(now, Status::Unknown, since_ms, "no rule for the room")
        }
        None => None,
    }
}

/// When the status follows a room that was entered at `entered_ms`, if the tag stays; milliseconds.
#[must_use]
pub fn follows_ms(entered_ms: i64) -> i64 {
    entered_ms + DWELL_MS
}

/// Up to when, at least, nothing else follows from the same room than at `at_ms`, whatever else is
/// heard of the tag in it; milliseconds. Not after `at_ms`: nothing can be said.
#[must_use]
pub fn lasts_until_ms(evidence: Evidence, at_ms: i64) -> i64 {
    let lost_ms = evidence.seen_ms + freshness::lost_after_ms(0);
    let follows_ms = follows_ms(evidence.entered_ms);
    if at_ms < follows_ms { follows_ms.min(lost_ms) } else { lost_ms }
}

/// Up to when a status took for granted that nothing new was heard, when it was decided by time alone,
/// milliseconds.
#[must_use]
pub fn presumed_until_ms(status: &StatusNow, evidence: Evidence) -> i64 {
    if status.rule == LOST { status.since_ms } else { follows_ms(evidence.entered_ms) }
}

/// Only a status that is known is worth holding on to for the dwell.
fn is_known(now: Option<&StatusNow>) -> bool {
    now.is_some_and(|n| n.status != Status::Unknown)
}

fn changed(
    now: Option<&StatusNow>,
    status: Status,
    since_ms: i64,
    rule: &str,
) -> Option<StatusNow> {
    if now.is_some_and(|n| n.status == status && n.rule == rule) {
        return None;
    }
    let since_ms = now.map_or(since_ms, |n| since_ms.max(n.since_ms));
    Some(StatusNow { status, since_ms, basis: Basis::Inferred, rule: rule.to_owned() })
}

/// Passing rooms (corridor, lift, offices) conclude nothing: the status before stays.
fn conclude(room: RoomKind) -> Option<(Status, &'static str)> {
    match room {
        RoomKind::Storage => Some((Status::Available, "room:storage")),
        RoomKind::CleanUtility => Some((Status::Available, "room:clean_utility")),
        RoomKind::NurseStation => Some((Status::Available, "room:nurse_station")),
        RoomKind::Entrance => Some((Status::Available, "room:entrance")),
        RoomKind::SoiledUtility => Some((Status::Dirty, "room:soiled_utility")),
        RoomKind::Patient => Some((Status::InUse, "room:patient")),
        RoomKind::OperatingTheatre => Some((Status::InUse, "room:operating_theatre")),
        RoomKind::Emergency => Some((Status::InUse, "room:emergency")),
        RoomKind::Diagnostics => Some((Status::InUse, "room:diagnostics")),
        RoomKind::Workshop => Some((Status::Maintenance, "room:workshop")),
        RoomKind::Waste => Some((Status::Missing, "room:waste")),
        RoomKind::Linen => Some((Status::Missing, "room:linen")),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn evidence(room: RoomKind, entered_ms: i64, seen_ms: i64) -> Evidence {
        Evidence { room: Some(room), entered_ms, seen_ms, interval_ms: 2_000 }
    }

    #[test]
    fn a_pump_is_available_in_storage_and_stays_so_in_the_corridor() {
        let first = next(None, evidence(RoomKind::Storage, 0, 0), 1_000).expect("first status");
        assert_eq!((first.status, first.since_ms), (Status::Available, 0));
        assert_eq!(next(Some(&first), evidence(RoomKind::Corridor, 20_000, 40_000), 40_000), None);
    }

    #[test]
    fn passing_through_a_room_changes_nothing() {
        let first = next(None, evidence(RoomKind::Storage, 0, 0), 1_000);
        assert_eq!(next(first.as_ref(), evidence(RoomKind::Patient, 20_000, 22_000), 22_000), None);
        let later = next(first.as_ref(), evidence(RoomKind::Patient, 20_000, 30_000), 30_000);
        assert_eq!(later.map(|s| (s.status, s.since_ms)), Some((Status::InUse, 20_000)));
    }

    #[test]
    fn silence_is_unknown_time_and_never_idle_time() {
        let idle = next(None, evidence(RoomKind::Storage, 0, 0), 1_000);
        let lost = next(idle.as_ref(), evidence(RoomKind::Storage, 0, 0), 4_000_000);
        assert_eq!(
            lost.as_ref().map(|s| (s.status, s.since_ms)),
            Some((Status::Unknown, 3_600_000))
        );
        let back = next(lost.as_ref(), evidence(RoomKind::Storage, 0, 9_000_000), 9_000_500);
        let back = back.expect("heard again");
        assert_eq!((back.status, back.since_ms), (Status::Available, 9_000_000));
    }
}
