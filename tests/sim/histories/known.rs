//! What can be known of FareHarbor's bookings from webhooks alone, said independently of the product. This is what the
//! vendor's data allows:
//!
//! - For one uuid the webhook that came last tells the truth, as far as anybody knows: there is no time and no number in it.
//! - But a rebooked booking stays rebooked: `booked` and `cancelled` of it are older, whenever they come.
//! - What took another's place says so, and so does what was replaced: one of the two is enough to know that the old one was
//!   rebooked.
//! - What a webhook's schema leaves out is as it was told before.
//!
//! So the truth is known where the last webhook of each booking arrived last. Else the API must be asked.

use super::mail::Arrival;
use super::truth::{Booking, Status};
use std::collections::{BTreeMap, BTreeSet};

/// What is known of a booking.
#[derive(Clone, Debug)]
pub struct Known {
    /// As it was last told.
    pub booking: Booking,
    /// How many seats there are, once something told.
    pub seats: Option<u32>,
    /// Whether it is paid, once a webhook with payments told.
    pub paid: Option<bool>,
    /// People whose price was told, of those who take part.
    pub priced: BTreeSet<u32>,
    /// People who took part once and don't any more.
    pub left: BTreeSet<u32>,
    /// Addresses that its guest had at some time.
    pub addresses: BTreeSet<u32>,
    /// How often it was seen to begin, at least and at most.
    pub created: (usize, usize),
    /// How often it was seen to be called off.
    pub cancelled: (usize, usize),
    /// All that was told of it was seen. Else somebody asked how it is now and then, and missed what was in between.
    pub seen_whole: bool,
}

/// Everything that is known.
#[derive(Default)]
pub struct Knowledge {
    /// By number.
    pub bookings: BTreeMap<u32, Known>,
    /// Who took whose place: the old one, and the new one.
    pub steps: BTreeMap<u32, u32>,
    /// Bookings that were known before anybody could know that they belong to one chain.
    pub apart: BTreeSet<u32>,
    /// Bookings whose present state nobody was told to ask for: nothing is said of them.
    pub open: BTreeMap<u32, Known>,
}

impl Knowledge {
    /// From webhooks in the order in which they were received.
    pub fn of<'a>(arrivals: impl Iterator<Item = &'a Arrival>) -> Self {
        let mut knowledge = Self::default();
        arrivals.for_each(|arrival| knowledge.hears(arrival));
        knowledge
    }

    /// One webhook more, or a document that was asked for.
    pub fn hears(&mut self, arrival: &Arrival) {
        let mut told = arrival.booking.clone();
        let own = told.status;
        if let Some(old) = told.follows {
            self.joins(old, told.number);
        }
        if let Some(new) = told.followed_by {
            self.joins(told.number, new);
        }
        if let Some(new) = self.steps.get(&told.number) {
            (told.status, told.followed_by) = (Status::Rebooked, Some(*new));
        }
        match self.bookings.get_mut(&told.number) {
            None => {
                let known = Known::first(&told);
                self.bookings.entry(told.number).or_insert(known).details(arrival);
            }
            Some(known) if known.booking.status == Status::Rebooked && own != Status::Rebooked => {}
            Some(known) => {
                known.becomes(told.clone());
                known.details(arrival);
            }
        }
        let old = told.follows.and_then(|old| self.bookings.get_mut(&old));
        if let Some(old) = old.filter(|old| old.booking.status != Status::Rebooked) {
            let status = Status::Rebooked;
            old.becomes(Booking { status, followed_by: Some(told.number), ..old.booking.clone() });
        }
    }

    fn joins(&mut self, old: u32, new: u32) {
        if self.steps.contains_key(&old) {
            return;
        }
        let known = |numbers: &[u32]| numbers.iter().any(|number| self.bookings.contains_key(number));
        let (older, newer) = (self.chain(old), self.chain(new));
        if known(&older) && known(&newer) {
            self.apart.extend(older.iter().chain(&newer));
        }
        self.steps.insert(old, new);
    }

    /// The bookings of a chain, as far as it is known to be one, oldest first.
    pub fn chain(&self, number: u32) -> Vec<u32> {
        let before = |new: u32| self.steps.iter().find(|(_, to)| **to == new).map(|(old, _)| *old);
        let mut first = number;
        while let Some(old) = before(first) {
            first = old;
        }
        let mut chain = vec![first];
        while let Some(new) = self.steps.get(&chain[chain.len() - 1]) {
            chain.push(*new);
        }
        chain
    }

    /// The newest booking of its chain of which something is known.
    pub fn newest(&self, number: u32) -> u32 {
        let chain = self.chain(number);
        let known = chain.iter().rev().find(|number| self.bookings.contains_key(number));
        known.copied().unwrap_or(number)
    }
}

/// Whether a booking is no more.
pub fn is_over(booking: &Booking) -> bool {
    matches!(booking.status, Status::Cancelled | Status::Rebooked | Status::Deleted)
}

impl Known {
    fn first(told: &Booking) -> Self {
        Self {
            booking: told.clone(),
            seats: None,
            paid: None,
            priced: BTreeSet::new(),
            left: BTreeSet::new(),
            addresses: [told.guest.address].into(),
            created: if is_over(told) { (0, 0) } else { (1, 1) },
            cancelled: if is_over(told) { (1, 1) } else { (0, 0) },
            seen_whole: true,
        }
    }

    fn becomes(&mut self, told: Booking) {
        if is_over(&told) && told.status != self.booking.status {
            self.cancelled.0 += 1;
            self.cancelled.1 += 1;
        }
        let gone = self.booking.people.keys().filter(|pk| !told.people.contains_key(pk));
        self.left.extend(gone.copied());
        self.left.retain(|pk| !told.people.contains_key(pk));
        self.addresses.insert(told.guest.address);
        self.booking = told;
    }

    fn details(&mut self, arrival: &Arrival) {
        let people = &arrival.booking.people;
        if !arrival.shape.optimized {
            self.seats = Some(arrival.booking.seats);
            self.priced = people.keys().copied().collect();
        }
        self.priced.retain(|pk| people.contains_key(pk));
        if arrival.shape.payments {
            self.paid = Some(arrival.booking.paid);
        }
    }

    /// As a booking: what nobody told is missing.
    pub fn is_the_truth(&self, truth: &Booking) -> bool {
        self.booking == *truth
            && self.seats == Some(truth.seats)
            && self.paid == Some(truth.paid)
            && self.priced.len() == truth.people.len()
    }
}
