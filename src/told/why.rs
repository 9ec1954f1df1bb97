//! What a change was and why nothing came of it, as sentences; and the signs that such a sentence may have. Told by the
//! commands, by the demo, and by the API.

use crate::domain::ChangeKind;
use crate::ports::ChangeView;
use crate::rules::Ruleset;

/// Characters of a reason.
const REASON_CHARS_MAX: usize = 400;

/// The same text with a capital letter at its start, unless it starts with a name: of a host, a type, a field.
pub fn capital(text: &str) -> String {
    let word = text.split_whitespace().next().unwrap_or_default();
    if word.trim_end_matches(['.', ':', ',', ';']).contains(['.', ':', '/', '_', '@']) {
        return text.to_owned();
    }
    let mut letters = text.chars();
    match letters.next() {
        Some(first) if first.is_lowercase() => first.to_uppercase().chain(letters).collect(),
        _ => text.to_owned(),
    }
}

/// One line of any text: control characters become blanks, and long ones are cut.
pub fn line_of(text: &str, chars_max: usize) -> String {
    let mut line: String =
        text.chars().take(chars_max).map(|c| if c.is_control() { ' ' } else { c }).collect();
    if text.chars().nth(chars_max).is_some() {
        line.push('…');
    }
    line
}

/// Changed paths, some of them by name.
pub fn paths_in_words(paths: &[String]) -> String {
    /// Paths that are named; a booking with more has changed all over.
    const NAMED: usize = 6;
    let mut words = paths.iter().take(NAMED).map(String::as_str).collect::<Vec<_>>().join(", ");
    if paths.len() > NAMED {
        words.push_str(&format!(" and {} more", paths.len() - NAMED));
    }
    line_of(&words, REASON_CHARS_MAX)
}

/// What a change was, as a sentence, and for one without effect why nothing is sent.
pub fn change_as_sentence(change: &ChangeView) -> String {
    let key = line_of(change.booking_key.as_deref().unwrap_or("?"), 80);
    let sentence = match change.kind {
        ChangeKind::Created => format!("Created: booking {key} was seen for the first time."),
        ChangeKind::Updated if change.paths.is_empty() => format!("Updated: booking {key} changed."),
        ChangeKind::Updated => {
            format!("Updated: booking {key} changed in {}.", paths_in_words(&change.paths))
        }
        ChangeKind::Cancelled => format!("Cancelled: booking {key} was cancelled."),
        ChangeKind::Rebooked => format!("Rebooked: booking {key} was replaced by another one."),
        ChangeKind::Deleted => format!("Deleted: booking {key} was deleted at the source."),
        ChangeKind::Unchanged => {
            format!("Unchanged, nothing to send: the same content as the present state of booking {key}.")
        }
        ChangeKind::Stale => {
            format!("Stale, nothing to send: older than the present state of booking {key}.")
        }
        ChangeKind::Coalesced => {
            "Coalesced, nothing to send by itself: what the booking system answered is an event of its own."
                .into()
        }
        ChangeKind::Refused => "Refused, nothing to send and nothing changed.".into(),
        ChangeKind::Fetching => "Waiting for fetch: the booking system is asked what changed.".into(),
        ChangeKind::Ignored => "Ignored, nothing to send: it is about nothing that is kept.".into(),
        ChangeKind::Unreadable => "Unreadable, nothing to send. The body is stored as it came.".into(),
    };
    match &change.note {
        Some(note) => format!("{sentence} {}", capital(&line_of(note, REASON_CHARS_MAX))),
        None => sentence,
    }
}

/// Why no rule made a run of a change with effect.
pub fn why_no_run(ruleset: Option<&Ruleset>, source: &str, change: &ChangeView) -> String {
    let kind = change.kind;
    let Some(ruleset) = ruleset else {
        return "Nothing to send: no rules are at work.".into();
    };
    let doors: Vec<_> =
        ruleset.rules.values().filter(|rule| rule.from.iter().any(|from| from == source)).collect();
    if doors.is_empty() {
        return format!("Nothing to send: no rule is `from: {source}`.");
    }
    let on: Vec<_> = doors.iter().filter(|rule| rule.enabled).collect();
    if on.is_empty() {
        return format!("Nothing to send: the rules from {source} are switched off (`enabled: false`).");
    }
    if on.iter().any(|rule| rule.about == "booking" && rule.asks_for(kind).is_some()) {
        return "Nothing was sent: no rule asked for it when it came. `waypost replay EVENT` plans it by the present \
                rules."
            .into();
    }
    format!("Nothing to send: no rule from {source} is `on:` {kind}.")
}

#[cfg(test)]
mod tests {
    use super::line_of;

    #[test]
    fn no_control_character_reaches_a_terminal() {
        assert_eq!(line_of("a\u{1b}[31mb\nc", 99), "a [31mb c");
        assert_eq!(line_of("abcdef", 3), "abc…");
    }
}
