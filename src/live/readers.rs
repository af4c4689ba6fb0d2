//! What readers last said of themselves, online or offline and since when, and when they were last heard.

use crate::model::ReaderId;
use std::{
    collections::BTreeMap,
    sync::{PoisonError, RwLock},
};

/// The newest report of each reader that ever made one, and the newest message of each.
#[derive(Debug, Default)]
pub struct ReaderMap {
    said: RwLock<BTreeMap<ReaderId, Said>>,
    /// When the newest message of each was received, milliseconds.
    heard: RwLock<BTreeMap<ReaderId, i64>>,
}

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
        let mut readers = self.said.write().unwrap_or_else(PoisonError::into_inner);
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

    /// A message of a reader was received, milliseconds.
    pub fn heard(&self, reader: &ReaderId, received_ms: i64) {
        let mut heard = self.heard.write().unwrap_or_else(PoisonError::into_inner);
        match heard.get_mut(reader) {
            Some(newest_ms) => *newest_ms = received_ms.max(*newest_ms),
            None => {
                heard.insert(reader.clone(), received_ms);
            }
        }
    }

    /// When the newest message of each reader was received, milliseconds.
    #[must_use]
    pub fn last_heard(&self) -> Vec<(ReaderId, i64)> {
        let heard = self.heard.read().unwrap_or_else(PoisonError::into_inner);
        heard.iter().map(|(reader, at_ms)| (reader.clone(), *at_ms)).collect()
    }

    /// Since when a reader is offline, milliseconds; none: it isn't, as far as anybody knows.
    #[must_use]
    pub fn offline_since(&self, reader: &ReaderId) -> Option<i64> {
        let readers = self.said.read().unwrap_or_else(PoisonError::into_inner);
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

    #[test]
    fn a_reader_was_heard_when_its_newest_message_came() {
        let (readers, gate) = (ReaderMap::default(), ReaderId::new("gate").expect("an id"));
        readers.heard(&gate, 2_000);
        readers.heard(&gate, 1_000);
        assert_eq!(readers.last_heard(), [(gate, 2_000)]);
    }
}
