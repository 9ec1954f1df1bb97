//! What came back becomes outcome, outputs, link and the run's next state, in one transaction.

use super::claim::Plan;
use super::links::{id_text, link_key};
use super::rows::{answer_text, lost_write, next_after_of, write_of};
use super::schedule::{Failed, Next, look_up_after, next_try};
use super::work::mark_done;
use super::{Answered, Claimed, Delivery, Inner, Settled, SettledAnswer, Ticket};
use crate::connectors::{AnswerClass, Classified, Which, classify, classify_failure};
use crate::domain::{
    Cause, CausePlace, Millis, RecordKey, RunEvent, RunState, StepProgress, StepState, Verdict, VerdictCode,
};
use crate::ports::{
    AttemptEnd, DeliveryWrite, LinkBooking, LinkWrite, LinksOf, RunWrite, StoreError, Think, Written,
};
use crate::rules::Ruleset;
use std::sync::Arc;

/// One answer, understood, with the write that comes of it.
struct Outcome {
    write: DeliveryWrite,
    class: AnswerClass,
    /// The attempt's outcome.
    word: &'static str,
    /// It answered, and not with a failure of its own: it is alive.
    alive: bool,
    wait_ms: Option<i64>,
    message: String,
}

impl Delivery {
    /// Settles answers. Where the store does not take it, the error comes back with the answers, to be settled again.
    pub async fn settle(
        &self,
        active: &Arc<Ruleset>,
        answers: Vec<Answered>,
        now: Millis,
    ) -> Result<Settled, (StoreError, Vec<Answered>)> {
        if answers.is_empty() {
            return Ok(Settled::default());
        }
        let mut inner = self.inner.lock().await;
        let settling = self.settling(&mut inner, active, answers, now);
        let (_, settled) = self.write_turn(&mut inner, settling, Plan::default(), now).await?;
        Ok(settled)
    }

    /// Settles answers and takes due runs, all written by one transaction. The runs that these answers made due are taken
    /// by the next turn. Where the store does not take it, the error comes back with the answers.
    pub async fn turn(
        &self,
        active: &Arc<Ruleset>,
        answers: Vec<Answered>,
        now: Millis,
        think: &dyn Think,
    ) -> Result<Claimed, (StoreError, Vec<Answered>)> {
        let mut inner = self.inner.lock().await;
        let settling = self.settling(&mut inner, active, answers, now);
        let mut plan = Plan::default();
        if let Err(error) = self.plan_claim(&mut inner, active, now, think, &mut plan).await {
            Self::claim_failed(&mut inner, plan);
            let (_, settled) = self.write_turn(&mut inner, settling, Plan::default(), now).await?;
            inner.untold.extend(settled.answers);
            return Err((error, Vec::new()));
        }
        let (claimed, mut settled) = self.write_turn(&mut inner, settling, plan, now).await?;
        settled.answers.append(&mut inner.untold);
        Ok(Claimed { settled, ..claimed })
    }

    /// What the answers mean. The gates learn of them at once, each answer once, so that there is room for calls.
    fn settling(
        &self,
        inner: &mut Inner,
        active: &Arc<Ruleset>,
        mut answers: Vec<Answered>,
        now: Millis,
    ) -> Answers {
        let mut closed = Vec::new();
        let mut writes = Vec::with_capacity(answers.len());
        let mut settled = Settled::default();
        for answered in &mut answers {
            let outcome = self.outcome(inner, active, answered, now);
            if !std::mem::replace(&mut answered.ticket.gate_told, true) {
                tell_gate(inner, &answered.ticket, &outcome, now, &mut closed);
            }
            let good = outcome.class == AnswerClass::Done;
            settled.done += usize::from(good);
            settled.failed += usize::from(!good);
            settled.answers.push(told_of(&answered.ticket, &outcome, now));
            writes.push(outcome.write);
        }
        Answers { answers, writes, settled, closed }
    }

    async fn write_turn(
        &self,
        inner: &mut Inner,
        settling: Answers,
        mut plan: Plan,
        now: Millis,
    ) -> Result<(Claimed, Settled), (StoreError, Vec<Answered>)> {
        let Answers { answers, mut writes, mut settled, closed } = settling;
        let settles = writes.len();
        writes.append(&mut plan.writes);
        let written = self.store.write_delivery(&writes).await;
        plan.writes = writes.split_off(settles);
        let written = match written {
            Ok(written) => written,
            Err(error) => {
                // The database may have taken the begins all the same: the next claim looks.
                inner.unsure |= !plan.ready.is_empty();
                Self::claim_failed(inner, plan);
                return Err((error, answers));
            }
        };
        for ((answered, written), told) in answers.iter().zip(&written).zip(&mut settled.answers) {
            let run = &answered.ticket.work.due.run.id;
            if *written == Written::Overtaken {
                told.delivered_ms = None;
                tracing::warn!(%run, "a run was changed while its call was in flight");
            }
            inner.free(&answered.ticket.records, run);
        }
        let claimed = Self::claim_written(inner, plan, &written[settles..]);
        if let Err(error) = self.remember(inner).await {
            tracing::warn!(error = %error, "the state of a connection could not be written down");
        }
        for connection in closed {
            tracing::info!(connection, "it answers again: what waited goes out");
            if let Err(error) = self.hurry(&connection, now).await {
                tracing::warn!(error = %error, "waiting runs could not be hurried");
            }
        }
        Ok((claimed, settled))
    }

    /// Pure but for chance: the answer and the run's state so far give the write.
    fn outcome(&self, inner: &Inner, active: &Arc<Ruleset>, answered: &Answered, now: Millis) -> Outcome {
        let ticket = &answered.ticket;
        let connection = active
            .connections
            .get(&ticket.connection)
            .or_else(|| ticket.work.ruleset.connections.get(&ticket.connection));
        let classified = match (&answered.result, connection) {
            (Ok(answer), Some(connection)) => classify(connection, &ticket.action, ticket.which, answer, now),
            (Ok(answer), None) => Classified {
                class: AnswerClass::Refused,
                wait_ms: None,
                outputs: std::collections::BTreeMap::new(),
                message: format!("it answered {} while its connection was deleted", answer.status),
            },
            (Err(failure), _) => classify_failure(failure),
        };
        let stopped_ms = inner.gates.get(&ticket.connection).map_or(0, |gate| gate.stopped_ms(now));
        let schedule = ticket
            .work
            .rule
            .retry
            .clone()
            .or_else(|| connection.map(|connection| connection.retry.clone()))
            .unwrap_or_default();
        let settling = Settling {
            ticket,
            classified: &classified,
            schedule: &schedule,
            stopped_ms,
            chance: self.entropy.fraction(),
            rests_until: inner.gates.get(&ticket.connection).and_then(|gate| gate.state.rests_until),
            now,
        };
        let (mut write, word) = settling.write();
        write.end = Some(AttemptEnd {
            id: ticket.attempt.clone(),
            outcome: word.to_owned(),
            status: answered.result.as_ref().ok().map(|answer| i64::from(answer.status)),
            answer: answered.result.as_ref().ok().map(answer_text),
            message: Some(classified.message.clone()),
            duration_ms: answered.duration_ms,
            at: now,
        });
        Outcome {
            write,
            class: classified.class,
            word,
            alive: answered.result.as_ref().is_ok_and(|answer| answer.status < 500),
            wait_ms: classified.wait_ms,
            message: classified.message,
        }
    }

    /// Part of the start: attempts that were in flight when this node stopped have an unknown outcome.
    pub async fn recover(&self, now: Millis) -> Result<usize, StoreError> {
        *self.inner.lock().await = Inner::default();
        self.store.mend_lanes(now).await?;
        let lost = self.store.lost_attempts(Some(&self.node), now).await?;
        let writes: Vec<DeliveryWrite> = lost.iter().map(|lost| lost_write(lost, true, now)).collect();
        for chunk in writes.chunks(256) {
            self.store.write_delivery(chunk).await?;
        }
        Ok(lost.len())
    }

    /// Where the database failed as begins were written, it may have taken them: those runs are set waiting again. Their
    /// calls were certainly not made.
    pub(super) async fn take_back_unsent(&self, inner: &mut Inner, now: Millis) -> Result<(), StoreError> {
        if !inner.unsure {
            return Ok(());
        }
        let begun = self.store.lost_attempts(Some(&self.node), now).await?;
        let unsent = begun.iter().filter(|begun| !inner.in_flight.contains_key(&begun.run.id));
        let writes: Vec<DeliveryWrite> = unsent.map(|unsent| lost_write(unsent, false, now)).collect();
        self.store.write_delivery(&writes).await?;
        inner.unsure = false;
        Ok(())
    }
}

/// Answers, understood.
struct Answers {
    answers: Vec<Answered>,
    /// What each writes.
    writes: Vec<DeliveryWrite>,
    settled: Settled,
    /// Connections that answer again.
    closed: Vec<String>,
}

/// What whoever counts is told of an answer.
fn told_of(ticket: &Ticket, outcome: &Outcome, now: Millis) -> SettledAnswer {
    let due = &ticket.work.due;
    // What a person asked for once more was delivered before, or came in long ago.
    let delivered = outcome.write.run.state == RunState::Done && due.run.trigger == "change";
    SettledAnswer {
        connection: ticket.connection.clone(),
        outcome: outcome.word,
        delivered_ms: delivered.then(|| (now - due.received_at).max(0)),
    }
}

/// An answer says how its connection is.
fn tell_gate(inner: &mut Inner, ticket: &Ticket, outcome: &Outcome, now: Millis, closed: &mut Vec<String>) {
    let connection = &ticket.connection;
    let gate = inner.gate(connection, now);
    match outcome.class {
        AnswerClass::Retry | AnswerClass::MaybeDone if !outcome.alive => {
            if gate.bad(now) {
                tracing::warn!(connection, "calls are stopped after 5 failures in a row");
            }
        }
        AnswerClass::Throttle => {
            gate.throttled(outcome.wait_ms, now);
        }
        AnswerClass::NeedsAuth => gate.refused(&outcome.message, ticket.credential.clone(), now),
        _ => {
            if gate.good(now) {
                closed.push(connection.clone());
            }
        }
    }
}

/// What a write is made from.
struct Settling<'a> {
    ticket: &'a Ticket,
    classified: &'a Classified,
    schedule: &'a crate::connectors::RetrySchedule,
    stopped_ms: i64,
    chance: f64,
    rests_until: Option<Millis>,
    now: Millis,
}

impl Settling<'_> {
    fn write(&self) -> (DeliveryWrite, &'static str) {
        match (self.classified.class, self.ticket.which) {
            (AnswerClass::Done, Which::Find) if self.classified.outputs.contains_key("id") => {
                (self.step_done(), "done")
            }
            (AnswerClass::Done | AnswerClass::Gone, Which::Find) => (self.not_found(), "not_found"),
            (AnswerClass::Done, _) => (self.call_done(), "done"),
            (AnswerClass::Conflict, Which::Update) if self.progress().known_id.is_none() => {
                (self.start_over(false), "conflict")
            }
            (AnswerClass::Conflict, Which::Call)
                if self.known_id().is_some() && self.progress().known_id.is_none() =>
            {
                (self.update_known(), "conflict")
            }
            (AnswerClass::Gone, Which::After(_))
                if self.ticket.action.repeatable && !self.progress().started_over =>
            {
                (self.start_named_over(), "gone")
            }
            (AnswerClass::Gone, _) if self.ticket.action.repeatable && !self.progress().started_over => {
                (self.start_over(true), "gone")
            }
            (AnswerClass::Gone, _) => (self.stopped(RunEvent::Hold, VerdictCode::Gone), "gone"),
            (AnswerClass::Conflict, _) => (self.stopped(RunEvent::Fail, VerdictCode::Refused), "conflict"),
            (AnswerClass::Refused, _) => (self.stopped(RunEvent::Fail, VerdictCode::Refused), "refused"),
            (AnswerClass::Retry, _) => (self.again(false), "retry"),
            (AnswerClass::MaybeDone, which) => {
                (self.again(matches!(which, Which::Call | Which::Update)), "maybe_done")
            }
            (AnswerClass::Throttle, _) => (self.rest(), "throttled"),
            (AnswerClass::NeedsAuth, _) => (self.paused(), "needs_auth"),
        }
    }

    fn progress(&self) -> &StepProgress {
        &self.ticket.work.steps[self.ticket.step]
    }

    /// The id that a conflict named, where the action can update by it.
    fn known_id(&self) -> Option<String> {
        self.ticket.action.update.as_ref()?;
        self.classified.outputs.get("id").map(id_text).filter(|id| !id.is_empty())
    }

    /// The record is there already and the CRM says which: that one is updated.
    fn update_known(&self) -> DeliveryWrite {
        let mut write = self.later(self.now);
        write.run.steps[self.ticket.step].known_id = self.known_id();
        write.run.uncertain = false;
        write
    }

    /// The run's row after `event`, counted from the state that its begin wrote.
    fn row(&self, event: RunEvent, verdict: Option<Verdict>) -> DeliveryWrite {
        self.row_with(event, verdict, self.ticket.work.steps.clone())
    }

    fn row_with(&self, event: RunEvent, verdict: Option<Verdict>, steps: Vec<StepProgress>) -> DeliveryWrite {
        let begun = self.ticket.work.begun();
        write_of(&begun, steps, event, verdict, self.now)
    }

    fn later(&self, at: Millis) -> DeliveryWrite {
        let mut write = self.row(RunEvent::Later, None);
        write.run.next_at = Some(at);
        write
    }

    /// One of the step's calls is done: the step is, or its next call is due.
    fn call_done(&self) -> DeliveryWrite {
        let ticket = self.ticket;
        let calls_done = match ticket.which {
            Which::After(index) => index + 2,
            _ => 1,
        };
        if next_after_of(&ticket.action, &ticket.fields, calls_done).is_none() {
            return self.step_done();
        }
        let mut write = self.later(self.now);
        let step = &mut write.run.steps[ticket.step];
        step.calls_done = calls_done;
        step.outputs.extend(self.classified.outputs.clone());
        forgive(&mut write.run);
        write.links = self.links(None, &write.run.steps[ticket.step].outputs.clone());
        write
    }

    /// The step is done; the run goes on with the next one, or is done.
    fn step_done(&self) -> DeliveryWrite {
        let ticket = self.ticket;
        let mut steps = ticket.work.steps.clone();
        let step = &mut steps[ticket.step];
        let mut outputs = std::mem::take(&mut step.outputs);
        outputs.extend(self.classified.outputs.clone());
        step.calls_done = 0;
        mark_done(step, outputs.clone(), None);
        let next = steps.iter().position(|step| step.state == StepState::Waiting);
        let event = if next.is_some() { RunEvent::Later } else { RunEvent::Finish };
        let mut write = self.row_with(event, None, steps);
        write.run.next_at = next.map(|_| self.now);
        forgive(&mut write.run);
        if let Some(next) = next {
            write.run.connection.clone_from(&ticket.work.rule.steps[next].connection);
        }
        write.links = self.links(Some(&ticket.hash), &outputs);
        write
    }

    /// The link after a call that is done; `hash` once the whole step is.
    fn links(
        &self,
        hash: Option<&String>,
        outputs: &std::collections::BTreeMap<String, serde_json::Value>,
    ) -> Vec<LinkWrite> {
        let ticket = self.ticket;
        let run = &ticket.work.due.run;
        let Some(record) = ticket.records.first() else { return Vec::new() };
        let id = ticket.action.id_output.as_ref().and_then(|name| outputs.get(name)).map(id_text);
        let moved = ticket.moved_from.as_ref().map(|moved| moved.remote_id.clone());
        let moved = moved.or_else(|| self.progress().known_id.clone());
        let mut links = vec![LinkWrite::Put {
            key: link_key(&ticket.work, ticket.step, record),
            remote_id: id.or(moved),
            position: ticket.position,
            hash: hash.cloned(),
            outputs: Some(outputs.clone()),
            booking: Some(LinkBooking {
                booking: run.booking.clone(),
                item: run.item.clone(),
                hash: hash.cloned(),
                position: run.position,
            }),
            at: self.now,
        }];
        // The record has another key now: under the old one there is nothing.
        if let Some(moved) = &ticket.moved_from {
            links.push(LinkWrite::Clear { record: moved.record.clone(), at: self.now });
        }
        let left = ticket.former.iter().chain(ticket.moved_from.as_ref().map(|moved| &moved.record));
        links.extend(left.flat_map(|record| self.unpoint(record)));
        links
    }

    /// The booking no longer points to a record, and neither do those that it takes over.
    fn unpoint(&self, record: &RecordKey) -> Vec<LinkWrite> {
        let of_chain = self.ticket.work.links_of_chain(&record.connection).into_iter();
        let unpoint =
            |of: LinksOf| LinkWrite::Unpoint { record: record.clone(), booking: of.booking, item: of.item };
        of_chain.map(unpoint).collect()
    }

    /// The look-up shows that the lost create was not done: it is made now.
    fn not_found(&self) -> DeliveryWrite {
        let mut write = self.later(self.now);
        write.run.uncertain = false;
        write
    }

    /// The record that the link named can't be updated: from the beginning, by its key.
    fn start_over(&self, gone: bool) -> DeliveryWrite {
        let ticket = self.ticket;
        let run = &ticket.work.due.run;
        let mut write = self.later(self.now);
        let step = &mut write.run.steps[ticket.step];
        step.calls_done = 0;
        step.known_id = None;
        step.started_over |= gone;
        write.run.uncertain = false;
        // The id that a person told belongs to a record that can't take this key: it is written by its key from now on.
        if !gone && ticket.moved_from.is_none() && ticket.which == Which::Update {
            write.links.extend(ticket.records.first().map(|record| LinkWrite::Put {
                key: link_key(&ticket.work, ticket.step, record),
                remote_id: None,
                position: run.position,
                hash: None,
                outputs: Some(std::collections::BTreeMap::new()),
                booking: None,
                at: self.now,
            }));
        }
        for record in
            ticket.moved_from.iter().map(|moved| &moved.record).chain(gone.then(|| &ticket.records[0]))
        {
            if gone {
                write.links.push(LinkWrite::Clear { record: record.clone(), at: self.now });
            } else {
                write.links.extend(self.unpoint(record));
            }
        }
        write
    }

    /// A call after the main one did not find what it names: the records that it names are begun anew too, by the steps
    /// of this run that can be repeated.
    fn start_named_over(&self) -> DeliveryWrite {
        let ticket = self.ticket;
        let mut write = self.start_over(true);
        for (record, id) in &ticket.named {
            write.links.push(LinkWrite::Clear { record: record.clone(), at: self.now });
            for (index, step) in write.run.steps[..ticket.step].iter_mut().enumerate() {
                let rule_step = &ticket.work.rule.steps[index];
                let repeatable = ticket
                    .work
                    .ruleset
                    .connections
                    .get(&rule_step.connection)
                    .and_then(|connection| connection.actions.get(&rule_step.action))
                    .is_some_and(|action| action.repeatable);
                let gave_it = step.outputs.values().any(|output| id_text(output) == *id);
                if repeatable && gave_it && step.state == StepState::Done {
                    step.state = StepState::Waiting;
                    step.outputs.clear();
                    step.verdict = None;
                }
            }
        }
        write
    }

    /// Refused for ever, or a person is needed.
    fn stopped(&self, event: RunEvent, code: VerdictCode) -> DeliveryWrite {
        let mut write = self.row(event, Some(Verdict::new(code, self.classified.message.clone())));
        let step = &mut write.run.steps[self.ticket.step];
        step.known_id = None;
        step.started_over = false;
        if event == RunEvent::Fail {
            step.state = StepState::Failed;
        }
        // What a refused look-up was about is as open as before: whoever tries again looks it up again.
        write.run.uncertain = self.ticket.which == Which::Find && self.ticket.work.due.run.uncertain;
        self.name_cause(&mut write);
        if code == VerdictCode::Gone
            && let Some(record) = self.ticket.records.first()
        {
            write.links.push(LinkWrite::Clear { record: record.clone(), at: self.now });
        }
        write
    }

    /// The cause, from the step as it is now, and without what the CRM says again of the guest's own values.
    fn name_cause(&self, write: &mut DeliveryWrite) {
        let run = &self.ticket.work.due.run;
        let place = CausePlace { connection: &run.connection, rule: &run.rule, steps: &write.run.steps };
        let mut values = Vec::new();
        texts_of(self.ticket.fields.values(), &mut values);
        write.run.cause = Some(Cause::of(place, write.run.verdict.as_ref(), &values));
    }

    /// A failed try: again by the schedule, or given up.
    fn again(&self, maybe_done: bool) -> DeliveryWrite {
        let run = &self.ticket.work.due.run;
        let since = run.failing_since.unwrap_or(self.now);
        let stopped_then = if run.failing_since.is_some() { run.failing_stopped_ms } else { self.stopped_ms };
        let failed = Failed {
            failures: run.failures + 1,
            trying_ms: (self.now - since) - (self.stopped_ms - stopped_then),
            wait_ms: self.classified.wait_ms,
            chance: self.chance,
        };
        let uncertain = maybe_done || run.uncertain;
        let mut write = match next_try(self.schedule, &failed, self.now) {
            Next::GiveUp => {
                let text = format!("given up after {} tries: {}", failed.failures, self.classified.message);
                let mut write = self.row(RunEvent::Fail, Some(Verdict::new(VerdictCode::GaveUp, text)));
                self.name_cause(&mut write);
                write
            }
            Next::At(at) => {
                let look_up = uncertain && !self.ticket.action.repeatable;
                let earliest = if look_up { self.now + look_up_after(self.schedule) } else { at };
                self.later(at.max(earliest))
            }
        };
        write.run.failures = failed.failures;
        write.run.failing_since = Some(since);
        write.run.failing_stopped_ms = stopped_then;
        write.run.uncertain = uncertain;
        write
    }

    /// 429: the connection rests, the run waits with it, and nothing is counted.
    fn rest(&self) -> DeliveryWrite {
        let wait = self.classified.wait_ms.unwrap_or(1_000).min(super::schedule::RETRY_AFTER_MS_MAX);
        self.later(self.rests_until.unwrap_or(0).max(self.now + wait))
    }

    fn paused(&self) -> DeliveryWrite {
        let verdict = Verdict::new(VerdictCode::Refused, self.classified.message.clone());
        self.row(RunEvent::Pause, Some(verdict))
    }
}

/// The texts of mapped fields, however deep.
fn texts_of<'v>(values: impl Iterator<Item = &'v serde_json::Value>, texts: &mut Vec<&'v str>) {
    for value in values {
        match value {
            serde_json::Value::String(text) => texts.push(text),
            serde_json::Value::Array(items) => texts_of(items.iter(), texts),
            serde_json::Value::Object(map) => texts_of(map.values(), texts),
            _ => {}
        }
    }
}

/// A good answer ends the row of failures.
fn forgive(run: &mut RunWrite) {
    run.failures = 0;
    run.failing_since = None;
    run.failing_stopped_ms = 0;
    run.uncertain = false;
}
