//! How far a run is: simulated time, messages a second, faults.

use firmware_sim::{mqtt::Counters, written::Span};
use std::{
    fmt::Write as _,
    sync::{Arc, PoisonError, atomic::Ordering::Relaxed},
    time::{Duration, Instant},
};
use tokio::time;

const EVERY: Duration = Duration::from_secs(5);
const DAY_MS: i64 = 86_400_000;

/// What was there when the last line was written.
pub(super) struct Progress {
    counters: Arc<Counters>,
    /// The world's time at its start, and what local time is ahead of UTC, milliseconds.
    begins_ms: i64,
    ahead_ms: i64,
    before: (Instant, u64, i64),
}

/// Writes a line now and then, for ever.
pub(super) async fn tell(mut progress: Progress) {
    let mut lines = time::interval(EVERY);
    lines.tick().await;
    loop {
        lines.tick().await;
        eprintln!("{}", progress.line());
    }
}

impl Progress {
    pub(super) fn new(counters: Arc<Counters>, begins_ms: i64, ahead_ms: i64) -> Self {
        Self { counters, begins_ms, ahead_ms, before: (Instant::now(), 0, begins_ms) }
    }

    fn world_ms(&self) -> i64 {
        // Nothing yet: it is as it was.
        let world_ms = i64::try_from(self.counters.world_ms.load(Relaxed)).unwrap_or_default();
        world_ms.max(self.begins_ms)
    }

    /// How it has been going since the last line.
    fn line(&mut self) -> String {
        let (now, published, world_ms) =
            (Instant::now(), self.counters.published.load(Relaxed), self.world_ms());
        let (then, published_then, world_then_ms) = self.before;
        self.before = (now, published, world_ms);
        let seconds = now.duration_since(then).as_secs_f64().max(0.001);
        #[expect(clippy::cast_precision_loss, reason = "differences of a few seconds")]
        let (rate, speed) = (
            (published - published_then) as f64 / seconds,
            (world_ms - world_then_ms) as f64 / 1000.0 / seconds,
        );
        let mut line = format!(
            "{}  {speed:.1}x  {rate:.0} messages/s  {}",
            self.clock(world_ms),
            self.counts()
        );
        let faults = self.counters.faults.lock().unwrap_or_else(PoisonError::into_inner);
        let on = faults.iter().filter(|tally| tally.is_on);
        let on: Vec<_> = on.map(|tally| format!("{} {}", tally.name, tally.hits)).collect();
        if !on.is_empty() {
            let _ = write!(line, "  faults: {}", on.join(", "));
        }
        line
    }

    /// What it came to, and what each fault did.
    pub(super) fn summary(&self) -> String {
        let mut text = format!("{}  {}\n", self.clock(self.world_ms()), self.counts());
        let faults = self.counters.faults.lock().unwrap_or_else(PoisonError::into_inner);
        for tally in faults.iter() {
            let _ = writeln!(text, "  {:<18} {:>9} messages", tally.name, tally.hits);
        }
        text
    }

    /// Local time, and how long the world has gone on.
    fn clock(&self, world_ms: i64) -> String {
        let second = (world_ms + self.ahead_ms).rem_euclid(DAY_MS) / 1000;
        let gone = Span::of_ms((world_ms - self.begins_ms) / 60_000 * 60_000);
        format!("{:02}:{:02}:{:02} (+{gone})", second / 3600, second / 60 % 60, second % 60)
    }

    fn counts(&self) -> String {
        let counters = &self.counters;
        let [published, acknowledged, waiting, dropped, reconnected] = [
            &counters.published,
            &counters.acknowledged,
            &counters.waiting,
            &counters.dropped,
            &counters.reconnected,
        ]
        .map(|count| count.load(Relaxed));
        let mut text = format!("published {published}  acknowledged {acknowledged}");
        if waiting > 0 {
            let _ = write!(text, "  waiting {waiting}");
        }
        if dropped > 0 {
            let _ = write!(text, "  dropped {dropped}");
        }
        if reconnected > 0 {
            let _ = write!(text, "  reconnects {reconnected}");
        }
        text
    }
}
