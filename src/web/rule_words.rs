//! A rule in words: one sentence, and for each step what fills which field. Pure; the list, the rule's page and the
//! preview beside the editor say it this way.

use super::diff::shown;
use super::words::without_event;
use crate::app::{BookingOutlook, Fate, StepOutlook};
use crate::connectors::Connection;
use crate::rules::{FieldTemplate, FieldValue, Rule, Ruleset};

/// A rule in words.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RuleWords {
    /// `When a booking of Harbour Tours is booked or changed, …`
    pub sentence: String,
    /// The condition, as written.
    pub condition: Option<String>,
    /// Its steps.
    pub steps: Vec<StepWords>,
}

/// A step in words.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StepWords {
    /// `Create or update a contact in Sandbox CRM`.
    pub what: String,
    /// Its id.
    pub id: String,
    /// `if:`, as written.
    pub condition: Option<String>,
    /// Each field with what fills it, and the line of the file.
    pub fields: Vec<(String, String, u32)>,
}

/// Fields of nested maps and lists that are shown.
const FIELDS_MAX: usize = 120;

impl RuleWords {
    /// The rule in words.
    pub fn of(rule: &Rule, ruleset: &Ruleset) -> Self {
        let title = |name: &String| {
            ruleset.sources.get(name).map_or_else(|| name.clone(), |source| titled(&source.title, name))
        };
        let sources = listed(rule.from.iter().map(title).collect(), "or");
        let is_booking = rule.about == "booking";
        let kinds = rule.on.iter().map(|kind| match kind.as_str() {
            "created" if !is_booking => "new".to_owned(),
            kind => kind_words(kind),
        });
        let kinds = listed(kinds.collect(), "or");
        let each = rule.each.as_ref().map(|each| format!(", for each {}", each.name)).unwrap_or_default();
        let condition = rule.when.as_ref().map(|when| when.expression.text().trim().to_owned());
        let and = if condition.is_some() { " and the condition holds" } else { "" };
        let steps: Vec<StepWords> = rule.steps.iter().map(|step| step_words(step, ruleset)).collect();
        let what = listed(steps.iter().map(|step| lower(&step.what)).collect(), "and");
        let about = if rule.about.starts_with(['a', 'e', 'i', 'o', 'u']) { "an" } else { "a" };
        let about = format!("{about} {}", rule.about);
        let moves = if rule.moves && rule.each.is_none() {
            " A booking that takes the place of another takes over its records."
        } else {
            ""
        };
        let sentence = format!("When {about} of {sources} is {kinds}{and}: {what}{each}.{moves}");
        Self { sentence, condition, steps }
    }
}

fn step_words(step: &crate::rules::Step, ruleset: &Ruleset) -> StepWords {
    let connection = ruleset.connections.get(&step.connection);
    let name = connection.map_or_else(|| step.connection.clone(), |found| titled(&found.title, &found.name));
    let action = connection.and_then(|found: &std::sync::Arc<Connection>| found.actions.get(&step.action));
    let action = action.map_or_else(|| step.action.clone(), |action| titled(&action.title, &action.name));
    let mut fields = Vec::new();
    for field in &step.with {
        add_field(field, "", &mut fields);
    }
    StepWords {
        what: format!("{action} in {name}"),
        id: step.id.clone(),
        condition: step.condition.as_ref().map(|found| found.expression.text().trim().to_owned()),
        fields,
    }
}

fn add_field(field: &FieldTemplate, within: &str, fields: &mut Vec<(String, String, u32)>) {
    if fields.len() >= FIELDS_MAX {
        return;
    }
    let name = if within.is_empty() { field.name.clone() } else { format!("{within}.{}", field.name) };
    match &field.value {
        FieldValue::List(inner) | FieldValue::Map(inner) => {
            for field in inner {
                add_field(field, &name, fields);
            }
        }
        FieldValue::Literal(value) => fields.push((name, shown(Some(value)), field.line)),
        FieldValue::Template(_) => fields.push((name, field.text.clone(), field.line)),
    }
}

fn titled(title: &str, name: &str) -> String {
    if title.trim().is_empty() { name.to_owned() } else { title.trim().to_owned() }
}

fn lower(text: &str) -> String {
    let mut letters = text.chars();
    match (letters.next(), letters.clone().next()) {
        (Some(first), Some(second)) if second.is_lowercase() || second == ' ' => {
            first.to_lowercase().chain(letters).collect()
        }
        _ => text.to_owned(),
    }
}

fn kind_words(kind: &str) -> String {
    match kind {
        "created" => "booked".to_owned(),
        "updated" => "changed".to_owned(),
        other => match other.split_once('.') {
            Some((item, what)) => format!("one with a {item} that was {what}"),
            None => other.to_owned(),
        },
    }
}

/// `a, b or c`.
pub fn listed(mut words: Vec<String>, last: &str) -> String {
    let Some(end) = words.pop() else { return String::new() };
    if words.is_empty() { end } else { format!("{} {last} {end}", words.join(", ")) }
}

/// What a rule would do with one booking, in words.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PreviewTold {
    /// The booking.
    pub booking: String,
    /// What it comes to.
    pub verdict: String,
    /// Each step that it gets to.
    pub steps: Vec<PreviewStep>,
}

/// One step of a preview.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PreviewStep {
    /// Its id.
    pub id: String,
    /// Its id, with the item where there is one.
    pub name: String,
    /// What happens.
    pub verdict: String,
    /// Field, value, what fills it, and what that read.
    pub fields: Vec<PreviewField>,
}

/// One field of a preview.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PreviewField {
    /// Its name.
    pub name: String,
    /// What would be sent.
    pub value: String,
    /// The line of the rule and what stands there.
    pub why: String,
    /// Paths that it read, with their values.
    pub reads: Vec<(String, String)>,
}

/// Fields of one step that a preview shows.
const PREVIEW_FIELDS_MAX: usize = 80;

impl PreviewTold {
    /// In words.
    pub fn of(outlook: &BookingOutlook, told: String) -> Self {
        let mut steps = Vec::new();
        for ahead in &outlook.foreseen {
            for step in &ahead.steps {
                let item = if ahead.item.is_empty() { String::new() } else { format!(" for {}", ahead.item) };
                let reasons = &step.traces;
                let why = |name: &str| reasons.iter().find(|trace| trace.field == name);
                let fields = step.fields.iter().take(PREVIEW_FIELDS_MAX).map(|(name, value)| {
                    let trace = why(name);
                    let reads = trace.map(|trace| {
                        let read = trace.reads.iter().take(6);
                        read.map(|read| (read.path.clone(), shown(read.value.as_ref()))).collect()
                    });
                    PreviewField {
                        name: name.clone(),
                        value: shown(Some(value)),
                        why: trace
                            .map(|trace| format!("line {}: {}", trace.line, trace.text))
                            .unwrap_or_default(),
                        reads: reads.unwrap_or_default(),
                    }
                });
                steps.push(PreviewStep {
                    id: step.id.clone(),
                    name: format!("{}{item}", step.id),
                    verdict: match &step.outlook {
                        StepOutlook::Send(Some(id)) => format!("would be sent, to the record {id}"),
                        StepOutlook::Send(None) => "would be sent".to_owned(),
                        StepOutlook::Nothing(verdict) => format!("would not be sent: {}", verdict.text),
                        StepOutlook::MadeBefore => "would be made a second time".to_owned(),
                    },
                    fields: fields.collect(),
                });
            }
        }
        Self { booking: told, verdict: fate_words(&outlook.fate), steps }
    }
}

/// What a rule comes to for one booking, as a sentence.
pub fn fate_words(fate: &Fate) -> String {
    match fate {
        Fate::Sends => "Something would be sent.".to_owned(),
        Fate::Fails(why) => format!("It would fail: {}", ended(&without_event(why))),
        Fate::Unchanged => "Nothing would be sent: what is there already is the same.".to_owned(),
        Fate::Excluded(why) => format!("Nothing would be sent: {}", ended(why)),
        Fate::Made(step) => {
            format!("The step {step} made its record for this booking before; it is not made twice.")
        }
        Fate::Open => "It is on its way already.".to_owned(),
    }
}

fn ended(text: &str) -> String {
    if text.ends_with(['.', '?', '!']) { text.to_owned() } else { format!("{text}.") }
}
