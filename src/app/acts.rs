//! What people do with runs that need them: cancel, hold, mark as done by hand, and try again or cancel many at once.
//! Acts on many are written down first and carried out piece by piece, by whoever serves; a kill in between loses none and
//! does none twice.

use super::{App, AskError, WhyNot, why_not};
use crate::delivery::{DoneByHand, MarkError, Marked, done_by_hand};
use crate::domain::{Cause, CausePlace, RunId, Verdict, VerdictCode};
use crate::ports::{Bulk, BulkAct, BulkPiece, StoreError, TroubleFilter, TroublePage, TroubledRun};
use crate::rules::Ruleset;

/// Runs of one piece: a transaction of so many is short beside those of the stages.
const PIECE: i64 = 100;
/// Characters of a name or a note that are kept.
const NOTE_CHARS_MAX: usize = 500;
/// Characters of an id in the CRM.
const REMOTE_ID_CHARS_MAX: usize = 200;

/// What is asked to be done with many runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewAct {
    /// Its id, where whoever asks made one already: asked twice, it is done once.
    pub id: Option<String>,
    /// What.
    pub act: BulkAct,
    /// With those that are so.
    pub filter: TroubleFilter,
    /// Who asks.
    pub who: String,
}

impl App {
    /// An id for what is about to be asked.
    pub fn new_act_id(&self) -> String {
        let id = self.entropy.run_id(self.clock.now());
        id.as_str().replacen("run_", "blk_", 1)
    }

    /// Cancels runs. Gives those that could be.
    pub async fn cancel(&self, runs: &[RunId], who: &str) -> Result<Vec<RunId>, AskError> {
        let taken = self.store.cancel_runs(runs, &cancelled_by(who), self.clock.now()).await?;
        self.hints.deliver.notify_one();
        Ok(taken)
    }

    /// Holds runs that wait, until a person tries them again. Gives those that could be.
    pub async fn hold(&self, runs: &[RunId], who: &str) -> Result<Vec<RunId>, AskError> {
        let text = format!("Held by {}. It goes on when somebody lets it.", capped(who));
        let verdict = Verdict::new(VerdictCode::ByHand, text);
        let taken = self.store.hold_runs(runs, &verdict, self.clock.now()).await?;
        // What stood behind them may go.
        self.hints.deliver.notify_one();
        Ok(taken)
    }

    /// Marks the current step of a run as done by hand.
    pub async fn mark_done(&self, run: &RunId, told: DoneByHand) -> Result<Marked, AskError> {
        let told = DoneByHand {
            who: capped(&told.who),
            note: capped(&told.note),
            remote_id: told.remote_id.map(|id| id.trim().to_owned()).filter(|id| !id.is_empty()),
        };
        if told.note.is_empty() {
            return Err(AskError::NotNow(
                "say in a few words what you did, so that others can see it".into(),
            ));
        }
        let odd = |id: &String| id.chars().count() > REMOTE_ID_CHARS_MAX || id.chars().any(char::is_control);
        if told.remote_id.as_ref().is_some_and(odd) {
            return Err(AskError::NotNow(
                "that is no id of a record: it is too long, or has odd signs in it".into(),
            ));
        }
        let active = self.active();
        let now = self.clock.now();
        let marked = done_by_hand(&self.store, &*self.rulesets, active.as_ref(), (run, &told), now).await;
        self.hints.deliver.notify_one();
        marked.map_err(|error| match error {
            MarkError::Store(error) => AskError::Store(error),
            MarkError::Unknown => AskError::Unknown { what: "run", id: run.to_string() },
            other => AskError::NotNow(other.to_string()),
        })
    }

    /// Writes down what is to be done with many runs; whoever serves does it. Gives it as written down.
    pub async fn ask_act(&self, new: NewAct) -> Result<Bulk, AskError> {
        let plan = self.plan_act(new.act, &new.filter).await?;
        let bulk = Bulk {
            id: new.id.filter(|id| is_act_id(id)).unwrap_or_else(|| self.new_act_id()),
            act: new.act,
            filter: new.filter,
            who: capped(&new.who),
            asked_at: self.clock.now(),
            planned: plan.runs,
            position: 0,
            done: 0,
            left_out: 0,
            ended_at: None,
        };
        self.store.ask_bulk(&bulk).await?;
        self.hints.acts.notify_one();
        Ok(self.store.bulk(&bulk.id).await?.unwrap_or(bulk))
    }

    /// Does one piece of what was asked first. False: nothing is left.
    pub async fn carry_out_a_piece(&self) -> Result<bool, StoreError> {
        let Some(bulk) = self.store.next_bulk().await? else { return Ok(false) };
        let until = Some(bulk.filter.until.map_or(bulk.asked_at, |until| until.min(bulk.asked_at)));
        let filter = TroubleFilter { until, ..bulk.filter.clone() };
        let found = self.store.troubled_runs(&filter, TroublePage::After(bulk.position), PIECE).await?;
        let active = self.active();
        let can = |one: &TroubledRun| why_not_now(&bulk, one, active.as_deref()).is_none();
        let (able, left_out): (Vec<&TroubledRun>, Vec<_>) = found.iter().partition(|one| can(one));
        let piece = BulkPiece {
            id: bulk.id.clone(),
            act: bulk.act,
            from: bulk.position,
            to: found.last().map_or(bulk.position, |last| last.run.seq),
            runs: able.iter().map(|one| one.run.id.clone()).collect(),
            verdict: cancelled_by(&bulk.who),
            left_out: left_out.len() as i64,
            ends: (found.len() as i64) < PIECE,
            at: self.clock.now(),
        };
        if self.store.carry_out(&piece).await? && !piece.runs.is_empty() {
            self.hints.deliver.notify_one();
        }
        Ok(true)
    }
}

fn why_not_now(bulk: &Bulk, one: &TroubledRun, active: Option<&Ruleset>) -> Option<WhyNot> {
    let run = &one.run;
    let place = CausePlace { connection: &run.connection, rule: &run.rule, steps: &run.steps };
    why_not(bulk.act, &bulk.filter, &Cause::of(place, run.verdict.as_ref(), &[]), active)
}

fn cancelled_by(who: &str) -> Verdict {
    Verdict::new(VerdictCode::ByHand, format!("Cancelled by {}.", capped(who)))
}

/// One line, not too long.
fn capped(text: &str) -> String {
    let line: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    line.split_whitespace().collect::<Vec<_>>().join(" ").chars().take(NOTE_CHARS_MAX).collect()
}

/// Whether this may be the id of such an act.
pub fn is_act_id(id: &str) -> bool {
    id.len() == 30
        && id.starts_with("blk_")
        && id.bytes().skip(4).all(|c| c.is_ascii_lowercase() || c.is_ascii_digit())
}
