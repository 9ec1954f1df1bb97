//! What became of the people of a booking, in words: "Ana was added, 1 person less". Pure. The lists and keys are the
//! connectors' own (`children:`); who somebody is, is told by a name where the source has one.

use super::diff::{capped, shown};
use crate::connectors::Children;
use crate::rules::Ruleset;
use serde_json::Value;
use std::collections::BTreeMap;

/// People who are named; the others are counted.
const NAMED_MAX: usize = 3;
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

/// Children that are people are called so.
fn counted(name: &str, count: usize) -> String {
    let people = ["customer", "guest", "traveller", "traveler", "participant", "passenger", "person"];
    match (people.contains(&name), count) {
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

fn by_key<'v>(children: &Children, state: &'v Value) -> BTreeMap<String, &'v Value> {
    let list = children.list.split('.').try_fold(state, |at, name| at.get(name));
    let items = list.and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    let key = |item: &Value| children.key.split('.').try_fold(item, |at, name| at.get(name)).cloned();
    items.iter().filter_map(|item| Some((shown(Some(&key(item)?)), item))).collect()
}

#[cfg(test)]
mod tests {
    use super::came_and_left;
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
}
