//! `GET /api/v1/health`: is all well? The sentences of the first page, and the figures that they come from.

use super::api_body::{Answer, Params, answered, word};
use super::scene::Scene;
use super::today::{begin, certificate, outlook, rates};
use super::words::Tone;
use crate::app::App;
use crate::domain::{RunState, Standing};
use crate::told::rfc3339;
use actix_web::web;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use utoipa::{IntoParams, ToSchema};

const HOUR: i64 = 3_600_000;

/// Of how long.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct HealthAsked {
    /// `day`: the last 24 hours. `month`: the last 30 days.
    #[param(inline, value_type = Option<HealthOf>)]
    of: Option<String>,
}

/// Of how long.
#[derive(ToSchema)]
#[schema(rename_all = "lowercase")]
#[expect(dead_code, reason = "it stands in the document alone")]
pub(super) enum HealthOf {
    /// The last 24 hours.
    Day,
    /// The last 30 days.
    Month,
}

/// Is all well?
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Health {
    /// Nothing needs anybody.
    well: bool,
    /// The same in words, the worst first.
    sentences: Vec<HealthSentence>,
    /// Now.
    #[schema(format = DateTime)]
    at: String,
    /// How the bookings stand that came in or changed since.
    bookings: HealthBookings,
    /// All runs, by their state.
    #[schema(value_type = Object, example = json!({ "done": 120, "skipped": 23 }))]
    runs: BTreeMap<&'static str, i64>,
    /// Webhooks that are stored and not applied yet, counted up to 10000.
    unread: i64,
    /// The hash of the ruleset at work.
    ruleset: Option<String>,
    /// Version of Waypost.
    version: &'static str,
}

/// A sentence about how things are.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct HealthSentence {
    /// `bad`: needs somebody. `waiting`: goes on by itself. `good`.
    #[schema(example = "good")]
    tone: &'static str,
    /// The sentence.
    text: String,
}

/// How bookings stand. The figures add up.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct HealthBookings {
    /// Since when.
    #[schema(format = DateTime)]
    since: String,
    /// All of them.
    total: i64,
    /// All that was to be sent is sent.
    sent: i64,
    /// Nothing was to be sent.
    nothing: i64,
    /// Something is on its way.
    waiting: i64,
    /// Something needs somebody.
    needs_you: i64,
}

/// Is all well?
///
/// The sentences of the first page, and how the bookings of the last day or month stand: sent, nothing to send, waiting,
/// needs you; these add up.
#[utoipa::path(get, path = "/api/v1/health", tag = "health", params(HealthAsked),
    responses((status = 200, description = "How things are.", body = Health)))]
pub(super) async fn get_health(app: web::Data<App>, Params(asked): Params<HealthAsked>) -> Answer {
    let month = word("of", asked.of, &["day", "month"])?.as_deref() == Some("month");
    let scene = Scene::read(&app).await?;
    let from = begin(month, scene.now);
    let hours = app.store.booking_hours(from / HOUR).await?;
    let rates = rates(&app, &scene).await?;
    let certificate = certificate(&app, &rates, scene.now);
    let (outlook, lately) = outlook(&scene, from, &hours, (&rates, certificate));
    let count = |standing| lately.standings.count(standing);
    let of_state = |state: RunState| (state.as_str(), scene.runs(&[state.as_str()], None));
    let told = outlook.sentences.into_iter();
    let sentences: Vec<HealthSentence> =
        told.map(|told| HealthSentence { tone: told.tone.class(), text: told.text }).collect();
    answered(&Health {
        well: sentences.iter().all(|told| told.tone != Tone::Bad.class()),
        sentences,
        at: rfc3339(scene.now),
        bookings: HealthBookings {
            since: rfc3339(from),
            total: lately.standings.total(),
            sent: count(Standing::Sent),
            nothing: count(Standing::Nothing),
            waiting: count(Standing::Waiting),
            needs_you: count(Standing::NeedsYou),
        },
        runs: RunState::ALL.into_iter().map(of_state).collect(),
        unread: scene.counts.unapplied,
        ruleset: app.active().map(|active| active.hash.clone()),
        version: env!("CARGO_PKG_VERSION"),
    })
}
