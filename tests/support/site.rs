//! A building of a test's own: rooms in a row on floor 0, with space around them.

use std::{fs, path::PathBuf};
use tempfile::TempDir;

/// A site file in a folder of its own.
pub(crate) struct SiteFile(TempDir);

/// A room: its id, and from where to where it reaches, metres east.
pub(crate) type Room<'a> = (&'a str, i32, i32);

/// The northing of the rooms' middle, metres.
pub(crate) const MIDDLE_Y_M: f64 = 42.5;

impl SiteFile {
    pub(crate) fn new(rooms: &[Room<'_>]) -> Self {
        let file = Self(tempfile::tempdir().unwrap());
        file.write(rooms);
        file
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.0.path().join("site.geojson")
    }

    /// Replaces the file with another building.
    pub(crate) fn write(&self, rooms: &[Room<'_>]) {
        let beside = self.0.path().join("beside");
        fs::write(&beside, building(rooms)).unwrap();
        fs::rename(beside, self.path()).unwrap();
    }

    /// Makes every room of the building one of another kind.
    pub(crate) fn change_kind(&self, rooms: &[Room<'_>], kind: &str) {
        let text = building(rooms).replace(r#""kind":"storage""#, &format!(r#""kind":"{kind}""#));
        fs::write(self.path(), text).unwrap();
    }
}

fn building(rooms: &[Room<'_>]) -> String {
    let polygon = |west: i32, south: i32, east: i32, north: i32| {
        format!(
            r#"{{"type":"Polygon","coordinates":[[[{west},{south}],[{east},{south}],[{east},{north}],[{west},{north}],[{west},{south}]]]}}"#
        )
    };
    let outline = format!(
        r#"{{"type":"Feature","id":"outline","geometry":{},"properties":{{"feature":"outline","floor":0}}}}"#,
        polygon(-40, 0, 80, 80)
    );
    let rooms = rooms.iter().map(|(id, west, east)| {
        let geometry = polygon(*west, 40, *east, 45);
        format!(
            r#"{{"type":"Feature","id":"{id}","geometry":{geometry},"properties":{{"feature":"room","floor":0,"kind":"storage","name":"Room {id}"}}}}"#
        )
    });
    let features: Vec<String> = std::iter::once(outline).chain(rooms).collect();
    format!(
        r#"{{"type":"FeatureCollection","format":"spor-site/1","crs":"local","name":"Row","time_zone":"Europe/Copenhagen","floors":[{{"number":0,"label":"0"}}],"features":[{}]}}"#,
        features.join(",")
    )
}
