//! `/settings/alerts/new/{kind}` and `/settings/alerts/{id}`: the form of one channel, the button that sends a test, and the
//! one that removes it. What is secret comes in by the form and never goes out again.

use super::access::Access;
use super::alerts_show::kind_words;
use super::errors::PageError;
use super::form_errors::FormErrors;
use super::page::{Frame, Place, go_to, in_address};
use super::scene::Scene;
use super::viewer::Viewer;
use crate::app::{App, ChannelDraft, ChannelError};
use crate::domain::{ChannelTo, SmtpTls};
use crate::ports::AlertChannel;
use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use askama::Template;
use serde::Deserialize;

/// What the form sends: a box that is not ticked is not there, and each kind has fields of its own.
#[derive(Default, Deserialize)]
#[serde(default)]
pub struct Form {
    name: String,
    enabled: Option<String>,
    host: String,
    port: String,
    tls: String,
    user: String,
    password: String,
    from: String,
    to: String,
    address: String,
    signing: String,
    signed: Option<String>,
    allow_private: Option<String>,
}

/// The page.
#[derive(Template)]
#[template(path = "alert_channel.html")]
pub struct ChannelPage {
    frame: Frame,
    errors: FormErrors,
    tab: &'static str,
    title: String,
    action: String,
    id: Option<String>,
    draft: ChannelDraft,
    place: String,
    last: Option<(bool, String)>,
    choices: Vec<(&'static str, &'static str)>,
    secret_hint: &'static str,
}

/// Whose form it is.
enum Whose<'a> {
    New(&'a str),
    Known(&'a AlertChannel),
}

/// `GET /settings/alerts/new/{kind}`.
pub(super) async fn new_show(
    app: web::Data<App>,
    kind: web::Path<String>,
) -> Result<HttpResponse, PageError> {
    let draft = ChannelDraft {
        kind: kind.clone(),
        enabled: true,
        port: String::from("587"),
        tls: SmtpTls::Starttls.as_str().to_owned(),
        ..ChannelDraft::default()
    };
    page(&app, &Whose::New(&kind), draft, FormErrors::none()).await
}

/// `POST /settings/alerts/new/{kind}`.
pub(super) async fn new(
    app: web::Data<App>,
    viewer: Viewer,
    kind: web::Path<String>,
    form: web::Form<Form>,
) -> Result<HttpResponse, PageError> {
    let draft = form.into_inner().draft(&kind);
    match app.keep_alert_channel(&viewer.who(), None, &draft).await {
        Ok(_) => Ok(go_to("/settings/alerts?said=channel")),
        Err(error) => {
            let errors = errors_of(error)?;
            page(&app, &Whose::New(&kind), draft, errors).await
        }
    }
}

/// `GET /settings/alerts/{id}`.
pub(super) async fn channel_show(
    app: web::Data<App>,
    id: web::Path<String>,
) -> Result<HttpResponse, PageError> {
    let channel = known(&app, &id).await?;
    page(&app, &Whose::Known(&channel), draft_of(&channel), FormErrors::none()).await
}

/// `POST /settings/alerts/{id}`.
pub(super) async fn change(
    app: web::Data<App>,
    viewer: Viewer,
    id: web::Path<String>,
    form: web::Form<Form>,
) -> Result<HttpResponse, PageError> {
    let channel = known(&app, &id).await?;
    let draft = form.into_inner().draft(channel.to.kind());
    match app.keep_alert_channel(&viewer.who(), Some(&id), &draft).await {
        Ok(_) => Ok(go_to("/settings/alerts?said=channel")),
        Err(error) => {
            let errors = errors_of(error)?;
            page(&app, &Whose::Known(&channel), draft, errors).await
        }
    }
}

/// `POST /settings/alerts/{id}/test`.
pub(super) async fn test(
    app: web::Data<App>,
    access: web::Data<Access>,
    viewer: Viewer,
    id: web::Path<String>,
    request: HttpRequest,
) -> Result<HttpResponse, PageError> {
    let sending = app.test_alert_channel(&viewer.who(), &id, &access.base(&request)).await?;
    let said = if sending.good { "test-sent" } else { "test-failed" };
    Ok(go_to(&format!("/settings/alerts?said={said}")))
}

/// `POST /settings/alerts/{id}/remove`.
pub(super) async fn remove(
    app: web::Data<App>,
    viewer: Viewer,
    id: web::Path<String>,
) -> Result<HttpResponse, PageError> {
    app.remove_alert_channel(&viewer.who(), &id).await?;
    Ok(go_to("/settings/alerts?said=channel-removed"))
}

async fn known(app: &App, id: &str) -> Result<AlertChannel, PageError> {
    let channels = app.store.alerts().alert_channels().await?;
    channels.into_iter().find(|channel| channel.id == id).ok_or_else(|| PageError::unknown("channel"))
}

async fn page(
    app: &App,
    whose: &Whose<'_>,
    draft: ChannelDraft,
    errors: FormErrors,
) -> Result<HttpResponse, PageError> {
    let scene = Scene::read(app).await?;
    let page = ChannelPage::of(&scene, whose, draft, errors)?;
    page.errors.answer(&page)
}

/// Mistakes in the form stand at their fields; all else is a page of its own.
fn errors_of(error: ChannelError) -> Result<FormErrors, PageError> {
    match error {
        ChannelError::Wrong(found) => Ok(FormErrors::all_of(found)),
        other => Err(other.into()),
    }
}

impl From<ChannelError> for PageError {
    fn from(error: ChannelError) -> Self {
        match error {
            ChannelError::Unknown => Self::unknown("channel"),
            ChannelError::Store(error) => error.into(),
            ChannelError::NotNow(why) => Self::new(StatusCode::CONFLICT, "That can't be done now", why),
            ChannelError::Wrong(_) => Self::unreadable_form("a field is not right"),
        }
    }
}

impl Form {
    fn draft(self, kind: &str) -> ChannelDraft {
        ChannelDraft {
            kind: kind.to_owned(),
            name: self.name,
            enabled: self.enabled.is_some(),
            host: self.host,
            port: self.port,
            tls: self.tls,
            user: self.user,
            password: self.password,
            from: self.from,
            to: self.to,
            address: self.address,
            signing: self.signing,
            signed: self.signed.is_some(),
            allow_private: self.allow_private.is_some(),
        }
    }
}

/// A channel as its form shows it: without its secrets.
pub(super) fn draft_of(channel: &AlertChannel) -> ChannelDraft {
    let draft = ChannelDraft {
        kind: channel.to.kind().to_owned(),
        name: channel.name.clone(),
        enabled: channel.enabled,
        ..ChannelDraft::default()
    };
    match &channel.to {
        ChannelTo::Email(mail) => ChannelDraft {
            host: mail.host.clone(),
            port: mail.port.to_string(),
            tls: mail.tls.as_str().to_owned(),
            user: mail.user.clone().unwrap_or_default(),
            from: mail.from.clone(),
            to: mail.to.join(", "),
            allow_private: mail.allow_private,
            ..draft
        },
        ChannelTo::Slack(hook) | ChannelTo::Webhook(hook) => {
            ChannelDraft { signed: hook.signing.is_some(), allow_private: hook.allow_private, ..draft }
        }
    }
}

impl ChannelPage {
    fn of(
        scene: &Scene,
        whose: &Whose<'_>,
        draft: ChannelDraft,
        errors: FormErrors,
    ) -> Result<Self, PageError> {
        let kind = kind_words(&draft.kind).ok_or_else(|| PageError::unknown("kind of channel"))?;
        let (title, action, id) = match whose {
            Whose::New(kind_of) => (
                format!("A new channel: {kind}"),
                format!("/settings/alerts/new/{}", in_address(kind_of)),
                None,
            ),
            Whose::Known(channel) => {
                let id = in_address(&channel.id);
                (channel.name.clone(), format!("/settings/alerts/{id}"), Some(id))
            }
        };
        let (place, last) = match whose {
            Whose::New(_) => (String::new(), None),
            Whose::Known(channel) => {
                let place = match &channel.to {
                    ChannelTo::Email(_) => String::new(),
                    ChannelTo::Slack(hook) | ChannelTo::Webhook(hook) => hook.place.clone(),
                };
                (place, channel.last.as_ref().map(|last| (last.good, last.text.clone())))
            }
        };
        Ok(Self {
            frame: Frame::new(Place::Nowhere, scene, None),
            errors,
            tab: "alerts",
            title,
            action,
            secret_hint: secret_hint(&draft.kind, id.is_some()),
            id,
            draft,
            place,
            last,
            choices: SmtpTls::ALL.into_iter().map(|tls| (tls.as_str(), tls_words(tls))).collect(),
        })
    }
}

fn tls_words(tls: SmtpTls) -> &'static str {
    match tls {
        SmtpTls::Starttls => "STARTTLS (most often, port 587)",
        SmtpTls::Tls => "TLS from the start (port 465)",
        SmtpTls::None => "none (only in your own network, without a password)",
    }
}

fn secret_hint(kind: &str, known: bool) -> &'static str {
    match (kind, known) {
        ("email", false) => {
            "It is kept sealed and never shown. Or say secret:NAME for one that the vault has."
        }
        ("slack", false) => {
            "In Slack: Apps, Incoming Webhooks, Add to Slack. The address is kept sealed and never shown."
        }
        (_, true) => "Left empty, the one that is kept stays. Or say secret:NAME for one that the vault has.",
        (_, false) => {
            "It begins with https:// and is kept sealed: whoever has it can post there. Or say secret:NAME for one that the vault has."
        }
    }
}

#[cfg(test)]
impl ChannelPage {
    pub(super) fn samples() -> Vec<Self> {
        use super::samples::{HOSTILE, NOW, scene};
        use crate::domain::HookTo;
        use crate::ports::Sending;
        let channel = AlertChannel {
            id: "chn_1".into(),
            name: HOSTILE.into(),
            enabled: false,
            to: ChannelTo::Webhook(HookTo {
                address: "alerts.chn_1.address".into(),
                place: HOSTILE.into(),
                signing: Some("alerts.chn_1.signing".into()),
                allow_private: true,
            }),
            created_at: NOW,
            last: Some(Sending { at: NOW, good: false, text: HOSTILE.into() }),
        };
        let draft = |kind: &str| ChannelDraft {
            kind: kind.into(),
            name: HOSTILE.into(),
            to: HOSTILE.into(),
            user: HOSTILE.into(),
            password: "never shown".into(),
            address: "never shown".into(),
            signing: "never shown".into(),
            ..ChannelDraft::default()
        };
        let wrong = || FormErrors::all_of(vec![("tls", HOSTILE.into()), ("name", "say a name".into())]);
        let page = |whose: &Whose<'_>, draft, errors| Self::of(&scene(), whose, draft, errors).ok();
        let pages = [
            page(&Whose::New("email"), draft("email"), wrong()),
            page(&Whose::New("slack"), draft("slack"), FormErrors::none()),
            page(&Whose::Known(&channel), draft_of(&channel), FormErrors::none()),
        ];
        pages.into_iter().flatten().collect()
    }
}
