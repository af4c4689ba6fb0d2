//! A file of the configuration that is read again when it has changed.

use std::{
    fs,
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};
use tokio::time::{Interval, MissedTickBehavior, interval};

/// How often the file is looked at. One that changes is read once it has rested as long, so that
/// no half of it is read while somebody writes.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// What changes with a file; none: it is not there.
pub(super) type Stamp = Option<(SystemTime, u64)>;

/// Looks at a file.
pub(super) struct Watched {
    path: PathBuf,
    /// What was taken last; none: nothing yet.
    taken: Option<Stamp>,
    seen: Stamp,
    look: Interval,
}

impl Watched {
    /// What changed since the start read the file is told of first, as the whole file is.
    pub(super) fn new(path: PathBuf) -> Self {
        let seen = stamp(&path);
        let mut look = interval(LOOK_EVERY);
        look.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Self { path, taken: None, seen, look }
    }

    /// Waits for a file that rests and wasn't taken yet; until it is, each look tells of it.
    pub(super) async fn changed(&mut self) -> Stamp {
        loop {
            self.look.tick().await;
            let now = stamp(&self.path);
            let rests = std::mem::replace(&mut self.seen, now) == now;
            if rests && self.taken != Some(now) {
                return now;
            }
        }
    }

    /// That file needs no further look.
    pub(super) fn take(&mut self, stamp: Stamp) {
        self.taken = Some(stamp);
    }
}

fn stamp(path: &Path) -> Stamp {
    let data = fs::metadata(path).ok()?;
    Some((data.modified().ok()?, data.len()))
}
