//! Brings a new or changed rule to existing bookings: counts first, then in batches by the order of their ids, each batch
//! one transaction that plans its runs and notes how far it got.
//!
//! Promises: what is there already is not planned; what is on its way is not planned twice; a record that can't be made
//! twice is not; after a kill the next start (or the same command) goes on where it was. `waypost apply`, the pages and
//! the runner all go through here.

use super::existing::{Days, Fate, Look};
use super::{App, AskError};
use crate::ports::{
    ApplyCounts, ApplyFilter, ApplyRow, ApplyState, ApplyStep, NewApply, PresentBooking, PresentQuery,
    StoreError,
};
use crate::rules::{Rule, Ruleset};
use std::sync::Arc;

/// Bookings of one batch: its transaction is one that ingest may wait for.
const BATCH: i64 = 100;
/// Different reasons that are counted.
const REASONS_MAX: usize = 12;
/// Examples that are kept.
const EXAMPLES_MAX: usize = 5;

/// What applying a rule would come to.
#[derive(Clone, Debug, Default)]
pub struct Foresight {
    /// In bookings.
    pub counts: ApplyCounts,
    /// Why bookings are left alone or fail, most frequent first.
    pub reasons: Vec<(String, i64)>,
    /// Some of those that something is sent for.
    pub examples: Vec<Example>,
    /// Not all bookings were looked at, only the newest.
    pub partial: bool,
}

/// A booking that something would be sent for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Example {
    /// Its id.
    pub booking: String,
    /// Who and what.
    pub told: String,
    /// The steps that are sent.
    pub steps: Vec<String>,
}

impl App {
    /// Begins to apply a rule. Gives how it stands, and whether it began just now (`false`: it was under way already).
    pub async fn begin_apply(&self, new: &NewApply) -> Result<(ApplyRow, bool), AskError> {
        self.rule_to_apply(&new.rule)?;
        let (row, began) = self.store.begin_apply(new).await?;
        if !began && (row.asked.from_day != new.from_day || row.asked.to_day != new.to_day) {
            return Err(AskError::NotNow(format!(
                "the rule \"{}\" is being applied to other days just now; wait until that is done",
                new.rule
            )));
        }
        self.hints.rules.notify_one();
        Ok((row, began))
    }

    /// Does one batch. Gives how it stands then; where somebody else did the batch, that.
    pub async fn apply_further(&self, row: &ApplyRow) -> Result<ApplyRow, AskError> {
        self.take_changed_ruleset().await?;
        let mut step = ApplyStep {
            seq: row.seq,
            after: row.last_booking.clone(),
            last_booking: row.last_booking.clone(),
            state: ApplyState::Open,
            note: None,
            counts: row.counts,
            runs: Vec::new(),
            at: self.clock.now(),
        };
        match self.rule_to_apply(&row.asked.rule) {
            Err(why) => (step.state, step.note) = (ApplyState::Stopped, Some(why.to_string())),
            Ok((ruleset, rule)) => {
                let query = PresentQuery::After(row.last_booking.clone(), BATCH);
                let mut bookings = self.store.present_bookings(&query).await?;
                match bookings.last() {
                    Some(last) => step.last_booking = last.booking.id.to_string(),
                    None => step.state = ApplyState::Done,
                }
                bookings.retain(|present| {
                    present.booking.key.kind == rule.about && present.booking.created_at <= row.asked.at
                });
                let days = Days { from: row.asked.from_day.clone(), to: row.asked.to_day.clone() };
                let look =
                    Look { ruleset: &ruleset, rule: &rule, days: &days, traced: false, open_counts: true };
                for outlook in self.look_ahead(look, bookings).await? {
                    step.counts.add(&outlook.fate, outlook.runs.len());
                    step.runs.extend(outlook.runs);
                }
            }
        }
        let planned = !step.runs.is_empty();
        let done = self.store.step_apply(&step).await?;
        if planned && done {
            self.hints.deliver.notify_one();
        }
        self.apply_row(&row.asked.rule, row.seq).await
    }

    /// Does one batch of the rule that was asked for first. `false`: nothing is to be applied.
    pub async fn apply_open(&self) -> Result<bool, AskError> {
        let filter = ApplyFilter { rule: None, open: true, limit: 100 };
        let Some(row) = self.store.applies(&filter).await?.pop() else { return Ok(false) };
        self.apply_further(&row).await?;
        Ok(true)
    }

    /// How an applying stands.
    pub async fn apply_row(&self, rule: &str, seq: i64) -> Result<ApplyRow, AskError> {
        let filter = ApplyFilter { rule: Some(rule.to_owned()), open: false, limit: 50 };
        let rows = self.store.applies(&filter).await?;
        let unknown = || AskError::Unknown { what: "applying of a rule", id: seq.to_string() };
        rows.into_iter().find(|row| row.seq == seq).ok_or_else(unknown)
    }

    /// What applying a rule would come to, over all bookings or the newest so many. `progress` hears how many were looked
    /// at.
    pub async fn apply_ahead(
        &self,
        rule: &str,
        days: &Days,
        newest: Option<i64>,
        mut progress: impl FnMut(i64),
    ) -> Result<Foresight, AskError> {
        let (ruleset, rule) = self.rule_to_apply(rule)?;
        let look = Look { ruleset: &ruleset, rule: &rule, days, traced: false, open_counts: true };
        let mut foresight = Foresight::default();
        if let Some(limit) = newest {
            let mut bookings = self.store.present_bookings(&PresentQuery::Newest(limit)).await?;
            foresight.partial = bookings.len() as i64 >= limit;
            bookings.retain(|present| present.booking.key.kind == rule.about);
            foresight.add(self.look_ahead(look, bookings).await?);
            return Ok(foresight);
        }
        let mut after = String::new();
        loop {
            let mut bookings = self.store.present_bookings(&PresentQuery::After(after, BATCH)).await?;
            let Some(last) = bookings.last() else { return Ok(foresight) };
            after = last.booking.id.to_string();
            bookings.retain(|present| present.booking.key.kind == rule.about);
            foresight.add(self.look_ahead(look, bookings).await?);
            progress(foresight.counts.looked);
        }
    }

    fn rule_to_apply(&self, rule: &str) -> Result<(Arc<Ruleset>, Arc<Rule>), AskError> {
        let ruleset = self
            .active()
            .ok_or_else(|| AskError::NotNow("no ruleset is active yet, so nothing can be applied".into()))?;
        let unknown = || AskError::Unknown { what: "rule", id: rule.to_owned() };
        let found = ruleset.rules.get(rule).cloned().ok_or_else(unknown)?;
        if !found.enabled {
            return Err(AskError::NotNow(format!(
                "the rule \"{rule}\" is switched off; switch it on, then it can be applied"
            )));
        }
        Ok((ruleset, found))
    }
}

impl ApplyCounts {
    /// Counts one booking and its runs.
    fn add(&mut self, fate: &Fate, runs: usize) {
        self.looked += 1;
        self.runs += runs as i64;
        *match fate {
            Fate::Sends => &mut self.sends,
            Fate::Fails(_) => &mut self.fails,
            Fate::Unchanged => &mut self.unchanged,
            Fate::Excluded(_) => &mut self.excluded,
            Fate::Made(_) => &mut self.made,
            Fate::Open => &mut self.open,
        } += 1;
    }
}

impl Foresight {
    fn add(&mut self, outlooks: Vec<super::existing::BookingOutlook>) {
        for outlook in outlooks {
            self.counts.add(&outlook.fate, outlook.runs.len());
            match &outlook.fate {
                Fate::Fails(why) | Fate::Excluded(why) => self.reason(why),
                Fate::Made(step) => self
                    .reason(&format!("its step {step} made a record for it before and would make a second")),
                Fate::Sends if self.examples.len() < EXAMPLES_MAX => {
                    let sent = outlook.foreseen.iter().flat_map(|ahead| &ahead.steps);
                    let sent =
                        sent.filter(|step| matches!(step.outlook, crate::delivery::StepOutlook::Send(_)));
                    let mut steps: Vec<String> = sent.map(|step| step.uses.clone()).collect();
                    steps.dedup();
                    let present = &outlook.present;
                    self.examples.push(Example {
                        booking: present.booking.id.to_string(),
                        told: told(present),
                        steps,
                    });
                }
                Fate::Sends | Fate::Unchanged | Fate::Open => {}
            }
        }
        self.reasons.sort_by(|one, other| other.1.cmp(&one.1).then_with(|| one.0.cmp(&other.0)));
    }

    /// Reasons name their event; without it the same ones count together.
    fn reason(&mut self, why: &str) {
        let why: String = why.split(" in evt_").enumerate().fold(String::new(), |mut text, (index, part)| {
            let part = if index == 0 { part } else { part.get(26..).unwrap_or_default() };
            text.push_str(part);
            text
        });
        let full = self.reasons.len() >= REASONS_MAX;
        let at = |reasons: &[(String, i64)], why: &str| reasons.iter().position(|(known, _)| known == why);
        let why = if full && at(&self.reasons, &why).is_none() { "other reasons".to_owned() } else { why };
        match at(&self.reasons, &why) {
            Some(index) => self.reasons[index].1 += 1,
            None => self.reasons.push((why, 1)),
        }
    }
}

/// Who and what a booking is, in a line.
pub fn told(present: &PresentBooking) -> String {
    let view = &present.booking.view;
    let text = |value: Option<&serde_json::Value>| {
        value
            .and_then(serde_json::Value::as_str)
            .map(str::trim)
            .filter(|text| !text.is_empty())
            .map(str::to_owned)
    };
    let guest = text(view.person.get("name"));
    let code = text(view.trip.get("code")).unwrap_or_else(|| present.booking.key.key.clone());
    [guest, text(view.trip.get("title")), Some(code)].into_iter().flatten().collect::<Vec<_>>().join(" · ")
}

impl From<AskError> for StoreError {
    fn from(error: AskError) -> Self {
        match error {
            AskError::Store(error) => error,
            other => Self::Unfit(other.to_string()),
        }
    }
}
