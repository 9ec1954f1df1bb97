//! One HTTP call to the world.

use async_trait::async_trait;
use bytes::Bytes;

/// One HTTP call, secrets applied: never logged, never stored.
#[derive(Clone)]
pub struct OutboundRequest {
    /// `GET`, `POST`, `PUT`, `PATCH`, `DELETE`.
    pub method: String,
    /// Absolute URL.
    pub url: String,
    /// Headers with their values, credential included.
    pub headers: Vec<(String, String)>,
    /// Body, where there is one.
    pub body: Option<Bytes>,
    /// Whether addresses of private networks may be called.
    pub allow_private: bool,
    /// The whole call, connect to last byte.
    pub timeout_ms: u64,
    /// Bytes of the answer's body that are read; the rest is cut and `Answer::cut` says so.
    pub answer_bytes_max: usize,
    /// Whom it is for, for simulators and rehearsals: `connection.action` and step id. Never sent.
    pub about: (String, String),
}

/// What came back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// HTTP status.
    pub status: u16,
    /// Header names in lower case.
    pub headers: Vec<(String, String)>,
    /// Body, at most `answer_bytes_max`.
    pub body: Bytes,
    /// True where the body was longer.
    pub cut: bool,
}

impl Answer {
    /// The first value of a header, by its name in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

/// Why nothing came back.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OutboundFailure {
    /// Certainly not sent: no such host, no connection, a refused address, a TLS failure.
    #[error("{0}")]
    NotSent(String),
    /// It may have been done: time-out or a broken connection after sending began.
    #[error("{0}")]
    Unknown(String),
}

/// The way out.
#[async_trait]
pub trait Outbound: Send + Sync {
    /// Makes one call. Follows no redirects (a 3xx is an answer). Never takes longer than `timeout_ms` and a bit.
    async fn send(&self, request: OutboundRequest) -> Result<Answer, OutboundFailure>;
}
