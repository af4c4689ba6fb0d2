//! TLS to the outside broker: who is trusted to vouch for it.

use super::BrokerError;
use rumqttc::{TlsConfiguration, Transport};
use std::{io, path::Path, sync::Arc};
use tokio_rustls::rustls::{
    ClientConfig, RootCertStore,
    crypto::ring,
    pki_types::{CertificateDer, pem::PemObject as _},
};

/// A transport that trusts the certificates in `ca`, or those of the system where it is none.
///
/// # Errors
/// When the file can't be read or holds no certificate, or the system has none.
pub(super) fn transport(ca: Option<&Path>) -> Result<Transport, BrokerError> {
    let (certificates, place) = match ca {
        Some(path) => (of_file(path)?, path.display().to_string()),
        None => (rustls_native_certs::load_native_certs().certs, "the system's store".to_owned()),
    };
    let mut roots = RootCertStore::empty();
    let (taken, _) = roots.add_parsable_certificates(certificates);
    if taken == 0 {
        return Err(BrokerError::NoCertificates(place));
    }
    // The provider is named, because the process may have none or another as its default.
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| BrokerError::Tls(error.to_string()))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(Transport::tls_with_config(TlsConfiguration::Rustls(Arc::new(config))))
}

fn of_file(path: &Path) -> Result<Vec<CertificateDer<'static>>, BrokerError> {
    let unreadable =
        |source| BrokerError::File { key: "mqtt.url_ca", path: path.to_owned(), source };
    let pem = std::fs::read(path).map_err(unreadable)?;
    CertificateDer::pem_slice_iter(&pem)
        .collect::<Result<_, _>>()
        .map_err(|error| unreadable(io::Error::new(io::ErrorKind::InvalidData, error.to_string())))
}
