//! Bytes that changed on disk: told with segment and offset, set aside, and read past.

use super::*;
use crate::journal::{inspect, segment};
use spor_schemas::recording::HEAD;
use std::{fs, path::PathBuf};

/// Sets the bytes at a record's place in its segment; returns the offset.
fn spoil(path: &Path, sequence: u64, spoil: impl FnOnce(&mut [u8])) -> u64 {
    let mut bytes = fs::read(path).expect("a segment");
    let found = spor_schemas::recording::find_record(&bytes, 0, &(sequence..=sequence));
    let (offset, head) = found.expect("the record");
    spoil(&mut bytes[offset..offset + head.record_len()]);
    fs::write(path, bytes).expect("written");
    offset as u64
}

fn segment_of(dir: &Path, sequence: u64) -> (u64, PathBuf) {
    let segments = segment::list(dir).expect("listed");
    segments.into_iter().rfind(|(first, _)| *first <= sequence).expect("a segment")
}

/// 300 records in several segments and several commits.
fn filled() -> TempDir {
    let dir = folder();
    let journal = open(dir.path());
    for _ in 0..10 {
        append_numbered(&journal, 30, 200);
        all_committed(&journal);
    }
    journal.close();
    dir
}

#[test]
fn a_changed_byte_costs_one_record_and_is_told_and_set_aside() {
    for place in [2, 9, 18, HEAD + 40] {
        let dir = filled();
        let (first, path) = segment_of(dir.path(), 100);
        let offset = spoil(&path, 100, |record| record[place] ^= 0x10);
        let journal = open(dir.path());
        let mut reader = journal.reader(1);
        let read = sequences(&read_all(&mut reader));
        assert_eq!(read, (1..=300).filter(|s| *s != 100).collect::<Vec<_>>(), "byte {place}");
        let damage = reader.take_damage();
        assert_eq!(damage.len(), 1);
        assert_eq!((damage[0].segment, damage[0].offset), (first, offset));
        assert_eq!(damage[0].missing, 100..=100);
        assert!(dir.path().join(format!("damaged/{first:020}-{offset}")).exists());
        assert!(reader.take_damage().is_empty());
        let found = inspect::segments(dir.path(), true).expect("readable");
        let found: Vec<_> = found.into_iter().flat_map(|segment| segment.damage).collect();
        assert_eq!(found, damage);
        // A reader that starts behind it doesn't lack it.
        let mut behind = journal.reader(101);
        assert_eq!(read_all(&mut behind).len(), 200);
        assert!(behind.take_damage().is_empty());
    }
}

#[test]
fn damage_in_the_newest_segment_is_not_taken_for_a_torn_tail() {
    let dir = filled();
    let (first, path) = segment_of(dir.path(), 300);
    let spoilt = first + 2;
    let offset = spoil(&path, spoilt, |record| record.fill(0));
    let journal = open(dir.path());
    assert_eq!(journal.last(), 300);
    append_numbered(&journal, 10, 200);
    all_committed(&journal);
    let mut reader = journal.reader(1);
    let read = sequences(&read_all(&mut reader));
    assert_eq!(read, (1..=310).filter(|s| *s != spoilt).collect::<Vec<_>>());
    let damage = reader.take_damage();
    assert_eq!((damage.len(), damage[0].offset), (1, offset));
}

#[test]
fn damage_that_appears_while_the_journal_is_open_is_read_past() {
    let dir = folder();
    let journal = open(dir.path());
    for _ in 0..3 {
        append_numbered(&journal, 5, 200);
        all_committed(&journal);
    }
    let (first, path) = segment_of(dir.path(), 15);
    let file = fs::File::options().write(true).open(&path).expect("opens");
    let bytes = fs::read(&path).expect("readable");
    let at = |s: u64| spor_schemas::recording::find_record(&bytes, 0, &(s..=s)).expect("there").0;
    let until = bytes.iter().rposition(|b| *b != 0).expect("something") + 1;
    use std::os::unix::fs::FileExt;
    file.write_all_at(&vec![0xff; until - at(13)], at(13) as u64).expect("written");
    let mut reader = journal.reader(1);
    assert_eq!(sequences(&read_all(&mut reader)), (1..=12).collect::<Vec<_>>());
    let damage = reader.take_damage();
    assert_eq!((damage[0].segment, damage[0].missing.clone()), (first, 13..=15));
    append_numbered(&journal, 5, 200);
    all_committed(&journal);
    assert_eq!(sequences(&read_all(&mut reader)), (16..=20).collect::<Vec<_>>());
    assert!(reader.take_damage().is_empty());
}

#[test]
fn a_segment_without_its_header_is_set_aside_and_its_sequences_are_not_given_again() {
    let dir = filled();
    let (first, path) = segment_of(dir.path(), 300);
    let mut bytes = fs::read(&path).expect("readable");
    bytes[20] ^= 1;
    fs::write(&path, &bytes).expect("written");
    let journal = open(dir.path());
    assert_eq!(journal.last(), 300);
    assert_eq!(journal.append(message(b"301")).first, 301);
    all_committed(&journal);
    let mut reader = journal.reader(1);
    let read = sequences(&read_all(&mut reader));
    assert_eq!(read, (1..first).chain([301]).collect::<Vec<_>>());
    assert_eq!(reader.take_damage()[0].missing, first..=300);
    assert!(dir.path().join(format!("damaged/{first:020}-0")).exists());
}

#[test]
fn a_missing_segment_is_told_with_what_it_held() {
    let dir = filled();
    let (first, path) = segment_of(dir.path(), 150);
    fs::remove_file(path).expect("removed");
    let (next, _) = {
        let segments = segment::list(dir.path()).expect("listed");
        segments.into_iter().find(|(f, _)| *f > first).expect("a later one")
    };
    let journal = open(dir.path());
    let mut reader = journal.reader(1);
    let read = sequences(&read_all(&mut reader));
    assert_eq!(read, (1..first).chain(next..=300).collect::<Vec<_>>());
    assert_eq!(reader.take_damage()[0].missing, first..=next - 1);
}

#[test]
fn a_torn_tail_is_cut_and_does_not_come_back_to_life() {
    let dir = filled();
    let (_, path) = segment_of(dir.path(), 300);
    // The last record and what follows it: half of the record is gone.
    spoil(&path, 300, |record| {
        let middle = record.len() / 2;
        record[middle..].fill(0);
    });
    let journal = open(dir.path());
    assert_eq!(journal.last(), 299);
    let bytes = fs::read(&path).expect("readable");
    let end = spor_schemas::recording::find_record(&bytes, 0, &(299..=299)).expect("there");
    let end = end.0 + end.1.record_len();
    assert!(bytes[end..].iter().all(|b| *b == 0), "nothing is left behind the end");
    assert_eq!(journal.append(message(b"300")).first, 300);
    all_committed(&journal);
    assert_eq!(read_all(&mut journal.reader(1)).len(), 300);
    assert!(journal.reader(1).take_damage().is_empty());
}

#[test]
fn a_segment_that_was_made_and_never_filled_is_removed() {
    let dir = filled();
    for blank in [Vec::new(), vec![0; 16 << 10]] {
        let path = segment::path_of(dir.path(), 301);
        fs::write(&path, blank).expect("written");
        let journal = open(dir.path());
        assert_eq!(journal.last(), 300);
        assert!(!path.exists());
        assert_eq!(read_all(&mut journal.reader(1)).len(), 300);
    }
}

#[test]
fn inspecting_tells_records_and_keeps_what_is_sealed() {
    let dir = folder();
    let journal = open(dir.path());
    let mut draft = Draft::new();
    draft.push(Kind::Message, "gateway-1", "t/1", b"plain");
    draft.push_sealed(&journal.sealer(), Kind::Message, "gateway-1", "t/2", b"secret");
    journal.append(draft);
    all_committed(&journal);
    let mut told = Vec::new();
    inspect::records(dir.path(), 1, |entry| {
        let content = entry.content.map(|(_, topic, payload)| (topic.to_owned(), payload.to_vec()));
        told.push((entry.sequence, entry.sealed, content));
        true
    })
    .expect("readable while it is written");
    let plain = Some(("t/1".to_owned(), b"plain".to_vec()));
    assert_eq!(told, [(1, false, plain), (2, true, None)]);
    let listed = inspect::segments(dir.path(), false).expect("readable");
    assert_eq!((listed.len(), listed[0].records, listed[0].first), (1, 2, 1));
    assert_eq!(listed[0].span_ms, Some((NOON, NOON)));
}
