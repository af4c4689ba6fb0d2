//! What the alerts need of the other parts: the site, who was heard, how far all is stored, and whom they
//! tell.

use crate::{
    alerts::{self, Config, ConfigError, Progress, Surroundings, Webhook},
    broker::Publisher,
    journal::Journal,
    live::Live,
    pipeline::Folded,
    site::Site,
    storage::Storage,
};
use arc_swap::ArcSwap;
use jiff::tz::TimeZone;
use spor_schemas::{topic, wire};
use std::sync::Arc;
use tokio::sync::watch;

/// The webhook of the settings, if they name one.
pub(super) fn webhook(config: &Config) -> Result<Option<Webhook>, ConfigError> {
    let webhook = Webhook::new(config)?;
    if webhook.as_ref().is_some_and(Webhook::is_in_the_clear) {
        tracing::warn!(
            "alerts.webhook_url is http://: what is wrong goes over the network in clear"
        );
    }
    Ok(webhook)
}

/// The parts that alerts ask.
pub(super) struct Telling {
    pub(super) publisher: Publisher,
    pub(super) site: Arc<ArcSwap<Site>>,
    pub(super) live: Arc<Live>,
    pub(super) journal: Journal,
    pub(super) folded: watch::Receiver<Folded>,
    /// The journal's record up to which everything that was decided is stored.
    pub(super) stored: watch::Receiver<u64>,
}

impl Telling {
    /// Watches and tells until it is dropped.
    pub(super) async fn tell(self, config: Config, storage: Storage, webhook: Option<Webhook>) {
        let Self { publisher, site, live, journal, folded, stored } = self;
        let here = site.clone();
        let surroundings = Surroundings {
            publish: Box::new(move |message| {
                publisher.publish(topic::alert(&message.id), wire::to_json(message));
            }),
            time_zone: Box::new(move || {
                TimeZone::get(&here.load().time_zone).unwrap_or(TimeZone::UTC)
            }),
            has_reader: Box::new(move |reader| site.load().reader(reader).is_some()),
            heard: Box::new(move || live.readers.last_heard()),
            progress: Box::new(move || {
                let (folded, stored) = (*folded.borrow(), *stored.borrow());
                // Records of which nothing follows are not stored.
                let is_all_stored = stored >= folded.decided;
                let stored = if is_all_stored { folded.through } else { stored };
                Progress { arrived: journal.last(), stored }
            }),
            has_webhook: webhook.is_some(),
        };
        let watching = alerts::watch(config, storage.clone(), surroundings);
        match webhook {
            Some(webhook) => {
                tokio::join!(watching, webhook.send_all(storage));
            }
            None => watching.await,
        }
    }
}
