//! All figures. In each round the yardstick, Waypost on SQLite and Waypost on Postgres take turns at the same work, and a
//! ratio is made of the runs of one round: what disturbs the machine for minutes disturbs both sides. Then the same with a
//! million events stored, on SQLite. Called by `main` (`make bench`).

use crate::figures::{self, Samples};
use crate::load::{Arrived, Sent};
use crate::pages::Page;
use crate::peer::{Home, Peer};
use crate::report::{self, About};
use crate::run::{Outcome, Settings, Stage};
use anyhow::{Context, Result};
use clap::builder::BoolishValueParser;
use std::fmt::Write as _;
use std::fs;
use std::path::PathBuf;
use std::time::Instant;

/// Room on the disk that must be there, to what a million will take.
const ROOM: f64 = 1.5;

/// What may be called so.
const A_MILLION: u32 = 1_000_000;
/// Storing a million is left out where it would take longer.
const STORING_S_MAX: f64 = 1_800.0;

/// What to measure, and how often.
#[derive(clap::Args)]
pub struct Args {
    #[command(flatten)]
    settings: Settings,
    /// Rounds; the figures are their medians
    #[arg(long, env = "ROUNDS", default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..))]
    rounds: u32,
    /// Whether to measure Waypost on Postgres too
    #[arg(long, env = "POSTGRES", default_value = "1", value_parser = BoolishValueParser::new(), action = clap::ArgAction::Set)]
    postgres: bool,
    /// Whether to measure with a million events stored, which takes some minutes to store
    #[arg(long, env = "MILLION", default_value = "1", value_parser = BoolishValueParser::new(), action = clap::ArgAction::Set)]
    million: bool,
    /// How many events a million is
    #[arg(long, env = "STORED", default_value_t = 1_000_000)]
    stored: u32,
    /// Where the JSON goes
    #[arg(long, env = "BENCH_OUT", default_value = "target/bench.json")]
    out: PathBuf,
}

/// What was gathered.
#[derive(Default)]
pub struct Gathered {
    /// Waypost on SQLite, and the yardsticks.
    pub sqlite: Samples,
    pub postgres: Samples,
    /// What the reader should know.
    pub notes: Vec<String>,
}

/// Runs it all, writes the JSON and prints the table.
pub fn all(args: Args) -> Result<()> {
    // A broken run leaves no figures of an earlier one behind.
    if args.out.exists() {
        fs::remove_file(&args.out).with_context(|| format!("{} can't be replaced", args.out.display()))?;
    }
    let began = Instant::now();
    let about = About::now(&args.settings, args.rounds)?;
    let mut stage = Stage::new(args.settings, args.postgres)?;
    let mut gathered = Gathered::default();
    gathered.notes.extend(stage.warnings());
    for round in 1..=args.rounds {
        eprintln!("round {round} of {}", args.rounds);
        acks(&mut stage, &mut gathered, args.postgres)?;
        deliveries(&mut stage, &mut gathered, args.postgres)?;
        open_loops(&mut stage, &mut gathered, args.postgres)?;
    }
    if args.million {
        million(&mut stage, &mut gathered, args.rounds, args.stored)?;
    } else {
        gathered.notes.push("million_ratio was not measured: MILLION=0.".to_owned());
    }
    if !args.postgres {
        gathered.notes.push("Postgres was left out: POSTGRES=0.".to_owned());
    }
    drop(stage);
    let json = report::json(&about, &gathered, args.postgres, began.elapsed());
    let text = format!("{}\n", serde_json::to_string_pretty(&json)?);
    if let Some(folder) = args.out.parent() {
        fs::create_dir_all(folder)?;
    }
    fs::write(&args.out, text).with_context(|| format!("{} can't be written", args.out.display()))?;
    println!("{}", report::table(&about, &gathered, args.postgres));
    println!("All of it, with each round: {}", args.out.display());
    Ok(())
}

fn acks(stage: &mut Stage, gathered: &mut Gathered, postgres: bool) -> Result<()> {
    let mut per_s = |peer: Peer| -> Result<f64> {
        let outcome = stage.acks(peer)?;
        tell(peer, "acks", &outcome);
        gathered.sqlite.push(figures::NOISE, outcome.noise_cores);
        Ok(outcome.sent.acks_per_s)
    };
    let floor = per_s(Peer::Group)?;
    let sqlite = per_s(Peer::Waypost)?;
    let on_postgres = if postgres { Some(per_s(Peer::WaypostPostgres)?) } else { None };
    gathered.sqlite.push(figures::FLOOR_ACKS, floor);
    for (samples, ours) in both(gathered, sqlite, on_postgres) {
        samples.push(figures::ACKS, ours);
        samples.push(figures::ACK_RATIO, ours / floor);
    }
    Ok(())
}

fn deliveries(stage: &mut Stage, gathered: &mut Gathered, postgres: bool) -> Result<()> {
    let events = stage.settings.events;
    let home = stage.home(Peer::Forward)?;
    let floor = deliver(stage, gathered, &home, events)?;
    gathered.sqlite.push(figures::FLOOR_DELIVERED, arrived(&floor.sent)?.per_s);
    drop(home);
    weighed_delivery(stage, gathered, Peer::Waypost)?;
    if postgres {
        weighed_delivery(stage, gathered, Peer::WaypostPostgres)?;
    }
    Ok(())
}

/// Waypost's delivery, with what only it is weighed by: size, memory, start.
fn weighed_delivery(stage: &mut Stage, gathered: &mut Gathered, peer: Peer) -> Result<()> {
    let events = stage.settings.events;
    let home = stage.home(peer)?;
    // The schema and the ruleset are there before the first webhook.
    stage.start_once(&home)?;
    let before = home.bytes()?;
    let stored_before = home.stored_events()?;
    let outcome = deliver(stage, gathered, &home, events)?;
    let (after, stored) = (home.bytes()?, home.stored_events()? - stored_before);
    let start = stage.start_again(&home)?;
    eprintln!(
        "  {:<20} starts in {:.0} ms, idle {:.1} MiB",
        peer.name(),
        start.to_200_ms,
        start.rss_idle_mib
    );
    let floor = gathered.sqlite.last(figures::FLOOR_DELIVERED);
    let per_s = arrived(&outcome.sent)?.per_s;
    let samples = if peer == Peer::Waypost { &mut gathered.sqlite } else { &mut gathered.postgres };
    samples.push(figures::DELIVERED, per_s);
    samples.push(figures::DELIVERED_RATIO, per_s / floor);
    samples.push(figures::RSS_LOADED, outcome.rss_peak_mib);
    samples.push(figures::RSS_IDLE, start.rss_idle_mib);
    samples.push(figures::START, start.to_200_ms);
    samples.push(figures::BYTES, after.saturating_sub(before) as f64 / stored as f64);
    Ok(())
}

fn open_loops(stage: &mut Stage, gathered: &mut Gathered, postgres: bool) -> Result<()> {
    let mut open = |peer: Peer| -> Result<Sent> {
        let outcome = stage.open(peer)?;
        tell(peer, "open loop", &outcome);
        gathered.sqlite.push(figures::NOISE, outcome.noise_cores);
        Ok(outcome.sent)
    };
    let ack_floor = open(Peer::Group)?.ack.p99_ms;
    let delivered_floor = arrived(&open(Peer::Forward)?)?.stats.latency.p99_ms;
    let sqlite = open(Peer::Waypost)?;
    let on_postgres = if postgres { Some(open(Peer::WaypostPostgres)?) } else { None };
    gathered.sqlite.push(figures::FLOOR_ACK_P99, ack_floor);
    gathered.sqlite.push(figures::FLOOR_DELIVERED_P99, delivered_floor);
    for (samples, ours) in both(gathered, sqlite, on_postgres) {
        let delivered = arrived(&ours)?.stats.latency.p99_ms;
        samples.push(figures::ACK_P99, ours.ack.p99_ms);
        samples.push(figures::ACK_P99_RATIO, ours.ack.p99_ms / ack_floor);
        samples.push(figures::DELIVERED_P99, delivered);
        samples.push(figures::DELIVERED_P99_RATIO, delivered / delivered_floor);
    }
    Ok(())
}

/// Deliveries with so many events stored, applied and delivered before, in turns with deliveries into an empty store.
fn million(stage: &mut Stage, gathered: &mut Gathered, rounds: u32, stored: u32) -> Result<()> {
    let median = |key| gathered.sqlite.spread(key).map_or(0.0, |spread| spread.median);
    let (per_event, storing_s) = (median(figures::BYTES), f64::from(stored) / median(figures::DELIVERED));
    if storing_s > STORING_S_MAX {
        gathered.notes.push(format!(
            "million_ratio was not measured: at this speed {stored} events would take {:.0} minutes to store and deliver. \
             STORED names fewer.",
            storing_s / 60.0
        ));
        return Ok(());
    }
    let (needed, free) = (per_event * f64::from(stored) * ROOM, stage.free_bytes()? as f64);
    if needed > free {
        gathered.notes.push(format!(
            "million_ratio was not measured: {stored} events need some {:.0} GiB, and the disk has {:.0} GiB left. Name a \
             folder with more room by BENCH_WORK.",
            needed / f64::from(1 << 30),
            free / f64::from(1 << 30)
        ));
        return Ok(());
    }
    let events = stage.settings.events;
    let full = stage.home(Peer::Waypost)?;
    eprintln!("storing and delivering {stored} events, some {:.0} minutes", (storing_s / 60.0).ceil());
    deliver(stage, gathered, &full, stored)?;
    pages(stage, gathered, &full, stored)?;
    for round in 1..=rounds {
        eprintln!("round {round} of {rounds}, into an empty store and into one with {stored} events");
        let empty = stage.home(Peer::Waypost)?;
        let to_empty = arrived(&deliver(stage, gathered, &empty, events)?.sent)?.per_s;
        drop(empty);
        let to_full = arrived(&deliver(stage, gathered, &full, events)?.sent)?.per_s;
        let start = stage.start_again(&full)?;
        if stored == A_MILLION {
            gathered.sqlite.push(figures::MILLION_RATIO, to_full / to_empty);
            gathered.sqlite.push(figures::START_AT_MILLION, start.to_200_ms);
        } else {
            gathered.notes.push(format!(
                "million_ratio was not measured: STORED={stored}; with that many it is {:.2}, and a start takes {:.0} ms.",
                to_full / to_empty,
                start.to_200_ms
            ));
        }
    }
    Ok(())
}

/// The pages with so many events stored, beside those with the events of a delivery run.
fn pages(stage: &mut Stage, gathered: &mut Gathered, full: &Home, stored: u32) -> Result<()> {
    let few = stage.home(Peer::Waypost)?;
    let events = stage.settings.events;
    deliver(stage, gathered, &few, events)?;
    let (few, many) = (stage.pages(&few)?, stage.pages(full)?);
    gathered.notes.push(pages_told(&few, &many, events, stored));
    let most = |of: fn(&Page) -> f64| many.iter().map(of).fold(0.0, f64::max);
    gathered.sqlite.push(figures::PAGE_HEAVIEST, most(|page| page.kib));
    if stored == A_MILLION {
        gathered.sqlite.push(figures::PAGE_SLOWEST, most(|page| page.median_ms));
        let mut ratios: Vec<f64> =
            few.iter().zip(&many).map(|(few, many)| many.median_ms / few.median_ms).collect();
        ratios.sort_by(f64::total_cmp);
        gathered.sqlite.push(figures::PAGE_RATIO, ratios[ratios.len() / 2]);
    }
    Ok(())
}

/// Each page in a line.
fn pages_told(few: &[Page], many: &[Page], events: u32, stored: u32) -> String {
    let mut told = format!("pages: median in ms (longest) with {events} events, with {stored}; KiB\n");
    for page in many {
        let beside = few.iter().find(|few| few.name == page.name);
        let beside = beside.map_or(String::new(), |few| format!("{:.1} ({:.1})", few.median_ms, few.most_ms));
        let _ = writeln!(
            told,
            "  {:<34} {beside:>14} {:>9.1} ({:.1})  {:.1}",
            page.name, page.median_ms, page.most_ms, page.kib
        );
    }
    told
}

fn deliver(stage: &mut Stage, gathered: &mut Gathered, home: &Home, events: u32) -> Result<Outcome> {
    let outcome = stage.delivery(home, events)?;
    tell(home.peer, "deliveries", &outcome);
    gathered.sqlite.push(figures::NOISE, outcome.noise_cores);
    Ok(outcome)
}

fn both<T>(gathered: &mut Gathered, sqlite: T, postgres: Option<T>) -> Vec<(&mut Samples, T)> {
    let mut all = vec![(&mut gathered.sqlite, sqlite)];
    all.extend(postgres.map(|value| (&mut gathered.postgres, value)));
    all
}

fn arrived(sent: &Sent) -> Result<&Arrived> {
    sent.arrived.as_ref().context("the run had a CRM")
}

/// One line on stderr for those who wait.
fn tell(peer: Peer, what: &str, outcome: &Outcome) {
    let sent = &outcome.sent;
    let delivered = sent.arrived.as_ref().map_or(String::new(), |arrived| {
        format!(", {:.0} delivered/s, p99 {:.1} ms", arrived.per_s, arrived.stats.latency.p99_ms)
    });
    eprintln!(
        "  {:<20} {what:<10} {:.0} acks/s, p99 {:.1} ms{delivered}; at most {:.0} MiB; others used {:.2} cores",
        peer.name(),
        sent.acks_per_s,
        sent.ack.p99_ms,
        outcome.rss_peak_mib,
        outcome.noise_cores
    );
}
