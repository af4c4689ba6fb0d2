//! What a question for the nearest costs: in the hospital of the demo, and in one of 900 beds on
//! seven floors.

use crate::data::{Hospital, hospital_named, spots};
use divan::{Bencher, black_box, counter::ItemsCount};
use spor::{
    find::{Load, Spot, Ways},
    model::ZoneId,
};

const HOSPITALS: [&str; 2] = ["demo", "900 beds"];
const ASSETS: usize = 5_000;

/// The graph anew, as after a change of the site.
#[divan::bench(args = HOSPITALS)]
fn ways_of_a_site(bencher: Bencher<'_, '_>, name: &str) {
    let hospital = hospital_named(name);
    let (nodes, edges) = Ways::of(&hospital.site).size();
    println!("{name}: {nodes} nodes, {edges} edges");
    bencher.bench(|| Ways::of(black_box(&hospital.site)));
}

/// From one place to everywhere, and read off for so many assets.
#[divan::bench(args = HOSPITALS)]
fn walking_time_to_5000_assets(bencher: Bencher<'_, '_>, name: &str) {
    let hospital = hospital_named(name);
    let (ways, places) = (Ways::of(&hospital.site), places(&hospital));
    let mut next = 0;
    bencher.counter(ItemsCount::new(ASSETS)).bench_local(|| {
        next = (next + 1) % places.len();
        let reach = ways.reach(spot(&places[next]), Load::Bed).unwrap();
        let assets = places.iter().cycle().take(ASSETS);
        assets.filter_map(|place| reach.to(&spot(place))).map(|walk| walk.seconds).sum::<f64>()
    });
}

/// The way to one of them, in words.
#[divan::bench(args = HOSPITALS)]
fn route_in_words(bencher: Bencher<'_, '_>, name: &str) {
    let hospital = hospital_named(name);
    let (ways, places) = (Ways::of(&hospital.site), places(&hospital));
    let reach = ways.reach(spot(&places[0]), Load::Bed).unwrap();
    let mut next = 0;
    bencher.bench_local(|| {
        next = (next + 1) % places.len();
        let route = reach.route(&spot(&places[next])).unwrap();
        route.say(|floor| hospital.site.floor_label(floor))
    });
}

/// Spots in their rooms.
fn places(hospital: &Hospital) -> Vec<(f64, f64, ZoneId)> {
    let spots = spots(hospital).into_iter();
    let placed = spots.filter_map(|(floor, x_m, y_m)| {
        Some((x_m, y_m, hospital.site.room_at(floor, x_m, y_m)?.clone()))
    });
    placed.collect()
}

fn spot((x_m, y_m, room): &(f64, f64, ZoneId)) -> Spot<'_> {
    Spot { x_m: *x_m, y_m: *y_m, room }
}
