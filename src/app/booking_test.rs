//! Makes a booking a test of a rule: its last webhook becomes a payload of the rules folder, and what the rule sends for it
//! (by a rehearsal) what the test expects. The payload is the guest's data as they came: the page that asks for it says so.

use super::App;
use super::publish::{Draft, PublishError};
use crate::domain::BookingId;
use crate::ports::PresentQuery;
use crate::rehearsal::{read_cases, rehearse_payload};
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;

/// Characters of a test's sentence.
const NAME_CHARS_MAX: usize = 120;

/// What would be published.
#[derive(Clone, Debug, Default)]
pub struct TestDraft {
    /// The payload and the file of the tests.
    pub drafts: Vec<Draft>,
    /// The test as it will stand there.
    pub entry: String,
}

impl App {
    /// A test of a rule from a booking. `Err(Wrong)` where it can't be one.
    pub async fn test_of_booking(
        self: &Arc<Self>,
        rule: &str,
        booking: &BookingId,
        name: &str,
    ) -> Result<TestDraft, PublishError> {
        let name = name.trim();
        if name.is_empty() || name.chars().count() > NAME_CHARS_MAX || name.chars().any(char::is_control) {
            return Err(PublishError::Wrong(
                "Say in one line of at most 120 characters what the test shows.",
            ));
        }
        let found = self.active().and_then(|active| Some((active.rules.get(rule)?.clone(), active)));
        let Some((rule, ruleset)) = found else {
            return Err(PublishError::Wrong("There is no such rule at work."));
        };
        let bookings = self.store.present_bookings(&PresentQuery::One(booking.clone())).await?;
        let Some(present) = bookings.into_iter().next() else {
            return Err(PublishError::Wrong("There is no such booking any more."));
        };
        let Some((event, stored)) = self.store.event(&present.event).await? else {
            return Err(PublishError::Wrong("The webhook of this booking is not kept any more."));
        };
        let Ok(payload) = String::from_utf8(stored.body) else {
            return Err(PublishError::Wrong("The webhook of this booking is no text."));
        };
        let (source, body) = (event.source.clone(), payload.clone().into_bytes());
        let work = {
            let rule = rule.clone();
            async move { Ok(rehearse_payload(&ruleset, &rule, (&source, body)).await?) }
        };
        let sent = self.think_apart(work).await?;
        let Ok((calls, steps)) = sent else {
            return Err(PublishError::Wrong("This webhook alone tells too little for a test."));
        };
        let suffix: String =
            event.id.as_str().chars().rev().take(10).collect::<Vec<_>>().into_iter().rev().collect();
        let given = format!("payloads/booking-{suffix}.json");
        let entry = entry(name, (&event.source, &given), calls, &steps);
        let file = format!("{}.test.yaml", rule.name);
        let (before, opened) =
            self.open_file(&file).await?.map_or((String::new(), None), |(text, hash)| (text, Some(hash)));
        let text = with_entry(&file, &before, &entry)?;
        let payload_opened = self.open_file(&given).await?.map(|(_, hash)| hash);
        Ok(TestDraft {
            drafts: vec![
                Draft { file: given, text: payload, opened: payload_opened },
                Draft { file, text, opened },
            ],
            entry,
        })
    }
}

/// The test in YAML. Texts are written as JSON writes them, which YAML reads the same.
fn entry(
    name: &str,
    (source, given): (&str, &str),
    calls: u64,
    steps: &BTreeMap<String, Map<String, Value>>,
) -> String {
    let quoted = |text: &str| Value::String(text.to_owned()).to_string();
    let mut entry = format!(
        "- name: {}\n  source: {}\n  given: {given}\n  expect:\n    sends: {calls}\n",
        quoted(name),
        quoted(source)
    );
    if !steps.is_empty() {
        entry.push_str("    steps:\n");
    }
    for (step, fields) in steps {
        let _ = writeln!(entry, "      {step}:{}", if fields.is_empty() { " {}" } else { "" });
        for (field, value) in fields {
            let _ = writeln!(entry, "        {}: {value}", quoted(field));
        }
    }
    entry
}

/// The file with one more test, where it reads as before but for that one.
fn with_entry(file: &str, before: &str, entry: &str) -> Result<String, PublishError> {
    let gap = match before {
        "" => "",
        text if text.ends_with("\n\n") => "",
        text if text.ends_with('\n') => "\n",
        _ => "\n\n",
    };
    let text = format!("{before}{gap}{entry}");
    let names = |text: &str| {
        let mut told = Vec::new();
        let cases = read_cases(file, text, &mut told);
        told.is_empty().then(|| cases.into_iter().map(|case| case.name).collect::<Vec<String>>())
    };
    let known = if before.trim().is_empty() { Some(Vec::new()) } else { names(before) };
    match (known, names(&text)) {
        (Some(known), Some(now)) if now.len() == known.len() + 1 && now.starts_with(&known) => Ok(text),
        _ => Err(PublishError::Wrong(
            "The file of the tests is written in a way that one can't be added to here. Add it by hand.",
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::{entry, with_entry};
    use serde_json::json;

    #[test]
    fn a_test_is_added_and_the_others_stay() {
        let fields = json!({ "name": "Siobhán \"N\"\n: x #", "tags": ["a", null], "n": 1.10 });
        let steps = [("contact".to_owned(), fields.as_object().unwrap().clone())].into();
        let made = entry("it's: a # test", ("tours", "payloads/a.json"), 1, &steps);
        let first = with_entry("a.test.yaml", "", &made).unwrap();
        let both = with_entry("a.test.yaml", &format!("# kept\n{}", first.trim_end()), &made).unwrap();
        assert!(both.starts_with("# kept\n- name: \"it's: a # test\"\n"), "{both}");
        assert_eq!(both.matches("given: payloads/a.json").count(), 2);
        for strange in ["[]", "a: 1", "- name: x", ": :"] {
            assert!(with_entry("a.test.yaml", strange, &made).is_err(), "{strange}");
        }
    }
}
