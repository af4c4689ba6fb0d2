//! Where everything is now. The pipeline puts states in; pages and the API read them, whole or
//! as what changed since a version. A state that is read is always complete, and a reader that
//! is slow gets the newest state of each tag, never a queue.

mod map;
mod readers;
mod state;

use crate::model::Hands;
pub use map::{Changes, TagMap};
pub use readers::ReaderMap;
pub use state::{Place, TagState};
use std::sync::Arc;
use tokio::sync::watch;

/// What is known now of every tag. A badge is in `people` and nowhere else.
#[derive(Debug, Default)]
pub struct Live {
    /// The tags that no person wears.
    pub tags: TagMap,
    /// The tags that persons wear.
    pub people: TagMap,
    /// What readers said of themselves.
    pub readers: ReaderMap,
    /// What holds by hand.
    pub by_hand: watch::Sender<ByHandNow>,
}

/// What holds by hand after a record of the journal.
#[derive(Debug, Clone, Default)]
pub struct ByHandNow {
    /// The sequence of the newest such record that was folded.
    pub through: u64,
    /// What holds.
    pub hands: Arc<Hands>,
}

impl Live {
    /// An empty picture.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }
}
