//! One connection of the rate tool: what is due goes out in its order, acknowledgements come in.
//!
//! The schedule is fixed beforehand (open loop): when the broker is slow the messages wait, and
//! their latency counts from when they were due.

use super::{Config, Shared, walkers::Walker};
use crate::mqtt::{
    MqttError,
    link::{Link, PING_EVERY},
};
use rumqttc::mqttbytes::v4::Packet;
use spor_schemas::{PositionMessage, wire};
use std::{
    collections::VecDeque,
    rc::Rc,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};
use tokio::{task, time};

/// What is due is handed over so often; several messages then share a write.
const TICK: Duration = Duration::from_millis(20);
/// No more bytes are prepared than the socket may soon take.
const MOST_UNSENT: usize = 64 * 1024;
/// Messages sent in a row where nothing else sets the pace.
const MOST_AT_ONCE: usize = 32;

/// What waits for its acknowledgement.
#[derive(Clone, Copy)]
struct Flight {
    due: Instant,
    positions: u32,
}

/// The connection.
pub(super) struct Sender {
    pub(super) link: Link,
    pub(super) walkers: Vec<Walker>,
    pub(super) config: Rc<Config>,
    pub(super) shared: Rc<Shared>,
    /// The topic of a connection that speaks for an engine.
    pub(super) engine_topic: Option<String>,
    next_walker: usize,
    /// By packet number, which is the place plus one.
    flights: Vec<Option<Flight>>,
    in_flight: usize,
    next_number: usize,
    /// Positions that are due and not sent, by when they were due.
    due: VecDeque<(Instant, u32)>,
}

impl Sender {
    pub(super) fn new(
        link: Link,
        walkers: Vec<Walker>,
        config: Rc<Config>,
        shared: Rc<Shared>,
        engine_topic: Option<String>,
    ) -> Self {
        let window = usize::from(config.window.max(1));
        Self {
            link,
            walkers,
            config,
            shared,
            engine_topic,
            next_walker: 0,
            flights: vec![None; window],
            in_flight: 0,
            next_number: 0,
            due: VecDeque::new(),
        }
    }

    /// Sends from `start` to `end`, then waits for what is not acknowledged until `give_up`.
    /// `head_start`, a share of the first message, keeps connections from sending in step.
    pub(super) async fn run(
        mut self,
        start: Instant,
        per_second: f64,
        head_start: f64,
        end: Instant,
        give_up: Instant,
    ) -> Result<(), MqttError> {
        let in_message = self.config.batch.unwrap_or(1);
        let mut scheduled = head_start * f64::from(in_message);
        let mut tick = start;
        let mut next_ping = start + PING_EVERY;
        loop {
            // A busy connection would otherwise keep the thread as long as its socket has something.
            task::yield_now().await;
            let now = Instant::now();
            while tick <= now && tick < end {
                self.shared.ticked(now.duration_since(tick));
                scheduled += per_second * TICK.as_secs_f64();
                let whole = whole_part(scheduled / f64::from(in_message)) * in_message;
                scheduled -= f64::from(whole);
                if whole > 0 {
                    self.due.push_back((tick, whole));
                    self.shared.count(|c| c.intended += u64::from(whole));
                }
                tick += TICK;
            }
            if now >= next_ping {
                self.link.ping();
                next_ping = now + PING_EVERY;
            }
            if per_second == 0.0 && now < end {
                self.send_freely()?;
            } else {
                self.send_due()?;
            }
            let is_over = now >= end && self.due.is_empty();
            if is_over && self.in_flight == 0 && self.link.unsent() == 0 {
                self.link.disconnect();
                return self.link.flush_now();
            }
            if now >= give_up {
                return Ok(());
            }
            let wake = if now < end { tick.min(end) } else { give_up }.min(next_ping);
            tokio::select! {
                exchanged = self.link.exchange() => {
                    exchanged?;
                    self.take_acknowledgements()?;
                }
                () = time::sleep_until(wake.into()) => {}
            }
        }
    }

    /// Sends what is due, as far as window and socket allow.
    fn send_due(&mut self) -> Result<(), MqttError> {
        while let Some((due, left)) = self.due.pop_front() {
            let Some(number) = self.free_number() else {
                self.due.push_front((due, left));
                break;
            };
            let sent = self.send(number, due, left);
            if sent < left {
                self.due.push_front((due, left - sent));
            }
        }
        self.link.flush_now()
    }

    /// Sends as much as window and socket allow, but leaves the thread to the others soon.
    fn send_freely(&mut self) -> Result<(), MqttError> {
        for _ in 0..MOST_AT_ONCE {
            let Some(number) = self.free_number() else { break };
            let most = self.config.batch.unwrap_or(1);
            let sent = self.send(number, Instant::now(), most);
            self.shared.count(|c| c.intended += u64::from(sent));
        }
        self.link.flush_now()
    }

    /// The next packet number if it is free and the socket keeps up.
    fn free_number(&self) -> Option<usize> {
        let is_free = self.link.unsent() < MOST_UNSENT && self.flights[self.next_number].is_none();
        is_free.then_some(self.next_number)
    }

    /// Sends one message; returns how many of the `left` positions it carries.
    fn send(&mut self, number: usize, due: Instant, left: u32) -> u32 {
        let time_ms = unix_ms(due);
        let packet = if self.config.acknowledged { u16::try_from(number + 1).ok() } else { None };
        let positions = match &self.engine_topic {
            None => {
                let walker = &mut self.walkers[self.next_walker];
                let position = self.shared.ground.borrow_mut().position(walker, time_ms);
                let payload = encoded(&position, self.config.cbor);
                self.link.publish(&walker.topic, &payload, packet, false);
                self.next_walker = (self.next_walker + 1) % self.walkers.len();
                1
            }
            Some(topic) => {
                let count = left.min(self.config.batch.unwrap_or(1));
                let mut batch = Vec::new();
                for _ in 0..count {
                    let walker = &mut self.walkers[self.next_walker];
                    let mut position = self.shared.ground.borrow_mut().position(walker, time_ms);
                    position.tag = Some(walker.tag.clone());
                    batch.push(position);
                    self.next_walker = (self.next_walker + 1) % self.walkers.len();
                }
                let payload =
                    if self.config.cbor { wire::to_cbor(&batch) } else { wire::to_json(&batch) };
                self.link.publish(topic, &payload, packet, false);
                count
            }
        };
        self.shared.count(|c| {
            c.messages += 1;
            c.published += u64::from(positions);
        });
        if self.config.acknowledged {
            self.flights[number] = Some(Flight { due, positions });
            self.in_flight += 1;
            self.next_number = (number + 1) % self.flights.len();
        }
        positions
    }

    fn take_acknowledgements(&mut self) -> Result<(), MqttError> {
        while let Some(packet) = self.link.next_packet()? {
            let Packet::PubAck(ack) = packet else { continue };
            let at = usize::from(ack.pkid).wrapping_sub(1);
            if let Some(flight) = self.flights.get_mut(at).and_then(Option::take) {
                self.in_flight -= 1;
                self.shared.acknowledged(flight.due.elapsed(), flight.positions);
            }
        }
        Ok(())
    }
}

fn encoded(position: &PositionMessage, cbor: bool) -> Vec<u8> {
    if cbor { wire::to_cbor(position) } else { wire::to_json(position) }
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a small count")]
fn whole_part(value: f64) -> u32 {
    value as u32
}

/// The real clock's time of an instant.
fn unix_ms(at: Instant) -> i64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(now.saturating_sub(at.elapsed()).as_millis()).unwrap_or(i64::MAX)
}
