//! Tags and readers: when a tag speaks, what it says, and who hears it.
//!
//! A tag in motion speaks more often than one at rest; whoever sets off speaks at once.

use super::{Doing, Message, TagKind, World, agenda::Event};
use crate::building::{HEARING_M, Spot, Walk, geometry};
use rand::Rng;
use rand_chacha::ChaCha8Rng;
use spor_schemas::{
    EngineId, PositionMessage, Presence, ReaderStatusMessage, SightingMessage, TagId,
    TagStatusMessage,
};

const READER_FIRMWARE: &str = "5.1.0";
/// A reader collects for so long before it publishes.
const READER_COLLECTS_MS: i64 = 1_000;
const ENGINE_COLLECTS_MS: i64 = 1_000;
/// Weakest signal that a reader hears.
const FAINTEST_DBM: f64 = -92.0;
/// At one metre; falls by 22 dB for ten times the distance, and by a wall between two rooms.
const RSSI_1M_DBM: f64 = -48.0;
const FALL_DB: f64 = 22.0;
const WALL_DB: f64 = 9.0;
/// Standard deviation of what bodies and reflections do to a signal.
const FADING_DB: f64 = 3.5;
/// No tag says that it is more accurate than this.
const FINEST_M: f64 = 0.05;
/// Nine of ten errors lie within so many standard deviations (Rayleigh: sqrt(-2 ln 0.1)).
const NINE_TENTHS: f64 = 2.146;

/// A tag that restarts is silent for so long.
const RESTART_MS: i64 = 30_000;
/// Somebody changes an empty battery at one in so many of the times when the tag would tell of itself.
const CHANGED_ONE_IN: f64 = 12.0;

/// What waits to be published.
#[derive(Debug)]
pub(super) struct Radio {
    is_on: bool,
    /// One for tags that are measured well, one for Wi-Fi badges.
    engines: [EngineId; 2],
    computed: [Vec<PositionMessage>; 2],
    heard: Vec<Vec<SightingMessage>>,
}

impl Radio {
    pub(super) fn new(readers: usize) -> Self {
        Self {
            is_on: false,
            engines: ["engine-1", "wifi-1"].map(|id| EngineId::new(id).expect("fits the pattern")),
            computed: Default::default(),
            heard: vec![Vec::new(); readers],
        }
    }
}

impl World {
    /// The reports begin: readers and tags come up within seconds.
    pub(super) fn switch_radio_on(&mut self) {
        self.radio.is_on = true;
        for reader in 0..self.building.readers().len() {
            let at_ms = self.clock_ms + self.rng.random_range(0..2_000);
            self.agenda.note(at_ms, Event::ReaderUp(reader));
        }
        for body in 0..self.bodies.len() {
            let fix_ms = self.rng.random_range(0..2_500);
            self.speak_in(body, fix_ms);
            let status_ms = self.rng.random_range(5_000..120_000);
            self.agenda.note(self.clock_ms + status_ms, Event::Status(body));
        }
    }

    /// A tag that begins to move speaks at once.
    pub(super) fn wake(&mut self, body: usize) {
        if self.radio.is_on && !self.bodies[body].tag.is_silent {
            let in_ms = self.rng.random_range(50..400);
            if self.bodies[body].tag.due_ms > self.clock_ms + in_ms {
                self.speak_in(body, in_ms);
            }
        }
    }

    /// A tag that was silent is heard again.
    pub(super) fn speak_again(&mut self, body: usize) {
        self.bodies[body].tag.is_silent = false;
        if self.radio.is_on {
            let in_ms = self.rng.random_range(500..3_000);
            self.speak_in(body, in_ms);
        }
    }

    fn speak_in(&mut self, body: usize, in_ms: i64) {
        let tag = &mut self.bodies[body].tag;
        if tag.kind == TagKind::Rfid || tag.is_silent {
            return;
        }
        tag.due_ms = self.clock_ms + in_ms;
        self.agenda.note(tag.due_ms, Event::Fix(body));
    }

    /// A tag speaks.
    pub(super) fn fix(&mut self, body: usize, time_ms: i64) {
        if self.bodies[body].tag.due_ms != time_ms {
            return;
        }
        let moving = self.bodies[body].walk.is_some();
        let spot = self.bodies[body].spot_at(self.clock_ms);
        match self.bodies[body].tag.kind {
            TagKind::Ble => self.shout(body, spot),
            TagKind::Uwb => {
                let position = self.measure(body, spot, moving, None);
                let tag = self.bodies[body].tag.id.clone();
                self.say(Message::TagPosition(tag, position));
            }
            kind @ (TagKind::Engine | TagKind::Wifi) => {
                let engine = usize::from(kind == TagKind::Wifi);
                let tag = self.bodies[body].tag.id.clone();
                let position = self.measure(body, spot, moving, Some(tag));
                if self.radio.computed[engine].is_empty() {
                    self.agenda.note(self.clock_ms + ENGINE_COLLECTS_MS, Event::Computed(engine));
                }
                self.radio.computed[engine].push(position);
            }
            TagKind::Rfid => {}
        }
        // A UWB exchange costs little; a cell lasts about a year at rest.
        let tag = &mut self.bodies[body].tag;
        tag.battery_pct -= 0.000_1;
        if tag.battery_pct <= 0.0 {
            self.bodies[body].silence();
            return;
        }
        let every_ms =
            if moving { self.config.moving_every_ms } else { self.config.still_every_ms };
        self.speak_in(body, every_ms);
    }

    /// The true place with the noise of a measurement; never outside the building.
    fn measure(
        &mut self,
        body: usize,
        spot: Spot,
        moving: bool,
        tag: Option<TagId>,
    ) -> PositionMessage {
        let floor = self.building.room(spot.room).floor;
        let sigma_m = self.bodies[body].tag.sigma_m * self.config.noise;
        let [mut x_m, mut y_m] = spot.point();
        for _ in 0..4 {
            let x = spot.x_m + sigma_m * normal(&mut self.rng);
            let y = spot.y_m + sigma_m * normal(&mut self.rng);
            if self.building.is_on_site(floor, x, y) {
                [x_m, y_m] = [x, y];
                break;
            }
        }
        #[expect(clippy::cast_possible_truncation, reason = "a metre fits")]
        let accuracy_m = centi(sigma_m * NINE_TENTHS).max(FINEST_M) as f32;
        let state = &mut self.bodies[body].tag;
        PositionMessage {
            tag,
            time_ms: Some(state.stamp(self.clock_ms)),
            seq: Some(state.next_seq()),
            x_m: centi(x_m),
            y_m: centi(y_m),
            floor,
            accuracy_m: Some(accuracy_m),
            battery_pct: state.battery(),
            moving: Some(moving),
            button: None,
        }
    }

    /// A tag without position is heard by the readers around it.
    fn shout(&mut self, body: usize, spot: Spot) {
        for at in 0..self.building.room(spot.room).readers.len() {
            let reader = self.building.room(spot.room).readers[at];
            let entry = &self.building.readers()[reader];
            let metres = geometry::distance(spot.point(), entry.at).max(0.5);
            // Readers of a long room are near to it, and yet most are far from the tag.
            if metres > HEARING_M {
                continue;
            }
            let walls_db = if entry.room == Some(spot.room) { 0.0 } else { WALL_DB };
            let fading_db = FADING_DB * self.config.noise * normal(&mut self.rng);
            let rssi = RSSI_1M_DBM - FALL_DB * metres.log10() - walls_db + fading_db;
            if rssi >= FAINTEST_DBM {
                self.hear(body, reader, rssi.min(-20.0));
            }
        }
    }

    /// Notes when a passive tag will come by portals on its way.
    pub(super) fn watch_portals(&mut self, body: usize, walk: &Walk) {
        if !self.radio.is_on || self.bodies[body].tag.kind != TagKind::Rfid {
            return;
        }
        for (time_ms, room) in walk.entries() {
            let readers = &self.building.room(room).readers;
            let portal = readers.iter().copied().find(|reader| {
                let reader = &self.building.readers()[*reader];
                reader.portal && reader.room == Some(room)
            });
            if let Some(reader) = portal {
                self.agenda.note(time_ms + 700, Event::Passage { body, reader });
            }
        }
    }

    /// A passive tag comes by a portal.
    pub(super) fn passage(&mut self, body: usize, reader: usize) {
        if self.bodies[body].tag.is_silent {
            return;
        }
        let rssi = -50.0 + 4.0 * normal(&mut self.rng);
        self.hear(body, reader, rssi.clamp(-90.0, -20.0));
    }

    fn hear(&mut self, body: usize, reader: usize, rssi: f64) {
        if self.radio.heard[reader].is_empty() {
            self.agenda.note(self.clock_ms + READER_COLLECTS_MS, Event::Heard(reader));
        }
        #[expect(clippy::cast_possible_truncation, reason = "decibels fit")]
        let rssi_dbm = ((rssi * 2.0).round() / 2.0) as f32;
        self.radio.heard[reader].push(SightingMessage {
            tag: self.bodies[body].tag.id.clone(),
            time_ms: Some(self.clock_ms),
            rssi_dbm,
        });
    }

    /// A reader publishes what it heard.
    pub(super) fn publish_heard(&mut self, reader: usize) {
        let heard = std::mem::take(&mut self.radio.heard[reader]);
        let id = self.building.readers()[reader].id.clone();
        self.say(Message::ReaderSightings(id, heard));
    }

    /// An engine publishes what it computed.
    pub(super) fn publish_computed(&mut self, engine: usize) {
        let computed = std::mem::take(&mut self.radio.computed[engine]);
        for batch in computed.chunks(spor_schemas::bounds::MAX_BATCH) {
            self.say(Message::EnginePositions(self.radio.engines[engine].clone(), batch.to_vec()));
        }
    }

    /// A reader says that it is there.
    pub(super) fn reader_up(&mut self, reader: usize) {
        let id = self.building.readers()[reader].id.clone();
        let status = ReaderStatusMessage {
            time_ms: Some(self.clock_ms),
            status: Presence::Online,
            firmware: Some(READER_FIRMWARE.to_owned()),
        };
        self.say(Message::ReaderStatus(id, status));
    }

    /// A tag says how it is, now and then.
    pub(super) fn tag_status(&mut self, body: usize) {
        if self.bodies[body].tag.battery_pct <= 0.0 {
            let is_here = self.assets.get(body).is_none_or(|asset| asset.doing != Doing::Gone);
            if is_here && self.rng.random_bool(1.0 / CHANGED_ONE_IN) {
                let tag = &mut self.bodies[body].tag;
                (tag.battery_pct, tag.seq) = (100.0, 0);
                self.speak_again(body);
            }
        } else {
            self.say_status(body, None);
            self.restart_sometimes(body);
        }
        let next_ms = self.clock_ms + self.config.heartbeat_every_ms;
        self.agenda.note(next_ms, Event::Status(body));
    }

    /// Firmware restarts now and then.
    fn restart_sometimes(&mut self, body: usize) {
        let daily = self.config.firmware.resets_per_day;
        if daily <= 0.0 || self.bodies[body].tag.is_silent {
            return;
        }
        #[expect(clippy::cast_precision_loss, reason = "a day in milliseconds")]
        let share = daily * self.config.heartbeat_every_ms as f64 / 86_400_000.0;
        if self.rng.random_bool(share.min(1.0)) {
            self.bodies[body].tag.seq = 0;
            self.speak_in(body, RESTART_MS);
        }
    }

    /// Whoever has cleaned an asset presses its tag's button, when they think of it.
    pub(super) fn press_button_sometimes(&mut self, body: usize) {
        if self.radio.is_on && self.rng.random_bool(0.3) {
            self.say_status(body, Some(true));
        }
    }

    fn say_status(&mut self, body: usize, button: Option<bool>) {
        let tag = &mut self.bodies[body].tag;
        if tag.kind == TagKind::Rfid || tag.is_silent {
            return;
        }
        let time_ms = Some(tag.stamp(self.clock_ms));
        let status = TagStatusMessage {
            time_ms,
            seq: Some(tag.next_seq()),
            battery_pct: tag.battery(),
            button,
            firmware: Some(tag.firmware.to_owned()),
        };
        let tag = tag.id.clone();
        self.say(Message::TagStatus(tag, status));
    }
}

/// Standard normal, by Box and Muller.
fn normal(rng: &mut ChaCha8Rng) -> f64 {
    let radius = (-2.0 * rng.random_range(f64::MIN_POSITIVE..1.0).ln()).sqrt();
    radius * (std::f64::consts::TAU * rng.random_range(0.0..1.0)).cos()
}

/// To whole hundredths.
fn centi(value: f64) -> f64 {
    (value * 100.0).round() / 100.0
}
