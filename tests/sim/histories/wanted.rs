//! The rules that histories go by, and what they should have made of what is known: the records of the CRM, said once more
//! and independently of the product.

use super::fareharbor::{ITEMS, PRICE, STARTS, email, name, phone, size, status, uuid};
use super::known::{Knowledge, Known};
use super::truth::Status;
use crate::rules::Folder;
use crate::sim::Sim;
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, BTreeSet};
use waypost::rules::Files;

/// One of the rules' answers: `contacts` or `bookings`, and the key.
type Place = (&'static str, String);

/// What the shape of a webhook decides.
const DETAILS: &str = r#"
title: Details
from: harbour-tours
steps:
  - id: details
    use: sandbox-crm.upsert_booking
    with:
      id: "details-{{ booking.uuid }}"
      seats: "{{ booking.availability.capacity }}"
      payment: "{{ booking.payments[0].status }}"
"#;

/// The same for each of the people.
const PRICES: &str = r#"
title: Prices
from: harbour-tours
each: booking.customers
steps:
  - id: price
    use: sandbox-crm.upsert_contact
    with: { id: "price-{{ customer.pk }}", price: "{{ customer.customer_type_rate.total_including_tax }}" }
"#;

/// Made once, and never again.
const NOTES: &str = r#"
title: Notes
from: harbour-tours
on: [created, cancelled]
steps:
  - id: note
    use: sandbox-crm.add_note
    with: { text: "{{ change.kind }} {{ booking.uuid }}" }
"#;

/// Codes of the items in `tables/tour-codes.csv`.
const CODES: [&str; 2] = ["SUNSET", "SEALS"];

/// One record for a chain of rebookings.
const DEALS: &str = r#"
title: Deals
from: harbour-tours
rebooking: move
steps:
  - id: deal
    use: sandbox-crm.upsert_booking
    with: { id: "deal-{{ booking.uuid }}", status: "{{ trip.status }}", guests: "{{ trip.party_size }}" }
"#;

pub(super) const CRM: &str = "connector: sandbox\ntitle: Sandbox CRM\nbase_url: http://crm.test\n";

/// A source that asks FareHarbor's API about each webhook.
fn asking(when_down: &str) -> String {
    format!(
        "connector: fareharbor\ntitle: Harbour Tours\nverify: {{ always: true, when_down: {when_down} }}\n\
         api: {{ app: {{ env: APP }}, user: {{ env: USER }} }}\n"
    )
}

/// The same rules, for a source that asks. `when_down`: `hold` or `payload`.
pub fn asking_folder(when_down: &str) -> Folder {
    let mut files = folder().files;
    files.texts.insert("sources/harbour-tours.yaml".to_owned(), asking(when_down));
    Folder::of(files)
}

/// The same rules, for a source whose webhooks are believed, and whose API can be asked.
pub fn trusting_folder() -> Folder {
    let mut files = folder().files;
    let source = "connector: fareharbor\ntitle: Harbour Tours\nverify: never\n\
                  api: { app: { env: APP }, user: { env: USER } }\n";
    files.texts.insert("sources/harbour-tours.yaml".to_owned(), source.to_owned());
    Folder::of(files)
}

/// The rules folder: the example rule and a recipe as they are shipped, and rules of our own.
pub fn folder() -> Folder {
    let texts = [
        ("connections/sandbox-crm.yaml", CRM),
        ("deals.yaml", DEALS),
        ("details.yaml", DETAILS),
        ("guests-to-crm.yaml", include_str!("../../../rules/guests-to-crm.yaml")),
        ("lib/dates.rhai", include_str!("../../../rules/lib/dates.rhai")),
        ("notes.yaml", NOTES),
        ("participants-to-crm.yaml", include_str!("../../../rules/recipes/participants-to-crm.yaml")),
        ("prices.yaml", PRICES),
        ("sources/harbour-tours.yaml", include_str!("../../../rules/sources/harbour-tours.yaml")),
        ("tables/tour-codes.csv", include_str!("../../../rules/tables/tour-codes.csv")),
    ];
    let texts = texts.map(|(path, text)| (path.to_owned(), text.to_owned())).into_iter().collect();
    Folder::of(Files { texts })
}

/// What the CRM should hold.
#[derive(Default)]
pub struct Wanted {
    /// Each record, and what may stand there: mostly one thing.
    records: BTreeMap<Place, Vec<Map<String, Value>>>,
    /// Records that may be left over from a guest's former address.
    former: BTreeSet<Place>,
    /// The address of each booking's contact.
    pub(super) contacts: Vec<(String, String)>,
    /// What must stand in records that may be there.
    maybe: BTreeMap<Place, Map<String, Value>>,
    /// Where the first is there, the second must be.
    together: Vec<(Place, Place)>,
    /// How often each note should have been made, at least and at most.
    notes: BTreeMap<String, (usize, usize)>,
}

impl Wanted {
    /// By what is known.
    pub fn of(knowledge: &Knowledge) -> Self {
        let mut wanted = Self::default();
        for known in knowledge.bookings.values() {
            wanted.of_booking(known);
            wanted.of_chain(knowledge, known);
        }
        wanted.of_guests(knowledge);
        for open in knowledge.open.values() {
            wanted.nothing_of(open);
        }
        wanted
    }

    /// Nothing is demanded of this one's records.
    fn nothing_of(&mut self, open: &Known) {
        let uuid = uuid(open.booking.number);
        let keys = [uuid.clone(), format!("details-{uuid}"), format!("deal-{uuid}")];
        self.former.extend(keys.map(|key| ("bookings", key)));
        for pk in open.left.iter().chain(open.booking.people.keys()) {
            let keys = ["participant", "price"].map(|what| format!("{what}-{}", 9_000_000 + pk));
            self.former.extend(keys.map(|key| ("contacts", key)));
        }
        for address in [0, 1] {
            let mut known = open.booking.clone();
            known.guest.address = address;
            self.former.insert(("contacts", email(&known)));
        }
        for kind in ["created", "cancelled"] {
            self.notes.insert(format!("{kind} {uuid}"), (0, usize::MAX));
        }
    }

    pub(super) fn note(&mut self, text: String, times: (usize, usize)) {
        self.notes.insert(text, times);
    }

    /// May be there or not; but if it is, with these fields.
    pub(super) fn maybe(&mut self, object: &'static str, key: String, fields: Value) {
        let Value::Object(fields) = fields else { return };
        self.maybe.insert((object, key.clone()), fields);
        self.former.insert((object, key));
    }

    /// The first is not there without the second.
    pub(super) fn goes_with(&mut self, one: Place, other: Place) {
        self.together.push((one, other));
    }

    pub(super) fn record(&mut self, object: &'static str, key: String, fields: Value) {
        let Value::Object(fields) = fields else { return };
        self.records.entry((object, key)).or_default().push(fields);
    }

    fn of_booking(&mut self, known: &Known) {
        let booking = &known.booking;
        let uuid = uuid(booking.number);
        let (_, title) = ITEMS[booking.item];
        let amount = format!("{}.00", PRICE as usize / 100 * booking.people.len());
        self.record(
            "bookings",
            uuid.clone(),
            json!({
                "tour": CODES[booking.item], "starts_at": STARTS[booking.slot],
                "guests": booking.people.len(), "amount": amount, "status": status(booking),
            }),
        );
        let mut details = json!({});
        if let Some(seats) = known.seats {
            details["seats"] = json!(seats);
        }
        if known.paid == Some(true) {
            details["payment"] = json!("succeeded");
        }
        self.record("bookings", format!("details-{uuid}"), details);
        for (pk, person) in &booking.people {
            let fields = json!({
                "booking": uuid, "tour": title, "wetsuit": size(*person), "here": person.here,
                "status": status(booking),
            });
            self.record("contacts", format!("participant-{}", 9_000_000 + pk), fields);
            let price = if known.priced.contains(pk) { json!({ "price": PRICE }) } else { json!({}) };
            self.record("contacts", format!("price-{}", 9_000_000 + pk), price);
        }
        for pk in &known.left {
            let fields = json!({ "booking": uuid, "status": "left" });
            let key = format!("participant-{}", 9_000_000 + pk);
            if known.seen_whole {
                self.record("contacts", key, fields);
            } else {
                self.maybe("contacts", key, fields);
            }
            self.former.insert(("contacts", format!("price-{}", 9_000_000 + pk)));
        }
        for (kind, count) in [("created", known.created), ("cancelled", known.cancelled)] {
            self.note(format!("{kind} {uuid}"), count);
        }
    }

    /// The record that the newest booking of a chain took over from the others.
    fn of_chain(&mut self, knowledge: &Knowledge, known: &Known) {
        let Known { booking, .. } = known;
        let key = format!("deal-{}", uuid(booking.number));
        if booking.status == Status::Rebooked {
            // Where the newest that is known was rebooked itself, nobody is there to take the record over. Where an old one
            // and a newer one had a record each before anybody could know that they belong together, the old one's is ended.
            let newest = &knowledge.bookings[&knowledge.newest(booking.number)].booking;
            if newest.status == Status::Rebooked {
                self.former.insert(("bookings", key));
            } else if knowledge.apart.contains(&booking.number) {
                self.maybe("bookings", key, json!({ "status": status(booking) }));
            }
            return;
        }
        self.record("bookings", key, json!({ "status": status(booking), "guests": booking.people.len() }));
    }

    /// Contacts. Several bookings may share one: what any of them says may stand there (which of them, the simulations of
    /// this folder look at), and what one of them said before it left it: the others don't say again what they said. Of a
    /// chain only the newest has something to say.
    fn of_guests(&mut self, knowledge: &Knowledge) {
        for (number, known) in &knowledge.bookings {
            let booking = &known.booking;
            let newest = &knowledge.bookings[&knowledge.newest(*number)].booking;
            let mut other = booking.clone();
            other.guest.address = 1 - other.guest.address;
            self.former.insert(("contacts", email(&other)));
            let address = email(booking);
            if newest.number != *number && !knowledge.apart.contains(number) {
                self.former.insert(("contacts", address.clone()));
                if address != email(newest) {
                    continue;
                }
            } else {
                let (_, title) = ITEMS[booking.item];
                let day = ["14 March 2027", "2 April 2027", "2 April 2027"][booking.slot];
                let fields = json!({
                    "email": address, "name": name(booking), "phone": phone(booking), "language": "en",
                    "last_tour": format!("{title} on {day}"), "tags": ["guest", super::fareharbor::COMPANY],
                });
                self.record("contacts", address.clone(), fields);
                let left = |other: &Known| {
                    let guest = &other.booking.guest;
                    guest.number == booking.guest.number
                        && guest.address != booking.guest.address
                        && other.addresses.contains(&booking.guest.address)
                };
                let open = |other: &Known| other.booking.guest.number == booking.guest.number;
                if knowledge.bookings.values().any(left) || knowledge.open.values().any(open) {
                    self.record("contacts", address.clone(), json!({ "email": address }));
                }
            }
            self.contacts.push((uuid(*number), address));
        }
    }

    /// What is otherwise in the CRM, as sentences.
    pub fn differences(&self, sim: &Sim) -> Vec<String> {
        let mut wrong = Vec::new();
        for ((object, key), allowed) in &self.records {
            let Some(record) = sim.crm.find(&format!("crm/{object}"), key) else {
                wrong.push(format!("{object} {key} is missing: {}", told(allowed)));
                continue;
            };
            let holds = |fields: &Map<String, Value>| {
                fields.iter().all(|(name, value)| record.fields.get(name) == Some(value))
            };
            if !allowed.iter().any(holds) {
                let is = Value::Object(record.fields.clone());
                wrong.push(format!("{object} {key} is {is} and not {}", told(allowed)));
            }
        }
        // A call was done, its answer lost, and when it was repeated the CRM refused it: the run failed, which people see,
        // and nobody can know of the record.
        let refused = |object: &str, key: &str| {
            let record = sim.crm.find(object, key);
            let mut effects = sim.crm.effects.iter();
            record.is_some_and(|record| {
                effects.any(|effect| effect.id == record.id && sim.refused.contains(&effect.run))
            })
        };
        for (object, key) in sim.crm.keys() {
            let here = |place: &Place| place.1 == key && object.ends_with(place.0);
            let wanted = self.records.keys().any(here) || self.former.iter().any(here);
            if !wanted && !refused(object, key) {
                wrong.push(format!("{object} {key} should not be there"));
            }
        }
        let there = |(object, key): &Place| sim.crm.find(&format!("crm/{object}"), key).is_some();
        for (one, other) in self.together.iter().filter(|(one, other)| there(one) && !there(other)) {
            wrong.push(format!("{} {} is there without {} {}", one.0, one.1, other.0, other.1));
        }
        for (uuid, address) in &self.contacts {
            let contact = sim.crm.find("crm/contacts", address).map(|contact| contact.id.as_str());
            let booking = sim.crm.find("crm/bookings", uuid);
            let told = booking.and_then(|booking| booking.fields.get("contact")).and_then(Value::as_str);
            if contact != told {
                wrong.push(format!(
                    "the booking {uuid} belongs to the contact {told:?} and not to {contact:?}"
                ));
            }
        }
        let mut made: BTreeMap<&str, usize> = BTreeMap::new();
        for effect in sim.crm.effects.iter().filter(|effect| effect.object == "crm/notes") {
            *made.entry(effect.fields["text"].as_str().unwrap_or_default()).or_default() += 1;
        }
        for ((object, key), fields) in &self.maybe {
            let record = sim.crm.find(&format!("crm/{object}"), key);
            let wrong_here = record.is_some_and(|record| {
                fields.iter().any(|(name, value)| record.fields.get(name) != Some(value))
            });
            if wrong_here {
                let is = record.map(|record| Value::Object(record.fields.clone())).unwrap_or_default();
                wrong.push(format!(
                    "{object} {key} is {is} and should rather not be there than without {fields:?}"
                ));
            }
        }
        for (text, (least, most)) in &self.notes {
            let made = made.remove(text.as_str()).unwrap_or(0);
            if made < *least || made > *most {
                wrong.push(format!("the note `{text}` was made {made} times and not {least} to {most}"));
            }
        }
        wrong.extend(made.keys().map(|text| format!("the note `{text}` should not be there")));
        wrong
    }
}

fn told(allowed: &[Map<String, Value>]) -> String {
    let told: Vec<String> = allowed.iter().map(|fields| Value::Object(fields.clone()).to_string()).collect();
    told.join(" or ")
}
