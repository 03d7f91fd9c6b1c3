//! TLS for regions that are called by `https`.
//!
//! Azure offers `h2` and `http/1.1`, and which one a gateway gets depends on ALPN, so
//! both are offered in that order. The provider is *ring* and is named here rather
//! than installed for the process, which belongs to the test.

use std::io;
use std::path::Path;
use std::sync::Arc;

use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::TlsAcceptor;

/// A certificate chain and its key, both PEM.
#[derive(Clone)]
pub struct TlsConfig {
    /// Leaf first.
    pub certificates_pem: Vec<u8>,
    /// PKCS#8, PKCS#1 or SEC1.
    pub key_pem: Vec<u8>,
}

impl TlsConfig {
    /// Reads both files.
    pub fn from_files(certificates: &Path, key: &Path) -> io::Result<Self> {
        Ok(Self { certificates_pem: read(certificates)?, key_pem: read(key)? })
    }

    pub(crate) fn acceptor(&self) -> io::Result<TlsAcceptor> {
        let certificates = CertificateDer::pem_slice_iter(&self.certificates_pem)
            .collect::<Result<Vec<_>, _>>()
            .map_err(|problem| invalid("certificate", &problem))?;
        let key = PrivateKeyDer::from_pem_slice(&self.key_pem)
            .map_err(|problem| invalid("key", &problem))?;
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|problem| invalid("protocol versions", &problem))?
            .with_no_client_auth()
            .with_single_cert(certificates, key)
            .map_err(|problem| invalid("certificate or key", &problem))?;
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Ok(TlsAcceptor::from(Arc::new(config)))
    }
}

impl std::fmt::Debug for TlsConfig {
    /// Without the key.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TlsConfig").finish_non_exhaustive()
    }
}

fn read(path: &Path) -> io::Result<Vec<u8>> {
    std::fs::read(path)
        .map_err(|problem| io::Error::new(problem.kind(), format!("{}: {problem}", path.display())))
}

fn invalid(what: &str, problem: &dyn std::fmt::Display) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, format!("the TLS {what} cannot be used: {problem}"))
}
