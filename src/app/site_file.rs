//! The site file while Spor runs: read again when it has changed. A file that can't be used changes
//! nothing. A new building is kept on disk first, then made known to the database, and only then
//! shown and put into the journal: nothing that is decided under it lacks its rooms, and whatever
//! is cut short, the next start reads the file anyway.

use super::watched::Watched;
use crate::{
    journal::{Draft, Journal, Kind},
    pipeline::Checkpoints,
    site::{Site, SiteError},
    storage::{Storage, StorageError},
};
use arc_swap::ArcSwap;
use std::{path::PathBuf, sync::Arc, time::Duration};
use tokio_util::sync::CancellationToken;

/// The database answers within this time, or is asked again later.
const REGISTER_WITHIN: Duration = Duration::from_secs(10);

/// Makes the building's rooms and readers known to the database.
pub(super) async fn register(storage: &Storage, site: &Site) -> Result<(), StorageError> {
    let zones: Vec<_> = site.zones().cloned().collect();
    let readers: Vec<_> = site.readers().cloned().collect();
    storage.register_site(&site.version, &zones, &readers).await
}

/// Who is to know of another building.
pub(super) struct SiteFile {
    /// The configured file.
    pub(super) path: PathBuf,
    /// The building that everybody is shown.
    pub(super) shown: Arc<ArcSwap<Site>>,
    pub(super) storage: Storage,
    pub(super) checkpoints: Checkpoints,
    pub(super) journal: Journal,
}

impl SiteFile {
    /// Looks at the file until `stop`.
    pub(super) async fn follow(self, stop: CancellationToken) {
        stop.run_until_cancelled(self.watch()).await;
    }

    async fn watch(self) {
        say_whether_in_use(true);
        let mut file = Watched::new(self.path.clone());
        let mut said = String::new();
        loop {
            let now = file.changed().await;
            match self.read_again().await {
                Ok(()) => {
                    file.take(now);
                    said.clear();
                }
                Err(refused) => {
                    say_whether_in_use(false);
                    // A database that is away is asked again; a wrong file waits for its mending.
                    if refused.is_final() {
                        metrics::counter!("spor_site_file_refused_total").increment(1);
                        file.take(now);
                    }
                    let error = refused.to_string();
                    if said != error {
                        tracing::error!(error, "the changed site file is not in use");
                        said = error;
                    }
                }
            }
        }
    }

    async fn read_again(&self) -> Result<(), Refused> {
        let path = self.path.clone();
        let reading = tokio::task::spawn_blocking(move || Site::load(Some(&path)));
        let site =
            Arc::new(reading.await.unwrap_or_else(|e| std::panic::resume_unwind(e.into_panic()))?);
        if site.version != self.shown.load().version {
            self.take(site).await?;
        }
        say_whether_in_use(true);
        Ok(())
    }

    async fn take(&self, site: Arc<Site>) -> Result<(), Refused> {
        let not_now = |error: &dyn std::fmt::Display| Refused::NotNow(error.to_string());
        say_whether_in_use(false);
        self.checkpoints.keep_site(&site).map_err(|e| not_now(&e))?;
        if !*self.storage.up().borrow() {
            return Err(Refused::NotNow("the database is away".to_owned()));
        }
        // A database that takes a connection and never answers is away too.
        let registering = tokio::time::timeout(REGISTER_WITHIN, register(&self.storage, &site));
        let registered = registering.await.map_err(|_| not_now(&"the database doesn't answer"))?;
        registered.map_err(|e| not_now(&e))?;
        // An error means that the journal is closed: then Spor stops.
        let _ = self.journal.room().wait_for(|room| *room).await;
        let before = self.shown.swap(Arc::clone(&site));
        let mut draft = Draft::new();
        draft.push(Kind::Site, "", &site.version, b"");
        self.journal.append(draft);
        tracing::info!(
            version = site.version,
            before = before.version,
            floors = site.floors.len(),
            zones = site.zones().count(),
            "the site file was read again"
        );
        Ok(())
    }
}

/// Why a changed file is not in use.
#[derive(Debug, thiserror::Error)]
enum Refused {
    /// It is wrong.
    #[error(transparent)]
    Wrong(#[from] SiteError),
    /// The disk or the database doesn't take it now.
    #[error("{0}")]
    NotNow(String),
}

impl Refused {
    fn is_final(&self) -> bool {
        matches!(self, Self::Wrong(_))
    }
}

fn say_whether_in_use(in_use: bool) {
    metrics::gauge!("spor_site_file_in_use").set(u8::from(in_use));
}
