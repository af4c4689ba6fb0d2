//! Frames of the event stream as they go over the wire. An asset is a row of columns: names are
//! sent once a snapshot, not once an asset.

use super::super::{
    Shared,
    view::{AssetNow, Picture, rounded},
};
use crate::model::{AssetId, Freshness, Status, WardId, ZoneId};
use bytes::Bytes;
use serde::Serialize;
use serde_json::json;
use std::collections::BTreeMap;

/// The names of [`Row`]'s values, in their order.
pub(super) const COLUMNS: [&str; 20] = [
    "id",
    "label",
    "class",
    "home_ward",
    "status",
    "status_since_ms",
    "state",
    "floor",
    "x_m",
    "y_m",
    "zone",
    "entered_ms",
    "seen_ms",
    "interval_ms",
    "accuracy_m",
    "battery_pct",
    "room_only",
    "portal",
    "status_until_ms",
    "status_to",
];

#[derive(Serialize)]
struct Row<'a>(
    &'a str,
    &'a str,
    &'a str,
    Option<&'a str>,
    Status,
    Option<i64>,
    Freshness,
    Option<i16>,
    Option<f64>,
    Option<f64>,
    Option<&'a str>,
    Option<i64>,
    Option<i64>,
    Option<i64>,
    Option<f64>,
    Option<u8>,
    Option<bool>,
    Option<bool>,
    Option<i64>,
    Option<&'a str>,
);

/// One asset as a JSON array.
#[must_use]
pub fn row(now: &AssetNow, now_ms: i64) -> String {
    let asset = &now.asset;
    let place = now.place();
    let state = now.state.as_ref();
    let row = Row(
        asset.id.as_str(),
        &asset.label,
        asset.class.as_str(),
        asset.home_ward.as_ref().map(WardId::as_str),
        now.status(),
        state.and_then(|state| state.status.as_ref()).map(|status| status.since_ms),
        now.freshness(now_ms),
        place.map(|place| place.floor),
        place.map(|place| rounded(place.x_m, 100.0)),
        place.map(|place| rounded(place.y_m, 100.0)),
        place.and_then(|place| place.zone.as_ref()).map(ZoneId::as_str),
        place.map(|place| place.entered_ms),
        place.map(|place| place.seen_ms),
        place.and(state).map(|state| state.interval_ms),
        place.map(|place| rounded(f64::from(place.accuracy_m), 100.0)),
        state.and_then(|state| state.battery_pct),
        place.map(crate::live::Place::is_room_only),
        place.map(crate::live::Place::is_portal),
        now.hand().map(|hand| hand.until_ms),
        now.to().map(WardId::as_str),
    );
    serde_json::to_string(&row).expect("a row holds nothing that JSON cannot say")
}

/// What a client hears first, and again when the building has changed.
pub(super) fn hello(shared: &Shared) -> Bytes {
    let context = &shared.context;
    let site = context.site.load();
    let data = json!({
        "build": context.build,
        "site": { "name": site.name, "time_zone": site.time_zone, "version": site.version },
        "server_time_ms": (context.clock)(),
        "replay": context.replay.is_some(),
        "floors": site.floors.iter()
            .map(|floor| json!({ "number": floor.number, "label": floor.label }))
            .collect::<Vec<_>>(),
        "open": shared.guard.is_open(&context.tokens),
        "public_url": shared.guard.public_url,
    });
    Bytes::from(format!("retry: 2000\nevent: hello\ndata: {data}\n\n"))
}

/// Every asset of a scope.
pub(super) fn snapshot<'r>(rows: impl Iterator<Item = &'r str>, time_ms: i64) -> Bytes {
    let columns = json!(COLUMNS);
    let mut text = format!(
        "event: snapshot\ndata: {{\"time_ms\":{time_ms},\"columns\":{columns},\"assets\":["
    );
    join(&mut text, rows);
    text.push_str("]}\n\n");
    Bytes::from(text)
}

/// What changed in a scope since the frame before.
pub fn delta<'r>(rows: impl Iterator<Item = &'r str>, gone: &[AssetId], time_ms: i64) -> Bytes {
    let mut text = format!("event: delta\ndata: {{\"time_ms\":{time_ms},\"assets\":[");
    join(&mut text, rows);
    let gone = json!(gone);
    text.push_str(&format!("],\"gone\":{gone}}}\n\n"));
    Bytes::from(text)
}

/// A sign of life.
pub(super) fn ping(picture: &Picture<'_>) -> Bytes {
    let context = &picture.shared.context;
    let data = json!({
        "server_time_ms": picture.now_ms,
        "newest_ms": context.live.tags.newest_ms(),
        "storage_up": *context.storage.up().borrow(),
        "uncovered": uncovered(picture),
    });
    Bytes::from(format!("event: ping\ndata: {data}\n\n"))
}

/// Rooms whose readers are all offline, and since when.
fn uncovered<'p>(picture: &'p Picture<'_>) -> Vec<(&'p str, i64)> {
    let readers = &picture.shared.context.live.readers;
    let mut rooms: BTreeMap<&str, Option<i64>> = BTreeMap::new();
    for reader in picture.site().readers() {
        let Some(room) = &reader.zone else { continue };
        let since_ms = readers.offline_since(&reader.id);
        let room = rooms.entry(room.as_str()).or_insert(since_ms);
        *room = room.zip(since_ms).map(|(a, b)| a.max(b));
    }
    rooms.into_iter().filter_map(|(room, since_ms)| Some((room, since_ms?))).collect()
}

fn join<'r>(text: &mut String, rows: impl Iterator<Item = &'r str>) {
    for (n, row) in rows.enumerate() {
        if n > 0 {
            text.push(',');
        }
        text.push_str(row);
    }
}
