//! A proxy before the database that cuts connections after so many bytes of answers: what was asked has been done by then.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

/// Forwards connections until dropped.
pub(crate) struct Proxy {
    pub(crate) address: SocketAddr,
    cut: Arc<Cut>,
    _task: JoinSet<()>,
}

/// How many more bytes pass until the connection at hand is cut; below 0 none is.
struct Cut {
    left: AtomicI64,
    cuts: AtomicU64,
}

impl Cut {
    /// How many of `count` bytes still pass; fewer than all cut the connection.
    fn passes(&self, count: usize) -> usize {
        let before = self.left.load(Ordering::SeqCst);
        if before < 0 {
            return count;
        }
        let left = before - count as i64;
        self.left.store(left.max(-1), Ordering::SeqCst);
        if left >= 0 {
            return count;
        }
        self.cuts.fetch_add(1, Ordering::SeqCst);
        before as usize
    }
}

impl Proxy {
    /// A proxy before `port`.
    pub(crate) async fn start(port: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let cut = Arc::new(Cut { left: AtomicI64::new(-1), cuts: AtomicU64::new(0) });
        let (mut task, shared) = (JoinSet::new(), Arc::clone(&cut));
        task.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((client, _)) = listener.accept().await {
                connections.spawn(forward(client, port, Arc::clone(&shared)));
            }
        });
        Self { address, cut, _task: task }
    }

    /// Cuts whichever connection carries the byte after the next `bytes`.
    pub(crate) fn cut_after(&self, bytes: i64) {
        self.cut.left.store(bytes, Ordering::SeqCst);
    }

    /// Connections cut so far.
    pub(crate) fn cuts(&self) -> u64 {
        self.cut.cuts.load(Ordering::SeqCst)
    }
}

async fn forward(client: TcpStream, port: u16, cut: Arc<Cut>) {
    let Ok(server) = TcpStream::connect(("127.0.0.1", port)).await else { return };
    let (from_client, to_client) = client.into_split();
    let (from_server, to_server) = server.into_split();
    // The first that ends drops the other: the connection is cut both ways.
    tokio::select! {
        () = copy(from_client, to_server, None) => {}
        () = copy(from_server, to_client, Some(&cut)) => {}
    }
}

async fn copy(mut from: impl AsyncReadExt + Unpin, mut to: impl AsyncWriteExt + Unpin, cut: Option<&Cut>) {
    let mut buffer = vec![0; 16 << 10];
    loop {
        let Ok(count @ 1..) = from.read(&mut buffer).await else { return };
        let passes = cut.map_or(count, |cut| cut.passes(count));
        if to.write_all(&buffer[..passes]).await.is_err() || passes < count {
            return;
        }
    }
}
