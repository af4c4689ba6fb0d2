//! One fault at work, and the desk on which what comes later waits.

use super::{Act, Fault, Sent, What, ground::Ground, sent::Breakage};
use crate::world::{Message, Publisher, Report};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use spor_schemas::{PositionMessage, Presence, ReaderStatusMessage};
use std::{
    cmp::Ordering,
    collections::{BinaryHeap, HashMap, VecDeque},
};

/// Devices that come back do so within this time, milliseconds.
const BACK_WITHIN_MS: i64 = 5_000;
/// How often a rate burst adds its messages, milliseconds of the world.
const BURST_TICK_MS: i64 = 20;
/// What a tag in two places counts from at the other one.
const TWIN_SEQ: u32 = 500_000;
/// Behind all stages: what waited for the broker has met every other fault before.
const BEHIND_ALL: usize = usize::MAX;

/// What is due, and for which stage.
#[derive(Debug)]
pub(super) enum Due {
    Begin(usize),
    End(usize),
    Tick(usize),
    /// A message goes on through the stages from this one on.
    Say(usize, Box<Sent>),
}

/// What comes later, what has come out, and what is known.
#[derive(Debug)]
pub(super) struct Desk {
    pub(super) ground: Ground,
    pub(super) out: Vec<Act>,
    speed: f64,
    pending: BinaryHeap<Entry>,
    noted: u64,
}

#[derive(Debug)]
struct Entry {
    time_ms: i64,
    number: u64,
    due: Due,
}

impl Desk {
    pub(super) fn new(ground: Ground, speed: f64) -> Self {
        Self { ground, out: Vec::new(), speed, pending: BinaryHeap::new(), noted: 0 }
    }

    pub(super) fn note(&mut self, time_ms: i64, due: Due) {
        self.noted += 1;
        self.pending.push(Entry { time_ms, number: self.noted, due });
    }

    /// Takes what is due until then, the earliest first.
    pub(super) fn next(&mut self, until_ms: i64) -> Option<(i64, Due)> {
        if self.pending.peek()?.time_ms > until_ms {
            return None;
        }
        self.pending.pop().map(|entry| (entry.time_ms, entry.due))
    }

    fn say_later(&mut self, time_ms: i64, stage: usize, sent: Sent) {
        self.note(time_ms, Due::Say(stage, Box::new(sent)));
    }
}

/// A fault at work.
#[derive(Debug)]
pub(super) struct Stage {
    pub(super) fault: Fault,
    pub(super) is_on: bool,
    pub(super) hits: u64,
    is_over: bool,
    rng: ChaCha8Rng,
    /// What devices remember, and how many of them spoke before: the order in which they come back.
    kept: HashMap<Publisher, (u64, VecDeque<Sent>)>,
    keepers: u64,
    /// A rate burst's place in the list of tags, and the part of a message that it still owes.
    next_tag: usize,
    owed: f64,
}

impl Stage {
    pub(super) fn new(fault: Fault, seed: u64, number: usize) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        rng.set_stream(1 + number as u64);
        Self {
            fault,
            is_on: false,
            hits: 0,
            is_over: false,
            rng,
            kept: HashMap::new(),
            keepers: 0,
            next_tag: 0,
            owed: 0.0,
        }
    }

    pub(super) fn begin(&mut self, time_ms: i64, desk: &mut Desk, number: usize) {
        if self.is_over {
            return;
        }
        self.is_on = true;
        match self.fault.what {
            What::FloorDown { .. } => self.tell_presence(time_ms, desk, number, Presence::Offline),
            What::BrokerRestart { .. } => desk.out.push(Act::BrokerGone(time_ms)),
            What::ReconnectStorm { .. } | What::RateBurst { .. } => {
                self.tick(time_ms, desk, number);
            }
            _ => {}
        }
    }

    pub(super) fn end(&mut self, time_ms: i64, desk: &mut Desk, number: usize) {
        self.is_over = true;
        if !self.is_on {
            return;
        }
        self.is_on = false;
        let mut next = number + 1;
        match self.fault.what {
            What::FloorDown { .. } => self.tell_presence(time_ms, desk, number, Presence::Online),
            What::BrokerRestart { .. } => {
                desk.out.push(Act::BrokerBack(time_ms));
                next = BEHIND_ALL;
            }
            _ => {}
        }
        let mut devices: Vec<_> = std::mem::take(&mut self.kept).into_values().collect();
        devices.sort_unstable_by_key(|(order, _)| *order);
        for (_, kept) in devices {
            let back_ms = time_ms + self.rng.random_range(0..BACK_WITHIN_MS);
            for sent in kept {
                desk.say_later(back_ms, next, sent);
            }
        }
    }

    /// Whether it is the broker that is gone, not something on the way to it.
    pub(super) fn is_the_brokers(&self) -> bool {
        matches!(self.fault.what, What::BrokerRestart { .. })
    }

    /// A device that doesn't reach the broker remembers what it would have said.
    pub(super) fn remember(&mut self, sent: Sent) {
        if let What::BrokerRestart { keep } = self.fault.what {
            self.keep(sent, keep);
        }
    }

    /// What happens again and again while the fault is on.
    pub(super) fn tick(&mut self, time_ms: i64, desk: &mut Desk, number: usize) {
        if !self.is_on {
            return;
        }
        match self.fault.what {
            What::ReconnectStorm { every_ms } => {
                self.hits += 1;
                desk.out.push(Act::Reconnect(time_ms));
                if let Some(every_ms) = every_ms {
                    desk.note(time_ms + every_ms, Due::Tick(number));
                }
            }
            What::RateBurst { per_second } => {
                // A second of real time is `speed` seconds of the world.
                self.owed += f64::from(per_second) * 0.001 * ms(BURST_TICK_MS) / desk.speed;
                while self.owed >= 1.0 {
                    self.owed -= 1.0;
                    self.repeat_a_tag(time_ms, desk, number);
                }
                desk.note(time_ms + BURST_TICK_MS, Due::Tick(number));
            }
            _ => {}
        }
    }

    /// A message meets the fault; what goes on at once is returned.
    pub(super) fn meet(&mut self, mut sent: Sent, desk: &mut Desk, number: usize) -> Option<Sent> {
        match self.fault.what {
            What::Loss { share } => {
                if self.strikes(share) {
                    return None;
                }
            }
            What::Duplicates { share, by_ms } => {
                if self.strikes(share) {
                    let later_ms = sent.time_ms + self.rng.random_range(0..=by_ms);
                    desk.say_later(later_ms, number + 1, sent.clone());
                }
            }
            What::Reordering { share, by_ms } => {
                if self.strikes(share) {
                    let later_ms = sent.time_ms + self.rng.random_range(1..=by_ms.max(1));
                    desk.say_later(later_ms, number + 1, sent);
                    return None;
                }
            }
            What::LateBurst { keep } => {
                self.keep(sent, keep);
                return None;
            }
            What::SilentReader => {
                let is_reader = matches!(sent.message.publisher(), Publisher::Reader(_));
                if is_reader {
                    self.hits += 1;
                    return None;
                }
            }
            What::FloorDown { keep } => {
                // A tag remembers; what readers and the engine don't hear is gone.
                match sent.message.publisher() {
                    Publisher::Tag(_) => self.keep(sent, keep),
                    Publisher::Engine(_) | Publisher::Reader(_) => self.hits += 1,
                }
                return None;
            }
            What::ClockAhead { by_ms } => {
                self.hits += 1;
                sent.ahead_ms += by_ms;
            }
            What::TwoPlaces => {
                for twin in twins(&sent.message, &desk.ground) {
                    self.hits += 1;
                    let later_ms = sent.time_ms + self.rng.random_range(200..1_500);
                    desk.say_later(later_ms, number + 1, Sent { message: twin, ..sent.clone() });
                }
            }
            What::Malformed { share } => {
                if self.strikes(share) {
                    let kind = self.rng.random_range(0..Breakage::ALL.len());
                    sent.broken = Some(Breakage::ALL[kind]);
                }
            }
            What::ReconnectStorm { .. } | What::BrokerRestart { .. } | What::RateBurst { .. } => {}
        }
        Some(sent)
    }

    /// A tag that remembers has come to a floor whose network works.
    pub(super) fn leave_alone(
        &mut self,
        message: &Message,
        time_ms: i64,
        desk: &mut Desk,
        number: usize,
    ) {
        if self.kept.is_empty() {
            return;
        }
        if let Some((_, kept)) = self.kept.remove(&message.publisher()) {
            let back_ms = time_ms + self.rng.random_range(0..BACK_WITHIN_MS);
            for sent in kept {
                desk.say_later(back_ms, number + 1, sent);
            }
        }
    }

    fn strikes(&mut self, share: f64) -> bool {
        let strikes = self.rng.random_bool(share);
        self.hits += u64::from(strikes);
        strikes
    }

    /// A device remembers a message, and forgets its oldest one when there are too many.
    fn keep(&mut self, sent: Sent, keep: usize) {
        self.hits += 1;
        let order = self.keepers;
        self.keepers += 1;
        let (_, kept) =
            self.kept.entry(sent.message.publisher()).or_insert((order, VecDeque::new()));
        kept.push_back(sent);
        if kept.len() > keep {
            kept.pop_front();
        }
    }

    /// The broker tells of readers that are gone, or they tell that they are back.
    fn tell_presence(&mut self, time_ms: i64, desk: &mut Desk, number: usize, status: Presence) {
        let places = desk.ground.places().to_vec();
        let hit = places.iter().filter(|p| self.fault.hits.hits_reader(&p.reader, &desk.ground));
        let readers: Vec<_> = hit.map(|place| place.reader.clone()).collect();
        for reader in readers {
            let at_ms = match status {
                Presence::Offline => time_ms,
                Presence::Online => time_ms + self.rng.random_range(0..BACK_WITHIN_MS),
            };
            let status = ReaderStatusMessage { time_ms: Some(at_ms), status, firmware: None };
            let report = Report { time_ms: at_ms, message: Message::ReaderStatus(reader, status) };
            desk.say_later(at_ms, number + 1, Sent::new(report));
        }
    }

    /// The next tag of a rate burst says once more where it is.
    fn repeat_a_tag(&mut self, time_ms: i64, desk: &mut Desk, number: usize) {
        let all = desk.ground.last().len();
        for _ in 0..all {
            let (tag, last) = &desk.ground.last()[self.next_tag % all];
            self.next_tag = (self.next_tag + 1) % all;
            if !self.fault.hits.hits_tag(tag, Some(last.floor), &desk.ground) {
                continue;
            }
            // No sequence number: the tag goes on counting by itself.
            let position = PositionMessage { time_ms: Some(time_ms), seq: None, ..last.clone() };
            let message = Message::TagPosition(tag.clone(), position);
            self.hits += 1;
            desk.say_later(time_ms, number + 1, Sent::new(Report { time_ms, message }));
            return;
        }
    }
}

/// What the same tags say at the same time from elsewhere.
fn twins(message: &Message, ground: &Ground) -> Vec<Message> {
    let moved = |position: &PositionMessage, tag| {
        let place = ground.elsewhere(tag, Some(position.floor))?;
        Some(PositionMessage {
            x_m: place.at[0],
            y_m: place.at[1],
            floor: place.floor,
            seq: position.seq.map(|seq| seq.wrapping_add(TWIN_SEQ)),
            moving: Some(false),
            ..position.clone()
        })
    };
    match message {
        Message::TagPosition(tag, position) => moved(position, tag)
            .map(|position| Message::TagPosition(tag.clone(), position))
            .into_iter()
            .collect(),
        Message::EnginePositions(engine, positions) => {
            let twins = positions.iter().filter_map(|p| moved(p, p.tag.as_ref()?));
            vec![Message::EnginePositions(engine.clone(), twins.collect())]
        }
        Message::ReaderSightings(reader, sightings) => {
            let floor = ground.reader_floor(reader);
            let twins = sightings.iter().filter_map(|heard| {
                let place = ground.elsewhere(&heard.tag, floor)?;
                Some(Message::ReaderSightings(place.reader.clone(), vec![heard.clone()]))
            });
            twins.collect()
        }
        Message::TagStatus(..) | Message::ReaderStatus(..) => Vec::new(),
    }
}

#[expect(clippy::cast_precision_loss, reason = "a tick is short")]
fn ms(time_ms: i64) -> f64 {
    time_ms as f64
}

/// The earliest is the greatest: a [`BinaryHeap`] gives its greatest first.
impl Ord for Entry {
    fn cmp(&self, other: &Self) -> Ordering {
        (other.time_ms, other.number).cmp(&(self.time_ms, self.number))
    }
}

impl PartialOrd for Entry {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Entry {
    fn eq(&self, other: &Self) -> bool {
        self.number == other.number
    }
}

impl Eq for Entry {}
