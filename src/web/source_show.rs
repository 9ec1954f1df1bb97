//! `/sources/{name}`: a door that webhooks come in by: its address to paste into the booking system, with what to click
//! there; whether the first webhook has come, what came last, whether it is silent and what that may be, what a
//! look over it found; and its settings. Only who may connect sees the address.
//! What its buttons do is in `source_change`. `?part=live` gives the block that is refreshed in place.

use super::access::Access;
use super::begin_show::Steps;
use super::certificate_told::{self, CertificateShown};
use super::connect_form::{FieldTold, GuideTold, webhook_guide};
use super::errors::PageError;
use super::form_errors::FormErrors;
use super::found::Found;
use super::line_diff::LineDiff;
use super::page::{Frame, Place, answer, in_address};
use super::scene::Scene;
use super::source_subscribe::SubscriptionsShown;
use super::sources_list::SourceStanding;
use super::times::Moment;
use super::walk_told::WalkTold;
use super::words::{Mark, Tone, change_headline};
use crate::app::{
    App, Fetching, Finding, OfferedSignIn, PartKind, PublishError, SourceKey, Walkable, values_of,
};
use crate::connectors::{FormValues, Source, source_fields};
use crate::domain::{ChangeKind, Millis, ORIGIN_PROBE, is_document};
use crate::ports::{EventView, ListFilter};
use crate::rules::Ruleset;
use actix_web::{HttpResponse, web};
use askama::Template;
use serde::Deserialize;

/// Webhooks that are told.
const LAST: i64 = 8;

/// What the address asks for.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct Query {
    said: Option<String>,
    part: Option<String>,
}

/// The page.
#[derive(Template)]
#[template(path = "source_show.html", blocks = ["live"])]
pub struct SourceShow {
    frame: Frame,
    errors: FormErrors,
    address: String,
    title: String,
    connector: String,
    enabled: bool,
    standing: SourceStanding,
    found: Vec<Found>,
    /// What was missed can be fetched.
    fills: bool,
    /// Since when it would be.
    gap: Option<Millis>,
    last: Vec<Webhook>,
    fetching: Option<FetchingTold>,
    /// What was seen of the certificate of its address.
    certificate: Option<CertificateShown>,
    setting_up: bool,
    urls: Vec<String>,
    reachable: bool,
    old_until: Option<Moment>,
    rotates: bool,
    guide: GuideTold,
    /// Whether the address holds a secret of ours.
    secret_in_address: bool,
    /// Whether whoever knows the address may send.
    address_opens: bool,
    /// The keys of the booking system's API.
    keys: Vec<SourceKey>,
    /// What the booking system sends here.
    subscriptions: Option<SubscriptionsShown>,
    /// What its webhooks show to be let in.
    signs_in: Vec<String>,
    offered: Vec<OfferedSignIn>,
    /// What did not sign in since this Waypost was started: how often, and why.
    refused: Vec<(u64, &'static str)>,
    /// The way whose form was refused.
    refused_way: String,
    rules: Vec<(String, String)>,
    file: String,
    trouble: Option<String>,
    editable: bool,
    opened: String,
    diff: Option<LineDiff>,
    fields: Vec<FieldTold>,
    /// Number and words of the walk over its API that is under way.
    walk_under_way: Option<(i64, String)>,
    /// There are no keys for its API: what never came can't be known.
    blind: bool,
    /// Why its API can't be walked.
    walk_why_not: Option<String>,
}

/// A webhook that came.
struct Webhook {
    address: String,
    at: Moment,
    mark: Mark,
}

/// How what is fetched stands.
struct FetchingTold {
    waiting: i64,
    oldest: Option<Moment>,
    unverified: i64,
    trouble: Option<String>,
    last: Option<Moment>,
    checked: Option<Moment>,
}

impl FetchingTold {
    fn of(fetching: &Fetching, scene: &Scene) -> Self {
        let moment = |at: Option<Millis>| at.map(|at| Moment::of(at, scene.now));
        Self {
            waiting: fetching.waiting,
            oldest: moment(fetching.oldest_at),
            unverified: fetching.unverified,
            trouble: fetching.trouble.clone(),
            last: moment(fetching.last_at),
            checked: moment(fetching.checked_at),
        }
    }
}

/// What was asked for or went wrong just now.
#[derive(Default)]
pub struct Just {
    /// What a redirect said.
    pub said: Option<String>,
    /// What was typed.
    pub values: Option<FormValues>,
    /// What is wrong with it.
    pub errors: FormErrors,
    /// The way to sign in that it was about.
    pub way: String,
    /// Theirs and yours, where somebody changed the file meanwhile.
    pub changed: Option<(String, String)>,
    /// What a look over it found.
    pub findings: Vec<Finding>,
}

/// `GET /sources/{name}`.
pub async fn source_show(
    app: web::Data<App>,
    access: web::Data<Access>,
    name: web::Path<String>,
    query: web::Query<Query>,
) -> Result<HttpResponse, PageError> {
    let just = Just { said: query.said.clone(), ..Just::default() };
    let page = SourceShow::read(&app, &access, &name, just).await?;
    if query.part.as_deref() == Some("live") { answer(&page.as_live()) } else { answer(&page) }
}

impl SourceShow {
    /// The page, with what was done just now.
    pub async fn read(app: &App, access: &Access, name: &str, just: Just) -> Result<Self, PageError> {
        let scene = Scene::read(app).await?;
        let active = app.active().ok_or_else(|| PageError::unknown("source"))?;
        let source = active.sources.get(name).ok_or_else(|| PageError::unknown("source"))?;
        let standing = SourceStanding::read(app, &scene, std::slice::from_ref(&source.name)).await?;
        let standing = standing.into_iter().next().ok_or_else(|| PageError::unknown("source"))?;
        let mut page = Self::of(&scene, source, standing, &just);
        let filter = ListFilter { source: Some(name.to_owned()), limit: 2 * LAST, ..ListFilter::default() };
        let events = app.store.list_events(&filter).await?;
        let posted = |event: &&EventView| event.origin != ORIGIN_PROBE && !is_document(&event.origin);
        let came = events.iter().filter(posted).take(LAST as usize);
        page.last = came.map(|event| Webhook::of(event, &scene)).collect();
        page.fetching = app.fetching(source).await?.map(|fetching| FetchingTold::of(&fetching, &scene));
        page.certificate = certificate_of(app, &active, &scene).await?;
        let subscriptions = app.subscriptions(source).await?;
        page.subscriptions = subscriptions.map(|told| SubscriptionsShown::of(&told, &page.connector, &scene));
        page.setting_up = Steps::of(Some(&active), &scene).unfinished();
        page.rules = app.users_of(PartKind::Source, name);
        page.fills = app.can_fill(name);
        page.gap = page.standing.gap();
        if let Some(row) = app.open_walk(name).await? {
            let told = WalkTold::of(&row, &scene);
            page.walk_under_way =
                Some((told.id, format!("{} of {}: {} %", told.title, told.days, told.percent)));
        }
        if page.frame.connects() {
            let (base, reachable) = access.hooks_base();
            page.urls = app.source_paths(source).iter().map(|path| format!("{base}{path}")).collect();
            page.reachable = reachable;
            page.keys = app.source_keys(source);
            page.offered = app.offered_sign_ins(source);
            let refused = app.metrics.refused().into_iter().filter(|(of, ..)| of == name);
            page.refused = refused.map(|(_, reason, times)| (times, refusal_words(&reason))).collect();
            page.rotates = app.rotates(source);
            page.old_until = app.old_address(source).await?.map(|old| Moment::of(old.until, scene.now));
        }
        let Some(file) = PartKind::Source.file(name) else {
            page.trouble =
                Some("Its file has a name that can't be changed here. Change the file itself.".into());
            return Ok(page);
        };
        match app.open_file(&file).await {
            Ok(Some((text, opened))) => {
                let values = values_of(PartKind::Source, &source.connector, &text);
                page.fill(source, just.values.as_ref().unwrap_or(&values), opened);
            }
            Ok(None) => page.trouble = Some("Its file is gone from the rules folder.".into()),
            Err(PublishError::NoFolder(why)) => page.trouble = Some(why),
            Err(error) => return Err(error.into()),
        }
        Ok(page)
    }

    fn of(scene: &Scene, source: &Source, standing: SourceStanding, just: &Just) -> Self {
        Self {
            frame: Frame::new(Place::Connections, scene, just.said.as_deref()),
            errors: just.errors.clone(),
            address: in_address(&source.name),
            title: scene.source(&source.name),
            connector: source.connector.title.clone(),
            enabled: source.enabled,
            standing,
            found: just.findings.iter().map(|one| Found::of(one, scene.now)).collect(),
            fills: false,
            gap: None,
            last: Vec::new(),
            fetching: None,
            certificate: None,
            setting_up: false,
            urls: Vec::new(),
            reachable: false,
            old_until: None,
            rotates: false,
            guide: webhook_guide(&source.connector),
            secret_in_address: source.sign_in.by_address(),
            address_opens: source.sign_in.ways.len() == 1 && source.sign_in.by_address(),
            keys: Vec::new(),
            subscriptions: None,
            signs_in: source.sign_in.told(),
            offered: Vec::new(),
            refused: Vec::new(),
            refused_way: just.way.clone(),
            rules: Vec::new(),
            file: source.file.clone(),
            trouble: None,
            editable: false,
            opened: String::new(),
            diff: just.changed.as_ref().map(|(theirs, yours)| LineDiff::of(theirs, yours)),
            fields: Vec::new(),
            walk_under_way: None,
            blind: source.reach.is_none(),
            walk_why_not: match App::walkable(source) {
                Walkable::Yes { .. } => None,
                Walkable::No(why) => Some(why),
            },
        }
    }

    fn fill(&mut self, source: &Source, values: &FormValues, opened: String) {
        self.fields = vec![FieldTold::text("title", "What you call it", "", values, &self.errors)];
        self.fields.extend(FieldTold::all(&source_fields(&source.connector), values, &self.errors));
        let why = FieldTold::text("reason", "Why, in a few words", "May be empty.", values, &self.errors);
        self.fields.push(FieldTold { required: false, ..why });
        self.opened = opened;
        self.editable = true;
    }

    /// The page with what was done, and the status that says whether it was.
    pub fn answer(&self) -> Result<HttpResponse, PageError> {
        self.errors.answer(self)
    }
}

/// The address of all sources is one: a webhook of any of them shows that it is reached.
async fn certificate_of(
    app: &App,
    active: &Ruleset,
    scene: &Scene,
) -> Result<Option<CertificateShown>, PageError> {
    let watch = app.certificate();
    if watch.seen().is_none_or(|seen| seen.found.is_ok()) {
        return Ok(certificate_told::shown(&watch, None, scene.now));
    }
    let names: Vec<String> = active.sources.keys().cloned().collect();
    let last = app.store.last_webhooks(&names).await?.into_iter().flatten().max();
    Ok(certificate_told::shown(&watch, last, scene.now))
}

/// Why a webhook was not let in, in words.
fn refusal_words(reason: &str) -> &'static str {
    match reason {
        "address" => "with a wrong secret in the address",
        "header" => "with a wrong or missing secret in a header",
        "password" => "with a wrong or missing password",
        "signature" => "with a wrong or missing signature",
        "time" => "with a signature of another time",
        "token" => "with a token that does not hold",
        "sender" => "from another address",
        "not_ready" => "while a secret had no value here",
        _ => "for another reason",
    }
}

impl Webhook {
    fn of(event: &EventView, scene: &Scene) -> Self {
        let mark = match event.changes.first() {
            None => Mark::new(Tone::Waiting, "being read"),
            Some(change) => {
                let tone = match change.kind {
                    ChangeKind::Unreadable | ChangeKind::Refused => Tone::Bad,
                    ChangeKind::Fetching => Tone::Waiting,
                    ChangeKind::Ignored
                    | ChangeKind::Unchanged
                    | ChangeKind::Stale
                    | ChangeKind::Coalesced => Tone::Quiet,
                    _ => Tone::Good,
                };
                Mark::new(tone, change_headline(change, true))
            }
        };
        let at = Moment::of(event.received_at, scene.now);
        Self { address: in_address(event.id.as_str()), at, mark }
    }
}

#[cfg(test)]
impl SourceShow {
    pub(super) fn samples() -> Vec<Self> {
        use super::samples::{HOSTILE, NOW, change, event, scene, source};
        use crate::ingest::Refusal;
        let scene = scene();
        let source = source("connector: fareharbor\ntitle: Harbour Tours\n");
        let mut standings = SourceStanding::samples(&scene, HOSTILE);
        let silent = standings.pop().expect("a standing");
        let waiting = standings.swap_remove(0);
        let certificates = certificate_told::samples(HOSTILE, NOW);
        let mut waits = Self::of(&scene, &source, waiting, &Just::default());
        waits.urls = vec!["https://hooks.example.com/hooks/tours/abc".into()];
        waits.trouble = Some(HOSTILE.into());
        let just = Just {
            errors: FormErrors::at("title", HOSTILE),
            changed: Some((format!("{HOSTILE}\n"), format!("x{HOSTILE}\n"))),
            findings: Found::samples(HOSTILE),
            ..Just::default()
        };
        let mut full = Self::of(&scene, &source, silent, &just);
        full.fill(&source, &FormValues::from([("title".into(), HOSTILE.into())]), "c0ffee".into());
        full.fills = true;
        full.gap = full.standing.gap();
        full.title = HOSTILE.into();
        full.connector = HOSTILE.into();
        full.fetching = Some(FetchingTold::of(
            &Fetching {
                waiting: 3,
                oldest_at: Some(NOW - 60_000),
                unverified: 1,
                trouble: Some(HOSTILE.into()),
                last_at: Some(NOW - 600_000),
                checked_at: Some(NOW - 120_000),
            },
            &scene,
        ));
        full.certificate = certificate_told::shown(&certificates[2], None, NOW);
        waits.certificate = certificate_told::shown(&certificates[1], None, NOW);
        full.enabled = false;
        full.reachable = true;
        full.rotates = true;
        full.setting_up = true;
        full.urls = vec![HOSTILE.into(), HOSTILE.into()];
        let key = |name: &str, by_hand| SourceKey {
            name: name.into(),
            label: HOSTILE.into(),
            help: HOSTILE.into(),
            has_value: by_hand,
            by_hand,
        };
        full.keys = vec![key("app", true), key("user", false)];
        full.subscriptions = Some(SubscriptionsShown::samples(HOSTILE, &scene).swap_remove(1));
        waits.subscriptions = Some(SubscriptionsShown::samples(HOSTILE, &scene).swap_remove(0));
        full.signs_in = vec![HOSTILE.into(), HOSTILE.into()];
        let offered = |name: &str, asked, by_hand| OfferedSignIn {
            name: name.into(),
            title: HOSTILE.into(),
            help: HOSTILE.into(),
            asked,
            has_value: by_hand,
            by_hand,
        };
        full.offered = vec![
            offered("signature", false, false),
            offered("password", true, true),
            offered("bearer", true, false),
        ];
        full.refused = Refusal::ALL.iter().map(|one| (3, refusal_words(one.as_str()))).collect();
        full.refused_way = "signature".into();
        full.old_until = Some(Moment::of(NOW + 3_600_000, NOW));
        full.rules = vec![(HOSTILE.into(), HOSTILE.into())];
        full.walk_under_way = Some((1, HOSTILE.into()));
        full.last =
            [event(vec![change()]), event(Vec::new())].iter().map(|one| Webhook::of(one, &scene)).collect();
        let mut well = Self::of(
            &scene,
            &source,
            SourceStanding::samples(&scene, HOSTILE).swap_remove(0),
            &Just::default(),
        );
        well.certificate = certificate_told::shown(&certificates[3], None, NOW);
        well.subscriptions = SubscriptionsShown::samples(HOSTILE, &scene).pop();
        vec![waits, full, well]
    }
}
