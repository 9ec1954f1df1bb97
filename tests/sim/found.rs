//! What simulations found once, each told by hand: short enough to be read, and not shaken by a change of the dice.

use crate::faults::{self, Side};
use crate::model::Booking;
use crate::rules::Variant;
use crate::sim::Sim;
use crate::simulate;
use crate::weather::{Fate, Weather};
use waypost::ports::StoreError;

/// A story in fair weather, with these rules.
fn story(rules: &[&'static str], script: impl AsyncFnOnce(&mut Sim) -> Result<(), StoreError>) {
    let variant = Variant { rules: rules.to_vec(), enabled: true, prefix: 0 };
    let weather = Weather { webhooks: 0, variant, ..Weather::fair() };
    let outcome = simulate(1, weather, None, async |sim: &mut Sim| {
        sim.start().await?;
        script(sim).await?;
        sim.quiet().await
    });
    assert_eq!(outcome.wrong, [""; 0], "{}", outcome.trace.join("\n"));
}

const LEE: &str = "lee@example.org";
const KIM: &str = "kim@example.org";

#[test]
fn a_newer_change_that_came_in_during_a_call_takes_over_before_the_next_try() {
    story(&["guests"], async |sim| {
        let first = Booking::of("first", LEE);
        sim.hears_of(&[&first]).await?;
        sim.delivers().await?;
        sim.clock.advance(5);
        sim.hears_of(&[&Booking { phone: 2, rev: 2, ..first }]).await?;
        sim.calls_go(Fate::Away);
        sim.clock.advance(5);
        sim.delivers().await
    });
}

#[test]
fn calls_of_one_connection_go_out_though_the_database_fails_at_the_next() {
    // The first failing read after the begins of one connection, wherever that is.
    for read in 1..12 {
        story(&["notes", "logs"], async |sim| {
            sim.hears_of(&[&Booking::of("first", LEE)]).await?;
            sim.quiet().await?;
            // The rate of the second connection has room again.
            sim.clock.advance(2_000);
            sim.hears_of(&[&Booking::of("second", LEE)]).await?;
            sim.faults.fail_at_read(read);
            sim.delivers().await
        });
    }
}

#[test]
fn a_rule_leaves_alone_what_another_rule_wrote_for_the_booking() {
    story(&["guests", "office"], async |sim| {
        let first = Booking::of("first", LEE);
        sim.hears_of(&[&first]).await?;
        sim.quiet().await?;
        let first = Booking { email: Some(KIM.to_owned()), rev: 2, ..first };
        sim.hears_of(&[&first]).await
    });
}

#[test]
fn a_guest_who_comes_to_an_address_that_was_renamed_gets_a_contact_of_their_own() {
    story(&["guests"], async |sim| {
        let first = Booking::of("first", LEE);
        sim.hears_of(&[&first]).await?;
        sim.quiet().await?;
        let first = Booking { email: Some(KIM.to_owned()), rev: 2, ..first };
        sim.hears_of(&[&first]).await?;
        sim.quiet().await?;
        // The contact is Kim's now; what the link of the old address remembers is not there any more.
        sim.hears_of(&[&Booking::of("second", LEE)]).await
    });
}

#[test]
fn an_older_run_makes_the_contact_that_a_newer_one_renamed_away() {
    story(&["mixed"], async |sim| {
        let late = Booking::of("late", LEE);
        sim.hears_of(&[&late]).await?;
        sim.delivers().await?;
        sim.calls_go(Fate::NotSent);
        sim.delivers().await?;
        // Meanwhile another booking uses that address, and leaves it.
        let other = Booking { company: "company2".to_owned(), ..Booking::of("other", LEE) };
        sim.hears_of(&[&other]).await?;
        sim.delivers().await?;
        sim.calls_go(Fate::Done);
        sim.hears_of(&[&Booking { email: Some(KIM.to_owned()), rev: 2, ..other }]).await?;
        for _ in 0..4 {
            sim.delivers().await?;
            sim.calls_go(Fate::Done);
        }
        Ok(())
    });
}

#[test]
fn an_address_is_not_renamed_by_the_claim_in_which_another_booking_comes_to_it() {
    story(&["guests"], async |sim| {
        let first = Booking::of("first", LEE);
        sim.hears_of(&[&first]).await?;
        sim.quiet().await?;
        let first = Booking { email: Some(KIM.to_owned()), rev: 2, ..first };
        sim.hears_of(&[&first, &Booking::of("second", LEE)]).await
    });
}

#[test]
fn a_rename_whose_answer_is_lost_leaves_nothing_known_of_the_old_address() {
    story(&["guests"], async |sim| {
        let first = Booking::of("first", LEE);
        sim.hears_of(&[&first]).await?;
        sim.quiet().await?;
        let first = Booking { email: Some(KIM.to_owned()), rev: 2, ..first };
        sim.hears_of(&[&first]).await?;
        sim.delivers().await?;
        sim.calls_go(Fate::AnswerLost);
        sim.hears_of(&[&Booking::of("second", LEE)]).await
    });
}

#[test]
fn what_another_booking_sent_to_the_old_address_does_not_make_a_changed_address_stale() {
    story(&["guests"], async |sim| {
        let first = Booking::of("first", LEE);
        let second = Booking::of("second", LEE);
        sim.hears_of(&[&first, &second]).await?;
        sim.quiet().await?;
        let first = Booking { email: Some(KIM.to_owned()), rev: 2, ..first };
        sim.hears_of(&[&first]).await?;
        sim.delivers().await?;
        sim.calls_go(Fate::Away);
        let second = Booking { phone: 2, rev: 3, ..second };
        sim.hears_of(&[&second]).await
    });
}

#[test]
fn runs_that_were_paused_go_on_though_a_death_kept_their_connection_from_being_written_down() {
    for effect in 1..=6 {
        story(&["guests"], async |sim| {
            sim.hears_of(&[&Booking::of("first", LEE), &Booking::of("second", KIM)]).await?;
            sim.delivers().await?;
            sim.calls_go(Fate::NeedsAuth);
            let effects = sim.faults.effects();
            sim.faults.at(effects + effect, faults::Fate::Crash(Side::After));
            sim.delivers().await?;
            sim.delivers().await
        });
    }
}

#[test]
fn a_create_whose_look_up_was_refused_is_looked_up_again_when_somebody_tries_again() {
    story(&["notes"], async |sim| {
        sim.hears_of(&[&Booking::of("first", LEE)]).await?;
        sim.delivers().await?;
        sim.calls_go(Fate::AnswerLost);
        sim.delivers().await?;
        sim.clock.advance(60_000);
        sim.delivers().await?;
        sim.calls_go(Fate::Refused);
        sim.delivers().await?;
        sim.retries_what_failed().await.map(|_| ())
    });
}
