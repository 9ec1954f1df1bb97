//! Reads one rule's file. Reports all that is wrong with it; what it returns is used only where nothing was.

use super::expressions::{Item, Names};
use super::names::listed;
use super::rule::{Condition, Each, Lane, Rule};
use super::{rule_steps, scope};
use crate::connectors::{Children, Connection, RecordSpec, RetrySchedule, Schema, Source, read_retry};
use crate::document::{Diagnostic, Fields, Node, Place, Yaml, suggest};
use crate::domain::ChangeKind;
use crate::expr::{Engine, Segment};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// What a rule may name.
pub(super) struct World<'w> {
    pub engine: &'w Engine,
    /// Sources that could be read.
    pub sources: &'w BTreeMap<String, Arc<Source>>,
    /// Connections that could be read.
    pub connections: &'w BTreeMap<String, Arc<Connection>>,
    /// Names of all source files, also of those that could not be read.
    pub source_names: BTreeSet<&'w str>,
    /// Names of all connection files, also of those that could not be read.
    pub connection_names: BTreeSet<&'w str>,
}

/// One rule's file under reading.
pub(super) struct RuleFile<'r> {
    pub world: &'r World<'r>,
    pub file: &'r str,
    pub text: &'r str,
    pub told: Vec<Diagnostic>,
    /// The sources that `from:` names, as far as they could be read.
    pub sources: Vec<Arc<Source>>,
    /// The kind of record that it is about.
    pub about: String,
    /// What each of the sources knows of that kind, in their order.
    pub schemas: Vec<Schema>,
    /// What `each:` brings into scope.
    pub item: Option<Item>,
}

/// Kinds of change that a rule can ask for.
const KINDS: [ChangeKind; 5] = [
    ChangeKind::Created,
    ChangeKind::Updated,
    ChangeKind::Cancelled,
    ChangeKind::Rebooked,
    ChangeKind::Deleted,
];
/// What can become of an item.
const ITEM_KINDS: [&str; 3] = ["added", "changed", "removed"];

/// Reads a rule.
pub(super) fn read_rule(
    world: &World<'_>,
    file: &str,
    name: &str,
    text: &str,
    node: &Node,
    told: &mut Vec<Diagnostic>,
) -> Option<Rule> {
    let about = scope::BOOKING.to_owned();
    let mut reading =
        RuleFile { world, file, text, told: vec![], sources: vec![], about, schemas: vec![], item: None };
    let rule = reading.rule(name, node);
    told.append(&mut reading.told);
    rule
}

impl<'r> RuleFile<'r> {
    fn rule(&mut self, name: &str, node: &'r Node) -> Option<Rule> {
        if !matches!(node.yaml, Yaml::Map(_)) {
            Fields::new(self.file, "a rule", node, &mut self.told).finish();
            return None;
        }
        let mut fields = Fields::new(self.file, "a rule", node, &mut self.told);
        let title = fields.text("title");
        let from_node = fields.node("from");
        let about = fields.node("about");
        let on_node = fields.node("on");
        let when = fields.node("when");
        let each = fields.node("each");
        let steps_node = fields.node("steps");
        let lane = fields.node("lane");
        let latest_only = fields.boolean("latest_only");
        let retry_node = fields.node("retry");
        let enabled = fields.boolean("enabled").unwrap_or(true);
        let rebooking = fields.node("rebooking");
        let was_node = fields.node("was");
        fields.finish();

        let from = self.from(node, from_node);
        self.about(about);
        let each = each.and_then(|node| self.each(node));
        let (on, lists) = self.on(on_node, each.as_ref());
        let names = self.names(None);
        let when = when.and_then(|node| self.condition("when", node, &names));
        let lane = lane.and_then(|node| self.lane(node, &names));
        let retry = retry_node.map(|node| self.retry(node));
        let moves = self.rebooking(rebooking);
        let was = was_node.and_then(|node| self.was(node));
        let steps = rule_steps::read(self, node, steps_node);
        let mut rule = Rule {
            name: name.to_owned(),
            file: self.file.to_owned(),
            title: title.unwrap_or_else(|| name.to_owned()),
            enabled,
            was: was.as_ref().map(|(was, _)| was.clone()),
            was_at: was,
            from,
            about: self.about.clone(),
            on,
            when,
            each,
            lists,
            moves,
            lane,
            latest_only,
            retry,
            steps,
            supersedes: false,
            repeatable: false,
        };
        rule.repeatable = self.repeats(&rule);
        self.check_moves(&rule, rebooking);
        // A lane of the rule's own may hold several bookings: what is newer of one says nothing of another.
        let own_lane = rule.lane.is_some();
        rule.supersedes = rule.latest_only.unwrap_or_else(|| !own_lane && Self::converges(&rule));
        Some(rule)
    }

    pub(super) fn error(&mut self, place: Place, message: impl Into<String>, hint: impl Into<String>) {
        self.told.push(Diagnostic::error(self.file, Some(place), message).hint(hint));
    }

    fn from(&mut self, rule: &Node, node: Option<&'r Node>) -> Vec<String> {
        let known = listed(self.world.source_names.iter().copied());
        let way = if known.is_empty() {
            "there is no source yet: write one into sources/, as a file of its own".to_owned()
        } else {
            format!("there is {known}")
        };
        let Some(node) = node else {
            self.error(
                rule.place,
                "A rule has no `from`: it names the source whose changes it is about.",
                way,
            );
            return Vec::new();
        };
        let named = self.texts("from", node);
        if named.is_empty() && matches!(node.yaml, Yaml::Null | Yaml::List(_)) {
            self.error(node.place, "`from` names no source.", way.clone());
        }
        let mut from = Vec::new();
        for (name, place) in named {
            if let Some(source) = self.world.sources.get(&name) {
                self.sources.push(Arc::clone(source));
            } else if !self.world.source_names.contains(name.as_str()) {
                let near = suggest(&name, self.world.source_names.iter().copied());
                let hint = near.map_or_else(|| way.clone(), |near| format!("did you mean `{near}`?"));
                self.error(place, format!("There is no source `{name}`."), hint);
            }
            if !from.contains(&name) {
                from.push(name);
            }
        }
        from
    }

    /// A text or a list of texts; anything else is reported.
    fn texts(&mut self, key: &str, node: &Node) -> Vec<(String, Place)> {
        let items = match &node.yaml {
            Yaml::List(items) => items.as_slice(),
            Yaml::Null => &[],
            _ => std::slice::from_ref(node),
        };
        let mut texts = Vec::new();
        for item in items {
            match item.as_text() {
                Some(text) => texts.push((text.trim().to_owned(), item.place)),
                None => self.error(
                    item.place,
                    format!("`{key}` must be a text or a list of texts, and this is {}.", item.kind()),
                    format!("write `{key}: [one, another]`"),
                ),
            }
        }
        texts
    }

    /// What it asks for, and the lists whose items it names without `each:`.
    fn on(&mut self, node: Option<&'r Node>, each: Option<&Each>) -> (Vec<String>, Vec<Children>) {
        let default = || ["created", "updated", "cancelled"].map(str::to_owned).to_vec();
        let Some(node) = node else { return (default(), Vec::new()) };
        let asked = self.texts("on", node);
        if asked.is_empty() && matches!(node.yaml, Yaml::Null | Yaml::List(_)) {
            let hint = "name some: `on: [created, updated, cancelled]`, or remove the line for these three";
            self.error(
                node.place,
                "`on` names no kind of change, so the rule would never do anything.",
                hint,
            );
        }
        let all = self.all_children();
        let names: Vec<&str> = match each {
            Some(each) => vec![each.name.as_str()],
            None => all.iter().map(|children| children.name.as_str()).collect(),
        };
        let of_items: Vec<String> = names
            .iter()
            .flat_map(|name| ITEM_KINDS.iter().map(move |kind| format!("{name}.{kind}")))
            .collect();
        let mut on = Vec::new();
        let mut lists: Vec<Children> = Vec::new();
        for (word, place) in asked {
            if !of_items.contains(&word) && !KINDS.iter().any(|kind| kind.as_str() == word) {
                let known = KINDS.iter().map(|kind| kind.as_str()).chain(of_items.iter().map(String::as_str));
                let hint = match suggest(&word, known.clone()) {
                    Some(near) => format!("did you mean `{near}`?"),
                    None => format!("there is {}", listed(known)),
                };
                self.error(place, format!("`{word}` is no kind of change that a rule can ask for."), hint);
            }
            if word == ChangeKind::Rebooked.as_str()
                && let Some(source) = self.sources.first()
                && !self.sources.iter().any(|source| rebooks(source))
            {
                let message =
                    format!("{} tells of no rebookings, so this is never so.", source.connector.title);
                let hint = "take the word out; there, a booking that is moved is `updated`";
                self.told.push(Diagnostic::warning(self.file, Some(place), message).hint(hint));
            }
            let named = word.split_once('.').map(|(name, _)| name).filter(|_| each.is_none());
            for children in all.iter().filter(|children| Some(children.name.as_str()) == named) {
                if !lists.contains(children) {
                    lists.push(children.clone());
                }
            }
            if !on.contains(&word) {
                on.push(word);
            }
        }
        (on, lists)
    }

    /// `about:`, which must be a kind of record that all of its sources tell of.
    fn about(&mut self, node: Option<&Node>) {
        if let Some(node) = node {
            let kinds = |source: &Source| -> Vec<String> {
                let records = source.connector.source.iter().flat_map(|spec| &spec.records);
                records.map(|record| record.kind.clone()).collect()
            };
            match node.as_text().map(str::trim).filter(|kind| !kind.is_empty()) {
                None => {
                    let message = format!("`about` must be a kind of record, and this is {}.", node.kind());
                    self.error(node.place, message, "write `about: item`, or remove the line for bookings");
                }
                Some(kind) => {
                    kind.clone_into(&mut self.about);
                    for source in self.sources.clone() {
                        let known = kinds(&source);
                        if known.iter().any(|known| known == kind) {
                            continue;
                        }
                        let message = format!(
                            "{} tells of no `{kind}` (source {}).",
                            source.connector.title, source.name
                        );
                        let hint = match suggest(kind, known.iter().map(String::as_str)) {
                            Some(near) => format!("did you mean `{near}`?"),
                            None => format!("there is {}", listed(known.iter().map(String::as_str))),
                        };
                        self.error(node.place, message, hint);
                    }
                }
            }
        }
        let schema = |source: &Arc<Source>| {
            let record = source.connector.source.as_ref().and_then(|spec| spec.record(&self.about));
            match record {
                Some(record) if self.about != scope::BOOKING => record.schema.clone(),
                _ => source.schema.clone(),
            }
        };
        self.schemas = self.sources.iter().map(schema).collect();
    }

    pub(super) fn condition(&mut self, key: &str, node: &'r Node, names: &Names<'_>) -> Option<Condition> {
        let expression = self.expression(key, node, names)?;
        Some(Condition { expression, line: node.place.line })
    }

    fn lane(&mut self, node: &'r Node, names: &Names<'_>) -> Option<Lane> {
        let Some(text) = node.as_text().filter(|text| !text.trim().is_empty()) else {
            let hint = "write what names it, such as `lane: \"{{ booking.contact.email }}\"`";
            self.error(node.place, format!("`lane` must be a text, and this is {}.", node.kind()), hint);
            return None;
        };
        if !text.contains("{{") {
            let hint = "put an expression in: `lane: \"{{ booking.contact.email }}\"`";
            let message =
                "This lane is the same for all bookings, so their runs would all wait for each other.";
            self.told.push(Diagnostic::warning(self.file, Some(node.place), message).hint(hint));
        }
        let template = self.template(node, text, names)?;
        Some(Lane { template, line: node.place.line })
    }

    fn retry(&mut self, node: &'r Node) -> RetrySchedule {
        read_retry(self.file, node, &RetrySchedule::default(), &mut self.told)
    }

    fn rebooking(&mut self, node: Option<&Node>) -> bool {
        let Some(node) = node else { return false };
        if node.as_text() != Some("move") {
            self.error(
                node.place,
                "`rebooking` knows only `move`.",
                "write `rebooking: move`, or remove the line",
            );
            return false;
        }
        let told = |source: &Arc<Source>| {
            let record = source.connector.source.as_ref().and_then(|spec| spec.record(&self.about));
            record.is_some_and(|record| record.chain.is_some())
        };
        if !self.sources.is_empty() && !self.sources.iter().any(told) {
            let message =
                "None of this rule's sources tells of rebookings, so `rebooking: move` has no effect.";
            self.told.push(
                Diagnostic::warning(self.file, Some(node.place), message)
                    .hint("remove the line, or give the connector's record a `chain:`"),
            );
        }
        true
    }

    /// A record that is moved must stay one record: its key must stay, or the action must be able to give it another.
    fn check_moves(&mut self, rule: &Rule, node: Option<&Node>) {
        let Some(node) = node.filter(|_| rule.moves) else { return };
        if rule.each.is_some() {
            let message = "With `each:`, `rebooking: move` moves nothing: customers get other keys in the new \
                           booking, so those of the old one are removed and the new ones added.";
            self.told.push(
                Diagnostic::warning(self.file, Some(node.place), message)
                    .hint("remove the line; ask for `customer.removed` to hear of those that leave"),
            );
            return;
        }
        for step in &rule.steps {
            let action = self.world.connections.get(&step.connection);
            let Some(action) = action.and_then(|connection| connection.actions.get(&step.action)) else {
                continue;
            };
            if action.repeatable && action.update.is_none() && !action.key.is_empty() {
                let message = format!(
                    "`rebooking: move` keeps the record of the step `{}` only while its key stays the same: \
                     `{}.{}` can't give a record another key.",
                    step.id, step.connection, step.action
                );
                self.told.push(Diagnostic::warning(self.file, Some(node.place), message).hint(
                    "give the action an `update:` that goes by `{{ link.id }}`, or a key that both bookings have",
                ));
            }
        }
    }

    fn was(&mut self, node: &Node) -> Option<(String, Place)> {
        let Some(name) = node.as_text().map(str::trim).filter(|name| !name.is_empty()) else {
            self.error(
                node.place,
                format!("`was` must be a name, and this is {}.", node.kind()),
                "write the name that it had before, or remove the line",
            );
            return None;
        };
        Some((name.strip_suffix(".yaml").unwrap_or(name).to_owned(), node.place))
    }

    fn each(&mut self, node: &'r Node) -> Option<Each> {
        let names = self.names(None);
        let expression = self.expression("each", node, &names)?;
        let path = expression.paths().first().cloned();
        let Some(path) = path.filter(|path| path.root == self.about || path.root == "previous") else {
            let lists = self.lists();
            let hint = if lists.is_empty() {
                "name a list of the booking, such as `each: booking.customers`".to_owned()
            } else {
                format!("name a list of the booking: {}", listed(lists.iter().map(String::as_str)))
            };
            self.error(node.place, "`each` must name a list of the booking.", hint);
            return None;
        };
        if expression.lone_path().is_some() && !self.is_list(&path) {
            let lists = self.lists();
            let hint = if lists.is_empty() {
                "name a list of the booking".to_owned()
            } else {
                format!("there is {}", listed(lists.iter().map(String::as_str)))
            };
            self.error(node.place, format!("`{path}` is no list."), hint);
            return None;
        }
        let dotted: Vec<&str> = path
            .segments
            .iter()
            .map_while(|segment| match segment {
                Segment::Name(name) | Segment::Key(name) => Some(name.as_str()),
                _ => None,
            })
            .collect();
        let children = self.children(node.place, &dotted.join("."));
        let name = children.as_ref().map_or(scope::ITEM, |children| children.name.as_str()).to_owned();
        let list = dotted.join(".");
        let schemas = self.schemas.iter().map(|schema| schema.child(&list).unwrap_or_default()).collect();
        self.item = Some(Item { name: name.clone(), schemas });
        let whole = expression.lone_path().is_some() && path.root == self.about;
        Some(Each {
            path: whole.then_some(list),
            list: expression,
            name,
            key: children.map(|children| children.key),
            line: node.place.line,
        })
    }

    /// Lists with known children, as `each:` names them.
    fn lists(&self) -> Vec<String> {
        let mut lists: Vec<String> = self
            .sources
            .iter()
            .flat_map(|source| children_of(source, &self.about))
            .map(|children| format!("{}.{}", self.about, children.list))
            .collect();
        lists.dedup();
        lists
    }

    /// What all sources know of the items of a list; where they know different keys, one rule can't serve them.
    fn children(&mut self, place: Place, list: &str) -> Option<Children> {
        let mut found: Option<Children> = None;
        for source in self.sources.clone() {
            let about = self.about.clone();
            let Some(children) = children_of(&source, &about).find(|children| children.list == list) else {
                continue;
            };
            match &found {
                Some(first) if first != children => {
                    let message = format!(
                        "The sources of this rule tell the items of `{}.{list}` apart by different keys.",
                        self.about
                    );
                    self.error(place, message, "write one rule for each source");
                    return found;
                }
                _ => found = Some(children.clone()),
            }
        }
        found
    }

    /// What all sources know of lists with items.
    fn all_children(&self) -> Vec<Children> {
        let mut all: Vec<Children> = Vec::new();
        for children in self.sources.iter().flat_map(|source| children_of(source, &self.about)) {
            if !all.contains(children) {
                all.push(children.clone());
            }
        }
        all
    }

    /// All steps are upserts.
    fn repeats(&self, rule: &Rule) -> bool {
        rule.steps.iter().all(|step| {
            self.world
                .connections
                .get(&step.connection)
                .and_then(|connection| connection.actions.get(&step.action))
                .is_some_and(|action| action.repeatable)
        })
    }

    /// All steps are upserts, and no expression reads `change`, `previous` or `now`.
    fn converges(rule: &Rule) -> bool {
        rule.repeatable && !["change", "previous", "now"].iter().any(|name| rule.reads(name))
    }
}

fn children_of<'s>(source: &'s Source, about: &str) -> impl Iterator<Item = &'s Children> {
    source
        .connector
        .source
        .iter()
        .filter_map(move |spec| spec.record(about))
        .flat_map(|record| &record.children)
}

/// Whether a source tells of rebookings.
fn rebooks(source: &Source) -> bool {
    let spec = source.connector.source.as_ref();
    spec.is_some_and(|spec| spec.records.iter().any(RecordSpec::tells_of_rebookings))
}
