//! The front door over real sockets, on ports of its own.
#![allow(clippy::unwrap_used, clippy::cast_possible_truncation)]

mod bounds;
mod clients;
mod delivery;
mod publishing;
mod seeds;
mod sessions;
mod tls;
mod traps;

use super::*;
use crate::model::Arrival;
use std::{collections::VecDeque, sync::Mutex, time::Duration};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    sync::watch,
    time::timeout,
};

const PATIENCE: Duration = Duration::from_secs(10);

/// A running front door, and what is behind it.
struct Rig {
    address: SocketAddr,
    tls: Option<SocketAddr>,
    publisher: Publisher,
    hub: Arc<Hub>,
    door: mpsc::UnboundedReceiver<Vec<Arrival>>,
    /// Arrivals of a batch that were not asked for yet.
    waiting: VecDeque<Arrival>,
    disk: Arc<Disk>,
    stop: CancellationToken,
    tracker: TaskTracker,
    running: tokio::task::JoinHandle<()>,
}

/// Says what is durable and whether there is room: at once and always, unless told otherwise.
struct Disk {
    appended: Mutex<u64>,
    batches: mpsc::UnboundedSender<Vec<Arrival>>,
    slow: std::sync::atomic::AtomicBool,
    durable: watch::Sender<u64>,
    room: watch::Sender<bool>,
}

impl Disk {
    /// From now on what is appended is not durable.
    fn slow_down(&self) {
        self.slow.store(true, std::sync::atomic::Ordering::SeqCst);
    }

    /// Makes the first `messages` durable.
    fn sync_up_to(&self, messages: u64) {
        self.durable.send_replace(messages);
    }

    fn append(&self, batch: Vec<Arrival>) -> u64 {
        let mut appended = self.appended.lock().unwrap();
        *appended += batch.len() as u64;
        let _ = self.batches.send(batch);
        if !self.slow.load(std::sync::atomic::Ordering::SeqCst) {
            self.durable.send_replace(*appended);
        }
        *appended
    }

    fn door(self: &Arc<Self>) -> Door {
        let disk = Arc::clone(self);
        Door {
            append: Arc::new(move |batch| disk.append(batch)),
            durable: self.durable.subscribe(),
            room: self.room.subscribe(),
        }
    }
}

fn config() -> Config {
    Config { listen: ([127, 0, 0, 1], 0).into(), ..Config::default() }
}

fn verify() -> Verify {
    let password: AskPassword = Arc::new(|name, password| {
        let role = name.split('-').next().unwrap_or_default().parse().ok()?;
        (password == b"secret").then_some(role)
    });
    let certificate = Arc::new(|name: &str| name.split('-').next()?.parse().ok());
    Verify { remembered: Arc::new(|_, _| None), password, certificate }
}

impl Rig {
    async fn open() -> Self {
        Self::with(config(), None).await
    }

    /// Every credential's password is `secret`; its name is its role, or its role and `-` and more.
    async fn with_credentials() -> Self {
        Self::with(config(), Some(verify())).await
    }

    async fn with(config: Config, verify: Option<Verify>) -> Self {
        let broker = Broker::bind(config, verify).await.unwrap();
        let (batches, door) = mpsc::unbounded_channel();
        let disk = Arc::new(Disk {
            appended: Mutex::default(),
            batches,
            slow: false.into(),
            durable: watch::Sender::new(0),
            room: watch::Sender::new(true),
        });
        let (stop, tracker) = (CancellationToken::new(), TaskTracker::new());
        let (address, publisher) = (broker.local_addr(), broker.publisher());
        let tls = broker.tls_addr();
        let hub = Arc::clone(&broker.hub);
        let running = tokio::spawn(broker.run(disk.door(), tracker.clone(), stop.clone()));
        let waiting = VecDeque::new();
        Self { address, tls, publisher, hub, door, waiting, disk, stop, tracker, running }
    }

    async fn arrival(&mut self) -> Arrival {
        while self.waiting.is_empty() {
            let batch = timeout(PATIENCE, self.door.recv()).await.expect("an arrival in time");
            self.waiting.extend(batch.expect("an open door"));
        }
        self.waiting.pop_front().unwrap()
    }

    async fn client(&self, id: &str) -> Raw {
        let mut raw = self.socket().await;
        raw.send(&connect(id, &Options::default())).await;
        assert_eq!(raw.packet().await, [0x20, 2, 0, 0], "{id}");
        raw
    }

    async fn login(&self, id: &str, name: &str) -> Raw {
        let mut raw = self.socket().await;
        let options = Options { login: Some((name, b"secret")), ..Options::default() };
        raw.send(&connect(id, &options)).await;
        assert_eq!(raw.packet().await, [0x20, 2, 0, 0], "{id}");
        raw
    }

    async fn socket(&self) -> Raw {
        Raw { stream: TcpStream::connect(self.address).await.unwrap() }
    }

    /// Others can still come in, publish, and are acknowledged.
    async fn works(&mut self) {
        let mut raw = self.client(&format!("probe-{}", rand::random::<u32>())).await;
        raw.send(&publish("spor/v1/tags/probe/status", b"{}", Some(77))).await;
        loop {
            if &*self.arrival().await.topic == "spor/v1/tags/probe/status" {
                break;
            }
        }
        assert_eq!(raw.packet().await, [0x40, 2, 0, 77]);
    }

    async fn stop(self) {
        self.stop.cancel();
        self.tracker.close();
        timeout(Duration::from_secs(5), async {
            self.running.await.unwrap();
            self.tracker.wait().await;
        })
        .await
        .expect("everything stops");
    }
}

/// The metrics of one test: its runtime has one thread.
struct Seen(metrics_exporter_prometheus::PrometheusHandle);

impl Seen {
    fn new() -> (Self, metrics::LocalRecorderGuard<'static>) {
        let recorder = metrics_exporter_prometheus::PrometheusBuilder::new().build_recorder();
        let recorder = Box::leak(Box::new(recorder));
        (Self(recorder.handle()), metrics::set_default_local_recorder(recorder))
    }

    /// The value of a line of the exposition; 0 when it is missing.
    fn count(&self, line: &str) -> u64 {
        let text = self.0.render();
        let value = text.lines().find_map(|l| l.strip_prefix(line)?.strip_prefix(' '));
        value.map_or(0, |value| value.parse().unwrap())
    }
}

/// A client of bytes.
struct Raw {
    stream: TcpStream,
}

impl Raw {
    async fn send(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).await.unwrap();
    }

    /// The next packet, whole.
    async fn packet(&mut self) -> Vec<u8> {
        self.try_packet().await.expect("a packet")
    }

    /// `None` when the server has closed.
    async fn try_packet(&mut self) -> Option<Vec<u8>> {
        timeout(PATIENCE, async {
            let mut packet = vec![self.stream.read_u8().await.ok()?];
            let (mut length, mut shift) = (0, 0);
            loop {
                let byte = self.stream.read_u8().await.ok()?;
                packet.push(byte);
                length |= usize::from(byte & 0x7f) << shift;
                shift += 7;
                if byte & 0x80 == 0 {
                    break;
                }
            }
            let start = packet.len();
            packet.resize(start + length, 0);
            self.stream.read_exact(&mut packet[start..]).await.ok()?;
            Some(packet)
        })
        .await
        .expect("an answer in time")
    }

    /// Nothing comes for a while.
    async fn is_silent(&mut self) -> bool {
        let mut byte = [0];
        timeout(Duration::from_millis(150), self.stream.peek(&mut byte)).await.is_err()
    }

    async fn is_closed(&mut self) -> bool {
        while let Some(_packet) = self.try_packet().await {}
        true
    }

    /// Subscribes to one filter, returns the code.
    async fn subscribe(&mut self, filter: &str, qos: u8) -> u8 {
        self.send(&subscribe(7, &[(filter, qos)])).await;
        let answer = self.packet().await;
        assert_eq!(answer[..4], [0x90, 3, 0, 7], "{filter}");
        answer[4]
    }

    /// The next PUBLISH: flags, topic, packet id, payload.
    async fn delivery(&mut self) -> (u8, String, Option<u16>, Vec<u8>) {
        let packet = self.packet().await;
        let frame = frame::next(&packet, usize::MAX).unwrap().unwrap();
        let publish = frame.publish().unwrap();
        let topic = String::from_utf8(publish.topic.to_vec()).unwrap();
        (packet[0] & 0x0f, topic, publish.packet_id, publish.payload.to_vec())
    }
}

struct Options<'a> {
    clean: bool,
    keep_alive: u16,
    will: Option<(&'a str, &'a [u8])>,
    login: Option<(&'a str, &'a [u8])>,
    level: u8,
}

impl Default for Options<'_> {
    fn default() -> Self {
        Self { clean: true, keep_alive: 60, will: None, login: None, level: 4 }
    }
}

fn text(text: &[u8]) -> Vec<u8> {
    let mut bytes = (text.len() as u16).to_be_bytes().to_vec();
    bytes.extend(text);
    bytes
}

fn packet(first: u8, body: &[u8]) -> Vec<u8> {
    let mut bytes = vec![first];
    let mut length = body.len();
    loop {
        let low = (length % 128) as u8;
        length /= 128;
        bytes.push(if length > 0 { low | 0x80 } else { low });
        if length == 0 {
            break;
        }
    }
    bytes.extend(body);
    bytes
}

fn connect(id: &str, options: &Options<'_>) -> Vec<u8> {
    let mut flags = u8::from(options.clean) << 1;
    let mut body = text(id.as_bytes());
    if let Some((topic, message)) = options.will {
        flags |= 0x04 | 0x08;
        body.extend(text(topic.as_bytes()));
        body.extend(text(message));
    }
    if let Some((name, password)) = options.login {
        flags |= 0xc0;
        body.extend(text(name.as_bytes()));
        body.extend(text(password));
    }
    let mut head = text(b"MQTT");
    head.extend([options.level, flags]);
    head.extend(options.keep_alive.to_be_bytes());
    head.extend(body);
    packet(0x10, &head)
}

fn publish(topic: &str, payload: &[u8], id: Option<u16>) -> Vec<u8> {
    let mut body = text(topic.as_bytes());
    if let Some(id) = id {
        body.extend(id.to_be_bytes());
    }
    body.extend(payload);
    packet(if id.is_some() { 0x32 } else { 0x30 }, &body)
}

fn subscribe(id: u16, filters: &[(&str, u8)]) -> Vec<u8> {
    let mut body = id.to_be_bytes().to_vec();
    for (filter, qos) in filters {
        body.extend(text(filter.as_bytes()));
        body.push(*qos);
    }
    packet(0x82, &body)
}

fn pub_ack(id: u16) -> Vec<u8> {
    packet(0x40, &id.to_be_bytes())
}

const DISCONNECT: [u8; 2] = [0xe0, 0];
const PING: [u8; 2] = [0xc0, 0];
