//! TLS to the database, as its address asks (`sslmode`): certificates are checked against the system's roots.

use std::sync::Arc;

use rustls::ClientConfig;
use rustls::crypto::ring::default_provider;
use rustls_native_certs::load_native_certs;
use tokio_postgres_rustls::MakeRustlsConnect;

/// Makes TLS connections. Roots that cannot be read are left out: whoever needs one is refused by name.
pub(crate) fn connector() -> Result<MakeRustlsConnect, rustls::Error> {
    let mut roots = rustls::RootCertStore::empty();
    roots.add_parsable_certificates(load_native_certs().certs);
    let config = ClientConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(MakeRustlsConnect::new(config))
}
