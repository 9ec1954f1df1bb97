//! What a booking system sends to a source: the part of its page that tells it, and `POST /sources/{name}/subscriptions`, the
//! buttons "Subscribe", "Bring it in line" and "Look again". The page shows what was seen last, and waits for nobody.

use super::errors::PageError;
use super::page::{go_to, in_address};
use super::scene::Scene;
use super::times::Moment;
use super::viewer::Viewer;
use super::words::{Mark, Tone};
use crate::app::{App, Subscribing, Subscriptions, SubscriptionsSeen};
use actix_web::{HttpResponse, web};
use serde::Deserialize;

/// The part of a source's page.
pub struct SubscriptionsShown {
    pub mark: Mark,
    pub by_itself: bool,
    /// All is as it should be.
    pub well: bool,
    /// Nothing is sent here so far.
    pub none_yet: bool,
    pub to_do: Vec<String>,
    pub stays: Vec<String>,
    pub others: usize,
    pub at: Option<Moment>,
}

impl SubscriptionsShown {
    /// `title` is the booking system's.
    pub fn of(subscriptions: &Subscriptions, title: &str, scene: &Scene) -> Self {
        let seen = subscriptions.seen.as_ref();
        let mark = match seen {
            None => Mark::new(Tone::Waiting, format!("Nobody has looked yet at what {title} sends here.")),
            Some(seen) => Mark::new(tone(seen), seen.told(title)),
        };
        let told = |stays: bool| -> Vec<String> {
            let acts = seen.iter().flat_map(|seen| &seen.acts);
            acts.filter(|act| (act.act == "leave") == stays).map(|act| act.told.clone()).collect()
        };
        Self {
            mark,
            by_itself: subscriptions.by_itself,
            well: seen.is_some_and(SubscriptionsSeen::matches),
            none_yet: seen.is_some_and(SubscriptionsSeen::is_none_yet),
            to_do: told(false),
            stays: told(true),
            others: seen.map_or(0, |seen| seen.others),
            at: seen.map(|seen| Moment::of(seen.at, scene.now)),
        }
    }
}

fn tone(seen: &SubscriptionsSeen) -> Tone {
    match (&seen.trouble, seen.matches()) {
        (Some(_), _) => Tone::Bad,
        (None, true) => Tone::Good,
        (None, false) => Tone::Waiting,
    }
}

/// What the buttons send.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct SubscribeForm {
    #[serde(default, rename = "do")]
    act: String,
}

/// `POST /sources/{name}/subscriptions`.
pub async fn source_subscribe(
    app: web::Data<App>,
    viewer: Viewer,
    name: web::Path<String>,
    form: web::Form<SubscribeForm>,
) -> Result<HttpResponse, PageError> {
    let what = match form.act.as_str() {
        "look" => Subscribing::Look,
        "line" => Subscribing::BringInLine,
        _ => return Err(PageError::unreadable_form("no such button")),
    };
    let active = app.active().ok_or_else(|| PageError::unknown("source"))?;
    let done = app.subscribe(&active, &name, what).await?;
    if !done.done.is_empty() {
        let told: Vec<&str> = done.done.iter().map(|act| act.told.as_str()).collect();
        app.audit(&viewer.who(), "source.subscriptions", &name, &told.join(" ")).await;
    }
    // One that was taken away has no page.
    if !active.sources.contains_key(name.as_str()) {
        let said = if done.seen.matches() { "?said=subscriptions-ended" } else { "" };
        return Ok(go_to(&format!("/sources{said}#gone")));
    }
    // What went wrong stands on the page, in its place.
    let said = match what {
        Subscribing::BringInLine if done.seen.matches() => "?said=subscribed",
        Subscribing::Look if done.seen.trouble.is_none() => "?said=looked-at",
        _ => "",
    };
    Ok(go_to(&format!("/sources/{}{said}#subscriptions", in_address(&name))))
}

#[cfg(test)]
impl SubscriptionsShown {
    /// One that nobody looked at, one with something of everything, one that is well.
    pub(super) fn samples(hostile: &str, scene: &Scene) -> Vec<Self> {
        use crate::app::SubscriptionTold;
        let act = |word: &str| SubscriptionTold {
            act: word.into(),
            id: Some(hostile.into()),
            told: hostile.into(),
            events: vec![hostile.into()],
            properties: vec![hostile.into()],
        };
        let seen = |acts: &[&str], trouble: Option<&str>, others| SubscriptionsSeen {
            at: scene.now - 60_000,
            trouble: trouble.map(str::to_owned),
            acts: acts.iter().map(|word| act(word)).collect(),
            others,
            ..SubscriptionsSeen::default()
        };
        let of = |by_itself, seen| Self::of(&Subscriptions { by_itself, seen }, hostile, scene);
        vec![
            of(false, None),
            of(true, Some(seen(&["create", "update", "delete", "leave"], Some(hostile), 3))),
            of(false, Some(seen(&["leave"], None, 1))),
        ]
    }
}
