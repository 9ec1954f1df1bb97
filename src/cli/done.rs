//! `waypost done RUN`: a person did the run's current step in the CRM by hand.

use super::Ended;
use super::act::WHO;
use super::explain::run_by_prefix;
use super::options::{FormOptions, StoreOptions};
use super::output::say;
use crate::app::DoneByHand;
use serde_json::json;

/// Mark the current step of a run as done by hand
///
/// The step is not sent. With the id of the record in the CRM, later changes of the booking go to that record.
#[derive(clap::Args)]
#[command(after_help = "Example:
  waypost done run_01m827nrzq3v6k1d2h8x7w5t9c --note \"Made the contact myself\" --remote-id 1551")]
pub(super) struct Args {
    /// Id of the run, or its beginning
    #[arg(value_name = "RUN")]
    run: String,
    /// What you did, for those who look at it later
    #[arg(long, value_name = "TEXT")]
    note: String,
    /// Id of the record in the CRM
    #[arg(long, value_name = "ID")]
    remote_id: Option<String>,
    #[command(flatten)]
    store: StoreOptions,
    #[command(flatten)]
    form: FormOptions,
}

pub(super) async fn run(args: Args) -> anyhow::Result<Ended> {
    let app = args.store.open_existing().await?;
    let run = run_by_prefix(&app, &args.run).await?;
    let told = DoneByHand { who: WHO.to_owned(), note: args.note, remote_id: args.remote_id };
    let marked = app.mark_done(&run, told).await;
    app.store.close().await;
    let marked = marked?;
    if args.form.json {
        let told = json!({ "id": run.as_str(), "step": marked.step, "goes_on": marked.goes_on, "linked": marked.linked });
        say(told.to_string());
    } else {
        let then = if marked.goes_on { "it goes on with its next step" } else { "all its steps are through" };
        say(format!("Step {} of run {run} is marked as done; {then}.", marked.step));
    }
    Ok(Ended::Fine)
}
