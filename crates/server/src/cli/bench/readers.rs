//! Live readers that do nothing but be there: what each costs, and how soon all of them see an event.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::child::Server;
use super::wire::Wire;

const REQUEST: &[u8] =
    b"GET /v1/events/stream HTTP/1.1\r\nhost: localhost\r\nx-api-key: dev-key-12345\r\n\r\n";
const EVENT: &str = r#"{"type":"news"}"#;
/// How long a reader waits for what must come.
const PATIENCE: Duration = Duration::from_secs(60);
/// How long the readers are left alone.
const IDLE: Duration = Duration::from_secs(5);
/// Clock ticks of a second in /proc, on every Linux there is.
const TICKS_PER_SECOND: f64 = 100.0;

/// What a crowd of readers costs.
pub(super) struct Readers {
    /// Resident memory of the server, per reader.
    pub(super) bytes_each: f64,
    /// Share of one processor that the server takes while they idle.
    pub(super) idle_share: f64,
    /// From sending an event to the last reader's seeing it.
    pub(super) all_saw_in: Duration,
}

/// Opens `count` readers on `server`, leaves them alone, and sends one event.
pub(super) async fn measure(server: &Server, count: usize) -> anyhow::Result<Readers> {
    let before = server.resident_bytes()?;
    let mut readers = Vec::with_capacity(count);
    for _ in 0..count {
        readers.push(open(server.address).await?);
    }
    let after = server.resident_bytes()?;
    let worked = processor_seconds(server.pid())?;
    tokio::time::sleep(IDLE).await;
    let idle_share = (processor_seconds(server.pid())? - worked) / IDLE.as_secs_f64();
    let mut wire = Wire::connect(server.address).await?;
    let sent = Instant::now();
    let reply = wire.post_events(EVENT).await?;
    if reply.status != 200 {
        bail!("the event was refused: {}", wire.last_answer());
    }
    for reader in &mut readers {
        read_until(reader, "\nevent: event\n").await?;
    }
    let bytes_each = after.saturating_sub(before) as f64 / count as f64;
    Ok(Readers { bytes_each, idle_share, all_saw_in: sent.elapsed() })
}

async fn open(address: SocketAddr) -> anyhow::Result<TcpStream> {
    let mut stream = TcpStream::connect(address).await.context("a reader cannot connect")?;
    stream.write_all(REQUEST).await?;
    let head = read_until(&mut stream, "\nid: ").await?;
    if !head.starts_with("HTTP/1.1 200") {
        bail!("a reader was refused: {}", crate::cli::text::escaped(&head));
    }
    Ok(stream)
}

/// What comes until `mark`.
async fn read_until(stream: &mut TcpStream, mark: &str) -> anyhow::Result<String> {
    let (mut text, mut piece) = (String::new(), [0; 2048]);
    while !text.contains(mark) {
        let read = timeout(PATIENCE, stream.read(&mut piece)).await.context("a reader waits in vain")??;
        if read == 0 {
            bail!("a reader was cut off after {}", crate::cli::text::escaped(&text));
        }
        text.push_str(&String::from_utf8_lossy(&piece[..read]));
    }
    Ok(text)
}

/// Processor time that a process has used.
fn processor_seconds(pid: u32) -> anyhow::Result<f64> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).context("no /proc")?;
    // After the name, which may hold anything: state is the first field, user and system time are the 12th and 13th.
    let fields = stat.rsplit(')').next().unwrap_or_default().split_whitespace();
    let ticks: f64 = fields.skip(11).take(2).filter_map(|field| field.parse::<f64>().ok()).sum();
    Ok(ticks / TICKS_PER_SECOND)
}
