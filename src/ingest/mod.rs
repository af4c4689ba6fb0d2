//! Bytes become typed values here, once: decode, admit, de-duplicate.
//!
//! Arrivals come in, in the order of receipt; fixes, sightings and reports go out, each within its
//! bounds, on the site, with an event time that is never later than its receipt. What is refused is
//! an ordinary result with a reason, counted and kept for people to look at.

mod admit;
mod clock;
mod duplicates;
mod memory;
mod recent;
mod rejected;
mod sort;

use crate::{
    model::{Arrived, ById, Fix, Origin, ReaderId, Registry, Sighting, TagId},
    privacy,
    site::Site,
};
use clock::Clock;
use duplicates::Duplicates;
pub use memory::SenderMemory;
pub use rejected::{Reason, Rejected, Rejections};
pub use sort::{Sorted, sort};
use spor_schemas::{
    Decoded, InboundTopic, PositionMessage, Presence, SightingMessage, TagStatusMessage, wire,
};
use std::sync::Arc;

/// Section `[ingest]` of the configuration.
#[derive(Debug, Clone, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Fixes older than this when they arrive are refused, hours.
    pub max_late_hours: u32,
}

impl Default for Config {
    fn default() -> Self {
        Self { max_late_hours: 48 }
    }
}

impl Config {
    /// The same in milliseconds.
    #[must_use]
    pub fn max_late_ms(&self) -> i64 {
        i64::from(self.max_late_hours) * 3_600_000
    }
}

/// A message that was understood.
#[derive(Debug, Clone, PartialEq)]
pub enum Understood {
    /// Where a tag is, and what it said besides.
    Fix {
        /// The place.
        fix: Fix,
        /// Charge, percent.
        battery_pct: Option<u8>,
        /// True when the button was pressed.
        button: bool,
    },
    /// A reader heard a tag.
    Sighting(Sighting),
    /// What a tag says about itself.
    TagReport {
        /// The tag.
        tag: TagId,
        /// Event time, milliseconds.
        time_ms: i64,
        /// Charge, percent.
        battery_pct: Option<u8>,
        /// Firmware version.
        firmware: Option<String>,
        /// True when the button was pressed.
        button: bool,
    },
    /// A reader came or went.
    Reader {
        /// The reader.
        reader: ReaderId,
        /// Event time, milliseconds.
        time_ms: i64,
        /// True when it works.
        online: bool,
    },
}

/// A refusal: why, and the detail for people.
type Refusal = (Reason, String);

/// Accuracy of a fix that doesn't tell its own, metres.
const DEFAULT_ACCURACY_M: f32 = 1.0;

/// The state that understanding needs: what each tag sent lately, and how far each clock is off.
#[derive(Debug)]
pub struct Ingest {
    site: Arc<Site>,
    max_late_ms: i64,
    duplicates: Duplicates,
    clocks: ById<Arc<str>, Clock>,
    rejections: Rejections,
}

impl Ingest {
    /// Refuses what is older than `max_late_ms` milliseconds; shows refusals in `rejections`.
    #[must_use]
    pub fn new(site: Arc<Site>, max_late_ms: i64, rejections: Rejections) -> Self {
        Self {
            site,
            max_late_ms,
            duplicates: Duplicates::default(),
            clocks: ById::default(),
            rejections,
        }
    }

    /// Reads one arrival, received at `received_ms`, and hands each message in it to `then`.
    pub fn understand(
        &mut self,
        arrival: Arrived<'_>,
        received_ms: i64,
        registry: &Registry,
        mut then: impl FnMut(Understood),
    ) {
        let known = |tag: &str| self.duplicates.known(tag);
        let topic = match InboundTopic::parse_known(arrival.topic, known) {
            Ok(topic) => topic,
            Err(e) => {
                return self.refuse(
                    Reason::of_topic(&e),
                    e.to_string(),
                    arrival,
                    received_ms,
                    registry,
                );
            }
        };
        let message = match wire::decode(&topic, arrival.payload) {
            Ok(message) => message,
            Err(e) => {
                return self.refuse(
                    Reason::of_wire(&e),
                    e.to_string(),
                    arrival,
                    received_ms,
                    registry,
                );
            }
        };
        let refused = |this: &mut Self, (reason, detail): Refusal| {
            this.refuse(reason, detail, arrival, received_ms, registry);
        };
        match (message, &topic) {
            (Decoded::Positions(positions), _) => {
                let sender = sender(&topic);
                for position in positions {
                    match self.position(&position, &topic, sender, received_ms, registry) {
                        Ok(Some(understood)) => then(understood),
                        Ok(None) => {}
                        Err(refusal) => refused(self, refusal),
                    }
                }
            }
            (Decoded::Sightings(sightings), InboundTopic::ReaderSightings(reader)) => {
                for sighting in sightings {
                    match self.sighting(&sighting, reader, received_ms, registry) {
                        Ok(Some(understood)) => then(understood),
                        Ok(None) => {}
                        Err(refusal) => refused(self, refusal),
                    }
                }
            }
            (Decoded::TagStatus(status), InboundTopic::TagStatus(tag)) => {
                match self.tag_status(status, tag, received_ms) {
                    Ok(understood) => then(understood),
                    Err(refusal) => refused(self, refusal),
                }
            }
            (Decoded::ReaderStatus(status), InboundTopic::ReaderStatus(reader)) => {
                match self.reader_status(status.time_ms, status.status, reader, received_ms) {
                    Ok(understood) => then(understood),
                    Err(refusal) => refused(self, refusal),
                }
            }
            _ => unreachable!("decode yields the message of its topic"),
        }
    }

    /// `None`: a person's tag where people are not tracked.
    fn position(
        &mut self,
        position: &PositionMessage,
        topic: &InboundTopic,
        sender: &str,
        received_ms: i64,
        registry: &Registry,
    ) -> Result<Option<Understood>, Refusal> {
        let Some(tag) = position.tag.clone() else {
            return Err((Reason::WrongTag, "a position in an array names its tag".to_owned()));
        };
        admit::place(&self.site, position.floor, position.x_m, position.y_m)?;
        let time_ms = self.event_time(sender, position.time_ms, received_ms)?;
        if self.duplicates.seen(&tag, position, received_ms) {
            return Err((Reason::Duplicate, "the same tag, seq and time came before".to_owned()));
        }
        if registry.is_worn(&tag) {
            let room = self.site.room_at(position.floor, position.x_m, position.y_m);
            if self.is_no_track(room) {
                return Ok(None);
            }
        }
        let origin = match topic {
            InboundTopic::EnginePositions(engine) => Origin::Engine(engine.clone()),
            _ => Origin::Tag,
        };
        let fix = Fix {
            tag,
            time_ms,
            received_ms,
            seq: position.seq,
            x_m: position.x_m,
            y_m: position.y_m,
            floor: position.floor,
            accuracy_m: position.accuracy_m.unwrap_or(DEFAULT_ACCURACY_M),
            moving: position.moving,
            origin,
        };
        let button = position.button == Some(true);
        Ok(Some(Understood::Fix { fix, battery_pct: position.battery_pct, button }))
    }

    /// `None`: a person's tag where people are not tracked.
    fn sighting(
        &mut self,
        sighting: &SightingMessage,
        reader: &ReaderId,
        received_ms: i64,
        registry: &Registry,
    ) -> Result<Option<Understood>, Refusal> {
        admit::reader(&self.site, reader)?;
        let time_ms = self.event_time(reader.as_str(), sighting.time_ms, received_ms)?;
        let tag = sighting.tag.clone();
        if self.duplicates.heard(sighting, reader, received_ms) {
            return Err((
                Reason::Duplicate,
                "the same tag, reader and time came before".to_owned(),
            ));
        }
        if registry.is_worn(&tag) {
            let room = self.site.reader(reader).and_then(|r| r.record.zone.as_ref());
            if self.is_no_track(room) {
                return Ok(None);
            }
        }
        let rssi_dbm = sighting.rssi_dbm;
        let reader = reader.clone();
        Ok(Some(Understood::Sighting(Sighting { tag, reader, time_ms, received_ms, rssi_dbm })))
    }

    fn is_no_track(&self, room: Option<&crate::model::ZoneId>) -> bool {
        room.and_then(|id| self.site.zone(id)).is_some_and(privacy::is_no_track)
    }

    fn tag_status(
        &mut self,
        status: TagStatusMessage,
        tag: &TagId,
        received_ms: i64,
    ) -> Result<Understood, Refusal> {
        let time_ms = self.event_time(tag.as_str(), status.time_ms, received_ms)?;
        Ok(Understood::TagReport {
            tag: tag.clone(),
            time_ms,
            battery_pct: status.battery_pct,
            button: status.button == Some(true),
            firmware: status.firmware,
        })
    }

    fn reader_status(
        &mut self,
        time_ms: Option<i64>,
        status: Presence,
        reader: &ReaderId,
        received_ms: i64,
    ) -> Result<Understood, Refusal> {
        admit::reader(&self.site, reader)?;
        let time_ms = self.event_time(reader.as_str(), time_ms, received_ms)?;
        let online = status == Presence::Online;
        Ok(Understood::Reader { reader: reader.clone(), time_ms, online })
    }

    /// Most messages need no correction: a sender's clock is remembered only once it ran ahead.
    fn event_time(
        &mut self,
        sender: &str,
        time_ms: Option<i64>,
        received_ms: i64,
    ) -> Result<i64, Refusal> {
        let Some(time_ms) = time_ms else { return Ok(received_ms) };
        let corrected_ms = match self.clocks.get_mut(sender) {
            Some(clock) => clock.correct(time_ms, received_ms),
            None if Clock::runs_ahead(time_ms, received_ms) => {
                let clock = self.clocks.entry(sender.into()).or_default();
                clock.correct(time_ms, received_ms)
            }
            None => Some(time_ms.min(received_ms)),
        };
        let Some(corrected_ms) = corrected_ms else {
            let ahead_s = time_ms.saturating_sub(received_ms) / 1000;
            return Err((Reason::FutureTime, format!("{ahead_s} s ahead of the time of receipt")));
        };
        if Clock::runs_ahead(time_ms, corrected_ms) {
            tell_clock_ahead(time_ms - corrected_ms, self.clocks.len());
        }
        if received_ms.saturating_sub(corrected_ms) > self.max_late_ms {
            let late_s = received_ms.saturating_sub(corrected_ms) / 1000;
            return Err((Reason::TooLate, format!("{late_s} s before the time of receipt")));
        }
        Ok(corrected_ms)
    }

    fn refuse(
        &self,
        reason: Reason,
        detail: String,
        arrival: Arrived<'_>,
        received_ms: i64,
        registry: &Registry,
    ) {
        self.rejections.add(reason, detail, arrival, received_ms, registry);
    }
}

#[expect(clippy::cast_precision_loss, reason = "milliseconds and counts are far below 2^52")]
fn tell_clock_ahead(by_ms: i64, senders: usize) {
    metrics::histogram!("spor_clock_ahead_seconds").record(by_ms as f64 / 1_000.0);
    metrics::gauge!("spor_clocks_ahead").set(senders as f64);
}

/// Whose clock stamped the message.
fn sender(topic: &InboundTopic) -> &str {
    match topic {
        InboundTopic::TagPosition(tag) | InboundTopic::TagStatus(tag) => tag.as_str(),
        InboundTopic::EnginePositions(engine) => engine.as_str(),
        InboundTopic::ReaderSightings(reader) | InboundTopic::ReaderStatus(reader) => {
            reader.as_str()
        }
    }
}

#[cfg(test)]
mod tests;
