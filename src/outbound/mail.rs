//! Adapter: hands an e-mail to its server, by SMTP. Implements `ports::Mailer` with lettre.
//!
//! It promises: the name is looked up here and the connection goes to an address that was checked, so that private networks
//! are called only where the mail allows it; with STARTTLS nothing but the greeting goes over the wire in the clear; a
//! password is sent under TLS only; all of it ends within the time-out; addresses and subject can't begin a header of their
//! own. Failures name the server, never the password (`tests/web/alerts.rs` keeps it).

use super::failure::innermost;
use crate::domain::SmtpTls;
use crate::domain::is_public;
use crate::ports::{Mail, MailFailure, Mailer};
use async_trait::async_trait;
use lettre::Message;
use lettre::address::Envelope;
use lettre::message::header::{ContentType, HeaderName, HeaderValue};
use lettre::message::{Mailbox, Mailboxes, SinglePart};
use lettre::transport::smtp::authentication::{Credentials, Mechanism};
use lettre::transport::smtp::client::{AsyncSmtpConnection, TlsParameters};
use lettre::transport::smtp::extension::ClientId;
use secrecy::ExposeSecret;
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, UNIX_EPOCH};

/// What we say we are.
const HELLO: &str = "waypost.invalid";

/// The post, by SMTP.
#[derive(Clone, Copy, Debug, Default)]
pub struct SmtpMailer;

impl SmtpMailer {
    /// Makes the adapter; opens nothing.
    pub fn new() -> Self {
        // Whichever part of the process comes first installs it; ring is the only one in this binary.
        let _ = rustls::crypto::ring::default_provider().install_default();
        Self
    }
}

/// Whether a text is an address that mail can go to, alone or as `Name <address>`.
pub fn is_mail_address(text: &str) -> bool {
    mailbox(text).is_ok()
}

fn failed(text: impl Into<String>) -> MailFailure {
    MailFailure(text.into())
}

fn mailbox(text: &str) -> Result<Mailbox, MailFailure> {
    let wrong = || failed(format!("{:?} is no address that mail can go to.", one_line(text)));
    if text.chars().any(char::is_control) {
        return Err(wrong());
    }
    text.trim().parse().map_err(|_| wrong())
}

fn one_line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(200).collect()
}

#[async_trait]
impl Mailer for SmtpMailer {
    async fn post(&self, mail: Mail) -> Result<(), MailFailure> {
        let (envelope, message) = message(&mail)?;
        let place = format!("{}:{}", mail.host, mail.port);
        let timeout = Duration::from_millis(mail.timeout_ms);
        match tokio::time::timeout(timeout, deliver(&mail, &place, &envelope, &message)).await {
            Ok(result) => result,
            Err(_) => Err(failed(format!(
                "{place} did not take the mail within {} s. Look at the server's name and port; a firewall may be in the way.",
                mail.timeout_ms / 1_000
            ))),
        }
    }
}

async fn deliver(mail: &Mail, place: &str, envelope: &Envelope, message: &[u8]) -> Result<(), MailFailure> {
    let addresses = addresses(mail, place).await?;
    let hello = ClientId::Domain(HELLO.to_owned());
    let tls = || {
        TlsParameters::new(mail.host.clone())
            .map_err(|error| failed(format!("TLS with {place} can't begin: {}.", innermost(&error))))
    };
    let first = if mail.tls == SmtpTls::Tls { Some(tls()?) } else { None };
    let timeout = Some(Duration::from_millis(mail.timeout_ms));
    let mut connection = AsyncSmtpConnection::connect_tokio1(&addresses[..], timeout, &hello, first, None)
        .await
        .map_err(|error| failed(of_connecting(&error, place)))?;
    if mail.tls == SmtpTls::Starttls {
        if !connection.can_starttls() {
            let _ = connection.quit().await;
            return Err(failed(format!(
                "{place} offers no STARTTLS, so nothing was sent. Choose TLS from the start (often port 465), or none."
            )));
        }
        // No farewell where that fails: the line went with it, and lettre panics over one that is not there.
        connection.starttls(tls()?, &hello).await.map_err(|error| {
            failed(format!("No secure connection to {place} came about ({}).", innermost(&error)))
        })?;
    }
    let result = talk(&mut connection, mail, place, envelope, message).await;
    // What comes of the farewell changes nothing.
    let _ = connection.quit().await;
    result
}

async fn talk(
    connection: &mut AsyncSmtpConnection,
    mail: &Mail,
    place: &str,
    envelope: &Envelope,
    message: &[u8],
) -> Result<(), MailFailure> {
    if let Some((user, password)) = &mail.sign_in {
        if mail.tls == SmtpTls::None {
            return Err(failed(
                "A password is sent under TLS only. Choose STARTTLS or TLS, or take the user out.",
            ));
        }
        let credentials = Credentials::new(user.clone(), password.expose_secret().to_owned());
        connection.auth(&[Mechanism::Plain, Mechanism::Login], &credentials).await.map_err(|error| {
            failed(format!(
                "{place} did not let us sign in ({}). Look at user and password.",
                without(&innermost(&error), password.expose_secret())
            ))
        })?;
    }
    connection
        .send(envelope, message)
        .await
        .map(|_| ())
        .map_err(|error| failed(format!("{place} did not take the mail ({}).", one_line(&innermost(&error)))))
}

/// A server that repeats what it was told must not bring a password into a log.
fn without(text: &str, secret: &str) -> String {
    one_line(&text.replace(secret, "***"))
}

/// The addresses of the server that may be called.
async fn addresses(mail: &Mail, place: &str) -> Result<Vec<SocketAddr>, MailFailure> {
    let host = mail.host.trim_start_matches('[').trim_end_matches(']');
    let all: Vec<SocketAddr> = match host.parse::<IpAddr>() {
        Ok(address) => vec![SocketAddr::new(address, mail.port)],
        Err(_) => tokio::net::lookup_host((host, mail.port))
            .await
            .map_err(|error| {
                failed(format!(
                    "The name of {place} is not known ({error}). Look at its spelling, and at this machine's DNS."
                ))
            })?
            .collect(),
    };
    let known = !all.is_empty();
    let may = |address: &SocketAddr| mail.allow_private || is_public(address.ip());
    let allowed: Vec<SocketAddr> = all.into_iter().filter(may).collect();
    match (allowed.is_empty(), known) {
        (false, _) => Ok(allowed),
        (true, false) => Err(failed(format!("No address is known for {place}. Look at its spelling."))),
        (true, true) => Err(failed(format!(
            "{place} was not called: it is in a private network. Say that it may be, if that is meant."
        ))),
    }
}

fn of_connecting(error: &lettre::transport::smtp::Error, place: &str) -> String {
    let why = one_line(&innermost(error));
    // A certificate that is not good comes as a failure of the line.
    if error.is_tls() || why.contains("certificate") {
        format!(
            "No secure connection to {place} came about ({why}). Look at the port, and whether STARTTLS is meant."
        )
    } else if error.is_timeout() {
        format!(
            "{place} did not take the connection in time. It may be down, or a firewall may be in the way."
        )
    } else {
        format!("No connection to {place} came about ({why}). Look at the server's name and port.")
    }
}

/// The mail as it goes over the wire, and to whom.
fn message(mail: &Mail) -> Result<(Envelope, Vec<u8>), MailFailure> {
    let from = mailbox(&mail.from)?;
    let to = mail.to.iter().map(|to| mailbox(to)).collect::<Result<Vec<_>, _>>()?;
    let envelope = Envelope::new(Some(from.email.clone()), to.iter().map(|to| to.email.clone()).collect())
        .map_err(|_| failed("There is nobody to write to."))?;
    let domain = from.email.domain().to_owned();
    let mut builder = Message::builder()
        .from(from)
        .subject(one_line(&mail.subject))
        .date(UNIX_EPOCH + Duration::from_millis(mail.at.max(0) as u64))
        // The same in all tries: whoever gets it twice can tell.
        .message_id(Some(format!("<{}@{domain}>", mail.id)))
        .raw_header(HeaderValue::new(
            HeaderName::new_from_ascii_str("Auto-Submitted"),
            "auto-generated".to_owned(),
        ));
    builder = builder.mailbox(lettre::message::header::To::from(to.into_iter().collect::<Mailboxes>()));
    let part = SinglePart::builder().header(ContentType::TEXT_PLAIN).body(mail.text.clone());
    let message =
        builder.singlepart(part).map_err(|error| failed(format!("The mail can't be made: {error}.")))?;
    Ok((envelope, message.formatted()))
}

#[cfg(test)]
mod tests {
    use super::{is_mail_address, message};
    use crate::domain::SmtpTls;
    use crate::ports::Mail;

    fn mail() -> Mail {
        Mail {
            host: "mail.example.org".into(),
            port: 25,
            tls: SmtpTls::None,
            sign_in: None,
            allow_private: true,
            from: "Waypost <alerts@example.org>".into(),
            to: vec!["desk@example.org".into()],
            id: "alert-out_1-chn_1".into(),
            subject: "[Waypost] HubSpot".into(),
            text: "Text.".into(),
            at: 1_805_000_000_000,
            timeout_ms: 1_000,
        }
    }

    fn headers(mail: &Mail) -> Vec<String> {
        let (_, bytes) = message(mail).unwrap();
        let text = String::from_utf8(bytes).unwrap();
        let head = text.split("\r\n\r\n").next().unwrap().to_owned();
        head.replace("\r\n ", " ").split("\r\n").map(str::to_owned).collect()
    }

    #[test]
    fn a_subject_begins_no_header_and_keeps_its_letters() {
        let hostile = Mail { subject: "Öffnen\r\nBcc: x@example.org\r\n\r\n<b>".into(), ..mail() };
        let names = |mail: &Mail| -> Vec<String> {
            headers(mail).iter().filter_map(|line| Some(line.split_once(':')?.0.to_lowercase())).collect()
        };
        assert_eq!(names(&hostile), names(&mail()));
        assert!(!names(&hostile).contains(&"bcc".to_owned()));
        let id = headers(&mail()).into_iter().find(|line| line.starts_with("Message-ID")).unwrap();
        assert_eq!(id, "Message-ID: <alert-out_1-chn_1@example.org>");
    }

    #[test]
    fn addresses_that_bring_headers_or_more_are_none() {
        for text in
            ["desk@example.org", "Front desk <desk@example.org>", "\"O'Neill, Ann\" <ann@example.org>"]
        {
            assert!(is_mail_address(text), "{text}");
        }
        for text in [
            "",
            "desk",
            "desk@",
            "a@example.org\r\nBcc: b@example.org",
            "a@example.org\nRCPT TO:<b@example.org>",
            "a@example.org> b@example.org",
            "a@example.org, b@example.org",
            "a@exam ple.org",
            "Desk\u{0}<a@example.org>",
        ] {
            assert!(!is_mail_address(text), "{text:?}");
            assert!(message(&Mail { to: vec![text.into()], ..mail() }).is_err(), "{text:?}");
            assert!(message(&Mail { from: text.into(), ..mail() }).is_err(), "{text:?}");
        }
    }
}
