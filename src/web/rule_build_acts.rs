//! The buttons of the builder: what each does to the draft. Everything goes into the draft, which travels in the form;
//! nothing is kept before it is published. Pure.

use super::rule_build_parts::mended;
use super::rule_build_sent::{KindOf, Merged, Sent, new_value};
use crate::document::Place;
use crate::rules::builder::{
    Edit, FUNCTION_FORMS, Filled, Operator, Row, RuleForm, edited, expression_of, text_of,
};
use std::collections::BTreeMap;

/// A button.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Act {
    /// Only shows what would be sent.
    Check,
    /// Puts a value into the control that was chosen.
    Put(String),
    /// Puts what this function comes to there.
    Function(String),
    /// A new step at the end.
    AddStep,
    /// A step goes.
    RemoveStep(usize),
    /// A step changes places with the one above it.
    Up(usize),
    /// A row of a condition goes.
    DropRow(String, usize),
    /// A condition as an expression.
    AsText(String),
    /// A condition as rows.
    AsRows(String),
    /// What was meant takes the place of what was written at a control.
    Mend(String),
    /// To the text of the file.
    File,
    /// To the last look before it is published.
    Review,
}

impl Act {
    /// By the button's value; whatever is no button only checks.
    pub fn parse(value: &str) -> Self {
        let (word, rest) = value.split_once(' ').unwrap_or((value, ""));
        let index = || rest.parse::<usize>().ok();
        let act = match word {
            "put" => Some(Self::Put(rest.to_owned())),
            "function" => Some(Self::Function(rest.to_owned())),
            "add-step" => Some(Self::AddStep),
            "remove-step" => index().map(Self::RemoveStep),
            "up" => index().map(Self::Up),
            "drop" => rest
                .split_once(' ')
                .and_then(|(control, row)| Some(Self::DropRow(control.to_owned(), row.parse().ok()?))),
            "as-text" => Some(Self::AsText(rest.to_owned())),
            "as-rows" => Some(Self::AsRows(rest.to_owned())),
            "mend" => Some(Self::Mend(rest.to_owned())),
            "file" => Some(Self::File),
            "review" => Some(Self::Review),
            _ => None,
        };
        act.unwrap_or(Self::Check)
    }
}

/// What the page remembers between two presses, beside the draft.
#[derive(Clone, Debug, Default)]
pub struct Kept {
    /// The control that a value goes into.
    pub into: String,
    /// Conditions that are shown as an expression.
    pub as_text: Vec<String>,
    /// What stands in the form of the functions.
    pub function: BTreeMap<String, String>,
    /// What was done, in a sentence.
    pub said: Option<String>,
}

impl Kept {
    /// What the form says of it.
    pub fn of(sent: &Sent) -> Self {
        let mut function = BTreeMap::new();
        for key in ["value"]
            .into_iter()
            .chain(FUNCTION_FORMS.iter().flat_map(|form| form.inputs).map(|input| input.0))
        {
            function.insert(key.to_owned(), sent.text(&format!("fn.{key}")).to_owned());
        }
        Self { into: sent.text("into").to_owned(), as_text: sent.all("as-text"), function, said: None }
    }
}

/// Does what a button says to a draft.
pub fn act(act: &Act, sent: &Sent, merged: &mut Merged, kept: &mut Kept, kind: KindOf<'_>) {
    let Ok(form) = RuleForm::read("", &merged.text) else { return };
    match act {
        Act::Check | Act::File | Act::Review | Act::Mend(_) => {}
        Act::Put(path) => put(path, false, &form, merged, kept, kind),
        Act::Function(name) => {
            let of = |key: &str| kept.function.get(key).map(String::as_str).unwrap_or_default();
            let inputs: BTreeMap<&str, &str> =
                kept.function.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
            match expression_of(name, of("value"), &inputs) {
                Ok(expression) => put(&expression, true, &form, merged, kept, kind),
                Err((key, why)) => merged.wrong.push((format!("fn.{key}"), why)),
            }
        }
        Act::AddStep => {
            let uses = sent.text("new_step").trim().to_owned();
            if uses.is_empty() {
                merged.wrong.push(("new_step".to_owned(), "Choose what the step does.".to_owned()));
            } else {
                merged.take("new_step".to_owned(), &Edit::AddStep(form.steps.len(), uses, Vec::new()));
            }
        }
        Act::RemoveStep(index) => merged.take(format!("s{index}.use"), &Edit::RemoveStep(*index)),
        Act::Up(index) => {
            if let Some(above) = index.checked_sub(1) {
                merged.take(format!("s{index}.use"), &Edit::SwapSteps(above));
            }
        }
        Act::DropRow(control, row) => {
            if let Some((mut rows, edit)) = condition(&form, control)
                && *row < rows.len()
            {
                rows.remove(*row);
                merged.take(control.clone(), &edit(text_of(&rows)));
            }
        }
        Act::AsText(control) => {
            if !kept.as_text.contains(control) && condition(&form, control).is_some() {
                kept.as_text.push(control.clone());
            }
        }
        Act::AsRows(control) => kept.as_text.retain(|one| one != control),
    }
}

/// Puts a value into the chosen control: behind what stands in a field, in the place of a condition's field.
fn put(what: &str, is_made: bool, form: &RuleForm, merged: &mut Merged, kept: &mut Kept, kind: KindOf<'_>) {
    let into = kept.into.clone();
    if into == "fn.value" && !is_made {
        kept.function.insert("value".to_owned(), what.to_owned());
        return;
    }
    if let Some((step, name)) = field_of(&into).filter(|(step, _)| *step < form.steps.len()) {
        let now = form.steps[step].field(&name).map(|field| &field.filled);
        let text = match now {
            Some(Filled::Nested(_)) => {
                let why = "This field is a list or map. Change it in the file.";
                merged.wrong.push((into, why.to_owned()));
                return;
            }
            Some(filled) if !filled.shown().trim().is_empty() => {
                format!("{} {{{{ {what} }}}}", filled.shown())
            }
            _ => format!("{{{{ {what} }}}}"),
        };
        let value = new_value(&text, kind(&form.steps[step].uses, &name), None);
        merged.take(into, &Edit::Field(step, name, Some(value)));
        return;
    }
    let row = into
        .rsplit_once('.')
        .and_then(|(control, row)| Some((control.to_owned(), row.parse::<usize>().ok()?)));
    if let Some((control, index)) = row
        && let Some((mut rows, edit)) = condition(form, &control)
    {
        match rows.get_mut(index) {
            Some(row) => what.clone_into(&mut row.field),
            None => rows.push(Row::new(what, Operator::Present, "")),
        }
        merged.take(into, &edit(text_of(&rows)));
        return;
    }
    let why = "Choose first where the value is to go.";
    merged.wrong.push(("into".to_owned(), why.to_owned()));
}

/// `s0.with.email` taken apart.
fn field_of(control: &str) -> Option<(usize, String)> {
    let (step, name) = control.strip_prefix('s')?.split_once(".with.")?;
    Some((step.parse().ok()?, name.to_owned()))
}

type MakeEdit = Box<dyn Fn(String) -> Edit>;

/// The rows of a condition, and the edit that changes it.
fn condition(form: &RuleForm, control: &str) -> Option<(Vec<Row>, MakeEdit)> {
    if control == "when" {
        return Some((form.when.rows.clone()?, Box::new(Edit::When)));
    }
    let index: usize = control.strip_prefix('s')?.strip_suffix(".if")?.parse().ok()?;
    let rows = form.steps.get(index)?.condition.rows.clone()?;
    Some((rows, Box::new(move |text| Edit::StepIf(index, text))))
}

/// The draft with what was meant at a place, where it is a rule still.
pub fn mend(text: &str, place: Place, meant: &str) -> Option<String> {
    let text = mended(text, place, meant)?;
    let title = RuleForm::read("", &text).ok()?.title;
    // What nobody can read as before is not taken.
    edited(&text, &Edit::Title(title)).ok()
}

#[cfg(test)]
mod tests {
    use super::{Act, Kept, act};
    use crate::connectors::InputKind;
    use crate::web::rule_build_sent::Sent;

    const RULE: &str = "from: tours\nwhen: present(a.b)\nsteps:\n  - use: crm.contact\n    with:\n      email: \"{{ person.email }}\"\n      tags: [a]\n";

    fn pressed(button: &str, pairs: &[(&str, &str)]) -> (String, Vec<String>, Kept) {
        let sent = Sent::new(pairs.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect());
        let kind = |_: &str, _: &str| InputKind::Any;
        let mut merged = sent.merged(RULE, &kind);
        let mut kept = Kept::of(&sent);
        act(&Act::parse(button), &sent, &mut merged, &mut kept, &kind);
        (merged.text, merged.wrong.into_iter().map(|(control, _)| control).collect(), kept)
    }

    #[test]
    fn a_value_goes_into_the_control_that_was_chosen() {
        let into = |control: &str| pressed("put trip.code", &[("into", control)]).0;
        assert_eq!(into("s0.with.code"), format!("{RULE}      code: \"{{{{ trip.code }}}}\"\n"));
        assert_eq!(
            into("s0.with.email"),
            RULE.replace("{{ person.email }}", "{{ person.email }} {{ trip.code }}")
        );
        assert_eq!(into("when.0"), RULE.replace("a.b", "trip.code"));
        assert_eq!(into("when.1"), RULE.replace("present(a.b)", "present(a.b) && present(trip.code)"));
        assert_eq!(
            into("s0.if.0"),
            RULE.replace("crm.contact\n", "crm.contact\n    if: present(trip.code)\n")
        );
        assert_eq!(pressed("put trip.code", &[("into", "fn.value")]).2.function["value"], "trip.code");
        for nowhere in ["", "s9.with.a", "when.x", "s0.with.tags", "evil"] {
            let (text, wrong, _) = pressed("put trip.code", &[("into", nowhere)]);
            assert_eq!((text.as_str(), wrong.len()), (RULE, 1), "{nowhere}");
        }
    }

    #[test]
    fn a_function_s_form_becomes_an_expression_in_the_field() {
        let filled = [("into", "s0.with.day"), ("fn.value", "trip.starts_at"), ("fn.format", "%d.%m.%Y")];
        let (text, wrong, _) = pressed("function date", &filled);
        assert_eq!(text, format!("{RULE}      day: '{{{{ date(trip.starts_at, \"%d.%m.%Y\") }}}}'\n"));
        assert!(wrong.is_empty());
        assert_eq!(pressed("function date", &filled[..2]).1, ["fn.format"]);
    }

    #[test]
    fn steps_rows_and_words_of_buttons() {
        assert_eq!(pressed("add-step", &[("new_step", "crm.deal")]).0, format!("{RULE}  - use: crm.deal\n"));
        assert_eq!(pressed("add-step", &[]).1, ["new_step"]);
        assert_eq!(pressed("drop when 0", &[]).0, RULE.replace("when: present(a.b)\n", ""));
        assert_eq!(pressed("as-text when", &[]).2.as_text, ["when"]);
        assert!(pressed("as-rows when", &[("as-text", "when")]).2.as_text.is_empty());
        assert_eq!(pressed("up 0", &[]).0, RULE);
        for odd in ["remove-step x", "up", "drop when", "evil", ""] {
            assert_eq!(Act::parse(odd), Act::Check);
        }
    }
}
