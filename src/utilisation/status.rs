//! From evidence to status by the rules in force, damped by a dwell; and why it is so.

#[cfg(test)]
mod tests;

use super::rules::{Rule, Rules, WardIs};
use crate::model::{Basis, ClassId, RoomKind, Status, StatusNow, freshness};

/// The rule of a status that ended because nothing was heard.
pub const LOST: &str = "lost";
/// The rule of an asset that was never in a room of which a rule says anything.
const NO_RULE: &str = "no rule for the room";

/// Rules, and since when they are in force, milliseconds: nothing follows from them earlier.
#[derive(Debug, Clone, Copy)]
pub struct InForce<'a> {
    /// The rules.
    pub rules: &'a Rules,
    /// Since when.
    pub since_ms: i64,
}

/// What is known of the tag that an asset carries, and of the asset.
#[derive(Debug, Clone, Copy)]
pub struct Evidence<'a> {
    /// The asset's class.
    pub class: &'a ClassId,
    /// True in a room of the ward that owns the asset; none: it has no such ward, or the room none.
    pub is_home: Option<bool>,
    /// The kind of its room; none: in no room.
    pub room: Option<RoomKind>,
    /// Since when it is there, milliseconds.
    pub entered_ms: i64,
    /// True while the tag feels motion; none: it doesn't say.
    pub moving: Option<bool>,
    /// Since when that is so, milliseconds.
    pub moving_since_ms: i64,
    /// When its button was last pressed, milliseconds.
    pub pressed_ms: Option<i64>,
    /// When it was last heard, by event time, milliseconds.
    pub seen_ms: i64,
    /// How often it reports, milliseconds.
    pub interval_ms: i64,
}

/// Why a rule doesn't say the status.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unfit {
    /// It is of other classes.
    Class,
    /// It is of other rooms.
    Room,
    /// The room belongs to another ward, or to its own.
    Ward,
    /// The tag moves, or doesn't, or doesn't say.
    Motion,
    /// Nobody pressed its button in the room.
    Button,
    /// It doesn't lead on from the present status.
    From,
    /// It waits until then, milliseconds.
    Until(i64),
}

/// A rule that fits.
struct Fit<'a> {
    rule: &'a Rule,
    /// Since when all that it asks for holds, milliseconds.
    since_ms: i64,
    /// From when on it is believed, milliseconds.
    settled_ms: i64,
}

/// The status that begins, when another one than `now` follows from the evidence at `at_ms`.
///
/// A tag that is lost makes its asset unknown from the moment it became lost; when it is heard again
/// the time between stays unknown.
#[must_use]
pub fn next(
    in_force: InForce<'_>,
    now: Option<&StatusNow>,
    evidence: Evidence<'_>,
    at_ms: i64,
) -> Option<StatusNow> {
    let lost_ms = evidence.seen_ms + freshness::lost_after_ms(evidence.interval_ms);
    if at_ms > lost_ms {
        return changed(now, Status::Unknown, lost_ms, Basis::Inferred, LOST);
    }
    let heard_again = now.filter(|n| n.rule == LOST).map(|_| evidence.seen_ms);
    let earliest_ms = heard_again.unwrap_or(i64::MIN).max(in_force.since_ms);
    match fitting(in_force.rules, now, evidence, at_ms) {
        Some(fit) if is_known(now) && at_ms < fit.settled_ms => None,
        Some(fit) => {
            let basis = if fit.rule.button { Basis::Observed } else { Basis::Inferred };
            changed(now, fit.rule.status, earliest_ms.max(fit.since_ms), basis, &fit.rule.name)
        }
        None if now.is_none_or(|n| n.rule == LOST) => {
            let since_ms = earliest_ms.max(evidence.entered_ms);
            changed(now, Status::Unknown, since_ms, Basis::Inferred, NO_RULE)
        }
        None => None,
    }
}

/// The first rule that says something.
fn fitting<'a>(
    rules: &'a Rules,
    now: Option<&StatusNow>,
    evidence: Evidence<'_>,
    at_ms: i64,
) -> Option<Fit<'a>> {
    rules.list().iter().find_map(|rule| fit(rules, rule, now, evidence, at_ms).ok())
}

fn fit<'a>(
    rules: &Rules,
    rule: &'a Rule,
    now: Option<&StatusNow>,
    evidence: Evidence<'_>,
    at_ms: i64,
) -> Result<Fit<'a>, Unfit> {
    let Evidence { entered_ms, moving_since_ms, .. } = evidence;
    if !evidence.room.is_some_and(|room| rule.room.contains(&room)) {
        return Err(Unfit::Room);
    }
    if !rule.class.is_empty() && !rule.class.contains(evidence.class) {
        return Err(Unfit::Class);
    }
    if rule.ward.is_some_and(|ward| evidence.is_home != Some(ward == WardIs::Home)) {
        return Err(Unfit::Ward);
    }
    if rule.moving.is_some() && rule.moving != evidence.moving {
        return Err(Unfit::Motion);
    }
    let pressed_ms = evidence
        .pressed_ms
        .filter(|pressed_ms| rule.button && (entered_ms..=at_ms).contains(pressed_ms));
    if rule.button && pressed_ms.is_none() {
        return Err(Unfit::Button);
    }
    // What is in force leads nowhere: it stays.
    let leads_on = now.is_none_or(|now| {
        let from = rule.from.is_empty() || rule.from.contains(&now.status);
        now.rule == rule.name || (from && rules.may_follow(now.status, rule.status))
    });
    if !leads_on {
        return Err(Unfit::From);
    }
    let due_ms = entered_ms + rule.after_ms.unwrap_or(0);
    if at_ms < due_ms {
        return Err(Unfit::Until(due_ms));
    }
    let held_ms = if rule.moving.is_some() { entered_ms.max(moving_since_ms) } else { entered_ms };
    // A button is pressed on purpose: nothing flaps.
    let settled_ms = if rule.button { held_ms } else { held_ms + rules.dwell_ms() };
    let since_ms = held_ms.max(due_ms).max(pressed_ms.unwrap_or(i64::MIN));
    Ok(Fit { rule, since_ms, settled_ms })
}

/// When something may follow of a tag that stays as it is, in ascending order, milliseconds.
#[must_use]
pub fn due_ms(rules: &Rules, evidence: Evidence<'_>) -> Vec<i64> {
    let after = |after_ms: &i64| evidence.entered_ms + after_ms;
    let mut due: Vec<i64> = rules.after_ms().iter().map(after).collect();
    if rules.listen_within_rooms() && evidence.moving_since_ms > evidence.entered_ms {
        due.push(evidence.moving_since_ms + rules.dwell_ms());
        due.sort_unstable();
    }
    due
}

/// Up to when, at least, nothing else follows from the same room than at `at_ms`, whatever else is
/// heard of the tag in it; milliseconds. Not after `at_ms`: nothing can be said.
#[must_use]
pub fn lasts_until_ms(rules: &Rules, evidence: Evidence<'_>, at_ms: i64) -> i64 {
    if rules.listen_within_rooms() {
        return at_ms;
    }
    let lost_ms = evidence.seen_ms + freshness::lost_after_ms(0);
    let next_ms = due_ms(rules, evidence).into_iter().find(|due_ms| at_ms < *due_ms);
    next_ms.map_or(lost_ms, |next_ms| next_ms.min(lost_ms))
}

/// Up to when a status that follows `now` took for granted that nothing new was heard, when it was
/// decided by time alone, milliseconds; and true when whatever is heard speaks against it, not only
/// what moves the tag.
#[must_use]
pub fn presumed(
    rules: &Rules,
    now: Option<&StatusNow>,
    status: &StatusNow,
    evidence: Evidence<'_>,
) -> (i64, bool) {
    if status.rule == LOST || !is_known(now) {
        return (status.since_ms, status.rule == LOST);
    }
    let listens = rules.listen_to_motion();
    let moving_since_ms = if listens { evidence.moving_since_ms } else { i64::MIN };
    let held_ms = evidence.entered_ms.max(moving_since_ms);
    (status.since_ms.max(held_ms + rules.dwell_ms()), listens)
}

/// When an asset will count as lost if nothing more is heard of it, milliseconds.
#[must_use]
pub fn lost_ms(evidence: Evidence<'_>) -> i64 {
    evidence.seen_ms + freshness::lost_after_ms(evidence.interval_ms)
}

/// Every rule in its order, and why it doesn't say the status; none: it would, did none before it.
#[must_use]
pub fn explain<'a>(
    rules: &'a Rules,
    now: Option<&StatusNow>,
    evidence: Evidence<'_>,
    at_ms: i64,
) -> Vec<(&'a Rule, Option<Unfit>)> {
    let why = |rule: &'a Rule| {
        // What is in force already waits for nothing.
        let waits = is_known(now) && now.is_none_or(|now| now.rule != rule.name);
        let unfit = match fit(rules, rule, now, evidence, at_ms) {
            Ok(fit) if waits && at_ms < fit.settled_ms => Some(Unfit::Until(fit.settled_ms)),
            Ok(_) => None,
            Err(unfit) => Some(unfit),
        };
        (rule, unfit)
    };
    rules.list().iter().map(why).collect()
}

/// Only a status that is known is worth holding on to for the dwell.
fn is_known(now: Option<&StatusNow>) -> bool {
    now.is_some_and(|n| n.status != Status::Unknown)
}

fn changed(
    now: Option<&StatusNow>,
    status: Status,
    since_ms: i64,
    basis: Basis,
    rule: &str,
) -> Option<StatusNow> {
    if now.is_some_and(|n| n.status == status && n.rule == rule) {
        return None;
    }
    let since_ms = now.map_or(since_ms, |n| since_ms.max(n.since_ms));
    Some(StatusNow { status, since_ms, basis, rule: rule.to_owned() })
}
