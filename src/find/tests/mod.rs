//! What is promised of ways: by hand-drawn floors, and in `brute_force` by whole hospitals.

#![allow(clippy::unwrap_used)]

mod brute_force;

use super::*;
use crate::{model::ZoneId, site::Site};

/// A room of a drawing: id, kind, floor, corners; `shaft` where its kind has one.
fn room(id: &str, kind: &str, floor: i16, corners: &[[f64; 2]]) -> String {
    let mut ring = corners.to_vec();
    ring.push(corners[0]);
    let ring = serde_json::to_string(&ring).unwrap();
    let shaft = id.split_once('@').map(|(shaft, _)| format!(r#","shaft":"{shaft}""#));
    let shaft = shaft.unwrap_or_default();
    let id = id.replace('@', "-");
    format!(
        r#"{{"type":"Feature","id":"{id}","geometry":{{"type":"Polygon","coordinates":[{ring}]}},
        "properties":{{"feature":"room","floor":{floor},"kind":"{kind}","name":"{id}"{shaft}}}}}"#
    )
}

fn rectangle(w: f64, s: f64, e: f64, n: f64) -> [[f64; 2]; 4] {
    [[w, s], [e, s], [e, n], [w, n]]
}

fn door(floor: i16, x: f64, y: f64, a: &str, b: &str) -> String {
    format!(
        r#"{{"type":"Feature","id":"d:{a}:{b}:{x}","geometry":{{"type":"Point","coordinates":[{x},{y}]}},
        "properties":{{"feature":"door","floor":{floor},"rooms":["{a}","{b}"]}}}}"#
    )
}

fn site(shafts: &str, features: &[String]) -> Site {
    let features = features.join(",");
    Site::parse(&format!(
        r#"{{"type":"FeatureCollection","format":"spor-site/1","crs":"local","name":"Test",
        "time_zone":"Europe/Copenhagen","floors":[{{"number":0,"label":"0"}},{{"number":1,"label":"1"}}],
        "shafts":[{shafts}],"features":[{features}]}}"#
    ))
    .unwrap()
}

fn id(text: &str) -> ZoneId {
    text.parse().unwrap()
}

fn middle<'a>(site: &Site, room: &'a ZoneId) -> Spot<'a> {
    let (x_m, y_m, _) = site.centre(room).unwrap();
    Spot { x_m, y_m, room }
}

fn route(site: &Site, from: &str, to: &str, load: Load) -> Option<Route> {
    let ways = Ways::of(site);
    let (from, to) = (id(from), id(to));
    ways.reach(middle(site, &from), load)?.route(&middle(site, &to))
}

fn said(site: &Site, from: &str, to: &str, load: Load) -> Spoken {
    route(site, from, to, load).unwrap().say(|floor| site.floor_label(floor))
}

/// A corridor from west to east with two rooms on its north side and one on its south side.
fn corridor() -> Vec<String> {
    vec![
        room("gang", "corridor", 0, &rectangle(0.0, 0.0, 40.0, 3.0)),
        room("west", "storage", 0, &rectangle(0.0, 3.0, 5.0, 8.0)),
        room("east", "patient", 0, &rectangle(30.0, 3.0, 40.0, 8.0)),
        room("south", "storage", 0, &rectangle(30.0, -5.0, 40.0, 0.0)),
        door(0, 2.5, 3.0, "west", "gang"),
        door(0, 35.0, 3.0, "east", "gang"),
        door(0, 35.0, 0.0, "gang", "south"),
    ]
}

/// Two floors of that corridor over each other, with a lift at its west end and stairs at its east.
fn two_floors() -> Vec<String> {
    let mut features = corridor();
    for feature in corridor() {
        let above = feature.replace("\"floor\":0", "\"floor\":1");
        let above = ["gang", "west", "east", "south"]
            .iter()
            .fold(above, |text, name| text.replace(name, &format!("{name}1")));
        features.push(above);
    }
    for floor in [0, 1] {
        let gang = if floor == 0 { "gang" } else { "gang1" };
        let lift = format!("A@{floor}");
        let stairs = format!("T@{floor}");
        features.push(room(&lift, "lift", floor, &rectangle(-3.0, 0.0, 0.0, 3.0)));
        features.push(room(&stairs, "stairs", floor, &rectangle(40.0, 0.0, 43.0, 3.0)));
        features.push(door(floor, 0.0, 1.5, &lift.replace('@', "-"), gang));
        features.push(door(floor, 40.0, 1.5, gang, &stairs.replace('@', "-")));
    }
    features
}

#[test]
fn a_way_goes_through_doors_and_along_the_corridor() {
    let site = site("", &corridor());
    let way = route(&site, "west", "east", Load::Bed).unwrap();
    // 2.5 m to the door, 32.5 m along the corridor, 2.5 m to the middle of the room.
    assert!((way.walk.metres - 37.5).abs() < 1e-9, "{way:?}");
    assert!((way.walk.seconds - 37.5 / 1.2).abs() < 1e-9, "{way:?}");
    let across = route(&site, "east", "south", Load::Bed).unwrap();
    assert!((across.walk.metres - 8.0).abs() < 1e-9, "{across:?}");
}

#[test]
fn turns_are_told_as_somebody_who_walks_there_takes_them() {
    let site = site("", &corridor());
    let en = |from, to| said(&site, from, to, Load::Bed).en;
    assert_eq!(en("west", "east"), "Left 35 m, on the left, 1 min");
    assert_eq!(en("west", "south"), "Left 35 m, on the right, 1 min");
    assert_eq!(en("south", "west"), "Left 35 m, on the right, 1 min");
    assert_eq!(en("east", "south"), "Straight ahead, 1 min");
    assert_eq!(said(&site, "west", "east", Load::Bed).da, "Venstre 35 m, på venstre hånd, 1 min");
    // Nobody knows how one stands in a corridor.
    assert_eq!(en("gang", "east"), "15 m, on the left, 1 min");
    assert_eq!(en("west", "west"), "Right here, 1 min");
    let ways = Ways::of(&site);
    let (gang, east) = (id("gang"), id("east"));
    let at_the_door = ways.reach(Spot { x_m: 35.0, y_m: 2.5, room: &gang }, Load::Bed).unwrap();
    let way = at_the_door.route(&middle(&site, &east)).unwrap();
    assert_eq!(way.say(|floor| site.floor_label(floor)).en, "Next door, 1 min");
}

#[test]
fn what_rolls_goes_by_lift_and_what_is_carried_by_the_quicker_stairs() {
    let site = site("", &two_floors());
    let en = |load| said(&site, "east", "east1", load).en;
    assert_eq!(en(Load::Carried), "Left 5 m, T-0 to floor 1, straight on 5 m, on the right, 1 min");
    let way = route(&site, "east", "east1", Load::Bed).unwrap();
    let floors: Vec<i16> = way.points().map(|(_, floor)| floor).collect();
    // Middle, door, lift's door, lift; lift, its door, door, middle.
    assert_eq!(floors, [0, 0, 0, 0, 1, 1, 1, 1]);
    let rolling = "Right 35 m, A-0 to floor 1, straight on 35 m, on the left, 2 min";
    assert_eq!((en(Load::Rolling).as_str(), en(Load::Bed).as_str()), (rolling, rolling));
}

#[test]
fn a_bed_has_no_way_where_only_stairs_or_small_lifts_lead() {
    let small = site(r#"{"id":"A","beds":false}"#, &two_floors());
    assert_eq!(route(&small, "east", "east1", Load::Bed), None);
    assert!(route(&small, "east", "east1", Load::Rolling).is_some());
    let no_lift: Vec<_> = two_floors().into_iter().filter(|f| !f.contains("A-")).collect();
    let no_lift = site("", &no_lift);
    assert_eq!(route(&no_lift, "east", "east1", Load::Rolling), None);
    assert!(route(&no_lift, "east", "east1", Load::Carried).is_some());
}

#[test]
fn a_lift_that_keeps_one_waiting_is_waited_for() {
    let seconds = |shafts| route(&site(shafts, &two_floors()), "east", "east1", Load::Bed).unwrap();
    let usual = seconds("").walk.seconds;
    let slow = seconds(r#"{"id":"A","wait_s":90,"floor_s":10}"#).walk.seconds;
    assert!((slow - usual - 60.0 - 6.0).abs() < 1e-9, "{slow} {usual}");
}

#[test]
fn a_way_bends_round_the_corner_of_a_corridor_and_not_through_its_wall() {
    let ell = [[0.0, 0.0], [20.0, 0.0], [20.0, 3.0], [3.0, 3.0], [3.0, 20.0], [0.0, 20.0]];
    let site = site(
        "",
        &[
            room("ell", "corridor", 0, &ell),
            room("east", "storage", 0, &rectangle(20.0, 0.0, 24.0, 3.0)),
            room("north", "storage", 0, &rectangle(0.0, 20.0, 3.0, 24.0)),
            door(0, 20.0, 1.5, "ell", "east"),
            door(0, 1.5, 20.0, "ell", "north"),
        ],
    );
    let way = route(&site, "east", "north", Load::Bed).unwrap();
    // Round a point 0.3 m off the corner at (3, 3).
    let corner = 3.0 - 0.3 / 2.0_f64.sqrt();
    let expected_m = 2.0 + 2.0 * (20.0 - corner).hypot(corner - 1.5) + 2.0;
    assert!((way.walk.metres - expected_m).abs() < 1e-6, "{way:?}");
    assert_eq!(
        said(&site, "east", "north", Load::Bed).en,
        "Straight on 15 m, right 15 m, straight ahead, 1 min"
    );
    // A thing round the corner, in the corridor itself.
    let ways = Ways::of(&site);
    let (east, ell) = (id("east"), id("ell"));
    let reach = ways.reach(middle(&site, &east), Load::Bed).unwrap();
    let round = reach.to(&Spot { x_m: 1.5, y_m: 18.5, room: &ell }).unwrap();
    assert!(round.metres > expected_m - 6.0 && round.metres < expected_m - 3.0, "{round:?}");
    let back = ways.reach(Spot { x_m: 1.5, y_m: 18.5, room: &ell }, Load::Bed).unwrap();
    assert!((back.to(&middle(&site, &east)).unwrap().metres - round.metres).abs() < 1e-9);
    let same = back.to(&Spot { x_m: 18.5, y_m: 1.5, room: &ell }).unwrap();
    assert!(same.metres > (17.0_f64).hypot(17.0) + 5.0, "through the wall: {same:?}");
}

#[test]
fn nobody_is_sent_through_a_room_when_the_corridor_is_not_much_longer() {
    let mut features = corridor();
    features.push(room("suite", "patient", 0, &rectangle(5.0, 3.0, 30.0, 8.0)));
    features.push(door(0, 5.0, 5.5, "west", "suite"));
    features.push(door(0, 30.0, 5.5, "suite", "east"));
    let site = site("", &features);
    let way = route(&site, "west", "east", Load::Bed).unwrap();
    let ways = Ways::of(&site);
    let suite = ways.room(&id("suite")).unwrap();
    assert!(!way.legs.iter().any(|leg| matches!(leg, Leg::Walk { room, .. } if *room == suite)));
}

#[test]
fn a_room_without_a_door_and_a_room_of_another_building_are_out_of_reach() {
    let mut features = corridor();
    features.push(room("walled", "other", 0, &rectangle(10.0, 3.0, 20.0, 8.0)));
    let site = site("", &features);
    assert_eq!(route(&site, "west", "walled", Load::Carried), None);
    let ways = Ways::of(&site);
    let elsewhere = id("elsewhere");
    assert!(ways.reach(Spot { x_m: 0.0, y_m: 0.0, room: &elsewhere }, Load::Bed).is_none());
}

#[test]
fn what_nobody_knows_is_not_sent_over_stairs() {
    let load = |class: &str| Load::of(&class.parse().unwrap());
    assert_eq!(load("bed"), Load::Bed);
    assert_eq!(load("bariatric-bed"), Load::Bed);
    assert_eq!(load("syringe-pump"), Load::Carried);
    assert_eq!(load("infusion-pump"), Load::Rolling);
    assert_eq!(load("espresso-machine"), Load::Rolling);
}

#[test]
fn ways_of_the_demo_hospital_are_said_in_few_words() {
    let site = Site::load(None).unwrap();
    let en = |from, to, load| said(&site, from, to, load).en;
    assert_eq!(en("AKUT-C0-depot", "BDA-D0-depot", Load::Bed), "Right 45 m, on the right, 1 min");
    assert_eq!(
        en("f1-depot", "FORS-E0-gang", Load::Carried),
        "Right 30 m, Stairs 1 to floor 0, left 15 m, left 25 m, 2 min"
    );
    assert_eq!(
        said(&site, "f1-depot", "FORS-E0-centraldepot", Load::Rolling).da,
        "Højre 25 m, Elevator B til etage 0, venstre 20 m, venstre 6 m, på højre hånd, 2 min"
    );
}
