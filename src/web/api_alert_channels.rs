//! `/api/v1/alerts/channels`: who is told when something is wrong: looked at, made, changed, tried, removed. What is secret
//! (passwords, addresses to post to, keys) comes in here and never goes out again.

use super::access::Access;
use super::alert_channel::draft_of;
use super::api_body::{Answer, Body, answered, with};
use super::api_error::ApiError;
use super::api_paging::Page;
use super::api_run_acts::Nothing;
use super::viewer::Viewer;
use crate::app::{App, ChannelDraft, ChannelError};
use crate::domain::{ChannelTo, SmtpTls};
use crate::ports::{AlertChannel, Sending};
use crate::told::rfc3339;
use actix_web::http::StatusCode;
use actix_web::{HttpRequest, web};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Who is told.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = AlertChannel)]
pub(super) struct ChannelTold {
    /// Its id: `chn_…`.
    id: String,
    /// What people call it.
    name: String,
    /// `email`, `slack` or `webhook`.
    kind: &'static str,
    /// Whether letters go there.
    enabled: bool,
    /// The mail server; of e-mail only.
    host: Option<String>,
    /// Its port.
    port: Option<u16>,
    /// How it is spoken to: `starttls`, `tls`, `none`.
    tls: Option<&'static str>,
    /// Whom to sign in as there.
    user: Option<String>,
    /// Who writes.
    from: Option<String>,
    /// Who gets it.
    to: Vec<String>,
    /// The host that letters are posted to. The whole address is a secret.
    place: Option<String>,
    /// Whether letters are signed.
    signed: bool,
    /// Whether it may be in a private network.
    allow_private: bool,
    /// What came of the last sending; null: nothing was sent yet.
    last: Option<SendingTold>,
}

/// What came of a sending.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Sending)]
pub(super) struct SendingTold {
    /// When.
    #[schema(format = DateTime)]
    at: String,
    /// Whether it was taken.
    good: bool,
    /// What happened, as a sentence.
    text: String,
}

/// A channel to be made. Which fields it takes depends on its kind.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewChannel {
    /// `email`, `slack` or `webhook`.
    #[schema(example = "webhook")]
    kind: String,
    /// What people call it.
    #[schema(example = "Pager", min_length = 1, max_length = 60)]
    name: String,
    /// Whether letters go there; left out: yes.
    enabled: Option<bool>,
    /// The mail server.
    #[schema(example = "smtp.example.org")]
    host: Option<String>,
    /// Its port; left out: 587.
    port: Option<u16>,
    /// How it is spoken to: `starttls`, `tls`, `none`; left out: `starttls`.
    tls: Option<String>,
    /// Whom to sign in as there; left out: nobody.
    user: Option<String>,
    /// The password, or `secret:NAME` of the vault.
    #[schema(write_only)]
    password: Option<String>,
    /// Who writes.
    from: Option<String>,
    /// Who gets it.
    #[schema(max_items = 20)]
    to: Option<Vec<String>>,
    /// The address that letters are posted to, or `secret:NAME` of the vault.
    #[schema(write_only)]
    address: Option<String>,
    /// Whether letters are signed; left out: where a key is given.
    signed: Option<bool>,
    /// The key: `whsec_…`, or `secret:NAME` of the vault.
    #[schema(write_only)]
    signing: Option<String>,
    /// Whether it may be in a private network; left out: no.
    allow_private: Option<bool>,
}

/// What is to be different. What is left out stays as it is, secrets too.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ChannelChange {
    /// What people call it.
    #[schema(min_length = 1, max_length = 60)]
    name: Option<String>,
    /// Whether letters go there.
    enabled: Option<bool>,
    /// The mail server.
    host: Option<String>,
    /// Its port.
    port: Option<u16>,
    /// How it is spoken to: `starttls`, `tls`, `none`.
    tls: Option<String>,
    /// Whom to sign in as there; empty: nobody.
    user: Option<String>,
    /// The password, or `secret:NAME` of the vault.
    #[schema(write_only)]
    password: Option<String>,
    /// Who writes.
    from: Option<String>,
    /// Who gets it.
    #[schema(max_items = 20)]
    to: Option<Vec<String>>,
    /// The address that letters are posted to, or `secret:NAME` of the vault.
    #[schema(write_only)]
    address: Option<String>,
    /// Whether letters are signed.
    signed: Option<bool>,
    /// The key: `whsec_…`, or `secret:NAME` of the vault.
    #[schema(write_only)]
    signing: Option<String>,
    /// Whether it may be in a private network.
    allow_private: Option<bool>,
}

impl SendingTold {
    fn of(sending: &Sending) -> Self {
        Self { at: rfc3339(sending.at), good: sending.good, text: sending.text.clone() }
    }
}

impl ChannelTold {
    fn of(channel: &AlertChannel) -> Self {
        let told = Self {
            id: channel.id.clone(),
            name: channel.name.clone(),
            kind: channel.to.kind(),
            enabled: channel.enabled,
            host: None,
            port: None,
            tls: None,
            user: None,
            from: None,
            to: Vec::new(),
            place: None,
            signed: false,
            allow_private: false,
            last: channel.last.as_ref().map(SendingTold::of),
        };
        match &channel.to {
            ChannelTo::Email(mail) => Self {
                host: Some(mail.host.clone()),
                port: Some(mail.port),
                tls: Some(mail.tls.as_str()),
                user: mail.user.clone(),
                from: Some(mail.from.clone()),
                to: mail.to.clone(),
                allow_private: mail.allow_private,
                ..told
            },
            ChannelTo::Slack(hook) | ChannelTo::Webhook(hook) => Self {
                place: Some(hook.place.clone()),
                signed: hook.signing.is_some(),
                allow_private: hook.allow_private,
                ..told
            },
        }
    }
}

impl ChannelChange {
    /// A draft with these changes.
    fn over(self, draft: ChannelDraft) -> ChannelDraft {
        ChannelDraft {
            name: self.name.unwrap_or(draft.name),
            enabled: self.enabled.unwrap_or(draft.enabled),
            host: self.host.unwrap_or(draft.host),
            port: self.port.map_or(draft.port, |port| port.to_string()),
            tls: self.tls.unwrap_or(draft.tls),
            user: self.user.unwrap_or(draft.user),
            password: self.password.unwrap_or(draft.password),
            from: self.from.unwrap_or(draft.from),
            to: self.to.map_or(draft.to, |to| to.join(", ")),
            address: self.address.unwrap_or(draft.address),
            signed: self.signed.unwrap_or(draft.signed || self.signing.is_some()),
            signing: self.signing.unwrap_or(draft.signing),
            allow_private: self.allow_private.unwrap_or(draft.allow_private),
            kind: draft.kind,
        }
    }
}

impl NewChannel {
    fn draft(self) -> ChannelDraft {
        let begin = ChannelDraft {
            kind: self.kind,
            enabled: true,
            port: String::from("587"),
            tls: SmtpTls::Starttls.as_str().to_owned(),
            ..ChannelDraft::default()
        };
        let said = ChannelChange {
            name: Some(self.name),
            enabled: self.enabled,
            host: self.host,
            port: self.port,
            tls: self.tls,
            user: self.user,
            password: self.password,
            from: self.from,
            to: self.to,
            address: self.address,
            signed: self.signed,
            signing: self.signing,
            allow_private: self.allow_private,
        };
        said.over(begin)
    }
}

impl From<ChannelError> for ApiError {
    fn from(error: ChannelError) -> Self {
        match error {
            ChannelError::Unknown => Self::not_found("channel"),
            ChannelError::Store(error) => error.into(),
            ChannelError::NotNow(why) => Self::not_now(&why),
            ChannelError::Wrong(found) => {
                Self::wrong_fields(found.into_iter().map(|(field, why)| (field.to_owned(), why)))
            }
        }
    }
}

async fn known(app: &App, id: &str) -> Result<AlertChannel, ApiError> {
    let channels = app.store.alerts().alert_channels().await?;
    channels.into_iter().find(|channel| channel.id == id).ok_or_else(|| ApiError::not_found("channel"))
}

/// Who is told when something is wrong
///
/// There is one page.
#[utoipa::path(get, path = "/api/v1/alerts/channels", tag = "alerts",
    responses((status = 200, description = "The channels, by name.", body = Page<ChannelTold>)))]
pub(super) async fn list_alert_channels(app: web::Data<App>) -> Answer {
    let channels = app.store.alerts().alert_channels().await?;
    answered(&Page { items: channels.iter().map(ChannelTold::of).collect(), next: None })
}

/// One channel
#[utoipa::path(get, path = "/api/v1/alerts/channels/{id}", tag = "alerts",
    params(("id" = String, Path, description = "Its id.")),
    responses((status = 200, description = "The channel.", body = ChannelTold)))]
pub(super) async fn get_alert_channel(app: web::Data<App>, id: web::Path<String>) -> Answer {
    answered(&ChannelTold::of(&known(&app, &id).await?))
}

/// Make a channel
///
/// What can't be taken is told field by field in the details.
#[utoipa::path(post, path = "/api/v1/alerts/channels", tag = "alerts", request_body = NewChannel,
    responses((status = 201, description = "The channel.", body = ChannelTold)))]
pub(super) async fn make_alert_channel(
    app: web::Data<App>,
    viewer: Viewer,
    Body(asked): Body<NewChannel>,
) -> Answer {
    if super::alerts_show::kind_words(&asked.kind).is_none() {
        return Err(ApiError::wrong_value("the kind is email, slack or webhook"));
    }
    let id = app.keep_alert_channel(&viewer.who(), None, &asked.draft()).await?;
    with(StatusCode::CREATED, &ChannelTold::of(&known(&app, &id).await?))
}

/// Change a channel
///
/// What is left out stays as it is.
#[utoipa::path(post, path = "/api/v1/alerts/channels/{id}", tag = "alerts",
    params(("id" = String, Path, description = "Its id.")),
    request_body(content = ChannelChange, description = "May be left out."),
    responses((status = 200, description = "The channel.", body = ChannelTold)))]
pub(super) async fn change_alert_channel(
    app: web::Data<App>,
    viewer: Viewer,
    id: web::Path<String>,
    Body(asked): Body<ChannelChange>,
) -> Answer {
    let draft = asked.over(draft_of(&known(&app, &id).await?));
    app.keep_alert_channel(&viewer.who(), Some(&id), &draft).await?;
    answered(&ChannelTold::of(&known(&app, &id).await?))
}

/// Send a test by a channel
///
/// Waits for what comes of it.
#[utoipa::path(post, path = "/api/v1/alerts/channels/{id}/test", tag = "alerts",
    params(("id" = String, Path, description = "Its id.")),
    request_body(content = Nothing, description = "May be left out."),
    responses((status = 200, description = "What came of it.", body = SendingTold)))]
pub(super) async fn test_alert_channel(
    app: web::Data<App>,
    access: web::Data<Access>,
    viewer: Viewer,
    request: HttpRequest,
    id: web::Path<String>,
    Body(Nothing {}): Body<Nothing>,
) -> Answer {
    let sending = app.test_alert_channel(&viewer.who(), &id, &access.base(&request)).await?;
    answered(&SendingTold::of(&sending))
}

/// Remove a channel
///
/// With what was sealed for it, and with letters that were still to be sent.
#[utoipa::path(post, path = "/api/v1/alerts/channels/{id}/remove", tag = "alerts",
    params(("id" = String, Path, description = "Its id.")),
    request_body(content = Nothing, description = "May be left out."),
    responses((status = 200, description = "The channel as it was.", body = ChannelTold)))]
pub(super) async fn remove_alert_channel(
    app: web::Data<App>,
    viewer: Viewer,
    id: web::Path<String>,
    Body(Nothing {}): Body<Nothing>,
) -> Answer {
    let channel = known(&app, &id).await?;
    app.remove_alert_channel(&viewer.who(), &id).await?;
    answered(&ChannelTold::of(&channel))
}
