//! The two CRMs, in memory: records by key with ids of their own, and things that are made once per call. They keep a
//! log of effects in their order; calls that changed nothing are not in it.

use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use waypost::ports::OutboundRequest;

/// One effect of a call.
#[derive(Clone, Debug)]
pub struct Effect {
    /// Host and object: `crm/contacts`.
    pub object: String,
    /// Id of the record or thing.
    pub id: String,
    /// What the call set.
    pub fields: Map<String, Value>,
    /// The run whose call it was.
    pub run: String,
    /// The step.
    pub step: String,
    /// Waypost knows that it was done: the answer was written down.
    pub known: bool,
}

/// A record.
#[derive(Clone, Debug)]
pub struct Record {
    /// Its id.
    pub id: String,
    /// Its fields.
    pub fields: Map<String, Value>,
}

/// What a call would be answered.
pub type Told = (u16, Value);

/// Both CRMs.
#[derive(Default)]
pub struct Crm {
    /// Object, then key.
    records: BTreeMap<String, BTreeMap<String, Record>>,
    /// All effects, in order.
    pub effects: Vec<Effect>,
    made: u64,
}

/// Who calls.
pub struct Caller<'c> {
    /// The run.
    pub run: &'c str,
    /// The step.
    pub step: &'c str,
}

impl Crm {
    /// Does what a request asks, and says what would be answered.
    pub fn serve(&mut self, request: &OutboundRequest, caller: &Caller<'_>) -> Told {
        let place = Place::of(request);
        let body: Map<String, Value> =
            request.body.as_ref().and_then(|body| serde_json::from_slice(body).ok()).unwrap_or_default();
        match (request.method.as_str(), place.name) {
            ("PUT", Some(key)) => {
                let id = match self.find(&place.object, &key) {
                    Some(record) => record.id.clone(),
                    None => self.new_id(),
                };
                self.write(&place.object, &key, (&id, body), caller);
                (200, json!({ "id": id }))
            }
            ("PATCH", Some(id)) => {
                let key = place.query.get("key").cloned().unwrap_or_default();
                let records = self.records.entry(place.object.clone()).or_default();
                let Some(old) =
                    records.iter().find(|(_, record)| record.id == id).map(|(key, _)| key.clone())
                else {
                    return (404, json!({ "error": "there is no such record" }));
                };
                if old != key && records.contains_key(&key) {
                    return (409, json!({ "error": "another record has that key" }));
                }
                if let Some(record) = records.remove(&old) {
                    records.insert(key.clone(), record);
                }
                self.write(&place.object, &key, (&id, body), caller);
                (200, json!({ "id": id }))
            }
            ("POST", None) => {
                let id = self.new_id();
                self.effects.push(Effect {
                    object: place.object,
                    id: id.clone(),
                    fields: body,
                    run: caller.run.to_owned(),
                    step: caller.step.to_owned(),
                    known: false,
                });
                (201, json!({ "id": id }))
            }
            ("GET", None) => {
                let wanted = place.query.get("ref");
                let found: Vec<Value> = self
                    .effects
                    .iter()
                    .filter(|effect| effect.object == place.object)
                    .filter(|effect| {
                        effect.fields.get("ref").and_then(Value::as_str) == wanted.map(String::as_str)
                    })
                    .map(|effect| json!({ "id": effect.id }))
                    .collect();
                (200, Value::Array(found))
            }
            (method, name) => panic!("nobody calls {method} {} {name:?}", place.object),
        }
    }

    /// The record that a request writes, where it writes one: two such calls must never be in flight at once.
    pub fn record_of(&self, request: &OutboundRequest) -> Option<String> {
        let place = Place::of(request);
        let name = place.name?;
        let id = match request.method.as_str() {
            "PUT" => {
                self.find(&place.object, &name).map_or(format!("new {name}"), |record| record.id.clone())
            }
            "PATCH" => name,
            _ => return None,
        };
        Some(format!("{} {id}", place.object))
    }

    /// A record by its key.
    pub fn find(&self, object: &str, key: &str) -> Option<&Record> {
        self.records.get(object)?.get(key)
    }

    /// Objects and keys of all records.
    pub fn keys(&self) -> impl Iterator<Item = (&str, &str)> {
        self.records
            .iter()
            .flat_map(|(object, records)| records.keys().map(move |key| (object.as_str(), key.as_str())))
    }

    /// Somebody deletes a record in the CRM. Gives its object, key and id.
    pub fn delete_one(&mut self, object: &str, nth: usize) -> Option<(String, String)> {
        let records = self.records.get_mut(object)?;
        let key = records.keys().nth(nth % records.len().max(1))?.clone();
        let record = records.remove(&key)?;
        Some((key, record.id))
    }

    fn write(
        &mut self,
        object: &str,
        key: &str,
        (id, body): (&str, Map<String, Value>),
        caller: &Caller<'_>,
    ) {
        let record = self
            .records
            .entry(object.to_owned())
            .or_default()
            .entry(key.to_owned())
            .or_insert_with(|| Record { id: id.to_owned(), fields: Map::new() });
        record.fields.extend(body.clone());
        self.effects.push(Effect {
            object: object.to_owned(),
            id: id.to_owned(),
            fields: body,
            run: caller.run.to_owned(),
            step: caller.step.to_owned(),
            known: false,
        });
    }

    fn new_id(&mut self) -> String {
        self.made += 1;
        format!("r{}", self.made)
    }
}

/// What a URL names.
struct Place {
    /// `crm/contacts`.
    object: String,
    /// The last segment, where there is one after the object.
    name: Option<String>,
    query: BTreeMap<String, String>,
}

impl Place {
    fn of(request: &OutboundRequest) -> Self {
        let rest = request.url.strip_prefix("http://").unwrap_or(&request.url);
        let (path, query) = rest.split_once('?').unwrap_or((rest, ""));
        let mut parts = path.split('/');
        let host = parts.next().unwrap_or_default().trim_end_matches(".test");
        let object = format!("{host}/{}", parts.next().unwrap_or_default());
        let query = query
            .split('&')
            .filter_map(|pair| pair.split_once('='))
            .map(|(name, value)| (name.to_owned(), decoded(value)))
            .collect();
        Self { object, name: parts.next().map(decoded), query }
    }
}

fn decoded(text: &str) -> String {
    percent_encoding::percent_decode_str(text).decode_utf8_lossy().into_owned()
}
