//! rumqttd's router, behind a fence. In go only checked topics and filters, out come events; what
//! devices publish never enters it. It starts with the first link and is started anew when its
//! thread has fallen: its links then fail, their connections close, and the clients come back.
//!
//! A link ends by [`Link::end`], never by a plain drop (which leaks it), and nothing is asked of
//! it after that: `ready()` on a link that is gone would end the router's thread.

use super::config::Config;
use futures_util::FutureExt as _;
use rumqttd::{
    Notification, Router, RouterConfig,
    local::{LinkBuilder, LinkError, LinkRx, LinkTx},
    protocol::{
        Disconnect, DisconnectReasonCode, Filter, Packet, PubAck, PubAckReason, QoS,
        RetainForwardRule, Subscribe, Unsubscribe, matches,
    },
};
use std::{
    collections::{BTreeSet, HashSet},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    time::Duration,
};

/// Memory of the router for one filter: this many segments of this many bytes.
const SEGMENTS: usize = 8;
const SEGMENT_BYTES: usize = 512 * 1024;
/// Longest wait for the router to let go of a link.
const END_TIMEOUT: Duration = Duration::from_secs(2);

/// Why there is no link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NoLink {
    /// As many subscribers as the configuration allows.
    TooMany,
    /// The router fell, and the new one too.
    Fallen,
}

/// The router behind this link has fallen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Fallen;

// The router's event type can't be named outside its crate; the sender hides in this closure.
type Build = Box<dyn Fn(&str) -> Result<(LinkTx, LinkRx), Box<LinkError>> + Send>;

struct Running {
    generation: u64,
    build: Build,
}

/// Starts routers, builds links, knows how many there are.
pub(super) struct Hub {
    /// Held while a link is built, so never locked on the async side.
    running: Mutex<Option<Running>>,
    /// The number of the running router, 0 when there is none.
    generation: AtomicU64,
    started: AtomicU64,
    names: Mutex<Names>,
    filters: Mutex<HashSet<String>>,
    max_filters: usize,
    max_links: usize,
    links: AtomicUsize,
}

/// Names of links. The router keeps a little for each name for ever, so that names are used
/// again, but only once their last link has ended.
#[derive(Default)]
struct Names {
    free: BTreeSet<usize>,
    next: usize,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Hub {
    pub(super) fn new(config: &Config) -> Arc<Self> {
        Arc::new(Self {
            running: Mutex::new(None),
            generation: AtomicU64::new(0),
            started: AtomicU64::new(0),
            names: Mutex::default(),
            filters: Mutex::default(),
            max_filters: config.max_filters,
            max_links: config.max_subscribers,
            links: AtomicUsize::new(0),
        })
    }

    /// How many subscribers' links there are.
    pub(super) fn subscribers(&self) -> usize {
        self.links.load(Ordering::Acquire)
    }

    /// True when the router may hold `filter`: each costs it memory that it never gives back.
    pub(super) fn may_hold(&self, filter: &str) -> bool {
        let mut filters = lock(&self.filters);
        if filters.contains(filter) {
            return true;
        }
        let room = filters.len() < self.max_filters;
        if room {
            filters.insert(filter.to_owned());
        }
        room
    }

    /// A link for a subscriber.
    pub(super) async fn subscriber(self: &Arc<Self>) -> Result<Link, NoLink> {
        let seat = Seat(Arc::clone(self));
        if self.links.fetch_add(1, Ordering::AcqRel) >= self.max_links {
            return Err(NoLink::TooMany);
        }
        let mut link = self.link().await?;
        link.seat = Some(seat);
        Ok(link)
    }

    /// A link that is not counted, for what Spor publishes itself.
    pub(super) async fn link(self: &Arc<Self>) -> Result<Link, NoLink> {
        let hub = Arc::clone(self);
        let built = tokio::task::spawn_blocking(move || hub.build()).await;
        built.unwrap_or(Err(NoLink::Fallen))
    }

    /// Blocks until the router has answered.
    fn build(self: &Arc<Self>) -> Result<Link, NoLink> {
        let name = {
            let mut names = lock(&self.names);
            names.free.pop_first().unwrap_or_else(|| {
                names.next += 1;
                names.next
            })
        };
        let mut running = lock(&self.running);
        for _ in 0..2 {
            let router = running.get_or_insert_with(|| self.start());
            match (router.build)(&format!("link-{name}")) {
                Ok((tx, rx)) => {
                    let generation = router.generation;
                    self.generation.store(generation, Ordering::Release);
                    let hub = Arc::clone(self);
                    let expected = Vec::new();
                    return Ok(Link {
                        tx: Some(tx),
                        rx,
                        generation,
                        name,
                        hub,
                        seat: None,
                        expected,
                    });
                }
                Err(error) => {
                    tracing::error!(%error, "the event router has fallen, a new one is started");
                    metrics::counter!("spor_event_router_restarts_total").increment(1);
                    *running = None;
                    self.generation.store(0, Ordering::Release);
                }
            }
        }
        Err(NoLink::Fallen)
    }

    fn start(&self) -> Running {
        let generation = self.started.fetch_add(1, Ordering::AcqRel) + 1;
        lock(&self.filters).clear();
        let config = RouterConfig {
            // Names of links that are ending still count.
            max_connections: self.max_links * 2 + 16,
            max_outgoing_packet_count: 100,
            max_segment_size: SEGMENT_BYTES,
            max_segment_count: SEGMENTS,
            ..RouterConfig::default()
        };
        let events = Router::new(0, config).spawn();
        let build = move |name: &str| {
            let (tx, rx, _) = LinkBuilder::new(name, events.clone()).build().map_err(Box::new)?;
            Ok((tx, rx))
        };
        Running { generation, build: Box::new(build) }
    }

    /// Notes that a router has fallen: the next link finds out, and starts a new one.
    pub(super) fn fallen(&self, generation: u64) {
        let none =
            self.generation.compare_exchange(generation, 0, Ordering::AcqRel, Ordering::Acquire);
        if none.is_ok() {
            tracing::error!("the event router has fallen, the next subscriber starts a new one");
        }
    }

    /// The number of the running router; none before the first subscriber and after a fall.
    pub(super) fn generation(&self) -> Option<u64> {
        match self.generation.load(Ordering::Acquire) {
            0 => None,
            generation => Some(generation),
        }
    }
}

/// One of the subscribers' places; given back on drop.
struct Seat(Arc<Hub>);

impl Drop for Seat {
    fn drop(&mut self) {
        self.0.links.fetch_sub(1, Ordering::AcqRel);
    }
}

/// A link to the router.
pub(super) struct Link {
    /// Away while a blocking thread sends; stays away when that thread failed.
    tx: Option<LinkTx>,
    rx: LinkRx,
    pub(super) generation: u64,
    name: usize,
    hub: Arc<Hub>,
    seat: Option<Seat>,
    expected: Vec<Expected>,
}

/// The next offset of a filter's log: a jump tells what the router dropped in silence.
struct Expected {
    filter: String,
    next: Option<u64>,
}

impl Link {
    /// Hands packets to the router. They must be valid: it checks nothing.
    pub(super) async fn send(&mut self, mut packets: Vec<Packet>) -> Result<(), Fallen> {
        let Some(last) = packets.pop() else { return Ok(()) };
        let mut tx = self.tx.take().ok_or(Fallen)?;
        // One event makes the router read the whole buffer, so only the last packet sends one.
        tx.buffer().extend(packets);
        let sent = tokio::task::spawn_blocking(move || {
            // The future has no await in it; it blocks while the router's channel is full.
            let sent = tx.send(last).now_or_never();
            (tx, matches!(sent, Some(Ok(_))))
        });
        let (tx, sent) = sent.await.map_err(|_| Fallen)?;
        self.tx = Some(tx);
        if sent { Ok(()) } else { Err(Fallen) }
    }

    /// Packets that the router has not taken yet.
    pub(super) fn waiting(&self) -> usize {
        self.tx.as_ref().map_or(0, |tx| tx.buffer().len())
    }

    /// Subscribes to one filter, anew when it is there already.
    pub(super) async fn subscribe(&mut self, filter: &str, qos: QoS) -> Result<(), Fallen> {
        let mut packets = Vec::with_capacity(2);
        if self.expected.iter().any(|expected| expected.filter == filter) {
            // The router ignores a new QoS on a filter that it has.
            packets.push(unsubscribe(filter));
            self.expected.retain(|expected| expected.filter != filter);
        }
        let path = filter.to_owned();
        let rule = RetainForwardRule::Never;
        let filters = vec![Filter {
            path,
            qos,
            nolocal: false,
            preserve_retain: false,
            retain_forward_rule: rule,
        }];
        packets.push(Packet::Subscribe(Subscribe { pkid: 1, filters }, None));
        self.expected.push(Expected { filter: filter.to_owned(), next: None });
        self.send(packets).await
    }

    /// Ends one subscription.
    pub(super) async fn unsubscribe(&mut self, filter: &str) -> Result<(), Fallen> {
        self.expected.retain(|expected| expected.filter != filter);
        self.send(vec![unsubscribe(filter)]).await
    }

    /// Acknowledges deliveries. The ids must be those of the oldest ones, in their order.
    pub(super) async fn acknowledge(&mut self, ids: &[u16]) -> Result<(), Fallen> {
        let ack = |&pkid| Packet::PubAck(PubAck { pkid, reason: PubAckReason::Success }, None);
        self.send(ids.iter().map(ack).collect()).await
    }

    /// What the router has to say; `None` for a call without news. Safe to cancel.
    pub(super) async fn next(&mut self) -> Result<Option<Notification>, Fallen> {
        self.rx.next().await.map_err(|_| Fallen)
    }

    /// As [`Link::next`], what is there already.
    pub(super) fn next_now(&mut self) -> Option<Notification> {
        self.rx.next().now_or_never()?.ok()?
    }

    /// Drops what is there already; an error when the router has fallen.
    pub(super) fn forget_news(&mut self) -> Result<(), Fallen> {
        while let Some(news) = self.rx.next().now_or_never() {
            news.map_err(|_| Fallen)?;
        }
        Ok(())
    }

    /// Answers an `Unschedule`, once: more may come.
    pub(super) async fn wake(&mut self) -> Result<(), Fallen> {
        self.rx.wake().await.map_err(|_| Fallen)
    }

    /// How many events were dropped before the one at `offset` in its filter's log.
    ///
    /// What was dropped before the first delivery of a filter can't be seen. The router doesn't say
    /// which filter an event came by: where several fit, the one that expects this offset is
    /// taken, else nothing is known.
    pub(super) fn lost_before(&mut self, topic: &str, offset: u64) -> u64 {
        let mut fitting: Vec<_> =
            self.expected.iter_mut().filter(|e| matches(topic, &e.filter)).collect();
        if let Some(exact) = fitting.iter_mut().find(|e| e.next == Some(offset)) {
            exact.next = Some(offset + 1);
            return 0;
        }
        let [only] = &mut fitting[..] else {
            if let Some(fresh) = fitting.iter_mut().find(|e| e.next.is_none()) {
                fresh.next = Some(offset + 1);
            }
            return 0;
        };
        let lost = only.next.map_or(0, |next| offset.saturating_sub(next));
        only.next = Some(offset + 1);
        lost
    }

    /// Ends the link and waits until the router has let go of it.
    pub(super) async fn end(mut self) {
        let reason_code = DisconnectReasonCode::NormalDisconnection;
        let bye = vec![Packet::Disconnect(Disconnect { reason_code }, None)];
        let ended = async {
            if self.send(bye).await.is_ok() {
                while self.next().await.is_ok() {}
            }
        };
        if tokio::time::timeout(END_TIMEOUT, ended).await.is_ok() {
            lock(&self.hub.names).free.insert(self.name);
        } else {
            tracing::warn!("the event router did not let go of a link");
        }
    }
}

fn unsubscribe(filter: &str) -> Packet {
    Packet::Unsubscribe(Unsubscribe { pkid: 1, filters: vec![filter.to_owned()] }, None)
}

#[cfg(test)]
impl Hub {
    /// Makes the router's thread fall by the fault that the checks at the door keep from it.
    pub(super) async fn make_fall(self: &Arc<Self>) {
        use rumqttd::protocol::Publish;
        let mut link = self.link().await.expect("a router");
        let publish = Publish::new("é/x", "", false);
        let _ = link.send(vec![Packet::Publish(publish, None)]).await;
        while link.next().await.is_ok() {}
    }
}
