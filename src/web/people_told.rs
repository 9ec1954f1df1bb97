//! What became of the people of a booking, in words: "Ana was added, 1 person less". Pure. The lists and keys are the
//! connectors' own (`children:`); who somebody is, is told by a name where the source has one.

use super::diff::{capped, shown};
use crate::connectors::Children;
use crate::rules::Ruleset;
use serde_json::Value;
use std::collections::BTreeMap;

/// People who are named; the others are counted.
const NAMED_MAX: usize = 3;
/// People that a page lists.
const LISTED_MAX: usize = 150;
/// Answers that a page lists, and characters of one.
const ANSWERS_MAX: usize = 20;
const ANSWER_CHARS_MAX: usize = 300;
/// Characters of a name.
const NAME_CHARS_MAX: usize = 60;

/// Lists of people, or other children, that connectors know; each once.
pub fn lists(ruleset: Option<&Ruleset>) -> Vec<Children> {
    let mut lists: Vec<Children> = Vec::new();
    let connectors = ruleset.into_iter().flat_map(|ruleset| ruleset.catalogue.connectors.values());
    let records = connectors.flat_map(|connector| &connector.source).flat_map(|source| &source.records);
    for children in records.flat_map(|record| &record.children) {
        if !lists.contains(children) {
            lists.push(children.clone());
        }
    }
    lists
}

/// One of the people of a booking.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PersonTold {
    /// The name, else the number in the list.
    pub name: String,
    /// What kind of guest it is, and whether they checked in.
    pub more: String,
}

/// The people of a booking as it is, and how many more there are than are told.
pub fn people(lists: &[Children], body: &Value) -> (Vec<PersonTold>, usize) {
    let all: Vec<&Value> = lists
        .iter()
        .filter(|children| is_people(&children.name))
        .flat_map(|children| items(children, body))
        .collect();
    let told = all.iter().take(LISTED_MAX).enumerate().map(|(place, item)| {
        let kind = ["/customer_type_rate/customer_type/singular", "/customer_type/singular", "/type"]
            .iter()
            .find_map(|path| text(item.pointer(path)));
        let here =
            ["/checkin_status/name", "/checkin_status"].iter().find_map(|path| text(item.pointer(path)));
        let more: Vec<String> = kind.into_iter().chain(here).collect();
        PersonTold {
            name: name_of(item).unwrap_or_else(|| format!("Guest {}", place + 1)),
            more: more.join(", "),
        }
    });
    (told.collect(), all.len().saturating_sub(LISTED_MAX))
}

/// What was asked and answered with a booking, and what was noted: the question, and the answer.
pub fn answers(body: &Value) -> Vec<(String, String)> {
    let noted = [("note", "Note"), ("comment", "Comment"), ("guestComment", "The guest's comment")];
    let notes = noted.into_iter().filter_map(|(name, words)| {
        let text = body.get(name)?.as_str()?.trim();
        (!text.is_empty()).then(|| (words.to_owned(), capped(text, ANSWER_CHARS_MAX)))
    });
    let fields = body.get("custom_field_values").and_then(Value::as_array).into_iter().flatten();
    let fields = fields.filter_map(|field| {
        let title = text(field.get("name")).or_else(|| text(field.get("custom_field")?.get("title")))?;
        let answer = ["display_value", "value"].into_iter().find_map(|name| match field.get(name)? {
            Value::String(text) if !text.trim().is_empty() => Some(capped(text.trim(), ANSWER_CHARS_MAX)),
            Value::Number(number) => Some(number.to_string()),
            Value::Bool(yes) => Some(if *yes { "yes" } else { "no" }.to_owned()),
            _ => None,
        })?;
        Some((title, answer))
    });
    notes.chain(fields).take(ANSWERS_MAX).collect()
}

/// What became of them; `None` where nobody came or left.
pub fn came_and_left(lists: &[Children], before: &Value, after: &Value) -> Option<String> {
    let mut words = Vec::new();
    for children in lists {
        let (old, new) = (by_key(children, before), by_key(children, after));
        let added: Vec<&Value> =
            new.iter().filter(|(key, _)| !old.contains_key(*key)).map(|(_, v)| *v).collect();
        let left: Vec<&Value> =
            old.iter().filter(|(key, _)| !new.contains_key(*key)).map(|(_, v)| *v).collect();
        words.extend(told(&children.name, &added, "added", "more"));
        words.extend(told(&children.name, &left, "removed", "less"));
    }
    let text = words.join(", ");
    let mut letters = text.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect())
}

/// `Ana and Bo were added`, `1 person less`.
fn told(name: &str, items: &[&Value], verb: &str, count: &str) -> Option<String> {
    if items.is_empty() {
        return None;
    }
    let names: Vec<String> = items.iter().filter_map(|item| name_of(item)).collect();
    if names.len() < items.len() || names.len() > NAMED_MAX {
        return Some(format!("{} {count}", counted(name, items.len())));
    }
    let was = if names.len() == 1 { "was" } else { "were" };
    let names = match names.split_last() {
        Some((last, rest)) if !rest.is_empty() => format!("{} and {last}", rest.join(", ")),
        _ => names.concat(),
    };
    Some(format!("{names} {was} {verb}"))
}

/// Whether a list's items are people, by what the connector calls one.
fn is_people(name: &str) -> bool {
    ["customer", "guest", "traveller", "traveler", "participant", "passenger", "person"].contains(&name)
}

/// Children that are people are called so.
fn counted(name: &str, count: usize) -> String {
    match (is_people(name), count) {
        (true, 1) => "1 person".to_owned(),
        (true, many) => format!("{many} people"),
        (false, 1) => format!("1 {name}"),
        (false, many) => format!("{many} {name}s"),
    }
}

/// The name that an item has, or that its guest wrote into a field that asks for one.
fn name_of(item: &Value) -> Option<String> {
    let plain = ["name", "full_name", "display_name"].iter().find_map(|name| text(item.get(name)));
    let asked = || {
        let fields = item.get("custom_field_values")?.as_array()?;
        fields.iter().find_map(|field| {
            let title = text(field.get("name"))
                .or_else(|| text(field.get("custom_field")?.get("title")))?
                .to_lowercase();
            let is_name = title.split(|c: char| !c.is_alphanumeric()).any(|word| word == "name");
            is_name.then(|| text(field.get("display_value")).or_else(|| text(field.get("value")))).flatten()
        })
    };
    plain.or_else(asked)
}

fn text(value: Option<&Value>) -> Option<String> {
    let text = value?.as_str()?.trim();
    (!text.is_empty()).then(|| capped(text, NAME_CHARS_MAX))
}

fn items<'v>(children: &Children, state: &'v Value) -> &'v [Value] {
    let list = children.list.split('.').try_fold(state, |at, name| at.get(name));
    list.and_then(Value::as_array).map_or(&[][..], Vec::as_slice)
}

fn by_key<'v>(children: &Children, state: &'v Value) -> BTreeMap<String, &'v Value> {
    let items = items(children, state);
    let key = |item: &Value| children.key.split('.').try_fold(item, |at, name| at.get(name)).cloned();
    items.iter().filter_map(|item| Some((shown(Some(&key(item)?)), item))).collect()
}

#[cfg(test)]
mod tests {
    use super::{answers, came_and_left, people};
    use crate::connectors::Children;
    use serde_json::{Value, json};

    fn told(before: Value, after: Value) -> Option<String> {
        let lists = [Children { list: "customers".into(), key: "pk".into(), name: "customer".into() }];
        came_and_left(&lists, &json!({ "customers": before }), &json!({ "customers": after }))
    }

    #[test]
    fn who_came_and_who_left_is_told_by_name_or_by_number() {
        let ana = json!({ "pk": 1, "custom_field_values": [
            { "name": "Shoe size", "display_value": "42" }, { "name": "Full name", "display_value": "Ana" } ] });
        let bo = json!({ "pk": 2, "name": "Bo" });
        let nobody = json!({ "pk": 3 });
        assert_eq!(told(json!([nobody]), json!([ana])).as_deref(), Some("Ana was added, 1 person less"));
        assert_eq!(told(json!([]), json!([ana, bo])).as_deref(), Some("Ana and Bo were added"));
        assert_eq!(told(json!([ana, nobody]), json!([])).as_deref(), Some("2 people less"));
        assert_eq!(told(json!([ana]), json!([ana])), None);
        assert_eq!(told(json!("no list"), json!(null)), None);
        assert_eq!(came_and_left(&[], &json!({}), &json!({})), None);
    }

    #[test]
    fn people_are_listed_with_what_they_are_and_whether_they_came() {
        let lists = [Children { list: "customers".into(), key: "pk".into(), name: "customer".into() }];
        let body = json!({ "customers": [
            { "pk": 1, "name": "Ana", "checkin_status": { "name": "checked in" } },
            { "pk": 2, "customer_type_rate": { "customer_type": { "singular": "Child" } }, "checkin_status": null },
        ] });
        let (told, more) = people(&lists, &body);
        let told: Vec<String> = told.iter().map(|one| format!("{}: {}", one.name, one.more)).collect();
        assert_eq!(told, ["Ana: checked in", "Guest 2: Child"]);
        assert_eq!(more, 0);
        let many = json!({ "customers": vec![json!({}); 200] });
        assert_eq!((people(&lists, &many).0.len(), people(&lists, &many).1), (150, 50));
        assert!(people(&lists, &json!({ "customers": "none" })).0.is_empty());
    }

    #[test]
    fn what_was_asked_and_noted_is_told() {
        let body = json!({ "note": " late ", "comment": "", "custom_field_values": [
            { "name": "Hotel", "display_value": "Bay View" }, { "custom_field": { "title": "Vegan" }, "value": true },
            { "name": "Empty", "display_value": "" } ] });
        let told: Vec<String> =
            answers(&body).iter().map(|(asked, said)| format!("{asked}: {said}")).collect();
        assert_eq!(told, ["Note: late", "Hotel: Bay View", "Vegan: yes"]);
    }
}
