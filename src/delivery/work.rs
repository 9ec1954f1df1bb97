//! One run in hand: which step is next, and what it would send. Computes only; knows no store and no network.

use crate::connectors::{Action, CallContext, Connection};
use crate::domain::{BY_REBOOKING, RunEvent, RunState, StepProgress, StepState, Verdict, VerdictCode};
use crate::ports::{DueRun, LinkRow, LinkWrite, RunRow};
use crate::rules::{ChangeContext, MapError, Mapped, Neighbours, Rule, Ruleset, RunContext, StepMapping};
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::sync::Arc;

/// A run in hand.
#[derive(Clone)]
pub(super) struct Work {
    /// What the store gave.
    pub due: DueRun,
    /// The ruleset it goes by: pinned once begun, else the active one.
    pub ruleset: Arc<Ruleset>,
    /// Its rule in that ruleset.
    pub rule: Arc<Rule>,
    /// What its expressions see.
    pub context: RunContext,
    /// Its steps.
    pub steps: Vec<StepProgress>,
    /// Links to be written with whatever comes of it.
    pub pending_links: Vec<LinkWrite>,
    /// Links of its booking and of those that it takes over, in the connection that it is claimed for, and of newer ones where
    /// it looks whether they have a record of their own; else empty.
    pub inherited: Vec<LinkRow>,
    /// Bytes of the booking, as text.
    pub bytes: usize,
    /// Fields of steps, by index, that were mapped as the run was taken and that no answer changes.
    ready: BTreeMap<usize, Map<String, Value>>,
}

/// What is next.
pub(super) enum Next {
    /// This step, with these fields.
    Send(Sending),
    /// Nothing: the run ends, or needs a person.
    End(RunEvent, Option<Verdict>),
}

/// A step about to be sent.
pub(super) struct Sending {
    /// Index of the step.
    pub step: usize,
    /// Its mapped fields.
    pub fields: Map<String, Value>,
    /// Hash of them.
    pub hash: String,
    /// The action, as pinned.
    pub action: Arc<Action>,
}

impl Work {
    /// Takes a run in hand. `active` is the active ruleset, `pinned` the one that a begun run goes by.
    pub fn take(
        mut due: DueRun,
        active: &Arc<Ruleset>,
        pinned: Option<Arc<Ruleset>>,
    ) -> Result<Self, (DueRun, Next)> {
        let begun = pinned.is_some();
        let ruleset = pinned.unwrap_or_else(|| active.clone());
        let rule = rule_of(&ruleset, &due.run.rule).filter(|rule| begun || rule.enabled).cloned();
        let Some(rule) = rule else {
            let text =
                format!("the rule \"{}\" was switched off or deleted before anything was sent", due.run.rule);
            let verdict = Verdict::new(VerdictCode::RuleOff, text);
            return Err((due, Next::End(RunEvent::Cancel, Some(verdict))));
        };
        if let Some(verdict) = left_to_a_newer_booking(&rule, &due) {
            return Err((due, Next::End(RunEvent::Supersede, Some(verdict))));
        }
        let context = match context_of(&due, &ruleset) {
            Ok(context) => context,
            Err(why) => {
                let verdict = Verdict::new(VerdictCode::Mapping, why);
                return Err((due, Next::End(RunEvent::Fail, Some(verdict))));
            }
        };
        // Read; not carried along with the call.
        let bytes = due.body.len() + due.previous.as_ref().map_or(0, String::len);
        due.body = String::new();
        due.previous = None;
        (due.chain.before, due.chain.after) = (None, None);
        let steps = merge_steps(&rule, &due.run.steps);
        let mut work = Self {
            due,
            ruleset,
            rule,
            context,
            steps,
            pending_links: Vec::new(),
            inherited: Vec::new(),
            bytes,
            ready: BTreeMap::new(),
        };
        work.tell_outputs();
        if !begun {
            match guarded(|| work.ruleset.begin(&work.rule, &work.context)) {
                Ok(Mapped::Go(ready)) => work.ready = ready,
                Ok(Mapped::Skip(verdict)) => {
                    return Err((work.due, Next::End(RunEvent::Skip, Some(verdict))));
                }
                Err(error) => {
                    let verdict = Verdict::new(VerdictCode::Mapping, error.message);
                    return Err((work.due, Next::End(RunEvent::Fail, Some(verdict))));
                }
            }
        }
        Ok(work)
    }

    /// The next step to send; steps left out on the way are marked.
    pub fn next(&mut self) -> Next {
        for index in 0..self.steps.len() {
            if self.steps[index].state != StepState::Waiting {
                continue;
            }
            let mapped = match self.ready.remove(&index) {
                Some(fields) => Ok(StepMapping::Send(fields)),
                None => guarded(|| self.ruleset.map_step(&self.rule, index, &self.context)),
            };
            match mapped {
                Err(error) => {
                    self.steps[index].state = StepState::Failed;
                    return Next::End(RunEvent::Fail, Some(Verdict::new(error.code, error.message)));
                }
                Ok(StepMapping::LeftOut(verdict)) => self.leave_out(index, verdict),
                Ok(StepMapping::Send(fields)) => {
                    let step = &self.rule.steps[index];
                    let action = self
                        .ruleset
                        .connections
                        .get(&step.connection)
                        .and_then(|connection| connection.actions.get(&step.action));
                    let Some(action) = action.cloned() else {
                        let text = format!("the connection \"{}\" is not there any more", step.connection);
                        let verdict = Verdict::new(VerdictCode::ConnectionGone, text);
                        return Next::End(RunEvent::Hold, Some(verdict));
                    };
                    let hash = hash_of(&self.steps[index].uses, &fields);
                    return Next::Send(Sending { step: index, fields, hash, action });
                }
            }
        }
        self.finished()
    }

    /// All steps are through: done, or nothing was to be sent.
    fn finished(&self) -> Next {
        let by_hand = |verdict: &Verdict| verdict.code == VerdictCode::ByHand;
        let sent = self
            .steps
            .iter()
            .any(|step| step.state == StepState::Done && step.verdict.as_ref().is_none_or(by_hand));
        if sent || self.steps.is_empty() {
            return Next::End(RunEvent::Finish, None);
        }
        let verdict_of = |code| {
            self.steps.iter().filter_map(|step| step.verdict.as_ref()).find(|verdict| verdict.code == code)
        };
        if let Some(stale) = verdict_of(VerdictCode::Stale) {
            return Next::End(RunEvent::Supersede, Some(stale.clone()));
        }
        if let Some(unchanged) = verdict_of(VerdictCode::Unchanged) {
            return Next::End(RunEvent::Skip, Some(unchanged.clone()));
        }
        let why = self.steps.iter().find_map(|step| step.verdict.as_ref());
        let text = match why {
            Some(verdict) => format!("nothing to send: {}", verdict.text),
            None => "nothing to send: no step applies".to_owned(),
        };
        Next::End(RunEvent::Skip, Some(Verdict::new(VerdictCode::NothingToSend, text)))
    }

    /// The run's row as its begin wrote it: working, one revision on.
    pub fn begun(&self) -> RunRow {
        let mut run = self.due.run.clone();
        run.state = RunState::Working;
        run.revision += 1;
        run
    }

    /// A step is done.
    pub fn step_done(&mut self, index: usize, outputs: BTreeMap<String, Value>, verdict: Option<Verdict>) {
        mark_done(&mut self.steps[index], outputs, verdict);
        self.tell_outputs();
    }

    fn leave_out(&mut self, index: usize, verdict: Verdict) {
        let step = &mut self.steps[index];
        step.state = StepState::Skipped;
        step.verdict = Some(verdict);
        self.tell_outputs();
    }

    fn tell_outputs(&mut self) {
        self.context.outputs = self
            .steps
            .iter()
            .filter(|step| step.state == StepState::Done)
            .map(|step| (step.id.clone(), step.outputs.clone()))
            .collect();
        self.context.left_out = self
            .steps
            .iter()
            .filter(|step| step.state == StepState::Skipped)
            .map(|step| step.id.clone())
            .collect();
    }

    /// What the action's templates see. `run` and `step` are the same in all tries.
    pub fn call_context(&self, sending: &Sending, link_id: Option<&str>) -> CallContext {
        let run = &self.due.run;
        let step = &self.steps[sending.step];
        CallContext {
            input: sending.fields.clone(),
            run: json!({
                "id": run.id, "rule": run.rule, "booking": self.due.key.key, "item": run.item,
                "event": self.due.event, "source": self.due.source,
            }),
            step: json!({ "id": step.id, "ref": format!("{}.{}", run.id, step.id) }),
            link: link_id.map_or(Value::Null, |id| json!({ "id": id })),
            output: Value::Object(step.outputs.clone().into_iter().collect()),
        }
    }

    /// Whether the connection of a step is there, as now configured.
    pub fn connection_now<'r>(&self, step: usize, active: &'r Arc<Ruleset>) -> Option<&'r Arc<Connection>> {
        active.connections.get(&self.rule.steps[step].connection)
    }
}

/// A step is done.
pub(super) fn mark_done(step: &mut StepProgress, outputs: BTreeMap<String, Value>, verdict: Option<Verdict>) {
    step.state = StepState::Done;
    step.outputs = outputs;
    step.verdict = verdict;
    step.known_id = None;
    step.started_over = false;
}

/// The rule of a run: by its name, or the one that says that it had this name before.
pub(super) fn rule_of<'r>(ruleset: &'r Ruleset, name: &str) -> Option<&'r Arc<Rule>> {
    ruleset.rules.get(name).or_else(|| ruleset.rules.values().find(|rule| rule.was.as_deref() == Some(name)))
}

/// Where the rule moves records, the booking that took this one's place has its record now. A call whose outcome is open is
/// made sure of first.
fn left_to_a_newer_booking(rule: &Rule, due: &DueRun) -> Option<Verdict> {
    let moved = rule.moves && rule.each.is_none() && !due.chain.newer.is_empty();
    if !moved || due.run.uncertain || due.run.as_it_was || due.run.trigger == BY_REBOOKING {
        return None;
    }
    let new = due.chain.after_key.as_deref().unwrap_or("another booking");
    let text = format!("the booking was rebooked: {new} takes over its record");
    Some(Verdict::new(VerdictCode::Superseded, text))
}

/// Mapping by which nobody else is harmed: a panic fails this run alone.
fn guarded<T>(map: impl FnOnce() -> Result<T, MapError>) -> Result<T, MapError> {
    std::panic::catch_unwind(std::panic::AssertUnwindSafe(map)).unwrap_or_else(|_| {
        let message =
            "a mistake of Waypost came up while the fields were mapped; please report it".to_owned();
        Err(MapError { message, line: None, code: VerdictCode::Mapping })
    })
}

/// Steps of the rule with what the run knows of them, matched by id.
fn merge_steps(rule: &Rule, known: &[StepProgress]) -> Vec<StepProgress> {
    rule.steps
        .iter()
        .map(|step| {
            let uses = format!("{}.{}", step.connection, step.action);
            let was = known.iter().find(|k| k.id == step.id || Some(&k.id) == step.was.as_ref());
            match was {
                Some(was) if was.state == StepState::Done => {
                    StepProgress { id: step.id.clone(), ..was.clone() }
                }
                Some(was) if was.uses == uses => StepProgress {
                    id: step.id.clone(),
                    state: StepState::Waiting,
                    verdict: None,
                    ..was.clone()
                },
                _ => StepProgress {
                    id: step.id.clone(),
                    uses,
                    state: StepState::Waiting,
                    attempts: was.map_or(0, |was| was.attempts),
                    calls_done: 0,
                    outputs: BTreeMap::new(),
                    known_id: None,
                    started_over: false,
                    verdict: None,
                },
            }
        })
        .collect()
}

fn context_of(due: &DueRun, ruleset: &Arc<Ruleset>) -> Result<RunContext, String> {
    let read = |text: &str| {
        serde_json::from_str::<Value>(text)
            .map_err(|error| format!("the stored booking of {} can't be read: {error}", due.event))
    };
    let booking = read(&due.body)?;
    let previous = due.previous.as_deref().map(read).transpose()?.map(Arc::new);
    let neighbour = |text: &Option<String>| text.as_deref().map(read).transpose().map(|it| it.map(Arc::new));
    let chain = Neighbours {
        before_key: due.chain.before_key.clone(),
        after_key: due.chain.after_key.clone(),
        before: neighbour(&due.chain.before)?,
        after: neighbour(&due.chain.after)?,
        again: false,
        parted: false,
    };
    let spec = ruleset
        .catalogue
        .connectors
        .get(&due.key.connector)
        .and_then(|connector| connector.source.as_ref()?.record(&due.key.kind));
    let view = spec.map(|spec| spec.view(&booking)).unwrap_or_default();
    Ok(RunContext {
        change: ChangeContext {
            source: due.source.clone(),
            doors: Vec::new(),
            account: due.key.account.clone(),
            about: due.key.kind.clone(),
            kind: due.kind,
            paths: due.paths.clone(),
            booking: Arc::new(booking),
            previous,
            chain,
            view,
            at: due.at,
            event: due.event.to_string(),
        },
        asked: due.run.asked.clone(),
        item: due.run.item.clone(),
        outputs: BTreeMap::new(),
        left_out: Vec::new(),
    })
}

/// The context of a run, for `explain`.
pub(super) fn explain_context(due: &DueRun, ruleset: &Arc<Ruleset>) -> Result<RunContext, String> {
    let mut context = context_of(due, ruleset)?;
    for step in &due.run.steps {
        match step.state {
            StepState::Done => {
                context.outputs.insert(step.id.clone(), step.outputs.clone());
            }
            StepState::Skipped => context.left_out.push(step.id.clone()),
            StepState::Waiting | StepState::Failed => {}
        }
    }
    Ok(context)
}

/// Hash of what is sent: the action and its fields in a fixed order.
pub(super) fn hash_of(uses: &str, fields: &Map<String, Value>) -> String {
    let mut hasher = Sha256::new();
    hasher.update(uses.as_bytes());
    let mut text = Vec::new();
    canonical_map(fields, &mut text);
    hasher.update(&text);
    hasher.finalize().iter().take(16).fold(String::new(), |mut hex, byte| {
        use std::fmt::Write as _;
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}

fn canonical_map(map: &Map<String, Value>, text: &mut Vec<u8>) {
    let mut keys: Vec<_> = map.iter().collect();
    keys.sort_by_key(|(key, _)| *key);
    text.push(b'{');
    for (key, value) in keys {
        // Writing to memory does not fail.
        let _ = serde_json::to_writer(&mut *text, key);
        text.push(b':');
        canonical(value, text);
        text.push(b',');
    }
    text.push(b'}');
}

fn canonical(value: &Value, text: &mut Vec<u8>) {
    match value {
        Value::Object(map) => canonical_map(map, text),
        Value::Array(items) => {
            text.push(b'[');
            for item in items {
                canonical(item, text);
                text.push(b',');
            }
            text.push(b']');
        }
        other => {
            let _ = serde_json::to_writer(&mut *text, other);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_order_of_fields_does_not_matter_but_their_digits_do() {
        let hash = |text: &str| {
            let Value::Object(map) = serde_json::from_str(text).expect("a map") else { panic!("a map") };
            hash_of("crm.upsert", &map)
        };
        assert_eq!(hash(r#"{"a":1,"b":{"c":2,"d":3}}"#), hash(r#"{"b":{"d":3,"c":2},"a":1}"#));
        assert_ne!(hash(r#"{"a":1}"#), hash(r#"{"a":"1"}"#));
        assert_ne!(hash(r#"{"a":[1,2]}"#), hash(r#"{"a":[12]}"#));
    }
}
