//! A small HTTP server on loopback for fakes of vendors' APIs: HTTP/1.1 over plain sockets, one call per connection, so that
//! it can also lose calls and answers.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// Bytes of one call.
const CALL_BYTES_MAX: usize = 1 << 20;

/// A call that came in.
#[derive(Clone, Debug, Default)]
pub struct Asked {
    pub method: String,
    pub path: String,
    pub query: BTreeMap<String, String>,
    /// Names in lower case.
    pub headers: BTreeMap<String, String>,
    pub body: String,
}

impl Asked {
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", String::as_str)
    }

    pub fn parameter(&self, name: &str) -> &str {
        self.query.get(name).map_or("", String::as_str)
    }
}

/// What is answered.
#[derive(Clone, Debug)]
pub struct Reply {
    pub status: u16,
    pub headers: Vec<(&'static str, String)>,
    pub body: String,
    /// It comes so late.
    pub after: Duration,
}

impl Reply {
    pub fn json(status: u16, body: &serde_json::Value) -> Self {
        Self { status, headers: Vec::new(), body: body.to_string(), after: Duration::ZERO }
    }

    pub fn empty(status: u16) -> Self {
        Self { status, headers: Vec::new(), body: String::new(), after: Duration::ZERO }
    }

    pub fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }
}

/// A server at work. Dropping it closes its port.
pub struct FakeHttp {
    pub address: SocketAddr,
    server: JoinHandle<()>,
}

impl FakeHttp {
    /// Starts; port 0 takes any. A handler that gives nothing loses the call.
    pub async fn start<H>(address: SocketAddr, handler: H) -> Self
    where
        H: Fn(&Asked) -> Option<Reply> + Send + Sync + 'static,
    {
        let listener = TcpListener::bind(address).await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let handler = Arc::new(handler);
        let server = tokio::spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                let handler = handler.clone();
                tokio::spawn(async move {
                    let _ = serve(socket, &*handler).await;
                });
            }
        });
        Self { address, server }
    }
}

impl Drop for FakeHttp {
    fn drop(&mut self) {
        self.server.abort();
    }
}

async fn serve(
    mut socket: TcpStream,
    handler: &(dyn Fn(&Asked) -> Option<Reply> + Send + Sync),
) -> std::io::Result<()> {
    let Some(asked) = read(&mut socket).await? else { return Ok(()) };
    let Some(reply) = handler(&asked) else { return Ok(()) };
    tokio::time::sleep(reply.after).await;
    let mut head = format!(
        "HTTP/1.1 {} x\r\nconnection: close\r\ncontent-length: {}\r\n",
        reply.status,
        reply.body.len()
    );
    for (name, value) in &reply.headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    head.push_str("\r\n");
    socket.write_all(head.as_bytes()).await?;
    socket.write_all(reply.body.as_bytes()).await?;
    socket.shutdown().await
}

async fn read(socket: &mut TcpStream) -> std::io::Result<Option<Asked>> {
    let mut bytes = Vec::new();
    let mut piece = [0; 4_096];
    let head = loop {
        let count = socket.read(&mut piece).await?;
        bytes.extend_from_slice(&piece[..count]);
        if let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
            break end;
        }
        if count == 0 || bytes.len() > CALL_BYTES_MAX {
            return Ok(None);
        }
    };
    let text = String::from_utf8_lossy(&bytes[..head]).into_owned();
    let mut lines = text.split("\r\n");
    let mut first = lines.next().unwrap_or_default().split(' ');
    let (method, target) = (first.next().unwrap_or_default(), first.next().unwrap_or_default());
    let headers: BTreeMap<String, String> = lines
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
        .collect();
    let length: usize = headers.get("content-length").and_then(|text| text.parse().ok()).unwrap_or(0);
    let mut body = bytes[head + 4..].to_vec();
    while body.len() < length {
        let count = socket.read(&mut piece).await?;
        if count == 0 {
            return Ok(None);
        }
        body.extend_from_slice(&piece[..count]);
    }
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let decode = |text: &str| percent_encoding::percent_decode_str(text).decode_utf8_lossy().into_owned();
    Ok(Some(Asked {
        method: method.to_owned(),
        path: decode(path),
        query: query
            .split('&')
            .filter_map(|pair| pair.split_once('='))
            .map(|(n, v)| (decode(n), decode(v)))
            .collect(),
        headers,
        body: String::from_utf8_lossy(&body).into_owned(),
    }))
}
