//! The settings of the front door: section `[mqtt]`.

use serde::Deserialize;
use std::{net::SocketAddr, path::PathBuf, time::Duration};

/// Section `[mqtt]` of the configuration.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Address and port to listen on; port 0 takes a free one. Anything but loopback needs `credentials`.
    pub listen: SocketAddr,
    /// Address and port to listen on with TLS. None: no TLS. Anything but loopback needs
    /// `credentials` or `tls_client_ca`.
    pub tls_listen: Option<SocketAddr>,
    /// Certificate chain of the server, PEM; read again when it changes.
    pub tls_certificate: Option<PathBuf>,
    /// Its private key, PEM; read again when it changes.
    pub tls_key: Option<PathBuf>,
    /// Certificates, PEM, of those who sign clients' certificates; read again when they change. A
    /// client with a certificate is who the certificate names. None: clients have no certificates.
    pub tls_client_ca: Option<PathBuf>,
    /// File of MQTT credentials, made by `spor credentials add`. None: open, on loopback only.
    pub credentials: Option<PathBuf>,
    /// `mqtt://user@host:1883` or `mqtts://...`: Spor is a client of this broker and does not listen.
    /// The password is not part of it.
    pub url: Option<String>,
    /// File with that broker's password; none: the variable `MQTT_SPOR_PASSWORD`.
    pub url_password_file: Option<PathBuf>,
    /// PEM file of the authority that vouches for an `mqtts://` broker; none: those of the system.
    pub url_ca: Option<PathBuf>,
    /// Name of the session that the broker keeps; none: one made at the first start and kept.
    pub url_client_id: Option<String>,
    /// Most connections at a time; more are refused.
    pub max_connections: usize,
    /// Most connections of one address (of one /64 with IPv6) at a time.
    pub max_connections_per_address: usize,
    /// Most connections with one credential at a time.
    pub max_connections_per_credential: usize,
    /// Packets a second of one client, after a burst of one second; faster ones are read later.
    /// 0: no bound.
    pub max_messages_per_s: u64,
    /// Bytes a second of one client, likewise.
    pub max_bytes_per_s: u64,
    /// Packets a second of all clients together, likewise.
    pub max_total_messages_per_s: u64,
    /// Bytes a second of all clients together, likewise.
    pub max_total_bytes_per_s: u64,
    /// Wrong passwords a minute from one address (one /64 with IPv6); then it is refused without
    /// a look at the password. Passwords that were right before are not affected. 0: no bound.
    pub max_failed_logins_per_min: u32,
    /// Largest MQTT packet in bytes; a larger one closes its connection. What ingest takes is less.
    pub max_packet_bytes: usize,
    /// Most messages of one client that wait for their acknowledgement; more are read later.
    pub max_in_flight: usize,
    /// Most messages of all clients that wait for their acknowledgement; more are read later.
    pub max_total_in_flight: usize,
    /// Time from the connection (with TLS, from its handshake, which has as long) to a complete
    /// CONNECT, in milliseconds.
    pub connect_timeout_ms: u64,
    /// Longest time for a packet that has begun to become complete, in milliseconds.
    pub packet_timeout_ms: u64,
    /// Longest time that a client may not read what is sent to it, in milliseconds.
    pub write_timeout_ms: u64,
    /// Most clients that are subscribed to events at a time, absent persistent sessions included.
    pub max_subscribers: usize,
    /// Most subscriptions of one client.
    pub max_subscriptions: usize,
    /// Most different topic filters of all subscribers together.
    pub max_filters: usize,
    /// Events that wait for the router; when it is full, new ones are dropped and counted.
    pub event_queue: usize,
    /// Most persistent sessions that are kept for absent clients.
    pub max_sessions: usize,
    /// How long a persistent session is kept for an absent client, in seconds.
    pub session_expiry_s: u64,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 1883)),
            tls_listen: None,
            tls_certificate: None,
            tls_key: None,
            tls_client_ca: None,
            credentials: None,
            url: None,
            url_password_file: None,
            url_ca: None,
            url_client_id: None,
            max_connections: 20_000,
            max_connections_per_address: 10_000,
            max_connections_per_credential: 1_000,
            max_messages_per_s: 100_000,
            max_bytes_per_s: 64 * 1024 * 1024,
            max_total_messages_per_s: 1_000_000,
            max_total_bytes_per_s: 1024 * 1024 * 1024,
            max_failed_logins_per_min: 60,
            max_packet_bytes: 2 * 1024 * 1024,
            max_in_flight: 1_000,
            max_total_in_flight: 500_000,
            connect_timeout_ms: 5_000,
            packet_timeout_ms: 30_000,
            write_timeout_ms: 10_000,
            max_subscribers: 1_000,
            max_subscriptions: 64,
            max_filters: 1_000,
            event_queue: 10_000,
            max_sessions: 1_000,
            session_expiry_s: 24 * 3600,
        }
    }
}

impl Config {
    pub(super) fn connect_timeout(&self) -> Duration {
        Duration::from_millis(self.connect_timeout_ms)
    }

    pub(super) fn packet_timeout(&self) -> Duration {
        Duration::from_millis(self.packet_timeout_ms)
    }

    pub(super) fn write_timeout(&self) -> Duration {
        Duration::from_millis(self.write_timeout_ms)
    }

    pub(super) fn session_expiry(&self) -> Duration {
        Duration::from_secs(self.session_expiry_s)
    }
}
