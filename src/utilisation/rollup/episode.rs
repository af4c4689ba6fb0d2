//! What has a beginning and an end: turnarounds, stays in rooms, transfers from ward to ward.

use super::timeline::hour_of;
use crate::model::{AssetPast, Lengths, Rolled, RollupPast, Status};

/// A shorter stay is a passage, milliseconds.
const SHORTEST_STAY_MS: i64 = 60_000;
/// Whoever stays in another ward for less hasn't been transferred, milliseconds. The triggers of
/// `0006_rollup.sql` know this length too.
const TRANSFER_AFTER_MS: i64 = 600_000;
/// How many buckets there are from a length to twice that length.
const TURNAROUND_BUCKETS: f64 = 64.0;
const DWELL_BUCKETS: f64 = 4.0;

/// From the first moment in which an asset was dirty or in cleaning to the one in which it became
/// available. One that became unknown, or anything else, in between is no turnaround.
pub(super) fn turnarounds(asset: &AssetPast, past: &RollupPast, rolled: &mut Rolled) {
    let mut since_ms = asset.preparing_since_ms;
    let mut ended_ms = None;
    for span in &asset.statuses {
        if ended_ms.is_some_and(|ended_ms| ended_ms != span.from_ms) {
            since_ms = None;
        }
        ended_ms = span.to_ms;
        match span.status {
            Status::Dirty | Status::Cleaning => {
                since_ms = since_ms.or(Some(span.from_ms));
            }
            Status::Available => {
                if let Some(since_ms) = since_ms.take()
                    && (past.from_ms..past.to_ms.min(past.now_ms)).contains(&span.from_ms)
                {
                    let length_ms = span.from_ms - since_ms;
                    let bucket = bucket(length_ms, TURNAROUND_BUCKETS);
                    let key = (hour_of(span.from_ms), asset.class, asset.home_ward, bucket);
                    count(rolled.turnarounds.entry(key).or_default(), length_ms);
                }
            }
            _ => since_ms = None,
        }
    }
}

/// Stays of a minute and more that ended, and transfers that began.
pub(super) fn stays(asset: &AssetPast, past: &RollupPast, rolled: &mut Rolled) {
    let hours = past.from_ms..past.to_ms.min(past.now_ms);
    let mut ward = asset.ward_before;
    for visit in &asset.visits {
        let left_ms = visit.left_ms.unwrap_or(past.now_ms);
        let length_ms = left_ms - visit.entered_ms;
        let has_ended = visit.left_ms.is_some_and(|left_ms| hours.contains(&left_ms));
        if has_ended && length_ms >= SHORTEST_STAY_MS {
            let bucket = bucket(length_ms, DWELL_BUCKETS);
            let key = (hour_of(left_ms), asset.class, visit.room_kind, bucket);
            count(rolled.dwells.entry(key).or_default(), length_ms);
        }
        // What began before the hours is `ward_before` already.
        if let Some(to) = visit.ward
            && length_ms >= TRANSFER_AFTER_MS
            && hours.contains(&visit.entered_ms)
        {
            if let Some(from) = ward.filter(|from| *from != to) {
                let key = (hour_of(visit.entered_ms), asset.class, from, to);
                *rolled.transfers.entry(key).or_default() += 1;
            }
            ward = Some(to);
        }
    }
}

fn count(lengths: &mut Lengths, length_ms: i64) {
    lengths.count += 1;
    lengths.sum_ms += length_ms;
}

/// The bucket of a length: bucket b holds 2^(b/n) to 2^((b+1)/n) seconds, the first all below that.
#[expect(clippy::cast_possible_truncation, reason = "a logarithm of milliseconds is below 64")]
#[expect(clippy::cast_precision_loss, reason = "lengths are far below 2^52 ms")]
fn bucket(length_ms: i64, per_octave: f64) -> i16 {
    let seconds = length_ms.max(1_000) as f64 / 1_000.0;
    (seconds.log2() * per_octave).floor() as i16
}
