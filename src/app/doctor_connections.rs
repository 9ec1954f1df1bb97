//! The check-up of a connection: what is remembered of it, a call that tests its credential, what must be there, and the
//! choices of its inputs. All calls go out through `ports::Outbound`, with the connection's own credential.

use super::doctor::{Finding, Health};
use super::{App, AskError};
use crate::connectors::{Call, CallContext, Choice, Connection, SecretRef, Setup};
use crate::domain::Millis;
use crate::ports::{Answer, ConnectionState, Counts, Outbound, Secrets};
use crate::rules::Ruleset;
use secrecy::ExposeSecret;
use std::time::UNIX_EPOCH;

/// What to do where nothing answers.
const UNREACHED: &str =
    "Look at the address in the settings below, and whether this machine reaches it. Try again in a moment.";
/// Clocks may be so far apart: an answer may have been long on its way.
const CLOCK_SECONDS_MAX: i64 = 90;
/// Characters of what an answer says.
const SAID_CHARS_MAX: usize = 200;

/// The choices of one input, or why they can't be told.
pub type InputChoices = (String, Result<Vec<Choice>, String>);

impl App {
    /// What is remembered of a connection, and what waits for it.
    pub(super) fn look_at_state(
        connection: &Connection,
        state: Option<&ConnectionState>,
        counts: &Counts,
        findings: &mut Vec<Finding>,
    ) {
        let name = &connection.name;
        let about = format!("connection {name}");
        let runs = |wanted: &str| -> i64 {
            counts
                .runs
                .iter()
                .filter(|(state, at, _)| state == wanted && at == name)
                .map(|(.., many)| many)
                .sum()
        };
        if !connection.enabled {
            let text = "It is switched off in its file (`enabled: false`), and its runs wait.";
            findings.push(Finding::new(&about, Health::Notice, text));
        }
        if let Some(state) = state {
            if state.paused {
                findings.push(Finding::amiss(
                    &about,
                    "Somebody paused it, and its runs wait.",
                    format!("waypost resume {name}"),
                ));
            }
            if let Some(why) = &state.needs_auth {
                let way_out =
                    format!("set its secret anew, or, once it is mended there, waypost resume {name}");
                findings.push(Finding::amiss(
                    &about,
                    format!("It needs to be signed in again: {why}"),
                    way_out,
                ));
            }
            if let Some(since) = state.tripped_since {
                let text = format!(
                    "It failed {} times in a row, so it is tried now and then only, and its runs wait. That began",
                    state.failures
                );
                let way_out = "nothing to do here: the runs go out by themselves once it answers";
                findings.push(Finding { at: Some(since), ..Finding::amiss(&about, text, way_out) });
            }
        }
        let (waiting, paused) = (runs("waiting"), runs("paused"));
        if waiting + paused > 0 {
            let text = format!("{waiting} runs wait to be sent, and {paused} wait for it to go on.");
            findings.push(Finding::new(&about, Health::Notice, text));
        }
        let (held, failed) = (runs("held"), runs("failed"));
        if held > 0 {
            let way_out = format!("waypost runs --connection {name} --state held");
            findings.push(Finding::amiss(
                &about,
                format!("{held} runs are held, and need a person."),
                way_out,
            ));
        }
        if failed > 0 {
            let way_out = format!("waypost runs --connection {name} --state failed");
            let text = format!("{failed} runs failed for good.");
            findings.push(Finding { way_out: Some(way_out), ..Finding::new(&about, Health::Notice, text) });
        }
    }

    /// Tests the credential and its scopes, and looks for what must be there. With `fix`, makes what is not.
    pub(super) async fn try_connection(
        &self,
        outbound: &dyn Outbound,
        ruleset: &Ruleset,
        connection: &Connection,
        fix: bool,
        findings: &mut Vec<Finding>,
    ) {
        let mut found = Vec::new();
        self.call_connection(outbound, ruleset, connection, fix, &mut found).await;
        hide_secrets(self, connection, &mut found);
        findings.append(&mut found);
    }

    async fn call_connection(
        &self,
        outbound: &dyn Outbound,
        ruleset: &Ruleset,
        connection: &Connection,
        fix: bool,
        findings: &mut Vec<Finding>,
    ) {
        let about = format!("connection {}", connection.name);
        let Some(setup) = setup_of(connection) else { return };
        let test = connection.test.as_ref().or(setup.test.as_ref());
        if connection.secrets.iter().any(|(secret, _)| !self.has_secret(secret)) {
            return;
        }
        let calling = Calling { app: self, outbound, ruleset, connection };
        if let Some(test) = test {
            match calling.call(&test.call).await {
                Ok(answer) if is_done(&answer) => {
                    findings.extend(clock_of(&answer, &connection.title, self.clock.now()));
                    let reached = test.reached(&answer);
                    let text = if reached.is_empty() {
                        "Its credential is accepted.".to_owned()
                    } else {
                        format!("Reached {reached}: its credential is accepted.")
                    };
                    let way_out = (!setup.choices.is_empty()).then(|| {
                        let inputs = setup.choices.keys().cloned().collect::<Vec<_>>().join(", ");
                        format!(
                            "waypost doctor --choices {} shows what there is for {inputs}",
                            connection.name
                        )
                    });
                    findings.push(Finding { way_out, ..Finding::well(&about, text).on_page("") });
                }
                Ok(answer) => {
                    findings.push(refused(&about, "Its credential was tried", &answer));
                    return;
                }
                Err(why) => {
                    let way_out = "look at base_url in its file, and whether this machine reaches it";
                    let told = Finding::amiss(&about, format!("It can't be reached: {why}"), way_out);
                    findings.push(told.on_page(UNREACHED));
                    return;
                }
            }
            let mut missing = Vec::new();
            for (scope, call) in &test.scopes {
                match calling.call(call).await {
                    Ok(answer) if answer.status == 403 => missing.push(scope.as_str()),
                    Ok(answer) if answer.status == 429 || answer.status >= 500 => {
                        findings.push(refused(&about, &format!("The scope {scope} was tried"), &answer));
                    }
                    // Any other answer, also one that the call was not right, says that it may be made.
                    Ok(_) => {}
                    Err(why) => {
                        let text = format!("The scope {scope} could not be tried: {why}");
                        findings.push(Finding::amiss(&about, text, "try again in a moment"));
                    }
                }
            }
            if !missing.is_empty() {
                let text = format!("Its credential lacks {}.", missing.join(" and "));
                let way_out =
                    format!("grant it in {}, then waypost resume {}", connection.title, connection.name);
                let on_page = format!("Grant it in {}, then test it again.", connection.title);
                findings.push(Finding::amiss(&about, text, way_out).on_page(on_page));
            }
        }
        for ensure in &setup.ensure {
            let finding = match calling.call(&ensure.find).await {
                Ok(answer) if is_done(&answer) => match ensure.amiss(&answer) {
                    amiss if amiss.is_empty() => Finding::well(&about, format!("There is {}.", ensure.title)),
                    amiss => Finding::amiss(
                        &about,
                        format!("{} is there, but {}.", ensure.title, amiss.join(" and ")),
                        format!("change it in {}", connection.title),
                    ),
                },
                Ok(answer) if answer.status == 404 && fix => match calling.call(&ensure.make).await {
                    Ok(answer) if is_done(&answer) => {
                        Finding::well(&about, format!("Made {}.", ensure.title))
                    }
                    Ok(answer) => refused(&about, &format!("{} was to be made", ensure.title), &answer),
                    Err(why) => Finding::amiss(
                        &about,
                        format!("{} could not be made: {why}", ensure.title),
                        "try again in a moment",
                    ),
                },
                Ok(answer) if answer.status == 404 => Finding {
                    can_be_made: true,
                    ..Finding::amiss(
                        &about,
                        format!("{} is not there.", ensure.title),
                        "waypost doctor --fix makes it",
                    )
                    .on_page("")
                },
                Ok(answer) => refused(&about, &format!("{} was looked for", ensure.title), &answer),
                Err(why) => Finding::amiss(
                    &about,
                    format!("{} could not be looked for: {why}", ensure.title),
                    "try again in a moment",
                ),
            };
            findings.push(finding);
        }
    }

    /// Tries a connection at a person's wish: whether its credential is taken, and whom it reached. Empty where there is no
    /// call that could tell. With `fix`, makes what must be there and is not.
    pub async fn try_out(&self, connection: &str, fix: bool) -> Result<Vec<Finding>, AskError> {
        let unknown = || AskError::Unknown { what: "connection", id: connection.to_owned() };
        let ruleset = self.active().ok_or_else(unknown)?;
        let connection = ruleset.connections.get(connection).ok_or_else(unknown)?;
        let about = format!("connection {}", connection.name);
        let mut findings = Vec::new();
        for (secret, _) in connection.secrets.iter().filter(|(secret, _)| !self.has_secret(secret)) {
            findings.push(Self::missing(about.clone(), secret, "Nothing was called."));
        }
        self.try_connection(&*self.outbound(), &ruleset, connection, fix, &mut findings).await;
        Ok(findings)
    }

    /// The choices of a connection's inputs, as the other side tells them now (pipelines and their stages).
    pub async fn choices_of(
        &self,
        outbound: &dyn Outbound,
        ruleset: &Ruleset,
        connection: &str,
    ) -> Result<Vec<InputChoices>, AskError> {
        let unknown = || AskError::Unknown { what: "connection", id: connection.to_owned() };
        let connection = ruleset.connections.get(connection).ok_or_else(unknown)?;
        let calling = Calling { app: self, outbound, ruleset, connection };
        let mut told = Vec::new();
        for (input, choices) in setup_of(connection).into_iter().flat_map(|setup| &setup.choices) {
            let found = match calling.call(&choices.call).await {
                Ok(answer) if is_done(&answer) => Ok(choices.read(&answer)),
                Ok(answer) => {
                    Err(format!("{} answered {}{}", connection.title, answer.status, said(&answer)))
                }
                Err(why) => Err(why),
            };
            told.push((input.clone(), found));
        }
        Ok(told)
    }
}

fn setup_of(connection: &Connection) -> Option<&Setup> {
    connection.connector.destination.as_ref().map(|destination| &destination.setup)
}

struct Calling<'a> {
    app: &'a App,
    outbound: &'a dyn Outbound,
    ruleset: &'a Ruleset,
    connection: &'a Connection,
}

impl Calling<'_> {
    async fn call(&self, call: &Call) -> Result<Answer, String> {
        let engine = &self.ruleset.engine;
        let rendered =
            self.connection.render(engine, call, &CallContext::default()).map_err(|error| error.message)?;
        let about = (format!("{}.setup", self.connection.name), String::new());
        let request = self
            .connection
            .authorise(engine, rendered, &*self.app.secrets, about)
            .map_err(|secret| format!("{secret} has no value."))?;
        self.outbound.send(request).await.map_err(|failure| failure.to_string())
    }
}

fn is_done(answer: &Answer) -> bool {
    (200..300).contains(&answer.status)
}

fn refused(about: &str, tried: &str, answer: &Answer) -> Finding {
    let way_out = match answer.status {
        401 => "the credential is not accepted: set its secret anew",
        403 => "the credential may not do this: grant it there",
        429 => "it asked to be called less: try again in a minute",
        500.. => "it has a trouble of its own: try again later",
        _ => "look at base_url in its file",
    };
    let on_page = match answer.status {
        401 => "The key is not accepted. Make another one there, and paste it further down on this page.",
        403 => "The key may not do this. Grant it there, then test it again.",
        429 => "It asked to be called less. Try again in a minute.",
        500.. => "It has a trouble of its own. Try again later.",
        _ => "Look at the address in the settings below.",
    };
    let text = format!("{tried}, and it answered {}{}.", answer.status, said(answer));
    Finding::amiss(about, text, way_out).on_page(on_page)
}

/// This machine's clock is another one than that of whoever answered: signatures, tokens and certificates go by it.
fn clock_of(answer: &Answer, title: &str, now: Millis) -> Option<Finding> {
    let theirs = httpdate::parse_http_date(answer.header("date")?).ok()?;
    let theirs = theirs.duration_since(UNIX_EPOCH).ok()?.as_millis() as Millis;
    let seconds = (now - theirs) / 1_000;
    let side = if seconds > 0 { "ahead of" } else { "behind" };
    (seconds.abs() >= CLOCK_SECONDS_MAX).then(|| {
        let text = format!("This machine's clock is {} seconds {side} that of {title}.", seconds.abs());
        Finding::amiss("clock", text, "let it be set by NTP: signatures, tokens and certificates go by it")
    })
}

/// Takes the values of a connection's secrets out of what the other side said: it may say them back.
fn hide_secrets(app: &App, connection: &Connection, findings: &mut [Finding]) {
    for (secret, _) in &connection.secrets {
        let value = match secret {
            SecretRef::Vault(name) => app.secrets.vault(name),
            SecretRef::Env(name) => app.secrets.environment(name),
        };
        let Some(value) = value else { continue };
        // As it was given, and as it may travel.
        let value = value.expose_secret().trim();
        for finding in findings.iter_mut().filter(|_| !value.is_empty()) {
            finding.text = finding.text.replace(value, "•••");
        }
    }
}

/// What an answer says of itself, in brackets.
fn said(answer: &Answer) -> String {
    let body: serde_json::Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    let text = ["message", "error", "detail"].iter().find_map(|name| body.get(name)?.as_str());
    let Some(text) = text else { return String::new() };
    let line: String =
        text.chars().take(SAID_CHARS_MAX).map(|c| if c.is_control() { ' ' } else { c }).collect();
    format!(" ({})", line.trim_end_matches('.'))
}

#[cfg(test)]
#[path = "doctor_tests.rs"]
mod tests;
