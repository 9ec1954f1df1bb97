//! `waypost doctor` looks at the address for webhooks as it is seen from outside: a server of our own with a certificate of our
//! own authority, which the command is told to trust.

use crate::program::{Answered, run_trusting};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::pki_types::PrivateKeyDer;
use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::sync::Arc;

const GOOD: &str = "HTTP/1.1 405 Method Not Allowed\r\nallow: POST\r\ncontent-length: 28\r\nconnection: close\r\n\r\nThis address takes webhooks.";
const AWAY: &str = "HTTP/1.1 502 Bad Gateway\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";

/// A home with one source, and an authority that is trusted there.
struct Home {
    folder: tempfile::TempDir,
    authority: CertifiedIssuer<'static, KeyPair>,
}

impl Home {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::create_dir_all(folder.path().join("rules/sources")).expect("a folder");
        std::fs::write(
            folder.path().join("rules/sources/tours.yaml"),
            "connector: fareharbor\ntitle: Reef Tours\ntoken: { env: TOURS_TOKEN }\n",
        )
        .expect("a file");
        let mut params = CertificateParams::new(Vec::new()).expect("an authority");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().expect("a key");
        let authority = CertifiedIssuer::self_signed(params, key).expect("an authority");
        std::fs::write(folder.path().join("authority.pem"), authority.pem()).expect("a file");
        Self { folder, authority }
    }

    /// A server that answers this under a certificate for this name, which ends in so many days; its port.
    fn serve(&self, name: &str, days: i64, answer: &'static str) -> u16 {
        let mut params = CertificateParams::new(vec![name.to_owned()]).expect("a certificate");
        let now = std::time::SystemTime::UNIX_EPOCH.elapsed().expect("a time").as_secs() as i64;
        let at =
            |seconds: i64| rcgen::date_time_ymd(1970, 1, 1) + std::time::Duration::from_secs(seconds as u64);
        params.not_before = at(now - 100 * 86_400);
        params.not_after = at(now + days * 86_400 + 3_600);
        let key = KeyPair::generate().expect("a key");
        let own = params.signed_by(&key, &self.authority).expect("a certificate");
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_no_client_auth()
            .with_single_cert(
                vec![own.der().clone()],
                PrivateKeyDer::try_from(key.serialize_der()).expect("a key"),
            )
            .expect("a server");
        let (config, listener) = (Arc::new(config), TcpListener::bind("127.0.0.1:0").expect("a port"));
        let port = listener.local_addr().expect("an address").port();
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let Ok(mut stream) = stream else { return };
                let mut tls = rustls::ServerConnection::new(config.clone()).expect("a connection");
                let mut stream = rustls::Stream::new(&mut tls, &mut stream);
                let mut asked = [0; 2_048];
                if let Ok(read @ 1..) = stream.read(&mut asked) {
                    assert!(
                        asked[..read].starts_with(b"GET /hooks/tours "),
                        "nothing but a look, and without the token"
                    );
                    let _ = stream.write_all(answer.as_bytes());
                    stream.conn.send_close_notify();
                    let _ = stream.flush();
                }
            }
        });
        port
    }

    fn doctor(&self, url: &str) -> Answered {
        let authority = self.folder.path().join("authority.pem");
        let arguments = ["doctor", "--json", "--hooks-url", url];
        run_trusting(
            self.folder.path(),
            &arguments,
            &authority,
            ("TOURS_TOKEN", "0123456789abcdefghijklmnopqrstuv"),
        )
    }

    /// What is said of the source: health and sentence.
    fn told(&self, url: &str) -> (i32, Vec<(String, String)>) {
        let answered = self.doctor(url);
        let of_source = answered.json().into_iter().filter(|one| one["about"] == "source tours");
        let text = |one: &serde_json::Value, key: &str| one[key].as_str().unwrap_or_default().to_owned();
        (answered.code, of_source.map(|one| (text(&one, "health"), text(&one, "text"))).collect())
    }
}

fn says(found: &[(String, String)], health: &str, text: &str) -> bool {
    found.iter().any(|(one, said)| one == health && said.contains(text))
}

#[test]
fn an_address_that_is_well_says_for_how_long() {
    let home = Home::new();
    let port = home.serve("localhost", 63, GOOD);
    let (code, found) = home.told(&format!("https://localhost:{port}"));
    assert!(
        says(
            &found,
            "ok",
            &format!("The certificate of localhost:{port} is taken, and good for 63 more days")
        ),
        "{found:#?}"
    );
    assert!(says(&found, "ok", "Its address answers as it should"), "{found:#?}");
    assert!(says(&found, "notice", "Without API access"), "{found:#?}");
    assert_eq!(code, 0, "{found:#?}");
}

#[test]
fn a_certificate_that_ends_soon_warns_and_one_that_has_ended_is_amiss() {
    let home = Home::new();
    let soon = home.serve("localhost", 13, GOOD);
    let (code, found) = home.told(&format!("https://localhost:{soon}"));
    assert!(says(&found, "notice", "good for 13 more days"), "{found:#?}");
    assert_eq!(code, 0);
    let ended = home.serve("localhost", -1, GOOD);
    let (code, found) = home.told(&format!("https://localhost:{ended}"));
    assert!(says(&found, "amiss", "has ended ("), "{found:#?}");
    assert!(!found.iter().any(|(_, text)| text.contains("Its address answers")), "nothing is asked there");
    assert_eq!(code, 1);
}

#[test]
fn an_address_of_another_name_or_of_a_proxy_alone_is_amiss() {
    let home = Home::new();
    let other = home.serve("other.example.com", 63, GOOD);
    let (code, found) = home.told(&format!("https://localhost:{other}"));
    assert!(
        says(&found, "amiss", "shows is for") && says(&found, "amiss", "other.example.com"),
        "{found:#?}"
    );
    assert_eq!(code, 1);
    let away = home.serve("localhost", 63, AWAY);
    let (code, found) = home.told(&format!("https://localhost:{away}"));
    assert!(says(&found, "amiss", "answers 502: what stands there does not reach Waypost."), "{found:#?}");
    assert_eq!(code, 1);
    let (code, found) = home.told("https://localhost:1");
    assert!(says(&found, "amiss", "localhost:1 shows no certificate"), "{found:#?}");
    assert_eq!(code, 1);
}
