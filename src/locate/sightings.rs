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
    recent: Vec<(ReaderId, i64, f32)>,
}

impl Heard {
    /// The fix at the room of the reader that decides; none when the site doesn't know it.
    pub(super) fn take(&mut self, sighting: &Sighting, site: &Site) -> Option<Fix> {
        let newest_ms =
            self.recent.iter().map(|(_, time_ms, _)| *time_ms).fold(sighting.time_ms, i64::max);
        self.recent.retain(|(_, time_ms, _)| *time_ms > newest_ms - WINDOW_MS);
        if self.recent.len() == REMEMBERED {
            self.recent.remove(0);
        }
        self.recent.push((sighting.reader.clone(), sighting.time_ms, sighting.rssi_dbm));
        let reader = if site.reader(&sighting.reader)?.record.portal {
            &sighting.reader
        } else {
            self.strongest()?
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

    /// Of equally strong ones the later.
    fn strongest(&self) -> Option<&ReaderId> {
        self.recent
            .iter()
            .max_by(|a, b| a.2.total_cmp(&b.2).then(a.1.cmp(&b.1)))
            .map(|(reader, _, _)| reader)
    }
}
