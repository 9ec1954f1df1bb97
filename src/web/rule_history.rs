//! `/rules/{name}/history`: the versions of a rule, from git where there is a repository, else from what the database keeps.
//! `/rules/{name}/versions/{id}`: one of them, what is different now, and a button that brings it back.

use super::errors::PageError;
use super::line_diff::LineDiff;
use super::page::{Frame, Place, answer, in_address};
use super::rule_file::RuleFile;
use super::scene::Scene;
use super::times::Moment;
use crate::app::{App, RuleHistory, RuleVersion};
use actix_web::{HttpResponse, web};
use askama::Template;

/// The list.
#[derive(Template)]
#[template(path = "rule_history.html")]
pub struct RuleHistoryList {
    frame: Frame,
    address: String,
    title: String,
    without_git: Option<String>,
    rows: Vec<Row>,
}

struct Row {
    id: String,
    short: String,
    at: Moment,
    who: String,
    reason: String,
}

/// One version.
#[derive(Template)]
#[template(path = "rule_version.html")]
pub struct RuleVersionShow {
    frame: Frame,
    address: String,
    name: String,
    title: String,
    short: String,
    text: String,
    opened: String,
    diff: LineDiff,
}

/// `GET /rules/{name}/history`.
pub async fn rule_history(app: web::Data<App>, name: web::Path<String>) -> Result<HttpResponse, PageError> {
    let file = RuleFile::open_known(&app, &name).await?;
    let history = app.file_history(&file.file).await?;
    answer(&RuleHistoryList::of(&Scene::read(&app).await?, &file, &history))
}

/// `GET /rules/{name}/versions/{id}`.
pub async fn rule_version(
    app: web::Data<App>,
    path: web::Path<(String, String)>,
) -> Result<HttpResponse, PageError> {
    let (name, id) = path.into_inner();
    let file = RuleFile::open(&app, &name).await?;
    let text = app.file_version(&file.file, &id).await?.ok_or_else(|| PageError::unknown("version"))?;
    answer(&RuleVersionShow::of(&Scene::read(&app).await?, &file, &id, &text))
}

impl RuleHistoryList {
    fn of(scene: &Scene, file: &RuleFile, history: &RuleHistory) -> Self {
        Self {
            frame: Frame::new(Place::Rules, scene, None),
            address: in_address(&file.name),
            title: scene.rule(&file.name),
            without_git: history.without_git.clone(),
            rows: history.versions.iter().map(|version| Row::of(version, scene)).collect(),
        }
    }
}

impl Row {
    fn of(version: &RuleVersion, scene: &Scene) -> Self {
        let or = |text: &str, otherwise: &str| {
            if text.is_empty() { otherwise.to_owned() } else { text.to_owned() }
        };
        Self {
            id: in_address(&version.id),
            short: version.id.chars().take(12).collect(),
            at: Moment::of(version.at, scene.now),
            who: or(&version.who, "in the folder"),
            reason: or(&version.reason, "(nobody said why)"),
        }
    }
}

impl RuleVersionShow {
    fn of(scene: &Scene, file: &RuleFile, id: &str, text: &str) -> Self {
        Self {
            frame: Frame::new(Place::Rules, scene, None),
            address: in_address(&file.name),
            name: file.name.clone(),
            title: scene.rule(&file.name),
            short: id.chars().take(12).collect(),
            text: text.replace("\r\n", "\n"),
            opened: file.opened.clone().unwrap_or_default(),
            diff: LineDiff::of(text, &file.text),
        }
    }
}

#[cfg(test)]
impl RuleHistoryList {
    pub(super) fn samples() -> Vec<Self> {
        use super::samples::{HOSTILE, NOW, scene};
        let file = RuleFile { name: HOSTILE.into(), ..RuleFile::default() };
        let version =
            RuleVersion { id: HOSTILE.into(), at: NOW, who: HOSTILE.into(), reason: HOSTILE.into() };
        let history = RuleHistory {
            versions: vec![version, RuleVersion::default()],
            without_git: Some(HOSTILE.into()),
        };
        vec![Self::of(&Scene::default(), &file, &RuleHistory::default()), Self::of(&scene(), &file, &history)]
    }
}

#[cfg(test)]
impl RuleVersionShow {
    pub(super) fn samples() -> Vec<Self> {
        use super::samples::{HOSTILE, scene};
        let file = RuleFile { name: HOSTILE.into(), text: HOSTILE.into(), ..RuleFile::default() };
        vec![
            Self::of(&scene(), &file, HOSTILE, &format!("</pre></textarea>{HOSTILE}\n")),
            Self::of(&scene(), &file, "c0ffee", HOSTILE),
        ]
    }
}
