//! What a rule would do with bookings as they stand: planned and looked ahead by the production code, nothing written.
//! Applying a rule, the counts before it, and the look at a changed rule all go through here.

use super::App;
use super::chains::{InChain, in_chains, root_of};
use crate::bookings::{KnownDoors, RunPlace, known_doors, planned_runs};
use crate::delivery::{Foreseen, ForeseenEnd, foresee};
use crate::domain::{ChangeKind, RunState, VerdictCode};
use crate::expr::with_deadline;
use crate::ports::{Entropy, NewRun, PresentBooking, StoreError, Think};
use crate::rules::{ChangeContext, Rule, Ruleset};
use crate::runner::BlockingThink;
use serde_json::Value;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

/// What a rule would do with one booking.
#[derive(Clone, Debug)]
pub struct BookingOutlook {
    /// The booking.
    pub present: PresentBooking,
    /// What it comes to.
    pub fate: Fate,
    /// The runs that would be planned.
    pub runs: Vec<NewRun>,
    /// What each run that was looked at comes to, planned or not.
    pub foreseen: Vec<Foreseen>,
}

/// What a rule comes to for one booking.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fate {
    /// Something is sent.
    Sends,
    /// It fails, for this reason.
    Fails(String),
    /// What would be sent is there already.
    Unchanged,
    /// The rule does not ask for it, for this reason.
    Excluded(String),
    /// The step with this id made its record before, and would make a second.
    Made(String),
    /// A run of the rule is on its way already.
    Open,
}

/// The days that a trip starts on, both included, as `2027-03-14`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Days {
    /// The first.
    pub from: Option<String>,
    /// The last.
    pub to: Option<String>,
}

impl Days {
    /// Whether a trip that starts then is among them. The day is that of the place where it starts.
    fn have(&self, trip: &Value) -> bool {
        if self.from.is_none() && self.to.is_none() {
            return true;
        }
        let starts = trip.get("starts_at").and_then(Value::as_str).and_then(|text| text.get(..10));
        let Some(day) = starts else { return false };
        self.from.as_deref().is_none_or(|from| day >= from) && self.to.as_deref().is_none_or(|to| day <= to)
    }
}

/// Whether something is a day as people write it in a form: `2027-03-14`.
pub fn is_day(text: &str) -> bool {
    text.len() == 10 && text.parse::<jiff::civil::Date>().is_ok()
}

/// How bookings are to be looked at.
#[derive(Clone, Copy)]
pub(super) struct Look<'l> {
    pub ruleset: &'l Arc<Ruleset>,
    pub rule: &'l Arc<Rule>,
    pub days: &'l Days,
    /// Keep why each field has its value.
    pub traced: bool,
    /// Leave out what is on its way.
    pub open_counts: bool,
}

impl App {
    /// What a rule would do with each of these bookings.
    pub(super) async fn look_ahead(
        &self,
        look: Look<'_>,
        bookings: Vec<PresentBooking>,
    ) -> Result<Vec<BookingOutlook>, StoreError> {
        let think = BlockingThink { clock: self.clock.clone() };
        let doors = known_doors(&*self.store).await?;
        let keys: Vec<_> = bookings.iter().map(|present| present.booking.key.clone()).collect();
        let chains = in_chains(&*self.store, &keys).await?;
        let now = self.clock.now();
        let mut plans: Vec<Result<Vec<NewRun>, String>> = Vec::with_capacity(bookings.len());
        think.run(&mut || {
            plans = bookings
                .iter()
                .map(|present| {
                    let around = (&doors, chains.get(&present.booking.key));
                    let plan = || plan_present(look, present, around, &*self.entropy, now);
                    catch_unwind(AssertUnwindSafe(|| with_deadline(think.deadline(), plan)))
                        .unwrap_or_else(|_| Err("a mistake of Waypost came up while it was planned".into()))
                })
                .collect();
        });
        let mut wanted = Vec::new();
        for (present, plan) in bookings.iter().zip(&plans) {
            for run in plan.iter().flatten().filter(|run| run.state == RunState::Waiting) {
                wanted.push((run.clone(), present));
            }
        }
        let waiting: Vec<NewRun> = wanted.iter().map(|(run, _)| run.clone()).collect();
        let open = if look.open_counts {
            self.store.open_alike(&waiting, &look.ruleset.hash).await?
        } else {
            Vec::new()
        };
        let foreseen = foresee(&*self.store, look.ruleset, wanted, (&think, look.traced), now).await?;
        let mut foreseen = foreseen.into_iter().enumerate();
        Ok(bookings
            .into_iter()
            .zip(plans)
            .map(|(present, plan)| {
                let mut outlook =
                    BookingOutlook { present, fate: Fate::Unchanged, runs: Vec::new(), foreseen: Vec::new() };
                match plan {
                    Err(why) => outlook.fate = Fate::Excluded(why),
                    Ok(runs) => outlook.take(runs, &mut foreseen, &open),
                }
                outlook
            })
            .collect())
    }
}

impl BookingOutlook {
    fn take(
        &mut self,
        runs: Vec<NewRun>,
        foreseen: &mut impl Iterator<Item = (usize, Foreseen)>,
        open: &[usize],
    ) {
        let mut fates = Vec::with_capacity(runs.len());
        for run in runs {
            let text = run.verdict.as_ref().map(|verdict| verdict.text.clone()).unwrap_or_default();
            let fate = match run.state {
                RunState::Skipped => Fate::Excluded(text),
                RunState::Failed => Fate::Fails(text),
                _ => {
                    let Some((index, ahead)) = foreseen.next() else { continue };
                    let fate = if open.contains(&index) { Fate::Open } else { fate_of(&ahead.end) };
                    self.foreseen.push(ahead);
                    fate
                }
            };
            if matches!(fate, Fate::Sends | Fate::Fails(_)) {
                self.runs.push(run);
            }
            fates.push(fate);
        }
        let rank = |fate: &Fate| match fate {
            Fate::Sends => 0,
            Fate::Fails(_) => 1,
            Fate::Open => 2,
            Fate::Made(_) => 3,
            Fate::Unchanged => 4,
            Fate::Excluded(_) => 5,
        };
        let nothing = || Fate::Excluded("the rule has nothing to do for it".into());
        self.fate = fates.into_iter().min_by_key(rank).unwrap_or_else(nothing);
    }
}

fn fate_of(end: &ForeseenEnd) -> Fate {
    match end {
        ForeseenEnd::Sends => Fate::Sends,
        ForeseenEnd::Fails(verdict) => Fate::Fails(verdict.text.clone()),
        ForeseenEnd::MadeBefore(step) => Fate::Made(step.clone()),
        ForeseenEnd::Nothing(verdict) => match verdict.code {
            VerdictCode::Unchanged | VerdictCode::Stale => Fate::Unchanged,
            _ => Fate::Excluded(verdict.text.clone()),
        },
    }
}

/// The runs of a rule for a booking as it stands, or why there are none.
fn plan_present(
    look: Look<'_>,
    present: &PresentBooking,
    (doors, chain): (&KnownDoors, Option<&InChain>),
    entropy: &dyn Entropy,
    now: crate::domain::Millis,
) -> Result<Vec<NewRun>, String> {
    let booking = &present.booking;
    if booking.key.kind != look.rule.about {
        return Err(format!("it is no {}", look.rule.about));
    }
    let connector = look.ruleset.catalogue.connectors.get(&booking.key.connector);
    let spec = connector.and_then(|connector| connector.source.as_ref()?.record(&booking.key.kind));
    let Some(spec) = spec else {
        return Err("its booking system is not among the connectors any more".into());
    };
    if !look.days.have(&booking.view.trip) {
        return Err("its trip is on another day".into());
    }
    let read = |text: &str| serde_json::from_str::<Value>(text).map(Arc::new);
    let Ok(body) = read(&present.body) else { return Err("it can't be read any more".into()) };
    // What became of items is told by changes; here each is looked at as it stands.
    let previous = present.previous.as_deref().filter(|_| look.rule.each.is_none());
    let change = ChangeContext {
        source: booking.source.clone(),
        doors: doors.of(&booking.key, &booking.source),
        account: booking.key.account.clone(),
        about: booking.key.kind.clone(),
        kind: present.kind,
        paths: present.paths.clone(),
        view: spec.view(&body),
        previous: previous.and_then(|text| read(text).ok()),
        booking: body.clone(),
        chain: chain.map(|chain| chain.neighbours.clone()).unwrap_or_default(),
        at: present.at,
        event: present.event.to_string(),
    };
    if !look.ruleset.sees(look.rule, &change) {
        return Err("it came in by another source".into());
    }
    let first = spec.kind_at_first_sight(&body, &booking.status);
    if first == ChangeKind::Rebooked && look.rule.moves && look.rule.each.is_none() {
        return Err("it was rebooked, and the rule moves its record to the new booking".into());
    }
    let Some(asked) = look.rule.asks_for_present(first) else {
        return Err(match first {
            ChangeKind::Cancelled | ChangeKind::Rebooked | ChangeKind::Deleted => {
                format!("it is {first}, and the rule does not ask for that")
            }
            _ => "the rule asks for other changes only".into(),
        });
    };
    let place = RunPlace {
        booking: &booking.id,
        root: root_of(chain.and_then(|chain| chain.first.as_ref()), &booking.id),
        change: present.change,
        position: present.change.position,
        trigger: "apply",
    };
    Ok(planned_runs(entropy, look.ruleset.plan_rule(look.rule, asked, &change), &place, now))
}
