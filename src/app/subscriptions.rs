//! A source's subscriptions: what is there, what should be, and bringing it in line. The CLI, the source's page, the API and
//! the runner call it; what is to be done is decided in `connectors::subscriptions`.
//!
//! It promises: nothing is made before the booking system told what is there, so that nothing is doubled; a failed call ends
//! the whole, and what is there then is asked for anew; without an address that can be reached nothing is asked at all.
//! What was seen last is kept as a fact: pages show it and never wait for the booking system.
//!
//! Invariant: no address is in what is kept and told, since whoever knows one can send bookings
//! (`no_secret_of_an_address_is_told` keeps it).

use super::doctor::{Finding, Health};
use super::{App, AskError};
use crate::connectors::{
    Call, HookAddress, HookDoor, Sends, Source, SourceApi, Subscription, SubscriptionAct, SubscriptionPlan,
    SubscriptionSpec, plan_subscriptions,
};
use crate::domain::Millis;
use crate::ports::StoreError;
use crate::rules::Ruleset;
use crate::source_api::{ApiAnswer, ApiCall, ApiTrouble};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};
use std::collections::BTreeSet;
use std::sync::Arc;

/// Beginning of the names of the facts that say what was seen last.
const FACT: &str = "subscriptions.";
/// The last part of an address is taken for its secret from this length on.
const SECRET_BYTES_MIN: usize = 8;
/// The kind of record that every source keeps.
const BOOKING: &str = "booking";

/// How a source's subscriptions stand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subscriptions {
    /// They are kept in line without being asked.
    pub by_itself: bool,
    /// What was seen last; `None`: nobody has looked yet.
    pub seen: Option<SubscriptionsSeen>,
}

/// What was seen, and what is to be done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SubscriptionsSeen {
    /// When.
    pub at: Millis,
    /// What is in the way, as a sentence.
    pub trouble: Option<String>,
    /// What is to be done, in order; with what stays as it is. Empty where it is not known.
    pub acts: Vec<SubscriptionTold>,
    /// Subscriptions to other addresses, which are left alone.
    pub others: usize,
}

/// One thing to do, or done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SubscriptionTold {
    /// `create`, `update`, `delete`, `leave`.
    pub act: String,
    /// The subscription's id in the booking system, where it is there already.
    pub id: Option<String>,
    /// A sentence.
    pub told: String,
    /// Types of event.
    pub events: Vec<String>,
    /// Of these properties; empty: of all.
    pub properties: Vec<String>,
}

/// What was done, and what is there now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SubscriptionsDone {
    /// Carried out, in order.
    pub done: Vec<SubscriptionTold>,
    /// As it is now.
    pub seen: SubscriptionsSeen,
}

/// What is wanted of a look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Subscribing {
    /// Only look.
    Look,
    /// Bring it in line.
    BringInLine,
    /// Take all away that lead here.
    End,
}

impl SubscriptionsSeen {
    /// Whether the booking system sends what it should, where it should.
    pub fn matches(&self) -> bool {
        self.trouble.is_none() && self.to_do().next().is_none()
    }

    /// What is to be done.
    pub fn to_do(&self) -> impl Iterator<Item = &SubscriptionTold> {
        self.acts.iter().filter(|act| act.act != "leave")
    }

    /// Whether nothing is sent here so far.
    pub fn is_none_yet(&self) -> bool {
        self.acts.iter().all(|act| act.act == "create")
    }

    /// The whole in one sentence. `title` is the booking system's.
    pub fn told(&self, title: &str) -> String {
        match (&self.trouble, self.to_do().count()) {
            (Some(trouble), _) => trouble.clone(),
            (None, 0) if self.acts.is_empty() => {
                format!("{title} sends nothing here, and nothing is asked for.")
            }
            (None, 0) => format!("{title} sends what is needed, to the address of this source."),
            (None, _) if self.is_none_yet() => {
                format!("{title} sends nothing here: there is no subscription yet.")
            }
            (None, _) => format!("What {title} sends is not what is needed."),
        }
    }
}

impl SubscriptionTold {
    fn of(act: &SubscriptionAct) -> Self {
        let sends = act.sends();
        Self {
            act: act.word().to_owned(),
            id: act.id().map(str::to_owned),
            told: act.told(),
            events: sends.events.iter().cloned().collect(),
            properties: sends.properties.iter().cloned().collect(),
        }
    }
}

/// All that is needed to ask.
struct Asking {
    api: SourceApi,
    spec: Arc<SubscriptionSpec>,
    door: HookDoor,
    wanted: Vec<Sends>,
}

impl Asking {
    /// What the booking system answered may name the address that it was given.
    fn without_address(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for address in self.wanted.iter().map(|sends| sends.address.as_str()) {
            text = text.replace(address, "the address of this source");
            let secret = address.rsplit('/').next().unwrap_or_default();
            if secret.len() >= SECRET_BYTES_MIN {
                text = text.replace(secret, "…");
            }
        }
        text
    }
}

impl App {
    /// How a source's subscriptions stand, by what was seen last; `None` where its booking system lets programs make none.
    pub async fn subscriptions(&self, source: &Source) -> Result<Option<Subscriptions>, StoreError> {
        if spec_of(source).is_none() {
            return Ok(None);
        }
        let kept = self.store.fact(&format!("{FACT}{}", source.name)).await?;
        let seen = kept.and_then(|kept| serde_json::from_str(&kept).ok());
        Ok(Some(Subscriptions { by_itself: source.subscribe.by_itself, seen }))
    }

    /// Why a source should be subscribed before it is walked, as a sentence: what changes while the walk goes on would be told
    /// by nobody. `None` where the booking system sends here, or nobody knows better.
    pub async fn subscribe_first(&self, source: &Source) -> Result<Option<String>, StoreError> {
        let seen = self.subscriptions(source).await?.map(|told| told.seen);
        let title = &source.connector.title;
        Ok(match seen {
            Some(None) => Some(format!(
                "Nobody has looked yet whether {title} sends here. Look first, and subscribe: what changes while this goes on \
                 would be missed."
            )),
            Some(Some(seen)) if !seen.matches() && seen.is_none_yet() => Some(format!(
                "{title} sends nothing here yet. Subscribe first: what changes while this goes on would be missed."
            )),
            _ => None,
        })
    }

    /// Looks at a source's subscriptions, and does what is wanted with them.
    pub async fn subscribe(
        &self,
        ruleset: &Ruleset,
        source: &str,
        what: Subscribing,
    ) -> Result<SubscriptionsDone, AskError> {
        let unknown = || AskError::Unknown { what: "source", id: source.to_owned() };
        let source = ruleset.sources.get(source).ok_or_else(unknown)?;
        let Some(spec) = spec_of(source) else {
            let title = &source.connector.title;
            return Err(AskError::NotNow(format!("the subscriptions of {title} can't be made from here")));
        };
        // One after the other: two that both find nothing would both make one.
        let _one_at_a_time = self.subscribing.lock().await;
        let mut done = Vec::new();
        let (plan, trouble) = match self.asking(ruleset, source, spec).await? {
            Ok(mut asking) => {
                if what == Subscribing::End {
                    asking.wanted.clear();
                }
                self.do_with(ruleset, &asking, what, &mut done).await
            }
            Err(why) => (None, Some(why)),
        };
        let plan = plan.unwrap_or_default();
        let acts = plan.acts.iter().map(SubscriptionTold::of).collect();
        let seen = SubscriptionsSeen { at: self.clock.now(), trouble, acts, others: plan.others };
        let text = serde_json::to_string(&seen).unwrap_or_default();
        self.store.set_fact(&format!("{FACT}{}", source.name), &text).await?;
        Ok(SubscriptionsDone { done, seen })
    }

    /// Asks, does, and asks again where something was done. What could not be done is a sentence.
    async fn do_with(
        &self,
        ruleset: &Ruleset,
        asking: &Asking,
        what: Subscribing,
        done: &mut Vec<SubscriptionTold>,
    ) -> (Option<SubscriptionPlan>, Option<String>) {
        let plan = match self.plan(ruleset, asking).await {
            Ok(plan) => plan,
            Err(why) => return (None, Some(why)),
        };
        if what == Subscribing::Look || plan.is_done() {
            return (Some(plan), None);
        }
        let mut failed = None;
        for act in &plan.acts {
            match self.carry_out(ruleset, asking, act).await {
                Ok(true) => done.push(SubscriptionTold::of(act)),
                Ok(false) => {}
                Err(trouble) => {
                    let why = asking.without_address(&trouble.to_string());
                    let title = &asking.api.title;
                    failed = Some(format!("{title} did not do it: {}.", why.trim_end_matches('.')));
                    break;
                }
            }
        }
        match self.plan(ruleset, asking).await {
            Ok(plan) => (Some(plan), failed),
            Err(why) => (None, failed.or(Some(why))),
        }
    }

    /// What is to be done. `Err` is a sentence; then nothing is known, and nothing may be done.
    async fn plan(&self, ruleset: &Ruleset, asking: &Asking) -> Result<SubscriptionPlan, String> {
        let title = &asking.api.title;
        let failed = |why: &str| {
            let why = asking.without_address(why);
            format!("{title} did not tell which subscriptions there are: {}.", why.trim_end_matches('.'))
        };
        let there: Vec<Subscription> = match self.ask(ruleset, asking, &asking.spec.list, &Map::new()).await {
            Ok(answer) => asking.spec.read(&answer).map_err(|why| failed(&why))?,
            Err(ApiTrouble::NotThere(_)) if asking.spec.not_found_is_none => Vec::new(),
            Err(trouble) => return Err(failed(&trouble.to_string())),
        };
        Ok(plan_subscriptions(&asking.door, &asking.wanted, &there))
    }

    /// Does one thing; false: there was nothing to do.
    async fn carry_out(
        &self,
        ruleset: &Ruleset,
        asking: &Asking,
        act: &SubscriptionAct,
    ) -> Result<bool, ApiTrouble> {
        let spec = &asking.spec;
        let call = match act {
            SubscriptionAct::Leave(_) => return Ok(false),
            SubscriptionAct::Create(_) => &spec.create,
            SubscriptionAct::Update(..) => &spec.update,
            SubscriptionAct::Delete(..) => &spec.delete,
        };
        let sends = act.sends();
        let mut inputs = Map::new();
        inputs.insert("id".to_owned(), act.id().map_or(Value::Null, Value::from));
        inputs.insert("address".to_owned(), Value::from(sends.address.as_str()));
        inputs.insert("events".to_owned(), json!(sends.events));
        inputs.insert("properties".to_owned(), json!(sends.properties));
        match self.ask(ruleset, asking, call, &inputs).await {
            Ok(_) => Ok(true),
            // Somebody else took it away: so it is gone.
            Err(ApiTrouble::NotThere(_)) if matches!(act, SubscriptionAct::Delete(..)) => Ok(true),
            Err(trouble) => Err(trouble),
        }
    }

    async fn ask(
        &self,
        ruleset: &Ruleset,
        asking: &Asking,
        call: &Call,
        inputs: &Map<String, Value>,
    ) -> Result<ApiAnswer, ApiTrouble> {
        let call = ApiCall { api: &asking.api, call, inputs, patient: false };
        self.api_client().call(&ruleset.engine, call).await
    }

    /// All that is needed to ask; else why nothing can be asked, as a sentence.
    async fn asking(
        &self,
        ruleset: &Ruleset,
        source: &Source,
        spec: &Arc<SubscriptionSpec>,
    ) -> Result<Result<Asking, String>, StoreError> {
        let title = &source.connector.title;
        if !source.enabled {
            return Ok(Err(
                "This source is switched off in its file, so its subscriptions stay as they are.".to_owned(),
            ));
        }
        let Some(reach) = &source.reach else {
            return Ok(Err(format!("{title} can't be asked without keys: add them to this source.")));
        };
        if let Some(secret) = reach.missing_secret(&*self.secrets) {
            return Ok(Err(format!("{title} can't be asked without keys: {secret} has no value.")));
        }
        let outside = self.hooks_url().await?.filter(|base| base.starts_with("https://"));
        let Some(base) = outside else {
            return Ok(Err(format!(
                "{title} needs an address that begins with https:// and can be reached from outside, and none is known. \
                 Start Waypost with --hooks-url https://NAME."
            )));
        };
        if source.sign_in.by_token() {
            return Ok(Err(
                "The address of this source holds a token that somebody else makes, so subscribe there by hand.".to_owned(),
            ));
        }
        // Where its file names several tokens, the first is the one that is told.
        let Some(path) = self.source_paths(source).into_iter().next() else {
            return Ok(Err("This source has no address now, since its token has no value.".to_owned()));
        };
        let records =
            source.connector.source.as_ref().map(|spec| spec.records.as_slice()).unwrap_or_default();
        let address = HookAddress::new(&format!("{base}{path}"));
        Ok(Ok(Asking {
            api: reach.for_subscriptions(spec),
            spec: spec.clone(),
            wanted: spec.wanted(
                records,
                &kinds_kept(ruleset, source),
                &address,
                &source.subscribe.properties,
            ),
            door: HookDoor { base, source: source.name.clone() },
        }))
    }

    /// What a source's subscriptions depend on, as a hash: where it changes they are looked at anew. `None` where the
    /// booking system lets programs make none.
    pub async fn subscribing_by(
        &self,
        ruleset: &Ruleset,
        source: &Source,
    ) -> Result<Option<String>, StoreError> {
        let Some(spec) = spec_of(source) else { return Ok(None) };
        let by_itself = source.subscribe.by_itself;
        let told = match self.asking(ruleset, source, spec).await? {
            Ok(asking) => {
                let wanted = asking
                    .wanted
                    .iter()
                    .map(|sends| (sends.address.as_str(), &sends.events, &sends.properties));
                let wanted: Vec<_> = wanted.collect();
                let credential = asking.api.credential(&*self.secrets);
                json!([by_itself, wanted, credential]).to_string()
            }
            Err(why) => json!([by_itself, why]).to_string(),
        };
        Ok(Some(super::activate::hex(&Sha256::digest(told).into())))
    }
}

impl App {
    /// For the check-up: whether what is sent here is what is needed. `None` where that can't be managed from here.
    pub(super) async fn try_subscriptions(
        &self,
        ruleset: &Ruleset,
        source: &Source,
        about: &str,
    ) -> Result<Option<Finding>, StoreError> {
        let Some(spec) = spec_of(source).filter(|_| source.reach.is_some()) else { return Ok(None) };
        if let Err(why) = self.asking(ruleset, source, spec).await? {
            return Ok(Some(Finding::new(about, Health::Notice, why)));
        }
        let title = &source.connector.title;
        let seen = match self.subscribe(ruleset, &source.name, Subscribing::Look).await {
            Ok(done) => done.seen,
            Err(AskError::Store(error)) => return Err(error),
            Err(_) => return Ok(None),
        };
        let told = seen.told(title);
        Ok(Some(if seen.matches() {
            Finding::well(about, told)
        } else if seen.trouble.is_some() {
            Finding::amiss(about, told, "look at its keys, and try again in a moment")
        } else {
            let way_out = format!("bring it in line: waypost subscriptions {} --apply", source.name);
            Finding::amiss(about, told, way_out).on_page("Bring it in line on the page of the source.")
        }))
    }
}

fn spec_of(source: &Source) -> Option<&Arc<SubscriptionSpec>> {
    source.connector.source.as_ref()?.subscriptions.as_ref()
}

/// The kinds of record that a source keeps: bookings always, others where a rule is about them.
fn kinds_kept(ruleset: &Ruleset, source: &Source) -> BTreeSet<String> {
    let rules = ruleset.rules.values().filter(|rule| rule.enabled && rule.from.contains(&source.name));
    rules.map(|rule| rule.about.clone()).chain([BOOKING.to_owned()]).collect()
}
