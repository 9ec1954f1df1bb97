//! `GET /api/v1/audit`: what people and programs did, newest first.

use super::api_body::{Answer, Params, answered};
use super::api_paging::{Page, cursor, limit, number};
use super::audit_list::words_of;
use crate::app::App;
use crate::ports::AuditRow;
use crate::told::rfc3339;
use actix_web::web;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

const LIST: &str = "audit";
/// Refused sign-ins that are told.
const REFUSED_MAX: usize = 200;

/// Which lines.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct AuditAsked {
    /// Behind the last one of the page before: what that gave as `next`.
    #[param(min_length = 1, max_length = 200)]
    after: Option<String>,
    /// At most so many: 1 to 200, else 50.
    #[param(minimum = 1, maximum = 200)]
    limit: Option<i64>,
}

/// A line of the audit log.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = AuditLine)]
pub(super) struct LineTold {
    /// Its place in the log.
    id: i64,
    /// When.
    #[schema(format = DateTime)]
    at: String,
    /// Id of the person or token, or what a face is called; empty where nobody was signed in.
    who: String,
    /// What they were called.
    name: String,
    /// What was done.
    #[schema(example = "run.retried")]
    act: String,
    /// The same in words.
    #[schema(example = "tried a run again")]
    told: String,
    /// To what.
    object: String,
    /// A few words more.
    details: String,
}

impl LineTold {
    fn of(line: &AuditRow) -> Self {
        Self {
            id: line.seq,
            at: rfc3339(line.at),
            who: line.who.clone(),
            name: line.who_name.clone(),
            told: words_of(&line.act).to_owned(),
            act: line.act.clone(),
            object: line.object.clone(),
            details: line.details.clone(),
        }
    }
}

/// Sign-ins that were refused, for one account and from one address.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = RefusedSignIn)]
pub(super) struct RefusedTold {
    /// The account's e-mail address; null: there is no such account.
    account: Option<String>,
    /// Address of the network.
    address: String,
    /// How often.
    times: i64,
    /// When first.
    #[schema(format = DateTime)]
    first_at: String,
    /// When last.
    #[schema(format = DateTime)]
    last_at: String,
}

/// Sign-ins that were refused lately
///
/// Of the last week, as far as Waypost has run since; the last first. There is one page.
#[utoipa::path(get, path = "/api/v1/sign-ins/refused", tag = "people",
    responses((status = 200, description = "The refused sign-ins.", body = Page<RefusedTold>)))]
pub(super) async fn list_refused_sign_ins(app: web::Data<App>) -> Answer {
    let told = |one: crate::app::RefusedSignIn| RefusedTold {
        account: one.account,
        address: one.address,
        times: one.times,
        first_at: rfc3339(one.first_at),
        last_at: rfc3339(one.last_at),
    };
    let items = app.refused_sign_ins(REFUSED_MAX).into_iter().map(told).collect();
    answered(&Page { items, next: None })
}

/// What people and programs did, newest first
#[utoipa::path(get, path = "/api/v1/audit", tag = "people", params(AuditAsked),
    responses((status = 200, description = "A page of the log.", body = Page<LineTold>)))]
pub(super) async fn list_audit(app: web::Data<App>, Params(asked): Params<AuditAsked>) -> Answer {
    let limit = limit(asked.limit)?;
    let before = number(LIST, asked.after.as_deref())?;
    let lines = app.store.people().audit(before, limit).await?;
    let last = lines.last().filter(|_| lines.len() as i64 >= limit);
    let next = last.map(|line| cursor(LIST, &line.seq.to_string()));
    answered(&Page { items: lines.iter().map(LineTold::of).collect(), next })
}
