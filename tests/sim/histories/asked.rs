//! What must be known where the booking system's API is asked, said independently of the product: webhooks only say that
//! something changed, so that neither their order, nor copies, nor what they tell matters. Of a booking the truth is known as
//! soon as one webhook came that was sent when it had changed last. Where all of those were lost, nobody knows until somebody
//! compares (reconcile).

use super::known::{Knowledge, Known, is_over};
use super::mail::Arrival;
use super::truth::{Booking, History, Status};
use std::collections::BTreeMap;

/// What was heard of each booking last.
pub type Heard = BTreeMap<u32, i64>;

/// From what was received.
pub fn heard<'a>(history: &History, received: impl Iterator<Item = &'a Arrival>) -> Heard {
    let mut heard = Heard::new();
    for arrival in received {
        // What was deleted can't be asked for: the word of its end is what counts.
        let end = arrival.booking.status == Status::Deleted;
        if history.truth()[&arrival.booking.number].status != Status::Deleted || end {
            let last = heard.entry(arrival.booking.number).or_default();
            *last = arrival.sent.max(*last);
        }
    }
    heard
}

/// What must be known then. `payload`: while the API is away, webhooks are believed, so that ends may be seen twice.
pub fn knowledge(history: &History, heard: &Heard, payload: bool) -> Knowledge {
    let mut knowledge = Knowledge::default();
    let truth = history.truth();
    for booking in truth.values() {
        if let Some(old) = booking.follows {
            knowledge.steps.insert(old, booking.number);
        }
    }
    let is_known = |number: &u32| {
        let last = history.states(*number).last().map_or(0, |(at, _)| at);
        heard.get(number).is_some_and(|heard| *heard >= last)
    };
    for (number, booking) in &truth {
        let known = known(history, booking, payload);
        let chain = knowledge.chain(*number);
        if chain.len() > 2 {
            // They may become known in an order in which nobody can know that they belong together.
            knowledge.apart.extend(&chain);
        }
        if chain.iter().all(is_known) {
            knowledge.bookings.insert(*number, known);
        } else {
            knowledge.open.insert(*number, known);
        }
    }
    knowledge
}

fn known(history: &History, booking: &Booking, payload: bool) -> Known {
    let states = || history.states(booking.number).map(|(_, state)| state);
    let people = states().flat_map(|state| state.people.keys().copied());
    let over = is_over(booking);
    let ends_max = if payload { usize::MAX } else { 1 };
    Known {
        booking: booking.clone(),
        seats: Some(booking.seats),
        paid: None,
        priced: booking.people.keys().copied().collect(),
        left: people.filter(|pk| !booking.people.contains_key(pk)).collect(),
        addresses: states().map(|state| state.guest.address).collect(),
        created: (usize::from(!over), 1),
        cancelled: if over { (1, ends_max) } else { (0, 0) },
        seen_whole: false,
    }
}
