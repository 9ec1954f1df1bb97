//! Reads actions: the same language in manifests and in `http` connections.

use super::action::{Action, After, Call, Find, Input};
use super::answer_read::{pointer_is_well, read_answers};
use super::body::BodyTemplate;
use super::input_read::{read_inputs, read_open};
use super::manifest::{Verified, read_verified};
use super::record_url::RecordUrl;
use super::templates::{ACTION_NAMES, AFTER_NAMES, Compiling, names_read};
use crate::document::{Diagnostic, Entry, Fields, Node, Place, Yaml, suggest};
use crate::expr::{Engine, Part, Template};
use std::collections::BTreeMap;
use std::sync::Arc;

const METHODS: [&str; 5] = ["GET", "POST", "PUT", "PATCH", "DELETE"];

/// What actions are read with.
#[derive(Clone, Copy)]
pub(super) struct ActionReading<'r> {
    /// File, for diagnostics.
    pub file: &'r str,
    /// The ruleset's engine.
    pub engine: &'r Engine,
    /// Whether further fields pass where an action says nothing.
    pub open: bool,
    /// How sure we are where an action says nothing.
    pub verified: Verified,
}

/// Reads `actions:`.
pub(super) fn read_actions(
    reading: ActionReading<'_>,
    node: &Node,
    diagnostics: &mut Vec<Diagnostic>,
) -> BTreeMap<String, Arc<Action>> {
    let Yaml::Map(entries) = &node.yaml else {
        let message = format!("`actions` must be a map of names to actions, and this is {}.", node.kind());
        diagnostics.push(
            Diagnostic::error(reading.file, Some(node.place), message)
                .hint("write `actions:` and below it `upsert_guest:` with `method:` and `path:`"),
        );
        return BTreeMap::new();
    };
    let mut actions = BTreeMap::new();
    for entry in entries {
        if !entry.key.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '-')) {
            diagnostics.push(
                Diagnostic::error(
                    reading.file,
                    Some(entry.place),
                    format!("`{}` is no name for an action.", entry.key),
                )
                .hint("use letters, digits, `_` and `-`: rules name it as connection.action"),
            );
            continue;
        }
        if let Some(action) = read_action(reading, entry, diagnostics) {
            actions.insert(entry.key.clone(), Arc::new(action));
        }
    }
    actions
}

fn read_action(
    reading: ActionReading<'_>,
    entry: &Entry,
    diagnostics: &mut Vec<Diagnostic>,
) -> Option<Action> {
    let file = reading.file;
    let compiling = Compiling { file, engine: reading.engine, names: &ACTION_NAMES };
    let mut fields = Fields::new(file, "an action", &entry.value, diagnostics);
    let title = fields.text("title");
    let verified = fields.text("verified");
    let object = fields.text("object");
    let key = fields.texts("key");
    let repeatable = fields.boolean("repeatable");
    let inputs = fields.node("inputs");
    let open = fields.node("open");
    let parts = CallParts::take(&mut fields);
    let update = fields.node("update");
    let after = fields.node("after");
    let find = fields.node("find");
    let answers = fields.node("answers");
    let outputs = fields.node("outputs");
    let record_url = fields.node("record_url");
    let place = fields.place();
    fields.finish();
    let mut inputs = read_inputs(file, inputs, diagnostics);
    let (open, further) = read_open(file, open, reading.open, diagnostics);
    for (name, place) in &key {
        match inputs.get_mut(name) {
            Some(input) => input.required = true,
            None if open => {
                inputs.insert(name.clone(), Input { required: true, ..Input::default() });
            }
            None => unknown_input(file, *place, name, &inputs, diagnostics),
        }
    }
    let call = parts.read(compiling, place, diagnostics);
    let update = update.and_then(|node| read_call(compiling, "an update", node, diagnostics));
    let find = find.and_then(|node| read_find(compiling, node, diagnostics));
    let after = after.map(|node| read_after(reading, node, diagnostics)).unwrap_or_default();
    let answers = read_answers(file, answers, diagnostics);
    let outputs = read_outputs(file, outputs, diagnostics).unwrap_or_default();
    let call = call?;
    let id_output = (outputs.contains_key("id") || find.is_some()).then(|| "id".to_owned());
    let action = Action {
        name: entry.key.clone(),
        title: title.unwrap_or_else(|| entry.key.replace('_', " ")),
        object: object.unwrap_or_else(|| entry.key.clone()),
        key: key.into_iter().map(|(name, _)| name).collect(),
        repeatable: repeatable.unwrap_or(call.method == "PUT"),
        inputs,
        open,
        further,
        call,
        update,
        after,
        find,
        answers,
        outputs,
        id_output,
        record_url: record_url.and_then(|node| read_record_url(file, node, diagnostics)),
        verified: read_verified(file, verified.as_deref(), place, diagnostics).unwrap_or(reading.verified),
    };
    check_inputs_read(file, &action, entry, diagnostics);
    Some(action)
}

fn read_record_url(file: &str, node: &Node, diagnostics: &mut Vec<Diagnostic>) -> Option<RecordUrl> {
    // What is no text is no address either.
    let text = if let Yaml::Text(text) = &node.yaml { text.as_str() } else { "" };
    RecordUrl::read(file, text, node.place, diagnostics)
}

/// What templates read of `input` must be an input, where no further fields pass.
fn check_inputs_read(file: &str, action: &Action, entry: &Entry, diagnostics: &mut Vec<Diagnostic>) {
    if action.open {
        return;
    }
    let calls = [Some(&action.call), action.update.as_ref(), action.find.as_ref().map(|find| &find.call)];
    let calls = calls.into_iter().flatten().chain(action.after.iter().map(|after| &after.call));
    let mut told = Vec::new();
    for template in calls.flat_map(Call::templates) {
        for (name, _) in names_read(template, "input") {
            if !action.inputs.contains_key(&name) && !told.contains(&name) {
                unknown_input(file, entry.place, &name, &action.inputs, diagnostics);
                told.push(name);
            }
        }
    }
}

fn unknown_input(
    file: &str,
    place: Place,
    name: &str,
    inputs: &BTreeMap<String, Input>,
    diagnostics: &mut Vec<Diagnostic>,
) {
    let hint = suggest(name, inputs.keys().map(String::as_str)).map_or_else(
        || format!("add it to `inputs:`, such as `{name}: {{ type: string }}`"),
        |near| format!("did you mean `{near}`?"),
    );
    let message = format!("The action has no input `{name}`.");
    diagnostics.push(Diagnostic::error(file, Some(place), message).hint(hint));
}

/// The keys of a call, taken out of whatever mapping holds them.
pub(super) struct CallParts<'a> {
    method: Option<String>,
    method_place: Option<Place>,
    path: Option<&'a Node>,
    query: Option<&'a Node>,
    headers: Option<&'a Node>,
    body: Option<&'a Node>,
}

impl<'a> CallParts<'a> {
    pub(super) fn take(fields: &mut Fields<'a, '_>) -> Self {
        let method = fields.node("method");
        Self {
            method: method.and_then(Node::as_text).map(str::to_ascii_uppercase),
            method_place: method.map(|node| node.place),
            path: fields.node("path"),
            query: fields.node("query"),
            headers: fields.node("headers"),
            body: fields.node("body"),
        }
    }

    pub(super) fn read(
        self,
        compiling: Compiling<'_>,
        place: Place,
        diagnostics: &mut Vec<Diagnostic>,
    ) -> Option<Call> {
        let file = compiling.file;
        let method = match self.method {
            Some(method) if METHODS.contains(&method.as_str()) => Some(method),
            other => {
                let (message, hint) = match other {
                    Some(other) => {
                        (format!("`{other}` is no method."), format!("it is one of {}", METHODS.join(", ")))
                    }
                    None => ("The call has no `method`.".to_owned(), "add a line `method: POST`".to_owned()),
                };
                let place = self.method_place.unwrap_or(place);
                diagnostics.push(Diagnostic::error(file, Some(place), message).hint(hint));
                None
            }
        };
        let path = match self.path.map(|node| (node.as_text(), node)) {
            Some((Some(text), node)) => read_path(compiling, node, text, diagnostics),
            other => {
                let place = other.map_or(place, |(_, node)| node.place);
                diagnostics.push(
                    Diagnostic::error(file, Some(place), "The call has no `path`.")
                        .hint("add a line `path: /guests`, which is appended to the connection's base URL"),
                );
                None
            }
        };
        let query = read_templates(compiling, "query", self.query, diagnostics);
        let headers = read_templates(compiling, "headers", self.headers, diagnostics);
        let body = match self.body {
            Some(node) => Some(BodyTemplate::read(compiling, node, diagnostics)?),
            None => None,
        };
        Some(Call { method: method?, path: path?, query, headers, body, outputs: None })
    }
}

fn read_path(
    compiling: Compiling<'_>,
    node: &Node,
    text: &str,
    diagnostics: &mut Vec<Diagnostic>,
) -> Option<Template> {
    let template = compiling.template(node, text, diagnostics)?;
    let literal: String = template
        .parts
        .iter()
        .map(|part| match part {
            Part::Text(text) => text.as_str(),
            Part::Expression { .. } => "x",
        })
        .collect();
    let wrong = if !literal.starts_with('/') {
        Some((
            "A path begins with `/`.",
            "write `/guests/{{ input.id }}`; the host is the connection's `base_url`",
        ))
    } else if literal.contains(['?', '#']) {
        Some(("A path has no `?` and no `#`.", "put parameters into `query:`"))
    } else if literal.contains(|c: char| c.is_whitespace() || c.is_control()) {
        Some(("A path has no blanks.", "write %20 for a blank"))
    } else if literal.split('/').any(|segment| matches!(segment, "." | "..")) {
        Some(("A path has no `.` and no `..`.", "write the path as it is called"))
    } else {
        None
    };
    if let Some((message, hint)) = wrong {
        diagnostics.push(Diagnostic::error(compiling.file, Some(node.place), message).hint(hint));
        return None;
    }
    Some(template)
}

/// A map of names to texts; numbers and booleans are texts here.
fn read_templates(
    compiling: Compiling<'_>,
    key: &str,
    node: Option<&Node>,
    diagnostics: &mut Vec<Diagnostic>,
) -> Vec<(String, Template)> {
    let Some(node) = node else { return Vec::new() };
    let Yaml::Map(entries) = &node.yaml else {
        let message = format!("`{key}` must be a map, and this is {}.", node.kind());
        diagnostics.push(
            Diagnostic::error(compiling.file, Some(node.place), message)
                .hint(format!("write `{key}: {{ name: value }}`")),
        );
        return Vec::new();
    };
    let mut read = Vec::new();
    for entry in entries {
        let text = match &entry.value.yaml {
            Yaml::Text(text) => text.clone(),
            Yaml::Number(number) => number.to_string(),
            Yaml::Bool(truth) => truth.to_string(),
            _ => {
                let message = format!("`{}` must be a text, and this is {}.", entry.key, entry.value.kind());
                diagnostics.push(Diagnostic::error(compiling.file, Some(entry.value.place), message));
                continue;
            }
        };
        let template = compiling.template(&entry.value, &text, diagnostics);
        read.extend(template.map(|template| (entry.key.clone(), template)));
    }
    read
}

/// Reads a call that is a mapping of its own, with outputs of its own.
pub(super) fn read_call(
    compiling: Compiling<'_>,
    what: &'static str,
    node: &Node,
    diagnostics: &mut Vec<Diagnostic>,
) -> Option<Call> {
    let mut fields = Fields::new(compiling.file, what, node, diagnostics);
    let parts = CallParts::take(&mut fields);
    let outputs = fields.node("outputs");
    let place = fields.place();
    fields.finish();
    let outputs = read_outputs(compiling.file, outputs, diagnostics);
    let call = parts.read(compiling, place, diagnostics)?;
    Some(Call { outputs, ..call })
}

fn read_find(compiling: Compiling<'_>, node: &Node, diagnostics: &mut Vec<Diagnostic>) -> Option<Find> {
    let mut fields = Fields::new(compiling.file, "a look-up", node, diagnostics);
    let parts = CallParts::take(&mut fields);
    let id = fields.required_text("id");
    let outputs = fields.node("outputs");
    let place = fields.place();
    fields.finish();
    let outputs = read_outputs(compiling.file, outputs, diagnostics).unwrap_or_default();
    let call = parts.read(compiling, place, diagnostics);
    let id = id.filter(|id| pointer_is_well(compiling.file, id, place, diagnostics));
    Some(Find { call: call?, id: id?, outputs })
}

fn read_after(reading: ActionReading<'_>, node: &Node, diagnostics: &mut Vec<Diagnostic>) -> Vec<After> {
    let compiling = Compiling { file: reading.file, engine: reading.engine, names: &AFTER_NAMES };
    let Yaml::List(items) = &node.yaml else {
        let message = format!("`after` must be a list of calls, and this is {}.", node.kind());
        diagnostics.push(Diagnostic::error(reading.file, Some(node.place), message));
        return Vec::new();
    };
    let mut after = Vec::new();
    for item in items {
        let mut fields = Fields::new(reading.file, "a further call", item, diagnostics);
        let title = fields.text("title").unwrap_or_else(|| "a further call".to_owned());
        let needs = fields.texts("needs").into_iter().map(|(name, _)| name).collect();
        let parts = CallParts::take(&mut fields);
        let outputs = fields.node("outputs");
        let place = fields.place();
        fields.finish();
        let outputs = read_outputs(reading.file, outputs, diagnostics);
        if let Some(call) = parts.read(compiling, place, diagnostics) {
            after.push(After { title, needs, call: Call { outputs, ..call } });
        }
    }
    after
}

/// A map of names to places in the answer.
fn read_outputs(
    file: &str,
    node: Option<&Node>,
    diagnostics: &mut Vec<Diagnostic>,
) -> Option<BTreeMap<String, String>> {
    let node = node?;
    let Yaml::Map(entries) = &node.yaml else {
        let message = format!("`outputs` must be a map, and this is {}.", node.kind());
        diagnostics
            .push(Diagnostic::error(file, Some(node.place), message).hint("write `outputs: { id: /id }`"));
        return None;
    };
    let mut outputs = BTreeMap::new();
    for entry in entries {
        match entry.value.as_text() {
            Some(at) if pointer_is_well(file, at, entry.value.place, diagnostics) => {
                outputs.insert(entry.key.clone(), at.to_owned());
            }
            Some(_) => {}
            None => diagnostics.push(
                Diagnostic::error(
                    file,
                    Some(entry.value.place),
                    format!("`{}` must be a place in the answer.", entry.key),
                )
                .hint("write `/id` for a place in the JSON, or `header:Name` for a header"),
            ),
        }
    }
    Some(outputs)
}
