//! The site file: one building in GeoJSON's shape, in metres of its own frame.
//!
//! `x` runs east, `y` north, one frame for the whole site. Every feature has a stable `id` and a
//! `properties.feature` that says what it is. Spor validates it further when it loads it.

use crate::ids::{ReaderId, WardId, ZoneId};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The version of the format that this code reads and writes.
pub const FORMAT: &str = "spor-site/1";

/// A whole site.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SiteFile {
    /// Always `FeatureCollection`.
    #[serde(rename = "type")]
    pub kind: FeatureCollection,
    /// [`FORMAT`].
    pub format: String,
    /// Always `local`: metres, x east, y north.
    pub crs: Crs,
    /// The site's name, for people.
    pub name: String,
    /// IANA name of the time zone that local days and hours use, e.g. `Europe/Copenhagen`.
    pub time_zone: String,
    /// Where the frame's origin lies on the Earth.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub anchor: Option<Anchor>,
    /// The floors, each once.
    pub floors: Vec<FloorEntry>,
    /// What is known of lifts and stairs beyond their rooms; a shaft that is not here is an ordinary one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub shafts: Vec<ShaftEntry>,
    /// Rooms, zones, doors, readers and outlines.
    pub features: Vec<Feature>,
}

/// The GeoJSON type of the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum FeatureCollection {
    /// The only one.
    FeatureCollection,
}

/// The GeoJSON type of an element.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum FeatureType {
    /// The only one.
    Feature,
}

/// The coordinate system.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Crs {
    /// Metres in the site's own frame.
    Local,
}

/// The origin of the frame in WGS84.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Anchor {
    /// Degrees north.
    pub latitude_deg: f64,
    /// Degrees east.
    pub longitude_deg: f64,
    /// Clockwise angle from true north to the frame's y axis, degrees.
    pub bearing_deg: f64,
}

/// One floor.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FloorEntry {
    /// 0 is ground, -20 to 200.
    pub number: i16,
    /// What the lift's button says.
    pub label: String,
}

/// A lift or stairwell.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ShaftEntry {
    /// The `shaft` of its rooms.
    pub id: String,
    /// How long one waits for the lift, seconds, 0 to 3600; 30 when not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wait_s: Option<f64>,
    /// How long it takes from a floor to the next, seconds, 0 to 600; by lift 4, by stairs 15 when not
    /// given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub floor_s: Option<f64>,
    /// False: no bed fits into the lift.
    #[serde(default = "yes", skip_serializing_if = "Clone::clone")]
    pub beds: bool,
}

fn yes() -> bool {
    true
}

/// One element of the building.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Feature {
    /// Always `Feature`.
    #[serde(rename = "type")]
    pub kind: FeatureType,
    /// Stable, unique in the file.
    pub id: ZoneId,
    /// Where it is.
    pub geometry: Geometry,
    /// What it is.
    pub properties: Properties,
}

/// A GeoJSON geometry; coordinates are `[x_m, y_m]`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "type", content = "coordinates")]
pub enum Geometry {
    /// A place.
    Point([f64; 2]),
    /// Rings, the first the outer one, each closed.
    Polygon(Vec<Vec<[f64; 2]>>),
}

/// What a feature is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "feature", rename_all = "snake_case")]
pub enum Properties {
    /// The outer edge of a floor: a polygon; a fix outside all outlines of its floor is off the site.
    Outline {
        /// The floor.
        floor: i16,
    },
    /// A polygon that overlaps no other room of its floor.
    Room(RoomProperties),
    /// Any polygon that events are wanted for; may overlap.
    Zone {
        /// The floor.
        floor: i16,
        /// For people.
        name: String,
        /// True for a way out of the building, or a place outside: equipment in it is leaving.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        exit: bool,
    },
    /// A point on the border of two rooms that people walk through.
    Door {
        /// The floor.
        floor: i16,
        /// The two rooms.
        rooms: [ZoneId; 2],
    },
    /// A point where a reader hangs.
    Reader {
        /// The floor.
        floor: i16,
        /// The reader's id on MQTT, where it differs from the feature's id.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reader: Option<ReaderId>,
        /// True when it watches a passage: what it saw last is near it.
        #[serde(default)]
        portal: bool,
    },
}

/// A room.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RoomProperties {
    /// The floor.
    pub floor: i16,
    /// What it is for.
    pub kind: RoomKind,
    /// What the door says.
    pub name: String,
    /// The ward it belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ward: Option<WardId>,
    /// Rooms of kind `lift` or `stairs` with the same shaft lie above each other and are connected.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shaft: Option<String>,
}

/// What a room is for.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum RoomKind {
    /// Where patients lie.
    Patient,
    /// Where people walk.
    Corridor,
    /// Where equipment waits.
    Storage,
    /// Where clean equipment waits.
    CleanUtility,
    /// Where used equipment waits for cleaning.
    SoiledUtility,
    /// Operating theatre.
    OperatingTheatre,
    /// Emergency bay.
    Emergency,
    /// Radiology, laboratory, endoscopy.
    Diagnostics,
    /// Nurses' station.
    NurseStation,
    /// Office or meeting room.
    Office,
    /// Medical engineering.
    Workshop,
    /// Linen.
    Linen,
    /// Waste.
    Waste,
    /// Waiting area.
    Waiting,
    /// The way in and out.
    Entrance,
    /// Lift car or its landing.
    Lift,
    /// Stairwell.
    Stairs,
    /// Toilet: people are never tracked here.
    Toilet,
    /// Changing room: people are never tracked here.
    Changing,
    /// Staff rest room: people are never tracked here.
    Rest,
    /// Prayer room: people are never tracked here.
    Prayer,
    /// Anything else.
    Other,
}

impl RoomKind {
    /// True where people are never tracked: toilet, changing, rest, prayer.
    #[must_use]
    pub fn is_no_track(self) -> bool {
        matches!(self, Self::Toilet | Self::Changing | Self::Rest | Self::Prayer)
    }

    /// The kind as it stands in files, tables and JSON.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Patient => "patient",
            Self::Corridor => "corridor",
            Self::Storage => "storage",
            Self::CleanUtility => "clean_utility",
            Self::SoiledUtility => "soiled_utility",
            Self::OperatingTheatre => "operating_theatre",
            Self::Emergency => "emergency",
            Self::Diagnostics => "diagnostics",
            Self::NurseStation => "nurse_station",
            Self::Office => "office",
            Self::Workshop => "workshop",
            Self::Linen => "linen",
            Self::Waste => "waste",
            Self::Waiting => "waiting",
            Self::Entrance => "entrance",
            Self::Lift => "lift",
            Self::Stairs => "stairs",
            Self::Toilet => "toilet",
            Self::Changing => "changing",
            Self::Rest => "rest",
            Self::Prayer => "prayer",
            Self::Other => "other",
        }
    }
}
