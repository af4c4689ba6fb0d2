//! TLS for the front door: certificates that are read again when their files change, and the name
//! in a client's certificate. Connections keep the certificates that they began with.

use super::{BrokerError, Config};
use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant, SystemTime},
};
use tokio::net::TcpStream;
use tokio_rustls::{
    TlsAcceptor,
    rustls::{
        RootCertStore, ServerConfig,
        crypto::ring::default_provider,
        pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _},
        server::WebPkiClientVerifier,
    },
    server::TlsStream,
};
use x509_cert::{
    Certificate,
    der::{Decode as _, Tag, Tagged as _, asn1::ObjectIdentifier},
    ext::pkix::{SubjectAltName, name::GeneralName},
};

/// The files are looked at this often, when connections come.
const LOOK_EVERY: Duration = Duration::from_secs(1);
const COMMON_NAME: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.4.3");

/// What a TLS handshake came to.
pub(super) struct Greeted {
    pub(super) stream: TlsStream<TcpStream>,
    /// The name in the client's certificate, which was verified; none without a certificate.
    pub(super) certificate: Option<Arc<str>>,
}

/// The server's side of TLS.
pub(super) struct Tls {
    files: Files,
    current: Mutex<Current>,
}

struct Files {
    certificate: PathBuf,
    key: PathBuf,
    client_ca: Option<PathBuf>,
    /// Without credentials the certificate is all that there is.
    certificate_needed: bool,
}

struct Current {
    config: Arc<ServerConfig>,
    looked: Instant,
    stamps: Vec<Stamp>,
}

/// What changes with a file.
type Stamp = Option<(SystemTime, u64)>;

impl Tls {
    /// Reads the files that the configuration names.
    pub(super) fn load(config: &Config, has_credentials: bool) -> Result<Self, BrokerError> {
        let (Some(certificate), Some(key)) = (&config.tls_certificate, &config.tls_key) else {
            return Err(BrokerError::TlsFilesMissing);
        };
        let files = Files {
            certificate: certificate.clone(),
            key: key.clone(),
            client_ca: config.tls_client_ca.clone(),
            certificate_needed: !has_credentials,
        };
        // The stamps first: what changes while the files are read is read again.
        let stamps = files.stamps();
        let config = files.load()?;
        let current = Current { config, looked: Instant::now(), stamps };
        Ok(Self { files, current: Mutex::new(current) })
    }

    fn config(&self) -> Arc<ServerConfig> {
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        if current.looked.elapsed() >= LOOK_EVERY {
            current.looked = Instant::now();
            let stamps = self.files.stamps();
            if stamps != current.stamps {
                current.stamps = stamps;
                match self.files.load() {
                    Ok(config) => {
                        current.config = config;
                        tracing::info!("the TLS certificates of MQTT were read again");
                    }
                    // Also between the replacement of a certificate and that of its key.
                    Err(error) => tracing::error!(%error, "TLS certificates not reloaded"),
                }
            }
        }
        Arc::clone(&current.config)
    }

    /// The handshake; an error is the word under which the refusal is counted.
    pub(super) async fn greet(
        &self,
        stream: TcpStream,
        limit: Duration,
    ) -> Result<Greeted, &'static str> {
        let handshake = TlsAcceptor::from(self.config()).accept(stream);
        let stream = match tokio::time::timeout(limit, handshake).await {
            Ok(Ok(stream)) => stream,
            Ok(Err(error)) => return Err(reason(&error)),
            Err(_) => return Err("tls_timeout"),
        };
        let certificate = match stream.get_ref().1.peer_certificates().and_then(<[_]>::first) {
            Some(certificate) => Some(name_of(certificate).ok_or("certificate_name")?.into()),
            None => None,
        };
        Ok(Greeted { stream, certificate })
    }
}

fn reason(error: &io::Error) -> &'static str {
    use tokio_rustls::rustls::Error;
    match error.get_ref().and_then(|error| error.downcast_ref()) {
        Some(Error::InvalidCertificate(_)) => "tls_certificate",
        Some(Error::NoCertificatesPresented) => "no_certificate",
        _ => "tls_handshake",
    }
}

impl Files {
    fn stamps(&self) -> Vec<Stamp> {
        let stamp = |path: &Path| {
            let data = fs::metadata(path).ok()?;
            Some((data.modified().ok()?, std::os::unix::fs::MetadataExt::ino(&data)))
        };
        let paths = [Some(&self.certificate), Some(&self.key), self.client_ca.as_ref()];
        paths.into_iter().flatten().map(|path| stamp(path)).collect()
    }

    fn load(&self) -> Result<Arc<ServerConfig>, BrokerError> {
        let bad = |key: &'static str, path: &Path, reason: String| BrokerError::TlsFile {
            key,
            path: path.to_owned(),
            reason,
        };
        let chain = certificates(&self.certificate)
            .map_err(|error| bad("tls_certificate", &self.certificate, error))?;
        let key = PrivateKeyDer::from_pem_file(&self.key)
            .map_err(|error| bad("tls_key", &self.key, error.to_string()))?;
        let provider = Arc::new(default_provider());
        let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .map_err(|error| bad("tls_certificate", &self.certificate, error.to_string()))?;
        let builder = match &self.client_ca {
            None => builder.with_no_client_auth(),
            Some(path) => {
                let bad = |error: String| bad("tls_client_ca", path, error);
                let mut roots = RootCertStore::empty();
                for certificate in certificates(path).map_err(bad)? {
                    roots.add(certificate).map_err(|error| bad(error.to_string()))?;
                }
                let verifier =
                    WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
                let verifier = match self.certificate_needed {
                    true => verifier,
                    false => verifier.allow_unauthenticated(),
                };
                let verifier = verifier.build().map_err(|error| bad(error.to_string()))?;
                builder.with_client_cert_verifier(verifier)
            }
        };
        let config = builder
            .with_single_cert(chain, key)
            .map_err(|error| bad("tls_key", &self.key, error.to_string()))?;
        Ok(Arc::new(config))
    }
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let all: Result<Vec<_>, _> = CertificateDer::pem_file_iter(path).and_then(Iterator::collect);
    match all {
        Ok(all) if all.is_empty() => Err("it holds no certificate".to_owned()),
        Ok(all) => Ok(all),
        Err(error) => Err(error.to_string()),
    }
}

/// The common name of a certificate, or its first DNS name; none when that is no valid id.
fn name_of(der: &CertificateDer<'_>) -> Option<String> {
    let certificate = Certificate::from_der(der).ok()?.tbs_certificate;
    let mut attributes = certificate.subject.0.iter().flat_map(|names| names.0.iter());
    let common = attributes.find(|attribute| attribute.oid == COMMON_NAME);
    let name = match common {
        Some(common) => {
            let text = matches!(
                common.value.tag(),
                Tag::Utf8String | Tag::PrintableString | Tag::Ia5String
            );
            text.then(|| std::str::from_utf8(common.value.value()).ok())??.to_owned()
        }
        None => {
            let (_, names) = certificate.get::<SubjectAltName>().ok()??;
            names.0.iter().find_map(|name| match name {
                GeneralName::DnsName(name) => Some(name.as_str().to_owned()),
                _ => None,
            })?
        }
    };
    spor_schemas::ids::is_valid_id(&name).then_some(name)
}
