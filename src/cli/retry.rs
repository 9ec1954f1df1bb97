//! `waypost retry RUN…`: a person tries runs again, single ones or all that failed for one reason.

use super::Ended;
use super::act::{ManyArgs, Telling, runs_of, tell_each};
use super::options::{FormOptions, StoreOptions};
use super::output::Wrong;
use crate::ports::BulkAct;
use clap::builder::FalseyValueParser;

/// Try runs again that failed, are held or were cancelled; waiting ones at once
///
/// The steps that are done stay done; the others go by the present rules. A run that is older than what was last
/// delivered ends as superseded, unless --as-it-was. What was held by hand goes on.
#[derive(clap::Args)]
#[command(after_help = "Example:
  waypost retry run_01m827nrzq3v6k1d2h8x7w5t9c
  waypost retry --all --connection hubspot --since 1d --dry-run")]
pub(super) struct Args {
    /// Ids of runs, or their beginnings
    #[arg(value_name = "RUN")]
    runs: Vec<String>,
    /// Send it as it was then, also over something newer
    #[arg(long, value_parser = FalseyValueParser::new())]
    as_it_was: bool,
    #[command(flatten)]
    many: ManyArgs,
    #[command(flatten)]
    store: StoreOptions,
    #[command(flatten)]
    form: FormOptions,
}

const TELLING: Telling = Telling {
    key: "tried_again",
    done: "is tried again",
    not_done: "is not tried again",
    which: "Only runs that failed, are held, were cancelled or wait can be.",
};

pub(super) async fn run(args: Args) -> anyhow::Result<Ended> {
    let many = args.many.asked(&args.runs)?;
    if many && args.as_it_was {
        return Err(Wrong::new(
            "--as-it-was is for single runs: look at each before it overwrites".to_owned(),
        ));
    }
    let app = args.store.open_existing().await?;
    let ended = if many {
        args.many.carry_out(&app, BulkAct::Retry, args.form.json).await?
    } else {
        let (runs, known) = runs_of(&app, &args.runs).await;
        let taken = app.retry(&runs, args.as_it_was).await?;
        tell_each(&app, (&runs, &taken), &TELLING, args.form.json).await?.and(known)
    };
    app.store.close().await;
    Ok(ended)
}
