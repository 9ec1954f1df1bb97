//! What histories found once, each told by hand.

use super::fareharbor::{Shape, webhook};
use super::known::Knowledge;
use super::mail::Arrival;
use super::truth::{Booking, Guest, Person, Status};
use super::wanted::{Wanted, folder};
use super::{live, look};
use crate::sim::Sim;
use crate::stage;
use crate::weather::Weather;
use std::sync::atomic::AtomicI64;

/// A booking of a guest, just made.
fn booked(number: u32) -> Booking {
    Booking {
        number,
        status: Status::Booked,
        follows: None,
        followed_by: None,
        guest: Guest { number: 1, address: 0, name: 0, phone: 0 },
        people: [(number, Person { size: 1, here: false })].into(),
        item: 0,
        slot: 0,
        seats: 12,
        paid: false,
        note: 0,
        modified: 0,
    }
}

/// Whole webhooks that tell of these arrive in this order, in fair weather, and are applied at once.
fn story(told: &[Booking]) {
    let arrival = |(at, booking): (usize, &Booking)| Arrival {
        at: at as i64,
        sent: at as i64,
        word: "",
        booking: booking.clone(),
        shape: Shape::ALL[0],
        body: webhook(booking, Shape::ALL[0], 1),
    };
    let arrivals: Vec<Arrival> = told.iter().enumerate().map(arrival).collect();
    let outcome = stage(1, Weather { webhooks: 0, ..Weather::fair() }, None, async |sim: &mut Sim| {
        sim.folder = Some(folder());
        live::live(sim, "harbour-tours", &arrivals, (0, &AtomicI64::new(0))).await?;
        let knowledge = Knowledge::of(live::received(sim, &arrivals).await?.into_iter());
        look(sim, &Wanted::of(&knowledge)).await
    });
    assert_eq!(outcome.wrong, [""; 0], "{}", outcome.trace.join("\n"));
}

#[test]
fn a_note_on_a_rebooked_booking_leaves_the_moved_record_to_the_new_one() {
    let first = booked(1);
    let old = Booking { status: Status::Rebooked, followed_by: Some(2), ..first.clone() };
    let new = Booking { follows: Some(1), slot: 1, ..booked(2) };
    let noted = Booking { note: 1, ..old.clone() };
    story(&[first.clone(), old.clone(), new.clone(), noted.clone()]);
    story(&[first, new, old, noted]);
}
