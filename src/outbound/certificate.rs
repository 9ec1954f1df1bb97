//! Adapter: looks at the certificate that an address shows, as whoever sends webhooks there would. Implements
//! `ports::Certificates` with rustls.
//!
//! It promises: the connection ends with the handshake, nothing is sent over it; the judgement is that of the verifier that all
//! calls go by, with the roots of this machine; all of it ends within a limit. For how long a certificate is good is asked of
//! the same verifier, with a later time, so that those in between count too.
//!
//! Invariant: a connection that is made here is used for nothing else, since any certificate is taken for the look.

use super::failure::innermost;
use crate::domain::{CertificateState, Millis};
use crate::ports::{Certificates, NoCertificate};
use async_trait::async_trait;
use reqwest::Url;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{CertificateError, ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

/// Name, TCP and handshake together.
const LOOK_MAX: Duration = Duration::from_secs(10);
/// So far ahead it is looked for the end: no certificate of the public internet lasts half as long.
const AHEAD: Duration = Duration::from_secs(50 * 366 * 24 * 3_600);
/// Steps of that search.
const STEPS_MAX: usize = 40;

/// Looks by TLS.
pub struct TlsLook {
    provider: Arc<CryptoProvider>,
    /// Instead of this machine's.
    roots: Option<RootCertStore>,
}

impl Default for TlsLook {
    fn default() -> Self {
        Self::new()
    }
}

impl TlsLook {
    /// With the roots of this machine.
    pub fn new() -> Self {
        Self { provider: Arc::new(rustls::crypto::ring::default_provider()), roots: None }
    }

    /// With these roots alone.
    #[cfg(test)]
    pub(crate) fn with_roots(roots: RootCertStore) -> Self {
        Self { roots: Some(roots), ..Self::new() }
    }

    fn verifier(&self) -> Result<Arc<dyn ServerCertVerifier>, String> {
        match &self.roots {
            None => rustls_platform_verifier::Verifier::new(self.provider.clone())
                .map(|verifier| Arc::new(verifier) as Arc<dyn ServerCertVerifier>)
                .map_err(|error| error.to_string()),
            Some(roots) => by_roots(roots.clone(), self.provider.clone()),
        }
    }

    /// The certificates that are shown, its own first.
    async fn shown(
        &self,
        host: &str,
        port: u16,
        name: ServerName<'static>,
    ) -> Result<Vec<CertificateDer<'static>>, String> {
        let config = ClientConfig::builder_with_provider(self.provider.clone())
            .with_safe_default_protocol_versions()
            .map_err(|error| error.to_string())?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(AnyOne(self.provider.clone())))
            .with_no_client_auth();
        let stream = TcpStream::connect((host, port)).await.map_err(|error| innermost(&error))?;
        let stream = TlsConnector::from(Arc::new(config)).connect(name, stream).await;
        let stream =
            stream.map_err(|error| format!("it speaks no TLS that is understood: {}", innermost(&error)))?;
        let shown = stream.get_ref().1.peer_certificates().unwrap_or_default();
        Ok(shown.iter().map(|one| one.clone().into_owned()).collect())
    }
}

#[async_trait]
impl Certificates for TlsLook {
    async fn look(&self, address: &str, now: Millis) -> Result<CertificateState, NoCertificate> {
        let no_address =
            || NoCertificate(format!("{address} is no address that begins with https:// and names a host."));
        let url = Url::parse(address).ok().filter(|url| url.scheme() == "https").ok_or_else(no_address)?;
        let host = url.host_str().ok_or_else(no_address)?.trim_matches(['[', ']']).to_owned();
        let port = url.port_or_known_default().unwrap_or(443);
        let name = ServerName::try_from(host.clone()).map_err(|_| no_address())?;
        let verifier = self.verifier().map_err(|why| {
            NoCertificate(format!(
                "Certificates can't be judged on this machine: {why}. Install the system's certificates (on Debian the \
                 package ca-certificates)."
            ))
        })?;
        let looking = self.shown(&host, port, name.clone());
        let shown = match tokio::time::timeout(LOOK_MAX, looking).await {
            Ok(Ok(shown)) => shown,
            Ok(Err(why)) => return Err(NoCertificate(format!("{host}:{port} shows no certificate: {why}."))),
            Err(_) => {
                return Err(NoCertificate(format!(
                    "{host}:{port} did not show a certificate within {} s. It may be down, or a firewall may be in the way.",
                    LOOK_MAX.as_secs()
                )));
            }
        };
        Ok(Judge { verifier, shown, name, provider: self.provider.clone() }.judge(now))
    }
}

fn by_roots(
    roots: RootCertStore,
    provider: Arc<CryptoProvider>,
) -> Result<Arc<dyn ServerCertVerifier>, String> {
    let built = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider).build();
    built.map(|verifier| verifier as Arc<dyn ServerCertVerifier>).map_err(|error| error.to_string())
}

/// What was shown, and who judges it.
struct Judge {
    verifier: Arc<dyn ServerCertVerifier>,
    shown: Vec<CertificateDer<'static>>,
    name: ServerName<'static>,
    provider: Arc<CryptoProvider>,
}

impl Judge {
    fn judge(&self, now: Millis) -> CertificateState {
        match self.verify(&*self.verifier, seconds(now)) {
            Ok(()) => CertificateState::Good { until: self.good_until(seconds(now)) },
            Err(rustls::Error::InvalidCertificate(error)) => self.wrong(&error, seconds(now)),
            Err(error) => CertificateState::Refused(error.to_string()),
        }
    }

    fn verify(&self, verifier: &dyn ServerCertVerifier, at: u64) -> Result<(), rustls::Error> {
        let (own, others) = self.shown.split_first().ok_or(rustls::Error::NoCertificatesPresented)?;
        let at = UnixTime::since_unix_epoch(Duration::from_secs(at));
        verifier.verify_server_cert(own, others, &self.name, &[], at).map(|_| ())
    }

    fn wrong(&self, error: &CertificateError, now: u64) -> CertificateState {
        match error {
            CertificateError::Expired => CertificateState::Expired { at: None },
            CertificateError::ExpiredContext { not_after, .. } => {
                CertificateState::Expired { at: Some(millis(*not_after)) }
            }
            CertificateError::NotValidYet => CertificateState::NotYet { at: None },
            CertificateError::NotValidYetContext { not_before, .. } => {
                CertificateState::NotYet { at: Some(millis(*not_before)) }
            }
            CertificateError::NotValidForName => CertificateState::OtherName { names: Vec::new() },
            CertificateError::NotValidForNameContext { presented, .. } => {
                CertificateState::OtherName { names: presented.clone() }
            }
            CertificateError::UnknownIssuer if self.is_self_signed(now) => CertificateState::SelfSigned,
            CertificateError::UnknownIssuer => CertificateState::Unsigned { sent: self.shown.len() },
            other => CertificateState::Refused(other.to_string()),
        }
    }

    /// With itself as a root, somebody known has signed it, whatever else is wrong with it then.
    fn is_self_signed(&self, now: u64) -> bool {
        let mut roots = RootCertStore::empty();
        let Some(own) = self.shown.first() else { return false };
        if roots.add(own.clone()).is_err() {
            return false;
        }
        let Ok(verifier) = by_roots(roots, self.provider.clone()) else { return false };
        let alone = Self {
            shown: vec![own.clone()],
            verifier,
            name: self.name.clone(),
            provider: self.provider.clone(),
        };
        let judged = alone.verify(&*alone.verifier, now);
        !matches!(
            judged,
            Err(rustls::Error::InvalidCertificate(
                CertificateError::UnknownIssuer | CertificateError::BadSignature
            ))
        )
    }

    /// The last second at which it is taken, by halving: those in between may end before it does.
    fn good_until(&self, now: u64) -> Option<Millis> {
        let (mut good, mut bad) = (now, now + AHEAD.as_secs());
        if self.verify(&*self.verifier, bad).is_ok() {
            return None;
        }
        for _ in 0..STEPS_MAX {
            if bad - good <= 1 {
                break;
            }
            let between = good + (bad - good) / 2;
            if self.verify(&*self.verifier, between).is_ok() { good = between } else { bad = between }
        }
        Some(good as Millis * 1_000)
    }
}

fn seconds(at: Millis) -> u64 {
    u64::try_from(at / 1_000).unwrap_or_default()
}

fn millis(at: UnixTime) -> Millis {
    (at.as_secs() as Millis).saturating_mul(1_000)
}

/// Takes any certificate that its server has the key of: it is judged afterwards.
#[derive(Debug)]
struct AnyOne(Arc<CryptoProvider>);

impl ServerCertVerifier for AnyOne {
    fn verify_server_cert(
        &self,
        _own: &CertificateDer<'_>,
        _others: &[CertificateDer<'_>],
        _name: &ServerName<'_>,
        _ocsp: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, certificate, signed, &self.0.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, certificate, signed, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

#[cfg(test)]
#[path = "certificate_tests.rs"]
mod tests;
