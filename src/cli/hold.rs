//! `waypost hold RUN…`: what waits is not sent until somebody lets it go on.

use super::Ended;
use super::act::{Telling, WHO, runs_of, tell_each};
use super::options::{FormOptions, StoreOptions};

/// Hold runs that wait; `waypost retry` lets them go on
#[derive(clap::Args)]
#[command(after_help = "Example:
  waypost hold run_01m827nrzq3v6k1d2h8x7w5t9c")]
pub(super) struct Args {
    /// Ids of runs, or their beginnings
    #[arg(value_name = "RUN", required = true)]
    runs: Vec<String>,
    #[command(flatten)]
    store: StoreOptions,
    #[command(flatten)]
    form: FormOptions,
}

const TELLING: Telling = Telling {
    key: "held",
    done: "is held",
    not_done: "is not held",
    which: "Only runs that wait or are paused can be.",
};

pub(super) async fn run(args: Args) -> anyhow::Result<Ended> {
    let app = args.store.open_existing().await?;
    let (runs, known) = runs_of(&app, &args.runs).await;
    let taken = app.hold(&runs, WHO).await?;
    let ended = tell_each(&app, (&runs, &taken), &TELLING, args.form.json).await?.and(known);
    app.store.close().await;
    Ok(ended)
}
