//! `waypost cancel RUN…`: what is not to be sent any more, single runs or all that failed for one reason.

use super::Ended;
use super::act::{ManyArgs, Telling, WHO, runs_of, tell_each};
use super::options::{FormOptions, StoreOptions};
use crate::ports::BulkAct;

/// Cancel runs that wait, failed or are held: they are not sent
///
/// A run in a call can't be cancelled. A cancelled one can be tried again.
#[derive(clap::Args)]
#[command(after_help = "Example:
  waypost cancel run_01m827nrzq3v6k1d2h8x7w5t9c
  waypost cancel --all --rule guests-to-hubspot --dry-run")]
pub(super) struct Args {
    /// Ids of runs, or their beginnings
    #[arg(value_name = "RUN")]
    runs: Vec<String>,
    #[command(flatten)]
    many: ManyArgs,
    #[command(flatten)]
    store: StoreOptions,
    #[command(flatten)]
    form: FormOptions,
}

const TELLING: Telling = Telling {
    key: "cancelled",
    done: "is cancelled",
    not_done: "is not cancelled",
    which: "Only runs that wait, are paused, failed or are held can be.",
};

pub(super) async fn run(args: Args) -> anyhow::Result<Ended> {
    let many = args.many.asked(&args.runs)?;
    let app = args.store.open_existing().await?;
    let ended = if many {
        args.many.carry_out(&app, BulkAct::Cancel, args.form.json).await?
    } else {
        let (runs, known) = runs_of(&app, &args.runs).await;
        let taken = app.cancel(&runs, WHO).await?;
        tell_each(&app, (&runs, &taken), &TELLING, args.form.json).await?.and(known)
    };
    app.store.close().await;
    Ok(ended)
}
