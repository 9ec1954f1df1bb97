//! How an address looks from outside: the certificate that it shows.

use crate::domain::{CertificateState, Millis};
use async_trait::async_trait;

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
