//! What the builder's form sends: which of its values differ from the file that was shown, as edits of that file. Pure; what
//! nobody touched makes no edit, so that the file keeps it as it was written.
//!
//! Controls are named like what they are about, and mistakes find them by that name: `title`, `from`, `on`, `when`, `s0.use`,
//! `s0.id`, `s0.if`, `s0.with.NAME`; a condition's rows are `when.0.field`, `when.0.op`, `when.0.value`, or `when.text`.

use crate::connectors::InputKind;
use crate::rules::builder::{
    ConditionForm, Edit, Filled, NewValue, Operator, Row, RuleForm, StepForm, edited, text_of,
};
use serde_json::Value;

/// Rows of one condition.
const ROWS_MAX: usize = 20;

/// Names and values, as they came.
#[derive(Clone, Debug, Default)]
pub struct Sent {
    pairs: Vec<(String, String)>,
}

/// A draft with what was typed in it.
#[derive(Clone, Debug)]
pub struct Merged {
    /// The text.
    pub text: String,
    /// What could not be taken: control and sentence.
    pub wrong: Vec<(String, String)>,
}

/// What kind of value a field of `connection.action` takes.
pub type KindOf<'k> = &'k dyn Fn(&str, &str) -> InputKind;

impl Sent {
    /// Takes a form. Line breaks are as files have them.
    pub fn new(pairs: Vec<(String, String)>) -> Self {
        let plain = |text: String| text.replace("\r\n", "\n").replace('\r', "\n");
        Self { pairs: pairs.into_iter().map(|(name, value)| (name, plain(value))).collect() }
    }

    /// A value, where it was sent.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.pairs.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// A value; empty where it was not sent.
    pub fn text(&self, name: &str) -> &str {
        self.get(name).unwrap_or_default()
    }

    /// All values of a name.
    pub fn all(&self, name: &str) -> Vec<String> {
        self.pairs.iter().filter(|(key, _)| key == name).map(|(_, value)| value.clone()).collect()
    }

    /// The draft with everything that was typed, one edit after the other.
    pub fn merged(&self, text: &str, kind: KindOf<'_>) -> Merged {
        let mut merged = Merged { text: text.to_owned(), wrong: Vec::new() };
        let Ok(form) = RuleForm::read("", text) else { return merged };
        for (control, edit) in self.edits(&form, kind, &mut merged.wrong) {
            merged.take(control, &edit);
        }
        merged
    }

    fn edits(
        &self,
        form: &RuleForm,
        kind: KindOf<'_>,
        wrong: &mut Vec<(String, String)>,
    ) -> Vec<(String, Edit)> {
        let mut edits = Vec::new();
        if let Some(title) = self.get("title").filter(|title| title.trim() != form.title.trim()) {
            edits.push(("title".to_owned(), Edit::Title(title.to_owned())));
        }
        // Boxes that are not ticked send nothing: `shown` says that they were there.
        for (name, now) in [("from", &form.from), ("on", &form.on)] {
            let wanted = self.all(name);
            let shown = self.all("shown").iter().any(|shown| shown == name);
            let same = wanted.len() == now.len() && wanted.iter().all(|one| now.contains(one));
            if shown && wanted.is_empty() && !now.is_empty() {
                wrong.push((name.to_owned(), "Choose at least one.".to_owned()));
            } else if shown && !same && !wanted.is_empty() {
                let edit = if name == "from" { Edit::From(wanted) } else { Edit::On(wanted) };
                edits.push((name.to_owned(), edit));
            }
        }
        if let Some(text) = self.condition("when", &form.when, wrong) {
            edits.push(("when".to_owned(), Edit::When(text)));
        }
        for (index, step) in form.steps.iter().enumerate() {
            self.step(index, step, kind, wrong, &mut edits);
        }
        edits
    }

    fn step(
        &self,
        index: usize,
        step: &StepForm,
        kind: KindOf<'_>,
        wrong: &mut Vec<(String, String)>,
        edits: &mut Vec<(String, Edit)>,
    ) {
        let named = |what: &str| format!("s{index}.{what}");
        for field in self.fields_of(index) {
            let control = named(&format!("with.{field}"));
            let typed = self.text(&control);
            let now = step.field(&field).map(|found| &found.filled);
            let edit = match now {
                Some(Filled::Nested(_)) => continue,
                Some(filled) if filled.shown() == typed => continue,
                None if typed.is_empty() => continue,
                Some(_) | None if typed.is_empty() => Edit::Field(index, field, None),
                now => {
                    let value = new_value(typed, kind(&step.uses, &field), now);
                    Edit::Field(index, field, Some(value))
                }
            };
            edits.push((control, edit));
        }
        let new = self.text(&named("new.name")).trim().to_owned();
        if !new.is_empty() {
            if step.field(&new).is_some() {
                wrong.push((named("new.name"), format!("There is a field {new} already.")));
            } else {
                let value = new_value(self.text(&named("new.value")), kind(&step.uses, &new), None);
                edits.push((named("new.name"), Edit::Field(index, new, Some(value))));
            }
        }
        if let Some(text) = self.condition(&named("if"), &step.condition, wrong) {
            edits.push((named("if"), Edit::StepIf(index, text)));
        }
        if let Some(id) = self.get(&named("id")).map(str::trim).filter(|id| *id != step.id) {
            edits.push((named("id"), Edit::StepId(index, id.to_owned())));
        }
        if let Some(uses) = self.get(&named("use")).filter(|uses| *uses != step.uses && !uses.is_empty()) {
            edits.push((named("use"), Edit::StepUse(index, uses.to_owned())));
        }
    }

    /// Names of the fields of a step that have a control, each once.
    fn fields_of(&self, index: usize) -> Vec<String> {
        let start = format!("s{index}.with.");
        let mut names: Vec<String> = Vec::new();
        for (key, _) in &self.pairs {
            if let Some(name) =
                key.strip_prefix(&start).filter(|name| !names.iter().any(|known| known == name))
            {
                names.push(name.to_owned());
            }
        }
        names
    }

    /// The expression of a condition's controls, where it differs from what is there.
    fn condition(
        &self,
        control: &str,
        now: &ConditionForm,
        wrong: &mut Vec<(String, String)>,
    ) -> Option<String> {
        if let Some(text) = self.get(&format!("{control}.text")) {
            return (text.trim() != now.text).then(|| text.trim().to_owned());
        }
        let shown = now.rows.as_ref()?;
        self.get(&format!("{control}.0.field"))?;
        let mut rows = Vec::new();
        for index in 0..ROWS_MAX {
            let of = |what: &str| self.get(&format!("{control}.{index}.{what}"));
            let Some(field) = of("field").map(str::trim) else { break };
            if field.is_empty() {
                continue;
            }
            let operator = of("op").and_then(Operator::parse).unwrap_or(Operator::Present);
            let row = Row::new(field, operator, of("value").unwrap_or_default());
            // A text that looks like a number stays the text that it is, as long as nobody touches it.
            let same = shown.get(index).filter(|old| {
                old.field == row.field && old.operator == row.operator && old.value == row.value
            });
            if !is_plain_path(field) {
                let sentence =
                    "Press one of the booking's values, or write its path, as in booking.contact.email.";
                wrong.push((format!("{control}.{index}.field"), sentence.to_owned()));
                rows.extend(shown.get(index).cloned());
                continue;
            }
            rows.push(same.cloned().unwrap_or(row));
        }
        (rows != *shown).then(|| text_of(&rows))
    }
}

/// Mistakes of conditions that no run would ever get past: more or less than what is no number. Control and sentence.
pub fn without_number(form: &RuleForm, as_text: &[String]) -> Vec<(String, String)> {
    let steps = form.steps.iter().enumerate().map(|(index, step)| (format!("s{index}.if"), &step.condition));
    let mut found = Vec::new();
    for (control, condition) in [("when".to_owned(), &form.when)].into_iter().chain(steps) {
        for (index, row) in condition.rows.iter().flatten().enumerate() {
            let compares = matches!(
                row.operator,
                Operator::More | Operator::Less | Operator::MorePlain | Operator::LessPlain
            );
            if compares && (!row.is_literal || matches!(row.value.as_str(), "true" | "false")) {
                let shown = as_text.contains(&control);
                let at = if shown { control.clone() } else { format!("{control}.{index}.field") };
                let what =
                    if row.value.is_empty() { "nothing".to_owned() } else { format!("“{}”", row.value) };
                found.push((
                    at,
                    format!("Give a number: {} {} {what} is never true.", row.field, row.operator.in_words()),
                ));
            }
        }
    }
    found
}

impl Merged {
    /// Tells of conditions that can never hold.
    pub fn tell_conditions(&mut self, as_text: &[String]) {
        if let Ok(form) = RuleForm::read("", &self.text) {
            self.wrong.extend(without_number(&form, as_text));
        }
    }

    /// One more edit; one that can't be made is told at its control.
    pub fn take(&mut self, control: String, edit: &Edit) {
        match edited(&self.text, edit) {
            Ok(text) => self.text = text,
            Err(why) => self.wrong.push((control, why)),
        }
    }
}

fn is_plain_path(text: &str) -> bool {
    let known = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '[' | ']');
    text.starts_with(|c: char| c.is_ascii_alphabetic()) && text.chars().all(known)
}

/// A text, or a number or truth where the field takes one or had one.
pub fn new_value(typed: &str, kind: InputKind, now: Option<&Filled>) -> NewValue {
    let was_literal = matches!(now, Some(Filled::Literal(_)));
    let literal = match serde_json::from_str::<Value>(typed.trim()) {
        Ok(value @ Value::Number(_)) => (kind == InputKind::Number || was_literal).then_some(value),
        Ok(value @ Value::Bool(_)) => (kind == InputKind::Boolean || was_literal).then_some(value),
        _ => None,
    };
    literal.map_or_else(|| NewValue::Text(typed.to_owned()), NewValue::Literal)
}

#[cfg(test)]
mod tests {
    use super::Sent;
    use crate::connectors::InputKind;

    const RULE: &str = "title: Guests\nfrom: tours # ours\non: [created]\nwhen: person.size == \"4\"\nsteps:\n  - id: contact\n    use: crm.contact\n    with:\n      email: \"{{ person.email }}\"\n      size: 4\n      note: |\n        a\n        b\n      tags: [a]\n";

    fn merged(pairs: &[(&str, &str)]) -> (String, Vec<(String, String)>) {
        let sent = Sent::new(pairs.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect());
        let kind = |_: &str, field: &str| if field == "age" { InputKind::Number } else { InputKind::Any };
        let merged = sent.merged(RULE, &kind);
        (merged.text, merged.wrong)
    }

    #[test]
    fn what_nobody_touched_stays_byte_for_byte() {
        let all = [
            ("title", "Guests"),
            ("shown", "from"),
            ("shown", "on"),
            ("from", "tours"),
            ("on", "created"),
            ("when.0.field", "person.size"),
            ("when.0.op", "is"),
            ("when.0.value", "4"),
            ("when.1.field", ""),
            ("s0.use", "crm.contact"),
            ("s0.id", "contact"),
            ("s0.with.email", "{{ person.email }}"),
            ("s0.with.size", "4"),
            ("s0.with.note", "a\r\nb\r\n"),
            ("s0.with.tags", "evil"),
            ("s0.with.phone", ""),
            ("s0.new.name", ""),
        ];
        assert_eq!(merged(&all), (RULE.to_owned(), Vec::new()));
        assert_eq!(merged(&[]), (RULE.to_owned(), Vec::new()));
    }

    #[test]
    fn what_was_typed_is_in_the_draft() {
        let (text, wrong) = merged(&[
            ("title", "All guests"),
            ("shown", "on"),
            ("on", "created"),
            ("on", "cancelled"),
            ("when.0.field", "person.email"),
            ("when.0.op", "present"),
            ("when.1.field", "trip.total"),
            ("when.1.op", "more"),
            ("when.1.value", "5"),
            ("s0.with.email", ""),
            ("s0.with.size", "5"),
            ("s0.with.age", "6"),
            ("s0.with.code", "7"),
            ("s0.new.name", "phone"),
            ("s0.new.value", "{{ person.phone }}"),
        ]);
        assert_eq!(wrong, []);
        assert_eq!(
            text,
            "title: All guests\nfrom: tours # ours\non: [created, cancelled]\nwhen: present(person.email) && default_to(trip.total, 0) > 5\nsteps:\n  - id: contact\n    use: crm.contact\n    with:\n      size: 5\n      note: |\n        a\n        b\n      tags: [a]\n      age: 6\n      code: \"7\"\n      phone: \"{{ person.phone }}\"\n"
        );
    }

    #[test]
    fn more_than_what_is_no_number_is_told_at_its_row() {
        let told = |value: &str| {
            let pairs = [("when.0.field", "trip.party_size"), ("when.0.op", "more"), ("when.0.value", value)];
            let sent =
                Sent::new(pairs.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect());
            let mut merged = sent.merged(RULE, &|_, _| InputKind::Any);
            merged.tell_conditions(&[]);
            merged.wrong
        };
        let wrong = |what: &str| {
            let sentence = format!("Give a number: trip.party_size is more than {what} is never true.");
            vec![("when.0.field".to_owned(), sentence)]
        };
        assert_eq!(told("abc"), wrong("“abc”"));
        assert_eq!(told(""), wrong("nothing"));
        assert_eq!(told("true"), wrong("“true”"));
        assert_eq!(told("2"), []);
        assert_eq!(told("-2.5"), []);
    }

    #[test]
    fn what_can_not_be_taken_is_told_at_its_control() {
        let (text, wrong) =
            merged(&[("shown", "from"), ("when.0.field", "a) || true"), ("s0.new.name", "email")]);
        assert_eq!(text, RULE);
        let controls: Vec<&str> = wrong.iter().map(|(control, _)| control.as_str()).collect();
        assert_eq!(controls, ["from", "when.0.field", "s0.new.name"]);
    }
}
