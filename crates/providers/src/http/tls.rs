//! TLS: certificates are checked against the system's roots, or against those given.

use std::sync::Arc;

use rustls::crypto::ring::default_provider;
use rustls::pki_types::CertificateDer;
use rustls::{ClientConfig, RootCertStore};
use tokio_rustls::TlsConnector;

/// Whose certificates count.
pub enum Roots {
    /// The system's. Those that cannot be read are left out: whoever needs one is refused by name.
    Native,
    /// These alone.
    Given(Vec<CertificateDer<'static>>),
}

/// Makes TLS connections for HTTP/1.1. Cost: reads the system's certificates once. Errors: no TLS version is on offer.
pub fn tls(roots: Roots) -> Result<TlsConnector, rustls::Error> {
    let certificates = match roots {
        Roots::Native => rustls_native_certs::load_native_certs().certs,
        Roots::Given(certificates) => certificates,
    };
    let mut store = RootCertStore::empty();
    store.add_parsable_certificates(certificates);
    let mut config = ClientConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()?
        .with_root_certificates(store)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(TlsConnector::from(Arc::new(config)))
}
