//! The description of the API against the running program: schemathesis asks what the description
//! allows and what it doesn't, and each answer must be one that is described.

use super::wall_states::hospital;
use crate::support::fetched::{folder, python_with};
use std::process::Command;

/// What is asked of each operation, at most.
const EXAMPLES: &str = "12";

#[tokio::test]
async fn every_answer_is_one_that_the_description_tells() {
    let Some(python) = python_with("schemathesis", "schemathesis==4.32.5", "schemathesis") else {
        return;
    };
    let Some((spor, _)) = hospital(&[]).await else { return };
    let admin = spor.token(&["add", "it-admin", "--role", "admin"], "");
    let mut command = Command::new(python.with_file_name("schemathesis"));
    command
        .current_dir(folder("schemathesis"))
        .args(["run", &format!("{}/api/openapi.json", spor.http)])
        .args(["--header", &format!("Authorization: Bearer {admin}")])
        .args(["--max-examples", EXAMPLES, "--seed", "1", "--request-timeout", "10", "--no-color"])
        // It goes on until one side ends it.
        .args(["--exclude-path", "/api/v1/stream"]);
    let done = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
    let said = String::from_utf8_lossy(&done.stdout);
    assert!(done.status.success(), "{said}{}", String::from_utf8_lossy(&done.stderr));
}
