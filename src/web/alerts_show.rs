//! `/settings/alerts`: who is told when something is wrong, what came of the last sending, when alerts are sent, and what was
//! told. One channel's form is in `alert_channel`.

use super::errors::PageError;
use super::form_errors::FormErrors;
use super::page::{Frame, Place, go_to, in_address};
use super::scene::Scene;
use super::times::{Moment, counted};
use super::viewer::Viewer;
use super::words::{Mark, Tone};
use super::zone;
use crate::app::App;
use crate::domain::{AlertOptions, ChannelTo};
use crate::ports::{AlertChannel, Outage};
use actix_web::{HttpResponse, web};
use askama::Template;
use jiff::tz::TimeZone;
use serde::Deserialize;

/// Outages that are shown.
const OUTAGES_MAX: i64 = 20;
/// Characters of a zone's name; the longest there is has 32.
const ZONE_CHARS_MAX: usize = 64;

/// What the address asks for.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct Query {
    said: Option<String>,
}

/// When alerts are sent.
#[derive(Default, Deserialize)]
pub struct Form {
    delay: String,
    remind: String,
    zone: String,
}

/// The page.
#[derive(Template)]
#[template(path = "alerts_show.html")]
pub struct AlertsPage {
    frame: Frame,
    errors: FormErrors,
    tab: &'static str,
    first: String,
    rows: Vec<Row>,
    options: AlertOptions,
    delays: Vec<(i64, String)>,
    reminders: Vec<(i64, String)>,
    outages: Vec<Told>,
}

struct Row {
    id: String,
    name: String,
    kind: &'static str,
    place: String,
    mark: Mark,
    last: Option<(Moment, String)>,
}

struct Told {
    headline: String,
    since: Moment,
    until: Option<Moment>,
    mark: Mark,
}

/// `GET /settings/alerts`.
pub(super) async fn alerts_show(
    app: web::Data<App>,
    query: web::Query<Query>,
) -> Result<HttpResponse, PageError> {
    page(&app, query.said.as_deref(), None, FormErrors::none()).await
}

/// `POST /settings/alerts`.
pub(super) async fn options(
    app: web::Data<App>,
    viewer: Viewer,
    form: web::Form<Form>,
) -> Result<HttpResponse, PageError> {
    let of = |text: &str, known: &[i64]| {
        let number = text.parse().ok().filter(|number| known.contains(number));
        number.ok_or_else(|| PageError::unreadable_form("no such time"))
    };
    let options = AlertOptions {
        delay_minutes: of(&form.delay, &AlertOptions::DELAYS)?,
        remind_hours: of(&form.remind, &AlertOptions::REMINDERS)?,
        zone: form.zone.trim().to_owned(),
    };
    if !is_zone(&options.zone) {
        let errors =
            FormErrors::at("zone", "there is no such time zone; they are called as in Europe/Dublin");
        return page(&app, None, Some(options), errors).await;
    }
    app.set_alert_options(&viewer.who(), &options).await?;
    Ok(go_to("/settings/alerts?said=alerts"))
}

/// Whether there is a time zone of this name.
pub(super) fn is_zone(name: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '/' | '_' | '-' | '+');
    !name.is_empty() && name.len() <= ZONE_CHARS_MAX && name.chars().all(plain) && TimeZone::get(name).is_ok()
}

async fn page(
    app: &App,
    said: Option<&str>,
    options: Option<AlertOptions>,
    errors: FormErrors,
) -> Result<HttpResponse, PageError> {
    let scene = Scene::read(app).await?;
    let channels = app.store.alerts().alert_channels().await?;
    let outages = app.store.alerts().told_outages(OUTAGES_MAX).await?;
    let options = match options {
        Some(options) => options,
        None => app
            .alert_options()
            .await?
            .unwrap_or_else(|| AlertOptions { zone: zone::name(), ..AlertOptions::default() }),
    };
    let page = AlertsPage::of(&scene, said, &channels, &outages, options, errors);
    page.errors.answer(&page)
}

/// What a kind is called.
pub(super) fn kind_words(kind: &str) -> Option<&'static str> {
    Some(match kind {
        "email" => "E-mail",
        "slack" => "Slack",
        "webhook" => "Webhook",
        _ => return None,
    })
}

/// Where a channel's letters go, without secrets.
fn place(to: &ChannelTo) -> String {
    match to {
        ChannelTo::Email(mail) => mail.to.join(", "),
        ChannelTo::Webhook(hook) if hook.signing.is_some() => format!("{}, signed", hook.place),
        ChannelTo::Slack(hook) | ChannelTo::Webhook(hook) => hook.place.clone(),
    }
}

/// Whether anybody would know.
fn first(channels: &[AlertChannel]) -> String {
    let on: Vec<&AlertChannel> = channels.iter().filter(|channel| channel.enabled).collect();
    let failing = on.iter().filter(|channel| channel.last.as_ref().is_some_and(|last| !last.good)).count();
    match (on.as_slice(), failing) {
        ([], _) => String::from("Nobody is told when something is wrong. Add a channel."),
        ([only], 0) => format!("When something is wrong, {} is told.", only.name),
        (many, 0) => format!("When something is wrong, {} are told.", counted(many.len() as i64, "channel")),
        ([only], _) => format!("{} could not be reached the last time. Its line says why.", only.name),
        (many, failing) => format!(
            "{failing} of {} could not be reached the last time. Their lines say why.",
            counted(many.len() as i64, "channel")
        ),
    }
}

impl AlertsPage {
    fn of(
        scene: &Scene,
        said: Option<&str>,
        channels: &[AlertChannel],
        outages: &[Outage],
        options: AlertOptions,
        errors: FormErrors,
    ) -> Self {
        let delays = AlertOptions::DELAYS.into_iter().map(|minutes| {
            let words = match minutes {
                0 => String::from("at once"),
                minutes => format!("after {}", counted(minutes, "minute")),
            };
            (minutes, words)
        });
        let reminders = AlertOptions::REMINDERS.into_iter().map(|hours| {
            let words = match hours {
                0 => String::from("nothing more is sent"),
                hours => format!("a reminder is sent every {}", counted(hours, "hour")),
            };
            (hours, words)
        });
        Self {
            frame: Frame::new(Place::Nowhere, scene, said),
            errors,
            tab: "alerts",
            first: first(channels),
            rows: channels.iter().map(|channel| Row::of(channel, scene)).collect(),
            options,
            delays: delays.collect(),
            reminders: reminders.collect(),
            outages: outages.iter().map(|outage| Told::of(outage, scene)).collect(),
        }
    }
}

impl Row {
    fn of(channel: &AlertChannel, scene: &Scene) -> Self {
        let mark = match (&channel.last, channel.enabled) {
            (_, false) => Mark::new(Tone::Quiet, "off"),
            (Some(last), true) if !last.good => Mark::new(Tone::Bad, "not reached"),
            (None, true) => Mark::new(Tone::Waiting, "not tried yet"),
            (Some(_), true) => Mark::new(Tone::Good, "on"),
        };
        Self {
            id: in_address(&channel.id),
            name: channel.name.clone(),
            kind: kind_words(channel.to.kind()).unwrap_or_default(),
            place: place(&channel.to),
            mark,
            last: channel.last.as_ref().map(|last| (Moment::of(last.at, scene.now), last.text.clone())),
        }
    }
}

impl Told {
    fn of(outage: &Outage, scene: &Scene) -> Self {
        Self {
            headline: outage.headline.clone(),
            since: Moment::of(outage.opened_at, scene.now),
            until: outage.closed_at.map(|at| Moment::of(at, scene.now)),
            mark: Mark::new(Tone::Bad, "lasts"),
        }
    }
}

#[cfg(test)]
impl AlertsPage {
    pub(super) fn samples() -> Vec<Self> {
        use super::samples::{HOSTILE, NOW, scene};
        use crate::domain::{HookTo, MailTo, OutageKind, SmtpTls};
        use crate::ports::Sending;
        let hook = |signing: Option<&str>| HookTo {
            address: "alerts.chn_1.address".into(),
            place: HOSTILE.into(),
            signing: signing.map(str::to_owned),
            allow_private: false,
        };
        let mail = MailTo {
            host: "smtp.example.org".into(),
            port: 587,
            tls: SmtpTls::Starttls,
            user: None,
            password: None,
            from: "alerts@example.org".into(),
            to: vec!["desk@example.org".into(), HOSTILE.into()],
            allow_private: false,
        };
        let channel = |name: &str, to: ChannelTo, last: Option<bool>| AlertChannel {
            id: format!("chn_{name}"),
            name: name.to_owned(),
            enabled: true,
            to,
            created_at: NOW,
            last: last.map(|good| Sending { at: NOW, good, text: HOSTILE.into() }),
        };
        let channels = [
            channel("Front desk", ChannelTo::Email(mail), Some(true)),
            channel(HOSTILE, ChannelTo::Slack(hook(None)), Some(false)),
            channel("Pager", ChannelTo::Webhook(hook(Some("alerts.chn_1.signing"))), None),
        ];
        let outage = |closed_at: Option<i64>| Outage {
            id: "out_1".into(),
            kind: OutageKind::Connection,
            object: "crm".into(),
            headline: HOSTILE.into(),
            opened_at: NOW - 60_000,
            good_since: None,
            told_at: Some(NOW),
            reminders: 0,
            closed_at,
        };
        let wrong = FormErrors::at("zone", "there is no such zone");
        vec![
            Self::of(&scene(), None, &[], &[], AlertOptions::default(), FormErrors::none()),
            Self::of(
                &scene(),
                Some("channel"),
                &channels,
                &[outage(None), outage(Some(NOW))],
                AlertOptions { zone: HOSTILE.into(), ..AlertOptions::default() },
                wrong,
            ),
        ]
    }
}
