//! Whether the CRMs hold what the rules last said about the latest state of each booking, and whether effects came in
//! order.
//!
//! On a record that several bookings share, the last one to say something wins, by position; a booking whose own fields
//! are as it last sent them does not write again. So the record must hold what the last writer says now, and whoever
//! came later must have had nothing new to say.

use crate::crm::Effect;
use crate::model::{Wanted, wanted};
use crate::promises::Found;
use crate::sim::Sim;
use serde_json::{Map, Value};
use std::collections::{BTreeMap, HashMap};
use waypost::domain::{Position, RunState, StepState, VerdictCode};
use waypost::ports::RunRow;

/// A booking that should have written a record.
struct Claim {
    booking: String,
    position: Position,
    /// What it may have said: by each variant of the rules since.
    says: Vec<Map<String, Value>>,
    /// It said just that before, and nothing else since: it does not say it again.
    said: bool,
    /// Its newest run failed, is held or was cancelled: a person knows.
    excused: bool,
}

/// Object, key, rule and step.
type Place = (&'static str, String, &'static str, &'static str);

/// Looks at all records.
pub fn look(sim: &mut Sim, found: &Found) {
    let runs: HashMap<&str, &RunRow> = found.runs.iter().map(|run| (run.id.as_str(), run)).collect();
    let mut wrong = order(sim, &runs);
    wrong.extend(lanes(sim, found, &runs));
    for (place, claims) in claims(sim, found) {
        if let Some(told) = record(sim, found, &runs, (&place, &claims)) {
            wrong.push(format!("{} {} by {}.{}: {told}", place.0, place.1, place.2, place.3));
        }
    }
    sim.wrong.extend(wrong);
}

/// What one rule and step wrote to one record never goes back; but for a call of which nobody knew whether it was done:
/// that one is made again, or a newer one in its place.
fn order(sim: &Sim, runs: &HashMap<&str, &RunRow>) -> Vec<String> {
    let mut last: BTreeMap<(&str, &str, &str, &str), Position> = BTreeMap::new();
    let mut wrong = Vec::new();
    for effect in sim.crm.effects.iter().filter(|effect| !effect.fields.contains_key("ref")) {
        let Some(run) = runs.get(&*effect.run) else {
            wrong.push(format!("there is no run {} for an effect", effect.run));
            continue;
        };
        // The bookings of a chain write one record, and of them the old one is older, wherever it stands.
        if run.rule == "kept" {
            continue;
        }
        let before = last.entry((&effect.object, &effect.id, &run.rule, &effect.step)).or_insert(0);
        if run.position < *before {
            wrong.push(format!(
                "{} {}: {}.{} wrote {} after {before} (run {})",
                effect.object, effect.id, run.rule, effect.step, run.position, run.id
            ));
        }
        if effect.known {
            *before = run.position;
        }
    }
    wrong
}

/// The runs of one lane go one after the other: of those that are done, the earlier ones had their effects first. What a
/// person tried again came back later, so this is told only where nobody did.
fn lanes(sim: &Sim, found: &Found, runs: &HashMap<&str, &RunRow>) -> Vec<String> {
    if sim.weather.person > 0 {
        return Vec::new();
    }
    let mut first: HashMap<&str, usize> = HashMap::new();
    let mut last: HashMap<&str, usize> = HashMap::new();
    for (number, effect) in sim.crm.effects.iter().enumerate() {
        if runs.get(&*effect.run).is_some_and(|run| run.state == RunState::Done) {
            first.entry(&effect.run).or_insert(number);
            last.insert(&effect.run, number);
        }
    }
    let mut before: HashMap<&str, (&str, usize)> = HashMap::new();
    let mut wrong = Vec::new();
    for run in &found.runs {
        let (Some(first), Some(last)) = (first.get(run.id.as_str()), last.get(run.id.as_str())) else {
            continue;
        };
        if let Some((earlier, ended)) = before.insert(&run.lane, (run.id.as_str(), *last))
            && ended > *first
        {
            wrong.push(format!(
                "run {} of {} began before {earlier} of its lane was through",
                run.id, run.rule
            ));
        }
    }
    wrong
}

/// Who should have written which record.
fn claims(sim: &Sim, found: &Found) -> BTreeMap<Place, Vec<Claim>> {
    let mut claims: BTreeMap<Place, Vec<Claim>> = BTreeMap::new();
    for latest in found.latest.values() {
        let by_variant: Vec<Vec<Wanted>> =
            sim.variants[latest.variant..].iter().map(|variant| wanted(variant, &latest.booking)).collect();
        let Some((first, others)) = by_variant.split_first() else { continue };
        for one in first {
            let same = |other: &&Wanted| {
                (other.object, &other.key, other.rule, other.step, &other.item)
                    == (one.object, &one.key, one.rule, one.step, &one.item)
            };
            let mut says = vec![one.fields.clone()];
            let mut always = true;
            for other in others {
                match other.iter().find(same) {
                    Some(found) => says.push(found.fields.clone()),
                    None => always = false,
                }
            }
            let newest = found
                .runs
                .iter()
                .filter(|run| run.rule == one.rule && run.item == one.item)
                .filter(|run| found.keys.get(run.booking.as_str()) == Some(&latest.booking.uuid))
                .max_by_key(|run| (run.position, run.seq));
            let excused = !always
                || newest.is_none_or(|run| {
                    matches!(run.state, RunState::Failed | RunState::Held | RunState::Cancelled)
                });
            let place = (one.object, one.key.clone(), one.rule, one.step);
            claims.entry(place).or_default().push(Claim {
                booking: latest.booking.uuid.clone(),
                position: latest.position,
                said: said_before(sim, found, (latest, one), &says),
                says,
                excused,
            });
        }
    }
    claims
}

/// Whether the last that a booking said to the record before its latest state is what it says now: sent, or there already.
fn said_before(
    sim: &Sim,
    found: &Found,
    (latest, one): (&crate::promises::Latest, &Wanted),
    says: &[Map<String, Value>],
) -> bool {
    let runs = found.runs.iter().filter(|run| run.rule == one.rule && run.item == one.item);
    let own = runs.filter(|run| found.keys.get(run.booking.as_str()) == Some(&latest.booking.uuid));
    let done = own.filter(|run| {
        run.position < latest.position
            && run.steps.iter().any(|step| {
                let code = step.verdict.as_ref().map(|verdict| verdict.code);
                step.id == one.step
                    && step.state == StepState::Done
                    && matches!(code, None | Some(VerdictCode::Unchanged))
            })
    });
    let Some(last) = done.max_by_key(|run| (run.position, run.seq)) else { return false };
    let Some(then) = found.states.get(&(latest.booking.uuid.clone(), last.position)) else { return false };
    sim.variants.iter().flat_map(|variant| wanted(variant, then)).any(|then| {
        (then.object, &then.key, then.rule, then.step, &then.item)
            == (one.object, &one.key, one.rule, one.step, &one.item)
            && says.contains(&then.fields)
    })
}

/// What is wrong with a record.
fn record(
    sim: &Sim,
    found: &Found,
    runs: &HashMap<&str, &RunRow>,
    ((object, key, rule, step), claims): (&Place, &[Claim]),
) -> Option<String> {
    let of_rule = |effect: &&Effect| {
        effect.step == *step && runs.get(&*effect.run).is_some_and(|run| run.rule == *rule)
    };
    let was_deleted = sim.crm.effects.iter().filter(of_rule).any(|effect| {
        sim.deleted.contains(&effect.id) && effect.fields.get("key").and_then(Value::as_str) == Some(key)
    });
    if was_deleted || claims.iter().all(|claim| claim.excused) {
        return None;
    }
    let Some(record) = sim.crm.find(object, key) else { return Some("there is no such record".to_owned()) };
    let here: Vec<&Effect> = sim
        .crm
        .effects
        .iter()
        .filter(|effect| effect.object == *object && effect.id == record.id)
        .filter(of_rule)
        .collect();
    let booking_of = |effect: &Effect| {
        runs.get(&*effect.run)
            .and_then(|run| found.keys.get(run.booking.as_str()))
            .cloned()
            .unwrap_or_default()
    };
    let says = |claim: &Claim, effect: &Effect| {
        claim.says.iter().any(|said| said.iter().all(|(name, value)| effect.fields.get(name) == Some(value)))
    };
    let Some(last) = here.last() else { return Some("the rule never wrote it".to_owned()) };
    let writer = booking_of(last);
    let position = runs.get(&*last.run).map_or(0, |run| run.position);
    // Who wrote it may have left the record since, or a person knows why it is behind; or somebody says just that.
    let left = claims.iter().find(|claim| claim.booking == writer).is_none_or(|claim| claim.excused);
    let stands = claims.iter().filter(|claim| says(claim, last)).map(|claim| claim.position);
    let stands = stands.chain(left.then_some(position)).max();
    let Some(stands) = stands else {
        let said: Vec<_> = claims.iter().map(|claim| (&claim.booking, &claim.says)).collect();
        return Some(format!("it holds {:?} of {writer}, and they say {said:?}", last.fields));
    };
    for later in claims.iter().filter(|later| !later.excused && later.position > stands) {
        let own = here.iter().rev().find(|effect| booking_of(effect) == later.booking);
        if !later.said && !own.is_some_and(|own| says(later, own)) {
            return Some(format!(
                "it holds {:?} of {writer} at {position}; {} at {} never said {:?}",
                last.fields, later.booking, later.position, later.says
            ));
        }
    }
    None
}
