//! The built program: what it says, where, and with which exit code.

#![allow(clippy::unwrap_used)]

use std::{
    path::Path,
    process::{Command, Output, Stdio},
};

fn firmware_sim(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_firmware-sim"));
    command.args(arguments).stdin(Stdio::null()).output().unwrap()
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

fn scenario(folder: &Path, more: &str) -> String {
    let file = folder.join("mine.toml");
    let least = "name = \"x\"\nstart = 2026-11-02T00:00:00+01:00\nduration = \"10s\"\n";
    std::fs::write(&file, format!("{least}{more}")).unwrap();
    file.to_str().unwrap().to_owned()
}

#[test]
fn a_scenario_that_makes_no_sense_ends_every_command_with_2_and_names_file_and_key() {
    let folder = tempfile::tempdir().unwrap();
    let file = scenario(folder.path(), "[[faults]]\nkind = \"broker_restart\"\nfloors = [1]\n");
    for command in [&["check"] as &[_], &["run", "--scenario"], &["record", "--scenario"]] {
        let done = firmware_sim(&[command, &[&file]].concat());
        assert_eq!(done.status.code(), Some(2), "{command:?}");
        let told = text(&done.stderr);
        assert!(told.contains("mine.toml"), "{told}");
        assert!(told.contains("faults[0].floors: broker_restart hits everybody"), "{told}");
    }
}

#[test]
fn help_tells_what_every_command_is_for_and_every_option_of_run() {
    let help = firmware_sim(&["--help"]);
    for command in ["site", "run", "record", "scenarios", "assets", "check", "load"] {
        assert!(text(&help.stdout).contains(&format!("\n  {command}")), "{command}");
    }
    let help = firmware_sim(&["run", "--help"]);
    let told = text(&help.stdout);
    for option in ["--scenario", "--speed", "--truth", "--restart-command", "broker_restart"] {
        assert!(told.contains(option), "{option}: {told}");
    }
}

#[test]
fn a_run_without_terminal_and_broker_ends_in_time_and_tells_what_waits_in_plain_lines() {
    let folder = tempfile::tempdir().unwrap();
    let file = scenario(folder.path(), "[assets]\ncount = 20\n[staff]\ncount = 5\n");
    let run = ["run", "--scenario", &file, "--broker", "127.0.0.1:1", "--seconds", "2"];
    let done = firmware_sim(&run);
    assert_eq!((done.status.code(), text(&done.stdout)), (Some(0), ""));
    let told = text(&done.stderr);
    assert!(!told.contains(['\u{1b}', '\r']), "{told:?}");
    let last = told.lines().last().unwrap();
    assert!(last.contains("published 0  acknowledged 0  waiting "), "{told}");
}
