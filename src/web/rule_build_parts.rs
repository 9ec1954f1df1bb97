//! What the builder's page is made of: a rule's parts as controls with what stands in them, what is wrong there, and what
//! would be sent of them. Pure, from the form, the ruleset at work and what was found.

use super::rule_words::PreviewTold;
use crate::connectors::{Action, Input, InputKind};
use crate::document::{Diagnostic, Place, Severity};
use crate::domain::ChangeKind;
use crate::rules::Ruleset;
use crate::rules::builder::{ConditionForm, FieldForm, Filled, Operator, RuleForm, StepForm, chips};
use std::collections::BTreeMap;

/// Fields of one step.
const FIELDS_MAX: usize = 120;

/// One of several: value, what it is called, whether it is chosen.
pub type Choice = (String, String, bool);

/// Something wrong at a control.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wrong {
    /// An error, or a warning.
    pub is_error: bool,
    /// What is wrong.
    pub sentence: String,
    /// A way out.
    pub hint: String,
    /// What a button puts in its place.
    pub mend: Option<String>,
}

/// What is wrong, by control.
pub type Wrongs = BTreeMap<String, Vec<Wrong>>;

/// A condition's controls.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ConditionPart {
    /// Its control: `when`, `s0.if`.
    pub control: String,
    /// As an expression.
    pub text: String,
    /// Whether it is shown as one.
    pub as_text: bool,
    /// Whether it could be rows.
    pub has_rows: bool,
    /// Its rows, an empty one at the end.
    pub rows: Vec<RowPart>,
    /// What is wrong with it.
    pub wrong: Vec<Wrong>,
}

/// A row's controls.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RowPart {
    /// Its control: `when.0`.
    pub control: String,
    /// Its number, from 1.
    pub number: usize,
    /// The field.
    pub field: String,
    /// Operators.
    pub operators: Vec<Choice>,
    /// The value.
    pub value: String,
    /// Whether anything stands in it.
    pub is_filled: bool,
    /// What is wrong with it.
    pub wrong: Vec<Wrong>,
}

/// A step's controls.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StepPart {
    /// Its index.
    pub index: usize,
    /// Its number, from 1.
    pub number: usize,
    /// Its id.
    pub id: String,
    /// What it does, in words.
    pub what: String,
    /// Actions of all connections: what the connection is called, its actions.
    pub actions: Vec<(String, Vec<Choice>)>,
    /// Its condition.
    pub condition: ConditionPart,
    /// Fields that are filled or must be.
    pub fields: Vec<FieldPart>,
    /// Fields that may be filled.
    pub further: Vec<FieldPart>,
    /// Whether any field may be added by its name.
    pub open: bool,
    /// Keys that are kept and not shown.
    pub others: String,
    /// What is wrong with the step itself.
    pub wrong: Vec<Wrong>,
    /// What is wrong with its id.
    pub wrong_id: Vec<Wrong>,
    /// What is wrong with a field that is to be added.
    pub wrong_new: Vec<Wrong>,
    /// What would become of it for the booking.
    pub verdict: String,
    /// It is the last.
    pub is_last: bool,
}

/// A field's control.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FieldPart {
    /// Its control: `s0.with.email`.
    pub control: String,
    /// Its id in the page.
    pub id: String,
    /// For people.
    pub label: String,
    /// Its name in the file, where that is another.
    pub name: String,
    /// A line of help.
    pub help: String,
    /// It must be there.
    pub required: bool,
    /// What stands in it.
    pub value: String,
    /// It has several lines.
    pub is_long: bool,
    /// A list or map, changed in the file.
    pub is_nested: bool,
    /// It takes one of these.
    pub choices: Vec<Choice>,
    /// What fills it, taken apart: values and words.
    pub chips: Vec<(bool, String)>,
    /// What would be sent for the booking.
    pub sent: Option<String>,
    /// What is wrong with it.
    pub wrong: Vec<Wrong>,
}

/// What the parts are made from.
pub struct Making<'m> {
    /// The ruleset at work: what can be connected.
    pub ruleset: Option<&'m Ruleset>,
    /// What is wrong.
    pub wrongs: &'m Wrongs,
    /// Conditions that are wanted as an expression.
    pub as_text: &'m [String],
    /// What would be sent.
    pub preview: Option<&'m PreviewTold>,
}

impl Making<'_> {
    fn wrong(&self, control: &str) -> Vec<Wrong> {
        self.wrongs.get(control).cloned().unwrap_or_default()
    }

    /// The sources, those that are chosen ticked.
    pub fn sources(&self, form: &RuleForm) -> Vec<Choice> {
        let mut choices: Vec<Choice> = Vec::new();
        for (name, source) in self.ruleset.iter().flat_map(|ruleset| &ruleset.sources) {
            choices.push((name.clone(), titled(&source.title, name), form.from.contains(name)));
        }
        for name in form
            .from
            .iter()
            .filter(|name| !choices.iter().any(|(known, ..)| known == *name))
            .cloned()
            .collect::<Vec<_>>()
        {
            choices.push((name.clone(), format!("{name} (there is no such source)"), true));
        }
        choices
    }

    /// A condition.
    pub fn condition(&self, control: &str, condition: &ConditionForm) -> ConditionPart {
        let as_text = condition.rows.is_none() || self.as_text.iter().any(|one| one == control);
        let filled = condition.rows.clone().unwrap_or_default();
        let mut rows = Vec::new();
        for (index, row) in filled.iter().map(Some).chain([None]).enumerate() {
            let own = format!("{control}.{index}");
            let chosen = row.map_or(Operator::Present, |row| row.operator);
            let offered =
                |one: &Operator| *one == chosen || !matches!(one, Operator::MorePlain | Operator::LessPlain);
            let operators = Operator::ALL.into_iter().filter(offered);
            rows.push(RowPart {
                number: index + 1,
                field: row.map(|row| row.field.clone()).unwrap_or_default(),
                operators: operators
                    .map(|one| (one.as_str().to_owned(), one.in_words().to_owned(), one == chosen))
                    .collect(),
                value: row.map(|row| row.value.clone()).unwrap_or_default(),
                is_filled: row.is_some(),
                wrong: self.wrong(&format!("{own}.field")),
                control: own,
            });
        }
        ConditionPart {
            control: control.to_owned(),
            text: condition.text.clone(),
            as_text,
            has_rows: condition.rows.is_some(),
            rows,
            wrong: self.wrong(control),
        }
    }

    /// Actions of all connections; the chosen one is there even where nobody knows it.
    pub fn actions(&self, chosen: &str) -> Vec<(String, Vec<Choice>)> {
        let mut groups = Vec::new();
        let mut found = chosen.is_empty();
        for (name, connection) in self.ruleset.iter().flat_map(|ruleset| &ruleset.connections) {
            let action = |action: &std::sync::Arc<Action>| {
                let uses = format!("{name}.{}", action.name);
                let is_chosen = uses == chosen;
                (uses, titled(&action.title, &action.name), is_chosen)
            };
            let actions: Vec<Choice> = connection.actions.values().map(action).collect();
            found |= actions.iter().any(|(.., is_chosen)| *is_chosen);
            if !actions.is_empty() {
                groups.push((titled(&connection.title, name), actions));
            }
        }
        if !found {
            groups.push(("As written".to_owned(), vec![(chosen.to_owned(), chosen.to_owned(), true)]));
        }
        groups
    }

    fn action(&self, uses: &str) -> Option<&Action> {
        let (connection, action) = uses.rsplit_once('.')?;
        self.ruleset?.connections.get(connection)?.actions.get(action).map(AsRef::as_ref)
    }

    /// What kind of value a field takes.
    pub fn kind(&self, uses: &str, field: &str) -> InputKind {
        let input = self.action(uses).and_then(|action| action.input(field));
        input.map(|input| input.kind).unwrap_or_default()
    }

    /// A step.
    pub fn step(&self, index: usize, step: &StepForm, is_last: bool) -> StepPart {
        let control = |what: &str| format!("s{index}.{what}");
        let action = self.action(&step.uses);
        let preview = self.preview.and_then(|preview| preview.steps.iter().find(|told| told.id == step.id));
        let mut fields = Vec::new();
        let mut further = Vec::new();
        let inputs = action.map(|action| &action.inputs);
        let must = |input: &Input| input.required && input.default.is_none();
        // Those that must be there, then the rest as the file has them, then what else there could be.
        let mut names: Vec<&str> = Vec::new();
        for (name, input) in inputs.into_iter().flatten() {
            if must(input) {
                names.push(name);
            }
        }
        names.extend(step.fields.iter().map(|field| field.name.as_str()));
        let first = names.len();
        names.extend(inputs.into_iter().flatten().map(|(name, _)| name.as_str()));
        for (at, name) in names.iter().enumerate().take(FIELDS_MAX) {
            if names[..at].contains(name) {
                continue;
            }
            let input = inputs.and_then(|inputs| inputs.get(*name));
            let mut part = field_part(index, name, step.field(name), input);
            part.wrong = self.wrong(&part.control);
            part.sent = preview
                .and_then(|told| told.fields.iter().find(|field| field.name == *name))
                .map(|field| field.value.clone());
            if at < first { fields.push(part) } else { further.push(part) }
        }
        let groups = self.actions(&step.uses);
        let what = groups.iter().find_map(|(connection, actions)| {
            let chosen = actions.iter().find(|(.., chosen)| *chosen)?;
            Some(format!("{} in {connection}", chosen.1))
        });
        StepPart {
            index,
            number: index + 1,
            id: step.id.clone(),
            what: what.unwrap_or_else(|| "Nothing chosen yet".to_owned()),
            actions: groups,
            condition: self.condition(&control("if"), &step.condition),
            fields,
            further,
            open: action.is_none_or(|action| action.open),
            others: step.others.join(", "),
            wrong: self.wrong(&control("use")),
            wrong_id: self.wrong(&control("id")),
            wrong_new: self.wrong(&control("new.name")),
            verdict: preview.map(|told| told.verdict.clone()).unwrap_or_default(),
            is_last,
        }
    }
}

fn field_part(step: usize, name: &str, field: Option<&FieldForm>, input: Option<&Input>) -> FieldPart {
    let control = format!("s{step}.with.{name}");
    let value = field.map(|field| field.filled.shown().to_owned()).unwrap_or_default();
    let is_nested = matches!(field.map(|field| &field.filled), Some(Filled::Nested(_)));
    let mut choices = Vec::new();
    if let Some(input) = input {
        let mut offered = input.choices.clone();
        if input.kind == InputKind::Boolean {
            offered = vec!["true".into(), "false".into()];
        }
        let fits = value.is_empty() || offered.contains(&value);
        if fits && !offered.is_empty() {
            choices.push((String::new(), "nothing".to_owned(), value.is_empty()));
            choices.extend(offered.into_iter().map(|one| (one.clone(), one.clone(), one == value)));
        }
    }
    let label = input.and_then(|input| input.label.clone()).unwrap_or_else(|| name.to_owned());
    FieldPart {
        id: html_id(&control),
        name: if label == name { String::new() } else { name.to_owned() },
        label,
        help: input.and_then(|input| input.help.clone()).unwrap_or_default(),
        required: input.is_some_and(|input| input.required && input.default.is_none()),
        is_long: value.contains('\n'),
        is_nested,
        choices,
        chips: if value.contains("{{") && !is_nested { chips(&value) } else { Vec::new() },
        sent: None,
        wrong: Vec::new(),
        value,
        control,
    }
}

/// A control's name as an id of the page.
pub fn html_id(control: &str) -> String {
    super::page::in_address(control).replace('%', ".")
}

fn titled(title: &str, name: &str) -> String {
    if title.trim().is_empty() { name.to_owned() } else { title.trim().to_owned() }
}

/// Kinds of change, those that are chosen ticked.
pub fn kinds(form: &RuleForm) -> Vec<Choice> {
    let known = [
        (ChangeKind::Created.as_str(), "is booked"),
        (ChangeKind::Updated.as_str(), "is changed"),
        (ChangeKind::Cancelled.as_str(), "is cancelled"),
        (ChangeKind::Rebooked.as_str(), "is rebooked"),
        (ChangeKind::Deleted.as_str(), "is deleted"),
    ];
    let mut kinds: Vec<Choice> = known
        .into_iter()
        .map(|(kind, words)| (kind.to_owned(), words.to_owned(), form.on.iter().any(|one| one == kind)))
        .collect();
    let mut items: Vec<String> = form.on.clone();
    if form.each.contains("customers") {
        items.extend(["added", "changed", "removed"].map(|what| format!("customer.{what}")));
    }
    for kind in items {
        if !kinds.iter().any(|(known, ..)| *known == kind) {
            let words = match kind.split_once('.') {
                Some((item, what)) => format!("has a {item} that was {what}"),
                None => format!("is {kind}"),
            };
            let chosen = form.on.contains(&kind);
            kinds.push((kind, words, chosen));
        }
    }
    kinds
}

/// The control that a diagnostic of a rule's file is about. `None`: none of those that are shown.
pub fn control_of(form: &RuleForm, told: &Diagnostic) -> Option<String> {
    let (step, part) = form.part_at(told.place?.line)?;
    let Some(index) = step else {
        return matches!(part.as_str(), "title" | "from" | "on" | "when").then_some(part);
    };
    // A field that is needed and not there is told where the step says what it uses.
    let uses = &form.steps.get(index)?.uses;
    let needs = told.message.strip_prefix(&format!("`{uses}` needs the field `"));
    if let Some((name, _)) = needs.and_then(|rest| rest.split_once('`')) {
        return Some(format!("s{index}.with.{name}"));
    }
    match part.as_str() {
        "id" | "if" => Some(format!("s{index}.{part}")),
        part if part.starts_with("with.") => Some(format!("s{index}.{part}")),
        _ => Some(format!("s{index}.use")),
    }
}

/// A diagnostic at its control.
pub fn wrong_of(told: &Diagnostic) -> Wrong {
    Wrong {
        is_error: told.severity == Severity::Error,
        sentence: told.message.clone(),
        hint: match told.hint.as_deref() {
            // What a file is told to get: here there is a field for it.
            Some(hint) if hint.starts_with("add it under `with:`") => {
                "Press a value of the booking, or write one.".to_owned()
            }
            hint => hint.map(sentence_of).unwrap_or_default(),
        },
        mend: told.place.and_then(|_| mend_of(told)),
    }
}

fn sentence_of(hint: &str) -> String {
    let mut letters = hint.chars();
    let first: String = letters.next().map(|first| first.to_uppercase().collect()).unwrap_or_default();
    let end = if hint.ends_with(['.', '?', '!']) { "" } else { "." };
    format!("{first}{}{end}", letters.as_str())
}

/// What a diagnostic says was meant.
pub fn mend_of(told: &Diagnostic) -> Option<String> {
    let near = told.hint.as_deref()?.strip_prefix("did you mean `")?.strip_suffix("`?")?;
    Some(near.to_owned())
}

/// The text with what stands at a place replaced by what was meant. Where only the last name of a path is marked, only that
/// is replaced.
pub fn mended(text: &str, place: Place, meant: &str) -> Option<String> {
    let line = place.line.checked_sub(1)? as usize;
    let mut start = 0;
    for _ in 0..line {
        start += text.get(start..)?.find('\n')? + 1;
    }
    let row = text.get(start..)?.split('\n').next()?;
    let skip = usize::from(row.starts_with('\u{feff}'));
    let column = place.column.checked_sub(1)? as usize + skip;
    let mut at = row.char_indices().map(|(at, _)| at).chain([row.len()]);
    let from = at.clone().nth(column)?;
    let to = at.nth(column + place.length as usize)?;
    let marked = row.get(from..to)?;
    let meant = if marked.contains('.') { meant } else { meant.rsplit('.').next().unwrap_or(meant) };
    Some(format!("{}{meant}{}", text.get(..start + from)?, text.get(start + to..)?))
}

#[cfg(test)]
mod tests {
    use super::{control_of, html_id, mended, wrong_of};
    use crate::document::{Diagnostic, Place};
    use crate::rules::builder::RuleForm;

    const RULE: &str = "from: toors\nwhen: a\neach: b\nsteps:\n  - use: crm.contact\n    with:\n      email: \"{{ persn.email }}\"\n";

    fn at(line: u32, column: u32, length: u32) -> Place {
        Place { line, column, length }
    }

    #[test]
    fn a_mistake_finds_its_control() {
        let form = RuleForm::read("a.yaml", RULE).unwrap();
        let told = |line, message: &str| {
            control_of(&form, &Diagnostic::error("a.yaml", Some(at(line, 1, 1)), message))
        };
        let controls = [
            told(1, "x"),
            told(2, "x"),
            told(3, "x"),
            told(5, "x"),
            told(5, "`crm.contact` needs the field `id`."),
            told(7, "x"),
            told(9, "x"),
        ];
        let shown = controls.map(Option::unwrap_or_default);
        assert_eq!(shown, ["from", "when", "", "s0.use", "s0.with.id", "s0.with.email", ""]);
    }

    #[test]
    fn what_was_meant_is_put_in_place_of_what_was_written() {
        let text = mended(RULE, at(1, 7, 5), "tours").unwrap();
        assert_eq!(text, RULE.replace("toors", "tours"));
        let text = mended(RULE, at(7, 18, 5), "person").unwrap();
        assert_eq!(text, RULE.replace("persn", "person"));
        assert_eq!(
            mended("x: é{{ steps.contct.id }}", at(1, 14, 6), "steps.contact").as_deref(),
            Some("x: é{{ steps.contact.id }}")
        );
        assert_eq!(mended(RULE, at(99, 1, 1), "x"), None);
        assert_eq!(mended(RULE, at(1, 99, 1), "x"), None);
        let told = Diagnostic::error("a", Some(at(1, 1, 1)), "No.").hint("did you mean `tours`?");
        let wrong = wrong_of(&told);
        assert_eq!((wrong.mend.as_deref(), wrong.hint.as_str()), (Some("tours"), "Did you mean `tours`?"));
        assert_eq!(wrong_of(&Diagnostic::error("a", None, "No.").hint("write it")).hint, "Write it.");
        let told = Diagnostic::error("a", None, "No.").hint("add it under `with:`, such as `id: x`");
        assert_eq!(wrong_of(&told).hint, "Press a value of the booking, or write one.");
        assert_eq!(html_id("s0.with.a b\""), "s0.2Ewith.2Ea.20b.22");
    }
}
