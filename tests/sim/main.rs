//! The simulator: the production steps over the production store, with a clock, chance and CRMs of its own, and all the
//! trouble that a seed chooses. It covers what killing a process can't time: requests and answers that are lost, deaths
//! before and after each effect, lost wake-ups, clocks that jump.
//!
//!   make sim                      a few seeds, as in CI
//!   make sim SEEDS=5000           seeds 0 to 4999; SEEDS=5000..9000 from 5000 on
//!   make sim SEED=17              one seed, with a trace of what happened

mod api_calls;
mod by_hand;
mod calls;
mod convergence;
mod crm;
mod every_effect;
mod faults;
mod found;
mod histories;
mod machine;
mod model;
mod node;
mod promises;
mod quiet;
mod rules;
mod sim;
mod walks;
mod weather;

#[expect(dead_code, reason = "the contract suite uses the rest")]
#[path = "../support/postgres.rs"]
mod postgres;

use sim::Sim;
use std::ops::Range;
use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use waypost::app::Places;
use waypost::ports::StoreError;
use weather::Weather;

/// Seeds where nobody says how many.
const SEEDS: u64 = 40;

/// Of so many seeds one is tried on Postgres too.
const POSTGRES_EACH: usize = 20;

/// What came of a simulation.
struct Outcome {
    trace: Vec<String>,
    wrong: Vec<String>,
    effects: u64,
    calls: usize,
    deaths: u32,
}

/// Where databases of simulations live: in memory, where the machine has such a place.
fn folder() -> tempfile::TempDir {
    let shared = PathBuf::from("/dev/shm");
    let made = tempfile::Builder::new().prefix("waypost-sim-").tempdir_in(&shared);
    made.or_else(|_| tempfile::tempdir()).expect("a temporary folder")
}

/// Runs one simulation, by a script, and looks at what is left.
fn simulate(
    seed: u64,
    weather: Weather,
    database: Option<String>,
    script: impl AsyncFnOnce(&mut Sim) -> Result<(), StoreError>,
) -> Outcome {
    stage(seed, weather, database, async |sim: &mut Sim| {
        script(sim).await?;
        let found = promises::look(sim).await?;
        nothing_is_sent_once_more(sim).await?;
        sim.trace.extend(found.runs.iter().map(|run| {
            let verdict = run.verdict.as_ref().map(|verdict| verdict.text.as_str()).unwrap_or_default();
            format!("{} {} {} at {}: {} {verdict}", run.seq, run.id, run.rule, run.position, run.state)
        }));
        Ok(())
    })
}

/// After a restart.
async fn nothing_is_sent_once_more(sim: &mut Sim) -> Result<(), StoreError> {
    if sim.wrong.is_empty() {
        let effects = sim.crm.effects.len();
        sim.die_and_start().await?;
        sim.quiet().await?;
        if sim.crm.effects.len() != effects {
            sim.wrong.push("after a restart something is sent once more".to_owned());
        }
    }
    Ok(())
}

/// Runs a script over a simulation of its own.
fn stage(
    seed: u64,
    weather: Weather,
    database: Option<String>,
    script: impl AsyncFnOnce(&mut Sim) -> Result<(), StoreError>,
) -> Outcome {
    let home = folder();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let places = Places { data: home.path().to_owned(), database, exclusive: true };
    let mut sim = Sim::new(seed, weather, places);
    let all = async {
        script(&mut sim).await?;
        sim.close().await;
        Ok::<(), StoreError>(())
    };
    // Unconstrained: how often the runtime lets others go first must not depend on how fast the disk is.
    let result = runtime.block_on(tokio::task::unconstrained(all));
    if let Err(error) = result {
        sim.wrong
            .push(format!("the store fails by itself: {error}: {:?}", std::error::Error::source(&error)));
    }
    let (effects, calls) = (sim.faults.effects(), sim.calls_gone);
    Outcome { trace: sim.trace, wrong: sim.wrong, effects, calls, deaths: sim.deaths }
}

/// The same; a panic within is a finding too.
fn caught(simulation: impl FnOnce() -> Outcome) -> Outcome {
    std::panic::catch_unwind(std::panic::AssertUnwindSafe(simulation)).unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<String>().cloned();
        let text = text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()));
        let wrong = vec![format!("a panic: {}", text.unwrap_or_default())];
        Outcome { trace: Vec::new(), wrong, effects: 0, calls: 0, deaths: 0 }
    })
}

/// A seed's simulation.
fn of_seed(seed: u64, database: Option<String>) -> Outcome {
    caught(|| simulate(seed, Weather::of(seed), database, Sim::run))
}

/// Does this with all things, on all cores; in the order of the things.
fn in_parallel<T: Sync, G: Send>(things: &[T], run: impl Fn(&T) -> G + Sync) -> Vec<G> {
    let next = AtomicUsize::new(0);
    let given: Mutex<Vec<(usize, G)>> = Mutex::new(Vec::new());
    let workers = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    std::thread::scope(|scope| {
        for _ in 0..workers {
            scope.spawn(|| {
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    let Some(thing) = things.get(number) else { return };
                    let gives = run(thing);
                    machine::lock(&given).push((number, gives));
                }
            });
        }
    });
    let mut given = given.into_inner().unwrap_or_default();
    given.sort_by_key(|(number, _)| *number);
    given.into_iter().map(|(_, gives)| gives).collect()
}

/// Runs many simulations, tells of those that fail, each by its name, and sums up.
#[expect(clippy::disallowed_methods, reason = "how long the simulations took, not how late it is in them")]
fn all_of<T: Sync>(
    what: &str,
    things: &[T],
    name: impl Fn(&T) -> String + Sync,
    run: impl Fn(&T) -> Outcome + Sync,
) {
    let began = std::time::Instant::now();
    let outcomes = in_parallel(things, |thing| {
        let Outcome { wrong, effects, calls, deaths, .. } = run(thing);
        if !wrong.is_empty() {
            println!("{} fails:\n  {}", name(thing), wrong.join("\n  "));
        }
        (wrong.is_empty(), effects, calls, deaths)
    });
    let failed: Vec<String> =
        things.iter().zip(&outcomes).filter(|(_, (fine, ..))| !fine).map(|(thing, _)| name(thing)).collect();
    println!(
        "{what} simulations={} effects={} calls={} deaths={} wrong={} per_s={:.1}",
        things.len(),
        outcomes.iter().map(|(_, effects, ..)| effects).sum::<u64>(),
        outcomes.iter().map(|(_, _, calls, _)| calls).sum::<usize>(),
        outcomes.iter().map(|(.., deaths)| deaths).sum::<u32>(),
        failed.len(),
        things.len() as f64 / began.elapsed().as_secs_f64()
    );
    assert!(failed.is_empty(), "{} of {} fail: {failed:?}", failed.len(), things.len());
}

/// Seeds by the environment: one, or so many, or a range.
fn of_range(one: &str, many: &str, else_so_many: u64) -> Range<u64> {
    let number =
        |text: &str| text.trim().parse::<u64>().expect("that is a number, or a range such as 100..200");
    if let Ok(one) = std::env::var(one) {
        let one = number(&one);
        return one..one + 1;
    }
    match std::env::var(many) {
        Ok(text) => match text.split_once("..") {
            Some((from, to)) => number(from)..number(to),
            None => 0..number(&text),
        },
        Err(_) => 0..else_so_many,
    }
}

fn seeds() -> Range<u64> {
    of_range("WAYPOST_SIM_SEED", "WAYPOST_SIM_SEEDS", SEEDS)
}

#[test]
fn many_seeds_keep_the_promises() {
    let traced = std::env::var("WAYPOST_SIM_SEED").is_ok();
    let seeds: Vec<u64> = seeds().collect();
    let name = |seed: &u64| format!("seed {seed} (run it again: make sim SEED={seed})");
    all_of("db=sqlite", &seeds, name, |seed| {
        let outcome = of_seed(*seed, None);
        if traced {
            println!("{}", outcome.trace.join("\n"));
        }
        outcome
    });
}

#[test]
fn a_few_seeds_keep_the_promises_on_postgres() {
    let seeds: Vec<u64> = seeds().step_by(POSTGRES_EACH).collect();
    let name = |seed: &u64| format!("seed {seed} on Postgres");
    all_of("db=postgres", &seeds, name, |seed| {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        let database = runtime.block_on(postgres::TestDatabase::create());
        let outcome = of_seed(*seed, Some(database.url.clone()));
        runtime.block_on(database.remove());
        outcome
    });
}

#[test]
fn the_same_seed_gives_the_same_trace() {
    for seed in [3, 4, 5, 6] {
        let (one, other) = (of_seed(seed, None), of_seed(seed, None));
        assert!(one.trace.len() > 50, "seed {seed} did too little");
        let parting = one.trace.iter().zip(&other.trace).find(|(one, other)| one != other);
        assert!(one.trace == other.trace, "seed {seed} went two ways: {parting:#?}");
    }
}
