//! `waypost events`: what came in, and what each webhook did.

use super::Ended;
use super::explained::change_in_a_line;
use super::filters::{Page, since, tell_pages};
use super::options::{FormOptions, StoreOptions};
use super::output::{ago, exact, say, say_json};
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
        ..ListFilter::default()
    };
    let json = args.form.json;
    tell_pages("events", (args.limit, json), args.before, async |limit, before| {
        (filter.limit, filter.before) = (limit, before);
        let found = app.store.list_events(&filter).await?;
        let mut told = 0;
        // What `/readyz` stored to try itself is nothing that came in.
        for event in found.iter().filter(|event| event.origin != ORIGIN_PROBE) {
            if json {
                say_json(&told::Event::of(event));
            } else {
                tell(event, now);
            }
            told += 1;
        }
        Ok(Page { rows: found.len(), told, last: found.last().map(|event| event.position) })
    })
    .await?;
    app.store.close().await;
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
