//! The pulse: webhooks that were refused are written down, and every now and then that Waypost is running, so that the next
//! start knows since when it was not. And what all of it says of each source: when its last webhook came, how many usually
//! come, whether it is silent, what was refused, when Waypost was away. Pages, the API and the doctor ask here; alerts read
//! the same from the store.

use super::App;
use crate::domain::{DOWN_MS_MIN, Millis, Profile, RATE_WEEKS, Rhythm, Silence, Stretch, downtimes};
use crate::ports::{RefusedWebhooks, SourceHour, StoreError};
use std::sync::{Mutex, PoisonError};

const HOUR: Millis = 3_600_000;
const WEEK: Millis = 7 * 24 * HOUR;
/// It is written down this often that Waypost is running: so much of a downtime may be missing.
const BEAT_MS: Millis = 30_000;
/// Downtimes and refusals are kept for so long.
const KEPT_MS: Millis = 100 * 24 * HOUR;
/// Rows that are forgotten at a time.
const FORGET_MAX: i64 = 500;
/// Downtimes are told of for so long.
const DOWN_TOLD_MS: Millis = WEEK;

/// Since when it is running, as far as it knows.
#[derive(Default)]
pub(super) struct Heart(Mutex<Option<Beat>>);

#[derive(Clone, Copy)]
struct Beat {
    since: Millis,
    ticked_at: Millis,
    written_at: Option<Millis>,
}

impl Heart {
    /// It beats. Gives what is to be written down, where it is time for that. A machine that slept for a while was not
    /// running meanwhile.
    fn tick(&self, started_at: Millis, now: Millis, at_once: bool) -> Option<Stretch> {
        let mut beat = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut one = beat.unwrap_or(Beat { since: started_at, ticked_at: now, written_at: None });
        if now - one.ticked_at >= DOWN_MS_MIN {
            (one.since, one.written_at) = (now, None);
        }
        one.ticked_at = now;
        *beat = Some(one);
        // A clock that was put back writes nothing until it has caught up.
        let due = at_once || one.written_at.is_none_or(|at| now - at >= BEAT_MS);
        (due && now >= one.since).then_some(Stretch { from: one.since, to: now })
    }

    fn written(&self, at: Millis) {
        if let Some(beat) = self.0.lock().unwrap_or_else(PoisonError::into_inner).as_mut() {
            beat.written_at = Some(at);
        }
    }
}

/// What is known of a source by what it sends.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SourcePulse {
    /// Its name.
    pub name: String,
    /// When the last webhook came.
    pub last: Option<Millis>,
    /// How many came in the last 24 hours.
    pub lately: i64,
    /// How many usually come in an hour like this; `None`: not known yet.
    pub usual: Option<f64>,
    /// It is silent for longer than usual.
    pub silence: Option<Silence>,
    /// Webhooks of the last 24 hours that were answered with something else than 200.
    pub refused: Vec<RefusedWebhooks>,
    /// When Waypost was not running, within the last week, with how many webhooks usually come in that time.
    pub downs: Vec<(Stretch, Option<f64>)>,
}

impl App {
    /// Writes down what was refused, and that it is running. The runner asks for it every second, and at the stop.
    pub async fn keep_pulse(&self, at_once: bool) -> Result<(), StoreError> {
        let now = self.clock.now();
        // Also while the database is away it is running.
        let running = self.heart.tick(self.started_at, now, at_once);
        let refused = self.refusals.take();
        if let Err(error) = self.store.pulse().count_refused(&refused).await {
            self.refusals.put_back(refused);
            return Err(error);
        }
        let Some(running) = running else { return Ok(()) };
        self.store.pulse().note_running(running).await?;
        self.heart.written(now);
        self.store.pulse().forget_pulse(now - KEPT_MS, FORGET_MAX).await?;
        Ok(())
    }

    /// When Waypost was not running, as far as that ended after then.
    pub async fn downtimes(&self, since: Millis) -> Result<Vec<Stretch>, StoreError> {
        Ok(downtimes(&self.store.pulse().uptimes(since).await?, since))
    }

    /// What is known of these sources, in their order.
    pub async fn pulses(&self, names: &[String]) -> Result<Vec<SourcePulse>, StoreError> {
        if names.is_empty() {
            return Ok(Vec::new());
        }
        let now = self.clock.now();
        let hours = self.store.source_hours((now - 2 * RATE_WEEKS * WEEK) / HOUR).await?;
        let lasts = self.store.last_webhooks(names).await?;
        let refused = self.store.pulse().refused_webhooks(now.div_euclid(HOUR) - 23).await?;
        let oldest = lasts.iter().flatten().min().copied().unwrap_or(now).max(now - RATE_WEEKS * WEEK);
        let downs = self.downtimes(oldest.min(now - DOWN_TOLD_MS)).await?;
        let all = names.iter().zip(lasts);
        Ok(all.map(|(name, last)| SourcePulse::of(name, last, &hours, &refused, &downs, now)).collect())
    }
}

impl SourcePulse {
    fn of(
        name: &str,
        last: Option<Millis>,
        hours: &[SourceHour],
        refused: &[RefusedWebhooks],
        downs: &[Stretch],
        now: Millis,
    ) -> Self {
        let own = hours.iter().filter(|hour| hour.source == name).map(|hour| (hour.hour, hour.events));
        let rhythm = Rhythm::of(own);
        // While it is silent, what was usual before is told.
        let learned = last.filter(|last| (now - RATE_WEEKS * WEEK..=now).contains(last)).unwrap_or(now);
        let profile = rhythm.profile(learned);
        let told = downs.iter().filter(|down| down.to > now - DOWN_TOLD_MS);
        let usually = |down: &Stretch| profile.as_ref().map(|profile| profile.expected(down.from, down.to));
        Self {
            name: name.to_owned(),
            last,
            lately: rhythm.lately(now),
            usual: profile.as_ref().map(|profile: &Profile| profile.rate(now.div_euclid(HOUR))),
            silence: last.and_then(|last| rhythm.silence(last, now, downs)),
            refused: refused.iter().filter(|one| one.source == name).cloned().collect(),
            downs: told.map(|down| (*down, usually(down))).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{BEAT_MS, DOWN_MS_MIN, Heart, Stretch};

    #[test]
    fn it_is_written_down_every_now_and_then_and_a_sleep_ends_a_stretch() {
        let heart = Heart::default();
        let tick = |now, at_once| {
            let due = heart.tick(1_000, now, at_once);
            if due.is_some() {
                heart.written(now);
            }
            due
        };
        let stretch = |from, to| Some(Stretch { from, to });
        assert_eq!(tick(2_000, false), stretch(1_000, 2_000));
        assert_eq!(tick(3_000, false), None);
        assert_eq!(tick(2_000 + BEAT_MS, false), stretch(1_000, 2_000 + BEAT_MS));
        assert_eq!(tick(2_500 + BEAT_MS, true), stretch(1_000, 2_500 + BEAT_MS), "at the stop");
        let awake = 2_500 + BEAT_MS + DOWN_MS_MIN;
        assert_eq!(tick(awake, false), stretch(awake, awake));
        assert_eq!(tick(5, true), None, "a clock that was put back");
    }
}
