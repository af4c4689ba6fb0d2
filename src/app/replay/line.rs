//! How far a replay is, on one line.

use crate::replay::{Controls, PlayState, Speed, Status};
use std::{
    io::{IsTerminal, Write},
    time::Duration,
};

/// Says now and then where the replay is, for ever: on one line of a terminal, else on lines.
pub(super) async fn tell(controls: Controls) {
    let on_terminal = std::io::stderr().is_terminal();
    let every = Duration::from_millis(if on_terminal { 250 } else { 5_000 });
    let mut ticks = tokio::time::interval(every);
    ticks.tick().await;
    let mut said = String::new();
    loop {
        ticks.tick().await;
        let line = line(&controls.status());
        if line == said {
            continue;
        }
        if on_terminal {
            eprint!("\r\x1b[K{line}");
            let _ = std::io::stderr().flush();
        } else {
            eprintln!("{line}");
        }
        said = line;
    }
}

/// Where it is, how fast, how much is done, and how long the rest takes.
fn line(status: &Status) -> String {
    let Status { state, position_ms, start_ms, end_ms, speed, messages, .. } = status;
    let [done_ms, left_ms] = [position_ms - start_ms, end_ms - position_ms];
    #[expect(clippy::cast_precision_loss, reason = "years in milliseconds")]
    let (share, left_s) =
        (done_ms as f64 / ((end_ms - start_ms).max(1) as f64), left_ms as f64 / 1e3);
    let how = match (state, speed) {
        (PlayState::Paused, _) => "paused".to_owned(),
        (PlayState::Seeking, _) => "what was before".to_owned(),
        (PlayState::Over, _) => "over".to_owned(),
        (PlayState::Playing, Speed::Max) => "at max".to_owned(),
        (PlayState::Playing, Speed::Times(times)) => {
            format!("{speed}, {} to go", length(left_s / times))
        }
    };
    format!("{}  {:.0} %  {messages} messages  {how}", moment(*position_ms), share * 100.0)
}

/// A length of time in words, from seconds.
fn length(seconds: f64) -> String {
    match seconds {
        s if s < 60.0 => format!("{s:.0} s"),
        s if s < 5_400.0 => format!("{:.0} min", s / 60.0),
        s => format!("{:.1} h", s / 3_600.0),
    }
}

/// A moment in UTC, to the second.
pub(super) fn moment(ms: i64) -> String {
    let second = jiff::Timestamp::from_second(ms.div_euclid(1_000));
    second.map_or_else(|_| format!("{ms} ms"), |second| second.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_says_where_it_is_and_how_long_the_rest_takes() {
        let status = Status {
            name: "some".to_owned(),
            state: PlayState::Playing,
            position_ms: 1_795_388_600_123,
            start_ms: 1_795_385_000_000,
            end_ms: 1_795_399_400_000,
            speed: Speed::Times(60.0),
            messages: 12,
        };
        assert_eq!(line(&status), "2026-11-22T23:03:20Z  25 %  12 messages  60x, 3 min to go");
    }
}
