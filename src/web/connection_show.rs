//! `/connections/{name}`: one place that Waypost calls: how it is, what waits for it, what went wrong lately, which rules use
//! it, its key (never shown), its settings and limits. What its buttons do is in `connection_change`. `?part=live` gives the
//! block that is refreshed in place.

use super::answer_times::{self, AnswerTimes};
use super::begin_show::Steps;
use super::connect_form::{FieldTold, GuideTold, key_guide};
use super::connections_list::ConnectionStanding;
use super::errors::PageError;
use super::form_errors::FormErrors;
use super::found::Found;
use super::line_diff::LineDiff;
use super::needs_you_list::GroupTold;
use super::page::{Frame, Place, answer, in_address};
use super::scene::Scene;
use super::times::Moment;
use crate::app::{App, Finding, PartKind, PublishError, SecretHeld, values_of};
use crate::connectors::{Connection, FormValues, SecretRef};
use actix_web::{HttpResponse, web};
use askama::Template;
use serde::Deserialize;

/// Groups that are looked through for what went wrong here, and so many are told.
const LOOK: i64 = 50;
const TROUBLES_MAX: usize = 5;
/// Actions that are told.
const CALLS_MAX: usize = 30;

/// What the address asks for.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct Query {
    said: Option<String>,
    part: Option<String>,
}

/// The page.
#[derive(Template)]
#[template(path = "connection_show.html", blocks = ["live"])]
pub struct ConnectionShow {
    frame: Frame,
    errors: FormErrors,
    address: String,
    title: String,
    connector: String,
    base_url: String,
    standing: ConnectionStanding,
    limit: String,
    setting_up: bool,
    tested: Vec<Found>,
    tests: bool,
    rules: Vec<(String, String)>,
    troubles: Vec<GroupTold>,
    keys: Vec<KeyTold>,
    takes_key: bool,
    guide: GuideTold,
    calls: Vec<String>,
    describes_itself: bool,
    file: String,
    trouble: Option<String>,
    editable: bool,
    opened: String,
    diff: Option<LineDiff>,
    fields: Vec<FieldTold>,
}

/// A key, without its value.
struct KeyTold {
    name: String,
    in_vault: bool,
    has_value: bool,
    set: Option<Moment>,
}

/// What was asked for or went wrong just now.
#[derive(Default)]
pub struct Just {
    /// What a redirect said.
    pub said: Option<String>,
    /// What was typed.
    pub values: Option<FormValues>,
    /// What is wrong with it.
    pub errors: FormErrors,
    /// Theirs and yours, where somebody changed the file meanwhile.
    pub changed: Option<(String, String)>,
    /// What a test found.
    pub findings: Vec<Finding>,
}

/// `GET /connections/{name}`.
pub async fn connection_show(
    app: web::Data<App>,
    name: web::Path<String>,
    query: web::Query<Query>,
) -> Result<HttpResponse, PageError> {
    let just = Just { said: query.said.clone(), ..Just::default() };
    let page = ConnectionShow::read(&app, &name, just).await?;
    if query.part.as_deref() == Some("live") { answer(&page.as_live()) } else { answer(&page) }
}

impl ConnectionShow {
    /// The page, with what was done just now.
    pub async fn read(app: &App, name: &str, just: Just) -> Result<Self, PageError> {
        let scene = Scene::read(app).await?;
        let active = app.active().ok_or_else(|| PageError::unknown("connection"))?;
        let connection = active.connections.get(name).ok_or_else(|| PageError::unknown("connection"))?;
        let mut page = Self::of(&scene, &answer_times::read(app).await?, connection, &just);
        page.setting_up = Steps::of(Some(&active), &scene).unfinished();
        page.rules = app.users_of(PartKind::Connection, name);
        page.keys = app.secrets_of(name).await?.iter().map(|held| KeyTold::of(held, &scene)).collect();
        let causes = app.store.open_causes(None, LOOK).await?;
        let own = causes.iter().filter(|group| group.cause.connection == name).take(TROUBLES_MAX);
        page.troubles = own.map(|group| GroupTold::of(group, &scene, Some(&active))).collect();
        let Some(file) = PartKind::Connection.file(name) else {
            page.trouble =
                Some("Its file has a name that can't be changed here. Change the file itself.".into());
            return Ok(page);
        };
        match app.open_file(&file).await {
            Ok(Some((text, opened))) => {
                let values = values_of(PartKind::Connection, &connection.connector, &text);
                page.fill(connection, just.values.as_ref().unwrap_or(&values), opened);
            }
            Ok(None) => page.trouble = Some("Its file is gone from the rules folder.".into()),
            Err(PublishError::NoFolder(why)) => page.trouble = Some(why),
            Err(error) => return Err(error.into()),
        }
        Ok(page)
    }

    fn of(scene: &Scene, times: &AnswerTimes, connection: &Connection, just: &Just) -> Self {
        let limits = &connection.limits;
        let destination = connection.connector.destination.as_ref();
        let setup = destination.is_some_and(|destination| {
            destination.setup.test.is_some() || !destination.setup.ensure.is_empty()
        });
        Self {
            frame: Frame::new(Place::Connections, scene, just.said.as_deref()),
            errors: just.errors.clone(),
            address: in_address(&connection.name),
            title: scene.connection(&connection.name),
            connector: connection.connector.title.clone(),
            base_url: connection.base_url.clone(),
            standing: ConnectionStanding::of(&connection.name, scene, times),
            limit: super::today::limit_words(limits),
            setting_up: false,
            tested: just.findings.iter().map(|one| Found::of(one, scene.now)).collect(),
            tests: setup || connection.test.is_some(),
            rules: Vec::new(),
            troubles: Vec::new(),
            keys: Vec::new(),
            takes_key: destination.is_some_and(|one| one.open_actions || !one.auth.is_empty()),
            guide: key_guide(&connection.connector),
            calls: connection.actions.values().take(CALLS_MAX).map(|action| action.title.clone()).collect(),
            describes_itself: destination.is_some_and(|one| one.open_actions),
            file: connection.spec.file.clone(),
            trouble: None,
            editable: false,
            opened: String::new(),
            diff: just.changed.as_ref().map(|(theirs, yours)| LineDiff::of(theirs, yours)),
            fields: Vec::new(),
        }
    }

    fn fill(&mut self, connection: &Connection, values: &FormValues, opened: String) {
        let title = FieldTold::text("title", "What you call it", "", values, &self.errors);
        self.fields = vec![title];
        let fields = connection.connector.connection_fields(false);
        self.fields.extend(FieldTold::all(&fields, values, &self.errors));
        let why = FieldTold::text("reason", "Why, in a few words", "May be empty.", values, &self.errors);
        self.fields.push(FieldTold { required: false, ..why });
        self.opened = opened;
        self.editable = true;
    }

    /// The page with what was done, and the status that says whether it was.
    pub fn answer(&self) -> Result<HttpResponse, PageError> {
        self.errors.answer(self)
    }
}

impl KeyTold {
    fn of(held: &SecretHeld, scene: &Scene) -> Self {
        let (name, in_vault) = match &held.secret {
            SecretRef::Vault(name) => (name.clone(), true),
            SecretRef::Env(name) => (name.clone(), false),
        };
        let set = held.set_at.filter(|_| held.has_value).map(|at| Moment::of(at, scene.now));
        Self { name, in_vault, has_value: held.has_value, set }
    }
}

#[cfg(test)]
impl ConnectionShow {
    pub(super) fn samples() -> Vec<Self> {
        use super::samples::{HOSTILE, NOW, connection, group, hostile_group, scene};
        let scene = scene();
        let plain = connection("connector: hubspot\ntitle: Our HubSpot\nauth: { token: { secret: a } }\n");
        let hostile = connection(
            "connector: http\nbase_url: https://crm.example.com\ntitle: x\nactions: { put: { method: PUT, path: /a } }\n",
        );
        let mut values = FormValues::new();
        values.insert("title".into(), HOSTILE.into());
        let just = Just {
            errors: FormErrors::at("title", HOSTILE),
            changed: Some((format!("{HOSTILE}\n"), format!("x{HOSTILE}\n"))),
            findings: Found::samples(HOSTILE),
            ..Just::default()
        };
        let mut full = Self::of(&scene, &AnswerTimes::default(), &hostile, &just);
        full.fill(&hostile, &values, "c0ffee".into());
        full.title = HOSTILE.into();
        full.rules = vec![(HOSTILE.into(), HOSTILE.into())];
        full.setting_up = true;
        full.troubles =
            vec![GroupTold::of(&group(), &scene, None), GroupTold::of(&hostile_group(), &scene, None)];
        let held = |secret, has_value| SecretHeld { secret, has_value, set_at: Some(NOW - 60_000) };
        full.keys = [
            held(SecretRef::Vault(HOSTILE.into()), true),
            held(SecretRef::Vault(HOSTILE.into()), false),
            held(SecretRef::Env(HOSTILE.into()), true),
        ]
        .iter()
        .map(|held| KeyTold::of(held, &scene))
        .collect();
        let mut unreadable = Self::of(&scene, &AnswerTimes::default(), &plain, &Just::default());
        unreadable.trouble = Some(HOSTILE.into());
        vec![unreadable, full]
    }
}
