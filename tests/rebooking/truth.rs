//! What is true of a chain after a number of webhooks, as FareHarbor's documents say it: of one booking the latest body is the
//! truth; a booking whose place was taken is rebooked for ever, whichever of the two bodies told so; what the old booking says
//! of anything shared is not relevant any more. Independent of the product; compared with the CRM.

use crate::crm::Crm;
use crate::story::{Tells, email, uuid};
use crate::world::made;
use serde_json::{Map, Value, json};

/// A booking as the last body told it.
#[derive(Clone, Debug)]
struct Known {
    status: &'static str,
    rev: u32,
    rebooked: bool,
    /// Its first body was the one of a live booking, and nobody knew better.
    first_live: bool,
    /// Its own body told that it was rebooked.
    told_itself: bool,
    /// `gone`, `live`: what the last change was.
    kind: &'static str,
    /// Mails that its ends make.
    mails: usize,
    /// What the rule says that asks for rebookings by name.
    named: Map<String, Value>,
}

/// What is true of a chain.
#[derive(Debug)]
pub struct Truth {
    chain: usize,
    bookings: Vec<Option<Known>>,
    /// Whether it is known that the booking at a place became the one after.
    steps: Vec<bool>,
    /// Bookings of the chain were known, and changed the CRM, before anybody could know that they belong together.
    pub apart: bool,
}

impl Truth {
    /// Of a chain with so many bookings, of which nothing is known.
    pub fn of(chain: usize, bookings: usize) -> Self {
        Self { chain, bookings: vec![None; bookings], steps: vec![false; bookings], apart: false }
    }

    /// A body is told.
    pub fn tell(&mut self, tells: &Tells) {
        let place = tells.place;
        let ends = tells.status == "rebooked";
        if place > 0 {
            self.join(place - 1);
        }
        if ends {
            self.join(place);
        }
        let replaced = self.steps[place];
        let before = self.bookings[place].clone();
        let was = before.as_ref().is_some_and(|known| known.rebooked);
        let mut now = before.clone().unwrap_or(Known {
            status: tells.status,
            rev: tells.rev,
            rebooked: false,
            first_live: !replaced && tells.status == "booked",
            told_itself: false,
            kind: "live",
            mails: 0,
            named: Map::new(),
        });
        let stale = was && !ends;
        let same = before.as_ref().is_some_and(|known| {
            (known.status, known.rev, known.told_itself) == (tells.status, tells.rev, ends)
        });
        if !stale && !same {
            (now.status, now.rev) = (tells.status, tells.rev);
            now.rebooked = replaced;
            let again = was && ends && !now.told_itself;
            now.told_itself |= ends;
            if replaced {
                now.status = "rebooked";
                now.kind = "gone";
                now.mails += usize::from(!was);
                if !was || again {
                    now.named.insert("kind".into(), "rebooked".into());
                    self.see_neighbours(place, &mut now);
                }
            } else if tells.status == "cancelled" {
                let becomes = before.as_ref().is_none_or(|known| known.status != "cancelled");
                now.kind = if becomes { "gone" } else { "live" };
                now.mails += usize::from(becomes);
            } else {
                now.kind = "live";
                if before.is_none() {
                    now.named.insert("kind".into(), "created".into());
                    self.see_neighbours(place, &mut now);
                }
            }
        }
        self.bookings[place] = Some(now);
        if place > 0
            && let Some(old) = self.bookings[place - 1].clone().filter(|old| !old.rebooked)
        {
            let mut old = Known { status: "rebooked", rebooked: true, kind: "gone", ..old };
            old.mails += 1;
            old.named.insert("kind".into(), "rebooked".into());
            self.see_neighbours(place - 1, &mut old);
            self.bookings[place - 1] = Some(old);
        }
    }

    /// It becomes known that a booking's place was taken by the next.
    fn join(&mut self, place: usize) {
        if !self.steps[place] {
            let known = |places: &[Option<Known>]| places.iter().any(Option::is_some);
            let next = self.bookings.get(place + 1..).is_some_and(known);
            self.apart |= known(&self.bookings[..=place]) && next;
            self.steps[place] = true;
        }
    }

    fn see_neighbours(&self, place: usize, booking: &mut Known) {
        let known = |place: usize| self.bookings.get(place).is_some_and(Option::is_some);
        if place > 0 && known(place - 1) && self.steps[place - 1] {
            booking.named.insert("before".into(), uuid(self.chain, place - 1).into());
        }
        if known(place + 1) && self.steps[place] {
            booking.named.insert("after".into(), uuid(self.chain, place + 1).into());
        }
    }

    /// The newest booking that is known here, where all that is known is known to be one chain.
    fn newest(&self) -> Option<(usize, &Known)> {
        let (place, known) =
            self.bookings.iter().enumerate().rev().find_map(|(p, k)| Some((p, k.as_ref()?)))?;
        let first = self.bookings.iter().position(Option::is_some)?;
        self.steps[first..place].iter().all(|step| *step).then_some((place, known))
    }

    /// What of the CRM is not as it should be.
    pub fn compare(&self, crm: &Crm) -> Vec<String> {
        let mut wrong = Vec::new();
        let mut expect = |object: &str, key: &str, fields: Value| {
            let found = crm.find(object, key).map(|record| record.fields.clone()).unwrap_or_default();
            let Value::Object(fields) = fields else { return };
            for (name, value) in fields {
                if found.get(&name) != Some(&value) {
                    wrong.push(format!("{object} {key}: {name} is {:?}, not {value}", found.get(&name)));
                }
            }
        };
        for (place, known) in self.bookings.iter().enumerate() {
            let key = uuid(self.chain, place);
            let Some(known) = known else { continue };
            expect("crm/bookings", &key, json!({ "status": known.status, "total": known.rev }));
            expect("crm/logs", &key, json!({ "kind": known.kind }));
            if !self.apart {
                expect("crm/logs", &format!("named {key}"), Value::Object(known.named.clone()));
            }
        }
        let newest = self.newest();
        if let Some((place, known)) = newest {
            let key = uuid(self.chain, place);
            if !self.apart {
                expect("crm/contacts", &email(self.chain), json!({ "of": key }));
            }
            if !known.rebooked {
                expect("crm/deals", &key, json!({ "key": key, "status": known.status, "total": known.rev }));
            }
        }
        let keys = || (0..self.bookings.len()).map(|place| uuid(self.chain, place));
        for (place, known) in self.bookings.iter().enumerate() {
            let key = uuid(self.chain, place);
            let mails = made(crm, "crm/mails", &key);
            let wanted = known.as_ref().map_or(0, |known| known.mails);
            if mails != wanted {
                wrong.push(format!("{mails} mails for {key}, not {wanted}"));
            }
            if known.is_none() && crm.find("crm/bookings", &key).is_some() {
                wrong.push(format!("a record for {key}, of which nothing came"));
            }
        }
        // Where an old one and a newer one had a deal each before anybody could know, the old one's is told its end. (Where the
        // newest was rebooked itself, the record waits for who took its place.)
        if let Some((newest, _)) = newest.filter(|(_, known)| self.apart && !known.rebooked) {
            for key in keys().enumerate().filter(|(place, _)| *place != newest).map(|(_, key)| key) {
                if let Some(deal) = crm.find("crm/deals", &key)
                    && deal.fields.get("status") != Some(&json!("rebooked"))
                {
                    wrong
                        .push(format!("the deal {key} lives beside the newest booking's: {:?}", deal.fields));
                }
            }
        }
        let deals = keys().filter(|key| crm.find("crm/deals", key).is_some()).count();
        let cards: usize = keys().map(|key| made(crm, "crm/cards", &key)).sum();
        if newest.is_some() && !self.apart {
            if deals > 1 || cards > 1 {
                wrong.push(format!("{deals} deals and {cards} cards for one chain"));
            }
            if newest.is_some_and(|(_, known)| known.first_live && !known.rebooked) && cards != 1 {
                wrong.push(format!("{cards} cards for a chain whose newest booking is there"));
            }
        }
        wrong
    }
}
