//! The private PostgreSQL: the system's programs on a cluster of our own under the data folder.
//!
//! It listens on a socket that only its user may reach, and on loopback TCP when asked. It has its
//! own process group, is stopped with Spor, and is adopted when it survived one that was killed.

mod cluster;
mod holder;
mod place;
mod process;
mod programs;

use super::StorageError;
pub(crate) use cluster::SPOR;
use place::Place;
use process::Running;
pub(crate) use programs::{OLDEST, Programs};
use std::path::Path;
use tokio::sync::Mutex;

/// A private server, running unless something killed it.
pub(crate) struct PrivateServer {
    place: Place,
    pub(crate) programs: Programs,
    password: String,
    running: Mutex<Running>,
    /// How to reach Spor's database; the same after each restart.
    pub(crate) config: tokio_postgres::Config,
    /// The TCP port on loopback, when one was asked for.
    pub(crate) tcp_port: Option<u16>,
    /// It ran before us, for somebody else, and runs on after us.
    is_guest: bool,
}

impl PrivateServer {
    /// Starts or adopts the server that belongs to `data_dir`; `tcp_port` 0 is any.
    pub(crate) async fn start(
        data_dir: &Path,
        tcp_port: Option<u16>,
        progress: &(impl Fn(&str) + Sync),
    ) -> Result<Self, StorageError> {
        let place = Place::of(data_dir)?;
        let started = async {
            let (programs, password) = cluster::prepare(&place, progress).await?;
            let running = Running::start(&place, &programs, tcp_port, &password, progress).await?;
            Ok((programs, password, running))
        };
        match started.await {
            Ok((programs, password, running)) => Ok(Self::new(place, programs, password, running)),
            Err(error) => {
                // Only when it is empty: a server that runs keeps its socket.
                let _ = std::fs::remove_dir(&place.socket);
                Err(error)
            }
        }
    }

    /// Joins the server that runs for `data_dir`, as it is, and leaves it running; starts one where
    /// none runs.
    pub(crate) async fn join(
        data_dir: &Path,
        progress: &(impl Fn(&str) + Sync),
    ) -> Result<Self, StorageError> {
        let place = Place::of(data_dir)?;
        let holder::Holder::Server(lock) = holder::holder(&place.cluster) else {
            return Self::start(data_dir, None, progress).await;
        };
        let tcp_port = lock.tcp.then_some(lock.port);
        Ok(Self { is_guest: true, ..Self::start(data_dir, tcp_port, progress).await? })
    }

    fn new(place: Place, programs: Programs, password: String, running: Running) -> Self {
        let config = running.config(SPOR, &password);
        // A restart binds the port that the first start found.
        let tcp_port = running.lock.tcp.then_some(running.lock.port);
        Self {
            place,
            programs,
            password,
            running: Mutex::new(running),
            config,
            tcp_port,
            is_guest: false,
        }
    }

    /// True when a living server belongs to `data_dir`.
    #[cfg(test)]
    pub(crate) fn is_running(data_dir: &Path) -> bool {
        Place::of(data_dir)
            .is_ok_and(|place| matches!(holder::holder(&place.cluster), holder::Holder::Server(_)))
    }

    /// Starts the server again when it has died; true when it had.
    pub(crate) async fn revive(&self) -> Result<bool, StorageError> {
        let mut running = self.running.lock().await;
        if running.is_alive() {
            return Ok(false);
        }
        let quiet = |_: &str| {};
        // Whoever stopped it may have cleared this away.
        self.place.prepare_socket()?;
        *running =
            Running::start(&self.place, &self.programs, self.tcp_port, &self.password, &quiet)
                .await?;
        Ok(true)
    }

    /// Stops the server and waits for its end; one that was joined runs on.
    pub(crate) async fn stop(&self) {
        if self.is_guest {
            return;
        }
        self.running.lock().await.stop().await;
        let _ = std::fs::remove_dir(&self.place.socket);
    }

    #[cfg(test)]
    pub(crate) async fn pid(&self) -> i32 {
        self.running.lock().await.lock.pid
    }
}
