//! One connection of the rate tool: what is due goes out in its order, acknowledgements come in.
//!
//! The schedule is fixed beforehand (open loop): when the broker is slow the messages wait, and
//! their latency counts from when they were due. With rate 0 there is no schedule but the window.

use super::{Config, Shared, form::Form, walkers::Walker};
use crate::mqtt::{
    MqttError,
    link::{Link, PING_EVERY},
};
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
const MOST_AT_ONCE: usize = 128;
/// The first reports without a schedule are spread over so long before they are sent.
const SPREAD: Duration = Duration::from_secs(1);

/// What waits for its acknowledgement.
#[derive(Clone, Copy)]
struct Flight {
    due: Instant,
    positions: u32,
}

/// When a connection sends.
#[derive(Clone, Copy)]
pub(super) struct Schedule {
    pub(super) start: Instant,
    pub(super) end: Instant,
    /// What is not acknowledged by then is given up.
    pub(super) give_up: Instant,
    /// Positions; 0: as fast as the window allows.
    pub(super) per_second: f64,
    /// A share of the first message, so that connections don't send in step.
    pub(super) head_start: f64,
}

/// The connection.
pub(super) struct Sender {
    link: Link,
    walkers: Vec<Walker>,
    config: Rc<Config>,
    shared: Rc<Shared>,
    form: Form,
    next_walker: usize,
    /// By packet number, which is the place plus one.
    flights: Vec<Option<Flight>>,
    in_flight: usize,
    next_number: usize,
    /// Positions that are due and not sent, by when they were due.
    due: VecDeque<(Instant, u32)>,
    /// Without a schedule: up to when the tags have reported.
    reported: Instant,
}

impl Sender {
    pub(super) fn new(
        link: Link,
        walkers: Vec<Walker>,
        config: Rc<Config>,
        shared: Rc<Shared>,
        form: Form,
    ) -> Self {
        let window = usize::from(config.window.max(1));
        Self {
            link,
            walkers,
            config,
            shared,
            form,
            next_walker: 0,
            flights: vec![None; window],
            in_flight: 0,
            next_number: 0,
            due: VecDeque::new(),
            reported: Instant::now(),
        }
    }

    /// Sends from start to end, then waits for what is not acknowledged.
    pub(super) async fn run(mut self, schedule: Schedule) -> Result<(), MqttError> {
        let Schedule { start, end, give_up, per_second, head_start } = schedule;
        let in_message = self.config.batch.unwrap_or(1);
        let mut scheduled = head_start * f64::from(in_message);
        let mut tick = start;
        let mut next_ping = start + PING_EVERY;
        self.reported = start.checked_sub(SPREAD).unwrap_or(start);
        time::sleep_until(start.into()).await;
        loop {
            // One connection would otherwise keep the thread as long as its socket has something.
            task::yield_now().await;
            let now = Instant::now();
            while tick <= now && tick < end {
                self.shared.ticked(now.duration_since(tick));
                scheduled += per_second * TICK.as_secs_f64();
                let whole = whole_part(scheduled / f64::from(in_message)) * in_message;
                scheduled -= f64::from(whole);
                if whole > 0 {
                    self.due.push_back((tick, whole));
                    self.shared.intended(whole);
                }
                tick += TICK;
            }
            if now >= next_ping {
                self.link.ping();
                next_ping = now + PING_EVERY;
            }
            let is_free = per_second == 0.0 && now < end;
            if is_free {
                self.send_freely(now)?;
            } else {
                self.send_due(now)?;
            }
            let is_over = now >= end && self.due.is_empty();
            if is_over && self.in_flight == 0 && self.link.unsent() == 0 {
                self.link.disconnect();
                return self.link.flush_now();
            }
            if now >= give_up {
                return Ok(());
            }
            if is_free && self.free_number().is_some() {
                self.link.exchange_now()?;
                self.take_acknowledgements()?;
                continue;
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
    fn send_due(&mut self, now: Instant) -> Result<(), MqttError> {
        let unix_ms = unix_ms();
        while let Some((due, left)) = self.due.pop_front() {
            let Some(number) = self.free_number() else {
                self.due.push_front((due, left));
                break;
            };
            let late = i64::try_from(now.duration_since(due).as_millis()).unwrap_or(0);
            let count = left.min(self.config.batch.unwrap_or(1));
            self.send(number, due, unix_ms - late, count);
            if count < left {
                self.due.push_front((due, left - count));
            }
        }
        self.link.flush_now()
    }

    /// Sends as much as window and socket allow, but leaves the thread to the others soon. Tags
    /// report evenly in the time since the last such turn.
    fn send_freely(&mut self, now: Instant) -> Result<(), MqttError> {
        let unix_ms = unix_ms();
        let most = (self.flights.len() - self.in_flight).clamp(1, MOST_AT_ONCE);
        let since = i64::try_from(now.duration_since(self.reported).as_millis()).unwrap_or(0);
        let count = self.config.batch.unwrap_or(1);
        for turn in 1..=most {
            let Some(number) = self.free_number() else { break };
            let before =
                since * i64::try_from(most - turn).unwrap_or(0) / i64::try_from(most).unwrap_or(1);
            self.send(number, now, unix_ms - before, count);
            self.shared.intended(count);
            self.reported = now;
        }
        self.link.flush_now()
    }

    /// The next packet number if it is free and the socket keeps up.
    fn free_number(&self) -> Option<usize> {
        let is_free = self.link.unsent() < MOST_UNSENT && self.flights[self.next_number].is_none();
        is_free.then_some(self.next_number)
    }

    /// Sends one message of so many positions; they say `time_ms`.
    fn send(&mut self, number: usize, due: Instant, time_ms: i64, count: u32) {
        let packet = if self.config.acknowledged { u16::try_from(number + 1).ok() } else { None };
        let (ground, walkers) = (&mut *self.shared.ground.borrow_mut(), &mut self.walkers);
        let next = &mut self.next_walker;
        let reports = (0..count).map(|_| {
            let report = ground.report(&mut walkers[*next], time_ms);
            *next += 1;
            if *next == walkers.len() {
                *next = 0;
            }
            report
        });
        self.form.put(self.link.outgoing(), packet, reports);
        self.shared.published(count);
        if self.config.acknowledged {
            self.flights[number] = Some(Flight { due, positions: count });
            self.in_flight += 1;
            self.next_number = (number + 1) % self.flights.len();
        }
    }

    fn take_acknowledgements(&mut self) -> Result<(), MqttError> {
        let now = Instant::now();
        while let Some(packet) = self.link.next_puback()? {
            let at = usize::from(packet).wrapping_sub(1);
            if let Some(flight) = self.flights.get_mut(at).and_then(Option::take) {
                self.in_flight -= 1;
                self.shared.acknowledged(now, now.duration_since(flight.due), flight.positions);
            }
        }
        Ok(())
    }
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a small count")]
fn whole_part(value: f64) -> u32 {
    value as u32
}

fn unix_ms() -> i64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(now.as_millis()).unwrap_or(i64::MAX)
}
