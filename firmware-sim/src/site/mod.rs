//! A made-up hospital as a site file: a [`Plan`] comes in, a [`SiteFile`] goes out.
//!
//! Per floor one main corridor runs east; wings stand on both sides of it, and between the wings
//! lie blocks with lifts, stairs, offices and the way in. The same plan gives the same file.

mod block;
mod draft;
mod file;
mod wing;

pub use file::{read, write};

use draft::{Draft, Placed, Rect, Row};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use spor_schemas::site::{Crs, FORMAT, FeatureCollection, FloorEntry, SiteFile};
use wing::{Wing, WingUse};

/// What kind of hospital to make.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// The site's name.
    pub name: String,
    /// Beds on wards; at least 1.
    pub beds: u32,
    /// Floors from the ground floor up; at least 1.
    pub floors: u16,
    /// Floor that its rooms have together at least, square metres: what wards don't need is filled
    /// with outpatient clinics, as in a university hospital. None: no more than the beds need.
    pub area_m2: Option<u32>,
    /// Varies the order and the width of rooms.
    pub seed: u64,
    /// IANA name of the time zone.
    pub time_zone: String,
}

impl Plan {
    /// A plan with the usual name and time zone.
    #[must_use]
    pub fn new(beds: u32, floors: u16, seed: u64) -> Self {
        Self {
            name: "Sporby Hospital".to_owned(),
            beds,
            floors,
            area_m2: None,
            seed,
            time_zone: "Europe/Copenhagen".to_owned(),
        }
    }
}

/// The plan of the demo hospital.
#[must_use]
pub fn demo_plan() -> Plan {
    Plan::new(120, 3, 1)
}

/// Beds of a usual ward.
const WARD_BEDS: u32 = 18;
/// What a wing of clinics adds, with its share of the main corridor and the blocks between wings,
/// square metres.
const WING_M2: u32 = 740;
/// Width of the main corridor, centimetres.
const MAIN_CORRIDOR_CM: i32 = 360;
/// Thickness of the outer wall: how far the outline lies outside the rooms, centimetres.
const OUTER_WALL_CM: i32 = 50;

/// Makes the hospital.
#[must_use]
pub fn generate(plan: &Plan) -> SiteFile {
    let mut rng = ChaCha8Rng::seed_from_u64(plan.seed);
    let floors = usize::from(plan.floors.max(1));
    let uses = wing_uses(plan, floors);
    let wings_per_floor = uses.len() / floors;
    let mut uses = uses.into_iter();
    let wings: Vec<Vec<Wing>> = (0..floors)
        .map(|floor| {
            (0..wings_per_floor)
                .filter_map(|at| uses.next().map(|u| wing::draw(u, floor, at, &mut rng)))
                .collect()
        })
        .collect();

    let southmost = wings
        .iter()
        .flatten()
        .enumerate()
        .filter(|(i, _)| i % wings_per_floor % 2 == 1)
        .map(|(_, wing)| wing.length_cm())
        .max()
        .unwrap_or(0);
    let mut draft = Draft::default();
    for (floor, wings) in wings.iter().enumerate() {
        draw_floor(&mut draft, floor, wings, southmost + OUTER_WALL_CM);
    }
    SiteFile {
        kind: FeatureCollection::FeatureCollection,
        format: FORMAT.to_owned(),
        crs: Crs::Local,
        name: plan.name.clone(),
        time_zone: plan.time_zone.clone(),
        anchor: None,
        floors: (0..floors)
            .map(|floor| FloorEntry { number: floor_number(floor), label: floor.to_string() })
            .collect(),
        shafts: Vec::new(),
        features: draft.into_features(),
    }
}

fn floor_number(floor: usize) -> i16 {
    i16::try_from(floor).unwrap_or(i16::MAX)
}

/// What each wing is for, floor by floor from the ground; the same even number on every floor.
fn wing_uses(plan: &Plan, floors: usize) -> Vec<WingUse> {
    let beds = plan.beds.max(1);
    let wards = beds.div_ceil(WARD_BEDS);
    let mut ground = vec![WingUse::Emergency, WingUse::Diagnostics, WingUse::Service];
    ground.extend((0..beds / 300).map(|_| WingUse::Diagnostics));
    let theatres = vec![WingUse::Theatres; 1 + beds as usize / 250];

    let needed = ground.len() + theatres.len() + wards as usize;
    let wanted = needed.max(plan.area_m2.unwrap_or(0).div_ceil(WING_M2) as usize);
    let per_floor = wanted.div_ceil(floors).next_multiple_of(2).max(2);
    let clinics = per_floor * floors - needed;

    let mut uses = ground;
    uses.extend(std::iter::repeat_n(WingUse::Clinic, clinics));
    uses.extend(theatres);
    uses.extend((0..wards).map(|i| {
        // Spread what doesn't divide evenly over the first wards.
        WingUse::Ward { beds: beds / wards + u32::from(i < beds % wards) }
    }));
    uses
}

/// Draws one floor; the main corridor's lower wall lies at `y0_cm` on every floor.
fn draw_floor(draft: &mut Draft, floor: usize, wings: &[Wing], y0_cm: i32) {
    let number = floor_number(floor);
    let columns = wings.len() / 2;
    let top_cm = y0_cm + MAIN_CORRIDOR_CM;
    let width_cm = columns_width(columns);
    let prefix = format!("f{floor}");
    // The frame's x begins at the first wing, so that a point near the origin is inside a ward.
    let x0_cm = OUTER_WALL_CM - block::WIDTH_CM;

    let main = draft.room(
        &Placed::new(number, Rect::new(x0_cm, y0_cm, x0_cm + width_cm, top_cm)),
        &draft::Spec::corridor("Hovedgang", "hovedgang"),
        &prefix,
        None,
    );
    // Upper and lower edge of the building from west to east: where it begins, and how far out.
    let mut upper = Vec::new();
    let mut lower = Vec::new();
    let mut x_cm = x0_cm;
    for column in 0..=columns {
        let (north, south) = block::rooms(column, columns, floor);
        let row = Row { floor: number, start_cm: x_cm, main: &main, prefix: &prefix };
        draft.row_along_x(&row, top_cm, block::DEPTH_CM, &north);
        draft.row_along_x(&row, y0_cm, -block::DEPTH_CM, &south);
        upper.push((x_cm, top_cm + block::DEPTH_CM));
        lower.push((x_cm, y0_cm - block::DEPTH_CM));
        x_cm += block::WIDTH_CM;
        if let Some([north, south]) = wings.get(2 * column..2 * column + 2) {
            wing::place(draft, north, number, (x_cm, top_cm), 1, &main);
            wing::place(draft, south, number, (x_cm, y0_cm), -1, &main);
            upper.push((x_cm, top_cm + north.length_cm()));
            lower.push((x_cm, y0_cm - south.length_cm()));
            x_cm += wing::WIDTH_CM;
        }
    }
    draft.outline(number, &upper, &lower, x_cm, OUTER_WALL_CM);
}

fn columns_width(columns: usize) -> i32 {
    let columns = i32::try_from(columns).unwrap_or(i32::MAX);
    columns * wing::WIDTH_CM + (columns + 1) * block::WIDTH_CM
}

#[cfg(test)]
mod tests;
