//! Reads the steps of a rule: which action of which connection, with which fields. Used by `rule_file` only.

use super::expressions::{Earlier, Names};
use super::names::listed;
use super::rule::{FieldTemplate, FieldValue, Step};
use super::rule_file::RuleFile;
use super::scope;
use crate::connectors::{Action, Connection, InputKind};
use crate::document::{Diagnostic, Fields, Node, Place, Yaml, suggest};
use std::sync::Arc;

/// Steps of one rule: each is a call, and a run goes through all of them.
const STEPS_MAX: usize = 50;

/// One step, its keys taken apart.
struct Raw<'r> {
    id: String,
    id_place: Place,
    was: Option<(String, Place)>,
    uses: Option<&'r Node>,
    condition: Option<&'r Node>,
    with: Option<&'r Node>,
    place: Place,
}

/// Reads `steps:`.
pub(super) fn read<'r>(file: &mut RuleFile<'r>, rule: &Node, node: Option<&'r Node>) -> Vec<Step> {
    let items: &'r [Node] = match node.map(|node| &node.yaml) {
        Some(Yaml::List(items)) => items,
        None | Some(Yaml::Null) => &[],
        Some(_) => {
            let place = node.map_or(rule.place, |node| node.place);
            file.error(
                place,
                "`steps` must be a list.",
                "begin each step with `- `: `- use: connection.action`",
            );
            return Vec::new();
        }
    };
    if items.is_empty() {
        let place = node.map_or(rule.place, |node| node.place);
        let hint = "add `steps:` with at least one `- use: connection.action`";
        file.error(place, "This rule has no steps, so it would never send anything.", hint);
        return Vec::new();
    }
    if items.len() > STEPS_MAX {
        let message = format!("This rule has {} steps; at most {STEPS_MAX} are possible.", items.len());
        file.error(items[STEPS_MAX].place, message, "split it into several rules");
    }
    let raw: Vec<Raw<'r>> = items.iter().filter_map(|item| keys(file, item)).collect();
    check_ids(file, &raw);
    let all: Vec<String> = raw.iter().map(|step| step.id.clone()).collect();
    let mut before: Vec<(String, Option<Arc<Action>>)> = Vec::new();
    let mut steps = Vec::new();
    for step in raw {
        let target = step.uses.and_then(|node| uses(file, node));
        let names = file.names(Some(Earlier { before: &before, all: &all }));
        let condition = step.condition.and_then(|node| file.condition("if", node, &names));
        let with = step.with.map(|node| fields(file, node, &names)).unwrap_or_default();
        let line = step.uses.map_or(step.place.line, |node| node.place.line);
        let action = target.as_ref().and_then(|target| target.action.clone());
        if let (Some(target), Some(action)) = (&target, &action) {
            let place = step.uses.map_or(step.place, |node| node.place);
            check_inputs(file, target, action, place, step.with);
        }
        before.push((step.id.clone(), action));
        let Some(target) = target else { continue };
        steps.push(Step {
            id: step.id,
            was: step.was.map(|(was, _)| was),
            connection: target.connection,
            action: target.name,
            condition,
            with,
            line,
        });
    }
    steps
}

fn keys<'r>(file: &mut RuleFile<'r>, item: &'r Node) -> Option<Raw<'r>> {
    let (path, text) = (file.file, item);
    if !matches!(item.yaml, Yaml::Map(_)) {
        let message = format!("A step is written as a map, and this is {}.", item.kind());
        file.error(item.place, message, "write `- use: connection.action`, and its `with:` below");
        return None;
    }
    let mut fields = Fields::new(path, "a step", text, &mut file.told);
    let id = fields.node("id");
    let uses = fields.node("use");
    let condition = fields.node("if");
    let with = fields.node("with");
    let was = fields.node("was");
    fields.finish();
    if uses.is_none() {
        file.error(
            item.place,
            "A step has no `use`.",
            "add `use: connection.action`, such as `use: hubspot.upsert_contact`",
        );
    }
    let word = |node: Option<&Node>| node.and_then(Node::as_text).map(str::trim).map(str::to_owned);
    let default = || {
        let used = word(uses).unwrap_or_default();
        used.rsplit_once('.').map_or(used.clone(), |(_, action)| action.to_owned())
    };
    for (key, node) in [("id", id), ("was", was)] {
        let Some(node) = node else { continue };
        if !node.as_text().map(str::trim).is_some_and(is_id) {
            let message = format!("`{key}` of a step must be a word of letters, digits, `_` and `-`.");
            file.error(node.place, message, format!("such as `{key}: contact`"));
        }
    }
    let id_place = id.map_or_else(|| uses.map_or(item.place, |node| node.place), |node| node.place);
    let was = was.and_then(|node| Some((node.as_text()?.trim().to_owned(), node.place)));
    Some(Raw {
        id: word(id).unwrap_or_else(default),
        id_place,
        was,
        uses,
        condition,
        with,
        place: item.place,
    })
}

fn is_id(text: &str) -> bool {
    !text.is_empty()
        && text.len() <= 80
        && text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-'))
}

/// Each id once; `was` names no present step.
fn check_ids(file: &mut RuleFile<'_>, steps: &[Raw<'_>]) {
    for (at, step) in steps.iter().enumerate() {
        if steps[..at].iter().any(|before| before.id == step.id && !step.id.is_empty()) {
            let message = format!("Two steps of this rule are called `{}`.", step.id);
            file.error(step.id_place, message, "give each an `id:` of its own");
        }
        if let Some((was, place)) = &step.was
            && steps.iter().any(|other| other.id == *was)
        {
            let message = format!("`was: {was}` claims the name of a step that is there.");
            file.error(
                *place,
                message,
                "`was:` is the id that this step had before; remove the line where it had none",
            );
        }
    }
}

/// What `use:` names.
struct Target {
    connection: String,
    name: String,
    /// `None`: the connection could not be read.
    action: Option<Arc<Action>>,
    open: bool,
}

fn uses(file: &mut RuleFile<'_>, node: &Node) -> Option<Target> {
    let text = node.as_text().unwrap_or_default().trim();
    let Some((name, action)) =
        text.rsplit_once('.').filter(|(name, action)| !name.is_empty() && !action.is_empty())
    else {
        let shown = if text.is_empty() { node.kind().to_owned() } else { format!("`{text}`") };
        let example = file.world.connections.values().find_map(|connection| {
            let action = connection.actions.keys().next()?;
            Some(format!("{}.{action}", connection.name))
        });
        let example = example.unwrap_or_else(|| "hubspot.upsert_contact".to_owned());
        let message = format!("`use` must be `connection.action`, and this is {shown}.");
        file.error(node.place, message, format!("such as `use: {example}`"));
        return None;
    };
    let world = file.world;
    let Some(connection) = world.connections.get(name) else {
        if !world.connection_names.contains(name) {
            unknown_connection(file, node, name, action);
            return None;
        }
        return Some(Target {
            connection: name.to_owned(),
            name: action.to_owned(),
            action: None,
            open: true,
        });
    };
    let Some(found) = connection.actions.get(action) else {
        unknown_action(file, node, connection, action);
        return None;
    };
    Some(Target {
        connection: name.to_owned(),
        name: action.to_owned(),
        action: Some(Arc::clone(found)),
        open: found.open,
    })
}

fn unknown_connection(file: &mut RuleFile<'_>, node: &Node, name: &str, action: &str) {
    let world = file.world;
    let of_connector = world.connections.values().find(|connection| connection.connector.name == name);
    let hint = if let Some(near) = suggest(name, world.connection_names.iter().copied()) {
        format!("did you mean `{near}.{action}`?")
    } else if let Some(connection) = of_connector {
        format!("`{name}` is a connector; the connection to it is `{}`", connection.name)
    } else if world.connection_names.is_empty() {
        format!("there is no connection yet: write connections/{name}.yaml")
    } else {
        let known = listed(world.connection_names.iter().copied());
        format!("there is {known}; a new one is written into connections/{name}.yaml")
    };
    let place = node.place_within(file.text, 0, name.len());
    file.error(place, format!("There is no connection `{name}`."), hint);
}

fn unknown_action(file: &mut RuleFile<'_>, node: &Node, connection: &Connection, action: &str) {
    let known = || connection.actions.keys().map(String::as_str);
    let hint = match suggest(action, known()) {
        Some(near) => format!("did you mean `{}.{near}`?", connection.name),
        None if connection.actions.is_empty() => {
            format!("{} has no actions yet; add them under `actions:`", connection.spec.file)
        }
        None => format!("there is {}", listed(known())),
    };
    let place = node.place_within(file.text, connection.name.len() + 1, action.len());
    file.error(place, format!("The connection `{}` has no action `{action}`.", connection.name), hint);
}

/// The fields against the action's inputs.
fn check_inputs(
    file: &mut RuleFile<'_>,
    target: &Target,
    action: &Action,
    place: Place,
    with: Option<&Node>,
) {
    let uses = format!("{}.{}", target.connection, target.name);
    let entries = match with.map(|node| &node.yaml) {
        Some(Yaml::Map(entries)) => entries.as_slice(),
        None | Some(Yaml::Null) => &[],
        Some(_) => return,
    };
    for (name, input) in &action.inputs {
        let given = entries.iter().find(|entry| entry.key == *name);
        if !input.required || input.default.is_some() {
            continue;
        }
        match given {
            None => {
                let hint = format!("add it under `with:`, such as `{name}: \"{{{{ booking.… }}}}\"`");
                file.error(place, format!("`{uses}` needs the field `{name}`."), hint);
            }
            Some(entry) if matches!(entry.value.yaml, Yaml::Null) => {
                let hint = "give it a value";
                file.error(
                    entry.place,
                    format!("`{uses}` needs the field `{name}`, and this is nothing."),
                    hint,
                );
            }
            Some(entry) if entry.value.as_text().is_some_and(|text| text.trim().is_empty()) => {
                let message = format!("`{uses}` needs the field `{name}`, and this is empty.");
                file.error(entry.value.place, message, "give it a value");
            }
            Some(_) => {}
        }
    }
    for entry in entries {
        let Some(input) = action.inputs.get(&entry.key) else {
            let known = || action.inputs.keys().map(String::as_str);
            let near = suggest(&entry.key, known());
            if target.open {
                // Any field may be meant; one that is near a field which is not there is probably a slip.
                let slip = near.filter(|near| !entries.iter().any(|given| given.key == **near));
                if let Some(near) = slip {
                    let message =
                        format!("`{uses}` knows a field `{near}`, and this one is `{}`.", entry.key);
                    let told = Diagnostic::warning(file.file, Some(entry.place), message);
                    file.told.push(told.hint(format!("did you mean `{near}`?")));
                }
            } else {
                let hint = match near {
                    Some(near) => format!("did you mean `{near}`?"),
                    None => format!("its fields are {}", listed(known())),
                };
                file.error(entry.place, format!("`{uses}` has no field `{}`.", entry.key), hint);
            }
            continue;
        };
        let wanted = match (&entry.value.yaml, input.kind) {
            (Yaml::Map(_) | Yaml::List(_), InputKind::String) => "a text",
            (Yaml::Map(_) | Yaml::List(_), InputKind::Number) => "a number",
            (Yaml::Map(_) | Yaml::List(_), InputKind::Boolean) => "true or false",
            (Yaml::List(_), InputKind::Map) => "a map",
            (Yaml::Map(_), InputKind::List) => "a list",
            _ => {
                check_choice(file, &uses, &entry.value, &entry.key, &input.choices);
                continue;
            }
        };
        let message = format!(
            "The field `{}` of `{uses}` takes {wanted}, and this is {}.",
            entry.key,
            entry.value.kind()
        );
        file.error(entry.value.place, message, format!("write {wanted}"));
    }
}

fn check_choice(file: &mut RuleFile<'_>, uses: &str, value: &Node, name: &str, choices: &[String]) {
    let Some(text) = value.as_text().filter(|text| !text.contains("{{")) else { return };
    if choices.is_empty() || choices.iter().any(|choice| choice == text) {
        return;
    }
    let known = || choices.iter().map(String::as_str);
    let hint = match suggest(text, known()) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("there is {}", listed(known())),
    };
    file.error(value.place, format!("The field `{name}` of `{uses}` can't be `{text}`."), hint);
}

/// Reads `with:`.
fn fields(file: &mut RuleFile<'_>, node: &Node, names: &Names<'_>) -> Vec<FieldTemplate> {
    let entries = match &node.yaml {
        Yaml::Map(entries) => entries,
        Yaml::Null => return Vec::new(),
        _ => {
            let message = format!("`with` is written as a map, and this is {}.", node.kind());
            file.error(node.place, message, "write lines of `field: value`");
            return Vec::new();
        }
    };
    entries
        .iter()
        .map(|entry| field(file, entry.key.clone(), entry.place.line, &entry.value, names))
        .collect()
}

fn field(file: &mut RuleFile<'_>, name: String, line: u32, node: &Node, names: &Names<'_>) -> FieldTemplate {
    let mut text = String::new();
    let value = match &node.yaml {
        Yaml::Map(_) => FieldValue::Map(fields(file, node, names)),
        Yaml::List(items) => FieldValue::List(
            items
                .iter()
                .enumerate()
                .map(|(index, item)| field(file, format!("[{index}]"), item.place.line, item, names))
                .collect(),
        ),
        Yaml::Text(written) => {
            text.clone_from(written);
            template(file, node, written, names)
        }
        _ => {
            let value = node.to_json();
            text = value.to_string();
            FieldValue::Literal(value)
        }
    };
    let reads_steps = match &value {
        FieldValue::Literal(_) => false,
        FieldValue::Template(template) => template.reads(scope::STEPS),
        FieldValue::List(inner) | FieldValue::Map(inner) => inner.iter().any(|field| field.reads_steps),
    };
    FieldTemplate { name, line, value, text, reads_steps }
}

fn template(file: &mut RuleFile<'_>, node: &Node, text: &str, names: &Names<'_>) -> FieldValue {
    if !text.contains("{{") {
        forgotten_braces(file, node, text);
        return FieldValue::Literal(text.into());
    }
    match file.template(node, text, names) {
        Some(template) => FieldValue::Template(template),
        None => FieldValue::Literal(text.into()),
    }
}

/// `email: booking.contact.email` would send these very words.
fn forgotten_braces(file: &mut RuleFile<'_>, node: &Node, text: &str) {
    let others = [scope::BOOKING, scope::BEFORE, scope::AFTER, scope::STEPS, scope::ITEM];
    let roots = scope::NAMES.iter().copied().chain(others);
    let is_path = |root: &str| {
        text.strip_prefix(root).and_then(|rest| rest.strip_prefix('.')).is_some_and(|rest| {
            !rest.is_empty()
                && rest.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '[' | ']'))
        })
    };
    if roots.into_iter().any(is_path) {
        let message = "This sends the words themselves, not what stands there in the booking.";
        let told = Diagnostic::warning(file.file, Some(node.place), message);
        file.told.push(told.hint(format!("write \"{{{{ {text} }}}}\"")));
    }
}
