//! What is promised of tokens, passwords and codes.

use super::*;
use std::{fs, os::unix::fs::PermissionsExt};

fn opened(folder: &tempfile::TempDir) -> Tokens {
    Tokens::open(folder.path()).expect("opened")
}

#[test]
fn a_token_is_good_until_it_is_revoked() {
    let folder = tempfile::tempdir().expect("a folder");
    let tokens = opened(&folder);
    assert!(tokens.is_empty());
    let plain = tokens.add("board C1", Role::Wall).expect("added");
    let board =
        Principal { name: "board C1".to_owned(), role: Role::Wall, scope: Scope::default() };
    assert_eq!(tokens.verify(&plain), Some(board));
    assert_eq!(tokens.verify("spor_"), None);
    assert_eq!(tokens.verify(&format!("{plain} ")), None);
    assert!(matches!(tokens.add("board C1", Role::Admin), Err(AuthError::Taken(_))));
    tokens.revoke("board C1").expect("revoked");
    assert_eq!(tokens.verify(&plain), None);
    assert!(tokens.is_empty());
    assert!(matches!(tokens.revoke("board C1"), Err(AuthError::NoSuchToken(_))));
    tokens.add("board C1", Role::Wall).expect("the name is free again");
}

#[test]
fn the_file_keeps_digests_only_and_is_private() {
    let folder = tempfile::tempdir().expect("a folder");
    let tokens = opened(&folder);
    let plain = tokens.add("a", Role::Coordinator).expect("added");
    tokens.add_person("anna", Role::Porter, "correct horse").expect("added");
    let code = tokens.enroll("a").expect("a code");
    let path = folder.path().join("tokens.toml");
    let text = fs::read_to_string(&path).expect("readable");
    for secret in [&plain[PREFIX.len()..], "correct horse", &code, &code.replace('-', "")] {
        assert!(!text.contains(secret), "{text}");
    }
    let mode = fs::metadata(&path).expect("there").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[test]
fn what_another_process_changed_is_noticed() {
    let folder = tempfile::tempdir().expect("a folder");
    let (serving, command) = (opened(&folder), opened(&folder));
    let plain = command.add("a", Role::Porter).expect("added");
    assert!(serving.verify(&plain).is_some());
    command.revoke("a").expect("revoked");
    assert!(serving.verify(&plain).is_none());
}

#[test]
fn a_broken_file_is_an_error_at_the_start_and_changes_nothing_later() {
    let folder = tempfile::tempdir().expect("a folder");
    let tokens = opened(&folder);
    let plain = tokens.add("a", Role::Porter).expect("added");
    fs::write(folder.path().join("tokens.toml"), "token = 7").expect("written");
    assert!(tokens.verify(&plain).is_some());
    assert!(matches!(Tokens::open(folder.path()), Err(AuthError::Malformed { .. })));
}

#[test]
fn a_file_from_before_scopes_and_passwords_is_read() {
    let folder = tempfile::tempdir().expect("a folder");
    let sha256 = secret::digest("spor_old");
    let text = format!(
        "[[token]]\nname = \"a\"\nrole = \"wall\"\nsha256 = \"{sha256}\"\ncreated = \"2026-01-01T00:00:00Z\"\n"
    );
    fs::write(folder.path().join("tokens.toml"), text).expect("written");
    let held = opened(&folder).verify("spor_old").expect("good");
    assert!(held.scope.is_everything());
}

#[test]
fn a_walls_scope_is_kept_and_no_other_role_has_one() {
    let folder = tempfile::tempdir().expect("a folder");
    let scope = Scope { wards: vec!["C1".parse().expect("a ward")], ..Scope::default() };
    let plain = opened(&folder).add_within("c1", Role::Wall, scope.clone()).expect("added");
    assert_eq!(opened(&folder).verify(&plain).map(|held| held.scope), Some(scope.clone()));
    let refused = opened(&folder).add_within("anna", Role::Porter, scope);
    assert!(matches!(refused, Err(AuthError::Scope("porter"))));
}

#[test]
fn a_person_comes_in_by_name_and_password_only() {
    let folder = tempfile::tempdir().expect("a folder");
    let tokens = opened(&folder);
    tokens.add_person("anna", Role::Porter, "correct horse").expect("added");
    let token = tokens.add("script", Role::Engineer).expect("added");
    let anna = tokens.log_in("anna", "correct horse").expect("in");
    assert_eq!((anna.principal.name.as_str(), anna.principal.role), ("anna", Role::Porter));
    for (name, password) in
        [("anna", "correct hors"), ("bo", "correct horse"), ("anna", ""), ("script", &token)]
    {
        assert_eq!(tokens.log_in(name, password), None, "{name}");
    }
    assert_eq!(tokens.bearer("anna", &anna.key), Some(anna.principal));
    tokens.revoke("anna").expect("revoked");
    assert_eq!(tokens.log_in("anna", "correct horse"), None);
    tokens.add_person("anna", Role::Porter, "correct horse").expect("made anew");
    assert_eq!(tokens.bearer("anna", &anna.key), None, "another one of that name");
    assert!(matches!(tokens.add_person("bo", Role::Porter, "short"), Err(AuthError::Password(_))));
}

#[test]
fn a_code_lets_in_once_and_not_after_its_token_is_revoked() {
    let folder = tempfile::tempdir().expect("a folder");
    let (serving, command) = (opened(&folder), opened(&folder));
    let plain = command.add("wall", Role::Wall).expect("added");
    let code = command.enroll("wall").expect("a code");
    assert_eq!(serving.redeem("AAAAA-AAAAA").expect("read"), None);
    let let_in = serving.redeem(&code.to_lowercase()).expect("read");
    assert_eq!(let_in, serving.grant(&plain));
    assert_eq!(serving.redeem(&code).expect("read"), None, "once");
    let code = command.enroll("wall").expect("a code");
    command.revoke("wall").expect("revoked");
    assert_eq!(serving.redeem(&code).expect("read"), None);
    assert!(matches!(command.enroll("wall"), Err(AuthError::NoSuchToken(_))));
}

#[test]
fn a_code_is_good_for_a_while() {
    let folder = tempfile::tempdir().expect("a folder");
    let tokens = opened(&folder);
    tokens.add("wall", Role::Wall).expect("added");
    let code = tokens.enroll("wall").expect("a code");
    let path = folder.path().join("tokens.toml");
    let text = fs::read_to_string(&path).expect("there");
    let year = Timestamp::now().strftime("%Y-").to_string();
    let line = text.lines().find(|line| line.starts_with("until = ")).expect("an end");
    fs::write(&path, text.replace(line, &line.replace(&year, "2020-"))).expect("written");
    assert_eq!(tokens.redeem(&code).expect("read"), None);
}
