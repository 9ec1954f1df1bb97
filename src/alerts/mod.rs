//! Stage 5, beside the others: tells people when something is wrong, once, and once when it is well again.
//!
//! `Watcher::look` compares what is wrong now (`signs`) with the outages that the store knows, and writes what became of
//! them, letters included, in one transaction. `Watcher::send` hands letters that are due to their channels. Both are
//! bounded pieces of work that `runner` asks for every now and then; what they need to know stands in the database, so a
//! crash in between neither loses an outage nor tells one twice. A letter may arrive twice where its answer was lost: its
//! id is then the same.
//!
//! Promises: one alert for an outage, one all-clear, and in between at most the reminders that were asked for (and one where a
//! certificate that ends soon becomes urgent). What is over
//! before its time is not told. That webhooks can't be stored is told without the database (`storing`). No guest's name, number or address is in a letter.
//!
//! Invariant: a try is written down before it is made, and sending is bounded in time and number
//! (`tests/web/alerts.rs` keeps both).

mod postman;
mod signature;
mod signs;
mod storing;
mod words;

pub use postman::{Postman, test_letter};
pub use signature::signing_key;
pub use signs::World;
pub use storing::{Storing, Unstored};

use crate::domain::{AlertOptions, Millis, OutageKind};
use crate::ports::{
    AlertChannel, DueLetter, Entropy, Outage, OutageWrite, Sending, Store, StoreError, TryEnd,
};
use crate::rules::Ruleset;
use signs::{Sign, Signs};
use std::sync::Arc;
use words::Words;

/// Well for so long is well again.
const SETTLE_MS: Millis = 60_000;
/// Outages that are told and not over, at most.
const TOLD_MAX: usize = 20;
/// Letters of one piece of work.
const LETTERS_MAX: i64 = 40;
/// The waits between tries; the last repeats.
const TRY_AGAIN_MS: [Millis; 7] = [30_000, 60_000, 120_000, 300_000, 600_000, 1_800_000, 3_600_000];
/// A letter is given up after so long: whoever reads it then has other troubles.
const GIVE_UP_MS: Millis = 24 * 3_600_000;
/// Outages are remembered for so long after they are over.
const REMEMBER_MS: Millis = 90 * 24 * 3_600_000;
/// Old outages that are forgotten at a time.
const FORGET_MAX: i64 = 50;
/// Name of the fact with the options.
pub const OPTIONS_FACT: &str = "alerts.options";

/// Looks after outages.
pub struct Watcher {
    store: Arc<dyn Store>,
    entropy: Arc<dyn Entropy>,
    postman: Arc<Postman>,
    /// Where the pages are: the beginning of links.
    base: String,
    silence: signs::Silence,
    storing: Storing,
    emergency: storing::Emergency,
}

/// What a look did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Looked {
    /// Outages that are open.
    pub open: usize,
    /// Outages that were told, reminded of, or over.
    pub written: usize,
}

/// What sending did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sent {
    /// Letters that were taken.
    pub taken: usize,
    /// Letters that were not.
    pub failed: usize,
}

/// The options as they are kept; the usual ones where nobody chose.
pub async fn options(store: &dyn Store) -> Result<AlertOptions, StoreError> {
    let kept = store.fact(OPTIONS_FACT).await?;
    Ok(kept.and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default())
}

impl Watcher {
    /// A watcher over these ports. `base` is where people reach the pages.
    pub fn new(
        store: Arc<dyn Store>,
        entropy: Arc<dyn Entropy>,
        postman: Arc<Postman>,
        base: impl Into<String>,
    ) -> Self {
        Self {
            store,
            entropy,
            postman,
            base: base.into(),
            silence: signs::Silence::default(),
            storing: Storing::default(),
            emergency: storing::Emergency::default(),
        }
    }

    /// Where it is noted whether webhooks can be stored.
    pub fn storing(&self) -> &Storing {
        &self.storing
    }

    /// Reads who is told and when, for when the database can't be asked.
    pub async fn remember(&self) -> Result<(), StoreError> {
        let channels = self.store.alerts().alert_channels().await?;
        self.emergency.remember(channels, options(&*self.store).await?);
        Ok(())
    }

    /// Tells that webhooks can't be stored, or can again. Needs no database; what came of a sending is written down where
    /// there is one.
    pub async fn tell_of_storing(&self, now: Millis) -> Sent {
        let id = || self.entropy.id_of("out_", now);
        let due = self.emergency.turn(self.storing.trouble(), &self.base, id, now);
        let all = due.iter().map(|pending| async {
            let result = self.postman.send(&pending.channel, &pending.id, &pending.letter, now).await;
            let good = result.is_ok();
            self.emergency.ended(&pending.id, good);
            let (Ok(text) | Err(text)) = result;
            if !good {
                tracing::warn!(
                    channel = pending.channel.id,
                    "that webhooks can't be stored could not be told"
                );
            }
            let noted =
                self.store.alerts().note_sending(&pending.channel.id, &Sending { at: now, good, text }).await;
            if let Err(error) = noted {
                tracing::debug!(error = %error, "what came of a letter could not be written down");
            }
            good
        });
        let taken: Vec<bool> = futures::future::join_all(all).await;
        let good = taken.iter().filter(|good| **good).count();
        Sent { taken: good, failed: taken.len() - good }
    }

    /// Looks what is wrong, and writes what became of outages.
    pub async fn look(&self, world: &World<'_>, now: Millis) -> Result<Looked, StoreError> {
        let signs = signs::read(&*self.store, &self.silence, world, now).await?;
        let opened = self.open(&signs, now).await?;
        let open =
            if opened.is_empty() { signs.open.clone() } else { self.store.alerts().open_outages().await? };
        if open.is_empty() {
            return Ok(Looked::default());
        }
        let options = options(&*self.store).await?;
        let channels = self.channels_in_use().await?;
        let words = Words::new(&self.base, &options, now).with_certificate(world.certificate);
        let lasts = |outage: &&Outage| outage.told_at.is_some();
        let mut told = open.iter().filter(lasts).count();
        let mut writes: Vec<OutageWrite> = Vec::new();
        for outage in open.iter().filter(|outage| !signs.unknown(outage)) {
            let sign = signs.of(outage.kind, &outage.object);
            let write = becomes(outage, sign, &options, &channels, &words, world.ruleset);
            // When so much is wrong, people know; what still lasts when some of it is over is told then.
            let one_more = matches!(write, Some(OutageWrite::Tell { .. }));
            if one_more && told >= TOLD_MAX {
                continue;
            }
            told += usize::from(one_more);
            writes.extend(write);
        }
        self.store.alerts().write_outages(&writes, now).await?;
        let told = |write: &&OutageWrite| !matches!(write, OutageWrite::Good { .. });
        if writes.iter().any(|write| matches!(write, OutageWrite::Close { .. })) {
            self.store.alerts().forget_outages(now - REMEMBER_MS, FORGET_MAX).await?;
        }
        Ok(Looked { open: open.len(), written: writes.iter().filter(told).count() })
    }

    /// Writes down outages that are seen for the first time.
    async fn open(&self, signs: &Signs, now: Millis) -> Result<Vec<OutageWrite>, StoreError> {
        let is_open = |sign: &&Sign| {
            !signs.open.iter().any(|outage| outage.kind == sign.kind && outage.object == sign.object)
        };
        let writes: Vec<OutageWrite> = signs
            .found
            .iter()
            .filter(is_open)
            .map(|sign| {
                OutageWrite::Open(Outage {
                    id: self.entropy.id_of("out_", now),
                    kind: sign.kind,
                    object: sign.object.clone(),
                    headline: words::in_short(sign),
                    opened_at: sign.since.unwrap_or(now).min(now),
                    good_since: None,
                    told_at: None,
                    reminders: 0,
                    closed_at: None,
                })
            })
            .collect();
        self.store.alerts().write_outages(&writes, now).await?;
        Ok(writes)
    }

    async fn channels_in_use(&self) -> Result<Vec<String>, StoreError> {
        let channels = self.store.alerts().alert_channels().await?;
        Ok(channels.into_iter().filter(|channel| channel.enabled).map(|channel| channel.id).collect())
    }

    /// Sends the letters that are due: channels at the same time, the letters of one channel in their order.
    pub async fn send(&self, now: Millis) -> Result<Sent, StoreError> {
        let due = self.store.alerts().due_letters(now, LETTERS_MAX).await?;
        if due.is_empty() {
            return Ok(Sent::default());
        }
        let channels = self.store.alerts().alert_channels().await?;
        let all = channels.iter().map(|channel| async {
            let mut sent = Sent::default();
            for letter in due.iter().filter(|letter| letter.channel == channel.id) {
                match self.send_one(channel, letter, now).await? {
                    Some(true) => sent.taken += 1,
                    Some(false) => sent.failed += 1,
                    None => {}
                }
            }
            Ok(sent)
        });
        let all: Vec<Result<Sent, StoreError>> = futures::future::join_all(all).await;
        all.into_iter().try_fold(Sent::default(), |sum, sent| {
            let sent = sent?;
            Ok(Sent { taken: sum.taken + sent.taken, failed: sum.failed + sent.failed })
        })
    }

    /// `None`: somebody else has it.
    async fn send_one(
        &self,
        channel: &AlertChannel,
        letter: &DueLetter,
        now: Millis,
    ) -> Result<Option<bool>, StoreError> {
        let wait = TRY_AGAIN_MS[(letter.tries as usize).min(TRY_AGAIN_MS.len() - 1)];
        if !self.store.alerts().begin_try(letter, now + wait).await? {
            return Ok(None);
        }
        let result = if channel.enabled {
            self.postman.send(channel, &letter.id, &letter.letter, now).await
        } else {
            Err(String::from("Not sent: this channel is switched off."))
        };
        let over = !channel.enabled || now + wait > letter.created_at + GIVE_UP_MS;
        let end = match (&result, over) {
            (Ok(_), _) => TryEnd::Sent,
            (Err(_), false) => TryEnd::Again,
            (Err(_), true) => TryEnd::GivenUp,
        };
        let good = result.is_ok();
        let (Ok(text) | Err(text)) = result;
        if !good {
            tracing::warn!(channel = channel.id, tries = letter.tries + 1, "an alert could not be sent");
        }
        self.store.alerts().end_try(letter, &end, &Sending { at: now, good, text }).await?;
        Ok(Some(good))
    }
}

/// What becomes of an outage that is open; nothing, mostly.
fn becomes(
    outage: &Outage,
    sign: Option<&Sign>,
    options: &AlertOptions,
    channels: &[String],
    words: &Words<'_>,
    ruleset: Option<&Ruleset>,
) -> Option<OutageWrite> {
    let (id, now) = (outage.id.clone(), words.now);
    let Some(sign) = sign else {
        return match outage.good_since {
            None => Some(OutageWrite::Good { id, since: Some(now) }),
            Some(since) if now - since >= SETTLE_MS => {
                Some(OutageWrite::Close { id, at: since, letter: words.all_clear(outage, since, ruleset) })
            }
            Some(_) => None,
        };
    };
    let back = outage.good_since.is_some().then(|| OutageWrite::Good { id: id.clone(), since: None });
    // What ends soon ends at last: that is told once more.
    let worse = outage.kind == OutageKind::Certificate
        && outage.reminders == 0
        && outage.headline != words::in_short(sign);
    let told = match outage.told_at {
        None => {
            let lasts = now - outage.opened_at >= options.delay_minutes * 60_000;
            (lasts && !channels.is_empty()).then(|| OutageWrite::Tell {
                id,
                channels: channels.to_vec(),
                letter: words.alert(outage, sign),
            })
        }
        Some(_) if worse => Some(OutageWrite::Remind { id, number: 1, letter: words.reminder(outage, sign) }),
        Some(told_at) if options.remind_hours > 0 => {
            let number = (now - told_at) / (options.remind_hours * 3_600_000);
            (number > outage.reminders).then(|| OutageWrite::Remind {
                id,
                number,
                letter: words.reminder(outage, sign),
            })
        }
        Some(_) => None,
    };
    // Told at the next look, where it has just come back.
    back.or(told)
}
