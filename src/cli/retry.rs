//! `waypost retry RUN…`: a person tries runs again.

use super::Ended;
use super::explain::run_by_prefix;
use super::options::{FormOptions, StoreOptions};
use super::output::{say, sentence};
use crate::domain::RunState;
use clap::builder::FalseyValueParser;
use serde_json::json;

/// Try runs again that failed, are held or were cancelled; waiting ones at once
///
/// The steps that are done stay done; the others go by the present rules. A run that is older than what was last
/// delivered ends as superseded, unless --as-it-was.
#[derive(clap::Args)]
#[command(after_help = "Example:
  waypost retry run_01m827nrzq3v6k1d2h8x7w5t9c")]
pub(super) struct Args {
    /// Ids of runs, or their beginnings
    #[arg(value_name = "RUN", required = true)]
    runs: Vec<String>,
    /// Send it as it was then, also over something newer
    #[arg(long, value_parser = FalseyValueParser::new())]
    as_it_was: bool,
    #[command(flatten)]
    store: StoreOptions,
    #[command(flatten)]
    form: FormOptions,
}

pub(super) async fn run(args: Args) -> anyhow::Result<Ended> {
    let app = args.store.open_existing().await?;
    let mut ended = Ended::Fine;
    let mut runs = Vec::new();
    for text in &args.runs {
        match run_by_prefix(&app, text).await {
            Ok(run) => runs.push(run),
            Err(error) => {
                eprintln!("{}", sentence(&error));
                ended = Ended::NotFine;
            }
        }
    }
    let taken = app.retry(&runs, args.as_it_was).await?;
    for run in &runs {
        let again = taken.contains(run);
        let state = app.store.run_with_context(run).await?.map(|due| due.run.state);
        if args.form.json {
            let state = state.map(RunState::as_str);
            say(json!({ "id": run.as_str(), "tried_again": again, "state": state }).to_string());
        } else if again {
            say(format!("Run {run} is tried again."));
        } else {
            let state = state.map_or("gone", RunState::as_str);
            say(format!(
                "Run {run} is not tried again: it is {state}. Only runs that failed, are held, were cancelled or wait \
                 can be."
            ));
        }
        if !again {
            ended = Ended::NotFine;
        }
    }
    app.store.close().await;
    Ok(ended)
}
