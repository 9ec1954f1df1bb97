//! `waypost send FILE --to SOURCE`: posts a payload file to a running instance, as the booking system would.

use super::Ended;
use super::options::{FormOptions, StoreOptions};
use super::output::{Wrong, near, say};
use crate::app::{App, Machine};
use crate::domain::{EventId, Millis};
use crate::ports::{Answer, ListFilter, OutboundFailure, OutboundRequest};
use bytes::Bytes;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::json;
use std::io::Read;
use std::sync::Arc;

/// The whole call.
const TIMEOUT_MS: u64 = 30_000;
/// What is shown of the answer.
const ANSWER_BYTES_MAX: usize = 4 << 10;
/// Clocks of two machines differ; the event is looked for from so long before the call.
const EARLIER_MS: Millis = 5 * 60_000;
/// The event is looked for among so many of its source.
const LATEST: i64 = 20;

/// Post a payload file to a running instance, as the booking system would
///
/// The token of the source's address is taken from the local data, or given with --token. Prints the answer, and the
/// event's id where the data is at hand.
#[derive(clap::Args)]
#[command(after_help = "Example:
  waypost send rules/payloads/created.json --to harbour-tours
  cat created.json | waypost send - --to harbour-tours --url https://hooks.example.org --token TOKEN")]
pub(super) struct Args {
    /// The payload; - is standard input
    #[arg(value_name = "FILE")]
    file: String,
    /// The source whose address it is posted to
    #[arg(long, value_name = "SOURCE")]
    to: String,
    /// Where webhooks are taken
    #[arg(long, env = "WAYPOST_URL", value_name = "URL", default_value = "http://127.0.0.1:8080")]
    url: String,
    /// Token of the source's address, where the data is not at hand
    #[arg(long, env = "WAYPOST_TOKEN", value_name = "TOKEN", hide_env_values = true)]
    token: Option<String>,
    #[command(flatten)]
    store: StoreOptions,
    #[command(flatten)]
    form: FormOptions,
}

pub(super) async fn run(args: Args) -> anyhow::Result<Ended> {
    let body = read_file(&args.file)?;
    let (app, path) = match args.token.as_deref().filter(|token| !token.is_empty()) {
        Some(token) => {
            // The token is all that is needed; the event's id is an extra.
            let app = if args.store.holds_something() { args.store.open().await.ok() } else { None };
            (app, hook_path(&args.to, token))
        }
        None => {
            let app = args.store.open_existing().await?;
            let path = path_of(&app, &args.to)?;
            (Some(app), path)
        }
    };
    let machine = Machine::new();
    let began = machine.clock.now();
    let url = format!("{}{path}", args.url.trim_end_matches('/'));
    let answer = post(&machine, url, body.clone()).await;
    let event = match (&app, &answer) {
        (Some(app), Ok(answer)) if answer.status == 200 => find_event(app, &args.to, &body, began).await,
        _ => None,
    };
    if let Some(app) = app {
        app.store.close().await;
    }
    let answer = match answer {
        Ok(answer) => answer,
        Err(failure) => return Err(anyhow::anyhow!("{}", unanswered(&args.url, &failure))),
    };
    tell(&args, &answer, event.as_ref())
}

fn read_file(file: &str) -> anyhow::Result<Bytes> {
    let mut body = Vec::new();
    let read = if file == "-" {
        std::io::stdin().lock().read_to_end(&mut body).map(|_| ())
    } else {
        std::fs::read(file).map(|read| body = read)
    };
    read.map_err(|error| Wrong::new(format!("The file {file} can't be read: {error}")))?;
    Ok(body.into())
}

/// The path of a source by a token.
pub(super) fn hook_path(source: &str, token: &str) -> String {
    let encode = |text| utf8_percent_encode(text, NON_ALPHANUMERIC);
    // Names of sources may have `-`, which needs no escape; the doors decode either.
    format!("/hooks/{}/{}", encode(source).to_string().replace("%2D", "-"), encode(token))
}

fn path_of(app: &App, name: &str) -> anyhow::Result<String> {
    let active = app.active().ok_or_else(|| {
        Wrong::new("No rules have been at work with this data yet, so no source is known. Start `waypost serve` first")
    })?;
    let source = active.sources.get(name).ok_or_else(|| {
        let known = near(name, active.sources.keys().map(String::as_str));
        Wrong::new(format!("There is no source \"{name}\"{known}"))
    })?;
    app.source_paths(source).into_iter().next().ok_or_else(|| {
        let why = app.vault_problem().unwrap_or("Its secret has no value here");
        Wrong::new(format!("The token of \"{name}\" is not at hand. {why}. Give it with --token"))
    })
}

/// Posts a body as a booking system does.
pub(super) async fn post(machine: &Machine, url: String, body: Bytes) -> Result<Answer, OutboundFailure> {
    let headers = vec![
        ("content-type".to_owned(), "application/json".to_owned()),
        ("user-agent".to_owned(), concat!("waypost-send/", env!("CARGO_PKG_VERSION")).to_owned()),
    ];
    let request = OutboundRequest {
        method: "POST".to_owned(),
        url,
        headers,
        body: Some(body),
        allow_private: true,
        timeout_ms: TIMEOUT_MS,
        answer_bytes_max: ANSWER_BYTES_MAX,
        about: ("send".to_owned(), String::new()),
    };
    machine.outbound.send(request).await
}

/// The newest event of the source with this very body.
async fn find_event(app: &Arc<App>, source: &str, body: &Bytes, began: Millis) -> Option<EventId> {
    let filter = ListFilter {
        source: Some(source.to_owned()),
        since: Some(began - EARLIER_MS),
        limit: LATEST,
        ..ListFilter::default()
    };
    for view in app.store.list_events(&filter).await.ok()? {
        if view.body_bytes == body.len() as i64
            && let Ok(Some((_, stored))) = app.store.event(&view.id).await
            && stored.body == body[..]
        {
            return Some(view.id);
        }
    }
    None
}

fn tell(args: &Args, answer: &Answer, event: Option<&EventId>) -> anyhow::Result<Ended> {
    let text = String::from_utf8_lossy(&answer.body);
    if args.form.json {
        let event = event.map(EventId::as_str);
        say(json!({ "source": args.to, "status": answer.status, "answer": text, "event": event }).to_string());
    } else if answer.status == 200 {
        say(match event {
            Some(event) => format!("Stored, and answered with 200. Event {event}"),
            None => "Stored, and answered with 200.".to_owned(),
        });
    }
    if answer.status == 200 {
        return Ok(Ended::Fine);
    }
    let said = super::output::line_of(text.trim(), 300);
    let why = refused(&args.to, answer.status);
    anyhow::bail!("It was not stored: {} answered {} ({said}). {why}", args.url, answer.status)
}

fn refused(source: &str, status: u16) -> String {
    match status {
        404 => format!(
            "it knows no source \"{source}\" with that token. Look at its rules, or at --data and --token"
        ),
        405 => {
            "it takes no webhooks there. Look at --url: it is the address of --listen, not that of the pages"
                .into()
        }
        408 => "The body took too long to arrive. Send it again".into(),
        413 => "The body is larger than it takes: `waypost serve --body-bytes-max` says how large one may be"
            .into(),
        503 => "It can't store anything right now, or the source's token has no value. Send it again later; \
                `waypost doctor` says more"
            .into(),
        _ => "That is no answer of Waypost. Look at --url, and at what stands in between".into(),
    }
}

fn unanswered(url: &str, failure: &OutboundFailure) -> String {
    let why = failure.to_string();
    let why = why.trim_end_matches('.');
    match failure {
        OutboundFailure::NotSent(_) => {
            format!("Nothing answers at {url}: {why}. Is `waypost serve` at work there? Look at --url")
        }
        OutboundFailure::Unknown(_) => {
            format!(
                "No answer came from {url}: {why}. It may be stored all the same; `waypost events` shows it"
            )
        }
    }
}
