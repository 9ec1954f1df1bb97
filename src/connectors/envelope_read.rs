//! Reads `event:` of a source side.

use super::envelope::{Envelope, Spot, SpotPath};
use super::event_type::TypePattern;
use super::pattern::Dotted;
use crate::document::{Diagnostic, Fields, Node, Place, Yaml};

/// What begins the name of a header where a path could stand.
const HEADER: &str = "header:";

/// Reads `event:`.
pub(super) fn read_envelope(file: &str, node: &Node, diagnostics: &mut Vec<Diagnostic>) -> Envelope {
    let mut fields = Fields::new(file, "an event", node, diagnostics);
    let list = fields.node("list");
    let id = fields.node("id");
    let types = fields.texts("type");
    let time = fields.node("time");
    let any_case = fields.boolean("any_case").unwrap_or(false);
    let account = fields.node("account");
    let ignore = fields.node("ignore");
    fields.finish();
    let list = list.and_then(|node| {
        let text = text_of(file, node, "list", diagnostics)?;
        Dotted::read(file, text, node.place, diagnostics)
    });
    let mut spot = |key: &str, node: Option<&Node>| {
        let node = node?;
        let text = text_of(file, node, key, diagnostics)?;
        read_spot(file, text, node.place, diagnostics)
    };
    let (id, time, account) = (spot("id", id), spot("time", time), spot("account", account));
    let types = types
        .iter()
        .filter_map(|(text, place)| read_spot(file, text, *place, diagnostics))
        .collect::<Vec<_>>();
    let ignore = ignore.map(|node| read_ignore(file, node, diagnostics)).unwrap_or_default();
    if !ignore.is_empty() && types.is_empty() {
        diagnostics.push(
            Diagnostic::error(
                file,
                Some(node.place),
                "`ignore` names types, and nothing says where a type is.",
            )
            .hint("say where it is: `type: type`, or `type: header:x-topic`"),
        );
    }
    Envelope { list, id, types, time, account, any_case, ignore }
}

fn text_of<'n>(file: &str, node: &'n Node, key: &str, diagnostics: &mut Vec<Diagnostic>) -> Option<&'n str> {
    let text = node.as_text();
    if text.is_none() {
        let message = format!("`{key}` must be a path, and this is {}.", node.kind());
        diagnostics.push(
            Diagnostic::error(file, Some(node.place), message)
                .hint(format!("write `{key}: data.{key}`, or `{key}: header:x-{key}`")),
        );
    }
    text
}

/// A dotted path, or `header:` and a name.
pub(super) fn read_spot(
    file: &str,
    text: &str,
    place: Place,
    diagnostics: &mut Vec<Diagnostic>,
) -> Option<Spot> {
    let Some(name) = text.strip_prefix(HEADER) else {
        return Dotted::read(file, text, place, diagnostics).map(|path| Spot::Body(SpotPath(path)));
    };
    read_header_name(file, name, place, diagnostics).map(Spot::Header)
}

/// A header's name, in lower case.
pub(super) fn read_header_name(
    file: &str,
    name: &str,
    place: Place,
    diagnostics: &mut Vec<Diagnostic>,
) -> Option<String> {
    let name = name.trim().to_ascii_lowercase();
    let is_token = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c);
    if name.is_empty() || name.len() > 100 || !name.chars().all(is_token) {
        diagnostics.push(
            Diagnostic::error(file, Some(place), format!("`{name}` is no name of a header."))
                .hint("write it as the system does: `x-event-id`"),
        );
        return None;
    }
    if CREDENTIALS.contains(&name.as_str()) {
        diagnostics.push(
            Diagnostic::error(
                file,
                Some(place),
                format!("The header `{name}` holds a credential, which is never kept."),
            )
            .hint("name another header here; how a webhook signs in belongs into `sign_in:`"),
        );
        return None;
    }
    Some(name)
}

/// Headers that are never kept with an event.
pub(super) const CREDENTIALS: [&str; 4] = ["authorization", "proxy-authorization", "cookie", "x-api-key"];

fn read_ignore(
    file: &str,
    node: &Node,
    diagnostics: &mut Vec<Diagnostic>,
) -> Vec<(TypePattern, Option<String>)> {
    let items: &[Node] = match &node.yaml {
        Yaml::List(items) => items,
        _ => std::slice::from_ref(node),
    };
    let mut read = Vec::new();
    for item in items {
        let (text, note) = match &item.yaml {
            Yaml::Map(_) => {
                let mut fields = Fields::new(file, "a type that is ignored", item, diagnostics);
                let (text, note) = (fields.required_text("type"), fields.text("note"));
                fields.finish();
                let Some(text) = text else { continue };
                (text, note)
            }
            _ => match item.as_text() {
                Some(text) => (text.to_owned(), None),
                None => {
                    let message = format!("`ignore` is a list of types, and this is {}.", item.kind());
                    diagnostics.push(
                        Diagnostic::error(file, Some(item.place), message)
                            .hint("write `ignore: [\"system/*\"]`"),
                    );
                    continue;
                }
            },
        };
        read.extend(TypePattern::read(file, &text, item.place, diagnostics).map(|pattern| (pattern, note)));
    }
    read
}
