//! An asset's statuses without a hole, laid over its stays in rooms, and divided at hours.

use crate::model::{AssetPast, HOUR_MS, Name, RollupPast, Status, VisitPast};

/// A status within the hours that are rolled up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Piece {
    pub(super) status: Status,
    pub(super) from_ms: i64,
    pub(super) to_ms: i64,
    /// When the status began, be it before the hours, milliseconds.
    pub(super) since_ms: i64,
}

/// What the asset did from the first hour, or since it is in the registry, up to the present or its
/// end. Where nothing is stored it was unknown.
pub(super) fn pieces(asset: &AssetPast, past: &RollupPast) -> Vec<Piece> {
    let until_ms = past.to_ms.min(past.now_ms).min(asset.retired_ms.unwrap_or(i64::MAX));
    let mut pieces = Vec::new();
    let mut push = |status, from_ms: i64, to_ms: i64, since_ms| {
        let (from_ms, to_ms) = (from_ms.max(past.from_ms), to_ms.min(until_ms));
        if from_ms < to_ms {
            pieces.push(Piece { status, from_ms, to_ms, since_ms });
        }
    };
    let mut known_to_ms = asset.created_ms;
    for span in &asset.statuses {
        push(Status::Unknown, known_to_ms, span.from_ms, known_to_ms);
        let to_ms = span.to_ms.unwrap_or(i64::MAX);
        push(span.status, span.from_ms, to_ms, span.from_ms);
        known_to_ms = known_to_ms.max(to_ms);
    }
    push(Status::Unknown, known_to_ms, i64::MAX, known_to_ms);
    pieces
}

/// Tells each piece by the ward in which the asset was; none: in no room, or one of no ward.
pub(super) fn in_wards(
    pieces: &[Piece],
    visits: &[VisitPast],
    mut tell: impl FnMut(Status, Option<Name>, i64, i64),
) {
    let mut visits = visits.iter().peekable();
    for piece in pieces {
        let mut at_ms = piece.from_ms;
        while at_ms < piece.to_ms {
            while visits.next_if(|v| v.left_ms.is_some_and(|left_ms| left_ms <= at_ms)).is_some() {}
            let next = visits.peek().filter(|visit| visit.entered_ms < piece.to_ms);
            let (ward, to_ms) = match next {
                Some(visit) if visit.entered_ms <= at_ms => {
                    (visit.ward, visit.left_ms.unwrap_or(i64::MAX))
                }
                Some(visit) => (None, visit.entered_ms),
                None => (None, piece.to_ms),
            };
            let to_ms = to_ms.min(piece.to_ms);
            tell(piece.status, ward, at_ms, to_ms);
            at_ms = to_ms;
        }
    }
}

/// Divides a stretch of time at the borders of hours; tells each hour's beginning, and its part.
pub(super) fn by_hour(from_ms: i64, to_ms: i64, mut tell: impl FnMut(i64, i64, i64)) {
    let mut at_ms = from_ms;
    while at_ms < to_ms {
        let hour_ms = hour_of(at_ms);
        let end_ms = (hour_ms + HOUR_MS).min(to_ms);
        tell(hour_ms, at_ms, end_ms);
        at_ms = end_ms;
    }
}

/// The beginning of the hour that holds a moment, milliseconds.
pub(super) fn hour_of(ms: i64) -> i64 {
    ms - ms.rem_euclid(HOUR_MS)
}
