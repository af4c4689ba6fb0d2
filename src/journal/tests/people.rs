//! Records of people are forgotten with the key of their hour: seen by reading the disk.

use super::*;
use std::{collections::HashSet, fs};

const HOUR: i64 = 3_600_000;
const NAME: &[u8] = b"badge-of-somebody";
const PAYLOAD: &[u8] = b"where somebody was";

/// Every byte in the folder and below.
fn all_bytes(dir: &Path) -> Vec<(String, Vec<u8>)> {
    let mut all = Vec::new();
    for entry in fs::read_dir(dir).expect("folder").flatten() {
        let path = entry.path();
        if path.is_dir() {
            all.extend(all_bytes(&path));
        } else if let Ok(bytes) = fs::read(&path) {
            all.push((path.display().to_string(), bytes));
        }
    }
    all
}

fn holds(dir: &Path, needle: &[u8]) -> Option<String> {
    let all = all_bytes(dir);
    let found = all.iter().find(|(_, bytes)| bytes.windows(needle.len()).any(|w| w == needle));
    found.map(|(path, _)| path.clone())
}

/// The keys on disk, found without the code under test: 32 bytes behind each hour.
fn keys_on_disk(dir: &Path) -> HashSet<Vec<u8>> {
    let bytes = fs::read(dir.join("keys")).expect("keys");
    let slots = bytes[64..].chunks(64).map(|slot| slot[8..40].to_vec());
    slots.filter(|key| key.iter().any(|b| *b != 0)).collect()
}

fn sealed_and_plain(journal: &Journal) {
    let mut draft = Draft::new();
    let topic = format!("spor/v1/tags/{}/position", String::from_utf8_lossy(NAME));
    draft.push_sealed(&journal.sealer(), Kind::Message, "gateway-1", &topic, PAYLOAD);
    draft.push(Kind::Message, "gateway-1", "spor/v1/tags/pump-1/position", b"equipment");
    journal.append(draft);
    all_committed(journal);
}

#[test]
fn after_the_hour_neither_key_nor_plain_byte_is_on_the_disk() {
    let dir = folder();
    let hands = Hands::at(NOON + 10_000);
    let journal = Journal::open(dir.path(), &config(), hands.clock()).expect("opens");
    sealed_and_plain(&journal);
    let read = read_all(&mut journal.reader(1));
    assert_eq!(read.len(), 2);
    assert_eq!(read[0].payload(), PAYLOAD);
    assert!(read[0].topic().contains("badge-of-somebody"));
    for plain in [NAME, PAYLOAD] {
        assert_eq!(holds(dir.path(), plain), None, "never in plain, also before the hour is over");
    }
    let keys = keys_on_disk(dir.path());
    assert_eq!(keys.len(), 2, "of this hour and the next");

    hands.set(NOON + 2 * HOUR - 1);
    std::thread::sleep(Duration::from_millis(1500));
    assert_eq!(read_all(&mut journal.reader(1)).len(), 2, "within the time it is kept");

    hands.set(NOON + 2 * HOUR);
    let rest = read_all(&mut journal.reader(1));
    assert_eq!(sequences(&rest), [2], "skipped at once, whether the key is destroyed yet or not");
    eventually("a key is destroyed", || !keys.is_subset(&keys_on_disk(dir.path())));
    let gone: Vec<_> = keys.difference(&keys_on_disk(dir.path())).cloned().collect();
    assert_eq!(gone.len(), 1);
    for needle in [&gone[0][..], NAME, PAYLOAD] {
        assert_eq!(holds(dir.path(), needle), None);
    }
    journal.close();
    // A clock set back brings nothing back.
    hands.set(NOON + 10_000);
    let journal = Journal::open(dir.path(), &config(), hands.clock()).expect("opens");
    assert_eq!(sequences(&read_all(&mut journal.reader(1))), [2]);
}

#[test]
fn keys_whose_time_passed_while_spor_was_down_are_destroyed_at_open() {
    let dir = folder();
    let hands = Hands::at(NOON);
    let journal = Journal::open(dir.path(), &config(), hands.clock()).expect("opens");
    sealed_and_plain(&journal);
    journal.close();
    let keys = keys_on_disk(dir.path());
    hands.set(NOON + HOUR);
    let journal = Journal::open(dir.path(), &config(), hands.clock()).expect("opens");
    assert_eq!(read_all(&mut journal.reader(1)).len(), 2, "the key survives a restart");
    journal.close();
    hands.set(NOON + 50 * HOUR);
    let journal = Journal::open(dir.path(), &config(), hands.clock()).expect("opens");
    assert!(keys.is_disjoint(&keys_on_disk(dir.path())));
    assert_eq!(sequences(&read_all(&mut journal.reader(1))), [2]);
}

#[test]
fn a_box_opens_whole_or_not_at_all() {
    let dir = folder();
    let sealer = open(dir.path()).sealer();
    let sealed = sealer.seal(PAYLOAD);
    assert_eq!(sealer.open(&sealed).as_deref(), Some(PAYLOAD));
    assert_ne!(sealed, sealer.seal(PAYLOAD), "equal contents can't be told by their boxes");
    for place in [0, 10, 40, sealed.len() - 1] {
        let mut changed = sealed.clone();
        changed[place] ^= 1;
        assert_eq!(sealer.open(&changed), None, "byte {place}");
    }
    assert_eq!(sealer.open(&sealed[..20]), None);
    let other = folder();
    assert_eq!(open(other.path()).sealer().open(&sealed), None);
}
