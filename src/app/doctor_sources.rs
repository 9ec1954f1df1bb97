//! The check-up of a source: whether its address answers as it should and shows a certificate that is taken, when the last
//! webhook came and whether that fits, what was refused, when Waypost was away, and whether the truth can be known at all.
//! `waypost doctor` asks for all sources, a source's page and the API for one.

use super::doctor::{Finding, Health};
use super::{App, AskError, SourcePulse};
use crate::connectors::{OnSilence, SecretRef, SilenceSpec, Source, SourceApi};
use crate::domain::{
    CertificateGrade, CertificateState, Millis, NOT_SHOWN_WAY_OUT, Stretch, refused_in_words,
};
use crate::expr::Engine;
use crate::ports::{Outbound, OutboundRequest, StoreError};
use crate::rules::Ruleset;
use crate::source_api::{ApiCall, ApiTrouble};
use jiff::Timestamp;
use serde_json::{Map, Value};

/// Name of the fact that says where webhooks come in from outside.
const HOOKS_URL_FACT: &str = "hooks.url";
/// What an address says to whom looks at it: `ingest::http`.
const GREETING: &[u8] = b"This address takes webhooks";
/// The address answers within this time, as a booking system would wait for it.
const ADDRESS_MS_MAX: u64 = 10_000;
const ANSWER_BYTES_MAX: usize = 4 << 10;
/// So many refused webhooks in a day are amiss.
const REFUSED_AMISS: i64 = 10;

impl App {
    /// Says where webhooks come in from outside, as `--hooks-url` does. The first time counts.
    pub fn come_in_at(&self, base: &str) {
        let _ = self.hooks_url.set(base.to_owned());
    }

    /// The same, kept for commands beside the router. Part of the start.
    pub(super) async fn keep_hooks_url(&self) -> Result<(), StoreError> {
        let base = self.hooks_url.get().map(String::as_str).unwrap_or_default();
        if self.store.fact(HOOKS_URL_FACT).await?.unwrap_or_default() != base {
            self.store.set_fact(HOOKS_URL_FACT, base).await?;
        }
        Ok(())
    }

    /// Where webhooks come in from outside; `None`: nobody said.
    pub(super) async fn hooks_url(&self) -> Result<Option<String>, StoreError> {
        let base = match self.hooks_url.get() {
            Some(base) => Some(base.clone()),
            None => self.store.fact(HOOKS_URL_FACT).await?,
        };
        Ok(base.filter(|base| !base.is_empty()))
    }

    /// Looks a source over at a person's wish.
    pub async fn look_over(&self, source: &str) -> Result<Vec<Finding>, AskError> {
        let unknown = || AskError::Unknown { what: "source", id: source.to_owned() };
        let ruleset = self.active().ok_or_else(unknown)?;
        let known = ruleset.sources.get(source).ok_or_else(unknown)?;
        let mut findings = Vec::new();
        for (secret, _) in known.tokens.iter().filter(|(secret, _)| !self.has_secret(secret)) {
            let then = "Its webhooks are answered with 503 until it has one.";
            findings.push(Self::missing(format!("source {source}"), secret, then));
        }
        self.look_at(&*self.outbound(), &ruleset.engine, &[known], &mut findings).await?;
        Ok(findings)
    }

    /// Looks at all sources.
    pub(super) async fn look_at_sources(
        &self,
        outbound: &dyn Outbound,
        ruleset: &Ruleset,
        findings: &mut Vec<Finding>,
    ) -> Result<(), StoreError> {
        let sources: Vec<&Source> = ruleset.sources.values().map(AsRef::as_ref).collect();
        self.look_at(outbound, &ruleset.engine, &sources, findings).await
    }

    async fn look_at(
        &self,
        outbound: &dyn Outbound,
        engine: &Engine,
        sources: &[&Source],
        findings: &mut Vec<Finding>,
    ) -> Result<(), StoreError> {
        let Some(first) = sources.first() else { return Ok(()) };
        let base = self.hooks_url().await?;
        let (now, single) = (self.clock.now(), sources.len() == 1);
        // The certificate is that of the address of all of them.
        let whole = if single { format!("source {}", first.name) } else { String::from("address") };
        let reached = self.look_at_certificate(&whole, base.as_deref(), now, findings).await;
        let names: Vec<String> = sources.iter().map(|source| source.name.clone()).collect();
        for (source, pulse) in sources.iter().zip(self.pulses(&names).await?) {
            let about = format!("source {}", source.name);
            if self.source_paths(source).is_empty() && source.tokens.is_empty() {
                let text = "Its address has no token yet: `waypost serve` makes one when it starts.";
                findings.push(Finding::new(&about, Health::Notice, text));
            }
            if let Some(base) = base.as_deref().filter(|_| reached) {
                findings.push(try_address(outbound, &about, base, &source.name).await);
            }
            listen(&about, source, &pulse, now, findings);
            self.try_api(&about, engine, source, findings).await;
        }
        Ok(())
    }

    /// Whether there is a way to learn of what never came: keys of its API, and whether these are taken.
    async fn try_api(&self, about: &str, engine: &Engine, source: &Source, findings: &mut Vec<Finding>) {
        let title = &source.connector.title;
        let Some(api) = &source.reach else {
            let text = "Without API access Waypost can't know of a webhook that never came.";
            let way_out = format!("where {title} gives API keys, name them under api: in its file");
            let finding = Finding { way_out: Some(way_out), ..Finding::new(about, Health::Notice, text) };
            findings.push(finding.on_page(format!(
                "Where {title} gives API keys, whoever looks after the rules folder names them in the source's file."
            )));
            return;
        };
        if let Some(secret) = api.missing_secret(&*self.secrets) {
            let then = "Its API can't be asked until it has one.";
            findings.push(Self::missing(about.to_owned(), secret, then));
            return;
        }
        let Some(test) = &api.spec.test else { return };
        let mut inputs = Map::new();
        inputs.extend(
            source.account.iter().map(|account| ("account".to_owned(), Value::from(account.as_str()))),
        );
        let call = ApiCall { api, call: &test.call, inputs: &inputs, patient: false };
        findings.push(match self.api_client().call(engine, call).await {
            Ok(told) => {
                let reached = test.reached_in(&told);
                let reached = if reached.is_empty() { title.clone() } else { reached };
                Finding::well(about, format!("Its API takes the keys. Reached: {reached}."))
            }
            Err(ApiTrouble::NeedsAuth(why)) => {
                let way_out = format!(
                    "look in {title} whether they are still there and what they may do; else set them anew{}",
                    set_anew(api)
                );
                let on_page = format!(
                    "Look in {title} whether they are still there and what they may do; else set new ones further down on \
                     the page of the source."
                );
                let text = format!("Its API does not take the keys: {}.", why.trim_end_matches('.'));
                Finding::amiss(about, text, way_out).on_page(on_page)
            }
            Err(ApiTrouble::Rests { why, .. }) => {
                let why = why.trim_end_matches('.');
                let text = format!(
                    "{title} asks us to wait ({why}), so the keys can't be tried just now. What waits goes on by itself."
                );
                Finding::new(about, Health::Notice, text)
            }
            Err(ApiTrouble::Down { why, .. } | ApiTrouble::NotThere(why) | ApiTrouble::Refused(why)) => {
                let way_out =
                    "look whether that system has an outage, and at base_url below api: in its file";
                let text = format!("Its API could not be asked: {}.", why.trim_end_matches('.'));
                Finding::amiss(about, text, way_out)
                    .on_page("Look whether that system has an outage. Try again in a moment.")
            }
        });
    }

    /// Whether the certificate is taken; false where it makes no sense to go on.
    async fn look_at_certificate(
        &self,
        about: &str,
        base: Option<&str>,
        now: Millis,
        findings: &mut Vec<Finding>,
    ) -> bool {
        let Some(base) = base else {
            let way_out =
                "say with --hooks-url where webhooks come in from outside, as in https://hooks.example.com";
            let text = "It is not known where webhooks come in from outside, so that address can't be tried.";
            let finding =
                Finding { way_out: Some(way_out.into()), ..Finding::new(about, Health::Notice, text) };
            findings.push(finding.on_page("Whoever runs Waypost starts it with --hooks-url https://NAME."));
            return false;
        };
        if !base.starts_with("https://") {
            let text = format!("{base} does not begin with https://: booking systems deliver by TLS only.");
            let way_out = "put a TLS proxy in front of Waypost, and name it with --hooks-url https://NAME";
            let finding =
                Finding { way_out: Some(way_out.into()), ..Finding::new(about, Health::Notice, text) };
            findings.push(finding);
            return true;
        }
        match self.look_at_certificate_of(base, now).await {
            Ok(state) => {
                let taken = matches!(state, CertificateState::Good { .. });
                findings.push(certificate(about, base.trim_start_matches("https://"), &state, now));
                taken
            }
            Err(none) => {
                let page = format!("{}.", super::doctor::begun(NOT_SHOWN_WAY_OUT));
                findings.push(Finding::amiss(about, none.to_string(), NOT_SHOWN_WAY_OUT).on_page(page));
                false
            }
        }
    }
}

/// The commands that set an API's keys, where they are in the vault.
fn set_anew(api: &SourceApi) -> String {
    let commands = api.secrets.iter().filter_map(|(_, secret, _)| match secret {
        SecretRef::Vault(name) => Some(format!("waypost secret set {name}")),
        SecretRef::Env(_) => None,
    });
    let commands: Vec<String> = commands.collect();
    if commands.is_empty() { String::new() } else { format!(": {}", commands.join("; ")) }
}

/// What is to be said of a certificate.
fn certificate(about: &str, host: &str, state: &CertificateState, now: Millis) -> Finding {
    let told = state.told(host, now, &moment);
    let page = format!("{}.", super::doctor::begun(told.way_out));
    match told.grade {
        CertificateGrade::Well => Finding::well(about, told.text),
        CertificateGrade::Soon => {
            Finding { health: Health::Notice, ..Finding::amiss(about, told.text, told.way_out) }.on_page(page)
        }
        CertificateGrade::Urgent | CertificateGrade::Bad => {
            Finding::amiss(about, told.text, told.way_out).on_page(page)
        }
    }
}

/// Looks at the source's address as anybody can: without its token, and with a GET, which never becomes a webhook.
async fn try_address(outbound: &dyn Outbound, about: &str, base: &str, source: &str) -> Finding {
    let request = OutboundRequest {
        method: String::from("GET"),
        url: format!("{base}/hooks/{}", percent_encoding::utf8_percent_encode(source, SEGMENT)),
        headers: Vec::new(),
        body: None,
        // Whoever runs Waypost said where that is; its name may lead to this very machine.
        allow_private: true,
        timeout_ms: ADDRESS_MS_MAX,
        answer_bytes_max: ANSWER_BYTES_MAX,
        about: (format!("{source}.address"), String::new()),
    };
    let look = "look at what stands in front of Waypost: it must pass /hooks/ on as it is";
    let amiss = |text: String| {
        Finding::amiss(about, text, look).on_page(
            "Look at what stands in front of Waypost: it must pass on what begins with /hooks/ as it is.",
        )
    };
    match outbound.send(request).await {
        Ok(answer) if answer.status == 405 && answer.body.starts_with(GREETING) => Finding::well(
            about,
            format!("Its address answers as it should, seen from this machine ({base})."),
        ),
        Ok(answer) => amiss(match answer.status {
            300..=399 => format!(
                "{base} leads on to another address ({}). Webhooks are not sent a second time to where it leads.",
                answer.status
            ),
            401 | 403 => format!("{base} lets nobody in ({}).", answer.status),
            404 | 405 => format!(
                "{base} answers {}, and not as Waypost does: something else is reached there.",
                answer.status
            ),
            502..=504 => {
                format!("{base} answers {}: what stands there does not reach Waypost.", answer.status)
            }
            status => format!("{base} answers {status} where Waypost answers 405."),
        }),
        Err(failure) => amiss(format!("{base} could not be reached from this machine: {failure}")),
    }
}

/// What is to be escaped in one segment of a path.
const SEGMENT: &percent_encoding::AsciiSet = &percent_encoding::NON_ALPHANUMERIC.remove(b'-').remove(b'_');

/// What its webhooks say: the last one, silence, refusals, downtimes.
fn listen(about: &str, source: &Source, pulse: &SourcePulse, now: Millis, findings: &mut Vec<Finding>) {
    let spec = source.connector.source.as_ref().and_then(|spec| spec.silence.as_ref());
    if !source.enabled {
        let text = "It is switched off in its file: what it sends is stored, and leads to nothing.";
        findings.push(Finding::new(about, Health::Notice, text));
    }
    let ignored = !source.enabled || source.on_silence == OnSilence::Ignore;
    findings.push(match (pulse.last, pulse.silence.filter(|_| !ignored)) {
        (None, _) => Finding::new(about, Health::Notice, "No webhook has come yet."),
        (Some(last), Some(silence)) => {
            let text = format!(
                "It is silent for longer than usual: in such a time about {:.0} webhooks come, some {:.0} an hour. The last \
                 webhook came",
                silence.missed,
                silence.usually.max(1.0)
            );
            let causes = spec.map(|spec: &SilenceSpec| spec.causes.join(" ")).unwrap_or_default();
            let way_out = format!("look whether bookings come in there, and whether Waypost can be reached. {causes}");
            let on_page = format!("Look whether bookings come in there, and whether Waypost can be reached. {causes}");
            Finding { at: Some(last), ..Finding::amiss(about, text, way_out.trim_end()) }.on_page(on_page)
        }
        (Some(last), None) => Finding { at: Some(last), ..Finding::well(about, "The last webhook came") },
    });
    if pulse.usual.is_none() && pulse.last.is_some() && !ignored {
        let text = "How often it usually sends is not known yet, so that a silence can't be told: that takes two weeks.";
        findings.push(Finding::new(about, Health::Notice, text));
    }
    let counts: Vec<(u16, i64)> = pulse.refused.iter().map(|one| (one.status, one.answers)).collect();
    if let Some(told) = refused_in_words(&counts) {
        let failures = spec.map(|spec| spec.failures.as_str()).unwrap_or_default();
        let all: i64 = counts.iter().map(|(_, answers)| answers).sum();
        let health = if all >= REFUSED_AMISS { Health::Amiss } else { Health::Notice };
        let way_out = refused_way_out(&counts).to_owned();
        let on_page = format!("{}.", super::doctor::begun(&way_out));
        let text = format!("{told} {failures}");
        let finding = Finding { way_out: Some(way_out), ..Finding::new(about, health, text.trim_end()) };
        findings.push(finding.on_page(on_page));
    }
    for (down, usual) in &pulse.downs {
        findings.push(Finding::new(about, Health::Notice, away(down, *usual, now)));
    }
}

/// What to do about the most of them.
fn refused_way_out(counts: &[(u16, i64)]) -> &'static str {
    match counts.iter().max_by_key(|(_, answers)| *answers).map(|(status, _)| *status) {
        Some(404) => "compare the address that is set there with the one on the source's page",
        Some(401) => "compare what proves the sender there with what the source's file asks for",
        Some(413) => "let larger ones in with --body-bytes-max, if they are meant for Waypost",
        Some(408) => "look at the network and the proxy in front: bodies came too slowly",
        _ => "look at the disk, the database and the log of that time",
    }
}

fn away(down: &Stretch, usual: Option<f64>, now: Millis) -> String {
    let minutes = (down.to - down.from) / 60_000;
    let missed = match usual.map(f64::round) {
        Some(many) if many >= 1.0 => format!(" About {many} webhooks usually come in such a time."),
        _ => String::new(),
    };
    let ago = (now - down.to) / 3_600_000;
    format!(
        "Waypost was not running from {} to {} ({minutes} minutes, which ended {ago} hours ago).{missed}",
        moment(down.from),
        moment(down.to)
    )
}

/// `2027-03-14 08:12 UTC`.
fn moment(at: Millis) -> String {
    let at = Timestamp::from_millisecond(at);
    at.map_or_else(|_| String::from("an unknown time"), |at| at.strftime("%Y-%m-%d %H:%M UTC").to_string())
}

#[cfg(test)]
#[path = "doctor_sources_tests.rs"]
mod tests;
