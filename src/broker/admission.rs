//! PUBLISH packets into batches for the door. Each topic is checked the first time that a
//! connection uses it; a batch is acknowledged after the door took it, and never before.

use super::{
    connection::{Connection, End},
    frame::Frame,
    permission::valid_topic,
};
use crate::model::Arrival;
use bytes::BytesMut;
use std::sync::Arc;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    sync::mpsc::error::TrySendError,
};

/// Topics of one connection that are known to be allowed; forgotten all at once when full.
const KNOWN_TOPICS: usize = 1024;

/// What one read of the socket brought.
#[derive(Default)]
pub(super) struct Batch {
    pub(super) arrivals: Vec<Arrival>,
    /// Packet ids to acknowledge when the door has taken the batch.
    acks: Vec<u16>,
    /// The payloads of one read share one allocation, apart from the read buffer.
    payloads: BytesMut,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Connection<S> {
    pub(super) fn take_publish(&mut self, frame: &Frame<'_>, read: usize) -> Result<(), End> {
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
        let batch = &mut self.batch;
        if batch.payloads.capacity() < publish.payload.len() {
            batch.payloads.reserve(read.max(publish.payload.len()));
        }
        batch.payloads.extend_from_slice(publish.payload);
        let payload = batch.payloads.split().freeze();
        batch.arrivals.push(Arrival { source: Arc::clone(&self.client.id), topic, payload });
        batch.acks.extend(publish.packet_id);
        Ok(())
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

    /// Hands the batch to the door, waiting while it is full, and then acknowledges it.
    pub(super) async fn admit(&mut self) -> Result<(), End> {
        if self.batch.arrivals.is_empty() {
            return Ok(());
        }
        self.batch.payloads = BytesMut::new();
        let arrivals = std::mem::take(&mut self.batch.arrivals);
        let count = arrivals.len() as u64;
        match self.shared.door.try_send(arrivals) {
            Ok(()) => {}
            Err(TrySendError::Closed(_)) => return Err(End::Stopped),
            Err(TrySendError::Full(arrivals)) => {
                metrics::counter!("spor_queue_full_total", "queue" => "door").increment(1);
                self.flush().await?;
                tokio::select! {
                    biased;
                    room = self.shared.door.reserve() => match room {
                        Ok(room) => room.send(arrivals),
                        Err(_) => return Err(End::Stopped),
                    },
                    () = self.place.kick.cancelled() => return Err(End::TakenOver),
                    () = self.shared.stop.cancelled() => return Err(End::Stopped),
                }
            }
        }
        metrics::counter!("spor_messages_received_total", "source" => "mqtt").increment(count);
        let acknowledged = self.batch.acks.len() as u64;
        for id in self.batch.acks.drain(..) {
            self.wire.put_pub_ack(id);
        }
        metrics::counter!("spor_messages_acknowledged_total").increment(acknowledged);
        Ok(())
    }
}
