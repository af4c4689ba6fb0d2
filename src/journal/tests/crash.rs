//! Power cuts, simulated: the disk stops at any change, and of what was not synced each sector is
//! kept, lost or garbled. Afterwards every committed record is there, and what is beyond is a
//! prefix of what was appended.

use super::{faults::Piece, *};
use proptest::prelude::*;
use std::fs;

#[derive(Debug, Clone)]
enum Step {
    Append {
        records: usize,
        bytes: usize,
    },
    /// Waits until all is on disk, or the power is cut.
    Commit,
    Pause,
}

#[derive(Debug, Clone)]
struct Life {
    steps: Vec<Step>,
    /// The power is cut after so many changes to the disk; negative: not at all.
    cut_after: i64,
    /// The same while the journal is opened again.
    cut_opening_after: i64,
    /// What becomes of the unsynced pieces, over and over.
    pieces: Vec<Piece>,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (1..20usize, 0..900usize).prop_map(|(records, bytes)| Step::Append { records, bytes }),
        1 => Just(Step::Append { records: 1, bytes: 30_000 }),
        3 => Just(Step::Commit),
        1 => Just(Step::Pause),
    ]
}

fn life() -> impl Strategy<Value = Life> {
    let piece = prop_oneof![Just(Piece::Kept), Just(Piece::Lost), Just(Piece::Garbled)];
    let steps = prop::collection::vec(step(), 1..25);
    let pieces = prop::collection::vec(piece, 1..40);
    (steps, -10..80i64, -5..12i64, pieces).prop_map(
        |(steps, cut_after, cut_opening_after, pieces)| Life {
            steps,
            cut_after,
            cut_opening_after,
            pieces,
        },
    )
}

fn payload(number: usize, bytes: usize) -> Vec<u8> {
    let mut payload = format!("{number}:").into_bytes();
    payload.resize(payload.len() + bytes, u8::try_from(number % 251).expect("small"));
    payload
}

/// The journal holds the first of what was appended, at least up to `committed`; forgets the rest.
fn check(journal: &Journal, model: &mut Vec<Vec<u8>>, committed: u64) {
    let last = journal.last();
    assert!(last >= committed, "{committed} was committed and {last} is the last");
    let last_index = usize::try_from(last).expect("few");
    assert!(last_index <= model.len(), "{last} of {}", model.len());
    model.truncate(last_index);
    let mut reader = journal.reader(1);
    let read = read_all(&mut reader);
    assert_eq!(reader.take_damage(), [], "a torn tail is no damage");
    assert_eq!(sequences(&read), (1..=last).collect::<Vec<_>>());
    for (record, appended) in read.iter().zip(&*model) {
        assert!(record.payload() == &appended[..], "record {}", record.sequence);
    }
    // Whoever asks beyond the data gets nothing, and what comes later.
    let mut beyond = journal.reader(last + 10);
    assert!(beyond.read(1 << 20).expect("readable").is_empty());
    drop(journal.pin("beyond", last + 100));
}

fn live(dir: &Path, life: &Life, model: &mut Vec<Vec<u8>>, committed: &mut u64) {
    let mut pieces = life.pieces.iter().cycle().copied();
    let mut chance = move || pieces.next().unwrap_or(Piece::Kept);
    // The power may be cut while the journal is mended.
    let faults = Arc::new(Faults::default());
    faults.cut_after(life.cut_opening_after);
    let disk = Disk { faults: Some(faults.clone()) };
    if let Ok(journal) = Journal::open_on(disk, dir, &config(), Arc::new(|| NOON)) {
        journal.close();
    }
    faults.tear(&mut chance);

    let faults = Arc::new(Faults::default());
    let journal = open_with(dir, &config(), &faults);
    check(&journal, model, *committed);
    faults.cut_after(life.cut_after);
    for step in &life.steps {
        match step {
            Step::Append { records, bytes } => {
                let mut draft = Draft::new();
                for _ in 0..*records {
                    let payload = payload(model.len(), *bytes);
                    draft.push(Kind::Message, "", "t", &payload);
                    model.push(payload);
                }
                let appended = journal.append(draft);
                assert_eq!(appended.last, model.len() as u64);
            }
            Step::Commit => {
                let done = journal.committed();
                eventually("committed or cut", || {
                    *done.borrow() == model.len() as u64 || faults.is_cut()
                });
            }
            Step::Pause => std::thread::sleep(Duration::from_millis(1)),
        }
    }
    let done = journal.committed();
    journal.close();
    *committed = *done.borrow();
    faults.tear(&mut chance);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, max_shrink_iters: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_was_committed_survives_every_power_cut(lives in prop::collection::vec(life(), 1..4)) {
        let dir = folder();
        let (mut model, mut committed) = (Vec::new(), 0);
        for life in &lives {
            live(dir.path(), life, &mut model, &mut committed);
        }
        let journal = open(dir.path());
        check(&journal, &mut model, committed);
        assert_eq!(journal.append(message(b"next")).first, model.len() as u64 + 1);
    }

    #[test]
    fn a_file_cut_short_loses_only_what_was_behind_the_cut(
        batches in prop::collection::vec((1..10usize, 0..400usize), 1..15),
        cut in 0.0..1.0f64,
    ) {
        let dir = folder();
        let journal = open(dir.path());
        let mut model = Vec::new();
        for (records, bytes) in batches {
            let mut draft = Draft::new();
            for _ in 0..records {
                let payload = payload(model.len(), bytes);
                draft.push(Kind::Message, "", "t", &payload);
                model.push(payload);
            }
            journal.append(draft);
            all_committed(&journal);
        }
        journal.close();
        let newest = crate::journal::segment::list(dir.path()).expect("listed").pop();
        let (first, path) = newest.expect("a segment");
        let bytes = fs::read(&path).expect("readable");
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss)]
        let keep = (bytes.len() as f64 * cut) as usize;
        // Half a header is damage, and has its own test.
        let keep = if keep < spor_schemas::recording::HEADER { 0 } else { keep };
        let mut whole = first - 1;
        while let Some((offset, head)) = spor_schemas::recording::find_record(&bytes, 0, &(whole + 1..=whole + 1)) {
            if offset + head.record_len() > keep {
                break;
            }
            whole += 1;
        }
        fs::File::options().write(true).open(&path).expect("opens").set_len(keep as u64).expect("cut");
        let journal = open(dir.path());
        prop_assert_eq!(journal.last(), whole);
        check(&journal, &mut model, whole);
        append_numbered(&journal, 20, 1000);
        all_committed(&journal);
        prop_assert_eq!(read_all(&mut journal.reader(1)).len() as u64, whole + 20);
    }
}
