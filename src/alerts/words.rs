//! The words of letters: what is wrong, since when, what waits, what to do. Everything that people read in an alert is
//! here. No guest's data comes in: only titles of connections and sources, counts and times.

use super::signs::{Sign, Silent, Why};
use crate::connectors::OnSilence;
use crate::domain::{
    AlertOptions, CertificateGrade, CertificateSeen, CertificateState, CertificateWatch, Letter, LetterKind,
    Millis, OutageKind,
};
use crate::ports::Outage;
use crate::rules::Ruleset;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// Characters of a title in a headline.
const TITLE_CHARS_MAX: usize = 80;

/// What is written in an address as a percent sign and two digits.
const UNSAFE: &AsciiSet = &NON_ALPHANUMERIC.remove(b'_').remove(b'-');

/// Writes letters.
pub struct Words<'a> {
    base: &'a str,
    zone: TimeZone,
    /// Now.
    pub now: Millis,
    certificate: Option<&'a CertificateWatch>,
}

impl<'a> Words<'a> {
    /// For letters of now.
    pub fn new(base: &'a str, options: &AlertOptions, now: Millis) -> Self {
        Self { base, zone: TimeZone::get(&options.zone).unwrap_or(TimeZone::UTC), now, certificate: None }
    }

    /// With what was seen of the certificate of the address for webhooks.
    pub fn with_certificate(self, certificate: Option<&'a CertificateWatch>) -> Self {
        Self { certificate, ..self }
    }

    fn seen(&self) -> Option<&'a CertificateSeen> {
        self.certificate.and_then(CertificateWatch::seen)
    }

    /// Where the pages are.
    pub fn base(&self) -> &str {
        self.base
    }

    /// An outage began.
    pub fn alert(&self, outage: &Outage, sign: &Sign) -> Letter {
        self.letter(LetterKind::Alert, outage, sign, self.what(outage, sign))
    }

    /// It still lasts.
    pub fn reminder(&self, outage: &Outage, sign: &Sign) -> Letter {
        self.letter(LetterKind::Reminder, outage, sign, format!("Still: {}", self.what(outage, sign)))
    }

    fn letter(&self, kind: LetterKind, outage: &Outage, sign: &Sign, headline: String) -> Letter {
        Letter {
            kind,
            about: outage.kind.as_str().to_owned(),
            object: outage.object.clone(),
            outage: outage.id.clone(),
            headline,
            text: self.what_to_do(sign),
            link: self.link(outage),
            since: outage.opened_at,
            until: None,
            waiting: sign.waiting,
            at: self.now,
        }
    }

    /// What is wrong, since when.
    fn what(&self, outage: &Outage, sign: &Sign) -> String {
        let (title, since) = (one_line(&sign.title), self.time(outage.opened_at));
        match &sign.why {
            Why::NoAnswer => format!("{title} has not answered since {since}"),
            Why::Credential => format!("{title} has not taken its credential since {since}"),
            Why::NeedsYou { .. } | Why::Disk(_) | Why::Certificate(..) => in_short(sign),
            Why::Silent(_) => format!("{title} has sent nothing since {since}"),
        }
    }

    /// It is over.
    pub fn all_clear(&self, outage: &Outage, until: Millis, ruleset: Option<&Ruleset>) -> Letter {
        let known = |titles: Option<&String>| titles.map(|title| title.trim().to_owned());
        let title = match outage.kind {
            OutageKind::Connection => known(
                ruleset.and_then(|ruleset| ruleset.connections.get(&outage.object)).map(|known| &known.title),
            ),
            OutageKind::Silence => known(
                ruleset.and_then(|ruleset| ruleset.sources.get(&outage.object)).map(|known| &known.title),
            ),
            OutageKind::NeedsYou | OutageKind::Disk | OutageKind::Certificate => None,
        };
        let gone = title.is_none();
        let title = title.filter(|title| !title.is_empty()).unwrap_or_else(|| outage.object.clone());
        let title = one_line(&title);
        let from = self.time(outage.opened_at);
        let lasted = format!("from {from} to {} ({})", self.time(until), lasting(until - outage.opened_at));
        let (headline, text) = match outage.kind {
            OutageKind::Connection if gone => (
                format!("{title} is no longer used"),
                format!(
                    "Its outage, {lasted}, is over with that: the rules name no such connection any more."
                ),
            ),
            OutageKind::Silence if gone => (
                format!("{title} is no longer used"),
                format!("Its silence, {lasted}, is over with that: there is no such source any more."),
            ),
            OutageKind::Silence if is_ignored(outage, ruleset) => (
                format!("{title} is not listened for any more"),
                format!(
                    "Its silence, {lasted}, is over with that: its file says that nobody is to be told of it."
                ),
            ),
            OutageKind::Connection => (
                format!("{title} answers again"),
                format!("It did not {lasted}. What waited goes out by itself."),
            ),
            OutageKind::NeedsYou => (
                format!("Dealt with: {}", outage.headline),
                format!("It was so {lasted}. All of it was sent, cancelled or done by hand."),
            ),
            OutageKind::Silence => {
                (format!("{title} sends webhooks again"), format!("It was silent {lasted}."))
            }
            OutageKind::Disk => (
                String::from("There is room on Waypost's disk again"),
                format!("It was nearly full {lasted}."),
            ),
            OutageKind::Certificate => self.certificate_is_fine(&lasted),
        };
        Letter {
            kind: LetterKind::AllClear,
            about: outage.kind.as_str().to_owned(),
            object: outage.object.clone(),
            outage: outage.id.clone(),
            headline,
            text,
            link: self.link(outage),
            since: outage.opened_at,
            until: Some(until),
            waiting: 0,
            at: self.now,
        }
    }

    /// What waits, and what to do.
    fn what_to_do(&self, sign: &Sign) -> String {
        let wait = match sign.waiting {
            0 => String::from("Nothing waits for it."),
            1 => String::from("1 run waits; nothing is lost."),
            many => format!("{many} runs wait; nothing is lost."),
        };
        match &sign.why {
            Why::NoAnswer => format!(
                "{wait} What waits goes out by itself when it answers. If this lasts, look whether that system has an outage, \
                 or whether its address has changed."
            ),
            Why::Credential => format!(
                "{wait} What waits goes out when a new credential is set: make one in that system, and set it at the \
                 connection."
            ),
            Why::NeedsYou { rule, .. } => format!(
                "It is about the rule “{}”. Nothing of it is tried again by itself. The page says why, for whom, and what to \
                 do.",
                one_line(rule)
            ),
            Why::Silent(silent) => self.silent(silent),
            Why::Certificate(grade, seen) => self.certificate_is_not(*grade, seen),
            Why::Disk(_) => String::from(
                "When it is full, webhooks can't be stored and are answered with 503. Make room on the disk of the data \
                 folder.",
            ),
        }
    }

    /// What usually comes, and what it may be that it does not.
    fn silent(&self, silent: &Silent) -> String {
        let mut told = format!(
            "At this time of the week it usually sends about {} an hour, and about {:.0} in such a time.",
            per_hour(silent.usually),
            silent.missed
        );
        if let Some(away) = silent.away {
            told.push_str(&format!(
                " Waypost itself was not running from {} to {}.",
                self.time(away.from),
                self.time(away.to)
            ));
        }
        if let Some(sentence) = &silent.refused {
            told.push_str(&format!(" {sentence}"));
        }
        let when = |at| self.date_and_time(at);
        if let Some(fine) = self.seen().and_then(|seen| seen.cleared(&when)) {
            told.push_str(&format!(" {fine}"));
        }
        told.push_str(
            " Look whether bookings come in there, whether its webhook still points to Waypost, and whether Waypost can be \
             reached from outside.",
        );
        let seen = self.seen().and_then(|seen| seen.as_cause(&when));
        let seen = seen.map(|seen| format!("{seen} {}", silent.certificate).trim_end().to_owned());
        let causes: Vec<String> = seen.into_iter().chain(silent.causes.iter().cloned()).collect();
        if !causes.is_empty() {
            told.push_str(&format!(" What it may be: {}", causes.join(" ")));
        }
        told
    }

    /// What was seen of the certificate, what becomes of webhooks, and what to do.
    fn certificate_is_not(&self, grade: CertificateGrade, seen: &CertificateSeen) -> String {
        // Whether webhooks came in since is part of the grade already.
        let told = seen.told(None, self.now, &|at| self.date_and_time(at));
        let then = match grade {
            CertificateGrade::Bad => {
                "Booking systems deliver to a valid certificate only; what they send meanwhile may not come in."
            }
            _ => "When it has ended, booking systems deliver no webhook any more.",
        };
        format!("{} {then} What to do: {}.", told.text, told.way_out)
    }

    /// Headline and text of that it is well again.
    fn certificate_is_fine(&self, lasted: &str) -> (String, String) {
        let Some(seen) = self.seen() else {
            return (
                String::from("The certificate of the address for webhooks is not looked at any more"),
                format!(
                    "It was amiss {lasted}. Waypost has another address for webhooks now, or none with TLS."
                ),
            );
        };
        let host = one_line(&seen.host);
        match seen.cleared(&|at| self.date_and_time(at)) {
            Some(fine) => {
                (format!("The certificate of {host} is fine again"), format!("It was not {lasted}. {fine}"))
            }
            None => (
                format!("Webhooks come in again at {host}"),
                format!("It was amiss {lasted}. Seen from Waypost itself, it still shows no certificate."),
            ),
        }
    }

    fn link(&self, outage: &Outage) -> String {
        let path = match outage.kind {
            OutageKind::Connection => String::from("/connections"),
            OutageKind::NeedsYou => format!("/needs-you/{}", outage.object),
            OutageKind::Silence => format!("/sources/{}", utf8_percent_encode(&outage.object, UNSAFE)),
            OutageKind::Disk | OutageKind::Certificate => String::from("/"),
        };
        format!("{}{path}", self.base)
    }

    /// `Sat 14 March 2027, 08:12 IST`.
    fn date_and_time(&self, at: Millis) -> String {
        Timestamp::from_millisecond(at).map_or_else(
            |_| String::from("an unknown time"),
            |at| at.to_zoned(self.zone.clone()).strftime("%a %-d %B %Y, %H:%M %Z").to_string(),
        )
    }

    /// `08:12 IST`, with the day where that is another one than today.
    pub fn time(&self, at: Millis) -> String {
        let zoned = |at| Timestamp::from_millisecond(at).ok().map(|at| at.to_zoned(self.zone.clone()));
        match (zoned(at), zoned(self.now)) {
            (Some(at), Some(now)) if at.date() == now.date() => at.strftime("%H:%M %Z").to_string(),
            (Some(at), _) => at.strftime("%a %-d %B %Y, %H:%M %Z").to_string(),
            _ => String::from("an unknown time"),
        }
    }
}

/// What is wrong, without the time.
pub fn in_short(sign: &Sign) -> String {
    let title = one_line(&sign.title);
    match &sign.why {
        Why::NoAnswer => format!("{title} does not answer"),
        Why::Credential => format!("{title} does not take its credential"),
        Why::NeedsYou { guests, lost: true, .. } => {
            format!("Nobody knows whether {title} has {}", counted(*guests, "guest"))
        }
        Why::NeedsYou { guests: 1, .. } => format!("1 guest is not in {title}"),
        Why::NeedsYou { guests, .. } => format!("{guests} guests are not in {title}"),
        Why::Silent(_) => format!("{title} is silent"),
        Why::Disk(free) => {
            format!("Waypost's disk is nearly full: {:.1} GB are free", *free as f64 / 1e9)
        }
        Why::Certificate(grade, seen) => match (grade, &seen.found) {
            (CertificateGrade::Well | CertificateGrade::Soon, _) => {
                format!("The certificate of {title} ends soon")
            }
            (CertificateGrade::Urgent, _) => format!("The certificate of {title} ends within three days"),
            (CertificateGrade::Bad, Ok(CertificateState::Expired { .. })) => {
                format!("The certificate of {title} has ended")
            }
            (CertificateGrade::Bad, Ok(_)) => format!("The certificate of {title} is not taken"),
            (CertificateGrade::Bad, Err(_)) => format!("{title} shows no certificate"),
        },
    }
}

/// A title in one line of bounded length: whatever stands in a file can't begin another line of a letter.
pub fn one_line(text: &str) -> String {
    let words: Vec<&str> =
        text.split(|c: char| c.is_whitespace() || c.is_control()).filter(|word| !word.is_empty()).collect();
    words.join(" ").chars().take(TITLE_CHARS_MAX).collect()
}

/// `3 webhooks`.
pub fn counted(count: i64, what: &str) -> String {
    if count == 1 { format!("1 {what}") } else { format!("{count} {what}s") }
}

fn per_hour(rate: f64) -> String {
    if rate >= 0.95 { format!("{rate:.0}") } else { String::from("1") }
}

/// `1 hour 18 minutes`, `3 days`.
pub fn lasting(ms: Millis) -> String {
    let minutes = (ms / 60_000).max(1);
    let (hours, days) = (minutes / 60, minutes / (24 * 60));
    if hours == 0 {
        counted(minutes, "minute")
    } else if days == 0 && minutes % 60 > 0 {
        format!("{} {}", counted(hours, "hour"), counted(minutes % 60, "minute"))
    } else if days < 2 {
        counted(hours, "hour")
    } else {
        counted(days, "day")
    }
}

/// A source whose file says that nobody is to be told of its silence.
fn is_ignored(outage: &Outage, ruleset: Option<&Ruleset>) -> bool {
    let source = ruleset.and_then(|ruleset| ruleset.sources.get(&outage.object));
    source.is_some_and(|source| !source.enabled || source.on_silence == OnSilence::Ignore)
}
