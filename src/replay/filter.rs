//! Which messages are wanted, by tag and floor. An array is cut down to the elements that are.

use crate::model::{ReaderId, TagId};
use serde::Serialize;
use spor_schemas::{Decoded, InboundTopic, wire};
use std::{borrow::Cow, collections::HashSet};

/// Which messages are wanted; by default all.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// Those about these tags; none: about all.
    pub tags: Option<HashSet<TagId>>,
    /// Those from this floor, as far as they tell one; none: from all.
    pub floor: Option<i16>,
    /// None about these tags.
    pub without: HashSet<TagId>,
}

impl Filter {
    /// What of a message is wanted; none: nothing. `floor_of` tells where a reader hangs. What can't
    /// be read is wanted only where everything is.
    pub fn pass<'a>(
        &self,
        topic: &str,
        payload: &'a [u8],
        floor_of: impl Fn(&ReaderId) -> Option<i16>,
    ) -> Option<Cow<'a, [u8]>> {
        if self.tags.is_none() && self.floor.is_none() && self.without.is_empty() {
            return Some(Cow::Borrowed(payload));
        }
        let topic = InboundTopic::parse(topic).ok()?;
        match (&topic, wire::decode(&topic, payload).ok()?) {
            (InboundTopic::TagStatus(tag), _) => {
                self.wants(tag, None).then_some(Cow::Borrowed(payload))
            }
            (InboundTopic::ReaderSightings(reader), Decoded::Sightings(all)) => {
                let floor = floor_of(reader);
                cut_down(all, payload, |sighting| self.wants(&sighting.tag, floor))
            }
            (InboundTopic::TagPosition(tag), Decoded::Positions(own)) => {
                let floor = own.first().map(|position| position.floor);
                self.wants(tag, floor).then_some(Cow::Borrowed(payload))
            }
            (_, Decoded::Positions(all)) => cut_down(all, payload, |position| {
                position.tag.as_ref().is_some_and(|tag| self.wants(tag, Some(position.floor)))
            }),
            (_, Decoded::Sightings(_) | Decoded::TagStatus(_) | Decoded::ReaderStatus(_)) => {
                Some(Cow::Borrowed(payload))
            }
        }
    }

    fn wants(&self, tag: &TagId, floor: Option<i16>) -> bool {
        self.tags.as_ref().is_none_or(|tags| tags.contains(tag))
            && !self.without.contains(tag)
            && self.floor.is_none_or(|wanted| floor.is_none_or(|floor| floor == wanted))
    }
}

fn cut_down<T: Serialize>(
    mut all: Vec<T>,
    payload: &[u8],
    is_wanted: impl Fn(&T) -> bool,
) -> Option<Cow<'_, [u8]>> {
    let before = all.len();
    all.retain(is_wanted);
    match all.len() {
        0 => None,
        whole if whole == before => Some(Cow::Borrowed(payload)),
        _ => Some(Cow::Owned(wire::to_json(&all))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PUMP: &str = r#"{"tag":"pump","x_m":1.5,"y_m":2.0,"floor":1}"#;
    const BED: &str = r#"{"tag":"bed","x_m":1.0,"y_m":2.0,"floor":2}"#;

    fn tag(name: &str) -> TagId {
        TagId::new(name).expect("valid")
    }

    fn passed(filter: &Filter, topic: &str, payload: &str) -> Option<String> {
        let on_floor_2 = |_: &ReaderId| Some(2);
        let passed = filter.pass(topic, payload.as_bytes(), on_floor_2)?;
        Some(String::from_utf8(passed.into_owned()).expect("JSON"))
    }

    #[test]
    fn an_array_is_cut_down_to_the_tags_that_are_wanted() {
        let topic = "spor/v1/engines/e/positions";
        let both = format!("[{PUMP},{BED}]");
        let filter = Filter { tags: Some([tag("bed")].into()), ..Filter::default() };
        let some = passed(&filter, topic, &both).expect("the bed");
        assert!(some.contains("bed") && !some.contains("pump"), "{some}");
        assert_eq!(passed(&filter, topic, &format!("[{PUMP}]")), None);
        let all = Filter::default();
        assert_eq!(passed(&all, topic, &both), Some(both.clone()));
        assert_eq!(passed(&all, topic, "what is this"), Some("what is this".to_owned()));
        let without = Filter { without: [tag("pump")].into(), ..Filter::default() };
        assert_eq!(passed(&without, topic, &both), Some(some));
    }

    #[test]
    fn a_floor_is_that_of_the_fix_or_of_the_reader() {
        let filter = Filter { floor: Some(2), ..Filter::default() };
        assert_eq!(passed(&filter, "spor/v1/tags/pump/position", PUMP), None);
        assert!(passed(&filter, "spor/v1/tags/bed/position", BED).is_some());
        let sighting = r#"[{"tag":"bed","rssi_dbm":-60.0}]"#;
        assert!(passed(&filter, "spor/v1/readers/r/sightings", sighting).is_some());
        let other = Filter { floor: Some(0), ..Filter::default() };
        assert_eq!(passed(&other, "spor/v1/readers/r/sightings", sighting), None);
        assert!(passed(&other, "spor/v1/tags/bed/status", r#"{"battery_pct":7}"#).is_some());
    }
}
