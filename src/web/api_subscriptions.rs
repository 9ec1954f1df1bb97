//! `/api/v1/sources/{name}/subscriptions`: what a booking system sends to a source and what it should send; and bringing it in
//! line. Addresses and their secrets are not told.

use super::api_body::{Answer, Body, answered};
use super::api_error::ApiError;
use super::viewer::Viewer;
use crate::app::{App, AskError, Subscribing, SubscriptionTold, SubscriptionsSeen};
use crate::told::rfc3339;
use actix_web::web;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What a booking system sends to a source.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Subscriptions)]
pub(super) struct SubscriptionsTold {
    /// The source.
    #[schema(example = "inn")]
    source: String,
    /// True where they are kept in line without being asked (`subscribe: auto`).
    auto: bool,
    /// Whether what is there is what is needed; null: nobody has looked yet, or it could not be told.
    matches: Option<bool>,
    /// What is in the way, as a sentence.
    trouble: Option<String>,
    /// What is to be done, in order, and what stays.
    acts: Vec<SubscriptionActTold>,
    /// What was carried out by this call, in order.
    done: Vec<SubscriptionActTold>,
    /// Subscriptions to other addresses, which are left alone.
    others: usize,
    /// When that was seen.
    #[schema(format = DateTime)]
    seen_at: Option<String>,
}

/// One thing to do with a subscription.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = SubscriptionAct)]
pub(super) struct SubscriptionActTold {
    /// `create`, `update`, `delete`, or `leave`: it stays as it is.
    #[schema(example = "create")]
    act: String,
    /// The subscription's id in the booking system; null: it is not there yet.
    id: Option<String>,
    /// The same as a sentence.
    #[schema(example = "Subscribe to booking/* and reservation/*, of all properties.")]
    told: String,
    /// Types of event that it sends then.
    events: Vec<String>,
    /// The properties that it is for; none: all.
    properties: Vec<String>,
}

/// What to do.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct KeepSubscriptions {
    /// True: bring them in line. Else it is only looked at what there is to do.
    #[serde(default)]
    apply: bool,
}

impl From<SubscriptionTold> for SubscriptionActTold {
    fn from(told: SubscriptionTold) -> Self {
        let SubscriptionTold { act, id, told, events, properties } = told;
        Self { act, id, told, events, properties }
    }
}

impl SubscriptionsTold {
    fn of(
        (source, auto): (&str, bool),
        seen: Option<SubscriptionsSeen>,
        done: Vec<SubscriptionTold>,
    ) -> Self {
        let told = |acts: Vec<SubscriptionTold>| acts.into_iter().map(Into::into).collect();
        Self {
            source: source.to_owned(),
            auto,
            matches: seen.as_ref().filter(|seen| seen.trouble.is_none()).map(SubscriptionsSeen::matches),
            trouble: seen.as_ref().and_then(|seen| seen.trouble.clone()),
            others: seen.as_ref().map_or(0, |seen| seen.others),
            seen_at: seen.as_ref().map(|seen| rfc3339(seen.at)),
            acts: told(seen.map(|seen| seen.acts).unwrap_or_default()),
            done: told(done),
        }
    }
}

/// What a booking system sends to a source
///
/// As it was seen last; the booking system is not asked. 409 where it lets programs make no subscriptions. A source that was
/// taken away while something is still sent to it is told of too.
#[utoipa::path(get, path = "/api/v1/sources/{name}/subscriptions", tag = "sources",
    params(("name" = String, Path, description = "Its name.", example = "inn")),
    responses((status = 200, description = "What is there and what is to be done.", body = SubscriptionsTold)))]
pub(super) async fn get_subscriptions(app: web::Data<App>, name: web::Path<String>) -> Answer {
    let active = app.active().ok_or_else(|| ApiError::not_found("source"))?;
    let Some(source) = active.sources.get(name.as_str()) else {
        let seen = app.subscriptions_of_removed(&name).await?.ok_or_else(|| ApiError::not_found("source"))?;
        let auto = seen.by.as_ref().is_some_and(|by| by.by_itself);
        return answered(&SubscriptionsTold::of((&name, auto), Some(seen), Vec::new()));
    };
    let told = app.subscriptions(source).await?.ok_or_else(|| {
        let title = &source.connector.title;
        AskError::NotNow(format!("the subscriptions of {title} can't be made from here"))
    })?;
    answered(&SubscriptionsTold::of((&name, told.by_itself), told.seen, Vec::new()))
}

/// Look at them, or bring them in line
///
/// The booking system is asked now. With `apply` what is missing is made, what is not right is changed, and what is spare
/// is taken away, of those that lead to this source; then it is looked at again. Where a call fails, `trouble` says why. Of a
/// source that was taken away all are ended. 409 where somebody else does so at the same moment.
#[utoipa::path(post, path = "/api/v1/sources/{name}/subscriptions", tag = "sources",
    params(("name" = String, Path, description = "Its name.", example = "inn")),
    request_body(content = KeepSubscriptions, description = "May be left out: then it is only looked."),
    responses((status = 200, description = "What was done and what is there.", body = SubscriptionsTold)))]
pub(super) async fn keep_subscriptions(
    app: web::Data<App>,
    viewer: Viewer,
    name: web::Path<String>,
    Body(asked): Body<KeepSubscriptions>,
) -> Answer {
    let active = app.active().ok_or_else(|| ApiError::not_found("source"))?;
    let auto = active.sources.get(name.as_str()).is_some_and(|source| source.subscribe.by_itself);
    let what = if asked.apply { Subscribing::BringInLine } else { Subscribing::Look };
    let done = app.subscribe(&active, &name, what).await?;
    if !done.done.is_empty() {
        let told: Vec<&str> = done.done.iter().map(|act| act.told.as_str()).collect();
        app.audit(&viewer.who(), "source.subscriptions", &name, &told.join(" ")).await;
    }
    answered(&SubscriptionsTold::of((&name, auto), Some(done.seen), done.done))
}
