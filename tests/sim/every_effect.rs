//! Not by chance but all of them: a short story, with a death before and after each of its effects in turn, and with each
//! kind of trouble for each of its calls in turn.

use crate::faults::Side;
use crate::rules::Variant;
use crate::sim::Sim;
use crate::weather::{Fate, TROUBLES, Weather};
use crate::{Outcome, all_of, caught, simulate};

/// Stories: seeds, and the rules that they are about.
fn stories() -> Vec<(u64, Weather)> {
    let about = |rules: &[&'static str], webhooks| Weather {
        webhooks,
        variant: Variant { rules: rules.to_vec(), enabled: true, prefix: 0 },
        ..Weather::fair()
    };
    vec![
        (1, about(&["guests", "mails", "notes"], 5)),
        (2, about(&["mixed", "people"], 4)),
        (3, about(&["latest", "logs", "queue"], 4)),
    ]
}

fn told(seed: u64, weather: &Weather, prepare: impl Fn(&mut Sim)) -> Outcome {
    caught(|| {
        simulate(seed, weather.clone(), None, async |sim: &mut Sim| {
            prepare(sim);
            sim.run().await
        })
    })
}

#[test]
fn a_death_before_or_after_any_effect_keeps_the_promises() {
    let mut deaths = Vec::new();
    for (seed, weather) in stories() {
        let fair = told(seed, &weather, |_| {});
        assert_eq!(fair.wrong, [""; 0], "story {seed} goes wrong by itself");
        assert!(fair.effects > 20, "story {seed} has {} effects only", fair.effects);
        for effect in 1..=fair.effects {
            deaths.extend([Side::Before, Side::After].map(|side| (seed, weather.clone(), effect, side)));
        }
    }
    let name = |(seed, _, effect, side): &(u64, Weather, u64, Side)| {
        format!("story {seed} with a death {side:?} effect {effect}")
    };
    all_of("deaths", &deaths, name, |(seed, weather, effect, side)| {
        told(*seed, weather, |sim| sim.faults.crash_at(*effect, *side))
    });
}

#[test]
fn any_trouble_of_any_call_keeps_the_promises() {
    let mut troubles = Vec::new();
    for (seed, weather) in stories() {
        let fair = told(seed, &weather, |_| {});
        assert!(fair.calls > 5, "story {seed} has {} calls only", fair.calls);
        for call in 1..=fair.calls {
            troubles.extend(TROUBLES.map(|(fate, _)| (seed, weather.clone(), call, fate)));
        }
    }
    let name = |(seed, _, call, fate): &(u64, Weather, usize, Fate)| {
        format!("story {seed} with call {call} {fate:?}")
    };
    all_of("troubles", &troubles, name, |(seed, weather, call, fate)| {
        told(*seed, weather, |sim| sim.trouble_at = Some((*call, *fate)))
    });
}
