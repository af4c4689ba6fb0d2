//! Appending, committing and reading while nothing fails.

use super::*;
use spor_schemas::recording::VERSION;

#[test]
fn what_was_appended_is_read_back_in_order_also_after_reopening() {
    let dir = folder();
    let journal = open(dir.path());
    let id = journal.id();
    append_numbered(&journal, 500, 200);
    all_committed(&journal);
    let read = read_all(&mut journal.reader(1));
    assert_eq!(sequences(&read), (1..=500).collect::<Vec<_>>());
    assert!(read.iter().all(|r| number_of(r) == r.sequence));
    assert_eq!(read[0].source(), "gateway-1");
    assert_eq!(read[0].topic(), "spor/v1/tags/pump-1/position");
    assert_eq!((read[0].kind, read[0].received_ms), (Kind::Message, NOON));
    assert!(std::fs::read_dir(dir.path()).expect("folder").count() > 6, "many segments");
    journal.close();

    let journal = open(dir.path());
    assert_eq!(journal.id(), id);
    assert_eq!((journal.oldest(), journal.last()), (1, 500));
    assert_eq!(journal.append(message(b"501")).first, 501);
    all_committed(&journal);
    let again = read_all(&mut journal.reader(1));
    assert_eq!(&again[..500], &read[..]);
    assert_eq!(number_of(&again[500]), 501);
}

#[test]
fn a_reader_starts_anywhere_and_waits_where_the_data_ends() {
    let dir = folder();
    let journal = open(dir.path());
    append_numbered(&journal, 300, 200);
    all_committed(&journal);
    for from in [1, 2, 77, 150, 299, 300] {
        let read = read_all(&mut journal.reader(from));
        assert_eq!(sequences(&read), (from..=300).collect::<Vec<_>>());
    }
    let mut ahead = journal.reader(305);
    assert!(ahead.read(1 << 20).expect("readable").is_empty());
    assert_eq!((ahead.position(), ahead.missed()), (305, 0));
    append_numbered(&journal, 10, 200);
    all_committed(&journal);
    assert_eq!(sequences(&read_all(&mut ahead)), (305..=310).collect::<Vec<_>>());
}

#[test]
fn a_draft_of_several_records_keeps_together_and_an_empty_one_adds_none() {
    let dir = folder();
    let journal = open(dir.path());
    let mut draft = Draft::with_capacity(1000);
    draft.push(Kind::Tick, "", "", b"");
    draft.push(Kind::Registry, "api", "", b"{}");
    assert_eq!((draft.len(), draft.is_empty()), (2, false));
    let appended = journal.append(draft);
    assert_eq!((appended.first, appended.last), (1, 2));
    let none = journal.append(Draft::new());
    assert_eq!((none.first, none.last), (3, 2));
    all_committed(&journal);
    let kinds: Vec<_> = read_all(&mut journal.reader(1)).iter().map(|r| r.kind).collect();
    assert_eq!(kinds, [Kind::Tick, Kind::Registry]);
}

#[test]
fn a_record_larger_than_a_segment_gets_one_of_its_own() {
    let dir = folder();
    let journal = open(dir.path());
    append_numbered(&journal, 3, 100);
    append_numbered(&journal, 1, 100_000);
    append_numbered(&journal, 3, 100);
    all_committed(&journal);
    let read = read_all(&mut journal.reader(1));
    assert_eq!(read.iter().map(number_of).collect::<Vec<_>>(), (1..=7).collect::<Vec<_>>());
    assert_eq!(read[3].payload().len(), 100_000);
    journal.close();
    assert_eq!(read_all(&mut open(dir.path()).reader(1)), read);
}

#[test]
fn a_single_append_waits_for_one_flush_and_no_timer() {
    let dir = folder();
    let faults = Arc::new(Faults::default());
    let journal = open_with(dir.path(), &config(), &faults);
    prepared(dir.path());
    let before = faults.syncs.load(Ordering::SeqCst);
    append_numbered(&journal, 1, 100);
    all_committed(&journal);
    assert_eq!(faults.syncs.load(Ordering::SeqCst), before + 1);
}

#[test]
fn what_gathers_while_the_disk_is_busy_shares_the_next_flush_and_nobody_waits_to_append() {
    let dir = folder();
    let faults = Arc::new(Faults::default());
    let journal = open_with(dir.path(), &config(), &faults);
    prepared(dir.path());
    let before = faults.syncs.load(Ordering::SeqCst);
    faults.sync_takes_ms.store(500, Ordering::SeqCst);
    append_numbered(&journal, 1, 100);
    eventually("the first flush runs", || faults.syncs.load(Ordering::SeqCst) > before);
    let started = Instant::now();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| append_numbered(&journal, 25, 50));
        }
    });
    assert!(started.elapsed() < Duration::from_millis(400), "{:?}", started.elapsed());
    assert_eq!(*journal.committed().borrow(), 0, "the first flush still runs");
    all_committed(&journal);
    assert_eq!(faults.syncs.load(Ordering::SeqCst), before + 2);
    assert_eq!(read_all(&mut journal.reader(1)).len(), 101);
}

#[test]
fn a_commit_waits_for_company_when_it_is_told_to() {
    let dir = folder();
    let faults = Arc::new(Faults::default());
    let journal = open_with(dir.path(), &Config { gather_ms: 500, ..config() }, &faults);
    prepared(dir.path());
    let before = faults.syncs.load(Ordering::SeqCst);
    append_numbered(&journal, 1, 100);
    std::thread::sleep(Duration::from_millis(50));
    append_numbered(&journal, 1, 100);
    all_committed(&journal);
    assert_eq!(faults.syncs.load(Ordering::SeqCst), before + 1);
}

#[test]
fn there_is_no_room_while_too_much_waits_for_the_disk() {
    let dir = folder();
    let faults = Arc::new(Faults::default());
    let journal = open_with(dir.path(), &Config { unsynced_bytes: 1000, ..config() }, &faults);
    let room = journal.room();
    assert!(*room.borrow());
    faults.sync_takes_ms.store(100, Ordering::SeqCst);
    append_numbered(&journal, 20, 100);
    assert!(!*room.borrow());
    all_committed(&journal);
    assert!(*room.borrow());
    assert_eq!(*journal.trouble().borrow(), None);
}

#[test]
fn the_time_of_receipt_never_decreases_also_across_restarts() {
    let dir = folder();
    let hands = Hands::at(NOON);
    let journal = Journal::open(dir.path(), &config(), hands.clock()).expect("opens");
    assert_eq!(journal.append(message(b"1")).received_ms, NOON);
    hands.set(NOON - 5000);
    assert_eq!(journal.append(message(b"2")).received_ms, NOON);
    journal.close();
    let journal = Journal::open(dir.path(), &config(), hands.clock()).expect("opens");
    assert_eq!(journal.append(message(b"3")).received_ms, NOON);
    hands.set(NOON + 1);
    assert_eq!(journal.append(message(b"4")).received_ms, NOON + 1);
}

#[test]
fn several_threads_append_and_each_record_is_read_once() {
    let dir = folder();
    let journal = open(dir.path());
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let journal = &journal;
            scope.spawn(move || {
                for number in 0..500 {
                    journal.append(message(format!("{thread}-{number}").as_bytes()));
                }
            });
        }
    });
    all_committed(&journal);
    let read = read_all(&mut journal.reader(1));
    assert_eq!(sequences(&read), (1..=2000).collect::<Vec<_>>());
    for thread in 0..4 {
        let of_thread: Vec<_> = read
            .iter()
            .filter_map(|r| {
                String::from_utf8_lossy(r.payload())
                    .strip_prefix(&format!("{thread}-"))?
                    .parse::<u32>()
                    .ok()
            })
            .collect();
        assert_eq!(of_thread, (0..500).collect::<Vec<_>>(), "in the thread's own order");
    }
}

#[tokio::test]
async fn a_waiting_reader_wakes_for_a_commit_and_ends_with_the_journal() {
    let dir = folder();
    let journal = open(dir.path());
    let mut reader = journal.reader(1);
    let waiting = tokio::spawn(async move {
        let first = reader.wait().await;
        let read = reader.read(1 << 20).expect("readable");
        (first, read.len(), reader.wait().await)
    });
    tokio::time::sleep(Duration::from_millis(50)).await;
    append_numbered(&journal, 1, 10);
    tokio::time::sleep(Duration::from_millis(300)).await;
    tokio::task::spawn_blocking(move || journal.close()).await.expect("closes");
    let outcome = tokio::time::timeout(Duration::from_secs(10), waiting).await;
    assert_eq!(outcome.expect("in time").expect("no panic"), (true, 1, false));
}

#[test]
fn closing_commits_what_waits_once_for_all_clones() {
    let dir = folder();
    let journal = open(dir.path());
    let other = journal.clone();
    append_numbered(&journal, 50, 100);
    journal.close();
    assert_eq!(*other.committed().borrow(), 50);
    other.append(message(b"too late"));
    other.close();
    assert_eq!(open(dir.path()).last(), 50);
}

#[test]
fn the_threads_end_when_the_last_clone_is_dropped() {
    fn threads() -> usize {
        let tasks = std::fs::read_dir("/proc/self/task").into_iter().flatten().flatten();
        tasks
            .filter_map(|task| std::fs::read_to_string(task.path().join("comm")).ok())
            .filter(|name| name.starts_with("ends-"))
            .count()
    }
    let dir = folder();
    let config = Config { name: "ends", ..config() };
    let journal = Journal::open(dir.path(), &config, Hands::at(NOON).clock()).expect("opens");
    if cfg!(target_os = "linux") {
        eventually("both threads run", || threads() == 2);
    }
    let reader = journal.reader(1);
    drop(journal);
    eventually("no thread is left", || threads() == 0);
    drop(reader);
}

#[test]
fn a_newer_format_is_refused_and_left_as_it_is() {
    let dir = folder();
    let path = crate::journal::segment::path_of(dir.path(), 1);
    let mut header =
        spor_schemas::recording::Header { id: [7; 16], first: 1, first_ms: 0 }.encode();
    header[8..12].copy_from_slice(&(VERSION + 1).to_le_bytes());
    let crc = crc32fast::hash(&header[..60]);
    header[60..].copy_from_slice(&crc.to_le_bytes());
    std::fs::write(&path, header).expect("written");
    let refused = Journal::open(dir.path(), &config(), || NOON);
    assert!(matches!(refused, Err(crate::journal::JournalError::Version { .. })), "{refused:?}");
    assert_eq!(std::fs::read(&path).expect("still there"), header);
}
