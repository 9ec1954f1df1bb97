//! (change, ruleset) → plan. Evaluates `each:`, `when:` and `lane:` only; mapping happens when a run is claimed.
//! It promises: same in, same out; a rule that fails gives a failed run and the other rules are planned all the same.
//! Called by the stage that applies events, by replay and by rehearsals.

use super::rule::{Condition, Rule, Ruleset};
use super::{items, scope};
use crate::domain::{ChangeKind, Verdict, VerdictCode, View};
use crate::expr::{Engine, EvalError, Scope};
use serde_json::Value;
use std::sync::Arc;

/// A change with effect, and the states around it.
#[derive(Clone, Debug)]
pub struct ChangeContext {
    /// Name of the source.
    pub source: String,
    /// Other doors that bodies of this account came in by, where the store knows some: a rule `from:` any door of an
    /// account sees its changes.
    pub doors: Vec<String>,
    /// The account that the booking belongs to (`source.account`).
    pub account: String,
    /// Kind of the record that changed: `booking`, `item`.
    pub about: String,
    /// What it was.
    pub kind: ChangeKind,
    /// Changed paths.
    pub paths: Vec<String>,
    /// The booking after it.
    pub booking: Arc<Value>,
    /// The booking before.
    pub previous: Option<Arc<Value>>,
    /// The bookings before and after it, where it was rebooked or took another's place.
    pub chain: Neighbours,
    /// Common view of it.
    pub view: View,
    /// The run's fixed `now`.
    pub at: crate::domain::Millis,
    /// Id of the event, for messages.
    pub event: String,
}

/// What is known of a booking's neighbours in a chain of rebookings.
#[derive(Clone, Debug, Default)]
pub struct Neighbours {
    /// Key of the booking whose place it took.
    pub before_key: Option<String>,
    /// Key of the booking that took its place.
    pub after_key: Option<String>,
    /// The booking before, where it is known here.
    pub before: Option<Arc<Value>>,
    /// The booking after, where it is known here.
    pub after: Option<Arc<Value>>,
    /// Its own body tells once more of the rebooking that the new booking's told already.
    pub again: bool,
    /// It comes out now that it is an older one of a chain, of which a newer one is known already: that one may have a
    /// record of its own, so there may be nobody to take over this one's.
    pub parted: bool,
}

/// One run that a change leads to.
#[derive(Clone, Debug)]
pub struct Planned {
    /// Name of the rule.
    pub rule: String,
    /// Key of the item, else empty.
    pub item: String,
    /// `change.kind` as asked for (`cancelled` for a rebooked one; `removed`, `added`, `changed` for items).
    pub asked: String,
    /// What `lane:` gave, where the rule has one.
    pub lane: Option<String>,
    /// Connection of its first step.
    pub connection: String,
    /// Whether it supersedes.
    pub supersedes: bool,
    /// It goes in the lane of the booking of its chain that was known first.
    pub moves: bool,
    /// Run, or an end at once.
    pub state: PlannedState,
}

/// How it starts.
#[derive(Clone, Debug, PartialEq)]
pub enum PlannedState {
    /// It waits.
    Wait,
    /// Nothing to send.
    Skip(Verdict),
    /// An expression failed.
    Fail(Verdict),
}

/// What became of an item: the words of `on:` and of `change.kind`.
pub(super) const ADDED: &str = "added";
pub(super) const CHANGED: &str = "changed";
pub(super) const REMOVED: &str = "removed";

impl Ruleset {
    /// All runs that a change leads to, rules in the order of their names, items in their order. Rules that don't ask
    /// for this kind of change give nothing.
    pub fn plan(&self, change: &ChangeContext) -> Vec<Planned> {
        let mut runs = Vec::new();
        let sees = |rule: &&Arc<Rule>| rule.enabled && rule.about == change.about && self.sees(rule, change);
        for rule in self.rules.values().filter(sees) {
            let asked = if change.chain.parted && rule.moves && rule.each.is_none() {
                rule.asks_for(ChangeKind::Rebooked)
            } else {
                asked_of(rule, change)
            };
            self.plan_into(rule, change, asked, &mut runs);
        }
        runs
    }

    /// The same for one rule and a booking as it stands, whatever the change was (apply; `asked` is what
    /// [`Rule::asks_for_present`] gave).
    pub fn plan_rule(&self, rule: &Arc<Rule>, asked: &str, change: &ChangeContext) -> Vec<Planned> {
        let mut runs = Vec::new();
        self.plan_into(rule, change, Some(asked), &mut runs);
        runs
    }

    /// Whether a rule hears of changes that came in by this door: its own, or another of the same account of the same
    /// connector, be it that the source's file says so or that the store saw it.
    pub fn sees(&self, rule: &Rule, change: &ChangeContext) -> bool {
        if rule.from.iter().any(|name| *name == change.source || change.doors.contains(name)) {
            return true;
        }
        let Some(door) = self.sources.get(&change.source) else { return false };
        rule.from.iter().filter_map(|name| self.sources.get(name)).any(|source| {
            source.connector.name == door.connector.name
                && source.account.as_ref().is_some_and(|account| *account == change.account)
        })
    }

    fn plan_into(
        &self,
        rule: &Arc<Rule>,
        change: &ChangeContext,
        asked: Option<&str>,
        runs: &mut Vec<Planned>,
    ) {
        let asks_for_items = [ADDED, CHANGED, REMOVED]
            .into_iter()
            .any(|what| change.kind.has_effect() && rule.asks_for_items(what));
        if asked.is_none() && !asks_for_items {
            return;
        }
        let planner = Planner {
            ruleset: self,
            rule,
            change,
            base: scope::of_change(self, change, asked.unwrap_or(change.kind.as_str())),
        };
        match (&rule.each, asked) {
            (Some(_), _) => planner.each(asked, runs),
            (None, Some(asked)) => match planner.not_for_a_rebooked_one() {
                // The newer one may have a record of its own: whether this one's is to be ended is seen when it is sent.
                Some(_) if rule.moves && change.chain.parted => {
                    runs.push(Planned { supersedes: false, ..planner.one("", asked, &planner.base) });
                }
                Some(why) => runs.push(planner.left_alone(asked, why)),
                None => runs.push(planner.one("", asked, &planner.base)),
            },
            (None, None) => {}
        }
    }
}

struct Planner<'p> {
    ruleset: &'p Ruleset,
    rule: &'p Rule,
    change: &'p ChangeContext,
    base: Scope,
}

impl Planner<'_> {
    /// Why a rule has nothing to do with a booking that was rebooked.
    fn not_for_a_rebooked_one(&self) -> Option<String> {
        let chain = &self.change.chain;
        let ends = self.change.kind == ChangeKind::Rebooked;
        // Whatever is told of it from then on, the new booking's runs are in its lane.
        if self.rule.moves && (ends || chain.after_key.is_some()) {
            let new = chain.after_key.as_deref().unwrap_or("another booking");
            let waits =
                if chain.after.is_some() { "" } else { "; that one's own webhook had not come by then" };
            return Some(format!(
                "The booking was rebooked: {new} takes over its record, as the rule says \
                 (`rebooking: move`){waits}."
            ));
        }
        (ends && chain.again && !self.rule.repeatable).then(|| {
            "The new booking's webhook told of this rebooking already, and what the rule makes is not made twice."
                .to_owned()
        })
    }

    /// Ends at once, and leaves what is in its lane alone.
    fn left_alone(&self, asked: &str, why: String) -> Planned {
        let state = PlannedState::Skip(Verdict::new(VerdictCode::NothingToSend, why));
        Planned { supersedes: false, ..self.planned("", asked, None, state) }
    }

    fn each(&self, asked: Option<&str>, runs: &mut Vec<Planned>) {
        let Some(each) = &self.rule.each else { return };
        let engine = &self.ruleset.engine;
        // Items have other keys in the new booking, so nothing of theirs can be moved: those of the old one leave.
        let first_word = self.change.kind == ChangeKind::Rebooked && !self.change.chain.again;
        let leaves = self.rule.moves && first_word;
        if let Some(why) = self.not_for_a_rebooked_one().filter(|_| !leaves) {
            runs.extend(asked.map(|asked| self.left_alone(asked, why)));
            return;
        }
        let present = match items::read(engine, each, &self.base) {
            Ok(items) => items,
            Err(sentence) => {
                let text =
                    told(&self.rule.file, each.line, &format!("{sentence}{}", in_event(&self.change.event)));
                let verdict = Verdict::new(VerdictCode::Mapping, text);
                let asked = asked.unwrap_or(self.change.kind.as_str());
                runs.push(self.planned("", asked, None, PlannedState::Fail(verdict)));
                return;
            }
        };
        let former_scope = self.change.previous.as_ref().map(|previous| self.former_scope(previous));
        // A former state that the expression can't read has no items: what is there now is new.
        let former = former_scope
            .as_ref()
            .and_then(|scope| items::read(engine, each, scope).ok())
            .unwrap_or_else(items::Items::none);
        let (present, former) = if leaves { (items::Items::none(), present) } else { (present, former) };
        let before = runs.len();
        for (key, item) in present.iter() {
            let what = asked.or_else(|| self.what_became_of(key, former.find(key), item));
            if let Some(what) = what {
                runs.push(self.of_item(key, what, item));
            }
        }
        for (key, item) in items::gone(&present, &former) {
            if self.rule.asks_for_items(REMOVED) {
                runs.push(self.of_item(key, REMOVED, item));
            } else if asked.is_some() {
                let text = format!(
                    "The {} {key} is not in the booking any more, and the rule does not ask for \
                     `{}.removed`.",
                    each.name, each.name
                );
                let verdict = Verdict::new(VerdictCode::ItemRemoved, text);
                runs.push(self.planned(key, REMOVED, None, PlannedState::Skip(verdict)));
            }
        }
        if let Some(asked) = asked
            && runs.len() == before
        {
            let text = format!("`each: {}` has no items in this booking.", each.list.text().trim());
            let verdict = Verdict::new(VerdictCode::NothingToSend, text);
            runs.push(self.planned("", asked, None, PlannedState::Skip(verdict)));
        }
    }

    /// What became of a present item, where the rule asks for that.
    fn what_became_of(&self, key: &str, former: Option<&Value>, item: &Value) -> Option<&'static str> {
        let within = self.rule.each.as_ref().and_then(|each| items::paths_of(each, key, &self.change.paths));
        let what = match (former, within) {
            (None, _) => ADDED,
            (Some(_), Some(within)) if !within.is_empty() => CHANGED,
            (Some(former), None) if former != item => CHANGED,
            (Some(_), _) => return None,
        };
        self.rule.asks_for_items(what).then_some(what)
    }

    fn of_item(&self, key: &str, asked: &str, item: &Value) -> Planned {
        let mut scope = self.base.clone();
        if let Some(each) = &self.rule.each {
            scope.set(&each.name, Arc::new(item.clone()));
        }
        scope.set("change", of_item(self.rule, self.change, asked, key));
        self.one(key, asked, &scope)
    }

    fn former_scope(&self, previous: &Arc<Value>) -> Scope {
        items::former_scope(&self.base, &self.change.about, previous)
    }

    fn one(&self, item: &str, asked: &str, scope: &Scope) -> Planned {
        let engine = &self.ruleset.engine;
        if let Some(when) = &self.rule.when {
            match holds(engine, when, scope) {
                Ok(true) => {}
                Ok(false) => {
                    let verdict = when_verdict(self.rule, when);
                    return self.planned(item, asked, None, PlannedState::Skip(verdict));
                }
                Err(error) => {
                    let verdict = Verdict::new(
                        VerdictCode::Mapping,
                        when_failed(self.rule, when, &self.change.event, &error),
                    );
                    return self.planned(item, asked, None, PlannedState::Fail(verdict));
                }
            }
        }
        match self.lane(scope) {
            Ok(lane) => self.planned(item, asked, lane, PlannedState::Wait),
            Err(text) => {
                let verdict = Verdict::new(VerdictCode::Mapping, text);
                self.planned(item, asked, None, PlannedState::Fail(verdict))
            }
        }
    }

    fn lane(&self, scope: &Scope) -> Result<Option<String>, String> {
        let Some(lane) = &self.rule.lane else { return Ok(None) };
        let why = match lane.template.evaluate(&self.ruleset.engine, scope) {
            Ok(Ok(Value::String(text))) if !text.trim().is_empty() => return Ok(Some(text)),
            Ok(Ok(value @ (Value::Number(_) | Value::Bool(_)))) => return Ok(Some(value.to_string())),
            Ok(_) => "it came to nothing".to_owned(),
            Err(error) => error.to_string(),
        };
        let event = in_event(&self.change.event);
        Err(told(&self.rule.file, lane.line, &format!("`lane` failed{event}: {why}")))
    }

    fn planned(&self, item: &str, asked: &str, lane: Option<String>, state: PlannedState) -> Planned {
        Planned {
            rule: self.rule.name.clone(),
            item: item.to_owned(),
            asked: asked.to_owned(),
            lane,
            connection: self.rule.steps.first().map(|step| step.connection.clone()).unwrap_or_default(),
            supersedes: self.rule.supersedes,
            moves: self.rule.moves && self.rule.each.is_none(),
            state,
        }
    }
}

/// How a rule asks for a change. One that moves records sees the first of a new booking as the rebooking that it is for the
/// record; one without `each:` may ask for what became of the items.
fn asked_of<'r>(rule: &'r Rule, change: &ChangeContext) -> Option<&'r str> {
    let named = |kind: ChangeKind| rule.on.iter().map(String::as_str).find(|word| *word == kind.as_str());
    let takes_over = rule.moves
        && rule.each.is_none()
        && change.kind == ChangeKind::Created
        && change.chain.before_key.is_some();
    if let Some(rebooked) = named(ChangeKind::Rebooked).filter(|_| takes_over) {
        return Some(rebooked);
    }
    let asked = rule.asks_for(change.kind);
    asked
        .or_else(|| named(ChangeKind::Updated).filter(|_| takes_over))
        .or_else(|| asked_of_items(rule, change))
}

/// The first word of `on:` about items that holds.
fn asked_of_items<'r>(rule: &'r Rule, change: &ChangeContext) -> Option<&'r str> {
    if !change.kind.has_effect() {
        return None;
    }
    rule.lists.iter().find_map(|children| {
        let previous = change.previous.as_deref();
        let became = items::became(children, previous, &change.booking, &change.paths);
        rule.on.iter().map(String::as_str).find(|word| match word.split_once('.') {
            Some((name, what)) if name == children.name => match what {
                ADDED => became.added,
                CHANGED => became.changed,
                _ => became.removed,
            },
            _ => false,
        })
    })
}

/// The value of `change` for an item: its paths are those within the item, where they are told apart.
pub(super) fn of_item(rule: &Rule, change: &ChangeContext, asked: &str, key: &str) -> Arc<Value> {
    let of_items = [ADDED, CHANGED, REMOVED].contains(&asked);
    let within =
        rule.each.as_ref().filter(|_| of_items).and_then(|each| items::paths_of(each, key, &change.paths));
    match within {
        Some(within) => {
            let within: Vec<String> = within.into_iter().filter(|path| !path.is_empty()).collect();
            scope::of_kind(change, asked, &within)
        }
        None => scope::of_kind(change, asked, &change.paths),
    }
}

/// Whether a condition is true. A lone path that is missing or null is not.
pub(super) fn holds(engine: &Engine, condition: &Condition, scope: &Scope) -> Result<bool, EvalError> {
    if let Some(path) = condition.expression.lone_path()
        && path.find(scope).is_none_or(Value::is_null)
    {
        return Ok(false);
    }
    engine.condition(&condition.expression, scope)
}

/// Why a run is skipped whose `when` is not true.
pub(super) fn when_verdict(rule: &Rule, when: &Condition) -> Verdict {
    let text = format!(
        "The rule's condition is not true: `{}` ({}, line {}).",
        shown(when.expression.text()),
        rule.file,
        when.line
    );
    Verdict::new(VerdictCode::When, text)
}

/// Why a run fails whose `when` can't be read.
pub(super) fn when_failed(rule: &Rule, when: &Condition, event: &str, error: &EvalError) -> String {
    told(&rule.file, when.line, &format!("the condition `when` failed{}: {error}", in_event(event)))
}

/// A sentence with its place in front: `guests.yaml:4: …`.
pub(super) fn told(file: &str, line: u32, sentence: &str) -> String {
    let end = if sentence.ends_with(['.', '?']) { "" } else { "." };
    format!("{file}:{line}: {sentence}{end}")
}

/// ` in evt_…`, or nothing where there is no event (rule tests).
pub(super) fn in_event(event: &str) -> String {
    if event.is_empty() { " in this booking".to_owned() } else { format!(" in {event}") }
}

/// An expression's text on one line, cut where it is long.
pub(super) fn shown(text: &str) -> String {
    /// Characters of an expression in a sentence.
    const CHARS_MAX: usize = 160;
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    if line.chars().count() <= CHARS_MAX {
        return line;
    }
    line.chars().take(CHARS_MAX).chain(['…']).collect()
}
