//! What must be true once all is quiet, worked out from what was sent, what was acked and what the journal holds, and
//! without any of the program's own code: which notes there are and how often, and what each booking and contact is.

use crate::load::Sent;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// How it ended.
#[derive(Debug, Default)]
pub struct Verdict {
    /// Acked webhooks that the journal lacks, and effects that never came.
    pub lost: Vec<String>,
    /// Effects that came more than once.
    pub doubled: Vec<String>,
    /// Records that hold something else than the last state of their booking.
    pub diverged: Vec<String>,
}

/// What the CRM is to hold.
#[derive(Debug, Default)]
struct Model {
    notes: BTreeSet<String>,
    bookings: BTreeMap<String, (String, String)>,
    contacts: BTreeMap<String, String>,
}

/// What the CRM holds, as the sandbox gives it.
pub struct Records {
    /// Notes.
    pub notes: Vec<Value>,
    /// Bookings.
    pub bookings: Vec<Value>,
    /// Contacts.
    pub contacts: Vec<Value>,
}

fn text(value: &Value, pointer: &str) -> String {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned()
}

/// Looks at everything. `journal` are the bodies in the order of their positions.
pub fn judge(sent: &[Sent], journal: &[String], crm: &Records) -> Verdict {
    let mut verdict = Verdict::default();
    compare_journal(sent, journal, &mut verdict);
    let model = Model::of(journal, &mut verdict);
    compare_notes(&model, &crm.notes, &mut verdict);
    let bookings = by_key(&crm.bookings, |fields| (text(fields, "/note"), text(fields, "/status")));
    compare_records("booking", &model.bookings, &bookings, &mut verdict);
    let contacts = by_key(&crm.contacts, |fields| text(fields, "/last"));
    compare_records("contact", &model.contacts, &contacts, &mut verdict);
    verdict
}

/// Every ack is in the journal, and nothing is in it that was not sent.
fn compare_journal(sent: &[Sent], journal: &[String], verdict: &mut Verdict) {
    let mut stored: BTreeMap<&str, usize> = BTreeMap::new();
    for body in journal {
        *stored.entry(body).or_default() += 1;
    }
    for sent in sent {
        let stored = stored.remove(sent.body.as_str()).unwrap_or_default();
        for missing in stored..sent.acked {
            verdict.lost.push(format!("ack {} of {}", missing + 1, note_of(&sent.body)));
        }
        for _ in sent.posted..stored {
            verdict.doubled.push(format!("stored more often than posted: {}", note_of(&sent.body)));
        }
    }
    for body in stored.keys() {
        verdict.diverged.push(format!("nobody sent what the journal holds: {body}"));
    }
}

fn note_of(body: &str) -> String {
    serde_json::from_str(body).map_or_else(|_| body.to_owned(), |body: Value| text(&body, "/booking/note"))
}

impl Model {
    fn of(journal: &[String], verdict: &mut Verdict) -> Self {
        let mut model = Self::default();
        let mut last: BTreeMap<String, (&str, u64)> = BTreeMap::new();
        for body in journal {
            let Ok(json) = serde_json::from_str::<Value>(body) else { continue };
            let (uuid, note) = (text(&json, "/booking/uuid"), text(&json, "/booking/note"));
            let change = note.rsplit_once('-').and_then(|(_, change)| change.parse().ok()).unwrap_or(0);
            if let Some((before, change_before)) = last.get(&uuid) {
                if *before == body {
                    continue;
                }
                // Each change was sent after the one before had its answers.
                if *change_before > change {
                    verdict.diverged.push(format!("the journal is out of order at {note}"));
                }
            }
            last.insert(uuid.clone(), (body, change));
            model.bookings.insert(uuid, (note.clone(), text(&json, "/booking/status")));
            model.contacts.insert(text(&json, "/booking/contact/email"), note.clone());
            model.notes.insert(note);
        }
        model
    }
}

/// One note per change: creates count each.
fn compare_notes(model: &Model, notes: &[Value], verdict: &mut Verdict) {
    let mut found: BTreeMap<String, usize> = BTreeMap::new();
    for note in notes {
        *found.entry(text(note, "/fields/text")).or_default() += 1;
    }
    for note in &model.notes {
        match found.remove(note) {
            None => verdict.lost.push(format!("note {note}")),
            Some(times) => verdict.doubled.extend((1..times).map(|_| format!("note {note}"))),
        }
    }
    verdict.diverged.extend(found.keys().map(|note| format!("a note about nothing: {note}")));
}

fn by_key<T>(records: &[Value], read: impl Fn(&Value) -> T) -> BTreeMap<String, T> {
    records.iter().map(|record| (text(record, "/key"), read(&record["fields"]))).collect()
}

fn compare_records<T: PartialEq + std::fmt::Debug>(
    what: &str,
    expected: &BTreeMap<String, T>,
    found: &BTreeMap<String, T>,
    verdict: &mut Verdict,
) {
    for (key, value) in expected {
        match found.get(key) {
            None => verdict.lost.push(format!("{what} {key}")),
            Some(there) if there != value => {
                verdict.diverged.push(format!("{what} {key} is {there:?} instead of {value:?}"));
            }
            Some(_) => {}
        }
    }
    for key in found.keys().filter(|key| !expected.contains_key(*key)) {
        verdict.diverged.push(format!("{what} {key} is about nothing"));
    }
}
