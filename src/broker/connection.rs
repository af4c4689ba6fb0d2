//! One client, from its CONNECT to its end. What it publishes goes to the door, one batch for
//! each read of the socket; its acknowledgements leave, in order, once the batch is durable. While
//! the client may not go on its socket is not read: that is the back-pressure that it feels.

use super::{
    Shared,
    admission::{Batch, Held, Pending, room},
    bounds::{Counted, Meter},
    end::End,
    frame,
    frame::{Frame, Kind},
    handshake::{self, Caller, Client},
    publisher::Inbox,
    session::{Place, Session},
    subscription,
    wire::Wire,
};
use bytes::{Buf as _, Bytes};
use futures_util::FutureExt as _;
use rumqttd::{Notification, protocol::ConnectReturnCode};
use std::{collections::HashMap, net::SocketAddr, pin::pin, sync::Arc, time::Duration};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    time::Instant,
};

/// Longest wait for the last bytes to a client that is let go.
pub(super) const CLOSE_TIMEOUT: Duration = Duration::from_secs(1);
/// Looks at a client without keep-alive this often.
const NEVER: Duration = Duration::from_secs(24 * 3600);
/// Keeps a timer whose time has passed from turning in a circle.
const SHORTEST_TIMER: Duration = Duration::from_millis(10);

/// Serves one connection to its end.
pub(super) async fn serve<S: AsyncRead + AsyncWrite + Unpin>(
    stream: S,
    caller: Caller,
    shared: Arc<Shared>,
) {
    let mut wire = Wire::new(stream);
    let peer = caller.peer;
    let client = match handshake::admit(&mut wire, &shared, caller).await {
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
    let counted = match &*client.name {
        "" => None,
        _ => {
            let counted = shared.bounds.credentials.enter(Arc::clone(&client.name));
            if counted.is_none() {
                shared.refusals.connection(peer, &client.id, "too_many_of_credential");
                wire.put_conn_ack(false, ConnectReturnCode::ServiceUnavailable);
                return wire.close(CLOSE_TIMEOUT).await;
            }
            counted
        }
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
    let meter = Meter::new(shared.config.max_messages_per_s, shared.config.max_bytes_per_s);
    let mut connection = Connection {
        wire,
        peer,
        client,
        session,
        inbox: None,
        place,
        pending: Pending::new(&shared),
        shared,
        batch: Batch::default(),
        held: None,
        meter,
        counted,
        topics: HashMap::new(),
        ready: Vec::new(),
        heard: Instant::now(),
        begun: None,
    };
    let end = connection.run(present).await;
    connection.leave(end).await;
}

pub(super) struct Connection<S> {
    pub(super) wire: Wire<S>,
    pub(super) peer: SocketAddr,
    pub(super) client: Client,
    pub(super) session: Session,
    /// The commands that this client listens to; none before it subscribes to some.
    pub(super) inbox: Option<Inbox>,
    pub(super) place: Place,
    pub(super) shared: Arc<Shared>,
    pub(super) batch: Batch,
    pub(super) pending: Pending,
    /// Why the socket is not read; none: it is.
    pub(super) held: Option<Held>,
    pub(super) meter: Meter,
    /// One of the connections that its credential may have.
    pub(super) counted: Option<Counted<Arc<str>>>,
    /// Topics that this client may publish on, checked once.
    pub(super) topics: HashMap<Box<[u8]>, Arc<str>>,
    /// Acknowledgements of the client that the router is to be told.
    ready: Vec<u16>,
    /// When the last complete packet came.
    heard: Instant,
    /// When the packet began that is not complete yet.
    begun: Option<Instant>,
}

/// What woke the connection.
enum Woken {
    Read(std::io::Result<usize>),
    /// What was appended is durable; or the door is gone.
    Durable(Result<(), tokio::sync::watch::error::RecvError>),
    /// There is room behind the door again.
    Room,
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
            subscription::resume(self).await?;
        }
        self.flush().await?;
        // What came behind CONNECT in the same read.
        self.take_packets().await?;
        let timer = tokio::time::sleep_until(self.due());
        tokio::pin!(timer);
        let mut has_room = self.shared.door.room.clone();
        // Once for all turns: each registration takes a lock that all connections share.
        let (kick, stop) = (self.place.kick.clone(), self.shared.stop.clone());
        let (mut kicked, mut stopped) = (pin!(kick.cancelled()), pin!(stop.cancelled()));
        loop {
            let woken = tokio::select! {
                read = self.wire.read(), if self.held.is_none() => Woken::Read(read),
                durable = self.pending.next() => Woken::Durable(durable),
                () = room(&mut has_room), if self.held == Some(Held::Journal) => Woken::Room,
                event = next_event(&mut self.session) => Woken::Event(event),
                command = next_command(&mut self.inbox) => Woken::Command(command),
                () = &mut timer => Woken::Timer,
                () = &mut kicked => Woken::Ended(End::TakenOver),
                () = &mut stopped => Woken::Ended(End::Stopped),
            };
            match woken {
                Woken::Read(Ok(0) | Err(_)) => return Err(End::Lost),
                Woken::Read(Ok(_)) => self.take_packets().await?,
                Woken::Durable(Err(_)) => return Err(End::Stopped),
                Woken::Durable(Ok(())) => {
                    self.acknowledge();
                    if self.held == Some(Held::InFlight) {
                        self.go_on().await?;
                    } else {
                        self.flush().await?;
                    }
                }
                Woken::Room => self.go_on().await?,
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
                    if self.held.and_then(Held::until).is_some_and(|at| at <= Instant::now()) {
                        self.go_on().await?;
                    }
                    // It may have spoken while it was being written to.
                    if self.held.is_none() && self.due() <= Instant::now() {
                        match self.wire.read().now_or_never() {
                            Some(Ok(1..)) => self.take_packets().await?,
                            _ => return Err(End::Silent),
                        }
                    }
                    timer.as_mut().reset(self.due().max(Instant::now() + SHORTEST_TIMER));
                }
                Woken::Ended(end) => return Err(end),
            }
            // The timer is left alone while its time only moves away.
            let due = self.due();
            if due < timer.deadline() {
                timer.as_mut().reset(due);
            }
        }
    }

    /// Takes what was left in the buffer, and reads on.
    async fn go_on(&mut self) -> Result<(), End> {
        self.held = None;
        // It could not be heard while its socket was not read.
        self.heard = Instant::now();
        self.begun = None;
        self.take_packets().await
    }

    /// When the client is taken for gone, if nothing more is heard.
    fn due(&self) -> Instant {
        if let Some(held) = self.held {
            return held.until().unwrap_or_else(|| Instant::now() + NEVER);
        }
        let silent = self.client.patience.map(|patience| self.heard + patience);
        let half = self.begun.map(|begun| begun + self.shared.config.packet_timeout());
        // Without keep-alive, and with nothing begun, silence is fine.
        silent.into_iter().chain(half).min().unwrap_or_else(|| Instant::now() + NEVER)
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

    /// Handles every complete packet that was read.
    async fn take_packets(&mut self) -> Result<(), End> {
        let mut input = std::mem::take(&mut self.wire.input);
        let mut used = 0;
        let mut packets = 0;
        let taken = loop {
            let taken = self.take_frames(&input, &mut used, &mut packets).await;
            // What came before a fault is taken and acknowledged all the same.
            self.append();
            self.acknowledge();
            // It may be durable at once: then nothing would wake this connection.
            if self.held != Some(Held::InFlight) || !self.pending.is_empty() {
                break taken;
            }
            self.held = None;
        };
        self.meter(packets, used);
        let told = self.tell_router().await;
        input.advance(used);
        let now = Instant::now();
        if used > 0 {
            self.heard = now;
            self.begun = None;
        }
        if !input.is_empty() {
            self.begun.get_or_insert(now);
        }
        self.wire.input = input;
        let flushed = self.flush().await;
        taken.and(told).and(flushed)
    }

    async fn take_frames(
        &mut self,
        input: &[u8],
        used: &mut usize,
        packets: &mut u64,
    ) -> Result<(), End> {
        let max = self.shared.config.max_packet_bytes;
        while let Some(frame) = frame::next(&input[*used..], max)? {
            if frame.kind == Kind::Publish {
                if let Some(held) = self.take_publish(&frame, input.len())? {
                    self.hold(held);
                    break;
                }
            } else {
                self.append();
                self.take_other(&frame).await?;
            }
            *used += frame.whole.len();
            *packets += 1;
        }
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
