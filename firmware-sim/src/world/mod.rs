//! The hospital at work: a site file, a seed and a clock come in, reports of tags and readers go out.
//!
//! A discrete-event simulation without I/O: the same configuration gives the same reports. Things
//! and people are *bodies*, each with one tag; assets come first in the list, then the staff.

mod agenda;
mod life;
mod lives;
mod patients;
mod places;
mod radio;
mod report;
mod roster;
mod shifts;
mod staff;
mod tag;
mod witness;

pub use lives::{Demand, Life};
pub use patients::{Closure, Patients, Surge, Tension};
pub use report::{Message, Publisher, Report};
pub use roster::{AssetEntry, StaffEntry, TagKind};
pub use tag::Firmware;
pub use witness::Change;

use crate::building::{Building, BuildingError, RoomIx, Spot, Walk, Ways};
use agenda::{Agenda, Event};
use life::Asset;
use patients::Hospital;
use places::Places;
use radio::Radio;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use roster::CLASSES;
use spor_schemas::{TagId, site::SiteFile};
use staff::{Jobs, Worker};
use tag::Tag;
use witness::Witness;

/// What world to make.
#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    /// The same seed gives the same reports.
    pub seed: u64,
    /// When the reports begin, milliseconds since the Unix epoch.
    pub start_ms: i64,
    /// How many things carry a tag; each of the eight classes gets at least one.
    pub assets: u32,
    /// How many people wear a badge; each of the five roles has at least one.
    pub staff: u32,
    /// What the hospital's local time is ahead of UTC, milliseconds.
    pub ahead_ms: i64,
    /// Who comes; none: equipment lives by itself, as if it were always the same hour.
    pub patients: Option<Patients>,
    /// Wards that close for a time.
    pub closures: Vec<Closure>,
    /// What tags have that isn't perfect.
    pub firmware: Firmware,
    /// Whether the staff works in shifts, and goes home in between.
    pub shifts: bool,
    /// How many of the staff don't come to a shift, 0 to 1.
    pub absent: f64,
    /// How many of the staff wear a Wi-Fi badge, whose place is known by some metres only, 0 to 1.
    pub wifi_badges: f64,
    /// How each class of equipment lives, by its name; what isn't named lives as usual.
    pub lives: Vec<(String, Life)>,
    /// How long the hospital has been at work before the start, unseen.
    pub warm_up_ms: i64,
    /// How many times as often as on an ordinary day equipment changes its state.
    pub pace: f64,
    /// A tag in motion reports this often.
    pub moving_every_ms: i64,
    /// A tag at rest reports this often.
    pub still_every_ms: i64,
    /// A tag tells its battery and firmware this often.
    pub heartbeat_every_ms: i64,
    /// How many times the error of an ordinary tag; 0: positions are exact.
    pub noise: f64,
    /// Whether [`World::changes`] tells where everything really is.
    pub truth: bool,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            seed: 1,
            start_ms: 0,
            assets: 430,
            staff: 80,
            ahead_ms: 0,
            patients: None,
            closures: Vec::new(),
            firmware: Firmware::default(),
            shifts: false,
            absent: 0.0,
            wifi_badges: 0.0,
            lives: Vec::new(),
            warm_up_ms: 45 * 60_000,
            // Somebody who watches a small hospital wants to see it move.
            pace: 2.5,
            moving_every_ms: 2_000,
            still_every_ms: 30_000,
            heartbeat_every_ms: 3_600_000,
            noise: 1.0,
            truth: false,
        }
    }
}

/// Where a thing or a person really is, before any noise.
#[derive(Debug, Clone, PartialEq)]
pub struct Truth<'a> {
    /// Its tag.
    pub tag: &'a TagId,
    /// How the tag's place becomes known.
    pub kind: TagKind,
    /// The room, and where in it.
    pub spot: Spot,
    /// True on the way from one place to another.
    pub moving: bool,
    /// What an asset is doing; none: a person.
    pub doing: Option<Doing>,
}

pub use life::Doing;

/// Something that is somewhere and carries a tag.
#[derive(Debug)]
struct Body {
    at: Spot,
    walk: Option<Walk>,
    tag: Tag,
}

impl Body {
    /// Its tag says nothing until it is told to speak again.
    fn silence(&mut self) {
        self.tag.is_silent = true;
        self.tag.due_ms = i64::MAX;
    }

    fn spot_at(&self, time_ms: i64) -> Spot {
        self.walk.as_ref().map_or(self.at, |walk| walk.spot_at(time_ms))
    }
}

/// The world.
#[derive(Debug)]
pub struct World {
    config: Config,
    building: Building,
    ways: Ways,
    places: Places,
    rng: ChaCha8Rng,
    clock_ms: i64,
    agenda: Agenda,
    bodies: Vec<Body>,
    assets: Vec<Asset>,
    workers: Vec<Worker>,
    jobs: Jobs,
    hospital: Hospital,
    lives: [Life; CLASSES.len()],
    radio: Radio,
    asset_entries: Vec<AssetEntry>,
    staff_entries: Vec<StaffEntry>,
    said: Vec<Report>,
    /// None until the start, and without anybody who asks.
    witness: Option<Witness>,
}

impl World {
    /// Fills the building and lets the hospital work unseen until the start.
    ///
    /// # Errors
    /// [`BuildingError`] when nobody could walk through the site.
    pub fn new(site: &SiteFile, config: Config) -> Result<Self, BuildingError> {
        let building = Building::new(site)?;
        let mut world = Self {
            ways: Ways::new(&building),
            places: Places::new(&building),
            rng: ChaCha8Rng::seed_from_u64(config.seed),
            clock_ms: config.start_ms - config.warm_up_ms,
            agenda: Agenda::default(),
            bodies: Vec::new(),
            assets: Vec::new(),
            workers: Vec::new(),
            jobs: Jobs::default(),
            hospital: Hospital::default(),
            lives: roster::lives(&config.lives),
            radio: Radio::new(building.readers().len()),
            asset_entries: Vec::new(),
            staff_entries: Vec::new(),
            said: Vec::new(),
            witness: None,
            building,
            config,
        };
        for (entry, traits, kind) in
            roster::assets(world.config.assets, &world.places, &mut world.rng)
        {
            world.settle_asset(entry, traits, kind);
        }
        for (entry, role) in roster::staff(world.config.staff) {
            world.settle_worker(entry, role);
        }
        world.open_doors();
        world.advance(world.config.start_ms);
        world.switch_radio_on();
        world.witness = world.config.truth.then(Witness::default);
        world.see_who_is_on_the_way();
        Ok(world)
    }

    /// Lets time pass until `until_ms` and returns what was said, in the order of time.
    pub fn advance(&mut self, until_ms: i64) -> Vec<Report> {
        while let Some((time_ms, event)) = self.agenda.next(until_ms) {
            self.clock_ms = self.clock_ms.max(time_ms);
            match event {
                Event::Life(asset) => self.live_on(asset, time_ms),
                Event::Duty(worker) => self.on_duty(worker, time_ms),
                Event::Fix(body) => self.fix(body, time_ms),
                Event::Status(body) => self.tag_status(body),
                Event::Passage { body, reader } => self.passage(body, reader),
                Event::Heard(reader) => self.publish_heard(reader),
                Event::ReaderUp(reader) => self.reader_up(reader),
                Event::Computed(engine) => self.publish_computed(engine),
                Event::Arrival { is_real } => self.arrival(is_real),
                Event::Need { class, is_real } => self.need(class, is_real),
                Event::Closing(closure) => self.closing(closure),
            }
        }
        self.clock_ms = self.clock_ms.max(until_ms);
        std::mem::take(&mut self.said)
    }

    /// The world's clock, milliseconds since the Unix epoch.
    #[must_use]
    pub fn clock_ms(&self) -> i64 {
        self.clock_ms
    }

    /// Every asset, with its tag.
    #[must_use]
    pub fn assets(&self) -> &[AssetEntry] {
        &self.asset_entries
    }

    /// All staff, with their badges.
    #[must_use]
    pub fn staff(&self) -> &[StaffEntry] {
        &self.staff_entries
    }

    /// The building.
    #[must_use]
    pub fn building(&self) -> &Building {
        &self.building
    }

    /// Where everything really is now: assets in the order of [`Self::assets`], then the staff.
    pub fn truth(&self) -> impl Iterator<Item = Truth<'_>> {
        self.bodies.iter().enumerate().map(|(number, body)| Truth {
            tag: &body.tag.id,
            kind: body.tag.kind,
            spot: body.spot_at(self.clock_ms),
            moving: body.walk.is_some(),
            doing: self.assets.get(number).map(|asset| asset.doing),
        })
    }

    /// What somebody or something is doing, as files call it.
    fn doing(&self, body: usize) -> &'static str {
        match self.assets.get(body) {
            Some(asset) => asset.doing.as_str(),
            None => self.workers[body - self.assets.len()].doing(),
        }
    }

    fn say(&mut self, message: Message) {
        self.said.push(Report { time_ms: self.clock_ms, message });
    }

    /// Puts a body on its way.
    fn set_off(&mut self, body: usize, walk: Walk) {
        self.watch_portals(body, &walk);
        self.seen_setting_off(body, &walk);
        self.bodies[body].walk = Some(walk);
        self.wake(body);
    }

    /// Ends a body's way.
    fn arrive(&mut self, body: usize) {
        if let Some(walk) = self.bodies[body].walk.take() {
            self.bodies[body].at = walk.end();
            self.ways.take_back(walk);
            self.seen_at_rest(body);
        }
    }

    /// Random minutes around a mean: most are shorter, a few much longer.
    fn about_minutes(&mut self, mean: f64) -> i64 {
        let share: f64 = -self.rng.random_range(0.018_f64..0.9).ln();
        whole_ms(share * mean * 60_000.0)
    }

    fn random_spot(&mut self, room: RoomIx) -> Spot {
        self.building.random_spot(room, &mut self.rng)
    }
}

#[expect(clippy::cast_possible_truncation, reason = "hours in milliseconds fit by far")]
fn whole_ms(ms: f64) -> i64 {
    ms.round() as i64
}

#[cfg(test)]
mod tests;
