//! Site file to [`Site`]: every rule of the format is checked, and an error names the feature.

use super::{Door, ReaderPlace, Site, floor_plan::FloorPlan};
use crate::model::{ById, ReaderId, ReaderRecord, ZoneId, ZoneRecord};
use geo::{
    Area, BooleanOps, BoundingRect, Distance, Euclidean, Intersects, Point, Polygon, Validation,
};
use sha2::{Digest, Sha256};
use spor_schemas::site::{self, Feature, Geometry, Properties, RoomKind, SiteFile};
use std::{
    collections::{HashMap, HashSet},
    path::{Path, PathBuf},
};

/// The building that `spor demo` shows and that an unconfigured Spor uses.
const DEMO: &str = include_str!("demo.geojson");
/// Rooms may overlap by this much, square metres: rounding of coordinates.
const OVERLAP_M2: f64 = 0.05;
/// A door lies on the border of its rooms within this distance, metres.
const DOOR_REACH_M: f64 = 0.5;

/// Why a site file can't be used.
#[derive(Debug, thiserror::Error)]
pub enum SiteError {
    /// The file can't be read.
    #[error("site file {path}: {source}")]
    Unreadable {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// Not a site file's JSON.
    #[error("site file is not of the format spor-site/1: {0}")]
    Format(String),
    /// What is wrong with the file of that path.
    #[error("{path}: {error}")]
    In {
        /// Which file.
        path: PathBuf,
        /// What is wrong with it.
        error: Box<SiteError>,
    },
    /// Something of the file as a whole.
    #[error("site file: {0}")]
    Whole(String),
    /// A feature breaks a rule.
    #[error("site file, feature {id}: {problem}")]
    Feature {
        /// Which feature.
        id: ZoneId,
        /// What is wrong with it.
        problem: String,
    },
}

fn refuse<T>(feature: &Feature, problem: impl Into<String>) -> Result<T, SiteError> {
    Err(SiteError::Feature { id: feature.id.clone(), problem: problem.into() })
}

impl Site {
    /// Reads a site file; none: the built-in demo hospital.
    ///
    /// # Errors
    /// [`SiteError`] says which file or feature, and what is wrong with it.
    pub fn load(path: Option<&Path>) -> Result<Self, SiteError> {
        match path {
            None => Self::parse(DEMO),
            Some(path) => {
                let text = std::fs::read_to_string(path)
                    .map_err(|source| SiteError::Unreadable { path: path.to_owned(), source })?;
                Self::parse(&text).map_err(|error| SiteError::In {
                    path: path.to_owned(),
                    error: Box::new(error),
                })
            }
        }
    }

    /// Reads and validates the text of a site file.
    ///
    /// # Errors
    /// As [`Site::load`].
    pub fn parse(text: &str) -> Result<Self, SiteError> {
        let mut json = serde_json::Deserializer::from_str(text);
        let file: SiteFile = serde_path_to_error::deserialize(&mut json)
            .map_err(|e| SiteError::Format(e.to_string()))?;
        let digest = Sha256::digest(text.as_bytes());
        let version = digest[..8].iter().map(|b| format!("{b:02x}")).collect();
        build(file, version, text.to_owned())
    }
}

/// The floor a feature lies on.
pub(super) fn floor_of(properties: &Properties) -> i16 {
    match properties {
        Properties::Room(room) => room.floor,
        Properties::Outline { floor }
        | Properties::Zone { floor, .. }
        | Properties::Door { floor, .. }
        | Properties::Reader { floor, .. } => *floor,
    }
}

fn build(file: SiteFile, version: String, text: String) -> Result<Site, SiteError> {
    if file.format != site::FORMAT {
        return Err(SiteError::Whole(format!(
            "format is {:?}, this is {:?}",
            file.format,
            site::FORMAT
        )));
    }
    if jiff::tz::TimeZone::get(&file.time_zone).is_err() {
        return Err(SiteError::Whole(format!("unknown time_zone {:?}", file.time_zone)));
    }
    let labels = floor_labels(&file)?;
    let mut parts = Parts::default();
    let mut ids = HashSet::new();
    for feature in &file.features {
        if !ids.insert(&feature.id) {
            return refuse(feature, "the id is used twice");
        }
        let floor = floor_of(&feature.properties);
        let Some(label) = labels.get(&floor) else {
            return refuse(feature, format!("floor {floor} is not in floors"));
        };
        parts.add(feature, label)?;
    }
    parts.check_overlaps(&file)?;
    let doors = doors(&file, &parts)?;
    check_shafts(&file)?;
    let mut floors = file.floors.clone();
    floors.sort_by_key(|f| f.number);
    let mut outlines = parts.outlines;
    let mut polygons = parts.polygons;
    let plans = floors
        .iter()
        .map(|f| {
            let of_floor = polygons.remove(&f.number).unwrap_or_default();
            (f.number, FloorPlan::new(of_floor, outlines.remove(&f.number).unwrap_or_default()))
        })
        .collect();
    let mut site = Site {
        name: file.name.clone(),
        time_zone: file.time_zone.clone(),
        version,
        text,
        floors,
        doors,
        zones: parts.zones,
        zone_index: parts.zone_index,
        readers: ById::default(),
        plans,
        file,
    };
    site.readers = readers(&site)?;
    Ok(site)
}

fn floor_labels(file: &SiteFile) -> Result<HashMap<i16, String>, SiteError> {
    if file.floors.is_empty() {
        return Err(SiteError::Whole("floors is empty".to_owned()));
    }
    let mut labels = HashMap::new();
    for floor in &file.floors {
        if labels.insert(floor.number, floor.label.clone()).is_some() {
            return Err(SiteError::Whole(format!("floor {} stands twice in floors", floor.number)));
        }
    }
    Ok(labels)
}

/// Rooms, zones and outlines, as they are gathered from the features.
#[derive(Default)]
struct Parts {
    zones: Vec<ZoneRecord>,
    zone_index: ById<ZoneId, usize>,
    polygons: HashMap<i16, Vec<(usize, bool, Polygon<f64>)>>,
    outlines: HashMap<i16, Vec<Polygon<f64>>>,
}

impl Parts {
    fn add(&mut self, feature: &Feature, floor_label: &str) -> Result<(), SiteError> {
        let record = |floor, kind, name: &str, ward| ZoneRecord {
            id: feature.id.clone(),
            floor,
            floor_label: floor_label.to_owned(),
            kind,
            name: name.to_owned(),
            ward,
            is_exit: false,
        };
        match &feature.properties {
            Properties::Outline { floor } => {
                self.outlines.entry(*floor).or_default().push(polygon(feature)?);
            }
            Properties::Room(room) => {
                let vertical = matches!(room.kind, RoomKind::Lift | RoomKind::Stairs);
                if room.shaft.is_some() && !vertical {
                    return refuse(feature, "only lifts and stairs have a shaft");
                }
                let ward = room.ward.clone();
                self.place(feature, record(room.floor, Some(room.kind), &room.name, ward))?;
            }
            Properties::Zone { floor, name, exit } => {
                let zone = record(*floor, None, name, None);
                self.place(feature, ZoneRecord { is_exit: *exit, ..zone })?;
            }
            Properties::Door { .. } | Properties::Reader { .. } => {
                point(feature)?;
            }
        }
        Ok(())
    }

    fn place(&mut self, feature: &Feature, record: ZoneRecord) -> Result<(), SiteError> {
        let index = self.zones.len();
        let entry = (index, record.kind.is_some(), polygon(feature)?);
        self.polygons.entry(record.floor).or_default().push(entry);
        self.zone_index.insert(record.id.clone(), index);
        self.zones.push(record);
        Ok(())
    }

    fn shape(&self, room: &ZoneId, floor: i16) -> Option<&Polygon<f64>> {
        let index = self.zone_index.get(room)?;
        let of_floor = self.polygons.get(&floor)?;
        of_floor.iter().find(|(i, is_room, _)| i == index && *is_room).map(|(_, _, p)| p)
    }

    /// Neighbours share walls, so only pairs whose boxes meet are cut with each other; the rooms
    /// are swept by their western edge, so that a large site stays quick.
    fn check_overlaps(&self, file: &SiteFile) -> Result<(), SiteError> {
        for of_floor in self.polygons.values() {
            let mut rooms: Vec<_> = of_floor
                .iter()
                .filter(|(_, is_room, _)| *is_room)
                .filter_map(|(i, _, p)| Some((p.bounding_rect()?, *i, p)))
                .collect();
            rooms.sort_by(|a, b| a.0.min().x.total_cmp(&b.0.min().x));
            for (n, (rect, index, shape)) in rooms.iter().enumerate() {
                let reaching = rooms[n + 1..].iter().take_while(|o| o.0.min().x < rect.max().x);
                for (_, other, other_shape) in reaching.filter(|o| o.0.intersects(rect)) {
                    let shared_m2 = shape.intersection(*other_shape).unsigned_area();
                    if shared_m2 > OVERLAP_M2 {
                        let later = &self.zones[*index.max(other)].id;
                        let earlier = &self.zones[*index.min(other)].id;
                        let feature = file.features.iter().find(|f| &f.id == later);
                        let problem = format!("overlaps room {earlier} by {shared_m2:.1} m2");
                        return feature.map_or(Ok(()), |f| refuse(f, problem));
                    }
                }
            }
        }
        Ok(())
    }
}

fn polygon(feature: &Feature) -> Result<Polygon<f64>, SiteError> {
    let Geometry::Polygon(rings) = &feature.geometry else {
        return refuse(feature, "its geometry must be a Polygon");
    };
    for ring in rings {
        if ring.len() < 4 || ring.first() != ring.last() {
            return refuse(feature, "a ring needs four points at least, the last as the first");
        }
        let bound = spor_schemas::bounds::MAX_COORDINATE_M;
        if ring.iter().flatten().any(|v| v.is_nan() || v.abs() > bound) {
            return refuse(feature, "coordinates are metres within 100 km of the origin");
        }
    }
    let mut lines = rings.iter().map(|ring| ring.iter().copied().map(geo::Coord::from).collect());
    let Some(exterior) = lines.next() else {
        return refuse(feature, "a polygon needs a ring");
    };
    let polygon = Polygon::new(exterior, lines.collect());
    if let Err(problem) = polygon.check_validation() {
        return refuse(feature, format!("not a valid polygon: {problem}"));
    }
    Ok(polygon)
}

fn point(feature: &Feature) -> Result<(f64, f64), SiteError> {
    match feature.geometry {
        Geometry::Point([x_m, y_m]) if x_m.is_finite() && y_m.is_finite() => Ok((x_m, y_m)),
        _ => refuse(feature, "its geometry must be a Point"),
    }
}

fn doors(file: &SiteFile, parts: &Parts) -> Result<Vec<Door>, SiteError> {
    let mut doors = Vec::new();
    for feature in &file.features {
        let Properties::Door { floor, rooms } = &feature.properties else { continue };
        let (x_m, y_m) = point(feature)?;
        for room in rooms {
            let Some(shape) = parts.shape(room, *floor) else {
                return refuse(feature, format!("there is no room {room} on floor {floor}"));
            };
            let distance_m = Euclidean.distance(&Point::new(x_m, y_m), shape.exterior());
            if distance_m > DOOR_REACH_M {
                let problem = format!("lies {distance_m:.1} m from the wall of room {room}");
                return refuse(feature, problem);
            }
        }
        doors.push(Door { floor: *floor, x_m, y_m, rooms: rooms.clone() });
    }
    Ok(doors)
}

/// What the file says of a shaft must be of one that has rooms, and make sense.
fn check_shafts(file: &SiteFile) -> Result<(), SiteError> {
    let mut kinds = HashMap::new();
    for feature in &file.features {
        let Properties::Room(room) = &feature.properties else { continue };
        let Some(shaft) = &room.shaft else { continue };
        kinds.insert(shaft, room.kind);
    }
    let mut named = HashSet::new();
    for shaft in &file.shafts {
        let refused =
            |problem: &str| Err(SiteError::Whole(format!("shaft {}: {problem}", shaft.id)));
        let Some(kind) = kinds.get(&shaft.id) else {
            return refused("no room belongs to it");
        };
        if !named.insert(&shaft.id) {
            return refused("it stands twice in shafts");
        }
        if shaft.wait_s.is_some_and(|s| !(0.0..=3_600.0).contains(&s)) {
            return refused("wait_s must be 0 to 3600");
        }
        if shaft.floor_s.is_some_and(|s| !(0.0..=600.0).contains(&s)) {
            return refused("floor_s must be 0 to 600");
        }
        if *kind == RoomKind::Stairs && (shaft.wait_s.is_some() || !shaft.beds) {
            return refused("wait_s and beds are of lifts, not of stairs");
        }
    }
    Ok(())
}

fn readers(site: &Site) -> Result<ById<ReaderId, ReaderPlace>, SiteError> {
    let mut readers = ById::default();
    for feature in &site.file.features {
        let Properties::Reader { floor, reader, portal } = &feature.properties else { continue };
        let (x_m, y_m) = point(feature)?;
        let id = match reader {
            Some(id) => id.clone(),
            None => match ReaderId::new(feature.id.as_str()) {
                Ok(id) => id,
                Err(e) => return refuse(feature, e.to_string()),
            },
        };
        let Some(zone) = site.room_at(*floor, x_m, y_m).cloned() else {
            return refuse(feature, "the reader hangs in no room");
        };
        let record =
            ReaderRecord { id: id.clone(), floor: *floor, zone: Some(zone), portal: *portal };
        if readers.insert(id, ReaderPlace { record, x_m, y_m }).is_some() {
            return refuse(feature, "another reader has the same id");
        }
    }
    Ok(readers)
}
