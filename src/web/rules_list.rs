//! `/rules`: what goes where. Each rule in a sentence, whether it is on, when it was last used and how that went; and
//! whether the folder has a mistake while an older version is at work.

use super::errors::PageError;
use super::page::{Frame, Place, answer, in_address};
use super::rule_words::RuleWords;
use super::scene::Scene;
use super::times::{Moment, clock_time};
use super::words::{Mark, Tone};
use crate::app::{App, FolderTold};
use crate::document::{Severity, render};
use crate::domain::RunState;
use crate::ports::{ListFilter, RunRow};
use crate::rules::Ruleset;
use actix_web::{HttpResponse, web};
use askama::Template;
use serde::Deserialize;

/// Runs by which it is told how a rule does.
const RUNS_MAX: i64 = 50;
/// Rules that are told.
const RULES_MAX: usize = 200;
/// Mistakes that are shown.
const MISTAKES_MAX: usize = 10;

/// What the address asks for.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct Query {
    said: Option<String>,
}

/// The page.
#[derive(Template)]
#[template(path = "rules_list.html")]
pub struct RulesList {
    frame: Frame,
    sentence: String,
    broken: Option<String>,
    mistakes: Vec<String>,
    warnings: Vec<String>,
    rows: Vec<Row>,
}

struct Row {
    address: String,
    title: String,
    name: String,
    sentence: String,
    mark: Mark,
    used: Option<Moment>,
    success: String,
}

/// `GET /rules`.
pub async fn rules_list(app: web::Data<App>, query: web::Query<Query>) -> Result<HttpResponse, PageError> {
    let scene = Scene::read(&app).await?;
    let folder = app.folder_told().await;
    let active = app.active();
    let mut page = RulesList::of(&scene, &folder, query.said.as_deref());
    if let Some(active) = &active {
        for rule in active.rules.keys().take(RULES_MAX) {
            let filter = ListFilter { rule: Some(rule.clone()), limit: RUNS_MAX, ..ListFilter::default() };
            let runs = app.store.list_runs(&filter).await?;
            page.rows.push(Row::of(rule, active, &runs, &scene));
        }
    }
    page.sentence = sentence(&page.rows);
    answer(&page)
}

fn sentence(rows: &[Row]) -> String {
    let on = rows.iter().filter(|row| row.mark.tone == Tone::Good).count();
    match (on, rows.len()) {
        (_, 0) => "There is no rule yet, so that nothing is sent anywhere.".to_owned(),
        (0, _) => "No rule is on, so that nothing is sent anywhere.".to_owned(),
        (1, _) => "1 rule is on.".to_owned(),
        (on, _) => format!("{on} rules are on."),
    }
}

impl RulesList {
    fn of(scene: &Scene, folder: &FolderTold, said: Option<&str>) -> Self {
        let all_of = |severity: Severity| -> Vec<String> {
            let found = folder.diagnostics.iter().filter(|told| told.severity == severity);
            found
                .take(MISTAKES_MAX)
                .map(|told| render(told, folder.texts.get(&told.file).map(String::as_str)))
                .collect()
        };
        let broken = match (&folder.unreadable, folder.broken_since) {
            (Some(why), _) => Some(why.clone()),
            (None, Some(since)) => Some(format!(
                "The rules folder has a mistake since {}; the version before is still at work.",
                clock_time(since)
            )),
            (None, None) => None,
        };
        Self {
            frame: Frame::new(Place::Rules, scene, said),
            sentence: String::new(),
            broken,
            mistakes: all_of(Severity::Error),
            warnings: all_of(Severity::Warning),
            rows: Vec::new(),
        }
    }
}

impl Row {
    fn of(name: &str, active: &Ruleset, runs: &[RunRow], scene: &Scene) -> Self {
        let rule = active.rules.get(name);
        let (mark, _) = mark_of(rule.is_some_and(|rule| rule.enabled));
        Self {
            address: in_address(name),
            title: scene.rule(name),
            name: name.to_owned(),
            sentence: rule.map(|rule| RuleWords::of(rule, active).sentence).unwrap_or_default(),
            mark,
            used: runs.first().map(|run| Moment::of(run.created_at, scene.now)),
            success: success(runs),
        }
    }
}

/// On or off, and the word of the button that changes it.
pub fn mark_of(enabled: bool) -> (Mark, &'static str) {
    if enabled {
        (Mark::new(Tone::Good, "on"), "Switch it off")
    } else {
        (Mark::new(Tone::Quiet, "off"), "Switch it on")
    }
}

/// How the latest runs of a rule went.
pub fn success(runs: &[RunRow]) -> String {
    let ended: Vec<&RunRow> =
        runs.iter().filter(|run| run.state.is_end() || run.state == RunState::Held).collect();
    let bad = ended.iter().filter(|run| matches!(run.state, RunState::Failed | RunState::Held)).count();
    match (ended.len(), bad) {
        (0, _) => "not used yet".to_owned(),
        (count, 0) => format!("all of the last {count} went well"),
        (count, bad) => format!("{bad} of the last {count} need you"),
    }
}

#[cfg(test)]
impl RulesList {
    pub(super) fn samples() -> Vec<Self> {
        use super::samples::{HOSTILE, NOW, runs, scene};
        let scene = scene();
        let folder = FolderTold {
            diagnostics: vec![crate::document::Diagnostic::error(HOSTILE, None, HOSTILE)],
            broken_since: Some(NOW - 60_000),
            ..FolderTold::default()
        };
        let mut filled = Self::of(&scene, &folder, Some("published"));
        filled.rows = vec![Row {
            address: in_address(HOSTILE),
            title: HOSTILE.into(),
            name: HOSTILE.into(),
            sentence: HOSTILE.into(),
            mark: mark_of(true).0,
            used: Some(Moment::of(NOW, NOW)),
            success: success(&runs()),
        }];
        vec![Self::of(&Scene::default(), &FolderTold::default(), None), filled]
    }
}
