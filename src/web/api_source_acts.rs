//! `/api/v1/sources`: one is made, its settings and its address are looked at, it is changed, gets another address, is taken
//! away. Whoever knows an address can send bookings: only tokens that may connect are told it.

use super::access::Access;
use super::api_body::{Answer, Body, answered};
use super::api_connection_acts::{
    NewPart, PartChange, PartGone, PartTold, SettingsTold, change, make, remove, settings,
};
use super::api_error::ApiError;
use super::api_run_acts::Nothing;
use super::api_source_secrets::SecretsTold;
use super::viewer::Viewer;
use crate::app::{App, PartKind, RotateError};
use crate::connectors::Source;
use crate::told::rfc3339;
use actix_web::web;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use utoipa::ToSchema;

/// The longest overlap of two addresses.
const OVERLAP_HOURS_MAX: i64 = 720;

/// The settings of a source, and where it listens.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = SourceSettings)]
pub(super) struct SourceSettingsTold {
    /// Its settings.
    settings: SettingsTold,
    /// Where it listens.
    address: AddressTold,
    /// What it signs in with and fetches with, without values.
    secrets: SecretsTold,
}

/// Where a source listens.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = SourceAddress)]
pub(super) struct AddressTold {
    /// Its addresses: both are taken. Whoever knows one can send bookings.
    urls: Vec<String>,
    /// Whether booking systems outside reach these; false: start it with `--hooks-url`.
    reachable: bool,
    /// Until when the address before is taken too; null: there is none.
    #[schema(format = DateTime)]
    old_until: Option<String>,
    /// Whether it can be changed here; false: its file says its tokens.
    can_be_changed: bool,
}

/// Another address.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewAddress {
    /// So long the old one is taken too; 0: not a moment longer.
    #[schema(minimum = 0, maximum = 720, example = 24)]
    overlap_hours: i64,
}

async fn address(app: &App, access: &Access, source: &Source) -> Result<AddressTold, ApiError> {
    let (base, reachable) = access.hooks_base();
    Ok(AddressTold {
        urls: app.source_paths(source).iter().map(|path| format!("{base}{path}")).collect(),
        reachable,
        old_until: app.old_address(source).await?.map(|old| rfc3339(old.until)),
        can_be_changed: app.rotates(source),
    })
}

pub(super) fn known(app: &App, name: &str) -> Result<Arc<Source>, ApiError> {
    let active = app.active();
    let source = active.as_ref().and_then(|active| active.sources.get(name).cloned());
    source.ok_or_else(|| ApiError::not_found("source"))
}

impl From<RotateError> for ApiError {
    fn from(error: RotateError) -> Self {
        let why = error.to_string();
        match error {
            RotateError::Store(error) => error.into(),
            RotateError::Overlaps => Self::not_now(&why).called("overlaps"),
            RotateError::ByHand | RotateError::Secret(_) => Self::not_now(&why),
        }
    }
}

/// Make a source
///
/// Its file is written, at work at once, and committed where the rules folder is a git repository. Its settings tell where it
/// listens.
#[utoipa::path(post, path = "/api/v1/sources", tag = "sources", request_body = NewPart,
    responses((status = 201, description = "It is at work.", body = PartTold)))]
pub(super) async fn make_source(app: web::Data<App>, viewer: Viewer, Body(asked): Body<NewPart>) -> Answer {
    make(app.into_inner(), &viewer, PartKind::Source, asked).await
}

/// The settings of a source, and its address
#[utoipa::path(get, path = "/api/v1/sources/{name}/settings", tag = "sources",
    params(("name" = String, Path, description = "Its name.", example = "harbour-tours")),
    responses((status = 200, description = "Its settings.", body = SourceSettingsTold)))]
pub(super) async fn get_source_settings(
    app: web::Data<App>,
    access: web::Data<Access>,
    name: web::Path<String>,
) -> Answer {
    let source = known(&app, &name)?;
    answered(&SourceSettingsTold {
        settings: settings(&app, PartKind::Source, &name).await?,
        address: address(&app, &access, &source).await?,
        secrets: SecretsTold::of(&app, &source),
    })
}

/// Change the settings of a source
///
/// What stands in its file beside them stays, comments too.
#[utoipa::path(post, path = "/api/v1/sources/{name}", tag = "sources",
    params(("name" = String, Path, description = "Its name.")),
    request_body(content = PartChange, description = "May be left out."),
    responses((status = 200, description = "It is at work.", body = PartTold)))]
pub(super) async fn change_source(
    app: web::Data<App>,
    viewer: Viewer,
    name: web::Path<String>,
    Body(asked): Body<PartChange>,
) -> Answer {
    change(app.into_inner(), &viewer, (PartKind::Source, &name), asked).await
}

/// Give a source another address
///
/// The old one is taken for so many hours more, so that nothing is lost until it is changed in the booking system.
#[utoipa::path(post, path = "/api/v1/sources/{name}/address", tag = "sources",
    params(("name" = String, Path, description = "Its name.")), request_body = NewAddress,
    responses((status = 200, description = "The new address.", body = AddressTold)))]
pub(super) async fn change_source_address(
    app: web::Data<App>,
    access: web::Data<Access>,
    viewer: Viewer,
    name: web::Path<String>,
    Body(asked): Body<NewAddress>,
) -> Answer {
    let source = known(&app, &name)?;
    let hours = asked.overlap_hours;
    if !(0..=OVERLAP_HOURS_MAX).contains(&hours) {
        return Err(ApiError::wrong_value(&format!("overlap_hours is from 0 to {OVERLAP_HOURS_MAX}")));
    }
    app.rotate_token(&source, hours).await?;
    app.audit(&viewer.who(), "source.address", &name, &format!("the old one is taken for {hours} h")).await;
    answered(&address(&app, &access, &source).await?)
}

/// Take the old address of a source no more
///
/// From now on. Where there is none, nothing happens.
#[utoipa::path(post, path = "/api/v1/sources/{name}/old-address/end", tag = "sources",
    params(("name" = String, Path, description = "Its name.")),
    request_body(content = Nothing, description = "May be left out."),
    responses((status = 200, description = "The address as it is now.", body = AddressTold)))]
pub(super) async fn end_old_source_address(
    app: web::Data<App>,
    access: web::Data<Access>,
    viewer: Viewer,
    name: web::Path<String>,
    Body(Nothing {}): Body<Nothing>,
) -> Answer {
    let source = known(&app, &name)?;
    if app.end_old_address(&source).await? {
        app.audit(&viewer.who(), "source.old-address", &name, "").await;
    }
    answered(&address(&app, &access, &source).await?)
}

/// Take a source away
///
/// Refused while rules use it (`in_use`). What still comes in there is stored for 30 days, and leads to nothing.
#[utoipa::path(post, path = "/api/v1/sources/{name}/remove", tag = "sources",
    params(("name" = String, Path, description = "Its name.")),
    request_body(content = PartGone, description = "May be left out."),
    responses((status = 200, description = "It is gone.", body = PartTold)))]
pub(super) async fn remove_source(
    app: web::Data<App>,
    viewer: Viewer,
    name: web::Path<String>,
    Body(asked): Body<PartGone>,
) -> Answer {
    remove(app.into_inner(), &viewer, (PartKind::Source, &name), asked).await
}
