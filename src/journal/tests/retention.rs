//! What is deleted, and what is not yet.

use super::*;

fn total_bytes(dir: &Path) -> u64 {
    let files = std::fs::read_dir(dir).expect("folder").flatten();
    files
        .filter(|f| f.path().extension().is_some_and(|e| e == "seg"))
        .map(|f| f.metadata().map_or(0, |m| m.len()))
        .sum()
}

#[test]
fn over_the_limit_the_oldest_go_but_never_what_a_pin_holds() {
    let dir = folder();
    let config = Config { max_bytes: 4 * SEGMENT, ..config() };
    let journal = Journal::open(dir.path(), &config, Hands::at(NOON).clock()).expect("opens");
    let pin = journal.pin("storage", 1);
    let other = journal.pin("checkpoint", 1_000_000);
    append_numbered(&journal, 1000, 200);
    all_committed(&journal);
    std::thread::sleep(Duration::from_millis(1500));
    assert_eq!(journal.oldest(), 1, "the pin holds everything");
    assert!(total_bytes(dir.path()) > config.max_bytes);
    pin.advance(400);
    pin.advance(300);
    assert_eq!(pin.at(), 400);
    eventually("what lies before the pin goes", || journal.oldest() > 300);
    std::thread::sleep(Duration::from_millis(1200));
    assert!(journal.oldest() <= 400);
    let from_pin = read_all(&mut journal.reader(400));
    assert_eq!(sequences(&from_pin), (400..=1000).collect::<Vec<_>>());
    drop(pin);
    eventually("the limit holds", || total_bytes(dir.path()) <= config.max_bytes);
    let mut late = journal.reader(1);
    assert_eq!(late.missed(), journal.oldest() - 1);
    assert_eq!(late.position(), journal.oldest());
    assert_eq!(read_all(&mut late).last().map(|r| r.sequence), Some(1000));
    drop(other);
    let oldest = journal.oldest();
    journal.close();
    assert_eq!(open(dir.path()).oldest(), oldest);
}

#[test]
fn nothing_goes_before_and_after_the_pin_it_is_kept_for() {
    let dir = folder();
    let config = Config { retention_hours: 0, kept_for: Some("storage"), ..config() };
    let hands = Hands::at(NOON);
    let journal = Journal::open(dir.path(), &config, hands.clock()).expect("opens");
    append_numbered(&journal, 1000, 200);
    all_committed(&journal);
    journal.close();
    hands.set(NOON + 3_600_000);
    let journal = Journal::open(dir.path(), &config, hands.clock()).expect("opens");
    let other = journal.pin("other", 1000);
    std::thread::sleep(Duration::from_millis(1500));
    assert_eq!(journal.oldest(), 1, "its reader has not come yet");
    let pin = journal.pin("storage", 300);
    eventually("what lies before the pin goes", || journal.oldest() > 200);
    assert!(journal.oldest() <= 300);
    let kept = journal.oldest();
    drop((pin, other));
    std::thread::sleep(Duration::from_millis(1500));
    assert_eq!(journal.oldest(), kept, "nobody can tell any more what is needed");
}

#[test]
fn what_is_too_old_goes_and_the_newest_segment_stays() {
    let dir = folder();
    let hands = Hands::at(NOON);
    let journal = Journal::open(dir.path(), &config(), hands.clock()).expect("opens");
    append_numbered(&journal, 300, 200);
    all_committed(&journal);
    hands.set(NOON + 23 * 3_600_000);
    append_numbered(&journal, 200, 200);
    all_committed(&journal);
    std::thread::sleep(Duration::from_millis(1500));
    assert_eq!(journal.oldest(), 1);
    hands.set(NOON + 25 * 3_600_000);
    eventually("the first hour goes", || journal.oldest() > 200);
    assert!(journal.oldest() <= 301, "what is younger than a day stays");
    hands.set(NOON + 100 * 3_600_000);
    eventually("all but the newest segment goes", || total_bytes(dir.path()) == SEGMENT);
    assert_eq!(journal.last(), 500);
    assert_eq!(journal.append(message(b"501")).first, 501);
}

#[test]
fn a_reader_that_retention_overtakes_counts_what_it_missed() {
    let dir = folder();
    let config = Config { max_bytes: 2 * SEGMENT, ..config() };
    let journal = Journal::open(dir.path(), &config, Hands::at(NOON).clock()).expect("opens");
    append_numbered(&journal, 10, 200);
    all_committed(&journal);
    let mut reader = journal.reader(1);
    assert_eq!(read_all(&mut reader).len(), 10);
    append_numbered(&journal, 1000, 200);
    all_committed(&journal);
    eventually("the limit holds", || total_bytes(dir.path()) <= config.max_bytes);
    let rest = read_all(&mut reader);
    assert!(reader.missed() > 0);
    assert_eq!(reader.missed() + 10 + rest.len() as u64, 1010);
    assert_eq!(reader.position(), 1011);
}
