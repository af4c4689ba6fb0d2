//! Decided items folded into the rows of one transaction: per key only the last word remains.
//!
//! Pure: what a name's key is and who wears a tag are arguments.

use crate::model::{
    AssetId, ById, Decided, EventMessage, Hand, PositionRow, ReaderId, RulesRow, StaffRole,
    StatusRow, TagId, VisitRow, ZoneId,
};
use std::collections::{BTreeMap, HashSet};

/// The keys of names, and the tags of which nothing may be kept.
pub(super) struct Names<'a> {
    pub(super) tags: &'a ById<TagId, i32>,
    pub(super) zones: &'a ById<ZoneId, i32>,
    pub(super) worn: &'a HashSet<TagId>,
}

/// A row of `position` with its keys.
#[derive(Debug, Clone, PartialEq)]
pub struct Position {
    pub(super) time_ms: i64,
    pub(super) until_ms: i64,
    pub(super) received_ms: i64,
    pub(super) tag: i32,
    pub(super) seq: Option<u32>,
    pub(super) x_m: f64,
    pub(super) y_m: f64,
    pub(super) floor: i16,
    pub(super) accuracy_m: f32,
    pub(super) zone: Option<i32>,
    pub(super) moving: Option<bool>,
    pub(super) portal: Option<bool>,
}

/// A visit's room and its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Visit {
    pub(super) zone: i32,
    pub(super) left_ms: Option<i64>,
    /// True: it began in this batch; else a stored one has ended.
    pub(super) is_new: bool,
}

/// What must be decided anew of a tag.
pub(super) struct Ask {
    pub(super) tag: TagId,
    /// From when on, milliseconds.
    pub(super) from_ms: i64,
    /// At least until then, milliseconds.
    pub(super) to_ms: i64,
    /// How often the tag reports, as was said last, milliseconds.
    pub(super) interval_ms: i64,
    /// (time, seq) -> the late fixes that may say something new.
    pub(super) late: BTreeMap<(i64, Option<u32>), PositionRow>,
}

/// What a tag last said about itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Report {
    pub(super) time_ms: i64,
    pub(super) battery_pct: Option<i16>,
    pub(super) firmware: Option<String>,
}

/// An event with its keys.
pub(super) struct Event {
    pub(super) tag: i32,
    pub(super) message: EventMessage,
}

/// A status with its keys.
pub(super) struct StatusChange {
    pub(super) row: StatusRow,
    pub(super) zone: Option<i32>,
}

/// The rows of one transaction.
#[derive(Default)]
pub(super) struct Batch {
    pub(super) positions: Vec<Position>,
    /// (tag, time, seq) of rows that may be stored already.
    pub(super) late: BTreeMap<(i32, i64, Option<u32>), Position>,
    /// (tag, time, seq) of a stored row -> its new `until`.
    pub(super) extensions: BTreeMap<(i32, i64, Option<u32>), i64>,
    /// (tag, time, seq) of a stored row -> its `until`, earlier than it was.
    pub(super) cuts: BTreeMap<(i32, i64, Option<u32>), i64>,
    /// By tag: what must be decided anew.
    pub(super) asks: BTreeMap<i32, Ask>,
    /// (tag, entered); at most the newest of a tag is open.
    pub(super) visits: BTreeMap<(i32, i64), Visit>,
    pub(super) statuses: BTreeMap<(AssetId, i64), StatusChange>,
    /// What rules say and isn't shown.
    pub(super) beneath: BTreeMap<(AssetId, i64), StatusChange>,
    /// (asset, beginning) -> what holds by hand.
    pub(super) by_hand: BTreeMap<(AssetId, i64), Hand>,
    pub(super) rules: Vec<RulesRow>,
    pub(super) events: Vec<Event>,
    /// (role, zone, quarter) -> persons.
    pub(super) presence: BTreeMap<(StaffRole, i32, i64), i32>,
    pub(super) reports: BTreeMap<i32, Report>,
    /// (reader, when) -> online.
    pub(super) readers: BTreeMap<(ReaderId, i64), bool>,
    /// Tags whose stored rows go.
    pub(super) forgotten: Vec<i32>,
    /// Items that can't be stored, since their zone isn't registered.
    pub(super) without_zone: u64,
}

/// The tags that `items` name.
pub(super) fn tags<'a>(
    items: impl Iterator<Item = &'a Decided>,
) -> impl Iterator<Item = &'a TagId> {
    items.filter_map(|item| match item {
        Decided::Position(PositionRow { tag, .. })
        | Decided::Late { row: PositionRow { tag, .. }, .. }
        | Decided::Redecide { tag, .. }
        | Decided::Extend { tag, .. }
        | Decided::Cut { tag, .. }
        | Decided::Visit(VisitRow { tag, .. })
        | Decided::Event(EventMessage { tag, .. })
        | Decided::TagReport { tag, .. }
        | Decided::Forget { tag } => Some(tag),
        Decided::Status(_)
        | Decided::Beneath(_)
        | Decided::ByHand { .. }
        | Decided::Rules(_)
        | Decided::Presence(_)
        | Decided::Reader { .. } => None,
    })
}

impl Batch {
    /// Folds `items` in their order.
    pub(super) fn fold<'a>(items: impl Iterator<Item = &'a Decided>, names: &Names<'_>) -> Self {
        let mut batch = Self::default();
        for item in items {
            batch.add(item, names);
        }
        batch.extend_own_positions();
        batch.close_overtaken_visits();
        // In the order of the index, whose pages are then each looked up once and near each other.
        batch.positions.sort_unstable_by_key(|row| (row.tag, row.time_ms, row.seq));
        batch
    }

    fn add(&mut self, item: &Decided, names: &Names<'_>) {
        let key = |tag: &TagId| {
            if names.worn.contains(tag) { None } else { names.tags.get(tag).copied() }
        };
        let zone_key =
            |zone: &Option<ZoneId>| zone.as_ref().and_then(|id| names.zones.get(id).copied());
        match item {
            Decided::Position(row) => {
                let Some(tag) = key(&row.tag) else { return };
                self.positions.push(position(row, tag, zone_key(&row.zone)));
            }
            Decided::Late { row, amends: true, interval_ms } => {
                let Some(tag) = key(&row.tag) else { return };
                let ask = self.ask(tag, &row.tag, (row.time_ms, row.time_ms), *interval_ms);
                ask.late.entry((row.time_ms, row.seq)).or_insert_with(|| row.clone());
            }
            Decided::Redecide { tag: name, from_ms, to_ms, interval_ms } => {
                let Some(tag) = key(name) else { return };
                self.ask(tag, name, (*from_ms, *to_ms), *interval_ms);
            }
            Decided::Late { row, amends: false, .. } => {
                let Some(tag) = key(&row.tag) else { return };
                let position = position(row, tag, zone_key(&row.zone));
                self.late.insert((tag, row.time_ms, row.seq), position);
            }
            Decided::Extend { tag, time_ms, seq, until_ms } => {
                let Some(tag) = key(tag) else { return };
                let until = self.extensions.entry((tag, *time_ms, *seq)).or_insert(*until_ms);
                *until = (*until).max(*until_ms);
            }
            Decided::Cut { tag, time_ms, seq, until_ms } => {
                let Some(tag) = key(tag) else { return };
                self.extensions.remove(&(tag, *time_ms, *seq));
                self.cuts.insert((tag, *time_ms, *seq), *until_ms);
            }
            Decided::Visit(row) => {
                let Some(tag) = key(&row.tag) else { return };
                let Some(zone) = names.zones.get(&row.zone).copied() else {
                    self.without_zone += 1;
                    return;
                };
                let visit = self.visits.entry((tag, row.entered_ms)).or_insert(Visit {
                    zone,
                    left_ms: row.left_ms,
                    is_new: false,
                });
                visit.is_new |= row.left_ms.is_none();
                visit.left_ms = row.left_ms.or(visit.left_ms);
            }
            Decided::Status(row) => {
                let change = StatusChange { row: row.clone(), zone: zone_key(&row.zone) };
                self.statuses.insert((row.asset.clone(), row.from_ms), change);
            }
            Decided::Beneath(row) => {
                let change = StatusChange { row: row.clone(), zone: zone_key(&row.zone) };
                self.beneath.insert((row.asset.clone(), row.from_ms), change);
            }
            Decided::ByHand { asset, hand } => {
                self.by_hand.insert((asset.clone(), hand.since_ms), hand.clone());
            }
            Decided::Rules(row) => self.rules.push(row.clone()),
            Decided::Event(message) => {
                let Some(tag) = key(&message.tag) else { return };
                self.events.push(Event { tag, message: message.clone() });
            }
            Decided::Presence(row) => {
                let Some(zone) = names.zones.get(&row.zone).copied() else {
                    self.without_zone += 1;
                    return;
                };
                let seen = i32::try_from(row.persons).unwrap_or(i32::MAX);
                let persons =
                    self.presence.entry((row.role.clone(), zone, row.quarter_ms)).or_insert(seen);
                *persons = (*persons).max(seen);
            }
            Decided::TagReport { tag, time_ms, battery_pct, firmware } => {
                // A badge's battery is wanted too, and says nothing about a place.
                let Some(tag) = names.tags.get(tag).copied() else { return };
                self.report(tag, *time_ms, battery_pct.map(i16::from), firmware.as_ref());
            }
            Decided::Forget { tag } => {
                let Some(tag) = names.tags.get(tag).copied() else { return };
                self.forget(tag);
            }
            Decided::Reader { reader, time_ms, online } => {
                self.readers.insert((reader.clone(), *time_ms), *online);
            }
        }
    }

    fn ask(
        &mut self,
        tag: i32,
        name: &TagId,
        (from_ms, to_ms): (i64, i64),
        interval_ms: i64,
    ) -> &mut Ask {
        let new = || Ask { tag: name.clone(), from_ms, to_ms, interval_ms, late: BTreeMap::new() };
        let ask = self.asks.entry(tag).or_insert_with(new);
        ask.from_ms = ask.from_ms.min(from_ms);
        ask.to_ms = ask.to_ms.max(to_ms);
        ask.interval_ms = interval_ms;
        ask
    }

    fn report(&mut self, tag: i32, time_ms: i64, battery: Option<i16>, firmware: Option<&String>) {
        let report = self.reports.entry(tag).or_insert(Report {
            time_ms,
            battery_pct: None,
            firmware: None,
        });
        if report.time_ms <= time_ms {
            report.time_ms = time_ms;
            report.battery_pct = battery.or(report.battery_pct);
            report.firmware = firmware.cloned().or(report.firmware.take());
        }
    }

    fn forget(&mut self, tag: i32) {
        self.positions.retain(|row| row.tag != tag);
        self.late.retain(|key, _| key.0 != tag);
        self.extensions.retain(|key, _| key.0 != tag);
        self.cuts.retain(|key, _| key.0 != tag);
        self.asks.remove(&tag);
        self.visits.retain(|key, _| key.0 != tag);
        self.events.retain(|event| event.tag != tag);
        self.forgotten.push(tag);
    }

    /// Another end of a row that is itself in the batch needs no statement of its own.
    fn extend_own_positions(&mut self) {
        if self.extensions.is_empty() && self.cuts.is_empty() {
            return;
        }
        for row in &mut self.positions {
            if let Some(until_ms) = self.cuts.remove(&(row.tag, row.time_ms, row.seq)) {
                row.until_ms = until_ms;
            }
            if let Some(until_ms) = self.extensions.remove(&(row.tag, row.time_ms, row.seq)) {
                row.until_ms = row.until_ms.max(until_ms);
            }
        }
    }

    /// A tag is in one room: a visit that another one follows has ended by then.
    fn close_overtaken_visits(&mut self) {
        let mut later: Option<(i32, i64)> = None;
        for ((tag, entered_ms), visit) in self.visits.iter_mut().rev() {
            if let Some((later_tag, later_entered_ms)) = later
                && later_tag == *tag
                && visit.left_ms.is_none()
            {
                visit.left_ms = Some(later_entered_ms);
            }
            later = Some((*tag, *entered_ms));
        }
    }
}

/// A decided position with the keys of its tag and its room.
#[must_use]
pub fn position(row: &PositionRow, tag: i32, zone: Option<i32>) -> Position {
    Position {
        time_ms: row.time_ms,
        until_ms: row.until_ms,
        received_ms: row.received_ms,
        tag,
        seq: row.seq,
        x_m: row.x_m,
        y_m: row.y_m,
        floor: row.floor,
        accuracy_m: row.accuracy_m,
        zone,
        moving: row.moving,
        portal: row.portal,
    }
}
