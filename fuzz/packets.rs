//! Bytes into the code that a socket feeds: frames, handshake, publishes, subscriptions.
#![no_main]

use libfuzzer_sys::fuzz_target;
use spor::broker::exercise::Exercise;

thread_local! {
    static FRONT_DOORS: Exercise = Exercise::new();
}

fuzz_target!(|input: &[u8]| FRONT_DOORS.with(|doors| doors.feed(input)));
