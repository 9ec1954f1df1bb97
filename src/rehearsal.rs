//! Runs a rule's tests: the given payloads go through the production stages, with a store in memory and a CRM that answers
//! what the test says. Called by `waypost test`, and by whoever wants to know what a rule would send.

mod cases;
mod differences;
mod given;

pub use cases::{Case, read_cases};

use crate::bookings::Applier;
use crate::connectors::{Action, KeptHeaders};
use crate::delivery::{Answered, Delivery, ReadyCall, Rulesets};
use crate::document::{Diagnostic, Severity};
use crate::domain::{ChangeKind, Millis, RunState, StepState};
use crate::ports::{Answer, Entropy, ListFilter, NewEvent, Secrets, Store, StoreError, Think};
use crate::rules::{Rule, Ruleset};
use async_trait::async_trait;
use bytes::Bytes;
use cases::WithHeaders;
use differences::differences;
use secrecy::SecretString;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// The rehearsal's clock starts here: 2026-01-01.
const START: Millis = 1_767_225_600_000;
/// Turns of the engine that one payload may take.
const TURNS_MAX: usize = 1_000;

/// What came of a test.
pub struct Report {
    /// File of the test.
    pub file: String,
    /// Its sentence.
    pub name: String,
    /// Line in the file.
    pub line: u32,
    /// What is not as expected; empty = passed.
    pub differences: Vec<String>,
}

/// What a rule sent.
#[derive(Default)]
struct Sent {
    calls: u64,
    last: BTreeMap<String, Map<String, Value>>,
    notes: Vec<String>,
    /// Payloads that could not be used, which makes of any test one that says nothing.
    unusable: Vec<String>,
}

/// Runs the tests of one rule. `folder` is where payloads are.
pub async fn rehearse(
    ruleset: &Arc<Ruleset>,
    rule: &Arc<Rule>,
    (file, cases): (&str, &[Case]),
    folder: &Path,
) -> Result<Vec<Report>, StoreError> {
    let alone = alone(ruleset, rule);
    let mut reports = Vec::new();
    for case in cases {
        let differences = match rehearse_case(&alone, rule, case, folder).await {
            Ok(sent) => differences(rule, case, &sent),
            Err(Stopped::Why(why)) => vec![why],
            Err(Stopped::Store(error)) => return Err(error),
        };
        reports.push(Report { file: file.to_owned(), name: case.name.clone(), line: case.line, differences });
    }
    Ok(reports)
}

/// The ruleset with this rule only.
fn alone(ruleset: &Ruleset, rule: &Arc<Rule>) -> Arc<Ruleset> {
    Arc::new(Ruleset {
        hash: ruleset.hash.clone(),
        catalogue: ruleset.catalogue.clone(),
        sources: ruleset.sources.clone(),
        connections: ruleset.connections.clone(),
        rules: BTreeMap::from([(rule.name.clone(), rule.clone())]),
        engine: ruleset.engine.clone(),
    })
}

enum Stopped {
    Why(String),
    Store(StoreError),
}

impl From<StoreError> for Stopped {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

async fn rehearse_case(
    ruleset: &Arc<Ruleset>,
    rule: &Arc<Rule>,
    case: &Case,
    folder: &Path,
) -> Result<Sent, Stopped> {
    let source = match (&case.source, rule.from.as_slice()) {
        (Some(source), _) if ruleset.sources.contains_key(source) => source.clone(),
        (Some(source), _) => return Err(Stopped::Why(format!("there is no source \"{source}\""))),
        (None, [only]) => only.clone(),
        (None, several) => {
            let names = several.join(", ");
            return Err(Stopped::Why(format!("the rule has several sources: say source: one of {names}")));
        }
    };
    let read = case.given.iter().map(|given| {
        let headers = given::kept(ruleset, &source, given)?;
        Ok((read_payload(folder, &given.payload)?, headers))
    });
    let bodies = read.collect::<Result<Vec<_>, _>>().map_err(Stopped::Why)?;
    play(ruleset, case, &source, bodies).await
}

/// Sends bodies through the production stages, in order, into an empty store.
async fn play(
    ruleset: &Arc<Ruleset>,
    case: &Case,
    source: &str,
    bodies: Vec<WithHeaders>,
) -> Result<Sent, Stopped> {
    let store = crate::store::open_in_memory().await?;
    let entropy: Arc<dyn Entropy> = Arc::new(CountingEntropy::default());
    let one = Arc::new(OneRuleset(ruleset.clone()));
    let applier = Applier::new(store.clone(), entropy.clone());
    let delivery =
        Delivery::new(store.clone(), entropy.clone(), Arc::new(AnySecret), one, "rehearsal".to_owned());
    let mut stage = Stage { store, entropy, applier, delivery, now: START, sent: Sent::default() };
    for body in bodies {
        stage.post(ruleset, source, body).await?;
        stage.settle_down(ruleset, case).await?;
    }
    stage.note_failures().await?;
    stage.store.close().await;
    Ok(stage.sent)
}

/// What a rule sends for one payload: how many calls, and the fields of each step. `Err`: why it can't be a test.
pub async fn rehearse_payload(
    ruleset: &Arc<Ruleset>,
    rule: &Arc<Rule>,
    (source, payload): (&str, Vec<u8>),
) -> Result<Result<SentOnce, String>, StoreError> {
    let case = Case {
        name: String::new(),
        line: 0,
        source: None,
        given: Vec::new(),
        outputs: BTreeMap::new(),
        sends: None,
        steps: BTreeMap::new(),
    };
    match play(&alone(ruleset, rule), &case, source, vec![(payload, KeptHeaders::default())]).await {
        Ok(sent) => Ok(match sent.unusable.first() {
            Some(why) => Err(why.clone()),
            None => Ok((sent.calls, sent.last)),
        }),
        Err(Stopped::Why(why)) => Ok(Err(why)),
        Err(Stopped::Store(error)) => Err(error),
    }
}

/// Calls, and the fields that each step sent.
pub type SentOnce = (u64, BTreeMap<String, Map<String, Value>>);

struct Stage {
    store: Arc<dyn Store>,
    entropy: Arc<dyn Entropy>,
    applier: Applier,
    delivery: Delivery,
    now: Millis,
    sent: Sent,
}

impl Stage {
    async fn post(&mut self, ruleset: &Ruleset, source: &str, posted: WithHeaders) -> Result<(), StoreError> {
        self.now += 1_000;
        let mut events = Vec::new();
        let begun = self.store.fetches().last_position().await?;
        for (origin, headers, body) in given::posted(ruleset, source, posted, begun) {
            events.push(NewEvent {
                id: self.entropy.event_id(self.now),
                source: source.to_owned(),
                received_at: self.now,
                origin,
                headers,
                body: Bytes::from(body),
            });
        }
        self.store.append_events(&events).await?;
        Ok(())
    }

    /// Turns the engine until nothing is left to do, moving the clock where something is due later.
    async fn settle_down(&mut self, ruleset: &Arc<Ruleset>, case: &Case) -> Result<(), Stopped> {
        for _ in 0..TURNS_MAX {
            let applied = self.applier.step(ruleset, self.now, &HereAndNow).await?;
            let claimed = self.delivery.claim(ruleset, self.now, &HereAndNow).await?;
            let called = claimed.calls.len();
            let mut answers = Vec::new();
            for ReadyCall { request, ticket } in claimed.calls {
                self.delivery.sent(&ticket, self.now).await;
                self.sent.calls += 1;
                self.sent.last.insert(ticket.step_id().to_owned(), ticket.fields().clone());
                let answer = answer_of(ticket.action(), ticket.step_id(), case);
                drop(request);
                answers.push(Answered { ticket, result: Ok(answer), duration_ms: 1 });
            }
            if let Err((error, _)) = self.delivery.settle(ruleset, answers, self.now).await {
                return Err(error.into());
            }
            if applied.events == 0 && called == 0 && claimed.moved == 0 {
                match claimed.again_at {
                    Some(at) if at > self.now => self.now = at,
                    _ => return Ok(()),
                }
            }
        }
        Err(Stopped::Why("the rule did not come to an end".into()))
    }

    async fn note_failures(&mut self) -> Result<(), StoreError> {
        let filter = ListFilter { limit: 100, ..ListFilter::default() };
        for event in self.store.list_events(&filter).await? {
            for change in event.changes.iter().filter(|change| !change.kind.has_effect()) {
                let told = match (&change.note, change.kind) {
                    (Some(note), kind) => format!("a payload was {kind}: {note}"),
                    (None, ChangeKind::Unchanged) => "a payload told nothing new".to_owned(),
                    (None, kind) => format!("a payload was {kind}"),
                };
                match change.kind {
                    ChangeKind::Unreadable | ChangeKind::Refused => self.sent.unusable.push(told),
                    _ => self.sent.notes.push(told),
                }
            }
        }
        for run in self.store.list_runs(&filter).await? {
            let words = match run.state {
                RunState::Failed => "failed",
                RunState::Held => "is held",
                RunState::Skipped => "sent nothing",
                _ => continue,
            };
            let why = run.verdict.map(|verdict| verdict.text).unwrap_or_default();
            self.sent.notes.push(format!("a run {words}: {why}"));
            for step in run.steps.iter().filter(|step| step.state == StepState::Skipped) {
                let why = step.verdict.as_ref().map(|verdict| verdict.text.as_str()).unwrap_or_default();
                self.sent.notes.push(format!("step {} was left out: {why}", step.id));
            }
        }
        Ok(())
    }
}

/// A payload of the rules folder: never outside of it.
fn read_payload(folder: &Path, path: &str) -> Result<Vec<u8>, String> {
    let outside = Path::new(path).components().any(|part| !matches!(part, std::path::Component::Normal(_)));
    if outside {
        return Err(format!("given: {path} is not a path within the rules folder"));
    }
    std::fs::read(folder.join(path))
        .map_err(|error| format!("given: {path} can't be read from the rules folder: {error}"))
}

/// The answer that gives the outputs the test names; by default the text `<step.output>`.
fn answer_of(action: &Action, step: &str, case: &Case) -> Answer {
    let given = case.outputs.get(step);
    let mut body = Value::Null;
    let mut headers = vec![("content-type".to_owned(), "application/json".to_owned())];
    let further = action.after.iter().filter_map(|after| after.call.outputs.as_ref()).flatten();
    for (name, place) in action.outputs.iter().chain(further) {
        let value = given
            .and_then(|given| given.get(name))
            .cloned()
            .unwrap_or_else(|| json!(format!("<{step}.{name}>")));
        if let Some(header) = place.strip_prefix("header:") {
            let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            headers.push((header.trim().to_ascii_lowercase(), text));
        } else {
            put(&mut body, place, value);
        }
    }
    let body = if body.is_null() { json!({}) } else { body };
    Answer { status: 200, headers, body: Bytes::from(body.to_string()), cut: false }
}

/// Sets the value at a JSON pointer, making maps and lists on the way.
fn put(target: &mut Value, pointer: &str, value: Value) {
    let mut place = target;
    for part in pointer.split('/').skip(1) {
        let part = part.replace("~1", "/").replace("~0", "~");
        place = match part.parse::<usize>() {
            Ok(index) if index < 100 => {
                if !place.is_array() {
                    *place = json!([]);
                }
                let Value::Array(items) = place else { return };
                while items.len() <= index {
                    items.push(Value::Null);
                }
                &mut items[index]
            }
            _ => {
                if !place.is_object() {
                    *place = json!({});
                }
                let Value::Object(map) = place else { return };
                map.entry(part).or_insert(Value::Null)
            }
        };
    }
    *place = value;
}

/// Ids that count: the same in each rehearsal.
#[derive(Default)]
struct CountingEntropy(AtomicU64);

impl Entropy for CountingEntropy {
    fn bytes(&self) -> [u8; 16] {
        let mut bytes = [0; 16];
        bytes[..8].copy_from_slice(&self.0.fetch_add(1, Ordering::Relaxed).to_le_bytes());
        bytes
    }
}

struct OneRuleset(Arc<Ruleset>);

#[async_trait]
impl Rulesets for OneRuleset {
    async fn by_hash(&self, _hash: &str) -> Option<Arc<Ruleset>> {
        Some(self.0.clone())
    }
}

/// In a rehearsal every secret has a value.
struct AnySecret;

impl Secrets for AnySecret {
    fn vault(&self, _name: &str) -> Option<SecretString> {
        Some(SecretString::from("rehearsal"))
    }
    fn environment(&self, _name: &str) -> Option<SecretString> {
        Some(SecretString::from("rehearsal"))
    }
}

struct HereAndNow;

impl Think for HereAndNow {
    fn run(&self, work: &mut dyn FnMut()) {
        work();
    }
    fn deadline(&self) -> Box<dyn Fn() -> bool> {
        Box::new(|| false)
    }
}

/// What came of a folder's tests.
#[derive(Default)]
pub struct FolderReport {
    /// What is wrong with the folder or its test files.
    pub diagnostics: Vec<Diagnostic>,
    /// Texts that diagnostics point into.
    pub texts: BTreeMap<String, String>,
    /// Each test.
    pub reports: Vec<Report>,
}

impl FolderReport {
    /// Whether all is well.
    pub fn passed(&self) -> bool {
        let broken = self.diagnostics.iter().any(|diagnostic| diagnostic.severity == Severity::Error);
        !broken && self.reports.iter().all(|report| report.differences.is_empty())
    }
}

/// Runs all tests of a rules folder. With mistakes in the folder none is run.
pub async fn rehearse_folder(folder: &Path) -> Result<FolderReport, RehearseError> {
    let read = crate::workspace::read_folder(folder)?;
    let compiled = crate::rules::compile(&read.files, None);
    let mut report = FolderReport { diagnostics: read.diagnostics, texts: read.files.texts, reports: vec![] };
    report.diagnostics.extend(compiled.diagnostics);
    let Some(ruleset) = compiled.ruleset else { return Ok(report) };
    for file in &read.tests {
        let Ok(text) = std::fs::read_to_string(folder.join(file)) else {
            report.diagnostics.push(Diagnostic::error(file, None, "the test file can't be read"));
            continue;
        };
        let cases = read_cases(file, &text, &mut report.diagnostics);
        report.texts.insert(file.clone(), text);
        let name = file.trim_end_matches(".test.yaml");
        let Some(rule) = ruleset.rules.get(name) else {
            let message = format!("there is no rule {name}.yaml that this tests");
            report.diagnostics.push(
                Diagnostic::error(file, None, message)
                    .hint("name the file like its rule, with .test before .yaml"),
            );
            continue;
        };
        report.reports.extend(rehearse(&ruleset, rule, (file, &cases), folder).await?);
    }
    Ok(report)
}

/// Why tests could not be run at all.
#[derive(Debug, thiserror::Error)]
pub enum RehearseError {
    /// The folder.
    #[error(transparent)]
    Folder(#[from] crate::workspace::FolderError),
    /// The store in memory.
    #[error(transparent)]
    Store(#[from] StoreError),
}
