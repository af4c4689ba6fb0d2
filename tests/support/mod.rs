//! The built program in a folder and on ports of its own, and the real parts around it.

#![allow(clippy::unwrap_used, dead_code)]

pub(crate) mod browser;
pub(crate) mod client;
pub(crate) mod disk;
pub(crate) mod fetched;
pub(crate) mod mosquitto;
pub(crate) mod past;
pub(crate) mod postgres;
pub(crate) mod program;
pub(crate) mod publisher;
pub(crate) mod site;
pub(crate) mod tls;

pub(crate) use program::Spor;

use std::{
    path::PathBuf,
    time::{Duration, Instant},
};

/// Awaits a condition; names it when it does not come true within `seconds`.
pub(crate) async fn until<T>(
    what: &str,
    seconds: u64,
    mut check: impl AsyncFnMut() -> Option<T>,
) -> T {
    let deadline = Instant::now() + Duration::from_secs(seconds);
    loop {
        if let Some(value) = check().await {
            return value;
        }
        assert!(Instant::now() < deadline, "not within {seconds} s: {what}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// The tool's path; none: the test is skipped, which it says, and fails where `CI` is set.
pub(crate) fn tool(name: &str) -> Option<PathBuf> {
    let folders = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&folders)
        .chain([PathBuf::from("/usr/sbin")])
        .map(|folder| folder.join(name))
        .find(|path| path.exists());
    if found.is_none() {
        assert!(std::env::var_os("CI").is_none(), "{name} is missing, and this is CI");
        eprintln!("SKIPPED: {name} is not installed");
    }
    found
}

/// Another program of the workspace, built beside this one by `cargo test`; none: the test is skipped,
/// as for a missing [`tool`].
pub(crate) fn built(name: &str) -> Option<PathBuf> {
    let path = PathBuf::from(env!("CARGO_BIN_EXE_spor")).with_file_name(name);
    if !path.exists() {
        assert!(std::env::var_os("CI").is_none(), "{name} is not built, and this is CI");
        eprintln!(
            "SKIPPED: {name} is not built; `cargo test` without a choice of packages builds it"
        );
        return None;
    }
    Some(path)
}

/// The names of all processes whose command line holds `text`.
pub(crate) fn processes_with(text: &str) -> Vec<String> {
    let Ok(processes) = std::fs::read_dir("/proc") else { return Vec::new() };
    processes
        .flatten()
        .filter_map(|process| std::fs::read(process.path().join("cmdline")).ok())
        .map(|line| String::from_utf8_lossy(&line).replace('\0', " "))
        .filter(|line| line.contains(text))
        .collect()
}
