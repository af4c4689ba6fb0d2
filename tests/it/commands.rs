//! What goes wrong is said in one line, with what to do, and with the right exit code.

use crate::support::{Spor, postgres, program::command};
use std::{net::TcpListener, path::Path, process::Output};

fn run(data_dir: &Path, arguments: &[&str], environment: &[(&str, &str)]) -> (Option<i32>, String) {
    let Output { status, stdout, stderr } =
        command(data_dir).args(arguments).envs(environment.iter().copied()).output().unwrap();
    let said = format!("{}{}", String::from_utf8_lossy(&stdout), String::from_utf8_lossy(&stderr));
    (status.code(), said)
}

#[test]
fn a_wrong_configuration_is_exit_2_and_names_the_key() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let file = folder.path().join("wrong.toml");
    std::fs::write(&file, "[storage]\nposition_days = 'many'\n").unwrap();
    let file = file.to_str().unwrap();
    let broken = folder.path().join("broken.toml");
    std::fs::write(&broken, "data_dir = 'x'\n[http\n").unwrap();
    let broken = broken.to_str().unwrap();
    let no_site = folder.path().join("no-site.geojson");
    std::fs::write(&no_site, "{}").unwrap();
    let no_site = no_site.to_str().unwrap();
    for (arguments, environment, expected) in [
        (vec!["check-config"], vec![("SPOR_HTTP__LISSTEN", "x")], "http.lissten"),
        (vec!["serve"], vec![("SPOR_HTTP__LISTEN", "nowhere")], "http.listen"),
        (vec!["check-config", "--config", file], vec![], "storage.position_days"),
        (vec!["check-config", "--config", "/nowhere.toml"], vec![], "/nowhere.toml"),
        (vec!["check-config", "--config", broken], vec![], "line 2"),
        (vec!["check-config"], vec![("SPOR_MQTT__URL", "amqp://broker")], "mqtt.url"),
        (vec!["check-config"], vec![("SPOR_MQTT__URL", "mqtt://u:geheim@b")], "url_password_file"),
        (vec!["check-config"], vec![("SPOR_MQTT__CREDENTIALS", "/nowhere.cred")], "/nowhere.cred"),
        (vec!["check-config"], vec![("SPOR_MQTT__LISTEN", "0.0.0.0:0")], "mqtt.credentials"),
        (vec!["check-config"], vec![("SPOR_MQTT__TLS_LISTEN", "0.0.0.0:0")], "mqtt.tls_client_ca"),
        (vec!["serve"], vec![("SPOR_MQTT__TLS_LISTEN", "0.0.0.0:0")], "mqtt.tls_client_ca"),
        (vec!["serve"], vec![("SPOR_SITE__FILE", "/nowhere.geojson")], "/nowhere.geojson"),
        (vec!["serve"], vec![("SPOR_SITE__FILE", no_site)], no_site),
        (vec!["serve"], vec![("SPOR_STORAGE__ON_CHANGE", "perhaps")], "storage.on_change"),
        (vec!["serve"], vec![("SPOR_MQTT__LISTEN", "0.0.0.0:0")], "mqtt.credentials"),
        (vec!["serve"], vec![("SPOR_HTTP__LISTEN", "0.0.0.0:0")], "spor token add"),
        (vec!["demo", "--speed", "0"], vec![], "--speed"),
        (vec!["token", "add", "x", "--role", "king"], vec![], "coordinator"),
        (vec!["credentials", "add", "x", "--role", "king"], vec![], "subscriber"),
        (vec!["fly"], vec![], "fly"),
    ] {
        let (code, said) = run(&data, &arguments, &environment);
        assert_eq!(code, Some(2), "{arguments:?} {environment:?}: {said}");
        assert!(said.contains(expected), "{arguments:?}: {said}");
        assert!(!said.contains("panicked") && !said.contains("geheim"), "{said}");
        let of_clap = said.contains("Usage:") || said.contains("--help");
        let lines = said.lines().filter(|line| !line.starts_with('{')).count();
        assert!(of_clap || lines == 1, "one line says it: {said}");
    }
}

#[test]
fn a_good_configuration_is_said_to_be_good() {
    let folder = tempfile::tempdir().unwrap();
    let (code, said) = run(&folder.path().join("data"), &["check-config"], &[]);
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("3 floors"), "{said}");
}

#[test]
fn a_busy_port_is_one_clear_line() {
    let folder = tempfile::tempdir().unwrap();
    let busy = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = busy.local_addr().unwrap().to_string();
    for key in ["SPOR_MQTT__LISTEN", "SPOR_HTTP__LISTEN"] {
        let (code, said) = run(&folder.path().join("data"), &["serve"], &[(key, &address)]);
        assert_eq!(code, Some(1), "{said}");
        let line = said.lines().last().unwrap_or_default();
        assert!(line.contains(&address) && line.contains("in use"), "{said}");
        assert_eq!(line.matches("in use").count(), 1, "said once: {line}");
    }
}

#[test]
fn a_folder_that_cannot_be_written_is_one_clear_line() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    std::fs::write(&file, "").unwrap();
    let (code, said) = run(&file.join("data"), &["serve"], &[]);
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("SPOR_DATA_DIR"), "{said}");
}

#[test]
fn data_of_another_major_version_is_one_clear_line() {
    if postgres::programs().is_none() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    // A private PostgreSQL of root runs as another user, which must reach the folder.
    let open = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(folder.path(), open).unwrap();
    let cluster = folder.path().join("data/postgres");
    std::fs::create_dir_all(&cluster).unwrap();
    std::fs::write(cluster.join("PG_VERSION"), "9.6\n").unwrap();
    let (code, said) = run(&folder.path().join("data"), &["serve"], &[]);
    assert_eq!(code, Some(1), "{said}");
    let line = said.lines().last().unwrap_or_default();
    assert!(line.contains("made by PostgreSQL 9.6") && line.contains("install"), "{said}");
}

#[tokio::test]
async fn a_second_instance_on_the_same_folder_is_refused() {
    let Some(spor) = Spor::serve(&[]).await else { return };
    let (code, said) = run(&spor.data_dir(), &["serve"], &[("SPOR_DATABASE__URL", &spor.database)]);
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("another Spor runs"), "{said}");
}

#[tokio::test]
async fn a_newer_schema_is_refused_and_an_empty_database_is_migrated() {
    let Some(url) = postgres::database().await else { return };
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let (code, said) = run(&data, &["migrate"], &[("SPOR_DATABASE__URL", &url)]);
    assert_eq!(code, Some(0), "{said}");
    let client = postgres::connect(&url).await;
    client
        .batch_execute(
            "insert into schema_migration (number, name) values (9999, 'from the future')",
        )
        .await
        .unwrap();
    let (code, said) = run(&data, &["serve"], &[("SPOR_DATABASE__URL", &url)]);
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("9999"), "{said}");
}

#[tokio::test]
async fn a_missing_database_is_said_without_its_password() {
    let folder = tempfile::tempdir().unwrap();
    let url = "postgresql://spor:geheim@127.0.0.1:1/spor";
    let (code, said) =
        run(&folder.path().join("data"), &["migrate"], &[("SPOR_DATABASE__URL", url)]);
    assert_eq!(code, Some(1), "{said}");
    assert!(!said.contains("geheim"), "{said}");
}

#[test]
fn the_journal_is_listed_verified_and_printed_and_damage_is_exit_1() {
    use spor::journal::{Config, Draft, Journal, Kind, inspect};
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let dir = data.join("journal");
    let journal = Journal::open(&dir, &Config::default(), || 1_795_348_800_000).unwrap();
    let mut draft = Draft::new();
    draft.push(Kind::Message, "gateway-1", "spor/v1/tags/pump-1/position", b"{}");
    draft.push_sealed(&journal.sealer(), Kind::Message, "gateway-1", "spor/v1/tags/x", b"hidden");
    draft.push(Kind::Tick, "", "", b"");
    journal.append(draft);
    journal.close();
    let (code, said) = run(&data, &["journal", "inspect"], &[]);
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("first 1, 3 records, 67108864 bytes, 2026-11-22T12:00:00Z"), "{said}");
    let (code, said) = run(&data, &["journal", "inspect", "--print", "--limit", "2"], &[]);
    assert_eq!(code, Some(0), "{said}");
    let message = "Message \"gateway-1\" \"spor/v1/tags/pump-1/position\" {}";
    assert!(said.contains(message) && said.contains("Message sealed"), "{said}");
    assert!(!said.contains("hidden") && !said.contains("Tick"), "{said}");

    let path = &inspect::segments(&dir, false).unwrap()[0].path;
    let mut bytes = std::fs::read(path).unwrap();
    bytes[40] ^= 1;
    std::fs::write(path, bytes).unwrap();
    let folder = dir.to_str().unwrap();
    let (code, said) = run(&data, &["journal", "inspect", "--verify", "--dir", folder], &[]);
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("segment 00000000000000000001, offset 0"), "{said}");
    let (code, said) = run(&data, &["journal", "inspect", "--dir", "/nowhere"], &[]);
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("/nowhere"), "{said}");
}
