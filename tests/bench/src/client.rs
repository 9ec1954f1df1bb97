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

/// What came back.
pub struct Answer {
    pub status: u16,
    /// Values of `set-cookie`.
    pub cookies: Vec<String>,
    pub body: Bytes,
}

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

    /// Sends JSON and reads the whole answer: its status and body.
    pub async fn request(&mut self, method: Method, path: &str, body: Bytes) -> Result<(u16, Bytes), Error> {
        let answer = self.ask(method, path, &[("content-type", "application/json")], body).await?;
        Ok((answer.status, answer.body))
    }

    /// Sends one request and reads the whole answer.
    pub async fn ask(
        &mut self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: Bytes,
    ) -> Result<Answer, Error> {
        let mut request = Request::builder().method(method).uri(path).header("host", self.authority.as_str());
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Full::new(body))?;
        let sender = self.ready().await?;
        let outcome = async {
            let answer = sender.send_request(request).await?;
            let status = answer.status().as_u16();
            let cookies = answer.headers().get_all("set-cookie").iter();
            let cookies = cookies.filter_map(|value| value.to_str().ok()).map(str::to_owned).collect();
            let body = answer.into_body().collect().await?.to_bytes();
            Ok::<_, hyper::Error>(Answer { status, cookies, body })
        }
        .await;
        if outcome.is_err() {
            self.sender = None;
        }
        Ok(outcome?)
    }
}
