//! The records of the sandbox CRM. PURE: no clock, no network. Used by `state`, which holds one behind a lock.
//!
//! Invariant: it holds at most [`RECORDS_MAX`] records and [`BYTES_MAX`] bytes of their fields; what goes beyond is
//! answered with 507 and changes nothing.

use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, HashMap, HashSet};

/// Records in all: far more than a trial makes, few enough for a small machine.
const RECORDS_MAX: usize = 100_000;
/// Bytes of all records' fields together, for the same reason.
const BYTES_MAX: usize = 256 * 1024 * 1024;
/// Bytes of an object's name or a record's key.
const NAME_BYTES_MAX: usize = 512;
/// Records in one list, where `_limit` doesn't ask for less.
const LIST_MAX: usize = 100;

/// An answer of the CRM.
#[derive(Debug, PartialEq)]
pub(super) struct Reply {
    pub status: u16,
    pub body: Value,
    /// Key of the record that was written, where one was.
    pub wrote: Option<String>,
    /// A create with a `ref` that an earlier one had.
    pub doubled: bool,
}

/// One record.
#[derive(Clone, Debug)]
pub(super) struct Record {
    /// `contact-1`; never changes.
    pub id: String,
    /// Its number within the object, from 1: the order in which records were made.
    pub number: u64,
    /// What `PUT` names it by; for one made with `POST` its id.
    pub key: String,
    /// Its fields.
    pub fields: Map<String, Value>,
    /// How often it was written.
    pub writes: u64,
    bytes: usize,
}

/// All records of one name.
#[derive(Debug, Default)]
struct Object {
    by_key: HashMap<String, Record>,
    key_by_id: HashMap<String, String>,
    refs: HashSet<String>,
    made: u64,
}

/// All records.
#[derive(Debug, Default)]
pub(super) struct Crm {
    objects: BTreeMap<String, Object>,
    records: usize,
    bytes: usize,
}

impl Crm {
    /// Does one call. `fields` is its body, `query` its decoded parameters.
    pub(super) fn call(
        &mut self,
        method: &str,
        object: &str,
        key: Option<&str>,
        query: &[(String, String)],
        fields: Map<String, Value>,
    ) -> Reply {
        let name_fits = |name: &str| !name.is_empty() && name.len() <= NAME_BYTES_MAX;
        if !name_fits(object) || !key.is_none_or(name_fits) || object.starts_with('_') {
            return error(400, "names of objects and keys have 1 to 512 bytes, and objects begin without _");
        }
        match (method, key) {
            ("GET", None) => self.list(object, query),
            ("GET", Some(key)) => self.read(object, key),
            ("POST", None) => self.create(object, fields),
            ("PUT", Some(key)) => self.upsert(object, key, fields),
            ("PATCH", Some(key)) => {
                let new_key = query.iter().find(|(name, _)| name == "key").map(|(_, value)| value.as_str());
                self.change(object, key, new_key, fields)
            }
            ("DELETE", Some(key)) => self.remove(object, key),
            _ => {
                error(405, "there are GET and POST /{object}, and GET, PUT, PATCH and DELETE /{object}/{key}")
            }
        }
    }

    /// Every record, per object in the order in which they were made.
    pub(super) fn all(&self) -> impl Iterator<Item = (&str, Vec<&Record>)> {
        self.objects.iter().map(|(name, object)| (name.as_str(), object.in_order()))
    }

    fn list(&self, object: &str, query: &[(String, String)]) -> Reply {
        let limit = query.iter().find(|(name, _)| name == "_limit").and_then(|(_, value)| value.parse().ok());
        let filters: Vec<_> = query.iter().filter(|(name, _)| name != "_limit").collect();
        let records = self.objects.get(object).map(Object::in_order).unwrap_or_default();
        let found = records
            .into_iter()
            .filter(|record| filters.iter().all(|(name, value)| record.equals(name, value)))
            .take(limit.unwrap_or(LIST_MAX).min(LIST_MAX))
            .map(Record::to_json)
            .collect();
        answer(200, Value::Array(found))
    }

    fn read(&self, object: &str, key: &str) -> Reply {
        let found = self.objects.get(object).and_then(|object| object.by_key.get(object.key_of(key)?));
        found.map_or_else(gone, |record| answer(200, record.to_json()))
    }

    fn create(&mut self, object: &str, fields: Map<String, Value>) -> Reply {
        let reference = fields.get("ref").and_then(Value::as_str).map(str::to_owned);
        let mut reply = self.insert(object, None, fields);
        if let (Some(_), Some(reference)) = (&reply.wrote, reference) {
            reply.doubled = !self.objects.entry(object.to_owned()).or_default().refs.insert(reference);
        }
        reply
    }

    fn upsert(&mut self, object: &str, key: &str, fields: Map<String, Value>) -> Reply {
        let known = self.objects.get(object).is_some_and(|object| object.by_key.contains_key(key));
        if known { self.merge(object, key, fields) } else { self.insert(object, Some(key), fields) }
    }

    fn change(
        &mut self,
        object: &str,
        key: &str,
        new_key: Option<&str>,
        fields: Map<String, Value>,
    ) -> Reply {
        let Some(kept) = self.objects.get_mut(object) else { return gone() };
        let Some(key) = kept.key_of(key).map(str::to_owned) else { return gone() };
        let Some(new_key) = new_key.filter(|new_key| *new_key != key) else {
            return self.merge(object, &key, fields);
        };
        if kept.by_key.contains_key(new_key) {
            return error(409, "another record has that key");
        }
        let reply = self.merge(object, &key, fields);
        if reply.wrote.is_none() {
            return reply;
        }
        let Some(kept) = self.objects.get_mut(object) else { return gone() };
        let Some(mut record) = kept.by_key.remove(&key) else { return gone() };
        new_key.clone_into(&mut record.key);
        kept.key_by_id.insert(record.id.clone(), record.key.clone());
        kept.by_key.insert(record.key.clone(), record);
        Reply { wrote: Some(new_key.to_owned()), ..reply }
    }

    fn remove(&mut self, object: &str, key: &str) -> Reply {
        let Some(kept) = self.objects.get_mut(object) else { return gone() };
        let Some(record) = kept.key_of(key).map(str::to_owned).and_then(|key| kept.by_key.remove(&key))
        else {
            return gone();
        };
        kept.key_by_id.remove(&record.id);
        self.records -= 1;
        self.bytes -= record.bytes;
        let body = json!({ "id": record.id, "deleted": true });
        Reply { status: 200, body, wrote: Some(record.key), doubled: false }
    }

    fn insert(&mut self, object: &str, key: Option<&str>, fields: Map<String, Value>) -> Reply {
        let bytes = weight(&fields);
        if self.records >= RECORDS_MAX || self.bytes + bytes > BYTES_MAX {
            return full();
        }
        let kept = self.objects.entry(object.to_owned()).or_default();
        kept.made += 1;
        let number = kept.made;
        let id = format!("{}-{number}", singular(object));
        let key = key.unwrap_or(&id).to_owned();
        kept.key_by_id.insert(id.clone(), key.clone());
        let record = Record { id: id.clone(), number, key: key.clone(), fields, writes: 1, bytes };
        kept.by_key.insert(key.clone(), record);
        self.records += 1;
        self.bytes += bytes;
        Reply { status: 201, body: json!({ "id": id, "created": true }), wrote: Some(key), doubled: false }
    }

    fn merge(&mut self, object: &str, key: &str, fields: Map<String, Value>) -> Reply {
        let Some(record) = self.objects.get_mut(object).and_then(|object| object.by_key.get_mut(key)) else {
            return gone();
        };
        let mut merged = record.fields.clone();
        merged.extend(fields);
        let bytes = weight(&merged);
        if self.bytes - record.bytes + bytes > BYTES_MAX {
            return full();
        }
        self.bytes = self.bytes - record.bytes + bytes;
        record.bytes = bytes;
        record.fields = merged;
        record.writes += 1;
        let body = json!({ "id": record.id, "created": false });
        Reply { status: 200, body, wrote: Some(key.to_owned()), doubled: false }
    }
}

impl Object {
    /// The key of a record that is named by its key or by its id.
    fn key_of<'a>(&'a self, name: &'a str) -> Option<&'a str> {
        if self.by_key.contains_key(name) {
            return Some(name);
        }
        self.key_by_id.get(name).map(String::as_str)
    }

    fn in_order(&self) -> Vec<&Record> {
        let mut records: Vec<&Record> = self.by_key.values().collect();
        records.sort_unstable_by_key(|record| record.number);
        records
    }
}

impl Record {
    /// As the API gives it.
    pub(super) fn to_json(&self) -> Value {
        json!({ "id": self.id, "key": self.key, "fields": self.fields, "writes": self.writes })
    }

    /// Whether a field equals a text: texts as they are, numbers and booleans as JSON writes them.
    fn equals(&self, field: &str, text: &str) -> bool {
        match (field, self.fields.get(field)) {
            (_, Some(Value::String(value))) => value == text,
            (_, Some(Value::Number(value))) => value.as_str() == text,
            (_, Some(Value::Bool(value))) => text == if *value { "true" } else { "false" },
            ("id", None) => self.id == text,
            ("key", None) => self.key == text,
            _ => false,
        }
    }
}

fn answer(status: u16, body: Value) -> Reply {
    Reply { status, body, wrote: None, doubled: false }
}

fn error(status: u16, why: &str) -> Reply {
    answer(status, json!({ "error": why }))
}

fn gone() -> Reply {
    error(404, "there is no such record")
}

fn full() -> Reply {
    error(507, "the sandbox is full; POST /_reset empties it")
}

/// About how much memory a record's fields take.
fn weight(fields: &Map<String, Value>) -> usize {
    fields.iter().map(|(name, value)| name.len() + value_weight(value)).sum::<usize>() + 128
}

fn value_weight(value: &Value) -> usize {
    32 + match value {
        Value::String(text) => text.len(),
        Value::Array(items) => items.iter().map(value_weight).sum(),
        Value::Object(fields) => weight(fields),
        Value::Number(number) => number.as_str().len(),
        Value::Null | Value::Bool(_) => 0,
    }
}

/// `contacts` → `contact`, `companies` → `company`.
fn singular(object: &str) -> String {
    if let Some(stem) = object.strip_suffix("ies") {
        return format!("{stem}y");
    }
    object.strip_suffix('s').filter(|stem| !stem.is_empty()).unwrap_or(object).to_owned()
}

#[cfg(test)]
mod tests {
    use super::{Crm, RECORDS_MAX, Reply};
    use serde_json::{Value, json};

    fn call(crm: &mut Crm, method: &str, path: &str, fields: Value) -> Reply {
        let (path, query) = path.split_once('?').unwrap_or((path, ""));
        let query: Vec<_> = query
            .split('&')
            .filter_map(|pair| pair.split_once('='))
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect();
        let (object, key) = match path.split_once('/') {
            Some((object, key)) => (object, Some(key)),
            None => (path, None),
        };
        let Value::Object(fields) = fields else { panic!("fields are an object") };
        crm.call(method, object, key, &query, fields)
    }

    #[test]
    fn an_upsert_makes_once_and_then_changes() {
        let mut crm = Crm::default();
        let made = call(&mut crm, "PUT", "contacts/77", json!({ "name": "Siobhán", "phone": "1" }));
        assert_eq!((made.status, made.body), (201, json!({ "id": "contact-1", "created": true })));
        let changed = call(&mut crm, "PUT", "contacts/77", json!({ "phone": null }));
        assert_eq!((changed.status, changed.body), (200, json!({ "id": "contact-1", "created": false })));
        let expected = json!({
            "id": "contact-1", "key": "77", "fields": { "name": "Siobhán", "phone": null }, "writes": 2,
        });
        assert_eq!(call(&mut crm, "GET", "contacts/77", json!({})).body, expected);
        assert_eq!(call(&mut crm, "GET", "contacts/contact-1", json!({})).body, expected);
        assert_eq!(call(&mut crm, "GET", "contacts?key=77", json!({})).body, json!([expected]));
        assert_eq!(call(&mut crm, "GET", "contacts?name=Mary", json!({})).body, json!([]));
        assert_eq!(call(&mut crm, "GET", "things?name=Mary", json!({})).body, json!([]));
    }

    #[test]
    fn a_create_with_a_known_ref_is_made_and_counted_as_doubled() {
        let mut crm = Crm::default();
        let note = json!({ "text": "arrives late", "ref": "run_1.note" });
        assert!(!call(&mut crm, "POST", "notes", note.clone()).doubled);
        let second = call(&mut crm, "POST", "notes", note);
        assert_eq!((second.status, second.doubled), (201, true));
        let listed = call(&mut crm, "GET", "notes?ref=run_1.note", json!({})).body;
        assert_eq!(listed.as_array().map(Vec::len), Some(2));
        assert_eq!(listed.pointer("/0/id"), Some(&json!("note-1")));
        assert!(!call(&mut crm, "POST", "notes", json!({ "text": "no ref" })).doubled);
        assert!(!call(&mut crm, "POST", "notes", json!({ "text": "no ref" })).doubled);
    }

    #[test]
    fn a_change_needs_a_record_and_can_give_it_another_key() {
        let mut crm = Crm::default();
        assert_eq!(call(&mut crm, "PATCH", "contacts/contact-1", json!({})).status, 404);
        call(&mut crm, "PUT", "contacts/a@example.org", json!({ "name": "A" }));
        call(&mut crm, "PUT", "contacts/b@example.org", json!({ "name": "B" }));
        let taken = call(&mut crm, "PATCH", "contacts/contact-1?key=b@example.org", json!({ "name": "X" }));
        assert_eq!((taken.status, taken.wrote), (409, None));
        let moved = call(&mut crm, "PATCH", "contacts/contact-1?key=c@example.org", json!({ "name": "C" }));
        assert_eq!((moved.status, moved.wrote.as_deref()), (200, Some("c@example.org")));
        assert_eq!(call(&mut crm, "GET", "contacts/a@example.org", json!({})).status, 404);
        let record = call(&mut crm, "GET", "contacts/contact-1", json!({})).body;
        assert_eq!(record.pointer("/key"), Some(&json!("c@example.org")));
        assert_eq!(record.pointer("/fields/name"), Some(&json!("C")));
    }

    #[test]
    fn what_was_deleted_is_gone_until_it_is_made_again() {
        let mut crm = Crm::default();
        call(&mut crm, "PUT", "contacts/7", json!({ "name": "A" }));
        assert_eq!(call(&mut crm, "DELETE", "contacts/contact-1", json!({})).status, 200);
        assert_eq!(call(&mut crm, "DELETE", "contacts/7", json!({})).status, 404);
        assert_eq!(call(&mut crm, "GET", "contacts/7", json!({})).status, 404);
        assert_eq!(call(&mut crm, "PATCH", "contacts/contact-1", json!({})).status, 404);
        let again = call(&mut crm, "PUT", "contacts/7", json!({ "name": "A" }));
        assert_eq!(again.body, json!({ "id": "contact-2", "created": true }));
    }

    #[test]
    fn a_full_sandbox_says_so_and_changes_nothing() {
        let mut crm = Crm::default();
        for number in 0..RECORDS_MAX {
            let fields = serde_json::Map::new();
            assert_eq!(crm.call("PUT", "contacts", Some(&number.to_string()), &[], fields).status, 201);
        }
        assert_eq!(call(&mut crm, "PUT", "contacts/one-more", json!({})).status, 507);
        assert_eq!(call(&mut crm, "PUT", "contacts/5", json!({ "name": "known" })).status, 200);
        call(&mut crm, "DELETE", "contacts/5", json!({}));
        assert_eq!(call(&mut crm, "PUT", "contacts/one-more", json!({})).status, 201);
    }

    #[test]
    fn odd_calls_are_refused() {
        let mut crm = Crm::default();
        assert_eq!(call(&mut crm, "PUT", "contacts", json!({})).status, 405);
        assert_eq!(call(&mut crm, "POST", "contacts/1", json!({})).status, 405);
        assert_eq!(call(&mut crm, "PUT", "_contacts/1", json!({})).status, 400);
        assert_eq!(call(&mut crm, "PUT", &format!("contacts/{}", "x".repeat(600)), json!({})).status, 400);
    }
}
