//! The items of a booking by their keys, and what became of them since the booking's former state: for `each:`, and for rules
//! that ask for `customer.added` and the like without it.

use super::Each;
use crate::connectors::Children;
use crate::expr::{Engine, Scope};
use serde_json::Value;
use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

/// Items of one booking that become runs: the largest groups have some hundreds.
const ITEMS_MAX: usize = 1_000;

/// The items of one state of a booking, in their order.
pub(super) struct Items<'s> {
    list: Cow<'s, [Value]>,
    keys: Vec<String>,
}

impl Items<'_> {
    /// No items.
    pub(super) fn none() -> Self {
        Items { list: Cow::Borrowed(&[]), keys: Vec::new() }
    }

    /// Key and value of each.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&str, &Value)> {
        self.keys.iter().map(String::as_str).zip(self.list.iter())
    }

    /// The item of a key.
    pub(super) fn find(&self, key: &str) -> Option<&Value> {
        self.iter().find(|(known, _)| *known == key).map(|(_, item)| item)
    }
}

/// Reads the items that `each:` names. Nothing there, and null, are no items. The error is a sentence without place.
pub(super) fn read<'s>(engine: &Engine, each: &Each, scope: &'s Scope) -> Result<Items<'s>, String> {
    let list = if let Some(path) = each.list.lone_path() {
        match path.find(scope) {
            None | Some(Value::Null) => return Ok(Items::none()),
            Some(Value::Array(items)) => Cow::Borrowed(items.as_slice()),
            Some(other) => return Err(no_list(each, other)),
        }
    } else {
        match engine.evaluate(&each.list, scope) {
            Ok(Err(_) | Ok(Value::Null)) => return Ok(Items::none()),
            Ok(Ok(Value::Array(items))) => Cow::Owned(items),
            Ok(Ok(other)) => return Err(no_list(each, &other)),
            Err(error) => return Err(format!("`each: {}` failed: {error}", each.list.text().trim())),
        }
    };
    if list.len() > ITEMS_MAX {
        return Err(format!(
            "`each: {}` has {} items, and at most {ITEMS_MAX} become runs",
            each.list.text().trim(),
            list.len()
        ));
    }
    let keys = keys(&list, each.key.as_deref());
    Ok(Items { list, keys })
}

fn no_list(each: &Each, found: &Value) -> String {
    let found = match found {
        Value::Object(_) => "a map",
        Value::String(_) => "a text",
        Value::Number(_) => "a number",
        _ => "true or false",
    };
    format!("`each: {}` needs a list, and this is {found}", each.list.text().trim())
}

/// The key of each item: what stands at its key's path, else its index. Keys are unique: one that comes again gets a
/// number.
fn keys(list: &[Value], path: Option<&str>) -> Vec<String> {
    let mut seen: HashMap<String, usize> = HashMap::with_capacity(list.len());
    list.iter()
        .enumerate()
        .map(|(index, item)| {
            let found = path.and_then(|path| path.split('.').try_fold(item, |value, name| value.get(name)));
            let key = match found {
                Some(Value::String(text)) if !text.is_empty() => text.clone(),
                Some(Value::Number(number)) => number.to_string(),
                _ => index.to_string(),
            };
            let count = seen.entry(key.clone()).or_insert(0);
            *count += 1;
            if *count == 1 { key } else { format!("{key}#{count}") }
        })
        .collect()
}

/// The scope in which the former state of the booking is the booking, to read the former items.
pub(super) fn former_scope(scope: &Scope, about: &str, previous: &Arc<Value>) -> Scope {
    let mut former = scope.clone();
    former.set(about, Arc::clone(previous));
    former
}

/// Paths of the change within one item: `checkin_status` of `customers[9000001].checkin_status`. `None`: which paths of
/// which items changed can't be told.
pub(super) fn paths_of(each: &Each, key: &str, paths: &[String]) -> Option<Vec<String>> {
    let (list, _) = (each.path.as_ref()?, each.key.as_ref()?);
    paths_within(list, key, paths)
}

/// The same of an item of a list.
fn paths_within(list: &str, key: &str, paths: &[String]) -> Option<Vec<String>> {
    if paths.iter().any(|path| path == "…") {
        return None;
    }
    let item = format!("{list}[{key}]");
    let within = paths.iter().filter_map(|path| path.strip_prefix(&item));
    Some(within.map(|rest| rest.strip_prefix('.').unwrap_or(rest).to_owned()).collect())
}

/// What became of the items of a list, without `each:`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Became {
    pub added: bool,
    pub changed: bool,
    pub removed: bool,
}

/// Compares the lists of two states, items by their keys. What is no list has no items.
pub(super) fn became(
    children: &Children,
    previous: Option<&Value>,
    present: &Value,
    paths: &[String],
) -> Became {
    fn list<'v>(path: &str, state: Option<&'v Value>) -> &'v [Value] {
        let found = state.and_then(|state| path.split('.').try_fold(state, |at, name| at.get(name)));
        found.and_then(Value::as_array).map_or(&[], Vec::as_slice)
    }
    let (old, new) = (list(&children.list, previous), list(&children.list, Some(present)));
    let (old_keys, new_keys) = (keys(old, Some(&children.key)), keys(new, Some(&children.key)));
    let known: HashMap<&str, &Value> = old_keys.iter().map(String::as_str).zip(old).collect();
    let here: HashSet<&str> = new_keys.iter().map(String::as_str).collect();
    let changed = |key: &str, item: &Value| match (known.get(key), paths_within(&children.list, key, paths)) {
        (None, _) => false,
        (Some(_), Some(within)) => !within.is_empty(),
        (Some(old), None) => **old != *item,
    };
    Became {
        added: new_keys.iter().any(|key| !known.contains_key(key.as_str())),
        changed: new_keys.iter().zip(new).any(|(key, item)| changed(key, item)),
        removed: old_keys.iter().any(|key| !here.contains(key.as_str())),
    }
}

/// Keys of items that were there before and are not now, in their former order.
pub(super) fn gone<'i>(present: &Items<'_>, former: &'i Items<'_>) -> Vec<(&'i str, &'i Value)> {
    let keys: HashSet<&str> = present.keys.iter().map(String::as_str).collect();
    former.iter().filter(|(key, _)| !keys.contains(key)).collect()
}
