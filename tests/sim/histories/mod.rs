//! True histories of bookings, told by webhooks as the booking systems do, with losses, copies and delays on the way, and
//! CRMs that fail: at the end the CRM holds what can be known of the truth, by an oracle that is no part of the product.
//!
//!   make histories                a few, as in CI
//!   make histories N=10000        histories 0 to 9999; N=5000..9000 from 5000 on
//!   make histories SEED=17        one, told in words: what happened, what arrived, what the CRM holds

mod fareharbor;
mod found;
mod known;
mod live;
mod mail;
mod truth;
mod wanted;

use crate::machine::Chance;
use crate::sim::Sim;
use crate::weather::Weather;
use crate::{Outcome, caught, in_parallel, of_range, postgres, stage};
use known::Knowledge;
use mail::Mail;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use truth::{Booking, History, Plot, Vendor};
use wanted::Wanted;
use waypost::ports::StoreError;

/// Histories where nobody says how many.
const HISTORIES: u64 = 120;
/// Of so many histories one is lived through on Postgres too.
const POSTGRES_EACH: usize = 40;

/// A history with its weather.
struct Tale {
    plot: Plot,
    mail: Mail,
    weather: Weather,
    turns: usize,
}

impl Tale {
    fn of(seed: u64) -> (Self, Chance) {
        let mut chance = Chance::new(seed ^ 0x415);
        let bookings = 1 + chance.below(3);
        let plot = Plot {
            vendor: Vendor::FareHarbor,
            moments: 2 + chance.below(9),
            bookings,
            guests: if chance.per_mille(700) { bookings } else { 1 },
            moves: chance.per_mille(700),
            deletes: false,
        };
        let mail = Mail::of(&mut chance);
        let seeded = Weather::of(seed ^ 0x7A1E);
        // Nobody pauses, replays, deletes or changes rules here.
        let weather = Weather { webhooks: 0, person: 0, folder: 0, deletes: 0, ..seeded };
        let turns = [0, 15, 50, 120][chance.below(4)];
        (Self { plot, mail, weather, turns }, chance)
    }
}

/// What came of a history.
#[derive(Default)]
struct Sum {
    events: usize,
    lost: usize,
    true_at_the_end: bool,
}

fn history_of(seed: u64, database: Option<String>) -> (Outcome, Sum) {
    let mut sum = Sum::default();
    let outcome = caught(|| {
        let (tale, mut chance) = Tale::of(seed);
        let history = History::of(&tale.plot, &mut chance);
        let (arrivals, lost) = mail::deliver(&history, &tale.mail, &mut chance);
        sum.lost = lost.len();
        stage(seed, tale.weather.clone(), database, async |sim: &mut Sim| {
            sim.trace.push("What happened in truth:".to_owned());
            sim.trace.extend(history.moments.iter().map(|moment| format!("{:>9} {}", moment.at, moment.act)));
            sim.trace.push("What never arrived:".to_owned());
            sim.trace.extend(lost.iter().cloned());
            sim.trace.push("What went on:".to_owned());
            live::live(sim, &arrivals, tale.turns).await?;
            sum.true_at_the_end = look(sim, &history.truth(), &arrivals).await?;
            sum.events = sim.posted.len();
            Ok(())
        })
    });
    (outcome, sum)
}

/// Whether the CRM holds what can be known; and if so, whether that is the truth.
async fn look(
    sim: &mut Sim,
    truth: &BTreeMap<u32, Booking>,
    arrivals: &[mail::Arrival],
) -> Result<bool, StoreError> {
    let received = live::received(sim).await?;
    let of = |number: &usize| {
        let body = &sim.posted[*number].webhook.body;
        arrivals.iter().find(|arrival| arrival.body == *body)
    };
    let knowledge = Knowledge::of(received.iter().filter_map(of));
    let is_true = truth.iter().all(|(number, booking)| {
        knowledge.bookings.get(number).is_some_and(|known| known.is_the_truth(booking))
    });
    let wrong = Wanted::of(&knowledge).differences(sim);
    sim.wrong.extend(wrong);
    sim.trace.push("What is known, and the truth:".to_owned());
    for (number, booking) in truth {
        let mut line = match knowledge.bookings.get(number) {
            None => "nothing is known".to_owned(),
            Some(known) if known.is_the_truth(booking) => "known as it is".to_owned(),
            Some(known) => format!("known: {known:?}"),
        };
        let _ = write!(line, "; in truth: {booking}");
        sim.trace.push(line);
    }
    sim.trace.push("What became of the runs:".to_owned());
    for run in sim.runs().await? {
        let verdict = run.verdict.as_ref().map(|verdict| verdict.text.as_str()).unwrap_or_default();
        let (id, rule, item) = (&run.id, &run.rule, &run.item);
        sim.trace.push(format!("{id} {rule} {item} at {}: {} {verdict}", run.position, run.state));
    }
    sim.trace.push("What the CRM holds:".to_owned());
    let held: BTreeMap<String, String> = sim
        .crm
        .keys()
        .filter_map(|(object, key)| {
            let record = sim.crm.find(object, key)?;
            Some((format!("{object} {key}"), format!("{} {:?}", record.id, record.fields)))
        })
        .collect();
    sim.trace.extend(held.into_iter().map(|(place, fields)| format!("{place}: {fields}")));
    Ok(is_true)
}

fn seeds() -> Vec<u64> {
    of_range("WAYPOST_HISTORY_SEED", "WAYPOST_HISTORIES", HISTORIES).collect()
}

/// Lives through many, and sums up.
fn many(what: &str, seeds: &[u64], one: impl Fn(u64) -> (Outcome, Sum) + Sync) {
    let traced = std::env::var("WAYPOST_HISTORY_SEED").is_ok();
    let told = in_parallel(seeds, |seed| {
        let (mut outcome, sum) = one(*seed);
        let trace = std::mem::take(&mut outcome.trace);
        if traced {
            println!("{}", trace.join("\n"));
        }
        if !outcome.wrong.is_empty() {
            let wrong = outcome.wrong.join("\n  ");
            println!("history {seed} diverges (tell it: make histories SEED={seed}):\n  {wrong}");
        }
        (outcome, sum)
    });
    let count = |of: &dyn Fn(&(Outcome, Sum)) -> usize| told.iter().map(of).sum::<usize>();
    let diverged: Vec<u64> = seeds
        .iter()
        .zip(&told)
        .filter(|(_, (told, _))| !told.wrong.is_empty())
        .map(|(seed, _)| *seed)
        .collect();
    println!(
        "{what} webhooks={} lost={} calls={} deaths={} true={}\nhistories={} diverged={}",
        count(&|(_, sum)| sum.events),
        count(&|(_, sum)| sum.lost),
        count(&|(told, _)| told.calls),
        count(&|(told, _)| told.deaths as usize),
        count(&|(_, sum)| usize::from(sum.true_at_the_end)),
        seeds.len(),
        diverged.len()
    );
    assert!(diverged.is_empty(), "{} of {} diverge: {diverged:?}", diverged.len(), seeds.len());
}

#[test]
fn many_histories_end_with_what_can_be_known() {
    many("db=sqlite", &seeds(), |seed| history_of(seed, None));
}

#[test]
fn a_few_histories_end_with_what_can_be_known_on_postgres() {
    let seeds: Vec<u64> = seeds().into_iter().step_by(POSTGRES_EACH).collect();
    many("db=postgres", &seeds, |seed| {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        let database = runtime.block_on(postgres::TestDatabase::create());
        let outcome = history_of(seed, Some(database.url.clone()));
        runtime.block_on(database.remove());
        outcome
    });
}

#[test]
fn the_same_seed_gives_the_same_history() {
    for seed in [1, 2, 3] {
        let (one, other) = (history_of(seed, None).0, history_of(seed, None).0);
        assert!(one.trace.len() > 50, "history {seed} tells too little");
        let parting = one.trace.iter().zip(&other.trace).find(|(one, other)| one != other);
        assert!(one.trace == other.trace, "history {seed} went two ways: {parting:#?}");
    }
}
