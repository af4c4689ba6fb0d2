//! One Postgres for the whole run, with a database for each test. It is stopped when the test
//! process ends, however it ends: a guard waits for the end of a pipe.

use std::{
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::atomic::{AtomicU32, Ordering},
};
use tokio::sync::OnceCell;

static SERVER: OnceCell<Option<Server>> = OnceCell::const_new();
static DATABASES: AtomicU32 = AtomicU32::new(0);

struct Server {
    folder: PathBuf,
    /// Its standard input is the pipe that ends with this process.
    _guard: Child,
}

/// The URL of a new, empty database; none: no PostgreSQL here, which is said, and fails in CI.
pub(crate) async fn database() -> Option<String> {
    let server = SERVER.get_or_init(start_with_roles).await.as_ref()?;
    let name = format!("t{}", DATABASES.fetch_add(1, Ordering::Relaxed));
    let client = connect(&server.url("postgres")).await;
    client.batch_execute(&format!("create database {name}")).await.unwrap();
    Some(server.url(&name))
}

/// Roles belong to the whole server: made once, so that migrations side by side don't both try.
async fn start_with_roles() -> Option<Server> {
    let server = start()?;
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

fn start() -> Option<Server> {
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
         {owner} {bin}/pg_ctl -D {dir}/data -w -l {dir}/log -o '-c listen_addresses= -c fsync=off -c max_connections=300 -k {dir}' start >>{log} 2>&1
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
