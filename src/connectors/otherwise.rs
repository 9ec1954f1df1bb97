//! Bodies that tell what their connector knows, packed in another way than it says: several in a list, in a list below the name
//! of many, below a name in another case, without any name around them, or as JSON in a field of a form. Tried only where a body tells nothing as it is, and taken only where all of it can be
//! read then: nothing is guessed at that is read already.

use super::envelope::{BATCH_MAX, Facts, KeptHeaders, Message};
use super::source_spec::SourceSpec;
use serde_json::{Map, Value};

/// Fields of a form that are looked at.
const FIELDS_MAX: usize = 200;

impl SourceSpec {
    /// Whether a body may be one that is packed in another way. Cheap: most bodies are as their connector says.
    pub(super) fn may_be_otherwise(&self, body: &Value) -> bool {
        let listed = self.envelope.list.is_some();
        match body {
            _ if self.records.is_empty() => false,
            Value::Array(_) => true,
            Value::Object(fields) if listed => is_form(fields),
            Value::Object(fields) => {
                let elsewhere = self.records.iter().all(|record| {
                    record.hints.is_empty() && !record.at.is_empty() && body.pointer(&record.at).is_none()
                });
                elsewhere || is_form(fields)
            }
            _ => false,
        }
    }

    /// The first other way in which all of a body can be read.
    pub(super) fn read_otherwise(&self, body: &Value, headers: &KeptHeaders) -> Option<Vec<Message>> {
        self.others(body).into_iter().find_map(|bodies| {
            if self.envelope.list.is_some() {
                if bodies.len() > BATCH_MAX {
                    return None;
                }
                let mut messages = Vec::new();
                for body in bodies {
                    messages.extend(self.read_as_it_is(body, headers).ok()?);
                }
                let whole = !messages.is_empty() && messages.iter().all(|message| message.told.is_ok());
                return whole.then_some(messages);
            }
            let events = self.envelope.several(bodies, headers);
            let message = |(facts, body): (Facts, Value)| {
                let told = self.told(body, &facts);
                let Facts { id, event_type, time, account } = facts;
                Message { id, event_type, time, account, told }
            };
            let messages: Vec<Message> = events.into_iter().map(message).collect();
            let whole = !messages.is_empty() && messages.iter().all(|message| message.told.is_ok());
            whole.then_some(messages)
        })
    }

    /// The bodies that it may stand for, the likeliest first.
    fn others(&self, body: &Value) -> Vec<Vec<Value>> {
        match body {
            Value::Array(items) => {
                let mut others = vec![items.iter().map(|item| self.renamed(item)).collect()];
                others.extend(self.all_named(items));
                others
            }
            Value::Object(fields) => {
                let mut others = vec![vec![self.renamed(body)]];
                others.extend(self.named(body).map(|named| vec![named]));
                others.extend(self.listed_below(fields));
                let inside: Vec<(&String, Value)> = fields
                    .iter()
                    .take(FIELDS_MAX)
                    .filter_map(|(name, text)| Some((name, json_in(text)?)))
                    .collect();
                if let [(_, one)] = inside.as_slice() {
                    others.push(match one {
                        Value::Array(items) => items.iter().map(|item| self.renamed(item)).collect(),
                        one => vec![self.renamed(one)],
                    });
                    others.extend(match one {
                        Value::Array(items) => self.all_named(items),
                        one => self.named(one).map(|named| vec![named]),
                    });
                    others.extend(one.as_object().and_then(|fields| self.listed_below(fields)));
                }
                if !inside.is_empty() {
                    let mut whole = fields.clone();
                    whole.extend(inside.into_iter().map(|(name, value)| (name.clone(), value)));
                    others.push(vec![self.renamed(&Value::Object(whole))]);
                }
                others
            }
            _ => Vec::new(),
        }
    }

    /// What stands below the name of many (`bookings` where `booking` is meant): each with or without the name of one.
    fn listed_below(&self, fields: &Map<String, Value>) -> Option<Vec<Value>> {
        let many = |name: &String| {
            self.names().any(|one| {
                name.len() == one.len() + 1
                    && name.is_char_boundary(one.len())
                    && name[..one.len()].eq_ignore_ascii_case(one)
                    && name.ends_with(['s', 'S'])
            })
        };
        let mut lists = fields.iter().filter(|(name, value)| value.is_array() && many(name));
        let (_, list) = lists.next()?;
        let items = list.as_array().filter(|items| !items.is_empty() && lists.next().is_none())?;
        self.all_named(items)
    }

    /// Each as it is where it has a name that a record stands below, else below that name.
    fn all_named(&self, items: &[Value]) -> Option<Vec<Value>> {
        let named = |item: &Value| {
            let whole = self.renamed(item);
            self.names().any(|name| whole.get(name).is_some()).then_some(whole).or_else(|| self.named(item))
        };
        items.iter().map(named).collect()
    }

    /// A record without anything around it, below the name that its connector gives it. Only what has a key and a status where a
    /// record has them: a key alone is in many a thing.
    fn named(&self, bare: &Value) -> Option<Value> {
        let fields = bare.as_object()?;
        let record = self.records.iter().find(|record| {
            let status = record.status.as_ref();
            first_name(&record.at).is_some_and(|name| record.at.len() == name.len() + 1)
                && record.key.get(bare, self.envelope.any_case).is_some()
                && status.is_some_and(|path| {
                    path.get_in(bare, self.envelope.any_case).is_some_and(Value::is_string)
                })
        })?;
        let name = first_name(&record.at).filter(|name| !fields.contains_key(*name))?;
        Some(Value::Object(Map::from_iter([(name.to_owned(), bare.clone())])))
    }

    /// The names below which records stand.
    fn names(&self) -> impl Iterator<Item = &str> {
        self.records.iter().filter_map(|record| first_name(&record.at))
    }

    /// The same with what stands at the top in the case in which the connector names it.
    fn renamed(&self, body: &Value) -> Value {
        let Value::Object(fields) = body else { return body.clone() };
        let names: Vec<&str> = self.names().collect();
        let renamed = |(key, value): (&String, &Value)| {
            let name =
                names.iter().find(|name| name.eq_ignore_ascii_case(key) && !fields.contains_key(**name));
            (name.map_or_else(|| key.clone(), |name| (*name).to_owned()), value.clone())
        };
        Value::Object(fields.iter().map(renamed).collect())
    }
}

/// `booking` of `/booking/now`, where it is a plain name.
fn first_name(pointer: &str) -> Option<&str> {
    let name = pointer.strip_prefix('/')?.split('/').next()?;
    (!name.is_empty() && !name.contains('~')).then_some(name)
}

/// Whether it is made of texts alone, one of which is JSON.
fn is_form(fields: &Map<String, Value>) -> bool {
    let text = |value: &Value| match value {
        Value::String(_) => true,
        Value::Array(items) => items.iter().all(Value::is_string),
        _ => false,
    };
    fields.values().all(text) && fields.values().take(FIELDS_MAX).any(looks_like_json)
}

fn looks_like_json(value: &Value) -> bool {
    value.as_str().is_some_and(|text| text.trim_start().starts_with(['{', '[']))
}

fn json_in(value: &Value) -> Option<Value> {
    let text = value.as_str().filter(|_| looks_like_json(value))?;
    serde_json::from_str(text).ok().filter(|value: &Value| value.is_object() || value.is_array())
}

#[cfg(test)]
mod tests {
    use super::super::envelope::KeptHeaders;
    use super::super::payload::read_payload;
    use super::super::tests::{catalogue, engine};
    use serde_json::{Value, json};

    /// The keys told of, or what is said of it.
    fn read(connector: &str, body: &[u8], content_type: &str) -> Vec<String> {
        let catalogue = catalogue(&engine());
        let spec = catalogue.connectors[connector].source.as_ref().expect("a source");
        let headers = KeptHeaders::read(&json!({ "content-type": content_type }).to_string());
        let body = match read_payload(body, &headers) {
            Ok(body) => body,
            Err(why) => return vec![why],
        };
        let messages = match spec.read(body, &headers) {
            Ok(messages) => messages,
            Err(why) => return vec![why.to_string()],
        };
        let told = messages.into_iter().flat_map(|message| match message.told {
            Ok(told) => told.into_iter().map(|told| told.key).collect(),
            Err(why) => vec![why.to_string()],
        });
        told.collect()
    }

    fn booking(uuid: &str) -> Value {
        json!({ "uuid": uuid, "status": "booked", "company": { "shortname": "reef" } })
    }

    fn form(fields: &[(&str, String)]) -> Vec<u8> {
        let encode = |text: &str| {
            percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC).to_string()
        };
        let pairs: Vec<String> =
            fields.iter().map(|(name, value)| format!("{name}={}", encode(value))).collect();
        pairs.join("&").into_bytes()
    }

    fn parts(fields: &[(&str, String)]) -> Vec<u8> {
        let part = |(name, value): &(&str, String)| {
            format!("--Xy\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n")
        };
        format!("{}--Xy--\r\n", fields.iter().map(part).collect::<String>()).into_bytes()
    }

    #[test]
    fn a_booking_is_found_however_it_is_packed() {
        let whole = |uuid: &str| json!({ "booking": booking(uuid) });
        let is_form = "application/x-www-form-urlencoded";
        let is_parts = "multipart/form-data; boundary=Xy";
        let json = |value: Value| value.to_string().into_bytes();
        let cases = [
            (json(whole("a")), "", vec!["a"]),
            (json(json!({ "Booking": booking("a") })), "", vec!["a"]),
            (json(json!([whole("a"), { "BOOKING": booking("b") }])), "", vec!["a", "b"]),
            (form(&[("booking", booking("a").to_string())]), is_form, vec!["a"]),
            (form(&[("whatever", whole("a").to_string()), ("sign", "x".into())]), is_form, vec!["a"]),
            (form(&[("booking", booking("a").to_string()), ("sign", "x".into())]), is_form, vec!["a"]),
            (
                form(&[("list", json!([whole("a"), whole("b")]).to_string()), ("n", "2".into())]),
                is_form,
                vec!["a", "b"],
            ),
            (json(booking("a")), "", vec!["a"]),
            (json(json!([booking("a"), booking("b")])), "", vec!["a", "b"]),
            (json(json!({ "bookings": [booking("a"), booking("b")], "count": 2 })), "", vec!["a", "b"]),
            (json(json!({ "Bookings": [whole("a"), { "Booking": booking("b") }] })), "", vec!["a", "b"]),
            (form(&[("x", booking("a").to_string())]), is_form, vec!["a"]),
            (form(&[("x", json!({ "bookings": [whole("a")] }).to_string())]), is_form, vec!["a"]),
            (format!("{}{}", whole("a"), whole("b")).into_bytes(), "", vec!["a", "b"]),
            (
                format!("{}\n{}\n", whole("a"), booking("b")).into_bytes(),
                "application/x-ndjson",
                vec!["a", "b"],
            ),
            (
                format!("{}\n{}\n", booking("a"), booking("b")).into_bytes(),
                "application/x-ndjson",
                vec!["a", "b"],
            ),
            (parts(&[("booking", booking("a").to_string())]), is_parts, vec!["a"]),
            (parts(&[("sign", "x".into()), ("whatever", whole("a").to_string())]), is_parts, vec!["a"]),
            (
                parts(&[("booking[uuid]", "a".into()), ("booking[status]", "booked".into())]),
                is_parts,
                vec!["a"],
            ),
        ];
        for (body, content_type, keys) in cases {
            assert_eq!(read("fareharbor", &body, content_type), keys, "{}", String::from_utf8_lossy(&body));
        }
    }

    #[test]
    fn several_events_of_apaleo_in_a_list_are_read_one_by_one() {
        let event = |id: &str| {
            json!({ "topic": "Reservation", "type": "changed", "id": id, "accountId": "ACME", "timestamp": 1_700_000_000_000_i64,
                    "data": { "entityId": format!("{id}-1") } })
        };
        let body = json!([event("X"), event("Y")]).to_string();
        assert_eq!(read("apaleo", body.as_bytes(), ""), ["X-1", "Y-1"]);
        assert_eq!(read("apaleo", json!([event("X")]).to_string().as_bytes(), ""), ["X-1"]);
        let lines = format!("{}\n{}", event("X"), event("Y"));
        assert_eq!(read("apaleo", lines.as_bytes(), ""), ["X-1", "Y-1"]);
    }

    #[test]
    fn what_is_not_all_of_it_readable_stays_as_it_came() {
        for body in [
            json!({ "order": booking("a") }),
            json!([{ "booking": booking("a") }, { "other": 1 }]),
            json!([]),
            json!({ "uuid": "a", "name": "no status" }),
            json!({ "bookings": [] }),
            json!({ "bookings": [booking("a"), { "uuid": "b" }] }),
        ] {
            let told = read("fareharbor", body.to_string().as_bytes(), "");
            assert!(told.iter().all(|told| told.contains(' ')), "{body}: {told:?}");
        }
    }

    #[test]
    fn letters_that_are_no_utf_8_are_read_as_those_of_windows() {
        let body = b"{\"booking\":{\"uuid\":\"a\x80\xe9\xc3\xa9\",\"status\":\"booked\"}}";
        assert_eq!(read("fareharbor", body, "application/json"), ["a\u{20ac}\u{e9}\u{e9}"]);
        assert_eq!(
            read("fareharbor", body, "application/json; charset=windows-1252"),
            ["a\u{20ac}\u{e9}\u{e9}"]
        );
    }
}
