//! `GET /api/v1/about` and `POST /api/v1/backup`: which Waypost this is, where its data is and how much room it has; and a
//! copy of the whole database to keep elsewhere.

use super::api_body::{Answer, Body, answered};
use super::api_error::ApiError;
use super::api_run_acts::Nothing;
use super::backup_show::download;
use super::errors::PageError;
use super::viewer::Viewer;
use crate::app::App;
use crate::told::rfc3339;
use actix_web::web;
use serde::Serialize;
use utoipa::ToSchema;

/// Which Waypost this is.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = About)]
pub(super) struct AboutTold {
    /// Its version.
    version: &'static str,
    /// When it was started.
    #[schema(format = DateTime)]
    started_at: String,
    /// Id of this node.
    node: String,
    /// Hash of the rules at work; null: none are.
    ruleset: Option<String>,
    /// Since when they are.
    #[schema(format = DateTime)]
    ruleset_since: Option<String>,
    /// What the database is and how large.
    #[schema(example = "SQLite 3.50.4, 1.2 GB")]
    database: String,
    /// Number of the last step of its schema.
    schema: i64,
    /// Webhooks that are stored.
    webhooks: i64,
    /// Whether that is an estimate: the last ones are still being counted.
    webhooks_estimated: bool,
    /// Bytes that are free on the disk of the data folder, where the system says.
    disk_free_bytes: Option<u64>,
    /// Bytes of that disk.
    disk_bytes: Option<u64>,
}

/// Which Waypost this is
#[utoipa::path(get, path = "/api/v1/about", tag = "health",
    responses((status = 200, description = "What it is.", body = AboutTold)))]
pub(super) async fn get_about(app: web::Data<App>) -> Answer {
    let about = app.about().await?;
    answered(&AboutTold {
        version: about.version,
        started_at: rfc3339(about.started_at),
        node: about.node,
        ruleset: about.ruleset.as_ref().map(|(hash, _)| hash.clone()),
        ruleset_since: about.ruleset.map(|(_, at)| rfc3339(at)),
        database: about.store.database,
        schema: about.store.schema,
        webhooks: about.store.webhooks + about.store.uncounted,
        webhooks_estimated: about.store.uncounted > 0,
        disk_free_bytes: about.disk.map(|disk| disk.free),
        disk_bytes: about.disk.map(|disk| disk.all),
    })
}

/// Download a backup
///
/// A whole copy of the database (SQLite), made at once and sent. One is made at a time. The key of the vault is not in it:
/// keep that elsewhere. A Postgres database is copied with `pg_dump`.
#[utoipa::path(post, path = "/api/v1/backup", tag = "health",
    request_body(content = Nothing, description = "May be left out."),
    responses((status = 200, description = "The copy.", content_type = "application/vnd.sqlite3", body = String)))]
pub(super) async fn download_backup(
    app: web::Data<App>,
    viewer: Viewer,
    Body(Nothing {}): Body<Nothing>,
) -> Answer {
    let made = app.into_inner().make_backup(&viewer.who()).await;
    Ok(download(made.map_err(|error| ApiError::from(PageError::from(error)))?))
}
