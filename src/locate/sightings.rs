//! The room of the strongest reader over five seconds; at a portal, of the last reader.

use crate::{
    model::{Fix, Origin, ReaderId, Sighting},
    site::Site,
};
use serde::{Deserialize, Serialize};

const WINDOW_MS: i64 = 5_000;
/// More readers than this never help to decide.
const REMEMBERED: usize = 32;
/// Radius of a reader's room that tells nothing better, metres.
const UNKNOWN_RADIUS_M: f64 = 10.0;

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct Heard {
    recent: Window,
    /// Of what comes late, apart: it says nothing of now, and what is heard now nothing of then.
    late: Window,
}

/// Sightings within five seconds of each other, in the order of their arrival.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
struct Window(Vec<(ReaderId, i64, f32)>);

impl Heard {
    /// The fix at the room of the reader that decides; none when the site doesn't know it.
    pub(super) fn take(&mut self, sighting: &Sighting, site: &Site) -> Option<Fix> {
        let newest_ms = self.recent.0.iter().map(|(_, time_ms, _)| *time_ms).max();
        let is_late = newest_ms.is_some_and(|newest_ms| sighting.time_ms <= newest_ms - WINDOW_MS);
        let window = if is_late { &mut self.late } else { &mut self.recent };
        window.remember(sighting);
        let reader = if site.reader(&sighting.reader)?.record.portal {
            &sighting.reader
        } else {
            window.strongest(sighting.time_ms)?
        };
        let place = site.reader(reader)?;
        let zone = place.record.zone.as_ref()?;
        let (x_m, y_m, floor) = site.centre(zone)?;
        let radius_m = site.radius_m(zone).unwrap_or(UNKNOWN_RADIUS_M);
        Some(Fix {
            tag: sighting.tag.clone(),
            time_ms: sighting.time_ms,
            received_ms: sighting.received_ms,
            seq: None,
            x_m,
            y_m,
            floor,
            #[expect(clippy::cast_possible_truncation, reason = "a radius in metres fits f32")]
            accuracy_m: radius_m as f32,
            moving: None,
            origin: Origin::Reader { reader: reader.clone(), portal: place.record.portal },
        })
    }
}

impl Window {
    fn remember(&mut self, sighting: &Sighting) {
        self.0.retain(|(_, time_ms, _)| {
            time_ms.abs_diff(sighting.time_ms) < WINDOW_MS.unsigned_abs()
        });
        if self.0.len() == REMEMBERED {
            self.0.remove(0);
        }
        self.0.push((sighting.reader.clone(), sighting.time_ms, sighting.rssi_dbm));
    }

    /// As of that time; of equally strong ones the later.
    fn strongest(&self, time_ms: i64) -> Option<&ReaderId> {
        self.0
            .iter()
            .filter(|(_, heard_ms, _)| *heard_ms <= time_ms)
            .max_by(|a, b| a.2.total_cmp(&b.2).then(a.1.cmp(&b.1)))
            .map(|(reader, _, _)| reader)
    }
}
