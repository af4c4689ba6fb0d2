//! Migrations, reporting views and housekeeping on a real TimescaleDB, which Node runs in WebAssembly.

use crate::support::tool;
use std::{
    fs,
    path::Path,
    process::{Command, Output},
};

#[test]
fn the_sql_works_on_timescaledb() {
    let (Some(node), Some(npm)) = (tool("node"), tool("npm")) else { return };
    let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/timescale");
    // In the target folder, so that the package is fetched once, and never into the tree.
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("timescale");
    fs::create_dir_all(&folder).unwrap();
    for name in ["package.json", "check.mjs"] {
        fs::copy(sources.join(name), folder.join(name)).unwrap();
    }
    let installed = Command::new(npm)
        .args(["install", "--no-audit", "--no-fund", "--no-package-lock", "--ignore-scripts"])
        .args(["--prefer-offline", "--fetch-retries=1", "--fetch-retry-mintimeout=500"])
        .current_dir(&folder)
        .output()
        .unwrap();
    if !installed.status.success() {
        let said = said(&installed);
        assert!(std::env::var_os("CI").is_none(), "npm can't install TimescaleDB: {said}");
        let reason = said.lines().next().unwrap_or_default();
        eprintln!("SKIPPED: npm can't install TimescaleDB: {reason}");
        return;
    }
    let database = Path::new(env!("CARGO_MANIFEST_DIR")).join("schemas/database");
    let checked =
        Command::new(node).arg("check.mjs").arg(database).current_dir(&folder).output().unwrap();
    let said = said(&checked);
    assert!(checked.status.success() && said.contains("ok: TimescaleDB"), "{said}");
    println!("{said}");
}

fn said(output: &Output) -> String {
    [&output.stdout, &output.stderr].map(|text| String::from_utf8_lossy(text)).concat()
}
