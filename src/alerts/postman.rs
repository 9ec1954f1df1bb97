//! Hands a letter to its channel: an e-mail, a message of Slack, a signed call of any webhook. Every outcome is one sentence
//! that names the host and no secret. Called by `Watcher::send`, and by the page's button that sends a test.

use super::signature::{signature, signing_key};
use super::words::one_line;
use crate::domain::{ChannelTo, HookTo, Letter, LetterKind, MailTo, Millis};
use crate::ports::{AlertChannel, Answer, Mail, Mailer, Outbound, OutboundFailure, OutboundRequest, Secrets};
use bytes::Bytes;
use jiff::Timestamp;
use secrecy::{ExposeSecret, SecretString};
use serde_json::json;
use std::sync::Arc;

/// One sending, connect to last answer.
const SEND_MS_MAX: u64 = 15_000;
/// Of an answer nothing is read but its status; so much is taken off the line.
const ANSWER_BYTES_MAX: usize = 1_024;
/// Characters of what is written down of an outcome.
const OUTCOME_CHARS_MAX: usize = 400;

/// Sends letters.
pub struct Postman {
    outbound: Arc<dyn Outbound>,
    mailer: Arc<dyn Mailer>,
    secrets: Arc<dyn Secrets>,
}

/// What a person sends to see whether a channel works.
pub fn test_letter(base: &str, now: Millis) -> Letter {
    Letter {
        kind: LetterKind::Test,
        about: String::from("test"),
        object: String::new(),
        outage: String::new(),
        headline: String::from("A test from Waypost"),
        text: String::from("Alerts will look like this one. Nothing is wrong, and nothing needs to be done."),
        link: format!("{base}/settings/alerts"),
        since: now,
        until: None,
        waiting: 0,
        at: now,
    }
}

impl Postman {
    /// Over these ways out.
    pub fn new(outbound: Arc<dyn Outbound>, mailer: Arc<dyn Mailer>, secrets: Arc<dyn Secrets>) -> Self {
        Self { outbound, mailer, secrets }
    }

    /// Sends one letter. `id` is the same in all its tries. Both outcomes are sentences.
    pub async fn send(
        &self,
        channel: &AlertChannel,
        id: &str,
        letter: &Letter,
        now: Millis,
    ) -> Result<String, String> {
        let outcome = match &channel.to {
            ChannelTo::Email(mail) => self.mail(mail, id, letter).await,
            ChannelTo::Slack(hook) => self.slack(hook, letter).await,
            ChannelTo::Webhook(hook) => self.webhook(hook, id, letter, now).await,
        };
        let bounded = |text: String| text.chars().take(OUTCOME_CHARS_MAX).collect();
        outcome.map(bounded).map_err(bounded)
    }

    fn secret(&self, name: &str, what: &str) -> Result<SecretString, String> {
        self.secrets.vault(name).ok_or_else(|| {
            format!(
                "Not sent: the secret {name}, which holds {what}, has no value. Set it anew in the channel."
            )
        })
    }

    async fn mail(&self, to: &MailTo, id: &str, letter: &Letter) -> Result<String, String> {
        let sign_in = match (&to.user, &to.password) {
            (Some(user), Some(password)) => Some((user.clone(), self.secret(password, "the password")?)),
            _ => None,
        };
        let mail = Mail {
            host: to.host.clone(),
            port: to.port,
            tls: to.tls,
            sign_in,
            allow_private: to.allow_private,
            from: to.from.clone(),
            to: to.to.clone(),
            id: id.to_owned(),
            subject: format!("[Waypost] {}", one_line(&letter.headline)),
            text: format!("{}.\n\n{}\n\n{}\n", letter.headline, letter.text, letter.link),
            at: letter.at,
            timeout_ms: SEND_MS_MAX,
        };
        self.mailer.post(mail).await.map_err(|failure| failure.to_string())?;
        let whom = if to.to.len() == 1 { to.to[0].clone() } else { format!("{} people", to.to.len()) };
        Ok(format!("Handed to {} for {whom}.", to.host))
    }

    async fn slack(&self, hook: &HookTo, letter: &Letter) -> Result<String, String> {
        let plain = |text: &str| text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
        let text = format!("*{}*\n{}\n{}", plain(&letter.headline), plain(&letter.text), plain(&letter.link));
        self.call(hook, Vec::new(), json!({ "text": text }).to_string()).await
    }

    async fn webhook(&self, hook: &HookTo, id: &str, letter: &Letter, now: Millis) -> Result<String, String> {
        let body = body_of(id, letter);
        let seconds = now / 1_000;
        let mut headers = vec![
            ("webhook-id".to_owned(), id.to_owned()),
            ("webhook-timestamp".to_owned(), seconds.to_string()),
        ];
        if let Some(name) = &hook.signing {
            let key = self.secret(name, "the key for signatures")?;
            let signed = signing_key(key.expose_secret()).and_then(|key| signature(&key, id, seconds, &body));
            let signed = signed.ok_or_else(|| {
                String::from("Not sent: the key for signatures is none. Set it anew in the channel.")
            })?;
            headers.push(("webhook-signature".to_owned(), signed));
        }
        self.call(hook, headers, body).await
    }

    async fn call(
        &self,
        hook: &HookTo,
        mut headers: Vec<(String, String)>,
        body: String,
    ) -> Result<String, String> {
        headers.push(("content-type".to_owned(), "application/json".to_owned()));
        let request = OutboundRequest {
            method: "POST".to_owned(),
            url: self.secret(&hook.address, "the address")?.expose_secret().to_owned(),
            headers,
            body: Some(Bytes::from(body)),
            allow_private: hook.allow_private,
            timeout_ms: SEND_MS_MAX,
            answer_bytes_max: ANSWER_BYTES_MAX,
            about: ("alerts".to_owned(), "alert".to_owned()),
        };
        match self.outbound.send(request).await {
            Ok(answer) => outcome_of(&answer, &hook.place),
            Err(OutboundFailure::NotSent(why) | OutboundFailure::Unknown(why)) => {
                Err(format!("Not sent: {}", why.replace(" (in a file: allow_private: true)", "")))
            }
        }
    }
}

fn outcome_of(answer: &Answer, place: &str) -> Result<String, String> {
    let status = answer.status;
    let way_out = match status {
        200..=299 => return Ok(format!("{place} took it.")),
        300..=399 => "It sends the caller on to another address; set that one in the channel",
        401 | 403 | 404 | 410 => {
            "Its address, or the right to post there, is no longer good: set the address anew in the channel"
        }
        429 => "It wants fewer messages; this one is tried again later",
        500..=599 => "It has trouble of its own; this is tried again later",
        _ => "Look there what it wants",
    };
    Err(format!("{place} did not take it (it answered {status}). {way_out}."))
}

/// What a webhook is sent: the same bytes in all tries of a letter.
fn body_of(id: &str, letter: &Letter) -> String {
    let kind = match letter.kind {
        LetterKind::Alert => "outage.opened",
        LetterKind::Reminder => "outage.lasts",
        LetterKind::AllClear => "outage.closed",
        LetterKind::Test => "test",
    };
    let time = |at: Millis| Timestamp::from_millisecond(at).map(|at| at.to_string()).ok();
    json!({
        "type": kind,
        "timestamp": time(letter.at),
        "data": {
            "id": id,
            "outage": letter.outage,
            "about": letter.about,
            "name": letter.object,
            "headline": letter.headline,
            "text": letter.text,
            "link": letter.link,
            "since": time(letter.since),
            "until": letter.until.and_then(time),
            "waiting": letter.waiting,
        },
    })
    .to_string()
}
