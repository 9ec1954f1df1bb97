//! What can be done with which runs: decided here for the plan that a person sees and for the pieces that are carried out
//! later, so that these can't differ.

use super::{App, AskError};
use crate::domain::{Cause, VerdictCode};
use crate::ports::{BulkAct, CauseGroup, TroubleFilter, TroublePage, TroubledRun};
use crate::rules::Ruleset;

/// Runs that a plan shows.
const FIRST: usize = 20;
/// Runs that are looked at for them.
const LOOKED_AT_MAX: i64 = 400;

/// Why something can't be done with a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum WhyNot {
    /// Its rule was deleted.
    RuleGone,
    /// Its rule is switched off.
    RuleOff,
    /// Its connection was deleted.
    ConnectionGone,
    /// Its last call may have been done: each is looked at by a person, or the whole group is chosen by name.
    MayBeDone,
}

impl WhyNot {
    /// The sentence for people, behind "3 runs are left out: ".
    pub fn words(self) -> &'static str {
        match self {
            Self::RuleGone => "their rule was deleted, so nobody knows what they would send",
            Self::RuleOff => "their rule is switched off",
            Self::ConnectionGone => "their connection was deleted; bring its file back first",
            Self::MayBeDone => {
                "their last call may have been done, and would be done twice; look in the CRM first, then try them again \
                 from their own group"
            }
        }
    }
}

/// Whether it can be done with a run of this cause; `None`: it can.
pub fn why_not(
    act: BulkAct,
    filter: &TroubleFilter,
    cause: &Cause,
    active: Option<&Ruleset>,
) -> Option<WhyNot> {
    if act == BulkAct::Cancel {
        return None;
    }
    if cause.code == VerdictCode::OutcomeUnknown && filter.cause.is_none() {
        return Some(WhyNot::MayBeDone);
    }
    let active = active?;
    let by_name = active.rules.get(&cause.rule);
    let rule =
        by_name.or_else(|| active.rules.values().find(|rule| rule.was.as_deref() == Some(&cause.rule)));
    match rule {
        None => Some(WhyNot::RuleGone),
        Some(rule) if !rule.enabled => Some(WhyNot::RuleOff),
        // The rule of now may name another connection; where it names none that is there, it would be held again.
        Some(rule) => {
            let there = |name: &str| active.connections.contains_key(name);
            let gone = !there(&cause.connection) && rule.steps.iter().any(|step| !there(&step.connection));
            gone.then_some(WhyNot::ConnectionGone)
        }
    }
}

/// What would be done, and with which runs.
#[derive(Clone, Debug, PartialEq)]
pub struct ActPlan {
    /// What.
    pub act: BulkAct,
    /// With those that are so.
    pub filter: TroubleFilter,
    /// How many runs it can be done with.
    pub runs: i64,
    /// Their groups, the newest trouble first, each with how many of its runs are meant.
    pub groups: Vec<(CauseGroup, i64)>,
    /// The first of them, newest first.
    pub first: Vec<TroubledRun>,
    /// How many runs it can't be done with, and why.
    pub left_out: Vec<(WhyNot, i64)>,
}

impl App {
    /// Works out what would be done. Changes nothing.
    pub async fn plan_act(&self, act: BulkAct, filter: &TroubleFilter) -> Result<ActPlan, AskError> {
        let active = self.active();
        let counted = self.store.count_troubled(filter).await?;
        let mut plan = ActPlan {
            act,
            filter: filter.clone(),
            runs: 0,
            groups: Vec::new(),
            first: Vec::new(),
            left_out: Vec::new(),
        };
        let mut able: Vec<String> = Vec::new();
        for (group, count) in counted {
            match why_not(act, filter, &group.cause, active.as_deref()) {
                Some(why) => match plan.left_out.iter_mut().find(|(known, _)| *known == why) {
                    Some((_, known)) => *known += count,
                    None => plan.left_out.push((why, count)),
                },
                None => {
                    plan.runs += count;
                    able.push(group.key.clone());
                    plan.groups.push((group, count));
                }
            }
        }
        plan.left_out.sort_unstable();
        if plan.runs > 0 {
            let page = TroublePage::Before(i64::MAX);
            let found = self.store.troubled_runs(filter, page, LOOKED_AT_MAX).await?;
            plan.first = found.into_iter().filter(|one| able.contains(&one.cause)).take(FIRST).collect();
        }
        Ok(plan)
    }
}
