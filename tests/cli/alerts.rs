//! `waypost alerts` and `waypost connections`; and that mail goes under TLS only to a server whose certificate is good: a
//! mail server of our own, with a certificate of an authority that the process is told to trust, or is not.

use crate::program::{Answered, run, run_in};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::pki_types::PrivateKeyDer;
use rustls::{ServerConfig, ServerConnection, StreamOwned, crypto};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::sync::{Arc, Mutex};
use waypost::app::{App, ChannelDraft, Places, Who};
use waypost::clock::{OsEntropy, SystemClock};

/// An authority, and what it signs.
struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).expect("parameters");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().expect("a key");
        Self(CertifiedIssuer::self_signed(params, key).expect("an authority"))
    }

    /// What a server of this name speaks TLS with.
    fn server(&self, name: &str) -> Arc<ServerConfig> {
        let key = KeyPair::generate().expect("a key");
        let params = CertificateParams::new(vec![name.to_owned()]).expect("parameters");
        let certificate = params.signed_by(&key, &self.0).expect("a certificate");
        let key = PrivateKeyDer::try_from(key.serialize_der()).expect("a key");
        let config = ServerConfig::builder_with_provider(Arc::new(crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], key);
        Arc::new(config.expect("a configuration"))
    }

    /// Its certificate in a file.
    fn file(&self, home: &Path, name: &str) -> String {
        let file = home.join(name);
        std::fs::write(&file, self.0.pem()).expect("a file");
        file.display().to_string()
    }
}

/// A mail server, and what was said to it: `tls` where that was under TLS.
struct MailServer {
    port: u16,
    said: Arc<Mutex<Vec<(bool, String)>>>,
}

impl MailServer {
    /// With TLS from the first byte, or after STARTTLS.
    fn start(tls: Arc<ServerConfig>, from_the_start: bool) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let said = Arc::new(Mutex::new(Vec::new()));
        let kept = said.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                // One that breaks off has said what it said.
                let _ = serve(stream, &tls, from_the_start, &kept);
            }
        });
        Self { port, said }
    }

    fn said(&self) -> Vec<(bool, String)> {
        self.said.lock().expect("a list").clone()
    }
}

type Said = Mutex<Vec<(bool, String)>>;

fn serve(
    stream: TcpStream,
    tls: &Arc<ServerConfig>,
    from_the_start: bool,
    said: &Said,
) -> std::io::Result<()> {
    let secure = |stream: TcpStream| -> std::io::Result<_> {
        let connection = ServerConnection::new(tls.clone()).map_err(std::io::Error::other)?;
        Ok(StreamOwned::new(connection, stream))
    };
    if from_the_start {
        return talk(BufReader::new(secure(stream)?), true, true, said).map(|_| ());
    }
    let plain = BufReader::new(stream.try_clone()?);
    if talk(plain, false, true, said)? {
        talk(BufReader::new(secure(stream)?), true, false, said)?;
    }
    Ok(())
}

/// True where TLS is to begin.
fn talk<S: Read + Write>(
    mut stream: BufReader<S>,
    secure: bool,
    greets: bool,
    said: &Said,
) -> std::io::Result<bool> {
    let answer = |stream: &mut BufReader<S>, text: &str| {
        stream.get_mut().write_all(text.as_bytes()).and_then(|()| stream.get_mut().flush())
    };
    if greets {
        answer(&mut stream, "220 mail.example.org\r\n")?;
    }
    let mut data = false;
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line)? == 0 {
            return Ok(false);
        }
        let line = line.trim_end().to_owned();
        said.lock().expect("a list").push((secure, line.clone()));
        match line.split([' ', ':']).next().unwrap_or_default() {
            _ if data && line != "." => {}
            "." => {
                data = false;
                answer(&mut stream, "250 taken\r\n")?;
            }
            "EHLO" if secure => answer(&mut stream, "250-mail.example.org\r\n250 AUTH PLAIN LOGIN\r\n")?,
            "EHLO" => answer(&mut stream, "250-mail.example.org\r\n250 STARTTLS\r\n")?,
            "STARTTLS" => {
                answer(&mut stream, "220 go on\r\n")?;
                return Ok(true);
            }
            "AUTH" => answer(&mut stream, "235 come in\r\n")?,
            "DATA" => {
                data = true;
                answer(&mut stream, "354 go on\r\n")?;
            }
            "QUIT" => {
                answer(&mut stream, "221 bye\r\n")?;
                return Ok(false);
            }
            _ => answer(&mut stream, "250 fine\r\n")?,
        }
    }
}

/// A channel in the data folder of a home.
fn channel(home: &Path, draft: &ChannelDraft) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let places = Places { data: home.join("data"), database: None, exclusive: false };
        let app = App::open(places, Arc::new(SystemClock::new()), Arc::new(OsEntropy)).await.expect("an app");
        app.keep_alert_channel(&Who::command_line(), None, draft).await.expect("a channel");
        app.store.close().await;
    });
}

fn mail_to(server: &MailServer, host: &str, tls: &str) -> ChannelDraft {
    ChannelDraft {
        kind: "email".into(),
        name: "Front desk".into(),
        enabled: true,
        host: host.into(),
        port: server.port.to_string(),
        tls: tls.into(),
        user: "alerts@example.org".into(),
        password: "hush-hush".into(),
        from: "alerts@example.org".into(),
        to: "desk@example.org".into(),
        allow_private: true,
        ..ChannelDraft::default()
    }
}

fn test_trusting(home: &Path, authority: &str) -> Answered {
    run_in(home, &["alerts", "test", "front desk"], &[("SSL_CERT_FILE", authority)])
}

#[test]
fn mail_goes_under_tls_to_a_server_whose_certificate_is_good_and_to_no_other() {
    let (trusted, other) = (Authority::new(), Authority::new());
    for (tls, from_the_start) in [("starttls", false), ("tls", true)] {
        let home = tempfile::tempdir().expect("a folder");
        let (own, foreign) = (trusted.file(home.path(), "own.pem"), other.file(home.path(), "foreign.pem"));
        let server = MailServer::start(trusted.server("localhost"), from_the_start);
        channel(home.path(), &mail_to(&server, "localhost", tls));
        let told = test_trusting(home.path(), &foreign);
        assert_eq!(told.code, 1, "{tls}: {}{}", told.out, told.err);
        let place = format!("localhost:{}", server.port);
        assert!(
            told.out.starts_with(&format!("No secure connection to {place} came about (")),
            "{}",
            told.out
        );
        let said = server.said();
        assert!(
            said.iter().all(|(_, line)| line.starts_with("EHLO") || line == "STARTTLS" || line == "QUIT"),
            "{said:?}"
        );
        let told = test_trusting(home.path(), &own).fine();
        assert_eq!(told.out, "Handed to localhost for desk@example.org.\n", "{tls}");
        let said = server.said();
        for (secure, line) in &said {
            let greeting = line.starts_with("EHLO") || line == "STARTTLS" || line == "QUIT";
            assert!(*secure || greeting, "in the clear: {line}");
        }
        assert!(said.iter().any(|(secure, line)| *secure && line.starts_with("AUTH ")), "{said:?}");
        assert!(
            said.iter().any(|(secure, line)| *secure && line == "RCPT TO:<desk@example.org>"),
            "{said:?}"
        );
        assert!(
            said.iter().any(|(_, line)| line.starts_with("Subject: [Waypost] A test from Waypost")),
            "{said:?}"
        );
        // A good certificate of another name is none.
        let home = tempfile::tempdir().expect("a folder");
        let own = trusted.file(home.path(), "own.pem");
        let server = MailServer::start(trusted.server("mail.example.org"), from_the_start);
        channel(home.path(), &mail_to(&server, "localhost", tls));
        let told = test_trusting(home.path(), &own);
        assert_eq!(told.code, 1, "{tls}: {}{}", told.out, told.err);
        assert!(told.out.starts_with("No secure connection to localhost:"), "{}", told.out);
        assert!(server.said().iter().all(|(_, line)| !line.starts_with("AUTH") && !line.starts_with("MAIL")));
    }
}

#[test]
fn channels_are_listed_without_their_secrets_and_tried_by_name() {
    let home = tempfile::tempdir().expect("a folder");
    let none = run(home.path(), &["alerts", "list"]).fine();
    assert_eq!(none.out, "Nobody is told when something is wrong. Add a channel under Settings, Alerts.\n");
    let hook = ChannelDraft {
        kind: "webhook".into(),
        name: "Pager".into(),
        enabled: true,
        address: "http://127.0.0.1:9/hush-hush".into(),
        allow_private: true,
        ..ChannelDraft::default()
    };
    channel(home.path(), &hook);
    channel(home.path(), &ChannelDraft { kind: "slack".into(), name: "Team".into(), enabled: false, ..hook });
    insta::assert_snapshot!("alerts_list", run(home.path(), &["alerts", "list"]).fine().out);
    let wrong = run(home.path(), &["alerts", "test", "Pagr"]);
    assert_eq!(
        (wrong.code, wrong.err.as_str()),
        (1, "There is no channel \"Pagr\". Did you mean \"Pager\"?\n")
    );
    let told = run(home.path(), &["alerts", "test", "pager"]);
    assert_eq!(told.code, 1, "nobody listens there");
    assert!(told.out.contains("127.0.0.1:9") && !told.out.contains("hush-hush"), "{}", told.out);
    let list = run(home.path(), &["alerts", "list", "--json"]).fine();
    assert!(!list.out.contains("hush-hush"), "{}", list.out);
    let list = list.json();
    let told: Vec<(&str, bool)> = list
        .iter()
        .map(|one| (one["name"].as_str().expect("a name"), one["enabled"].as_bool().expect("a truth")))
        .collect();
    assert_eq!(told, [("Pager", true), ("Team", false)]);
    assert_eq!((&list[0]["last"]["good"], &list[1]["last"]), (&false.into(), &serde_json::Value::Null));
}

#[test]
fn connections_are_listed_with_how_they_stand() {
    let home = tempfile::tempdir().expect("a folder");
    assert_eq!(run(home.path(), &["connections"]).fine().out, "There are no connections yet.\n");
    let rules = home.path().join("rules/connections");
    std::fs::create_dir_all(&rules).expect("a folder");
    for name in ["crm", "mail"] {
        let text = format!(
            "connector: sandbox\ntitle: Our {name}\nbase_url: http://127.0.0.1:9\nallow_private: true\n"
        );
        std::fs::write(rules.join(format!("{name}.yaml")), text).expect("a file");
    }
    let serve = ["serve", "--listen", "127.0.0.1:0", "--ui-listen", "127.0.0.1:0", "--log", "warn"];
    let mut serving = crate::program::Running::start(home.path(), &serve);
    serving.line_with("pages ");
    run(home.path(), &["pause", "mail"]).fine();
    let list = run(home.path(), &["connections", "--json"]).fine().json();
    let told: Vec<(&str, &str)> = list
        .iter()
        .map(|one| (one["name"].as_str().expect("a name"), one["state"].as_str().expect("a state")))
        .collect();
    assert_eq!(told, [("crm", "takes_calls"), ("mail", "paused")]);
    assert_eq!((&list[0]["title"], &list[0]["under_way"]), (&"Our crm".into(), &0.into()));
    let text = run(home.path(), &["connections"]).fine().out;
    assert!(
        text.starts_with("crm  takes calls\n    0 runs on the way, 0 need you, 0 done\nmail  paused"),
        "{text}"
    );
    assert_eq!(serving.interrupt(), Some(0));
}
