//! The rows of a stretch with the late fixes among them.

use crate::{
    model::{PositionRow, Stretch},
    pipeline::rows::OpenRow,
};

/// A row as it will be, and as it is stored.
#[derive(Debug)]
pub(super) struct Point {
    pub(super) row: PositionRow,
    /// None: it is new.
    pub(super) stored: Option<PositionRow>,
}

impl Point {
    fn new(row: PositionRow) -> Self {
        Self { row, stored: None }
    }

    /// True when a late fix made or changed it.
    pub(super) fn is_touched(&self) -> bool {
        self.stored.as_ref().is_none_or(|stored| stored.until_ms != self.row.until_ms)
    }
}

/// Both in the order of time; of the same time the stored one first. A late fix that is stored
/// already is left out, and on change one that says nothing new.
pub(super) fn merge(stretch: &Stretch, on_change: bool) -> Vec<Point> {
    let mut points: Vec<Point> = Vec::with_capacity(stretch.rows.len() + stretch.late.len());
    let mut stored = stretch
        .rows
        .iter()
        .map(|row| Point { row: row.clone(), stored: Some(row.clone()) })
        .peekable();
    for late in &stretch.late {
        while let Some(point) = stored.next_if(|point| point.row.time_ms <= late.time_ms) {
            points.push(point);
        }
        let same_time = points.iter().rev().take_while(|point| point.row.time_ms == late.time_ms);
        if same_time.into_iter().any(|point| point.row.seq == late.seq) {
            continue;
        }
        match points.last_mut() {
            Some(before) if on_change => {
                let rest = take_on_change(before, late);
                if let Taken::Beside(rest) = rest {
                    points.push(Point::new(late.clone()));
                    points.extend(rest.map(Point::new));
                }
            }
            _ => points.push(Point::new(late.clone())),
        }
    }
    points.extend(stored);
    points
}

enum Taken {
    /// It says nothing new, or its row holds longer now.
    Within,
    /// It is a row of its own; what is left of the row that it divided follows it.
    Beside(Option<PositionRow>),
}

fn take_on_change(before: &mut Point, late: &PositionRow) -> Taken {
    let row = OpenRow::restored(&before.row);
    if late.time_ms < before.row.time_ms || row.says(late) {
        // The first: of two fixes of one moment that divide a row the first one counts.
        return Taken::Within;
    }
    if late.time_ms > before.row.until_ms {
        if row.covers(late) {
            before.row.until_ms = late.time_ms;
            return Taken::Within;
        }
        return Taken::Beside(None);
    }
    if late.time_ms == before.row.until_ms {
        // How much of a row's end is written already must make no difference.
        return Taken::Beside(None);
    }
    let until_ms = before.row.until_ms;
    before.row.until_ms = (late.time_ms - 1).max(before.row.time_ms);
    // The moments of the fixes between aren't known: one millisecond is left out on either side.
    let rest = PositionRow { time_ms: late.time_ms + 1, until_ms, seq: None, ..before.row.clone() };
    Taken::Beside((rest.time_ms <= until_ms).then_some(rest))
}
