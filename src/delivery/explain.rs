//! Why each field of a run has its value, or why nothing was sent: by the production code, from what is stored.

use super::Rulesets;
use super::chain;
use super::work::explain_context;
use crate::domain::{RunId, RunState};
use crate::ports::{AttemptView, DueRun, Store, StoreError};
use crate::rules::{FieldTrace, Ruleset};
use std::sync::Arc;

/// A run, explained.
pub struct Explained {
    /// The run and the version of the booking that it is pinned to.
    pub due: DueRun,
    /// Its title, where its rule is known.
    pub rule_title: Option<String>,
    /// Each step's fields, or why there are none.
    pub steps: Vec<(String, Result<Vec<FieldTrace>, String>)>,
    /// Its attempts.
    pub attempts: Vec<AttemptView>,
}

/// Explains a run: a begun one by the ruleset it is pinned to, else by the active one.
pub async fn explain(
    store: &Arc<dyn Store>,
    rulesets: &dyn Rulesets,
    active: Option<&Arc<Ruleset>>,
    run: &RunId,
) -> Result<Option<Explained>, StoreError> {
    let Some(due) = store.run_with_context(run).await? else { return Ok(None) };
    let attempts = store.attempts(run).await?;
    let ruleset = match &due.run.ruleset {
        Some(hash) => rulesets.by_hash(hash).await,
        None => active.cloned(),
    };
    let mut explained = Explained { due, rule_title: None, steps: Vec::new(), attempts };
    let Some(ruleset) = ruleset else {
        explained.steps.push((String::new(), Err("the ruleset that it went by is not kept any more".into())));
        return Ok(Some(explained));
    };
    let Some(rule) = ruleset.rules.get(&explained.due.run.rule).cloned() else {
        explained.steps.push((String::new(), Err("its rule is not in the ruleset any more".into())));
        return Ok(Some(explained));
    };
    explained.rule_title = Some(rule.title.clone());
    chain::fill(&**store, vec![(&mut explained.due, &ruleset)]).await?;
    match explain_context(&explained.due, &ruleset) {
        Err(why) => explained.steps.push((String::new(), Err(why))),
        Ok(context) => {
            let known = &explained.due.run.steps;
            for (index, step) in rule.steps.iter().enumerate() {
                let progress = known.iter().find(|progress| progress.id == step.id);
                let verdict = progress.and_then(|progress| progress.verdict.as_ref());
                let skipped = explained.due.run.state == RunState::Skipped && progress.is_none();
                if skipped && explained.due.run.verdict.is_some() {
                    continue;
                }
                let fields = match (progress.map(|p| p.state), verdict) {
                    (Some(crate::domain::StepState::Skipped), Some(verdict)) => Err(verdict.text.clone()),
                    _ => ruleset.trace_step(&rule, index, &context).map_err(|error| error.message),
                };
                explained.steps.push((step.id.clone(), fields));
            }
        }
    }
    Ok(Some(explained))
}
