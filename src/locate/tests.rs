use super::*;
use crate::model::{ReaderId, TagId};
use proptest::prelude::*;

/// Three rooms of ten metres beside each other on floor 0, one on floor 1, a lift, a zone.
fn site() -> Site {
    let square = |id: &str, floor: i16, x: i32, width: i32, kind: &str| {
        let east = x + width;
        format!(
            r#"{{"type":"Feature","id":"{id}","geometry":{{"type":"Polygon","coordinates":[[[{x},0],[{east},0],[{east},10],[{x},10],[{x},0]]]}},
            "properties":{{"feature":"room","floor":{floor},"kind":"{kind}","name":"{id}"}}}}"#
        )
    };
    let reader = |id: &str, x: i32, portal: bool| {
        format!(
            r#"{{"type":"Feature","id":"{id}","geometry":{{"type":"Point","coordinates":[{x},5]}},
            "properties":{{"feature":"reader","floor":0,"portal":{portal}}}}}"#
        )
    };
    let zone = r#"{"type":"Feature","id":"z","geometry":{"type":"Polygon","coordinates":[[[2,0],[6,0],[6,10],[2,10],[2,0]]]},
        "properties":{"feature":"zone","floor":0,"name":"Z"}}"#;
    let features = [
        square("a", 0, 0, 10, "patient"),
        square("b", 0, 10, 10, "corridor"),
        square("c", 0, 20, 10, "storage"),
        square("lift-0", 0, 30, 3, "lift"),
        square("up", 1, 0, 30, "patient"),
        square("lift-1", 1, 30, 3, "lift"),
        reader("ra", 5, false),
        reader("rb", 15, false),
        reader("rc", 25, true),
        zone.to_owned(),
    ];
    Site::parse(&format!(
        r#"{{"type":"FeatureCollection","format":"spor-site/1","crs":"local","name":"T","time_zone":"Europe/Copenhagen",
        "floors":[{{"number":0,"label":"0"}},{{"number":1,"label":"1"}}],"features":[{}]}}"#,
        features.join(",")
    ))
    .expect("valid")
}

fn fix(time_ms: i64, x_m: f64, floor: i16) -> Fix {
    Fix {
        tag: TagId::new("t").expect("valid"),
        time_ms,
        received_ms: time_ms,
        seq: None,
        x_m,
        y_m: 5.0,
        floor,
        accuracy_m: 0.5,
        moving: Some(true),
        origin: Origin::Tag,
    }
}

fn sighting(reader: &str, time_ms: i64, rssi_dbm: f32) -> Sighting {
    Sighting {
        tag: TagId::new("t").expect("valid"),
        reader: ReaderId::new(reader).expect("valid"),
        time_ms,
        received_ms: time_ms,
        rssi_dbm,
    }
}

fn room(track: &Track) -> Option<String> {
    track.located().and_then(|l| l.zone).map(|z| z.to_string())
}

/// The rooms a tag visits when it sends these fixes.
fn rooms_of(track: &mut Track, site: &Site, fixes: &[Fix]) -> Vec<String> {
    let mut rooms = Vec::new();
    for fix in fixes {
        if let Placed::Newest { moved: Some(moved), .. } = track.place(fix, site) {
            rooms.push(moved.entered.map_or("-".to_owned(), |z| z.to_string()));
        }
    }
    rooms
}

#[test]
fn a_tag_that_stands_at_a_border_does_not_flap() {
    let site = site();
    let noise: Vec<_> = (0..200)
        .map(|i| Fix {
            moving: Some(false),
            ..fix(i * 1_000, 9.9 + if i % 2 == 0 { -0.4 } else { 0.5 }, 0)
        })
        .collect();
    assert_eq!(rooms_of(&mut Track::default(), &site, &noise), ["a"]);
}

#[test]
fn a_clear_step_into_the_next_room_counts_at_once() {
    let site = site();
    let walk = [fix(0, 5.0, 0), fix(10_000, 15.0, 0), fix(20_000, 25.0, 0)];
    assert_eq!(rooms_of(&mut Track::default(), &site, &walk), ["a", "b", "c"]);
}

#[test]
fn what_was_carried_in_a_long_silence_is_where_its_first_fix_says() {
    let still = |time_ms, x_m| Fix { moving: Some(false), ..fix(time_ms, x_m, 0) };
    let mut smoothed = Smoothed::default();
    smoothed.take(&still(0, 5.0), Some(false));
    smoothed.take(&still(300_000, 5.4), Some(false));
    assert!(smoothed.place().0 < 5.3, "the noise of what stood still is taken out");
    let (x_m, _) = smoothed.take(&still(1_200_000, 7.4), Some(false));
    assert!((x_m - 7.4).abs() < 0.05, "{x_m}");
}

#[test]
fn a_doubtful_step_counts_after_its_dwell_even_when_the_tag_falls_silent() {
    let site = site();
    let mut track = Track::default();
    track.place(&fix(0, 9.0, 0), &site);
    track.place(&fix(10_000, 10.7, 0), &site);
    assert_eq!(room(&track).as_deref(), Some("a"));
    assert_eq!(track.tick(12_900), None);
    let (moved, until_ms) = track.tick(13_000).expect("the dwell is over");
    assert_eq!(moved.at_ms, 10_000, "dated to the fix that began it");
    assert_eq!(until_ms, 13_000, "a fix of before could have spoken against it");
    assert_eq!(room(&track).as_deref(), Some("b"));
}

#[test]
fn what_waits_never_begins_before_the_stay_that_a_late_fix_amended() {
    let site = site();
    let mut track = Track::default();
    track.place(&fix(0, 9.0, 0), &site);
    track.place(&fix(10_000, 10.7, 0), &site);
    track.place(&fix(12_000, 10.7, 0), &site);
    let was = track.visit();
    // A fix of 11 s came late, and was clearly in another room.
    let now = ("c".parse().expect("valid"), 11_000);
    assert!(track.amend(was.as_ref(), Some(&now)));
    let (moved, _) = track.tick(20_000).expect("the dwell is over");
    assert_eq!((moved.left, moved.at_ms), (Some(now), 12_000));
}

#[test]
fn another_floor_needs_a_lift_or_a_second_word() {
    let site = site();
    let mut track = Track::default();
    track.place(&fix(0, 5.0, 0), &site);
    track.place(&fix(2_000, 5.0, 1), &site);
    track.place(&fix(4_000, 5.0, 0), &site);
    assert_eq!(track.located().map(|l| l.floor), Some(0), "one stray fix changes nothing");
    track.place(&fix(6_000, 31.0, 0), &site);
    track.place(&fix(20_000, 31.0, 1), &site);
    assert_eq!(room(&track).as_deref(), Some("lift-1"));
}

#[test]
fn visits_follow_each_other_without_gap_or_overlap() {
    let site = site();
    let mut track = Track::default();
    let mut last: Option<(ZoneId, i64)> = None;
    for i in 0..30u32 {
        let placed = track.place(&fix(i64::from(i) * 4_000, f64::from(i), 0), &site);
        if let Placed::Newest { moved: Some(moved), .. } = placed {
            assert_eq!(moved.left, last);
            last = moved.entered.map(|z| (z, moved.at_ms));
        }
    }
    assert_eq!(last.map(|(z, _)| z.to_string()).as_deref(), Some("c"));
}

#[test]
fn zones_are_entered_at_the_border_and_left_beyond_it() {
    let site = site();
    let mut track = Track::default();
    let mut crossed = Vec::new();
    for (i, x) in [0.0, 3.0, 6.5, 9.0].into_iter().enumerate() {
        let at_ms = i64::try_from(i).expect("small") * 60_000;
        if let Placed::Newest { crossings, .. } = track.place(&fix(at_ms, x, 0), &site) {
            crossed.extend(crossings.iter().map(|c| (i, c.entered)));
        }
    }
    assert_eq!(crossed, [(1, true), (3, false)]);
}

#[test]
fn the_strongest_reader_of_five_seconds_decides_and_a_portal_at_once() {
    let site = site();
    let mut track = Track::default();
    let hear = |track: &mut Track, s: &Sighting| {
        let fix = track.hear(s, &site).expect("known reader");
        track.place(&fix, &site);
        (fix.x_m, room(track))
    };
    assert_eq!(hear(&mut track, &sighting("ra", 0, -60.0)).1.as_deref(), Some("a"));
    assert_eq!(hear(&mut track, &sighting("rb", 1_000, -70.0)).0, 5.0, "the weaker doesn't count");
    assert_eq!(hear(&mut track, &sighting("rb", 6_000, -70.0)).0, 15.0, "the stronger is too old");
    assert_eq!(room(&track).as_deref(), Some("a"), "a doubtful change waits");
    hear(&mut track, &sighting("rb", 9_500, -70.0));
    assert_eq!(room(&track).as_deref(), Some("b"));
    assert_eq!(hear(&mut track, &sighting("rc", 10_000, -90.0)).1.as_deref(), Some("c"));
}

/// A walk with distinct times, and the same in any order, with repeats.
fn walk_and_delivery() -> impl Strategy<Value = (Vec<Fix>, Vec<Fix>)> {
    let steps = proptest::collection::vec((500i64..20_000, 0u8..4), 2..40);
    steps.prop_flat_map(|steps| {
        let mut time_ms = 0;
        let walk: Vec<Fix> = steps
            .into_iter()
            .map(|(gap_ms, room)| {
                time_ms += gap_ms;
                let place = [(5.0, 0), (15.0, 0), (25.0, 0), (15.0, 1)][usize::from(room)];
                fix(time_ms, place.0, place.1)
            })
            .collect();
        let twice: Vec<Fix> = walk.iter().chain(&walk).cloned().collect();
        (Just(walk), Just(twice).prop_shuffle())
    })
}

proptest! {
    #[test]
    fn no_order_of_delivery_moves_a_tag_backwards((walk, delivery) in walk_and_delivery()) {
        let site = site();
        let mut track = Track::default();
        let mut seen_ms = i64::MIN;
        for fix in &delivery {
            let before = track.located();
            let placed = track.place(fix, &site);
            let after = track.located().expect("placed");
            prop_assert!(after.seen_ms >= seen_ms);
            if placed == Placed::Late {
                prop_assert_eq!(before.as_ref(), Some(&after));
            }
            seen_ms = after.seen_ms;
        }
        let newest = walk.last().expect("not empty");
        let mut sorted = Track::default();
        for fix in &walk {
            sorted.place(fix, &site);
        }
        track.tick(newest.time_ms + 60_000);
        sorted.tick(newest.time_ms + 60_000);
        let (got, expected) = (track.located().expect("placed"), sorted.located().expect("placed"));
        prop_assert_eq!(got.seen_ms, newest.time_ms);
        prop_assert_eq!((got.floor, got.zone), (expected.floor, expected.zone));
        prop_assert!((got.x_m - expected.x_m).abs() <= 1.0);
    }

    #[test]
    fn repeats_change_nothing((walk, _) in walk_and_delivery()) {
        let site = site();
        let (mut once, mut twice) = (Track::default(), Track::default());
        for fix in &walk {
            let placed = once.place(fix, &site);
            prop_assert_eq!(twice.place(fix, &site), placed);
            prop_assert!(matches!(twice.place(fix, &site), Placed::Late | Placed::Repeat));
        }
        prop_assert_eq!(once.located(), twice.located());
    }
}
