//! Which rules were in force when.

use super::{rules::Rules, status::InForce};
use crate::model::RulesRow;
use std::sync::Arc;

/// Rules by the moment from which they are in force; before the first of them that one was.
#[derive(Debug, Clone)]
pub struct RuleBook {
    first: Arc<Rules>,
    /// Milliseconds, in ascending order.
    later: Vec<(i64, Arc<Rules>)>,
}

impl RuleBook {
    /// Only these, always.
    #[must_use]
    pub fn only(rules: Arc<Rules>) -> Self {
        Self { first: rules, later: Vec::new() }
    }

    /// These, each from its moment on, milliseconds, in ascending order; none: those that are built in.
    #[must_use]
    pub fn of(pages: Vec<(i64, Arc<Rules>)>) -> Self {
        let mut pages = pages.into_iter();
        let first = pages.next().map_or_else(|| Arc::new(Rules::built_in()), |(_, rules)| rules);
        Self { first, later: pages.collect() }
    }

    /// Those in force at that time.
    #[must_use]
    pub fn at(&self, at_ms: i64) -> InForce<'_> {
        let begun = self.later.partition_point(|(from_ms, _)| *from_ms <= at_ms);
        match begun.checked_sub(1).and_then(|index| self.later.get(index)) {
            Some((since_ms, rules)) => InForce { rules, since_ms: *since_ms },
            None => InForce { rules: &self.first, since_ms: i64::MIN },
        }
    }

    /// When others came into force, in ascending order, milliseconds.
    pub fn changes_ms(&self) -> impl Iterator<Item = i64> {
        self.later.iter().map(|(from_ms, _)| *from_ms)
    }

    /// True where any of those in force within the time listen to motion.
    #[must_use]
    pub fn listens_to_motion(&self, from_ms: i64, to_ms: i64) -> bool {
        let within = self.later.iter().filter(|(at_ms, _)| (from_ms..to_ms).contains(at_ms));
        let mut rules = within.map(|(_, rules)| &**rules).chain([self.at(from_ms).rules]);
        rules.any(Rules::listen_to_motion)
    }
}

/// The rules of all times, `rows`, when `rules` had been in force from `from_ms` to `to_ms`: those of
/// then follow again. Each row begins with other rules than the one before.
#[must_use]
pub fn rewritten(rows: &[RulesRow], rules: &Rules, from_ms: i64, to_ms: i64) -> Vec<RulesRow> {
    let row = |from_ms, rules: &Rules| RulesRow {
        from_ms,
        version: rules.version.clone(),
        text: rules.text().to_owned(),
    };
    let first = rows.first().cloned().unwrap_or_else(|| row(0, &Rules::built_in()));
    let before = rows.iter().take_while(|row| row.from_ms < from_ms).cloned();
    let mut all: Vec<RulesRow> = before.collect();
    if all.is_empty() {
        all.push(RulesRow { from_ms: first.from_ms.min(from_ms - 1), ..first.clone() });
    }
    let then = rows.iter().rfind(|row| row.from_ms <= to_ms).unwrap_or(&first);
    let then = RulesRow { from_ms: to_ms, ..then.clone() };
    let after = rows.iter().filter(|row| row.from_ms > to_ms).cloned();
    all.extend([row(from_ms, rules), then].into_iter().chain(after));
    all.dedup_by(|later, before| later.version == before.version);
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(status: &str) -> Rules {
        let text = format!(
            "format = \"spor-rules/1\"\n[[rule]]\nname = \"a\"\nroom = [\"linen\"]\nstatus = \"{status}\""
        );
        Rules::parse(&text).expect("right")
    }

    fn rows(pages: &[(i64, &str)]) -> Vec<RulesRow> {
        let row = |(from_ms, status): &(i64, &str)| {
            let rules = rules(status);
            let (version, text) = (rules.version.clone(), rules.text().to_owned());
            RulesRow { from_ms: *from_ms, version, text }
        };
        pages.iter().map(row).collect()
    }

    #[test]
    fn rules_of_a_time_are_replaced_and_those_of_then_follow() {
        let then = rows(&[(0, "dirty"), (100, "missing"), (200, "in_use")]);
        let new = |from_ms, to_ms| rewritten(&then, &rules("available"), from_ms, to_ms);
        assert_eq!(
            new(50, 150),
            rows(&[(0, "dirty"), (50, "available"), (150, "missing"), (200, "in_use")])
        );
        assert_eq!(new(100, 200), rows(&[(0, "dirty"), (100, "available"), (200, "in_use")]));
        assert_eq!(
            new(250, 300)[2..],
            rows(&[(200, "in_use"), (250, "available"), (300, "in_use")])
        );
        assert_eq!(new(-10, 50)[..2], rows(&[(-11, "dirty"), (-10, "available")]));
    }

    #[test]
    fn rules_that_are_in_force_already_begin_earlier() {
        let then = rows(&[(0, "dirty"), (100, "in_use")]);
        let new = rewritten(&then, &rules("in_use"), 50, 300);
        assert_eq!(new, rows(&[(0, "dirty"), (50, "in_use")]));
        assert_eq!(rewritten(&then, &rules("dirty"), 50, 80), then);
    }
}
