//! The certificate of the address that webhooks come in by, kept in sight while the router runs: once after the start, then
//! every hour, and every minute while something is wrong with it. Pages, the API, and alerts ask here what was seen.
//!
//! It is looked at only where booking systems would: not where the address is this machine's own, has no TLS, or nobody
//! said it. What was seen is in memory; after a start it is known again within moments.
//!
//! Invariant: a look is bounded in time (`outbound::certificate`) and sends nothing.

use super::App;
use crate::domain::{CertificateSeen, CertificateState, CertificateWatch, Millis};
use crate::ports::{Certificates, NoCertificate};
use reqwest::Url;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

/// All is well: looked at again then.
const WELL_MS: Millis = 3_600_000;
/// It is not: somebody may be mending it.
const BAD_MS: Millis = 60_000;
/// Certificates end at whole seconds.
const LAST_SECOND_MS: Millis = 1_000;

/// What was seen last.
#[derive(Default)]
pub(super) struct Sight(Mutex<Option<CertificateSeen>>);

impl Sight {
    fn get(&self) -> Option<CertificateSeen> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn note(&self, host: &str, found: Result<CertificateState, String>, at: Millis) {
        let mut seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *seen = Some(CertificateSeen::after(seen.as_ref(), host, found, at));
    }
}

impl App {
    /// Says who looks at certificates. The first time counts.
    pub fn look_at_certificates_by(&self, certificates: Arc<dyn Certificates>) {
        let _ = self.certificates.set(certificates);
    }

    /// What was seen of the certificate the last time.
    pub fn certificate(&self) -> CertificateWatch {
        match (self.watched_address(), self.certificate_sight.get()) {
            (None, _) => CertificateWatch::Off,
            (Some(_), None) => CertificateWatch::NotYet,
            (Some(_), Some(seen)) => CertificateWatch::Seen(seen),
        }
    }

    /// Looks at it where it is time for that. The runner asks for it every now and then. Says whether it looked.
    pub async fn keep_certificate_in_sight(&self) -> bool {
        let Some(address) = self.watched_address() else { return false };
        let now = self.clock.now();
        if self.certificate_sight.get().is_some_and(|seen| !is_due(&seen, now)) {
            return false;
        }
        let before = self.certificate_sight.get();
        // What comes of it is kept where it is looked at.
        match self.look_at_certificate_of(address, now).await {
            Ok(CertificateState::Good { .. }) => {
                if before.is_some_and(|before| before.bad_since.is_some()) {
                    tracing::info!(address, "the certificate of the address for webhooks is taken again");
                }
            }
            Ok(state) => {
                if before.is_none_or(|before| before.bad_since.is_none()) {
                    tracing::warn!(
                        address,
                        ?state,
                        "the certificate of the address for webhooks is not taken"
                    );
                }
            }
            Err(why) => {
                if before.is_none_or(|before| before.bad_since.is_none()) {
                    tracing::warn!(address, why = %why, "the address for webhooks shows no certificate");
                }
            }
        }
        true
    }

    /// Looks at the certificate of an address now. Where that is the one that is kept in sight, it is known from then on.
    pub(super) async fn look_at_certificate_of(
        &self,
        address: &str,
        now: Millis,
    ) -> Result<CertificateState, NoCertificate> {
        let found = match self.certificates.get() {
            Some(certificates) => certificates.look(address, now).await,
            None => crate::outbound::TlsLook::new().look(address, now).await,
        };
        if self.watched_address() == Some(address) {
            let host = address.trim_start_matches("https://");
            self.certificate_sight.note(host, found.clone().map_err(|why| why.to_string()), now);
        }
        found
    }

    /// The address whose certificate is kept in sight.
    fn watched_address(&self) -> Option<&str> {
        self.hooks_url.get().map(String::as_str).filter(|address| is_outside(address))
    }
}

/// Whether it is an address with TLS that others than this machine may reach.
fn is_outside(address: &str) -> bool {
    let Ok(url) = Url::parse(address) else { return false };
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
    let here = host == "localhost"
        || host.ends_with(".localhost")
        || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback() || address.is_unspecified());
    url.scheme() == "https" && !host.is_empty() && !here
}

/// Whether it is time for another look: also when it ends, and where the clock was put back.
fn is_due(seen: &CertificateSeen, now: Millis) -> bool {
    let rest = if seen.bad_since.is_some() { BAD_MS } else { WELL_MS };
    let ends = match seen.found {
        // That second is the last in which it is taken.
        Ok(CertificateState::Good { until: Some(until) }) => {
            (seen.at..=now).contains(&(until + LAST_SECOND_MS))
        }
        _ => false,
    };
    ends || !(seen.at..seen.at + rest).contains(&now)
}

#[cfg(test)]
#[path = "certificate_tests.rs"]
mod tests;
