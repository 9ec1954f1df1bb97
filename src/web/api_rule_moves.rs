//! `POST /api/v1/rules/{name}/rename` and `/remove`: a rule gets another name, or goes; its tests with it, in one commit.

use super::api_body::{Answer, Body, answered};
use super::api_rule_drafts::PublishedTold;
use super::rule_file::RuleFile;
use super::viewer::Viewer;
use crate::app::{App, RuleMove};
use actix_web::web;
use serde::Deserialize;
use utoipa::ToSchema;

/// Another name.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Rename {
    /// The name that it is to have.
    #[schema(example = "guests-to-hubspot")]
    new_name: String,
    /// The `text_hash` of its file as it was looked at; left out: as it stands.
    text_hash: Option<String>,
    /// Why, in a few words.
    #[schema(min_length = 1, max_length = 2000)]
    reason: String,
}

/// A rule that is to go.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Removal {
    /// The `text_hash` of its file as it was looked at; left out: as it stands.
    text_hash: Option<String>,
    /// Why, in a few words.
    #[schema(min_length = 1, max_length = 2000)]
    reason: String,
}

/// Rename a rule
///
/// Its file and the file of its tests get the new name in one commit. It says `was:`, so that later changes go to the records
/// that it made under its old name.
#[utoipa::path(post, path = "/api/v1/rules/{name}/rename", tag = "rules", params(("name" = String, Path, description = "Its name.")),
    request_body = Rename, responses((status = 200, description = "It is at work under its new name.", body = PublishedTold)))]
pub(super) async fn rename_rule(
    app: web::Data<App>,
    viewer: Viewer,
    name: web::Path<String>,
    Body(asked): Body<Rename>,
) -> Answer {
    let app = app.into_inner();
    let file = RuleFile::open_known(&app, &name).await?;
    let opened = asked.text_hash.or_else(|| file.opened.clone()).unwrap_or_default();
    let what = RuleMove::Rename(&asked.new_name);
    let published = app.move_rule(&file.name, &opened, what, (viewer.actor(), asked.reason.clone())).await?;
    let told = format!("{} is {} now. {}", file.name, asked.new_name, asked.reason);
    app.audit(&viewer.who(), "rule.renamed", &file.name, &told).await;
    let now = app.open_file(&format!("{}.yaml", asked.new_name)).await?;
    answered(&PublishedTold::of(published, now.map(|(_, hash)| hash)))
}

/// Remove a rule
///
/// Its file and the file of its tests go in one commit. What it made stays where it is; what it has not begun to send is
/// cancelled.
#[utoipa::path(post, path = "/api/v1/rules/{name}/remove", tag = "rules", params(("name" = String, Path, description = "Its name.")),
    request_body = Removal, responses((status = 200, description = "It is gone.", body = PublishedTold)))]
pub(super) async fn remove_rule(
    app: web::Data<App>,
    viewer: Viewer,
    name: web::Path<String>,
    Body(asked): Body<Removal>,
) -> Answer {
    let app = app.into_inner();
    let file = RuleFile::open_known(&app, &name).await?;
    let opened = asked.text_hash.or_else(|| file.opened.clone()).unwrap_or_default();
    let by = (viewer.actor(), asked.reason.clone());
    let published = app.move_rule(&file.name, &opened, RuleMove::Remove, by).await?;
    app.audit(&viewer.who(), "rule.removed", &file.name, &asked.reason).await;
    answered(&PublishedTold::of(published, None))
}
