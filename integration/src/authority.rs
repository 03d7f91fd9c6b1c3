//! Who signs the certificates of backends over `https`.

use std::path::PathBuf;

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, date_time_ymd};
use spillway_simulator::TlsConfig;
use tempfile::TempDir;

/// An authority of a test's own, for as long as the test.
#[derive(Debug)]
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    folder: TempDir,
}

impl Authority {
    /// One that nobody knows yet.
    pub fn new() -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        // With the name that certificates have by default, these would look signed by themselves.
        params.distinguished_name.push(DnType::CommonName, "an authority");
        let key = KeyPair::generate().expect("a key");
        let certificate = params.self_signed(&key).expect("a certificate");
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::write(folder.path().join("ca.pem"), certificate.pem()).expect("a file");
        Self { issuer: Issuer::new(params, key), folder }
    }

    /// Its own certificate, for whoever is to trust it.
    pub fn ca_file(&self) -> PathBuf {
        self.folder.path().join("ca.pem")
    }

    /// A certificate for a DNS name or an IP address.
    pub fn certificate(&self, host: &str) -> TlsConfig {
        self.sign(params_for(host))
    }

    /// The same, but no longer valid.
    pub fn expired_certificate(&self, host: &str) -> TlsConfig {
        let mut params = params_for(host);
        params.not_before = date_time_ymd(2015, 1, 1);
        params.not_after = date_time_ymd(2016, 1, 1);
        self.sign(params)
    }

    fn sign(&self, params: CertificateParams) -> TlsConfig {
        let key = KeyPair::generate().expect("a key");
        let certificate = params.signed_by(&key, &self.issuer).expect("a certificate");
        TlsConfig {
            certificates_pem: certificate.pem().into_bytes(),
            key_pem: key.serialize_pem().into_bytes(),
        }
    }
}

impl Default for Authority {
    fn default() -> Self {
        Self::new()
    }
}

fn params_for(host: &str) -> CertificateParams {
    CertificateParams::new(vec![host.to_owned()]).expect("a name")
}
