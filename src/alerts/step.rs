//! What becomes of the alerts: what is wrong now, the alerts that last and the time come in, steps go out.
//!
//! An alert opens when its cause has held for a while, and ends when that has been gone for a while. For
//! one kind and subject there is at most one that lasts, and its severity only rises. What the memory
//! holds may be lost at any moment: that delays, and nothing else.

use crate::model::{AlertKind, AlertStep, Cause, Lasting, Severity};
use std::collections::BTreeMap;

/// How long a cause must hold, and be gone, before that counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timing {
    /// Before an alert opens, milliseconds.
    pub for_ms: i64,
    /// Before it ends, milliseconds.
    pub clear_ms: i64,
}

type Key = (AlertKind, String);

/// What was seen at the steps before.
#[derive(Debug, Clone, Default)]
pub struct Memory {
    seen: BTreeMap<Key, Seen>,
    /// Since when the causes of alerts are gone, milliseconds.
    gone: BTreeMap<Key, i64>,
}

/// Since when a cause is seen, milliseconds.
#[derive(Debug, Clone, Copy)]
struct Seen {
    at_all_ms: i64,
    critical_ms: Option<i64>,
}

/// What follows at `now_ms`, in the order of kinds and subjects.
pub fn step(
    memory: &mut Memory,
    timing: impl Fn(AlertKind) -> Timing,
    now_ms: i64,
    causes: &[Cause],
    lasting: &[Lasting],
) -> Vec<AlertStep> {
    let causes: BTreeMap<Key, &Cause> =
        causes.iter().map(|cause| ((cause.kind, cause.subject.clone()), cause)).collect();
    let lasting: BTreeMap<Key, &Lasting> =
        lasting.iter().map(|alert| ((alert.kind, alert.subject.clone()), alert)).collect();
    memory.seen.retain(|key, _| causes.get(key).is_some_and(|cause| cause.opens));
    memory.gone.retain(|key, _| lasting.contains_key(key) && !causes.contains_key(key));
    let mut steps = Vec::new();
    for (key, cause) in causes.iter().filter(|(_, cause)| cause.opens) {
        let is_critical = cause.severity == Severity::Critical;
        let seen = memory.seen.entry(key.clone());
        let seen = seen.or_insert(Seen { at_all_ms: now_ms, critical_ms: None });
        seen.critical_ms = is_critical.then(|| seen.critical_ms.unwrap_or(now_ms));
        let has_held = |seen_ms: i64| {
            let since_ms = cause.since_ms.unwrap_or(seen_ms);
            now_ms.saturating_sub(since_ms) >= timing(cause.kind).for_ms
        };
        let severity = match seen.critical_ms {
            Some(critical_ms) if has_held(critical_ms) => Severity::Critical,
            _ => Severity::Low,
        };
        let cause = Cause { severity, ..(*cause).clone() };
        match lasting.get(key) {
            None if has_held(seen.at_all_ms) => steps.push(AlertStep::Open(cause)),
            Some(alert) if alert.severity < severity => {
                steps.push(AlertStep::Raise { id: alert.id.clone(), cause });
            }
            _ => {}
        }
    }
    for (key, alert) in lasting.iter().filter(|(key, _)| !causes.contains_key(*key)) {
        let gone_ms = *memory.gone.entry(key.clone()).or_insert(now_ms);
        if now_ms.saturating_sub(gone_ms) >= timing(alert.kind).clear_ms {
            steps.push(AlertStep::End { id: alert.id.clone() });
        }
    }
    steps
}
