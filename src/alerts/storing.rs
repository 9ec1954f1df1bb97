//! The alert that can't go through the database, because the database is what is wrong: webhooks can't be stored and are
//! answered with 503. What it needs (channels, when alerts are sent) was read while the database still answered; its letters
//! are kept in memory and sent from there, tried again as others are.
//!
//! Promises: one alert, reminders as asked for, one all-clear, as for every outage; what is over before its time is not told.
//! Deliberately absent: nothing of it outlives the process. One that is started while webhooks still can't be stored tells
//! so anew, and one that ends in between sends no all-clear.

use super::words::{Words, counted, lasting};
use super::{GIVE_UP_MS, SETTLE_MS, TRY_AGAIN_MS};
use crate::domain::{AlertOptions, Letter, LetterKind, Millis};
use crate::ports::AlertChannel;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// What letters are about, as webhooks say it.
const ABOUT: &str = "storing";
/// Nothing is wrong.
const WELL: Millis = i64::MIN;

/// Whether webhooks can be stored, as commits show it.
pub struct Storing {
    failing_since: AtomicI64,
    refused: AtomicI64,
}

/// Webhooks can't be stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unstored {
    /// Since when.
    pub since: Millis,
    /// Webhooks that were refused since then.
    pub refused: i64,
}

impl Default for Storing {
    fn default() -> Self {
        Self { failing_since: AtomicI64::new(WELL), refused: AtomicI64::new(0) }
    }
}

impl Storing {
    /// A commit ended: so many of its webhooks were stored, so many were not. One that is stored says that it is well.
    pub fn committed(&self, stored: usize, refused: usize, now: Millis) {
        if stored > 0 {
            self.failing_since.store(WELL, Ordering::Relaxed);
            self.refused.store(0, Ordering::Relaxed);
        } else if refused > 0 {
            self.refused.fetch_add(refused as i64, Ordering::Relaxed);
            let _ = self.failing_since.compare_exchange(WELL, now, Ordering::Relaxed, Ordering::Relaxed);
        }
    }

    /// What is wrong, where something is.
    pub fn trouble(&self) -> Option<Unstored> {
        let since = self.failing_since.load(Ordering::Relaxed);
        (since != WELL).then(|| Unstored { since, refused: self.refused.load(Ordering::Relaxed) })
    }
}

/// What is known and to be sent without a database.
#[derive(Default)]
pub(super) struct Emergency(Mutex<State>);

#[derive(Default)]
struct State {
    known: Option<(Vec<AlertChannel>, AlertOptions)>,
    outage: Option<Lasting>,
    letters: Vec<Pending>,
}

/// The outage.
struct Lasting {
    id: String,
    since: Millis,
    refused: i64,
    told_at: Option<Millis>,
    told: Vec<String>,
    reminders: i64,
    good_since: Option<Millis>,
}

/// A letter to one channel.
#[derive(Clone)]
pub(super) struct Pending {
    /// To whom.
    pub channel: AlertChannel,
    /// Its id, the same in all its tries.
    pub id: String,
    /// What it says.
    pub letter: Letter,
    tries: usize,
    next_at: Millis,
}

impl Emergency {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Remembers who is told and when, for when it can't be asked.
    pub fn remember(&self, channels: Vec<AlertChannel>, options: AlertOptions) {
        self.state().known = Some((channels, options));
    }

    /// What becomes of it by now, and the letters that are due: each is counted as tried. `id` names an outage that begins.
    pub fn turn(
        &self,
        trouble: Option<Unstored>,
        base: &str,
        id: impl FnOnce() -> String,
        now: Millis,
    ) -> Vec<Pending> {
        let mut state = self.state();
        let Some((channels, options)) = state.known.clone() else { return Vec::new() };
        let words = Words::new(base, &options, now);
        state.becomes(trouble, &channels, &options, &words, id);
        let mut due = Vec::new();
        for pending in state.letters.iter_mut().filter(|pending| pending.next_at <= now) {
            pending.next_at = now + TRY_AGAIN_MS[pending.tries.min(TRY_AGAIN_MS.len() - 1)];
            pending.tries += 1;
            due.push(pending.clone());
        }
        due
    }

    /// A try ended. One that was taken, or is too old to be of use, is not tried again.
    pub fn ended(&self, id: &str, taken: bool) {
        let over = |pending: &Pending| {
            pending.id == id && (taken || pending.next_at > pending.letter.at + GIVE_UP_MS)
        };
        self.state().letters.retain(|pending| !over(pending));
    }
}

impl State {
    fn becomes(
        &mut self,
        trouble: Option<Unstored>,
        channels: &[AlertChannel],
        options: &AlertOptions,
        words: &Words<'_>,
        id: impl FnOnce() -> String,
    ) {
        let now = words.now;
        let Some(trouble) = trouble else {
            match self.outage.as_mut() {
                // Over before anybody was told.
                Some(outage) if outage.told_at.is_none() => self.outage = None,
                Some(outage) => match outage.good_since {
                    None => outage.good_since = Some(now),
                    Some(since) if now - since >= SETTLE_MS => self.close(since, channels, words),
                    Some(_) => {}
                },
                None => {}
            }
            return;
        };
        let outage = self.outage.get_or_insert_with(|| Lasting {
            id: id(),
            since: trouble.since.min(now),
            refused: 0,
            told_at: None,
            told: Vec::new(),
            reminders: 0,
            good_since: None,
        });
        (outage.refused, outage.good_since) = (outage.refused.max(trouble.refused), None);
        let mut written: Option<(LetterKind, i64)> = None;
        match outage.told_at {
            None if now - outage.since >= options.delay_minutes * 60_000 => {
                outage.told = channels.iter().filter(|one| one.enabled).map(|one| one.id.clone()).collect();
                if !outage.told.is_empty() {
                    outage.told_at = Some(now);
                    written = Some((LetterKind::Alert, 0));
                }
            }
            Some(told_at) if options.remind_hours > 0 => {
                let number = (now - told_at) / (options.remind_hours * 3_600_000);
                if number > outage.reminders {
                    outage.reminders = number;
                    written = Some((LetterKind::Reminder, number));
                }
            }
            _ => {}
        }
        if let Some((kind, number)) = written {
            let letter = outage.letter(kind, words);
            let told = outage.told.clone();
            self.write(&letter, number, &told, channels);
        }
    }

    /// It is over: one letter stands for what was not sent yet, too.
    fn close(&mut self, since: Millis, channels: &[AlertChannel], words: &Words<'_>) {
        let Some(outage) = self.outage.take() else { return };
        self.letters.retain(|pending| pending.letter.outage != outage.id);
        let letter = outage.all_clear(since, words);
        self.write(&letter, 0, &outage.told, channels);
    }

    fn write(&mut self, letter: &Letter, number: i64, told: &[String], channels: &[AlertChannel]) {
        let numbered = if number > 0 { format!("-{number}") } else { String::new() };
        for channel in channels.iter().filter(|channel| told.contains(&channel.id)) {
            self.letters.push(Pending {
                id: format!("{}{numbered}-{}-{}", letter.kind.as_str(), letter.outage, channel.id),
                channel: channel.clone(),
                letter: letter.clone(),
                tries: 0,
                next_at: letter.at,
            });
        }
    }
}

impl Lasting {
    /// `1 webhook was`, `3 webhooks were`.
    fn refused(&self) -> String {
        format!("{} {}", counted(self.refused, "webhook"), if self.refused == 1 { "was" } else { "were" })
    }

    fn letter(&self, kind: LetterKind, words: &Words<'_>) -> Letter {
        let still = if kind == LetterKind::Reminder { "Still: " } else { "" };
        Letter {
            kind,
            about: ABOUT.to_owned(),
            object: String::new(),
            outage: self.id.clone(),
            headline: format!("{still}Webhooks can't be stored since {}", words.time(self.since)),
            text: format!(
                "{} refused with 503, so that whoever sent them sends them again; what was answered with 200 before is \
                 safe. Look whether the database answers and whether its disk has room. `waypost doctor` says more.",
                self.refused()
            ),
            link: format!("{}/", words.base()),
            since: self.since,
            until: None,
            waiting: 0,
            at: words.now,
        }
    }

    fn all_clear(&self, until: Millis, words: &Words<'_>) -> Letter {
        let lasted = lasting(until - self.since);
        Letter {
            kind: LetterKind::AllClear,
            headline: "Webhooks are stored again".to_owned(),
            text: format!(
                "They could not be from {} to {} ({lasted}); {} refused meanwhile. Booking systems send again what was \
                 refused, for as long as each of them does: look there whether a booking of that time is missing here.",
                words.time(self.since),
                words.time(until),
                self.refused(),
            ),
            until: Some(until),
            ..self.letter(LetterKind::AllClear, words)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Storing, Unstored};

    #[test]
    fn one_webhook_that_is_stored_says_that_all_is_well() {
        let storing = Storing::default();
        assert_eq!(storing.trouble(), None);
        storing.committed(0, 3, 1_000);
        storing.committed(0, 2, 2_000);
        assert_eq!(storing.trouble(), Some(Unstored { since: 1_000, refused: 5 }));
        // Of this batch one webhook was to blame.
        storing.committed(1, 1, 3_000);
        assert_eq!(storing.trouble(), None);
        storing.committed(0, 0, 4_000);
        assert_eq!(storing.trouble(), None);
        storing.committed(0, 1, 5_000);
        assert_eq!(storing.trouble(), Some(Unstored { since: 5_000, refused: 1 }));
    }
}
