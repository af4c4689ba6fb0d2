//! The webhook: every change of an alert is posted, signed, until it is taken. What isn't taken yet
//! is in the database, so it outlives a restart; of one alert, changes go in their order. An answer
//! that is lost means that the same is sent once more, with the same `webhook-id`.

use super::{Config, ConfigError, signature::Secret};
use crate::{
    clock::now_ms,
    model::Notice,
    storage::{Storage, StorageError},
};
use bytes::Bytes;
use http::{
    Request, Uri,
    header::{CONTENT_TYPE, USER_AGENT},
};
use http_body_util::Full;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use jiff::Timestamp;
use std::{io, path::Path, sync::Arc, time::Duration};
use tokio_rustls::rustls::{
    ClientConfig, RootCertStore,
    crypto::ring,
    pki_types::{CertificateDer, pem::PemObject as _},
};

/// How often it is looked whether there is something to send.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// So many are read at a time.
const BATCH: i64 = 50;
/// So many wait at most; beyond that the oldest are given up.
const MOST_WAITING: i64 = 10_000;
/// What isn't taken for so long is given up, milliseconds.
const GIVE_UP_MS: i64 = 3 * 24 * 3_600_000;
/// From the first failure to the next try, doubled with each failure up to the longest, milliseconds.
const FIRST_PAUSE_MS: i64 = 2_000;
const LONGEST_PAUSE_MS: i64 = 600_000;
/// The longest pause while nobody answers at all, milliseconds.
const LONGEST_AWAY_MS: i64 = 60_000;

/// A place that changes of alerts are sent to.
#[derive(Debug)]
pub struct Webhook {
    client: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
    url: Uri,
    secret: Secret,
    timeout: Duration,
}

/// Why a notice was not taken.
#[derive(Debug, thiserror::Error)]
enum NotTaken {
    /// Nobody answered.
    #[error("{0}")]
    Away(String),
    /// The answer was another than 2xx.
    #[error("the answer was {0}")]
    Refused(u16),
}

impl NotTaken {
    fn is_away(&self) -> bool {
        matches!(self, Self::Away(_))
    }
}

impl Webhook {
    /// Reads what the settings name; none: they name no webhook.
    ///
    /// # Errors
    /// What is wrong with the settings.
    pub fn new(config: &Config) -> Result<Option<Self>, ConfigError> {
        let Some(url) = &config.webhook_url else { return Ok(None) };
        let url = checked(url).map_err(ConfigError::Url)?;
        let secret = config.secret()?;
        let connector = HttpsConnectorBuilder::new()
            .with_tls_config(tls(config.webhook_ca.as_deref())?)
            .https_or_http()
            .enable_http1()
            .build();
        // Notices are seldom: a connection that is kept would be one that the other end has closed.
        let client =
            Client::builder(TokioExecutor::new()).pool_max_idle_per_host(0).build(connector);
        let timeout = Duration::from_secs(u64::from(config.webhook_timeout_s.max(1)));
        Ok(Some(Self { client, url, secret, timeout }))
    }

    /// True when what is sent leaves this machine unencrypted.
    #[must_use]
    pub fn is_in_the_clear(&self) -> bool {
        let is_local = matches!(self.url.host(), Some("localhost" | "127.0.0.1" | "[::1]"));
        self.url.scheme_str() == Some("http") && !is_local
    }

    /// The body of a task that sends until it is dropped.
    pub async fn send_all(self, storage: Storage) {
        let mut failures = 0;
        let mut complaint = None;
        loop {
            let pause = match failures {
                0 => LOOK_EVERY,
                n => Duration::from_millis(pause_ms(n, LONGEST_AWAY_MS).unsigned_abs()),
            };
            tokio::time::sleep(pause).await;
            match self.round(&storage).await {
                Ok(None) => (failures, complaint) = (0, None),
                Ok(Some(not_taken)) => {
                    failures = if not_taken.is_away() { failures + 1 } else { 0 };
                    let told = not_taken.to_string();
                    if complaint.as_ref() != Some(&told) {
                        tracing::warn!(
                            error = told,
                            "the webhook did not take a notice, and gets it again"
                        );
                    }
                    complaint = Some(told);
                }
                // The watch of alerts says so already.
                Err(error) => tracing::debug!(%error, "what is to be sent can't be read"),
            }
        }
    }

    /// Sends what is due; gives back why something was not taken.
    async fn round(&self, storage: &Storage) -> Result<Option<NotTaken>, StorageError> {
        let given_up = storage.give_up_notices(now_ms() - GIVE_UP_MS, MOST_WAITING).await?;
        if given_up > 0 {
            metrics::counter!("spor_alert_webhooks_given_up_total").increment(given_up);
            tracing::error!(
                given_up,
                "notices of alerts were given up: the webhook took none for too long"
            );
        }
        let mut failure = None;
        for notice in storage.notices_to_send(now_ms(), BATCH).await? {
            match self.send(&notice).await {
                Ok(()) => {
                    storage.notice_taken(notice.seq, now_ms()).await?;
                    count("taken");
                }
                Err(not_taken) => {
                    let again_ms = now_ms() + pause_ms(notice.attempts + 1, LONGEST_PAUSE_MS);
                    storage.notice_not_taken(notice.seq, again_ms).await?;
                    let is_away = not_taken.is_away();
                    count(if is_away { "away" } else { "refused" });
                    failure = Some(not_taken);
                    if is_away {
                        break;
                    }
                }
            }
        }
        let waiting = storage.notices_waiting().await?;
        metrics::gauge!("spor_queue_depth", "queue" => "webhook").set(waiting);
        Ok(failure)
    }

    async fn send(&self, notice: &Notice) -> Result<(), NotTaken> {
        let message = &notice.message;
        let at = Timestamp::from_millisecond(message.time_ms).unwrap_or_default();
        let kind = format!("alert.{}", message.change.as_str());
        let body =
            serde_json::json!({ "type": kind, "timestamp": at.to_string(), "data": message });
        let body = body.to_string();
        let id = format!("msg_{}_{}", message.id, notice.seq);
        let now_s = now_ms() / 1_000;
        let request = Request::post(self.url.clone())
            .header(CONTENT_TYPE, "application/json")
            .header(USER_AGENT, concat!("spor/", env!("CARGO_PKG_VERSION")))
            .header("webhook-id", &id)
            .header("webhook-timestamp", now_s)
            .header("webhook-signature", self.secret.sign(&id, now_s, &body))
            .body(Full::from(body))
            .map_err(|error| NotTaken::Away(error.to_string()))?;
        let answer = tokio::time::timeout(self.timeout, self.client.request(request))
            .await
            .map_err(|_| NotTaken::Away("no answer in time".to_owned()))?
            .map_err(|error| NotTaken::Away(words(&error)))?;
        let status = answer.status();
        if status.is_success() { Ok(()) } else { Err(NotTaken::Refused(status.as_u16())) }
    }
}

/// What is wrong with it is said without repeating it: a secret may be part of it.
fn checked(url: &str) -> Result<Uri, &'static str> {
    let uri: Uri = url.parse().map_err(|_| "it is no address, as https://example.org/spor")?;
    if !matches!(uri.scheme_str(), Some("https" | "http")) {
        return Err("it must begin with https:// or http://");
    }
    let authority = uri.authority().map_or("", |authority| authority.as_str());
    if authority.is_empty() || authority.contains('@') || url.contains('#') {
        return Err("it must have a host, and neither a name, a password nor a #");
    }
    Ok(uri)
}

fn tls(ca: Option<&Path>) -> Result<ClientConfig, ConfigError> {
    let certificates = match ca {
        Some(path) => of_file(path)?,
        None => rustls_native_certs::load_native_certs().certs,
    };
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(certificates);
    // The provider is named, because the process may have none or another as its default.
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| ConfigError::Client(error.to_string()))?;
    Ok(config.with_root_certificates(roots).with_no_client_auth())
}

fn of_file(path: &Path) -> Result<Vec<CertificateDer<'static>>, ConfigError> {
    let unreadable =
        |source| ConfigError::File { key: "alerts.webhook_ca", path: path.to_owned(), source };
    let not_pem = |text: String| unreadable(io::Error::new(io::ErrorKind::InvalidData, text));
    let pem = std::fs::read(path).map_err(unreadable)?;
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&pem).collect();
    let found = found.map_err(|error| not_pem(error.to_string()))?;
    if found.is_empty() { Err(not_pem("it holds no certificate".to_owned())) } else { Ok(found) }
}

/// Doubled with each failure, and drawn by a fifth either way, so that what failed together doesn't
/// come again together; milliseconds.
fn pause_ms(failures: i32, longest_ms: i64) -> i64 {
    let doublings = u32::try_from(failures - 1).unwrap_or_default().min(20);
    let pause_ms = (FIRST_PAUSE_MS << doublings).min(longest_ms);
    pause_ms + rand::random_range(-pause_ms / 5..=pause_ms / 5)
}

/// The error and what lies beneath it: "connection refused" stands at the bottom.
fn words(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut beneath = error.source();
    while let Some(source) = beneath {
        text = format!("{text}: {source}");
        beneath = source.source();
    }
    text
}

fn count(outcome: &'static str) {
    metrics::counter!("spor_alert_webhooks_total", "outcome" => outcome).increment(1);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_the_longest() {
        let about = |failures, ms: i64| {
            let pause_ms = pause_ms(failures, LONGEST_PAUSE_MS);
            assert!((pause_ms - ms).abs() <= ms / 5, "{failures}: {pause_ms}");
        };
        about(1, 2_000);
        about(2, 4_000);
        about(5, 32_000);
        about(1_000, LONGEST_PAUSE_MS);
    }

    #[test]
    fn an_address_is_checked_and_not_repeated() {
        assert!(checked("https://example.org/hook?key=1").is_ok());
        for wrong in
            ["", "example.org", "ftp://example.org", "https://a:b@example.org", "https://x/#y"]
        {
            let told = checked(wrong).expect_err(wrong);
            assert!(wrong.is_empty() || !told.contains(wrong), "{told}");
        }
        let hook = |url: &str| {
            let config = Config { webhook_url: Some(url.to_owned()), ..Config::default() };
            Webhook::new(&config)
        };
        assert!(matches!(hook("ftp://example.org"), Err(ConfigError::Url(_))));
        assert!(matches!(Webhook::new(&Config::default()), Ok(None)));
    }
}
