//! `/sources/{name}/walks`: bringing in what a booking system has of a range of days, and comparing with it: the form that
//! begins either, the walk that is under way, and those of before.

use super::errors::PageError;
use super::form_errors::FormErrors;
use super::page::{Frame, Place, answer, go_to, in_address};
use super::scene::Scene;
use super::viewer::Viewer;
use super::walk_told::WalkTold;
use crate::app::{App, AskError, Walkable, check_days};
use crate::connectors::Verified;
use crate::ports::{NewWalk, WalkFilter, WalkPurpose};
use actix_web::{HttpResponse, web};
use askama::Template;
use serde::Deserialize;

/// Walks that are told.
const WALKS: i64 = 20;

/// What the address asks for.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct Query {
    said: Option<String>,
    part: Option<String>,
}

/// What the form sends.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct Form {
    #[serde(default)]
    purpose: String,
    #[serde(default)]
    from: String,
    #[serde(default)]
    to: String,
}

/// The page.
#[derive(Template)]
#[template(path = "walks_list.html", blocks = ["live"])]
pub struct WalksList {
    frame: Frame,
    errors: FormErrors,
    address: String,
    title: String,
    connector: String,
    /// Why it can't be walked.
    why_not: Option<String>,
    by: String,
    unsure: bool,
    from: String,
    to: String,
    purpose: String,
    walks: Vec<WalkTold>,
    /// Why it should be subscribed first.
    subscribe_first: Option<String>,
}

/// `GET /sources/{name}/walks`.
pub async fn walks_list(
    app: web::Data<App>,
    name: web::Path<String>,
    query: web::Query<Query>,
) -> Result<HttpResponse, PageError> {
    let page = WalksList::read(&app, &name, query.said.as_deref(), None, FormErrors::none()).await?;
    if query.part.as_deref() == Some("live") { answer(&page.as_live()) } else { answer(&page) }
}

/// `POST /sources/{name}/walks`.
pub async fn walk_begin(
    app: web::Data<App>,
    viewer: Viewer,
    name: web::Path<String>,
    form: web::Form<Form>,
) -> Result<HttpResponse, PageError> {
    let form = form.into_inner();
    let purpose = WalkPurpose::parse(&form.purpose).unwrap_or_default();
    let (from, to) = (form.from.trim().to_owned(), form.to.trim().to_owned());
    if let Err(why) = check_days(&from, &to) {
        let errors = FormErrors::at("from", &why);
        return WalksList::read(&app, &name, None, Some(form), errors).await?.answer();
    }
    let new = NewWalk {
        source: name.to_string(),
        purpose,
        from_day: from,
        to_day: to,
        report: None,
        end_gone: false,
        who: viewer.name().to_owned(),
        at: app.clock.now(),
    };
    match app.begin_walk(&new).await {
        Ok((row, began)) => {
            if began {
                let days = format!("{} {} to {}", purpose.as_str(), new.from_day, new.to_day);
                app.audit(&viewer.who(), "source.walked", &name, &days).await;
            }
            Ok(go_to(&format!("/walks/{}", row.seq)))
        }
        Err(AskError::NotNow(why)) => {
            let errors = FormErrors::at("from", &why);
            WalksList::read(&app, &name, None, Some(form), errors).await?.answer()
        }
        Err(error) => Err(error.into()),
    }
}

impl WalksList {
    async fn read(
        app: &App,
        name: &str,
        said: Option<&str>,
        form: Option<Form>,
        errors: FormErrors,
    ) -> Result<Self, PageError> {
        let scene = Scene::read(app).await?;
        let active = app.active().ok_or_else(|| PageError::unknown("source"))?;
        let source = active.sources.get(name).ok_or_else(|| PageError::unknown("source"))?;
        let filter = WalkFilter { source: Some(name.to_owned()), open: false, limit: WALKS };
        let rows = app.store.walks().walks(&filter).await?;
        let walks = rows.iter().map(|row| WalkTold::of(row, &scene)).collect();
        let (from, to) = app.usual_days();
        let form = form.unwrap_or(Form { purpose: "backfill".into(), from, to });
        let connector = &source.connector.title;
        let mut page = Self::of(&scene, (name, connector), App::walkable(source), form, walks);
        page.frame = Frame::new(Place::Connections, &scene, said);
        page.errors = errors;
        page.subscribe_first = app.subscribe_first(source).await?;
        Ok(page)
    }

    fn of(
        scene: &Scene,
        (name, connector): (&str, &str),
        walkable: Walkable,
        form: Form,
        walks: Vec<WalkTold>,
    ) -> Self {
        let (why_not, by, unsure) = match walkable {
            Walkable::Yes { by, verified } => (None, by, verified == Verified::Unverified),
            Walkable::No(why) => (Some(super::errors::capital(&why)), String::new(), false),
        };
        Self {
            frame: Frame::new(Place::Connections, scene, None),
            errors: FormErrors::none(),
            address: in_address(name),
            title: scene.source(name),
            connector: connector.to_owned(),
            why_not,
            by,
            unsure,
            from: form.from,
            to: form.to,
            purpose: form.purpose,
            walks,
            subscribe_first: None,
        }
    }

    /// Whether one is under way.
    fn under_way(&self) -> bool {
        self.walks.iter().any(|walk| walk.open || walk.paused)
    }

    fn answer(&self) -> Result<HttpResponse, PageError> {
        self.errors.answer(self)
    }
}

#[cfg(test)]
impl WalksList {
    pub(super) fn samples() -> Vec<Self> {
        use super::samples::{HOSTILE, scene};
        let scene = scene();
        let form = |text: &str| Form { purpose: text.into(), from: text.into(), to: text.into() };
        let yes = Walkable::Yes { by: HOSTILE.into(), verified: Verified::Unverified };
        let told = super::walk_told::rows().iter().map(|row| WalkTold::of(row, &scene)).collect();
        let none = Self::of(&scene, ("other", HOSTILE), Walkable::No(HOSTILE.into()), form(""), Vec::new());
        let mut wrong = Self::of(&scene, ("other", HOSTILE), yes.clone(), form(HOSTILE), Vec::new());
        wrong.errors = FormErrors::at("from", HOSTILE);
        wrong.subscribe_first = Some(HOSTILE.into());
        vec![none, wrong, Self::of(&scene, ("other", HOSTILE), yes, form("2027-03-01"), told)]
    }
}
