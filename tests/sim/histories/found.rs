//! What histories found once, each told by hand.

use super::apaleo;
use super::asked::{heard, knowledge};
use super::fareharbor::{Shape, webhook};
use super::inn;
use super::known::Knowledge;
use super::live::Life;
use super::mail::Arrival;
use super::truth::{Booking, Guest, History, Moment, Past, Person, Status, Vendor};
use super::wanted::{Wanted, folder};
use super::{live, look};
use crate::faults;
use crate::machine::Chance;
use crate::node::Who;
use crate::rules::Folder;
use crate::sim::Sim;
use crate::stage;
use crate::weather::{Fate, Weather};
use std::sync::Arc;
use std::sync::atomic::AtomicI64;
use waypost::ports::Clock;

/// A booking of a guest, just made.
pub fn booked(number: u32) -> Booking {
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

fn arrival((at, booking): (usize, &Booking)) -> Arrival {
    Arrival {
        at: at as i64,
        sent: at as i64,
        word: "",
        booking: booking.clone(),
        shape: Shape::ALL[0],
        body: webhook(booking, Shape::ALL[0], 1),
    }
}

/// Whole webhooks that tell of these arrive in this order, in fair weather, and are applied at once.
fn story(told: &[Booking]) {
    let arrivals: Vec<Arrival> = told.iter().enumerate().map(arrival).collect();
    let outcome = stage(1, Weather { webhooks: 0, ..Weather::fair() }, None, async |sim: &mut Sim| {
        sim.folder = Some(folder());
        let (source, seen) = ("harbour-tours", &AtomicI64::new(0));
        let life = Life { vendor: Vendor::FareHarbor, source, turns: 0, walks: 0, seen };
        live::live(sim, &life, &arrivals).await?;
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

/// Two bookings of one guest, at two addresses. The CRM has made the second contact, and its answer is lost, when the first
/// booking comes to that address too: the contact that it has can't be renamed, since the key is taken.
fn key_is_taken(folder: Folder) -> Vec<String> {
    let first = booked(1);
    let mut second = booked(2);
    second.guest.address = 1;
    let mut moved = first.clone();
    moved.guest.address = 1;
    let outcome = stage(1, Weather { webhooks: 0, ..Weather::fair() }, None, async |sim: &mut Sim| {
        sim.folder = Some(folder);
        sim.start().await?;
        let told = [first, second, moved].map(|booking| arrival((0, &booking)));
        let applied = async |sim: &mut Sim, nth: usize| {
            live::comes(sim, "harbour-tours", &told[nth]);
            for who in [Who::Watch, Who::Apply, Who::Apply] {
                sim.finish_steps().await?;
                sim.begin_as(who);
            }
            sim.finish_steps().await
        };
        applied(sim, 0).await?;
        sim.quiet().await?;
        applied(sim, 1).await?;
        sim.delivers().await?;
        sim.calls_go(Fate::AnswerLost);
        sim.delivers().await?;
        applied(sim, 2).await?;
        sim.delivers().await?;
        sim.calls_go(Fate::Done);
        sim.quiet().await?;
        let knowledge = Knowledge::of(live::received(sim, &told).await?.into_iter());
        look(sim, &Wanted::of(&knowledge)).await
    });
    outcome.wrong
}

#[test]
fn a_contact_whose_new_address_is_taken_is_written_by_that_address() {
    assert_eq!(key_is_taken(folder()), [""; 0]);
    // As the connector was once: then it is refused, and stays so.
    let sound = include_str!("../../../rules/connectors/sandbox.yaml");
    let broken =
        sound.replace("{ status: 409, is: conflict, message: /error }", "{ status: 409, is: refused }");
    assert_ne!(broken, sound, "the connector says what 409 means");
    let mut files = folder().files;
    files.texts.insert("connectors/sandbox.yaml".to_owned(), broken);
    assert_ne!(key_is_taken(Folder::of(files)), [""; 0], "this never came to a conflict");
}

/// Of a chain of three the second is known first, and its call is under way when the first and the third become known.
#[test]
fn a_record_that_is_being_made_for_one_of_a_chain_moves_to_the_newest() {
    let first = Booking { status: Status::Rebooked, followed_by: Some(2), ..booked(1) };
    let second = Booking { follows: Some(1), slot: 1, ..booked(2) };
    let gone = Booking { status: Status::Rebooked, followed_by: Some(3), ..second.clone() };
    let third = Booking { follows: Some(2), slot: 2, ..booked(3) };
    let outcome = stage(1, Weather { webhooks: 0, ..Weather::fair() }, None, async |sim: &mut Sim| {
        sim.folder = Some(folder());
        sim.start().await?;
        let told = [second, first, third, gone].map(|booking| arrival((0, &booking)));
        for (nth, arrival) in told.iter().enumerate() {
            live::comes(sim, "harbour-tours", arrival);
            for who in [Who::Watch, Who::Apply, Who::Apply] {
                sim.finish_steps().await?;
                sim.begin_as(who);
            }
            sim.finish_steps().await?;
            // What goes out first is not answered before all are known.
            if nth == 0 || nth == 2 {
                sim.delivers().await?;
            }
        }
        sim.calls_go(Fate::Done);
        sim.quiet().await?;
        let knowledge = Knowledge::of(live::received(sim, &told).await?.into_iter());
        look(sim, &Wanted::of(&knowledge)).await
    });
    assert_eq!(outcome.wrong, [""; 0], "{}", outcome.trace.join("\n"));
}

/// Whether a record was made is open when a newer change comes, and then the booking is rebooked.
#[test]
fn a_record_that_may_have_been_made_is_told_before_another_booking_takes_it_over() {
    let first = booked(1);
    let mut called = first.clone();
    called.guest.phone = 1;
    let old = Booking { status: Status::Rebooked, followed_by: Some(2), ..called.clone() };
    let new = Booking { follows: Some(1), slot: 1, ..booked(2) };
    let outcome = stage(1, Weather { webhooks: 0, ..Weather::fair() }, None, async |sim: &mut Sim| {
        sim.folder = Some(folder());
        sim.start().await?;
        let told = [first, called, old, new].map(|booking| arrival((0, &booking)));
        for (nth, arrival) in told.iter().enumerate() {
            live::comes(sim, "harbour-tours", arrival);
            for who in [Who::Watch, Who::Apply, Who::Apply] {
                sim.finish_steps().await?;
                sim.begin_as(who);
            }
            sim.finish_steps().await?;
            if nth == 0 {
                sim.delivers().await?;
                sim.calls_go(Fate::AnswerLost);
                sim.delivers().await?;
            } else if nth == 1 {
                // It is due again, and there is something newer.
                sim.clock.advance(10_000);
                sim.delivers().await?;
                sim.calls_go(Fate::NotSent);
                sim.delivers().await?;
            }
        }
        sim.quiet().await?;
        let knowledge = Knowledge::of(live::received(sim, &told).await?.into_iter());
        look(sim, &Wanted::of(&knowledge)).await
    });
    assert_eq!(outcome.wrong, [""; 0], "{}", outcome.trace.join("\n"));
}

/// apaleo hints at one reservation; `trouble` comes over the turn that would ask for it. The truth is known in the end.
fn asked(trouble: impl Fn(&mut Sim)) {
    let booking = booked(1);
    let (act, word) = ("guest 1 books".to_owned(), "created");
    let history = History { moments: vec![Moment { at: 0, act, word, after: vec![booking.clone()] }] };
    let body = apaleo::webhook(&booking, (1, word, 0), &mut Chance::new(1));
    let arrival = Arrival { at: 0, sent: 0, booking, shape: Shape::ALL[0], word, body };
    let outcome = stage(1, Weather { webhooks: 0, ..Weather::fair() }, None, async |sim: &mut Sim| {
        let past = Past::of(&history, sim.clock.now(), Arc::default());
        sim.folder = Some(inn::folder());
        sim.vendor = Some(Box::new(apaleo::Api::new(past)));
        sim.start().await?;
        live::comes(sim, "inn", &arrival);
        for who in [Who::Watch, Who::Apply, Who::Apply, Who::Fetch] {
            sim.begin_as(who);
            sim.finish_steps().await?;
        }
        sim.clock.advance(1_000);
        trouble(sim);
        sim.begin_as(Who::Fetch);
        sim.finish_steps().await?;
        sim.quiet().await?;
        let heard = heard(&history, [&arrival].into_iter());
        look(sim, &inn::wanted(&knowledge(&history, &heard, false))).await
    });
    assert_eq!(outcome.wrong, [""; 0], "{}", outcome.trace.join("\n"));
}

#[test]
fn a_fetch_is_made_though_the_database_fails_while_it_is_taken() {
    for read in 1..=4 {
        asked(|sim| sim.faults.fail_at_read(read));
    }
    for effect in 1..=3 {
        for fate in faults::Fate::TROUBLES {
            asked(|sim| sim.faults.at(sim.faults.effects() + effect, fate));
        }
    }
}
