//! The description of the API against the running program: schemathesis asks what the description
//! allows and what it doesn't, and each answer must be one that is described.

use super::wall_states::hospital;
use crate::support::fetched::{folder, python_with};
use std::process::Command;

/// What is asked of each operation in each phase, at most.
const EXAMPLES: &str = "8";

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
        .args(["--max-examples", EXAMPLES, "--seed", "1"])
        .args(["--request-timeout", "10", "--no-color", "--warnings", "off"])
        // While Spor is open a token isn't needed; what is of the right form may still name nothing
        // that is there; and where what was said by hand is taken back, rules say again.
        .args(["--exclude-checks", "ignored_auth,positive_data_acceptance,use_after_free"])
        // It goes on until one side ends it.
        .args(["--exclude-path", "/api/v1/stream"]);
    let done = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
    let said = String::from_utf8_lossy(&done.stdout);
    assert!(done.status.success(), "{said}{}", String::from_utf8_lossy(&done.stderr));
}
