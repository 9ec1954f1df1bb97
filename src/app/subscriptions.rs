//! A source's subscriptions: what is there, what should be, and bringing it in line. The CLI, the source's page, the API and
//! the runner call it; what is to be done is decided in `connectors::subscriptions`.
//!
//! It promises: nothing is made before the booking system told what is there, so that nothing is doubled; one does so at a
//! time, of all processes over one database; one that was made and is not listed is not made again; a failed call ends the
//! whole, and what is there then is asked for anew; without an address that can be reached nothing is asked at all.
//! What was seen last is kept as a fact: pages show it and never wait for the booking system.
//!
//! Invariant: no address is in what is kept and told, since whoever knows one can send bookings
//! (`no_secret_of_an_address_is_told` keeps it).

use super::doctor::{Finding, Health};
use super::subscriptions_seen::{SeenBy, SubscriptionTold, SubscriptionsSeen};
use super::turns::Turn;
use super::{App, AskError};
use crate::connectors::{
    Call, HookAddress, HookDoor, Sends, Source, SourceApi, Subscription, SubscriptionAct, SubscriptionPlan,
    SubscriptionSpec, plan_subscriptions,
};
use crate::domain::Millis;
use crate::ports::StoreError;
use crate::rules::Ruleset;
use crate::source_api::{ApiAnswer, ApiCall, ApiStanding, ApiTrouble};
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};
use std::collections::BTreeSet;
use std::sync::Arc;

/// One that was made and is not listed is made again after this time at the earliest, when a person asks for it.
const UNLISTED_MS: Millis = 600_000;
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
    /// Bring it in line, as a person asked.
    BringInLine,
    /// Bring it in line, as the source's file says.
    KeepInLine,
    /// Take all away that lead here.
    End,
}

/// Whose subscriptions they are.
#[derive(Clone, Copy)]
pub(super) struct Whose<'a> {
    pub ruleset: &'a Ruleset,
    pub source: &'a Source,
    /// Of a source that was taken away: by what they were looked at last.
    pub removed: Option<&'a SeenBy>,
}

/// All that is needed to ask.
struct Asking {
    api: SourceApi,
    spec: Arc<SubscriptionSpec>,
    door: HookDoor,
    wanted: Vec<Sends>,
    /// What makes the source's addresses secret.
    secrets: Vec<String>,
}

/// What came of asking.
#[derive(Default)]
struct Outcome {
    plan: Option<SubscriptionPlan>,
    trouble: Option<String>,
    unlisted_since: Option<Millis>,
}

impl Asking {
    /// What the booking system answered may name the address that it was given, or that of another subscription.
    fn without_address(&self, text: &str) -> String {
        let begins = format!("{}/hooks/", self.door.base);
        let mut told = String::new();
        let mut rest = text;
        while let Some(at) = rest.find(&begins) {
            told.push_str(&rest[..at]);
            told.push_str("the address of this source");
            let ends = |c: char| c.is_whitespace() || "\"'<>,;()[]{}".contains(c);
            let after = &rest[at + begins.len()..];
            rest = &after[after.find(ends).unwrap_or(after.len())..];
        }
        told.push_str(rest);
        self.secrets.iter().fold(told, |told, secret| told.replace(secret.as_str(), "…"))
    }
}

impl App {
    /// How a source's subscriptions stand, by what was seen last; `None` where its booking system lets programs make none.
    pub async fn subscriptions(&self, source: &Source) -> Result<Option<Subscriptions>, StoreError> {
        if spec_of(source).is_none() {
            return Ok(None);
        }
        let seen = self.seen_subscriptions(&source.name).await?;
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

    /// Looks at a source's subscriptions, and does what is wanted with them. Of one that was taken away all are ended.
    pub async fn subscribe(
        &self,
        ruleset: &Ruleset,
        source: &str,
        what: Subscribing,
    ) -> Result<SubscriptionsDone, AskError> {
        match ruleset.sources.get(source) {
            Some(source) => self.subscribe_of(Whose { ruleset, source, removed: None }, what).await,
            None => self.subscribe_removed(source, what).await,
        }
    }

    pub(super) async fn subscribe_of(
        &self,
        whose: Whose<'_>,
        what: Subscribing,
    ) -> Result<SubscriptionsDone, AskError> {
        let source = whose.source;
        let Some(spec) = spec_of(source) else {
            let title = &source.connector.title;
            return Err(AskError::NotNow(format!("the subscriptions of {title} can't be made from here")));
        };
        if what == Subscribing::End && whose.removed.is_none() && source.subscribe.by_itself {
            return Err(AskError::NotNow(format!(
                "{} says `subscribe: auto`, so they would be made again; take that line out first, or take the source away",
                source.file
            )));
        }
        // One after the other: two that both find nothing would both make one. First within this process.
        let _one_at_a_time = self.subscribing.lock().await;
        let mut turn = None;
        if what != Subscribing::Look {
            let taken = self.take_turn(&format!("subscriptions.{}", source.name)).await?;
            let taken = taken.map_err(|_| {
                AskError::NotNow(format!(
                    "somebody else is bringing the subscriptions of {} in line just now, from a command or from the router; \
                     try again in a moment",
                    source.name
                ))
            });
            turn = Some(taken?);
        }
        let began = self.clock.now();
        let before = self.seen_subscriptions(&source.name).await?.unwrap_or_default();
        let (mut done, mut by) = (Vec::new(), before.by.clone());
        let asking = self.asking(whose, spec, what).await?;
        let outcome = match asking {
            Ok(mut asking) => {
                if what == Subscribing::End || whose.removed.is_some() {
                    asking.wanted.clear();
                }
                by = Some(whose.removed.cloned().unwrap_or_else(|| SeenBy {
                    ruleset: whose.ruleset.hash.clone(),
                    base: asking.door.base.clone(),
                    title: source.connector.title.clone(),
                    by_itself: source.subscribe.by_itself,
                }));
                let unlisted_since = before.unlisted_since;
                self.do_with(whose, &asking, (what, &mut turn, unlisted_since), &mut done).await
            }
            Err(why) => {
                Outcome { trouble: Some(why), unlisted_since: before.unlisted_since, ..Outcome::default() }
            }
        };
        let leading = outcome
            .plan
            .as_ref()
            .map_or(before.leading, |plan| plan.acts.iter().filter(|act| act.id().is_some()).count());
        let plan = outcome.plan.unwrap_or_default();
        let seen = SubscriptionsSeen {
            // Who only looked may have been overtaken by somebody who did something.
            at: if what == Subscribing::Look { began } else { self.clock.now() },
            trouble: outcome.trouble,
            acts: plan.acts.iter().map(SubscriptionTold::of).collect(),
            others: plan.others,
            leading,
            unlisted_since: outcome.unlisted_since,
            by,
        };
        self.keep_seen_subscriptions(&source.name, &seen).await?;
        if let Some(turn) = turn {
            self.end_turn(turn).await?;
        }
        Ok(SubscriptionsDone { done, seen })
    }

    /// Asks, does, and asks again where something was done. What could not be done is a sentence.
    async fn do_with(
        &self,
        whose: Whose<'_>,
        asking: &Asking,
        (what, turn, unlisted_since): (Subscribing, &mut Option<Turn>, Option<Millis>),
        done: &mut Vec<SubscriptionTold>,
    ) -> Outcome {
        let (title, ruleset) = (&asking.api.title, whose.ruleset);
        let plan = match self.plan(ruleset, asking).await {
            Ok(plan) => plan,
            Err(why) => return Outcome { plan: None, trouble: Some(why), unlisted_since },
        };
        let missing = plan.creates();
        let unlisted_since = unlisted_since.filter(|_| missing > 0);
        if what == Subscribing::Look || plan.is_done() {
            return Outcome { plan: Some(plan), trouble: None, unlisted_since };
        }
        let unlisted = format!(
            "{title} said that the subscription was made, and does not list it. So that there are never two, no other one \
             is made for ten minutes, and then only when somebody asks for it."
        );
        let now = self.clock.now();
        let is_young = |since: Millis| what == Subscribing::KeepInLine || now - since < UNLISTED_MS;
        if unlisted_since.is_some_and(is_young) {
            return Outcome { plan: Some(plan), trouble: Some(unlisted), unlisted_since };
        }
        let (mut made, mut failed) = (0, None);
        for act in &plan.acts {
            if let Err(why) = self.may_go_on(whose, turn).await {
                failed = Some(why);
                break;
            }
            match self.carry_out(ruleset, asking, act).await {
                Ok(true) => {
                    made += usize::from(matches!(act, SubscriptionAct::Create(_)));
                    done.push(SubscriptionTold::of(act));
                }
                Ok(false) => {}
                Err(trouble) => {
                    let why = asking.without_address(&trouble.to_string());
                    failed = Some(format!("{title} did not do it: {}.", why.trim_end_matches('.')));
                    break;
                }
            }
        }
        match self.plan(ruleset, asking).await {
            Ok(plan) => {
                let lost = plan.creates() > missing - made;
                let trouble = failed.or_else(|| lost.then_some(unlisted));
                Outcome { plan: Some(plan), trouble, unlisted_since: lost.then_some(now) }
            }
            Err(why) => Outcome {
                plan: None,
                trouble: failed.or(Some(why)),
                unlisted_since: (made > 0).then_some(now),
            },
        }
    }

    /// Whether the next thing may be done still; else why not, as a sentence.
    async fn may_go_on(&self, whose: Whose<'_>, turn: &mut Option<Turn>) -> Result<(), String> {
        if let Some(turn) = turn {
            match self.keep_turn(turn).await {
                Ok(true) => {}
                Ok(false) => return Err("Somebody else went on with it meanwhile.".to_owned()),
                Err(error) => return Err(format!("It was broken off: {error}.")),
            }
        }
        let name = &whose.source.name;
        let is_back = self.active().is_some_and(|active| active.sources.contains_key(name));
        if whose.removed.is_some() && is_back {
            return Err("The source is back, so nothing more is taken away.".to_owned());
        }
        Ok(())
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

    /// All that is needed to ask; else why nothing can be asked, as a sentence. Where they are ended it does not matter how
    /// its address looks and whether it is switched on.
    async fn asking(
        &self,
        whose: Whose<'_>,
        spec: &Arc<SubscriptionSpec>,
        what: Subscribing,
    ) -> Result<Result<Asking, String>, StoreError> {
        let Whose { ruleset, source, removed } = whose;
        let ends = what == Subscribing::End || removed.is_some();
        let title = &source.connector.title;
        if !source.enabled && !ends {
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
        let known = match removed {
            Some(by) => Some(by.base.clone()),
            None => self.hooks_url().await?,
        };
        let Some(base) = known.filter(|base| base.starts_with("https://")) else {
            return Ok(Err(format!(
                "{title} needs an address that begins with https:// and can be reached from outside, and none is known. \
                 Start Waypost with --hooks-url https://NAME."
            )));
        };
        if source.sign_in.by_token() && !ends {
            return Ok(Err(
                "The address of this source holds a token that somebody else makes, so subscribe there by hand.".to_owned(),
            ));
        }
        let paths = self.source_paths(source);
        // Where its file names several tokens, the first is the one that is told.
        let path = paths.first().cloned();
        if path.is_none() && !ends {
            return Ok(Err("This source has no address now, since its token has no value.".to_owned()));
        }
        let records =
            source.connector.source.as_ref().map(|spec| spec.records.as_slice()).unwrap_or_default();
        let wanted = path.map(|path| {
            let address = HookAddress::new(&format!("{base}{path}"));
            spec.wanted(records, &kinds_kept(ruleset, source), &address, &source.subscribe.properties)
        });
        Ok(Ok(Asking {
            api: reach.for_subscriptions(spec),
            spec: spec.clone(),
            wanted: wanted.unwrap_or_default(),
            secrets: paths.iter().flat_map(|path| secrets_in(path)).collect(),
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
        let whose = Whose { ruleset, source, removed: None };
        let told = match self.asking(whose, spec, Subscribing::Look).await? {
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
        // What is the matter with its API is told already, once.
        if source
            .reach
            .as_ref()
            .is_some_and(|reach| self.api_client().standing(reach) != ApiStanding::default())
        {
            let text = "Its subscriptions can't be looked at while its API can't be asked.";
            return Ok(Some(Finding::new(about, Health::Notice, text)));
        }
        let whose = Whose { ruleset, source, removed: None };
        if let Err(why) = self.asking(whose, spec, Subscribing::Look).await? {
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
            let way_out = format!(
                "try again in a moment; if it stays so, look whether {title} has an outage, and whether these keys may see \
                 subscriptions"
            );
            let page = format!("{}.", super::doctor::begun(&way_out));
            Finding::amiss(about, told, way_out).on_page(page)
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

/// The last part of a path, as it is written and as it is meant.
fn secrets_in(path: &str) -> Vec<String> {
    let last = path.rsplit('/').next().unwrap_or_default();
    let meant = percent_encoding::percent_decode_str(last).decode_utf8_lossy().into_owned();
    let mut secrets = vec![last.to_owned(), meant];
    secrets.retain(|secret| secret.len() >= SECRET_BYTES_MIN);
    secrets
}
