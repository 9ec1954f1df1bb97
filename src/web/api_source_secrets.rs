//! `/api/v1/sources/{name}/sign-in` and `…/keys`: what a source's webhooks sign in with, and the keys of its booking system's
//! API. Values go into the vault and never come out again.

use super::api_body::{Answer, Body, answered};
use super::api_error::ApiError;
use super::api_source_acts::known;
use super::viewer::Viewer;
use crate::app::{App, OfferedSignIn, SourceKey};
use crate::connectors::{FormValues, Source};
use actix_web::web;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A secret that webhooks sign in with.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewSignIn {
    /// Which way: a `name` of `sign_in` in the source's settings.
    #[schema(example = "signature")]
    way: String,
    /// The secret, as the booking system shows it. It goes into the vault and is not told again.
    #[schema(write_only, min_length = 1)]
    value: String,
}

/// Keys of the booking system's API.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewSourceKeys {
    /// Values by name: a `name` of `keys` in the source's settings. What is left out stays as it is; where none has a value
    /// yet, all are needed. They go into the vault and are not told again.
    #[schema(write_only, value_type = std::collections::HashMap<String, String>)]
    keys: FormValues,
}

/// What a source signs in with and fetches with. Without values.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = SourceSecrets)]
pub(super) struct SecretsTold {
    /// Ways to sign in that its connector describes and that take a secret of the booking system.
    sign_in: Vec<OfferedTold>,
    /// Keys of the booking system's API, with which bookings are fetched.
    keys: Vec<KeyTold>,
}

/// A way to sign in.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = OfferedSignIn)]
struct OfferedTold {
    /// Its name.
    #[schema(example = "signature")]
    name: String,
    /// What the secret is called over there.
    title: String,
    /// Where it is found there; may be empty.
    help: String,
    /// Whether webhooks have to show it.
    asked: bool,
    /// Whether it has a value. One that is asked for and has none lets nothing in: webhooks are answered with 503.
    has_value: bool,
    /// Its file says where the value comes from: it is changed there.
    by_hand: bool,
}

/// A key of the booking system's API.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = SourceKey)]
struct KeyTold {
    /// Its name.
    #[schema(example = "app")]
    name: String,
    /// What it is called over there.
    title: String,
    /// One line of help; may be empty.
    help: String,
    /// Whether it has a value.
    has_value: bool,
    /// Its file says where the value comes from: it is changed there.
    by_hand: bool,
}

impl SecretsTold {
    pub(super) fn of(app: &App, source: &Source) -> Self {
        Self {
            sign_in: app.offered_sign_ins(source).into_iter().map(OfferedTold::of).collect(),
            keys: app.source_keys(source).into_iter().map(KeyTold::of).collect(),
        }
    }
}

impl OfferedTold {
    fn of(offered: OfferedSignIn) -> Self {
        let OfferedSignIn { name, title, help, asked, has_value, by_hand } = offered;
        Self { name, title, help, asked, has_value, by_hand }
    }
}

impl KeyTold {
    fn of(key: SourceKey) -> Self {
        let SourceKey { name, label, help, has_value, by_hand } = key;
        Self { name, title: label, help, has_value, by_hand }
    }
}

/// There is none of this name; there are these.
fn no_such(what: &str, names: Vec<String>) -> String {
    let names = if names.is_empty() { String::from("none") } else { names.join(", ") };
    format!("there is no such {what}; there are: {names}")
}

/// Have a source's webhooks sign in
///
/// Keeps the secret of a way that its connector describes. Where its file does not ask for that way yet, it does so from now
/// on, beside what it asks for already: what does not show it is let in no more.
#[utoipa::path(post, path = "/api/v1/sources/{name}/sign-in", tag = "sources",
    params(("name" = String, Path, description = "Its name.")), request_body = NewSignIn,
    responses((status = 200, description = "It is at work.", body = SecretsTold)))]
pub(super) async fn set_source_sign_in(
    app: web::Data<App>,
    viewer: Viewer,
    name: web::Path<String>,
    Body(asked): Body<NewSignIn>,
) -> Answer {
    let app = app.into_inner();
    let source = known(&app, &name)?;
    let offered = app.offered_sign_ins(&source);
    if !offered.iter().any(|way| way.name == asked.way) {
        let names = offered.into_iter().map(|way| way.name).collect();
        return Err(ApiError::wrong_fields([("way".to_owned(), no_such("way", names))]));
    }
    app.set_sign_in((&name, &asked.way), &asked.value, viewer.actor()).await?;
    app.audit(&viewer.who(), "source.sign-in", &name, &asked.way).await;
    let source = known(&app, &name)?;
    answered(&SecretsTold::of(&app, &source))
}

/// Give a source the keys of its booking system's API
///
/// With them bookings are fetched, walked through and compared. A file that names none yet does so from now on.
#[utoipa::path(post, path = "/api/v1/sources/{name}/keys", tag = "sources",
    params(("name" = String, Path, description = "Its name.")), request_body = NewSourceKeys,
    responses((status = 200, description = "They are kept.", body = SecretsTold)))]
pub(super) async fn set_source_keys(
    app: web::Data<App>,
    viewer: Viewer,
    name: web::Path<String>,
    Body(asked): Body<NewSourceKeys>,
) -> Answer {
    let app = app.into_inner();
    let source = known(&app, &name)?;
    let keys = app.source_keys(&source);
    let mut wrong = Vec::new();
    for given in asked.keys.keys() {
        match keys.iter().find(|key| key.name == *given) {
            None => {
                let names = keys.iter().map(|key| key.name.clone()).collect();
                wrong.push((format!("keys.{given}"), no_such("key", names)));
            }
            Some(key) if key.by_hand => {
                let why = "where its value comes from is said in the source's file; change it there";
                wrong.push((format!("keys.{given}"), why.to_owned()));
            }
            Some(_) => {}
        }
    }
    if asked.keys.values().all(|value| value.trim().is_empty()) && wrong.is_empty() {
        wrong.push(("keys".to_owned(), "give at least one key".to_owned()));
    }
    if !wrong.is_empty() {
        return Err(ApiError::wrong_fields(wrong));
    }
    let values: FormValues =
        asked.keys.into_iter().map(|(key, value)| (format!("key.{key}"), value)).collect();
    app.set_source_keys(&name, &values, viewer.actor()).await?;
    app.audit(&viewer.who(), "source.keys", &name, "").await;
    let source = known(&app, &name)?;
    answered(&SecretsTold::of(&app, &source))
}
