mod by_hand;
mod fold;

use super::*;
use crate::model::{
    Asset, AssetId, Basis, ClassId, Person, PersonId, PositionRow, RestoredTag, StaffRole, Status,
};

const START_MS: i64 = 1_795_385_000_000;

struct Bench {
    pipeline: Pipeline,
    live: Arc<Live>,
    site: Arc<Site>,
}

fn tag(name: &str) -> TagId {
    TagId::new(name).expect("valid")
}

/// A pump with tag `pump`, and a badge.
fn registry() -> Registry {
    let mut registry = Registry::default();
    let asset = Arc::new(Asset {
        id: AssetId::new("P1").expect("valid"),
        label: "Pump 1".to_owned(),
        class: ClassId::new("infusion-pump").expect("valid"),
        home_ward: None,
    });
    registry.assets.insert(asset.id.clone(), asset.clone());
    registry.tag_of_asset.insert(asset.id.clone(), tag("pump"));
    registry.carriers.insert(tag("pump"), Carrier::Asset(asset));
    wear(&mut registry, "badge");
    registry
}

fn wear(registry: &mut Registry, badge: &str) {
    let person = Arc::new(Person {
        id: PersonId::new(badge).expect("valid"),
        role: StaffRole::new("nurse").expect("valid"),
    });
    registry.persons.insert(person.id.clone(), person.clone());
    registry.carriers.insert(tag(badge), Carrier::Person(person));
}

impl Bench {
    fn new(restored: Restored) -> Self {
        let site = Arc::new(Site::load(None).expect("demo site"));
        let live = Arc::new(Live::new());
        let parts = Parts {
            site: site.clone(),
            live: live.clone(),
            rejections: Rejections::default(),
            max_late_ms: 48 * 3_600_000,
            on_change: true,
        };
        Self { pipeline: Pipeline::restored(parts, registry(), restored), live, site }
    }

    /// The registry is another one from now on.
    fn change(&mut self, next: &Registry, now_ms: i64) -> Vec<Decided> {
        let change = self.pipeline.registry().changes_to(next);
        let mut out = Vec::new();
        self.pipeline.change_registry(&change, now_ms, &mut out);
        out
    }

    /// The middle of the n-th room of that kind.
    fn room(&self, kind: RoomKind, n: usize) -> (f64, f64, i16) {
        let room = self.site.zones().filter(|z| z.kind == Some(kind)).nth(n).expect("a room");
        self.site.centre(&room.id).expect("a centre")
    }

    fn send(
        &mut self,
        name: &str,
        at: (f64, f64, i16),
        time_ms: i64,
        received_ms: i64,
    ) -> Vec<Decided> {
        let (x_m, y_m, floor) = at;
        let payload =
            serde_json::json!({ "x_m": x_m, "y_m": y_m, "floor": floor, "time_ms": time_ms });
        let topic = format!("spor/v1/tags/{name}/position");
        let payload = payload.to_string();
        let arrival = Arrived { source: "c", topic: &topic, payload: payload.as_bytes() };
        let mut out = Vec::new();
        self.pipeline.arrival(arrival, received_ms, &mut out);
        out
    }

    fn tick(&mut self, now_ms: i64) -> Vec<Decided> {
        let mut out = Vec::new();
        self.pipeline.tick(now_ms, &mut out);
        out
    }
}

fn statuses(out: &[Decided]) -> Vec<(Status, i64)> {
    out.iter()
        .filter_map(|d| match d {
            Decided::Status(row) => Some((row.status, row.from_ms)),
            _ => None,
        })
        .collect()
}

use crate::model::RoomKind;

#[test]
fn a_position_becomes_a_row_a_visit_an_event_and_a_live_state() {
    let mut bench = Bench::new(Restored::default());
    let at = bench.room(RoomKind::Storage, 0);
    let out = bench.send("pump", at, START_MS, START_MS);
    assert!(matches!(&out[0], Decided::Position(row) if row.zone.is_some()));
    assert!(matches!(&out[1], Decided::Visit(visit) if visit.left_ms.is_none()));
    assert!(
        matches!(&out[2], Decided::Event(event) if event.kind == crate::model::EventKind::Zone)
    );
    let state = bench.live.tags.get(&tag("pump")).expect("live");
    assert!(state.place.expect("placed").zone.is_some());
}

#[test]
fn the_status_of_an_asset_follows_its_room() {
    let mut bench = Bench::new(Restored::default());
    assert_eq!(statuses(&bench.tick(START_MS)), [(Status::Unknown, START_MS)]);
    let (storage, patient) = (bench.room(RoomKind::Storage, 0), bench.room(RoomKind::Patient, 0));
    bench.send("pump", storage, START_MS + 1_000, START_MS + 1_000);
    assert_eq!(statuses(&bench.tick(START_MS + 2_000)), [(Status::Available, START_MS + 1_000)]);
    bench.send("pump", patient, START_MS + 60_000, START_MS + 60_000);
    assert_eq!(statuses(&bench.tick(START_MS + 61_000)), []);
    assert_eq!(statuses(&bench.tick(START_MS + 72_000)), [(Status::InUse, START_MS + 60_000)]);
    let state = bench.live.tags.get(&tag("pump")).expect("live");
    assert_eq!(state.status.map(|s| s.status), Some(Status::InUse));
}

#[test]
fn of_a_badge_nothing_is_decided_but_presence_by_role() {
    let mut bench = Bench::new(Restored::default());
    bench.tick(START_MS);
    let at = bench.room(RoomKind::NurseStation, 0);
    let mut out = bench.send("badge", (at.0 + 0.4, at.1, at.2), START_MS, START_MS);
    assert_eq!(out, []);
    out = bench.tick(START_MS + 1_000);
    assert_eq!(out.len(), 1);
    assert!(
        matches!(&out[0], Decided::Presence(row) if row.persons == 1 && row.role.as_str() == "nurse")
    );
    assert!(bench.live.tags.get(&tag("badge")).is_none());
    let place = bench.live.people.get(&tag("badge")).and_then(|s| s.place).expect("by room");
    assert_eq!((place.x_m, place.y_m), (at.0, at.1), "the room, never the spot");
}

#[test]
fn a_tag_that_a_person_wears_from_now_on_is_forgotten() {
    let mut bench = Bench::new(Restored::default());
    let at = bench.room(RoomKind::NurseStation, 0);
    bench.send("loose", at, START_MS, START_MS);
    assert!(bench.live.tags.get(&tag("loose")).is_some());
    let mut changed = registry();
    wear(&mut changed, "loose");
    let out = bench.change(&changed, START_MS + 1_000);
    assert!(out.contains(&Decided::Forget { tag: tag("loose") }));
    assert!(bench.live.tags.get(&tag("loose")).is_none());
    bench.change(&registry(), START_MS + 1_500);
    bench.send("loose", at, START_MS + 2_000, START_MS + 2_000);
    bench.tick(START_MS + 3_000);
    assert!(bench.live.people.get(&tag("loose")).is_none());
}

#[test]
fn a_new_badge_is_a_badge_from_its_next_message_on() {
    let mut bench = Bench::new(Restored::default());
    let at = bench.room(RoomKind::NurseStation, 0);
    bench.tick(START_MS);
    bench.send("loose", at, START_MS, START_MS);
    let mut changed = registry();
    wear(&mut changed, "loose");
    let out = bench.change(&changed, START_MS + 400);
    assert_eq!(out, [Decided::Forget { tag: tag("loose") }]);
    assert_eq!(bench.send("loose", at, START_MS + 500, START_MS + 500), []);
    assert!(bench.live.tags.get(&tag("loose")).is_none());
    assert!(bench.live.people.get(&tag("loose")).is_some());
}

#[test]
fn a_late_fix_is_stored_and_moves_nothing() {
    let mut bench = Bench::new(Restored::default());
    let (here, there) = (bench.room(RoomKind::Storage, 0), bench.room(RoomKind::Patient, 0));
    bench.send("pump", here, START_MS, START_MS);
    let before = bench.live.tags.get(&tag("pump"));
    let out = bench.send("pump", there, START_MS - 60_000, START_MS + 1_000);
    assert!(
        matches!(&out[..], [Decided::Late { row, amends: true, .. }] if row.time_ms == START_MS - 60_000)
    );
    assert_eq!(bench.live.tags.get(&tag("pump")), before);
}

#[test]
fn a_silent_tag_is_lost_once_and_found_again() {
    let mut bench = Bench::new(Restored::default());
    let at = bench.room(RoomKind::Storage, 0);
    bench.send("pump", at, START_MS, START_MS);
    let lost = |out: &[Decided]| -> Vec<String> {
        out.iter()
            .filter_map(|d| match d {
                Decided::Event(e) if e.kind == crate::model::EventKind::Lost => {
                    Some(e.change.clone())
                }
                _ => None,
            })
            .collect()
    };
    assert!(lost(&bench.tick(START_MS + 3_600_000)).is_empty());
    assert_eq!(lost(&bench.tick(START_MS + 3_601_000)), ["lost"]);
    assert!(lost(&bench.tick(START_MS + 3_602_000)).is_empty());
    let back_ms = START_MS + 4_000_000;
    assert_eq!(lost(&bench.send("pump", at, back_ms, back_ms)), ["found"]);
}

#[test]
fn the_same_arrivals_give_the_same_rows_and_ids() {
    let run = || {
        let mut bench = Bench::new(Restored::default());
        let mut out = Vec::new();
        for i in 0..200usize {
            let kind = [RoomKind::Storage, RoomKind::Patient, RoomKind::Corridor][i / 3 % 3];
            let at = bench.room(kind, i / 30);
            let now_ms = START_MS + i64::try_from(i).expect("small") * 5_000;
            out.extend(bench.send(["pump", "a", "b"][i % 3], at, now_ms, now_ms));
            if i % 10 == 0 {
                out.extend(bench.tick(now_ms));
            }
        }
        out
    };
    assert_eq!(run(), run());
}

#[test]
fn a_restart_shows_the_last_known_place_and_goes_on_with_the_open_visit() {
    let mut bench = Bench::new(Restored::default());
    let at = bench.room(RoomKind::Storage, 0);
    let out = bench.send("pump", at, START_MS, START_MS);
    let Some(Decided::Position(row)) = out.first().cloned() else { panic!("a row") };
    let visit = row.zone.clone().map(|zone| (zone, START_MS - 500_000));
    let restored = RestoredTag { row, visit, battery_pct: Some(50), firmware: None };
    let mut again = Bench::new(Restored { tags: vec![restored], ..Restored::default() });
    let place = again.live.tags.get(&tag("pump")).and_then(|s| s.place).expect("shown at once");
    assert_eq!((place.entered_ms, place.seen_ms), (START_MS - 500_000, START_MS));
    let out = again.send("pump", at, START_MS + 2_000, START_MS + 2_000);
    assert!(!out.iter().any(|d| matches!(d, Decided::Visit(_))), "the visit goes on: {out:?}");
}

#[test]
fn what_a_portal_saw_is_no_more_certain_after_a_restart() {
    let mut bench = Bench::new(Restored::default());
    let at = bench.room(RoomKind::Storage, 0);
    let out = bench.send("pump", at, START_MS, START_MS);
    let Some(Decided::Position(row)) = out.first().cloned() else { panic!("a row") };
    let row = PositionRow { portal: Some(true), ..row };
    let restored = RestoredTag { row, visit: None, battery_pct: None, firmware: None };
    let again = Bench::new(Restored { tags: vec![restored], ..Restored::default() });
    let state = again.live.tags.get(&tag("pump")).expect("shown at once");
    let place = state.place.expect("a place");
    assert!(place.is_portal() && place.is_room_only());
    let freshness = |after_ms| {
        Freshness::at(START_MS + after_ms, place.seen_ms, state.interval_ms, place.is_portal())
    };
    assert_eq!((freshness(60_000), freshness(61_000)), (Freshness::Live, Freshness::Stale));
}
