//! What `retry`, `cancel`, `hold` and `done` share: which runs are meant, one by one or by a filter, the plan, and carrying
//! it out. An act on many is written down first; where nobody serves, this command carries it out itself.

use super::Ended;
use super::explain::run_by_prefix;
use super::filters::since;
use super::output::{Wrong, counted, line_of, say, sentence};
use crate::app::{ActPlan, App, NewAct};
use crate::domain::{RunId, RunState, is_cause_key};
use crate::ports::{BulkAct, TroubleFilter};
use clap::builder::{FalseyValueParser, PossibleValuesParser};
use serde_json::json;

/// Who acts, as verdicts name them.
pub(super) const WHO: &str = "somebody at the command line";
/// Characters of a reason.
const REASON_CHARS_MAX: usize = 160;

/// Which of the runs that failed or are held.
#[derive(clap::Args, Clone, Debug)]
pub(super) struct ManyArgs {
    /// All that failed or are held, narrowed by the filters below
    #[arg(long, conflicts_with = "runs", value_parser = FalseyValueParser::new())]
    all: bool,
    /// Of this group (`waypost causes` shows the keys)
    #[arg(long, value_name = "KEY", requires = "all")]
    cause: Option<String>,
    /// Of this rule
    #[arg(long, value_name = "RULE", requires = "all")]
    rule: Option<String>,
    /// Of this connection
    #[arg(long, value_name = "CONNECTION", requires = "all")]
    connection: Option<String>,
    /// In this state
    #[arg(long, value_name = "STATE", requires = "all", value_parser = PossibleValuesParser::new(["failed", "held"]))]
    state: Option<String>,
    /// Failed or held within this span (30s, 15m, 2h, 3d, 1w), or since this date
    #[arg(long, value_name = "SPAN", requires = "all")]
    since: Option<String>,
    /// Say how many and which, and do nothing
    #[arg(long, requires = "all", value_parser = FalseyValueParser::new())]
    dry_run: bool,
}

impl ManyArgs {
    /// Whether a filter is meant rather than single runs.
    pub(super) fn asked(&self, runs: &[String]) -> anyhow::Result<bool> {
        if !self.all && runs.is_empty() {
            return Err(Wrong::new("name runs, or give --all with filters".to_owned()));
        }
        Ok(self.all)
    }

    /// Plans it, and carries it out unless `--dry-run`.
    pub(super) async fn carry_out(&self, app: &App, act: BulkAct, as_json: bool) -> anyhow::Result<Ended> {
        if self.cause.as_ref().is_some_and(|key| !is_cause_key(key)) {
            return Err(Wrong::new(
                "--cause takes a key of 20 signs; `waypost causes` shows them".to_owned(),
            ));
        }
        let filter = TroubleFilter {
            cause: self.cause.clone(),
            rule: self.rule.clone(),
            connection: self.connection.clone(),
            state: self.state.as_deref().and_then(RunState::parse),
            since: self.since.as_deref().map(|text| since(text, app.clock.now())).transpose()?,
            until: None,
        };
        let plan = app.plan_act(act, &filter).await?;
        if self.dry_run {
            tell_plan(&plan, as_json);
            return Ok(Ended::Fine);
        }
        let bulk = app.ask_act(NewAct { id: None, act, filter, who: WHO.to_owned() }).await?;
        let told = loop {
            let told = app.store.bulk(&bulk.id).await?.unwrap_or_else(|| bulk.clone());
            if told.ended_at.is_some() {
                break told;
            }
            app.carry_out_a_piece().await?;
        };
        let done = match act {
            BulkAct::Retry => "tried again",
            BulkAct::Cancel => "cancelled",
        };
        if as_json {
            say(json!({ "act": act.as_str(), "runs": told.done, "left_out": told.left_out }).to_string());
        } else {
            say(format!("{} {done}.", counted(told.done, "run")));
            for (why, count) in &plan.left_out {
                say(format!("{} left out: {}.", counted(*count, "run"), why.words()));
            }
        }
        Ok(if told.left_out > 0 { Ended::NotFine } else { Ended::Fine })
    }
}

fn tell_plan(plan: &ActPlan, as_json: bool) {
    if as_json {
        let left_out: Vec<_> =
            plan.left_out.iter().map(|(why, count)| json!({ "runs": count, "why": why.words() })).collect();
        let first: Vec<_> = plan.first.iter().map(|one| one.run.id.as_str()).collect();
        say(json!({ "act": plan.act.as_str(), "runs": plan.runs, "left_out": left_out, "first": first })
            .to_string());
        return;
    }
    let verb = match plan.act {
        BulkAct::Retry => "tried again",
        BulkAct::Cancel => "cancelled",
    };
    say(format!("{} would be {verb}.", counted(plan.runs, "run")));
    for (why, count) in &plan.left_out {
        say(format!("{} would be left out: {}.", counted(*count, "run"), why.words()));
    }
    for one in &plan.first {
        let why = one.run.verdict.as_ref().map(|verdict| line_of(&verdict.text, REASON_CHARS_MAX));
        say(format!("    {}  {}  {}  {}", one.run.id, one.run.state, one.run.rule, why.unwrap_or_default()));
    }
    let more = plan.runs - plan.first.len() as i64;
    if more > 0 {
        say(format!("    and {more} more"));
    }
}

/// The runs that are meant one by one. What is not known is said to standard error, and makes the command end with 1.
pub(super) async fn runs_of(app: &App, texts: &[String]) -> (Vec<RunId>, Ended) {
    let (mut runs, mut ended) = (Vec::new(), Ended::Fine);
    for text in texts {
        match run_by_prefix(app, text).await {
            Ok(run) => runs.push(run),
            Err(error) => {
                eprintln!("{}", sentence(&error));
                ended = Ended::NotFine;
            }
        }
    }
    (runs, ended)
}

/// How one run's act is told.
pub(super) struct Telling {
    /// The key of `--json`: `tried_again`.
    pub key: &'static str,
    /// `is tried again`.
    pub done: &'static str,
    /// `is not tried again`.
    pub not_done: &'static str,
    /// Which runs can be.
    pub which: &'static str,
}

/// Tells what became of each. Not fine where one was not taken.
pub(super) async fn tell_each(
    app: &App,
    (runs, taken): (&[RunId], &[RunId]),
    telling: &Telling,
    as_json: bool,
) -> anyhow::Result<Ended> {
    let mut ended = Ended::Fine;
    for run in runs {
        let done = taken.contains(run);
        let state = app.store.run_with_context(run).await?.map(|due| due.run.state);
        if as_json {
            let state = state.map(RunState::as_str);
            say(json!({ "id": run.as_str(), telling.key: done, "state": state }).to_string());
        } else if done {
            say(format!("Run {run} {}.", telling.done));
        } else {
            let state = state.map_or("gone", RunState::as_str);
            say(format!("Run {run} {}: it is {state}. {}", telling.not_done, telling.which));
        }
        if !done {
            ended = Ended::NotFine;
        }
    }
    Ok(ended)
}
