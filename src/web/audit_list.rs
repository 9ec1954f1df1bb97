//! `/settings/audit`: what people and programs did, the newest first, paged by the log's own numbers. `words_of` puts each
//! act into words; one that it doesn't know is shown as it is stored.

use super::errors::PageError;
use super::page::{Frame, Place, answer, in_address};
use super::scene::Scene;
use super::times::{Moment, counted};
use crate::app::{App, RefusedSignIn};
use crate::ports::AuditRow;
use actix_web::{HttpResponse, web};
use askama::Template;
use serde::Deserialize;

/// Lines of a page.
const PAGE: i64 = 50;
/// Refused sign-ins that are told.
const REFUSED_MAX: usize = 20;

/// What the address asks for.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct Query {
    before: Option<String>,
}

/// The page.
#[derive(Template)]
#[template(path = "audit_list.html")]
pub struct AuditPage {
    frame: Frame,
    tab: &'static str,
    rows: Vec<Row>,
    refused: Vec<Refused>,
    older_ones: bool,
    older: Option<String>,
}

struct Row {
    at: Moment,
    who: String,
    what: String,
    object: String,
    /// Where the page of the object is.
    way: Option<String>,
    details: String,
}

/// Where the page is of what an act was about. What was taken away has none.
fn way_to(act: &str, object: &str) -> Option<String> {
    let (kind, done) = act.split_once('.')?;
    let place = match (kind, done) {
        (_, "removed" | "renamed") => return None,
        ("run", _) => "runs",
        ("runs", _) => "needs-you/acts",
        ("event", _) => "events",
        ("booking", _) => "bookings",
        ("rule", _) => "rules",
        ("connection", _) => "connections",
        ("source" | "walk", _) => "sources",
        _ => return None,
    };
    (!object.is_empty()).then(|| format!("/{place}/{}", in_address(object)))
}

/// An act in words.
pub(super) fn words_of(act: &str) -> &str {
    match act {
        "signed-in" => "signed in",
        "person.first-admin" => "made the first account",
        "person.added" => "made an account",
        "person.link" => "made a link for a password",
        "person.role" => "changed a role",
        "person.disabled" => "let somebody sign in no more",
        "person.enabled" => "let somebody sign in again",
        "person.second-factor-removed" => "removed somebody's second factor",
        "person.password" => "set somebody's password",
        "account.profile" => "changed their details",
        "account.password" => "changed their password",
        "account.password-by-link" => "chose a password by a link",
        "account.recovery-code" => "used a recovery code",
        "account.second-factor-on" => "turned their second factor on",
        "account.second-factor-off" => "turned their second factor off",
        "account.session-ended" => "ended a session of theirs",
        "token.made" => "made an API token",
        "token.revoked" => "revoked an API token",
        "alerts.options" => "changed when alerts are sent",
        "alerts.channel-made" => "made a channel for alerts",
        "alerts.channel-changed" => "changed a channel for alerts",
        "alerts.channel-removed" => "removed a channel for alerts",
        "alerts.tested" => "sent a test alert",
        "guest.exported" => "exported what is known of a guest",
        "guest.erased" => "erased a guest",
        "retention.changed" => "changed how long things are kept",
        "masking.changed" => "changed whether viewers see guests masked:",
        "backup.downloaded" => "downloaded a backup",
        "signed-out" => "signed out",
        "run.retried" => "tried a run again",
        "run.cancelled" => "cancelled a run",
        "run.held" => "held a run",
        "run.done-by-hand" => "marked a step as done by hand",
        "event.replayed" => "planned a webhook once more",
        "booking.fetched" => "had a booking fetched again",
        "source.subscriptions" => "brought the subscriptions of a source in line",
        "source.keys" => "set the keys for a booking system",
        "rule.published" => "published a rule",
        "rule.applied" => "applied a rule to existing bookings",
        "rule.test-made" => "made a booking a test",
        "runs.asked" => "acted on many runs",
        "connection.paused" => "paused a connection",
        "connection.resumed" => "resumed a connection",
        "connection.made" => "made a connection",
        "connection.changed" => "changed a connection",
        "connection.tested" => "tested a connection",
        "connection.secret" => "gave a connection another key",
        "connection.removed" => "took a connection away",
        "source.made" => "made a source",
        "source.changed" => "changed a source",
        "source.walked" => "began to walk through what a booking system has",
        "source.repaired" => "began to bring in what a reconcile found",
        "walk.paused" => "paused a walk",
        "walk.resumed" => "let a walk go on",
        "walk.stopped" => "stopped a walk",
        "source.looked-over" => "looked a source over",
        "source.filled" => "fetched what a source may not have sent",
        "source.address" => "changed the address of a source",
        "source.sign-in" => "set a secret that a source's webhooks sign in with",
        "source.old-address" => "ended the old address of a source",
        "source.removed" => "took a source away",
        other => other,
    }
}

/// `GET /settings/audit`.
pub(super) async fn audit_list(
    app: web::Data<App>,
    query: web::Query<Query>,
) -> Result<HttpResponse, PageError> {
    let before = query.before.as_deref().and_then(|before| before.parse::<i64>().ok());
    let scene = Scene::read(&app).await?;
    let mut lines = app.store.people().audit(before, PAGE + 1).await?;
    let more = lines.len() as i64 > PAGE;
    lines.truncate(PAGE as usize);
    let refused = if before.is_none() { app.refused_sign_ins(REFUSED_MAX) } else { Vec::new() };
    answer(&AuditPage::of(&scene, &lines, &refused, before.is_some(), more))
}

/// Sign-ins that were refused.
struct Refused {
    account: String,
    address: String,
    times: String,
    last: Moment,
}

impl Refused {
    fn of(one: &RefusedSignIn, scene: &Scene) -> Self {
        Self {
            account: one.account.clone().unwrap_or_else(|| "an account that is not there".to_owned()),
            address: one.address.clone(),
            times: counted(one.times, "time"),
            last: Moment::of(one.last_at, scene.now),
        }
    }
}

impl AuditPage {
    fn of(
        scene: &Scene,
        lines: &[AuditRow],
        refused: &[RefusedSignIn],
        older_ones: bool,
        more: bool,
    ) -> Self {
        let row = |line: &AuditRow| Row {
            at: Moment::of(line.at, scene.now),
            who: if line.who_name.is_empty() { "nobody".into() } else { line.who_name.clone() },
            what: words_of(&line.act).to_owned(),
            object: line.object.clone(),
            way: way_to(&line.act, &line.object),
            details: line.details.clone(),
        };
        let last = lines.last().filter(|_| more);
        Self {
            frame: Frame::new(Place::Nowhere, scene, None),
            tab: "audit",
            rows: lines.iter().map(row).collect(),
            refused: refused.iter().map(|one| Refused::of(one, scene)).collect(),
            older_ones,
            older: last.map(|line| format!("/settings/audit?before={}", line.seq)),
        }
    }
}

#[cfg(test)]
impl AuditPage {
    pub(super) fn samples() -> Vec<Self> {
        use super::samples::{HOSTILE, NOW, scene};
        let line = |act: &str, text: &str| AuditRow {
            seq: 7,
            at: NOW,
            who: "per_1".into(),
            who_name: text.to_owned(),
            act: act.to_owned(),
            object: text.to_owned(),
            details: text.to_owned(),
        };
        let lines = [line("run.retried", "Siobhán"), line(HOSTILE, HOSTILE), line("signed-in", "")];
        let refused = |account: Option<&str>, times| RefusedSignIn {
            account: account.map(str::to_owned),
            address: HOSTILE.to_owned(),
            times,
            first_at: NOW - 60_000,
            last_at: NOW,
        };
        let refused = [refused(Some(HOSTILE), 1), refused(None, 7)];
        vec![
            Self::of(&scene(), &[], &[], true, false),
            Self::of(&scene(), &lines, &refused, false, true),
            Self::of(&scene(), &lines, &[], false, false),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::way_to;

    #[test]
    fn an_act_leads_to_what_it_was_about() {
        assert_eq!(way_to("run.retried", "run_1").as_deref(), Some("/runs/run_1"));
        assert_eq!(way_to("runs.asked", "blk_1").as_deref(), Some("/needs-you/acts/blk_1"));
        assert_eq!(way_to("source.keys", "a/../b").as_deref(), Some("/sources/a%2F..%2Fb"));
        for (act, object) in
            [("rule.removed", "guests"), ("signed-in", "x"), ("person.role", "Mary"), ("run.held", "")]
        {
            assert_eq!(way_to(act, object), None, "{act}");
        }
    }
}
