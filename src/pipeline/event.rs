//! What happened, as an event with an id that its cause alone decides.

use crate::{
    locate::{Located, Move},
    model::{AssetId, EventKind, EventMessage, Fix, StatusNow, TagId, ZoneId},
};
use sha2::{Digest, Sha256};
use std::fmt::Write;

fn new(
    kind: EventKind,
    tag: &TagId,
    asset: Option<&AssetId>,
    time_ms: i64,
    change: &str,
) -> EventMessage {
    EventMessage {
        id: String::new(),
        kind,
        time_ms,
        tag: tag.clone(),
        asset: asset.cloned(),
        zone: None,
        from_zone: None,
        floor: None,
        change: change.to_owned(),
        reason: None,
    }
}

/// The first 128 bits of the digest of kind, tag, time, place and change.
fn identified(mut event: EventMessage) -> EventMessage {
    let zone = event.zone.as_ref().map_or("", ZoneId::as_str);
    let cause =
        format!("{}/{}/{}/{zone}/{}", event.kind.as_str(), event.tag, event.time_ms, event.change);
    for byte in &Sha256::digest(cause.as_bytes())[..16] {
        let _ = write!(event.id, "{byte:02x}");
    }
    event
}

pub(super) fn moved(tag: &TagId, asset: Option<&AssetId>, moved: &Move) -> EventMessage {
    let change = if moved.entered.is_some() { "entered" } else { "left" };
    identified(EventMessage {
        zone: moved.entered.clone(),
        from_zone: moved.left.as_ref().map(|(zone, _)| zone.clone()),
        floor: Some(moved.floor),
        reason: Some(moved.reason.to_owned()),
        ..new(EventKind::Zone, tag, asset, moved.at_ms, change)
    })
}

pub(super) fn fence(
    fix: &Fix,
    asset: Option<&AssetId>,
    zone: &ZoneId,
    entered: bool,
) -> EventMessage {
    let change = if entered { "entered" } else { "left" };
    identified(EventMessage {
        zone: Some(zone.clone()),
        floor: Some(fix.floor),
        ..new(EventKind::Fence, &fix.tag, asset, fix.time_ms, change)
    })
}

pub(super) fn status(
    tag: &TagId,
    asset: &AssetId,
    status: &StatusNow,
    located: Option<&Located>,
) -> EventMessage {
    let change = status.status.as_str();
    identified(EventMessage {
        zone: located.and_then(|located| located.zone.clone()),
        floor: located.map(|located| located.floor),
        reason: Some(status.rule.clone()),
        ..new(EventKind::Status, tag, Some(asset), status.since_ms, change)
    })
}

pub(super) fn button(tag: &TagId, asset: Option<&AssetId>, time_ms: i64) -> EventMessage {
    identified(new(EventKind::Button, tag, asset, time_ms, "pressed"))
}

pub(super) fn battery(tag: &TagId, asset: Option<&AssetId>, time_ms: i64, pct: u8) -> EventMessage {
    identified(EventMessage {
        reason: Some(format!("{pct} % left")),
        ..new(EventKind::Battery, tag, asset, time_ms, "low")
    })
}

/// Dated to when it was last heard, so that a restart tells the same event again, not a new one.
pub(super) fn lost(
    tag: &TagId,
    asset: Option<&AssetId>,
    located: &Located,
    room: Option<&str>,
) -> EventMessage {
    identified(EventMessage {
        from_zone: located.zone.clone(),
        floor: Some(located.floor),
        reason: room.map(|room| format!("last heard in {room}")),
        ..new(EventKind::Lost, tag, asset, located.seen_ms, "lost")
    })
}

pub(super) fn found(fix: &Fix, asset: Option<&AssetId>) -> EventMessage {
    identified(EventMessage {
        floor: Some(fix.floor),
        ..new(EventKind::Lost, &fix.tag, asset, fix.time_ms, "found")
    })
}
