//! What processes use, as `/proc` tells it: CPU time in steps of 10 ms, bytes handed to the disk.

use std::{fs, time::Duration};

/// Of one process, or of one and all that it started.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Usage {
    pub(crate) cpu: Duration,
    /// Sent to the disk, or about to be.
    pub(crate) written: u64,
}

impl Usage {
    /// Of a process with those of its children that have ended.
    pub(crate) fn of(process: u32) -> Self {
        let ticks: u64 = fields(process).iter().skip(11).take(4).sum();
        let io = fs::read_to_string(format!("/proc/{process}/io")).unwrap_or_default();
        let written = io.lines().find_map(|line| line.strip_prefix("write_bytes: "));
        Self {
            cpu: Duration::from_millis(ticks * 10),
            written: written.and_then(|bytes| bytes.parse().ok()).unwrap_or(0),
        }
    }

    /// Of a PostgreSQL server: its first process and all backends, also those that have ended.
    pub(crate) fn of_postgres(first: u32) -> Self {
        let all = fs::read_dir("/proc").into_iter().flatten().flatten();
        let processes = all.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
        let children =
            processes.filter(|process| fields(*process).get(1) == Some(&u64::from(first)));
        children.map(Self::of).fold(Self::of(first), |sum, one| Self {
            cpu: sum.cpu + one.cpu,
            written: sum.written + one.written,
        })
    }

    /// What was used since.
    pub(crate) fn since(self, before: Self) -> Self {
        Self {
            cpu: self.cpu.saturating_sub(before.cpu),
            written: self.written.saturating_sub(before.written),
        }
    }
}

/// The numbers of `/proc/PID/stat` from the state on, which counts as 0.
fn fields(process: u32) -> Vec<u64> {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    let behind_name = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
    behind_name.split_whitespace().map(|field| field.parse().unwrap_or(0)).collect()
}

/// The most memory that the process has had, bytes.
pub(crate) fn peak_memory(process: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib = line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
    kib.unwrap_or(0) * 1024
}
