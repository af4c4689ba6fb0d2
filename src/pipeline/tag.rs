//! One tag's work: its track, its open row, and what it said of itself.

mod late;

use super::{event, rows::OpenRow};
use crate::{
    ingest::Understood,
    live::{Place, TagState},
    locate::{Crossing, Located, Move, Placed, Track},
    model::{
        AssetId, Decided, Fix, Freshness, Hand, LOW_BATTERY_PCT, PositionRow, RestoredTag,
        StatusNow, TagId, VisitRow, WELL_AGAIN_PCT, ZoneId,
    },
    site::Site,
};
use late::Presumed;
use serde::{Deserialize, Serialize};

#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct TagWork {
    track: Track,
    open: Option<OpenRow>,
    battery_pct: Option<u8>,
    battery_low: bool,
    firmware: Option<String>,
    /// When its button was last pressed, milliseconds.
    pressed_ms: Option<i64>,
    lost: bool,
    /// Since when it was never silent for so long that it might count as lost, milliseconds.
    heard_since_ms: i64,
    /// So many more fixes may be decided otherwise where a late one is counted in.
    unsettled: u8,
    /// When storage was last asked to decide anew, by the clock of receipt, milliseconds; none: it has.
    asked_ms: Option<i64>,
    presumed: Option<Presumed>,
    /// In the room that was entered then, nothing else follows of the asset before then, milliseconds.
    quiet: Option<(i64, i64)>,
}

/// A late fix may have an effect on so many later ones: by then the smoothing has forgotten it.
pub(super) const SETTLED_AFTER: u8 = 32;

impl TagWork {
    pub(super) fn restored(tag: RestoredTag) -> Self {
        let row = tag.row;
        let fix = Fix { time_ms: row.until_ms, ..row.fix() };
        Self {
            track: Track::restored(&fix, tag.visit),
            open: Some(OpenRow::restored(&row)),
            battery_pct: tag.battery_pct,
            battery_low: tag.battery_pct.is_some_and(|pct| pct <= LOW_BATTERY_PCT),
            firmware: tag.firmware,
            pressed_ms: None,
            lost: false,
            heard_since_ms: row.until_ms,
            unsettled: 0,
            asked_ms: None,
            presumed: None,
            quiet: None,
        }
    }

    /// A message of a tag that no person wears.
    pub(super) fn take(
        &mut self,
        message: Understood,
        asset: Option<&AssetId>,
        site: &Site,
        on_change: bool,
        out: &mut Vec<Decided>,
    ) {
        match message {
            Understood::Fix { fix, battery_pct, button } => {
                if let Some(pct) = battery_pct {
                    self.take_battery(&fix.tag, asset, pct, fix.time_ms, out);
                }
                if button {
                    self.take_press(&fix.tag, asset, fix.time_ms, out);
                }
                self.take_fix(&fix, asset, site, on_change, out);
            }
            Understood::Sighting(sighting) => {
                if let Some(fix) = self.track.hear(&sighting, site) {
                    self.take_fix(&fix, asset, site, on_change, out);
                }
            }
            Understood::TagReport { tag, time_ms, battery_pct, firmware, button } => {
                if let Some(pct) = battery_pct {
                    self.take_battery(&tag, asset, pct, time_ms, out);
                }
                if button {
                    self.take_press(&tag, asset, time_ms, out);
                }
                self.firmware = firmware.clone().or_else(|| self.firmware.take());
                out.push(Decided::TagReport { tag, time_ms, battery_pct, firmware });
            }
            Understood::Reader { .. } => {}
        }
    }

    fn take_fix(
        &mut self,
        fix: &Fix,
        asset: Option<&AssetId>,
        site: &Site,
        on_change: bool,
        out: &mut Vec<Decided>,
    ) {
        let before = self.track.last_heard();
        match self.track.place(fix, site) {
            Placed::Late => self.take_late(fix, site, on_change, out),
            Placed::Repeat => {}
            Placed::Newest { moved, crossings } => {
                self.follow(fix, before.map(|(heard_ms, _)| heard_ms), moved.as_ref(), out);
                if std::mem::take(&mut self.lost) {
                    out.push(Decided::Event(event::found(fix, asset)));
                }
                let zone = self.track.room().cloned();
                let mut row = PositionRow::of(fix, zone);
                if on_change {
                    (row.x_m, row.y_m) = self.track.smoothed();
                }
                OpenRow::take(&mut self.open, row, on_change, out);
                if let Some(moved) = moved {
                    decided_move(&fix.tag, asset, &moved, out);
                }
                for Crossing { zone, entered } in crossings {
                    out.push(Decided::Event(event::fence(fix, asset, &zone, entered)));
                }
            }
        }
    }

    fn take_press(
        &mut self,
        tag: &TagId,
        asset: Option<&AssetId>,
        time_ms: i64,
        out: &mut Vec<Decided>,
    ) {
        self.pressed_ms = self.pressed_ms.max(Some(time_ms));
        self.ask_again();
        out.push(Decided::Event(event::button(tag, asset, time_ms)));
    }

    fn take_battery(
        &mut self,
        tag: &TagId,
        asset: Option<&AssetId>,
        pct: u8,
        time_ms: i64,
        out: &mut Vec<Decided>,
    ) {
        if self.battery_pct != Some(pct) {
            self.battery_pct = Some(pct);
            let (tag, battery_pct) = (tag.clone(), Some(pct));
            out.push(Decided::TagReport { tag, time_ms, battery_pct, firmware: None });
        }
        if pct <= LOW_BATTERY_PCT && !self.battery_low {
            self.battery_low = true;
            out.push(Decided::Event(event::battery(tag, asset, time_ms, pct)));
        } else if pct >= WELL_AGAIN_PCT {
            self.battery_low = false;
        }
    }

    /// A message of a badge: nothing of it is decided or kept but the room, which is given back
    /// with its time for the count of presence.
    pub(super) fn take_badge(&mut self, message: Understood, site: &Site) -> Option<(ZoneId, i64)> {
        let fix = match message {
            Understood::Fix { fix, battery_pct, .. } => {
                self.battery_pct = battery_pct.or(self.battery_pct);
                fix
            }
            Understood::Sighting(sighting) => self.track.hear(&sighting, site)?,
            Understood::TagReport { battery_pct, .. } => {
                self.battery_pct = battery_pct.or(self.battery_pct);
                return None;
            }
            Understood::Reader { .. } => return None,
        };
        let Placed::Newest { .. } = self.track.place(&fix, site) else { return None };
        Some((self.track.room()?.clone(), fix.time_ms))
    }

    /// What follows from time alone; how fresh its place is.
    pub(super) fn tick(
        &mut self,
        tag: &TagId,
        asset: Option<&AssetId>,
        site: &Site,
        now_ms: i64,
        out: &mut Vec<Decided>,
    ) -> Freshness {
        if let Some((moved, until_ms)) = self.track.tick(now_ms) {
            self.presume(moved.at_ms, until_ms, false);
            decided_move(tag, asset, &moved, out);
            self.rethink(tag, (moved.at_ms, now_ms), now_ms, out);
        }
        if let Some(open) = &mut self.open {
            open.extend_if_due(tag, now_ms, out);
        }
        let Some((seen_ms, portal)) = self.track.last_heard() else { return Freshness::Unknown };
        let freshness = Freshness::at(now_ms, seen_ms, self.track.interval_ms(), portal);
        if freshness == Freshness::Lost && !self.lost {
            self.lost = true;
            if let Some(located) = self.track.located() {
                let label =
                    located.zone.as_ref().and_then(|z| site.zone(z)).map(|z| z.name.as_str());
                out.push(Decided::Event(event::lost(tag, asset, &located, label)));
            }
        }
        freshness
    }

    /// True when the badge's room changed.
    pub(super) fn tick_badge(&mut self, now_ms: i64) -> bool {
        self.track.tick(now_ms).is_some()
    }

    pub(super) fn flush(&mut self, tag: &TagId, out: &mut Vec<Decided>) {
        if let Some(open) = &mut self.open {
            open.extend(tag, out);
        }
    }

    pub(super) fn located(&self) -> Option<Located> {
        self.track.located()
    }

    pub(super) fn interval_ms(&self) -> i64 {
        self.track.interval_ms()
    }

    /// When its button was last pressed, milliseconds.
    pub(super) fn pressed_ms(&self) -> Option<i64> {
        self.pressed_ms
    }

    /// What the pages may see of a tag that no person wears.
    pub(super) fn state(
        &self,
        tag: &TagId,
        status: Option<StatusNow>,
        ruled: Option<StatusNow>,
        hand: Option<Hand>,
    ) -> TagState {
        let located = self.track.located();
        TagState {
            tag: tag.clone(),
            interval_ms: self.track.interval_ms(),
            moving: located.as_ref().and_then(|l| l.moving),
            moving_since_ms: located.as_ref().map(|l| l.moving_since_ms),
            pressed_ms: self.pressed_ms,
            battery_pct: self.battery_pct,
            firmware: self.firmware.clone(),
            status,
            ruled,
            hand: hand.map(Box::new),
            place: located.map(place),
        }
    }

    /// What a coordinator may see of a badge: its room, never the spot in it. None: in no room.
    pub(super) fn badge_state(&self, tag: &TagId, site: &Site) -> Option<TagState> {
        let located = self.track.located()?;
        let room = located.zone.as_ref()?;
        let (x_m, y_m, floor) = site.centre(room)?;
        #[expect(clippy::cast_possible_truncation, reason = "a radius in metres fits f32")]
        let accuracy_m = site.radius_m(room)? as f32;
        let coarse = Located { x_m, y_m, floor, accuracy_m, ..located };
        Some(TagState {
            battery_pct: self.battery_pct,
            interval_ms: self.track.interval_ms(),
            place: Some(place(coarse)),
            ..TagState::new(tag.clone())
        })
    }
}

fn place(located: Located) -> Place {
    Place {
        x_m: located.x_m,
        y_m: located.y_m,
        floor: located.floor,
        accuracy_m: located.accuracy_m,
        zone: located.zone,
        entered_ms: located.entered_ms,
        seen_ms: located.seen_ms,
        received_ms: located.received_ms,
        origin: located.origin,
    }
}

/// A move is a visit that ends, a visit that begins, and an event.
fn decided_move(tag: &TagId, asset: Option<&AssetId>, moved: &Move, out: &mut Vec<Decided>) {
    if let Some((zone, entered_ms)) = &moved.left {
        out.push(Decided::Visit(VisitRow {
            tag: tag.clone(),
            zone: zone.clone(),
            entered_ms: *entered_ms,
            left_ms: Some(moved.at_ms),
        }));
    }
    if let Some(zone) = &moved.entered {
        let (tag, zone) = (tag.clone(), zone.clone());
        out.push(Decided::Visit(VisitRow { tag, zone, entered_ms: moved.at_ms, left_ms: None }));
    }
    out.push(Decided::Event(event::moved(tag, asset, moved)));
}
