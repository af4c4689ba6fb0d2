//! What readers last said of themselves: online or offline, and since when.

use crate::model::ReaderId;
use std::{
    collections::BTreeMap,
    sync::{PoisonError, RwLock},
};

/// The newest report of each reader that ever made one.
#[derive(Debug, Default)]
pub struct ReaderMap(RwLock<BTreeMap<ReaderId, Said>>);

#[derive(Debug, Clone, Copy)]
struct Said {
    online: bool,
    since_ms: i64,
    newest_ms: i64,
}

impl ReaderMap {
    /// A reader said that it is online or offline, by event time in milliseconds. An older report than
    /// the newest changes nothing.
    pub fn said(&self, reader: &ReaderId, time_ms: i64, online: bool) {
        let mut readers = self.0.write().unwrap_or_else(PoisonError::into_inner);
        match readers.get_mut(reader) {
            Some(held) if time_ms < held.newest_ms => {}
            Some(held) => {
                let since_ms = if held.online == online { held.since_ms } else { time_ms };
                *held = Said { online, since_ms, newest_ms: time_ms };
            }
            None => {
                let said = Said { online, since_ms: time_ms, newest_ms: time_ms };
                readers.insert(reader.clone(), said);
            }
        }
    }

    /// Since when a reader is offline, milliseconds; none: it isn't, as far as anybody knows.
    #[must_use]
    pub fn offline_since(&self, reader: &ReaderId) -> Option<i64> {
        let readers = self.0.read().unwrap_or_else(PoisonError::into_inner);
        readers.get(reader).filter(|said| !said.online).map(|said| said.since_ms)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reader_is_offline_since_it_first_said_so() {
        let (readers, gate) = (ReaderMap::default(), ReaderId::new("gate").expect("an id"));
        assert_eq!(readers.offline_since(&gate), None, "it never said a word");
        readers.said(&gate, 1_000, false);
        readers.said(&gate, 2_000, false);
        assert_eq!(readers.offline_since(&gate), Some(1_000));
        readers.said(&gate, 3_000, true);
        readers.said(&gate, 2_500, false);
        assert_eq!(readers.offline_since(&gate), None, "what comes late changes nothing");
    }
}
