//! Storage against a real private server: one for all tests, with a database for each.

#![allow(clippy::unwrap_used)]

mod alerts;
mod backup;
mod late;
mod outage;
mod past;
mod private_server;
mod registry;
mod rollup;
mod told;
mod writer;

use super::{
    Config, Past, Storage, StorageError, Writing,
    connection::session,
    private::{PrivateServer, SPOR},
};
use crate::{
    clock::now_ms,
    model::{
        Asset, Basis, Decided, DecidedBatch, PositionRow, ReaderRecord, Redecided, RoomKind,
        Status, StatusRow, Stretch, TagId, VisitRow, ZoneId, ZoneRecord,
    },
};
use std::{
    os::unix::fs::PermissionsExt,
    path::Path,
    process::Command,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicU64, Ordering},
    },
};
use tokio::{sync::mpsc, task::JoinHandle};

/// A data folder that PostgreSQL's own user may enter too, when the tests run as root. Its server
/// ends with it, also when the test fails.
struct Folder(tempfile::TempDir);

impl Folder {
    fn path(&self) -> &Path {
        self.0.path()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let lock = std::fs::read_to_string(self.path().join("postgres/postmaster.pid"));
        let lock = lock.unwrap_or_default();
        let lines: Vec<&str> = lock.lines().collect();
        let pid = lines.first().and_then(|pid| pid.parse().ok());
        if let Some(pid) = pid.and_then(rustix::process::Pid::from_raw) {
            let _ = rustix::process::kill_process(pid, rustix::process::Signal::QUIT);
            if let Some(socket) = lines.get(4).filter(|socket| socket.contains("/spor-")) {
                let _ = std::fs::remove_dir_all(socket);
            }
        }
    }
}

fn folder() -> Folder {
    let _ = tracing_subscriber::fmt().with_env_filter("spor=debug").with_test_writer().try_init();
    let open = std::fs::Permissions::from_mode(0o755);
    Folder(tempfile::Builder::new().prefix("spor-test-").permissions(open).tempdir().unwrap())
}

fn quiet(_: &str) {}

/// What a missing PostgreSQL means: a visible skip, but never where it counts.
fn skip_or_fail(error: &StorageError) {
    let ci = std::env::var("CI").is_ok_and(|ci| ci == "true");
    assert!(matches!(error, StorageError::NotInstalled) && !ci, "{error}");
    eprintln!("SKIPPED: {error}");
}

/// The shared server; none when PostgreSQL isn't installed.
fn server() -> Option<&'static PrivateServer> {
    static SERVER: OnceLock<Option<PrivateServer>> = OnceLock::new();
    let start = || {
        let folder = folder();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        match runtime.block_on(PrivateServer::start(folder.path(), None, &quiet)) {
            Ok(server) => {
                // Roles belong to the whole server: made once, before many databases ask for them.
                runtime.block_on(async {
                    let mut client = session(&server.config, "test", "").await.unwrap();
                    super::migrate::migrate(&mut client, &quiet).await.unwrap();
                });
                stop_after_us(runtime.block_on(server.pid()), folder.path(), &server.config);
                std::mem::forget(folder);
                Some(server)
            }
            Err(error) => {
                skip_or_fail(&error);
                None
            }
        }
    };
    // On a thread of its own, since the caller is inside a runtime.
    SERVER.get_or_init(|| std::thread::spawn(start).join().unwrap()).as_ref()
}

/// No code runs when a test program ends: a small watcher stops the server then.
fn stop_after_us(postmaster: i32, folder: &Path, config: &tokio_postgres::Config) {
    let Some(tokio_postgres::config::Host::Unix(socket)) = config.get_hosts().first() else {
        unreachable!("a private server has a socket")
    };
    let script = "while kill -0 $1 2>/dev/null; do sleep 0.2; done; kill -INT $2
                  while kill -0 $2 2>/dev/null; do sleep 0.2; done; rm -rf \"$3\"; rmdir \"$4\"";
    #[expect(clippy::zombie_processes, reason = "it outlives us")]
    Command::new("sh")
        .args(["-c", script, "sh", &std::process::id().to_string(), &postmaster.to_string()])
        .arg(folder)
        .arg(socket)
        .stdin(std::process::Stdio::null())
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::null())
        .spawn()
        .unwrap();
}

/// The address, password and all, of a new empty database of the shared server.
pub(super) async fn database(name: &str) -> Option<String> {
    let server = server()?;
    let mut admin = server.config.clone();
    let client = session(admin.dbname("postgres"), "test", "").await.unwrap();
    client.batch_execute(&format!("drop database if exists test_{name}")).await.unwrap();
    client.batch_execute(&format!("create database test_{name}")).await.unwrap();
    let password = String::from_utf8(server.config.get_password().unwrap().to_vec()).unwrap();
    let public = super::connection::public_url(&server.config);
    Some(
        public
            .replace("spor@", &format!("spor:{password}@"))
            .replace(&format!("/{SPOR}?"), &format!("/test_{name}?")),
    )
}

/// Storage on a new database, with the rooms below registered.
async fn storage(name: &str) -> Option<Storage> {
    let config = Config { url: Some(database(name).await?), ..Config::default() };
    let storage = Storage::open(&config, Path::new("/nonexistent"), quiet).await.unwrap();
    storage.register_site("v1", &rooms(), &[reader("door-1")]).await.unwrap();
    Some(storage)
}

impl Storage {
    /// A direct look into the tables.
    async fn look(&self, sql: &str) -> Vec<tokio_postgres::Row> {
        self.client().await.unwrap().query(sql, &[]).await.unwrap()
    }

    /// One number.
    async fn count(&self, sql: &str) -> i64 {
        self.look(sql).await[0].get(0)
    }

    /// Stores `items` through a writer of their own, and waits until that is done.
    async fn store(&self, items: Vec<Decided>) {
        let (door, task) = self.spawn_writer().await;
        door.send(items).await;
        door.close(task).await;
    }

    /// A writer that goes on until its door is dropped.
    async fn spawn_writer(&self) -> (Door, JoinHandle<()>) {
        self.spawn_writer_with(unamended()).await
    }

    /// The same, with its own judge of the past.
    async fn spawn_writer_with(&self, past: Past) -> (Door, JoinHandle<()>) {
        let stored = self.take_journal(JOURNAL, u64::MAX, false).await.unwrap();
        let (Writing { door, .. }, task) = self.writer(stored, past);
        (Door { door, sequence: stored.into() }, tokio::spawn(task))
    }
}

const JOURNAL: [u8; 16] = [7; 16];

/// The writer's door, as one who numbers the batches by himself sees it.
struct Door {
    door: mpsc::Sender<DecidedBatch>,
    sequence: AtomicU64,
}

impl Door {
    /// Each call is one record of the journal, decided under the rooms below.
    async fn send(&self, items: Vec<Decided>) {
        let sequence = self.sequence.fetch_add(1, Ordering::Relaxed) + 1;
        self.door.send(batch(sequence, items)).await.unwrap();
    }

    /// Waits until everything is stored.
    async fn close(self, task: JoinHandle<()>) {
        drop(self);
        task.await.unwrap();
    }
}

/// For tests of everything but the past: late fixes are stored and amend nothing.
fn unamended() -> Past {
    let redecide = |_: &str, stretch: &Stretch| {
        Some(Redecided { rows: stretch.late.clone(), ..Redecided::default() })
    };
    Past { redecide: Arc::new(redecide), tell: Arc::new(|_| {}) }
}

fn batch(sequence: u64, items: Vec<Decided>) -> DecidedBatch {
    let items = items.into_iter().map(|item| (sequence, item)).collect();
    DecidedBatch { through: sequence, at_ms: 0, site: "v1".to_owned(), items }
}

fn rooms() -> Vec<ZoneRecord> {
    ["ward-1", "store", "hall"].map(room).to_vec()
}

fn room(id: &str) -> ZoneRecord {
    ZoneRecord {
        id: id.parse().unwrap(),
        floor: 1,
        floor_label: "1".to_owned(),
        kind: Some(RoomKind::Storage),
        name: id.to_uppercase(),
        ward: Some("w1".parse().unwrap()),
        is_exit: false,
    }
}

fn reader(id: &str) -> ReaderRecord {
    ReaderRecord { id: id.parse().unwrap(), floor: 1, zone: None, portal: true }
}

fn tag(name: &str) -> TagId {
    name.parse().unwrap()
}

fn zone(name: &str) -> ZoneId {
    name.parse().unwrap()
}

fn row(name: &str, time_ms: i64) -> PositionRow {
    PositionRow {
        tag: tag(name),
        time_ms,
        until_ms: time_ms,
        received_ms: time_ms,
        seq: Some(7),
        x_m: 12.5,
        y_m: -4.25,
        floor: 1,
        accuracy_m: 0.75,
        zone: Some(zone("store")),
        moving: Some(true),
        portal: None,
    }
}

fn position(name: &str, time_ms: i64) -> Decided {
    Decided::Position(row(name, time_ms))
}

fn visit(name: &str, room: &str, entered_ms: i64, left_ms: Option<i64>) -> Decided {
    Decided::Visit(VisitRow { tag: tag(name), zone: zone(room), entered_ms, left_ms })
}

/// Now, in whole seconds, so that nothing is lost in a comparison.
fn this_second_ms() -> i64 {
    now_ms() / 1_000 * 1_000
}

fn pump(id: &str) -> Asset {
    Asset {
        id: id.parse().unwrap(),
        label: id.to_owned(),
        class: "pump".parse().unwrap(),
        home_ward: None,
    }
}

fn status(asset: &str, status: Status, from_ms: i64) -> Decided {
    Decided::Status(StatusRow {
        asset: asset.parse().unwrap(),
        status,
        from_ms,
        basis: Basis::Inferred,
        rule: "room:storage".to_owned(),
        zone: Some(zone("store")),
    })
}
