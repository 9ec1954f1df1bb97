//! Reads `fetch:` and `hint:` of a kind of record.

use super::action_read::read_call;
use super::answer_read::pointer_is_well;
use super::envelope::Envelope;
use super::event_type::TypePattern;
use super::fetch_spec::{FetchSpec, HintSpec};
use super::pattern::Dotted;
use super::templates::Compiling;
use crate::document::{Diagnostic, Fields, Node, Yaml};
use crate::expr::Engine;
use std::sync::Arc;

/// Names that templates of a fetch see.
const FETCH_NAMES: [&str; 2] = ["key", "account"];

/// What fetches are read with.
#[derive(Clone, Copy)]
pub(super) struct FetchOf<'r> {
    pub file: &'r str,
    /// `None`: a source that is described in its own file, which has no API to fetch from.
    pub engine: Option<&'r Engine>,
}

/// Reads `fetch:` of a kind of record, or of one of its hints.
pub(super) fn read_fetch(
    of: FetchOf<'_>,
    node: &Node,
    diagnostics: &mut Vec<Diagnostic>,
) -> Option<FetchSpec> {
    let FetchOf { file, engine } = of;
    let Some(engine) = engine else {
        diagnostics.push(
            Diagnostic::error(file, Some(node.place), "A source that is described in its own file can't be fetched from.")
                .hint("write connectors/NAME.yaml with `source:`, its `api:` and this part, and name it as the connector"),
        );
        return None;
    };
    let mut rest = node.clone();
    let mut taken = |key: &str| match &mut rest.yaml {
        Yaml::Map(entries) => {
            let at = entries.iter().position(|entry| entry.key == key)?;
            Some(entries.remove(at).value)
        }
        _ => None,
    };
    let (at, list) = (taken("at"), taken("list"));
    let mut pointer = |node: Option<Node>| {
        let node = node?;
        let text = node.as_text().unwrap_or("?").to_owned();
        (text.is_empty() || pointer_is_well(file, &text, node.place, diagnostics)).then_some(text)
    };
    let (at, list) = (pointer(at), pointer(list));
    let compiling = Compiling { file, engine, names: &FETCH_NAMES };
    let call = read_call(compiling, "a fetch", &rest, diagnostics)?;
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
    Some(FetchSpec { call: Arc::new(call), at, list })
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
    let key = fields.required_text("key");
    let account = fields.text("account");
    let fetch = fields.node("fetch");
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
    let mut dotted = |text: Option<String>| Dotted::read(file, &text?, node.place, diagnostics);
    let (key, account) = (dotted(key), dotted(account));
    Some(HintSpec {
        on: TypePattern::read_all(file, &on, diagnostics),
        deleted: TypePattern::read_all(file, &deleted, diagnostics),
        key: key?,
        account,
        fetch: fetch.and_then(|node| read_fetch(of, node, diagnostics)),
    })
}
