//! Devices that publish at QoS 1 and remember what was acknowledged, over plain sockets, so that
//! nothing lies between the test and the wire. What was not acknowledged is sent again after a
//! reconnect, as a device does.

use std::{
    collections::{BTreeSet, VecDeque},
    io::{Read, Write},
    net::TcpStream,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU16, AtomicU64, Ordering},
    },
    thread::JoinHandle,
    time::{Duration, Instant},
};

/// What was acknowledged: (tag's number, sequence number).
pub(crate) type Acknowledged = BTreeSet<(usize, u32)>;

/// Messages of one connection that may wait for their acknowledgement.
const WINDOW: usize = 64;

/// Publishers at work, a connection each.
pub(crate) struct Fleet {
    stop: Arc<AtomicBool>,
    port: Arc<AtomicU16>,
    acknowledged: Arc<AtomicU64>,
    threads: Vec<JoinHandle<Acknowledged>>,
}

/// One device.
struct Device {
    number: usize,
    next: u32,
    /// Sent and not acknowledged, the oldest first; its packet id is the low half of its number.
    waiting: VecDeque<(u32, Vec<u8>)>,
    acknowledged: Acknowledged,
    pause: Duration,
}

impl Fleet {
    /// `connections` devices that together send `rate` messages a second to the port, which may be
    /// changed when the server comes back on another one.
    pub(crate) fn start(port: u16, connections: usize, rate: u32) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let (port, acknowledged) = (Arc::new(AtomicU16::new(port)), Arc::new(AtomicU64::new(0)));
        let pause = Duration::from_secs(1) * u32::try_from(connections).unwrap() / rate;
        let threads = (0..connections)
            .map(|number| {
                let (stop, port) = (Arc::clone(&stop), Arc::clone(&port));
                let count = Arc::clone(&acknowledged);
                std::thread::spawn(move || {
                    let mut device = Device {
                        number,
                        next: 0,
                        waiting: VecDeque::new(),
                        acknowledged: Acknowledged::new(),
                        pause,
                    };
                    while !stop.load(Ordering::Relaxed) {
                        // An error is what these tests are about: the connection is gone.
                        let _ = device.connect(port.load(Ordering::Relaxed), &stop, &count);
                        std::thread::sleep(Duration::from_millis(20));
                    }
                    device.acknowledged
                })
            })
            .collect();
        Self { stop, port, acknowledged, threads }
    }

    /// The server listens there from now on.
    pub(crate) fn follow(&self, port: u16) {
        self.port.store(port, Ordering::Relaxed);
    }

    /// How many messages are acknowledged so far.
    pub(crate) fn acknowledged(&self) -> u64 {
        self.acknowledged.load(Ordering::Relaxed)
    }

    /// Ends all, and tells what was acknowledged.
    pub(crate) fn stop(self) -> Acknowledged {
        self.stop.store(true, Ordering::Relaxed);
        self.threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    }
}

impl Device {
    fn connect(&mut self, port: u16, stop: &AtomicBool, count: &AtomicU64) -> std::io::Result<()> {
        let mut socket = TcpStream::connect(("127.0.0.1", port))?;
        socket.set_nodelay(true)?;
        socket.write_all(&connect_packet(&format!("device-{}", self.number)))?;
        let mut answer = [0; 4];
        socket.read_exact(&mut answer)?;
        assert_eq!(answer, [0x20, 2, 0, 0], "CONNACK");
        for (_, packet) in &mut self.waiting {
            packet[0] |= 0x08;
            socket.write_all(packet)?;
        }
        socket.set_read_timeout(Some(Duration::from_millis(5)))?;
        let mut due = Instant::now();
        let mut input = Vec::new();
        while !stop.load(Ordering::Relaxed) {
            let mut out = Vec::new();
            while due <= Instant::now() && self.waiting.len() < WINDOW {
                out.extend(self.one_more());
                due += self.pause;
            }
            // What a stalled server held up is not made up for in one burst.
            due = due.max(Instant::now() - Duration::from_millis(100));
            socket.write_all(&out)?;
            self.take_acknowledgements(&mut socket, &mut input, count)?;
        }
        // What is acknowledged to a closed connection was acknowledged all the same.
        let end = Instant::now() + Duration::from_secs(3);
        while !self.waiting.is_empty() && Instant::now() < end {
            self.take_acknowledgements(&mut socket, &mut input, count)?;
        }
        Ok(())
    }

    fn one_more(&mut self) -> Vec<u8> {
        self.next += 1;
        let time_ms =
            std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_millis();
        // Through the rooms of the demo's ground floor, back and forth.
        let x_m = -15.0 + f64::from((self.next % 1_400).abs_diff(700)) / 10.0;
        let payload = format!(
            r#"{{"time_ms":{time_ms},"seq":{},"x_m":{x_m},"y_m":42.5,"floor":0,"accuracy_m":0.8}}"#,
            self.next
        );
        let topic = format!("spor/v1/tags/device-{}/position", self.number);
        let packet = publish_packet(&topic, packet_id(self.next), payload.as_bytes());
        self.waiting.push_back((self.next, packet.clone()));
        packet
    }

    fn take_acknowledgements(
        &mut self,
        socket: &mut TcpStream,
        input: &mut Vec<u8>,
        count: &AtomicU64,
    ) -> std::io::Result<()> {
        let mut buffer = [0; 4096];
        match socket.read(&mut buffer) {
            Ok(0) => return Err(std::io::ErrorKind::UnexpectedEof.into()),
            Ok(length) => input.extend_from_slice(&buffer[..length]),
            Err(e) if e.kind() == std::io::ErrorKind::WouldBlock => {}
            Err(e) if e.kind() == std::io::ErrorKind::TimedOut => {}
            Err(e) => return Err(e),
        }
        while input.len() >= 4 {
            assert_eq!(input[..2], [0x40, 2], "a PUBACK");
            let id = u16::from_be_bytes([input[2], input[3]]);
            input.drain(..4);
            let (sent, _) = self.waiting.pop_front().expect("something waits");
            assert_eq!(packet_id(sent), id, "acknowledged out of order");
            self.acknowledged.insert((self.number, sent));
            count.fetch_add(1, Ordering::Relaxed);
        }
        Ok(())
    }
}

/// A message: its topic and its payload.
pub(crate) type Sent = (String, Vec<u8>);

/// Publishes all in their order at QoS 1, and waits until all are acknowledged.
pub(crate) fn publish_all(port: u16, messages: &[Sent]) {
    const WINDOW: usize = 200;
    let mut socket = TcpStream::connect(("127.0.0.1", port)).unwrap();
    socket.set_nodelay(true).unwrap();
    socket.write_all(&connect_packet("all")).unwrap();
    let mut answer = [0; 4];
    socket.read_exact(&mut answer).unwrap();
    for window in messages.chunks(WINDOW) {
        let numbered = (1u16..).zip(window);
        let packets: Vec<u8> = numbered
            .flat_map(|(id, (topic, payload))| publish_packet(topic, id, payload))
            .collect();
        socket.write_all(&packets).unwrap();
        socket.read_exact(&mut vec![0; 4 * window.len()]).unwrap();
    }
}

/// 1 to 65,535, again and again.
fn packet_id(number: u32) -> u16 {
    u16::try_from((number - 1) % 65_535 + 1).unwrap()
}

/// CONNECT of MQTT 3.1.1 with a clean session and no keep-alive.
pub(crate) fn connect_packet(id: &str) -> Vec<u8> {
    let mut body = b"\x00\x04MQTT\x04\x02\x00\x00".to_vec();
    body.extend(u16::try_from(id.len()).unwrap().to_be_bytes());
    body.extend(id.as_bytes());
    with_head(0x10, &body)
}

/// PUBLISH at QoS 1.
pub(crate) fn publish_packet(topic: &str, id: u16, payload: &[u8]) -> Vec<u8> {
    let mut body = u16::try_from(topic.len()).unwrap().to_be_bytes().to_vec();
    body.extend(topic.as_bytes());
    body.extend(id.to_be_bytes());
    body.extend(payload);
    with_head(0x32, &body)
}

fn with_head(kind: u8, body: &[u8]) -> Vec<u8> {
    let mut packet = vec![kind];
    let mut length = body.len();
    loop {
        let low = u8::try_from(length % 128).unwrap();
        length /= 128;
        packet.push(if length > 0 { low | 0x80 } else { low });
        if length == 0 {
            break;
        }
    }
    packet.extend(body);
    packet
}
