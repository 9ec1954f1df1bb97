//! Rules for a source of apaleo, and what they should have made of the truth.

use super::apaleo::{ARRIVALS, id, status, total};
use super::fareharbor::{email, name, phone};
use super::known::{Knowledge, Known};
use super::truth::Status;
use super::wanted::{CRM, Wanted};
use crate::rules::Folder;
use serde_json::json;
use waypost::rules::Files;

const SOURCE: &str = "connector: apaleo\ntitle: Inn by the Sea\naccount: ACME\napi: { client_id: { env: ID }, client_secret: { env: SECRET } }\n";

const GUESTS: &str = r#"
title: Guests
from: inn
when: present(person.email)
steps:
  - id: contact
    use: sandbox-crm.upsert_contact
    with: { id: "{{ person.email }}", email: "{{ person.email }}", name: "{{ person.name }}", phone: "{{ person.phone }}" }
  - id: booking
    use: sandbox-crm.upsert_booking
    with:
      id: "{{ booking.id }}"
      contact: "{{ steps.contact.id }}"
      starts_at: "{{ trip.starts_at }}"
      guests: "{{ trip.party_size }}"
      total: "{{ booking.totalGrossAmount.amount }}"
      status: "{{ trip.status }}"
"#;

const ENDS: &str = r#"
title: Ends
from: inn
on: [cancelled, deleted]
steps:
  - id: end
    use: sandbox-crm.upsert_booking
    with: { id: "end-{{ booking.id }}", kind: "{{ change.kind }}" }
"#;

const NOTES: &str = r#"
title: Notes
from: inn
on: [created, cancelled]
steps:
  - id: note
    use: sandbox-crm.add_note
    with: { text: "{{ change.kind }} {{ booking.id }}" }
"#;

/// The rules folder.
pub fn folder() -> Folder {
    let texts = [
        ("connections/sandbox-crm.yaml", CRM),
        ("ends.yaml", ENDS),
        ("guests.yaml", GUESTS),
        ("notes.yaml", NOTES),
        ("sources/inn.yaml", SOURCE),
    ];
    let texts = texts.map(|(path, text)| (path.to_owned(), text.to_owned())).into_iter().collect();
    Folder::of(Files { texts })
}

/// What the CRM should hold.
pub fn wanted(knowledge: &Knowledge) -> Wanted {
    let mut wanted = Wanted::default();
    for known in knowledge.bookings.values() {
        of_reservation(&mut wanted, knowledge, known);
    }
    for open in knowledge.open.values() {
        let key = id(open.booking.number);
        wanted.maybe("bookings", key.clone(), json!({}));
        wanted.maybe("bookings", format!("end-{key}"), json!({}));
        for kind in ["created", "cancelled"] {
            wanted.note(format!("{kind} {key}"), (0, usize::MAX));
        }
        may_have_been(&mut wanted, open);
    }
    wanted
}

/// Contacts of all addresses that the guest ever had.
fn may_have_been(wanted: &mut Wanted, known: &Known) {
    for address in &known.addresses {
        let mut other = known.booking.clone();
        other.guest.address = *address;
        wanted.maybe("contacts", email(&other), json!({}));
    }
}

fn of_reservation(wanted: &mut Wanted, knowledge: &Knowledge, known: &Known) {
    let booking = &known.booking;
    let key = id(booking.number);
    may_have_been(wanted, known);
    if booking.status == Status::Deleted {
        // It may have been gone before anybody could ask. But if anything was known of it, its end is known too.
        wanted.maybe("bookings", key.clone(), json!({}));
        wanted.maybe("bookings", format!("end-{key}"), json!({ "kind": "deleted" }));
        wanted.goes_with(("bookings", key.clone()), ("bookings", format!("end-{key}")));
        wanted.note(format!("created {key}"), (0, 1));
        wanted.note(format!("cancelled {key}"), (0, 1));
        return;
    }
    let fields = json!({
        "starts_at": ARRIVALS[booking.slot], "guests": booking.people.len(), "total": total(booking),
        "status": status(booking),
    });
    wanted.record("bookings", key.clone(), fields);
    if booking.status == Status::Cancelled {
        wanted.record("bookings", format!("end-{key}"), json!({ "kind": "cancelled" }));
    }
    wanted.note(format!("created {key}"), known.created);
    wanted.note(format!("cancelled {key}"), known.cancelled);
    let fields = json!({ "email": email(booking), "name": name(booking), "phone": phone(booking) });
    wanted.record("contacts", email(booking), fields);
    // Of several who share a contact, which spoke last depends on when the API was asked about each.
    let others = knowledge.bookings.values().chain(knowledge.open.values());
    if others.filter(|other| other.booking.guest.number == booking.guest.number).count() > 1 {
        wanted.record("contacts", email(booking), json!({ "email": email(booking) }));
    }
    wanted.contacts.push((key, email(booking)));
}
