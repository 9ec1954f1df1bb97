//! A group of runs that need a person, in the words of a front desk: what went wrong, for how many, where in which rule, and
//! the way out. PURE: from the group and what the rules say of it. No status numbers here; they stand in a run's details.

use super::errors::capital;
use super::page::in_address;
use super::scene::Scene;
use super::words::way_out_of;
use crate::domain::VerdictCode;
use crate::ports::{CauseGroup, GUESTS_MAX};
use crate::rules::{Rule, Ruleset, Step};

/// A group in words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CauseWords {
    /// What went wrong, for how many.
    pub sentence: String,
    /// What to do.
    pub way_out: Option<String>,
    /// `Rule “Guests into HubSpot”, line 12`.
    pub place: String,
    /// Name of that rule, in an address.
    pub rule: String,
    /// The line in its file.
    pub line: Option<u32>,
}

/// Where in the rules a group comes from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CausePlaceTold {
    /// The field that the message names.
    pub field: Option<String>,
    /// The line of that field, else of the step.
    pub line: Option<u32>,
}

/// `14 guests`, as far as they are counted.
pub fn guests(count: i64) -> String {
    match count {
        1 => "1 guest".to_owned(),
        many if many > GUESTS_MAX => format!("more than {GUESTS_MAX} guests"),
        many => format!("{many} guests"),
    }
}

/// The group in words.
pub fn cause_words(group: &CauseGroup, place: &CausePlaceTold, scene: &Scene) -> CauseWords {
    let crm = scene.connection(&group.cause.connection);
    let crm = if crm.is_empty() { "the connection".to_owned() } else { crm };
    let who = guests(group.guests.max(1));
    let (is, has) = if group.guests <= 1 { ("is", "has") } else { ("are", "have") };
    let why = reason(group);
    let after =
        |head: String| if why.is_empty() { format!("{head}.") } else { format!("{head}: {}", ended(&why)) };
    let sentence = match group.cause.code {
        VerdictCode::Refused => match (&place.field, of_the_field(&why, place.field.as_deref())) {
            (Some(field), Some(why)) => {
                format!("{crm} refuses the {} of {who}: {}", field.replace('_', " "), ended(&why))
            }
            _ => after(format!("{who} {is} not in {crm}")),
        },
        VerdictCode::Mapping => after(format!("The rule can't fill its fields for {who}")),
        VerdictCode::OutputMissing => {
            after(format!("{crm} did not answer what the next step needs, for {who}"))
        }
        VerdictCode::GaveUp => after(format!("{crm} kept failing, so {who} {is} not there")),
        VerdictCode::OutcomeUnknown => format!(
            "Nobody knows whether {crm} has {who}: its answer was lost on the way, and it can't be looked up."
        ),
        VerdictCode::Gone => format!("The record of {who} was deleted in {crm}."),
        VerdictCode::ConnectionGone => {
            format!("{who} {is} not sent: the connection {} was deleted.", quoted(&group.cause.connection))
        }
        VerdictCode::ByHand => format!("{who} {has} been held by hand."),
        _ => after(format!("{who} {is} not in {crm}")),
    };
    let rule = quoted(&scene.rule(&group.cause.rule));
    CauseWords {
        sentence: capital(&sentence),
        way_out: way_out_of(group.cause.code, &crm),
        rule: in_address(&group.cause.rule),
        line: place.line,
        place: match place.line {
            Some(line) => format!("Rule {rule}, line {line}"),
            None => format!("Rule {rule}"),
        },
    }
}

fn quoted(name: &str) -> String {
    format!("“{name}”")
}

/// The CRM's or the rule's own words, without numbers of the wire, places and counts of tries. Of one guest with all its
/// values; of several without what differs.
fn reason(group: &CauseGroup) -> String {
    let text = if group.guests > 1 && !group.cause.pattern.is_empty() {
        &group.cause.pattern
    } else {
        &group.message
    };
    let mut text = text.trim();
    if let Some((head, rest)) = text.split_once(": ")
        && (head.starts_with("given up after ") || is_place(head))
    {
        text = rest;
    }
    without_status(text)
}

/// `guests.yaml:12`.
fn is_place(text: &str) -> bool {
    text.rsplit_once(':').is_some_and(|(file, line)| {
        let yaml = file.rsplit_once('.').is_some_and(|(_, ending)| ending == "yaml");
        yaml && !line.is_empty() && line.chars().all(|c| c.is_ascii_digit() || c == '…')
    })
}

/// `HTTP 404: no such record` is `no such record`.
fn without_status(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("HTTP ") {
        out.push_str(&rest[..at]);
        let after = &rest[at + "HTTP ".len()..];
        let digits = after.find(|c: char| !c.is_ascii_digit()).unwrap_or(after.len());
        if digits != 3 {
            out.push_str("HTTP ");
            rest = after;
            continue;
        }
        let after = &after[digits..];
        rest = match after.strip_prefix(", with nothing said") {
            Some(rest) => {
                out.push_str("it did not say why");
                rest
            }
            None => match after.strip_prefix(", with a page that is not for programs") {
                Some(rest) => {
                    out.push_str("it answered with a page that is not for programs");
                    rest
                }
                None => after.strip_prefix(": ").unwrap_or(after),
            },
        };
    }
    out.push_str(rest);
    out.trim().to_owned()
}

/// What is said of the field itself: behind `the property amount: `.
fn of_the_field(why: &str, field: Option<&str>) -> Option<String> {
    let field = field?;
    let at = why.find(&format!("{field}: ")).map(|at| at + field.len() + 2)?;
    Some(why[at..].trim().to_owned()).filter(|rest| !rest.is_empty())
}

/// With a full stop.
fn ended(text: &str) -> String {
    if text.ends_with(['.', '!', '?', '…']) { text.to_owned() } else { format!("{text}.") }
}

/// Which field and line of the rules of now the group's message is about.
pub fn cause_place(group: &CauseGroup, ruleset: Option<&Ruleset>) -> CausePlaceTold {
    let mut told = CausePlaceTold { field: None, line: line_of_message(&group.message) };
    let rule: Option<&Rule> =
        ruleset.and_then(|ruleset| ruleset.rules.get(&group.cause.rule)).map(|rule| &**rule);
    let step: Option<&Step> =
        rule.and_then(|rule| rule.steps.iter().find(|step| step.id == group.cause.step));
    let Some(step) = step else { return told };
    // The longest first: `phone_country` before `phone`.
    let named = step.with.iter().filter(|field| names(&group.message, &field.name));
    if let Some(field) = named.max_by_key(|field| field.name.len()) {
        told.field = Some(field.name.clone());
        told.line = told.line.or(Some(field.line));
    }
    told.line = told.line.or(Some(step.line));
    told
}

/// `guests.yaml:12: …` is about line 12.
fn line_of_message(message: &str) -> Option<u32> {
    let (head, _) = message.split_once(": ")?;
    is_place(head).then(|| head.rsplit_once(':')?.1.parse().ok()).flatten()
}

/// Whether a text has this word.
fn names(text: &str, word: &str) -> bool {
    let joined = |c: char| c.is_alphanumeric() || c == '_';
    !word.is_empty()
        && text
            .match_indices(word)
            .any(|(at, _)| !text[..at].ends_with(joined) && !text[at + word.len()..].starts_with(joined))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{Cause, without_values};

    fn group(code: VerdictCode, message: &str, guests: i64) -> CauseGroup {
        CauseGroup {
            key: "0".repeat(20),
            cause: Cause {
                connection: "crm".into(),
                rule: "guests".into(),
                step: "contact".into(),
                code,
                pattern: without_values(message, &[]),
            },
            message: message.into(),
            needs: guests,
            under_way: 0,
            guests,
            first_at: 1,
            last_at: 2,
            moved_at: 2,
        }
    }

    fn told(code: VerdictCode, message: &str, guests: i64, place: &CausePlaceTold) -> String {
        let mut scene = Scene::default();
        scene.connection_titles.insert("crm".into(), "HubSpot".into());
        scene.rule_titles.insert("guests".into(), "Guests into HubSpot".into());
        let words = cause_words(&group(code, message, guests), place, &scene);
        format!("{}\n  {}\n  {}", words.sentence, words.place, words.way_out.unwrap_or_default())
    }

    #[test]
    fn each_class_says_what_went_wrong_for_how_many_and_what_to_do() {
        let at = |field: Option<&str>, line| CausePlaceTold { field: field.map(str::to_owned), line };
        let (none, phone) = (at(None, None), at(Some("phone"), Some(12)));
        let cases = [
            told(
                VerdictCode::Refused,
                "HubSpot does not take the property phone: it has no country code",
                14,
                &phone,
            ),
            told(VerdictCode::Refused, "Email address guest1@example.org is invalid", 1, &phone),
            told(VerdictCode::Refused, "Email address guest1@example.org is invalid", 14, &phone),
            told(VerdictCode::Refused, "HTTP 404, with nothing said", 2, &none),
            told(VerdictCode::Refused, "HTTP 422: no such tag", 5_000, &none),
            told(
                VerdictCode::Mapping,
                "guests.yaml:12: \"phone\" is missing in event evt_01",
                1,
                &at(None, Some(12)),
            ),
            told(VerdictCode::GaveUp, "given up after 9 tries: HTTP 503: down for maintenance", 3, &none),
            told(VerdictCode::OutcomeUnknown, "the answer was lost", 1, &none),
            told(VerdictCode::Gone, "HTTP 404: gone", 2, &none),
            told(VerdictCode::ConnectionGone, "the connection was deleted", 2, &none),
            told(VerdictCode::ByHand, "Held by somebody.", 1, &none),
            told(VerdictCode::OutputMissing, "", 2, &none),
        ];
        for case in &cases {
            assert!(!case.contains("HTTP") && !case.chars().any(|c| c == '!'), "{case}");
        }
        insta::assert_snapshot!(cases.join("\n"));
    }

    #[test]
    fn words_of_a_message_are_whole_words() {
        assert!(names("the property phone: bad", "phone") && !names("phone_country", "phone"));
        assert!(!names("anything", ""));
        assert_eq!(line_of_message("guests.yaml:12: x"), Some(12));
        assert_eq!(line_of_message("12: x"), None);
        assert_eq!(line_of_message("no place"), None);
    }
}
