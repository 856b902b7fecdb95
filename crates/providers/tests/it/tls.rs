//! TLS, and the way from a name to an address: by the client itself, with a resolver that a test holds.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use hyper::{HeaderMap, Uri};
use rcgen::{CertifiedKey, generate_simple_self_signed};
use rustls::ServerConfig;
use rustls::crypto::ring::default_provider;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tidegate_providers::http::{Connecting, HttpClient, HttpError, Reach, Resolve, Roots, tls};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_rustls::TlsAcceptor;

/// Gives each call the next of these answers; the last for ever.
struct Scripted(Vec<Vec<SocketAddr>>, AtomicUsize);

#[async_trait]
impl Resolve for Scripted {
    async fn resolve(&self, _: &str, _: u16) -> io::Result<Vec<SocketAddr>> {
        let call = self.1.fetch_add(1, Ordering::SeqCst);
        Ok(self.0[call.min(self.0.len() - 1)].clone())
    }
}

/// A server with a certificate for `vendor.test`, which it gives; it answers anything with `{}`.
async fn server() -> (SocketAddr, CertificateDer<'static>, JoinSet<()>) {
    let CertifiedKey { cert, signing_key } = generate_simple_self_signed(["vendor.test".to_owned()]).unwrap();
    let certificate = cert.der().clone();
    let key = PrivateKeyDer::try_from(signing_key.serialize_der()).unwrap();
    let config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.clone()], key)
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let mut accepting = JoinSet::new();
    accepting.spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            // Who does not trust the certificate hangs up.
            let Ok(mut stream) = acceptor.accept(stream).await else { continue };
            let _ = stream.read(&mut [0; 4096]).await;
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}").await;
            let _ = stream.shutdown().await;
        }
    });
    (address, certificate, accepting)
}

fn client(answers: Vec<Vec<SocketAddr>>, reach: Reach, roots: Vec<CertificateDer<'static>>) -> HttpClient {
    let connecting = Connecting {
        reach,
        allow_plain_http: false,
        timeout: Duration::from_secs(5),
        resolver: Arc::new(Scripted(answers, AtomicUsize::new(0))),
        tls: Some(tls(Roots::Given(roots)).unwrap()),
    };
    HttpClient::new(connecting, 1024)
}

async fn post(client: &HttpClient, url: &str) -> Result<u16, HttpError> {
    let deadline = Instant::now() + Duration::from_secs(10);
    let uri: Uri = url.parse().unwrap();
    client
        .post(&uri, HeaderMap::new(), b"{}".to_vec(), deadline)
        .await
        .map(|response| response.status.as_u16())
}

const LOOPBACK: Reach = Reach { loopback: true, private: false };

#[tokio::test]
async fn only_a_certificate_that_is_trusted_and_of_that_name_is_talked_to() {
    let (address, certificate, _accepting) = server().await;
    let trusting = client(vec![vec![address]], LOOPBACK, vec![certificate]);
    assert_eq!(post(&trusting, "https://vendor.test/v1").await.unwrap(), 200);
    let other_name = post(&trusting, "https://other.test/v1").await.unwrap_err();
    assert!(matches!(other_name, HttpError::Broken(_)), "{other_name}");
    let (_, other, _unused) = server().await;
    let distrusting = client(vec![vec![address]], LOOPBACK, vec![other]);
    let unknown = post(&distrusting, "https://vendor.test/v1").await.unwrap_err();
    assert!(matches!(unknown, HttpError::Broken(_)), "{unknown}");
}

#[tokio::test]
async fn a_name_that_changes_its_mind_reaches_nothing_inside() {
    let (address, certificate, _accepting) = server().await;
    let metadata: SocketAddr = "169.254.169.254:443".parse().unwrap();
    let flipping = client(vec![vec![address], vec![address, metadata]], LOOPBACK, vec![certificate]);
    assert_eq!(post(&flipping, "https://vendor.test/v1").await.unwrap(), 200, "one look-up a connection");
    let refused = post(&flipping, "https://vendor.test/v1").await.unwrap_err();
    assert!(matches!(refused, HttpError::Address(_)), "{refused}");
    let outward = client(vec![vec![address]], Reach::default(), vec![]);
    assert!(matches!(post(&outward, "https://vendor.test/v1").await.unwrap_err(), HttpError::Address(_)));
}

#[tokio::test]
async fn clear_text_goes_to_this_machine_only() {
    let public: SocketAddr = "8.8.8.8:80".parse().unwrap();
    let refused =
        post(&client(vec![vec![public]], LOOPBACK, vec![]), "http://vendor.test/").await.unwrap_err();
    assert!(matches!(refused, HttpError::Address(_)), "{refused}");
}
