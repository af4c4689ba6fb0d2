//! One MQTT client that publishes what it is handed, QoS 1, and comes back when the broker goes.
//!
//! At most [`WINDOW`] messages wait for their acknowledgement; after a reconnect they are sent
//! again. What comes meanwhile waits in a bounded queue, and is dropped and counted beyond it.

use super::{
    Config, Counters, MqttError,
    link::{Link, PING_EVERY},
    switchboard::Door,
};
use rumqttc::mqttbytes::v4::{LastWill, Packet};
use std::{collections::VecDeque, sync::atomic::Ordering::Relaxed, time::Duration};
use tokio::{
    sync::{mpsc, watch},
    time,
};
use tokio_util::sync::CancellationToken;

/// How many messages may wait for their acknowledgement.
const WINDOW: usize = 200;
const FIRST_BACK_OFF: Duration = Duration::from_millis(500);
const LONGEST_BACK_OFF: Duration = Duration::from_secs(10);
/// How long a stopping client tries to get its last bytes out.
const FAREWELL: Duration = Duration::from_secs(1);

/// A message on its way.
#[derive(Debug, Clone)]
pub(super) struct Outgoing {
    pub(super) topic: String,
    pub(super) payload: Vec<u8>,
}

/// The client.
pub(super) struct Client {
    pub(super) id: String,
    pub(super) will: Option<LastWill>,
    /// Takes the will back after a reconnect.
    pub(super) greeting: Option<Outgoing>,
    pub(super) queue: mpsc::Receiver<Outgoing>,
    pub(super) config: Config,
    /// Changes when a simulated fault cuts every connection, or keeps the broker away.
    pub(super) door: watch::Receiver<Door>,
    pub(super) stop: CancellationToken,
}

/// What was sent and not yet acknowledged, in the order of sending.
#[derive(Default)]
struct Unacknowledged {
    messages: VecDeque<(u16, Outgoing)>,
    last: u16,
}

impl Client {
    /// Publishes until it is told to stop.
    pub(super) async fn run(mut self) {
        let mut unacknowledged = Unacknowledged::default();
        let mut back_off = FIRST_BACK_OFF;
        let mut was_away = false;
        loop {
            let opened = tokio::select! {
                () = self.stop.cancelled() => return,
                opened = self.open() => opened,
            };
            let error = match opened {
                Ok(link) => {
                    if was_away {
                        tracing::debug!(client = %self.id, "connected again");
                        self.counters().reconnected.fetch_add(1, Relaxed);
                    }
                    back_off = FIRST_BACK_OFF;
                    was_away = false;
                    match self.stay_connected(link, &mut unacknowledged).await {
                        Ok(()) => return,
                        Err(error) => error,
                    }
                }
                Err(error) => error,
            };
            if self.stop.is_cancelled() {
                return;
            }
            let was_cut = matches!(error, MqttError::Cut);
            if !was_away && !was_cut {
                tracing::warn!(client = %self.id, %error, "no broker, trying again");
            }
            was_away = true;
            if was_cut {
                continue;
            }
            tokio::select! {
                () = self.stop.cancelled() => return,
                () = time::sleep(back_off) => {}
            }
            back_off = (back_off * 2).min(LONGEST_BACK_OFF);
        }
    }

    fn counters(&self) -> &Counters {
        &self.config.counters
    }

    async fn open(&self) -> Result<Link, MqttError> {
        // An error only says that the world is over: what is left still gets out.
        let _ = self.door.clone().wait_for(|door| door.shut == 0).await;
        let login = self.config.login.as_ref();
        Link::open(&self.config.broker, &self.id, login, self.will.clone()).await
    }

    /// Publishes over one connection; `Ok` when told to stop.
    async fn stay_connected(
        &mut self,
        mut link: Link,
        unacknowledged: &mut Unacknowledged,
    ) -> Result<(), MqttError> {
        for (packet, message) in &unacknowledged.messages {
            link.publish(&message.topic, &message.payload, Some(*packet), true);
        }
        if let Some(greeting) = self.greeting.clone() {
            self.send(&mut link, unacknowledged, greeting);
        }
        let mut pings = time::interval(PING_EVERY);
        let mut is_over = false;
        let cuts = self.door.borrow_and_update().cuts;
        loop {
            if is_over && unacknowledged.messages.is_empty() {
                self.say_goodbye(link).await;
                return Ok(());
            }
            let may_send = !is_over && unacknowledged.messages.len() < WINDOW;
            tokio::select! {
                () = self.stop.cancelled() => {
                    self.say_goodbye(link).await;
                    return Ok(());
                }
                message = self.queue.recv(), if may_send => {
                    let Some(message) = message else {
                        // The world is over; what is on its way is still waited for.
                        is_over = true;
                        continue;
                    };
                    self.send_next(&mut link, unacknowledged, message);
                    while unacknowledged.messages.len() < WINDOW
                        && let Ok(message) = self.queue.try_recv()
                    {
                        self.send_next(&mut link, unacknowledged, message);
                    }
                    link.flush_now()?;
                }
                exchanged = link.exchange() => {
                    exchanged?;
                    while let Some(packet) = link.next_packet()? {
                        if let Packet::PubAck(ack) = packet
                            && unacknowledged.remove(ack.pkid)
                        {
                            self.counters().acknowledged.fetch_add(1, Relaxed);
                        }
                    }
                }
                () = until_cut(&mut self.door, cuts) => {
                    link.reset();
                    return Err(MqttError::Cut);
                }
                _ = pings.tick() => link.ping(),
            }
        }
    }

    /// Sends what stood in the queue.
    fn send_next(&self, link: &mut Link, unacknowledged: &mut Unacknowledged, message: Outgoing) {
        self.counters().waiting.fetch_sub(1, Relaxed);
        self.send(link, unacknowledged, message);
    }

    fn send(&self, link: &mut Link, unacknowledged: &mut Unacknowledged, message: Outgoing) {
        let packet = unacknowledged.next_number();
        link.publish(&message.topic, &message.payload, Some(packet), false);
        unacknowledged.messages.push_back((packet, message));
        self.counters().published.fetch_add(1, Relaxed);
    }

    async fn say_goodbye(&self, mut link: Link) {
        link.disconnect();
        let written = time::timeout(FAREWELL, async {
            while link.unsent() > 0 && link.exchange().await.is_ok() {}
        });
        if written.await.is_err() {
            tracing::debug!(client = %self.id, "the broker didn't take the last bytes");
        }
    }
}

/// Waits until a simulated fault breaks a connection that was made after so many cuts.
async fn until_cut(door: &mut watch::Receiver<Door>, cuts: u64) {
    if door.wait_for(|door| door.cuts != cuts || door.shut > 0).await.is_err() {
        // The world is over, and so are its faults.
        std::future::pending::<()>().await;
    }
}

impl Unacknowledged {
    /// The window is far smaller than the numbers there are, so the next one is always free.
    fn next_number(&mut self) -> u16 {
        self.last = self.last.checked_add(1).unwrap_or(1);
        self.last
    }

    fn remove(&mut self, packet: u16) -> bool {
        let found = self.messages.iter().position(|(number, _)| *number == packet);
        found.is_some_and(|at| self.messages.remove(at).is_some())
    }
}
