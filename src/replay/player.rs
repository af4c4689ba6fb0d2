//! Records at their moments: what was received in one millisecond is put in together, and the time
//! from one moment to the next is kept, divided by the pace.

use super::{Controls, Span, Speed, controls::Wanted};
use crate::journal::Kind;
use spor_schemas::recording::{Recorded, RecordingError};
use std::time::Duration;
use tokio::{
    sync::watch,
    time::{Instant, sleep_until},
};

/// Why playing ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// Everything was played.
    Over,
    /// Somebody has seen enough.
    Quit,
    /// Somebody wants to see an earlier moment, milliseconds as it was recorded.
    Again {
        /// Up to there it is played unseen.
        from_ms: i64,
    },
}

/// Plays `records` as far as `span` goes, and hands what was received in each millisecond to `put`,
/// in order.
///
/// # Errors
/// When a record can't be read, or `put` fails.
pub async fn play<E: From<RecordingError>>(
    records: impl Iterator<Item = Result<Recorded, RecordingError>>,
    span: Span,
    controls: &Controls,
    mut put: impl AsyncFnMut(Vec<Recorded>) -> Result<(), E>,
) -> Result<End, E> {
    let mut records = records.peekable();
    let mut pace = Pace { wanted: controls.wanted(), anchor: None, steps: 0 };
    pace.steps = pace.wanted.borrow().steps;
    while let Some(first) = records.next() {
        let first = first?;
        let at_ms = first.received_ms;
        if at_ms > span.to_ms {
            break;
        }
        let mut moment = vec![first];
        while let Some(Ok(next)) =
            records.next_if(|next| matches!(next, Ok(next) if next.received_ms == at_ms))
        {
            moment.push(next);
        }
        let messages = moment.iter().filter(|record| record.kind == Kind::Message).count() as u64;
        if let Some(end) = pace.until(at_ms, messages > 0, controls).await {
            return Ok(end);
        }
        put(moment).await?;
        controls.played(at_ms, messages);
    }
    Ok(End::Over)
}

struct Pace {
    wanted: watch::Receiver<Wanted>,
    /// A moment that was reached, the recording's time then, and the pace from there on.
    anchor: Option<(Instant, i64, f64)>,
    /// How many of the steps that were asked for are done.
    steps: u64,
}

impl Pace {
    /// Waits until a moment is due; tells when nothing of it is wanted any more.
    async fn until(&mut self, at_ms: i64, has_message: bool, controls: &Controls) -> Option<End> {
        loop {
            let now = self.wanted.borrow_and_update().clone();
            if now.end.is_some() {
                return now.end;
            }
            if at_ms < now.unseen_until_ms {
                self.anchor = None;
                return None;
            }
            controls.reach(now.unseen_until_ms);
            if now.is_paused {
                self.anchor = None;
                if now.steps > self.steps {
                    self.steps += u64::from(has_message);
                    return None;
                }
                controls.stand();
                // An error means that nobody can ask any more, which can't be: we hold the handle.
                let _ = self.wanted.changed().await;
                continue;
            }
            self.steps = now.steps;
            let Speed::Times(times) = now.speed else {
                self.anchor = None;
                return None;
            };
            let (since, from_ms) = match self.anchor {
                Some((since, from_ms, before)) if before.to_bits() == times.to_bits() => {
                    (since, from_ms)
                }
                _ => (Instant::now(), controls.position_ms()),
            };
            self.anchor = Some((since, from_ms, times));
            controls.go(times, at_ms);
            let due = since + gap(from_ms, at_ms, times);
            tokio::select! {
                () = sleep_until(due) => {
                    metrics::histogram!("spor_replay_late_seconds").record(due.elapsed());
                    return None;
                }
                _ = self.wanted.changed() => {}
            }
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "milliseconds of some years at most")]
fn gap(from_ms: i64, at_ms: i64, times: f64) -> Duration {
    Duration::from_secs_f64((at_ms - from_ms).max(0) as f64 / 1_000.0 / times)
}

#[cfg(test)]
mod tests {
    use super::*;

    const START_MS: i64 = 1_795_385_000_000;

    fn record(sequence: u64, at_ms: i64, kind: Kind) -> Result<Recorded, RecordingError> {
        let (source, topic, payload) = (String::new(), String::new(), Vec::new());
        Ok(Recorded { sequence, received_ms: START_MS + at_ms, kind, source, topic, payload })
    }

    /// Messages at 0, 0, 400 and 1,000 ms, and a tick at 700.
    fn some() -> impl Iterator<Item = Result<Recorded, RecordingError>> {
        let kinds =
            [(0, Kind::Message), (0, Kind::Message), (400, Kind::Message), (700, Kind::Tick)];
        let all = kinds.into_iter().chain([(1_000, Kind::Message)]);
        all.zip(1..).map(|((at_ms, kind), sequence)| record(sequence, at_ms, kind))
    }

    fn controls(speed: Speed) -> Controls {
        let span = Span { from_ms: START_MS, to_ms: START_MS + 10_000 };
        Controls::new("some".to_owned(), span, 0, speed)
    }

    /// When each moment came after the beginning, milliseconds, and how many records it had.
    async fn played(controls: &Controls) -> (End, Vec<(u128, usize)>) {
        let (begun, mut moments) = (Instant::now(), Vec::new());
        let put = async |moment: Vec<Recorded>| -> Result<(), RecordingError> {
            moments.push((begun.elapsed().as_millis(), moment.len()));
            Ok(())
        };
        let end = play(some(), controls.span(), controls, put).await.expect("played");
        (end, moments)
    }

    #[tokio::test]
    async fn intervals_are_kept_and_divided_by_the_pace() {
        for (times, due_ms) in [(1.0, [0, 400, 700, 1_000]), (4.0, [0, 100, 175, 250])] {
            let (end, moments) = played(&controls(Speed::Times(times))).await;
            assert_eq!(end, End::Over);
            assert_eq!(moments.iter().map(|(_, n)| *n).collect::<Vec<_>>(), [2, 1, 1, 1]);
            for ((at_ms, _), due_ms) in moments.iter().zip(due_ms) {
                // A machine that is busy may be late, and no moment may be early.
                assert!((due_ms..due_ms + 300).contains(at_ms), "{times}x: {moments:?}");
            }
        }
        let (_, moments) = played(&controls(Speed::Max)).await;
        assert!(moments.iter().all(|(at_ms, _)| *at_ms < 300), "{moments:?}");
    }

    #[tokio::test]
    async fn what_lies_before_the_wanted_moment_takes_no_time() {
        let controls = controls(Speed::Times(1.0));
        controls.begin(START_MS + 600);
        let (_, moments) = played(&controls).await;
        let due_ms = [0, 0, 100, 400];
        for ((at_ms, _), due_ms) in moments.iter().zip(due_ms) {
            assert!((due_ms..due_ms + 300).contains(at_ms), "{moments:?}");
        }
    }

    #[tokio::test]
    async fn a_step_ends_at_the_next_message() {
        let controls = controls(Speed::Times(1.0));
        controls.pause();
        let played = async {
            let mut sequences = Vec::new();
            let put = async |moment: Vec<Recorded>| -> Result<(), RecordingError> {
                sequences.extend(moment.iter().map(|record| record.sequence));
                Ok(())
            };
            let end = play(some(), controls.span(), &controls, put).await.expect("played");
            (end, sequences)
        };
        let asked = async {
            for _ in 0..2 {
                tokio::time::sleep(Duration::from_millis(150)).await;
                controls.step();
            }
            tokio::time::sleep(Duration::from_millis(150)).await;
            assert_eq!(controls.status().position_ms, START_MS + 400);
            controls.step();
            tokio::time::sleep(Duration::from_millis(150)).await;
            assert_eq!(controls.status().messages, 4);
            controls.quit();
        };
        let ((end, sequences), ()) = tokio::join!(played, asked);
        assert_eq!((end, sequences), (End::Over, vec![1, 2, 3, 4, 5]));
    }

    #[tokio::test]
    async fn an_earlier_moment_is_begun_anew_and_leaving_wins() {
        let controls = controls(Speed::Max);
        let (end, _) = played(&controls).await;
        assert_eq!(end, End::Over);
        controls.over();
        controls.seek(START_MS + 300);
        assert_eq!(controls.asked_to_end().await, End::Again { from_ms: START_MS + 300 });
        controls.begin(START_MS + 300);
        assert_eq!(controls.status().state, super::super::PlayState::Seeking);
        controls.quit();
        controls.seek(START_MS);
        assert_eq!(controls.asked_to_end().await, End::Quit);
    }
}
