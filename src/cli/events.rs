//! `waypost events`: what came in, and what each webhook did.

use super::Ended;
use super::explained::change_in_a_line;
use super::filters::{page, since};
use super::options::{FormOptions, StoreOptions};
use super::output::{ago, exact, note, say, say_json};
use crate::domain::{ChangeKind, Millis, ORIGIN_PROBE};
use crate::ports::{EventView, ListFilter};
use crate::told;
use clap::builder::PossibleValuesParser;

/// What came in, newest first, and what each webhook did
#[derive(clap::Args)]
#[command(after_help = "Example:
  waypost events --since 2h --source harbour-tours
  waypost events --state unreadable --json")]
pub(super) struct Args {
    /// Of this source
    #[arg(long, value_name = "SOURCE")]
    source: Option<String>,
    /// With a change of this kind
    #[arg(long, value_name = "KIND", value_parser = PossibleValuesParser::new(ChangeKind::ALL.map(ChangeKind::as_str)))]
    state: Option<String>,
    /// About this booking: its key at the source, or its id
    #[arg(long, value_name = "BOOKING")]
    booking: Option<String>,
    /// With an id that begins like this
    #[arg(long, value_name = "EVENT")]
    event: Option<String>,
    /// Received in this span (30s, 15m, 2h, 3d, 1w), or since this date
    #[arg(long, value_name = "SPAN")]
    since: Option<String>,
    /// At most so many
    #[arg(long, value_name = "NUMBER", default_value_t = 50, value_parser = clap::value_parser!(i64).range(1..))]
    limit: i64,
    /// Before this position, to go on where a list ended
    #[arg(long, value_name = "POSITION")]
    before: Option<i64>,
    #[command(flatten)]
    store: StoreOptions,
    #[command(flatten)]
    form: FormOptions,
}

pub(super) async fn run(args: Args) -> anyhow::Result<Ended> {
    let app = args.store.open_existing().await?;
    let now = app.clock.now();
    let mut filter = ListFilter {
        source: args.source,
        state: args.state,
        booking: args.booking,
        event: args.event,
        since: args.since.map(|text| since(&text, now)).transpose()?,
        before: args.before,
        ..ListFilter::default()
    };
    let mut told = 0;
    let mut last = None;
    loop {
        filter.limit = page(args.limit, told);
        let found = app.store.list_events(&filter).await?;
        let full = found.len() as i64 >= filter.limit;
        filter.before = found.last().map(|event| event.position);
        // What `/readyz` stored to try itself is nothing that came in.
        for event in found.iter().filter(|event| event.origin != ORIGIN_PROBE) {
            if args.form.json {
                say_json(&told::Event::of(event));
            } else {
                tell(event, now);
            }
            told += 1;
            last = Some(event.position);
        }
        let enough = told as i64 >= args.limit;
        if enough && full && !args.form.json {
            note(format!("There are more: --before {} goes on.", last.unwrap_or_default()));
        }
        if enough || !full {
            break;
        }
    }
    app.store.close().await;
    if told == 0 && !args.form.json {
        say("No events are like that.");
    }
    Ok(Ended::Fine)
}

fn tell(event: &EventView, now: Millis) {
    say(format!(
        "{}  {}  {}  ({})",
        event.id,
        event.source,
        ago(event.received_at, now),
        exact(event.received_at)
    ));
    if event.changes.is_empty() {
        say("    not applied yet");
    }
    for change in &event.changes {
        say(format!("    {}", change_in_a_line(change)));
    }
}
