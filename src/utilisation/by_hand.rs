//! What people say of an asset, laid over the line of what rules say of it.
//!
//! In come both lines, out comes what is shown, and what rules say beneath it. The rules' line and
//! what was said by hand are the facts; what is shown follows from them, also when the past changes.

use crate::model::{Basis, Hand, StatusRow, StatusSpan};

/// Both sides of an asset's line.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Overlaid {
    /// The statuses that are shown, in the order of time.
    pub shown: Vec<StatusRow>,
    /// What rules said while something held by hand, in the order of time.
    pub beneath: Vec<StatusRow>,
}

/// Lays `hands` over `rules`, both in the order of time, as they stand at `at_ms`. A claim ends when
/// the thing is at work, and what rules say shows again when nothing holds by hand.
#[must_use]
pub fn overlay(rules: &[StatusRow], hands: &[Hand], at_ms: i64) -> Overlaid {
    let mut out = Overlaid::default();
    let mut next = 0;
    for (index, hand) in hands.iter().enumerate() {
        let begins = next + rules[next..].partition_point(|rule| rule.from_ms < hand.since_ms);
        out.shown.extend_from_slice(&rules[next..begins]);
        next = begins;
        // Whoever acts next ends it too.
        let until_ms =
            hands.get(index + 1).map_or(hand.until_ms, |later| later.since_ms.min(hand.until_ms));
        let fetched = rules[next..].iter().find(|r| hand.is_fetched(r.status, r.from_ms));
        let end_ms = fetched.map_or(until_ms, |rule| rule.from_ms.min(until_ms));
        if end_ms <= hand.since_ms {
            continue;
        }
        let before = rules[..next].last();
        out.shown.extend(before.or(rules.get(next)).map(|over| shown_row(hand, over)));
        let ends = next + rules[next..].partition_point(|rule| rule.from_ms < end_ms);
        out.beneath.extend_from_slice(&rules[next..ends]);
        next = ends;
        let is_over = end_ms <= at_ms;
        let goes_on = rules.get(next).is_some_and(|rule| rule.from_ms == end_ms)
            || hands.get(index + 1).is_some_and(|later| later.since_ms <= end_ms);
        if let Some(rule) = rules[..next].last().filter(|_| is_over && !goes_on) {
            out.shown.push(StatusRow { from_ms: end_ms, ..rule.clone() });
        }
    }
    out.shown.extend_from_slice(&rules[next..]);
    out
}

/// What somebody says, in the room in which began what it lies over.
fn shown_row(hand: &Hand, over: &StatusRow) -> StatusRow {
    let now = hand.status_now();
    StatusRow {
        asset: over.asset.clone(),
        status: now.status,
        from_ms: now.since_ms,
        basis: now.basis,
        rule: now.rule,
        zone: over.zone.clone(),
    }
}

/// The line of what rules say, from what is shown of it and what isn't.
#[must_use]
pub fn rules_line(shown: &[StatusSpan], beneath: &[StatusRow]) -> Vec<StatusSpan> {
    let by_rules = shown.iter().map(|span| &span.row).filter(|row| row.basis != Basis::Manual);
    let mut rows: Vec<&StatusRow> = by_rules.chain(beneath).collect();
    rows.sort_by_key(|row| row.from_ms);
    // Of one moment the last word counts; what shows again after something by hand began before that.
    let mut line: Vec<StatusRow> = Vec::with_capacity(rows.len());
    for row in rows {
        line.pop_if(|last| last.from_ms == row.from_ms);
        if line.last().is_none_or(|last| (last.status, &last.rule) != (row.status, &row.rule)) {
            line.push(row.clone());
        }
    }
    let to_ms = shown.last().and_then(|last| last.to_ms);
    let ends: Vec<_> = line.iter().skip(1).map(|row| Some(row.from_ms)).chain([to_ms]).collect();
    line.into_iter().zip(ends).map(|(row, to_ms)| StatusSpan { row, to_ms }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{CLAIM_MS, Status};
    use proptest::prelude::*;

    const AT_MS: i64 = 10_000_000;

    fn rule(from_ms: i64, status: Status) -> StatusRow {
        StatusRow {
            asset: "P1".parse().expect("valid"),
            status,
            from_ms,
            basis: Basis::Inferred,
            rule: format!("room:{}", status.as_str()),
            zone: None,
        }
    }

    fn hand(since_ms: i64, until_ms: i64, said: Option<Status>) -> Hand {
        Hand {
            status: said.unwrap_or(Status::Reserved),
            by: "anna".to_owned(),
            reason: said.map(|_| "why".to_owned()),
            since_ms,
            until_ms,
            to: None,
        }
    }

    fn shown(rules: &[StatusRow], hands: &[Hand]) -> Vec<(i64, Status)> {
        overlay(rules, hands, AT_MS).shown.iter().map(|row| (row.from_ms, row.status)).collect()
    }

    #[test]
    fn a_claim_that_runs_out_shows_what_was_before() {
        let rules = [rule(0, Status::Available)];
        let line = shown(&rules, &[hand(100, 100 + CLAIM_MS, None)]);
        let free = Status::Available;
        assert_eq!(line, [(0, free), (100, Status::Reserved), (100 + CLAIM_MS, free)]);
    }

    #[test]
    fn a_claim_ends_when_the_thing_is_at_work_and_an_override_hides_that() {
        let rules = [rule(0, Status::Available), rule(200, Status::InUse)];
        let line = shown(&rules, &[hand(100, 100 + CLAIM_MS, None)]);
        assert_eq!(line, [(0, Status::Available), (100, Status::Reserved), (200, Status::InUse)]);
        let line = overlay(&rules, &[hand(100, 300, Some(Status::Maintenance))], AT_MS);
        assert_eq!(line.beneath, rules[1..]);
        let last = line.shown.last().map(|row| (row.from_ms, row.status));
        assert_eq!(last, Some((300, Status::InUse)));
    }

    #[test]
    fn what_still_holds_is_the_last_that_is_shown() {
        let rules = [rule(0, Status::Available)];
        let line = shown(&rules, &[hand(100, AT_MS + 1, Some(Status::Dirty))]);
        assert_eq!(line.last(), Some(&(100, Status::Dirty)));
    }

    fn line() -> impl Strategy<Value = Vec<StatusRow>> {
        proptest::collection::vec((1i64..500, 0usize..8), 1..12).prop_map(|steps| {
            let mut at_ms = 0;
            let mut line: Vec<StatusRow> = Vec::new();
            for (step_ms, status) in steps {
                at_ms += step_ms;
                let row = rule(at_ms, Status::ALL[status]);
                if line.last().is_none_or(|last| last.status != row.status) {
                    line.push(row);
                }
            }
            line
        })
    }

    /// One after the other, as people act: a claim or a word, and how long until the next.
    fn hands() -> impl Strategy<Value = Vec<Hand>> {
        proptest::collection::vec((0i64..300, 1i64..900, any::<bool>()), 0..6).prop_map(|acts| {
            let mut at_ms = 600;
            let mut hands = Vec::new();
            for (pause_ms, long_ms, is_claim) in acts {
                let since_ms = at_ms + pause_ms;
                at_ms = since_ms + long_ms;
                hands.push(hand(since_ms, at_ms, (!is_claim).then_some(Status::Dirty)));
            }
            hands
        })
    }

    proptest! {
        #[test]
        fn what_is_shown_is_one_line_and_tells_the_rules_again(rules in line(), hands in hands()) {
            let out = overlay(&rules, &hands, AT_MS);
            prop_assert!(out.shown.is_sorted_by(|a, b| a.from_ms < b.from_ms), "{:?}", out.shown);
            let ends = out.shown.iter().skip(1).map(|row| Some(row.from_ms)).chain([None]);
            let spans: Vec<_> = out.shown.iter().cloned().zip(ends)
                .map(|(row, to_ms)| StatusSpan { row, to_ms }).collect();
            let again: Vec<_> = rules_line(&spans, &out.beneath).into_iter().map(|s| s.row).collect();
            prop_assert_eq!(&again, &rules);
            let once_more = overlay(&again, &hands, AT_MS);
            prop_assert_eq!(once_more, out);
        }
    }
}
