//! The building: floors, rooms, zones, doors and readers, read once from a site file.
//!
//! A [`Site`] has been validated and never changes; every look-up is pure and in memory.
//! Floors, rooms and readers that it names exist, and rooms of a floor do not overlap.

mod floor_plan;
mod read;

use crate::model::{ById, ReaderId, ReaderRecord, WardId, ZoneId, ZoneRecord};
use floor_plan::FloorPlan;
pub use read::SiteError;
use spor_schemas::site::{Feature, FloorEntry, SiteFile};
use std::collections::{BTreeSet, HashMap};

/// How far outside the outline of its floor a fix may lie before it is off the site, metres.
pub const OFF_SITE_MARGIN_M: f64 = 5.0;
/// How far from every room a fix may lie and still count for the nearest one, metres.
const NEAREST_ROOM_M: f64 = 2.0;

/// Section `[site]` of the configuration.
#[derive(Debug, Clone, Default, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// The site file; none: the built-in demo hospital.
    pub file: Option<std::path::PathBuf>,
}

/// A door between two rooms.
#[derive(Debug, Clone)]
pub struct Door {
    /// Its floor.
    pub floor: i16,
    /// Metres east.
    pub x_m: f64,
    /// Metres north.
    pub y_m: f64,
    /// The rooms on its two sides.
    pub rooms: [ZoneId; 2],
}

/// A reader and the point where it hangs.
#[derive(Debug, Clone)]
pub struct ReaderPlace {
    /// Id, floor, room, kind.
    pub record: ReaderRecord,
    /// Metres east.
    pub x_m: f64,
    /// Metres north.
    pub y_m: f64,
}

/// One building.
#[derive(Debug)]
pub struct Site {
    /// For people.
    pub name: String,
    /// IANA name of the time zone of local days and hours.
    pub time_zone: String,
    /// Digest of the file: 16 hexadecimal digits.
    pub version: String,
    /// In ascending order.
    pub floors: Vec<FloorEntry>,
    /// Every door.
    pub doors: Vec<Door>,
    text: String,
    file: SiteFile,
    zones: Vec<ZoneRecord>,
    zone_index: ById<ZoneId, usize>,
    readers: ById<ReaderId, ReaderPlace>,
    plans: HashMap<i16, FloorPlan>,
}

impl Site {
    /// The text of the site file, which [`Site::parse`] makes into the same site again.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The room or zone of that id.
    #[must_use]
    pub fn zone(&self, id: &ZoneId) -> Option<&ZoneRecord> {
        self.zone_index.get(id).map(|&i| &self.zones[i])
    }

    /// Every room and zone, in the order of the file.
    pub fn zones(&self) -> impl Iterator<Item = &ZoneRecord> {
        self.zones.iter()
    }

    /// Every reader.
    pub fn readers(&self) -> impl Iterator<Item = &ReaderRecord> {
        self.readers.values().map(|r| &r.record)
    }

    /// The reader of that id, and where it hangs.
    #[must_use]
    pub fn reader(&self, id: &ReaderId) -> Option<&ReaderPlace> {
        self.readers.get(id)
    }

    /// What the lift's button says; none: there is no such floor.
    #[must_use]
    pub fn floor_label(&self, floor: i16) -> Option<&str> {
        self.floors.iter().find(|f| f.number == floor).map(|f| f.label.as_str())
    }

    /// Every ward that a room belongs to, sorted.
    #[must_use]
    pub fn wards(&self) -> BTreeSet<&WardId> {
        self.zones.iter().filter_map(|z| z.ward.as_ref()).collect()
    }

    /// True when the floor exists and the point lies within its outline or at most
    /// [`OFF_SITE_MARGIN_M`] outside.
    #[must_use]
    pub fn is_on_site(&self, floor: i16, x_m: f64, y_m: f64) -> bool {
        self.plans
            .get(&floor)
            .is_some_and(|p| p.distance_to_outline_m(x_m, y_m) <= OFF_SITE_MARGIN_M)
    }

    /// The room that holds the point, else the nearest one within two metres.
    #[must_use]
    pub fn room_at(&self, floor: i16, x_m: f64, y_m: f64) -> Option<&ZoneId> {
        let plan = self.plans.get(&floor)?;
        plan.room_holding(x_m, y_m)
            .or_else(|| plan.nearest_room(x_m, y_m, NEAREST_ROOM_M))
            .map(|i| &self.zones[i].id)
    }

    /// True when the room holds the point.
    #[must_use]
    pub fn holds(&self, room: &ZoneId, floor: i16, x_m: f64, y_m: f64) -> bool {
        let (Some(&index), Some(plan)) = (self.zone_index.get(room), self.plans.get(&floor)) else {
            return false;
        };
        plan.holds(index, x_m, y_m)
    }

    /// The zones (not rooms) that hold the point.
    #[must_use]
    pub fn zones_at(&self, floor: i16, x_m: f64, y_m: f64) -> Vec<&ZoneId> {
        let Some(plan) = self.plans.get(&floor) else { return Vec::new() };
        plan.zones_holding(x_m, y_m).map(|i| &self.zones[i].id).collect()
    }

    /// How far the point is outside a room, metres; 0 inside; none when the room is unknown or on
    /// another floor.
    #[must_use]
    pub fn distance_to_room_m(&self, room: &ZoneId, floor: i16, x_m: f64, y_m: f64) -> Option<f64> {
        let index = *self.zone_index.get(room)?;
        self.plans.get(&floor)?.distance_m(index, x_m, y_m)
    }

    /// A point inside the room or zone that labels it well: metres east, metres north, floor.
    #[must_use]
    pub fn centre(&self, zone: &ZoneId) -> Option<(f64, f64, i16)> {
        let index = *self.zone_index.get(zone)?;
        let floor = self.zones[index].floor;
        let (x_m, y_m) = self.plans.get(&floor)?.label_point(index)?;
        Some((x_m, y_m, floor))
    }

    /// Radius of the circle around [`Site::centre`] that holds the whole room, metres.
    #[must_use]
    pub fn radius_m(&self, zone: &ZoneId) -> Option<f64> {
        let index = *self.zone_index.get(zone)?;
        self.plans.get(&self.zones[index].floor)?.radius_m(index)
    }

    /// The file it was read from.
    #[must_use]
    pub fn file(&self) -> &SiteFile {
        &self.file
    }

    /// The features of a floor as a GeoJSON FeatureCollection; rooms and zones carry the point of
    /// their label besides. None: there is no such floor.
    #[must_use]
    pub fn floor_geojson(&self, floor: i16) -> Option<serde_json::Value> {
        let label = self.floor_label(floor)?;
        let features: Vec<_> = self
            .file
            .features
            .iter()
            .filter(|f| read::floor_of(&f.properties) == floor)
            .map(|f| self.labelled(f))
            .collect();
        Some(serde_json::json!({
            "type": "FeatureCollection", "crs": "local", "floor": floor, "label": label,
            "version": self.version, "features": features,
        }))
    }

    fn labelled(&self, feature: &Feature) -> serde_json::Value {
        let mut value = serde_json::json!(feature);
        if let Some((x_m, y_m, _)) = self.centre(&feature.id) {
            value["properties"]["label"] = serde_json::json!([x_m, y_m]);
        }
        value
    }
}

#[cfg(test)]
mod tests;
