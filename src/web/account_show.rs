//! `/account`: what somebody may change about themselves, and where they are signed in. What its forms do is in
//! `account_change`.

use super::errors::PageError;
use super::form_errors::FormErrors;
use super::page::{Frame, Place, in_address};
use super::scene::Scene;
use super::times::Moment;
use super::viewer::Viewer;
use crate::app::App;
use crate::ports::{PersonRow, SessionRow};
use actix_web::{HttpResponse, web};
use askama::Template;
use serde::Deserialize;

/// What the address asks for.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct Query {
    pub(super) said: Option<String>,
}

/// The page.
#[derive(Template)]
#[template(path = "account_show.html")]
pub struct AccountPage {
    frame: Frame,
    errors: FormErrors,
    email: String,
    role: &'static str,
    name: String,
    time_zone: String,
    codes_left: Option<i64>,
    sessions: Vec<Row>,
}

struct Row {
    id: String,
    agent: String,
    address: String,
    since: Moment,
    seen: Moment,
    this: bool,
}

/// `GET /account`.
pub(super) async fn account_show(
    app: web::Data<App>,
    viewer: Viewer,
    query: web::Query<Query>,
) -> Result<HttpResponse, PageError> {
    page(&app, &viewer, query.said.as_deref(), FormErrors::none()).await
}

/// The page, also with what is wrong with a form of it.
pub(super) async fn page(
    app: &App,
    viewer: &Viewer,
    said: Option<&str>,
    errors: FormErrors,
) -> Result<HttpResponse, PageError> {
    let (session, person) = viewer.account()?;
    let scene = Scene::read(app).await?;
    let people = app.store.people();
    let sessions = people.sessions_of(&person.id).await?;
    let left = match person.totp {
        Some(_) => Some(people.recovery_codes_left(&person.id).await?),
        None => None,
    };
    let page = AccountPage::of(&scene, person, (session, &sessions), left, said, errors);
    page.errors.answer(&page)
}

impl AccountPage {
    fn of(
        scene: &Scene,
        person: &PersonRow,
        (this, sessions): (&SessionRow, &[SessionRow]),
        codes_left: Option<i64>,
        said: Option<&str>,
        errors: FormErrors,
    ) -> Self {
        let row = |session: &SessionRow| Row {
            id: in_address(&session.id),
            agent: if session.agent.is_empty() { "unknown".into() } else { session.agent.clone() },
            address: session.address.clone(),
            since: Moment::of(session.created_at, scene.now),
            seen: Moment::of(session.seen_at, scene.now),
            this: session.id == this.id,
        };
        Self {
            frame: Frame::new(Place::Nowhere, scene, said),
            errors,
            email: person.email.clone(),
            role: person.role.as_str(),
            name: person.name.clone(),
            time_zone: person.time_zone.clone().unwrap_or_default(),
            codes_left,
            sessions: sessions.iter().map(row).collect(),
        }
    }
}

#[cfg(test)]
impl AccountPage {
    pub(super) fn samples() -> Vec<Self> {
        use super::samples::{HOSTILE, person, scene, session};
        let (one, other) = (session("1", "Firefox"), session(HOSTILE, HOSTILE));
        let sessions = [one.clone(), other];
        let wrong = FormErrors::at("present", "this is not your present password");
        vec![
            Self::of(
                &scene(),
                &person("Siobhán"),
                (&one, &sessions),
                None,
                Some("password"),
                FormErrors::none(),
            ),
            Self::of(&scene(), &person(HOSTILE), (&one, &sessions), Some(7), None, wrong),
        ]
    }
}
