//! The floor of one room: where one can walk in a straight line, and round which corners otherwise.
//!
//! A convex room has no corner in the way. In any other, the shortest way bends only at corners that
//! point inwards, kept a little off the wall.

/// Metres east, metres north.
pub type Point = [f64; 2];

/// A walker keeps so far from a corner, metres.
const OFF_CORNER_M: f64 = 0.3;
/// Points may lie so far beyond a wall and count as on it, metres: rounding.
const ON_WALL_M: f64 = 0.05;
/// Doors lie within this distance of their wall, metres; so near the end of a line nothing is cut.
const DOORWAY_M: f64 = 0.6;

pub(super) fn distance_m(a: Point, b: Point) -> f64 {
    (a[0] - b[0]).hypot(a[1] - b[1])
}

/// The rings of a room, the first the outer one, each closed.
#[derive(Debug, Clone)]
pub(super) struct Inside {
    rings: Vec<Vec<Point>>,
    convex: bool,
}

impl Inside {
    pub(super) fn new(rings: Vec<Vec<Point>>) -> Self {
        let convex = rings.len() == 1 && rings.iter().all(|ring| inward(ring, true).is_empty());
        Self { rings, convex }
    }

    pub(super) fn is_convex(&self) -> bool {
        self.convex
    }

    /// The corners that a way may bend round.
    pub(super) fn corners(&self) -> Vec<Point> {
        let of_ring = |(number, ring): (usize, &Vec<Point>)| inward(ring, number == 0);
        let corners = self.rings.iter().enumerate().flat_map(of_ring);
        corners.filter(|corner| self.holds(*corner)).collect()
    }

    /// True when one sees from a point of the room straight to another.
    pub(super) fn sees(&self, a: Point, b: Point) -> bool {
        let length_m = distance_m(a, b);
        if self.convex || length_m <= 2.0 * DOORWAY_M {
            return true;
        }
        let along = |m: f64| {
            let share = m / length_m;
            [a[0] + share * (b[0] - a[0]), a[1] + share * (b[1] - a[1])]
        };
        let (from, to) = (along(DOORWAY_M), along(length_m - DOORWAY_M));
        let cut = self.edges().any(|(c, d)| crosses(from, to, c, d));
        !cut && [0.25, 0.5, 0.75].iter().all(|share| {
            let at = along(share * length_m);
            self.holds(at) || self.to_wall_m(at) <= ON_WALL_M
        })
    }

    /// Where one comes through a door: the direction of length 1 that leads out of the room at a
    /// point on its wall.
    pub(super) fn outwards(&self, door: Point) -> Point {
        let nearest = self
            .edges()
            .min_by(|a, b| to_segment_m(a.0, a.1, door).total_cmp(&to_segment_m(b.0, b.1, door)));
        let Some((c, d)) = nearest else { return [0.0, 0.0] };
        let length_m = distance_m(c, d).max(f64::MIN_POSITIVE);
        let normal = [(c[1] - d[1]) / length_m, (d[0] - c[0]) / length_m];
        let foot = foot_of(c, d, door);
        let ahead = [foot[0] + OFF_CORNER_M * normal[0], foot[1] + OFF_CORNER_M * normal[1]];
        if self.holds(ahead) { [-normal[0], -normal[1]] } else { normal }
    }

    /// Even-odd rule over all rings.
    fn holds(&self, at: Point) -> bool {
        let crossings = self.edges().filter(|(a, b)| {
            (a[1] > at[1]) != (b[1] > at[1])
                && at[0] < (b[0] - a[0]) * (at[1] - a[1]) / (b[1] - a[1]) + a[0]
        });
        crossings.count() % 2 == 1
    }

    fn to_wall_m(&self, at: Point) -> f64 {
        self.edges().map(|(a, b)| to_segment_m(a, b, at)).fold(f64::INFINITY, f64::min)
    }

    fn edges(&self) -> impl Iterator<Item = (Point, Point)> {
        self.rings.iter().flat_map(|ring| ring.windows(2).map(|edge| (edge[0], edge[1])))
    }
}

/// Corners of a ring round which a way bends: those that point into the floor. `outer`: the floor is
/// inside the ring; else the ring is a hole in it.
fn inward(ring: &[Point], outer: bool) -> Vec<Point> {
    let open = &ring[..ring.len().saturating_sub(1)];
    let twice_area: f64 = ring.windows(2).map(|e| e[0][0] * e[1][1] - e[1][0] * e[0][1]).sum();
    // Seen from the floor, a way bends at the corners that turn against the ring's sense.
    let sense = if outer { twice_area.signum() } else { -twice_area.signum() };
    let mut corners = Vec::new();
    for (number, &corner) in open.iter().enumerate() {
        let before = open[(number + open.len() - 1) % open.len()];
        let after = open[(number + 1) % open.len()];
        let (came, goes) = (direction(before, corner), direction(corner, after));
        let turned = came[0] * goes[1] - came[1] * goes[0];
        if turned * sense < -1e-6 {
            // Away from both walls: between the way it came and the way back from where it goes.
            let off = [came[0] - goes[0], came[1] - goes[1]];
            let length = off[0].hypot(off[1]).max(f64::MIN_POSITIVE);
            let share = OFF_CORNER_M / length;
            corners.push([corner[0] + share * off[0], corner[1] + share * off[1]]);
        }
    }
    corners
}

fn direction(a: Point, b: Point) -> Point {
    let length_m = distance_m(a, b).max(f64::MIN_POSITIVE);
    [(b[0] - a[0]) / length_m, (b[1] - a[1]) / length_m]
}

/// True when the lines cut each other, not when they only touch.
fn crosses(a: Point, b: Point, c: Point, d: Point) -> bool {
    let side = |from: Point, to: Point, at: Point| {
        let along = direction(from, to);
        let off_m = along[0] * (at[1] - from[1]) - along[1] * (at[0] - from[0]);
        if off_m.abs() <= ON_WALL_M { 0.0 } else { off_m.signum() }
    };
    side(a, b, c) * side(a, b, d) < 0.0 && side(c, d, a) * side(c, d, b) < 0.0
}

fn foot_of(a: Point, b: Point, at: Point) -> Point {
    let [dx, dy] = [b[0] - a[0], b[1] - a[1]];
    let squared = dx * dx + dy * dy;
    if squared == 0.0 {
        return a;
    }
    let along = (((at[0] - a[0]) * dx + (at[1] - a[1]) * dy) / squared).clamp(0.0, 1.0);
    [a[0] + along * dx, a[1] + along * dy]
}

fn to_segment_m(a: Point, b: Point, at: Point) -> f64 {
    distance_m(foot_of(a, b, at), at)
}
