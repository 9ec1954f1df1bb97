//! What runs would send if they were claimed now: by the production code (mapping, links, verdicts), without a call and
//! without a write. Used where people ask before they act: applying a rule, publishing one, the preview beside the editor.
//!
//! Promises that what is told here as unchanged is what a claim at this moment would not send. What a step would read of
//! an answer that is yet to come stands as `<step.output>`, unless its link remembers an earlier one.

use super::chain;
use super::claim::once_each;
use super::links::{Decision, Known, decide, former_records, link_key};
use super::work::{Next, Sending, Work};
use crate::connectors::{Action, Which};
use crate::domain::{Millis, RecordKey, RunEvent, RunState, Verdict, VerdictCode};
use crate::expr::with_deadline;
use crate::ports::{
    DueRun, LinkRow, LinksOf, NewRun, PresentBooking, RunChain, RunRow, Store, StoreError, Think,
};
use crate::rules::{FieldTrace, Ruleset};
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

/// Steps of one run that are looked at; rules have a handful.
const ROUNDS_MAX: usize = 64;

/// What a run would come to.
#[derive(Clone, Debug, PartialEq)]
pub struct Foreseen {
    /// Key of the item, else empty.
    pub item: String,
    /// Its steps, as far as it gets.
    pub steps: Vec<ForeseenStep>,
    /// How it ends.
    pub end: ForeseenEnd,
}

/// How a run would end.
#[derive(Clone, Debug, PartialEq)]
pub enum ForeseenEnd {
    /// Something is sent.
    Sends,
    /// Nothing is sent, with the reason.
    Nothing(Verdict),
    /// It fails or is held, with the reason.
    Fails(Verdict),
    /// It would make a record that it made before: the id of the step.
    MadeBefore(String),
}

/// What a step would do.
#[derive(Clone, Debug, PartialEq)]
pub struct ForeseenStep {
    /// Its id.
    pub id: String,
    /// `connection.action`.
    pub uses: String,
    /// What it does.
    pub outlook: StepOutlook,
    /// Its mapped fields.
    pub fields: Map<String, Value>,
    /// Why each field has its value, where that was asked for.
    pub traces: Vec<FieldTrace>,
}

/// What becomes of a step.
#[derive(Clone, Debug, PartialEq)]
pub enum StepOutlook {
    /// It is sent; with the CRM's id of the record, where it is known.
    Send(Option<String>),
    /// It is not, and this is why.
    Nothing(Verdict),
    /// It made its record before, and would make a second.
    MadeBefore,
}

/// A run as it would be planned, and the booking that it is about.
pub type Wanted<'p> = (NewRun, &'p PresentBooking);

struct Going {
    place: usize,
    work: Work,
}

/// Looks ahead for many runs at once; gives what each would come to, in their order.
pub async fn foresee(
    store: &dyn Store,
    ruleset: &Arc<Ruleset>,
    wanted: Vec<Wanted<'_>>,
    (think, traced): (&dyn Think, bool),
    now: Millis,
) -> Result<Vec<Foreseen>, StoreError> {
    let mut foreseen: Vec<Foreseen> = wanted
        .iter()
        .map(|(run, _)| Foreseen { item: run.item.clone(), steps: Vec::new(), end: ForeseenEnd::Sends })
        .collect();
    let mut dues: Vec<DueRun> = wanted.into_iter().map(|(run, present)| due(run, present)).collect();
    chain::fill(store, dues.iter_mut().map(|due| (due, ruleset)).collect()).await?;
    let mut going = Vec::with_capacity(dues.len());
    think.run(&mut || {
        for (place, due) in std::mem::take(&mut dues).into_iter().enumerate() {
            match with_deadline(think.deadline(), || Work::take(due, ruleset, None)) {
                Ok(work) => going.push(Going { place, work }),
                Err((_, Next::End(event, verdict))) => foreseen[place].end = end_of(event, verdict),
                Err((_, Next::Send(_))) => {}
            }
        }
    });
    chain::inherit(store, going.iter_mut().map(|one| &mut one.work).collect()).await?;
    for _ in 0..ROUNDS_MAX {
        if going.is_empty() {
            break;
        }
        going = round(store, ruleset, going, (think, traced), now, &mut foreseen).await?;
    }
    Ok(foreseen)
}

/// One round: each run's next step against the links of its record.
async fn round(
    store: &dyn Store,
    ruleset: &Arc<Ruleset>,
    mut going: Vec<Going>,
    (think, traced): (&dyn Think, bool),
    now: Millis,
    foreseen: &mut [Foreseen],
) -> Result<Vec<Going>, StoreError> {
    let mut nexts = Vec::new();
    think.run(&mut || {
        nexts = going.iter_mut().map(|one| with_deadline(think.deadline(), || one.work.next())).collect();
    });
    let mut candidates = Vec::new();
    for (one, next) in going.into_iter().zip(nexts) {
        match next {
            Next::End(event, verdict) => {
                let told = &mut foreseen[one.place];
                tell_left_out(&one.work, told);
                told.end = match told.steps.iter().find(|step| step.outlook == StepOutlook::MadeBefore) {
                    Some(made) => ForeseenEnd::MadeBefore(made.id.clone()),
                    None => end_of(event, verdict),
                };
            }
            Next::Send(sending) => match one.work.connection_now(sending.step, ruleset) {
                Some(connection) => {
                    let own = one.work.own_key(sending.step);
                    let record = sending.action.record(connection, &sending.fields, &own);
                    candidates.push((one, sending, record));
                }
                None => {
                    let text = "the connection of a step is not there";
                    foreseen[one.place].end =
                        ForeseenEnd::Fails(Verdict::new(VerdictCode::ConnectionGone, text));
                }
            },
        }
    }
    let (of_records, of_bookings) = links_of(store, &candidates).await?;
    let mut on = Vec::with_capacity(candidates.len());
    for ((mut one, sending, record), of_booking) in candidates.into_iter().zip(of_bookings) {
        let of_record = of_records.get(&record).map_or(&[][..], Vec::as_slice);
        let links = (of_record, of_booking.as_slice());
        let step = look(store, links, &mut one.work, (&sending, &record), now).await?;
        let told = &mut foreseen[one.place];
        tell_left_out(&one.work, told);
        told.steps.push(step);
        on.push(one);
    }
    if traced {
        for one in &on {
            let told = &mut foreseen[one.place];
            let Some(step) = told.steps.last_mut() else { continue };
            let index = one.work.steps.iter().position(|known| known.id == step.id).unwrap_or_default();
            let context = &one.work.context;
            step.traces = ruleset.trace_step(&one.work.rule, index, context).unwrap_or_default();
        }
    }
    Ok(on)
}

type OfRecords = HashMap<RecordKey, Vec<LinkRow>>;

/// The links that a round needs, read at once: of the records, and of each candidate's booking.
async fn links_of(
    store: &dyn Store,
    candidates: &[(Going, Sending, RecordKey)],
) -> Result<(OfRecords, Vec<Vec<LinkRow>>), StoreError> {
    let mut of_records = OfRecords::new();
    if candidates.is_empty() {
        return Ok((of_records, Vec::new()));
    }
    let records: Vec<RecordKey> = candidates.iter().map(|(_, _, record)| record.clone()).collect();
    for link in store.links_of_records(&records).await? {
        of_records.entry(link.key.record.clone()).or_default().push(link);
    }
    let asked: Vec<Vec<LinksOf>> =
        candidates.iter().map(|(one, _, record)| one.work.links_of_chain(&record.connection)).collect();
    let mut found = store.links_of_bookings(&asked.concat()).await?.into_iter();
    let of_bookings =
        asked.iter().map(|asked| once_each(found.by_ref().take(asked.len()).flatten())).collect();
    Ok((of_records, of_bookings))
}

/// What a step would do; the run goes on as if it had been done.
async fn look(
    store: &dyn Store,
    (of_record, of_booking): (&[LinkRow], &[LinkRow]),
    work: &mut Work,
    (sending, record): (&Sending, &RecordKey),
    now: Millis,
) -> Result<ForeseenStep, StoreError> {
    let former = former_records(work, sending.step, record, of_booking);
    let of_former = if former.is_empty() || sending.action.update.is_none() {
        Vec::new()
    } else {
        store.links_of_records(&former).await?
    };
    let own_key = link_key(work, sending.step, record);
    let own_link = of_record.iter().find(|link| link.key == own_key);
    let remembered = own_link.map(|link| link.outputs.clone()).unwrap_or_default();
    let made = !sending.action.repeatable && own_link.is_some_and(|link| link.hash.is_some());
    let known = Known { of_record, of_booking, of_former: &of_former };
    let (outlook, outputs, verdict) = if made {
        let verdict = Verdict::new(VerdictCode::Unchanged, "it was made before");
        (StepOutlook::MadeBefore, remembered, Some(verdict))
    } else {
        match decide(work, sending, record, &known, now) {
            Decision::Have { outputs, verdict, .. } => {
                (StepOutlook::Nothing(verdict.clone()), outputs, Some(verdict))
            }
            Decision::Call { which, remote_id, .. } => {
                let id = remote_id.filter(|_| sending.action.repeatable || which == Which::Update);
                let step = &work.steps[sending.step].id;
                (StepOutlook::Send(id), expected(&sending.action, step, remembered), None)
            }
        }
    };
    let step = ForeseenStep {
        id: work.steps[sending.step].id.clone(),
        uses: work.steps[sending.step].uses.clone(),
        outlook,
        fields: sending.fields.clone(),
        traces: Vec::new(),
    };
    work.step_done(sending.step, outputs, verdict);
    Ok(step)
}

/// Steps that were left out on the way.
fn tell_left_out(work: &Work, told: &mut Foreseen) {
    for step in work.steps.iter().filter(|step| step.state == crate::domain::StepState::Skipped) {
        if told.steps.iter().any(|known| known.id == step.id) {
            continue;
        }
        let verdict = step.verdict.clone();
        let verdict = verdict.unwrap_or_else(|| Verdict::new(VerdictCode::If, "it is left out"));
        told.steps.push(ForeseenStep {
            id: step.id.clone(),
            uses: step.uses.clone(),
            outlook: StepOutlook::Nothing(verdict),
            fields: Map::new(),
            traces: Vec::new(),
        });
    }
}

/// What the answer will give, as far as one can know.
fn expected(action: &Action, step: &str, remembered: BTreeMap<String, Value>) -> BTreeMap<String, Value> {
    let further = action.after.iter().filter_map(|after| after.call.outputs.as_ref()).flatten();
    let names = action.outputs.iter().chain(further).map(|(name, _)| name);
    let mut outputs: BTreeMap<String, Value> =
        names.map(|name| (name.clone(), json!(format!("<{step}.{name}>")))).collect();
    outputs.extend(remembered);
    outputs
}

fn end_of(event: RunEvent, verdict: Option<Verdict>) -> ForeseenEnd {
    let verdict = verdict.unwrap_or_else(|| Verdict::new(VerdictCode::NothingToSend, "nothing to send"));
    match event {
        RunEvent::Finish => ForeseenEnd::Sends,
        RunEvent::Fail | RunEvent::Hold => ForeseenEnd::Fails(verdict),
        _ => ForeseenEnd::Nothing(verdict),
    }
}

/// The run as the claim would get it.
fn due(run: NewRun, present: &PresentBooking) -> DueRun {
    let row = RunRow {
        seq: i64::MAX,
        id: run.id,
        rule: run.rule,
        booking: run.booking,
        item: run.item,
        lane: run.lane,
        change: run.change,
        position: run.position,
        asked: run.asked,
        trigger: run.trigger,
        state: RunState::Waiting,
        verdict: None,
        next_at: Some(run.at),
        connection: run.connection,
        ruleset: None,
        steps: Vec::new(),
        failures: 0,
        failing_since: None,
        failing_stopped_ms: 0,
        uncertain: false,
        supersedes: run.supersedes,
        as_it_was: false,
        revision: 0,
        created_at: run.at,
        updated_at: run.at,
    };
    DueRun {
        run: row,
        key: present.booking.key.clone(),
        source: present.booking.source.clone(),
        kind: present.kind,
        paths: present.paths.clone(),
        at: present.at,
        received_at: present.received_at,
        event: present.event.clone(),
        body: present.body.clone(),
        previous: present.previous.clone(),
        newer_waits: false,
        chained: true,
        chain: RunChain::default(),
    }
}
