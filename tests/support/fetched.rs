//! Tools and libraries that a test fetches for itself, once, at a pinned version.

use super::tool;
use std::{
    path::{Path, PathBuf},
    process::Command,
};

/// A folder that outlives a run, so that a library is fetched once.
pub(crate) fn folder(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

/// True when the command worked; otherwise the test is skipped, which is said, and fails in CI.
pub(crate) fn prepared(what: &str, command: &mut Command) -> bool {
    let output = command.output().unwrap();
    let failed = String::from_utf8_lossy(&output.stderr);
    if !output.status.success() {
        assert!(std::env::var_os("CI").is_none(), "{what}: {failed}, and this is CI");
        eprintln!("SKIPPED: {what}: {}", failed.lines().last().unwrap_or_default());
    }
    output.status.success()
}

/// The Python of an environment of its own in which `module` of the package `pinned` is.
pub(crate) fn python_with(name: &str, pinned: &str, module: &str) -> Option<PathBuf> {
    let environment = folder(name);
    let python = environment.join("bin/python");
    let has_module = |python: &Path| {
        let asked = Command::new(python).args(["-c", &format!("import {module}")]).output();
        asked.is_ok_and(|output| output.status.success())
    };
    if has_module(&python) {
        return Some(python);
    }
    let mut venv = Command::new(tool("python3")?);
    let pip = ["-m", "pip", "install", "--quiet", pinned];
    let made = prepared("python3 -m venv", venv.args(["-m", "venv"]).arg(&environment))
        && prepared(&format!("pip install {pinned}"), Command::new(&python).args(pip));
    made.then_some(python)
}
