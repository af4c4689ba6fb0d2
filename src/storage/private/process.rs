//! The life of a private server: started or adopted, watched, stopped.

use super::{
    cluster::{SPOR, command},
    holder::{Holder, Lock, has_workers, holder, is_alive},
    place::{Place, cannot_write},
    programs::Programs,
};
use crate::storage::{StorageError, error::words};
use rustix::process::{Pid, Signal, kill_process};
use std::{
    fs::{self, File, OpenOptions},
    io::{Read, Seek, SeekFrom},
    net::{Ipv4Addr, TcpListener},
    os::unix::fs::OpenOptionsExt,
    path::Path,
    process::{Child, Stdio},
    time::Duration,
};
use tokio::time::{Instant, sleep};
use tokio_postgres::NoTls;

/// How long a start may take; after a crash PostgreSQL first reads its log again.
const START: Duration = Duration::from_secs(180);
/// How long a dead server's remains may stand in the way.
const REMAINS: Duration = Duration::from_secs(15);
/// How long a fast shutdown may take before it becomes an immediate one.
const STOP: Duration = Duration::from_secs(8);
const TICK: Duration = Duration::from_millis(50);
/// The log is begun anew at a start when it is longer than this, in bytes.
const LOG_LIMIT: u64 = 16 * 1024 * 1024;
/// The number in the socket's name when there is no TCP port.
const SOCKET_PORT: u16 = 5432;

/// A server that answers.
pub(crate) struct Running {
    /// None: it was adopted.
    child: Option<Child>,
    pub(crate) lock: Lock,
}

impl Running {
    /// Takes over the server that lives in `place`, or starts one.
    pub(crate) async fn start(
        place: &Place,
        programs: &Programs,
        tcp_port: Option<u16>,
        password: &str,
        progress: &(impl Fn(&str) + Sync),
    ) -> Result<Self, StorageError> {
        clear_the_way(place, tcp_port, progress).await?;
        if let Holder::Server(lock) = holder(&place.cluster) {
            let mut running = Self { child: None, lock };
            let log_end = fs::metadata(&place.log).map_or(0, |meta| meta.len());
            running.wait_until_it_answers(place, password, log_end, progress).await?;
            progress("took over the PostgreSQL that was still running");
            return Ok(running);
        }
        let deadline = Instant::now() + REMAINS;
        loop {
            let (mut running, log_start) = Self::spawn(place, programs, tcp_port)?;
            match running.wait_until_it_answers(place, password, log_start, progress).await {
                // The backends of a server that was killed still hold its shared memory.
                Err(StorageError::Server { reason, .. })
                    if reason.contains("pre-existing shared memory")
                        && Instant::now() < deadline =>
                {
                    sleep(4 * TICK).await;
                }
                Err(error) => return Err(error),
                Ok(()) => return Ok(running),
            }
        }
    }

    fn spawn(
        place: &Place,
        programs: &Programs,
        tcp_port: Option<u16>,
    ) -> Result<(Self, u64), StorageError> {
        let port = tcp_port.map_or(Ok(SOCKET_PORT), free_port)?;
        let log = open_log(&place.log)?;
        let log_start = log.metadata().map_or(0, |meta| meta.len());
        let mut postgres = command(place, &programs.path("postgres"));
        postgres.arg("-D").arg(&place.cluster).args(["-p", &port.to_string()]);
        let address = if tcp_port.is_some() { "127.0.0.1" } else { "" };
        postgres.arg("-c").arg(format!("listen_addresses={address}"));
        postgres.arg("-c").arg(format!("unix_socket_directories={}", place.socket.display()));
        for setting in SETTINGS {
            postgres.args(["-c", setting]);
        }
        let child = postgres
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .map_err(|e| not_started(place, e.to_string()))?;
        let pid = i32::try_from(child.id()).map_err(|e| not_started(place, e.to_string()))?;
        let lock = Lock {
            pid,
            port,
            socket: place.socket.clone(),
            tcp: tcp_port.is_some(),
            stopping: false,
        };
        Ok((Self { child: Some(child), lock }, log_start))
    }

    async fn wait_until_it_answers(
        &mut self,
        place: &Place,
        password: &str,
        log_start: u64,
        progress: &(impl Fn(&str) + Sync),
    ) -> Result<(), StorageError> {
        let begun = Instant::now();
        let mut said = 0;
        loop {
            if !self.is_alive() {
                return Err(why_it_ended(place, self.lock.port, log_start));
            }
            match self.config("postgres", password).connect(NoTls).await {
                Ok((client, connection)) => {
                    let answers = async {
                        create_database(&client).await.map_err(|e| not_started(place, words(&e)))
                    };
                    tokio::select! {
                        answer = answers => return answer,
                        _ = connection => {}
                    }
                }
                Err(error) if error.code().is_some_and(|code| code.code().starts_with("28")) => {
                    return Err(not_started(
                        place,
                        format!("{}: {} doesn't fit", words(&error), place.password_file.display()),
                    ));
                }
                Err(error) if begun.elapsed() > START => {
                    return Err(not_started(place, words(&error)));
                }
                Err(_) => {}
            }
            if begun.elapsed().as_secs() / 3 > said {
                said += 1;
                progress("waiting for PostgreSQL, which may be recovering from a crash");
            }
            sleep(TICK).await;
        }
    }

    /// How to reach a database of this server.
    pub(crate) fn config(&self, database: &str, password: &str) -> tokio_postgres::Config {
        let mut config = tokio_postgres::Config::new();
        config.host_path(&self.lock.socket).port(self.lock.port);
        config.user(SPOR).password(password).dbname(database);
        config.connect_timeout(Duration::from_secs(1));
        config
    }

    /// True while its process lives; reaps it when it is our child.
    pub(crate) fn is_alive(&mut self) -> bool {
        match &mut self.child {
            Some(child) => matches!(child.try_wait(), Ok(None)),
            None => is_alive(self.lock.pid),
        }
    }

    /// A fast shutdown; an immediate one, which costs a recovery and no data, when that takes too long.
    pub(crate) async fn stop(&mut self) {
        for (signal, patience) in
            [(Signal::INT, STOP), (Signal::QUIT, STOP / 4), (Signal::KILL, STOP / 8)]
        {
            if !self.is_alive() {
                return;
            }
            if signal != Signal::INT {
                tracing::warn!(pid = self.lock.pid, ?signal, "PostgreSQL doesn't stop");
            }
            send(self.lock.pid, signal);
            let deadline = Instant::now() + patience;
            while Instant::now() < deadline && self.is_alive() {
                sleep(TICK / 2).await;
            }
        }
    }
}

/// What a private server is told beyond PostgreSQL's defaults.
const SETTINGS: [&str; 15] = [
    "unix_socket_permissions=0700",
    "cluster_name=spor",
    "max_connections=50",
    "shared_buffers=256MB",
    "work_mem=16MB",
    "maintenance_work_mem=128MB",
    "max_wal_size=2GB",
    "wal_compression=on",
    "synchronous_commit=on",
    "fsync=on",
    "random_page_cost=1.1",
    "jit=off",
    "timezone=UTC",
    "log_timezone=UTC",
    "log_line_prefix=%m [%p] ",
];

fn send(pid: i32, signal: Signal) {
    if let Some(pid) = Pid::from_raw(pid)
        && let Err(error) = kill_process(pid, signal)
    {
        tracing::debug!(%error, "the server was gone before the signal");
    }
}

/// Waits for what is left of an earlier server, and removes a lock file that no server holds.
async fn clear_the_way(
    place: &Place,
    tcp_port: Option<u16>,
    progress: &(impl Fn(&str) + Sync),
) -> Result<(), StorageError> {
    let begun = Instant::now();
    let mut said = false;
    loop {
        let in_the_way = match holder(&place.cluster) {
            Holder::NoOne => return Ok(()),
            Holder::Server(lock) if lock.stopping => "PostgreSQL is still stopping".to_owned(),
            Holder::Server(lock) if fits(&lock, tcp_port) => return Ok(()),
            Holder::Server(lock) => {
                progress("restarting PostgreSQL with another TCP port");
                Running { child: None, lock }.stop().await;
                continue;
            }
            Holder::Zombie(pid) => {
                format!(
                    "the dead PostgreSQL (process {pid}) has not been cleared away by its parent"
                )
            }
            Holder::Stranger(pid) => format!("process {pid} has the number of a former PostgreSQL"),
        };
        let no_server = !matches!(holder(&place.cluster), Holder::Server(_));
        let patience_is_over =
            matches!(holder(&place.cluster), Holder::Stranger(_)) || begun.elapsed() > REMAINS / 3;
        if no_server && patience_is_over && !has_workers(&place.cluster) {
            tracing::warn!("{in_the_way}: its lock files are removed");
            remove_locks(place);
            return Ok(());
        }
        if begun.elapsed() > REMAINS {
            return Err(not_started(place, in_the_way));
        }
        if !said {
            said = true;
            progress(&format!("waiting: {in_the_way}"));
        }
        sleep(TICK).await;
    }
}

/// Removes the lock files of the cluster and of its socket, both of which name the server's process.
fn remove_locks(place: &Place) {
    let _ = fs::remove_file(place.cluster.join("postmaster.pid"));
    let Ok(entries) = fs::read_dir(&place.socket) else { return };
    for entry in entries.flatten() {
        if entry.file_name().to_string_lossy().starts_with(".s.PGSQL.") {
            let _ = fs::remove_file(entry.path());
        }
    }
}

/// True when a living server listens where it is wanted to.
fn fits(lock: &Lock, tcp_port: Option<u16>) -> bool {
    match tcp_port {
        None => !lock.tcp,
        Some(0) => lock.tcp,
        Some(port) => lock.tcp && lock.port == port,
    }
}

/// `wanted`, or any free port for 0.
fn free_port(wanted: u16) -> Result<u16, StorageError> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, wanted))
        .and_then(|listener| listener.local_addr())
        .map(|address| address.port())
        .map_err(|_| StorageError::PortBusy { port: wanted })
}

fn open_log(log: &Path) -> Result<File, StorageError> {
    if fs::metadata(log).is_ok_and(|meta| meta.len() > LOG_LIMIT) {
        let _ = fs::remove_file(log);
    }
    OpenOptions::new()
        .create(true)
        .append(true)
        .mode(0o600)
        .open(log)
        .map_err(|e| cannot_write(log.parent().unwrap_or(log), &e))
}

fn not_started(place: &Place, reason: String) -> StorageError {
    StorageError::Server { step: "start", reason, log: place.log.clone() }
}

/// What the log says about the end of a server that was started at `log_start`.
fn why_it_ended(place: &Place, port: u16, log_start: u64) -> StorageError {
    let mut said = String::new();
    if let Ok(mut log) = File::open(&place.log) {
        let _ = log.seek(SeekFrom::Start(log_start));
        let _ = log.read_to_string(&mut said);
    }
    if said.contains("No space left on device") {
        return StorageError::DiskFull { folder: place.cluster.clone() };
    }
    if said.contains("Address already in use") {
        return StorageError::PortBusy { port };
    }
    let line = said.lines().find(|line| line.contains("FATAL") || line.contains("PANIC"));
    not_started(place, line.unwrap_or("it ended without a word").to_owned())
}

async fn create_database(client: &tokio_postgres::Client) -> Result<(), tokio_postgres::Error> {
    let found = client.query_opt("select 1 from pg_database where datname = $1", &[&SPOR]).await?;
    if found.is_none() {
        client.batch_execute(&format!("create database {SPOR}")).await?;
    }
    Ok(())
}
