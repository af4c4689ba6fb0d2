//! Certificates of a test's own, and how a Spor is told to use them.

use super::Spor;
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use rumqttc::Transport;
use std::{path::Path, sync::Arc};
use tempfile::TempDir;
use tokio_rustls::rustls::{ClientConfig, RootCertStore, crypto::ring::default_provider};

/// A certificate authority, a server's certificate and one of the client `gate`, in files.
pub(crate) struct Files(TempDir, rcgen::Certificate);

impl Files {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        let ca = params.self_signed(&key).unwrap();
        std::fs::write(folder.path().join("ca.pem"), ca.pem()).unwrap();
        let issuer = Issuer::new(params, key);
        for name in ["server", "gate"] {
            let names = vec!["localhost".to_owned(), "127.0.0.1".to_owned()];
            let mut params = CertificateParams::new(names).unwrap();
            params.distinguished_name.push(DnType::CommonName, name);
            let key = KeyPair::generate().unwrap();
            let certificate = params.signed_by(&key, &issuer).unwrap();
            std::fs::write(folder.path().join(format!("{name}.pem")), certificate.pem()).unwrap();
            std::fs::write(folder.path().join(format!("{name}.key")), key.serialize_pem()).unwrap();
        }
        Self(folder, ca)
    }

    pub(crate) fn folder(&self) -> &Path {
        self.0.path()
    }

    pub(crate) fn path(&self, name: &str) -> String {
        self.0.path().join(name).to_str().unwrap().to_owned()
    }

    pub(crate) fn settings(&self) -> Vec<(&'static str, String)> {
        vec![
            ("SPOR_MQTT__TLS_LISTEN", "127.0.0.1:0".to_owned()),
            ("SPOR_MQTT__TLS_CERTIFICATE", self.path("server.pem")),
            ("SPOR_MQTT__TLS_KEY", self.path("server.key")),
        ]
    }

    pub(crate) fn transport(&self) -> Transport {
        let mut roots = RootCertStore::empty();
        roots.add(self.1.der().clone()).unwrap();
        let config = ClientConfig::builder_with_provider(Arc::new(default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        Transport::tls_with_config(config.into())
    }
}

/// The port of the TLS listener.
pub(crate) fn tls_port(spor: &Spor) -> u16 {
    let text = std::fs::read_to_string(spor.data_dir().join("endpoints.json")).unwrap();
    let endpoints: serde_json::Value = serde_json::from_str(&text).unwrap();
    endpoints["mqtts"].as_str().unwrap().rsplit_once(':').unwrap().1.parse().unwrap()
}
