//! Certificates of servers on this machine, judged by a root of our own.

use super::{CertificateState, Certificates, TlsLook};
use crate::domain::Millis;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair, date_time_ymd};
use rustls::RootCertStore;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use std::sync::Arc;
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

/// 15 January 2027.
const NOW: Millis = 1_800_000_000_000;
const DAY: Millis = 24 * 3_600_000;

fn authority(name: &str) -> CertificateParams {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.distinguished_name.push(rcgen::DnType::CommonName, name);
    params.not_before = date_time_ymd(2020, 1, 1);
    params.not_after = date_time_ymd(2040, 1, 1);
    params
}

/// From a day to another one.
fn of_server(name: &str, (from, to): ((i32, u8, u8), (i32, u8, u8))) -> CertificateParams {
    let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
    params.not_before = date_time_ymd(from.0, from.1, from.2);
    params.not_after = date_time_ymd(to.0, to.1, to.2);
    params
}

fn root() -> CertifiedIssuer<'static, KeyPair> {
    CertifiedIssuer::self_signed(authority("A root"), KeyPair::generate().unwrap()).unwrap()
}

fn look_with(root: &CertifiedIssuer<'static, KeyPair>) -> TlsLook {
    let mut roots = RootCertStore::empty();
    roots.add(root.der().clone()).unwrap();
    TlsLook::with_roots(roots)
}

/// A server that shows these; its address.
async fn serve(shown: Vec<CertificateDer<'static>>, key: &KeyPair) -> String {
    let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(shown, key)
        .unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let _ = acceptor.accept(stream).await;
        }
    });
    format!("https://localhost:{port}")
}

const VALID: ((i32, u8, u8), (i32, u8, u8)) = ((2027, 1, 1), (2027, 3, 1));

#[tokio::test]
async fn a_good_certificate_says_for_how_long() {
    let root = root();
    let key = KeyPair::generate().unwrap();
    let own = of_server("localhost", VALID).signed_by(&key, &root).unwrap();
    let address = serve(vec![own.der().clone()], &key).await;
    let look = look_with(&root);
    let good = look.look(&address, NOW).await.unwrap();
    // 1 March, 00:00.
    assert_eq!(good, CertificateState::Good { until: Some(1_803_859_200_000) });
    let expired = look.look(&address, 1_803_859_200_000 + DAY).await.unwrap();
    assert_eq!(expired, CertificateState::Expired { at: Some(1_803_859_200_000) });
    let early = look.look(&address, NOW - 20 * DAY).await.unwrap();
    assert_eq!(early, CertificateState::NotYet { at: Some(1_798_761_600_000) });
}

#[tokio::test]
async fn the_chain_counts_as_a_whole_and_must_be_sent() {
    let root = root();
    let mut between = authority("Between");
    between.not_after = date_time_ymd(2027, 2, 1);
    let between = CertifiedIssuer::signed_by(between, KeyPair::generate().unwrap(), &root).unwrap();
    let key = KeyPair::generate().unwrap();
    let own = of_server("localhost", VALID).signed_by(&key, &between).unwrap();
    let whole = serve(vec![own.der().clone(), between.der().clone()], &key).await;
    let look = look_with(&root);
    // What is in between ends a month before its own.
    assert_eq!(
        look.look(&whole, NOW).await.unwrap(),
        CertificateState::Good { until: Some(1_801_440_000_000) }
    );
    let torn = serve(vec![own.der().clone()], &key).await;
    assert_eq!(look.look(&torn, NOW).await.unwrap(), CertificateState::Unsigned { sent: 1 });
}

#[tokio::test]
async fn one_for_another_name_and_one_that_signed_itself_are_told_apart() {
    let root = root();
    let key = KeyPair::generate().unwrap();
    let other = of_server("other.example.com", VALID).signed_by(&key, &root).unwrap();
    let address = serve(vec![other.der().clone()], &key).await;
    let CertificateState::OtherName { names } = look_with(&root).look(&address, NOW).await.unwrap() else {
        panic!("it is for another name")
    };
    assert!(names.len() == 1 && names[0].contains("other.example.com"), "{names:?}");
    let own = of_server("localhost", VALID).self_signed(&key).unwrap();
    let address = serve(vec![own.der().clone()], &key).await;
    assert_eq!(look_with(&root).look(&address, NOW).await.unwrap(), CertificateState::SelfSigned);
}

#[tokio::test]
async fn where_nothing_speaks_tls_that_is_said() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let plain = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let _ =
                tokio::io::AsyncWriteExt::write_all(&mut stream, b"HTTP/1.1 400 Bad Request\r\n\r\n").await;
        }
    });
    let look = look_with(&root());
    let told = look.look(&format!("https://{plain}"), NOW).await.unwrap_err().to_string();
    assert!(told.starts_with(&format!("{plain} shows no certificate: it speaks no TLS")), "{told}");
    let gone = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let told = look.look(&format!("https://{gone}"), NOW).await.unwrap_err().to_string();
    assert!(
        told.starts_with(&format!("{gone} shows no certificate: ")) && told.contains("refused"),
        "{told}"
    );
    for wrong in ["http://localhost", "localhost", "https://", "ftp://localhost"] {
        let told = look.look(wrong, NOW).await.unwrap_err().to_string();
        assert!(told.contains("is no address that begins with https://"), "{told}");
    }
}
