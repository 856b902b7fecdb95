//! From a name to a connection: resolve, check every address, connect to one that was checked, speak TLS.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use async_trait::async_trait;
use hyper::Uri;
use hyper::rt::{Read, ReadBufCursor, Write};
use hyper_util::client::legacy::connect::{Connected, Connection};
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use tokio::net::{TcpStream, lookup_host};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tower::Service;

use super::{AddressError, Class, Reach};

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// Finds the addresses of a name.
#[async_trait]
pub trait Resolve: Send + Sync {
    /// All addresses of `host`. Errors: it has none, or nobody could say.
    async fn resolve(&self, host: &str, port: u16) -> io::Result<Vec<SocketAddr>>;
}

/// The system's resolver.
#[derive(Clone, Copy, Debug)]
pub struct SystemResolver;

#[async_trait]
impl Resolve for SystemResolver {
    async fn resolve(&self, host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
        Ok(lookup_host((host, port)).await?.collect())
    }
}

/// How connections are made.
pub struct Connecting {
    /// Who may be called.
    pub reach: Reach,
    /// Clear text to other machines too.
    pub allow_plain_http: bool,
    /// For resolving, connecting and the TLS handshake together.
    pub timeout: Duration,
    /// Finds addresses.
    pub resolver: Arc<dyn Resolve>,
    /// `None` if no `https` is called.
    pub tls: Option<TlsConnector>,
}

/// Makes the connections of a client's pool.
#[derive(Clone)]
pub(super) struct Connector(pub(super) Arc<Connecting>);

impl Service<Uri> for Connector {
    type Response = Stream;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<Stream, BoxError>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let connecting = Arc::clone(&self.0);
        Box::pin(async move { tokio::time::timeout(connecting.timeout, connecting.connect(&uri)).await? })
    }
}

impl Connecting {
    async fn connect(&self, uri: &Uri) -> Result<Stream, BoxError> {
        let is_tls = uri.scheme_str() == Some("https");
        let host = uri.host().ok_or("no host")?.trim_matches(['[', ']']);
        let port = uri.port_u16().unwrap_or(if is_tls { 443 } else { 80 });
        let addresses = self.resolver.resolve(host, port).await?;
        self.reach.check(host, &addresses)?;
        if !is_tls && !self.allows_clear_text(&addresses) {
            return Err(AddressError::ClearText { host: host.into() }.into());
        }
        let tcp = first_that_connects(&addresses).await?;
        tcp.set_nodelay(true)?;
        if !is_tls {
            return Ok(Stream::Plain(TokioIo::new(tcp)));
        }
        let tls = self.tls.as_ref().ok_or("no TLS is set up")?;
        let name = ServerName::try_from(host.to_owned())?;
        Ok(Stream::Tls(Box::new(TokioIo::new(tls.connect(name, tcp).await?))))
    }

    fn allows_clear_text(&self, addresses: &[SocketAddr]) -> bool {
        self.allow_plain_http || addresses.iter().all(|address| Class::of(address.ip()) == Class::Loopback)
    }
}

async fn first_that_connects(addresses: &[SocketAddr]) -> io::Result<TcpStream> {
    let mut last = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
    for address in addresses {
        match TcpStream::connect(address).await {
            Ok(tcp) => return Ok(tcp),
            Err(error) => last = error,
        }
    }
    Err(last)
}

/// A connection in clear text or by TLS.
pub(super) enum Stream {
    Plain(TokioIo<TcpStream>),
    Tls(Box<TokioIo<TlsStream<TcpStream>>>),
}

impl Connection for Stream {
    fn connected(&self) -> Connected {
        Connected::new()
    }
}

impl Read for Stream {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        into: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_read(cx, into),
            Self::Tls(stream) => Pin::new(stream).poll_read(cx, into),
        }
    }
}

impl Write for Stream {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_write(cx, bytes),
            Self::Tls(stream) => Pin::new(stream).poll_write(cx, bytes),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_flush(cx),
            Self::Tls(stream) => Pin::new(stream).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_shutdown(cx),
            Self::Tls(stream) => Pin::new(stream).poll_shutdown(cx),
        }
    }
}
