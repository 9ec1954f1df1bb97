//! `/needs-you`: what needs a person, one group per reason, the newest trouble first; what waits because its connection takes
//! no calls; what is being done; and what closed lately. `?part=live` gives the block that is refreshed in place.

use super::cause_words::{CauseWords, cause_place, cause_words};
use super::errors::PageError;
use super::outlook::connection;
use super::page::{Frame, Place, answer, in_address};
use super::scene::Scene;
use super::times::{Moment, counted};
use crate::app::App;
use crate::domain::{Millis, is_cause_key, waits_key};
use crate::ports::{Bulk, BulkAct, CauseGroup};
use crate::rules::Ruleset;
use actix_web::{HttpResponse, web};
use askama::Template;
use serde::Deserialize;

/// Groups of a page.
const PAGE: i64 = 30;
/// Groups that closed within so long are shown, shut.
const CLOSED_MS: Millis = 3 * 24 * 3_600_000;
/// So many of them.
const CLOSED_MAX: i64 = 10;

/// What the address asks for.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct Query {
    before: Option<String>,
    part: Option<String>,
}

/// The page.
#[derive(Template)]
#[template(path = "needs_you_list.html", blocks = ["live"])]
pub struct NeedsYouList {
    frame: Frame,
    lead: String,
    waits: Vec<Waits>,
    /// Booking systems that do not take our keys: the source's address, and a sentence.
    refused: Vec<(String, String)>,
    groups: Vec<GroupTold>,
    closed: Vec<GroupTold>,
    acts: Vec<ActTold>,
    rules: Vec<(String, String)>,
    connections: Vec<(String, String)>,
    first_page: bool,
    live: String,
    older: Option<String>,
}

/// What waits for a connection.
pub struct Waits {
    sentence: String,
    address: String,
    name: String,
    runs: i64,
    /// A person can let it go on.
    resumes: bool,
}

/// A group, told.
pub struct GroupTold {
    /// Its key.
    pub key: String,
    /// What went wrong, where, and what to do.
    pub words: CauseWords,
    /// Runs that need a person.
    pub needs: i64,
    /// `these 14`, `this one`.
    pub these: String,
    /// Runs that are being tried again.
    pub under_way: i64,
    /// Since when it is open.
    pub since: Moment,
    /// When the last run came to it.
    pub last: Moment,
    /// When it closed.
    pub closed: Option<Moment>,
}

/// Something that is being done with many runs.
pub struct ActTold {
    /// Its id.
    pub id: String,
    /// How far it is.
    pub sentence: String,
    /// It is through.
    pub ended: bool,
    /// What comes next.
    pub after: &'static str,
    /// When it was asked.
    pub asked: Moment,
}

/// `GET /needs-you`.
pub async fn needs_you_list(
    app: web::Data<App>,
    query: web::Query<Query>,
) -> Result<HttpResponse, PageError> {
    let scene = Scene::read(&app).await?;
    let before = query.before.as_deref().and_then(read_before);
    let open = app.store.open_causes(before, PAGE).await?;
    let closed = app.store.closed_causes(scene.now - CLOSED_MS, CLOSED_MAX).await?;
    let bulk = app.store.next_bulk().await?;
    let active = app.active();
    let mut page = NeedsYouList::of(&scene, (&open, &closed), bulk.as_ref(), active.as_deref(), before);
    page.tell_refused(app.refused_sources().await?);
    if query.part.as_deref() == Some("live") { answer(&page.as_live()) } else { answer(&page) }
}

/// `1805000000000-0f0e…`: when the last group of the page before came up, and its key.
fn read_before(text: &str) -> Option<(Millis, &str)> {
    let (at, key) = text.split_once('-')?;
    Some((at.parse().ok()?, key)).filter(|(_, key)| is_cause_key(key))
}

impl NeedsYouList {
    fn tell_refused(&mut self, refused: Vec<(String, String)>) {
        if !refused.is_empty() && self.groups.is_empty() && self.waits.is_empty() {
            "A booking system does not let us read bookings.".clone_into(&mut self.lead);
        }
        self.refused = refused.into_iter().map(|(name, told)| (in_address(&name), told)).collect();
    }

    fn of(
        scene: &Scene,
        (open, closed): (&[CauseGroup], &[CauseGroup]),
        bulk: Option<&Bulk>,
        active: Option<&Ruleset>,
        before: Option<(Millis, &str)>,
    ) -> Self {
        let waits = Waits::all(scene);
        let needs = scene.needs_you();
        let lead = match (needs, waits.len() as i64) {
            (0, 0) => "Nothing needs you.".to_owned(),
            (0, _) => "Nothing failed. What waits goes out when its connection takes calls again.".to_owned(),
            (1, _) => "1 thing was not sent, and is not tried again by itself.".to_owned(),
            (many, _) => {
                format!("{} were not sent, and are not tried again by themselves.", counted(many, "thing"))
            }
        };
        let told = |groups: &[CauseGroup]| {
            groups.iter().map(|group| GroupTold::of(group, scene, active)).collect::<Vec<_>>()
        };
        let older = open.last().filter(|_| open.len() as i64 >= PAGE);
        let address = |(at, key): (Millis, &str)| format!("before={at}-{key}");
        Self {
            frame: Frame::new(Place::NeedsYou, scene, None),
            lead,
            waits,
            refused: Vec::new(),
            groups: told(open),
            closed: if before.is_none() { told(closed) } else { Vec::new() },
            acts: bulk.iter().map(|bulk| ActTold::of(bulk, scene)).collect(),
            rules: titled(scene.rule_titles.keys(), |name| scene.rule(name)),
            connections: titled(scene.connection_names().iter(), |name| scene.connection(name)),
            first_page: before.is_none(),
            live: match before {
                Some(before) => format!("/needs-you?{}&part=live", address(before)),
                None => "/needs-you?part=live".to_owned(),
            },
            older: older.map(|last| format!("/needs-you?{}", address((last.last_at, &last.key)))),
        }
    }
}

fn titled<'n>(
    names: impl Iterator<Item = &'n String>,
    title: impl Fn(&str) -> String,
) -> Vec<(String, String)> {
    names.map(|name| (name.clone(), title(name))).collect()
}

impl Waits {
    /// Connections that take no calls and for which something waits.
    pub fn all(scene: &Scene) -> Vec<Self> {
        let of = |name: &String| {
            let why = Self::why(scene, name)?;
            let runs = scene.under_way(Some(name));
            let told = connection(scene, name)?;
            (runs > 0 || why == "needs_auth").then(|| Self {
                sentence: told.text,
                address: waits_key(name, why),
                name: in_address(name),
                runs,
                resumes: why != "tripped",
            })
        };
        scene.connection_names().iter().filter_map(of).collect()
    }

    /// Why a connection takes no calls, where it takes none until something changes.
    pub fn why(scene: &Scene, name: &str) -> Option<&'static str> {
        let state = scene.connections.get(name)?;
        match state {
            _ if state.needs_auth.is_some() => Some("needs_auth"),
            _ if state.paused => Some("paused"),
            _ if state.tripped_since.is_some() => Some("tripped"),
            _ => None,
        }
    }
}

impl GroupTold {
    /// A group, told.
    pub fn of(group: &CauseGroup, scene: &Scene, active: Option<&Ruleset>) -> Self {
        Self {
            key: group.key.clone(),
            words: cause_words(group, &cause_place(group, active), scene),
            needs: group.needs,
            these: if group.needs == 1 { "this one".to_owned() } else { format!("these {}", group.needs) },
            under_way: group.under_way,
            since: Moment::of(group.first_at, scene.now),
            last: Moment::of(group.last_at, scene.now),
            closed: group.is_closed().then(|| Moment::of(group.moved_at, scene.now)),
        }
    }
}

impl ActTold {
    /// How far it is.
    pub fn of(bulk: &Bulk, scene: &Scene) -> Self {
        let (doing, done) = match bulk.act {
            BulkAct::Retry => ("being tried again", "tried again"),
            BulkAct::Cancel => ("being cancelled", "cancelled"),
        };
        let left_out = match bulk.left_out {
            0 => String::new(),
            1 => " 1 was left out.".to_owned(),
            many => format!(" {many} were left out."),
        };
        let ended = bulk.ended_at.is_some();
        let after = match (ended, bulk.done, bulk.act) {
            (false, _, _) => "It goes on by itself, also when this page is closed.",
            (true, 0, _) => "Nothing was changed.",
            (true, _, BulkAct::Retry) => {
                "They go out in their order, as fast as the CRM takes them. What fails again comes back to what needs you."
            }
            (true, _, BulkAct::Cancel) => {
                "They are not sent. A newer change of the same booking is sent all the same; to send one of these after all, \
                 open it and try it again."
            }
        };
        let sentence = if ended && bulk.done == 0 {
            let of = if bulk.planned == 1 { "The one that it" } else { "All that it" };
            format!("{of} was asked for had been dealt with meanwhile. Asked by {}.{left_out}", bulk.who)
        } else if ended {
            format!("{} {done}, asked by {}.{left_out}", counted(bulk.done, "run"), bulk.who)
        } else {
            let verb = if bulk.planned == 1 { "is" } else { "are" };
            let planned = counted(bulk.planned, "run");
            format!("{planned} {verb} {doing}: {} so far, asked by {}.{left_out}", bulk.done, bulk.who)
        };
        Self { id: bulk.id.clone(), sentence, ended, after, asked: Moment::of(bulk.asked_at, scene.now) }
    }
}

#[cfg(test)]
impl NeedsYouList {
    pub(super) fn samples() -> Vec<Self> {
        use super::samples::{bulk, group, hostile_group, scene};
        let scene = scene();
        let mut shut = group();
        (shut.needs, shut.under_way) = (0, 0);
        let mut many = vec![group(); 29];
        many.push(hostile_group());
        let mut refused = Self::of(&Scene::default(), (&[], &[]), None, None, None);
        refused.tell_refused(vec![("inn".to_owned(), super::samples::HOSTILE.to_owned())]);
        vec![
            refused,
            Self::of(&Scene::default(), (&[], &[]), None, None, None),
            Self::of(&scene, (&many, &[shut]), Some(&bulk()), None, None),
            Self::of(&scene, (&[hostile_group()], &[]), None, None, Some((3, "0f0e0f0e0f0e0f0e0f0e"))),
        ]
    }
}
