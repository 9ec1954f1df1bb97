//! True histories of bookings, told by webhooks as the booking systems do, with losses, copies and delays on the way, and
//! CRMs that fail: at the end the CRM holds what can be known of the truth, by an oracle that is no part of the product.
//!
//!   make histories                a few, as in CI
//!   make histories N=10000        histories 0 to 9999; N=5000..9000 from 5000 on
//!   make histories SEED=17        one, told in words: what happened, what arrived, what the CRM holds

mod apaleo;
mod asked;
mod counts;
mod fareharbor;
mod found;
mod found_walks;
mod inn;
mod journal;
mod known;
mod live;
mod mail;
mod reconcile;
mod tale;
mod truth;
mod walks;
mod wanted;

use crate::rules::Folder;
use crate::sim::Sim;
use crate::{Outcome, caught, in_parallel, of_range, postgres, stage};
use counts::Counts;
use known::Knowledge;
use mail::Arrival;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use tale::{Tale, Way};
use truth::History;
use walks::Begun;
use wanted::Wanted;
use waypost::ports::StoreError;

/// Histories where nobody says how many.
const HISTORIES: u64 = 200;
/// Of so many histories one is lived through on Postgres too.
const POSTGRES_EACH: usize = 40;

/// What came of a history.
#[derive(Default)]
struct Sum {
    events: usize,
    lost: usize,
    fetches: usize,
    true_at_the_end: bool,
    repaired: usize,
    counts: Counts,
}

fn history_of(seed: u64, database: Option<String>) -> (Outcome, Sum) {
    history_by(seed, database, |folder| folder)
}

/// The same with other files in the rules folder.
fn history_by(seed: u64, database: Option<String>, change: impl Fn(Folder) -> Folder) -> (Outcome, Sum) {
    let mut sum = Sum::default();
    let outcome = caught(|| {
        let (tale, mut chance) = Tale::of(seed);
        let history = History::of(&tale.plot, &mut chance);
        let (arrivals, lost) = mail::deliver(&history, (tale.plot.vendor, &tale.mail), &mut chance);
        sum.lost = lost.len();
        counts::add(&mut sum.counts, format!("histories by {:?}", tale.way), 1);
        counts::of_history(&history, &mut sum.counts);
        counts::of_mail(&arrivals, lost.len(), &mut sum.counts);
        stage(seed, tale.weather.clone(), database, async |sim: &mut Sim| {
            sim.trace.push(format!("{:?}. What happened in truth:", tale.way));
            sim.trace.extend(history.moments.iter().map(|moment| format!("{:>9} {}", moment.at, moment.act)));
            sim.trace.push("What never arrived:".to_owned());
            sim.trace.extend(lost.iter().cloned());
            sim.trace.push("What went on:".to_owned());
            let seen = Arc::default();
            tale.set_up(sim, &history, &seen);
            sim.folder = sim.folder.take().map(&change);
            let begun = live::live(sim, &tale.life(&seen), &arrivals).await?;
            let scene = Scene { tale: &tale, history: &history, arrivals: &arrivals, begun };
            sum.true_at_the_end = scene.look(sim, &Brought::default()).await?;
            if tale.way == Way::Told {
                reconcile::says_that_it_cant_be_known(sim, tale.source()).await;
            } else if sim.wrong.is_empty() {
                scene.compare(sim).await?;
                sum.repaired = usize::from(!sum.true_at_the_end);
            }
            (sum.events, sum.fetches) = (sim.posted.len(), sim.fetches_begun);
            for (what, many) in std::mem::take(&mut sim.met) {
                counts::add(&mut sum.counts, what, many);
            }
            Ok(())
        })
    });
    (outcome, sum)
}

/// A history that was lived through.
struct Scene<'s> {
    tale: &'s Tale,
    history: &'s History,
    arrivals: &'s [Arrival],
    begun: Begun,
}

/// Bookings that a repair at the end brought in, or found to be as they are.
#[derive(Default)]
struct Brought(BTreeSet<u32>);

impl Scene<'_> {
    /// Whether the CRM holds what can be known. True where that is the truth.
    async fn look(&self, sim: &mut Sim, brought: &Brought) -> Result<bool, StoreError> {
        let received = live::received(sim, self.arrivals).await?.into_iter();
        let knowledge = match self.tale.way {
            Way::Told => Knowledge::of(received),
            Way::Trusted => journal::knowledge(sim, self.history, self.arrivals).await?,
            way => {
                let mut heard = asked::heard(self.history, received);
                let of = (self.tale.plot.vendor, self.history);
                for (number, since) in walks::heard_by_walks(sim, of, &self.begun).await? {
                    let heard = heard.entry(number).or_default();
                    *heard = since.max(*heard);
                }
                heard.extend(brought.0.iter().map(|number| (*number, i64::MAX)));
                asked::knowledge(self.history, &heard, way == Way::AskedOrTold)
            }
        };
        look(sim, &self.tale.wanted(&knowledge)).await?;
        Ok(tell_the_truth(sim, self.history, &knowledge))
    }

    /// Somebody compares, in a storm too, and brings in what is missing.
    async fn compare(&self, sim: &mut Sim) -> Result<(), StoreError> {
        if self.tale.storm {
            walks::storm(sim, self.tale, self.history).await?;
        }
        let of = (self.tale.plot.vendor, self.tale.source());
        let gone = reconcile::reconcile(sim, of, self.history).await?;
        live::retry_what_failed(sim).await?;
        let all = self.history.truth().into_keys();
        let brought = Brought(all.filter(|number| !gone.contains(number)).collect());
        self.look(sim, &brought).await.map(|_| ())
    }
}

/// Whether the CRM holds what can be known.
async fn look(sim: &mut Sim, wanted: &Wanted) -> Result<(), StoreError> {
    let wrong = wanted.differences(sim);
    sim.wrong.extend(wrong);
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
    Ok(())
}

/// Tells what is known beside the truth; true where that is the same.
fn tell_the_truth(sim: &mut Sim, history: &History, knowledge: &Knowledge) -> bool {
    sim.trace.push("What is known, and the truth:".to_owned());
    let mut all = true;
    for (number, booking) in &history.truth() {
        let known = knowledge.bookings.get(number);
        let is_true = known.is_some_and(|known| !known.seen_whole || known.is_the_truth(booking));
        all &= is_true;
        let told = match known {
            None => "nothing is known".to_owned(),
            Some(_) if is_true => "known as it is".to_owned(),
            Some(known) => format!("known: {known:?}"),
        };
        sim.trace.push(format!("{told}; in truth: {booking}"));
    }
    all
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
    let mut counts = Counts::new();
    for (what, many) in told.iter().flat_map(|(_, sum)| &sum.counts) {
        counts::add(&mut counts, what.clone(), *many);
    }
    println!("{what} {}", counts::told(&counts));
    println!(
        "{what} webhooks={} lost={} fetches={} calls={} deaths={} true={} repaired={}\nhistories={} diverged={}",
        count(&|(_, sum)| sum.events),
        count(&|(_, sum)| sum.lost),
        count(&|(_, sum)| sum.fetches),
        count(&|(told, _)| told.calls),
        count(&|(told, _)| told.deaths as usize),
        count(&|(_, sum)| usize::from(sum.true_at_the_end)),
        count(&|(_, sum)| sum.repaired),
        seeds.len(),
        diverged.len()
    );
    assert!(diverged.is_empty(), "{} of {} diverge: {diverged:?}", diverged.len(), seeds.len());
    if seeds.len() as u64 >= HISTORIES {
        assert_eq!(counts::missing(&counts), [""; 0], "this never happened");
    }
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

#[test]
fn histories_find_out_a_connector_that_believes_what_is_older() {
    let sound = include_str!("../../../rules/connectors/fareharbor.yaml");
    let (before, rule) = sound.split_once("        - is: stale").expect("there is a rule about late copies");
    let (_, after) = rule.split_once("\n        - { is").expect("and others behind it");
    let broken = format!("{before}        - {{ is{after}");
    let believes = |folder: Folder| {
        let mut files = folder.files;
        files.texts.insert("connectors/fareharbor.yaml".to_owned(), broken.clone());
        Folder::of(files)
    };
    let diverges = |seed: &u64| {
        let found =
            Tale::of(*seed).0.way == Way::Told && !history_by(*seed, None, believes).0.wrong.is_empty();
        found && history_of(*seed, None).0.wrong.is_empty()
    };
    assert!((0..300).any(|seed| diverges(&seed)), "none of 300 histories notices");
}
