//! What can be known of FareHarbor's bookings from webhooks alone, said independently of the product. This is what the
//! vendor's data allows:
//!
//! - For one uuid the webhook that came last tells the truth, as far as anybody knows: there is no time and no number in it.
//! - But a rebooked booking stays rebooked: `booked` and `cancelled` of it are older, whenever they come.
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
    /// How often it was seen to begin.
    pub created: usize,
    /// How often it was seen to be called off.
    pub cancelled: usize,
}

/// Everything that is known.
#[derive(Default)]
pub struct Knowledge {
    /// By number.
    pub bookings: BTreeMap<u32, Known>,
}

impl Knowledge {
    /// From webhooks in the order in which they were received.
    pub fn of<'a>(arrivals: impl Iterator<Item = &'a Arrival>) -> Self {
        let mut knowledge = Self::default();
        arrivals.for_each(|arrival| knowledge.hears(arrival));
        knowledge
    }

    fn hears(&mut self, arrival: &Arrival) {
        let told = &arrival.booking;
        let over = |status: Status| matches!(status, Status::Cancelled | Status::Rebooked);
        let Some(known) = self.bookings.get_mut(&told.number) else {
            let known = Known {
                booking: told.clone(),
                seats: None,
                paid: None,
                priced: BTreeSet::new(),
                left: BTreeSet::new(),
                created: usize::from(!over(told.status)),
                cancelled: usize::from(over(told.status)),
            };
            self.bookings.entry(told.number).or_insert(known).details(arrival);
            return;
        };
        if known.booking.status == Status::Rebooked && told.status != Status::Rebooked {
            return;
        }
        if over(told.status) && told.status != known.booking.status {
            known.cancelled += 1;
        }
        let gone = known.booking.people.keys().filter(|pk| !told.people.contains_key(pk)).copied();
        known.left.extend(gone.collect::<Vec<_>>());
        known.left.retain(|pk| !told.people.contains_key(pk));
        known.booking = told.clone();
        known.details(arrival);
    }
}

impl Known {
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
