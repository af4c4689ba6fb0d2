//! The task that looks at what is wrong every few seconds, more seldom where that takes long, and tells what
//! is to be told.

use super::{Config, Memory, step};
use crate::{
    clock::now_ms,
    model::{AlertKind, AlertMessage, AlertState, AlertStep, Cause, ReaderId, Severity},
    storage::{AlertLimits, Storage, StorageError},
};
use jiff::tz::TimeZone;
use std::time::{Duration, Instant};

/// How much older than the last look what is stored may be, milliseconds.
const BEHIND_MS: i64 = 10_000;
/// Looking takes one part of the time in so many at most, unless that would be a longer pause.
const SHARE: u32 = 20;
const LONGEST_PAUSE: Duration = Duration::from_secs(60);
/// How often it is stored when readers were heard.
const NOTE_HEARD_EVERY: Duration = Duration::from_secs(60);

/// How far everything is.
#[derive(Debug, Clone, Copy)]
pub struct Progress {
    /// The last record of the journal.
    pub arrived: u64,
    /// The last one of which everything that follows is stored.
    pub stored: u64,
}

/// What the watch asks of the rest of Spor.
pub struct Surroundings {
    /// Tells a change of an alert to whoever listens.
    pub publish: Box<dyn Fn(&AlertMessage) + Send + Sync>,
    /// The site's time zone.
    pub time_zone: Box<dyn Fn() -> TimeZone + Send + Sync>,
    /// True for a reader of the site as it is now.
    pub has_reader: Box<dyn Fn(&ReaderId) -> bool + Send + Sync>,
    /// When each reader was last heard, milliseconds.
    pub heard: Box<dyn Fn() -> Vec<(ReaderId, i64)> + Send + Sync>,
    /// How far everything is.
    pub progress: Box<dyn Fn() -> Progress + Send + Sync>,
    /// Changes of alerts are sent somewhere too.
    pub has_webhook: bool,
}

/// The body of a task that watches until it is dropped.
pub async fn watch(config: Config, storage: Storage, surroundings: Surroundings) {
    let started_ms = now_ms();
    let mut watch = Watch {
        pause: config.every(),
        pace: Pace::new((surroundings.progress)(), started_ms),
        memory: Memory::default(),
        noted: Instant::now(),
        started_ms,
        config,
        storage,
        surroundings,
    };
    let mut complaint = None;
    loop {
        let begun = Instant::now();
        let looked = watch.round().await;
        watch.pause = watch.config.every();
        match looked {
            Ok(()) => {
                complaint = None;
                let share = (begun.elapsed() * SHARE).min(LONGEST_PAUSE);
                watch.pause = watch.pause.max(share);
            }
            Err(error) => {
                // What was seen before the hole in between proves nothing about it.
                watch.memory = Memory::default();
                let told = error.to_string();
                if complaint.as_ref() != Some(&told) {
                    tracing::warn!(%error, "alerts wait until the database can be asked");
                }
                complaint = Some(told);
            }
        }
        tokio::time::sleep(watch.pause).await;
    }
}

struct Watch {
    config: Config,
    storage: Storage,
    surroundings: Surroundings,
    memory: Memory,
    pace: Pace,
    /// Since the last look.
    pause: Duration,
    /// When it was last stored that readers were heard.
    noted: Instant,
    started_ms: i64,
}

impl Watch {
    async fn round(&mut self) -> Result<(), StorageError> {
        let begun = Instant::now();
        let now_ms = now_ms();
        if self.noted.elapsed() >= NOTE_HEARD_EVERY {
            self.storage.note_heard(&(self.surroundings.heard)()).await?;
            self.noted = Instant::now();
        }
        let pause_ms = i64::try_from(self.pause.as_millis()).unwrap_or(i64::MAX / 4);
        let allowed_ms = BEHIND_MS + 3 * pause_ms;
        if self.pace.behind_ms((self.surroundings.progress)(), now_ms) <= allowed_ms {
            self.judge(now_ms).await?;
        } else {
            self.memory = Memory::default();
        }
        for notice in self.storage.tell_notices(now_ms, self.surroundings.has_webhook).await? {
            (self.surroundings.publish)(&notice.message);
        }
        metrics::histogram!("spor_alerts_seconds").record(begun.elapsed().as_secs_f64());
        Ok(())
    }

    async fn judge(&mut self, now_ms: i64) -> Result<(), StorageError> {
        let limits = AlertLimits {
            may_leave: &self.config.may_leave,
            reader_silent_s: self.config.reader_silent_s,
            listening_since_ms: self.started_ms,
            now_ms,
        };
        let mut causes = self.storage.alert_causes(&limits).await?;
        causes.retain(|cause| self.counts(cause));
        let lasting = self.storage.lasting_alerts().await?;
        let timing = |kind: AlertKind| self.config.timing(kind);
        let steps = step(&mut self.memory, timing, now_ms, &causes, &lasting);
        if !steps.is_empty() {
            let steps: Vec<_> =
                steps.into_iter().map(|step| (self.due_ms(&step, now_ms), step)).collect();
            self.storage.step_alerts(&steps, now_ms).await?;
        }
        self.measure().await
    }

    /// False for a kind that is switched off, and for a reader that hangs in the building no more.
    fn counts(&self, cause: &Cause) -> bool {
        let reader = cause.about.reader.as_ref();
        self.config.rule(cause.kind).on
            && reader.is_none_or(|reader| (self.surroundings.has_reader)(reader))
    }

    /// When the first news of it may be told, milliseconds.
    fn due_ms(&self, step: &AlertStep, now_ms: i64) -> i64 {
        let AlertStep::Open(cause) = step else { return now_ms };
        let quiet = self.config.rule(cause.kind).quiet;
        let quiet = quiet.filter(|_| cause.severity < Severity::Critical);
        let zone = (self.surroundings.time_zone)();
        quiet.and_then(|quiet| quiet.ends_ms(now_ms, &zone)).unwrap_or(now_ms)
    }

    async fn measure(&self) -> Result<(), StorageError> {
        let counts = self.storage.count_alerts().await?;
        for kind in AlertKind::ALL {
            for state in [AlertState::Open, AlertState::Acknowledged] {
                let count = counts.get(&(*kind, state)).copied().unwrap_or_default();
                metrics::gauge!("spor_alerts", "kind" => kind.as_str(), "state" => state.as_str())
                    .set(f64::from(count));
            }
        }
        Ok(())
    }
}

/// How old what is stored is. Records have no time here, so a mark is set at the journal's end, and
/// the next one when everything up to it is stored.
struct Pace {
    mark: u64,
    marked_ms: i64,
    /// Everything that had arrived by then is stored, milliseconds; none: nobody knows yet.
    stored_ms: Option<i64>,
}

impl Pace {
    fn new(progress: Progress, now_ms: i64) -> Self {
        Self { mark: progress.arrived, marked_ms: now_ms, stored_ms: None }
    }

    fn behind_ms(&mut self, progress: Progress, now_ms: i64) -> i64 {
        if progress.stored >= self.mark {
            self.stored_ms = Some(self.marked_ms);
            (self.mark, self.marked_ms) = (progress.arrived, now_ms);
        }
        self.stored_ms.map_or(i64::MAX, |stored_ms| now_ms.saturating_sub(stored_ms))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_stored_is_as_old_as_the_last_mark_that_was_passed() {
        let at = |arrived, stored| Progress { arrived, stored };
        let mut pace = Pace::new(at(100, 20), 0);
        assert_eq!(pace.behind_ms(at(110, 99), 5_000), i64::MAX, "what waited at the start");
        assert_eq!(pace.behind_ms(at(120, 100), 10_000), 10_000);
        assert_eq!(pace.behind_ms(at(130, 119), 15_000), 15_000, "an outage");
        assert_eq!(pace.behind_ms(at(900, 125), 70_000), 60_000, "old, though it goes on");
        assert_eq!(pace.behind_ms(at(910, 900), 75_000), 5_000);
    }
}
