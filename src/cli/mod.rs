//! Face: the command line. One file per command; each says what it has to say to standard output, what went wrong to
//! standard error, and ends with 0 (fine), 1 (the thing asked about is not fine) or 2 (wrong use).
//!
//! Beside the commands: `act` (what is done with runs), `options` (what several take), `asked` (what is typed and not shown), `output` (how things are said), `filters` (of the lists), `walk_follow` (how far a walk is),
//! `explained` (why fields have their values, also for the demo).

mod act;
mod alerts;
mod apply;
mod asked;
mod backfill;
mod backup;
mod bookings;
mod cancel;
mod causes;
pub mod check;
mod connections;
mod demo;
mod demo_home;
mod doctor;
mod done;
mod events;
mod explain;
mod explained;
mod filters;
mod guest;
mod hold;
mod logging;
mod options;
mod output;
mod pause;
mod reconcile;
mod replay;
mod retry;
mod runs;
mod sandbox;
mod secret;
mod send;
mod serve;
mod subscriptions;
mod test;
mod user;
mod walk_follow;

use clap::error::ErrorKind;
use clap::{Parser, Subcommand};
use output::{Wrong, sentence};
use std::process::ExitCode;
use std::time::Duration;

/// What is still at work when a command is done gets so long.
const LINGER: Duration = Duration::from_secs(2);

/// Brings bookings from booking systems into CRMs, by rules that you write.
#[derive(Parser)]
#[command(name = "waypost", version, max_term_width = 100, arg_required_else_help = true, after_help = EXAMPLE)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

const EXAMPLE: &str = "Example:
  waypost demo                         see a webhook go all the way, on this machine only
  waypost serve --rules rules          the router
  waypost runs --state failed          what needs a look";

#[derive(Subcommand)]
enum Command {
    Demo(demo::Args),
    Serve(serve::Args),
    Check(check::Args),
    Test(test::Args),
    Send(send::Args),
    Events(events::Args),
    Runs(runs::Args),
    Bookings(bookings::Args),
    Explain(explain::Args),
    Replay(replay::Args),
    Causes(causes::Args),
    Apply(apply::Args),
    Backfill(backfill::Args),
    Reconcile(reconcile::Args),
    Retry(retry::Args),
    Cancel(cancel::Args),
    Hold(hold::Args),
    Done(done::Args),
    Pause(pause::PauseArgs),
    Resume(pause::ResumeArgs),
    Subscriptions(subscriptions::Args),
    Sandbox(sandbox::Args),
    Secret(secret::Args),
    User(user::Args),
    Guest(guest::Args),
    Connections(connections::Args),
    Alerts(alerts::Args),
    Backup(backup::Args),
    Doctor(doctor::Args),
}

/// How a command ended, where it could be carried out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ended {
    /// 0.
    Fine,
    /// 1: the thing asked about is not fine.
    NotFine,
    /// 2: it was asked in a way that can't be answered.
    WrongUse,
    /// 130: somebody was in a hurry to stop it.
    Interrupted,
}

impl Ended {
    /// Fine where both are.
    fn and(self, other: Self) -> Self {
        if self == Self::Fine { other } else { self }
    }
}

impl From<Ended> for ExitCode {
    fn from(ended: Ended) -> Self {
        Self::from(match ended {
            Ended::Fine => 0,
            Ended::NotFine => 1,
            Ended::WrongUse => 2,
            Ended::Interrupted => 130,
        })
    }
}

/// Threads whose stacks are large enough for expressions (only what is used of one takes memory).
fn runtime() -> tokio::runtime::Builder {
    /// For what is under way on a thread beside an expression.
    const BESIDE_BYTES: usize = 4 << 20;
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    builder
        .enable_all()
        .thread_stack_size(crate::expr::STACK_BYTES + BESIDE_BYTES)
        .on_thread_start(crate::expr::stack_is_large);
    builder
}

/// Reads the command line and does what it says.
pub fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // `--help` and `--version` come this way too.
            let _ = error.print();
            let fine = matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion);
            return if fine { Ended::Fine } else { Ended::WrongUse }.into();
        }
    };
    let runtime = match runtime().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("Waypost could not start: {error}.");
            return Ended::NotFine.into();
        }
    };
    let ended = runtime.block_on(run(cli.command));
    if matches!(ended, Ok(Ended::Interrupted)) {
        // At once: what is in hand is taken up by the next start.
        std::process::exit(130);
    }
    runtime.shutdown_timeout(LINGER);
    match ended {
        Ok(ended) => ended.into(),
        Err(error) => {
            eprintln!("{}", sentence(&error));
            if error.is::<Wrong>() { Ended::WrongUse } else { Ended::NotFine }.into()
        }
    }
}

async fn run(command: Command) -> anyhow::Result<Ended> {
    if !matches!(command, Command::Serve(_)) {
        logging::quiet();
    }
    match command {
        Command::Demo(args) => demo::run(args).await,
        Command::Serve(args) => serve::run(args).await,
        Command::Check(args) => check::command(args).await,
        Command::Send(args) => send::run(args).await,
        Command::Test(args) => test::run(args).await,
        Command::Events(args) => events::run(args).await,
        Command::Runs(args) => runs::run(args).await,
        Command::Bookings(args) => bookings::run(args).await,
        Command::Explain(args) => explain::run(args).await,
        Command::Replay(args) => replay::run(args).await,
        Command::Causes(args) => causes::run(args).await,
        Command::Apply(args) => apply::run(args).await,
        Command::Backfill(args) => backfill::run(args).await,
        Command::Reconcile(args) => reconcile::run(args).await,
        Command::Retry(args) => retry::run(args).await,
        Command::Cancel(args) => cancel::run(args).await,
        Command::Hold(args) => hold::run(args).await,
        Command::Done(args) => done::run(args).await,
        Command::Pause(args) => pause::pause(args).await,
        Command::Resume(args) => pause::resume(args).await,
        Command::Subscriptions(args) => subscriptions::run(args).await,
        Command::Sandbox(args) => sandbox::run(args).await,
        Command::Secret(args) => secret::run(args).await,
        Command::User(args) => user::run(args).await,
        Command::Doctor(args) => doctor::run(args).await,
        Command::Guest(args) => guest::run(args).await,
        Command::Connections(args) => connections::run(args).await,
        Command::Alerts(args) => alerts::run(args).await,
        Command::Backup(args) => backup::run(args).await,
    }
}
