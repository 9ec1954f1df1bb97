//! Reads the `source:` part of a manifest: kinds of record, and headers that are stored.

use super::chain::read_chain;
use super::content::Content;
use super::envelope::Envelope;
use super::envelope_read::{read_envelope, read_header_name};
use super::event_type::TypePattern;
use super::fetch_read::{FetchOf, read_fetch, read_hints};
use super::guide::read_guide;
use super::kind::read_conditions;
use super::manifest::{Verified, read_verified};
use super::pattern::{Dotted, KeyPath, Pattern};
use super::records::{Children, RecordSpec};
use super::schema::Schema;
use super::shape::Shape;
use super::sign_in_read::{read_offered, read_published};
use super::silence::read_silence;
use super::source_api_read::read_api_spec;
use super::source_spec::SourceSpec;
use super::subscriptions_read::read_subscriptions;
use super::version::{Version, read_version};
use super::view::ViewSpec;
use super::walk::WalkSpec;
use super::walk_read::read_walk;
use super::words::Words;
use crate::document::{Diagnostic, Fields, Node, Place, Yaml};
use crate::expr::Engine;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Reads `source:`. `None` where nothing usable is left.
pub(super) fn read_source_spec(
    file: &str,
    node: &Node,
    verified: Verified,
    engine: &Engine,
    diagnostics: &mut Vec<Diagnostic>,
) -> Option<SourceSpec> {
    let mut fields = Fields::new(file, "the source side", node, diagnostics);
    let own = fields.boolean("own").unwrap_or(false);
    let api = fields.node("api");
    let subscriptions = fields.node("subscriptions");
    let sign_in = fields.node("sign_in");
    let addresses = fields.texts("addresses");
    let walk = fields.node("walk");
    let silence = fields.node("silence");
    let parts = SourceParts::take(&mut fields);
    let place = fields.place();
    fields.finish();
    let spec = if own {
        parts.without_records(file, verified, diagnostics)
    } else {
        parts.read(file, place, (verified, engine), diagnostics)?
    };
    let api = api.and_then(|node| read_api_spec(file, node, engine, diagnostics)).map(Arc::new);
    let subscriptions =
        subscriptions.and_then(|node| read_subscriptions(file, node, engine, diagnostics)).map(Arc::new);
    let sign_in = sign_in.map(|node| read_offered(file, node, diagnostics)).unwrap_or_default();
    let addresses = read_published(file, &addresses, diagnostics);
    let silence = silence.and_then(|node| read_silence(file, node, verified, diagnostics));
    let walk = walk
        .and_then(|node| read_walk_of(&spec, (file, node), (verified, engine), diagnostics))
        .map(Arc::new);
    Some(SourceSpec { sign_in, addresses, silence, api, subscriptions, walk, ..spec })
}

/// Reads `walk:` of a source side that has been read.
pub(super) fn read_walk_of(
    spec: &SourceSpec,
    (file, node): (&str, &Node),
    (verified, engine): (Verified, &Engine),
    diagnostics: &mut Vec<Diagnostic>,
) -> Option<WalkSpec> {
    let walk = read_walk(file, node, verified, engine, diagnostics)?;
    let fetch = spec.record(&walk.kind).and_then(|record| record.fetch.as_ref());
    if fetch.is_some_and(|fetch| !fetch.also.is_empty()) {
        let told = "A walk does not make the further calls of a fetch, so that what it finds would differ.";
        let hint = format!("take `also:` out of the fetch of `{}`, or take this walk out", walk.kind);
        diagnostics.push(Diagnostic::error(file, Some(node.place), told).hint(hint));
    }
    Some(walk)
}

/// Headers that say what a body is written in: always kept.
const WRITTEN_IN: [&str; 2] = ["content-type", "content-encoding"];

/// The keys of a source side. They stand below `source:` of a manifest, or among the other keys of a source that is
/// described in its own file.
pub(super) struct SourceParts<'n> {
    headers: Vec<(String, Place)>,
    event: Option<&'n Node>,
    records: Option<&'n Node>,
    types: Option<&'n Node>,
    guide: Option<&'n Node>,
    account_help: String,
}

impl<'n> SourceParts<'n> {
    /// Takes them out of a map's keys.
    pub(super) fn take(fields: &mut Fields<'n, '_>) -> Self {
        Self {
            headers: fields.texts("headers"),
            event: fields.node("event"),
            records: fields.node("records"),
            types: fields.node("types"),
            guide: fields.node("guide"),
            account_help: fields.text("account_help").unwrap_or_default(),
        }
    }

    /// Of a connector whose sources say the rest themselves.
    fn without_records(
        self,
        file: &str,
        verified: Verified,
        diagnostics: &mut Vec<Diagnostic>,
    ) -> SourceSpec {
        for node in [self.event, self.records, self.types].into_iter().flatten() {
            diagnostics.push(
                Diagnostic::error(
                    file,
                    Some(node.place),
                    "With `own: true` each source says in its own file what its bodies tell.",
                )
                .hint("remove this part, or the line `own: true`"),
            );
        }
        SourceSpec {
            own: true,
            records: Vec::new(),
            envelope: Envelope::default(),
            headers: Vec::new(),
            sign_in: Vec::new(),
            addresses: Vec::new(),
            guide: self.guide.and_then(|node| read_guide(file, node, verified, diagnostics)),
            account_help: self.account_help,
            silence: None,
            api: None,
            subscriptions: None,
            walk: None,
        }
    }

    /// Of a source's own file. One without records takes webhooks in, and tells that nothing is read of them yet.
    pub(super) fn read_own(
        self,
        file: &str,
        place: Place,
        (verified, engine): (Verified, &Engine),
        diagnostics: &mut Vec<Diagnostic>,
    ) -> Option<SourceSpec> {
        if self.records.is_some() || self.event.is_some() {
            return self.read(file, place, (verified, engine), diagnostics);
        }
        diagnostics.push(
            Diagnostic::warning(
                file,
                Some(place),
                "This source does not say yet what its bodies tell: what comes is stored, and becomes no booking.",
            )
            .hint("send one, look at it with `waypost events`, and write `records:` as the README shows; then replay it"),
        );
        let guide = self.guide.and_then(|node| read_guide(file, node, verified, diagnostics));
        Some(SourceSpec {
            own: false,
            records: Vec::new(),
            envelope: Envelope::default(),
            headers: WRITTEN_IN.map(str::to_owned).to_vec(),
            sign_in: Vec::new(),
            addresses: Vec::new(),
            guide,
            account_help: self.account_help,
            silence: None,
            api: None,
            subscriptions: None,
            walk: None,
        })
    }

    /// `None` where nothing usable is left.
    pub(super) fn read(
        self,
        file: &str,
        place: Place,
        (verified, engine): (Verified, &Engine),
        diagnostics: &mut Vec<Diagnostic>,
    ) -> Option<SourceSpec> {
        let mut named = BTreeMap::new();
        match self.types.map(|types| (&types.yaml, types)) {
            None => {}
            Some((Yaml::Map(entries), _)) => named.extend(entries.iter().map(|e| (e.key.clone(), &e.value))),
            Some((_, types)) => diagnostics.push(
                Diagnostic::error(file, Some(types.place), "`types` must be a map of names to schemas.")
                    .hint("write `types: { company: { name: text } }`"),
            ),
        }
        let items = match self.records.map(|records| &records.yaml) {
            Some(Yaml::List(items)) if !items.is_empty() => items.as_slice(),
            _ => {
                diagnostics.push(
                    Diagnostic::error(
                        file,
                        Some(self.records.map_or(place, |records| records.place)),
                        "The source side has no list of `records`.",
                    )
                    .hint("write `records:` and below it `- kind: booking` with what it needs"),
                );
                return None;
            }
        };
        let envelope = self.event.map(|node| read_envelope(file, node, diagnostics)).unwrap_or_default();
        let reading = RecordReading { file, types: &named, envelope: &envelope, verified, engine };
        let records: Vec<RecordSpec> =
            items.iter().filter_map(|item| read_record(&reading, item, diagnostics)).collect();
        let mut headers: Vec<String> = self
            .headers
            .iter()
            .filter_map(|(name, place)| read_header_name(file, name, *place, diagnostics))
            .collect();
        // What a body is written in, and what the envelope reads, is kept whether it is listed or not.
        for name in WRITTEN_IN.into_iter().chain(envelope.headers()) {
            if !headers.iter().any(|known| known == name) {
                headers.push(name.to_owned());
            }
        }
        let guide = self.guide.and_then(|node| read_guide(file, node, verified, diagnostics));
        let account_help = self.account_help;
        (!records.is_empty()).then_some(SourceSpec {
            own: false,
            records,
            envelope,
            headers,
            sign_in: Vec::new(),
            addresses: Vec::new(),
            guide,
            account_help,
            silence: None,
            api: None,
            subscriptions: None,
            walk: None,
        })
    }
}

/// What all kinds of record of one source side are read with.
struct RecordReading<'r> {
    file: &'r str,
    types: &'r BTreeMap<String, &'r Node>,
    envelope: &'r Envelope,
    verified: Verified,
    engine: &'r Engine,
}

/// A type of several parts has a `/` between them: a pattern that ends in another way names none.
fn check_parts(file: &str, on: &[(String, Place)], envelope: &Envelope, diagnostics: &mut Vec<Diagnostic>) {
    if envelope.types.len() < 2 {
        return;
    }
    for (pattern, place) in on.iter().filter(|(pattern, _)| pattern.contains('.') && !pattern.contains('/')) {
        let message =
            format!("The parts of a type are joined by `/`, and `{pattern}` has none: it names no type.");
        let hint = format!("did you mean `{}`?", pattern.replacen('.', "/", 1));
        diagnostics.push(Diagnostic::warning(file, Some(*place), message).hint(hint));
    }
}

fn read_record(
    reading: &RecordReading<'_>,
    node: &Node,
    diagnostics: &mut Vec<Diagnostic>,
) -> Option<RecordSpec> {
    let RecordReading { file, types, envelope, verified, engine } = *reading;
    let mut fields = Fields::new(file, "a kind of record", node, diagnostics);
    let kind = fields.required_text("kind");
    let own_verified = fields.text("verified");
    let at = fields.text("at").unwrap_or_default();
    let at_place = fields.place();
    let keys = fields.texts("key");
    if keys.is_empty() {
        fields.report(
            Diagnostic::error(file, Some(node.place), "A kind of record has no `key`.")
                .hint("say where its key stands: `key: id`, or `key: [event, code]` where it takes both"),
        );
    }
    let account = fields.text("account");
    let on = fields.texts("on");
    let version = fields.node("version");
    let status = fields.node("status");
    let status_on = fields.node("status_on");
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
    let (fetch, hint) = (fields.node("fetch"), fields.node("hint"));
    if !at.is_empty() && !at.starts_with('/') {
        fields.report(
            Diagnostic::error(file, Some(at_place), format!("`at: {at}` is no JSON pointer."))
                .hint(format!("write `at: /{at}`, or leave it out where the body is the record itself")),
        );
    }
    fields.finish();
    let account = account.and_then(|text| Dotted::read(file, &text, node.place, diagnostics));
    let (status, status_words) = read_status(file, status, diagnostics);
    let keys: Vec<Dotted> =
        keys.iter().filter_map(|(text, place)| Dotted::read(file, text, *place, diagnostics)).collect();
    let key = KeyPath::of(keys);
    let chain = chain.map(|node| read_chain(file, node, status.as_ref(), diagnostics));
    let children = read_children(file, children, diagnostics);
    let mut content = Content { noise: patterns(file, &noise, diagnostics), sets: Vec::new() };
    for child in &children {
        if let Ok(pattern) = Pattern::parse(&child.list) {
            content.sets.push((pattern, child.key.clone()));
        }
    }
    content.sets.extend(read_sets(file, sets, diagnostics));
    let verified = read_verified(file, own_verified.as_deref(), node.place, diagnostics).unwrap_or(verified);
    let of = FetchOf { file, engine, parts: key.as_ref().map_or(1, KeyPath::len), verified };
    if let (Some(hint), None) = (hint, fetch) {
        diagnostics.push(
            Diagnostic::error(
                file,
                Some(hint.place),
                "What is only hinted at has to be fetched, and nothing says how.",
            )
            .hint("add `fetch: { method: GET, path: \"/bookings/{{ key }}\" }`"),
        );
    }
    check_parts(file, &on, envelope, diagnostics);
    let on = TypePattern::read_all(file, &on, diagnostics);
    let status_on = status_on.map(|node| read_status_on(file, node, diagnostics)).unwrap_or_default();
    if envelope.types.is_empty() && !(on.is_empty() && status_on.is_empty()) {
        diagnostics.push(
            Diagnostic::error(
                file,
                Some(node.place),
                "This kind of record goes by types of event, and nothing says where the type of an event is.",
            )
            .hint("say where it is: `event: { type: type }`, or `event: { type: header:x-topic }`"),
        );
    }
    let version_place = version.map_or(node.place, |version| version.place);
    let version = read_version(file, version, diagnostics);
    if version == Version::Event && envelope.time.is_none() {
        diagnostics.push(
            Diagnostic::error(
                file,
                Some(version_place),
                "`version: event` goes by the time of events, and nothing says where that is.",
            )
            .hint("say where it is: `event: { time: timestamp }`"),
        );
    }
    Some(RecordSpec {
        on,
        any_case: envelope.any_case,
        version,
        status_on,
        kind: kind?,
        schema: schema.map(|node| Schema::read(file, node, types, diagnostics)).unwrap_or_default(),
        children,
        chain,
        verified,
        at,
        key: key?,
        account,
        status,
        status_words,
        changes: changes.map(|node| read_conditions(file, node, diagnostics)).unwrap_or_default(),
        content,
        shapes: read_shapes(file, shapes, diagnostics),
        never_stored: patterns(file, &never_stored, diagnostics),
        never_stored_texts: never_stored.into_iter().map(|(text, _)| text).collect(),
        view: view.map(|node| ViewSpec::read(file, node, diagnostics)).unwrap_or_default(),
        search: patterns(file, &search, diagnostics),
        hints: hint.map(|node| read_hints(of, node, envelope, diagnostics)).unwrap_or_default(),
        fetch: fetch.and_then(|node| read_fetch(of, node, diagnostics)),
    })
}

/// `status: state`, or `status: { from: state, words: { p: paid } }`.
fn read_status(
    file: &str,
    node: Option<&Node>,
    diagnostics: &mut Vec<Diagnostic>,
) -> (Option<Dotted>, Words) {
    let Some(node) = node else { return (None, Words::default()) };
    match &node.yaml {
        Yaml::Map(_) => {
            let mut fields = Fields::new(file, "a status", node, diagnostics);
            let (from, words) = (fields.required_text("from"), fields.node("words"));
            fields.finish();
            let words = words.map(|node| Words::read(file, node, diagnostics)).unwrap_or_default();
            (from.and_then(|text| Dotted::read(file, &text, node.place, diagnostics)), words)
        }
        Yaml::Text(text) => (Dotted::read(file, text, node.place, diagnostics), Words::default()),
        _ => {
            let message = format!("`status` is a path or a map, and this is {}.", node.kind());
            diagnostics.push(
                Diagnostic::error(file, Some(node.place), message)
                    .hint("write `status: state`, or `status: { from: state, words: { p: paid } }`"),
            );
            (None, Words::default())
        }
    }
}

/// A map of types to statuses.
fn read_status_on(file: &str, node: &Node, diagnostics: &mut Vec<Diagnostic>) -> Vec<(TypePattern, String)> {
    let Yaml::Map(entries) = &node.yaml else {
        let message = format!("`status_on` is a map of types of event, and this is {}.", node.kind());
        diagnostics.push(
            Diagnostic::error(file, Some(node.place), message)
                .hint("write `status_on: { booking_cancelled: cancelled }`"),
        );
        return Vec::new();
    };
    let mut read = Vec::new();
    for entry in entries {
        match entry.value.as_text().filter(|word| !word.trim().is_empty()) {
            Some(word) => read.extend(
                TypePattern::read(file, &entry.key, entry.place, diagnostics)
                    .map(|pattern| (pattern, word.to_owned())),
            ),
            None => diagnostics.push(
                Diagnostic::error(file, Some(entry.value.place), "The status that a type says is one word.")
                    .hint(format!("write `{}: cancelled`", entry.key)),
            ),
        }
    }
    read
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
