//! What a replay is asked, and where it is: shared by the player, the terminal's keys and the wall.

use super::{End, Span, Speed};
use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Instant,
};
use tokio::sync::watch;

/// The handle of one replay; cheap to clone.
#[derive(Clone)]
pub struct Controls(Arc<Inner>);

struct Inner {
    name: String,
    span: Span,
    /// What is added to the recording's times to get those that are shown, milliseconds.
    shift_ms: i64,
    wanted: watch::Sender<Wanted>,
    reached: Mutex<Reached>,
}

/// What was asked for.
#[derive(Debug, Clone)]
pub(super) struct Wanted {
    pub(super) speed: Speed,
    pub(super) is_paused: bool,
    /// How many steps were asked for so far.
    pub(super) steps: u64,
    /// What was received before is played without waiting, milliseconds.
    pub(super) unseen_until_ms: i64,
    /// End with this.
    pub(super) end: Option<End>,
}

/// Where the replay is.
#[derive(Debug, Clone, Copy)]
struct Reached {
    /// The recording's time at `since`, milliseconds.
    at_ms: i64,
    since: Instant,
    /// How fast the time goes on from there, and not beyond which moment; none: it stands.
    going: Option<(f64, i64)>,
    messages: u64,
    is_over: bool,
}

/// How a replay goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PlayState {
    /// It goes on.
    Playing,
    /// It waits to be asked.
    Paused,
    /// It plays what lies before the moment that it was asked to show.
    Seeking,
    /// All of it was played.
    Over,
}

/// A replay at a moment; times are those that are shown.
#[derive(Debug, Clone)]
pub struct Status {
    /// The recording's name.
    pub name: String,
    /// How it goes.
    pub state: PlayState,
    /// Where it is, milliseconds.
    pub position_ms: i64,
    /// Where it begins, milliseconds.
    pub start_ms: i64,
    /// Where it ends, milliseconds.
    pub end_ms: i64,
    /// How fast.
    pub speed: Speed,
    /// How many messages were played.
    pub messages: u64,
}

impl Controls {
    /// A replay that hasn't begun. `shift_ms` is added to what is shown.
    #[must_use]
    pub fn new(name: String, span: Span, shift_ms: i64, speed: Speed) -> Self {
        let wanted =
            Wanted { speed, is_paused: false, steps: 0, unseen_until_ms: span.from_ms, end: None };
        let reached = Reached {
            at_ms: span.from_ms,
            since: Instant::now(),
            going: None,
            messages: 0,
            is_over: false,
        };
        Self(Arc::new(Inner {
            name,
            span,
            shift_ms,
            wanted: watch::Sender::new(wanted),
            reached: Mutex::new(reached),
        }))
    }

    /// The stretch that is played.
    #[must_use]
    pub fn span(&self) -> Span {
        self.0.span
    }

    /// What is added to the recording's times, milliseconds.
    #[must_use]
    pub fn shift_ms(&self) -> i64 {
        self.0.shift_ms
    }

    /// The replay's own clock as it is shown, milliseconds: between two moments it goes on at the
    /// replay's pace.
    #[must_use]
    pub fn now_ms(&self) -> i64 {
        self.position_ms() + self.0.shift_ms
    }

    /// How it goes.
    #[must_use]
    pub fn status(&self) -> Status {
        let wanted = self.0.wanted.borrow().clone();
        let reached = *self.reached();
        let position_ms = self.position_ms();
        let state = if reached.is_over {
            PlayState::Over
        } else if position_ms < wanted.unseen_until_ms {
            PlayState::Seeking
        } else if wanted.is_paused {
            PlayState::Paused
        } else {
            PlayState::Playing
        };
        let Inner { name, span, shift_ms, .. } = &*self.0;
        Status {
            name: name.clone(),
            state,
            position_ms: position_ms.clamp(span.from_ms, span.to_ms.max(span.from_ms)) + shift_ms,
            start_ms: span.from_ms + shift_ms,
            end_ms: span.to_ms + shift_ms,
            speed: wanted.speed,
            messages: reached.messages,
        }
    }

    /// Goes on.
    pub fn resume(&self) {
        self.want(|wanted| wanted.is_paused = false);
    }

    /// Stops where it is.
    pub fn pause(&self) {
        self.want(|wanted| wanted.is_paused = true);
    }

    /// Goes on when it is paused, pauses when it goes on.
    pub fn toggle(&self) {
        self.want(|wanted| wanted.is_paused = !wanted.is_paused);
    }

    /// Plays to the end of the next message's moment, and pauses there.
    pub fn step(&self) {
        self.want(|wanted| {
            wanted.is_paused = true;
            wanted.steps += 1;
        });
    }

    /// Another pace.
    pub fn set_speed(&self, speed: Speed) {
        self.want(|wanted| wanted.speed = speed);
    }

    /// The next faster pace, or the next slower one.
    pub fn change_speed(&self, change: impl FnOnce(Speed) -> Speed) {
        self.want(|wanted| wanted.speed = change(wanted.speed));
    }

    /// Shows another moment, as it is shown, milliseconds: what lies between is played unseen; for
    /// an earlier one the replay begins anew.
    pub fn seek(&self, shown_ms: i64) {
        let Span { from_ms, to_ms } = self.0.span;
        let at_ms = (shown_ms - self.0.shift_ms).clamp(from_ms, to_ms.max(from_ms));
        let is_over = self.reached().is_over;
        let begins_anew = matches!(self.0.wanted.borrow().end, Some(End::Again { .. }));
        if at_ms < self.position_ms() || is_over || begins_anew {
            self.end(End::Again { from_ms: at_ms });
        } else {
            self.want(|wanted| wanted.unseen_until_ms = at_ms);
        }
    }

    /// Ends it.
    pub fn quit(&self) {
        self.end(End::Quit);
    }

    fn end(&self, end: End) {
        // Who wants to leave isn't held back by somebody's other wish.
        self.want(|wanted| {
            if wanted.end != Some(End::Quit) {
                wanted.end = Some(end);
            }
        });
    }

    /// Begins, or begins anew, and plays what lies before `from_ms` unseen, or before the moment that
    /// was asked for meanwhile.
    pub fn begin(&self, from_ms: i64) {
        let is_first = self.reached().messages == 0;
        *self.reached() = Reached {
            at_ms: from_ms.min(self.0.span.from_ms),
            since: Instant::now(),
            going: None,
            messages: 0,
            is_over: false,
        };
        self.want(|wanted| {
            wanted.unseen_until_ms = match wanted.end {
                Some(End::Again { from_ms }) => from_ms,
                _ if is_first => wanted.unseen_until_ms.max(from_ms),
                _ => from_ms,
            };
            if wanted.end != Some(End::Quit) {
                wanted.end = None;
            }
        });
    }

    /// Everything was played.
    pub fn over(&self) {
        let mut reached = self.reached();
        reached.is_over = true;
        reached.going = None;
        reached.at_ms = self.0.span.to_ms;
    }

    /// Waits until somebody wants to leave, or to see another moment.
    pub async fn asked_to_end(&self) -> End {
        let mut wanted = self.wanted();
        match wanted.wait_for(|wanted| wanted.end.is_some()).await {
            Ok(wanted) => wanted.end.unwrap_or(End::Quit),
            Err(_) => End::Quit,
        }
    }

    pub(super) fn wanted(&self) -> watch::Receiver<Wanted> {
        self.0.wanted.subscribe()
    }

    /// The time goes on from here at that pace, until the next moment at `bound_ms`.
    pub(super) fn go(&self, times: f64, bound_ms: i64) {
        let at_ms = self.position_ms();
        let mut reached = self.reached();
        *reached =
            Reached { at_ms, since: Instant::now(), going: Some((times, bound_ms)), ..*reached };
    }

    /// Nothing happens before that moment any more.
    pub(super) fn reach(&self, at_ms: i64) {
        let mut reached = self.reached();
        if reached.at_ms < at_ms {
            *reached = Reached { at_ms, since: Instant::now(), going: None, ..*reached };
        }
    }

    /// The time stands.
    pub(super) fn stand(&self) {
        let at_ms = self.position_ms();
        let mut reached = self.reached();
        *reached = Reached { at_ms, since: Instant::now(), going: None, ..*reached };
    }

    /// A moment was played, with so many messages.
    pub(super) fn played(&self, at_ms: i64, messages: u64) {
        let mut reached = self.reached();
        reached.at_ms = at_ms;
        reached.since = Instant::now();
        reached.going = None;
        reached.messages += messages;
    }

    #[expect(clippy::cast_possible_truncation, reason = "bounded by the next moment")]
    pub(super) fn position_ms(&self) -> i64 {
        let Reached { at_ms, since, going, .. } = *self.reached();
        let Some((times, bound_ms)) = going else { return at_ms };
        let gone_ms = (since.elapsed().as_secs_f64() * 1_000.0 * times) as i64;
        at_ms.saturating_add(gone_ms).min(bound_ms.max(at_ms))
    }

    fn want(&self, change: impl FnOnce(&mut Wanted)) {
        self.0.wanted.send_modify(change);
    }

    fn reached(&self) -> MutexGuard<'_, Reached> {
        self.0.reached.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_asked_for_before_it_begins_is_shown() {
        let span = Span { from_ms: 1_000, to_ms: 9_000 };
        let controls = Controls::new("a".to_owned(), span, 0, Speed::Max);
        controls.seek(5_000);
        controls.begin(1_000);
        assert_eq!(controls.wanted().borrow().unseen_until_ms, 5_000);
        controls.played(6_000, 3);
        controls.seek(2_000);
        controls.seek(7_000);
        controls.begin(2_000);
        assert_eq!(controls.wanted().borrow().unseen_until_ms, 7_000, "the last wish counts");
        controls.played(9_000, 3);
        controls.begin(1_000);
        assert_eq!(controls.wanted().borrow().unseen_until_ms, 1_000, "it begins anew by itself");
    }
}
