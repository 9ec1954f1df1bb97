//! A rule's file as a form sees it: what stands where, without asking whether it is right. What is wrong is told by
//! `compile`, whose diagnostics find their place here by their lines.

use super::conditions::{Row, rows_of};
use crate::document::{Diagnostic, Entry, Node, Yaml, parse};
use crate::domain::ChangeKind;

/// Keys that the form shows; others are kept and named.
const KNOWN: [&str; 7] = ["title", "from", "on", "when", "each", "steps", "enabled"];
/// Keys of a step that the form shows.
const KNOWN_OF_STEP: [&str; 4] = ["id", "use", "if", "with"];

/// A rule as a form sees it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RuleForm {
    /// For people; empty where it has none.
    pub title: String,
    /// Sources.
    pub from: Vec<String>,
    /// Kinds of change, the usual three where nothing is said.
    pub on: Vec<String>,
    /// `when:`.
    pub when: ConditionForm,
    /// `each:`, as written.
    pub each: String,
    /// Whether it is on.
    pub enabled: bool,
    /// Steps in order.
    pub steps: Vec<StepForm>,
    /// Keys that it has beside these.
    pub others: Vec<String>,
    /// Lines of the keys at the top.
    lines: Vec<(String, Lines)>,
}

/// A condition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConditionForm {
    /// As written; empty where there is none.
    pub text: String,
    /// Its rows, where it has that simple form.
    pub rows: Option<Vec<Row>>,
}

/// A step.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StepForm {
    /// Its id: as written, else the action's name.
    pub id: String,
    /// Whether the id is written.
    pub has_id: bool,
    /// `connection.action`.
    pub uses: String,
    /// `if:`.
    pub condition: ConditionForm,
    /// Fields of `with:` in order.
    pub fields: Vec<FieldForm>,
    /// Keys that it has beside these.
    pub others: Vec<String>,
    /// Lines of its keys.
    lines: Vec<(String, Lines)>,
    /// All of its lines.
    whole: Lines,
}

/// A field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldForm {
    /// Its name.
    pub name: String,
    /// What fills it.
    pub filled: Filled,
    /// Its lines.
    pub lines: Lines,
}

/// What fills a field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Filled {
    /// A text, with `{{ }}` or without.
    Text(String),
    /// A number, `true`, `false` or `null`, as written.
    Literal(String),
    /// A list or map, as JSON: changed in the file.
    Nested(String),
}

/// Lines of a file, from 1, both included.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Lines {
    /// The first.
    pub first: u32,
    /// The last.
    pub last: u32,
}

impl Lines {
    fn have(self, line: u32) -> bool {
        (self.first..=self.last).contains(&line)
    }
}

impl RuleForm {
    /// Reads a file. What is no YAML is told with its place.
    pub fn read(file: &str, text: &str) -> Result<Self, Diagnostic> {
        let node = parse(file, text)?;
        let Yaml::Map(entries) = &node.yaml else {
            let told = Diagnostic::error(
                file,
                Some(node.place),
                format!("A rule is written as a map, and this is {}.", node.kind()),
            );
            return Err(told.hint("write lines of `key: value`"));
        };
        let texts = Texts { text };
        let mut form = Self { enabled: true, on: usual_kinds(), ..Self::default() };
        for entry in entries {
            form.lines.push((entry.key.clone(), texts.lines_of(entry)));
            let value = &entry.value;
            match entry.key.as_str() {
                "title" => value.as_text().unwrap_or_default().clone_into(&mut form.title),
                "from" => form.from = list_of(value),
                "on" => form.on = list_of(value),
                "when" => form.when = ConditionForm::of(value),
                "each" => value.as_text().unwrap_or_default().trim().clone_into(&mut form.each),
                "enabled" => form.enabled = value.yaml != Yaml::Bool(false),
                "steps" => {
                    if let Yaml::List(items) = &value.yaml {
                        form.steps = items.iter().map(|item| StepForm::of(item, &texts)).collect();
                    }
                }
                _ => {}
            }
            if !KNOWN.contains(&entry.key.as_str()) {
                form.others.push(entry.key.clone());
            }
        }
        Ok(form)
    }

    /// Where a diagnostic of a line belongs: a key at the top (`from`), or one of a step by its index (`use`, `if`, `id`)
    /// or `with.NAME` for a field.
    pub fn part_at(&self, line: u32) -> Option<(Option<usize>, String)> {
        if let Some((index, step)) = self.steps.iter().enumerate().find(|(_, step)| step.whole.have(line)) {
            if let Some(field) = step.fields.iter().find(|field| field.lines.have(line)) {
                return Some((Some(index), format!("with.{}", field.name)));
            }
            let found = step.lines.iter().find(|(_, lines)| lines.have(line));
            let key = found.map_or("use", |(key, _)| key.as_str());
            return Some((Some(index), key.to_owned()));
        }
        let found = self.lines.iter().find(|(_, lines)| lines.have(line))?;
        Some((None, found.0.clone()))
    }
}

/// What `on:` means where it is not there.
fn usual_kinds() -> Vec<String> {
    [ChangeKind::Created, ChangeKind::Updated, ChangeKind::Cancelled]
        .map(|kind| kind.as_str().to_owned())
        .into()
}

fn list_of(node: &Node) -> Vec<String> {
    let text = |node: &Node| node.as_text().map(|text| text.trim().to_owned());
    match &node.yaml {
        Yaml::List(items) => items.iter().filter_map(text).collect(),
        _ => text(node).into_iter().collect(),
    }
}

/// None: no rows.
impl Default for ConditionForm {
    fn default() -> Self {
        Self { text: String::new(), rows: Some(Vec::new()) }
    }
}

impl ConditionForm {
    fn of(node: &Node) -> Self {
        let text = match &node.yaml {
            Yaml::Text(text) => text.trim().to_owned(),
            Yaml::Bool(truth) => truth.to_string(),
            _ => String::new(),
        };
        let rows = rows_of(&text);
        Self { text, rows }
    }
}

impl StepForm {
    fn of(node: &Node, texts: &Texts<'_>) -> Self {
        let mut step = Self {
            whole: Lines { first: node.place.line, last: texts.line_at(node.span.end) },
            ..Self::default()
        };
        let Yaml::Map(entries) = &node.yaml else { return step };
        for entry in entries {
            step.lines.push((entry.key.clone(), texts.lines_of(entry)));
            let text = || entry.value.as_text().unwrap_or_default().trim().to_owned();
            match entry.key.as_str() {
                "id" => (step.id, step.has_id) = (text(), true),
                "use" => step.uses = text(),
                "if" => step.condition = ConditionForm::of(&entry.value),
                "with" => {
                    if let Yaml::Map(fields) = &entry.value.yaml {
                        step.fields = fields.iter().map(|field| FieldForm::of(field, texts)).collect();
                    }
                }
                _ => {}
            }
            if !KNOWN_OF_STEP.contains(&entry.key.as_str()) {
                step.others.push(entry.key.clone());
            }
        }
        if !step.has_id {
            step.id = step.uses.rsplit_once('.').map_or(step.uses.clone(), |(_, action)| action.to_owned());
        }
        step
    }

    /// A field by its name.
    pub fn field(&self, name: &str) -> Option<&FieldForm> {
        self.fields.iter().find(|field| field.name == name)
    }
}

impl FieldForm {
    fn of(entry: &Entry, texts: &Texts<'_>) -> Self {
        let filled = match &entry.value.yaml {
            Yaml::Text(text) => Filled::Text(text.clone()),
            Yaml::List(_) | Yaml::Map(_) => Filled::Nested(entry.value.to_json().to_string()),
            _ => Filled::Literal(entry.value.to_json().to_string()),
        };
        Self { name: entry.key.clone(), filled, lines: texts.lines_of(entry) }
    }
}

impl Filled {
    /// As a form shows it.
    pub fn shown(&self) -> &str {
        match self {
            Self::Text(text) | Self::Literal(text) | Self::Nested(text) => text,
        }
    }
}

struct Texts<'t> {
    text: &'t str,
}

impl Texts<'_> {
    fn lines_of(&self, entry: &Entry) -> Lines {
        let first = entry.place.line;
        Lines { first, last: self.line_at(entry.value.span.end).max(first) }
    }

    fn line_at(&self, byte: usize) -> u32 {
        let before = self.text.get(..byte).unwrap_or(self.text);
        before.matches('\n').count() as u32 + 1
    }
}

/// A text taken apart for people: words as they are, and values that are put in: `Contact › Email`.
pub fn chips(text: &str) -> Vec<(bool, String)> {
    let mut parts = Vec::new();
    let mut rest = text;
    while let Some(start) = rest.find("{{") {
        let Some(length) = rest[start..].find("}}") else { break };
        if start > 0 {
            parts.push((false, rest[..start].to_owned()));
        }
        parts.push((true, chip(rest[start + 2..start + length].trim())));
        rest = &rest[start + length + 2..];
    }
    if !rest.is_empty() {
        parts.push((false, rest.to_owned()));
    }
    parts
}

/// What a value is called on its chip: a plain path in words, anything else as written.
fn chip(expression: &str) -> String {
    let is_path = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '[' | ']');
    if expression.is_empty() || !expression.chars().all(is_path) || expression.starts_with(char::is_numeric) {
        return expression.to_owned();
    }
    let mut names: Vec<String> = expression.split('.').map(in_words).collect();
    if names.len() > 1 && expression.starts_with("booking.") {
        names.remove(0);
    }
    names.join(" › ")
}

/// `first_name` → `First name`.
fn in_words(name: &str) -> String {
    let words = name.replace('_', " ");
    let mut letters = words.trim().chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

#[cfg(test)]
mod tests {
    use super::{Filled, RuleForm, chips};

    const RULE: &str = "# Guests.\ntitle: Guests\nfrom: tours\non:\n  - created\n  - updated\nwhen: present(person.email)\nlane: \"{{ booking.uuid }}\"\nsteps:\n  - id: contact\n    use: crm.upsert_contact\n    with:\n      email: \"{{ person.email }}\"\n      # how many\n      size: 4\n      note: |\n        a\n        b\n      tags: [a]\n  - use: crm.deal\n    if: a || b\n    was: old\n";

    #[test]
    fn a_file_is_read_as_a_form_sees_it() {
        let form = RuleForm::read("a.yaml", RULE).expect("a form");
        assert_eq!((form.title.as_str(), form.from.clone()), ("Guests", vec!["tours".to_owned()]));
        assert_eq!(form.on, ["created", "updated"]);
        assert_eq!(form.when.rows.as_ref().map(Vec::len), Some(1));
        assert_eq!(form.others, ["lane"]);
        let [contact, deal] = &form.steps[..] else { panic!("two steps") };
        assert_eq!((contact.id.as_str(), contact.has_id), ("contact", true));
        assert_eq!((deal.id.as_str(), deal.has_id, deal.condition.rows.clone()), ("deal", false, None));
        assert_eq!((deal.condition.text.as_str(), deal.others.clone()), ("a || b", vec!["was".to_owned()]));
        let filled: Vec<&Filled> = contact.fields.iter().map(|field| &field.filled).collect();
        assert_eq!(
            filled,
            [
                &Filled::Text("{{ person.email }}".into()),
                &Filled::Literal("4".into()),
                &Filled::Text("a\nb\n".into()),
                &Filled::Nested("[\"a\"]".into()),
            ]
        );
        assert!(form.enabled);
        let usual = RuleForm::read("a.yaml", "title: A\n").expect("a form");
        assert_eq!(usual.on, ["created", "updated", "cancelled"]);
        assert!(RuleForm::read("a.yaml", "- a\n").is_err() && RuleForm::read("a.yaml", "a: [").is_err());
    }

    #[test]
    fn lines_find_their_part() {
        let form = RuleForm::read("a.yaml", RULE).expect("a form");
        let at = |line: u32| form.part_at(line).map(|(step, part)| format!("{step:?} {part}"));
        let parts: Vec<String> = (1..=23).map(|line| at(line).unwrap_or_default()).collect();
        assert_eq!(
            parts,
            [
                "",
                "None title",
                "None from",
                "None on",
                "None on",
                "None on",
                "None when",
                "None lane",
                "None steps",
                "Some(0) id",
                "Some(0) use",
                "Some(0) with",
                "Some(0) with.email",
                "Some(0) with",
                "Some(0) with.size",
                "Some(0) with.note",
                "Some(0) with.note",
                "Some(0) with.note",
                "Some(0) with.tags",
                "Some(1) use",
                "Some(1) if",
                "Some(1) was",
                "",
            ]
        );
    }

    #[test]
    fn a_text_is_told_as_words_and_values() {
        let told = |text: &str| {
            let parts = chips(text).into_iter();
            parts.map(|(value, part)| if value { format!("[{part}]") } else { part }).collect::<String>()
        };
        assert_eq!(told("{{ booking.contact.email }}"), "[Contact › Email]");
        assert_eq!(
            told("{{ person.first_name }} of {{ trip.title }}"),
            "[Person › First name] of [Trip › Title]"
        );
        assert_eq!(told("a {{ money(booking.total, \"EUR\") }}"), "a [money(booking.total, \"EUR\")]");
        assert_eq!(told("open {{ here"), "open {{ here");
        assert_eq!(told("{{}}{{ booking }}"), "[][Booking]");
    }
}
