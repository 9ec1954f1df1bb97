//! `/api/v1/people`: who has an account, who is asked in, what they may do. A link by which somebody chooses a password is
//! told once, to whoever asked for it.

use super::access::Access;
use super::api_body::{Answer, Body, answered, with};
use super::api_error::ApiError;
use super::api_paging::Page;
use super::api_run_acts::Nothing;
use super::viewer::Viewer;
use crate::app::{App, LinkMade};
use crate::domain::Role;
use crate::told::{Person, rfc3339};
use actix_web::http::StatusCode;
use actix_web::{HttpRequest, web};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Whom to ask in.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Invite {
    /// What they are called.
    #[schema(example = "Siobhán Ní Bhriain", min_length = 1, max_length = 100)]
    name: String,
    /// What they sign in with.
    #[schema(example = "siobhan@example.org", format = Email)]
    email: String,
    /// What they are to be.
    #[schema(value_type = Role)]
    role: String,
}

/// A role.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewRole {
    /// What they are to be.
    #[schema(value_type = Role)]
    role: String,
}

/// A link by which somebody chooses a password.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = PasswordLink)]
pub(super) struct LinkTold {
    /// The whole address. Whoever has it can use it, once.
    #[schema(example = "https://waypost.example.com/welcome/…")]
    url: String,
    /// When it ends.
    #[schema(format = DateTime)]
    expires_at: String,
}

/// Somebody who was asked in.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Invited {
    /// Who.
    person: Person,
    /// Their link. It is told this once.
    link: LinkTold,
}

impl LinkTold {
    fn of(link: &LinkMade, access: &Access, request: &HttpRequest) -> Self {
        Self { url: format!("{}{}", access.base(request), link.path), expires_at: rfc3339(link.expires_at) }
    }
}

fn role_of(word: &str) -> Result<Role, ApiError> {
    Role::parse(word).ok_or_else(|| ApiError::wrong_value("the role is viewer, editor or admin"))
}

/// Everybody who has an account
///
/// There is one page.
#[utoipa::path(get, path = "/api/v1/people", tag = "people",
    responses((status = 200, description = "The people, by name.", body = Page<Person>)))]
pub(super) async fn list_people(app: web::Data<App>) -> Answer {
    let people = app.store.people().people().await?;
    answered(&Page { items: people.iter().map(Person::of).collect(), next: None })
}

/// Ask somebody in
#[utoipa::path(post, path = "/api/v1/people", tag = "people", request_body = Invite,
    responses((status = 201, description = "They have an account, and choose a password by the link.", body = Invited)))]
pub(super) async fn invite_person(
    app: web::Data<App>,
    access: web::Data<Access>,
    viewer: Viewer,
    request: HttpRequest,
    Body(asked): Body<Invite>,
) -> Answer {
    let role = role_of(&asked.role)?;
    let (person, link) = app.invite(&viewer.who(), &asked.email, &asked.name, role).await?;
    let told = Invited { person: Person::of(&person), link: LinkTold::of(&link, &access, &request) };
    with(StatusCode::CREATED, &told)
}

/// One person
#[utoipa::path(get, path = "/api/v1/people/{id}", tag = "people", params(("id" = String, Path, description = "Their id.")),
    responses((status = 200, description = "The person.", body = Person)))]
pub(super) async fn get_person(app: web::Data<App>, id: web::Path<String>) -> Answer {
    answered(&Person::of(&app.person(&id).await?))
}

/// Change what somebody may do
///
/// They sign in again.
#[utoipa::path(post, path = "/api/v1/people/{id}/role", tag = "people", params(("id" = String, Path, description = "Their id.")),
    request_body = NewRole, responses((status = 200, description = "The person.", body = Person)))]
pub(super) async fn set_person_role(
    app: web::Data<App>,
    viewer: Viewer,
    id: web::Path<String>,
    Body(asked): Body<NewRole>,
) -> Answer {
    app.set_role(&viewer.who(), &id, role_of(&asked.role)?).await?;
    answered(&Person::of(&app.person(&id).await?))
}

/// Let somebody sign in no more
///
/// Their sessions end, and the tokens that they made are taken no more.
#[utoipa::path(post, path = "/api/v1/people/{id}/disable", tag = "people", params(("id" = String, Path, description = "Their id.")),
    request_body(content = Nothing, description = "May be left out."),
    responses((status = 200, description = "The person.", body = Person)))]
pub(super) async fn disable_person(
    app: web::Data<App>,
    viewer: Viewer,
    id: web::Path<String>,
    Body(Nothing {}): Body<Nothing>,
) -> Answer {
    app.set_disabled(&viewer.who(), &id, true).await?;
    answered(&Person::of(&app.person(&id).await?))
}

/// Let somebody sign in again
#[utoipa::path(post, path = "/api/v1/people/{id}/enable", tag = "people", params(("id" = String, Path, description = "Their id.")),
    request_body(content = Nothing, description = "May be left out."),
    responses((status = 200, description = "The person.", body = Person)))]
pub(super) async fn enable_person(
    app: web::Data<App>,
    viewer: Viewer,
    id: web::Path<String>,
    Body(Nothing {}): Body<Nothing>,
) -> Answer {
    app.set_disabled(&viewer.who(), &id, false).await?;
    answered(&Person::of(&app.person(&id).await?))
}

/// Make a link by which somebody chooses a new password
///
/// The links before it are void.
#[utoipa::path(post, path = "/api/v1/people/{id}/link", tag = "people", params(("id" = String, Path, description = "Their id.")),
    request_body(content = Nothing, description = "May be left out."),
    responses((status = 201, description = "The link. It is told this once.", body = LinkTold)))]
pub(super) async fn make_person_link(
    app: web::Data<App>,
    access: web::Data<Access>,
    viewer: Viewer,
    request: HttpRequest,
    id: web::Path<String>,
    Body(Nothing {}): Body<Nothing>,
) -> Answer {
    let person = app.person(&id).await?;
    let link = app.make_link(&viewer.who(), &person).await?;
    with(StatusCode::CREATED, &LinkTold::of(&link, &access, &request))
}

/// Take the second factor away from somebody who lost it
///
/// They sign in again.
#[utoipa::path(post, path = "/api/v1/people/{id}/second-factor/off", tag = "people",
    params(("id" = String, Path, description = "Their id.")),
    request_body(content = Nothing, description = "May be left out."),
    responses((status = 200, description = "The person.", body = Person)))]
pub(super) async fn drop_second_factor(
    app: web::Data<App>,
    viewer: Viewer,
    id: web::Path<String>,
    Body(Nothing {}): Body<Nothing>,
) -> Answer {
    app.drop_second_factor(&viewer.who(), &id).await?;
    answered(&Person::of(&app.person(&id).await?))
}
