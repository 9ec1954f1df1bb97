//! True histories: what happened to the bookings of a booking system, by chance from a seed. Knows nothing of webhooks, of
//! rules, or of the product.

use crate::machine::Chance;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

/// Whose bookings they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Vendor {
    /// Tours: whole bookings by webhook; another time is another booking.
    FareHarbor,
    /// Rooms: hints by webhook; another time is the same reservation.
    Apaleo,
}

/// How a booking stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// Booked.
    Booked,
    /// The guests are here (rooms).
    Here,
    /// They left again (rooms).
    Gone,
    /// Cancelled.
    Cancelled,
    /// Replaced by another booking (tours).
    Rebooked,
    /// There is no such booking any more (rooms).
    Deleted,
}

/// Who booked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Guest {
    /// Which of the guests.
    pub number: u32,
    /// Which of their addresses.
    pub address: u32,
    /// How they are called at present.
    pub name: u32,
    /// Their phone.
    pub phone: u32,
}

/// Who takes part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Person {
    /// What they wear.
    pub size: u32,
    /// They checked in.
    pub here: bool,
}

/// A booking at one time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Booking {
    /// Which one.
    pub number: u32,
    /// How it stands.
    pub status: Status,
    /// The booking that it replaced.
    pub follows: Option<u32>,
    /// The booking that replaced it.
    pub followed_by: Option<u32>,
    /// Who booked.
    pub guest: Guest,
    /// Who takes part, by their numbers.
    pub people: BTreeMap<u32, Person>,
    /// What was booked.
    pub item: usize,
    /// For when.
    pub slot: usize,
    /// Seats that there are at that time.
    pub seats: u32,
    /// It is paid.
    pub paid: bool,
    /// A note that no rule reads.
    pub note: u32,
    /// When it was changed last, in milliseconds since the beginning.
    pub modified: i64,
}

/// Something that happened.
#[derive(Clone, Debug)]
pub struct Moment {
    /// Milliseconds since the beginning.
    pub at: i64,
    /// What it was.
    pub act: String,
    /// apaleo's word for it.
    pub word: &'static str,
    /// The bookings that it changed, as they are then.
    pub after: Vec<Booking>,
}

/// How much happens.
#[derive(Clone, Debug)]
pub struct Plot {
    /// Whose bookings.
    pub vendor: Vendor,
    /// Moments.
    pub moments: usize,
    /// Bookings that are made by guests (and not by rebooking).
    pub bookings: usize,
    /// Guests who book; fewer than bookings share a contact.
    pub guests: usize,
    /// Bookings move to other times.
    pub moves: bool,
    /// Bookings are deleted.
    pub deletes: bool,
}

/// A history.
#[derive(Clone, Debug)]
pub struct History {
    /// All that happened, in order.
    pub moments: Vec<Moment>,
}

impl History {
    /// By a plot and chance.
    pub fn of(plot: &Plot, chance: &mut Chance) -> Self {
        let mut writer = Writer { plot, now: 0, bookings: BTreeMap::new(), people: 0 };
        let mut moments = Vec::new();
        while moments.len() < plot.moments && writer.can_go_on() {
            writer.now += match chance.weighted(&[35, 45, 20]) {
                0 => chance.between(0, 700),
                1 => chance.between(700, 30_000),
                _ => chance.between(30_000, 3_600_000),
            };
            moments.extend(writer.next(chance));
        }
        Self { moments }
    }

    /// All states that a booking had, with their times.
    pub fn states(&self, number: u32) -> impl Iterator<Item = (i64, &Booking)> {
        let all = self.moments.iter().flat_map(|moment| moment.after.iter().map(|after| (moment.at, after)));
        all.filter(move |(_, booking)| booking.number == number)
    }

    /// The truth at the end.
    pub fn truth(&self) -> BTreeMap<u32, Booking> {
        let all = self.moments.iter().flat_map(|moment| &moment.after);
        all.map(|booking| (booking.number, booking.clone())).collect()
    }
}

/// The past as somebody sees who may ask at any time: it never goes back, whatever clocks do.
pub struct Past {
    history: History,
    /// When the history began, by the clock of the simulation.
    begin: i64,
    seen: Arc<AtomicI64>,
}

impl Past {
    /// Of a history that begins then. Whoever holds `seen` may say that something has happened already.
    pub fn of(history: &History, begin: i64, seen: Arc<AtomicI64>) -> Self {
        Self { history: history.clone(), begin, seen }
    }

    /// All bookings as they are at a time, by their numbers.
    pub fn at(&self, now: i64) -> BTreeMap<u32, Booking> {
        self.seen.fetch_max(now - self.begin, Ordering::SeqCst);
        let seen = self.seen.load(Ordering::SeqCst);
        let happened = self.history.moments.iter().filter(|moment| moment.at <= seen);
        let after = happened.flat_map(|moment| &moment.after);
        after.map(|booking| (booking.number, booking.clone())).collect()
    }
}

struct Writer<'p> {
    plot: &'p Plot,
    now: i64,
    bookings: BTreeMap<u32, Booking>,
    people: u32,
}

impl Writer<'_> {
    fn next(&mut self, chance: &mut Chance) -> Option<Moment> {
        let made = self.bookings.values().filter(|booking| booking.follows.is_none()).count();
        let begins = made == 0 || (made < self.plot.bookings && chance.per_mille(350));
        let (act, word, after) = if begins { self.books(chance) } else { self.goes_on(chance)? };
        for booking in &after {
            self.bookings.insert(booking.number, booking.clone());
        }
        Some(Moment { at: self.now, act, word, after })
    }

    /// Something can still happen: not all is deleted.
    fn can_go_on(&self) -> bool {
        let made = self.bookings.values().filter(|booking| booking.follows.is_none()).count();
        made < self.plot.bookings || self.bookings.values().any(|booking| booking.status != Status::Deleted)
    }

    fn books(&mut self, chance: &mut Chance) -> (String, &'static str, Vec<Booking>) {
        let number = self.bookings.len() as u32 + 1;
        let guest = 1 + chance.below(self.plot.guests) as u32;
        // Where there is a guest for each booking, each has its own.
        let guest = if self.plot.guests >= self.plot.bookings { number } else { guest };
        let booking = Booking {
            number,
            status: Status::Booked,
            follows: None,
            followed_by: None,
            guest: Guest { number: guest, address: 0, name: 0, phone: 0 },
            people: self.party(1 + chance.below(3), chance),
            item: chance.below(2),
            slot: chance.below(SLOTS),
            seats: 12,
            paid: false,
            note: 0,
            modified: self.now,
        };
        (format!("guest {guest} makes {booking}"), "created", vec![booking])
    }

    fn party(&mut self, size: usize, chance: &mut Chance) -> BTreeMap<u32, Person> {
        let mut one = || {
            self.people += 1;
            (self.people, Person { size: chance.below(3) as u32, here: false })
        };
        (0..size).map(|_| one()).collect()
    }

    /// Something happens to a booking that is there. `None`: it can't happen to that one.
    fn goes_on(&mut self, chance: &mut Chance) -> Option<(String, &'static str, Vec<Booking>)> {
        let numbers: Vec<u32> = self.bookings.keys().copied().collect();
        let mut booking = self.bookings[chance.pick(&numbers)?].clone();
        let (tours, number) = (self.plot.vendor == Vendor::FareHarbor, booking.number);
        booking.modified = self.now;
        let open = matches!(booking.status, Status::Booked | Status::Here);
        let weights: [u32; 12] = match booking.status {
            Status::Deleted => return None,
            Status::Booked | Status::Here => [14, 8, 8, 10, 8, 5, 8, 8, 12, 12, 10, 6],
            // Somebody may still write a note on it, or pay.
            _ => [0, 0, 0, 4, 2, 0, 0, 0, 0, 0, 0, 0],
        };
        let one =
            |act: &str, word, booking: Booking| Some((format!("{act} of {booking}"), word, vec![booking]));
        match chance.weighted(&weights) {
            0 => {
                booking.guest.phone = (booking.guest.phone + 1 + chance.below(2) as u32) % 3;
                one("another phone", "changed", booking)
            }
            1 => {
                booking.guest.name = 1 - booking.guest.name;
                one("another name", "changed", booking)
            }
            2 => {
                booking.guest.address = 1 - booking.guest.address;
                one("another address", "changed", booking)
            }
            3 => {
                booking.note += 1;
                one("a note", "changed", booking)
            }
            4 if !booking.paid => {
                booking.paid = true;
                one("the payment", "changed", booking)
            }
            5 => {
                booking.seats += 1;
                one("another boat", "amended", booking)
            }
            6 if tours && open => {
                let out: Vec<u32> = booking.people.keys().copied().collect();
                let pk = *chance.pick(&out)?;
                if chance.per_mille(500) && out.len() > 1 {
                    booking.people.remove(&pk);
                    return one(&format!("somebody ({pk}) leaves the party"), "changed", booking);
                }
                let more = self.party(1, chance);
                booking.people.extend(more);
                one("somebody joins the party", "changed", booking)
            }
            7 if tours => {
                let here: Vec<u32> = booking.people.keys().copied().collect();
                let pk = *chance.pick(&here)?;
                let person = booking.people.get_mut(&pk)?;
                person.here = !person.here;
                one(&format!("check-in ({pk})"), "changed", booking)
            }
            7 => {
                let (status, word) = match booking.status {
                    Status::Booked => (Status::Here, "checked-in"),
                    _ => (Status::Gone, "checked-out"),
                };
                booking.status = status;
                one("the stay", word, booking)
            }
            8 if self.plot.moves && tours => {
                let mut new = booking.clone();
                new.number = self.bookings.len() as u32 + 1;
                (new.follows, new.followed_by) = (Some(number), None);
                new.slot = (new.slot + 1 + chance.below(SLOTS - 1)) % SLOTS;
                new.people = self.party(1 + chance.below(3), chance);
                booking.status = Status::Rebooked;
                booking.followed_by = Some(new.number);
                Some((format!("{booking} moves and is {new} now"), "amended", vec![booking, new]))
            }
            8 if self.plot.moves => {
                booking.slot = (booking.slot + 1 + chance.below(SLOTS - 1)) % SLOTS;
                one("another time", "amended", booking)
            }
            9 if booking.status == Status::Booked => {
                booking.status = Status::Cancelled;
                one("the cancellation", "canceled", booking)
            }
            10 if self.plot.deletes && chance.per_mille(700) => {
                booking.status = Status::Deleted;
                one("the end", "deleted", booking)
            }
            11 if tours => {
                let party: Vec<u32> = booking.people.keys().copied().collect();
                let pk = *chance.pick(&party)?;
                let person = booking.people.get_mut(&pk)?;
                person.size = (person.size + 1 + chance.below(2) as u32) % 3;
                one(&format!("another size ({pk})"), "changed", booking)
            }
            _ => None,
        }
    }
}

/// Times that are booked.
pub const SLOTS: usize = 3;

impl fmt::Display for Booking {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Guest { number, address, name, phone } = &self.guest;
        write!(
            f,
            "booking {} ({:?}, guest {number} address {address} name {name} phone {phone}, item {} slot {}, seats {}, {}note {}, people",
            self.number,
            self.status,
            self.item,
            self.slot,
            self.seats,
            if self.paid { "paid, " } else { "" },
            self.note
        )?;
        for (pk, person) in &self.people {
            write!(f, " {pk}:{}{}", person.size, if person.here { "!" } else { "" })?;
        }
        if let Some(follows) = self.follows {
            write!(f, ", after {follows}")?;
        }
        write!(f, ")")
    }
}
