//! The keys of a terminal, one at a time: what each asks of a replay.

use super::{Controls, Speed};
use rustix::termios::{
    LocalModes, OptionalActions, SpecialCodeIndex, Termios, tcgetattr, tcsetattr,
};
use std::io::{self, IsTerminal, Read};

/// What the keys do, on one line.
pub const HELP: &str = "space pauses, right steps, + and - change the speed, q ends";

/// A terminal that hands over each key at once; as it was before when this is dropped.
pub struct Keys {
    before: Termios,
}

impl Keys {
    /// Lets the keys of this process's terminal act on `controls`. None: its input is no terminal.
    #[must_use]
    pub fn listen(controls: Controls) -> Option<Self> {
        if !io::stdin().is_terminal() {
            return None;
        }
        let before = tcgetattr(io::stdin()).ok()?;
        let mut single = before.clone();
        // Ctrl-C still ends the program.
        single.local_modes.remove(LocalModes::ICANON | LocalModes::ECHO);
        single.special_codes[SpecialCodeIndex::VMIN] = 1;
        single.special_codes[SpecialCodeIndex::VTIME] = 0;
        tcsetattr(io::stdin(), OptionalActions::Now, &single).ok()?;
        // It waits for a key when the program ends, and ends with it.
        let listening = std::thread::Builder::new().name("keys".to_owned()).spawn(move || {
            let mut read = [0; 16];
            while let Ok(length @ 1..) = io::stdin().lock().read(&mut read) {
                press(&read[..length], &controls);
            }
        });
        let keys = Self { before };
        listening.ok()?;
        Some(keys)
    }
}

impl Drop for Keys {
    fn drop(&mut self) {
        let _ = tcsetattr(io::stdin(), OptionalActions::Now, &self.before);
    }
}

/// What came from the terminal at once: keys, an arrow being three bytes.
fn press(bytes: &[u8], controls: &Controls) {
    let mut rest = bytes;
    while let [key, others @ ..] = rest {
        rest = others;
        match key {
            b' ' => controls.toggle(),
            b's' => controls.step(),
            b'+' | b'=' => controls.change_speed(Speed::faster),
            b'-' => controls.change_speed(Speed::slower),
            b'q' => controls.quit(),
            0x1b => {
                if let [b'[' | b'O', arrow, others @ ..] = rest {
                    rest = others;
                    if *arrow == b'C' {
                        controls.step();
                    }
                }
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::replay::{PlayState, Span};

    #[test]
    fn each_key_asks_for_what_the_help_says() {
        let span = Span { from_ms: 0, to_ms: 1_000 };
        let controls = Controls::new("some".to_owned(), span, 0, Speed::Times(1.0));
        press(b" ", &controls);
        assert_eq!(controls.status().state, PlayState::Paused);
        press(b" ++", &controls);
        assert_eq!(controls.status().state, PlayState::Playing);
        assert_eq!(controls.status().speed, Speed::Times(4.0));
        press(b"\x1b[A-x\x1b[C", &controls);
        assert_eq!(controls.status().speed, Speed::Times(2.0));
        assert_eq!(controls.status().state, PlayState::Paused, "a step ends in a pause");
    }
}
