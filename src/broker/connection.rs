//! One client, from its CONNECT to its end. What it publishes goes to the door, one batch for
//! each read of the socket; its acknowledgements leave once the door has taken the batch. While
//! the door is full the socket is not read: that is the back-pressure that publishers feel.

use super::{
    Shared, frame,
    frame::{Frame, FrameError, Kind},
    handshake::{self, Client},
    permission::valid_topic,
    publisher::Inbox,
    session::{Place, Session},
    subscription,
    wire::Wire,
};
use crate::model::Arrival;
use bytes::{Buf as _, Bytes, BytesMut};
use rumqttd::{Notification, protocol::ConnectReturnCode};
use std::{collections::HashMap, net::SocketAddr, sync::Arc, time::Duration};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    sync::mpsc::error::TrySendError,
    time::Instant,
};

/// Topics of one connection that are known to be allowed; forgotten all at once when full.
const KNOWN_TOPICS: usize = 1024;
/// Longest wait for the last bytes to a client that is let go.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(1);

/// Why a connection ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// By DISCONNECT: its will is forgotten.
    Disconnected,
    /// The client closed without DISCONNECT, or the network did.
    Lost,
    /// Nothing was heard for one and a half keep-alive intervals, or half a packet stayed half.
    Silent,
    /// It did not read what was sent to it.
    Blocked,
    /// Another connection came with the same client id.
    TakenOver,
    /// Spor stops.
    Stopped,
    /// It sent what it must not.
    Refused(&'static str),
    /// The router fell; the client is to come back.
    RouterFell,
}

impl End {
    fn reason(self) -> &'static str {
        match self {
            Self::Disconnected => "disconnected",
            Self::Lost => "lost",
            Self::Silent => "silent",
            Self::Blocked => "blocked",
            Self::TakenOver => "taken_over",
            Self::Stopped => "stopped",
            Self::Refused(reason) => reason,
            Self::RouterFell => "router_fell",
        }
    }
}

impl From<FrameError> for End {
    fn from(error: FrameError) -> Self {
        Self::Refused(error.reason())
    }
}

/// Serves one connection to its end.
pub(super) async fn serve<S: AsyncRead + AsyncWrite + Unpin>(
    stream: S,
    peer: SocketAddr,
    shared: Arc<Shared>,
) {
    let mut wire = Wire::new(stream);
    let client = match handshake::admit(&mut wire, &shared, peer).await {
        Ok(client) => client,
        Err(refusal) => {
            shared.refusals.connection(peer, &refusal.client, refusal.reason);
            if let Some(code) = refusal.code {
                wire.put_conn_ack(false, code);
            }
            return wire.close(CLOSE_TIMEOUT).await;
        }
    };
    let key = (Arc::clone(&client.name), Arc::clone(&client.id));
    let Some(mut place) = shared.registry.enter(key).await else {
        shared.refusals.connection(peer, &client.id, "taken_over");
        wire.put_conn_ack(false, ConnectReturnCode::ServiceUnavailable);
        return wire.close(CLOSE_TIMEOUT).await;
    };
    if client.access.is_engineer() {
        tracing::info!(%peer, client = &*client.id, name = &*client.name, "an engineer connected");
    }
    let (session, present) = match place.take() {
        Some(session) if !client.clean_session => (session, true),
        Some(mut session) => {
            session.end().await;
            (Session::default(), false)
        }
        None => (Session::default(), false),
    };
    wire.put_conn_ack(present, ConnectReturnCode::Success);
    let mut connection = Connection {
        wire,
        peer,
        client,
        session,
        inbox: None,
        place,
        shared,
        batch: Batch::default(),
        topics: HashMap::new(),
        ready: Vec::new(),
    };
    let end = connection.run(present).await;
    connection.leave(end).await;
}

/// What one read of the socket brought.
#[derive(Default)]
struct Batch {
    arrivals: Vec<Arrival>,
    /// Packet ids to acknowledge when the door has taken the batch.
    acks: Vec<u16>,
    /// The payloads of one read share one allocation, apart from the read buffer.
    payloads: BytesMut,
}

pub(super) struct Connection<S> {
    pub(super) wire: Wire<S>,
    pub(super) peer: SocketAddr,
    pub(super) client: Client,
    pub(super) session: Session,
    /// The commands that this client listens to; none before it subscribes to some.
    pub(super) inbox: Option<Inbox>,
    place: Place,
    pub(super) shared: Arc<Shared>,
    batch: Batch,
    topics: HashMap<Box<[u8]>, Arc<str>>,
    /// Acknowledgements of the client that the router is to be told.
    ready: Vec<u16>,
}

/// What woke the connection.
enum Woken {
    Read(std::io::Result<usize>),
    Event(Result<Option<Notification>, super::router::Fallen>),
    Command(Option<(String, Bytes)>),
    Timer,
    Ended(End),
}

impl<S: AsyncRead + AsyncWrite + Unpin> Connection<S> {
    async fn run(&mut self, resumed: bool) -> End {
        match self.turn(resumed).await {
            Ok(never) => match never {},
            Err(end) => end,
        }
    }

    async fn turn(&mut self, resumed: bool) -> Result<std::convert::Infallible, End> {
        if resumed {
            self.resume().await?;
        }
        self.flush().await?;
        let mut heard = Instant::now();
        // What came behind CONNECT in the same read.
        self.take_packets().await?;
        let timer = tokio::time::sleep_until(self.due(heard));
        tokio::pin!(timer);
        loop {
            let woken = tokio::select! {
                read = self.wire.read() => Woken::Read(read),
                event = next_event(&mut self.session) => Woken::Event(event),
                command = next_command(&mut self.inbox) => Woken::Command(command),
                () = &mut timer => Woken::Timer,
                () = self.place.kick.cancelled() => Woken::Ended(End::TakenOver),
                () = self.shared.stop.cancelled() => Woken::Ended(End::Stopped),
            };
            match woken {
                Woken::Read(Ok(0) | Err(_)) => return Err(End::Lost),
                Woken::Read(Ok(_)) => {
                    if self.take_packets().await? {
                        heard = Instant::now();
                    }
                    // The timer is left alone while its time only moves away.
                    let due = self.due(heard);
                    if due < timer.deadline() {
                        timer.as_mut().reset(due);
                    }
                }
                Woken::Event(event) => {
                    subscription::deliver(self, event).await?;
                }
                Woken::Command(command) => {
                    if let Some((topic, payload)) = command {
                        self.wire.put_message(topic, payload);
                        self.flush().await?;
                    }
                }
                Woken::Timer => {
                    let due = self.due(heard);
                    if due <= Instant::now() {
                        return Err(End::Silent);
                    }
                    timer.as_mut().reset(due);
                }
                Woken::Ended(end) => return Err(end),
            }
        }
    }

    /// When the client is taken for gone, if nothing more is heard.
    fn due(&self, heard: Instant) -> Instant {
        let packet = self.shared.config.packet_timeout();
        let limit = match (self.client.patience, self.wire.input.is_empty()) {
            (Some(patience), true) => patience,
            (Some(patience), false) => patience.min(packet),
            (None, true) => Duration::from_secs(24 * 3600),
            (None, false) => packet,
        };
        // Without keep-alive and with nothing begun, silence is fine: look again later.
        if self.client.patience.is_none() && self.wire.input.is_empty() {
            Instant::now() + limit
        } else {
            heard + limit
        }
    }

    /// Writes the output, unless the connection is to end first.
    pub(super) async fn flush(&mut self) -> Result<(), End> {
        let write = self.shared.config.write_timeout();
        let limit = self.client.patience.map_or(write, |patience| patience.min(write));
        let stopped = async {
            self.shared.stop.cancelled().await;
            tokio::time::sleep(CLOSE_TIMEOUT).await;
        };
        tokio::select! {
            biased;
            written = self.wire.flush(limit) => written.map_err(|error| match error.kind() {
                std::io::ErrorKind::TimedOut => End::Blocked,
                _ => End::Lost,
            }),
            () = self.place.kick.cancelled() => Err(End::TakenOver),
            () = stopped => Err(End::Stopped),
        }
    }

    /// Handles every complete packet that was read; true when there was one.
    async fn take_packets(&mut self) -> Result<bool, End> {
        let mut input = std::mem::take(&mut self.wire.input);
        let mut used = 0;
        let taken = self.take_frames(&input, &mut used).await;
        // What came before a fault is taken and acknowledged all the same.
        let admitted = self.admit().await;
        let told = self.tell_router().await;
        input.advance(used);
        self.wire.input = input;
        let flushed = self.flush().await;
        taken.and(admitted).and(told).and(flushed)?;
        Ok(used > 0)
    }

    async fn take_frames(&mut self, input: &[u8], used: &mut usize) -> Result<(), End> {
        let max = self.shared.config.max_packet_bytes;
        while let Some(frame) = frame::next(&input[*used..], max)? {
            if frame.kind == Kind::Publish {
                self.take_publish(&frame, input.len())?;
                if self.batch.arrivals.len() >= self.shared.config.max_in_flight {
                    self.admit().await?;
                }
            } else {
                self.admit().await?;
                self.take_other(&frame).await?;
            }
            *used += frame.whole.len();
        }
        Ok(())
    }

    fn take_publish(&mut self, frame: &Frame<'_>, read: usize) -> Result<(), End> {
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
    async fn admit(&mut self) -> Result<(), End> {
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

    async fn take_other(&mut self, frame: &Frame<'_>) -> Result<(), End> {
        match frame.kind {
            Kind::PubAck => {
                let id = frame.pub_ack()?;
                self.session.acknowledged(id, &mut self.ready);
                Ok(())
            }
            Kind::Subscribe => subscription::subscribe(self, frame.whole).await,
            Kind::Unsubscribe => subscription::unsubscribe(self, frame.whole).await,
            Kind::PingReq => {
                self.wire.put_ping_resp();
                Ok(())
            }
            Kind::Disconnect => Err(End::Disconnected),
            Kind::Connect | Kind::Publish => Err(End::Refused("second_connect")),
        }
    }

    /// Passes the client's acknowledgements of one read on to the router.
    async fn tell_router(&mut self) -> Result<(), End> {
        if self.ready.is_empty() {
            return Ok(());
        }
        let ready = std::mem::take(&mut self.ready);
        match &mut self.session.link {
            Some(link) => link.acknowledge(&ready).await.map_err(|_| End::RouterFell),
            None => Ok(()),
        }
    }

    async fn resume(&mut self) -> Result<(), End> {
        subscription::resume(self).await
    }

    /// The end: the last bytes, the will, the session.
    async fn leave(mut self, end: End) {
        match end {
            End::Disconnected | End::Lost | End::Stopped => {
                tracing::debug!(
                    client = &*self.client.id,
                    reason = end.reason(),
                    "MQTT connection ended"
                );
            }
            _ => self.shared.refusals.closed(self.peer, &self.client.id, end.reason()),
        }
        self.wire.close(CLOSE_TIMEOUT).await;
        // Spor's own stop says nothing about the client, so that it publishes no will.
        let keeps_will = !matches!(end, End::Disconnected | End::Stopped);
        if let Some(will) = self.client.will.take().filter(|_| keeps_will) {
            tokio::select! {
                biased;
                sent = self.shared.door.send(vec![will]) => if sent.is_ok() {
                    metrics::counter!("spor_messages_received_total", "source" => "mqtt").increment(1);
                },
                () = self.shared.stop.cancelled() => {}
            }
        }
        drop(self.inbox.take());
        if end == End::RouterFell
            && let Some(link) = self.session.link.take()
        {
            self.shared.hub.fallen(link.generation);
            self.session.in_flight.clear();
            link.end().await;
        }
        let kept = !self.client.clean_session && !self.session.filters.is_empty();
        let session = if kept { self.place.park(self.session).err() } else { Some(self.session) };
        if let Some(mut session) = session {
            session.end().await;
        }
    }
}

async fn next_event(session: &mut Session) -> Result<Option<Notification>, super::router::Fallen> {
    match &mut session.link {
        Some(link) => link.next().await,
        None => std::future::pending().await,
    }
}

async fn next_command(inbox: &mut Option<Inbox>) -> Option<(String, Bytes)> {
    match inbox {
        Some(inbox) => inbox.next().await,
        None => std::future::pending().await,
    }
}
