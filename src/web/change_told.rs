//! Changes as a timeline tells them: newest first, by day, each with what changed and the runs that came of it. Used by
//! the pages of a booking and of an event.

use super::diff::{Changed, changed};
use super::errors::PageError;
use super::page::in_address;
use super::run_told::RunTold;
use super::scene::Scene;
use super::times::{Moment, clock_time, day};
use super::words::{Tone, change_headline};
use crate::app::App;
use crate::domain::ChangeKind;
use crate::ports::{ChangeView, RunRow};
use serde_json::Value;

/// Runs of a page that are told with their details; the others have a page of their own.
const EXPLAINED_MAX: usize = 12;

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
    /// When its event came.
    pub at: Moment,
    /// `10:02 UTC`.
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
    /// What came of it.
    pub runs: Vec<RunTold>,
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
}

impl Teller<'_> {
    /// Tells changes (newest first) with their runs.
    pub async fn tell(&self, changes: &[ChangeView], runs: &[RunRow]) -> Result<Vec<ChangeTold>, PageError> {
        let mut told = Vec::with_capacity(changes.len());
        let mut explained = 0;
        for change in changes {
            let mut of_change = Vec::new();
            for run in runs.iter().filter(|run| run.change == change.reference && about(run, change)) {
                let card = RunTold::of(run, self.scene, self.back);
                let card = if explained < EXPLAINED_MAX {
                    explained += 1;
                    card.explained(self.app, run, self.scene).await?
                } else {
                    card
                };
                of_change.push(card);
            }
            told.push(self.change(change, of_change).await?);
        }
        Ok(told)
    }

    async fn change(&self, change: &ChangeView, runs: Vec<RunTold>) -> Result<ChangeTold, PageError> {
        let mut values = (Vec::new(), 0);
        if !change.paths.is_empty()
            && let Some((_, before, after)) = self.app.store.change(change.reference).await?
        {
            values = changed(&change.paths, &read(before), &read(after));
        }
        let nothing = runs.is_empty().then(|| nothing(change.kind));
        Ok(ChangeTold {
            at: Moment::of(change.received_at, self.scene.now),
            clock: clock_time(change.received_at),
            tone: tone(change.kind),
            headline: change_headline(change, self.is_booking),
            note: change.note.as_deref().map(super::errors::capital),
            values: values.0,
            more: values.1,
            event: in_address(change.event.as_str()),
            booking: change
                .booking
                .as_ref()
                .filter(|_| self.back == "event")
                .map(|booking| in_address(booking.as_str())),
            runs,
            nothing,
        })
    }
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
        kind if kind.has_effect() => Tone::Good,
        _ => Tone::Quiet,
    }
}

fn nothing(kind: ChangeKind) -> &'static str {
    match kind {
        ChangeKind::Unchanged => "Nothing to send: the booking is as it was.",
        ChangeKind::Stale => "Nothing to send: something newer is known already.",
        ChangeKind::Coalesced => "What it told is part of the change after it.",
        ChangeKind::Refused | ChangeKind::Ignored | ChangeKind::Unreadable => {
            "Nothing was changed and nothing is sent. The webhook is kept as it came."
        }
        _ => "Nothing to send: no rule asks for this.",
    }
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
