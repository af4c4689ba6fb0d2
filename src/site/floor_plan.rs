//! The polygons of one floor under an R-tree: which room holds a point, and how far is it.

use crate::model::ById;
use geo::{
    BoundingRect, Contains, Distance, Euclidean, InteriorPoint, Intersects, MultiPolygon, Point,
    Polygon,
};
use rstar::{AABB, RTree, RTreeObject};

/// A room or zone, by its index in the site.
struct Entry {
    index: usize,
    envelope: AABB<[f64; 2]>,
}

impl RTreeObject for Entry {
    type Envelope = AABB<[f64; 2]>;
    fn envelope(&self) -> Self::Envelope {
        self.envelope
    }
}

/// One floor.
pub(super) struct FloorPlan {
    rooms: RTree<Entry>,
    zones: RTree<Entry>,
    shapes: ById<usize, Shape>,
    outline: MultiPolygon<f64>,
}

impl std::fmt::Debug for FloorPlan {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "FloorPlan({} rooms and zones)", self.shapes.len())
    }
}

struct Shape {
    polygon: Polygon<f64>,
    label: Point<f64>,
    radius_m: f64,
}

impl FloorPlan {
    /// Builds the index of `(index in the site, is a room, polygon)`; without outlines the rooms
    /// themselves are the outline.
    pub(super) fn new(
        parts: Vec<(usize, bool, Polygon<f64>)>,
        outlines: Vec<Polygon<f64>>,
    ) -> Self {
        let outline = if outlines.is_empty() {
            parts.iter().map(|(_, _, polygon)| polygon.clone()).collect()
        } else {
            MultiPolygon::new(outlines)
        };
        let (mut rooms, mut zones) = (Vec::new(), Vec::new());
        let mut shapes = ById::default();
        for (index, is_room, polygon) in parts {
            let Some(rect) = polygon.bounding_rect() else { continue };
            let envelope =
                AABB::from_corners([rect.min().x, rect.min().y], [rect.max().x, rect.max().y]);
            if is_room { &mut rooms } else { &mut zones }.push(Entry { index, envelope });
            let label = label_point(&polygon, rect.center().into());
            let radius_m = polygon
                .exterior()
                .points()
                .map(|corner| Euclidean.distance(corner, label))
                .fold(0.0, f64::max);
            shapes.insert(index, Shape { polygon, label, radius_m });
        }
        Self { rooms: RTree::bulk_load(rooms), zones: RTree::bulk_load(zones), shapes, outline }
    }

    pub(super) fn room_holding(&self, x_m: f64, y_m: f64) -> Option<usize> {
        self.holding(&self.rooms, x_m, y_m).next()
    }

    pub(super) fn zones_holding(&self, x_m: f64, y_m: f64) -> impl Iterator<Item = usize> {
        self.holding(&self.zones, x_m, y_m)
    }

    /// A point on a border belongs to whichever room the tree yields first.
    fn holding<'a>(
        &'a self,
        tree: &'a RTree<Entry>,
        x_m: f64,
        y_m: f64,
    ) -> impl Iterator<Item = usize> + 'a {
        tree.locate_in_envelope_intersecting(&AABB::from_point([x_m, y_m]))
            .map(|e| e.index)
            .filter(move |index| self.holds(*index, x_m, y_m))
    }

    /// True when the point is in the room or zone or on its border.
    pub(super) fn holds(&self, index: usize, x_m: f64, y_m: f64) -> bool {
        let shape = self.shapes.get(&index);
        shape.is_some_and(|shape| shape.polygon.intersects(&Point::new(x_m, y_m)))
    }

    /// The nearest room within `reach_m`.
    pub(super) fn nearest_room(&self, x_m: f64, y_m: f64, reach_m: f64) -> Option<usize> {
        let around =
            AABB::from_corners([x_m - reach_m, y_m - reach_m], [x_m + reach_m, y_m + reach_m]);
        self.rooms
            .locate_in_envelope_intersecting(&around)
            .filter_map(|e| Some((self.distance_m(e.index, x_m, y_m)?, e.index)))
            .filter(|(distance_m, _)| *distance_m <= reach_m)
            .min_by(|a, b| a.0.total_cmp(&b.0))
            .map(|(_, index)| index)
    }

    /// 0 inside; none when the room is not on this floor.
    pub(super) fn distance_m(&self, index: usize, x_m: f64, y_m: f64) -> Option<f64> {
        let shape = self.shapes.get(&index)?;
        Some(Euclidean.distance(&Point::new(x_m, y_m), &shape.polygon))
    }

    pub(super) fn distance_to_outline_m(&self, x_m: f64, y_m: f64) -> f64 {
        let point = Point::new(x_m, y_m);
        if self.outline.intersects(&point) {
            return 0.0;
        }
        Euclidean.distance(&point, &self.outline)
    }

    pub(super) fn label_point(&self, index: usize) -> Option<(f64, f64)> {
        self.shapes.get(&index).map(|s| (s.label.x(), s.label.y()))
    }

    pub(super) fn radius_m(&self, index: usize) -> Option<f64> {
        self.shapes.get(&index).map(|s| s.radius_m)
    }
}

/// The middle of the bounding box where that is inside, as in a rectangular room; else any point
/// well inside.
fn label_point(polygon: &Polygon<f64>, middle: Point<f64>) -> Point<f64> {
    if polygon.contains(&middle) { middle } else { polygon.interior_point().unwrap_or(middle) }
}
