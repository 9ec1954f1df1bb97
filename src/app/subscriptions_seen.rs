//! What was seen last of a source's subscriptions, as it is kept (a fact for each source), and its sentences. `subscriptions`
//! writes it; pages, the CLI and the API read it, also when the source has been taken away.

use super::App;
use crate::connectors::SubscriptionAct;
use crate::domain::Millis;
use crate::ports::StoreError;
use serde::{Deserialize, Serialize};

/// Beginning of the names of the facts that say what was seen last.
const FACT: &str = "subscriptions.";

/// What was seen, and what is to be done.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SubscriptionsSeen {
    /// When.
    pub at: Millis,
    /// What is in the way, as a sentence.
    pub trouble: Option<String>,
    /// What is to be done, in order; with what stays as it is. Empty where it is not known.
    pub acts: Vec<SubscriptionTold>,
    /// Subscriptions to other addresses, which are left alone.
    pub others: usize,
    /// Subscriptions that lead here; where that could not be looked at, as it was known before.
    #[serde(default)]
    pub leading: usize,
    /// Since when the booking system does not list one that it said was made.
    #[serde(default)]
    pub unlisted_since: Option<Millis>,
    /// By what it was looked at, so that it can be ended when the source is gone. `None`: it never could be.
    #[serde(default)]
    pub by: Option<SeenBy>,
}

/// By what subscriptions were looked at.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SeenBy {
    /// The ruleset whose source it was.
    pub ruleset: String,
    /// Where webhooks came in from outside.
    pub base: String,
    /// The booking system's title.
    pub title: String,
    /// They were kept in line without being asked.
    pub by_itself: bool,
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
    /// As it is kept and told.
    pub(super) fn of(act: &SubscriptionAct) -> Self {
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

impl App {
    /// What was seen last of a source's subscriptions, whether the source is there or not.
    pub(super) async fn seen_subscriptions(
        &self,
        source: &str,
    ) -> Result<Option<SubscriptionsSeen>, StoreError> {
        let kept = self.store.fact(&format!("{FACT}{source}")).await?;
        Ok(kept.and_then(|kept| serde_json::from_str(&kept).ok()))
    }

    /// Keeps what was seen, where nobody has seen something later meanwhile.
    pub(super) async fn keep_seen_subscriptions(
        &self,
        source: &str,
        seen: &SubscriptionsSeen,
    ) -> Result<(), StoreError> {
        if self.seen_subscriptions(source).await?.is_some_and(|kept| kept.at > seen.at) {
            return Ok(());
        }
        let text = serde_json::to_string(seen).unwrap_or_default();
        self.store.set_fact(&format!("{FACT}{source}"), &text).await
    }
}
