//! Why a run needs a person, so that runs that fail for one reason are one group: connection, rule, step, class of the
//! failure, and the message without what differs from guest to guest. PURE: the same run always has the same key.
//! Computed where a run fails or is held, stored by the store, told by the faces.

use super::{StepProgress, StepState, Verdict, VerdictCode};
use sha2::{Digest, Sha256};
use std::fmt::Write as _;

/// Characters of a pattern. Messages are capped already; an expression's may be longer.
const PATTERN_CHARS_MAX: usize = 300;
/// Values of the guest that are looked for in a message.
const VALUES_MAX: usize = 100;
/// A shorter value is left in: "a" is in every message.
const VALUE_CHARS_MIN: usize = 3;
/// What stands for something that was taken out.
const GAP: char = '…';

/// Words after which a quoted name is a name of the CRM's or of the rule's, not a guest's value.
const NAMED: [&str; 18] = [
    "property",
    "properties",
    "field",
    "column",
    "attribute",
    "input",
    "parameter",
    "key",
    "connection",
    "rule",
    "step",
    "action",
    "object",
    "secret",
    "output",
    "scope",
    "function",
    "table",
];

/// Why a run needs a person.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Cause {
    /// The connection of the step.
    pub connection: String,
    /// The rule.
    pub rule: String,
    /// The step that did not go through; empty where the run never came to one.
    pub step: String,
    /// The class of the failure.
    pub code: VerdictCode,
    /// The message without what differs from guest to guest; empty where a person did it.
    pub pattern: String,
}

/// Whose verdict it is.
#[derive(Clone, Copy, Debug)]
pub struct CausePlace<'a> {
    /// Connection of the current step.
    pub connection: &'a str,
    /// Name of the rule.
    pub rule: &'a str,
    /// The run's steps.
    pub steps: &'a [StepProgress],
}

impl Cause {
    /// The cause of a run that ends `failed` or is `held` with this verdict. `values` are texts that were about to be
    /// sent: they are the guest's and are taken out of the message wherever they stand.
    pub fn of(place: CausePlace<'_>, verdict: Option<&Verdict>, values: &[&str]) -> Self {
        let at = |state| place.steps.iter().find(|step| step.state == state);
        let step = at(StepState::Failed).or_else(|| at(StepState::Waiting));
        let code = verdict.map_or(VerdictCode::Refused, |verdict| verdict.code);
        let pattern = match verdict {
            // Who did it, and why, is told by each run.
            Some(verdict) if code != VerdictCode::ByHand => without_values(&verdict.text, values),
            _ => String::new(),
        };
        Self {
            connection: place.connection.to_owned(),
            rule: place.rule.to_owned(),
            step: step.map_or_else(String::new, |step| step.id.clone()),
            code,
            pattern,
        }
    }

    /// The stable key: 20 hexadecimal digits.
    pub fn key(&self) -> String {
        let mut hasher = Sha256::new();
        for part in [&self.connection, &self.rule, &self.step, self.code.as_str(), &self.pattern] {
            hasher.update((part.len() as u64).to_le_bytes());
            hasher.update(part.as_bytes());
        }
        hasher.finalize().iter().take(10).fold(String::new(), |mut hex, byte| {
            // Writing to memory does not fail.
            let _ = write!(hex, "{byte:02x}");
            hex
        })
    }
}

/// The key of what waits because its connection takes no calls, for this `why` (`paused`, `needs_auth`, `tripped`). No run
/// is written for it: which they are is told by the connection.
pub fn waits_key(connection: &str, why: &str) -> String {
    Cause {
        connection: connection.to_owned(),
        rule: String::new(),
        step: String::new(),
        code: VerdictCode::Refused,
        pattern: format!("waits: {why}"),
    }
    .key()
}

/// Whether this may be the key of a cause.
pub fn is_cause_key(text: &str) -> bool {
    text.len() == 20 && text.bytes().all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f'))
}

/// A message with `…` for what differs from guest to guest: the guest's own values, quoted values (but not quoted names of
/// properties and the like), e-mails, ids, numbers, dates.
pub fn without_values(message: &str, values: &[&str]) -> String {
    let mut text = message.to_owned();
    let mut values: Vec<&str> = values.iter().map(|value| value.trim()).collect();
    values.retain(|value| value.chars().count() >= VALUE_CHARS_MIN);
    // The longest first: "Siobhán Ní Bhriain" before "Siobhán".
    values.sort_by_key(|value| (std::cmp::Reverse(value.len()), *value));
    values.dedup();
    for value in values.into_iter().take(VALUES_MAX) {
        text = without_word(&text, value);
    }
    let words = without_odd_words(&without_quoted(&text));
    let mut pattern = String::with_capacity(words.len());
    for c in words.split_whitespace().collect::<Vec<_>>().join(" ").chars().take(PATTERN_CHARS_MAX) {
        if c != GAP || !pattern.ends_with(GAP) {
            pattern.push(c);
        }
    }
    pattern
}

/// Takes a value out where it stands as a whole word.
fn without_word(text: &str, value: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(value) {
        let (before, from) = rest.split_at(at);
        let after = &from[value.len()..];
        let joined = |c: char| c.is_alphanumeric() || c == '_';
        out.push_str(before);
        let whole = !out.ends_with(joined) && !after.starts_with(joined);
        if whole {
            out.push(GAP);
        } else {
            out.push_str(value);
        }
        rest = after;
    }
    out.push_str(rest);
    out
}

/// Takes quoted values out; a quoted name stays.
fn without_quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((at, open)) = rest.char_indices().find(|(_, c)| matches!(c, '"' | '“' | '\'' | '«')) {
        let close = match open {
            '“' => '”',
            '«' => '»',
            same => same,
        };
        let within = &rest[at + open.len_utf8()..];
        out.push_str(&rest[..at]);
        // An apostrophe within a word quotes nothing.
        let opens = open != '\'' || !out.ends_with(char::is_alphanumeric);
        let end = within.find(close).filter(|_| opens);
        let Some(end) = end else {
            out.push(open);
            rest = within;
            continue;
        };
        let quoted = &within[..end];
        let named = is_name(quoted) && (quoted.contains('_') || after_a_noun(&out));
        out.push(open);
        if named {
            out.push_str(quoted);
        } else {
            out.push(GAP);
        }
        out.push(close);
        rest = &within[end + close.len_utf8()..];
    }
    out.push_str(rest);
    out
}

/// `shoe_size`, `lifecyclestage`, `phone2`: what programs call things.
fn is_name(text: &str) -> bool {
    let letters = text.trim_end_matches(|c: char| c.is_ascii_digit());
    text.len() - letters.len() <= 2
        && text.len() <= 80
        && letters.starts_with(|c: char| c.is_ascii_alphabetic())
        && letters.chars().all(|c| c.is_ascii_alphabetic() || matches!(c, '_' | '.' | '-'))
}

fn after_a_noun(text: &str) -> bool {
    let last = text.split_whitespace().next_back().unwrap_or_default();
    let last = last.trim_matches(|c: char| !c.is_alphanumeric()).to_lowercase();
    NAMED.contains(&last.as_str())
}

/// Whether a name is that of a rule's file.
fn is_yaml(file: &str) -> bool {
    file.rsplit_once('.').is_some_and(|(_, ending)| ending == "yaml")
}

/// Takes out words with digits or an `@`: numbers, ids, dates, e-mails. The status after "HTTP" stays, and so do names
/// with a number at their end.
fn without_odd_words(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut word = String::new();
    let mut status_follows = false;
    let belongs = |c: char| {
        c.is_alphanumeric()
            || matches!(c, '_' | '-' | '@' | '.' | '+' | '/' | ':' | '%' | '#' | '&' | '=' | '?')
    };
    let mut flush = |word: &mut String, out: &mut String| {
        let tail_from = word.trim_end_matches(['.', ':', '-', '?', '/']).len();
        let (body, tail) = word.split_at(tail_from);
        let status = status_follows && body.len() == 3 && body.bytes().all(|c| c.is_ascii_digit());
        let odd = body.contains('@') || body.chars().any(char::is_numeric);
        match body.rsplit_once(':') {
            // A place in a file: the line moves when the file is mended.
            Some((file, line)) if !file.contains(':') && is_yaml(file) && line.parse::<u32>().is_ok() => {
                out.push_str(file);
                out.push(':');
                out.push(GAP);
            }
            _ if odd && !status && !is_name(body) => out.push(GAP),
            _ => out.push_str(body),
        }
        out.push_str(tail);
        if !word.is_empty() {
            status_follows = body == "HTTP";
        }
        word.clear();
    };
    for c in text.chars() {
        if belongs(c) {
            word.push(c);
        } else {
            flush(&mut word, &mut out);
            out.push(c);
        }
    }
    flush(&mut word, &mut out);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cause(text: &str) -> Cause {
        let place = CausePlace { connection: "crm", rule: "guests", steps: &[] };
        Cause::of(place, Some(&Verdict::new(VerdictCode::Refused, text)), &[])
    }

    #[test]
    fn what_differs_from_guest_to_guest_is_taken_out() {
        let cases = [
            ("Email address guest1@example.org is invalid", "Email address … is invalid"),
            (
                "HubSpot does not take the property amount: \"seventy\" was not a valid number.",
                "HubSpot does not take the property amount: \"…\" was not a valid number.",
            ),
            ("property \"shoe_size\" does not exist", "property \"shoe_size\" does not exist"),
            ("Property 'lifecyclestage' is read-only", "Property 'lifecyclestage' is read-only"),
            ("no option “Siobhán Ní Bhriain”", "no option “…”"),
            (
                "the guest's phone +49 123 456 789 has no country code",
                "the guest's phone … … … … has no country code",
            ),
            ("HTTP 404: no record 1551", "HTTP 404: no record …"),
            (
                "given up after 9 tries: HTTP 503, with nothing said",
                "given up after … tries: HTTP 503, with nothing said",
            ),
            (
                "guests.yaml:12: `phone` is missing in event evt_01m827nrzq3v6k1d2h8x7w5t9c",
                "guests.yaml:…: `phone` is missing in event …",
            ),
            ("starts 2027-03-14T09:30:00-1000, seat 12A (70000001)", "starts …, seat … (…)"),
            ("address_line_2 and phone2 are too long", "address_line_2 and phone2 are too long"),
            ("id 0f0e1d2c-aaaa-4000-8000-000000000001.", "id …."),
            ("say \"it\" 'twice", "say \"…\" 'twice"),
            ("", ""),
        ];
        for (message, pattern) in cases {
            assert_eq!(without_values(message, &[]), pattern, "{message}");
        }
    }

    #[test]
    fn the_values_that_were_to_be_sent_are_the_guests_wherever_they_stand() {
        let told = |name: &str| {
            let message = format!("Email address {name} is invalid, says {name}, but names stay");
            without_values(&message, &[name, "is", "name"])
        };
        assert_eq!(told("no address"), "Email address … is invalid, says …, but names stay");
        assert_eq!(told("no address"), told("Ólafur Ævar"));
    }

    #[test]
    fn one_reason_is_one_key_and_another_place_is_another() {
        let one = cause("Email address guest1@example.org is invalid");
        assert_eq!(one.key(), cause("Email address guest2@example.org is invalid").key());
        assert!(is_cause_key(&one.key()), "{}", one.key());
        let others = [
            cause("Phone of guest1@example.org is invalid"),
            Cause { connection: "other".into(), ..one.clone() },
            Cause { rule: "other".into(), ..one.clone() },
            Cause { step: "other".into(), ..one.clone() },
            Cause { code: VerdictCode::Gone, ..one.clone() },
            // What is joined differently is different.
            Cause { connection: "crmg".into(), rule: "uests".into(), ..one.clone() },
        ];
        for other in others {
            assert_ne!(one.key(), other.key(), "{other:?}");
        }
    }

    #[test]
    fn no_message_is_too_odd() {
        for message in
            ["\"", "“", "'''", "@", "…", "\u{0}\u{202e}\"", "::::", &"9".repeat(10_000), &"\"".repeat(999)]
        {
            let pattern = without_values(message, &["\"", "", "…", message]);
            assert!(pattern.chars().count() <= PATTERN_CHARS_MAX, "{message}");
        }
    }

    #[test]
    fn the_step_is_the_one_that_failed_else_the_one_that_waits() {
        let step = |id: &str, state| StepProgress {
            id: id.into(),
            uses: "crm.x".into(),
            state,
            attempts: 1,
            calls_done: 0,
            outputs: std::collections::BTreeMap::new(),
            known_id: None,
            started_over: false,
            verdict: None,
        };
        let of = |steps: &[StepProgress]| {
            Cause::of(CausePlace { connection: "crm", rule: "guests", steps }, None, &[]).step
        };
        assert_eq!(
            of(&[step("a", StepState::Done), step("b", StepState::Failed), step("c", StepState::Waiting)]),
            "b"
        );
        assert_eq!(of(&[step("a", StepState::Done), step("c", StepState::Waiting)]), "c");
        assert_eq!(of(&[]), "");
    }
}
