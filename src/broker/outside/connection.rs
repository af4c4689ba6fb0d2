//! One connection to the outside broker, from its CONNECT to its end. What comes is appended in
//! order and acknowledged, in that order, once it is durable. While there is no room behind the
//! door, or too much is unacknowledged, the broker is not listened to and keeps what it has.

use super::{
    super::publisher::dropped, Door, status, status::Trouble, unacknowledged::Unacknowledged,
};
use crate::{broker::permission::valid_topic, model::Arrival};
use futures_util::{FutureExt as _, Stream, StreamExt as _, stream};
use rumqttc::{
    AsyncClient, ConnectionError, Event, EventLoop, MqttOptions, Outgoing, Packet, Publish, QoS,
    SubscribeFilter, SubscribeReasonCode,
};
use std::{collections::HashSet, pin::Pin, sync::Arc, time::Duration};
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;

/// What devices publish, as the broker's clients do at Spor's own front door.
pub(super) const FILTERS: [&str; 5] = [
    "spor/v1/tags/+/position",
    "spor/v1/tags/+/status",
    "spor/v1/engines/+/positions",
    "spor/v1/readers/+/sightings",
    "spor/v1/readers/+/status",
];
/// Messages that are appended at a time.
const BATCH: usize = 512;
/// Acknowledgements, and events, that are handed to the client ahead of the socket.
const AHEAD: usize = 256;
/// What the client's queue of requests must hold at most: it is never found full.
const REQUESTS: usize = 2 * AHEAD + 2;
/// Longest time to connect, and to write.
const NETWORK_TIMEOUT_S: u64 = 10;
/// How long a stop waits for acknowledgements that are owed.
const LEAVE_WITHIN: Duration = Duration::from_secs(2);

type Link = Pin<Box<dyn Stream<Item = Result<Event, ConnectionError>> + Send>>;

/// What outlives a connection.
pub(super) struct Around<'a> {
    pub(super) door: &'a Door,
    pub(super) events: &'a mut mpsc::Receiver<(String, Vec<u8>)>,
    pub(super) status: &'a mut status::Status,
    pub(super) source: &'a Arc<str>,
    pub(super) max_in_flight: usize,
    pub(super) max_payload: usize,
}

/// Why a connection is over.
pub(super) enum Ended {
    Stopped,
    Failed(Trouble),
}

impl From<ConnectionError> for Ended {
    fn from(error: ConnectionError) -> Self {
        Self::Failed(Trouble::of(&error))
    }
}

/// Connects, listens and publishes until it fails or is stopped.
pub(super) async fn serve(
    options: MqttOptions,
    around: Around<'_>,
    stop: &CancellationToken,
) -> Ended {
    let (client, mut events) = AsyncClient::new(options, REQUESTS);
    let mut network = events.network_options();
    network.set_tcp_nodelay(true);
    network.set_connection_timeout(NETWORK_TIMEOUT_S);
    events.set_network_options(network);
    let mut connection = Connection {
        client,
        around,
        messages: Unacknowledged::default(),
        acks_ahead: 0,
        events_ahead: 0,
        hears: false,
        said: HashSet::new(),
    };
    let mut link = link(events);
    let ended = tokio::select! {
        ended = connection.run(&mut link) => ended,
        () = stop.cancelled() => Ended::Stopped,
    };
    if matches!(ended, Ended::Stopped) {
        let _ = tokio::time::timeout(LEAVE_WITHIN, connection.leave(&mut link)).await;
    }
    dropped("outside_away", connection.events_ahead as u64);
    ended
}

/// The client's events as a stream, because a poll that is begun must not be given up: what it was
/// writing would be lost.
fn link(events: EventLoop) -> Link {
    Box::pin(stream::unfold(events, |mut events| async move {
        let polled = events.poll().await;
        Some((polled, events))
    }))
}

struct Connection<'a> {
    client: AsyncClient,
    around: Around<'a>,
    messages: Unacknowledged,
    /// Acknowledgements and events that the client has not written yet.
    acks_ahead: usize,
    events_ahead: usize,
    /// True when the broker has granted every subscription.
    hears: bool,
    /// Reasons of refusal that were logged on this connection.
    said: HashSet<&'static str>,
}

impl Connection<'_> {
    async fn run(&mut self, link: &mut Link) -> Ended {
        let mut durable = self.around.door.durable.clone();
        let mut has_room = self.around.door.room.clone();
        loop {
            self.acknowledge();
            let full = self.messages.is_full(self.around.max_in_flight);
            let listens = !full || self.acks_ahead + self.events_ahead > 0;
            tokio::select! {
                event = link.next(), if listens => {
                    if let Err(ended) = self.take_batch(event, link) {
                        return ended;
                    }
                }
                known = durable_up_to(&mut durable, self.messages.oldest_ticket()) => match known {
                    Ok(ticket) => self.messages.durable(ticket),
                    Err(_) => return Ended::Stopped,
                },
                room = has_room.wait_for(|room| *room), if self.messages.waits_for_room() => {
                    if room.is_err() {
                        return Ended::Stopped;
                    }
                    drop(room);
                    self.append();
                }
                event = self.around.events.recv(), if self.hears && self.events_ahead < AHEAD => {
                    if let Some((topic, payload)) = event {
                        self.publish(topic, payload);
                    }
                }
            }
        }
    }

    /// Takes an event and those that are there already, and appends what they brought.
    fn take_batch(
        &mut self,
        first: Option<Result<Event, ConnectionError>>,
        link: &mut Link,
    ) -> Result<(), Ended> {
        let mut next = first;
        let mut taken = 0;
        while let Some(event) = next {
            self.take(event?);
            taken += 1;
            if taken >= BATCH || self.messages.is_full(self.around.max_in_flight) {
                break;
            }
            next = link.next().now_or_never().flatten();
        }
        self.append();
        Ok(())
    }

    fn take(&mut self, event: Event) {
        match event {
            Event::Incoming(Packet::ConnAck(_)) => {
                let filters = FILTERS.map(|f| SubscribeFilter::new(f.to_owned(), QoS::AtLeastOnce));
                // Also in a session that the broker kept: it may have been made by another version.
                let _ = self.client.try_subscribe_many(filters);
            }
            Event::Incoming(Packet::SubAck(answer)) => self.heard(&answer.return_codes),
            Event::Incoming(Packet::Publish(publish)) => self.admit(publish),
            Event::Outgoing(Outgoing::PubAck(_)) => {
                self.acks_ahead = self.acks_ahead.saturating_sub(1);
                metrics::counter!("spor_messages_acknowledged_total").increment(1);
            }
            Event::Outgoing(Outgoing::Publish(_)) => {
                self.events_ahead = self.events_ahead.saturating_sub(1);
            }
            _ => {}
        }
    }

    /// Which subscriptions the broker granted.
    fn heard(&mut self, codes: &[SubscribeReasonCode]) {
        let granted = SubscribeReasonCode::Success(QoS::AtLeastOnce);
        let refused = FILTERS.iter().enumerate().find(|(i, _)| codes.get(*i) != Some(&granted));
        match refused {
            None => {
                self.hears = true;
                self.around.status.well();
            }
            Some((_, filter)) => {
                let detail = format!("no subscription at QoS 1 to {filter}");
                self.around.status.wrong(Trouble::NotHeard(detail));
            }
        }
    }

    /// Takes a message, or says why it is none of Spor's; such a one is acknowledged all the same,
    /// so that the broker does not offer it for ever.
    fn admit(&mut self, publish: Publish) {
        let packet_id = (publish.qos != QoS::AtMostOnce).then_some(publish.pkid);
        if let Some(reason) = unfit(&publish, self.around.max_payload) {
            metrics::counter!("spor_publishes_refused_total", "reason" => reason).increment(1);
            if self.said.insert(reason) {
                let topic: String = publish.topic.chars().take(120).collect();
                tracing::warn!(?topic, reason, "message of the outside broker refused");
            }
            if let Some(id) = packet_id {
                self.messages.refuse(id);
            }
            return;
        }
        if packet_id.is_none() && !self.around.door.has_room() {
            metrics::counter!("spor_messages_dropped_total", "reason" => "journal").increment(1);
            return;
        }
        let arrival = Arrival {
            source: Arc::clone(self.around.source),
            topic: publish.topic.into(),
            payload: publish.payload,
        };
        self.messages.take(arrival, packet_id);
    }

    /// Hands over what waits, if there is room.
    fn append(&mut self) {
        if self.messages.waits_for_room() && self.around.door.has_room() {
            let append = &self.around.door.append;
            self.messages.append(|batch| {
                metrics::counter!("spor_messages_received_total", "source" => "outside")
                    .increment(batch.len() as u64);
                append(batch)
            });
        }
    }

    fn acknowledge(&mut self) {
        while self.acks_ahead < AHEAD {
            let Some(id) = self.messages.next_due() else { return };
            // The client acknowledges by packet id; the rest of the message is long gone.
            let mut message = Publish::new("", QoS::AtLeastOnce, Vec::new());
            message.pkid = id;
            if self.client.try_ack(&message).is_ok() {
                self.acks_ahead += 1;
            }
        }
    }

    /// Events are best effort, and QoS 0 needs no packet id that could be left unanswered.
    fn publish(&mut self, topic: String, payload: Vec<u8>) {
        if self.client.try_publish(topic, QoS::AtMostOnce, false, payload).is_ok() {
            self.events_ahead += 1;
        }
    }

    /// Acknowledges what was appended and becomes durable in time, and says goodbye. What is not
    /// acknowledged comes again after the next start.
    async fn leave(&mut self, link: &mut Link) {
        let mut durable = self.around.door.durable.clone();
        loop {
            self.acknowledge();
            if self.messages.is_settled() && self.acks_ahead == 0 {
                break;
            }
            tokio::select! {
                event = link.next() => match event {
                    Some(Ok(event @ Event::Outgoing(_))) => self.take(event),
                    Some(Ok(Event::Incoming(_))) => {}
                    Some(Err(_)) | None => return,
                },
                known = durable_up_to(&mut durable, self.messages.oldest_ticket()) => match known {
                    Ok(ticket) => self.messages.durable(ticket),
                    Err(_) => return,
                },
            }
        }
        let _ = self.client.try_disconnect();
        while let Some(Ok(event)) = link.next().await {
            if event == Event::Outgoing(Outgoing::Disconnect) {
                return;
            }
        }
    }
}

/// Why a message is not let in; none when it is.
fn unfit(publish: &Publish, max_payload: usize) -> Option<&'static str> {
    if valid_topic(publish.topic.as_bytes()).is_none() {
        Some("bad_topic")
    } else if publish.payload.len() > max_payload {
        Some("too_large")
    } else if publish.retain && !is_reader_status(&publish.topic) {
        // What the broker retained is of unknown age, and was heard when it was new. A reader's
        // state holds until it says another.
        Some("retained")
    } else {
        None
    }
}

fn is_reader_status(topic: &str) -> bool {
    topic.starts_with("spor/v1/readers/") && topic.ends_with("/status")
}

/// Resolves with the newest durable ticket when `oldest` is among the durable; never without one.
async fn durable_up_to(
    durable: &mut watch::Receiver<u64>,
    oldest: Option<u64>,
) -> Result<u64, watch::error::RecvError> {
    match oldest {
        Some(oldest) => durable.wait_for(|durable| *durable >= oldest).await.map(|ticket| *ticket),
        None => std::future::pending().await,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_retained_is_not_taken_for_news_but_for_a_readers_state() {
        let mut publish = Publish::new("spor/v1/tags/a/position", QoS::AtLeastOnce, "{}");
        assert_eq!(unfit(&publish, 10), None);
        publish.retain = true;
        assert_eq!(unfit(&publish, 10), Some("retained"));
        publish.topic = "spor/v1/readers/r/status".into();
        assert_eq!(unfit(&publish, 10), None);
        publish.topic = "spor/v1/tags/r/status".into();
        assert_eq!(unfit(&publish, 10), Some("retained"), "a button is not pressed again");
    }

    #[test]
    fn topics_and_sizes_are_those_of_the_front_door() {
        let mut publish = Publish::new("spor/v1/tags/a/position", QoS::AtLeastOnce, "12345");
        assert_eq!(unfit(&publish, 4), Some("too_large"));
        publish.topic = "spor/v1/tags/+/position".into();
        assert_eq!(unfit(&publish, 10), Some("bad_topic"));
    }
}
