//! The seeds of the fuzz target, each fed once.

use crate::broker::exercise::Exercise;

#[test]
fn every_seed_of_the_fuzz_target_is_survived() {
    let exercise = Exercise::new();
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/fuzz/seeds");
    let mut seeds = 0;
    for seed in std::fs::read_dir(folder).unwrap() {
        let path = seed.unwrap().path();
        eprintln!("{}", path.display());
        exercise.feed(&std::fs::read(&path).unwrap());
        seeds += 1;
    }
    assert!(seeds > 30, "{seeds} seeds");
}
