//! Reads `source.subscriptions:` of manifests, and `subscribe:` of source files.

use super::action::Call;
use super::action_read::read_call;
use super::answer_read::{pointer_is_well, read_answers};
use super::connection::is_base_url;
use super::event_type::TypePattern;
use super::pattern::Dotted;
use super::subscriptions::{OfferedEvents, SubscriptionSpec};
use super::templates::Compiling;
use crate::document::{Diagnostic, Fields, Node, Place, Yaml};
use crate::expr::Engine;
use std::collections::BTreeSet;

/// Names that the calls see.
const NAMES: [&str; 4] = ["id", "address", "events", "properties"];
/// Properties that a source file names.
const PROPERTIES_MAX: usize = 1_000;

/// Reads `source.subscriptions:`.
pub(super) fn read_subscriptions(
    file: &str,
    node: &Node,
    engine: &Engine,
    diagnostics: &mut Vec<Diagnostic>,
) -> Option<SubscriptionSpec> {
    let mut fields = Fields::new(file, "subscriptions", node, diagnostics);
    let base_url = fields.text("base_url");
    let calls = ["list", "create", "update", "delete"].map(|name| (name, fields.node(name)));
    let at = fields.text("at").unwrap_or_default();
    let not_found_is_none = fields.boolean("not_found_is_none").unwrap_or(false);
    let item = fields.node("item");
    let events = fields.node("events");
    let answers = fields.node("answers");
    let _ = fields.text("verified");
    let place = fields.place();
    fields.finish();
    if let Some(base_url) = base_url.as_ref().filter(|url| !is_base_url(url)) {
        diagnostics.push(
            Diagnostic::error(file, Some(place), format!("`{base_url}` is no base URL."))
                .hint("it begins with https:// or http://, names a host, and has no `?`, `#` or password"),
        );
    }
    let compiling = Compiling { file, engine, names: &NAMES };
    let [list, create, update, delete] =
        calls.map(|(name, node)| call(compiling, (name, node), place, diagnostics));
    let at_is_well = at.is_empty() || pointer_is_well(file, &at, place, diagnostics);
    let [id, address, events_at, properties] = read_item(file, item, place, diagnostics);
    let offered = read_events(file, events, place, diagnostics);
    let answers = read_answers(file, answers, diagnostics);
    if !at_is_well || offered.is_empty() {
        return None;
    }
    Some(SubscriptionSpec {
        base_url: base_url.map(|url| url.trim_end_matches('/').to_owned()),
        list: list?,
        at,
        not_found_is_none,
        create: create?,
        update: update?,
        delete: delete?,
        id: id?,
        address: address?,
        events: events_at?,
        properties,
        offered,
        answers,
    })
}

fn call(
    compiling: Compiling<'_>,
    (name, node): (&str, Option<&Node>),
    place: Place,
    diagnostics: &mut Vec<Diagnostic>,
) -> Option<Call> {
    let Some(node) = node else {
        diagnostics.push(
            Diagnostic::error(
                compiling.file,
                Some(place),
                format!("`subscriptions` has no `{name}`: all four calls are needed to keep them in line."),
            )
            .hint("give `list`, `create`, `update` and `delete`, each with `method:` and `path:`"),
        );
        return None;
    };
    read_call(compiling, "a call about subscriptions", node, diagnostics)
}

/// Where in one of the list its parts stand: id, address, events, properties.
fn read_item(
    file: &str,
    node: Option<&Node>,
    place: Place,
    diagnostics: &mut Vec<Diagnostic>,
) -> [Option<Dotted>; 4] {
    let Some(node) = node else {
        diagnostics.push(
            Diagnostic::error(file, Some(place), "`subscriptions` does not say what one looks like.")
                .hint("write `item: { id: id, address: endpointUrl, events: events }`"),
        );
        return [const { None }; 4];
    };
    let mut fields = Fields::new(file, "a subscription", node, diagnostics);
    let id = fields.required_text("id");
    let address = fields.required_text("address");
    let events = fields.required_text("events");
    let properties = fields.text("properties");
    fields.finish();
    [id, address, events, properties].map(|text| Dotted::read(file, &text?, node.place, diagnostics))
}

/// Events that can be asked for: texts, or `{ events: …, account: true }`.
fn read_events(
    file: &str,
    node: Option<&Node>,
    place: Place,
    diagnostics: &mut Vec<Diagnostic>,
) -> Vec<OfferedEvents> {
    let Some(Yaml::List(items)) = node.map(|node| &node.yaml) else {
        diagnostics.push(
            Diagnostic::error(file, Some(place), "`subscriptions` has no list of `events`.")
                .hint("list what can be asked for, as in `events: [ \"reservation/*\" ]`"),
        );
        return Vec::new();
    };
    let mut offered = Vec::new();
    for item in items {
        let (text, account) = match item.as_text() {
            Some(text) => (Some(text.to_owned()), false),
            None => {
                let mut fields = Fields::new(file, "events", item, diagnostics);
                let text = fields.required_text("events");
                let account = fields.boolean("account").unwrap_or(false);
                fields.finish();
                (text, account)
            }
        };
        let pattern = text.and_then(|text| TypePattern::read(file, &text, item.place, diagnostics));
        offered.extend(pattern.map(|pattern| OfferedEvents { pattern, account }));
    }
    offered
}

/// What a source file says of its subscriptions.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Subscribe {
    /// They are kept in line without being asked.
    pub by_itself: bool,
    /// Only these properties; empty: all.
    pub properties: BTreeSet<String>,
}

/// Of which source `subscribe:` is read.
pub(super) struct SubscribeOf<'a> {
    pub file: &'a str,
    /// The connector's title.
    pub title: &'a str,
    pub spec: Option<&'a SubscriptionSpec>,
    pub has_keys: bool,
}

/// Reads `subscribe:`: ask, auto, or `{ auto: true, properties: [SEA] }`.
pub(super) fn read_subscribe(
    of: &SubscribeOf<'_>,
    node: &Node,
    diagnostics: &mut Vec<Diagnostic>,
) -> Subscribe {
    let SubscribeOf { file, title, spec, has_keys } = *of;
    let Some(spec) = spec else {
        let message =
            format!("The subscriptions of {title} are not made from here, so `subscribe` leads to nothing.");
        diagnostics.push(Diagnostic::warning(file, Some(node.place), message).hint("take the line out"));
        return Subscribe::default();
    };
    let wrong = |place, what: String| {
        Diagnostic::error(file, Some(place), what).hint(
            "write `subscribe: ask`, `subscribe: auto`, or `subscribe: { auto: true, properties: [SEA] }` for single \
             properties",
        )
    };
    let read = match &node.yaml {
        Yaml::Text(text) if text == "ask" => Subscribe::default(),
        Yaml::Text(text) if text == "auto" => Subscribe { by_itself: true, ..Subscribe::default() },
        Yaml::Map(_) => {
            let mut fields = Fields::new(file, "subscribe", node, diagnostics);
            let by_itself = fields.boolean("auto").unwrap_or(false);
            let properties = fields.texts("properties");
            fields.finish();
            if !properties.is_empty() && spec.properties.is_none() {
                let what = format!("Subscriptions of {title} are not for single properties.");
                diagnostics.push(wrong(node.place, what));
            }
            for (_, place) in properties.iter().filter(|(text, _)| !is_property(text)) {
                diagnostics.push(wrong(*place, "This is no code of a property.".to_owned()));
            }
            let properties = properties.into_iter().take(PROPERTIES_MAX).map(|(text, _)| text).collect();
            Subscribe { by_itself, properties }
        }
        Yaml::Text(text) => {
            diagnostics.push(wrong(node.place, format!("`subscribe` is never `{text}`.")));
            Subscribe::default()
        }
        _ => {
            diagnostics.push(wrong(
                node.place,
                format!("`subscribe` is a word or a map, and this is {}.", node.kind()),
            ));
            Subscribe::default()
        }
    };
    if read.by_itself && !has_keys {
        diagnostics.push(
            Diagnostic::error(file, Some(node.place), format!("{title} lets nobody subscribe without keys."))
                .hint("give them below `api:`, or write `subscribe: ask`"),
        );
    }
    read
}

fn is_property(text: &str) -> bool {
    !text.is_empty() && text.len() <= 100 && text.chars().all(|c| c.is_ascii_graphic())
}
