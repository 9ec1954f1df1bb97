//! A world for alerts: a connection that is well or is not, a program that takes webhooks, and a mail server, all of it on
//! this machine.

use crate::filled::Site;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use serde_json::Value;
use sha2::Sha256;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU16, Ordering};
use std::sync::{Arc, Mutex};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use waypost::alerts::{Postman, Watcher, World};
use waypost::app::{ChannelDraft, Who};
use waypost::clock::OsEntropy;
use waypost::domain::Millis;
use waypost::outbound::{HttpOutbound, SmtpMailer};
use waypost::ports::{Clock as _, ConnectionState};
use waypost::rules::{Files, Ruleset, compile};

/// Where the pages are.
pub const BASE: &str = "https://waypost.example.org";
/// A key of the Standard Webhooks scheme.
pub const KEY: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

/// A call that came in.
#[derive(Clone, Debug)]
pub struct Came {
    pub headers: BTreeMap<String, String>,
    pub body: String,
}

impl Came {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).expect("JSON")
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map(String::as_str).unwrap_or_default()
    }
}

/// A program that takes webhooks.
pub struct Receiver {
    pub address: SocketAddr,
    status: Arc<AtomicU16>,
    came: Arc<Mutex<Vec<Came>>>,
}

impl Receiver {
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let (status, came) = (Arc::new(AtomicU16::new(200)), Arc::new(Mutex::new(Vec::new())));
        let (answer, kept) = (status.clone(), came.clone());
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (answer, kept) = (answer.clone(), kept.clone());
                tokio::spawn(async move { take(stream, &answer, &kept).await });
            }
        });
        Self { address, status, came }
    }

    /// Answers with this from now on; 0: takes the call and never answers.
    pub fn answers(&self, status: u16) {
        self.status.store(status, Ordering::SeqCst);
    }

    pub fn url(&self) -> String {
        format!("http://{}/hooks/hush-hush-address", self.address)
    }

    pub fn came(&self) -> Vec<Came> {
        self.came.lock().expect("a list").clone()
    }

    /// The kinds of what came.
    pub fn kinds(&self) -> Vec<String> {
        self.came().iter().map(|came| came.json()["type"].as_str().unwrap_or_default().to_owned()).collect()
    }
}

async fn take(stream: TcpStream, status: &AtomicU16, kept: &Mutex<Vec<Came>>) {
    let mut stream = BufReader::new(stream);
    let mut headers = BTreeMap::new();
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line).await.unwrap_or(0) == 0 {
            return;
        }
        let line = line.trim_end();
        if line.is_empty() {
            break;
        }
        if let Some((name, value)) = line.split_once(": ") {
            headers.insert(name.to_lowercase(), value.to_owned());
        }
    }
    let length = headers.get("content-length").and_then(|text| text.parse().ok()).unwrap_or(0);
    let mut body = vec![0; length];
    if stream.read_exact(&mut body).await.is_err() {
        return;
    }
    kept.lock().expect("a list").push(Came { headers, body: String::from_utf8_lossy(&body).into_owned() });
    let status = status.load(Ordering::SeqCst);
    if status == 0 {
        // Held until the caller goes away.
        let mut rest = Vec::new();
        let _ = stream.read_to_end(&mut rest).await;
        return;
    }
    let answer = format!("HTTP/1.1 {status} X\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
    let _ = stream.get_mut().write_all(answer.as_bytes()).await;
}

/// A mail that came in.
#[derive(Clone, Debug, Default)]
pub struct MailCame {
    /// What was said before the mail, line by line.
    pub said: Vec<String>,
    /// The mail.
    pub text: String,
}

/// A mail server.
pub struct MailServer {
    pub address: SocketAddr,
    came: Arc<Mutex<Vec<MailCame>>>,
}

impl MailServer {
    /// One that offers these extensions.
    pub async fn start(offers: &'static [&'static str]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let came = Arc::new(Mutex::new(Vec::new()));
        let kept = came.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let kept = kept.clone();
                tokio::spawn(async move { talk(stream, offers, &kept).await });
            }
        });
        Self { address, came }
    }

    pub fn came(&self) -> Vec<MailCame> {
        self.came.lock().expect("a list").clone()
    }
}

/// Whatever was said is kept, also where no mail followed.
async fn talk(stream: TcpStream, offers: &[&str], kept: &Mutex<Vec<MailCame>>) -> Option<()> {
    let mut stream = BufReader::new(stream);
    let place = {
        let mut kept = kept.lock().expect("a list");
        kept.push(MailCame::default());
        kept.len() - 1
    };
    stream.get_mut().write_all(b"220 mail.example.org\r\n").await.ok()?;
    let mut data = false;
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line).await.ok()? == 0 {
            return None;
        }
        let answer = if data {
            if line == ".\r\n" {
                data = false;
                "250 taken".to_owned()
            } else {
                kept.lock().expect("a list")[place].text.push_str(&line);
                continue;
            }
        } else {
            let said = line.trim_end().to_owned();
            kept.lock().expect("a list")[place].said.push(said.clone());
            match said.split([' ', ':']).next().unwrap_or_default().to_uppercase().as_str() {
                "EHLO" => {
                    let mut lines = vec!["mail.example.org"];
                    lines.extend(offers.iter().copied());
                    let last = lines.pop().unwrap_or_default();
                    let mut text = String::new();
                    for line in lines {
                        text.push_str(&["250-", line, "\r\n"].concat());
                    }
                    text + "250 " + last
                }
                "DATA" => {
                    data = true;
                    "354 go on".to_owned()
                }
                "QUIT" => "221 bye".to_owned(),
                _ => "250 fine".to_owned(),
            }
        };
        stream.get_mut().write_all(format!("{answer}\r\n").as_bytes()).await.ok()?;
    }
}

/// What the scheme says that a signature is.
pub fn signature_of(key: &str, id: &str, timestamp: &str, body: &str) -> String {
    let key = STANDARD.decode(key.trim_start_matches("whsec_")).expect("base 64");
    let mut hmac = Hmac::<Sha256>::new_from_slice(&key).expect("a key");
    hmac.update(format!("{id}.{timestamp}.{body}").as_bytes());
    format!("v1,{}", STANDARD.encode(hmac.finalize().into_bytes()))
}

/// What the watcher looks at.
pub struct AlertWorld {
    pub site: Site,
    pub watcher: Watcher,
    pub ruleset: Arc<Ruleset>,
}

fn ruleset() -> Arc<Ruleset> {
    let mut files = Files::default();
    files.texts.insert(
        "connections/crm.yaml".into(),
        "connector: http\ntitle: \"Our CRM\\r\\nBcc: thief@example.org\"\nbase_url: https://crm.example.org\nactions: { put: { method: PUT, path: \"/x\", repeatable: true, key: [id], inputs: { id: { type: string, required: true } } } }\n".into(),
    );
    let made = compile(&files, None);
    made.ruleset.unwrap_or_else(|| panic!("{:#?}", made.diagnostics))
}

impl AlertWorld {
    pub async fn new() -> Self {
        Self::over(Site::empty().await)
    }

    pub fn over(site: Site) -> Self {
        let watcher = watcher(&site);
        Self { site, watcher, ruleset: ruleset() }
    }

    /// As after a start: nothing is known but what stands in the database.
    pub fn restart(&mut self) {
        self.watcher = watcher(&self.site);
    }

    pub fn now(&self) -> Millis {
        self.site.clock.now()
    }

    /// The connection is well, or has not answered since then.
    pub async fn crm(&self, tripped_since: Option<Millis>) {
        let state = ConnectionState { name: "crm".into(), tripped_since, ..ConnectionState::default() };
        self.site.app.store.remember_connection(&state).await.expect("it is kept");
    }

    /// One turn of the loop.
    pub async fn turn(&self) {
        self.look().await;
        self.watcher.send(self.now()).await.expect("letters are sent");
    }

    pub async fn look(&self) {
        self.site.app.keep_certificate_in_sight().await;
        let certificate = self.site.app.certificate();
        let world = World {
            ruleset: Some(&self.ruleset),
            disk_free: Some(u64::MAX),
            certificate: Some(&certificate),
        };
        self.watcher.look(&world, self.now()).await.expect("it looks");
    }

    /// So many minutes of the loop.
    pub async fn minutes(&self, minutes: i64) {
        for _ in 0..minutes * 2 {
            self.site.clock.on(30_000);
            self.turn().await;
        }
    }

    /// A channel to this address, signed.
    pub async fn webhook(&self, url: &str) -> String {
        let draft = ChannelDraft {
            kind: "webhook".into(),
            name: "Pager".into(),
            enabled: true,
            address: url.into(),
            signing: KEY.into(),
            signed: true,
            allow_private: true,
            ..ChannelDraft::default()
        };
        self.site.app.keep_alert_channel(&Who::command_line(), None, &draft).await.expect("a channel")
    }

    /// A channel to this mail server.
    pub async fn mail(&self, server: &MailServer) -> String {
        let draft = ChannelDraft {
            kind: "email".into(),
            name: "Front desk".into(),
            enabled: true,
            host: "127.0.0.1".into(),
            port: server.address.port().to_string(),
            tls: "none".into(),
            from: "Waypost <alerts@example.org>".into(),
            to: "desk@example.org, Ólafur <olafur@example.org>".into(),
            allow_private: true,
            ..ChannelDraft::default()
        };
        self.site.app.keep_alert_channel(&Who::command_line(), None, &draft).await.expect("a channel")
    }
}

fn watcher(site: &Site) -> Watcher {
    let app = &site.app;
    let postman = Arc::new(Postman::new(
        Arc::new(HttpOutbound::new()),
        Arc::new(SmtpMailer::new()),
        app.secrets.clone(),
    ));
    app.send_letters_by(postman.clone());
    Watcher::new(app.store.clone(), Arc::new(OsEntropy), postman, BASE)
}
