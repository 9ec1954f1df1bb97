//! The buttons of `/settings/people`: role, may sign in or not, a link for a password, away with a lost second factor. Each
//! leads back there.

use super::access::Access;
use super::errors::PageError;
use super::link_made::LinkPage;
use super::page::{answer, go_to};
use super::scene::Scene;
use super::viewer::Viewer;
use crate::app::App;
use crate::domain::Role;
use actix_web::{HttpRequest, HttpResponse, web};
use serde::Deserialize;

/// What a role's form sends.
#[derive(Deserialize)]
pub struct RoleForm {
    role: String,
}

/// `POST /settings/people/{id}/role`.
pub(super) async fn role(
    app: web::Data<App>,
    viewer: Viewer,
    id: web::Path<String>,
    form: web::Form<RoleForm>,
) -> Result<HttpResponse, PageError> {
    let role = Role::parse(&form.role).ok_or_else(|| PageError::unreadable_form("no such role"))?;
    app.set_role(&viewer.who(), &id, role).await?;
    Ok(go_to("/settings/people?said=role"))
}

/// `POST /settings/people/{id}/disable`.
pub(super) async fn disable(
    app: web::Data<App>,
    viewer: Viewer,
    id: web::Path<String>,
) -> Result<HttpResponse, PageError> {
    app.set_disabled(&viewer.who(), &id, true).await?;
    Ok(go_to("/settings/people?said=disabled"))
}

/// `POST /settings/people/{id}/enable`.
pub(super) async fn enable(
    app: web::Data<App>,
    viewer: Viewer,
    id: web::Path<String>,
) -> Result<HttpResponse, PageError> {
    app.set_disabled(&viewer.who(), &id, false).await?;
    Ok(go_to("/settings/people?said=enabled"))
}

/// `POST /settings/people/{id}/link`.
pub(super) async fn link(
    app: web::Data<App>,
    access: web::Data<Access>,
    viewer: Viewer,
    id: web::Path<String>,
    request: HttpRequest,
) -> Result<HttpResponse, PageError> {
    let person = app.person(&id).await?;
    let link = app.make_link(&viewer.who(), &person).await?;
    let scene = Scene::read(&app).await?;
    answer(&LinkPage::of(&scene, &person, &access.base(&request), &link))
}

/// `POST /settings/people/{id}/second-factor`.
pub(super) async fn second_factor(
    app: web::Data<App>,
    viewer: Viewer,
    id: web::Path<String>,
) -> Result<HttpResponse, PageError> {
    app.drop_second_factor(&viewer.who(), &id).await?;
    Ok(go_to("/settings/people?said=factor-removed"))
}
