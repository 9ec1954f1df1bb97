//! Subscriptions: which events a booking system sends to which address, where it lets programs say so. Pure: what the
//! manifest says of the calls, what a source needs, and what is to be done so that it is there.
//!
//! It promises: a plan that was carried out leaves nothing to do; what leads to other addresses is never touched; what
//! is missing is made before anything is taken away; an answer that can't be read is never taken for an empty list; events
//! of the whole account are never narrowed to single properties, since they would not be sent then.
//!
//! Decision: a source needs the events of the kinds of record that it keeps, which is `booking` always (its pages, its search
//! and every rule go by it, and each change of a booking belongs to its truth, whatever a rule's `on:` says), and of another
//! kind where a rule is `about:` it.

use super::action::Call;
use super::answer_rule::AnswerRule;
use super::api_answer::ApiAnswer;
use super::event_type::{TypePattern, clean_type};
use super::pattern::{Dotted, key_text};
use super::records::RecordSpec;
use serde_json::Value;
use std::collections::BTreeSet;

/// Subscriptions that are read of one answer; more are taken for an answer that is not understood.
const SUBSCRIPTIONS_MAX: usize = 1_000;
/// Characters of an id.
const ID_CHARS_MAX: usize = 200;

/// What a manifest says of subscriptions.
pub struct SubscriptionSpec {
    /// Where the calls go, without a slash at the end; `None`: where all others go.
    pub base_url: Option<String>,
    /// Lists all.
    pub list: Call,
    /// JSON pointer to the list; empty: the answer itself.
    pub(super) at: String,
    /// 404 means that there are none.
    pub not_found_is_none: bool,
    /// Makes one: sees `address`, `events`, `properties`.
    pub create: Call,
    /// Changes one: sees `id` too.
    pub update: Call,
    /// Takes one away: sees `id`.
    pub delete: Call,
    pub(super) id: Dotted,
    pub(super) address: Dotted,
    pub(super) events: Dotted,
    pub(super) properties: Option<Dotted>,
    pub(super) offered: Vec<OfferedEvents>,
    /// What answers of these calls mean, before those of the API.
    pub answers: Vec<AnswerRule>,
}

impl std::fmt::Debug for SubscriptionSpec {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SubscriptionSpec").field("base_url", &self.base_url).finish_non_exhaustive()
    }
}

/// Events that can be asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct OfferedEvents {
    pub pattern: TypePattern,
    /// They are about the whole account: never sent to a subscription for single properties.
    pub account: bool,
}

/// Where webhooks go. The secret in it is not shown.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct HookAddress(String);

impl std::fmt::Debug for HookAddress {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("HookAddress(…)")
    }
}

impl HookAddress {
    /// The address in one form, however it is written: its scheme and host in lower case, without the port that goes without
    /// saying, without a slash at its end, and with letters and digits as such where they were percent-encoded.
    pub fn new(text: &str) -> Self {
        let text = text.trim().trim_end_matches('/');
        let host_at = text.find("://").map_or(0, |at| at + 3);
        let path_at = text[host_at..].find(['/', '?']).map_or(text.len(), |at| host_at + at);
        let (host, path) = text.split_at(path_at);
        let host = host.to_lowercase();
        let host = match host.split_once("://") {
            Some(("https", _)) => host.strip_suffix(":443").unwrap_or(&host),
            Some(("http", _)) => host.strip_suffix(":80").unwrap_or(&host),
            _ => &host,
        };
        Self(format!("{host}{}", without_needless_escapes(path)))
    }

    /// As it is sent.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it leads to this door, whatever the secret behind it.
    fn leads_to(&self, door: &HookDoor) -> bool {
        let door = Self::new(&format!("{}/hooks/{}", door.base, door.source));
        let rest = self.0.strip_prefix(&door.0);
        // One that goes back up leads elsewhere.
        let stays = !self.0.split(['/', '?']).any(|part| part == "..");
        stays && rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(['/', '?']))
    }
}

/// RFC 3986, 6.2.2.2: letters, digits, `-`, `.`, `_` and `~` mean the same with and without percent-encoding.
fn without_needless_escapes(path: &str) -> String {
    let mut told = String::with_capacity(path.len());
    let mut rest = path;
    while let Some(at) = rest.find('%') {
        told.push_str(&rest[..at]);
        let meant = rest.get(at + 1..at + 3).and_then(|hex| u8::from_str_radix(hex, 16).ok());
        match meant.filter(|byte| byte.is_ascii_alphanumeric() || b"-._~".contains(byte)) {
            Some(byte) => {
                told.push(char::from(byte));
                rest = &rest[at + 3..];
            }
            None => {
                told.push('%');
                rest = &rest[at + 1..];
            }
        }
    }
    told.push_str(rest);
    told
}

/// Whose subscriptions are looked after: those that lead here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HookDoor {
    /// Where webhooks come in from outside (`https://hooks.example.com`).
    pub base: String,
    /// The source's name.
    pub source: String,
}

/// One subscription, as the booking system has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subscription {
    /// Its id there.
    pub id: String,
    /// What is sent where.
    pub sends: Sends,
}

/// What is sent where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sends {
    /// Where to.
    pub address: HookAddress,
    /// Types of event, in lower case.
    pub events: BTreeSet<String>,
    /// Of these properties; empty: of all.
    pub properties: BTreeSet<String>,
}

/// Why one is taken away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Spare {
    /// Another one sends the same.
    Twice,
    /// Nothing needs it.
    Unused,
}

/// One thing to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SubscriptionAct {
    /// Make one.
    Create(Sends),
    /// Change one.
    Update(Subscription, Sends),
    /// Take one away.
    Delete(Subscription, Spare),
    /// It is as it should be.
    Leave(Subscription),
}

/// What is to be done, in this order, and how many lead elsewhere.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SubscriptionPlan {
    /// First what is made, then what is changed, then what is taken away, then what stays.
    pub acts: Vec<SubscriptionAct>,
    /// Subscriptions to other addresses, which are left alone.
    pub others: usize,
}

impl SubscriptionPlan {
    /// Whether all is as it should be.
    pub fn is_done(&self) -> bool {
        self.acts.iter().all(|act| matches!(act, SubscriptionAct::Leave(_)))
    }

    /// How many are missing and to be made.
    pub fn creates(&self) -> usize {
        self.acts.iter().filter(|act| matches!(act, SubscriptionAct::Create(_))).count()
    }
}

impl SubscriptionSpec {
    /// What should be there for a source that keeps these kinds of record.
    pub fn wanted(
        &self,
        records: &[RecordSpec],
        kinds: &BTreeSet<String>,
        address: &HookAddress,
        properties: &BTreeSet<String>,
    ) -> Vec<Sends> {
        let kept = || records.iter().filter(|record| kinds.contains(&record.kind));
        let needed =
            self.offered.iter().filter(|offered| kept().any(|record| tells(&offered.pattern, record)));
        let (account, rest): (Vec<_>, Vec<_>) = needed.partition(|offered| offered.account);
        let sends = |events: &[&OfferedEvents], properties: &BTreeSet<String>| Sends {
            address: address.clone(),
            events: events.iter().map(|offered| offered.pattern.as_str().to_owned()).collect(),
            properties: properties.clone(),
        };
        let everywhere = BTreeSet::new();
        let wanted = if properties.is_empty() {
            vec![sends(&[account, rest].concat(), &everywhere)]
        } else {
            vec![sends(&rest, properties), sends(&account, &everywhere)]
        };
        wanted.into_iter().filter(|sends| !sends.events.is_empty()).collect()
    }

    /// The subscriptions of an answer. `Err` is a sentence's end: nothing may be done by what was not understood.
    pub fn read(&self, answer: &ApiAnswer) -> Result<Vec<Subscription>, String> {
        // Only 204 says that there are none; another answer without a body says nothing.
        if answer.status == 204 && answer.body.is_null() {
            return Ok(Vec::new());
        }
        let items = match answer.body.pointer(&self.at) {
            Some(Value::Array(items)) if items.len() <= SUBSCRIPTIONS_MAX => items,
            Some(Value::Array(items)) => return Err(format!("it told of {} subscriptions", items.len())),
            _ => return Err("its answer is no list of subscriptions".to_owned()),
        };
        let mut read: Vec<Subscription> = Vec::new();
        for item in items {
            let one = self.read_one(item)?;
            if !read.iter().any(|known| known.id == one.id) {
                read.push(one);
            }
        }
        Ok(read)
    }

    fn read_one(&self, item: &Value) -> Result<Subscription, String> {
        let well = |id: &String| id.chars().count() <= ID_CHARS_MAX && !id.chars().any(char::is_control);
        let id = self.id.get_in(item, true).and_then(key_text).filter(well);
        let id = id.ok_or("one of its subscriptions has no id that can be used")?;
        let address = self.address.get_in(item, true).and_then(Value::as_str);
        let address =
            address.ok_or("one of its subscriptions says no address, so it can't be known whose it is")?;
        let texts = |at: &Dotted| match at.get_in(item, true) {
            None | Some(Value::Null) => Ok(BTreeSet::new()),
            Some(Value::Array(items)) => {
                let texts: Option<BTreeSet<String>> =
                    items.iter().map(|item| item.as_str().map(clean_type)).collect();
                texts.ok_or_else(|| unreadable(at))
            }
            Some(_) => Err(unreadable(at)),
        };
        let events = texts(&self.events)?.iter().map(|one| one.to_lowercase()).collect();
        let properties = self.properties.as_ref().map(texts).transpose()?.unwrap_or_default();
        Ok(Subscription { id, sends: Sends { address: HookAddress::new(address), events, properties } })
    }
}

fn unreadable(at: &Dotted) -> String {
    format!("`{at}` of one of its subscriptions is no list of texts")
}

/// Whether events of this pattern tell of a record.
fn tells(offered: &TypePattern, record: &RecordSpec) -> bool {
    let hinted = record.hints.iter().flat_map(|hint| hint.on.iter().chain(&hint.deleted));
    record.is_told_by(Some(offered.as_str()))
        || record.on.iter().chain(hinted).any(|named| offered.matches(named.as_str()))
}

/// What is to be done so that what is wanted is there, once.
pub fn plan_subscriptions(door: &HookDoor, wanted: &[Sends], there: &[Subscription]) -> SubscriptionPlan {
    let (mut ours, others): (Vec<&Subscription>, Vec<&Subscription>) =
        there.iter().partition(|one| one.sends.address.leads_to(door));
    let (mut create, mut update, mut leave, mut missing) = (vec![], vec![], vec![], vec![]);
    for sends in wanted {
        match ours.iter().position(|one| one.sends == *sends) {
            Some(at) => leave.push(SubscriptionAct::Leave(ours.remove(at).clone())),
            None => missing.push(sends),
        }
    }
    for sends in missing {
        // The one that needs the least to become it: what is sent already goes on meanwhile.
        let near = |one: &Subscription| {
            let shared = one.sends.events.intersection(&sends.events).count();
            (one.sends.properties == sends.properties, shared, one.sends.address == sends.address)
        };
        match (0..ours.len()).max_by_key(|at| near(ours[*at])) {
            Some(at) => update.push(SubscriptionAct::Update(ours.remove(at).clone(), sends.clone())),
            None => create.push(SubscriptionAct::Create(sends.clone())),
        }
    }
    let spare = |one: &&Subscription| {
        let twice = wanted.iter().any(|sends| one.sends.events.is_subset(&sends.events));
        if twice { Spare::Twice } else { Spare::Unused }
    };
    let delete = ours.iter().map(|one| SubscriptionAct::Delete((*one).clone(), spare(one)));
    let acts = create.into_iter().chain(update).chain(delete).chain(leave).collect();
    SubscriptionPlan { acts, others: others.len() }
}

impl SubscriptionAct {
    /// A word that programs go by.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Create(_) => "create",
            Self::Update(..) => "update",
            Self::Delete(..) => "delete",
            Self::Leave(_) => "leave",
        }
    }

    /// The one that it is about, where it is there already.
    pub fn id(&self) -> Option<&str> {
        match self {
            Self::Create(_) => None,
            Self::Update(one, _) | Self::Delete(one, _) | Self::Leave(one) => Some(&one.id),
        }
    }

    /// What is sent where afterwards; of one that is taken away, before.
    pub fn sends(&self) -> &Sends {
        match self {
            Self::Create(sends) | Self::Update(_, sends) => sends,
            Self::Delete(one, _) | Self::Leave(one) => &one.sends,
        }
    }

    /// The same as a sentence, without any address.
    pub fn told(&self) -> String {
        match self {
            Self::Create(sends) => format!("Subscribe to {}.", sends.told()),
            Self::Update(one, sends) => {
                format!("Change the subscription {}: {}.", one.id, changes(&one.sends, sends).join("; "))
            }
            Self::Delete(one, Spare::Twice) => {
                format!(
                    "Take away the subscription {}: another one sends the same ({}).",
                    one.id,
                    one.sends.told()
                )
            }
            Self::Delete(one, Spare::Unused) => {
                format!("Take away the subscription {}: nothing needs it ({}).", one.id, one.sends.told())
            }
            Self::Leave(one) => format!("Leave the subscription {} as it is: {}.", one.id, one.sends.told()),
        }
    }
}

impl Sends {
    /// What, of which properties.
    pub fn told(&self) -> String {
        let events = if self.events.is_empty() { "no events".to_owned() } else { listed(&self.events) };
        format!("{events}, of {}", of_properties(&self.properties))
    }
}

fn of_properties(properties: &BTreeSet<String>) -> String {
    match properties.len() {
        0 => "all properties".to_owned(),
        1 => format!("the property {}", listed(properties)),
        _ => format!("the properties {}", listed(properties)),
    }
}

/// What is different, in words.
fn changes(before: &Sends, after: &Sends) -> Vec<String> {
    let mut told = Vec::new();
    let only = |one: &BTreeSet<String>, other: &BTreeSet<String>| -> BTreeSet<String> {
        one.difference(other).cloned().collect()
    };
    let (added, gone) = (only(&after.events, &before.events), only(&before.events, &after.events));
    if before.address != after.address {
        told.push("send to the address that this source has now".to_owned());
    }
    if !added.is_empty() {
        told.push(format!("send {} too", listed(&added)));
    }
    if !gone.is_empty() {
        told.push(format!("no longer send {}", listed(&gone)));
    }
    if before.properties != after.properties {
        let (now, then) = (of_properties(&after.properties), of_properties(&before.properties));
        told.push(format!("send for {now} instead of {then}"));
    }
    told
}

fn listed(texts: &BTreeSet<String>) -> String {
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    match texts.split_last() {
        None => String::new(),
        Some((last, [])) => (*last).to_owned(),
        Some((last, first)) => format!("{} and {last}", first.join(", ")),
    }
}
