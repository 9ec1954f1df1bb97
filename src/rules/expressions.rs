//! Compiles the expressions and templates of a rule's file, and checks every path that they read against what its
//! sources, its earlier steps and the closed lists know. Mistakes are told where they stand within the YAML.

use super::change_words::{self, Compared, compared_with};
use super::names::{listed, word_length};
use super::rule_file::RuleFile;
use super::scope;
use crate::connectors::{Action, Known, Schema};
use crate::document::{Diagnostic, Node, Place, Yaml, suggest};
use crate::expr::{Expression, Part, Path, Segment, SyntaxError, Template};
use std::sync::Arc;

/// What `each:` brings into scope.
pub(super) struct Item {
    /// Its name.
    pub name: String,
    /// What each source of the rule knows of it, in the order of `RuleFile::sources`.
    pub schemas: Vec<Schema>,
}

/// What an expression may read.
pub(super) struct Names<'n> {
    words: Vec<String>,
    /// The steps before, where it belongs to a step.
    steps: Option<Earlier<'n>>,
}

/// The steps of a rule, as one of them sees them.
#[derive(Clone, Copy)]
pub(super) struct Earlier<'n> {
    /// Those before it, with their actions as far as these are known.
    pub before: &'n [(String, Option<Arc<Action>>)],
    /// The ids of all.
    pub all: &'n [String],
}

/// A text of the file under reading: where the node stands, and how far into its text the expression begins.
#[derive(Clone, Copy)]
struct Within<'n> {
    node: &'n Node,
    offset: usize,
}

impl RuleFile<'_> {
    /// The names that an expression may read; `steps` for those of a step.
    pub(super) fn names<'n>(&self, steps: Option<Earlier<'n>>) -> Names<'n> {
        let mut words: Vec<String> = scope::NAMES.map(str::to_owned).to_vec();
        words.push(self.about.clone());
        if self.about == scope::BOOKING {
            words.extend([scope::BEFORE, scope::AFTER].map(str::to_owned));
        }
        words.extend(self.item.as_ref().map(|item| item.name.clone()));
        words.extend(steps.is_some().then(|| scope::STEPS.to_owned()));
        Names { words, steps }
    }

    /// Compiles an expression that stands in YAML as it is, without `{{ }}`.
    pub(super) fn expression(&mut self, key: &str, node: &Node, names: &Names<'_>) -> Option<Expression> {
        let text = match &node.yaml {
            Yaml::Text(text) => text.as_str(),
            Yaml::Bool(true) => "true",
            Yaml::Bool(false) => "false",
            _ => {
                let message = format!("`{key}` must be an expression, and this is {}.", node.kind());
                self.error(
                    node.place,
                    message,
                    "write an expression, such as `present(booking.contact.email)`",
                );
                return None;
            }
        };
        let trimmed = text.trim();
        if trimmed.is_empty() {
            self.error(node.place, format!("`{key}` is empty."), "write an expression, or remove the line");
            return None;
        }
        if let Some(inner) = trimmed.strip_prefix("{{").and_then(|rest| rest.strip_suffix("}}")) {
            let message = format!("`{key}` is an expression already and takes no `{{{{ }}}}`.");
            self.error(node.place, message, format!("write `{key}: {}`", inner.trim()));
            return None;
        }
        let words: Vec<&str> = names.words.iter().map(String::as_str).collect();
        match self.world.engine.compile(text, &words) {
            Ok(expression) => {
                self.paths(Within { node, offset: 0 }, &expression, names);
                Some(expression)
            }
            Err(mistake) => {
                let misplaced = self
                    .world
                    .engine
                    .compile(text, &all_words(names))
                    .ok()
                    .and_then(|expression| misplaced(expression.paths(), names));
                self.mistake(node, mistake, misplaced);
                None
            }
        }
    }

    /// Compiles a text with `{{ }}`.
    pub(super) fn template(&mut self, node: &Node, text: &str, names: &Names<'_>) -> Option<Template> {
        let words: Vec<&str> = names.words.iter().map(String::as_str).collect();
        match Template::compile(self.world.engine, text, &words) {
            Ok(template) => {
                for part in &template.parts {
                    if let Part::Expression { expression, offset } = part {
                        self.paths(Within { node, offset: *offset }, expression, names);
                    }
                }
                Some(template)
            }
            Err(mistake) => {
                let misplaced =
                    Template::compile(self.world.engine, text, &all_words(names)).ok().and_then(|template| {
                        template.parts.iter().find_map(|part| match part {
                            Part::Expression { expression, offset } => misplaced(expression.paths(), names)
                                .map(|mut path| {
                                    path.at.0 += offset;
                                    path
                                }),
                            Part::Text(_) => None,
                        })
                    });
                self.mistake(node, mistake, misplaced);
                None
            }
        }
    }

    fn mistake(&mut self, node: &Node, mistake: SyntaxError, misplaced: Option<Path>) {
        if let Some(path) = misplaced {
            let place = node.place_within(self.text, path.at.0, path.root.len());
            let (message, hint) = if path.root == scope::STEPS {
                (
                    "`steps` is not known here: no step has run yet.",
                    "only `if:` and `with:` of a later step can read what a step answered",
                )
            } else {
                (
                    "`customer` is not known here: this rule has no `each:`.",
                    "add a line `each: booking.customers` for one run per customer",
                )
            };
            self.error(place, message, hint);
            return;
        }
        let rest = node.as_text().and_then(|text| text.get(mistake.offset..)).unwrap_or_default();
        let place = node.place_within(self.text, mistake.offset, word_length(rest) as usize);
        let way = "an expression looks like `present(booking.contact.email)` or `booking.receipt_total > 0`";
        let hint = mistake.hint.unwrap_or_else(|| way.to_owned());
        self.error(place, mistake.message, hint);
    }

    /// Checks every path that an expression reads.
    fn paths(&mut self, within: Within<'_>, expression: &Expression, names: &Names<'_>) {
        for path in expression.paths() {
            match path.root.as_str() {
                root if root == self.about || matches!(root, "previous" | scope::BEFORE | scope::AFTER) => {
                    let known = self.schemas.iter().map(|schema| schema.check(path)).collect();
                    self.payload_path(within, expression.text(), path, known);
                }
                "person" => self.closed(within, expression.text(), path, &scope::PERSON),
                "trip" => self.closed(within, expression.text(), path, &scope::TRIP),
                "change" => {
                    self.closed(within, expression.text(), path, &scope::CHANGE);
                    self.kinds_of_change(within, expression.text(), path);
                }
                "source" => self.closed(within, expression.text(), path, &scope::SOURCE),
                scope::STEPS => self.steps_path(within, expression.text(), path, names),
                root => {
                    let Some(item) = self.item.as_ref().filter(|item| item.name == root) else { continue };
                    let known = item.schemas.iter().map(|schema| schema.check(path)).collect();
                    self.payload_path(within, expression.text(), path, known);
                }
            }
        }
    }

    /// Whether a path may be a list, as far as the sources know.
    pub(super) fn is_list(&self, path: &Path) -> bool {
        let mut probe = path.clone();
        probe.segments.push(Segment::Index(0));
        self.schemas.iter().all(|schema| match schema.check(&probe) {
            Known::Yes => true,
            Known::No { segment, .. } => segment < path.segments.len(),
        })
    }

    /// A path of the payload: near a known one it is a slip; otherwise it may be a field that nobody has seen yet.
    fn payload_path(&mut self, within: Within<'_>, text: &str, path: &Path, known: Vec<Known>) {
        if let Some(Segment::Name(last)) = path.segments.last()
            && matches!(last.as_str(), "len" | "is_empty")
        {
            return;
        }
        let everywhere = known.iter().all(|known| matches!(known, Known::No { .. }));
        for (source, known) in self.sources.clone().iter().zip(known) {
            let Known::No { segment, near } = known else { continue };
            let place = segment_place(self.text, within, text, path, segment);
            let until = Path { segments: path.segments[..=segment].to_vec(), ..path.clone() };
            let message = format!(
                "{} {}s have no `{until}` that Waypost knows of (source {}).",
                source.connector.title, self.about, source.name
            );
            let told = match near.filter(|_| everywhere) {
                Some(near) => {
                    let mut meant = until;
                    meant.segments[segment] = Segment::Name(near);
                    Diagnostic::error(self.file, Some(place), message)
                        .hint(format!("did you mean `{meant}`?"))
                }
                None => Diagnostic::warning(self.file, Some(place), message).hint(format!(
                    "if {} does send it, name it under `extra_fields:` of {}",
                    source.connector.title, source.file
                )),
            };
            self.told.push(told);
        }
    }

    /// A text that `change.kind` is compared with and never is.
    fn kinds_of_change(&mut self, within: Within<'_>, text: &str, path: &Path) {
        for Compared { word, at } in compared_with(text, path) {
            if change_words::KINDS.contains(&word) {
                continue;
            }
            let place = within.node.place_within(self.text, within.offset + at, word.len().max(1));
            let hint = match suggest(word, change_words::KINDS) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("there is {}", listed(change_words::KINDS)),
            };
            let message = format!(
                "`change.kind` is never `{word}`, so what is asked here is always answered the same."
            );
            self.told.push(Diagnostic::warning(self.file, Some(place), message).hint(hint));
        }
    }

    /// A path into something whose names are all known.
    fn closed(&mut self, within: Within<'_>, text: &str, path: &Path, known: &[&str]) {
        let Some(Segment::Name(name) | Segment::Key(name)) = path.segments.first() else { return };
        if known.contains(&name.as_str()) {
            return;
        }
        let place = segment_place(self.text, within, text, path, 0);
        let root = &path.root;
        let hint = match suggest(name, known.iter().copied()) {
            Some(near) => format!("did you mean `{root}.{near}`?"),
            None => format!("there is {}", listed(known.iter().copied())),
        };
        self.error(place, format!("There is no `{root}.{name}`."), hint);
    }

    /// `steps.contact.id`: the step must be an earlier one, and its action must have that output.
    fn steps_path(&mut self, within: Within<'_>, text: &str, path: &Path, names: &Names<'_>) {
        let Some(earlier) = &names.steps else { return };
        let Some(Segment::Name(id) | Segment::Key(id)) = path.segments.first() else { return };
        let place = segment_place(self.text, within, text, path, 0);
        let Some((_, action)) = earlier.before.iter().find(|(known, _)| known == id) else {
            let before = || earlier.before.iter().map(|(known, _)| known.as_str());
            if earlier.all.contains(id) {
                let hint = "a step can read only the steps above it; move that one up";
                self.error(place, format!("The step `{id}` has not run yet when this is read."), hint);
                return;
            }
            let hint = match suggest(id, before()) {
                Some(near) => format!("did you mean `steps.{near}`?"),
                None if earlier.before.is_empty() => "there is no step above this one".to_owned(),
                None => format!("above this step there is {}", listed(before())),
            };
            self.error(place, format!("There is no step `{id}`."), hint);
            return;
        };
        let (Some(action), Some(Segment::Name(output) | Segment::Key(output))) =
            (action, path.segments.get(1))
        else {
            return;
        };
        let known = || action.outputs.keys().map(String::as_str);
        if known().any(|name| name == output) {
            return;
        }
        let place = segment_place(self.text, within, text, path, 1);
        let hint = match suggest(output, known()) {
            Some(near) => format!("did you mean `steps.{id}.{near}`?"),
            None if action.outputs.is_empty() => {
                format!("`{}` answers nothing that can be read; give it `outputs:`", action.name)
            }
            None => format!("there is {}", listed(known())),
        };
        self.error(place, format!("The step `{id}` has no output `{output}`."), hint);
    }
}

/// All names that are known anywhere in a rule: to tell a name in the wrong place from one that is unknown.
fn all_words<'n>(names: &'n Names<'_>) -> Vec<&'n str> {
    let mut words: Vec<&str> = names.words.iter().map(String::as_str).collect();
    for word in [scope::STEPS, scope::ITEM] {
        if !words.contains(&word) {
            words.push(word);
        }
    }
    words
}

/// The first path that begins with a name which is known, but not here.
fn misplaced(paths: &[Path], names: &Names<'_>) -> Option<Path> {
    paths.iter().find(|path| !names.words.contains(&path.root)).cloned()
}

/// Where a segment of a path stands in the file.
fn segment_place(source: &str, within: Within<'_>, text: &str, path: &Path, segment: usize) -> Place {
    let (start, length) = path.at;
    let shown = text.get(start..start + length).unwrap_or_default();
    let mut at = path.root.len().min(shown.len());
    let mut found = (0, length.max(1));
    for known in path.segments.iter().take(segment + 1) {
        match known {
            Segment::Name(name) | Segment::Key(name) => {
                let Some(next) = shown.get(at..).and_then(|rest| rest.find(name.as_str())) else { break };
                found = (at + next, name.len());
                at += next + name.len();
            }
            Segment::Index(_) | Segment::Unknown => {
                let Some(next) = shown.get(at..).and_then(|rest| rest.find(']')) else { break };
                at += next + 1;
            }
        }
    }
    within.node.place_within(source, within.offset + start + found.0, found.1)
}
