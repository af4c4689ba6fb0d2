//! What is behind the front door: the place where admitted messages are kept. The broker knows
//! three things of it: how to hand over, how far it has come, and whether it takes more.

use crate::model::Arrival;
use std::sync::Arc;
use tokio::sync::watch;

/// Puts a batch in order behind all earlier ones and returns the ticket of its last message.
/// Tickets only grow. It never waits.
pub type Append = Arc<dyn Fn(Vec<Arrival>) -> u64 + Send + Sync>;

/// Takes what was admitted. A message is acknowledged once `durable` has reached its ticket; while
/// `room` is false nothing more is appended: QoS 0 is dropped and counted, QoS 1 waits.
#[derive(Clone)]
pub struct Door {
    /// Hands a batch over.
    pub append: Append,
    /// The newest ticket that may be acknowledged, and with it all smaller ones.
    pub durable: watch::Receiver<u64>,
    /// False while nothing more must be appended.
    pub room: watch::Receiver<bool>,
}

impl Door {
    /// True while batches may be appended.
    pub(super) fn has_room(&self) -> bool {
        *self.room.borrow()
    }
}
