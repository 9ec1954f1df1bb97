//! What a form changes in a rule's file, one thing at a time. Each is an edit of the text by `document`, which gives back a
//! file that differs in this and in nothing else, or says that it has to be changed by hand.

use super::form::RuleForm;
use crate::document::Way::{Item, Key};
use crate::document::{IN_THE_FILE, Way, with_item, with_swapped, with_value, without};
use crate::rules::with_enabled;
use serde_json::{Map, Value, json};

/// Keys of a rule, as they follow each other where they are new.
const ORDER: [&str; 7] = ["title", "enabled", "was", "from", "on", "each", "when"];
/// Keys of a step, likewise.
const STEP_ORDER: [&str; 4] = ["id", "was", "use", "if"];
/// Characters of one text.
const TEXT_CHARS_MAX: usize = 20_000;
/// Steps that a form adds at most; a rule may have no more.
const STEPS_MAX: usize = 50;

/// One change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Edit {
    /// The title; empty takes it out.
    Title(String),
    /// On or off.
    Enabled(bool),
    /// The sources.
    From(Vec<String>),
    /// The kinds of change.
    On(Vec<String>),
    /// The condition; empty takes it out.
    When(String),
    /// The former name of the rule; empty takes it out.
    Was(String),
    /// A step's id; empty takes it out.
    StepId(usize, String),
    /// A step's `connection.action`.
    StepUse(usize, String),
    /// A step's condition; empty takes it out.
    StepIf(usize, String),
    /// A field of a step: `None` takes it out.
    Field(usize, String, Option<NewValue>),
    /// A new step before the one of this index, or at the end: its `connection.action`, and fields with their texts.
    AddStep(usize, String, Vec<(String, String)>),
    /// A step goes.
    RemoveStep(usize),
    /// A step changes places with the one below it.
    SwapSteps(usize),
}

/// What is to fill a field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NewValue {
    /// A text, with `{{ }}` or without.
    Text(String),
    /// A number, true or false.
    Literal(Value),
}

/// The text with one change.
pub fn edited(text: &str, edit: &Edit) -> Result<String, String> {
    if longest(edit) > TEXT_CHARS_MAX {
        return Err(format!("A text may have {TEXT_CHARS_MAX} characters at most."));
    }
    let form = RuleForm::read("", text).map_err(|told| told.message)?;
    let step = |index: usize| {
        let there = index < form.steps.len();
        there.then_some(()).ok_or_else(|| "There is no such step any more.".to_owned())
    };
    match edit {
        Edit::Title(title) => set_or_take(text, &[Key("title")], title.trim(), &[]),
        Edit::Enabled(enabled) => with_enabled(text, *enabled),
        Edit::From(sources) => set_list(text, "from", &form.from, sources),
        Edit::On(kinds) => set_list(text, "on", &form.on, kinds),
        Edit::When(condition) => set_or_take(text, &[Key("when")], condition.trim(), &ORDER),
        Edit::Was(name) => set_or_take(text, &[Key("was")], name, &ORDER[..2]),
        Edit::StepId(index, id) => {
            step(*index)?;
            set_or_take(text, &[Key("steps"), Item(*index), Key("id")], id.trim(), &[])
        }
        Edit::StepUse(index, uses) => {
            step(*index)?;
            let value = Value::from(uses.trim());
            with_value(text, &[Key("steps"), Item(*index), Key("use")], &value, &STEP_ORDER)
        }
        Edit::StepIf(index, condition) => {
            step(*index)?;
            set_or_take(text, &[Key("steps"), Item(*index), Key("if")], condition.trim(), &STEP_ORDER)
        }
        Edit::Field(index, name, value) => {
            step(*index)?;
            let path = [Key("steps"), Item(*index), Key("with"), Key(name)];
            match value {
                None => without(text, &path),
                Some(value) => {
                    let there = form.steps[*index].fields.iter().map(|field| field.name.as_str());
                    let behind: Vec<&str> = STEP_ORDER.into_iter().chain(there).collect();
                    let value = match value {
                        NewValue::Text(text) => Value::from(text.as_str()),
                        NewValue::Literal(value) => value.clone(),
                    };
                    with_value(text, &path, &value, &behind)
                }
            }
        }
        Edit::AddStep(at, uses, fields) => add_step(text, &form, *at, uses, fields),
        Edit::RemoveStep(index) => {
            step(*index)?;
            without(text, &[Key("steps"), Item(*index)])
        }
        Edit::SwapSteps(index) => {
            step(index + 1)?;
            with_swapped(text, &[Key("steps")], *index)
        }
    }
}

fn longest(edit: &Edit) -> usize {
    let of = |text: &String| text.chars().count();
    match edit {
        Edit::Title(text)
        | Edit::When(text)
        | Edit::Was(text)
        | Edit::StepId(_, text)
        | Edit::StepUse(_, text)
        | Edit::StepIf(_, text) => of(text),
        Edit::From(texts) | Edit::On(texts) => texts.iter().map(of).sum(),
        Edit::Field(_, name, value) => match value {
            Some(NewValue::Text(text)) => of(name).max(of(text)),
            _ => of(name),
        },
        Edit::AddStep(_, uses, fields) => {
            of(uses) + fields.iter().map(|(name, text)| of(name) + of(text)).sum::<usize>()
        }
        Edit::Enabled(_) | Edit::RemoveStep(_) | Edit::SwapSteps(_) => 0,
    }
}

fn set_or_take(text: &str, path: &[Way<'_>], value: &str, behind: &[&str]) -> Result<String, String> {
    if value.is_empty() { without(text, path) } else { with_value(text, path, &Value::from(value), behind) }
}

/// A list of texts, item by item, so that comments beside those that stay are kept.
fn set_list(text: &str, key: &str, now: &[String], wanted: &[String]) -> Result<String, String> {
    if wanted.is_empty() {
        return Err(format!("Choose at least one: without any, `{key}` would mean nothing."));
    }
    if now.len() == wanted.len() && wanted.iter().all(|one| now.contains(one)) {
        return Ok(text.to_owned());
    }
    let path = [Key(key)];
    let node = crate::document::parse("", text).map_err(|told| told.message)?;
    let there = crate::document::find(&node, &path).map(crate::document::Node::to_json);
    let behind = &ORDER[..ORDER.iter().position(|one| *one == key).unwrap_or(ORDER.len())];
    let Some(Value::Array(items)) = there.filter(|there| there.as_array().is_some_and(|all| !all.is_empty()))
    else {
        let value = match wanted {
            [only] => Value::from(only.as_str()),
            all => json!(all),
        };
        return with_value(text, &path, &value, behind);
    };
    let mut text = text.to_owned();
    // What is new comes first, so that the list never is empty in between.
    let new = wanted.iter().filter(|one| !now.contains(one));
    for (at, one) in (items.len()..).zip(new) {
        text = with_item(&text, &path, at, &Value::from(one.as_str()))?;
    }
    for (index, item) in items.iter().enumerate().rev() {
        let stays = item.as_str().is_some_and(|item| wanted.iter().any(|one| one == item.trim()));
        if !stays {
            text = without(&text, &[Key(key), Item(index)])?;
        }
    }
    Ok(text)
}

fn add_step(
    text: &str,
    form: &RuleForm,
    at: usize,
    uses: &str,
    fields: &[(String, String)],
) -> Result<String, String> {
    if at > form.steps.len() || form.steps.len() >= STEPS_MAX {
        return Err(IN_THE_FILE.to_owned());
    }
    let uses = uses.trim();
    let action = uses.rsplit_once('.').map_or(uses, |(_, action)| action);
    let taken = |id: &str| form.steps.iter().any(|step| step.id == id);
    let mut step = Map::new();
    if taken(action) {
        let id = (2..=STEPS_MAX + 2).map(|number| format!("{action}_{number}")).find(|id| !taken(id));
        step.extend(id.map(|id| ("id".to_owned(), Value::from(id))));
    }
    step.insert("use".to_owned(), Value::from(uses));
    if !fields.is_empty() {
        let with = fields.iter().map(|(name, text)| (name.clone(), Value::from(text.as_str())));
        step.insert("with".to_owned(), Value::Object(with.collect()));
    }
    with_item(text, &[Key("steps")], at, &Value::Object(step))
}

#[cfg(test)]
mod tests {
    use super::{Edit, NewValue, edited};
    use crate::rules::builder::{Filled, RuleForm};
    use proptest::prelude::*;

    const RULE: &str = "# Guests.\ntitle: Guests\nfrom: tours # ours\n\n# when\non: [created, updated]\nlane: \"{{ booking.uuid }}\"\nretry: { give_up_after: 2h }\nsteps:\n  # the guest\n  - id: contact\n    use: crm.upsert_contact\n    with:\n      # who\n      email: \"{{ person.email }}\"\n      size: 4\n  - use: crm.deal # paid\n";

    fn after(edits: &[Edit]) -> String {
        edits.iter().fold(RULE.to_owned(), |text, edit| edited(&text, edit).expect("it can be done"))
    }

    #[test]
    fn each_change_touches_its_own_lines() {
        let text = after(&[
            Edit::Title("Guests: all".into()),
            Edit::From(vec!["tours".into(), "rooms".into()]),
            Edit::On(vec!["updated".into(), "cancelled".into()]),
            Edit::When("present(person.email)".into()),
            Edit::Field(0, "phone".into(), Some(NewValue::Text("{{ person.phone }}".into()))),
            Edit::Field(0, "size".into(), Some(NewValue::Literal(5.into()))),
            Edit::StepIf(1, "trip.total > 0".into()),
            Edit::Field(1, "key".into(), Some(NewValue::Text("{{ booking.uuid }}".into()))),
            Edit::AddStep(2, "crm.deal".into(), vec![("key".into(), "x".into())]),
            Edit::StepId(1, "paid".into()),
        ]);
        assert_eq!(
            text,
            "# Guests.\ntitle: \"Guests: all\"\nfrom: [tours, rooms] # ours\n\n# when\non: [updated, cancelled]\nwhen: present(person.email)\nlane: \"{{ booking.uuid }}\"\nretry: { give_up_after: 2h }\nsteps:\n  # the guest\n  - id: contact\n    use: crm.upsert_contact\n    with:\n      # who\n      email: \"{{ person.email }}\"\n      size: 5\n      phone: \"{{ person.phone }}\"\n  - id: paid\n    use: crm.deal # paid\n    if: trip.total > 0\n    with:\n      key: \"{{ booking.uuid }}\"\n  - id: deal_2\n    use: crm.deal\n    with:\n      key: x\n"
        );
        let gone = after(&[
            Edit::Field(0, "size".into(), None),
            Edit::RemoveStep(1),
            Edit::Title(String::new()),
            Edit::When(String::new()),
        ]);
        assert_eq!(
            gone,
            RULE.replace("      size: 4\n", "")
                .replace("  - use: crm.deal # paid\n", "")
                .replace("title: Guests\n", "")
        );
        let swapped = after(&[Edit::SwapSteps(0), Edit::SwapSteps(0)]);
        assert_eq!(swapped, RULE);
        // Where the usual three are not written, they are before one of them goes.
        let text = edited("from: tours\nsteps:\n  - use: a.b\n", &Edit::On(vec!["created".into()])).unwrap();
        assert_eq!(text, "from: tours\non: created\nsteps:\n  - use: a.b\n");
    }

    #[test]
    fn what_can_not_be_done_says_so() {
        for edit in [
            Edit::From(Vec::new()),
            Edit::RemoveStep(2),
            Edit::SwapSteps(1),
            Edit::StepIf(9, "a".into()),
            Edit::AddStep(4, "a.b".into(), Vec::new()),
            Edit::Title("x".repeat(20_001)),
        ] {
            let why = edited(RULE, &edit).expect_err("it can't be done");
            assert!(why.ends_with(['.', ':']), "{why}");
        }
    }

    fn edit() -> impl Strategy<Value = Edit> {
        let text = "[a-zA-Z0-9 .:#'\"{}\\[\\],&*|>%@é-]{0,10}";
        let kinds = proptest::sample::subsequence(vec!["created", "updated", "cancelled", "rebooked"], 1..=4);
        prop_oneof![
            text.prop_map(Edit::Title),
            kinds.prop_map(|kinds| Edit::On(kinds.into_iter().map(str::to_owned).collect())),
            text.prop_map(Edit::When),
            (0..3_usize, text).prop_map(|(step, text)| Edit::StepIf(step, text)),
            (0..3_usize, "[a-z:]{1,4}", text).prop_map(|(step, name, text)| Edit::Field(
                step,
                name,
                Some(NewValue::Text(text))
            )),
            (0..3_usize, prop_oneof!["email", "size", "[a-z]{1,2}"])
                .prop_map(|(step, name)| Edit::Field(step, name, None)),
            (0..3_usize).prop_map(|at| Edit::AddStep(
                at,
                "crm.deal".into(),
                vec![("k".into(), "{{ x }}".into())]
            )),
            (0..3_usize).prop_map(Edit::RemoveStep),
            (0..3_usize).prop_map(Edit::SwapSteps),
        ]
    }

    proptest! {
        /// The form shows what was asked for, everything else as before, and no comment went that stood on a line of its own.
        #[test]
        fn what_a_form_changes_is_what_it_shows_then(edits in proptest::collection::vec(edit(), 1..10), windows: bool) {
            let mut text = if windows { RULE.replace('\n', "\r\n") } else { RULE.to_owned() };
            for edit in edits {
                let before = RuleForm::read("", &text).unwrap();
                let Ok(made) = edited(&text, &edit) else { continue };
                let after = RuleForm::read("", &made).unwrap();
                match &edit {
                    Edit::Title(title) => prop_assert_eq!(&after.title, title.trim()),
                    Edit::On(kinds) => {
                        prop_assert!(after.on.len() == kinds.len() && kinds.iter().all(|kind| after.on.contains(kind)));
                    }
                    Edit::When(condition) => prop_assert_eq!(&after.when.text, condition.trim()),
                    Edit::StepIf(step, condition) => prop_assert_eq!(&after.steps[*step].condition.text, condition.trim()),
                    Edit::Field(step, name, Some(NewValue::Text(value))) => {
                        let filled = after.steps[*step].field(name).map(|field| field.filled.clone());
                        prop_assert_eq!(filled, Some(Filled::Text(value.clone())));
                    }
                    Edit::Field(step, name, _) => prop_assert!(after.steps[*step].field(name).is_none()),
                    Edit::AddStep(..) => prop_assert_eq!(after.steps.len(), before.steps.len() + 1),
                    Edit::RemoveStep(_) => prop_assert_eq!(after.steps.len() + 1, before.steps.len()),
                    _ => {}
                }
                prop_assert_eq!(&after.others, &before.others);
                prop_assert_eq!(&after.from, &before.from);
                if !matches!(edit, Edit::RemoveStep(_) | Edit::Field(_, _, None)) {
                    let own = |text: &str| text.lines().filter(|line| line.trim_start().starts_with('#')).count();
                    prop_assert_eq!(own(&text), own(&made), "{}", made);
                }
                text = made;
            }
        }
    }
}
