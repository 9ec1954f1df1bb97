//! What the booking system tells, and a small model, independent of the product, of what that should lead to: the kinds of
//! change, and what the rules say about a booking.

use crate::machine::Chance;
use crate::rules::Variant;
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, BTreeSet};
use waypost::domain::ChangeKind;

/// A booking at some time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Booking {
    /// Its key.
    pub uuid: String,
    /// Its account.
    pub company: String,
    /// Cancelled, else booked.
    pub cancelled: bool,
    /// Several bookings may have one.
    pub email: Option<String>,
    /// Of the guest.
    pub name: u32,
    /// Of the guest.
    pub phone: u32,
    /// 0: no stay is told.
    pub total: u32,
    /// Counts new states of any booking.
    pub rev: u32,
    /// Travellers: key and name.
    pub people: BTreeMap<u32, u32>,
    /// The booking whose place it took.
    pub from: Option<String>,
    /// The booking that took its place.
    pub to: Option<String>,
}

impl Booking {
    /// One that was just booked, by a guest with this address.
    pub fn of(uuid: &str, email: &str) -> Self {
        Self {
            uuid: uuid.to_owned(),
            company: "company1".to_owned(),
            cancelled: false,
            email: Some(email.to_owned()),
            name: 1,
            phone: 1,
            total: 100,
            rev: 1,
            people: BTreeMap::new(),
            from: None,
            to: None,
        }
    }

    /// Its word for the status.
    pub fn status(&self) -> &'static str {
        match (&self.to, self.cancelled) {
            (Some(_), _) => "rebooked",
            (None, true) => "cancelled",
            (None, false) => "booked",
        }
    }

    fn body(&self, seen_at: u32) -> Value {
        let people: Vec<Value> =
            self.people.iter().map(|(pk, name)| json!({ "pk": pk, "name": format!("P{name}") })).collect();
        json!({
            "uuid": self.uuid, "company": self.company, "status": self.status(), "email": self.email,
            "name": format!("Guest {}", self.name), "phone": format!("+49 {}", self.phone), "total": self.total,
            "rev": self.rev, "people": people, "seen_at": seen_at, "rebooked_from": self.from,
            "rebooked_to": self.to,
        })
    }
}

/// The source of the simulation's rules.
const SOURCE: &str = "tours";

/// A webhook's body.
#[derive(Clone, Debug)]
pub struct Webhook {
    /// The source that it comes in by.
    pub source: &'static str,
    /// What it tells of, in order.
    pub told: Vec<Booking>,
    /// Its bytes.
    pub body: Vec<u8>,
    /// What it tells, for the trace; else its bytes are shown.
    pub words: Option<String>,
}

/// The booking system.
pub struct BookingSystem {
    bookings: Vec<Booking>,
    sent: Vec<Webhook>,
    bookings_max: usize,
    emails: usize,
    rebook: u32,
    /// What is still to be told of rebookings.
    later: Vec<Booking>,
    rev: u32,
    seen: u32,
}

impl BookingSystem {
    /// With so many bookings, whose guests have so many addresses, and so many rebookings in a thousand changes.
    pub fn new(bookings_max: usize, emails: usize, rebook: u32) -> Self {
        let (bookings, sent, later) = (Vec::new(), Vec::new(), Vec::new());
        Self { bookings, sent, bookings_max, emails, rebook, later, rev: 0, seen: 0 }
    }

    /// The next webhook: news, an old one once more, two bookings in one, or something that nobody can read.
    pub fn next(&mut self, chance: &mut Chance) -> Webhook {
        if !self.later.is_empty() && chance.per_mille(400) {
            let told = self.later.remove(0);
            let webhook = self.tell(vec![told]);
            self.sent.push(webhook.clone());
            return webhook;
        }
        let webhook = match chance.weighted(&[60, 10, 10, 8, 8, 2]) {
            0 => self.news(chance, 1),
            1 => self.news(chance, 2),
            2 => match self.sent.last() {
                Some(last) => last.clone(),
                None => self.news(chance, 1),
            },
            3 => match chance.pick(&self.sent) {
                Some(old) => old.clone(),
                None => self.news(chance, 1),
            },
            4 => match chance.pick(&self.bookings).cloned() {
                Some(same) => self.tell(vec![same]),
                None => self.news(chance, 1),
            },
            _ => {
                return Webhook {
                    source: SOURCE,
                    told: Vec::new(),
                    body: b"{ this is no JSON".to_vec(),
                    words: None,
                };
            }
        };
        self.sent.push(webhook.clone());
        webhook
    }

    fn news(&mut self, chance: &mut Chance, count: usize) -> Webhook {
        let mut told: Vec<Booking> = Vec::new();
        for _ in 0..count {
            let new = self.bookings.len() < self.bookings_max && chance.per_mille(500);
            let index = if new || self.bookings.is_empty() {
                self.bookings.push(self.fresh(chance));
                self.bookings.len() - 1
            } else {
                let index = chance.below(self.bookings.len());
                if self.rebook > 0 && chance.per_mille(self.rebook) {
                    self.rebook(index, chance)
                } else {
                    self.change(index, chance);
                    index
                }
            };
            self.rev += 1;
            self.bookings[index].rev = self.rev;
            let booking = self.bookings[index].clone();
            told.retain(|other| other.uuid != booking.uuid);
            told.push(booking);
        }
        self.tell(told)
    }

    /// A webhook that tells of these.
    pub fn tell(&mut self, told: Vec<Booking>) -> Webhook {
        self.seen += 1;
        let bodies: Vec<Value> = told.iter().map(|booking| booking.body(self.seen)).collect();
        let body = match <[Value; 1]>::try_from(bodies) {
            Ok([one]) => json!({ "booking": one }),
            Err(several) => json!({ "booking": several }),
        };
        Webhook { source: SOURCE, told, body: body.to_string().into_bytes(), words: None }
    }

    fn fresh(&self, chance: &mut Chance) -> Booking {
        let number = self.bookings.len() + 1;
        Booking {
            company: format!("company{}", number % 2),
            rev: 0,
            people: (0..chance.below(3) as u32).map(|pk| (pk, 1)).collect(),
            ..Booking::of(&format!("b{number}"), &self.email(chance))
        }
    }

    fn email(&self, chance: &mut Chance) -> String {
        format!("guest{}@example.org", 1 + chance.below(self.emails))
    }

    /// Another booking takes the place of this one. Which of the two is told of now; the other comes later, or never.
    fn rebook(&mut self, index: usize, chance: &mut Chance) -> usize {
        if self.bookings[index].to.is_some() || self.bookings[index].cancelled {
            return index;
        }
        let uuid = format!("b{}", self.bookings.len() + 1);
        let old = &mut self.bookings[index];
        old.to = Some(uuid.clone());
        let new = Booking { from: Some(old.uuid.clone()), uuid, to: None, rev: old.rev, ..old.clone() };
        self.bookings.push(new);
        let (now, later) = if chance.per_mille(500) {
            (index, self.bookings.len() - 1)
        } else {
            (self.bookings.len() - 1, index)
        };
        if chance.per_mille(700) {
            self.later.push(self.bookings[later].clone());
        }
        now
    }

    fn change(&mut self, index: usize, chance: &mut Chance) {
        if self.bookings[index].to.is_some() {
            return;
        }
        let email = self.email(chance);
        let booking = &mut self.bookings[index];
        match chance.weighted(&[30, 10, 15, 12, 12, 10, 3]) {
            0 => booking.phone = 1 + chance.below(2) as u32,
            1 => booking.name = 1 + chance.below(2) as u32,
            2 => booking.email = Some(email),
            3 => booking.cancelled = !booking.cancelled,
            4 => {
                let pk = chance.below(3) as u32;
                if booking.people.remove(&pk).is_none() {
                    booking.people.insert(pk, 1 + chance.below(2) as u32);
                }
            }
            5 => booking.total = if booking.total == 0 { 200 } else { chance.below(2) as u32 * 150 },
            _ => booking.email = None,
        }
    }
}

/// What is known of rebookings, in the order of arrival.
#[derive(Default)]
pub struct Chains {
    /// The old and the new one.
    steps: Vec<(String, String)>,
    /// Old ones whose own body told so.
    told: BTreeSet<String>,
}

impl Chains {
    /// What a body does to a booking that was in this state, and the state that it makes.
    pub fn see(&mut self, before: Option<&Booking>, told: &Booking) -> (ChangeKind, Booking) {
        let was = before.is_some_and(|before| before.to.is_some());
        let again = was && told.to.is_some() && !self.told.contains(&told.uuid);
        if let Some(old) = &told.from {
            self.steps.push((old.clone(), told.uuid.clone()));
        }
        if let Some(new) = &told.to {
            self.steps.push((told.uuid.clone(), new.clone()));
            self.told.insert(told.uuid.clone());
        }
        if was && told.to.is_none() {
            return (ChangeKind::Stale, told.clone());
        }
        let mut after = told.clone();
        if !was && after.to.is_none() {
            let step = self.steps.iter().find(|(old, _)| *old == told.uuid);
            after.to = step.map(|(_, new)| new.clone());
        }
        match kind_of(before, &after) {
            ChangeKind::Updated if again => (ChangeKind::Rebooked, after),
            kind => (kind, after),
        }
    }
}

/// What an event does to a booking that was in this state.
pub fn kind_of(before: Option<&Booking>, told: &Booking) -> ChangeKind {
    match before {
        None if told.to.is_some() => ChangeKind::Rebooked,
        None if told.cancelled => ChangeKind::Cancelled,
        None => ChangeKind::Created,
        Some(before) if before == told => ChangeKind::Unchanged,
        Some(before) if told.to.is_some() && before.to.is_none() => ChangeKind::Rebooked,
        Some(before) if told.cancelled && !before.cancelled => ChangeKind::Cancelled,
        Some(_) => ChangeKind::Updated,
    }
}

/// How many runs a change leads to, of a rule that is on.
pub fn runs_of(rule: &str, kind: ChangeKind, before: Option<&Booking>, after: &Booking) -> usize {
    if !kind.has_effect() {
        return 0;
    }
    match rule {
        "mails" => {
            usize::from(matches!(kind, ChangeKind::Created | ChangeKind::Cancelled | ChangeKind::Rebooked))
        }
        "people" => {
            let gone = before
                .map_or(0, |before| before.people.keys().filter(|pk| !after.people.contains_key(pk)).count());
            // Without travellers one run says so.
            (after.people.len() + gone).max(1)
        }
        _ => 1,
    }
}

/// A record that a rule's step should have written for a booking.
pub struct Wanted {
    /// `crm/contacts`.
    pub object: &'static str,
    /// Its key.
    pub key: String,
    /// The rule.
    pub rule: &'static str,
    /// Its step.
    pub step: &'static str,
    /// The item, else empty.
    pub item: String,
    /// The fields that the rule says.
    pub fields: Map<String, Value>,
}

/// What the rules say about a booking, by a variant. What depends on the CRM's ids is left out.
pub fn wanted(variant: &Variant, booking: &Booking) -> Vec<Wanted> {
    let mut wanted = Vec::new();
    let mut want = |object, key: &str, (rule, step), item: String, fields: Value| {
        let Value::Object(mut fields) = fields else { return };
        fields.insert("key".into(), key.into());
        if variant.rules.contains(&rule) {
            wanted.push(Wanted { object, key: key.to_owned(), rule, step, item, fields });
        }
    };
    let none = String::new;
    if let Some(email) = &booking.email {
        let phone = format!("{}+49 {}", variant.prefix_text(), booking.phone);
        let fields = json!({ "name": format!("Guest {}", booking.name), "phone": phone });
        want("crm/contacts", email, ("guests", "contact"), none(), fields);
        if booking.total > 0 {
            let fields = json!({ "total": booking.total, "status": booking.status() });
            want("crm/stays", &booking.uuid, ("guests", "stay"), none(), fields);
        }
        if variant.enabled {
            want("crm/contacts", email, ("mixed", "tag"), none(), json!({ "tag": booking.status() }));
        }
    }
    if booking.to.is_none() {
        let fields = json!({ "total": booking.total, "status": booking.status() });
        want("crm/deals", &booking.uuid, ("kept", "deal"), none(), fields);
    }
    let office = format!("{}@example.org", booking.company);
    let fields = json!({ "name": "Office", "last": booking.uuid });
    want("crm/contacts", &office, ("office", "office"), none(), fields);
    want("desk/logs", &booking.uuid, ("logs", "log"), none(), json!({ "rev": booking.rev }));
    for (pk, name) in &booking.people {
        let key = format!("{}-{pk}", booking.uuid);
        want(
            "desk/persons",
            &key,
            ("people", "person"),
            pk.to_string(),
            json!({ "name": format!("P{name}") }),
        );
    }
    let queue = format!("queue-{}", booking.company);
    let fields = json!({ "rev": booking.rev, "of": booking.uuid });
    want("desk/logs", &queue, ("queue", "queued"), none(), fields);
    wanted
}
