//! Takes due runs, works out what each sends, writes the attempts as `sending`, and gives the calls to make.

use super::chain;
use super::gate::Pass;
use super::links::{Decision, Known, decide, former_records, link_key, named_records};
use super::rows::{
    emptied, end_of, end_of_row, hash_emptied, kind_of, next_after, request_text, secret_name,
};
use super::work::{Next, Sending, Work};
use super::{CHUNK, CLAIM_RUNS_MAX, Claimed, Delivery, Inner, ReadyCall, Ticket};
use crate::connectors::Which;
use crate::domain::{Millis, RecordKey, RunEvent, RunId, StepState, Verdict, VerdictCode};
use crate::expr::with_deadline;
use crate::ports::{
    AttemptBegin, DeliveryWrite, DueConnection, DueQuery, DueRun, LinkRow, LinksOf, OutboundRequest,
    StoreError, Think, Written,
};
use crate::rules::Ruleset;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

/// Rounds that runs of one claim may go on without a call (steps that had nothing to send).
const ROUNDS_MAX: usize = 32;

/// Bytes of the bookings whose calls are in flight; each takes several times as much memory. A run that goes beyond is
/// the last to be claimed until calls are answered.
const IN_FLIGHT_BYTES_MAX: usize = 16 << 20;

/// A run with the step that it is about to send.
struct Candidate {
    work: Work,
    sending: Sending,
    record: RecordKey,
}

/// What a claim is about to write, and the calls that may go out once it is written.
#[derive(Default)]
pub(super) struct Plan {
    pub writes: Vec<DeliveryWrite>,
    pub ready: Vec<ReadyCall>,
    /// Records that runs hold until all is written: what was decided from their links is written with it.
    pub had: Vec<(RecordKey, RunId)>,
    pub claimed: Claimed,
}

impl Delivery {
    /// Takes due runs of all connections that let calls through.
    pub async fn claim(
        &self,
        active: &Arc<Ruleset>,
        now: Millis,
        think: &dyn Think,
    ) -> Result<Claimed, StoreError> {
        self.turn(active, Vec::new(), now, think).await.map_err(|(error, _)| error)
    }

    /// Works out what due runs send. Nothing is written yet but for what people have stopped.
    pub(super) async fn plan_claim(
        &self,
        inner: &mut Inner,
        active: &Arc<Ruleset>,
        now: Millis,
        think: &dyn Think,
        plan: &mut Plan,
    ) -> Result<(), StoreError> {
        self.load_gates(inner, now).await?;
        self.take_back_unsent(inner, now).await?;
        let due = self.store.due_connections().await?;
        for DueConnection { name, first_due, paused } in due {
            let connection = active.connections.get(&name);
            if paused && connection.is_some() {
                inner.gate(&name, now).pause(now);
            }
            let limits = connection.map(|c| c.limits).unwrap_or_default();
            // What a deleted connection keeps waiting is held, whatever its state was.
            let pass = match connection {
                Some(_) => inner.gate(&name, now).pass(&limits, now),
                None => Pass::Calls(CLAIM_RUNS_MAX),
            };
            let (room, due_by) = match pass {
                Pass::Calls(_) if first_due > now => {
                    plan.claimed.again_by(first_due);
                    continue;
                }
                Pass::Calls(room) => (room.min(CLAIM_RUNS_MAX), Some(now)),
                Pass::Probe => (1, None),
                Pass::Not(at) => {
                    plan.claimed.again_by(at);
                    continue;
                }
                Pass::Closed => {
                    if inner.gate(&name, now).stopped_by_people() {
                        self.store.pause_runs(&name, true, now, CHUNK).await?;
                        plan.claimed.more = true;
                    }
                    continue;
                }
            };
            let taken = self.take_due(inner, &name, room, due_by).await?;
            if taken.is_empty() {
                continue;
            }
            plan.claimed.more |= taken.len() >= room && due_by.is_some();
            self.claim_runs(inner, active, taken, now, think, plan).await?;
        }
        plan.claimed.moved += usize::from(inner.unpark_the_forgotten());
        Ok(())
    }

    /// The plan is written: what was overtaken is given back, the other calls go out.
    pub(super) fn claim_written(inner: &mut Inner, plan: Plan, written: &[Written]) -> Claimed {
        let Plan { writes, ready, had, mut claimed } = plan;
        for (record, run) in &had {
            inner.free_record(record, run);
        }
        let overtaken: HashSet<_> = writes
            .iter()
            .zip(written)
            .filter(|(_, written)| **written == Written::Overtaken)
            .map(|(write, _)| write.run.id.clone())
            .collect();
        claimed.moved += writes.len() - ready.len();
        for call in ready {
            if overtaken.contains(&call.ticket.work.due.run.id) {
                give_back(inner, &call.ticket);
            } else {
                let work = &call.ticket.work;
                inner.in_flight.insert(work.due.run.id.clone(), work.bytes);
                claimed.calls.push(call);
            }
        }
        claimed
    }

    /// The plan is not written: its runs are as they were.
    pub(super) fn claim_failed(inner: &mut Inner, plan: Plan) {
        for (record, run) in &plan.had {
            inner.free_record(record, run);
        }
        for call in plan.ready {
            give_back(inner, &call.ticket);
        }
        inner.forget_unwritten();
    }

    /// Due runs of one connection that are not in hand yet.
    async fn take_due(
        &self,
        inner: &mut Inner,
        connection: &str,
        room: usize,
        due_by: Option<Millis>,
    ) -> Result<Vec<DueRun>, StoreError> {
        let limit = room + inner.parked_of(connection);
        let in_flight: usize = inner.in_flight.values().sum();
        if in_flight >= IN_FLIGHT_BYTES_MAX {
            return Ok(Vec::new());
        }
        let query = DueQuery {
            connection: connection.to_owned(),
            due_by,
            limit: limit as i64,
            body_bytes_max: (IN_FLIGHT_BYTES_MAX - in_flight) as i64,
        };
        let mut runs = self.store.due_runs(&query).await?;
        runs.retain(|due| !inner.in_hand.contains(&due.run.id) && !inner.parked_runs.contains(&due.run.id));
        runs.truncate(room);
        Ok(runs)
    }

    async fn claim_runs(
        &self,
        inner: &mut Inner,
        active: &Arc<Ruleset>,
        runs: Vec<DueRun>,
        now: Millis,
        think: &dyn Think,
        plan: &mut Plan,
    ) -> Result<(), StoreError> {
        let mut works: Vec<(DueRun, Option<Arc<Ruleset>>)> = Vec::new();
        for due in runs {
            let pinned = match &due.run.ruleset {
                Some(hash) if *hash != active.hash => self.rulesets.by_hash(hash).await,
                Some(_) => Some(active.clone()),
                None => None,
            };
            works.push((due, pinned));
        }
        let chained = works.iter_mut().map(|(due, pinned)| (due, pinned.as_ref().unwrap_or(active)));
        chain::fill(&*self.store, chained.collect()).await?;
        let mut taken: Vec<Result<Work, (DueRun, Next)>> = Vec::new();
        think.run(&mut || {
            taken = std::mem::take(&mut works)
                .into_iter()
                .map(|(due, pinned)| with_deadline(think.deadline(), || Work::take(due, active, pinned)))
                .collect();
        });
        let mut going = Vec::with_capacity(taken.len());
        for taken in taken {
            match taken {
                Ok(work) => going.push(work),
                Err((due, Next::End(event, verdict))) => {
                    plan.writes.push(end_of_row(&due, event, verdict, now));
                }
                Err((_, Next::Send(_))) => {}
            }
        }
        chain::inherit(&*self.store, going.iter_mut().collect()).await?;
        self.rounds(inner, active, going, now, think, plan).await
    }

    /// Rounds until each run has a call, ended, or moved on.
    async fn rounds(
        &self,
        inner: &mut Inner,
        active: &Arc<Ruleset>,
        mut going: Vec<Work>,
        now: Millis,
        think: &dyn Think,
        plan: &mut Plan,
    ) -> Result<(), StoreError> {
        for _ in 0..ROUNDS_MAX {
            if going.is_empty() {
                return Ok(());
            }
            let round = self.round(inner, active, going, now, think, &mut plan.writes).await?;
            plan.claimed.moved += round.parked;
            going = round.go_on;
            plan.had.extend(round.had);
            for (candidate, decision) in round.calls {
                self.prepare(inner, active, candidate, decision, now, (&mut plan.writes, &mut plan.ready));
            }
        }
        // What has more steps without a call than that goes on with the next claim.
        for mut work in going {
            let mut write = end_of(&mut work, RunEvent::Later, None, now);
            write.run.next_at = Some(now);
            plan.writes.push(write);
        }
        Ok(())
    }

    /// One round: each run's next step against the links of its record.
    async fn round(
        &self,
        inner: &mut Inner,
        active: &Arc<Ruleset>,
        mut going: Vec<Work>,
        now: Millis,
        think: &dyn Think,
        writes: &mut Vec<DeliveryWrite>,
    ) -> Result<Round, StoreError> {
        let mut nexts = Vec::new();
        think.run(&mut || {
            nexts = going.iter_mut().map(|work| with_deadline(think.deadline(), || work.next())).collect();
        });
        let mut candidates = Vec::new();
        let mut parked = 0;
        for (mut work, next) in going.into_iter().zip(nexts) {
            let sending = match next {
                Next::End(event, verdict) => {
                    writes.push(end_of(&mut work, event, verdict, now));
                    continue;
                }
                Next::Send(sending) => sending,
            };
            let Some(connection) = work.connection_now(sending.step, active) else {
                let name = &work.rule.steps[sending.step].connection;
                let text = format!("the connection \"{name}\" was deleted; make it again, or cancel the run");
                let verdict = Some(Verdict::new(VerdictCode::ConnectionGone, text));
                writes.push(end_of(&mut work, RunEvent::Hold, verdict, now));
                continue;
            };
            if connection.name != work.due.run.connection {
                // The next step is another connection's business: it is taken up under that one's limits.
                let name = connection.name.clone();
                let mut write = end_of(&mut work, RunEvent::Later, None, now);
                write.run.connection = name;
                write.run.next_at = Some(now);
                writes.push(write);
                continue;
            }
            let record = sending.action.record(connection, &sending.fields, &work.own_key(sending.step));
            if let Err(taken) = inner.take_records(std::slice::from_ref(&record), &work.due.run.id) {
                parked += usize::from(inner.park(&work.due.run.connection, taken, &work.due.run.id));
                continue;
            }
            inner.in_hand.insert(work.due.run.id.clone());
            candidates.push(Candidate { work, sending, record });
        }
        let mut round = self.decide_all(inner, active, candidates, now, writes).await?;
        round.parked = parked;
        Ok(round)
    }

    async fn decide_all(
        &self,
        inner: &mut Inner,
        active: &Arc<Ruleset>,
        candidates: Vec<Candidate>,
        now: Millis,
        writes: &mut Vec<DeliveryWrite>,
    ) -> Result<Round, StoreError> {
        let mut round = Round::default();
        let records: Vec<RecordKey> = candidates.iter().map(|c| c.record.clone()).collect();
        let mut of_records: HashMap<RecordKey, Vec<LinkRow>> = HashMap::new();
        if !records.is_empty() {
            for link in self.store.links_of_records(&records).await? {
                of_records.entry(link.key.record.clone()).or_default().push(link);
            }
        }
        let wanted: Vec<Vec<LinksOf>> =
            candidates.iter().map(|candidate| links_wanted(candidate, &of_records)).collect();
        let asked: Vec<LinksOf> = wanted.iter().flatten().cloned().collect();
        let mut of_bookings = self.store.links_of_bookings(&asked).await?.into_iter();
        for (candidate, wanted) in candidates.into_iter().zip(wanted) {
            let of_booking = once_each(of_bookings.by_ref().take(wanted.len()).flatten());
            let Candidate { mut work, sending, record } = candidate;
            // A record that it may have made, and whose id nobody knows yet, is told first: a later run may have to move it.
            let links = of_records.get(&record).map_or(&[][..], Vec::as_slice);
            let made = links.iter().any(|link| link.remote_id.is_some());
            let gives_way = work.due.run.uncertain && (made || sending.action.update.is_none());
            if gives_way && self.superseded_by_newer(active, &work, &sending, &record).await? {
                let text = "a newer change of this booking took over";
                let verdict = Some(Verdict::new(VerdictCode::Superseded, text));
                writes.push(end_of(&mut work, RunEvent::Supersede, verdict, now));
                inner.free(std::slice::from_ref(&record), &work.due.run.id);
                continue;
            }
            let of_record = of_records.get(&record).map_or(&[][..], Vec::as_slice);
            let own_key = link_key(&work, sending.step, &record);
            let after = after_main(&work, &sending);
            let former = former_records(&work, sending.step, &record, &of_booking);
            let named = after.map_or_else(Vec::new, |after| named_records(&sending, after, &of_booking));
            let others: Vec<RecordKey> =
                of_booking.iter().map(|link| link.key.record.clone()).filter(|key| *key != record).collect();
            let of_former = if others.is_empty() || sending.action.update.is_none() {
                Vec::new()
            } else {
                self.store.links_of_records(&others).await?
            };
            let known = Known { of_record, of_booking: &of_booking, of_former: &of_former };
            match decide(&work, &sending, &record, &known, now) {
                Decision::Have { outputs, verdict, links } => {
                    work.step_done(sending.step, outputs, Some(verdict));
                    inner.in_hand.remove(&work.due.run.id);
                    round.had.push((record, work.due.run.id.clone()));
                    work.pending_links.extend(links);
                    round.go_on.push(work);
                }
                Decision::Call { which, remote_id, moved_from } => {
                    let own_link = of_record.iter().find(|link| link.key == own_key).cloned();
                    let left = moved_from.as_ref().map(|moved| &moved.record);
                    let left_links =
                        of_former.into_iter().filter(|link| Some(&link.key.record) == left).collect();
                    let plan = CallPlan { which, remote_id, moved_from, former, named, own_link, left_links };
                    round.calls.push((Candidate { work, sending, record }, plan));
                }
            }
        }
        Ok(round)
    }

    /// A run whose last call has an unknown outcome may give way to a newer one that writes the same record.
    async fn superseded_by_newer(
        &self,
        active: &Arc<Ruleset>,
        work: &Work,
        sending: &Sending,
        record: &RecordKey,
    ) -> Result<bool, StoreError> {
        if !(work.due.newer_waits && work.due.run.supersedes) {
            return Ok(false);
        }
        let run = &work.due.run;
        let Some(newer) = self.store.newest_in_lane(&run.lane, run.seq).await? else { return Ok(false) };
        if !newer.run.supersedes {
            return Ok(false);
        }
        let mut newer = newer;
        chain::fill(&*self.store, vec![(&mut newer, active)]).await?;
        let Ok(mut newer) = Work::take(newer, active, None) else { return Ok(false) };
        chain::inherit(&*self.store, vec![&mut newer]).await?;
        let Next::Send(next) = newer.next() else { return Ok(false) };
        let Some(connection) = newer.connection_now(next.step, active) else { return Ok(false) };
        let key = next.action.record(connection, &next.fields, &newer.own_key(next.step));
        Ok(key == *record && newer.steps[next.step].id == work.steps[sending.step].id)
    }

    /// Renders the call and writes its attempt down as `sending`.
    fn prepare(
        &self,
        inner: &mut Inner,
        active: &Arc<Ruleset>,
        candidate: Candidate,
        plan: CallPlan,
        now: Millis,
        (writes, ready): (&mut Vec<DeliveryWrite>, &mut Vec<ReadyCall>),
    ) {
        let Candidate { mut work, sending, record } = candidate;
        let CallPlan { which, remote_id, moved_from, former, named, own_link, left_links } = plan;
        let run_id = work.due.run.id.clone();
        let mut records = vec![record.clone()];
        if let Some(moved) = &moved_from {
            records.push(moved.record.clone());
            if let Err(taken) = inner.take_records(&records, &run_id) {
                inner.free(std::slice::from_ref(&record), &run_id);
                inner.park(&work.due.run.connection, taken, &run_id);
                return;
            }
        }
        let Some(connection) = work.connection_now(sending.step, active).cloned() else { return };
        let uncertain_create = work.due.run.uncertain && !sending.action.repeatable;
        let progress = &work.steps[sending.step];
        let which = match (uncertain_create, progress.calls_done) {
            (false, 0) => which,
            (false, done) => match next_after(&sending, done) {
                Some(index) => Which::After(index),
                None => which,
            },
            (true, _) if sending.action.find.is_some() => Which::Find,
            (true, _) => {
                let text = "the answer to the last call was lost, and it can't be looked up whether it was done. \
                            Look in the CRM, then mark it as done or try it again";
                let verdict = Some(Verdict::new(VerdictCode::OutcomeUnknown, text));
                writes.push(end_of(&mut work, RunEvent::Hold, verdict, now));
                inner.free(&records, &run_id);
                return;
            }
        };
        let context = work.call_context(&sending, remote_id.as_deref());
        let rendered = match sending.action.render(&work.ruleset.engine, &connection, which, &context) {
            Ok(rendered) => rendered,
            Err(error) => {
                let step = &work.rule.steps[sending.step];
                let text =
                    format!("{}:{}: {}", work.rule.file, step.line_of(error.field.as_deref()), error.message);
                work.steps[sending.step].state = StepState::Failed;
                let verdict = Some(Verdict::new(VerdictCode::Mapping, text));
                writes.push(end_of(&mut work, RunEvent::Fail, verdict, now));
                inner.free(&records, &run_id);
                return;
            }
        };
        let position = work.position_on(own_link.as_ref());
        let stored = request_text(&rendered);
        let step_id = work.steps[sending.step].id.clone();
        let about = (work.steps[sending.step].uses.clone(), step_id.clone());
        let credential = connection.credential_fingerprint(&*self.secrets);
        let request = match connection.authorise(&work.ruleset.engine, rendered, &*self.secrets, about) {
            Ok(request) => request,
            Err(secret) => {
                let text = format!("the secret {} has no value", secret_name(&secret));
                inner.gate(&connection.name, now).needs_auth(&text, None, now);
                inner.free(&records, &run_id);
                return;
            }
        };
        work.steps[sending.step].attempts += 1;
        let attempt = AttemptBegin {
            id: self.entropy.attempt_id(now),
            run: run_id.clone(),
            step: step_id,
            kind: kind_of(which).to_owned(),
            number: work.steps[sending.step].attempts,
            connection: connection.name.clone(),
            node: self.node.clone(),
            request: stored,
            at: now,
        };
        let id = attempt.id.clone();
        let mut write = end_of(&mut work, RunEvent::Begin, None, now);
        write.run.ruleset = Some(work.ruleset.hash.clone());
        write.begin = Some(attempt);
        if let Some(link) = own_link.filter(|_| which != Which::Find) {
            write.links.push(emptied(&work, link, now));
        }
        if which != Which::Find {
            write.links.extend(left_links.into_iter().map(|link| hash_emptied(link, now)));
        }
        work.due.run.ruleset = Some(work.ruleset.hash.clone());
        writes.push(write);
        inner.gate(&connection.name, now).begin();
        ready.push(ready_call(
            request,
            Ticket {
                step: sending.step,
                hash: sending.hash,
                fields: sending.fields,
                action: sending.action,
                which,
                attempt: id,
                connection: connection.name.clone(),
                limits: connection.limits,
                credential,
                records,
                position,
                moved_from,
                former,
                named,
                gate_told: false,
                work,
            },
        ));
    }
}

/// Which of the calls after the main one is next, where the main one is done.
fn after_main(work: &Work, sending: &Sending) -> Option<usize> {
    let calls_done = work.steps[sending.step].calls_done;
    if calls_done > 0 { next_after(sending, calls_done) } else { None }
}

/// Whether the links of the candidate's booking must be known. A booking that points to this record has not changed its
/// key; one without key inputs never does. A call after the main one names other records of the booking.
fn links_wanted(candidate: &Candidate, of_records: &HashMap<RecordKey, Vec<LinkRow>>) -> Vec<LinksOf> {
    let Candidate { work, sending, record } = candidate;
    let run = &work.due.run;
    let own_key = link_key(work, sending.step, record);
    let points_here = of_records
        .get(record)
        .into_iter()
        .flatten()
        .filter(|link| link.key == own_key)
        .any(|link| link.bookings.iter().any(|b| b.booking == run.booking && b.item == run.item));
    let needless = points_here || sending.action.key.is_empty();
    if after_main(work, sending).is_none() && needless && !work.takes_over() {
        return Vec::new();
    }
    work.links_of_chain(&run.connection)
}

/// Links, each once, though several bookings point to it.
pub(super) fn once_each(links: impl Iterator<Item = LinkRow>) -> Vec<LinkRow> {
    let mut seen = HashSet::new();
    links.filter(|link| seen.insert(link.key.clone())).collect()
}

/// What a round gave.
#[derive(Default)]
struct Round {
    /// Runs set aside, so that the next claim comes to others.
    parked: usize,
    /// Runs whose step had nothing to send: their next step is for the next round.
    go_on: Vec<Work>,
    /// Calls.
    calls: Vec<(Candidate, CallPlan)>,
    /// Records of steps that had nothing to send. They stay taken until their links are written: whoever comes next to
    /// such a record must see them.
    had: Vec<(RecordKey, RunId)>,
}

/// How a step is called.
struct CallPlan {
    which: Which,
    remote_id: Option<String>,
    moved_from: Option<super::links::MovedFrom>,
    former: Vec<RecordKey>,
    named: Vec<(RecordKey, String)>,
    own_link: Option<LinkRow>,
    /// Links of the record that gets another key by this call, of all rules and steps.
    left_links: Vec<LinkRow>,
}

fn ready_call(request: OutboundRequest, ticket: Ticket) -> ReadyCall {
    ReadyCall { request, ticket: Box::new(ticket) }
}

impl Claimed {
    fn again_by(&mut self, at: Millis) {
        self.again_at = Some(self.again_at.map_or(at, |known| known.min(at)));
    }
}

fn give_back(inner: &mut Inner, ticket: &Ticket) {
    if let Some(gate) = inner.gates.get_mut(&ticket.connection) {
        gate.not_sent();
    }
    inner.free(&ticket.records, &ticket.work.due.run.id);
}
