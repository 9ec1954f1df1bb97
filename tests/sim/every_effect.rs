//! Not by chance but all of them: short stories, with a death or a failure of the database before and after each of their
//! effects in turn, and with each kind of trouble for each of their calls in turn.

use crate::model::Booking;
use crate::rules::Variant;
use crate::sim::Sim;
use crate::weather::{Fate, TROUBLES, Weather};
use crate::{Outcome, all_of, caught, faults, simulate};
use waypost::ports::StoreError;

/// A story without trouble.
#[derive(Clone)]
struct Story {
    name: &'static str,
    seed: u64,
    weather: Weather,
    /// Told by hand: what a guest's booking becomes, each while the call before is on its way. Else the dice tell it.
    by_hand: Vec<Booking>,
}

fn stories() -> Vec<Story> {
    let story = |name, seed, rules: &[&'static str], webhooks| {
        let variant = Variant { rules: rules.to_vec(), enabled: true, prefix: 0 };
        let weather = Weather { webhooks, variant, ..Weather::fair() };
        Story { name, seed, weather, by_hand: Vec::new() }
    };
    let by_hand = |name, by_hand| Story { by_hand, ..story(name, 4, &["guests"], 0) };
    let first = Booking::of("first", "lee@example.org");
    let other_phone = Booking { phone: 2, rev: 2, ..first.clone() };
    let other_address = Booking { email: Some("kim@example.org".to_owned()), rev: 2, ..first.clone() };
    let back = Booking { rev: 3, ..first.clone() };
    vec![
        story("guests and creates", 1, &["guests", "mails", "notes"], 4),
        story("many runs of one change", 2, &["mixed", "people"], 4),
        story("lanes", 3, &["latest", "logs", "queue"], 4),
        by_hand("another phone and back", vec![first.clone(), other_phone, back.clone()]),
        by_hand("another address and back", vec![first, other_address, back]),
    ]
}

async fn tell(sim: &mut Sim, states: &[Booking]) -> Result<(), StoreError> {
    sim.start().await?;
    for state in states {
        sim.delivers().await?;
        sim.calls_go(Fate::Done);
        sim.hears_of(&[state]).await?;
        sim.delivers().await?;
        sim.calls_go(Fate::Done);
    }
    sim.quiet().await
}

fn told(story: &Story, prepare: impl Fn(&mut Sim)) -> Outcome {
    caught(|| {
        simulate(story.seed, story.weather.clone(), None, async |sim: &mut Sim| {
            prepare(sim);
            if story.by_hand.is_empty() { sim.run().await } else { tell(sim, &story.by_hand).await }
        })
    })
}

#[test]
fn a_death_or_a_failure_before_or_after_any_effect_keeps_the_promises() {
    let mut blows = Vec::new();
    for story in stories() {
        let fair = told(&story, |_| {});
        assert_eq!(fair.wrong, [""; 0], "the story of {} goes wrong by itself", story.name);
        assert!(fair.effects > 10, "the story of {} has {} effects only", story.name, fair.effects);
        for effect in 1..=fair.effects {
            blows.extend(faults::Fate::TROUBLES.map(|fate| (story.clone(), effect, fate)));
        }
    }
    let name = |(story, effect, fate): &(Story, u64, faults::Fate)| {
        format!("the story of {} with {fate:?} at effect {effect}", story.name)
    };
    all_of("effects", &blows, name, |(story, effect, fate)| told(story, |sim| sim.faults.at(*effect, *fate)));
}

#[test]
fn any_trouble_of_any_call_keeps_the_promises() {
    let mut troubles = Vec::new();
    for story in stories() {
        let fair = told(&story, |_| {});
        assert!(fair.calls > 3, "the story of {} has {} calls only", story.name, fair.calls);
        for call in 1..=fair.calls {
            troubles.extend(TROUBLES.map(|(fate, _)| (story.clone(), call, fate)));
        }
    }
    let name = |(story, call, fate): &(Story, usize, Fate)| {
        format!("the story of {} with call {call} {fate:?}", story.name)
    };
    all_of("calls", &troubles, name, |(story, call, fate)| {
        told(story, |sim| sim.trouble_at = Some((*call, *fate)))
    });
}
