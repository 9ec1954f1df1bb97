//! How an address looks from outside: the certificate that it shows.

use crate::domain::Millis;
use async_trait::async_trait;

/// What is to be said of a certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CertificateState {
    /// It is taken, until then at least; `None`: until when can't be told here.
    Good {
        /// The first time at which it, or one that it is signed with, is not taken any more.
        until: Option<Millis>,
    },
    /// It was valid until then.
    Expired {
        /// When that was, where it is known.
        at: Option<Millis>,
    },
    /// It is not valid yet.
    NotYet {
        /// When it will be, where that is known.
        at: Option<Millis>,
    },
    /// It is for other names.
    OtherName {
        /// These.
        names: Vec<String>,
    },
    /// It is signed by itself.
    SelfSigned,
    /// Nobody who signs certificates is known to have signed it, or those in between were not sent with it.
    Unsigned {
        /// How many certificates were sent.
        sent: usize,
    },
    /// Something else, in the words of TLS.
    Refused(String),
}

/// Why there was no certificate to look at.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct NoCertificate(pub String);

/// Looks at certificates.
#[async_trait]
pub trait Certificates: Send + Sync {
    /// The certificate of an address that begins with `https://`, as it is judged at that time. Nothing is asked of the
    /// address but the certificate.
    async fn look(&self, address: &str, now: Millis) -> Result<CertificateState, NoCertificate>;
}
