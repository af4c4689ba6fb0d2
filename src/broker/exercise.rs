//! The front door fed with bytes, without a socket: what the fuzz target in `fuzz/` and the test
//! that runs its seeds have in common. Whatever comes in, nothing panics, what goes out are whole
//! packets, and what reaches the door was permitted.

use super::{
    AskPassword, Bounds, Config, Door, Hub, Publisher, Refusals, Registry, Shared, Verify,
    connection,
    handshake::Caller,
    permission::{Access, valid_topic},
};
use crate::model::ClientRole;
use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    sync::{Semaphore, watch},
};
use tokio_util::sync::CancellationToken;

/// Who the bytes come from: nobody known, or one of these, with this name and password.
const ROLES: [Option<ClientRole>; 4] =
    [None, Some(ClientRole::Device), Some(ClientRole::Subscriber), Some(ClientRole::Engineer)];
/// A CONNECT of client `fuzz`, name `fuzz`, password `secret`.
const CONNECT: &[u8] =
    b"\x10\x1e\x00\x04MQTT\x04\xc2\x00\x3c\x00\x04fuzz\x00\x04fuzz\x00\x06secret";
/// How the bytes are cut into reads.
const CHUNKS: [usize; 4] = [usize::MAX, 1, 7, 64];

/// Front doors that last for many inputs.
pub struct Exercise {
    runtime: tokio::runtime::Runtime,
    doors: Vec<Arc<Shared>>,
    arrived: Arc<AtomicU64>,
}

impl Exercise {
    /// One front door for each role.
    #[must_use]
    #[allow(clippy::new_without_default, clippy::missing_panics_doc)]
    pub fn new() -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build();
        let arrived = Arc::new(AtomicU64::new(0));
        let doors = ROLES.iter().map(|role| Arc::new(shared(*role, &arrived))).collect();
        Self { runtime: runtime.expect("a runtime"), doors, arrived }
    }

    /// Feeds one input. Its first byte chooses the role (bits 0 and 1), the reads (2 and 3) and
    /// whether a good CONNECT comes first (4); the others are what the client sends.
    ///
    /// # Panics
    /// When the front door does what it must not.
    pub fn feed(&self, input: &[u8]) {
        let Some((choice, sent)) = input.split_first() else { return };
        let door = &self.doors[usize::from(choice & 3)];
        let chunk = CHUNKS[usize::from(choice >> 2 & 3)].min(sent.len()).max(1);
        let greeting = if choice & 16 == 0 { &b""[..] } else { CONNECT };
        let before = self.arrived.load(Ordering::Relaxed);
        let answer = self.runtime.block_on(async {
            let (client, server) = tokio::io::duplex(16 * 1024);
            let (mut answers, mut client) = tokio::io::split(client);
            let send = async {
                // The server may have closed by now.
                for bytes in std::iter::once(greeting).chain(sent.chunks(chunk)) {
                    if client.write_all(bytes).await.is_err() {
                        break;
                    }
                    tokio::task::yield_now().await;
                }
                let _ = client.shutdown().await;
            };
            let mut answer = Vec::new();
            let peer = SocketAddr::from(([127, 0, 0, 1], 1));
            let serve =
                connection::serve(server, Caller { peer, certificate: None }, Arc::clone(door));
            let (_, _, read) = tokio::join!(serve, send, answers.read_to_end(&mut answer));
            read.expect("a stream in memory");
            answer
        });
        let acknowledged = check_answer(&answer);
        let arrived = self.arrived.load(Ordering::Relaxed) - before;
        assert!(acknowledged <= arrived, "{acknowledged} of {arrived} acknowledged: {answer:x?}");
    }
}

/// Whole packets of the kinds that a server sends; returns how many are PUBACKs.
fn check_answer(mut answer: &[u8]) -> u64 {
    let mut acknowledged = 0;
    while let [first, rest @ ..] = answer {
        assert!(matches!(first >> 4, 2 | 3 | 4 | 9 | 11 | 13), "{answer:x?}");
        acknowledged += u64::from(first >> 4 == 4);
        let (mut length, mut at) = (0, 0);
        loop {
            length |= usize::from(rest[at] & 0x7f) << (7 * at);
            at += 1;
            if rest[at - 1] & 0x80 == 0 {
                break;
            }
        }
        answer = &rest[at + length..];
    }
    acknowledged
}

fn shared(role: Option<ClientRole>, arrived: &Arc<AtomicU64>) -> Shared {
    let config =
        Config { max_subscribers: 8, max_filters: 64, max_sessions: 8, ..Config::default() };
    let (durable, durable_seen) = watch::channel(0);
    let (room, room_seen) = watch::channel(true);
    let access = role.map(|role| Access::Known("fuzz".into(), role));
    let arrived = Arc::clone(arrived);
    let append = move |batch: Vec<crate::model::Arrival>| {
        // It lives as long as the door, and so there is always room.
        let _ = &room;
        for arrival in &batch {
            assert_eq!(valid_topic(arrival.topic.as_bytes()), Some(&*arrival.topic));
            assert!(access.as_ref().is_none_or(|access| access.may_publish(&arrival.topic)));
        }
        let count = batch.len() as u64;
        let ticket = arrived.fetch_add(count, Ordering::Relaxed) + count;
        durable.send_replace(ticket);
        ticket
    };
    let (publisher, _) = Publisher::new(1);
    let verify = role.map(|role| {
        let known: AskPassword = Arc::new(move |name, password| {
            (name == "fuzz" && password == b"secret").then_some(role)
        });
        Verify { remembered: Arc::clone(&known), password: known, certificate: Arc::new(|_| None) }
    });
    Shared {
        registry: Registry::new(&config),
        hub: Hub::new(&config),
        commands: publisher.commands(),
        refusals: Refusals::new(),
        bounds: Bounds::new(&config),
        hashing: Semaphore::new(1),
        verify,
        door: Door { append: Arc::new(append), durable: durable_seen, room: room_seen },
        stop: CancellationToken::new(),
        config,
    }
}
