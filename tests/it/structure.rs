//! Who may import whom: the rules of ARCHITECTURE.md.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

/// A part, and the other parts that it may name. Parts that join others are not listed here.
const MAY_IMPORT: &[(&str, &[&str])] = &[
    ("model", &[]),
    ("site", &["model"]),
    ("locate", &["model", "site"]),
    ("find", &["model", "site"]),
    ("utilisation", &["model", "site"]),
    ("broker", &["model"]),
    ("journal", &["model"]),
    ("live", &["model"]),
    ("storage", &["model", "clock"]),
    ("report", &["model"]),
    ("alerts", &["model", "storage", "clock"]),
    ("auth", &["model"]),
    ("privacy", &["model"]),
    ("ingest", &["model", "site", "privacy"]),
    (
        "pipeline",
        &[
            "model",
            "site",
            "journal",
            "ingest",
            "locate",
            "live",
            "privacy",
            "utilisation",
            "clock",
        ],
    ),
    (
        "api",
        &[
            "model",
            "site",
            "find",
            "utilisation",
            "ingest",
            "live",
            "storage",
            "auth",
            "privacy",
            "replay",
            "report",
            "clock",
        ],
    ),
    ("replay", &["model", "site", "journal", "ingest", "live", "pipeline"]),
    ("wall", &["model", "site", "live", "auth"]),
    ("clock", &[]),
    ("telemetry", &[]),
    ("shutdown", &[]),
];

/// What the pure parts must not touch: I/O, clocks, randomness.
const IMPURE: &[&str] = &["tokio", "std::fs", "std::net", "SystemTime", "Instant::now", "rand::"];
const PURE: &[&str] = &["model", "locate", "find", "utilisation", "report"];

fn files_of(part: &str) -> Vec<PathBuf> {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = vec![src.join(format!("{part}.rs"))];
    let mut folders = vec![src.join(part)];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            match entry.path() {
                path if path.is_dir() => folders.push(path),
                path => files.push(path),
            }
        }
    }
    files.retain(|f| f.extension().is_some_and(|e| e == "rs") && f.exists() && !is_test(f));
    files
}

/// Tests may join what the code may not.
fn is_test(path: &Path) -> bool {
    path.iter().any(|part| part == "tests" || part == "tests.rs")
}

/// The code in front of its tests, without comments.
fn code(path: &Path) -> String {
    let text = fs::read_to_string(path).expect("source");
    let code = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
    code.lines().map(|l| l.split("//").next().unwrap_or_default()).collect::<Vec<_>>().join("\n")
}

/// The parts named after `crate::`, also inside `use crate::{a, b::{c, d}}`.
fn parts_named(code: &str) -> BTreeSet<String> {
    let mut named = BTreeSet::new();
    for piece in code.split("crate::").skip(1) {
        match piece.strip_prefix('{') {
            None => named.extend(first_word(piece)),
            Some(group) => {
                let (mut depth, mut start) = (0, true);
                for (i, c) in group.char_indices() {
                    match c {
                        '}' if depth == 0 => break,
                        '{' => depth += 1,
                        '}' => depth -= 1,
                        ',' if depth == 0 => start = true,
                        c if start && depth == 0 && !c.is_whitespace() => {
                            named.extend(first_word(&group[i..]));
                            start = false;
                        }
                        _ => {}
                    }
                }
            }
        }
    }
    named
}

fn first_word(text: &str) -> Option<String> {
    let word: String = text.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
    (!word.is_empty()).then_some(word)
}

#[test]
fn every_part_names_only_the_parts_it_may() {
    let all: BTreeSet<&str> = MAY_IMPORT.iter().map(|(part, _)| *part).collect();
    let above = ["cli", "app", "config"];
    for (part, allowed) in MAY_IMPORT {
        let files = files_of(part);
        assert!(!files.is_empty(), "{part} has no files");
        for file in files {
            for named in parts_named(&code(&file)) {
                let is_part = all.contains(named.as_str()) || above.contains(&named.as_str());
                let fine = !is_part || named == *part || allowed.contains(&named.as_str());
                assert!(fine, "{} names {named}, which {part} may not", file.display());
            }
        }
    }
}

#[test]
fn the_pure_parts_touch_no_clock_no_chance_and_no_file() {
    for part in PURE {
        for file in files_of(part) {
            let code = code(&file);
            for word in IMPURE {
                assert!(!code.contains(word), "{} names {word}", file.display());
            }
        }
    }
}

#[test]
fn only_main_names_the_command_line_and_only_the_command_line_names_the_app() {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut folders = vec![src.clone()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).expect("src").flatten() {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            if path.extension().is_none_or(|e| e != "rs") {
                continue;
            }
            let inside = path.strip_prefix(&src).expect("below src");
            let named = parts_named(&code(&path));
            assert!(!named.contains("cli"), "{} names cli", path.display());
            let of_cli = inside.starts_with("cli") || inside == Path::new("cli.rs");
            let of_app = inside.starts_with("app") || inside == Path::new("app.rs");
            assert!(!named.contains("app") || of_cli || of_app, "{} names app", path.display());
        }
    }
}

#[test]
fn the_rule_reader_reads_grouped_imports() {
    let named =
        parts_named("use crate::{model::{A, B}, site::Site,\n live};\nfn f(x: crate::api::X) {}");
    assert_eq!(named.into_iter().collect::<Vec<_>>(), ["api", "live", "model", "site"]);
}
