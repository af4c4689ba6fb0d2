//! What should stand ready where.

use serde::{Deserialize, Serialize};
use spor_schemas::{ClassId, WardId};

/// Most assets that a level may ask for.
const MOST: u32 = 100_000;

/// How many of a class should stand ready in a ward.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ParLevel {
    /// The class of assets.
    pub class: ClassId,
    /// The ward in whose rooms they should be.
    pub ward: WardId,
    /// Fewer available ones are a shortage.
    pub target: u32,
    /// Fewer than this are a grave one; at most `target`.
    pub critical: u32,
}

impl ParLevel {
    /// What is wrong with its numbers, in words; none: nothing.
    #[must_use]
    pub fn fault(&self) -> Option<String> {
        if self.critical > self.target {
            return Some("critical must be at most target".to_owned());
        }
        (self.target > MOST).then(|| format!("target must be at most {MOST}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_critical_level_above_the_target_is_a_fault() {
        let par = |target, critical| ParLevel {
            class: "bed".parse().expect("valid"),
            ward: "C1".parse().expect("valid"),
            target,
            critical,
        };
        assert_eq!(par(4, 4).fault(), None);
        assert!(par(4, 5).fault().is_some() && par(MOST + 1, 0).fault().is_some());
    }
}
