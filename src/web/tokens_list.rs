//! `/settings/tokens`: API tokens; one is made (and shown once), one is revoked.

use super::access::Access;
use super::errors::PageError;
use super::form_errors::FormErrors;
use super::page::{Frame, Place, go_to, in_address};
use super::scene::Scene;
use super::times::Moment;
use super::viewer::Viewer;
use super::words::{Mark, Tone};
use crate::app::{App, PeopleError};
use crate::domain::Scope;
use crate::ports::TokenRow;
use actix_web::{HttpRequest, HttpResponse, web};
use askama::Template;
use serde::Deserialize;

/// Days that a token may last, as the form offers them.
const DAYS: [i64; 3] = [30, 90, 365];

/// What the address asks for.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct Query {
    said: Option<String>,
}

/// What the form sends: a box that is not ticked is not there.
#[derive(Default, Deserialize)]
pub struct Form {
    name: String,
    days: String,
    read: Option<String>,
    write: Option<String>,
    admin: Option<String>,
    metrics: Option<String>,
}

/// The page.
#[derive(Template)]
#[template(path = "tokens_list.html")]
pub struct TokensPage {
    frame: Frame,
    errors: FormErrors,
    tab: &'static str,
    made: Option<String>,
    rows: Vec<Row>,
    name: String,
    /// Where a program finds the API: the beginning of its address.
    base: String,
}

struct Row {
    id: String,
    name: String,
    scopes: String,
    made_by: String,
    made: Moment,
    used: Option<Moment>,
    mark: Mark,
    good: bool,
}

/// `GET /settings/tokens`.
pub(super) async fn tokens_list(
    app: web::Data<App>,
    access: web::Data<Access>,
    query: web::Query<Query>,
    request: HttpRequest,
) -> Result<HttpResponse, PageError> {
    let base = access.base(&request);
    page(&app, base, query.said.as_deref(), None, "", FormErrors::none()).await
}

/// `POST /settings/tokens`.
pub(super) async fn make(
    app: web::Data<App>,
    access: web::Data<Access>,
    viewer: Viewer,
    form: web::Form<Form>,
    request: HttpRequest,
) -> Result<HttpResponse, PageError> {
    let base = access.base(&request);
    let days = match form.days.as_str() {
        "" => None,
        days => Some(
            days.parse()
                .ok()
                .filter(|days| DAYS.contains(days))
                .ok_or_else(|| PageError::unreadable_form("no such time"))?,
        ),
    };
    match app.make_api_token(&viewer.who(), &form.name, form.scopes(), days).await {
        Ok((_, text)) => page(&app, base, None, Some(text), "", FormErrors::none()).await,
        Err(error) => {
            let field = if matches!(error, PeopleError::NoName) { "name" } else { "scopes" };
            page(&app, base, None, None, &form.name, FormErrors::of_people(error, field)?).await
        }
    }
}

/// `POST /settings/tokens/{id}/revoke`.
pub(super) async fn revoke(
    app: web::Data<App>,
    viewer: Viewer,
    id: web::Path<String>,
) -> Result<HttpResponse, PageError> {
    match app.revoke_api_token(&viewer.who(), &id).await {
        Ok(()) => Ok(go_to("/settings/tokens?said=revoked")),
        Err(PeopleError::Unknown) => Err(PageError::unknown("token")),
        Err(error) => Err(error.into()),
    }
}

async fn page(
    app: &App,
    base: String,
    said: Option<&str>,
    made: Option<String>,
    name: &str,
    errors: FormErrors,
) -> Result<HttpResponse, PageError> {
    let scene = Scene::read(app).await?;
    let tokens = app.store.people().tokens().await?;
    let page = TokensPage { base, ..TokensPage::of(&scene, &tokens, said, made, name, errors) };
    page.errors.answer(&page)
}

impl Form {
    fn scopes(&self) -> Vec<Scope> {
        Scope::ALL
            .into_iter()
            .filter(|scope| match scope {
                Scope::Read => self.read.is_some(),
                Scope::Write => self.write.is_some(),
                Scope::Admin => self.admin.is_some(),
                Scope::Metrics => self.metrics.is_some(),
            })
            .collect()
    }
}

impl TokensPage {
    fn of(
        scene: &Scene,
        tokens: &[TokenRow],
        said: Option<&str>,
        made: Option<String>,
        name: &str,
        errors: FormErrors,
    ) -> Self {
        Self {
            frame: Frame::new(Place::Nowhere, scene, said),
            errors,
            tab: "tokens",
            made,
            rows: tokens.iter().map(|token| Row::of(token, scene)).collect(),
            name: name.to_owned(),
            base: "http://localhost".into(),
        }
    }
}

impl Row {
    fn of(token: &TokenRow, scene: &Scene) -> Self {
        let over = token.expires_at.is_some_and(|at| at <= scene.now);
        let mark = if token.revoked_at.is_some() {
            Mark::new(Tone::Quiet, "revoked")
        } else if over {
            Mark::new(Tone::Quiet, "over")
        } else if token.maker_disabled {
            Mark::new(Tone::Waiting, "not taken: its maker may not sign in")
        } else {
            let until = token.expires_at.map(|at| format!("ends {}", Moment::of(at, scene.now).ago));
            Mark::new(Tone::Good, until.unwrap_or_else(|| "until it is revoked".into()))
        };
        let scopes: Vec<&str> = token.scopes.iter().map(|scope| scope.as_str()).collect();
        Self {
            id: in_address(&token.id),
            name: token.name.clone(),
            scopes: scopes.join(", "),
            made_by: token.made_by_name.clone(),
            made: Moment::of(token.created_at, scene.now),
            used: token.used_at.map(|at| Moment::of(at, scene.now)),
            mark,
            good: token.revoked_at.is_none() && !over,
        }
    }
}

#[cfg(test)]
impl TokensPage {
    pub(super) fn samples() -> Vec<Self> {
        use super::samples::{HOSTILE, NOW, scene};
        let token = |name: &str| TokenRow {
            hash: "hash".into(),
            id: format!("tok_{name}"),
            name: name.to_owned(),
            scopes: vec![Scope::Read, Scope::Metrics],
            made_by: "per_1".into(),
            made_by_name: name.to_owned(),
            created_at: NOW - 60_000,
            used_at: Some(NOW),
            expires_at: Some(NOW + 60_000),
            revoked_at: None,
            maker_disabled: false,
        };
        let tokens = [
            token("Prometheus"),
            token(HOSTILE),
            TokenRow { revoked_at: Some(NOW), used_at: None, ..token("revoked") },
            TokenRow { expires_at: Some(1), ..token("over") },
            TokenRow { maker_disabled: true, expires_at: None, ..token("of somebody") },
        ];
        let wrong = FormErrors::at("scopes", "choose what the token may be used for");
        vec![
            Self::of(&scene(), &[], None, None, "", FormErrors::none()),
            Self::of(&scene(), &tokens, Some("revoked"), Some("wp_abc".into()), HOSTILE, wrong),
        ]
    }
}
