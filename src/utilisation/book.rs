//! Which rules were in force when.

use super::{rules::Rules, status::InForce};
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
}
