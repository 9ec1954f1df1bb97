//! Looks, once all is quiet, whether the promises of the design were kept. Each finding is a sentence in `Sim::wrong`.

use crate::convergence;
use crate::model::{Booking, Chains, runs_of};
use crate::sim::Sim;
use serde_json::Value;
use std::collections::{BTreeMap, HashMap};
use waypost::domain::{ChangeKind, Position, RunState, StepState, VerdictCode};
use waypost::ports::{Clock, EventView, ListFilter, RunRow, StoreError};

/// A change as it should be: where, of what, and the states around it.
struct Expected {
    kind: ChangeKind,
    before: Option<Booking>,
    after: Booking,
}

/// The latest state of a booking.
pub struct Latest {
    /// The state.
    pub booking: Booking,
    /// Position of the event that made it.
    pub position: Position,
    /// The rules' variant when that came in.
    pub variant: usize,
}

/// All that was found at the end.
pub struct Found {
    /// Runs, oldest first.
    pub runs: Vec<RunRow>,
    /// Latest states by key.
    pub latest: BTreeMap<String, Latest>,
    /// All states that bookings had, by key and position.
    pub states: BTreeMap<(String, Position), Booking>,
    /// Keys of bookings by their ids.
    pub keys: HashMap<String, String>,
}

/// Looks at everything.
pub async fn look(sim: &mut Sim) -> Result<Found, StoreError> {
    let store = sim.store();
    let filter = ListFilter { limit: 1_000, ..ListFilter::default() };
    let mut events = store.list_events(&filter).await?;
    events.reverse();
    let mut keys = HashMap::new();
    for booking in store.list_bookings(&filter).await? {
        keys.insert(booking.id.to_string(), booking.key.key.clone());
    }
    let mut found = Found { runs: sim.runs().await?, latest: BTreeMap::new(), states: BTreeMap::new(), keys };
    journal(sim, &events).await?;
    let changes = changes(sim, &events, &mut found);
    bookings(sim, &found).await?;
    runs(sim, &found, &changes).await?;
    creates(sim, &found);
    superseded(sim, &found).await?;
    convergence::look(sim, &found);
    let sending = store.lost_attempts(None, i64::MAX).await?;
    if !sending.is_empty() {
        sim.wrong.push(format!("{} attempts are `sending` for ever", sending.len()));
    }
    let mended = store.mend_lanes(sim.clock.now()).await?;
    if mended > 0 {
        sim.wrong.push(format!("{mended} lanes stood still and had to be mended"));
    }
    Ok(found)
}

/// What was acked is there, byte for byte, and nothing else is.
async fn journal(sim: &mut Sim, events: &[EventView]) -> Result<(), StoreError> {
    let store = sim.store();
    for number in 0..sim.posted.len() {
        let posted = &sim.posted[number];
        let stored = store.event(&posted.id).await?;
        let told = match (&stored, posted.acked) {
            (None, Some(_)) => format!("webhook {number} was acked and is not in the journal"),
            (Some((view, _)), Some(position)) if view.position != position => {
                format!("webhook {number} was acked at {position} and stands at {}", view.position)
            }
            (Some((_, event)), _) if event.body != posted.webhook.body => {
                format!("webhook {number} is not stored byte for byte")
            }
            _ => continue,
        };
        sim.wrong.push(told);
    }
    for event in events {
        if !sim.posted.iter().any(|posted| posted.id == event.id) {
            sim.wrong.push(format!("nobody posted the event {}", event.id));
        }
    }
    Ok(())
}

/// Each event ended with a change per thing that it told of, of the kind that the order of arrival says.
fn changes(sim: &mut Sim, events: &[EventView], found: &mut Found) -> HashMap<(Position, i64), Expected> {
    let mut expected = HashMap::new();
    let mut chains = Chains::default();
    for event in events {
        let Some(posted) = sim.posted.iter().find(|posted| posted.id == event.id) else { continue };
        let told = &posted.webhook.told;
        let given: Vec<ChangeKind> = event.changes.iter().map(|change| change.kind).collect();
        let quarantined = event.changes.iter().any(|change| {
            change.kind == ChangeKind::Unreadable
                && change.note.as_deref().is_some_and(|note| note.starts_with("quarantined"))
        });
        // By design: after three deaths with it alone in hand.
        if quarantined && sim.deaths >= 3 {
            continue;
        }
        let mut wanted = Vec::new();
        let mut makes = |found: &mut Found, kind: ChangeKind, after: Booking| {
            let before = found.latest.get(&after.uuid).map(|latest| latest.booking.clone());
            if kind.has_effect() {
                found.states.insert((after.uuid.clone(), event.position), after.clone());
                found.latest.insert(
                    after.uuid.clone(),
                    Latest { booking: after.clone(), position: event.position, variant: posted.variant },
                );
            }
            expected.insert((event.position, wanted.len() as i64), Expected { kind, before, after });
            wanted.push(kind);
        };
        for booking in told {
            let before = found.latest.get(&booking.uuid).map(|latest| latest.booking.clone());
            let (kind, after) = chains.see(before.as_ref(), booking);
            makes(found, kind, after);
        }
        // Who took another's place tells of that one too.
        for booking in told {
            let old = booking.from.as_ref().and_then(|old| found.latest.get(old));
            if let Some(old) = old.filter(|old| old.booking.to.is_none()) {
                let after = Booking { to: Some(booking.uuid.clone()), ..old.booking.clone() };
                makes(found, ChangeKind::Rebooked, after);
            }
        }
        if told.is_empty() {
            wanted.push(ChangeKind::Unreadable);
        }
        if given != wanted {
            sim.wrong.push(format!("event {} led to {given:?} and not to {wanted:?}", event.position));
        }
    }
    expected
}

/// The stored bookings are the latest states.
async fn bookings(sim: &mut Sim, found: &Found) -> Result<(), StoreError> {
    let store = sim.store();
    let mut present = BTreeMap::new();
    for view in store.list_bookings(&ListFilter { limit: 1_000, ..ListFilter::default() }).await? {
        let body = store.booking(&view.id).await?.map(|(_, body)| body).unwrap_or_default();
        let body: Value = serde_json::from_str(&body).unwrap_or_default();
        present.insert(view.key.key, (view.position, body));
    }
    for (key, latest) in &found.latest {
        let wanted = (Some(latest.position), Some(u64::from(latest.booking.rev)), latest.booking.status());
        let stored = present.get(key);
        let given = (
            stored.map(|(position, _)| *position),
            stored.and_then(|(_, body)| body["rev"].as_u64()),
            stored.and_then(|(_, body)| body["status"].as_str()).unwrap_or_default(),
        );
        if given != wanted {
            sim.wrong.push(format!("the booking {key} is {given:?} and not {wanted:?}"));
        }
    }
    if present.len() != found.latest.len() {
        sim.wrong.push(format!("{} bookings are stored and not {}", present.len(), found.latest.len()));
    }
    Ok(())
}

/// Each change led to its runs, each run ended or is held, with a reason; and the counts add up.
async fn runs(
    sim: &mut Sim,
    found: &Found,
    changes: &HashMap<(Position, i64), Expected>,
) -> Result<(), StoreError> {
    let mut planned: HashMap<(&str, Position, i64), usize> = HashMap::new();
    for run in found.runs.iter().filter(|run| run.trigger == "change") {
        *planned.entry((&run.rule, run.change.position, run.change.ordinal)).or_default() += 1;
    }
    let mut wrong = Vec::new();
    let switched = sim.variants.iter().any(|variant| !variant.enabled);
    for ((position, ordinal), change) in changes {
        for rule in &sim.weather.variant.rules {
            let wanted = runs_of(rule, change.kind, change.before.as_ref(), &change.after);
            let given = planned.get(&(*rule, *position, *ordinal)).copied().unwrap_or(0);
            let may_miss = switched && matches!(*rule, "mails" | "mixed");
            if given > wanted || (given < wanted && !may_miss) {
                wrong
                    .push(format!("change {position}.{ordinal} led to {given} runs of {rule}, not {wanted}"));
            }
        }
    }
    for run in &found.runs {
        wrong.extend(wrong_with(sim, found, run).map(|what| {
            let rule = &run.rule;
            format!("run {} of {rule} is {} ({:?}): {what}", run.id, run.state, run.verdict)
        }));
    }
    let mut by_state: BTreeMap<String, i64> = BTreeMap::new();
    for run in &found.runs {
        *by_state.entry(run.state.to_string()).or_default() += 1;
    }
    let mut counted: BTreeMap<String, i64> = BTreeMap::new();
    let counts = sim.store().counts().await?;
    for (state, _, count) in counts.runs.iter().filter(|(_, _, count)| *count != 0) {
        *counted.entry(state.clone()).or_default() += count;
    }
    if counted != by_state {
        wrong.push(format!("the counts of runs say {counted:?}, and there are {by_state:?}"));
    }
    wrong.sort();
    sim.wrong.extend(wrong);
    Ok(())
}

/// Why a run must not be as it is.
fn wrong_with(sim: &Sim, found: &Found, run: &RunRow) -> Option<&'static str> {
    if run.state == RunState::Done {
        return None;
    }
    let Some(verdict) = &run.verdict else { return Some("it has no reason") };
    let switched = sim.variants.iter().any(|variant| !variant.enabled);
    let newer = |other: &&RunRow| other.lane == run.lane && other.seq > run.seq && other.supersedes;
    let fine = match (run.state, verdict.code) {
        (RunState::Failed, VerdictCode::Refused) => sim.refused.contains(run.id.as_str()),
        (RunState::Held, VerdictCode::OutcomeUnknown) => run.rule == "mails",
        (RunState::Held, VerdictCode::Gone) => !sim.deleted.is_empty(),
        (RunState::Superseded, VerdictCode::Superseded) => {
            run.rule == "kept" || (run.supersedes && found.runs.iter().find(newer).is_some())
        }
        (RunState::Superseded, VerdictCode::Stale) => {
            matches!(&*run.rule, "guests" | "kept" | "logs" | "office" | "people" | "queue")
        }
        (RunState::Skipped, code) => matches!(
            code,
            VerdictCode::When
                | VerdictCode::Unchanged
                | VerdictCode::NothingToSend
                | VerdictCode::ItemRemoved
        ),
        (RunState::Cancelled, VerdictCode::RuleOff) => switched,
        _ => false,
    };
    (!fine).then_some("nothing that happened explains it")
}

/// Once a newer run took over, none that can be superseded begins a call; but for one whose last call is open. Told by the
/// times of runs and calls, so only where the clock is calm.
async fn superseded(sim: &mut Sim, found: &Found) -> Result<(), StoreError> {
    if !sim.calm {
        return Ok(());
    }
    for run in found.runs.iter().filter(|run| run.supersedes) {
        let newer = found.runs.iter().find(|newer| {
            newer.lane == run.lane
                && newer.seq > run.seq
                && newer.supersedes
                && newer.created_at > run.created_at
        });
        let Some(newer) = newer else { continue };
        let attempts = sim.store().attempts(&run.id).await?;
        let open = attempts
            .iter()
            .any(|attempt| attempt.started_at <= newer.created_at && attempt.outcome == "maybe_done");
        if !open && attempts.iter().any(|attempt| attempt.started_at > newer.created_at) {
            let (id, rule) = (&run.id, &run.rule);
            sim.wrong.push(format!("run {id} of {rule} began a call though {} had taken over", newer.id));
        }
    }
    Ok(())
}

/// The effect of each create is there once where its step is done, and never twice.
fn creates(sim: &mut Sim, found: &Found) {
    let mut made: HashMap<&str, usize> = HashMap::new();
    for effect in &sim.crm.effects {
        if let Some(reference) = effect.fields.get("ref").and_then(Value::as_str) {
            *made.entry(reference).or_default() += 1;
        }
    }
    let mut wrong = Vec::new();
    for run in &found.runs {
        let step = match &*run.rule {
            "notes" => "note",
            "mails" => "mail",
            "latest" => "latest",
            "mixed" => "task",
            _ => continue,
        };
        let made = made.remove(&*format!("{}.{step}", run.id)).unwrap_or(0);
        let again = sim.tried_blindly.iter().filter(|tried| **tried == run.id.as_str()).count();
        let done = run.steps.iter().any(|known| known.id == step && known.state == StepState::Done);
        let never = run.state == RunState::Skipped;
        if made > 1 + again || (done && made == 0) || (never && made > 0) {
            wrong.push(format!(
                "run {} of {} is {} and its {step} was made {made} times",
                run.id, run.rule, run.state
            ));
        }
    }
    if !made.is_empty() {
        wrong.push(format!("these were made by no run: {made:?}"));
    }
    sim.wrong.extend(wrong);
}
