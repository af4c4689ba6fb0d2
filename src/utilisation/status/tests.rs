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
