//! Who holds a cluster: what its lock file `postmaster.pid` says, held against the processes that live.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

/// What the lock file says of a living server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Lock {
    pub(crate) pid: i32,
    pub(crate) port: u16,
    pub(crate) socket: PathBuf,
    /// True when it listens on TCP too.
    pub(crate) tcp: bool,
    /// True when it is going down.
    pub(crate) stopping: bool,
}

/// Who holds the cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Holder {
    /// No one, or a process that is gone: PostgreSQL clears that up itself.
    NoOne,
    /// A living server.
    Server(Lock),
    /// A dead server whose parent hasn't reaped it; PostgreSQL would take it for alive.
    Zombie(i32),
    /// The number belongs to another program by now; PostgreSQL would take it for a server.
    Stranger(i32),
}

/// Who holds `cluster` now.
pub(crate) fn holder(cluster: &Path) -> Holder {
    let Ok(text) = fs::read_to_string(cluster.join("postmaster.pid")) else { return Holder::NoOne };
    let Some(lock) = parse(&text) else { return Holder::NoOne };
    if !Path::new("/proc/self/stat").exists() {
        return if is_alive(lock.pid) { Holder::Server(lock) } else { Holder::NoOne };
    }
    match state(lock.pid) {
        None | Some('X') => Holder::NoOne,
        Some('Z') => Holder::Zombie(lock.pid),
        Some(_) => match works_in(lock.pid, cluster) {
            Some(false) => Holder::Stranger(lock.pid),
            _ => Holder::Server(lock),
        },
    }
}

/// True while any process works in `cluster`: a dead server's backends need a moment to notice.
pub(crate) fn has_workers(cluster: &Path) -> bool {
    let Ok(processes) = fs::read_dir("/proc") else { return false };
    processes.flatten().any(|process| {
        process.file_name().to_str().and_then(|name| name.parse().ok()).is_some_and(|pid: i32| {
            works_in(pid, cluster) == Some(true) && state(pid).is_some_and(|state| state != 'Z')
        })
    })
}

/// True while `pid` is a process that isn't dead.
pub(crate) fn is_alive(pid: i32) -> bool {
    if let Some(state) = state(pid) {
        return state != 'Z' && state != 'X';
    }
    let Some(pid) = rustix::process::Pid::from_raw(pid) else { return false };
    match rustix::process::test_kill_process(pid) {
        Ok(()) => true,
        Err(error) => io::Error::from(error).kind() == io::ErrorKind::PermissionDenied,
    }
}

/// The lines of `postmaster.pid`: pid, folder, start, port, socket folder, address, memory, state.
fn parse(text: &str) -> Option<Lock> {
    let lines: Vec<&str> = text.lines().map(str::trim).collect();
    let line = |n: usize| lines.get(n).copied().unwrap_or_default();
    Some(Lock {
        pid: line(0).parse().ok().filter(|pid| *pid > 0)?,
        port: line(3).parse().unwrap_or_default(),
        socket: PathBuf::from(line(4)),
        tcp: !line(5).is_empty(),
        stopping: line(7) == "stopping",
    })
}

/// The state letter in `/proc/PID/stat`, after the program's name in brackets.
fn state(pid: i32) -> Option<char> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    stat.rsplit_once(')')?.1.trim_start().chars().next()
}

/// Whether a process's working folder is `cluster`, as that of every PostgreSQL process is; none: unknown.
fn works_in(pid: i32, cluster: &Path) -> Option<bool> {
    let folder = fs::read_link(format!("/proc/{pid}/cwd")).ok()?;
    Some(folder == cluster.canonicalize().ok()?)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn folder_with_lock(pid: i32) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        let text = format!("{pid}\n/data\n1700000000\n5432\n/run/spor-1\n\n  1 2\nready   \n");
        fs::write(folder.path().join("postmaster.pid"), text).unwrap();
        folder
    }

    #[test]
    fn the_lock_file_is_read() {
        let lock = parse("12\n/data\n1\n5433\n/run/x\n127.0.0.1\n 1 2\nstopping\n").unwrap();
        let socket = PathBuf::from("/run/x");
        assert_eq!(lock, Lock { pid: 12, port: 5433, socket, tcp: true, stopping: true });
        assert_eq!(parse(""), None);
    }

    #[test]
    fn a_number_that_another_program_has_by_now_is_no_server() {
        let own = i32::try_from(std::process::id()).unwrap();
        assert_eq!(holder(folder_with_lock(own).path()), Holder::Stranger(own));
    }

    #[test]
    fn a_zombie_is_told_from_a_server() {
        let mut child = std::process::Command::new("true").spawn().unwrap();
        let pid = i32::try_from(child.id()).unwrap();
        let folder = folder_with_lock(pid);
        while state(pid) != Some('Z') {
            std::thread::yield_now();
        }
        assert_eq!(holder(folder.path()), Holder::Zombie(pid));
        child.wait().unwrap();
        assert_eq!(holder(folder.path()), Holder::NoOne);
    }
}
