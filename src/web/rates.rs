//! How a source does, in words: how many webhooks it usually sends at this time of the week, whether it is silent longer than
//! that and why that may be, what was refused, and when Waypost itself was away. Read once for a page (`rates`).

use super::page::in_address;
use super::scene::Scene;
use super::times::{Moment, clock_time, counted, since_words, weekday};
use super::words::{Mark, Tone};
use crate::app::{App, SourcePulse};
use crate::connectors::{OnSilence, SilenceSpec, Verified};
use crate::domain::{CertificateSeen, CertificateWatch, Millis, Stretch, refused_in_words};
use crate::ports::StoreError;

const HOUR: Millis = 3_600_000;
/// Downtimes that are told.
const DOWNS_MAX: usize = 3;

/// How a source does.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Rate {
    /// Its name.
    pub name: String,
    /// Its title.
    pub title: String,
    /// When the last webhook came.
    pub last: Option<Millis>,
    /// Usually in this hour of the week.
    pub usual: Option<f64>,
    /// In the last 24 hours.
    pub lately: i64,
    /// It is silent longer than usual.
    pub silence: Option<SilenceTold>,
    /// A sentence, where webhooks were answered with something else than 200, and what the booking system does then.
    pub refused: Option<String>,
    /// Sentences: when Waypost was not running.
    pub downs: Vec<String>,
    /// What all of that was made of.
    pub pulse: SourcePulse,
}

/// A source is silent.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SilenceTold {
    /// A sentence.
    pub sentence: String,
    /// Since its last webhook.
    pub since: Millis,
    /// So many usually come in such a time.
    pub missed: i64,
    /// What may be the matter, as sentences.
    pub causes: Vec<String>,
    /// That the certificate is not it, where it was seen to be fine.
    pub fine: Option<String>,
    /// How sure we are of these, where we are not.
    pub sure: &'static str,
}

/// How each of these sources does, in their order.
pub async fn rates(app: &App, scene: &Scene, names: &[String]) -> Result<Vec<Rate>, StoreError> {
    let (active, certificate) = (app.active(), app.certificate());
    let of = |pulse: &SourcePulse| {
        let source = active.as_ref().and_then(|active| active.sources.get(&pulse.name));
        let spec = source.and_then(|source| source.connector.source.as_ref()?.silence.as_ref());
        let ignored = source.is_some_and(|source| !source.enabled || source.on_silence == OnSilence::Ignore);
        Rate::of(pulse, &scene.source(&pulse.name), (spec, &certificate), (ignored, scene.now))
    };
    Ok(app.pulses(names).await?.iter().map(of).collect())
}

impl Rate {
    /// Of what is known of it; `ignored`: nobody is to be told of its silence.
    fn of(
        pulse: &SourcePulse,
        title: &str,
        (spec, certificate): (Option<&SilenceSpec>, &CertificateWatch),
        (ignored, now): (bool, Millis),
    ) -> Self {
        let when = |at| Moment::of(at, now).exact;
        let silence = pulse.silence.filter(|_| !ignored).map(|silence| SilenceTold {
            sentence: format!(
                "{title} has been silent for {}; on a {} it usually sends {} an hour.",
                lasting(now - silence.since),
                weekday(now),
                per_hour(silence.usually)
            ),
            since: silence.since,
            missed: silence.missed.round() as i64,
            causes: causes(spec, certificate.seen(), &when),
            fine: certificate.seen().and_then(|seen| seen.cleared(&when)),
            sure: match spec.map(|spec| spec.verified) {
                Some(Verified::Unverified) => {
                    "Nobody of us has seen these happen; they are as others tell them."
                }
                _ => "",
            },
        });
        let counts: Vec<(u16, i64)> = pulse.refused.iter().map(|one| (one.status, one.answers)).collect();
        let refused = refused_in_words(&counts).map(|told| {
            let last = pulse.refused.iter().map(|one| one.last_at).max().unwrap_or(now);
            let failures = spec.map(|spec| spec.failures.as_str()).unwrap_or_default();
            format!("{told} The last one was {}. {failures}", Moment::of(last, now).ago).trim_end().to_owned()
        });
        Self {
            name: pulse.name.clone(),
            title: title.to_owned(),
            last: pulse.last,
            usual: pulse.usual,
            lately: pulse.lately,
            silence,
            refused,
            pulse: pulse.clone(),
            downs: pulse
                .downs
                .iter()
                .rev()
                .take(DOWNS_MAX)
                .map(|(down, usual)| away(down, *usual, now))
                .collect(),
        }
    }

    /// Whether it sends, as a mark.
    pub fn mark(&self) -> Mark {
        match (self.last, &self.silence) {
            (None, _) => Mark::new(Tone::Waiting, "waits for its first webhook"),
            (_, Some(_)) => Mark::new(Tone::Waiting, "silent longer than usual"),
            _ => Mark::new(Tone::Good, "sends"),
        }
    }

    /// Its page.
    pub fn address(&self) -> String {
        format!("/sources/{}", in_address(&self.name))
    }
}

/// What may be the matter: the certificate first, where it was seen to be.
fn causes(
    spec: Option<&SilenceSpec>,
    seen: Option<&CertificateSeen>,
    when: &dyn Fn(Millis) -> String,
) -> Vec<String> {
    let asks = spec.map(|spec| spec.certificate.as_str()).unwrap_or_default();
    let seen = seen.and_then(|seen| seen.as_cause(when));
    let seen = seen.map(|seen| format!("{seen} {asks}").trim_end().to_owned());
    seen.into_iter().chain(spec.into_iter().flat_map(|spec| spec.causes.iter().cloned())).collect()
}

/// `Waypost was not running from 08:12 today to 09:40 today, 1 hour 28 minutes. About 18 webhooks usually come in such a time.`
fn away(down: &Stretch, usual: Option<f64>, now: Millis) -> String {
    let to = if now - down.to < 24 * HOUR { clock_time(down.to) } else { since_words(down.to, now) };
    let missed = match usual.map(f64::round) {
        Some(many) if many >= 1.0 => {
            format!(
                " About {} usually come in such a time; what was not sent again is missing.",
                counted(many as i64, "webhook")
            )
        }
        _ => String::new(),
    };
    format!(
        "Waypost was not running from {} to {to} ({}).{missed}",
        since_words(down.from, now),
        lasting_finely(down.to - down.from)
    )
}

/// `3 hours`, `2 days`; within the first two hours in minutes.
fn lasting(silent: Millis) -> String {
    let hours = silent / HOUR;
    match hours {
        ..2 => counted((silent / 60_000).max(1), "minute"),
        2..48 => counted(hours, "hour"),
        _ => counted(hours / 24, "day"),
    }
}

/// `1 hour 28 minutes`.
fn lasting_finely(ms: Millis) -> String {
    let minutes = (ms / 60_000).max(1);
    match (minutes / 60, minutes % 60) {
        (0, minutes) => counted(minutes, "minute"),
        (hours @ 1..48, 1..) => format!("{} {}", counted(hours, "hour"), counted(minutes % 60, "minute")),
        (hours @ 1..48, _) => counted(hours, "hour"),
        (hours, _) => counted(hours / 24, "day"),
    }
}

/// `14`, `2.5`, `less than 1`.
pub fn per_hour(rate: f64) -> String {
    if rate >= 9.5 {
        format!("{rate:.0}")
    } else if rate >= 0.95 {
        format!("{rate:.1}").trim_end_matches(".0").to_owned()
    } else if rate > 0.0 {
        String::from("less than 1")
    } else {
        String::from("0")
    }
}

#[cfg(test)]
impl Rate {
    /// One that waits, one that sends, one that is silent with all that can be wrong. `word` stands wherever a name may.
    pub(super) fn samples(word: &str, now: Millis) -> Vec<Self> {
        use crate::domain::Silence;
        use crate::ports::RefusedWebhooks;
        let spec = SilenceSpec {
            causes: vec![word.to_owned(), word.to_owned()],
            certificate: word.to_owned(),
            failures: word.to_owned(),
            verified: Verified::Unverified,
        };
        let certificates = super::certificate_told::samples(word, now);
        let of = |pulse: &SourcePulse| Self::of(pulse, word, (Some(&spec), &certificates[2]), (false, now));
        let name = word.to_owned();
        let refused = |status, answers| RefusedWebhooks {
            source: name.clone(),
            status,
            answers,
            last_at: now - 60_000,
        };
        vec![
            of(&SourcePulse { name: name.clone(), ..SourcePulse::default() }),
            of(&SourcePulse {
                name: name.clone(),
                last: Some(now - 60_000),
                lately: 300,
                usual: Some(14.2),
                ..SourcePulse::default()
            }),
            of(&SourcePulse {
                name: name.clone(),
                last: Some(now - 3 * HOUR),
                usual: Some(14.2),
                silence: Some(Silence { since: now - 3 * HOUR, usually: 14.0, missed: 42.0 }),
                refused: vec![refused(404, 1), refused(503, 3)],
                downs: vec![(Stretch { from: now - 3 * HOUR, to: now - 2 * HOUR + 60_000 }, Some(18.4))],
                ..SourcePulse::default()
            }),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::{HOUR, Rate, lasting, lasting_finely};
    use crate::app::SourcePulse;

    const NOW: i64 = 1_805_000_000_000;

    #[test]
    fn a_source_that_is_silent_says_since_when_why_and_what_was_refused() {
        let silent = Rate::samples("FareHarbor", NOW).pop().unwrap();
        let silence = silent.silence.unwrap();
        assert_eq!(
            silence.sentence,
            "FareHarbor has been silent for 3 hours; on a Sunday it usually sends 14 an hour."
        );
        assert_eq!((silence.missed, silence.since), (42, NOW - 3 * HOUR));
        assert_eq!(
            silence.causes[0],
            "The certificate that FareHarbor shows is for FareHarbor, FareHarbor: no webhook is delivered. FareHarbor",
            "what was seen of it comes first"
        );
        assert_eq!((silence.causes.len(), silence.fine), (3, None));
        assert_eq!(
            silent.refused.as_deref(),
            Some(
                "3 webhooks were answered with 503 (it could not be stored just then) and 1 with 404 (a wrong or old address) \
                 in the last 24 hours. The last one was 1 minute ago. FareHarbor"
            )
        );
        assert_eq!(
            silent.downs,
            [
                "Waypost was not running from 01:53 UTC today to 02:54 UTC (1 hour 1 minute). About 18 webhooks usually come in such a \
                 time; what was not sent again is missing."
            ]
        );
    }

    #[test]
    fn nobody_is_told_of_a_silence_that_is_to_be_ignored() {
        let pulse = SourcePulse {
            silence: Some(crate::domain::Silence { since: 0, usually: 1.0, missed: 9.0 }),
            ..SourcePulse::default()
        };
        let unseen = (None, &crate::domain::CertificateWatch::Off);
        assert!(Rate::of(&pulse, "x", unseen, (false, NOW)).silence.is_some());
        assert!(Rate::of(&pulse, "x", unseen, (true, NOW)).silence.is_none());
    }

    #[test]
    fn times_are_told_as_finely_as_one_wants_to_know() {
        let told = [15, 119, 120, 47 * 60, 48 * 60].map(|minutes| lasting(minutes * 60_000));
        assert_eq!(told, ["15 minutes", "119 minutes", "2 hours", "47 hours", "2 days"]);
        let told = [2, 60, 61, 600, 47 * 60 + 1, 48 * 60 + 9].map(|minutes| lasting_finely(minutes * 60_000));
        assert_eq!(
            told,
            ["2 minutes", "1 hour", "1 hour 1 minute", "10 hours", "47 hours 1 minute", "2 days"]
        );
    }
}
