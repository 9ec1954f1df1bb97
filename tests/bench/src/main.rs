//! How fast Waypost is beside the simplest servers that do the same, on one machine and in one run.
//!
//! `make bench` runs `all`; `one` is one run of one program, for profiling. The other subcommands are the processes that
//! these start: load generator, mock CRM, yardsticks. See README.md beside this package's manifest.
//!
//! * [`trace`], [`payload`]: what is sent, and by what it is known again
//! * [`load`], [`mock_crm`], [`floor`]: the processes
//! * [`child`], [`postgres`], [`peer`]: what is started, and how
//! * [`pages`]: how long pages take and what they weigh
//! * [`run`], [`round`], [`figures`], [`report`]: what is measured, and what is told of it
//! * [`promises`]: what the tests and these figures say of the design's promises, for `make promises`

mod child;
mod client;
mod figures;
mod floor;
mod latency;
mod load;
mod mock_crm;
mod pages;
mod payload;
mod peer;
mod postgres;
mod procfs;
mod promises;
mod report;
mod round;
mod run;
mod trace;

use anyhow::Context;
use bytes::Bytes;
use clap::Parser;
use hyper::{Method, Uri};
use std::process::ExitCode;
use std::time::Duration;

/// Measures Waypost beside its yardsticks
#[derive(Parser)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(clap::Subcommand)]
enum Command {
    /// All figures: a table, and a JSON file
    All(round::Args),
    /// One run of one program; prints what came of it as JSON
    One(OneArgs),
    /// Writes PROMISES.md from the results of the tests and the last figures
    Promises(promises::Args),
    #[command(hide = true)]
    Load(load::Args),
    #[command(hide = true)]
    MockCrm(mock_crm::Args),
    #[command(hide = true)]
    Floor(floor::Args),
}

#[derive(clap::Args)]
struct OneArgs {
    scenario: Scenario,
    peer: peer::Peer,
    #[command(flatten)]
    settings: run::Settings,
}

#[derive(Clone, Copy, clap::ValueEnum)]
enum Scenario {
    /// Closed loop for some seconds
    Acks,
    /// Closed loop of so many events, until the last arrived at the CRM
    Delivery,
    /// 100 events per second, for latencies
    Open,
    /// A start with data of a delivery run
    Start,
    /// The pages, with data of a delivery run
    Pages,
}

/// Nanoseconds since 1970. All processes are on one machine, so that differences between two of them mean something.
fn now_ns() -> u64 {
    std::time::UNIX_EPOCH.elapsed().map_or(0, |since| since.as_nanos() as u64)
}

/// A port that nobody listens on at this moment.
fn free_port() -> anyhow::Result<u16> {
    let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).context("no port is free")?;
    Ok(listener.local_addr()?.port())
}

/// One request on a connection of its own.
fn once(uri: &Uri, method: Method, body: Vec<u8>) -> anyhow::Result<(u16, Bytes)> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let mut connection = client::Connection::new(uri);
    let request = connection.request(method, uri.path(), Bytes::from(body));
    let answer = runtime.block_on(async { tokio::time::timeout(Duration::from_secs(5), request).await });
    answer.context("no answer within 5 s")?.map_err(anyhow::Error::from_boxed)
}

fn one(mut args: OneArgs) -> anyhow::Result<()> {
    args.settings.tell_process = true;
    let mut stage = run::Stage::new(args.settings, args.peer == peer::Peer::WaypostPostgres)?;
    let events = stage.settings.events;
    let outcome = match args.scenario {
        Scenario::Acks => serde_json::to_string_pretty(&stage.acks(args.peer)?),
        Scenario::Open => serde_json::to_string_pretty(&stage.open(args.peer)?),
        Scenario::Delivery => {
            let home = stage.home(args.peer)?;
            serde_json::to_string_pretty(&stage.delivery(&home, events)?)
        }
        Scenario::Start => {
            let home = stage.home(args.peer)?;
            stage.delivery(&home, events)?;
            serde_json::to_string_pretty(&stage.start_again(&home)?)
        }
        Scenario::Pages => {
            let home = stage.home(args.peer)?;
            stage.delivery(&home, events)?;
            serde_json::to_string_pretty(&stage.pages(&home)?)
        }
    };
    println!("{}", outcome?);
    Ok(())
}

fn run(command: Command) -> anyhow::Result<()> {
    let runtime = || tokio::runtime::Builder::new_current_thread().enable_all().build();
    if !matches!(command, Command::All(_) | Command::One(_) | Command::Promises(_)) {
        // What the bench starts goes with it, however it ends.
        rustix::process::set_parent_process_death_signal(Some(rustix::process::Signal::KILL))?;
    }
    match command {
        Command::All(args) => round::all(args),
        Command::One(args) => one(args),
        Command::Promises(args) => promises::write(&args),
        Command::Load(args) => runtime()?.block_on(load::run(args)),
        Command::MockCrm(args) => runtime()?.block_on(mock_crm::serve(args)),
        Command::Floor(args) => floor::serve(args),
    }
}

fn main() -> ExitCode {
    let command = Cli::parse().command;
    let failed = if matches!(command, Command::Promises(_)) { "The promises" } else { "This is no bench" };
    match run(command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{failed}: {error:#}");
            ExitCode::FAILURE
        }
    }
}
