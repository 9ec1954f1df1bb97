//! `waypost replay EVENT…`: plans events' changes once more, each against its booking's present state.

use super::Ended;
use super::explain::event_by_prefix;
use super::options::{FormOptions, StoreOptions};
use super::output::{counted, say, sentence};
use crate::app::App;
use serde_json::json;

/// Plan events once more, against their bookings' present state
///
/// Nothing is applied again: the present rules are asked about the same changes. What the CRM holds already is not sent
/// again. The running instance sends what was planned. An event that became nothing when it came (`unreadable`, `ignored`,
/// `refused`) is read again, by the source's file as it is now.
#[derive(clap::Args)]
#[command(after_help = "Example:
  waypost replay evt_01m827nryktf1rpbkn5m5dr6r2")]
pub(super) struct Args {
    /// Ids of events, or their beginnings
    #[arg(value_name = "EVENT", required = true)]
    events: Vec<String>,
    #[command(flatten)]
    store: StoreOptions,
    #[command(flatten)]
    form: FormOptions,
}

pub(super) async fn run(args: Args) -> anyhow::Result<Ended> {
    let app = args.store.open_existing().await?;
    let mut ended = Ended::Fine;
    for event in &args.events {
        if let Err(error) = replay(&app, event, args.form.json).await {
            eprintln!("{}", sentence(&error));
            ended = Ended::NotFine;
        }
    }
    app.store.close().await;
    Ok(ended)
}

async fn replay(app: &App, event: &str, json: bool) -> anyhow::Result<()> {
    let event = event_by_prefix(app, event).await?;
    let replayed = app.replay(&event).await?;
    if json {
        let runs: Vec<&str> = replayed.runs.iter().map(crate::domain::RunId::as_str).collect();
        say(json!({ "event": event.as_str(), "runs": runs, "without_effect": replayed.without_effect,
            "read_again": replayed.read_again.as_ref().map(crate::domain::EventId::as_str), "note": replayed.note })
            .to_string());
        return Ok(());
    }
    if let Some(again) = &replayed.read_again {
        say(format!("Event {event}: it became nothing when it came. It is read again, as {again}."));
        return Ok(());
    }
    if let Some(note) = &replayed.note {
        say(format!("Event {event}: nothing planned, because it would become nothing again: {note}"));
        return Ok(());
    }
    if replayed.runs.is_empty() {
        let why = if replayed.without_effect > 0 {
            "it changed nothing when it came"
        } else {
            "no rule asks for it"
        };
        say(format!("Event {event}: nothing planned, because {why}."));
        return Ok(());
    }
    say(format!("Event {event}: {} planned.", counted(replayed.runs.len(), "run")));
    for run in &replayed.runs {
        say(format!("    {run}"));
    }
    Ok(())
}
