//! `GET /api/v1/rules` and below: what goes where: the rules at work in words and as written, their history, what is wrong
//! with the folder, and recipes to start from. What changes them is in `api_rule_drafts`.

use super::api_body::{Answer, answered};
use super::api_error::ApiError;
use super::api_paging::Page;
use super::line_diff::unified;
use super::rule_file::RuleFile;
use super::rule_words::{RuleWords, StepWords};
use crate::app::App;
use crate::domain::RunState;
use crate::ports::{ListFilter, StoreError};
use crate::rules::{RECIPES, Rule, Ruleset};
use crate::told::{Mistake, rfc3339};
use actix_web::web;
use serde::Serialize;
use utoipa::ToSchema;

/// Runs by which it is told how a rule does.
const RUNS_MAX: i64 = 50;

/// A rule in a list.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Rule)]
pub(super) struct RuleTold {
    /// Its name: that of its file.
    #[schema(example = "guests-to-hubspot")]
    name: String,
    /// What people call it.
    #[schema(example = "Guests into HubSpot")]
    title: String,
    /// Whether it is on.
    enabled: bool,
    /// What it does, as a sentence.
    sentence: String,
    /// The sources that it looks at.
    from: Vec<String>,
    /// The changes that it is about.
    on: Vec<String>,
    /// When its last run was planned; null: not used yet.
    #[schema(format = DateTime)]
    last_used_at: Option<String>,
    /// Of its last 50 runs, those that ended or are held.
    lately: i64,
    /// Of these, those that need somebody.
    lately_needs_you: i64,
}

/// A rule as it is at work, and its file as it stands.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = RuleInFull)]
pub(super) struct RuleInFull {
    /// Its name.
    name: String,
    /// The rule at work; null where only its file is there, because the folder has a mistake.
    at_work: Option<RuleTold>,
    /// The condition, as written.
    condition: Option<String>,
    /// Its steps.
    steps: Vec<RuleStep>,
    /// Path of its file within the rules folder.
    #[schema(example = "guests-to-hubspot.yaml")]
    file: String,
    /// The text of its file as it stands; null where it is not there.
    text: Option<String>,
    /// What tells this text from a later one. Give it when you publish another.
    text_hash: Option<String>,
    /// Why the folder can't be read.
    trouble: Option<String>,
    /// Whether it has a file with tests.
    has_tests: bool,
}

/// A step in words.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct RuleStep {
    /// Its id.
    #[schema(example = "contact")]
    id: String,
    /// What it does.
    what: String,
    /// Its condition, as written.
    condition: Option<String>,
    /// Its fields.
    fields: Vec<RuleField>,
}

/// What fills a field.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct RuleField {
    /// Its name.
    #[schema(example = "email")]
    field: String,
    /// What fills it, as written.
    #[schema(example = "{{ person.email }}")]
    text: String,
    /// The line where that stands.
    line: u32,
}

/// What is at work, and what is wrong with the folder.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Ruleset)]
pub(super) struct RulesetTold {
    /// The hash of the ruleset at work; null: none is yet.
    hash: Option<String>,
    /// What is wrong with the folder as it stands.
    mistakes: Vec<Mistake>,
    /// Why it can't be read at all.
    unreadable: Option<String>,
    /// Since when it has an error: the version before is at work still.
    #[schema(format = DateTime)]
    broken_since: Option<String>,
}

/// The versions of a rule's file.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct RuleHistoryTold {
    /// Its versions, newest first.
    items: Vec<RuleVersionTold>,
    /// Why they come from the database instead of git; null: they come from git.
    without_git: Option<String>,
}

/// A version of a rule's file.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct RuleVersionTold {
    /// A commit, or the hash of a ruleset.
    id: String,
    /// When.
    #[schema(format = DateTime)]
    at: String,
    /// Who; empty where it came by other means than Waypost.
    who: String,
    /// Why.
    reason: String,
}

/// The text of a version.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct RuleVersionText {
    /// The version.
    id: String,
    /// Its text.
    text: String,
    /// What is different now: a unified diff from this version to the file as it stands.
    diff: String,
}

/// A rule to start from.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Recipe)]
pub(super) struct RecipeTold {
    /// Its name.
    name: &'static str,
    /// What it is for.
    title: &'static str,
    /// Its text.
    text: &'static str,
}

impl RuleTold {
    async fn read(app: &App, active: &Ruleset, rule: &Rule) -> Result<Self, StoreError> {
        let filter = ListFilter { rule: Some(rule.name.clone()), limit: RUNS_MAX, ..ListFilter::default() };
        let runs = app.store.list_runs(&filter).await?;
        let needs = |state: RunState| matches!(state, RunState::Failed | RunState::Held);
        Ok(Self {
            name: rule.name.clone(),
            title: rule.title.clone(),
            enabled: rule.enabled,
            sentence: RuleWords::of(rule, active).sentence,
            from: rule.from.clone(),
            on: rule.on.clone(),
            last_used_at: runs.first().map(|run| rfc3339(run.created_at)),
            lately: runs.iter().filter(|run| run.state.is_end() || needs(run.state)).count() as i64,
            lately_needs_you: runs.iter().filter(|run| needs(run.state)).count() as i64,
        })
    }
}

impl RuleStep {
    fn of(step: StepWords) -> Self {
        let field = |(field, text, line): (String, String, u32)| RuleField { field, text, line };
        Self {
            id: step.id,
            what: step.what,
            condition: step.condition,
            fields: step.fields.into_iter().map(field).collect(),
        }
    }
}

/// The rules at work
///
/// There is one page.
#[utoipa::path(get, path = "/api/v1/rules", tag = "rules",
    responses((status = 200, description = "The rules, by name.", body = Page<RuleTold>)))]
pub(super) async fn list_rules(app: web::Data<App>) -> Answer {
    let mut items = Vec::new();
    if let Some(active) = app.active() {
        for rule in active.rules.values() {
            items.push(RuleTold::read(&app, &active, rule).await?);
        }
    }
    answered(&Page { items, next: None })
}

/// One rule, in words and as written
#[utoipa::path(get, path = "/api/v1/rules/{name}", tag = "rules",
    params(("name" = String, Path, description = "Its name.", example = "guests-to-hubspot")),
    responses((status = 200, description = "The rule.", body = RuleInFull)))]
pub(super) async fn get_rule(app: web::Data<App>, name: web::Path<String>) -> Answer {
    let file = RuleFile::open_known(&app, &name).await?;
    let active = app.active();
    let rule = active.as_ref().and_then(|active| Some((active, active.rules.get(&file.name)?)));
    let (at_work, words) = match rule {
        Some((active, rule)) => {
            (Some(RuleTold::read(&app, active, rule).await?), RuleWords::of(rule, active))
        }
        None => (None, RuleWords::default()),
    };
    let tests = app.open_file(&format!("{}.test.yaml", file.name)).await;
    answered(&RuleInFull {
        at_work,
        condition: words.condition,
        steps: words.steps.into_iter().map(RuleStep::of).collect(),
        text: file.opened.is_some().then_some(file.text),
        text_hash: file.opened,
        trouble: file.trouble,
        has_tests: tests.is_ok_and(|found| found.is_some()),
        name: file.name,
        file: file.file,
    })
}

/// What is at work, and what is wrong with the rules folder
#[utoipa::path(get, path = "/api/v1/ruleset", tag = "rules",
    responses((status = 200, description = "The ruleset.", body = RulesetTold)))]
pub(super) async fn get_ruleset(app: web::Data<App>) -> Answer {
    let folder = app.folder_told().await;
    answered(&RulesetTold {
        hash: app.active().map(|active| active.hash.clone()),
        mistakes: folder.diagnostics.iter().map(Mistake::of).collect(),
        unreadable: folder.unreadable,
        broken_since: folder.broken_since.map(rfc3339),
    })
}

/// The history of a rule
#[utoipa::path(get, path = "/api/v1/rules/{name}/history", tag = "rules",
    params(("name" = String, Path, description = "Its name.")),
    responses((status = 200, description = "Its versions, newest first.", body = RuleHistoryTold)))]
pub(super) async fn get_rule_history(app: web::Data<App>, name: web::Path<String>) -> Answer {
    let file = RuleFile::open_known(&app, &name).await?;
    let history = app.file_history(&file.file).await?;
    let items = history.versions.into_iter().map(|version| RuleVersionTold {
        id: version.id,
        at: rfc3339(version.at),
        who: version.who,
        reason: version.reason,
    });
    answered(&RuleHistoryTold { items: items.collect(), without_git: history.without_git })
}

/// One version of a rule
#[utoipa::path(get, path = "/api/v1/rules/{name}/versions/{id}", tag = "rules",
    params(("name" = String, Path, description = "Its name."), ("id" = String, Path, description = "The version.")),
    responses((status = 200, description = "Its text, and what is different now.", body = RuleVersionText)))]
pub(super) async fn get_rule_version(app: web::Data<App>, path: web::Path<(String, String)>) -> Answer {
    let (name, id) = path.into_inner();
    let file = RuleFile::open(&app, &name).await?;
    let text = app.file_version(&file.file, &id).await?.ok_or_else(|| ApiError::not_found("version"))?;
    let diff = unified(&text, &file.text, &file.file);
    answered(&RuleVersionText { id, text, diff })
}

/// Rules to start from
///
/// There is one page.
#[utoipa::path(get, path = "/api/v1/recipes", tag = "rules",
    responses((status = 200, description = "The recipes.", body = Page<RecipeTold>)))]
pub(super) async fn list_recipes() -> Answer {
    let items = RECIPES
        .iter()
        .map(|recipe| RecipeTold { name: recipe.name, title: recipe.title, text: recipe.text })
        .collect();
    answered(&Page { items, next: None })
}
