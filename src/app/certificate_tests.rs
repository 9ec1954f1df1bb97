//! The certificate of an address is kept in sight: a TLS server of our own, certificates of our own authority, and a clock of
//! our own.

use super::{BAD_MS, WELL_MS, is_outside};
use crate::app::{App, Places};
use crate::clock::OsEntropy;
use crate::domain::{CertificateSeen, CertificateState, CertificateWatch, Millis};
use crate::outbound::TlsLook;
use crate::ports::{Certificates, Clock, NoCertificate};
use async_trait::async_trait;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair, date_time_ymd};
use rustls::RootCertStore;
use rustls::pki_types::PrivateKeyDer;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU16, Ordering};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

/// 15 January 2027.
const BEGAN: Millis = 1_800_000_000_000;
const DAY: Millis = 24 * 3_600_000;
const ADDRESS: &str = "https://hooks.example.com";

struct ByHand(AtomicI64);

impl Clock for ByHand {
    fn now(&self) -> Millis {
        self.0.load(Ordering::SeqCst)
    }
    fn monotonic(&self) -> Millis {
        self.now()
    }
}

/// Stands for the address outside: whoever looks there reaches a server of this machine.
struct Elsewhere {
    look: TlsLook,
    port: AtomicU16,
}

#[async_trait]
impl Certificates for Elsewhere {
    async fn look(&self, address: &str, now: Millis) -> Result<CertificateState, NoCertificate> {
        assert_eq!(address, ADDRESS);
        self.look.look(&format!("https://localhost:{}", self.port.load(Ordering::SeqCst)), now).await
    }
}

/// A server whose certificate ends on that day; its port.
async fn serve(authority: &CertifiedIssuer<'static, KeyPair>, (year, month, day): (i32, u8, u8)) -> u16 {
    let mut params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
    (params.not_before, params.not_after) = (date_time_ymd(2026, 1, 1), date_time_ymd(year, month, day));
    let key = KeyPair::generate().unwrap();
    let own = params.signed_by(&key, authority).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![own.der().clone()], PrivateKeyDer::try_from(key.serialize_der()).unwrap())
        .unwrap();
    let (acceptor, listener) = (TlsAcceptor::from(Arc::new(config)), TcpListener::bind("127.0.0.1:0").await);
    let listener = listener.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let _ = acceptor.accept(stream).await;
        }
    });
    port
}

fn seen(app: &App) -> CertificateSeen {
    app.certificate().seen().cloned().expect("it was looked at")
}

#[tokio::test]
async fn it_is_looked_at_every_hour_when_it_ends_and_every_minute_until_it_is_mended() {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    (params.not_before, params.not_after) = (date_time_ymd(2020, 1, 1), date_time_ymd(2040, 1, 1));
    let authority = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
    let mut roots = RootCertStore::empty();
    roots.add(authority.der().clone()).unwrap();
    let port = AtomicU16::new(serve(&authority, (2027, 1, 16)).await);
    let elsewhere = Arc::new(Elsewhere { look: TlsLook::with_roots(roots), port });

    let home = tempfile::tempdir().unwrap();
    let clock = Arc::new(ByHand(AtomicI64::new(BEGAN)));
    let places = Places { data: home.path().to_owned(), database: None, exclusive: false };
    let store = crate::store::open_in_memory().await.unwrap();
    let app = App::over(store, places, clock.clone(), Arc::new(OsEntropy)).await.unwrap();
    app.look_at_certificates_by(elsewhere.clone());
    assert!(!app.keep_certificate_in_sight().await, "nobody said where webhooks come in");
    assert_eq!(app.certificate(), CertificateWatch::Off);
    app.come_in_at(ADDRESS);
    assert_eq!(app.certificate(), CertificateWatch::NotYet);

    let on = async |ms: Millis| {
        clock.0.fetch_add(ms, Ordering::SeqCst);
        app.keep_certificate_in_sight().await
    };
    assert!(on(0).await);
    // Midnight of the 16th.
    let until = BEGAN + DAY - BEGAN.rem_euclid(DAY);
    assert_eq!(seen(&app).found, Ok(CertificateState::Good { until: Some(until) }));
    assert_eq!((seen(&app).host.as_str(), seen(&app).bad_since), ("hooks.example.com", None));
    assert!(!on(WELL_MS - 1).await);
    assert!(on(1).await);
    clock.0.store(until - 1_000, Ordering::SeqCst);
    assert!(on(0).await);
    assert!(!on(1_999).await, "it is good until the end of that second");
    assert!(on(1).await, "as soon as it has ended, not an hour later");
    let ended = clock.now();
    assert_eq!(seen(&app).found, Ok(CertificateState::Expired { at: Some(until) }));
    assert_eq!(seen(&app).bad_since, Some(ended));
    assert!(!on(BAD_MS - 1).await);
    assert!(on(1).await);
    assert_eq!((seen(&app).bad_since, seen(&app).at), (Some(ended), ended + BAD_MS), "since the first look");

    elsewhere.port.store(serve(&authority, (2028, 1, 1)).await, Ordering::SeqCst);
    assert!(on(BAD_MS).await);
    assert!(matches!(seen(&app).found, Ok(CertificateState::Good { until: Some(_) })), "{:?}", seen(&app));
    assert_eq!(seen(&app).bad_since, None);
    elsewhere.port.store(1, Ordering::SeqCst);
    assert!(on(WELL_MS).await);
    let why = seen(&app).found.unwrap_err();
    assert!(why.starts_with("localhost:1 shows no certificate"), "{why}");
}

#[test]
fn only_an_address_that_others_may_reach_by_tls_is_looked_at() {
    for outside in [
        "https://hooks.example.com",
        "https://hooks.example.com:8443",
        "https://192.0.2.7",
        "https://[2001:db8::1]",
    ] {
        assert!(is_outside(outside), "{outside}");
    }
    for not in [
        "",
        "http://hooks.example.com",
        "https://localhost:8443",
        "https://hooks.localhost",
        "https://127.0.0.1",
        "https://[::1]:8443",
        "https://0.0.0.0",
    ] {
        assert!(!is_outside(not), "{not}");
    }
}
