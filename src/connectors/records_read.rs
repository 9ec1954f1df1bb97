//! Reads the `source:` part of a manifest: kinds of record, and headers that are stored.

use super::chain::read_chain;
use super::content::Content;
use super::guide::read_guide;
use super::kind::read_conditions;
use super::manifest::{Verified, read_verified};
use super::pattern::{Dotted, Pattern};
use super::records::{Children, RecordSpec};
use super::schema::Schema;
use super::shape::Shape;
use super::source::SourceSpec;
use super::view::ViewSpec;
use crate::document::{Diagnostic, Fields, Node, Place, Yaml};
use std::collections::BTreeMap;

/// Reads `source:`. `None` where nothing usable is left.
pub(super) fn read_source_spec(
    file: &str,
    node: &Node,
    verified: Verified,
    diagnostics: &mut Vec<Diagnostic>,
) -> Option<SourceSpec> {
    let mut fields = Fields::new(file, "the source side", node, diagnostics);
    let headers = fields.texts("headers");
    let records = fields.node("records");
    let types = fields.node("types");
    let guide = fields.node("guide");
    let account_help = fields.text("account_help").unwrap_or_default();
    let place = fields.place();
    fields.finish();
    let mut named = BTreeMap::new();
    match types.map(|types| (&types.yaml, types)) {
        None => {}
        Some((Yaml::Map(entries), _)) => named.extend(entries.iter().map(|e| (e.key.clone(), &e.value))),
        Some((_, types)) => diagnostics.push(
            Diagnostic::error(file, Some(types.place), "`types` must be a map of names to schemas.")
                .hint("write `types: { company: { name: text } }`"),
        ),
    }
    let items = match records.map(|records| &records.yaml) {
        Some(Yaml::List(items)) if !items.is_empty() => items.as_slice(),
        _ => {
            diagnostics.push(
                Diagnostic::error(
                    file,
                    Some(records.map_or(place, |records| records.place)),
                    "The source side has no list of `records`.",
                )
                .hint("write `records:` and below it `- kind: booking` with what it needs"),
            );
            return None;
        }
    };
    let records: Vec<RecordSpec> =
        items.iter().filter_map(|item| read_record(file, item, &named, verified, diagnostics)).collect();
    let headers = headers.into_iter().map(|(name, _)| name.to_ascii_lowercase()).collect();
    let guide = guide.and_then(|node| read_guide(file, node, verified, diagnostics));
    (!records.is_empty()).then_some(SourceSpec { records, headers, guide, account_help })
}

fn read_record(
    file: &str,
    node: &Node,
    types: &BTreeMap<String, &Node>,
    verified: Verified,
    diagnostics: &mut Vec<Diagnostic>,
) -> Option<RecordSpec> {
    let mut fields = Fields::new(file, "a kind of record", node, diagnostics);
    let kind = fields.required_text("kind");
    let own_verified = fields.text("verified");
    let at = fields.text("at").unwrap_or_default();
    let at_place = fields.place();
    let key = fields.required_text("key");
    let account = fields.text("account");
    let version = fields.text("version");
    let status = fields.text("status");
    let changes = fields.node("changes");
    let children = fields.node("children");
    let sets = fields.node("sets");
    let noise = fields.texts("noise");
    let shapes = fields.node("shapes");
    let never_stored = fields.texts("never_stored");
    let view = fields.node("view");
    let search = fields.texts("search");
    let chain = fields.node("chain");
    let schema = fields.node("schema");
    if !at.is_empty() && !at.starts_with('/') {
        fields.report(
            Diagnostic::error(file, Some(at_place), format!("`at: {at}` is no JSON pointer."))
                .hint(format!("write `at: /{at}`, or leave it out where the body is the record itself")),
        );
    }
    if version.as_deref().is_some_and(|version| version != "arrival") {
        fields.report(
            Diagnostic::error(file, Some(at_place), "Only `version: arrival` is built so far.")
                .hint("write `version: arrival`, or leave the line out"),
        );
    }
    fields.finish();
    let mut dotted =
        |text: Option<String>| text.and_then(|text| Dotted::read(file, &text, node.place, diagnostics));
    let (key, account, status) = (dotted(key), dotted(account), dotted(status));
    let chain = chain.map(|node| read_chain(file, node, status.as_ref(), diagnostics));
    let children = read_children(file, children, diagnostics);
    let mut content = Content { noise: patterns(file, &noise, diagnostics), sets: Vec::new() };
    for child in &children {
        if let Ok(pattern) = Pattern::parse(&child.list) {
            content.sets.push((pattern, child.key.clone()));
        }
    }
    content.sets.extend(read_sets(file, sets, diagnostics));
    Some(RecordSpec {
        kind: kind?,
        schema: schema.map(|node| Schema::read(file, node, types, diagnostics)).unwrap_or_default(),
        children,
        chain,
        verified: read_verified(file, own_verified.as_deref(), node.place, diagnostics).unwrap_or(verified),
        at,
        key: key?,
        account,
        status,
        changes: changes.map(|node| read_conditions(file, node, diagnostics)).unwrap_or_default(),
        content,
        shapes: read_shapes(file, shapes, diagnostics),
        never_stored: patterns(file, &never_stored, diagnostics),
        view: view.map(|node| ViewSpec::read(file, node, diagnostics)).unwrap_or_default(),
        search: patterns(file, &search, diagnostics),
    })
}

fn patterns(file: &str, texts: &[(String, Place)], diagnostics: &mut Vec<Diagnostic>) -> Vec<Pattern> {
    texts.iter().filter_map(|(text, place)| Pattern::read(file, text, *place, diagnostics)).collect()
}

fn items<'n>(file: &str, key: &str, node: Option<&'n Node>, diagnostics: &mut Vec<Diagnostic>) -> &'n [Node] {
    match node.map(|node| (&node.yaml, node)) {
        None => &[],
        Some((Yaml::List(items), _)) => items,
        Some((_, node)) => {
            let message = format!("`{key}` must be a list, and this is {}.", node.kind());
            diagnostics.push(Diagnostic::error(file, Some(node.place), message));
            &[]
        }
    }
}

fn read_children(file: &str, node: Option<&Node>, diagnostics: &mut Vec<Diagnostic>) -> Vec<Children> {
    let mut children = Vec::new();
    for item in items(file, "children", node, diagnostics) {
        let mut fields = Fields::new(file, "children", item, diagnostics);
        let list = fields.required_text("list");
        let key = fields.required_text("key");
        let name = fields.required_text("name");
        fields.finish();
        if let (Some(list), Some(key), Some(name)) = (list, key, name)
            && Dotted::read(file, &list, item.place, diagnostics).is_some()
            && Dotted::read(file, &key, item.place, diagnostics).is_some()
        {
            children.push(Children { list, key, name });
        }
    }
    children
}

fn read_sets(file: &str, node: Option<&Node>, diagnostics: &mut Vec<Diagnostic>) -> Vec<(Pattern, String)> {
    let mut sets = Vec::new();
    for item in items(file, "sets", node, diagnostics) {
        let mut fields = Fields::new(file, "a set", item, diagnostics);
        let list = fields.required_text("list");
        let key = fields.required_text("key");
        fields.finish();
        let pattern = list.and_then(|list| Pattern::read(file, &list, item.place, diagnostics));
        sets.extend(pattern.zip(key));
    }
    sets
}

fn read_shapes(file: &str, node: Option<&Node>, diagnostics: &mut Vec<Diagnostic>) -> Vec<Shape> {
    let mut shapes = Vec::new();
    for item in items(file, "shapes", node, diagnostics) {
        let mut fields = Fields::new(file, "a shape", item, diagnostics);
        let _ = fields.required_text("name");
        let absent = fields.texts("absent");
        let present = fields.texts("present");
        let keep = fields.texts("keep");
        let same = fields.text("same");
        fields.finish();
        let mut dotted = |texts: Vec<(String, Place)>| -> Vec<Dotted> {
            texts.iter().filter_map(|(text, place)| Dotted::read(file, text, *place, diagnostics)).collect()
        };
        let (absent, present) = (dotted(absent), dotted(present));
        if absent.is_empty() && present.is_empty() {
            diagnostics.push(
                Diagnostic::error(
                    file,
                    Some(item.place),
                    "A shape does not say how its bodies are recognised.",
                )
                .hint("name paths that they never have in `absent:`, or always have in `present:`"),
            );
            continue;
        }
        for (text, place) in keep.iter().filter(|(text, _)| text.contains("**")) {
            diagnostics.push(
                Diagnostic::error(file, Some(*place), format!("`{text}` is too wide for what is kept."))
                    .hint("name the map, and `*` for all of its keys: `availability.*`"),
            );
        }
        shapes.push(Shape { absent, present, keep: patterns(file, &keep, diagnostics), same });
    }
    shapes
}
