//! From evidence to status by the rules in force, damped by a dwell; and why it is so.

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

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::LazyLock;

    static PUMP: LazyLock<ClassId> = LazyLock::new(|| "pump".parse().expect("valid"));
    static BED: LazyLock<ClassId> = LazyLock::new(|| "bed".parse().expect("valid"));

    fn evidence(room: RoomKind, entered_ms: i64, seen_ms: i64) -> Evidence<'static> {
        Evidence {
            class: &PUMP,
            is_home: None,
            room: Some(room),
            entered_ms,
            moving: None,
            moving_since_ms: 0,
            pressed_ms: None,
            seen_ms,
            interval_ms: 2_000,
        }
    }

    fn by(
        rules: &Rules,
        now: Option<&StatusNow>,
        evidence: Evidence<'_>,
        at_ms: i64,
    ) -> Option<(Status, i64)> {
        let in_force = InForce { rules, since_ms: 0 };
        next(in_force, now, evidence, at_ms).map(|next| (next.status, next.since_ms))
    }

    fn status(status: Status, rule: &str, since_ms: i64) -> StatusNow {
        StatusNow { status, since_ms, basis: Basis::Inferred, rule: rule.to_owned() }
    }

    fn rules(text: &str) -> Rules {
        Rules::parse(&format!("format = \"spor-rules/1\"\n{text}")).expect("right")
    }

    #[test]
    fn a_pump_is_available_in_storage_and_stays_so_in_the_corridor() {
        let rules = Rules::built_in();
        let first = by(&rules, None, evidence(RoomKind::Storage, 0, 0), 1_000);
        assert_eq!(first, Some((Status::Available, 0)));
        let free = status(Status::Available, "room:storage", 0);
        let corridor = evidence(RoomKind::Corridor, 20_000, 40_000);
        assert_eq!(by(&rules, Some(&free), corridor, 40_000), None);
    }

    #[test]
    fn passing_through_a_room_changes_nothing() {
        let rules = Rules::built_in();
        let free = status(Status::Available, "room:storage", 0);
        let passing = evidence(RoomKind::Patient, 20_000, 22_000);
        assert_eq!(by(&rules, Some(&free), passing, 22_000), None);
        let staying = evidence(RoomKind::Patient, 20_000, 30_000);
        assert_eq!(by(&rules, Some(&free), staying, 30_000), Some((Status::InUse, 20_000)));
        let why = explain(&rules, Some(&free), passing, 22_000);
        let of_patient = why.iter().find(|(rule, _)| rule.name == "room:patient");
        assert_eq!(of_patient.expect("there").1, Some(Unfit::Until(30_000)));
    }

    #[test]
    fn silence_is_unknown_time_and_never_idle_time() {
        let rules = Rules::built_in();
        let free = status(Status::Available, "room:storage", 0);
        let silent = evidence(RoomKind::Storage, 0, 0);
        let lost = by(&rules, Some(&free), silent, 4_000_000);
        assert_eq!(lost, Some((Status::Unknown, 3_600_000)));
        let lost = status(Status::Unknown, LOST, 3_600_000);
        let back = by(&rules, Some(&lost), evidence(RoomKind::Storage, 0, 9_000_000), 9_000_500);
        assert_eq!(back, Some((Status::Available, 9_000_000)));
    }

    #[test]
    fn of_rules_that_fit_the_first_says_and_a_class_may_have_its_own() {
        let rules = rules(
            "[[rule]]\nname = \"a\"\nclass = [\"bed\"]\nroom = [\"patient\"]\nstatus = \"available\"
             [[rule]]\nname = \"b\"\nroom = [\"patient\"]\nstatus = \"in_use\"",
        );
        let pump = evidence(RoomKind::Patient, 0, 0);
        assert_eq!(by(&rules, None, pump, 0), Some((Status::InUse, 0)));
        let bed = Evidence { class: &BED, ..pump };
        assert_eq!(by(&rules, None, bed, 0), Some((Status::Available, 0)));
    }

    #[test]
    fn motion_counts_from_when_it_began_and_not_before_its_dwell() {
        let rules = rules(
            "[[rule]]\nname = \"still\"\nmoving = false\nroom = [\"patient\"]\nstatus = \"available\"
             [[rule]]\nname = \"bed\"\nroom = [\"patient\"]\nstatus = \"in_use\"",
        );
        let used = status(Status::InUse, "bed", 0);
        let still = Evidence {
            moving: Some(false),
            moving_since_ms: 60_000,
            ..evidence(RoomKind::Patient, 0, 65_000)
        };
        assert_eq!(by(&rules, Some(&used), still, 69_999), None, "flapping is damped");
        assert_eq!(due_ms(&rules, still).last(), Some(&70_000));
        assert_eq!(by(&rules, Some(&used), still, 70_000), Some((Status::Available, 60_000)));
    }

    #[test]
    fn a_button_leads_from_dirty_to_cleaning_at_once_and_from_nowhere_else() {
        let rules = rules(
            "[[rule]]\nname = \"press\"\nbutton = true\nfrom = [\"dirty\"]\nroom = [\"soiled_utility\"]\nstatus = \"cleaning\"
             [[rule]]\nname = \"soiled\"\nroom = [\"soiled_utility\"]\nstatus = \"dirty\"",
        );
        let dirty = status(Status::Dirty, "soiled", 1_000);
        let here = evidence(RoomKind::SoiledUtility, 1_000, 50_000);
        let pressed = Evidence { pressed_ms: Some(40_000), ..here };
        assert_eq!(by(&rules, Some(&dirty), pressed, 40_000), Some((Status::Cleaning, 40_000)));
        let before = Evidence { pressed_ms: Some(900), ..here };
        assert_eq!(by(&rules, Some(&dirty), before, 50_000), None, "pressed elsewhere");
        let cleaning = status(Status::Cleaning, "press", 40_000);
        assert_eq!(by(&rules, Some(&cleaning), pressed, 60_000), None, "it stays in force");
        let used = status(Status::InUse, "x", 0);
        assert_eq!(by(&rules, Some(&used), pressed, 60_000), Some((Status::Dirty, 1_000)));
    }

    #[test]
    fn what_waits_long_in_a_room_follows_then_and_forbidden_steps_never() {
        let rules = rules(
            "[transitions]\nmissing = [\"maintenance\"]
             [[rule]]\nname = \"forgotten\"\nafter_s = 3600\nroom = [\"linen\"]\nstatus = \"missing\"
             [[rule]]\nname = \"linen\"\nroom = [\"linen\"]\nstatus = \"dirty\"",
        );
        let dirty = status(Status::Dirty, "linen", 0);
        let waiting = evidence(RoomKind::Linen, 0, 3_599_000);
        assert_eq!(by(&rules, Some(&dirty), waiting, 3_599_999), None);
        assert_eq!(lasts_until_ms(&rules, waiting, 20_000), 3_600_000);
        let at_ms = 3_600_000;
        assert_eq!(by(&rules, Some(&dirty), waiting, at_ms), Some((Status::Missing, at_ms)));
        let missing = status(Status::Missing, "forgotten", at_ms);
        let again = evidence(RoomKind::Linen, 4_000_000, 4_100_000);
        assert_eq!(by(&rules, Some(&missing), again, 4_100_000), None, "missing leads to no dirty");
    }

    #[test]
    fn only_what_waited_for_its_dwell_took_silence_for_granted() {
        let rules = rules("[[rule]]\nname = \"a\"\nroom = [\"patient\"]\nstatus = \"in_use\"");
        let (free, used) = (status(Status::Available, "b", 0), status(Status::InUse, "a", 20_000));
        let here = evidence(RoomKind::Patient, 20_000, 31_000);
        assert_eq!(presumed(&rules, None, &used, here), (20_000, false), "it follows at once");
        assert_eq!(presumed(&rules, Some(&free), &used, here), (30_000, false));
        let lost = status(Status::Unknown, LOST, 3_631_000);
        assert_eq!(presumed(&rules, Some(&used), &lost, here), (3_631_000, true));
    }

    #[test]
    fn other_rules_say_nothing_of_the_time_before_they_were_in_force() {
        let rules = Rules::built_in();
        let other = status(Status::Dirty, "another rule", 1_000);
        let in_force = InForce { rules: &rules, since_ms: 50_000 };
        let evidence = evidence(RoomKind::Storage, 1_000, 60_000);
        let next = next(in_force, Some(&other), evidence, 60_000).expect("another");
        assert_eq!((next.status, next.since_ms), (Status::Available, 50_000));
    }
}
