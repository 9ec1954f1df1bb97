//! How often each kind of thing happened, came in, and was met: so that a generator that does nothing is seen.

use super::mail::Arrival;
use super::truth::{Booking, History, Status};
use std::collections::{BTreeMap, BTreeSet};

/// By kind of thing.
pub type Counts = BTreeMap<String, usize>;

/// What must happen at least once in as many histories as CI lives through.
pub const EXPECTED: [&str; 45] = [
    "API AnswerLost",
    "API Away",
    "API Broken",
    "API NotSent",
    "API RequestLost",
    "API Throttled",
    "API TokensEnd",
    "CRM AnswerLost",
    "CRM Away",
    "CRM Broken",
    "CRM BrokenAfter",
    "CRM NeedsAuth",
    "CRM NotSent",
    "CRM Refused",
    "CRM RequestLost",
    "CRM Throttled",
    "a death within a step of a walk",
    "bookings cancelled",
    "bookings cancelled after a rebooking",
    "bookings changed",
    "bookings deleted",
    "bookings made",
    "bookings moved in place",
    "bookings paid",
    "bookings rebooked",
    "chains of three or more",
    "chains of two",
    "check-ins",
    "customers added",
    "customers changed",
    "customers removed",
    "guests changed",
    "histories by Asked",
    "histories by AskedOrTold",
    "histories by Hinted",
    "histories by Told",
    "histories by Trusted",
    "walks in a storm",
    "walks while webhooks come in",
    "walks with nothing amiss",
    "webhooks copied",
    "webhooks delayed",
    "webhooks in the order of the truth",
    "webhooks lost",
    "webhooks overtaken",
];

/// Adds so many.
pub fn add(counts: &mut Counts, what: impl Into<String>, many: usize) {
    if many > 0 {
        *counts.entry(what.into()).or_default() += many;
    }
}

/// What happened in truth.
pub fn of_history(history: &History, counts: &mut Counts) {
    let mut known: BTreeMap<u32, Booking> = BTreeMap::new();
    for booking in history.moments.iter().flat_map(|moment| &moment.after) {
        match (known.get(&booking.number), booking.follows) {
            (Some(before), _) => of_change(before, booking, counts),
            (None, Some(_)) => add(counts, "bookings rebooked", 1),
            (None, None) => add(counts, "bookings made", 1),
        }
        known.insert(booking.number, booking.clone());
    }
    for first in known.values().filter(|booking| booking.follows.is_none()) {
        let (mut length, mut last) = (1, first);
        while let Some(next) = last.followed_by.and_then(|next| known.get(&next)) {
            (length, last) = (length + 1, next);
        }
        match length {
            1 => {}
            2 => add(counts, "chains of two", 1),
            _ => add(counts, "chains of three or more", 1),
        }
    }
}

fn of_change(before: &Booking, after: &Booking, counts: &mut Counts) {
    let mut is = |what: &str, holds: bool| add(counts, what, usize::from(holds));
    let becomes = |status: Status| before.status != status && after.status == status;
    is("bookings cancelled", becomes(Status::Cancelled));
    is("bookings cancelled after a rebooking", becomes(Status::Cancelled) && after.follows.is_some());
    is("bookings deleted", becomes(Status::Deleted));
    is("bookings moved in place", before.slot != after.slot);
    is("bookings paid", before.paid != after.paid);
    is("guests changed", before.guest != after.guest);
    is("bookings changed", before.note != after.note || before.seats != after.seats);
    is("customers added", after.people.keys().any(|pk| !before.people.contains_key(pk)));
    is("customers removed", before.people.keys().any(|pk| !after.people.contains_key(pk)));
    let differ = |what: &dyn Fn(u32) -> bool| before.people.keys().any(|pk| what(*pk));
    let both = |pk: u32| before.people.get(&pk).zip(after.people.get(&pk));
    is("customers changed", differ(&|pk| both(pk).is_some_and(|(one, other)| one.size != other.size)));
    let here = differ(&|pk| both(pk).is_some_and(|(one, other)| one.here != other.here));
    is("check-ins", here || becomes(Status::Here));
}

/// What came in of it.
pub fn of_mail(arrivals: &[Arrival], lost: usize, counts: &mut Counts) {
    let mut sent = BTreeSet::new();
    let mut latest = 0;
    for arrival in arrivals {
        let shape = (arrival.shape.optimized, arrival.shape.payments);
        let first = sent.insert((arrival.sent, arrival.booking.number, shape));
        add(counts, "webhooks copied", usize::from(!first));
        add(counts, "webhooks delayed", usize::from(arrival.at > arrival.sent));
        let what =
            if arrival.sent < latest { "webhooks overtaken" } else { "webhooks in the order of the truth" };
        add(counts, what, 1);
        latest = latest.max(arrival.sent);
    }
    add(counts, "webhooks lost", lost);
}

/// All of them in one line.
pub fn told(counts: &Counts) -> String {
    counts.iter().map(|(what, many)| format!("{what}={many}")).collect::<Vec<_>>().join(", ")
}

/// What should have happened and did not.
pub fn missing(counts: &Counts) -> Vec<&'static str> {
    EXPECTED.into_iter().filter(|what| !counts.contains_key(*what)).collect()
}
