//! A disk that says no: nothing is acknowledged, nothing is lost, and work resumes by itself.

use super::*;
use std::process::Command;

fn recovers_from(fault: impl Fn(&Faults, bool)) {
    let dir = folder();
    let faults = Arc::new(Faults::default());
    let journal = open_with(dir.path(), &config(), &faults);
    append_numbered(&journal, 100, 200);
    all_committed(&journal);

    fault(&faults, true);
    append_numbered(&journal, 200, 200);
    eventually("trouble is told", || journal.trouble().borrow().is_some());
    append_numbered(&journal, 50, 200);
    std::thread::sleep(Duration::from_millis(1300));
    assert_eq!(*journal.committed().borrow(), 100, "nothing is acknowledged");
    assert!(!*journal.room().borrow());
    assert_eq!(read_all(&mut journal.reader(1)).len(), 100);

    fault(&faults, false);
    all_committed(&journal);
    assert_eq!(*journal.trouble().borrow(), None);
    assert!(*journal.room().borrow());
    append_numbered(&journal, 50, 200);
    all_committed(&journal);
    assert_eq!(faults.written_after_failure.load(Ordering::SeqCst), 0, "no second try on a file");
    let read = read_all(&mut journal.reader(1));
    assert_eq!(read.iter().map(number_of).collect::<Vec<_>>(), (1..=400).collect::<Vec<_>>());
    let found = crate::journal::inspect::segments(dir.path(), true).expect("readable");
    assert!(found.iter().all(|segment| segment.damage.is_empty()), "{found:?}");
    assert_eq!(found.iter().map(|segment| segment.records).sum::<u64>(), 400);
    journal.close();
    assert_eq!(read_all(&mut open(dir.path()).reader(1)), read);
}

#[test]
fn a_failed_sync_is_never_tried_again_on_the_same_file() {
    recovers_from(|faults, fails| faults.fail_syncs.store(fails, Ordering::SeqCst));
}

#[test]
fn a_failed_write_is_never_tried_again_on_the_same_file() {
    recovers_from(|faults, fails| faults.fail_writes.store(fails, Ordering::SeqCst));
}

#[test]
fn a_journal_in_trouble_closes_and_keeps_what_it_acknowledged() {
    let dir = folder();
    let faults = Arc::new(Faults::default());
    let journal = open_with(dir.path(), &config(), &faults);
    append_numbered(&journal, 100, 200);
    all_committed(&journal);
    faults.fail_syncs.store(true, Ordering::SeqCst);
    append_numbered(&journal, 10, 200);
    eventually("trouble is told", || journal.trouble().borrow().is_some());
    let started = Instant::now();
    journal.close();
    assert!(started.elapsed() < Duration::from_secs(5));
    let journal = open(dir.path());
    assert!((100..=110).contains(&journal.last()), "{}", journal.last());
    let read = read_all(&mut journal.reader(1));
    assert_eq!(
        read.iter().map(number_of).collect::<Vec<_>>(),
        (1..=journal.last()).collect::<Vec<_>>()
    );
}

/// A file system in memory, gone when dropped.
struct SmallDisk(TempDir);

impl SmallDisk {
    /// None, and said, where this machine doesn't let us mount.
    fn mount(kib: u32) -> Option<Self> {
        let dir = folder();
        let size = format!("size={kib}k");
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &size, "tmpfs"])
            .arg(dir.path())
            .output();
        if mounted.as_ref().is_ok_and(|done| done.status.success()) {
            return Some(Self(dir));
        }
        assert!(std::env::var("CI").as_deref() != Ok("true"), "no tmpfs to fill: {mounted:?}");
        eprintln!("skipped: a tmpfs can't be mounted here (root can): {mounted:?}");
        None
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(self.0.path()).status();
    }
}

#[test]
fn a_full_disk_stops_acknowledging_and_goes_on_when_there_is_room() {
    let Some(disk) = SmallDisk::mount(512) else { return };
    let dir = disk.0.path().join("journal");
    let ballast = disk.0.path().join("ballast");
    std::fs::write(&ballast, vec![1; 256 << 10]).expect("fits");
    let journal = open(&dir);
    let pin = journal.pin("storage", 1);
    let mut appended = 0;
    eventually("the disk is full", || {
        append_numbered(&journal, 20, 200);
        appended += 20;
        std::thread::sleep(Duration::from_millis(2));
        journal.trouble().borrow().is_some()
    });
    assert_eq!(journal.trouble().borrow().as_deref(), Some("the journal's disk is full"));
    assert!(!*journal.room().borrow());
    let kept = *journal.committed().borrow();
    assert!(kept > 100 && kept < appended, "{kept} of {appended}");
    std::thread::sleep(Duration::from_millis(1500));
    assert_eq!(*journal.committed().borrow(), kept);
    assert_eq!(journal.oldest(), 1, "nothing old is dropped");
    assert_eq!(read_all(&mut journal.reader(1)).len() as u64, kept);

    std::fs::remove_file(&ballast).expect("removed");
    all_committed(&journal);
    assert_eq!(*journal.trouble().borrow(), None);
    let read = read_all(&mut journal.reader(1));
    assert_eq!(read.iter().map(number_of).collect::<Vec<_>>(), (1..=appended).collect::<Vec<_>>());
    drop(pin);
    journal.close();
    assert_eq!(open(&dir).last(), appended);
}
