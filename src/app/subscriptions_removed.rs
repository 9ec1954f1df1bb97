//! Sources that were taken away while the booking system still sends to them: their subscriptions are ended, or it is told
//! what is to be done where. The runner, doctor, the list of sources, the CLI and the API ask here.
//!
//! It promises: only what leads to the address of the source that is gone is ended, with the keys that it had; where it said
//! `subscribe: auto` that happens by itself, an hour after it went, so that a file that is moved about costs no webhook;
//! where it did not, or where the keys are gone, a person is told. Meanwhile its address takes what comes, as ever.

use super::doctor::{Finding, Health};
use super::subscriptions::{Subscribing, SubscriptionsDone, Whose};
use super::subscriptions_seen::{SeenBy, SubscriptionsSeen};
use super::{App, AskError};
use crate::delivery::Rulesets as _;
use crate::domain::Millis;
use crate::ports::StoreError;

/// So long after a source went its subscriptions are ended by themselves.
const REST_MS: Millis = 3_600_000;
/// What was under way at a booking system still comes for a day after a subscription was ended.
const UNDER_WAY_MS: Millis = 24 * 3_600_000;

/// So long it is told of; its address is closed since long then.
const TOLD_MS: Millis = 90 * 24 * 3_600_000;

/// A source that was taken away, to which something is still sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RemovedSource {
    /// The name that it had.
    pub name: String,
    /// When it was taken away.
    pub removed_at: Millis,
    /// Subscriptions that lead to it, as far as is known.
    pub leading: usize,
    /// By what they were looked at last.
    pub by: Option<SeenBy>,
    /// Why they could not be ended, as a sentence.
    pub trouble: Option<String>,
    /// When the last webhook came, where that was more than a day after it was taken away.
    pub still: Option<Millis>,
}

impl RemovedSource {
    /// When it is ended by itself, where that is so.
    pub fn ends_at(&self) -> Option<Millis> {
        let by_itself = self.leading > 0 && self.by.as_ref().is_some_and(|by| by.by_itself);
        by_itself.then_some(self.removed_at + REST_MS)
    }

    /// Whether it can be ended from here.
    pub fn can_be_ended(&self) -> bool {
        self.leading > 0 && self.by.is_some()
    }

    /// What is to be said of it, with the way out of commands and that of pages.
    pub fn finding(&self) -> Finding {
        let Self { name, leading, .. } = self;
        let about = format!("source {name}, which was taken away");
        let Some(by) = self.by.as_ref().filter(|_| *leading > 0) else {
            let text =
                "Webhooks still come to its address; they are stored, and lead to nothing. The last one came";
            let way_out = "take its address out of the booking system, or bring the source back";
            let finding = Finding { at: self.still, ..Finding::new(about, Health::Notice, text) };
            let page = format!("{}.", super::doctor::begun(way_out));
            return Finding { way_out: Some(way_out.to_owned()), ..finding }.on_page(page);
        };
        let title = &by.title;
        let leads = match leading {
            1 => format!("One subscription of {title} still leads to it."),
            many => format!("{many} subscriptions of {title} still lead to it."),
        };
        let by_hand = format!(
            "take away in {title} the subscriptions whose address begins with {}/hooks/{name}/",
            by.base
        );
        if let Some(trouble) = &self.trouble {
            let text = format!("{leads} That could not be ended: {trouble}");
            let page = format!("{}.", super::doctor::begun(&by_hand));
            let way_out = format!("waypost subscriptions {name} --end; or {by_hand}");
            return Finding::amiss(about, text, way_out).on_page(page);
        }
        if by.by_itself {
            let text = format!("{leads} That is ended by itself an hour after it went.");
            return Finding::new(about, Health::Notice, text);
        }
        let text = format!("{leads} What comes is stored for 30 days, and leads to nothing.");
        let way_out = format!("waypost subscriptions {name} --end");
        let finding = Finding { way_out: Some(way_out), ..Finding::new(about, Health::Notice, text) };
        finding.on_page("End it here, or bring the source back.")
    }
}

impl App {
    /// The sources that were taken away and to which something is still sent.
    pub async fn removed_sources(&self) -> Result<Vec<RemovedSource>, StoreError> {
        let active = self.active();
        let back = |name: &str| active.as_ref().is_some_and(|active| active.sources.contains_key(name));
        let now = self.clock.now();
        let gone: Vec<(String, Millis)> = self
            .store
            .sources()
            .await?
            .into_iter()
            .filter(|memory| !back(&memory.name))
            .filter_map(|memory| Some((memory.name, memory.removed_at?)))
            .filter(|(_, removed_at)| now - removed_at < TOLD_MS)
            .collect();
        if gone.is_empty() {
            return Ok(Vec::new());
        }
        let names: Vec<String> = gone.iter().map(|(name, _)| name.clone()).collect();
        let lasts = self.store.last_webhooks(&names).await?;
        let mut removed = Vec::new();
        for ((name, removed_at), last) in gone.into_iter().zip(lasts) {
            let seen = self.seen_subscriptions(&name).await?.unwrap_or_default();
            let leading = if seen.by.is_some() { seen.leading } else { 0 };
            // Of those that were ended what was under way may still come.
            let quiet_from = removed_at.max(seen.at) + UNDER_WAY_MS;
            let still = last.filter(|last| *last > quiet_from && *last > now - UNDER_WAY_MS);
            if leading > 0 || still.is_some() {
                let trouble = seen.trouble.filter(|_| seen.at > removed_at);
                removed.push(RemovedSource { name, removed_at, leading, by: seen.by, trouble, still });
            }
        }
        Ok(removed)
    }

    /// What was seen last of a source that was taken away, where something is still sent to it.
    pub async fn subscriptions_of_removed(
        &self,
        name: &str,
    ) -> Result<Option<SubscriptionsSeen>, StoreError> {
        let removed = self.removed_sources().await?;
        if !removed.iter().any(|source| source.name == name && source.can_be_ended()) {
            return Ok(None);
        }
        self.seen_subscriptions(name).await
    }

    /// Looks at, or ends, what leads to a source that was taken away: with the keys that it had.
    pub(super) async fn subscribe_removed(
        &self,
        name: &str,
        what: Subscribing,
    ) -> Result<SubscriptionsDone, AskError> {
        let unknown = || AskError::Unknown { what: "source", id: name.to_owned() };
        let memories = self.store.sources().await?;
        let gone = memories.iter().any(|memory| memory.name == name && memory.removed_at.is_some());
        let seen = self.seen_subscriptions(name).await?.filter(|_| gone).ok_or_else(unknown)?;
        let by = seen.by.ok_or_else(unknown)?;
        let ruleset = self.rulesets.by_hash(&by.ruleset).await;
        let source = ruleset.as_ref().and_then(|ruleset| Some((ruleset, ruleset.sources.get(name)?)));
        let Some((ruleset, source)) = source else {
            return Err(AskError::NotNow(format!(
                "the rules that this source was in can't be read any more; take away in {} the subscriptions whose address \
                 begins with {}/hooks/{name}/",
                by.title, by.base
            )));
        };
        let what = if what == Subscribing::Look { what } else { Subscribing::End };
        self.subscribe_of(Whose { ruleset, source, removed: Some(&by) }, what).await
    }
}

#[cfg(test)]
mod tests {
    use super::{RemovedSource, SeenBy};

    #[test]
    fn each_that_is_still_sent_to_has_a_sentence_and_a_way_out() {
        let by = |by_itself| SeenBy {
            ruleset: "c0ffee".into(),
            base: "https://hooks.example.com".into(),
            title: "apaleo".into(),
            by_itself,
        };
        let gone = |leading, by: Option<SeenBy>, trouble: Option<&str>| RemovedSource {
            name: "inn".into(),
            removed_at: 1_000,
            leading,
            by,
            trouble: trouble.map(str::to_owned),
            still: (leading == 0).then_some(90_000_000),
        };
        let all = [
            gone(1, Some(by(true)), None),
            gone(2, Some(by(false)), None),
            gone(2, Some(by(true)), Some("apaleo can't be asked without keys: The secret a has no value.")),
            gone(0, None, None),
            gone(0, Some(by(true)), None),
        ];
        let told = all.iter().map(|one| {
            let finding = one.finding();
            format!(
                "{:?}: {}{}\n  -> {}\n  => {}\n  {:?} {}\n",
                finding.health,
                finding.text,
                finding.at.map(|at| format!(" {at}")).unwrap_or_default(),
                finding.way_out.as_deref().unwrap_or("-"),
                finding.on_page.as_deref().unwrap_or("-"),
                one.ends_at(),
                one.can_be_ended()
            )
        });
        insta::assert_snapshot!(told.collect::<String>());
    }
}
