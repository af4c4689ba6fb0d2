//! The private server's life: adoption, restart, TCP, and what is said when it can't be.

use super::*;
use rustix::process::{Pid, Signal, kill_process};
use std::{fs, net::TcpListener};

async fn started(folder: &Path, tcp_port: Option<u16>) -> Option<PrivateServer> {
    match PrivateServer::start(folder, tcp_port, &quiet).await {
        Ok(server) => Some(server),
        Err(error) => {
            skip_or_fail(&error);
            None
        }
    }
}

#[tokio::test]
async fn a_server_that_survived_is_adopted_and_a_killed_one_started_anew() {
    let folder = folder();
    let Some(first) = started(folder.path(), None).await else { return };
    let pid = first.pid().await;
    // The second knows nothing of the first, as after a kill -9 of Spor.
    let second = started(folder.path(), None).await.unwrap();
    assert_eq!(second.pid().await, pid);
    kill_process(Pid::from_raw(pid).unwrap(), Signal::KILL).unwrap();
    // The first doesn't reap its child: to the third it is a zombie, or gone.
    let third = started(folder.path(), None).await.unwrap();
    assert_ne!(third.pid().await, pid);
    third.stop().await;
    drop(first);
}

#[tokio::test]
async fn a_stopped_server_leaves_no_process_and_keeps_its_data() {
    let folder = folder();
    let Some(server) = started(folder.path(), None).await else { return };
    let client = session(&server.config, "test", "").await.unwrap();
    client.batch_execute("create table kept (a int4)").await.unwrap();
    server.stop().await;
    assert!(!PrivateServer::is_running(folder.path()));
    let server = started(folder.path(), None).await.unwrap();
    let client = session(&server.config, "test", "").await.unwrap();
    client.batch_execute("select a from kept").await.unwrap();
    let password = folder.path().join("database.password");
    assert_eq!(fs::metadata(&password).unwrap().permissions().mode() & 0o777, 0o600);
    server.stop().await;

    fs::remove_file(&password).unwrap();
    let error = PrivateServer::start(folder.path(), None, &quiet).await.err().unwrap();
    assert!(matches!(error, StorageError::PasswordMissing { .. }), "{error}");
}

#[tokio::test]
async fn who_joins_a_server_leaves_it_running_and_a_stopped_one_is_started_again() {
    let folder = folder();
    let Some(server) = started(folder.path(), Some(0)).await else { return };
    let guest = PrivateServer::join(folder.path(), &quiet).await.unwrap();
    assert_eq!(guest.pid().await, server.pid().await);
    assert_eq!(guest.tcp_port, server.tcp_port);
    guest.stop().await;
    assert!(!server.revive().await.unwrap(), "it runs on");
    // Another that took it for its own takes the socket's folder away.
    started(folder.path(), server.tcp_port).await.unwrap().stop().await;
    assert!(server.revive().await.unwrap());
    session(&server.config, "test", "").await.unwrap();
    server.stop().await;
    let alone = PrivateServer::join(folder.path(), &quiet).await.unwrap();
    alone.stop().await;
    assert!(!PrivateServer::is_running(folder.path()), "who started it stops it");
}

#[tokio::test]
async fn tcp_is_opened_on_loopback_only_when_asked_for() {
    let folder = folder();
    let Some(server) = started(folder.path(), None).await else { return };
    assert_eq!(server.tcp_port, None);
    let before = server.pid().await;
    let with_tcp = started(folder.path(), Some(0)).await.unwrap();
    assert_ne!(with_tcp.pid().await, before);
    let port = with_tcp.tcp_port.unwrap();
    let mut config = tokio_postgres::Config::new();
    config.host("127.0.0.1").port(port).user(SPOR).dbname(SPOR);
    config.password(with_tcp.config.get_password().unwrap());
    session(&config, "test", "").await.unwrap();
    config.password("wrong");
    assert!(session(&config, "test", "").await.is_err());
    with_tcp.stop().await;
}

#[tokio::test]
async fn a_taken_port_is_named() {
    let folder = folder();
    let taken = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let port = taken.local_addr().unwrap().port();
    match PrivateServer::start(folder.path(), Some(port), &quiet).await.err().unwrap() {
        StorageError::PortBusy { port: named } => assert_eq!(named, port),
        error => skip_or_fail(&error),
    }
}

#[tokio::test]
async fn data_of_another_major_version_is_refused() {
    let folder = folder();
    fs::create_dir(folder.path().join("postgres")).unwrap();
    fs::write(folder.path().join("postgres/PG_VERSION"), "9\n").unwrap();
    match PrivateServer::start(folder.path(), None, &quiet).await.err().unwrap() {
        error @ StorageError::OtherMajor { .. } => {
            assert!(error.to_string().contains("was made by PostgreSQL 9"), "{error}");
        }
        error => skip_or_fail(&error),
    }
}

#[tokio::test]
async fn a_data_folder_that_cannot_be_made_is_named() {
    let folder = folder();
    let file = folder.path().join("file");
    fs::write(&file, "").unwrap();
    let error = PrivateServer::start(&file.join("data"), None, &quiet).await.err().unwrap();
    assert!(matches!(error, StorageError::Unwritable { .. }), "{error}");
}

#[tokio::test]
async fn as_root_a_data_folder_that_postgres_cannot_reach_gets_its_cluster_elsewhere() {
    if !rustix::process::geteuid().is_root() {
        eprintln!("SKIPPED: needs root");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o700)).unwrap();
    let Some(server) = started(folder.path(), None).await else { return };
    let elsewhere = fs::read_to_string(folder.path().join("database.folder")).unwrap();
    assert!(elsewhere.starts_with("/var/lib/spor/"), "{elsewhere}");
    assert!(!folder.path().join("postgres").exists());
    server.stop().await;
    // Found again even when the data folder has been moved.
    let moved = folder.path().with_extension("moved");
    fs::rename(folder.path(), &moved).unwrap();
    let server = started(&moved, None).await.unwrap();
    server.stop().await;
    fs::remove_dir_all(elsewhere).unwrap();
    fs::remove_dir_all(moved).unwrap();
}
