//! An HTTP/1.1 client of one kept-alive connection, cheap enough to share two cores with what it measures. It opens the
//! connection anew when the server closed it, but never sends a request twice: the caller decides what a failure means.
//! Used by the load generator and by `floor forward`.

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::http::uri::Authority;
use hyper::{Method, Request, Uri};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

/// Why a request has no answer.
pub type Error = Box<dyn std::error::Error + Send + Sync>;

/// One connection to one server.
pub struct Connection {
    authority: Authority,
    sender: Option<SendRequest<Full<Bytes>>>,
}

impl Connection {
    /// To the host and port of `uri`; opened with the first request.
    pub fn new(uri: &Uri) -> Self {
        Self { authority: uri.authority().expect("the URL has host and port").clone(), sender: None }
    }

    async fn ready(&mut self) -> Result<&mut SendRequest<Full<Bytes>>, Error> {
        let usable = match self.sender.as_mut() {
            Some(sender) => sender.ready().await.is_ok(),
            None => false,
        };
        if !usable {
            let port = self.authority.port_u16().unwrap_or(80);
            let tcp = TcpStream::connect((self.authority.host(), port)).await?;
            tcp.set_nodelay(true)?;
            let (sender, connection) = handshake(TokioIo::new(tcp)).await?;
            tokio::spawn(async move {
                let _ = connection.await;
            });
            self.sender = Some(sender);
        }
        Ok(self.sender.as_mut().expect("set just now"))
    }

    /// Sends one request and reads the whole answer: its status and body.
    pub async fn request(&mut self, method: Method, path: &str, body: Bytes) -> Result<(u16, Bytes), Error> {
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header("host", self.authority.as_str())
            .header("content-type", "application/json")
            .body(Full::new(body))?;
        let sender = self.ready().await?;
        let outcome = async {
            let answer = sender.send_request(request).await?;
            let status = answer.status().as_u16();
            let body = answer.into_body().collect().await?.to_bytes();
            Ok::<_, hyper::Error>((status, body))
        }
        .await;
        if outcome.is_err() {
            self.sender = None;
        }
        Ok(outcome?)
    }
}
