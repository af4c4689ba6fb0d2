//! TLS on its own port: certificates of the server and of clients.

use super::*;
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use std::path::Path;
use tokio_rustls::{
    TlsConnector,
    client::TlsStream,
    rustls::{ClientConfig, RootCertStore, crypto::ring::default_provider, pki_types::ServerName},
};

/// Someone who signs certificates.
struct Ca {
    issuer: Issuer<'static, KeyPair>,
    certificate: rcgen::Certificate,
}

impl Ca {
    fn new() -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        let certificate = params.self_signed(&key).unwrap();
        Self { issuer: Issuer::new(params, key), certificate }
    }

    /// A certificate with a common name, and DNS names.
    fn sign(&self, common: Option<&str>, dns: &[&str]) -> (rcgen::Certificate, KeyPair) {
        let names = dns.iter().map(ToString::to_string).collect::<Vec<_>>();
        let mut params = CertificateParams::new(names).unwrap();
        params.distinguished_name.remove(DnType::CommonName);
        if let Some(common) = common {
            params.distinguished_name.push(DnType::CommonName, common);
        }
        let key = KeyPair::generate().unwrap();
        (params.signed_by(&key, &self.issuer).unwrap(), key)
    }

    fn write_server(&self, folder: &Path) {
        let (certificate, key) = self.sign(None, &["localhost"]);
        std::fs::write(folder.join("server.pem"), certificate.pem()).unwrap();
        std::fs::write(folder.join("server.key"), key.serialize_pem()).unwrap();
    }

    fn connector(&self, client: Option<(rcgen::Certificate, KeyPair)>) -> TlsConnector {
        let mut roots = RootCertStore::empty();
        roots.add(self.certificate.der().clone()).unwrap();
        let builder = ClientConfig::builder_with_provider(Arc::new(default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots);
        let config = match client {
            None => builder.with_no_client_auth(),
            Some((certificate, key)) => {
                let key =
                    tokio_rustls::rustls::pki_types::PrivatePkcs8KeyDer::from(key.serialize_der());
                builder.with_client_auth_cert(vec![certificate.der().clone()], key.into()).unwrap()
            }
        };
        TlsConnector::from(Arc::new(config))
    }
}

fn tls_config(folder: &Path) -> Config {
    Config {
        tls_listen: Some(([127, 0, 0, 1], 0).into()),
        tls_certificate: Some(folder.join("server.pem")),
        tls_key: Some(folder.join("server.key")),
        ..config()
    }
}

async fn greet(rig: &Rig, connector: &TlsConnector) -> io::Result<TlsStream<TcpStream>> {
    let stream = TcpStream::connect(rig.tls.unwrap()).await?;
    connector.connect(ServerName::try_from("localhost").unwrap(), stream).await
}

/// Sends CONNECT; the CONNACK's code, or none when the connection ends without one.
async fn connack(stream: &mut TlsStream<TcpStream>, options: &Options<'_>) -> Option<u8> {
    stream.write_all(&connect("tls", options)).await.ok()?;
    let mut answer = [0; 4];
    timeout(PATIENCE, stream.read_exact(&mut answer)).await.expect("in time").ok()?;
    Some(answer[3])
}

#[tokio::test]
async fn tls_carries_publishes_and_large_answers() {
    let (ca, folder) = (Ca::new(), tempfile::tempdir().unwrap());
    ca.write_server(folder.path());
    let mut rig = Rig::with(tls_config(folder.path()), None).await;
    let mut stream = greet(&rig, &ca.connector(None)).await.unwrap();
    assert_eq!(connack(&mut stream, &Options::default()).await, Some(0));
    let mut bytes = subscribe(7, &[("spor/v1/events/#", 0)]);
    bytes.extend(publish("t", &vec![b'x'; 300_000], Some(9)));
    stream.write_all(&bytes).await.unwrap();
    let mut answer = [0; 9];
    stream.read_exact(&mut answer).await.unwrap();
    assert_eq!(answer, [0x90, 3, 0, 7, 0, 0x40, 2, 0, 9]);
    assert_eq!(rig.arrival().await.payload.len(), 300_000);
    for _ in 0..20 {
        rig.publisher.publish("spor/v1/events/zone/a".into(), vec![b'y'; 100_000]);
    }
    let mut events = vec![0; 20 * (1 + 3 + 2 + 21 + 100_000)];
    timeout(PATIENCE, stream.read_exact(&mut events)).await.expect("in time").unwrap();
    rig.works().await;
    rig.stop().await;
}

#[tokio::test]
async fn a_silent_tls_client_stalls_nobody_and_is_closed() {
    let (seen, _recorder) = Seen::new();
    let (ca, folder) = (Ca::new(), tempfile::tempdir().unwrap());
    ca.write_server(folder.path());
    let config = Config { connect_timeout_ms: 500, ..tls_config(folder.path()) };
    let rig = Rig::with(config, None).await;
    let mut silent = Vec::new();
    for _ in 0..20 {
        silent.push(Raw { stream: TcpStream::connect(rig.tls.unwrap()).await.unwrap() });
    }
    // One of them has begun, and stops within its hello.
    silent[0].send(b"\x16\x03\x01\x02\x00\x01\x00\x01").await;
    let mut stream = greet(&rig, &ca.connector(None)).await.unwrap();
    assert_eq!(connack(&mut stream, &Options::default()).await, Some(0));
    for raw in &mut silent {
        assert!(raw.is_closed().await);
    }
    assert_eq!(seen.count("spor_connections_refused_total{reason=\"tls_timeout\"}"), 20);
    let mut plain = Raw { stream: TcpStream::connect(rig.tls.unwrap()).await.unwrap() };
    plain.send(&connect("plain", &Options::default())).await;
    assert!(plain.is_closed().await);
    assert_eq!(seen.count("spor_connections_refused_total{reason=\"tls_handshake\"}"), 1);
    // With the handshake done, CONNECT has its own time-out.
    let mut mute = greet(&rig, &ca.connector(None)).await.unwrap();
    assert_eq!(mute.read(&mut [0]).await.unwrap_or(0), 0);
    assert_eq!(seen.count("spor_connections_refused_total{reason=\"connect_timeout\"}"), 1);
    rig.stop().await;
}

#[tokio::test]
async fn new_certificates_are_read_without_a_restart_and_old_connections_stay() {
    let (old, new, folder) = (Ca::new(), Ca::new(), tempfile::tempdir().unwrap());
    old.write_server(folder.path());
    let rig = Rig::with(tls_config(folder.path()), None).await;
    let mut before = greet(&rig, &old.connector(None)).await.unwrap();
    assert_eq!(connack(&mut before, &Options::default()).await, Some(0));
    // A certificate without its key, and what is none, change nothing.
    std::fs::write(folder.path().join("server.pem"), "none").unwrap();
    tokio::time::sleep(Duration::from_millis(1_100)).await;
    greet(&rig, &old.connector(None)).await.unwrap();
    new.write_server(folder.path());
    tokio::time::sleep(Duration::from_millis(1_100)).await;
    greet(&rig, &new.connector(None)).await.unwrap();
    assert!(greet(&rig, &old.connector(None)).await.is_err());
    before.write_all(&PING).await.unwrap();
    let mut answer = [0; 2];
    before.read_exact(&mut answer).await.unwrap();
    assert_eq!(answer, [0xd0, 0]);
    rig.stop().await;
}

#[tokio::test]
async fn a_certificate_is_its_clients_identity() {
    let (ca, stranger, folder) = (Ca::new(), Ca::new(), tempfile::tempdir().unwrap());
    ca.write_server(folder.path());
    let ca_file = folder.path().join("ca.pem");
    std::fs::write(&ca_file, ca.certificate.pem()).unwrap();
    let config = Config { tls_client_ca: Some(ca_file), ..tls_config(folder.path()) };
    let mut rig = Rig::with(config.clone(), Some(verify())).await;
    for (common, dns) in [(Some("reader-7"), "else"), (None, "reader-7")] {
        let connector = ca.connector(Some(ca.sign(common, &[dns])));
        let mut stream = greet(&rig, &connector).await.unwrap();
        assert_eq!(connack(&mut stream, &Options::default()).await, Some(0));
        let mut bytes = publish("spor/v1/readers/reader-7/status", b"mine", Some(1));
        bytes.extend(publish("spor/v1/readers/reader-8/status", b"not mine", Some(2)));
        stream.write_all(&bytes).await.unwrap();
        let mut answer = Vec::new();
        let _ = timeout(PATIENCE, stream.read_to_end(&mut answer)).await.expect("an end");
        assert_eq!(answer, pub_ack(1));
        assert_eq!(rig.arrival().await.payload, "mine");
    }
    let unknown = ca.connector(Some(ca.sign(Some("king"), &[])));
    let login = Some(("reader-7", &b"secret"[..]));
    let options = Options { login, ..Options::default() };
    let mut stream = greet(&rig, &unknown).await.unwrap();
    assert_eq!(connack(&mut stream, &options).await, Some(5), "a password does not replace it");
    let forged = ca.connector(Some(stranger.sign(Some("reader-7"), &[])));
    if let Ok(mut stream) = greet(&rig, &forged).await {
        assert_eq!(connack(&mut stream, &Options::default()).await, None);
    }
    // Certificates are optional: a password will do, nothing at all will not.
    let mut stream = greet(&rig, &ca.connector(None)).await.unwrap();
    assert_eq!(connack(&mut stream, &options).await, Some(0));
    let mut stream = greet(&rig, &ca.connector(None)).await.unwrap();
    assert_eq!(connack(&mut stream, &Options::default()).await, Some(5));
    rig.stop().await;

    // Without credentials the certificate is needed, and its owner a device.
    let mut rig = Rig::with(config, None).await;
    if let Ok(mut stream) = greet(&rig, &ca.connector(None)).await {
        assert_eq!(connack(&mut stream, &options).await, None);
    }
    let connector = ca.connector(Some(ca.sign(Some("pump-7"), &[])));
    let mut stream = greet(&rig, &connector).await.unwrap();
    assert_eq!(connack(&mut stream, &Options::default()).await, Some(0));
    stream.write_all(&publish("spor/v1/tags/pump-7/status", b"x", Some(1))).await.unwrap();
    assert_eq!(rig.arrival().await.payload, "x");
    rig.stop().await;
}

#[tokio::test]
async fn tls_settings_that_cannot_work_are_named() {
    let (ca, folder) = (Ca::new(), tempfile::tempdir().unwrap());
    ca.write_server(folder.path());
    let good = tls_config(folder.path());
    let everywhere = Some(([0, 0, 0, 0], 0).into());
    let missing = Some(folder.path().join("missing.pem"));
    let empty = folder.path().join("empty.pem");
    std::fs::write(&empty, "").unwrap();
    for (config, complaint) in [
        (Config { tls_certificate: None, ..good.clone() }, "needs mqtt.tls_certificate"),
        (Config { tls_key: missing.clone(), ..good.clone() }, "mqtt.tls_key"),
        (Config { tls_key: good.tls_certificate.clone(), ..good.clone() }, "mqtt.tls_key"),
        (Config { tls_client_ca: missing, ..good.clone() }, "mqtt.tls_client_ca"),
        (Config { tls_client_ca: Some(empty), ..good.clone() }, "no certificate"),
        (Config { tls_listen: everywhere, ..good.clone() }, "mqtt.tls_listen 0.0.0.0:0 is not"),
    ] {
        let error = Broker::bind(config, None).await.err().unwrap();
        assert!(error.is_configuration());
        assert!(error.to_string().contains(complaint), "{error}");
    }
    let config = Config { tls_listen: everywhere, ..good };
    assert!(Broker::bind(config, Some(verify())).await.is_ok());
}
