//! Plane geometry of rings: closed rows of points, the last like the first.

use rand::Rng;

/// A point, metres.
pub(crate) type Point = [f64; 2];

/// A point this close to a wall counts as on it, metres.
const ON_WALL_M: f64 = 1e-6;

/// Metres; not by `hypot`, which is five times as slow and whose last bit differs from one
/// machine to the next.
pub(crate) fn distance(a: Point, b: Point) -> f64 {
    let [dx, dy] = [a[0] - b[0], a[1] - b[1]];
    (dx * dx + dy * dy).sqrt()
}

/// True inside the ring or on it (even-odd rule).
pub(crate) fn contains(ring: &[Point], at: Point) -> bool {
    let mut crossings = 0;
    for edge in ring.windows(2) {
        let [a, b] = [edge[0], edge[1]];
        if (a[1] > at[1]) != (b[1] > at[1])
            && at[0] < (b[0] - a[0]) * (at[1] - a[1]) / (b[1] - a[1]) + a[0]
        {
            crossings += 1;
        }
    }
    crossings % 2 == 1 || ring.windows(2).any(|edge| to_segment(edge[0], edge[1], at) <= ON_WALL_M)
}

/// How far the point is from the ring's nearest edge.
pub(crate) fn to_edge(ring: &[Point], at: Point) -> f64 {
    ring.windows(2).map(|e| to_segment(e[0], e[1], at)).fold(f64::INFINITY, f64::min)
}

fn to_segment(a: Point, b: Point, at: Point) -> f64 {
    let [dx, dy] = [b[0] - a[0], b[1] - a[1]];
    let squared = dx * dx + dy * dy;
    if squared == 0.0 {
        return distance(a, at);
    }
    let along = (((at[0] - a[0]) * dx + (at[1] - a[1]) * dy) / squared).clamp(0.0, 1.0);
    distance([a[0] + along * dx, a[1] + along * dy], at)
}

/// The enclosed area, square metres.
pub(crate) fn area(ring: &[Point]) -> f64 {
    ring.windows(2).map(|e| e[0][0] * e[1][1] - e[1][0] * e[0][1]).sum::<f64>().abs() / 2.0
}

/// West, south, east and north end.
pub(crate) fn bounds(ring: &[Point]) -> [f64; 4] {
    ring.iter().fold(
        [f64::INFINITY, f64::INFINITY, f64::NEG_INFINITY, f64::NEG_INFINITY],
        |[w, s, e, n], [x, y]| [w.min(*x), s.min(*y), e.max(*x), n.max(*y)],
    )
}

/// A point inside the ring, `margin_m` away from its walls where the ring is wide enough.
pub(crate) fn random_inside(ring: &[Point], margin_m: f64, rng: &mut impl Rng) -> Point {
    let [w, s, e, n] = bounds(ring);
    let mut draw = |margin: f64| {
        let between = |rng: &mut _, low: f64, high: f64| {
            let (low, high) = (low + margin, high - margin);
            if low < high { Rng::random_range(rng, low..high) } else { f64::midpoint(low, high) }
        };
        [between(rng, w, e), between(rng, s, n)]
    };
    for margin in [margin_m, margin_m, margin_m, margin_m, margin_m / 4.0, 0.0, 0.0, 0.0] {
        let point = draw(margin);
        if contains(ring, point) && to_edge(ring, point) >= margin.min(margin_m / 2.0) {
            return point;
        }
    }
    inner_point(ring)
}

/// Some point inside: the middle of the box, else a corner.
pub(crate) fn inner_point(ring: &[Point]) -> Point {
    let [w, s, e, n] = bounds(ring);
    let middle = [f64::midpoint(w, e), f64::midpoint(s, n)];
    if contains(ring, middle) { middle } else { ring.first().copied().unwrap_or(middle) }
}
