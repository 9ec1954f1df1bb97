//! A CRM that is a bad neighbour, over plain sockets: it answers some bytes a minute, or without an end, or nests its answer
//! 10,000 deep, until it is told to be well.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// How it answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Manner {
    /// As it should.
    Well,
    /// 200 bytes a minute, of a megabyte that it announces.
    Drip,
    /// A head of 200 bytes a minute.
    DripHead,
    /// Without an end, as fast as it is taken.
    Endless,
    /// JSON, nested 10,000 deep.
    Deep,
}

/// The CRM; gone when dropped.
pub struct BadCrm {
    /// Where it listens.
    pub address: SocketAddr,
    manner: watch::Sender<Manner>,
    counts: Arc<Counts>,
    server: JoinHandle<()>,
}

#[derive(Default)]
struct Counts {
    calls: AtomicU64,
    bytes: AtomicU64,
}

impl BadCrm {
    /// Starts it.
    pub async fn start(manner: Manner) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let (sender, receiver) = watch::channel(manner);
        let counts = Arc::<Counts>::default();
        let shared = counts.clone();
        let server = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (manner, counts) = (receiver.clone(), shared.clone());
                tokio::spawn(async move {
                    // Whoever hangs up ends it.
                    let _ = serve(stream, manner, &counts).await;
                });
            }
        });
        Self { address, manner: sender, counts, server }
    }

    /// Answers so from now on.
    pub fn set(&self, manner: Manner) {
        let _ = self.manner.send(manner);
    }

    /// Calls so far.
    pub fn calls(&self) -> u64 {
        self.counts.calls.load(Ordering::Relaxed)
    }

    /// Bytes of answers that were taken off its hands so far.
    pub fn bytes(&self) -> u64 {
        self.counts.bytes.load(Ordering::Relaxed)
    }
}

impl Drop for BadCrm {
    fn drop(&mut self) {
        self.server.abort();
    }
}

/// Reads one call; false where there is none any more.
async fn receive(stream: &mut TcpStream) -> std::io::Result<bool> {
    let mut bytes = Vec::new();
    let end = loop {
        if let Some(at) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
            break at + 4;
        }
        if stream.read_buf(&mut bytes).await? == 0 {
            return Ok(false);
        }
    };
    let head = String::from_utf8_lossy(&bytes[..end]).to_ascii_lowercase();
    let length = head.lines().find_map(|line| line.strip_prefix("content-length:")?.trim().parse().ok());
    while bytes.len() < end + length.unwrap_or(0) {
        if stream.read_buf(&mut bytes).await? == 0 {
            return Ok(false);
        }
    }
    Ok(true)
}

async fn serve(
    mut stream: TcpStream,
    manner: watch::Receiver<Manner>,
    counts: &Counts,
) -> std::io::Result<()> {
    while receive(&mut stream).await? {
        counts.calls.fetch_add(1, Ordering::Relaxed);
        let now = *manner.borrow();
        match now {
            Manner::Well => answer(&mut stream, "{\"id\":\"well-1\"}").await?,
            Manner::Deep => {
                let deep = format!("{{\"id\":{}1{}}}", "[".repeat(10_000), "]".repeat(10_000));
                answer(&mut stream, &deep).await?;
            }
            Manner::Drip => {
                stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n").await?;
                drip(&mut stream, "{\"id\":\"", counts).await?;
            }
            Manner::DripHead => drip(&mut stream, "HTTP/1.1 200 OK\r\nX-Long: ", counts).await?,
            Manner::Endless => {
                let head =
                    "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n";
                stream.write_all(head.as_bytes()).await?;
                let piece = format!("10000\r\n{}\r\n", "x".repeat(0x10000));
                loop {
                    stream.write_all(piece.as_bytes()).await?;
                    counts.bytes.fetch_add(0x10000, Ordering::Relaxed);
                }
            }
        }
    }
    Ok(())
}

async fn answer(stream: &mut TcpStream, body: &str) -> std::io::Result<()> {
    let head = format!(
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).await?;
    stream.write_all(body.as_bytes()).await
}

/// A beginning, and then ten bytes each three seconds: 200 a minute.
async fn drip(stream: &mut TcpStream, beginning: &str, counts: &Counts) -> std::io::Result<()> {
    stream.write_all(beginning.as_bytes()).await?;
    loop {
        stream.write_all(b"xxxxxxxxxx").await?;
        counts.bytes.fetch_add(10, Ordering::Relaxed);
        tokio::time::sleep(Duration::from_secs(3)).await;
    }
}
