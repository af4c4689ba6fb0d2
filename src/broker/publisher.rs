//! What Spor itself publishes: events to the router's subscribers, commands to single devices.
//! Publishing never blocks and never fails its caller; what finds no room is dropped and counted.

use super::{
    permission::valid_topic,
    router::{Fallen, Hub, Link},
};
use bytes::Bytes;
use rumqttd::protocol::{Packet, Publish};
use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

/// Events handed to the router at a time.
const BATCH: usize = 64;
/// Commands that wait for one connection.
const COMMAND_QUEUE: usize = 16;
/// The router is spoken to at least this often while somebody is subscribed: an event makes it
/// look again at subscribers that it may have forgotten beside one that left.
const HEARTBEAT: Duration = Duration::from_secs(1);

type Event = (String, Vec<u8>);

/// Publishes for Spor. Cheap to clone.
#[derive(Clone)]
pub struct Publisher {
    events: mpsc::Sender<Event>,
    commands: Arc<Commands>,
}

impl Publisher {
    pub(super) fn new(queue: usize) -> (Self, mpsc::Receiver<Event>) {
        let (events, receiver) = mpsc::channel(queue.max(1));
        (Self { events, commands: Arc::new(Commands::default()) }, receiver)
    }

    /// Publishes an event to all that are subscribed. When the queue is full it is dropped and
    /// counted.
    pub fn publish(&self, topic: String, payload: Vec<u8>) {
        // The router's matching splits the topic at byte 1, and falls when that is no character.
        if valid_topic(topic.as_bytes()).is_none() || !topic.is_char_boundary(1) {
            tracing::error!(?topic, "an event has no valid topic");
            dropped("bad_topic", 1);
            return;
        }
        if self.events.try_send((topic, payload)).is_err() {
            metrics::counter!("spor_queue_full_total", "queue" => "events_out").increment(1);
            dropped("queue_full", 1);
        }
    }

    /// Sends a command to a device on `spor/v1/commands/{device}`. Returns true when a connection
    /// of the device that listens took it; nothing is kept for an absent one.
    pub fn command(&self, device: &str, payload: Vec<u8>) -> bool {
        self.commands.send(device, &Bytes::from(payload))
    }

    /// Events in the queue.
    #[cfg(test)]
    pub(super) fn waiting(&self) -> usize {
        self.events.max_capacity() - self.events.capacity()
    }

    pub(super) fn commands(&self) -> Arc<Commands> {
        Arc::clone(&self.commands)
    }
}

/// Counts events that did not reach a subscriber.
pub(super) fn dropped(reason: &'static str, count: u64) {
    if count > 0 {
        metrics::counter!("spor_events_dropped_total", "reason" => reason).increment(count);
    }
}

/// Carries events from the queue to the router until `stop`.
pub(super) async fn carry(
    hub: Arc<Hub>,
    mut queue: mpsc::Receiver<Event>,
    stop: CancellationToken,
) {
    let mut link: Option<Link> = None;
    let mut events = Vec::with_capacity(BATCH);
    loop {
        events.clear();
        tokio::select! {
            () = stop.cancelled() => break,
            received = queue.recv_many(&mut events, BATCH) => if received == 0 { break },
            () = tokio::time::sleep(HEARTBEAT) => {}
        }
        metrics::gauge!("spor_queue_depth", "queue" => "events_out").set(depth(queue.len()));
        if hub.subscribers() == 0 {
            continue;
        }
        let packets = packets(&mut events);
        let count = events_in(&packets);
        if !current(&hub, &mut link).await {
            dropped("router_fell", count);
            continue;
        }
        let Some(open) = &mut link else { continue };
        let taken = tokio::select! {
            taken = taken(open) => taken,
            () = stop.cancelled() => break,
        };
        let sent = match taken {
            Ok(()) => open.send(packets).await,
            fallen => fallen,
        };
        if sent.is_err() {
            hub.fallen(open.generation);
            link = None;
            dropped("router_fell", count);
        }
    }
    if let Some(link) = link {
        link.end().await;
    }
}

/// Waits until the router has taken what it was sent. A router that can't keep up so fills the
/// bounded queue, not its own unbounded buffer; and an event that comes after a subscription
/// can't slip in front of it by joining packets that were sent before.
async fn taken(link: &mut Link) -> Result<(), Fallen> {
    loop {
        link.forget_news()?;
        if link.waiting() == 0 {
            return Ok(());
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

/// Makes `link` one of the running router, which is started when there is none; false when that
/// fails.
async fn current(hub: &Arc<Hub>, link: &mut Option<Link>) -> bool {
    if link.as_ref().is_some_and(|link| Some(link.generation) == hub.generation()) {
        return true;
    }
    if let Some(old) = link.take() {
        old.end().await;
    }
    *link = hub.link().await.ok();
    link.is_some()
}

fn packets(events: &mut Vec<Event>) -> Vec<Packet> {
    if events.is_empty() {
        return vec![Packet::PingReq(rumqttd::protocol::PingReq)];
    }
    let packet = |(topic, payload): Event| {
        Packet::Publish(Publish::new(Bytes::from(topic), Bytes::from(payload), false), None)
    };
    events.drain(..).map(packet).collect()
}

fn events_in(packets: &[Packet]) -> u64 {
    packets.iter().filter(|packet| matches!(packet, Packet::Publish(..))).count() as u64
}

#[allow(clippy::cast_precision_loss)]
fn depth(length: usize) -> f64 {
    length as f64
}

/// Who listens to the commands of which device.
#[derive(Default)]
pub(super) struct Commands {
    next: AtomicU64,
    listeners: Mutex<HashMap<String, Vec<Listener>>>,
}

struct Listener {
    number: u64,
    queue: mpsc::Sender<(String, Bytes)>,
}

/// The commands that one connection listens to.
pub(super) struct Inbox {
    commands: Arc<Commands>,
    number: u64,
    devices: Vec<String>,
    sender: mpsc::Sender<(String, Bytes)>,
    receiver: mpsc::Receiver<(String, Bytes)>,
}

impl Commands {
    fn listeners(&self) -> MutexGuard<'_, HashMap<String, Vec<Listener>>> {
        self.listeners.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn inbox(self: &Arc<Self>) -> Inbox {
        let (sender, receiver) = mpsc::channel(COMMAND_QUEUE);
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        Inbox { commands: Arc::clone(self), number, devices: Vec::new(), sender, receiver }
    }

    fn send(&self, device: &str, payload: &Bytes) -> bool {
        let listeners = self.listeners();
        let Some(listeners) = listeners.get(device) else { return false };
        let topic = spor_schemas::topic::command(device);
        let mut taken = false;
        for listener in listeners {
            match listener.queue.try_send((topic.clone(), payload.clone())) {
                Ok(()) => taken = true,
                Err(_) => {
                    metrics::counter!("spor_queue_full_total", "queue" => "commands").increment(1);
                }
            }
        }
        taken
    }
}

impl Inbox {
    pub(super) fn listen(&mut self, device: &str) {
        if self.devices.iter().any(|known| known == device) {
            return;
        }
        self.devices.push(device.to_owned());
        let listener = Listener { number: self.number, queue: self.sender.clone() };
        self.commands.listeners().entry(device.to_owned()).or_default().push(listener);
    }

    pub(super) fn leave(&mut self, device: &str) {
        self.devices.retain(|known| known != device);
        let mut listeners = self.commands.listeners();
        if let Some(of_device) = listeners.get_mut(device) {
            of_device.retain(|listener| listener.number != self.number);
            if of_device.is_empty() {
                listeners.remove(device);
            }
        }
    }

    pub(super) async fn next(&mut self) -> Option<(String, Bytes)> {
        self.receiver.recv().await
    }
}

impl Drop for Inbox {
    fn drop(&mut self) {
        for device in std::mem::take(&mut self.devices) {
            self.leave(&device);
        }
    }
}
