//! `/rules/{name}`: a rule in words, what fills each field, its tests with a button that runs them, how far an applying
//! got, its latest runs. `POST /rules/{name}/tests` shows the same with what the tests came to.

use super::errors::{PageError, capital};
use super::page::{Frame, Place, answer, in_address};
use super::rule_file::RuleFile;
use super::rule_words::RuleWords;
use super::rules_list::{mark_of, success};
use super::run_told::RunTold;
use super::scene::Scene;
use super::times::Moment;
use super::words::Mark;
use crate::app::{App, RuleTests};
use crate::document::render;
use crate::ports::{ApplyFilter, ApplyRow, ApplyState, ListFilter};
use actix_web::{HttpResponse, web};
use askama::Template;
use serde::Deserialize;
use std::collections::BTreeMap;

/// Runs that are shown.
const RUNS_SHOWN: usize = 8;
/// Runs by which it is told how it does.
const RUNS_MAX: i64 = 50;
/// Applyings that are shown.
const APPLIES_MAX: i64 = 3;

/// What the address asks for.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct Query {
    said: Option<String>,
}

/// The page.
#[derive(Template)]
#[template(path = "rule_show.html")]
pub struct RuleShow {
    frame: Frame,
    address: String,
    name: String,
    title: String,
    mark: Mark,
    switch: &'static str,
    enabled: bool,
    words: Option<RuleWords>,
    trouble: Option<String>,
    has_tests: bool,
    tests: Option<TestsTold>,
    applies: Vec<ApplyTold>,
    runs: Vec<RunTold>,
    success: String,
}

struct TestsTold {
    sentence: String,
    findings: Vec<String>,
    rows: Vec<(bool, String, Vec<String>)>,
}

struct ApplyTold {
    at: Moment,
    sentence: String,
}

/// `GET /rules/{name}`.
pub async fn rule_show(
    app: web::Data<App>,
    name: web::Path<String>,
    query: web::Query<Query>,
) -> Result<HttpResponse, PageError> {
    let file = RuleFile::open_known(&app, &name).await?;
    answer(&RuleShow::read(&app, file, query.said.as_deref()).await?)
}

/// `POST /rules/{name}/tests`.
pub async fn rule_tests(app: web::Data<App>, name: web::Path<String>) -> Result<HttpResponse, PageError> {
    let file = RuleFile::open_known(&app, &name).await?;
    let app = app.into_inner();
    let tests = app.run_tests(&file.name).await?;
    let mut page = RuleShow::read(&app, file, None).await?;
    page.tests = Some(TestsTold::of(&tests));
    answer(&page)
}

impl RuleShow {
    async fn read(app: &App, file: RuleFile, said: Option<&str>) -> Result<Self, PageError> {
        let scene = Scene::read(app).await?;
        let active = app.active();
        let filter = ListFilter { rule: Some(file.name.clone()), limit: RUNS_MAX, ..ListFilter::default() };
        let runs = app.store.list_runs(&filter).await?;
        let filter = ApplyFilter { rule: Some(file.name.clone()), open: false, limit: APPLIES_MAX };
        let applies = app.store.applies(&filter).await?;
        let has_tests =
            app.open_file(&format!("{}.test.yaml", file.name)).await.is_ok_and(|found| found.is_some());
        let mut page = Self::bare(&scene, &file.name);
        page.frame = Frame::new(Place::Rules, &scene, said);
        page.has_tests = has_tests;
        page.success = success(&runs);
        for run in runs.iter().take(RUNS_SHOWN) {
            let told = RunTold::of(run, &scene, "run");
            let booking = app.store.booking(&run.booking).await?;
            page.runs.push(match booking {
                Some((booking, _)) => told.of_guest(&booking),
                None => told,
            });
        }
        page.applies = applies.iter().map(|row| ApplyTold::of(row, &scene)).collect();
        let at_work = active.as_ref().and_then(|active| active.rules.get(&file.name));
        page.trouble = match (&file.trouble, at_work, &file.opened) {
            (Some(why), ..) => Some(why.clone()),
            (None, None, _) => Some("This file is not at work: the rules folder has a mistake.".to_owned()),
            (None, Some(_), None) => {
                Some("Its file is gone from the folder; it is at work for a minute still.".into())
            }
            _ if app.folder_told().await.broken_since.is_some() => Some(
                "The rules folder has a mistake; what you see here is the version before, which is at work."
                    .into(),
            ),
            _ => None,
        };
        if let (Some(active), Some(rule)) = (&active, at_work) {
            page.words = Some(RuleWords::of(rule, active));
            page.enabled = rule.enabled;
            (page.mark, page.switch) = mark_of(rule.enabled);
        }
        Ok(page)
    }

    fn bare(scene: &Scene, name: &str) -> Self {
        let (mark, switch) = mark_of(false);
        Self {
            frame: Frame::new(Place::Rules, scene, None),
            address: in_address(name),
            name: name.to_owned(),
            title: scene.rule(name),
            mark,
            switch,
            enabled: false,
            words: None,
            trouble: None,
            has_tests: false,
            tests: None,
            applies: Vec::new(),
            runs: Vec::new(),
            success: success(&[]),
        }
    }
}

impl TestsTold {
    fn of(tests: &RuleTests) -> Self {
        let rows: Vec<_> = tests
            .reports
            .iter()
            .map(|report| (report.differences.is_empty(), report.name.clone(), report.differences.clone()))
            .collect();
        let passed = rows.iter().filter(|(passed, ..)| *passed).count();
        let sentence = match (rows.len(), passed) {
            (0, _) => "No test was run.".to_owned(),
            (1, 1) => "The test passes.".to_owned(),
            (all, passed) if all == passed => format!("All {all} tests pass."),
            (all, passed) => format!("{} of {all} tests fail.", all - passed),
        };
        let findings = tests.diagnostics.iter().map(|told| render(told, None)).collect();
        Self { sentence, findings, rows }
    }
}

impl ApplyTold {
    fn of(row: &ApplyRow, scene: &Scene) -> Self {
        let counts = &row.counts;
        let how = match row.state {
            ApplyState::Open => "It is being applied",
            ApplyState::Done => "It was applied",
            ApplyState::Stopped => "It was being applied, and stopped",
        };
        let why = row.note.as_ref().map(|why| format!(" {}.", capital(why))).unwrap_or_default();
        let days = match (&row.asked.from_day, &row.asked.to_day) {
            (None, None) => String::new(),
            (from, to) => {
                let from = from.as_ref().map(|day| format!(" from {day}")).unwrap_or_default();
                let to = to.as_ref().map(|day| format!(" to {day}")).unwrap_or_default();
                format!(" to trips{from}{to}")
            }
        };
        let sentence = format!(
            "{how}{days}: {} looked at, {} sent, {} with nothing new, {} none of its business, {} on their way or \
             made before, {} need you.{why}",
            super::times::counted(counts.looked, "booking"),
            counts.sends,
            counts.unchanged,
            counts.excluded,
            counts.open + counts.made,
            counts.fails
        );
        Self { at: Moment::of(row.asked.at, scene.now), sentence }
    }
}

/// Rules by name, for pages that choose one.
pub fn titles(app: &App) -> BTreeMap<String, String> {
    let active = app.active();
    let rules = active.iter().flat_map(|active| active.rules.values());
    rules.map(|rule| (rule.name.clone(), rule.title.clone())).collect()
}

#[cfg(test)]
impl RuleShow {
    pub(super) fn samples() -> Vec<Self> {
        use super::rule_words::StepWords;
        use super::samples::{HOSTILE, NOW, hostile_booking, runs, scene};
        let scene = scene();
        let mut full = Self::bare(&scene, HOSTILE);
        full.words = Some(RuleWords {
            sentence: HOSTILE.into(),
            condition: Some(HOSTILE.into()),
            steps: vec![StepWords {
                what: HOSTILE.into(),
                id: HOSTILE.into(),
                condition: Some(HOSTILE.into()),
                fields: vec![(HOSTILE.into(), HOSTILE.into(), 4)],
            }],
        });
        full.trouble = Some(HOSTILE.into());
        full.has_tests = true;
        full.enabled = true;
        full.tests = Some(TestsTold {
            sentence: "1 of 2 tests fail.".into(),
            findings: vec![HOSTILE.into()],
            rows: vec![(true, HOSTILE.into(), vec![]), (false, HOSTILE.into(), vec![HOSTILE.into()])],
        });
        full.applies = vec![ApplyTold { at: Moment::of(NOW, NOW), sentence: HOSTILE.into() }];
        full.runs =
            runs().iter().map(|run| RunTold::of(run, &scene, "run").of_guest(&hostile_booking())).collect();
        vec![Self::bare(&Scene::default(), "guests"), full]
    }
}
