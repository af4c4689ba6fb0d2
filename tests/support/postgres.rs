//! One Postgres for the whole run, with a database for each test. It is stopped when the test
//! process ends, however it ends: a guard waits for the end of a pipe.

use std::{
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::atomic::{AtomicU32, Ordering},
};
use tokio::sync::OnceCell;

static SERVER: OnceCell<Option<Server>> = OnceCell::const_new();
static DURABLE: OnceCell<Option<Server>> = OnceCell::const_new();
static DATABASES: AtomicU32 = AtomicU32::new(0);

struct Server {
    folder: PathBuf,
    /// Its standard input is the pipe that ends with this process.
    _guard: Child,
}

/// The URL of a new, empty database; none: no PostgreSQL here, which is said, and fails in CI.
pub(crate) async fn database() -> Option<String> {
    new_database(SERVER.get_or_init(|| start_with_roles("-c fsync=off")).await.as_ref()?).await
}

/// The same on a server that keeps what it commits, as a private one of Spor's does, and that tells
/// when it did; and the process of that server.
pub(crate) async fn durable_database() -> Option<(String, u32)> {
    let settings = "-c fsync=on -c synchronous_commit=on -c shared_buffers=256MB \
         -c maintenance_work_mem=128MB -c max_wal_size=2GB -c wal_compression=on -c jit=off \
         -c random_page_cost=1.1 -c track_commit_timestamp=on";
    let server = DURABLE.get_or_init(|| start_with_roles(settings)).await.as_ref()?;
    let lock = std::fs::read_to_string(server.folder.join("data/postmaster.pid")).unwrap();
    let process = lock.lines().next().unwrap().parse().unwrap();
    Some((new_database(server).await?, process))
}

/// Drops a database of this run, whoever is connected to it.
pub(crate) async fn drop_database(url: &str) {
    let (server, name) = url.split_once("@/").unwrap();
    let (name, folder) = name.split_once('?').unwrap();
    let client = connect(&format!("{server}@/postgres?{folder}")).await;
    client.batch_execute(&format!("drop database {name} with (force)")).await.unwrap();
}

async fn new_database(server: &Server) -> Option<String> {
    let name = format!("t{}", DATABASES.fetch_add(1, Ordering::Relaxed));
    let client = connect(&server.url("postgres")).await;
    client.batch_execute(&format!("create database {name}")).await.unwrap();
    Some(server.url(&name))
}

/// Roles belong to the whole server: made once, so that migrations side by side don't both try.
async fn start_with_roles(settings: &str) -> Option<Server> {
    let server = start(settings)?;
    let roles = "create role spor_grafana nologin;
        alter role spor_grafana set statement_timeout = '15s';
        alter role spor_grafana set default_transaction_read_only = on";
    connect(&server.url("postgres")).await.batch_execute(roles).await.unwrap();
    Some(server)
}

/// A connection; its task ends with the client.
pub(crate) async fn connect(url: &str) -> tokio_postgres::Client {
    let (client, connection) = tokio_postgres::connect(url, tokio_postgres::NoTls).await.unwrap();
    tokio::spawn(connection);
    client
}

/// A connection to the private database of a program.
pub(crate) async fn connect_private(spor: &super::Spor) -> tokio_postgres::Client {
    let mut config: tokio_postgres::Config = spor.database.parse().unwrap();
    config.password(std::fs::read(spor.data_dir().join("database.password")).unwrap().trim_ascii());
    let (client, connection) = config.connect(tokio_postgres::NoTls).await.unwrap();
    tokio::spawn(connection);
    client
}

impl Server {
    fn url(&self, database: &str) -> String {
        format!("postgresql://postgres@/{database}?host={}", self.folder.display())
    }
}

/// Where the newest PostgreSQL of this machine keeps its programs.
pub(crate) fn programs() -> Option<PathBuf> {
    let installed = std::fs::read_dir("/usr/lib/postgresql").ok();
    let newest = installed
        .into_iter()
        .flatten()
        .flatten()
        .map(|version| version.path().join("bin"))
        .filter(|bin| bin.join("initdb").exists())
        .max();
    newest.or_else(|| super::tool("initdb")?.parent().map(Path::to_owned))
}

fn start(settings: &str) -> Option<Server> {
    let Some(bin) = programs() else {
        assert!(std::env::var_os("CI").is_none(), "PostgreSQL is missing, and this is CI");
        eprintln!("SKIPPED: PostgreSQL is not installed");
        return None;
    };
    let folder = tempfile::Builder::new().prefix("spor-it-").tempdir_in("/tmp").unwrap().keep();
    let owner = if rustix::process::geteuid().is_root() { "runuser -u postgres --" } else { "" };
    if !owner.is_empty() {
        let given = Command::new("chown").arg("postgres").arg(&folder).status().unwrap();
        assert!(given.success(), "the folder can't be given to the user postgres");
    }
    let script = format!(
        "set -e; cd /; {owner} {bin}/initdb -D {dir}/data -U postgres -A trust -E UTF8 --locale=C --no-sync >{log} 2>&1
         {owner} {bin}/pg_ctl -D {dir}/data -w -l {dir}/log -o '-c listen_addresses= {settings} -c max_connections=300 -k {dir}' start >>{log} 2>&1
         echo up; cat >/dev/null
         {owner} {bin}/pg_ctl -D {dir}/data -m immediate stop >/dev/null 2>&1; rm -rf {dir} {log}",
        bin = bin.display(),
        dir = folder.display(),
        log = folder.with_extension("log").display(),
    );
    let mut guard = Command::new("sh")
        .args(["-c", &script])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    let out = guard.stdout.take().unwrap();
    std::io::BufRead::read_line(&mut std::io::BufReader::new(out), &mut line).unwrap();
    assert_eq!(line.trim(), "up", "PostgreSQL did not start: see {}", folder.display());
    Some(Server { folder, _guard: guard })
}
