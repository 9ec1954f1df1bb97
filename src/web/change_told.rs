//! Changes as a timeline tells them: newest first, by day, each with what changed and the runs that came of it. Used by
//! the pages of a booking and of an event.

use super::diff::{Changed, changed};
use super::errors::PageError;
use super::page::in_address;
use super::people_told::came_and_left;
use super::run_told::{Room, RunTold, marks_of};
use super::scene::Scene;
use super::times::{Moment, clock_time, day};
use super::words::{Mark, Tone, change_headline};
use crate::app::App;
use crate::connectors::Children;
use crate::domain::{ChangeKind, EventId};
use crate::ports::{ChangeView, RunRow};
use serde_json::Value;
use std::collections::BTreeMap;

/// Runs of a page that are told with their details; the others have a page of their own.
const EXPLAINED_MAX: usize = 4;
/// Runs told of one change, and of a page.
const RUNS_MAX: usize = 8;
const RUNS_OF_PAGE_MAX: usize = 24;
/// Marks on the first line of a change.
const OUTCOMES_MAX: usize = 3;

/// Characters of a value that the first line of a change shows, and how many others may have changed beside it.
const SHORT_CHARS: usize = 40;
const OTHERS_MAX: usize = 2;

/// Where a version of the booking is no longer kept.
const VERSION_REMOVED: &str = "How the booking was then is no longer kept; see Settings, Privacy.";

/// The changes of one day.
#[derive(Clone, Debug)]
pub struct Day {
    /// `Saturday 14 March 2027`.
    pub name: String,
    /// Its changes, newest first.
    pub changes: Vec<ChangeTold>,
}

/// A change, told.
#[derive(Clone, Debug)]
pub struct ChangeTold {
    /// What its place on the page is called.
    pub anchor: String,
    /// Whether it is open at first.
    pub open: bool,
    /// What came of it, in few words.
    pub outcome: Vec<Mark>,
    /// When its event came.
    pub at: Moment,
    /// When it happened, where the booking system says that.
    pub happened: Option<Moment>,
    /// `10:02`.
    pub clock: String,
    /// Colour and shape.
    pub tone: Tone,
    /// What it was.
    pub headline: String,
    /// A sentence more.
    pub note: Option<String>,
    /// The values.
    pub values: Vec<Changed>,
    /// Values that are not shown.
    pub more: usize,
    /// Id of the event, in an address.
    pub event: String,
    /// Id of the booking in an address, where the page is not the booking's own.
    pub booking: Option<String>,
    /// The webhooks that it was fetched after: their addresses and times.
    pub after: Vec<(String, String)>,
    /// What came of it.
    pub runs: Vec<RunTold>,
    /// Runs that are not told.
    pub runs_more: usize,
    /// Why nothing came of it.
    pub nothing: Option<&'static str>,
}

/// For whom changes are told.
pub struct Teller<'a> {
    /// The app.
    pub app: &'a App,
    /// What the page knows.
    pub scene: &'a Scene,
    /// `booking` or `event`: where buttons lead back to, and which links are shown.
    pub back: &'static str,
    /// Whether the subject is a booking (and not, say, an item).
    pub is_booking: bool,
    /// Lists of people whose coming and leaving is told.
    pub people: Vec<Children>,
}

impl Teller<'_> {
    /// Tells changes (newest first) with their runs.
    pub async fn tell(&self, changes: &[ChangeView], runs: &[RunRow]) -> Result<Vec<ChangeTold>, PageError> {
        let mut told = Vec::with_capacity(changes.len());
        let mut explained = 0;
        let mut left = RUNS_OF_PAGE_MAX;
        let mut room = Room::of_page();
        for change in changes {
            let of_change: Vec<&RunRow> =
                runs.iter().filter(|run| run.change == change.reference && about(run, change)).collect();
            let outcome: Vec<RunRow> = of_change.iter().map(|run| (*run).clone()).collect();
            let mut cards = Vec::new();
            for run in of_change.iter().take(RUNS_MAX.min(left)) {
                let card = RunTold::of(run, self.scene, self.back);
                let card = if explained < EXPLAINED_MAX {
                    explained += 1;
                    card.explained(self.app, run, self.scene, &mut room).await?
                } else {
                    card
                };
                cards.push(card);
            }
            left -= cards.len();
            let runs_more = of_change.len() - cards.len();
            let mut one = self.change(change, cards).await?;
            one.runs_more = runs_more;
            one.outcome = outcome_of(&outcome, change, self.scene);
            // What needs somebody is in sight, and so is the latest.
            one.open = told.is_empty() || one.outcome.iter().any(|mark| mark.tone == Tone::Bad);
            told.push(one);
        }
        Ok(told)
    }

    async fn change(&self, change: &ChangeView, runs: Vec<RunTold>) -> Result<ChangeTold, PageError> {
        let mut values = (Vec::new(), 0);
        let mut removed = false;
        let mut people = None;
        if !change.paths.is_empty()
            && let Some((_, before, after)) = self.app.store.change(change.reference).await?
        {
            // A version that was removed has nothing to compare.
            removed = before.is_none() || after.is_none();
            if !removed {
                let (before, after) = (read(before), read(after));
                if change.kind == ChangeKind::Updated {
                    people = came_and_left(&self.people, &before, &after);
                }
                values = changed(&change.paths, &before, &after);
                if change.kind == ChangeKind::Updated && people.is_none() {
                    people = in_words(&values.0, values.1);
                }
            }
        }
        let nothing = runs.is_empty().then(|| nothing(change.kind));
        // What is in the way of a fetch says more than that it waits.
        let waits = match change.kind {
            ChangeKind::Fetching => self.app.store.fetches().fetch_of_change(change.reference).await?,
            _ => None,
        };
        let waits = waits.and_then(|row| row.told);
        Ok(ChangeTold {
            anchor: format!("{}-{}", change.reference.position, change.reference.ordinal),
            open: false,
            outcome: Vec::new(),
            runs_more: 0,
            at: Moment::of(change.received_at, self.scene.now),
            happened: change.happened_at.map(|at| Moment::of(at, self.scene.now)),
            clock: clock_time(change.received_at),
            tone: tone(change.kind),
            headline: people.unwrap_or_else(|| change_headline(change, self.is_booking)),
            note: match (waits.as_ref().or(change.note.as_ref()), removed) {
                (Some(note), _) => Some(super::errors::capital(note)),
                (None, true) => Some(VERSION_REMOVED.to_owned()),
                (None, false) => None,
            },
            values: values.0,
            more: values.1,
            event: in_address(change.event.as_str()),
            booking: change
                .booking
                .as_ref()
                .filter(|_| self.back == "event")
                .map(|booking| in_address(booking.as_str())),
            after: Vec::new(),
            runs,
            nothing,
        })
    }
}

/// `Phone: 030 1 → +49 30 1`: what the first line says of a change of few and short values.
fn in_words(values: &[Changed], more: usize) -> Option<String> {
    let [first, others @ ..] = values else { return None };
    let name = first.name.rsplit(" › ").next().unwrap_or(&first.name);
    let short = |text: &str| text.chars().count() <= SHORT_CHARS;
    if others.len() + more > OTHERS_MAX || !short(&first.before) || !short(&first.after) {
        return None;
    }
    let rest = match others.len() + more {
        0 => String::new(),
        1 => " and 1 more".to_owned(),
        many => format!(" and {many} more"),
    };
    Some(format!("{}: {} → {}{rest}", super::errors::capital(name), first.before, first.after))
}

/// What came of a change, for its first line.
fn outcome_of(runs: &[RunRow], change: &ChangeView, scene: &Scene) -> Vec<Mark> {
    let mut marks = marks_of(runs, scene);
    if marks.is_empty() && change.kind.has_effect() {
        marks.push(Mark::new(Tone::Quiet, "nothing to send: no rule asks for it"));
    }
    marks.truncate(OUTCOMES_MAX);
    marks
}

fn about(run: &RunRow, change: &ChangeView) -> bool {
    change.booking.as_ref().is_none_or(|booking| *booking == run.booking)
}

/// A text that can't be read back has no values to show.
fn read(text: Option<String>) -> Value {
    text.and_then(|text| serde_json::from_str(&text).ok()).unwrap_or(Value::Null)
}

fn tone(kind: ChangeKind) -> Tone {
    match kind {
        ChangeKind::Refused | ChangeKind::Unreadable => Tone::Bad,
        ChangeKind::Fetching => Tone::Waiting,
        kind if kind.has_effect() => Tone::Good,
        _ => Tone::Quiet,
    }
}

fn nothing(kind: ChangeKind) -> &'static str {
    match kind {
        ChangeKind::Unchanged => "Nothing to send: the booking is as it was.",
        ChangeKind::Stale => "Nothing to send: something newer is known already.",
        ChangeKind::Fetching => {
            "The booking system is asked what changed. What comes of it is sent by itself."
        }
        ChangeKind::Coalesced => "What the booking system answered is the change after it.",
        ChangeKind::Refused | ChangeKind::Ignored | ChangeKind::Unreadable => {
            "Nothing was changed and nothing is sent. The webhook is kept as it came."
        }
        _ => "Nothing to send: no rule asks for this.",
    }
}

/// Takes those out that only said that something changed, where what was fetched then is among the changes, too; gives them
/// by the event that was fetched.
pub fn fold(changes: &mut Vec<ChangeView>) -> BTreeMap<EventId, Vec<ChangeView>> {
    let fetched: Vec<EventId> = changes
        .iter()
        .filter(|change| change.kind != ChangeKind::Coalesced)
        .map(|change| change.event.clone())
        .collect();
    let mut folded: BTreeMap<EventId, Vec<ChangeView>> = BTreeMap::new();
    changes.retain(|change| {
        let note =
            change.note.as_deref().filter(|_| change.kind == ChangeKind::Coalesced).unwrap_or_default();
        let of = fetched.iter().find(|event| note.contains(event.as_str()));
        if let Some(event) = of {
            folded.entry(event.clone()).or_default().push(change.clone());
        }
        of.is_none()
    });
    folded
}

/// Changes by day.
pub fn by_day(changes: &[ChangeView], told: Vec<ChangeTold>) -> Vec<Day> {
    let mut days: Vec<Day> = Vec::new();
    for (change, told) in changes.iter().zip(told) {
        let name = day(change.received_at);
        match days.last_mut() {
            Some(last) if last.name == name => last.changes.push(told),
            _ => days.push(Day { name, changes: vec![told] }),
        }
    }
    days
}
