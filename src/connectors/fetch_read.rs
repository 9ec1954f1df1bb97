//! Reads `fetch:` and `hint:` of a kind of record.

use super::action::Call;
use super::action_read::read_call;
use super::answer_read::pointer_is_well;
use super::envelope::Envelope;
use super::event_type::TypePattern;
use super::fetch_spec::{AlsoFetched, FetchSpec, HintSpec};
use super::manifest::{Verified, read_verified};
use super::pattern::{Dotted, KeyPath};
use super::templates::Compiling;
use crate::document::{Diagnostic, Fields, Node, Yaml};
use crate::expr::{Engine, Part, Segment};
use std::sync::Arc;

/// Names that templates of a fetch see.
const FETCH_NAMES: [&str; 3] = ["key", "parts", "account"];
/// Names that templates of its further calls see.
const ALSO_NAMES: [&str; 4] = ["key", "parts", "account", "answer"];
/// Further calls of one fetch.
const ALSO_MAX: usize = 4;

/// What fetches are read with.
#[derive(Clone, Copy)]
pub(super) struct FetchOf<'r> {
    pub file: &'r str,
    pub engine: &'r Engine,
    /// Of how many parts the key is made.
    pub parts: usize,
    /// How sure we are of it, where it does not say.
    pub verified: Verified,
}

/// Reads `fetch:` of a kind of record, or of one of its hints.
pub(super) fn read_fetch(
    of: FetchOf<'_>,
    node: &Node,
    diagnostics: &mut Vec<Diagnostic>,
) -> Option<FetchSpec> {
    let file = of.file;
    let mut rest = node.clone();
    let (at, list, also) = (taken(&mut rest, "at"), taken(&mut rest, "list"), taken(&mut rest, "also"));
    let of = of.said(&mut rest, diagnostics);
    let mut pointer = |node: Option<Node>| {
        let node = node?;
        let text = node.as_text().unwrap_or("?").to_owned();
        (text.is_empty() || pointer_is_well(file, &text, node.place, diagnostics)).then_some(text)
    };
    let (at, list) = (pointer(at), pointer(list));
    let also = also.map(|node| read_also(of, &node, diagnostics)).unwrap_or_default();
    let call = of.call("a fetch", &FETCH_NAMES, &rest, diagnostics)?;
    Some(FetchSpec { call: Arc::new(call), at, list, verified: of.verified, also })
}

/// Takes a key out of a map.
fn taken(node: &mut Node, key: &str) -> Option<Node> {
    match &mut node.yaml {
        Yaml::Map(entries) => {
            let at = entries.iter().position(|entry| entry.key == key)?;
            Some(entries.remove(at).value)
        }
        _ => None,
    }
}

impl FetchOf<'_> {
    /// With its own word of how sure we are, taken out of it.
    fn said(self, node: &mut Node, diagnostics: &mut Vec<Diagnostic>) -> Self {
        let Some(own) = taken(node, "verified") else { return self };
        let verified = read_verified(self.file, Some(own.as_text().unwrap_or("?")), own.place, diagnostics);
        Self { verified: verified.unwrap_or(self.verified), ..self }
    }

    fn call(
        &self,
        what: &'static str,
        names: &[&str],
        node: &Node,
        diagnostics: &mut Vec<Diagnostic>,
    ) -> Option<Call> {
        let Self { file, engine, parts, .. } = *self;
        let compiling = Compiling { file, engine, names };
        let call = read_call(compiling, what, node, diagnostics)?;
        if call.method != "GET" {
            diagnostics.push(
                Diagnostic::error(
                    file,
                    Some(node.place),
                    "A fetch is a GET: it may be made any number of times.",
                )
                .hint("write `method: GET`"),
            );
        }
        let beyond = |segment: &Segment| match segment {
            Segment::Index(index) => !(0..parts as i64).contains(index),
            _ => false,
        };
        let expressions = call.templates().into_iter().flat_map(|template| &template.parts);
        let paths = expressions.filter_map(|part| match part {
            Part::Expression { expression, .. } => Some(expression.paths()),
            Part::Text(_) => None,
        });
        if paths.flatten().any(|path| path.root == "parts" && path.segments.first().is_some_and(beyond)) {
            let message = if parts == 1 {
                "The key has one part only, which is `parts[0]`.".to_owned()
            } else {
                format!("The key has {parts} parts: `parts[0]` to `parts[{}]`.", parts - 1)
            };
            diagnostics.push(
                Diagnostic::error(file, Some(node.place), message)
                    .hint("name the paths that make the key in `key:`, such as `key: [event, code]`"),
            );
        }
        Some(call)
    }
}

/// Reads `also:` of a fetch: names, each with a call.
fn read_also(of: FetchOf<'_>, node: &Node, diagnostics: &mut Vec<Diagnostic>) -> Vec<AlsoFetched> {
    let entries = match &node.yaml {
        Yaml::Map(entries) if entries.len() <= ALSO_MAX => entries,
        _ => {
            let message = format!("`also` is a map of at most {ALSO_MAX} names, each with a call.");
            diagnostics.push(
                Diagnostic::error(of.file, Some(node.place), message)
                    .hint("write `also: { tour: { method: GET, path: \"/tours/{{ parts[0] }}\" } }`"),
            );
            return Vec::new();
        }
    };
    let mut read = Vec::new();
    for entry in entries {
        let mut rest = entry.value.clone();
        let keep = match taken(&mut rest, "keep") {
            None => Vec::new(),
            Some(keep) => names(of.file, &keep, diagnostics),
        };
        let needs = taken(&mut rest, "needs").and_then(|node| match node.as_text() {
            Some(text) => Dotted::read(of.file, text, node.place, diagnostics),
            None => {
                diagnostics.push(
                    Diagnostic::error(of.file, Some(node.place), "`needs` is a path in the first answer.")
                        .hint("write `needs: tour.id`"),
                );
                None
            }
        });
        let of = of.said(&mut rest, diagnostics);
        let call = of.call("a further call of a fetch", &ALSO_NAMES, &rest, diagnostics);
        let name = entry.key.clone();
        read.extend(call.map(|call| AlsoFetched {
            name,
            call: Arc::new(call),
            verified: of.verified,
            needs,
            keep,
        }));
    }
    read
}

fn names(file: &str, node: &Node, diagnostics: &mut Vec<Diagnostic>) -> Vec<String> {
    let items = match &node.yaml {
        Yaml::List(items) => items.as_slice(),
        _ => std::slice::from_ref(node),
    };
    let named: Vec<String> = items.iter().filter_map(Node::as_text).map(str::to_owned).collect();
    if named.len() < items.len() || named.is_empty() {
        diagnostics.push(
            Diagnostic::error(file, Some(node.place), "`keep` is a list of names of the answer.")
                .hint("write `keep: [name, currency]`, or leave it out to keep all"),
        );
    }
    named
}

/// Reads `hint:`, one or a list.
pub(super) fn read_hints(
    of: FetchOf<'_>,
    node: &Node,
    envelope: &Envelope,
    diagnostics: &mut Vec<Diagnostic>,
) -> Vec<HintSpec> {
    let items = match &node.yaml {
        Yaml::List(items) => items.as_slice(),
        _ => std::slice::from_ref(node),
    };
    items.iter().filter_map(|item| read_hint(of, item, envelope, diagnostics)).collect()
}

fn read_hint(
    of: FetchOf<'_>,
    node: &Node,
    envelope: &Envelope,
    diagnostics: &mut Vec<Diagnostic>,
) -> Option<HintSpec> {
    let file = of.file;
    let mut fields = Fields::new(file, "a hint", node, diagnostics);
    let on = fields.texts("on");
    let deleted = fields.texts("deleted");
    let keys = fields.texts("key");
    if keys.is_empty() {
        fields.report(
            Diagnostic::error(of.file, Some(node.place), "A hint has no `key`.")
                .hint("say where the key stands: `key: id`, or `key: [event, code]` where it takes both"),
        );
    }
    let account = fields.text("account");
    let fetch = fields.node("fetch");
    let verified = fields.text("verified");
    fields.finish();
    if envelope.types.is_empty() && !(on.is_empty() && deleted.is_empty()) {
        diagnostics.push(
            Diagnostic::error(
                file,
                Some(node.place),
                "This hint goes by types of event, and nothing says where the type of an event is.",
            )
            .hint("say where it is: `event: { type: type }`, or `event: { type: header:x-topic }`"),
        );
    }
    let account = account.and_then(|text| Dotted::read(file, &text, node.place, diagnostics));
    let keys = keys.iter().filter_map(|(text, place)| Dotted::read(file, text, *place, diagnostics));
    let key = KeyPath::of(keys.collect())?;
    let verified = read_verified(file, verified.as_deref(), node.place, diagnostics).unwrap_or(of.verified);
    let of = FetchOf { parts: key.len(), verified, ..of };
    Some(HintSpec {
        on: TypePattern::read_all(file, &on, diagnostics),
        deleted: TypePattern::read_all(file, &deleted, diagnostics),
        key,
        account,
        verified,
        fetch: fetch.and_then(|node| read_fetch(of, node, diagnostics)),
    })
}
