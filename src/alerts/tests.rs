//! The step, against a world that changes at random.

use super::{Memory, Timing, step};
use crate::model::{About, AlertKind, AlertStep, Cause, Lasting, Severity};
use proptest::prelude::*;
use std::collections::BTreeMap;

const TIMING: Timing = Timing { for_ms: 30_000, clear_ms: 20_000 };
/// Between two steps, milliseconds.
const TICK_MS: i64 = 5_000;

fn cause(kind: AlertKind, subject: &str, severity: Severity) -> Cause {
    let about = About::default();
    Cause { kind, subject: subject.to_owned(), severity, since_ms: None, opens: true, about }
}

/// The alerts as storage keeps them.
#[derive(Default)]
struct Kept {
    lasting: Vec<Lasting>,
    memory: Memory,
    opened: usize,
}

impl Kept {
    /// The words for what followed.
    fn step(&mut self, now_ms: i64, causes: &[Cause]) -> Vec<&'static str> {
        let again = step(&mut self.memory.clone(), |_| TIMING, now_ms, causes, &self.lasting);
        let steps = step(&mut self.memory, |_| TIMING, now_ms, causes, &self.lasting);
        assert_eq!(steps, again, "the same gives the same");
        let mut words = Vec::new();
        for step in steps {
            match step {
                AlertStep::Open(cause) => {
                    let Cause { kind, subject, severity, .. } = cause;
                    self.opened += 1;
                    self.lasting.push(Lasting {
                        id: self.opened.to_string(),
                        kind,
                        subject,
                        severity,
                    });
                    words.push("open");
                }
                AlertStep::Raise { id, cause } => {
                    let alert = self.lasting.iter_mut().find(|alert| alert.id == id);
                    let alert = alert.expect("what is raised lasts");
                    assert!(alert.severity < cause.severity, "severity only rises");
                    alert.severity = cause.severity;
                    words.push("raise");
                }
                AlertStep::End { id } => {
                    let before = self.lasting.len();
                    self.lasting.retain(|alert| alert.id != id);
                    assert_eq!(self.lasting.len(), before - 1, "what ends lasted");
                    words.push("end");
                }
            }
        }
        words
    }
}

#[test]
fn an_alert_opens_and_ends_after_a_while_and_what_is_short_opens_none() {
    let (mut kept, low) = (Kept::default(), cause(AlertKind::Par, "bed/C1", Severity::Low));
    let low = std::slice::from_ref(&low);
    assert!(kept.step(0, low).is_empty());
    assert!(kept.step(25_000, low).is_empty());
    assert!(kept.step(26_000, &[]).is_empty());
    assert!(kept.step(27_000, low).is_empty(), "it begins anew");
    assert!(kept.step(56_999, low).is_empty());
    assert_eq!(kept.step(57_000, low), ["open"]);
    assert!(kept.step(90_000, low).is_empty(), "one is enough");
    assert!(kept.step(100_000, &[]).is_empty());
    assert!(kept.step(119_999, &[]).is_empty());
    assert!(kept.step(119_999, low).is_empty(), "back again");
    assert!(kept.step(130_000, &[]).is_empty());
    assert_eq!(kept.step(150_000, &[]), ["end"]);
}

#[test]
fn what_becomes_critical_for_a_while_is_raised_once() {
    let mut kept = Kept::default();
    let low = [cause(AlertKind::Par, "bed/C1", Severity::Low)];
    let critical = [cause(AlertKind::Par, "bed/C1", Severity::Critical)];
    kept.step(0, &low);
    assert!(kept.step(20_000, &critical).is_empty());
    assert_eq!(kept.step(30_000, &critical), ["open"], "as it is known to be: low");
    assert_eq!(kept.lasting[0].severity, Severity::Low);
    assert_eq!(kept.step(50_000, &critical), ["raise"]);
    assert!(kept.step(60_000, &low).is_empty(), "it stays the gravest that it was");
    assert!(kept.step(200_000, &critical).is_empty());
}

#[test]
fn what_is_known_to_have_begun_earlier_opens_at_once_and_half_well_keeps() {
    let (mut kept, mut battery) = (Kept::default(), cause(AlertKind::Battery, "P1", Severity::Low));
    battery.since_ms = Some(70_000);
    assert_eq!(kept.step(100_000, std::slice::from_ref(&battery)), ["open"]);
    battery.opens = false;
    assert!(kept.step(900_000, std::slice::from_ref(&battery)).is_empty(), "17 % is not well yet");
    let mut other = Kept::default();
    assert!(other.step(900_000, std::slice::from_ref(&battery)).is_empty(), "nor does it open one");
    kept.step(910_000, &[]);
    assert_eq!(kept.step(930_000, &[]), ["end"]);
}

/// Of each subject: none, half well, low, critical; and whether Spor starts anew before.
fn worlds() -> impl Strategy<Value = Vec<([u8; 3], bool)>> {
    prop::collection::vec((prop::array::uniform3(0..4u8), prop::bool::weighted(0.05)), 1..120)
}

proptest! {
    #[test]
    fn there_is_one_alert_while_a_cause_lasts_and_none_without(world in worlds()) {
        let mut kept = Kept::default();
        // Since when each has been so, seen without a break by the same memory.
        let mut opens: BTreeMap<String, i64> = BTreeMap::new();
        let mut gone: BTreeMap<String, i64> = BTreeMap::new();
        for (n, (subjects, starts_anew)) in world.into_iter().enumerate() {
            let now_ms = i64::try_from(n).expect("few") * TICK_MS;
            if starts_anew {
                kept.memory = Memory::default();
                opens.clear();
                gone.clear();
            }
            let mut causes = Vec::new();
            for (subject, is) in subjects.into_iter().enumerate() {
                let subject = subject.to_string();
                let severity = if is == 3 { Severity::Critical } else { Severity::Low };
                match is {
                    0 => { gone.entry(subject.clone()).or_insert(now_ms); }
                    _ => { gone.remove(&subject); }
                }
                match is {
                    0 | 1 => { opens.remove(&subject); }
                    _ => { opens.entry(subject.clone()).or_insert(now_ms); }
                }
                if is > 0 {
                    let cause = cause(AlertKind::Par, &subject, severity);
                    causes.push(Cause { opens: is > 1, ..cause });
                }
            }
            let before: Vec<_> = kept.lasting.iter().map(|alert| alert.subject.clone()).collect();
            kept.step(now_ms, &causes);
            for subject in ["0", "1", "2"] {
                let lasting = kept.lasting.iter().filter(|alert| alert.subject == subject).count();
                prop_assert!(lasting <= 1);
                let held_ms = opens.get(subject).map(|since_ms| now_ms - since_ms);
                let gone_ms = gone.get(subject).map(|since_ms| now_ms - since_ms);
                if held_ms.is_some_and(|held_ms| held_ms >= TIMING.for_ms) {
                    prop_assert_eq!(lasting, 1);
                }
                if gone_ms.is_some_and(|gone_ms| gone_ms >= TIMING.clear_ms) {
                    prop_assert_eq!(lasting, 0);
                }
                let was = before.iter().any(|known| known == subject);
                if !was && held_ms.is_none_or(|held_ms| held_ms < TIMING.for_ms) {
                    prop_assert_eq!(lasting, 0, "too early");
                }
                if was && gone_ms.is_none_or(|gone_ms| gone_ms < TIMING.clear_ms) {
                    prop_assert_eq!(lasting, 1, "too early an end");
                }
            }
        }
    }
}
