//! PUBLISH packets into batches for the door, and back from it the acknowledgements. Each topic is
//! checked the first time that a connection uses it; a message is acknowledged when the door says
//! that it is durable, and never before.

use super::{
    Shared,
    connection::Connection,
    end::End,
    frame::{Frame, Publish},
    handshake::Will,
    permission::valid_topic,
};
use crate::model::Arrival;
use bytes::BytesMut;
use std::{
    collections::VecDeque,
    sync::{Arc, PoisonError},
    time::Duration,
};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    sync::watch,
    time::Instant,
};

/// Topics of one connection that are known to be allowed; forgotten all at once when full.
const KNOWN_TOPICS: usize = 1024;
/// Pause of a client that waits for others' acknowledgements.
const LOOK_AGAIN: Duration = Duration::from_millis(10);

/// What one read of the socket brought.
#[derive(Default)]
pub(super) struct Batch {
    arrivals: Vec<Arrival>,
    /// Packet ids to acknowledge when the batch is durable.
    ids: Vec<u16>,
    /// The payloads of one read share one allocation, apart from the read buffer.
    payloads: BytesMut,
}

/// Why a connection's socket is not read for a while. Its client's silence then says nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Held {
    /// As many messages as it may have are not acknowledged yet.
    InFlight,
    /// As many messages as all clients together may have are not acknowledged yet.
    TotalInFlight(Instant),
    /// There is no room behind the door for its message at QoS 1.
    Journal,
    /// It sent more a second than it may, until then.
    Rate(Instant),
    /// All clients together did.
    TotalRate(Instant),
}

impl Held {
    fn reason(self) -> &'static str {
        match self {
            Self::InFlight => "in_flight",
            Self::TotalInFlight(_) => "total_in_flight",
            Self::Journal => "journal",
            Self::Rate(_) => "rate",
            Self::TotalRate(_) => "total_rate",
        }
    }

    /// When to go on; none: when something else has happened.
    pub(super) fn until(self) -> Option<Instant> {
        match self {
            Self::TotalInFlight(until) | Self::Rate(until) | Self::TotalRate(until) => Some(until),
            Self::InFlight | Self::Journal => None,
        }
    }
}

/// What was appended and not acknowledged yet, oldest first.
pub(super) struct Pending {
    batches: VecDeque<(u64, Vec<u16>)>,
    /// Messages in `batches`.
    messages: usize,
    durable: watch::Receiver<u64>,
    shared: Arc<Shared>,
}

impl Pending {
    pub(super) fn new(shared: &Arc<Shared>) -> Self {
        let (durable, shared) = (shared.door.durable.clone(), Arc::clone(shared));
        Self { batches: VecDeque::new(), messages: 0, durable, shared }
    }

    fn add(&mut self, ticket: u64, ids: Vec<u16>) {
        self.messages += ids.len();
        self.shared.bounds.in_flight.add(ids.len());
        self.batches.push_back((ticket, ids));
    }

    /// Resolves when the oldest batch is durable, never while there is none; an error when the
    /// door is gone. Safe to cancel.
    pub(super) async fn next(&mut self) -> Result<(), watch::error::RecvError> {
        match self.batches.front() {
            Some(&(ticket, _)) => {
                self.durable.wait_for(|durable| *durable >= ticket).await.map(drop)
            }
            None => std::future::pending().await,
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.batches.is_empty()
    }

    /// Takes the ids that may be acknowledged now.
    fn durable(&mut self) -> impl Iterator<Item = u16> + use<> {
        let durable = *self.durable.borrow();
        let ready = self.batches.partition_point(|(ticket, _)| *ticket <= durable);
        let ready: Vec<_> = self.batches.drain(..ready).collect();
        let count = ready.iter().map(|(_, ids)| ids.len()).sum::<usize>();
        self.messages -= count;
        self.shared.bounds.in_flight.remove(count);
        ready.into_iter().flat_map(|(_, ids)| ids)
    }
}

impl Drop for Pending {
    fn drop(&mut self) {
        self.shared.bounds.in_flight.remove(self.messages);
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Connection<S> {
    /// Takes a PUBLISH into the batch; or says why the connection must wait before it can.
    pub(super) fn take_publish(
        &mut self,
        frame: &Frame<'_>,
        read: usize,
    ) -> Result<Option<Held>, End> {
        let publish = match frame.publish() {
            Ok(publish) => publish,
            Err(error) => {
                self.shared.refusals.publish(self.peer, &self.client.id, b"", error.reason());
                return Err(error.into());
            }
        };
        let topic = match self.topics.get(publish.topic) {
            Some(topic) => Arc::clone(topic),
            None => self.learn_topic(publish.topic)?,
        };
        if self.batch.arrivals.is_empty() && !self.shared.door.has_room() {
            if publish.packet_id.is_some() {
                return Ok(Some(Held::Journal));
            }
            dropped();
            return Ok(None);
        }
        let max = self.shared.config.max_in_flight.max(1);
        if publish.packet_id.is_some() && self.pending.messages + self.batch.ids.len() >= max {
            return Ok(Some(Held::InFlight));
        }
        if publish.packet_id.is_some() && self.shared.bounds.in_flight.is_full() {
            // Others' acknowledgements make room, and nothing tells of them.
            return Ok(Some(Held::TotalInFlight(Instant::now() + LOOK_AGAIN)));
        }
        self.put_in_batch(publish, topic, read);
        if self.batch.arrivals.len() >= max {
            self.append();
        }
        Ok(None)
    }

    fn put_in_batch(&mut self, publish: Publish<'_>, topic: Arc<str>, read: usize) {
        let batch = &mut self.batch;
        if batch.payloads.capacity() < publish.payload.len() {
            batch.payloads.reserve(read.max(publish.payload.len()));
        }
        batch.payloads.extend_from_slice(publish.payload);
        let payload = batch.payloads.split().freeze();
        batch.arrivals.push(Arrival { source: Arc::clone(&self.client.id), topic, payload });
        batch.ids.extend(publish.packet_id);
    }

    /// Checks a topic that this connection has not used before.
    fn learn_topic(&mut self, bytes: &[u8]) -> Result<Arc<str>, End> {
        let refused = |reason| {
            self.shared.refusals.publish(self.peer, &self.client.id, bytes, reason);
            End::Refused(reason)
        };
        let topic = valid_topic(bytes).ok_or_else(|| refused("bad_topic"))?;
        if !self.client.access.may_publish(topic) {
            return Err(refused("not_permitted"));
        }
        if self.client.access.is_engineer() {
            tracing::info!(client = &*self.client.id, topic, "an engineer publishes");
        }
        if self.topics.len() >= KNOWN_TOPICS {
            self.topics.clear();
        }
        let topic: Arc<str> = topic.into();
        self.topics.insert(bytes.into(), Arc::clone(&topic));
        Ok(topic)
    }

    /// Appends the batch.
    pub(super) fn append(&mut self) {
        if self.batch.arrivals.is_empty() {
            return;
        }
        self.batch.payloads = BytesMut::new();
        let arrivals = std::mem::take(&mut self.batch.arrivals);
        metrics::counter!("spor_messages_received_total", "source" => "mqtt")
            .increment(arrivals.len() as u64);
        let ticket = (self.shared.door.append)(arrivals);
        if !self.batch.ids.is_empty() {
            let ids = std::mem::take(&mut self.batch.ids);
            self.pending.add(ticket, ids);
        }
    }

    /// Puts the acknowledgements into the output that are due, in order.
    pub(super) fn acknowledge(&mut self) {
        if self.pending.is_empty() {
            return;
        }
        let mut count = 0;
        for id in self.pending.durable() {
            self.wire.put_pub_ack(id);
            count += 1;
        }
        metrics::counter!("spor_messages_acknowledged_total").increment(count);
    }

    /// Counts what was read against the rates; over them the socket is read later.
    pub(super) fn meter(&mut self, packets: u64, bytes: usize) {
        let (now, bytes) = (Instant::now(), bytes as u64);
        let own = self.meter.take(packets, bytes, now);
        let meter = &self.shared.bounds.meter;
        let total = meter.lock().unwrap_or_else(PoisonError::into_inner).take(packets, bytes, now);
        // Another reason stands, and the debt with it.
        if self.held.is_none() {
            if own > now {
                self.hold(Held::Rate(own));
            } else if total > now {
                self.hold(Held::TotalRate(total));
            }
        }
    }

    /// No longer reads the socket, until what it waits for has come.
    pub(super) fn hold(&mut self, held: Held) {
        self.held = Some(held);
        metrics::counter!("spor_reads_paused_total", "reason" => held.reason()).increment(1);
        if held == Held::Journal {
            metrics::counter!("spor_queue_full_total", "queue" => "door").increment(1);
        }
    }
}

/// Publishes the will. While there is no room one at QoS 1 waits, and its client's place with it:
/// were the client let in first, its will would contradict what it says now.
pub(super) async fn publish_will(will: Will, shared: &Shared) {
    let door = &shared.door;
    if !door.has_room() && !will.waits {
        return dropped();
    }
    let mut has_room = door.room.clone();
    tokio::select! {
        biased;
        () = room(&mut has_room) => {
            metrics::counter!("spor_messages_received_total", "source" => "mqtt").increment(1);
            (door.append)(vec![will.message]);
        }
        () = shared.stop.cancelled() => {}
    }
}

/// Resolves when there is room behind the door. Safe to cancel.
pub(super) async fn room(room: &mut watch::Receiver<bool>) {
    if room.wait_for(|room| *room).await.is_err() {
        // The door is gone: whoever waits is ended by the stop.
        std::future::pending::<()>().await;
    }
}

fn dropped() {
    metrics::counter!("spor_messages_dropped_total", "reason" => "journal").increment(1);
}
