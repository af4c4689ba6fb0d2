//! What the outside broker sent at QoS 1 and has no acknowledgement for yet: first it may wait for
//! room behind the door, then for the disk, then it is due. Nothing here outlives its connection,
//! because the broker sends all of it again on the next.

use crate::model::Arrival;
use std::collections::VecDeque;

/// Payload bytes that may wait for room; with more the broker is not listened to.
const MAX_WAITING_BYTES: usize = 64 * 1024 * 1024;

/// The messages of one connection, in the order of their arrival.
#[derive(Debug, Default)]
pub(super) struct Unacknowledged {
    /// Messages that no room was found for, with their packet ids; at QoS 0 there is none.
    waiting: Vec<Arrival>,
    waiting_ids: Vec<u16>,
    waiting_bytes: usize,
    /// Appended and not yet durable: ticket, packet ids.
    appended: VecDeque<(u64, Vec<u16>)>,
    /// Packet ids in `appended`.
    in_doubt: usize,
    /// To be acknowledged now.
    due: VecDeque<u16>,
}

impl Unacknowledged {
    /// Takes a message, which is appended at the next [`append`](Self::append).
    pub(super) fn take(&mut self, arrival: Arrival, packet_id: Option<u16>) {
        self.waiting_bytes += arrival.payload.len();
        self.waiting.push(arrival);
        self.waiting_ids.extend(packet_id);
    }

    /// A message that will not be kept, so that the broker need not keep it either. It is
    /// acknowledged after everything that came before it.
    pub(super) fn refuse(&mut self, packet_id: u16) {
        // Brokers count a message whose acknowledgement overtakes others as a fault of the client.
        if !self.waiting_ids.is_empty() {
            self.waiting_ids.push(packet_id);
        } else if let Some((_, ids)) = self.appended.back_mut() {
            ids.push(packet_id);
            self.in_doubt += 1;
        } else {
            self.due.push_back(packet_id);
        }
    }

    /// Hands what waits to `append`, which returns its ticket.
    pub(super) fn append(&mut self, append: impl FnOnce(Vec<Arrival>) -> u64) {
        if self.waiting.is_empty() {
            return;
        }
        let ticket = append(std::mem::take(&mut self.waiting));
        self.waiting_bytes = 0;
        if !self.waiting_ids.is_empty() {
            let ids = std::mem::take(&mut self.waiting_ids);
            self.in_doubt += ids.len();
            self.appended.push_back((ticket, ids));
        }
    }

    /// Everything up to ticket `durable` is on disk.
    pub(super) fn durable(&mut self, durable: u64) {
        let ready = self.appended.partition_point(|(ticket, _)| *ticket <= durable);
        for (_, ids) in self.appended.drain(..ready) {
            self.in_doubt -= ids.len();
            self.due.extend(ids);
        }
    }

    /// The next packet id that may be acknowledged.
    pub(super) fn next_due(&mut self) -> Option<u16> {
        self.due.pop_front()
    }

    /// The oldest ticket that acknowledgements wait for.
    pub(super) fn oldest_ticket(&self) -> Option<u64> {
        self.appended.front().map(|(ticket, _)| *ticket)
    }

    /// True while messages wait for room.
    pub(super) fn waits_for_room(&self) -> bool {
        !self.waiting.is_empty()
    }

    /// True when no more may be taken: `max` messages are neither durable nor due.
    pub(super) fn is_full(&self, max: usize) -> bool {
        self.waiting.len() + self.in_doubt >= max || self.waiting_bytes >= MAX_WAITING_BYTES
    }

    /// True when nothing is owed to the broker.
    pub(super) fn is_settled(&self) -> bool {
        self.waiting_ids.is_empty() && self.appended.is_empty() && self.due.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn arrival() -> Arrival {
        Arrival { source: "b".into(), topic: "t".into(), payload: vec![0; 10].into() }
    }

    fn due(unacknowledged: &mut Unacknowledged) -> Vec<u16> {
        std::iter::from_fn(|| unacknowledged.next_due()).collect()
    }

    #[test]
    fn nothing_is_due_before_its_ticket_is_durable() {
        let mut messages = Unacknowledged::default();
        messages.take(arrival(), Some(1));
        messages.take(arrival(), None);
        messages.durable(100);
        assert!(due(&mut messages).is_empty(), "it is not even appended");
        messages.append(|batch| batch.len() as u64);
        messages.take(arrival(), Some(2));
        messages.append(|_| 3);
        messages.durable(1);
        assert!(due(&mut messages).is_empty());
        messages.durable(2);
        assert_eq!(due(&mut messages), [1]);
        assert!(!messages.is_settled());
        messages.durable(3);
        assert_eq!(due(&mut messages), [2]);
        assert!(messages.is_settled());
    }

    #[test]
    fn a_refused_message_is_acknowledged_in_its_turn() {
        let mut messages = Unacknowledged::default();
        messages.refuse(1);
        assert_eq!(due(&mut messages), [1]);
        messages.take(arrival(), Some(2));
        messages.refuse(3);
        messages.append(|_| 5);
        messages.refuse(4);
        assert!(due(&mut messages).is_empty());
        messages.durable(5);
        assert_eq!(due(&mut messages), [2, 3, 4]);
        assert!(messages.is_settled());
    }

    #[test]
    fn it_is_full_by_number_and_by_bytes() {
        let mut messages = Unacknowledged::default();
        messages.take(arrival(), Some(1));
        assert!(!messages.is_full(2));
        messages.append(|_| 1);
        messages.take(arrival(), Some(2));
        assert!(messages.is_full(2), "what waits for room and for the disk counts together");
        messages.durable(1);
        assert!(!messages.is_full(2));
        let payload = vec![0; MAX_WAITING_BYTES].into();
        messages.take(Arrival { payload, ..arrival() }, Some(3));
        assert!(messages.is_full(1_000));
    }

    proptest! {
        #[test]
        fn acknowledgements_come_in_order_each_once_and_none_too_early(
            steps in prop::collection::vec((0u8..4, 0u64..4), 1..200)
        ) {
            let mut messages = Unacknowledged::default();
            let (mut id, mut ticket, mut durable) = (0u16, 0u64, 0u64);
            let (mut tickets, mut unsent) = (Vec::<u64>::new(), 0);
            let mut acknowledged = Vec::new();
            for (step, by) in steps {
                match step {
                    0 => {
                        messages.take(arrival(), Some(id));
                        (id, unsent) = (id + 1, unsent + 1);
                    }
                    1 => {
                        messages.append(|batch| { ticket += batch.len() as u64; ticket });
                        tickets.extend(std::iter::repeat_n(ticket, unsent));
                        unsent = 0;
                    }
                    2 => {
                        durable = (durable + by).min(ticket);
                        messages.durable(durable);
                    }
                    _ => acknowledged.extend(messages.next_due()),
                }
            }
            acknowledged.extend(due(&mut messages));
            let in_order: Vec<u16> = (0..id).take(acknowledged.len()).collect();
            prop_assert_eq!(&acknowledged, &in_order);
            for id in acknowledged {
                prop_assert!(tickets[usize::from(id)] <= durable);
            }
        }
    }
}
